// SPDX-License-Identifier: MIT
#include <weft/os/standard_streams.hpp>

#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <weft/loop/unique_fd.hpp>
#include <weft/net/write_all.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run.hpp"

using weft::task;
using weft::unique_fd;

namespace {

/// Lets `number`, a standard descriptor, mean what `fd` does, as long as this lives.
class standard_descriptor {
public:
    standard_descriptor(int number, const unique_fd& fd)
        : number_(number), before_(::fcntl(number, F_DUPFD_CLOEXEC, 3)) {
        ::dup2(fd.get(), number);
    }
    standard_descriptor(const standard_descriptor&) = delete;
    ~standard_descriptor() {
        if (before_)
            ::dup2(before_.get(), number_);
        else
            ::close(number_);
    }

    bool blocks() const { return (::fcntl(number_, F_GETFL) & O_NONBLOCK) == 0; }

private:
    int number_;
    unique_fd before_;
};

/// Reads `size` bytes, as text.
task<std::string> read_text(weft::input_stream& from, std::size_t size) {
    std::string result(size, ' ');
    co_await weft::read_exactly(from, std::as_writable_bytes(std::span(result)));
    co_return result;
}

} // namespace

TEST_CASE("standard streams of a terminal do not change it", "[os][standard_streams]") {
    run([]() -> task<> {
        const nothing_left_open check;
        const unique_fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
        if (!master) {
            WARN("no terminals here");
            co_return;
        }
        REQUIRE(::grantpt(master.get()) == 0);
        REQUIRE(::unlockpt(master.get()) == 0);
        const unique_fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
        REQUIRE(terminal);
        const standard_descriptor zero(0, terminal), two(2, terminal);
        {
            auto in = weft::standard_input();
            auto out = weft::standard_error();
            CHECK(zero.blocks());
            CHECK(two.blocks());
            CHECK(::write(master.get(), "line\n", 5) == 5);
            const std::string got = co_await read_text(in, 5);
            co_await weft::write_all(out, "answer");
            CHECK(got == "line\n");
            std::string echo; // of the line, and the answer
            while (!echo.ends_with("answer")) {
                char part[100];
                const auto size = ::read(master.get(), part, sizeof part);
                REQUIRE(size > 0);
                echo.append(part, static_cast<std::size_t>(size));
            }
        }
        CHECK(zero.blocks());
        CHECK(two.blocks());
    });
}

TEST_CASE("standard streams may be files", "[os][standard_streams]") {
    run([]() -> task<> {
        const nothing_left_open check;
        const unique_fd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (!file) {
            WARN("no temporary files without names here");
            co_return;
        }
        const standard_descriptor zero(0, file), two(2, file);
        auto out = weft::standard_error();
        co_await weft::write_all(out, "abcdef");
        CHECK(::write(2, "ghi", 3) == 3); // goes on where the stream stopped
        ::lseek(file.get(), 3, SEEK_SET);
        auto in = weft::standard_input();
        const std::string got = co_await read_text(in, 6);
        CHECK(got == "defghi");
        CHECK(zero.blocks());
    });
}

TEST_CASE("standard output that nobody reads is an error that names it",
          "[os][standard_streams]") {
    run([]() -> task<> {
        const nothing_left_open check;
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        unique_fd read(ends[0]);
        const unique_fd write(ends[1]);
        std::string caught;
        {
            const standard_descriptor one(1, write);
            auto out = weft::standard_output();
            read = {};
            try {
                co_await weft::write_all(out, "x");
            } catch (const std::system_error& error) {
                caught = error.what();
            }
        }
        CHECK(caught == "writing to standard output: Broken pipe");
    });
}
