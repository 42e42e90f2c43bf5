// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string>
#include <system_error>

#include <weft/core/outcome.hpp>
#include <weft/core/raise.hpp>

namespace weft {

/// What can go wrong inside weft itself; failures of the system carry the system's code.
enum class errc { closed = 1, cancelled, timed_out, group_closed, busy, limit };

const std::error_category& weft_category() noexcept;
std::error_code make_error_code(errc code) noexcept;

/// The base of everything that weft throws on its own account: `code()` tells which.
class error : public std::system_error {
public:
    using std::system_error::system_error;
};

/// Thrown by `with_timeout` and `with_deadline`.
class timeout_error : public error {
public:
    timeout_error();
};

/// Thrown to somebody who *joins* what was cancelled; never inside of what is cancelled.
class cancelled_error : public error {
public:
    cancelled_error();
    explicit cancelled_error(const char* what);
};

/// Thrown by `send` on a closed channel and by `spawn` into a group that is cancelled or done.
class closed_error : public error {
public:
    explicit closed_error(const char* what = "the channel is closed", errc code = errc::closed);
};

/// Thrown instead of waiting for what can never happen: one's own end, a lock one holds, or, in a
/// simulation, anything at all.
class deadlock_error : public error {
public:
    explicit deadlock_error(const char* what = "this would wait for ever");
    explicit deadlock_error(const std::string& what);
};

/// An `error` for somebody else; `std::bad_alloc` if there is no memory for it.
std::exception_ptr make_error(errc code, const char* what) noexcept;

} // namespace weft

template <>
struct std::is_error_code_enum<weft::errc> : std::true_type {};

// Implementation ------------------------------------------------------------

namespace weft {

inline const std::error_category& weft_category() noexcept {
    static const struct final : std::error_category {
        const char* name() const noexcept override { return "weft"; }
        std::string message(int code) const override {
            switch (static_cast<errc>(code)) {
            case errc::closed: return "closed";
            case errc::cancelled: return "cancelled";
            case errc::timed_out: return "timed out";
            case errc::group_closed: return "the group takes no more children";
            case errc::busy: return "somebody waits for this already";
            case errc::limit: return "limit exceeded";
            }
            return "unknown weft error " + std::to_string(code);
        }
        bool equivalent(int code, const std::error_condition& condition) const noexcept override {
            if (static_cast<errc>(code) == errc::timed_out)
                return condition == std::errc::timed_out;
            if (static_cast<errc>(code) == errc::cancelled)
                return condition == std::errc::operation_canceled;
            return default_error_condition(code) == condition;
        }
    } category;
    return category;
}

inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), weft_category()};
}

inline timeout_error::timeout_error() : error(errc::timed_out) {}
inline cancelled_error::cancelled_error() : error(errc::cancelled) {}
inline cancelled_error::cancelled_error(const char* what) : error(errc::cancelled, what) {}
inline closed_error::closed_error(const char* what, errc code) : error(code, what) {}
inline deadlock_error::deadlock_error(const char* what)
    : error(std::make_error_code(std::errc::resource_deadlock_would_occur), what) {}
inline deadlock_error::deadlock_error(const std::string& what)
    : error(std::make_error_code(std::errc::resource_deadlock_would_occur), what) {}

[[noreturn]] inline void raise_cancelled() { raise<cancelled_error>(); }

inline std::exception_ptr make_error(errc code, const char* what) noexcept {
    std::exception_ptr result;
    guarded([&] { result = std::make_exception_ptr(error(code, what)); },
            [&](std::exception_ptr instead) { result = std::move(instead); });
    return result;
}

} // namespace weft
