// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include <weft/testing/virtual_place.hpp>

namespace weft::testing {

class virtual_unix;

/// The names of unix sockets, each of one simulated host: paths in its file system, in which there
/// is every folder, and no file but these; and abstract names, which begin with a null byte.
///
/// A file stays when its socket is closed or its host crashes, as it does on a disk. Paths are told
/// apart by their text. What returns an int returns a negative `errno` when it fails.
class virtual_paths {
public:
    struct entry {
        ::ino_t number;
        virtual_unix* socket; ///< null: it is gone
    };

    int add(node_id node, const std::string& path, virtual_unix& socket) {
        const auto made = names_.try_emplace({node, path}, entry{last_number_ + 1, &socket});
        if (!made.second) return -EADDRINUSE;
        ++last_number_;
        return 0;
    }
    /// Null if there is none.
    const entry* find(node_id node, const std::string& path) const {
        const auto found = names_.find({node, path});
        return found == names_.end() ? nullptr : &found->second;
    }
    /// The socket goes that was added there. Another one may have taken its place.
    void leave(node_id node, const std::string& path, const virtual_unix& socket) noexcept {
        const auto found = names_.find({node, path});
        if (found == names_.end() || found->second.socket != &socket) return;
        if (path[0] == '\0')
            names_.erase(found);
        else
            found->second.socket = nullptr;
    }

    int lstat(node_id node, const char* path, struct ::stat* what) const {
        const auto* const found = find(node, path);
        if (!found) return -ENOENT;
        *what = {};
        what->st_dev = node;
        what->st_ino = found->number;
        what->st_mode = S_IFSOCK | 0755;
        what->st_nlink = 1;
        return 0;
    }
    int unlink(node_id node, const char* path) { return names_.erase({node, path}) ? 0 : -ENOENT; }

private:
    std::map<std::pair<node_id, std::string>, entry> names_;
    ::ino_t last_number_ = 0;
};

} // namespace weft::testing
