// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <weft/loop/readiness.hpp>
#include <weft/loop/timer_queue.hpp>
#include <weft/testing/byte_queue.hpp>
#include <weft/testing/no_faults.hpp>
#include <weft/testing/simulated_loop.hpp>
#include <weft/testing/virtual_network.hpp>
#include <weft/testing/virtual_paths.hpp>
#include <weft/testing/virtual_ports.hpp>

namespace weft::testing {

class virtual_world;
class virtual_socket;

/// What a descriptor of a simulated host stands for: an end of a pipe, or a socket. What returns a
/// number returns a negative `errno` when it fails.
class virtual_file {
public:
    virtual_file(virtual_world& world, node_id node) noexcept : world_(world), node_(node) {}
    virtual_file(virtual_file&&) = delete;
    virtual ~virtual_file() = default;

    node_id node() const noexcept { return node_; }
    /// Null if it is none.
    virtual virtual_socket* as_socket() noexcept { return nullptr; }

    /// Its descriptor; -1: it has none yet, or no more.
    int fd = -1;

    virtual readiness ready() const noexcept = 0;
    virtual ssize_t read(const gathered_buffers& to) = 0;
    virtual ssize_t write(const gathered_buffers& from) = 0;
    /// The network resets its connection to that host, if it is one.
    virtual void cut_off(node_id) {}
    /// Its descriptor is gone. It may destroy itself, now or when it has sent all it has.
    virtual void close() = 0;

protected:
    /// Who waits for `what` goes on at once: not to be called while a system call is made.
    void report(readiness what) noexcept;
    /// Who waits for what holds in the next turn goes on then.
    void report_later() noexcept;

    virtual_world& world_;
    node_id node_;

private:
    friend virtual_world;
    std::list<std::unique_ptr<virtual_file>>::iterator self_;
};

/// Something on its way that arrives once, whatever becomes of its sender.
class in_flight : public timer {
public:
    explicit in_flight(virtual_world& world) noexcept : timer(&fired), world_(world) {}
    virtual ~in_flight() = default;

protected:
    virtual void arrive() = 0;

    virtual_world& world_;

private:
    friend virtual_world;
    static void fired(timer& self) noexcept;

    std::list<std::unique_ptr<in_flight>>::iterator self_;
};

/// Everything on the simulated hosts that has to do with files.
class virtual_world {
public:
    explicit virtual_world(simulated_loop& runs_in) noexcept : loop(runs_in) {}
    virtual_world(virtual_world&&) = delete;

    simulated_loop& loop;
    virtual_network network;
    virtual_ports ports;
    virtual_paths paths;

    std::int64_t now() const noexcept { return loop.now().time_since_epoch().count(); }
    void arm(timer& one, std::int64_t at) noexcept { loop.arm(one, time_point(duration(at))); }

    template <class File, class... Args>
    File& make(Args&&... args) {
        files_.push_back(std::make_unique<File>(*this, std::forward<Args>(args)...));
        files_.back()->self_ = std::prev(files_.end());
        return static_cast<File&>(*files_.back());
    }
    void destroy(virtual_file& one) noexcept { files_.erase(one.self_); }
    /// The files of a host whose power fails: nobody is told.
    void destroy_all(node_id node) noexcept {
        std::erase_if(files_, [&](const auto& each) { return each->node() == node; });
    }
    /// The files of `node` lose their connections to `peer`.
    void cut_off(node_id node, node_id peer) {
        std::vector<virtual_file*> all; // some go
        for (auto& each : files_)
            if (each->node() == node) all.push_back(each.get());
        for (auto* each : all) each->cut_off(peer);
    }

    /// Lets `one` arrive at that time.
    void launch(std::unique_ptr<in_flight> one, std::int64_t at) {
        arm(*one, at);
        flying_.push_back(std::move(one));
        flying_.back()->self_ = std::prev(flying_.end());
    }

    bool is_up(node_id node) const noexcept { return up_.contains(node); }
    void set_up(node_id node, bool up) {
        if (up)
            up_.insert(node);
        else
            up_.erase(node);
    }
    /// Whether something can get from one to the other now.
    bool reaches(node_id from, node_id to) {
        return is_up(from) && is_up(to) && !network.is_cut(from, to);
    }

private:
    friend in_flight;

    std::set<node_id> up_;
    std::list<std::unique_ptr<in_flight>> flying_;
    std::list<std::unique_ptr<virtual_file>> files_; // go first: they give up their names
};

// Implementation ------------------------------------------------------------

inline void virtual_file::report(readiness what) noexcept {
    if (fd >= 0) world_.loop.system().report(fd, what);
}

inline void virtual_file::report_later() noexcept {
    if (fd >= 0) world_.loop.system().report_again(fd);
}

inline void in_flight::fired(timer& self) noexcept {
    const no_faults scope;
    auto& one = static_cast<in_flight&>(self);
    const auto own = std::move(*one.self_);
    one.world_.flying_.erase(one.self_);
    one.arrive();
}

} // namespace weft::testing
