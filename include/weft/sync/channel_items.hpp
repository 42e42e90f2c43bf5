// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <weft/sync/ring.hpp>

namespace weft {

/// The items that a channel holds: in the order of their arrival, or in another one.
template <class Item>
class channel_items {
public:
    /// Keeps items in an order of its own.
    class order {
    public:
        virtual void push(Item& item) = 0;
        virtual std::optional<Item> pop() = 0;
        virtual std::size_t size() const noexcept = 0;

    protected:
        ~order() = default;
    };

    /// Errors  As `ring`.
    explicit channel_items(std::size_t most) : arrived(most), capacity_(most) {}
    channel_items(std::size_t most, order& keeps) noexcept
        : arrived(0), capacity_(most), order_(&keeps) {}

    bool are_in_order_of_arrival() const noexcept { return !order_; }
    std::size_t capacity() const noexcept { return capacity_; }
    std::size_t size() const noexcept { return order_ ? order_->size() : arrived.size(); }
    bool full() const noexcept { return size() == capacity_; }

    /// Moves `item` in. Precondition: not full.
    void push(Item& item) { order_ ? order_->push(item) : arrived.push_back(std::move(item)); }
    /// Moves the first one to `to`, or loses it if that throws. Precondition: there is one.
    void pop(std::optional<Item>& to) {
        if (order_) {
            to.emplace(std::move(*order_->pop()));
            return;
        }
        struct leave {
            ring<Item>& items;
            ~leave() { items.pop_front(); }
        } const at_end{arrived};
        to.emplace(std::move(arrived.front()));
    }

    ring<Item> arrived; ///< all of them, if they are in that order

private:
    std::size_t capacity_;
    order* order_ = nullptr;
};

} // namespace weft
