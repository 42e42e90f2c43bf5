// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>

namespace weft {

/// A place in an `intrusive_list`. An object that derives from it can be in one list at a time
/// (`Tag` tells several places of one object apart), and must leave it before it is destroyed.
///
/// Unlinking needs no list: neighbours know each other and the end is a place too. That is why
/// whatever waits can be destroyed where it waits, in constant time, without knowing for what.
template <class Tag = void>
class list_place {
public:
    list_place() noexcept {} // leaves `previous_` as it is
    list_place(list_place&&) = delete;

    bool is_linked() const noexcept { return next_ != nullptr; }

    /// Leaves the list. No effect if it is in none.
    void unlink() noexcept {
        if (!next_) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = nullptr;
    }

    /// Says of one that is in no list that its list is gone: it counts as linked, to nobody.
    void orphan() noexcept { next_ = previous_ = this; }
    bool is_orphan() const noexcept { return next_ == this; }

private:
    template <class, class>
    friend class intrusive_list;

    list_place* next_ = nullptr;
    list_place* previous_; // while it is linked
};

/// A place that an object leaves by itself when it is destroyed.
template <class Tag = void>
class list_hook : public list_place<Tag> {
public:
    ~list_hook() { this->unlink(); }
};

/// A doubly linked list of objects that it does not own: first in, first out.
template <class T, class Tag = void>
class intrusive_list {
    using spot = list_place<Tag>;

public:
    intrusive_list() noexcept { end_.next_ = end_.previous_ = &end_; }
    intrusive_list(intrusive_list&&) = delete;
    ~intrusive_list() { clear(); }

    bool empty() const noexcept { return end_.next_ == &end_; }

    /// Precondition: not empty.
    T& front() const noexcept { return static_cast<T&>(*end_.next_); }
    T& back() const noexcept { return static_cast<T&>(*end_.previous_); }

    void push_back(T& item) noexcept { insert(end_, item); }
    void push_front(T& item) noexcept { insert(*end_.next_, item); }
    void insert_before(T& position, T& item) noexcept { insert(position, item); }

    /// Takes the first one out. Precondition: not empty.
    T& pop_front() noexcept { return static_cast<T&>(take_front()); }

    /// Moves everything that `other` holds behind what is here.
    void append(intrusive_list& other) noexcept {
        if (other.empty()) return;
        spot& first = *other.end_.next_;
        spot& last = *other.end_.previous_;
        first.previous_ = end_.previous_;
        end_.previous_->next_ = &first;
        last.next_ = &end_;
        end_.previous_ = &last;
        other.end_.next_ = other.end_.previous_ = &other.end_;
    }

    void clear() noexcept {
        while (!empty()) take_front();
    }

    /// The one behind `item`, or null at the end; `first` of an empty list is null too.
    T* first() const noexcept { return at(end_.next_); }
    T* last() const noexcept { return at(end_.previous_); }
    T* before(const T& item) const noexcept {
        return at(static_cast<const spot&>(item).previous_);
    }
    T* after(const T& item) const noexcept { return at(static_cast<const spot&>(item).next_); }

private:
    spot& take_front() noexcept {
        spot& first = *end_.next_;
        end_.next_ = first.next_;
        first.next_->previous_ = &end_;
        first.next_ = nullptr;
        return first;
    }
    T* at(spot* position) const noexcept {
        return position == &end_ ? nullptr : static_cast<T*>(position);
    }

    static void insert(spot& position, T& item) noexcept {
        spot& fresh = item;
        assert(!fresh.is_linked());
        fresh.previous_ = position.previous_;
        position.previous_->next_ = &fresh;
        position.previous_ = &fresh;
        fresh.next_ = &position; // last, so that compilers know that it is linked now
    }

    spot end_;
};

} // namespace weft
