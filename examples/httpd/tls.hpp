// SPDX-License-Identifier: MIT
// HTTPS, if the program was built with OpenSSL.
#pragma once

#include <memory>
#include <string>

#include <weft/coro/task.hpp>
#include <weft/net/tcp_stream.hpp>

#include "service.hpp"

namespace httpd {

/// Who this server is. Shared by all threads.
class identity {
public:
    /// Errors  Throws std::system_error that names the file; std::runtime_error without OpenSSL.
    identity(const std::string& certificate, const std::string& key);
    ~identity();

    weft::task<> serve(weft::tcp_stream client, service& on) const;

private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace httpd
