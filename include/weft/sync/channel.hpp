// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/error.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/outgoing.hpp>
#include <weft/sync/ring.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Passes items from any number of senders to any number of receivers, and holds back who is too
/// fast.
///
///     weft::channel<std::string> lines{64};
///
///     co_await lines.send(std::move(line));                  // waits while 64 items are in it
///     while (auto line = co_await lines.receive()) ...       // until it is closed and empty
///
/// With a capacity of 0 nothing is kept: a sender waits until a receiver takes its item. Room for
/// `capacity` items is allocated at once.
///
/// Order   First in, first out; senders and receivers are served in the order in which they came.
/// Cancel  A cancelled `send` has not sent, and its item is destroyed; a cancelled `receive` has
///         taken nothing.
/// Errors  What a constructor of `T` throws goes to whoever moves: a sender, whose item is not
///         sent then, or a receiver, whose item is lost.
template <class T>
class channel {
    static_assert(!std::is_reference_v<T>,
                  "a channel cannot pass references: what they refer to might be gone when they "
                  "are received; use channel<T*> or channel<std::reference_wrapper<T>>");
    static_assert(!std::is_void_v<T>, "a channel of nothing is a weft::semaphore");
    static_assert(std::is_object_v<T> && !std::is_array_v<T> && std::is_destructible_v<T>,
                  "a channel passes objects");
    struct sending;
    struct receiving;

public:
    /// Errors  Throws `std::invalid_argument` if `capacity` was a negative number.
    explicit channel(std::size_t capacity) : items_(capacity), capacity_(capacity) {}
    channel(channel&&) = delete;

    /// Waits until there is room for `item`; in a channel without capacity, until it is received.
    /// Errors  Throws `closed_error` if the channel is closed, before or while it waits.
    auto send(T item) { return wait_queue::wait<sending>(this, std::move(item)); }
    /// As `send`, but says in `error` whether the channel is closed.
    auto send(T item, std::error_code& error) {
        return wait_queue::wait<sending>(this, std::move(item), &error);
    }

    /// Waits for an item. Returns nothing if the channel is closed and nothing is left in it; so
    /// `try_for(1s, ch.receive())` returns an optional of an optional, whose outside is the time.
    auto receive() noexcept { return wait_queue::wait<receiving>(this); }

    /// Sends without waiting. Returns whether it did: then it has moved from `item`, an lvalue too;
    /// else `item` is unchanged.
    bool try_send(T& item) { return try_put(item); }
    bool try_send(T&& item) { return try_put(item); }

    /// Receives without waiting. Nothing, too, while a receiver that came before has still to take
    /// its item.
    std::optional<T> try_receive();

    /// Senders are refused from now on, those that wait included. Receivers get what is left, then
    /// nothing.
    void close() noexcept;
    bool closed() const noexcept { return closed_; }

    /// How many items are in it.
    std::size_t size() const noexcept { return order_ ? order_->size() : items_.size(); }

protected:
    using stored = std::remove_cv_t<T>;

    /// Keeps the items of a channel in another order than that of their arrival.
    class order {
    public:
        virtual void push(stored& item) = 0;
        virtual std::optional<T> pop() = 0;
        virtual std::size_t size() const noexcept = 0;

    protected:
        ~order() = default;
    };
    channel(std::size_t capacity, order& items) noexcept
        : items_(0), order_(&items), capacity_(capacity) {}

private:
    bool is_full() const noexcept { return size() == capacity_; }
    /// Whether it holds nothing back: there is room, and nobody waits for the item.
    bool passes() const noexcept { return !items_.full() && !closed_ && receivers_.empty(); }
    bool accept(sending& sender) noexcept;
    bool provide(receiving& receiver) noexcept;
    void put(stored& item);
    std::optional<T> take();
    void hand_over(stored& item);
    bool try_put(stored& item);
    bool try_put(const stored& item) {
        stored copy(item);
        return try_put(copy);
    }
    void fill() noexcept;
    void offer() noexcept;

    ring<stored> items_;
    order* order_ = nullptr; // null: `items_`
    std::size_t capacity_;
    std::size_t reserved_ = 0; // how many of the items are promised to receivers that were woken
    bool closed_ = false;
    wait_queue senders_;   // nobody, if there is room
    wait_queue receivers_; // nobody, if there is an item that is not promised
};

// Implementation ------------------------------------------------------------

template <class T>
struct channel<T>::sending : outgoing<stored> {
    sending(channel* to, T&& sent, std::error_code* answer = nullptr)
        : outgoing<stored>(std::move(sent), answer), target(to) {}

    wait_queue& queue() noexcept { return target->senders_; }
    bool begin() noexcept {
        if (!target->passes()) [[unlikely]]
            return target->accept(*this);
        this->attempt([this](stored& item) noexcept(
                          std::is_nothrow_move_constructible_v<stored>) {
            target->items_.push_back(std::move(item));
        });
        return true;
    }
    void result() { this->finish("the channel is closed"); }
    static constexpr const char* name = "channel.send";

    channel* target;
};

template <class T>
struct channel<T>::receiving {
    explicit receiving(channel* from) noexcept : source(from) {}

    wait_queue& queue() noexcept { return source->receivers_; }
    // Others may have their items and have not resumed yet: this one's turn comes after theirs.
    bool begin() noexcept { return source->reserved_ == 0 && source->provide(*this); }
    // Nobody can come between this and the result: nothing has to be promised.
    bool begin_at_once() noexcept {
        if constexpr (std::is_nothrow_move_constructible_v<stored>) {
            if (source->reserved_ == 0 && !source->items_.empty() && source->senders_.empty())
                [[likely]] {
                item.emplace(std::move(source->items_.front()));
                source->items_.pop_front();
                return true;
            }
        }
        return begin();
    }
    void waits(branch&) noexcept { source->offer(); }
    std::optional<T> result() {
        if (reserved) {
            --source->reserved_;
            return source->take();
        }
        return std::move(item); // nothing, if the channel is closed
    }
    void give_back() noexcept {
        if (reserved) {
            --source->reserved_;
            source->offer();
        } else if (item && !source->receivers_.empty()) {
            // If that fails there is nobody left who could be told: the item dies with this.
            guarded([&] { source->hand_over(*item); }, [](const std::exception_ptr&) {});
        }
    }
    static constexpr const char* name = "channel.receive";

    channel* source;
    bool reserved = false;      // an item that is still in the channel
    std::optional<stored> item; // taken at once, or handed over, in a channel without capacity
};

// Returns whether the sender has not to wait: its item is in, or it has failed.
template <class T>
bool channel<T>::accept(sending& sender) noexcept {
    if (closed_) {
        sender.refuse();
        return true;
    }
    if (is_full() && (capacity_ != 0 || receivers_.empty())) return false;
    sender.attempt([&](stored& item) { is_full() ? hand_over(item) : put(item); });
    offer();
    return true;
}

// Returns whether the receiver has not to wait: there is an item for it, or nothing ever will be.
template <class T>
bool channel<T>::provide(receiving& receiver) noexcept {
    if (size() > reserved_) {
        ++reserved_;
        return receiver.reserved = true;
    }
    while (capacity_ == 0 && !senders_.empty() && !receiver.item) {
        request_of<sending>(senders_.front()).attempt([&](stored& item) {
            receiver.item.emplace(std::move(item));
        });
        senders_.wake_one();
    }
    return receiver.item || (closed_ && size() == 0);
}

template <class T>
bool channel<T>::try_put(stored& item) {
    if (closed_ || (is_full() && (capacity_ != 0 || receivers_.empty()))) return false;
    if (is_full()) {
        hand_over(item);
    } else {
        put(item);
        offer();
    }
    return true;
}

template <class T>
std::optional<T> channel<T>::try_receive() {
    if (reserved_ != 0 && !order_) return std::nullopt; // the first item is somebody's
    receiving now(this);
    if (!provide(now)) return std::nullopt;
    return now.result();
}

template <class T>
void channel<T>::put(stored& item) {
    order_ ? order_->push(item) : items_.push_back(std::move(item));
}

// Takes the first item out. Whatever its move throws, the others are served.
template <class T>
std::optional<T> channel<T>::take() {
    struct serve_others {
        channel& self;
        ~serve_others() {
            if (!self.order_) self.items_.pop_front();
            self.fill();
        }
    } const finally{*this};
    return order_ ? order_->pop() : std::optional<T>(std::move(items_.front()));
}

// Without capacity: from hand to hand. Precondition: a receiver waits.
template <class T>
void channel<T>::hand_over(stored& item) {
    request_of<receiving>(receivers_.front()).item.emplace(std::move(item));
    receivers_.serve_one();
}

// There is room: for those who wait to send.
template <class T>
void channel<T>::fill() noexcept {
    while (!is_full() && !senders_.empty()) {
        request_of<sending>(senders_.front()).attempt([this](stored& item) { put(item); });
        senders_.wake_one();
    }
    offer();
}

// There may be items that are not promised: for those who wait to receive. An item stays in the
// channel until its receiver resumes, so that it keeps its place if the receiver never does.
template <class T>
void channel<T>::offer() noexcept {
    for (; !receivers_.empty() && size() > reserved_; ++reserved_) {
        request_of<receiving>(receivers_.front()).reserved = true;
        receivers_.serve_one();
    }
    if (closed_ && size() == 0) [[unlikely]]
        receivers_.wake_all();
}

template <class T>
void channel<T>::close() noexcept {
    if (closed_) return;
    closed_ = true;
    refuse_all<sending>(senders_);
    offer();
}

} // namespace weft
