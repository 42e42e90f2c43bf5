// SPDX-License-Identifier: MIT
//
// Small tasks for tests of combinators: they take a while, say what happens to them, and fail when
// they are told to.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/testing/tracked.hpp>
#include <weft/time/sleep.hpp>

using events = std::vector<std::string>;

/// Says in `log` when it is destroyed.
class says_goodbye {
public:
    says_goodbye(events& log, std::string name) : log_(log), name_(std::move(name)) {}
    says_goodbye(const says_goodbye&) = delete;
    ~says_goodbye() { log_.push_back("~" + name_); }

private:
    events& log_;
    std::string name_;
};

/// Returns `value` after `delay`.
template <class T>
weft::task<T> value_after(weft::duration delay, T value) {
    const weft::testing::tracked local;
    co_await weft::sleep_for(delay);
    co_return value;
}

/// Throws `std::runtime_error(what)` after `delay`.
inline weft::task<> error_after(weft::duration delay, std::string what) {
    const weft::testing::tracked local;
    co_await weft::sleep_for(delay);
    throw std::runtime_error(what);
}

/// Waits for `delay`; says in `log` when it starts, is complete, and is destroyed.
inline weft::task<> step(weft::duration delay, events& log, std::string name) {
    const says_goodbye goodbye(log, name);
    log.push_back(name);
    co_await weft::sleep_for(delay);
    log.push_back(name + " done");
}
