// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include <weft/core/attachment.hpp>
#include <weft/core/frame_pool.hpp>
#include <weft/core/scheduler_mark.hpp>
#include <weft/core/source_place.hpp>

namespace weft {

/// A value bound for a branch and those spawned in it, behind the bindings around it: see
/// `task_local`. Counted, because a child may outlive the call that bound the value.
class binding {
public:
    binding(const binding&) = delete;

    /// What it is a value of.
    const void* key() const noexcept { return key_; }
    binding* outer() const noexcept { return outer_; }

    void keep() noexcept { ++uses_; }
    /// Destroys it, and what only it keeps, if nobody else does.
    void release() noexcept {
        // By a loop: bindings may be nested without limit.
        for (binding* each = this; each && --each->uses_ == 0;) {
            auto* outer = each->outer_;
            each->destroy();
            each = outer;
        }
    }

    /// How many there are on this thread: as a rule none, and nobody has to be asked.
    static inline constinit thread_local std::size_t alive = 0;

protected:
    binding(const void* key, binding* outer) noexcept : key_(key), outer_(outer) {
        if (outer_) outer_->keep();
        ++alive;
    }
    ~binding() { --alive; }

private:
    virtual void destroy() noexcept = 0;

    const void* key_;
    binding* outer_;
    std::size_t uses_ = 1;
};

/// What only few branches have: a name, values bound for them, a place of their own where they
/// were cancelled, an error that waits for somebody. Kept apart, because every child pays for the
/// bytes of a branch.
struct branch_notes : attachment, frame_pool::allocated {
    branch_notes() noexcept : attachment(kind::notes) {}
    branch_notes(const branch_notes&) = delete;
    ~branch_notes() {
        // First, because the destructor of a bound value may look for it, or name its task.
        if (auto* own = std::exchange(bindings, nullptr)) own->release();
        set_name(nullptr, 0);
        if (home) home->release();
    }

    /// Copies the text. Errors  Throws `std::bad_alloc`; the old name stays.
    void set_name(const char* text, std::size_t size) {
        char* copy = nullptr;
        if (size != 0) {
            copy = static_cast<char*>(frame_pool::allocate(size + 1));
            for (std::size_t i = 0; i != size; ++i) copy[i] = text[i];
            copy[size] = '\0';
        }
        if (name) frame_pool::deallocate(name, name_size + 1);
        name = copy;
        name_size = size;
    }

    char* name = nullptr;
    std::size_t name_size = 0;
    binding* bindings = nullptr;
    source_place cancelled_at = nullptr; // null: see the owner
    scheduler_mark* home = nullptr; // its loop's, where an error waits that nobody received
};

} // namespace weft
