// SPDX-License-Identifier: MIT
// The whole server: loops, listeners, signals, and the end.
#pragma once

#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>

#include <weft/coro/task.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/os/signal_set.hpp>

#include "door.hpp"
#include "options.hpp"
#include "service.hpp"
#include "tls.hpp"

namespace httpd {

class server {
public:
    /// Listens.
    /// Errors  Throws std::exception that names the port, the folder or the file.
    explicit server(const options& wanted);

    /// "http://127.0.0.1:8080"
    std::string url() const;

    /// Serves until a signal comes; returns when all that was begun is done.
    /// Errors  Rethrows what ended one of the loops; the others are stopped then.
    void run();

private:
    /// What one thread runs.
    struct worker {
        worker(common& shared, weft::endpoint at, weft::listen_options how);

        weft::event_loop loop;
        weft::signal_set signals;
        service own;
        door entrance;
    };

    weft::task<> work(worker& self);
    void run_one(worker& self);

    common shared_;
    std::optional<identity> identity_;
    std::deque<worker> workers_;
    std::mutex mutex_;
    std::exception_ptr failure_;
};

} // namespace httpd
