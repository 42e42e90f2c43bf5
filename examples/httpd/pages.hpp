// SPDX-License-Identifier: MIT
// What answers which path.
#pragma once

#include <string>

#include <weft/coro/task.hpp>

#include "reply.hpp"
#include "request.hpp"
#include "service.hpp"

namespace httpd {

/// The body of the request that is being answered.
class body_reader {
public:
    /// Waits for the next piece. Returns an empty one at the end.
    /// Errors  http_error: 400, 408 or 413.
    virtual weft::task<std::string> read_body() = 0;

protected:
    ~body_reader() = default;
};

/// Finds the answer to a request. `asked`, `body` and `on` must live until the reply has been sent:
/// it may stream from them.
weft::task<reply> answer(const request& asked, body_reader& body, service& on);

} // namespace httpd
