// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <queue> // for std::less: <functional> costs more
#include <stdexcept>
#include <utility>
#include <vector>

#include <weft/core/raise.hpp>
#include <weft/sync/channel.hpp>

namespace weft {

/// A channel that gives out the greatest item first, as `std::priority_queue` does.
///
/// Order   Of equal items, the first in is the first out. Senders that wait are served in the order
///         in which they came, whatever they bring.
/// Errors  What `Compare` throws goes to the sender, whose item is not sent then, or to the
///         receiver; in that case the item stays in the channel.
template <class T, class Compare = std::less<T>>
class priority_channel : public channel<T> {
    static_assert(!std::same_as<Compare, std::less<T>> || requires(const T& a) { a < a; },
                  "a priority_channel<T> needs `operator<` of T, or a comparison of its own: "
                  "priority_channel<T, Compare>");

public:
    explicit priority_channel(std::size_t capacity, Compare compare = {})
        : channel<T>(capacity, heap_), heap_(capacity, std::move(compare)) {}

private:
    class heap;
    using stored = typename channel<T>::stored;

    /// A binary heap of places. The items themselves do not move: comparisons, which may throw, are
    /// made before anything is changed, and what is changed then are pointers.
    class heap final : public channel<T>::order {
    public:
        heap(std::size_t capacity, Compare compare);

        void push(stored& item) override;
        std::optional<stored> pop() override;
        std::size_t size() const noexcept override { return size_; }

    private:
        struct place {
            std::optional<stored>* slot;
            std::uint64_t number; // of its arrival
        };

        bool goes_first(const place& a, const place& b) {
            if (compare_(**b.slot, **a.slot)) return true;
            return a.number < b.number && !compare_(**a.slot, **b.slot);
        }

        Compare compare_;
        std::vector<std::optional<stored>> slots_;
        std::vector<place> places_; // the first `size_` are the heap, the others are free
        std::size_t size_ = 0;
        std::uint64_t arrivals_ = 0;
    };

    heap heap_;
};

// Implementation ------------------------------------------------------------

template <class T, class Compare>
priority_channel<T, Compare>::heap::heap(std::size_t capacity, Compare compare)
    : compare_(std::move(compare)) {
    if (capacity > PTRDIFF_MAX / sizeof(std::optional<stored>))
        raise<std::invalid_argument>("capacity: negative, or far too large");
    slots_ = std::vector<std::optional<stored>>(capacity);
    places_.reserve(capacity);
    for (auto& slot : slots_) places_.push_back(place{&slot, 0});
}

template <class T, class Compare>
void priority_channel<T, Compare>::heap::push(stored& item) {
    auto hole = size_;
    for (; hole != 0; hole = (hole - 1) / 2)
        if (!compare_(**places_[(hole - 1) / 2].slot, item)) break;

    place fresh = places_[size_];
    fresh.slot->emplace(std::move(item));
    fresh.number = arrivals_++;
    for (auto each = size_; each != hole; each = (each - 1) / 2)
        places_[each] = places_[(each - 1) / 2];
    places_[hole] = fresh;
    ++size_;
}

template <class T, class Compare>
auto priority_channel<T, Compare>::heap::pop() -> std::optional<stored> {
    // The last place moves to the top, then down along this path.
    const auto left = size_ - 1;
    const place last = places_[left];
    std::array<std::size_t, std::numeric_limits<std::size_t>::digits> path;
    std::size_t depth = 0;
    for (std::size_t hole = 0; hole * 2 + 1 < left; path[depth++] = hole) {
        auto child = hole * 2 + 1;
        if (child + 1 < left && goes_first(places_[child + 1], places_[child])) ++child;
        if (!goes_first(places_[child], last)) break;
        hole = child;
    }

    const place first = places_[0];
    std::size_t hole = 0;
    for (std::size_t i = 0; i != depth; hole = path[i++]) places_[hole] = places_[path[i]];
    places_[hole] = last;
    places_[left] = first;
    size_ = left;
    struct reset {
        std::optional<stored>& slot;
        ~reset() { slot.reset(); }
    } const at_end{*first.slot};
    return std::optional<stored>(std::move(**first.slot));
}

} // namespace weft
