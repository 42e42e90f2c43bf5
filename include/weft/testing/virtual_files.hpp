// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <weft/loop/readiness.hpp>
#include <weft/loop/system_calls.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/virtual_descriptors.hpp>
#include <weft/testing/virtual_pipe.hpp>
#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// The part of the system of simulated hosts that concerns descriptors of any kind, pipes, and
/// paths. All hosts take their descriptor numbers from one table; new files, and paths, are those
/// of the host on which the task runs that makes the call.
class virtual_files : public system_calls {
public:
    using host_function = node_id (*)() noexcept;
    /// `current_host()` tells which host that is.
    virtual_files(simulated_loop& loop, host_function current_host)
        : world_(loop), current_host_(current_host) {}

    /// Its files are gone, and nobody is told; the names of its sockets stay. Descriptors remain to
    /// be closed.
    void crash(node_id node);
    bool is_up(node_id node) const noexcept { return world_.is_up(node); }

    /// Descriptors that are open, of all hosts.
    std::size_t open_descriptors() const noexcept { return descriptors_.open(); }
    /// How many may be open at most.
    void set_descriptor_limit(std::size_t most) noexcept { descriptors_.set_limit(most); }

    inline int pipe(int (&ends)[2]) noexcept override;
    inline int close(int fd) noexcept override;
    inline ssize_t read(int fd, void* data, std::size_t size) noexcept override;
    inline ssize_t write(int fd, const void* data, std::size_t size) noexcept override;
    /// `from` is a file of the real system.
    inline ssize_t sendfile(int to, int from, off_t* offset, std::size_t size) noexcept override;
    inline readiness ready_now(int fd, readiness interest) noexcept override;
    bool has_processes() const noexcept override { return false; }

    inline int lstat(const char* path, struct ::stat* what) noexcept override;
    inline int unlink(const char* path) noexcept override;

protected:
    ~virtual_files() = default;

    node_id this_host() const noexcept { return current_host_(); }
    /// Calls `f(virtual_file&)`; an error if there is none.
    template <class F>
    auto with_file(int fd, F f) noexcept -> decltype(f(std::declval<virtual_file&>())) {
        const no_faults scope;
        return descriptors_.with(fd, std::move(f));
    }

    virtual_world world_;
    virtual_descriptors descriptors_;

private:
    host_function current_host_;
};

// Implementation ------------------------------------------------------------

inline void virtual_files::crash(node_id node) {
    world_.set_up(node, false);
    descriptors_.crash(node);
    world_.destroy_all(node);
}

inline int virtual_files::pipe(int (&ends)[2]) noexcept {
    const no_faults scope;
    if (!descriptors_.has_room_for(2)) return -EMFILE;
    const auto node = this_host();
    auto& reader = world_.make<virtual_pipe>(node, virtual_pipe::direction::read);
    auto& writer = world_.make<virtual_pipe>(node, virtual_pipe::direction::write);
    virtual_pipe::join(reader, writer);
    ends[0] = descriptors_.add(reader);
    ends[1] = descriptors_.add(writer);
    return 0;
}

inline int virtual_files::close(int fd) noexcept {
    const no_faults scope;
    if (!descriptors_.is_open(fd)) return -EBADF;
    if (auto* const file = descriptors_.remove(fd)) file->close();
    return 0;
}

inline ssize_t virtual_files::read(int fd, void* data, std::size_t size) noexcept {
    const iovec part{data, size};
    return with_file(fd, [&](virtual_file& one) { return one.read({&part, 1}); });
}

inline ssize_t virtual_files::write(int fd, const void* data, std::size_t size) noexcept {
    const iovec part{const_cast<void*>(data), size};
    return with_file(fd, [&](virtual_file& one) { return one.write({&part, 1}); });
}

inline int virtual_files::lstat(const char* path, struct ::stat* what) noexcept {
    const no_faults scope;
    const auto node = this_host();
    return is_up(node) ? world_.paths.lstat(node, path, what) : -EIO;
}

inline int virtual_files::unlink(const char* path) noexcept {
    const no_faults scope;
    const auto node = this_host();
    return is_up(node) ? world_.paths.unlink(node, path) : -EIO;
}

inline ssize_t virtual_files::sendfile(int to, int from, off_t* offset,
                                        std::size_t size) noexcept {
    std::byte piece[16384];
    const auto most = std::min(size, sizeof piece);
    const auto got = offset ? ::pread(from, piece, most, *offset) : ::read(from, piece, most);
    if (got <= 0) return got == 0 ? 0 : -errno;
    const auto sent = write(to, piece, static_cast<std::size_t>(got));
    if (offset && sent > 0) *offset += sent;
    if (!offset && sent < got) ::lseek(from, std::max<ssize_t>(sent, 0) - got, SEEK_CUR);
    return sent;
}

inline readiness virtual_files::ready_now(int fd, readiness interest) noexcept {
    auto what = readiness::closed;
    with_file(fd, [&](virtual_file& one) {
        what = one.ready();
        if (!any(what & readiness::hangup)) what = what & interest;
        return 0;
    });
    return what;
}

} // namespace weft::testing
