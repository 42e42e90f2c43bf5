// SPDX-License-Identifier: MIT
// The head of a request: what this server wants to know of it.
#pragma once

#include <stdexcept>
#include <string>

namespace httpd {

struct request {
    std::string method;
    std::string target; // as it came
    int version = 11;   // 10: HTTP/1.0
    bool keep_alive = false;
    bool expects_continue = false;

    // Of the fields; empty if there is none.
    std::string content_type;
    std::string if_none_match;
    std::string if_modified_since;
    std::string if_range;
    std::string range;

    bool is_head() const noexcept { return method == "HEAD"; }
};

/// A request that cannot be answered as it was meant, and after which nothing more can be
/// understood: the client is told, and the connection is closed.
class http_error : public std::runtime_error {
public:
    http_error(unsigned status, const std::string& what)
        : std::runtime_error(what), status_(status) {}
    unsigned status() const noexcept { return status_; }

private:
    unsigned status_;
};

} // namespace httpd
