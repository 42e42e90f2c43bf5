// SPDX-License-Identifier: MIT
//
// What include/weft/testing/README.md shows. That quotes passages of this file.
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <weft/testing/allocations.hpp>
#include <weft/testing/cancel_everywhere.hpp>
#include <weft/testing/explore.hpp>
#include <weft/testing/fail_every_allocation.hpp>
#include <weft/testing/fail_every_syscall.hpp>
#include <weft/testing/fixture.hpp>
#include <weft/testing/replace_operator_new.hpp>
#include <weft/testing/stream_conformance.hpp>
#include <weft/weft.hpp>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using namespace weft::testing;
using weft::task;

namespace {

// Returns when nothing was received for so long.
task<> until_silence(weft::channel<int>& beats, weft::duration patience) {
    for (;;) {
        auto beat = co_await weft::try_for(patience, beats.receive());
        if (!beat) co_return;
    }
}

TEST_CASE("a heart that stops is noticed half a minute later", "[testing][guide]") {
    simulation sim;
    sim.run([&]() -> task<> {
        weft::channel<int> beats(1);
        weft::task_group group;
        auto silence = group.spawn(until_silence(beats, 30s));
        co_await weft::sleep_for(29s);
        co_await beats.send(1);
        co_await weft::sleep_for(29s);
        co_await all_tasks_blocked(); // whatever can happen now has happened
        CHECK_FALSE(silence.done());
        co_await silence;
        CHECK(sim.now().time_since_epoch() == 59s);
    });
}

task<> read_settings() {
    std::string port;
    const auto read = [&](std::string text) -> task<> {
        co_await weft::yield();
        port = text;
    };
    co_await weft::when_all(read("80"), read("8080")); // the bug: who is last wins
    if (port != "8080") throw std::logic_error("the flag was ignored");
}

TEST_CASE("the order in which it goes wrong is found, and found again", "[testing][guide]") {
    simulation().run(read_settings); // in the order of a real loop it passes
    const auto found = find_failure(1000, read_settings);
    REQUIRE(found);
    CHECK_THROWS_WITH(replay(found->seed_text(), read_settings), "the flag was ignored");
    CHECK_THROWS_WITH(replay(found->choices_text(), read_settings), "the flag was ignored");
}

task<> serve_greeting() {
    weft::tcp_listener listener(weft::endpoint::any(7));
    co_await weft::serve(listener, [](weft::tcp_stream client) -> task<> {
        co_await weft::write_all(client, "hello");
    });
}
task<std::string> ask() {
    for (;;) {
        const auto attempt = []() -> task<std::string> {
            auto stream = co_await weft::connect("server", 7);
            std::array<std::byte, 5> answer;
            co_await weft::read_exactly(stream, answer);
            co_return std::string(weft::text(answer));
        };
        auto settled = co_await weft::when_all_settled(weft::with_timeout(5s, attempt()));
        if (std::get<0>(settled)) co_return std::get<0>(settled).take();
        co_await weft::sleep_for(1s);
    }
}

TEST_CASE("a client outlives a broken network, and a crash", "[testing][guide]") {
    simulation sim;
    auto& server = sim.add_host("server");
    auto& client = sim.add_host("client");
    sim.set_default_link({.latency = 20ms, .jitter = 5ms, .loss = 0.01});
    server.spawn(serve_greeting);
    sim.partition(client, server); // nothing gets through
    auto answer = client.spawn(ask);
    sim.run([&]() -> task<> {
        co_await weft::sleep_for(1min);
        CHECK_FALSE(answer.done());
        server.crash(); // its tasks and its connections are gone
        sim.heal(client, server);
        server.restart();
        server.spawn(serve_greeting);
        const std::string text = co_await answer;
        CHECK(text == "hello");
    });
}

task<> greet_three(simulation& sim) {
    int greeted = 0;
    const host_scope hosts(sim); // after what the tasks of hosts use
    sim.add_host("server").spawn([&]() -> task<> {
        weft::tcp_listener listener(weft::endpoint::any(7));
        for (;; ++greeted) {
            auto client = co_await listener.accept();
            co_await weft::write_all(client, "hello");
        }
    });
    for (int i = 0; i < 3; ++i) co_await ask();
    if (greeted != 3) throw std::logic_error("somebody was not counted");
}

TEST_CASE("the tasks of hosts end before what they use", "[testing][guide]") {
    explore(100, greet_three);
    cancel_everywhere(greet_three);
    destroy_everywhere(greet_three);
}

// Lets one in at a time.
class gate {
public:
    task<> enter() {
        while (taken_) co_await left_.wait();
        taken_ = true;
        left_.clear();
    }
    void leave() {
        taken_ = false;
        left_.set();
    }

private:
    bool taken_ = false;
    weft::event left_;
};

TEST_CASE("who is cancelled inside has to leave, too", "[testing][guide]") {
    std::unique_ptr<gate> door;
    const auto visit = [&]() -> task<> {
        door = std::make_unique<gate>();
        co_await door->enter();
        co_await weft::sleep_for(1s);
        door->leave(); // the bug: no destructor does it
    };
    const auto then = [&]() -> task<> { // one who comes later
        co_await door->enter();
        door->leave();
    };
    CHECK_THROWS_WITH(cancel_everywhere(visit, then),
                      ContainsSubstring("cancelled after step 1 of 2") &&
                          ContainsSubstring("waits in sleep at guide_test.cpp:"));
}

TEST_CASE("what must happen also in a drop belongs into a destructor", "[testing][guide]") {
    int users = 0;
    const auto use = [&]() -> task<> {
        ++users;
        const auto body = []() -> task<> { co_await weft::sleep_for(1s); };
        const auto clean_up = [&]() -> task<> {
            --users; // the bug: a drop skips it
            co_return;
        };
        co_await weft::finally(body, clean_up);
    };
    const auto then = [&] {
        if (std::exchange(users, 0) != 0) throw std::logic_error("somebody is still there");
    };
    cancel_everywhere(use, then);
    CHECK_THROWS_WITH(destroy_everywhere(use, then),
                      ContainsSubstring("destroyed after step 1 of 2: somebody is still there"));
}

TEST_CASE("a read may return less than was asked for", "[testing][guide]") {
    std::string answer;
    const auto call = [&](simulation& sim) -> task<> {
        answer.clear();
        sim.add_host("server").spawn(serve_greeting);
        auto stream = co_await weft::connect("server", 7);
        std::array<std::byte, 5> into;
        const std::size_t size = co_await stream.read_some(into); // the bug: not read_exactly
        answer = weft::text(std::span(into).first(size));
    };
    const auto then = [&] {
        if (!answer.empty() && answer != "hello") throw std::logic_error("it was " + answer);
    };
    CHECK_THROWS_WITH(fail_every_syscall(call, then),
                      ContainsSubstring("one byte: it was h"));
}

TEST_CASE("an allocation may fail between two steps that belong together", "[testing][guide]") {
    int open = 0;
    const auto use = [&]() -> task<> {
        ++open;
        const auto work = []() -> task<> { co_return; };
        co_await work(); // its frame may not fit into memory
        --open;          // the bug
    };
    const auto then = [&] {
        if (std::exchange(open, 0) != 0) throw std::logic_error("it is still open");
    };
    CHECK_THROWS_WITH(fail_every_allocation(use, then),
                      ContainsSubstring("frame or record 3 of 3: it is still open"));
}

TEST_CASE("a channel in use asks the heap for nothing", "[testing][guide]") {
    simulation sim;
    sim.run([]() -> task<> {
        weft::channel<int> items(1);
        std::size_t before = 0;
        for (int i = 0; i != 100; ++i) {
            co_await items.send(i);
            co_await items.receive();
            if (i == 0) before = allocations::count(); // it is warm
        }
        CHECK(allocations::count() == before);
        expect_no_allocation([&] { return items.try_send(1); });
    });
}

// A stream of one's own: one that counts, or compresses, say.
class my_stream {
public:
    explicit my_stream(weft::duplex below) : below_(std::move(below)) {}
    auto read_some(weft::mutable_buffer to) { return below_.read_some(to); }
    auto write_some(weft::const_buffer from) { return below_.write_some(from); }
    auto shutdown_write() { return below_.shutdown_write(); }

private:
    weft::duplex below_;
};

TEST_CASE("my stream is a stream", "[testing][guide]") {
    const auto make_pair = []() -> task<std::pair<my_stream, my_stream>> {
        auto both = weft::make_duplex(1000); // so small that writes fall short, as they may
        co_return std::pair(my_stream(std::move(both.first)), my_stream(std::move(both.second)));
    };
    simulation sim;
    sim.run([&] { return check_stream_conformance(make_pair); });
}

struct with_server : fixture {
    host& server = sim.add_host("server");
    with_server() { server.spawn(serve_greeting); }
};

TEST_CASE_METHOD(with_server, "it greets", "[testing][guide]") {
    run([]() -> task<> {
        const std::string text = co_await ask();
        CHECK(text == "hello");
    });
}

} // namespace
