// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weft/core/raise.hpp>

namespace weft {

/// A queue of at most `capacity` items, in memory that is allocated once.
template <class T>
class ring {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
                  "an over-aligned item cannot live in a coroutine frame: pass a pointer to it");

public:
    /// Errors  Throws `std::invalid_argument` if no memory could hold that many, as when `capacity`
    ///         was a negative number; `std::bad_alloc`.
    explicit ring(std::size_t capacity) : capacity_(capacity) {
        if (capacity > PTRDIFF_MAX / sizeof(T))
            raise<std::invalid_argument>("capacity: negative, or far too large");
        if (capacity == 0) return;
        first_ = vacant_ = slots_ = static_cast<T*>(::operator new(capacity * sizeof(T)));
        end_ = slots_ + capacity;
    }
    ring(ring&&) = delete;
    ~ring() {
        while (!empty()) pop_front();
        ::operator delete(static_cast<void*>(slots_), capacity_ * sizeof(T));
    }

    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    bool empty() const noexcept { return size_ == 0; }
    bool full() const noexcept { return size_ == capacity_; }

    /// The item `index` places behind the oldest one.
    T& operator[](std::size_t index) noexcept {
        assert(index < size_);
        const auto before_end = static_cast<std::size_t>(end_ - first_);
        return index < before_end ? first_[index] : slots_[index - before_end];
    }
    T& front() noexcept {
        assert(!empty());
        return *first_;
    }

    /// Adds an item. Nothing changes if its constructor throws. Precondition: not full.
    template <class... Args>
    void push_back(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
        assert(!full());
        ::new (static_cast<void*>(vacant_)) T(std::forward<Args>(args)...);
        vacant_ = after(vacant_);
        ++size_;
    }
    void pop_front() noexcept {
        front().~T();
        first_ = after(first_);
        --size_;
    }

private:
    T* after(T* slot) const noexcept { return ++slot == end_ ? slots_ : slot; }

    std::size_t capacity_;
    std::size_t size_ = 0;
    T* slots_ = nullptr;
    T* end_ = nullptr;    // of the slots
    T* first_ = nullptr;  // the oldest item
    T* vacant_ = nullptr; // where the next one goes
};

} // namespace weft
