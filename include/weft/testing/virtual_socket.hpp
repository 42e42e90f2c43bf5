// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <map>
#include <utility>

#include <sys/socket.h>

#include <weft/testing/byte_queue.hpp>
#include <weft/testing/virtual_place.hpp>
#include <weft/testing/virtual_world.hpp>

namespace weft::testing {

/// A socket of a simulated host: what those of all families have in common.
class virtual_socket : public virtual_file {
public:
    virtual_socket(virtual_world& world, node_id node, int family, int type, int protocol) noexcept
        : virtual_file(world, node), family_(family), type_(type), protocol_(protocol) {}

    int family() const noexcept { return family_; }
    int type() const noexcept { return type_; }
    int protocol() const noexcept { return protocol_; }
    const place& local() const noexcept { return local_; }
    const place& remote() const noexcept { return remote_; }

    bool aborts = false; ///< SO_LINGER of no time
    std::size_t send_capacity = 212'992;
    std::size_t receive_capacity = 212'992;
    std::map<std::pair<int, int>, int> options; ///< by level and name: those that are mere numbers
    int option(int level, int name) const noexcept {
        const auto found = options.find({level, name});
        return found == options.end() ? 0 : found->second;
    }

    /// Returns the error that is pending, and forgets it.
    int take_error() noexcept { return std::exchange(error_, 0); }

    virtual bool is_connected() const noexcept = 0;
    virtual bool is_listening() const noexcept { return false; }
    virtual int bind(const place& at) = 0;
    virtual int connect(const place& to) = 0;
    virtual int listen(int) { return -EOPNOTSUPP; }
    virtual int accept(virtual_socket*&) { return -EOPNOTSUPP; }
    virtual int shutdown(int how) = 0;
    virtual ssize_t receive(const gathered_buffers& to, int flags, place* from, int* got_flags) = 0;
    virtual ssize_t send(const gathered_buffers& from, const place* to) = 0;

    virtual_socket* as_socket() noexcept final { return this; }
    ssize_t read(const gathered_buffers& to) final { return receive(to, 0, nullptr, nullptr); }
    ssize_t write(const gathered_buffers& from) final { return send(from, nullptr); }

protected:
    int family_;
    int type_;
    int protocol_;
    place local_;
    place remote_;
    int error_ = 0;
};

} // namespace weft::testing
