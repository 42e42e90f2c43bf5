// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <weft/coro/task.hpp>
#include <weft/loop/task_report.hpp>
#include <weft/testing/decisions.hpp>
#include <weft/testing/host.hpp>
#include <weft/testing/simulated_loop.hpp>
#include <weft/testing/virtual_kernel.hpp>
#include <weft/testing/virtual_network.hpp>

namespace weft::testing {

namespace detail {

/// What has to outlive the loop of a simulation, and what still lives there when it goes.
struct simulation_parts {
    explicit simulation_parts(decisions choices) : all_choices(std::move(choices)) {}

    /// Destroys the tasks of all hosts, the last host's first.
    void drop_hosts() noexcept {
        for (auto each = hosts.rbegin(); each != hosts.rend(); ++each) each->drop_tasks();
    }

    decisions all_choices;
    std::unique_ptr<virtual_kernel> kernel;
    std::deque<host> hosts;
};

} // namespace detail

/// An event loop in a world of its own: time is free, the network is in memory, and everything
/// that is chance follows from a seed. What runs in it is what would run outside.
///
///     weft::testing::simulation sim(seed);
///     auto& server = sim.add_host("server");
///     sim.set_default_link({.latency = 20ms, .jitter = 5ms, .loss = 0.01});
///     server.spawn(serve_clock);
///     sim.run([]() -> weft::task<> {
///         auto stream = co_await weft::connect("server", 7000);
///         ...
///     });
///
/// The same seed gives the same run, on every machine and compiler: see `trace_hash`. Seed 0 runs
/// what is ready in the order of a real loop; every other seed shuffles it, see `schedule`.
///
/// Errors   `run` throws `deadlock_error` when nothing can ever run again; its text lists who
///          waits for what, where, and because of whom.
/// Lifetime What runs in it, and its sockets, must go before it; tasks that are left are destroyed
///          with it, newest first.
/// Threads  One. What is given to threads works, and takes real time.
class simulation : detail::simulation_parts, public simulated_loop {
public:
    explicit simulation(std::uint64_t seed = 0) : simulation(decisions(seed)) {}
    /// Repeats the run from which `choices` come: see `explore`.
    explicit simulation(decisions choices)
        : simulation_parts(std::move(choices)),
          simulated_loop(all_choices, all_choices.seed() != 0 || all_choices.replays()) {
        kernel = std::make_unique<virtual_kernel>(
            *this, []() noexcept { return detail::current_node.get(); });
        kernel->add_node(detail::outside, "outside");
        system().set_calls(*kernel);
    }
    ~simulation() override {
        drop_hosts();
        hosts.clear(); // before the loop
    }

    /// Errors    Throws `std::invalid_argument` if there is one of that name, or it is "localhost",
    ///           which is each host's name for itself.
    /// Lifetime  As long as the simulation.
    host& add_host(std::string name) {
        const auto node = static_cast<node_id>(hosts.size() + 1);
        return hosts.emplace_back(*this, *kernel, std::move(name), node);
    }
    /// Null if there is none of that name.
    host* find_host(std::string_view name) noexcept {
        for (auto& each : hosts)
            if (each.name() == name) return &each;
        return nullptr;
    }

    using simulation_parts::drop_hosts;

    /// How it is to send between hosts of which nothing else is said: without delay at first. On
    /// one host there is never any.
    void set_default_link(link how) { kernel->network().set_default(how); }
    void set_link(host& a, host& b, link how) {
        kernel->network().set_link(a.node(), b.node(), how);
    }
    /// From now on nothing gets from one to the other. TCP keeps trying, later and later, up to
    /// 15 times; datagrams are lost.
    void partition(host& a, host& b) {
        kernel->network().set_partitioned(a.node(), b.node(), true);
    }
    void heal(host& a, host& b) { kernel->network().set_partitioned(a.node(), b.node(), false); }

    /// All TCP connections between the two are reset, at both ends.
    void reset_connections(host& a, host& b) { kernel->reset_connections(a.node(), b.node()); }

    /// The system that sockets are made of here.
    virtual_kernel& system_of_hosts() noexcept { return *kernel; }

protected:
    std::string deadlock_report() const override {
        task_report report(*this);
        for (const auto& each : hosts) report.add(each.tasks(), std::string(each.name()) + '/');
        return "nothing can ever become ready, and these wait:\n" + report.text();
    }

private:
    friend class host_scope; // knows the parts
};

/// Destroys the tasks of all hosts when it goes: a scenario whose hosts use its locals makes one
/// behind these, so that they go first however it ends.
///
///     explore(1000, [](simulation& sim) -> weft::task<> {
///         int served = 0;
///         const host_scope hosts(sim);
///         sim.add_host("server").spawn([&]() -> weft::task<> { ...; ++served; });
///         ...
///     });
///
/// Precondition  It goes in no task of a host.
class host_scope {
public:
    explicit host_scope(simulation& of) noexcept : parts_(of) {}
    host_scope(host_scope&&) = delete;
    ~host_scope() { parts_.drop_hosts(); }

private:
    detail::simulation_parts& parts_; // which are there when a task goes with the loop
};

} // namespace weft::testing
