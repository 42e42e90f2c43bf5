// SPDX-License-Identifier: MIT
#include <weft/os/signal_mailbox.hpp>

#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <signal.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/pipe.hpp"

using weft::repeated_signal;
using weft::signal_mailbox;

namespace {

using arrivals = std::vector<std::pair<int, unsigned>>;

/// A mailbox with the descriptor that it wakes.
struct owner {
    socket_pair wake;
    signal_mailbox mail{wake.theirs.get()};

    /// Returns how many bytes there were to read.
    std::size_t is_woken() const { return wake.read(); }
    arrivals take() {
        arrivals all;
        mail.take([&](int signal, unsigned count) { all.emplace_back(signal, count); });
        return all;
    }
};

int caught = 0;
void count_caught(int) { ++caught; }

/// The handler of `signal` is `count_caught` meanwhile.
class other_handler {
public:
    explicit other_handler(int signal) : signal_(signal) {
        caught = 0;
        struct ::sigaction action {};
        action.sa_handler = &count_caught;
        REQUIRE(::sigaction(signal, &action, &before_) == 0);
    }
    ~other_handler() { ::sigaction(signal_, &before_, nullptr); }

    bool is_installed() const {
        struct ::sigaction now {};
        ::sigaction(signal_, nullptr, &now);
        return now.sa_handler == &count_caught;
    }

private:
    int signal_;
    struct ::sigaction before_ {};
};

} // namespace

TEST_CASE("a mailbox counts signals, and wakes its owner once", "[os][signal_mailbox]") {
    owner one;
    one.mail.subscribe(SIGUSR2, repeated_signal::is_received);
    one.mail.subscribe(SIGUSR1, repeated_signal::is_received);

    std::raise(SIGUSR2);
    std::raise(SIGUSR1);
    std::raise(SIGUSR2);

    CHECK(one.is_woken() == 1);
    CHECK(one.take() == arrivals{{SIGUSR1, 1}, {SIGUSR2, 2}});
    CHECK(one.take().empty());
    CHECK(one.is_woken() == 0);
    std::raise(SIGUSR1);
    CHECK(one.is_woken() == 1);
    CHECK(one.take() == arrivals{{SIGUSR1, 1}});
}

TEST_CASE("every mailbox hears of a signal", "[os][signal_mailbox]") {
    owner one, two, deaf;
    one.mail.subscribe(SIGUSR1, repeated_signal::is_received);
    two.mail.subscribe(SIGUSR1, repeated_signal::is_received);
    two.mail.subscribe(SIGUSR1, repeated_signal::is_received); // again: no effect
    deaf.mail.subscribe(SIGUSR2, repeated_signal::is_received);

    std::raise(SIGUSR1);

    CHECK(one.take() == arrivals{{SIGUSR1, 1}});
    CHECK(two.take() == arrivals{{SIGUSR1, 1}});
    CHECK(deaf.is_woken() == 0);
    CHECK(deaf.take().empty());
}

TEST_CASE("the handler that was there comes back with the end of the last mailbox",
          "[os][signal_mailbox]") {
    const other_handler before(SIGUSR1);
    {
        std::optional<owner> one(std::in_place), two(std::in_place);
        one->mail.subscribe(SIGUSR1, repeated_signal::is_received);
        two->mail.subscribe(SIGUSR1, repeated_signal::is_received);
        CHECK_FALSE(before.is_installed());
        one.reset();
        CHECK_FALSE(before.is_installed());
        std::raise(SIGUSR1);
        CHECK(two->take() == arrivals{{SIGUSR1, 1}});
    }
    CHECK(before.is_installed());
    CHECK(caught == 0);
    std::raise(SIGUSR1);
    CHECK(caught == 1);
}

TEST_CASE("a handler that somebody has set since stays", "[os][signal_mailbox]") {
    std::optional<owner> one(std::in_place);
    one->mail.subscribe(SIGUSR1, repeated_signal::is_received);

    const other_handler since(SIGUSR1);
    one.reset();

    CHECK(since.is_installed());
}

TEST_CASE("a signal that is received once takes its default action the second time",
          "[os][signal_mailbox]") {
    owner one;
    one.mail.subscribe(SIGWINCH, repeated_signal::takes_default_action); // which is none
    std::raise(SIGWINCH);
    std::raise(SIGWINCH);
    CHECK(one.take() == arrivals{{SIGWINCH, 1}});

    owner two; // who wants every one gets it; and so does the first, as long as it is so
    two.mail.subscribe(SIGWINCH, repeated_signal::is_received);
    std::raise(SIGWINCH);
    std::raise(SIGWINCH);
    CHECK(two.take() == arrivals{{SIGWINCH, 2}});
    CHECK(one.take() == arrivals{{SIGWINCH, 2}});
}

TEST_CASE("what is no signal, or cannot be caught, is an error that names it",
          "[os][signal_mailbox]") {
    owner one;
    for (const int wrong : {-1, 0, NSIG, SIGKILL, SIGSTOP}) {
        try {
            one.mail.subscribe(wrong, repeated_signal::is_received);
            FAIL("no error");
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::invalid_argument);
            CHECK(std::string(error.what()).find(std::to_string(wrong)) != std::string::npos);
        }
    }
}
