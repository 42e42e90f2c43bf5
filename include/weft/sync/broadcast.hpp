// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/core/intrusive_list.hpp>
#include <weft/core/branch.hpp>
#include <weft/core/raise.hpp>
#include <weft/sync/outgoing.hpp>
#include <weft/sync/ring.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft {

/// What `broadcast` does about a subscription that has not received the last `capacity` items.
enum class lagging {
    wait,        ///< whoever sends waits for it
    drop_oldest, ///< it misses the oldest item
    disconnect,  ///< it misses all that it has not received, and gets no more: it hears of that
                 ///< at its next `receive`, so what it awaits meanwhile needs a time-out
};

/// Passes every item to everybody who has subscribed.
///
///     weft::broadcast<price> prices{16, weft::lagging::drop_oldest};
///
///     auto mine = prices.subscribe();
///     while (auto price = co_await mine.receive()) ...       // until it is closed
///
/// An item is kept until all have received it, and copied for each of them but the last. What
/// nobody has subscribed to is dropped.
///
/// Order   Every subscription receives the items in the order in which they were sent, from the
///         moment of `subscribe` on.
/// Cancel  A cancelled `send` has not sent; a cancelled `receive` has taken nothing.
/// Errors  What a constructor of `T` throws goes to whoever copies: a sender, whose item is not
///         sent then, or a receiver, whose next item is the same.
template <class T>
class broadcast {
    static_assert(std::is_object_v<T> && std::is_copy_constructible_v<T>,
                  "every subscriber of a broadcast gets a copy of the item");
    using stored = std::remove_cv_t<T>;
    struct sending;
    struct receiving;

public:
    class subscription;

    /// Errors  Throws `std::invalid_argument` if `capacity` is zero or was a negative number.
    explicit broadcast(std::size_t capacity, lagging policy = lagging::wait);
    broadcast(broadcast&&) = delete;
    /// Closes it; subscriptions that live receive nothing more.
    ~broadcast() {
        close();
        while (!subscriptions_.empty()) subscriptions_.front().leave();
    }

    subscription subscribe() noexcept { return subscription(*this); }

    /// Sends `item` to all who have subscribed; waits only if the policy says so.
    /// Errors  Throws `closed_error` if the broadcast is closed, before or while it waits.
    auto send(T item) { return wait_queue::wait<sending>(this, std::move(item)); }
    /// As `send`, but says in `error` whether the broadcast is closed.
    auto send(T item, std::error_code& error) {
        return wait_queue::wait<sending>(this, std::move(item), &error);
    }

    /// Senders are refused from now on. Subscriptions receive what is left, then nothing.
    void close() noexcept;
    bool closed() const noexcept { return closed_; }

private:
    // An item, and how many have still to receive it: never more than of the item behind it.
    struct slot {
        stored item;
        std::size_t readers;
    };

    slot& at(std::uint64_t number) noexcept {
        return items_[static_cast<std::size_t>(number - first_)];
    }
    std::uint64_t end() const noexcept { return first_ + items_.size(); }

    bool accept(sending& sender) noexcept;
    void put(sending& sender) noexcept;
    void offer() noexcept {
        for (auto* each = subscriptions_.first(); each; each = subscriptions_.after(*each))
            each->offer();
    }
    void discard_oldest() noexcept;
    void remove_received() noexcept;

    ring<slot> items_; // one more than the capacity: the oldest goes when the new one is in
    lagging policy_;
    std::uint64_t first_ = 0; // number of the oldest item
    bool closed_ = false;
    std::size_t readers_ = 0;
    intrusive_list<subscription> subscriptions_;
    wait_queue senders_;
};

/// A reader of a `broadcast`; leaves it when it is destroyed.
///
/// Lifetime  May outlive the broadcast. While somebody waits in `receive` it must stay where it is.
template <class T>
class [[nodiscard]] broadcast<T>::subscription : public list_hook<> {
public:
    subscription(subscription&& other) noexcept : list_hook<>() { take_over(other); }
    subscription& operator=(subscription&& other) noexcept {
        if (this != &other) {
            leave();
            take_over(other);
        }
        return *this;
    }
    ~subscription() { leave(); }

    /// Waits for the next item. Returns nothing if the broadcast is closed and all items are
    /// received, and after it has disconnected this subscription.
    auto receive() noexcept { return wait_queue::wait<receiving>(this); }

    /// How many items it was too slow for.
    std::size_t missed() const noexcept { return missed_; }

private:
    friend broadcast;
    explicit subscription(broadcast& source) noexcept : source_(&source), next_(source.end()) {
        source.subscriptions_.push_back(*this);
        ++source.readers_;
    }

    std::uint64_t available() const noexcept { return source_ ? source_->end() - next_ : 0; }
    bool at_end() const noexcept { return !source_ || (source_->closed_ && available() == 0); }
    void take_over(subscription& other) noexcept;
    void offer() noexcept;
    void leave() noexcept;

    broadcast* source_ = nullptr; // null: disconnected
    std::uint64_t next_ = 0;
    std::uint64_t promised_ = 0; // items, to receivers that were woken
    std::size_t missed_ = 0;
    wait_queue receivers_;
};

// Implementation ------------------------------------------------------------

template <class T>
struct broadcast<T>::sending : outgoing<stored> {
    sending(broadcast* to, T&& sent, std::error_code* answer = nullptr)
        : outgoing<stored>(std::move(sent), answer), target(to) {}

    wait_queue& queue() noexcept { return target->senders_; }
    bool begin() noexcept {
        outgoing<stored>::begin();
        return target->accept(*this);
    }
    void result() { this->finish("the broadcast is closed"); }
    static constexpr const char* name = "broadcast.send";

    broadcast* target;
};

template <class T>
struct broadcast<T>::receiving {
    explicit receiving(subscription* by) noexcept : reader(by) {}

    wait_queue& queue() noexcept { return reader->receivers_; }
    bool begin() noexcept {
        // Others have their items and have not resumed yet: this one's turn comes after theirs.
        if (reader->promised_ != 0) return false;
        promised = reader->available() != 0;
        if (promised) ++reader->promised_;
        return promised || reader->at_end();
    }
    void waits(branch&) noexcept { reader->offer(); }
    std::optional<T> result() {
        if (!promised) return std::nullopt;
        struct serve_others {
            subscription& reader;
            ~serve_others() { reader.offer(); }
        } const finally{*reader};
        --reader->promised_;
        if (reader->available() == 0) return std::nullopt; // disconnected since
        auto& [item, readers] = reader->source_->at(reader->next_);
        auto result = readers == 1 ? std::optional<T>(std::move_if_noexcept(item))
                                   : std::optional<T>(std::as_const(item));
        ++reader->next_;
        --readers;
        reader->source_->remove_received();
        return result;
    }
    void give_back() noexcept {
        if (!promised) return;
        --reader->promised_;
        reader->offer();
    }
    static constexpr const char* name = "broadcast.receive";

    subscription* reader;
    bool promised = false;
};

template <class T>
broadcast<T>::broadcast(std::size_t capacity, lagging policy)
    : items_(capacity < PTRDIFF_MAX ? capacity + 1 : capacity), policy_(policy) {
    if (capacity == 0) raise<std::invalid_argument>("broadcast: a capacity of zero");
}

template <class T>
bool broadcast<T>::accept(sending& sender) noexcept {
    if (closed_) {
        sender.refuse();
        return true;
    }
    if (policy_ == lagging::wait && items_.size() + 1 == items_.capacity()) return false;
    put(sender);
    return true;
}

template <class T>
void broadcast<T>::put(sending& sender) noexcept {
    if (readers_ == 0) return;
    sender.attempt([this](auto& item) { items_.push_back(std::move(item), readers_); });
    if (items_.full()) discard_oldest();
    offer();
}

// Too slow were those who have still to receive the oldest item.
template <class T>
void broadcast<T>::discard_oldest() noexcept {
    const auto oldest = first_;
    for (auto* each = subscriptions_.first(); each;) {
        auto& reader = *each;
        each = subscriptions_.after(reader);
        if (reader.next_ != oldest) continue;
        if (policy_ == lagging::drop_oldest) {
            ++reader.missed_;
            ++reader.next_;
            --items_.front().readers;
        } else {
            reader.missed_ += static_cast<std::size_t>(reader.available());
            reader.leave();
        }
    }
    remove_received();
}

template <class T>
void broadcast<T>::remove_received() noexcept {
    for (; !items_.empty() && items_.front().readers == 0; ++first_) items_.pop_front();
    while (!senders_.empty() && items_.size() + 1 != items_.capacity()) {
        auto& sender = request_of<sending>(senders_.front());
        senders_.wake_one(); // first: moving its item may cancel it
        put(sender);
    }
}

template <class T>
void broadcast<T>::close() noexcept {
    closed_ = true;
    refuse_all<sending>(senders_);
    offer();
}

template <class T>
void broadcast<T>::subscription::take_over(subscription& other) noexcept {
    assert(receivers_.empty() && promised_ == 0 && other.receivers_.empty() &&
           other.promised_ == 0 && "a subscription is moved while somebody receives from it");
    next_ = other.next_;
    missed_ = std::exchange(other.missed_, 0);
    source_ = std::exchange(other.source_, nullptr);
    if (!source_) return;
    source_->subscriptions_.insert_before(other, *this);
    other.unlink();
}

// For those who wait: items that are not promised, or the end.
template <class T>
void broadcast<T>::subscription::offer() noexcept {
    for (; available() > promised_ && !receivers_.empty(); ++promised_) {
        request_of<receiving>(receivers_.front()).promised = true;
        receivers_.serve_one();
    }
    if (at_end()) receivers_.wake_all();
}

template <class T>
void broadcast<T>::subscription::leave() noexcept {
    if (!source_) return;
    auto& source = *std::exchange(source_, nullptr);
    this->unlink();
    --source.readers_;
    for (auto number = next_; number != source.end(); ++number) --source.at(number).readers;
    source.remove_received();
    offer();
}

} // namespace weft
