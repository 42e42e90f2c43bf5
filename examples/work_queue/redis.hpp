// SPDX-License-Identifier: MIT
// A C library on weft's loop: hiredis's asynchronous interface. Nothing here is special to Redis
// but the names. Three things make a bridge:
//
//   1. "Call me when my descriptor is ready": the library's hooks set and clear two events, and
//      two tasks wait for an event, then for the descriptor, then call the library (`pumps_`).
//   2. "I shall call you back with your void*": from_callback makes an awaitable of it; the void*
//      is a released completer, made a completer again, once, in the callback (`on_reply`).
//   3. "I am gone": the library's last hook ends both tasks and the registration of the descriptor,
//      before that is closed (`cleanup`).
//
// Libraries that also want a timer (hiredis does from 1.0 on, if it is given time-outs of its own)
// get a third task that sleeps; here weft::with_timeout does better.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <weft/weft.hpp>

#include "redis_reply.hpp"

namespace redis {

/// No connection could be made, or it is lost. What became of the commands nobody knows.
class connection_error : public std::system_error {
public:
    using std::system_error::system_error;
};

/// The words of a command. Each may hold any bytes.
using words = std::vector<std::string>;

/// One connection to a Redis server. It is made in the background: the first command waits for it.
/// When it is lost it stays so; redis_client.hpp makes new ones.
///
/// SIGPIPE must be ignored, for hiredis is not careful about it.
/// Lifetime: while a command waits, the connection must live. It may be destroyed at any other
/// time, but not in a callback of hiredis.
class connection {
public:
    /// `address` is an IP address in figures, `name` what errors call the server.
    /// Errors: connection_error.
    connection(const std::string& address, std::uint16_t port, std::string name)
        : name_(std::move(name)), context_(open(address, port)), socket_(context_->c.fd) {
        pumps_.spawn(pump(to_read_, weft::readiness::readable));
        pumps_.spawn(pump(to_write_, weft::readiness::writable));
        hook_up();
    }
    connection(connection&&) = delete;
    ~connection() { context_.reset(); } // calls `cleanup`, so before the members go

    bool is_open() const noexcept { return context_ != nullptr; }

    /// Sends a command and waits for the reply. Any number of commands may be on their way; they
    /// are answered in order.
    /// Errors: server_error; connection_error. Lifetime: `command` is used when it is awaited.
    /// Cancel: the wait ends. The server may have done it, or do it yet; the reply is ignored.
    auto send(const words& command) {
        return weft::from_callback<reply>([this, &command](weft::completer<reply> done) {
            start(command, std::move(done));
        });
    }

private:
    struct free_context {
        void operator()(redisAsyncContext* context) const noexcept { redisAsyncFree(context); }
    };
    using owned_context = std::unique_ptr<redisAsyncContext, free_context>;

    owned_context open(const std::string& address, std::uint16_t port) const {
        owned_context context(redisAsyncConnect(address.c_str(), port)); // does not block
        if (!context) throw std::bad_alloc();
        if (context->err != REDIS_OK) throw failure(*context);
        ::fcntl(context->c.fd, F_SETFD, FD_CLOEXEC); // hiredis forgets to
        return context;
    }

    // ---- 1. Readiness ----

    void hook_up() noexcept {
        context_->data = this;
        auto& hooks = context_->ev;
        hooks.data = this;
        hooks.addRead = [](void* self) { of(self).to_read_.set(); };
        hooks.delRead = [](void* self) { of(self).to_read_.clear(); };
        hooks.addWrite = [](void* self) { of(self).to_write_.set(); };
        hooks.delWrite = [](void* self) { of(self).to_write_.clear(); };
        hooks.cleanup = [](void* self) { of(self).cleanup(); };
    }

    // watched_fd waits for a state, not for a change: hiredis need not read all there is.
    weft::task<> pump(weft::event& wanted, weft::readiness direction) {
        const bool reads = direction == weft::readiness::readable;
        for (;;) {
            co_await wanted.wait();
            if (reads)
                co_await socket_.readable();
            else
                co_await socket_.writable();
            if (!wanted.is_set()) continue; // not any more
            if (reads)
                redisAsyncHandleRead(context_.get());
            else
                redisAsyncHandleWrite(context_.get());
            // If that was the end of the connection, `cleanup` has cancelled this very task: it
            // ends where it would wait next.
        }
    }

    // ---- 2. Commands ----

    void start(const words& command, weft::completer<reply> done) {
        if (!context_) throw connection_error(ENOTCONN, std::generic_category(), name_);
        std::vector<const char*> text;
        std::vector<std::size_t> sizes;
        for (const auto& word : command) {
            text.push_back(word.data());
            sizes.push_back(word.size());
        }
        void* const waiting = std::move(done).release();
        const int accepted =
            redisAsyncCommandArgv(context_.get(), on_reply, waiting, static_cast<int>(text.size()),
                                  text.data(), sizes.data());
        if (accepted == REDIS_OK) return;
        weft::completer<reply>::from(waiting).set_exception( // taken back: no callback will
            std::make_exception_ptr(failure(*context_)));
    }

    // Called once for each command, without a reply if the connection is lost. If nobody waits any
    // more, the completer says so and that is all.
    static void on_reply(redisAsyncContext* context, void* answer, void* waiting) noexcept {
        const auto done = weft::completer<reply>::from(waiting);
        const auto* const from = static_cast<redisReply*>(answer);
        try {
            if (!from) throw of(context->data).failure(*context);
            if (from->type == REDIS_REPLY_ERROR)
                throw server_error(std::string(from->str, static_cast<std::size_t>(from->len)));
            done.set_value(reply(*from));
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    }

    connection_error failure(const redisAsyncContext& context) const {
        const int system_error = errno; // hiredis keeps the text only
        if (context.err == REDIS_ERR_IO && system_error != 0)
            return {system_error, std::generic_category(), name_};
        const auto code = context.err == REDIS_ERR_EOF  ? std::errc::connection_reset
                          : context.err == REDIS_ERR_IO ? std::errc::io_error
                          : context.err == REDIS_OK     ? std::errc::operation_canceled
                                                        : std::errc::protocol_error;
        return {std::make_error_code(code), name_};
    }

    // ---- 3. The end ----

    // hiredis is about to close the socket and to free the context.
    void cleanup() noexcept {
        pumps_.cancel();
        socket_.closing();
        [[maybe_unused]] const auto* const not_ours_to_free = context_.release();
    }

    static connection& of(void* self) noexcept { return *static_cast<connection*>(self); }

    std::string name_;
    owned_context context_; // null: lost
    weft::watched_fd socket_;
    weft::event to_read_, to_write_;
    weft::task_group pumps_{weft::this_loop(), weft::on_error::report}; // of no branch: see ~
};

} // namespace redis
