// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <string_view>

#include <weft/core/branch.hpp>

/// The task whose code runs: the spawned child, or the main task of a loop. Also in destructors
/// that a cancel calls.
namespace weft::this_task {

/// Returns the name, or an empty one if it has none. Valid until it is named anew.
inline std::string_view name() noexcept {
    auto* current = this_execution.current;
    return current ? current->task().name() : "";
}

/// Names the task: the spawned child or main, also if a fork runs the caller as a part of it.
/// Errors  Throws `std::bad_alloc`. Precondition: a task runs.
inline void set_name(std::string_view name) {
    assert(this_execution.current && "this_task::set_name outside of a task");
    this_execution.current->task().make_notes().set_name(name.data(), name.size());
}

/// Whether the running code will stop at its next operation.
inline bool cancel_requested() noexcept {
    auto* current = this_execution.current;
    return current && current->cancel_requested();
}

/// Returns why: the reason given to `cancel_scope::cancel`, "timed out", ... Empty if it was not
/// cancelled, or without a reason.
inline std::string_view cancel_reason() noexcept {
    if (!cancel_requested()) return {};
    const branch* origin = this_execution.current;
    for (auto* above = origin->owner().parent(); above && above->cancel_requested();
         above = above->owner().parent())
        origin = above;
    std::size_t size = 0;
    const char* text = origin->owner().reason(size);
    return {text, size};
}

} // namespace weft::this_task
