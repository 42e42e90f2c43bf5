// SPDX-License-Identifier: MIT
#include <weft/testing/leak_check.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <weft/core/frame_pool.hpp>
#include <weft/testing/tracked.hpp>

#include "support/catch.hpp"

using weft::testing::failure;
using weft::testing::leak_check;
using weft::testing::tracked;

namespace {

/// A block of the pool, as frames and records are.
class block {
public:
    block() : memory_(weft::frame_pool::allocate(size)) {}
    block(block&&) = delete;
    ~block() { weft::frame_pool::deallocate(memory_, size); }

private:
    static constexpr std::size_t size = 64;
    void* memory_;
};

} // namespace

TEST_CASE("what lives that did not live before is left over", "[testing][leak_check]") {
    const leak_check check;
    CHECK(check.leaked() == "");

    std::optional<block> one(std::in_place), two(std::in_place);
    CHECK(check.leaked() == "2 frames or records");
    std::optional<tracked> object(std::in_place);
    CHECK(check.leaked() == "2 frames or records, 1 tracked objects");
    one.reset();
    two.reset();
    CHECK(check.leaked() == "1 tracked objects");
    object.reset();
    CHECK(check.leaked() == "");
}

TEST_CASE("what is left over is said behind other text", "[testing][leak_check]") {
    const leak_check check;
    CHECK(check.leaked("it waits") == "it waits");
    const tracked object;
    CHECK(check.leaked("it waits") == "it waits, 1 tracked objects");
}

TEST_CASE("what lived before is not left over, whether it still lives or not",
          "[testing][leak_check]") {
    std::optional<block> old(std::in_place);
    std::optional<tracked> object(std::in_place);
    const leak_check check;
    CHECK(check.leaked() == "");
    old.reset();
    object.reset();
    CHECK(check.leaked() == "");
}

TEST_CASE("blocks of other threads are theirs", "[testing][leak_check]") {
    const leak_check check;
    std::string ours = "unknown", theirs = "unknown";
    std::binary_semaphore holds(0), may_go(0);
    std::thread other([&] {
        const leak_check inner;
        const block held;
        theirs = inner.leaked();
        holds.release();
        may_go.acquire();
    });
    holds.acquire();
    ours = check.leaked();
    may_go.release();
    other.join();
    CHECK(ours == "");
    CHECK(theirs == "1 frames or records");
}

TEST_CASE("a failure for somebody else says what is wrong", "[testing][leak_check]") {
    const std::exception_ptr made = weft::testing::make_failure("two and two are five");
    REQUIRE(made);
    CHECK_THROWS_AS(std::rethrow_exception(made), failure);
    CHECK_THROWS_AS(std::rethrow_exception(made), std::logic_error);
    CHECK_THROWS_WITH(std::rethrow_exception(made), "two and two are five");
}
