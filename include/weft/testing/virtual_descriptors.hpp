// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// The descriptors of all simulated hosts: one table of numbers, the lowest that is free first.
class virtual_descriptors {
public:
    std::size_t open() const noexcept { return open_; }
    void set_limit(std::size_t most) noexcept { most_ = most; }
    /// Whether so many may still be opened.
    bool has_room_for(std::size_t more) const noexcept { return open_ + more <= most_; }

    /// Returns the number.
    int add(virtual_file& file);
    /// Returns the file that it stood for, which is told that it has none any more; null if that is
    /// gone. Precondition: `is_open(fd)`.
    virtual_file* remove(int fd) noexcept;
    /// The files of a host are gone. Their descriptors remain to be closed.
    void crash(node_id node) noexcept {
        for (auto& each : table_)
            if (each.file && each.file->node() == node) each.file = nullptr;
    }

    bool is_open(int fd) const noexcept {
        return fd >= first && index(fd) < table_.size() && table_[index(fd)].open;
    }
    /// Calls `f(virtual_file&)`; an error if there is none.
    template <class F>
    auto with(int fd, F f) noexcept -> decltype(f(std::declval<virtual_file&>())) {
        if (!is_open(fd)) return -EBADF;
        if (auto* const file = table_[index(fd)].file) return f(*file);
        return -ENETDOWN;
    }

private:
    static constexpr int first = 3;
    static std::size_t index(int fd) noexcept { return static_cast<std::size_t>(fd - first); }

    struct entry {
        bool open = false;
        virtual_file* file = nullptr; // null: its host has crashed
    };

    std::vector<entry> table_;
    std::size_t open_ = 0;
    std::size_t most_ = SIZE_MAX;
};

// Implementation ------------------------------------------------------------

inline int virtual_descriptors::add(virtual_file& file) {
    auto place = std::find_if(table_.begin(), table_.end(), [](auto& each) { return !each.open; });
    if (place == table_.end()) place = table_.emplace(place);
    *place = {true, &file};
    ++open_;
    file.fd = first + static_cast<int>(place - table_.begin());
    return file.fd;
}

inline virtual_file* virtual_descriptors::remove(int fd) noexcept {
    auto* const file = std::exchange(table_[index(fd)], entry()).file;
    --open_;
    if (file) file->fd = -1;
    return file;
}

} // namespace weft::testing
