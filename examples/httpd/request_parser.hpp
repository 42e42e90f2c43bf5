// SPDX-License-Identifier: MIT
// Requests out of bytes: Boost.Beast's parser, and what it leaves to its users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "request.hpp"

namespace httpd {

class request_parser {
public:
    request_parser(std::size_t header_limit, std::uint64_t body_limit);
    ~request_parser();

    /// Begins with the next request of the connection.
    void restart();

    /// Takes what it can from the beginning of `input`: at most the head, if that is not complete,
    /// or else a part of the body. Returns how many bytes; 0 if it needs more than there is.
    /// Errors  http_error: 400, 413, 417, 431, 501 or 505.
    std::size_t parse(std::string_view input);

    bool has_begun() const noexcept;
    bool head_is_complete() const noexcept;
    bool is_complete() const noexcept;

    const request& head() const noexcept;
    /// The part of the body that was parsed since the last call; its coding is undone.
    std::string take_body();

private:
    class implementation; // Beast takes long to compile
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace httpd
