// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sys/socket.h>

#include <weft/core/awaitable.hpp>
#include <weft/core/branch.hpp>
#include <weft/coro/group.hpp>
#include <weft/coro/join_handle.hpp>
#include <weft/coro/task_group.hpp>
#include <weft/coro/task_local.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/testing/simulated_loop.hpp>
#include <weft/testing/virtual_kernel.hpp>
#include <weft/testing/virtual_network.hpp>

namespace weft::testing {

namespace detail {

/// What runs on no host, such as main, is outside: a host like any other, but for its name.
inline constexpr node_id outside = 0xfffe; // 10.0.255.254
inline constinit const task_local<node_id> current_node{outside};

} // namespace detail

/// A computer in a simulation: `simulation::add_host` makes it.
///
/// What is spawned on it, and whatever that spawns, uses the host's addresses: its sockets, and
/// those only, are there. Paths and names of unix sockets are its own as well: see `virtual_paths`.
/// Everything else is shared, as the tasks of one program share it.
///
/// Ownership  It owns the tasks that were spawned on it. They go on when `run` returns, until the
///            host crashes or the simulation is destroyed.
/// Errors     As `on_error::report`.
class host {
public:
    host(simulated_loop& loop, virtual_kernel& kernel, std::string name, node_id node)
        : loop_(loop), kernel_(kernel), name_(std::move(name)), node_(node),
          tasks_(loop, on_error::report) {
        kernel_.add_node(node_, name_);
    }
    host(host&&) = delete;

    /// Which `resolve` and `connect` know, too.
    std::string_view name() const noexcept { return name_; }
    node_id node() const noexcept { return node_; }
    const task_group& tasks() const noexcept { return tasks_; }

    /// Its address: 10.0.0.1 has the host that was added first, 10.0.0.2 the next one.
    endpoint at(std::uint16_t port) const noexcept {
        sockaddr_storage address;
        socklen_t size = sizeof address;
        const auto generic = reinterpret_cast<sockaddr*>(&address);
        place{AF_INET, node_, false, port}.write(generic, &size, AF_INET);
        return endpoint(generic, size);
    }

    template <class T>
    join_handle<T> spawn(task<T> child) {
        return spawn([kept = std::move(child)]() mutable { return std::move(kept); });
    }
    /// Runs `f(args...)` on this host, as `task_group::spawn`. Give it a name (`set_name`), and an
    /// error that nobody receives tells it. On a host that is down it runs, and nobody hears of it
    /// until `restart`.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
    join_handle<call_result_t<F, std::decay_t<Args>...>> spawn(F&& f, Args&&... args) {
        using call = bound_call<std::decay_t<F>, std::decay_t<Args>...>;
        return tasks_.spawn([node = node_, kept = call(std::forward<F>(f),
                                                       std::forward<Args>(args)...)]() mutable {
            return detail::current_node.with(node, std::move(kept));
        });
    }

    /// The power fails: its tasks are destroyed where they are, without clean-ups, its connections
    /// are gone without a word to their peers, and nobody reaches it until `restart`. If one of its
    /// own tasks says so, when that next waits.
    void crash() {
        if (this_execution.current && detail::current_node.get() == node_)
            loop_.post([this] { lose_power(); });
        else
            lose_power();
    }
    /// It can be reached again. Nothing runs there until something is spawned.
    void restart() { kernel_.restart(node_); }
    bool is_up() const noexcept { return kernel_.is_up(node_); }

    /// Destroys its tasks, as the simulation does in the end. That clean-ups are skipped is what
    /// was asked for, and reported to nobody.
    void drop_tasks() noexcept {
        const bool was_silent = loop_.set_silent(true);
        tasks_.drop_children();
        loop_.set_silent(was_silent);
    }

private:
    void lose_power() {
        // First the sockets: what is destroyed says no farewell.
        kernel_.crash(node_);
        drop_tasks();
    }

    simulated_loop& loop_;
    virtual_kernel& kernel_;
    std::string name_;
    node_id node_;
    task_group tasks_;
};

} // namespace weft::testing
