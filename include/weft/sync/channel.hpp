// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/core/branch.hpp>
#include <weft/core/error.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/channel_items.hpp>
#include <weft/sync/outgoing.hpp>
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
    struct received;

public:
    /// Errors  Throws `std::invalid_argument` if `capacity` was a negative number.
    explicit channel(std::size_t capacity) : items_(capacity), limit_(capacity) {}
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
    std::size_t size() const noexcept { return items_.size(); }

protected:
    using stored = std::remove_cv_t<T>;

    using order = typename channel_items<stored>::order;

    channel(std::size_t capacity, order& items) noexcept : items_(capacity, items) {}

private:
    bool has_room() const noexcept {
        return !items_.full() || (items_.capacity() == 0 && !receivers_.empty());
    }
    void put(stored& item) { items_.full() ? hand_over(item) : items_.push(item); }
    bool accept(sending& sender) noexcept;
    bool provide(received& got) noexcept;
    std::optional<T> take_now();
    std::optional<T> take(received& got);
    void take_reserved(std::optional<stored>& item);
    void hand_over(stored& item);
    bool try_put(stored& item);
    bool try_put(const stored& item) {
        stored copy(item);
        return try_put(copy);
    }
    void fill() noexcept;
    void offer() noexcept;

    channel_items<stored> items_;
    std::size_t limit_ = 0;    // fewer items than that in the ring: it takes another one at once
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
    bool begin_at_once() noexcept {
        if constexpr (std::is_nothrow_move_constructible_v<stored>) {
            auto& items = target->items_.arrived;
            if (items.size() < target->limit_) [[likely]] {
                items.push_back(std::move(this->item()));
                if (!target->receivers_.empty()) target->offer();
                return true;
            }
        }
        return false;
    }
    bool begin() noexcept {
        outgoing<stored>::begin();
        return target->accept(*this);
    }
    void result_at_once() noexcept { this->succeed(); }
    void result() { this->finish("the channel is closed"); }
    static constexpr const char* name = "channel.send";

    channel* target;
};

/// What a receiver got that may have to wait.
template <class T>
struct channel<T>::received {
    bool reserved = false;      // an item that is still in the channel
    std::optional<stored> item; // handed over, in a channel without capacity
};

template <class T>
struct channel<T>::receiving {
    explicit receiving(channel* from) noexcept : source(from) {}
    ~receiving() {} // see `clean_up`

    wait_queue& queue() noexcept { return source->receivers_; }
    // Nobody can come between this and the result: nothing has to be promised.
    bool begin_at_once() const noexcept {
        return source->reserved_ == 0 && !source->items_.arrived.empty();
    }
    // Others may have their items and have not resumed yet: this one's turn comes after theirs.
    bool begin() noexcept {
        ::new (static_cast<void*>(&got)) received;
        return source->reserved_ == 0 && source->provide(got);
    }
    void waits(branch&) noexcept { source->offer(); }
    std::optional<T> result_at_once() { return source->take_now(); }
    std::optional<T> result() { return source->take(got); }
    void give_back() noexcept {
        if (got.reserved) {
            --source->reserved_;
            source->offer();
        } else if (got.item && !source->receivers_.empty()) {
            // If that fails there is nobody left who could be told: the item dies with this.
            guarded([&] { source->hand_over(*got.item); }, [](const std::exception_ptr&) {});
        }
    }
    void clean_up() noexcept { got.~received(); }
    static constexpr const char* name = "channel.receive";

    channel* source;
    union {
        received got; // since `begin`
    };
};

// Returns whether the sender has not to wait: its item is in, or it has failed.
template <class T>
bool channel<T>::accept(sending& sender) noexcept {
    if (closed_) {
        sender.refuse();
        return true;
    }
    if (!has_room()) return false;
    sender.attempt([this](stored& item) { put(item); });
    offer();
    return true;
}

// Returns whether the receiver has not to wait: there is an item for it, or nothing ever will be.
template <class T>
bool channel<T>::provide(received& got) noexcept {
    if (size() > reserved_) {
        ++reserved_;
        return got.reserved = true;
    }
    while (items_.capacity() == 0 && !senders_.empty() && !got.item) {
        auto& sender = request_of<sending>(senders_.front());
        senders_.wake_one(); // first: the move may cancel it, and its item was received
        sender.attempt([&](stored& item) { got.item.emplace(std::move(item)); });
    }
    return got.item || (closed_ && size() == 0);
}

template <class T>
bool channel<T>::try_put(stored& item) {
    if (closed_ || !has_room()) return false;
    put(item);
    offer();
    return true;
}

template <class T>
std::optional<T> channel<T>::try_receive() {
    // The first item is somebody's.
    if (reserved_ != 0 && items_.are_in_order_of_arrival()) return std::nullopt;
    received got;
    if (!provide(got)) return std::nullopt;
    return take(got);
}

// The first item of the ring. Whatever its move throws, the others are served.
//
// Inlined, and nowhere an optional is moved as a whole: to g++ it is one number then, which is
// written in parts and read at once; the processor waits for that longer than all of this takes.
template <class T>
[[gnu::always_inline]] inline std::optional<T> channel<T>::take_now() {
    struct serve_others {
        channel& self;
        ~serve_others() {
            self.items_.arrived.pop_front();
            if (!self.senders_.empty()) [[unlikely]]
                self.fill();
        }
    } const finally{*this};
    return std::optional<T>(std::move(items_.arrived.front()));
}

// What was promised or handed over; nothing, if there is nothing left and it is closed.
template <class T>
std::optional<T> channel<T>::take(received& got) {
    if (got.reserved) take_reserved(got.item);
    if (got.item) return std::optional<T>(std::move(*got.item));
    return std::nullopt;
}

template <class T>
[[gnu::noinline]] void channel<T>::take_reserved(std::optional<stored>& item) {
    struct serve_others {
        channel& self;
        ~serve_others() { self.fill(); }
    } const finally{*this};
    --reserved_;
    items_.pop(item);
}

// Without capacity: from hand to hand. Precondition: a receiver waits.
template <class T>
void channel<T>::hand_over(stored& item) {
    auto& receiver = request_of<receiving>(receivers_.front());
    if constexpr (std::is_nothrow_move_constructible_v<stored>) {
        receivers_.serve_one(); // first: the move may cancel it
        receiver.got.item.emplace(std::move(item));
    } else {
        receiver.got.item.emplace(std::move(item));
        if (!receivers_.empty() && &request_of<receiving>(receivers_.front()) == &receiver)
            receivers_.serve_one();
        else if (!receivers_.empty()) // the move has cancelled it
            hand_over(*receiver.got.item);
    }
}

// There is room: for those who wait to send.
template <class T>
void channel<T>::fill() noexcept {
    while (!items_.full() && !senders_.empty()) {
        auto& sender = request_of<sending>(senders_.front());
        senders_.wake_one();
        sender.attempt([this](stored& item) { items_.push(item); });
    }
    offer();
}

// There may be items that are not promised: for those who wait to receive. An item stays in the
// channel until its receiver resumes, so that it keeps its place if the receiver never does.
template <class T>
void channel<T>::offer() noexcept {
    for (; !receivers_.empty() && size() > reserved_; ++reserved_) {
        request_of<receiving>(receivers_.front()).got.reserved = true;
        receivers_.serve_one();
    }
    if (closed_ && size() == 0) [[unlikely]]
        receivers_.wake_all();
}

template <class T>
void channel<T>::close() noexcept {
    if (closed_) return;
    closed_ = true;
    limit_ = 0;
    refuse_all<sending>(senders_);
    offer();
}

} // namespace weft
