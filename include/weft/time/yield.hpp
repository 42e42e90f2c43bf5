// SPDX-License-Identifier: MIT
#pragma once

#include <weft/core/operation.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/core/prepared.hpp>
#include <weft/core/scheduler.hpp>

namespace weft {

class yield_operation final : public operation<yield_operation, operation_base> {
public:
    void start(branch& self) noexcept { this_execution.loop->append(self); }
    bool withdraw() noexcept override { return true; }
    void await_resume() const noexcept {}
    const char* describe() const noexcept override { return "yield"; }
};

/// Lets everybody run who is ready now, then goes on.
inline auto yield() noexcept { return prepared<yield_operation>(); }

class sleep_forever_operation final
    : public operation<sleep_forever_operation, operation_base> {
public:
    void start(branch&) noexcept {}
    bool withdraw() noexcept override { return true; }
    void await_resume() const noexcept {}
    const char* describe() const noexcept override { return "sleep_forever"; }
};

/// Waits until it is cancelled.
inline auto sleep_forever() noexcept { return prepared<sleep_forever_operation>(); }

} // namespace weft
