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
    explicit channel_items(std::size_t capacity) : arrived(capacity) {}
    explicit channel_items(order& keeps) noexcept : arrived(0), order_(&keeps) {}

    bool are_in_order_of_arrival() const noexcept { return !order_; }
    std::size_t size() const noexcept { return order_ ? order_->size() : arrived.size(); }

    /// Moves `item` in. Precondition: not more than the capacity.
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
    order* order_ = nullptr;
};

} // namespace weft
