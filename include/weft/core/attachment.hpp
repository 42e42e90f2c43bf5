// SPDX-License-Identifier: MIT
#pragma once

namespace weft {

class attachments;

/// Something that is fastened to a branch: its notes, a group that was made in it, somebody who
/// waits for its end. It leaves by itself when it is destroyed.
class attachment {
public:
    enum class kind : unsigned char { notes, group, joiner };

    attachment(attachment&&) = delete;

    bool is_attached() const noexcept { return link_ != nullptr; }
    /// Leaves. No effect if it is not attached.
    void detach() noexcept {
        if (!link_) return;
        *link_ = older_;
        if (older_) older_->link_ = link_;
        link_ = nullptr;
    }
    /// The next older one that is an `as`; null: there is none.
    attachment* older(kind as) const noexcept { return first(older_, as); }

protected:
    explicit attachment(kind is) noexcept : kind_(is) {}
    ~attachment() { detach(); }

private:
    friend attachments;

    static attachment* first(attachment* from, kind as) noexcept {
        while (from && from->kind_ != as) from = from->older_;
        return from;
    }

    attachment** link_ = nullptr; // what points here
    attachment* older_;           // while it is attached
    kind kind_;
};

/// What is fastened to one branch, the newest first, but notes before all: in one word, because
/// every branch pays for it and few have any.
class attachments {
public:
    attachments() noexcept = default;
    attachments(attachments&&) = delete;

    bool empty() const noexcept { return !first_; }
    void add(attachment& newest) noexcept {
        const bool behind_notes = first_ && first_->kind_ == attachment::kind::notes;
        insert(behind_notes ? first_->older_ : first_, newest);
    }
    /// The newest one that is an `as`; null: there is none.
    attachment* newest(attachment::kind as) const noexcept { return attachment::first(first_, as); }
    /// Moves all that are an `as` here, which is empty, the oldest first.
    void take(attachments& from, attachment::kind as) noexcept {
        for (auto* each = from.newest(as); each;) {
            auto& moving = *each;
            each = each->older(as);
            moving.detach();
            insert(first_, moving);
        }
    }
    /// The first one there is. Precondition: not empty.
    attachment& front() const noexcept { return *first_; }

private:
    static void insert(attachment*& where, attachment& fresh) noexcept {
        fresh.older_ = where;
        fresh.link_ = &where;
        if (where) where->link_ = &fresh.older_;
        where = &fresh;
    }

    attachment* first_ = nullptr;
};

} // namespace weft
