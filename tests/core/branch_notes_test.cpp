// SPDX-License-Identifier: MIT
#include <weft/core/branch_notes.hpp>

#include <string>

#include <weft/testing/tracked.hpp>

#include "support/catch.hpp"
#include "support/run.hpp"

using weft::binding;
using weft::testing::tracked;

namespace {

class bound final : public binding, public weft::frame_pool::allocated {
public:
    bound(const void* key, binding* outer) : binding(key, outer) {}

private:
    void destroy() noexcept override { delete this; }
    tracked object_;
};

} // namespace

TEST_CASE("notes keep a copy of a name", "[core][branch_notes]") {
    const no_frame_leaks check;
    weft::branch_notes notes;
    CHECK(notes.name == nullptr);

    std::string text = "download 17";
    notes.set_name(text.data(), text.size());
    text = "overwritten";
    CHECK(std::string(notes.name) == "download 17");
    notes.set_name("x", 1);
    CHECK(std::string(notes.name) == "x");
    CHECK(notes.name_size == 1);
    notes.set_name("", 0);

    CHECK(notes.name == nullptr);
}

TEST_CASE("a binding lives as long as somebody keeps it, or one inside of it",
          "[core][branch_notes]") {
    const no_frame_leaks check;
    const auto before = binding::alive;
    int key = 0;
    auto* outer = new bound(&key, nullptr);
    auto* inner = new bound(&key, outer);
    CHECK(binding::alive == before + 2);
    CHECK(inner->outer() == outer);
    CHECK(inner->key() == &key);

    outer->release(); // the inner one keeps it
    CHECK(tracked::alive == 2);
    {
        weft::branch_notes notes;
        inner->keep();
        notes.bindings = inner;
        inner->release();
        CHECK(tracked::alive == 2);
    }

    CHECK(tracked::alive == 0);
    CHECK(binding::alive == before);
}

TEST_CASE("a million nested bindings are released without recursion", "[core][branch_notes]") {
    int key = 0;
    binding* innermost = nullptr;
    for (int i = 0; i < 1'000'000; ++i) {
        auto* outer = innermost;
        innermost = new bound(&key, outer);
        if (outer) outer->release();
    }

    innermost->release();

    CHECK(tracked::alive == 0);
}
