// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>

#include <weft/loop/readiness.hpp>
#include <weft/testing/byte_queue.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// An end of a pipe of a simulated host. It holds what Linux lets a pipe hold: 16 pages, each of
/// which takes what fits into it whole, and is free again when all of it has been read.
class virtual_pipe final : public virtual_file {
public:
    enum class direction { read, write };

    virtual_pipe(virtual_world& world, node_id node, direction way) noexcept
        : virtual_file(world, node), way_(way) {}
    ~virtual_pipe() override {
        if (peer_) peer_->peer_ = nullptr;
    }
    /// Makes the two one pipe.
    static void join(virtual_pipe& reader, virtual_pipe& writer) noexcept {
        reader.peer_ = &writer;
        writer.peer_ = &reader;
    }

    inline readiness ready() const noexcept override;
    inline ssize_t read(const gathered_buffers& to) override;
    inline ssize_t write(const gathered_buffers& from) override;
    inline void close() override;

private:
    static constexpr std::size_t page_size = 4096, most_pages = 16;
    struct page {
        std::size_t end; // bytes that were ever written to it
        std::size_t left;
    };
    /// Puts there what there is room for. Returns how many bytes.
    std::size_t fill(const gathered_buffers& from);

    direction way_;
    virtual_pipe* peer_ = nullptr; // null: that end is closed
    // Of the end that is read.
    byte_queue bytes_;
    std::deque<page> pages_;
};

// Implementation ------------------------------------------------------------

inline readiness virtual_pipe::ready() const noexcept {
    if (!peer_) return readiness::readable | readiness::writable | readiness::hangup;
    if (way_ == direction::read)
        return bytes_.empty() ? readiness::none : readiness::readable;
    return peer_->pages_.size() == most_pages ? readiness::none : readiness::writable;
}

inline ssize_t virtual_pipe::read(const gathered_buffers& to) {
    if (way_ != direction::read) return -EBADF;
    const auto size = bytes_.pop(to);
    if (size == 0) return peer_ && to.size() != 0 ? -EAGAIN : 0;
    const bool was_full = pages_.size() == most_pages;
    for (auto rest = size; rest != 0;) {
        auto& oldest = pages_.front();
        const auto taken = std::min(rest, oldest.left);
        oldest.left -= taken;
        rest -= taken;
        if (oldest.left == 0) pages_.pop_front();
    }
    if (peer_ && was_full && pages_.size() != most_pages) peer_->report_later();
    return static_cast<ssize_t>(size);
}

inline ssize_t virtual_pipe::write(const gathered_buffers& from) {
    if (way_ != direction::write) return -EBADF;
    if (from.size() == 0) return 0;
    if (!peer_) return -EPIPE;
    const auto size = peer_->fill(from);
    if (size == 0) return -EAGAIN;
    peer_->report_later();
    world_.loop.trace(size);
    return static_cast<ssize_t>(size);
}

// What is no whole number of pages is added to the last page if it fits, and never split over two.
inline std::size_t virtual_pipe::fill(const gathered_buffers& from) {
    const auto total = from.size();
    std::size_t done = 0;
    if (const auto odd = total % page_size;
        odd != 0 && !pages_.empty() && pages_.back().end + odd <= page_size) {
        pages_.back().end += odd;
        pages_.back().left += odd;
        done = odd;
    }
    while (done != total && pages_.size() != most_pages) {
        const auto part = std::min(total - done, page_size);
        pages_.push_back({part, part});
        done += part;
    }
    bytes_.push(from, done);
    return done;
}

inline void virtual_pipe::close() {
    if (peer_) {
        peer_->peer_ = nullptr;
        peer_->report_later();
    }
    peer_ = nullptr;
    world_.destroy(*this);
}

} // namespace weft::testing
