// SPDX-License-Identifier: MIT
// An answer, before it is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

#include <weft/coro/async_generator.hpp>
#include <weft/loop/unique_fd.hpp>

namespace httpd {

/// A part of a file that is open.
struct file_part {
    weft::unique_fd file;
    std::uint64_t offset;
    std::uint64_t size;

    /// Takes what was sent off it: nothing, if the file ended before.
    void skip(std::size_t sent) {
        if (sent == 0 && size != 0) throw std::runtime_error("a file became shorter meanwhile");
        offset += sent;
        size -= sent;
    }
};

/// What is not known beforehand: pieces are sent as they are made, until there are no more.
using stream_of_pieces = weft::async_generator<std::string>;

/// The monostate: no body at all, as 204 and 304 have it.
using reply_body = std::variant<std::monostate, std::string, file_part, stream_of_pieces>;

class reply {
public:
    explicit reply(unsigned status, reply_body body = {})
        : status_(status), body_(std::move(body)) {}

    reply&& with(std::string_view field, std::string_view value) && {
        fields_.append(field).append(": ").append(value).append("\r\n");
        return std::move(*this);
    }

    unsigned status() const noexcept { return status_; }
    reply_body& body() noexcept { return body_; }

    /// Of a text or a file.
    std::uint64_t size() const noexcept;

    /// How the body ends, and what is then.
    enum class ending { by_length, by_chunks, by_closing };
    /// Appends the head to `to`.
    void append_head(std::string& to, ending how, std::string_view connection) const;

private:
    unsigned status_;
    std::string fields_;
    reply_body body_;
};

/// A short text for people, which says what went wrong.
reply error_reply(unsigned status, std::string_view why);

/// A page.
reply page(std::string_view content_type, std::string text);

} // namespace httpd
