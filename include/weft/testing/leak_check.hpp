// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>

#include <weft/core/frame_pool.hpp>
#include <weft/core/raise.hpp>
#include <weft/testing/tracked.hpp>

namespace weft::testing {

/// What `explore` and the sweeps throw when something is wrong that nothing else reports.
class failure : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// Returns a `failure`, caught.
inline std::exception_ptr make_failure(const std::string& what) {
    std::exception_ptr made;
    guarded([&] { raise<failure>(what); }, [&](std::exception_ptr error) { made = error; });
    return made;
}

/// Compares what lives with what lived when it was made: frames and other blocks of the pool, and
/// `tracked` objects. Threads  Those of this thread.
class leak_check {
public:
    leak_check() noexcept = default;

    /// Returns what is left over, besides `text`: "2 frames or records, 1 tracked objects". Empty:
    /// nothing.
    std::string leaked(std::string text = {}) const {
        const auto add = [&text](std::size_t before, std::size_t now, const char* what) {
            if (now <= before) return;
            if (!text.empty()) text += ", ";
            text.append(std::to_string(now - before)).append(what);
        };
        add(frames_, frame_pool::now().live, " frames or records");
        add(static_cast<std::size_t>(objects_), static_cast<std::size_t>(tracked::alive),
            " tracked objects");
        return text;
    }

private:
    std::size_t frames_ = frame_pool::now().live;
    int objects_ = tracked::alive;
};

} // namespace weft::testing
