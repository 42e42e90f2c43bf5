// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <memory>
#include <string_view>
#include <utility>

#include <weft/core/raise.hpp>
#include <weft/core/scheduler.hpp>

namespace weft {

/// Who gets the errors that nobody can receive: a callback, or standard error.
class unhandled_hook {
public:
    /// From now on `f(std::exception_ptr, std::string_view task_name)` is called.
    template <class F>
    void set(F f) {
        callback_ = std::make_shared<typed<F>>(std::move(f));
    }

    /// What the callback throws is printed, behind the error that it was called with.
    void operator()(const std::exception_ptr& error, const char* name) const noexcept {
        if (!callback_) return print_unhandled(error, name);
        const auto callback = callback_; // which may replace itself
        guarded([&] { callback->call(error, name); },
                [&](const std::exception_ptr& second) {
                    print_unhandled(error, name);
                    print_unhandled(second, "on_unhandled");
                });
    }

private:
    class any_callback {
    public:
        virtual ~any_callback() = default;
        virtual void call(std::exception_ptr error, std::string_view name) = 0;
    };
    template <class F>
    class typed final : public any_callback {
    public:
        explicit typed(F callback) : callback_(std::move(callback)) {}
        void call(std::exception_ptr error, std::string_view name) override {
            callback_(std::move(error), name);
        }

    private:
        F callback_;
    };

    std::shared_ptr<any_callback> callback_;
};

} // namespace weft
