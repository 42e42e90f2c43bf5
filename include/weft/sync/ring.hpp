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
        if (capacity != 0) slots_ = static_cast<T*>(::operator new(capacity * sizeof(T)));
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
        return slots_[place(index)];
    }
    T& front() noexcept {
        assert(!empty());
        return slots_[first_];
    }

    /// Adds an item. Nothing changes if its constructor throws. Precondition: not full.
    template <class... Args>
    void push_back(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
        assert(!full());
        ::new (static_cast<void*>(slots_ + place(size_))) T(std::forward<Args>(args)...);
        ++size_;
    }
    void pop_front() noexcept {
        front().~T();
        first_ = place(1);
        --size_;
    }

private:
    std::size_t place(std::size_t index) const noexcept {
        index += first_;
        return index < capacity_ ? index : index - capacity_;
    }

    std::size_t capacity_;
    T* slots_ = nullptr;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

} // namespace weft
