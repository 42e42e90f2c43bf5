// SPDX-License-Identifier: MIT
//
// Running coroutines in a test: time is simulated, so that hours take no time and a deadlock is a
// failure (`deadlock_error`) instead of a hang, and every frame has to be gone in the end.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/core/frame_pool.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>

#include "support/catch.hpp"

/// Checks, when it goes, that no more frames and records live than when it came.
class no_frame_leaks {
public:
    no_frame_leaks() = default;
    no_frame_leaks(const no_frame_leaks&) = delete;
    ~no_frame_leaks() { CHECK(weft::frame_pool::now().live <= before_); }

private:
    std::size_t before_ = weft::frame_pool::now().live;
};

/// A loop in simulated time that keeps what nobody could receive.
class test_loop : public weft::event_loop {
public:
    explicit test_loop(time source = time::simulated) : event_loop(source) {
        on_unhandled([to = log](const std::exception_ptr& error, std::string_view name) noexcept {
            std::string text = "unknown";
            weft::visit_error<std::exception>(
                error, [&](const std::exception& found) { text = found.what(); });
            if (!name.empty()) text.append(" in ").append(name);
            to->push_back(std::move(text));
        });
    }

    /// What reached `on_unhandled`, as "message" or "message in task". Keep it to see what is
    /// reported while the loop is destroyed.
    const std::shared_ptr<std::vector<std::string>> log =
        std::make_shared<std::vector<std::string>>();
    const std::vector<std::string>& reported = *log;
};

/// Runs `f(args...)`, or a task, in simulated time. What nobody received, or what is left over,
/// fails the test.
template <class F, class... Args>
    requires true // prefers these to weft::run
decltype(auto) run(F&& f, Args&&... args) {
    struct nothing_reported {
        std::shared_ptr<std::vector<std::string>> log;
        ~nothing_reported() { CHECK(*log == std::vector<std::string>{}); }
    };
    const no_frame_leaks check;
    std::optional<nothing_reported> quiet;
    test_loop loop;
    quiet.emplace(loop.log);
    return loop.run(std::forward<F>(f), std::forward<Args>(args)...);
}
template <class T>
    requires true
T run(weft::task<T> main) {
    return run([&main] { return std::move(main); });
}
