// SPDX-License-Identifier: MIT
#include "server.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include <weft/compose/when_all.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/net/serve.hpp>

#include "client.hpp"

namespace httpd {

namespace {

/// As many descriptors as the system allows: shells begin with few.
void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

weft::task<weft::tcp_stream> as_it_is(weft::tcp_stream client) { co_return client; }

} // namespace

server::worker::worker(common& shared, weft::endpoint at, weft::listen_options how)
    : signals(loop, {SIGINT, SIGTERM}, weft::repeated_signal::takes_default_action), own(shared),
      entrance(weft::tcp_listener(loop, at, how), own.stopping) {}

server::server(const options& wanted) : shared_(wanted) {
    raise_descriptor_limit();
    if (wanted.is_secure()) identity_.emplace(wanted.certificate, wanted.key);
    weft::listen_options how;
    how.reuse_port = wanted.threads > 1;
    weft::endpoint at(wanted.address, wanted.port);
    while (workers_.size() < wanted.threads) {
        auto& added = workers_.emplace_back(shared_, at, how);
        shared_.loops.push_back(added.loop.handle());
        at = added.entrance.listener().local_endpoint(); // the others share its port
    }
}

std::string server::url() const {
    return fmt::format("{}://{}", identity_ ? "https" : "http",
                       workers_.front().entrance.listener().local_endpoint().to_string());
}

void server::run() {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < workers_.size(); ++i)
        threads.emplace_back([this, i] { run_one(workers_[i]); });
    run_one(workers_.front());
    threads.clear();
    if (failure_) std::rethrow_exception(failure_);
}

void server::run_one(worker& self) {
    try {
        self.loop.run(work(self));
    } catch (...) {
        const std::lock_guard guard(mutex_);
        if (!failure_) failure_ = std::current_exception();
        for (worker& each : workers_)
            each.loop.post_threadsafe([&each] { each.own.stopping.set(); });
    }
}

weft::task<> server::work(worker& self) {
    const auto handle = [this, &self](weft::tcp_stream client) {
        if (identity_) return identity_->serve(std::move(client), self.own);
        return serve_client(std::move(client), self.own, &as_it_is);
    };
    const auto await_signal = [&self]() -> weft::task<> {
        co_await weft::when_any(self.signals.next(), self.own.stopping.wait());
        self.own.stopping.set();
    };
    weft::serve_options how;
    const auto& wanted = shared_.wanted;
    how.max_connections = (wanted.max_connections + wanted.threads - 1) / wanted.threads;
    how.drain = weft::to_duration(wanted.drain);
    how.stop = &self.entrance.closed();
    co_await weft::when_all(weft::serve(self.entrance, handle, how), await_signal(),
                            self.entrance.close_in_time());
}

} // namespace httpd
