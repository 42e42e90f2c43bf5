// SPDX-License-Identifier: MIT
#include "reply.hpp"

#include <ctime>
#include <iterator>
#include <utility>

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include "http_date.hpp"

namespace httpd {

namespace {

std::string_view reason_of(unsigned status) {
    const auto text =
        boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
    return {text.data(), text.size()};
}

/// Written anew once a second.
const std::string& now_as_text() {
    thread_local std::time_t written = -1;
    thread_local std::string text;
    if (const std::time_t now = std::time(nullptr); now != written) {
        written = now;
        text = to_http_date(now);
    }
    return text;
}

} // namespace

std::uint64_t reply::size() const noexcept {
    if (const auto* text = std::get_if<std::string>(&body_)) return text->size();
    if (const auto* part = std::get_if<file_part>(&body_)) return part->size;
    return 0;
}

void reply::append_head(std::string& to, ending how, std::string_view connection) const {
    fmt::format_to(std::back_inserter(to), "HTTP/1.1 {} {}\r\nDate: {}\r\nServer: weft-httpd\r\n{}",
                   status_, reason_of(status_), now_as_text(), fields_);
    if (how == ending::by_chunks)
        to += "Transfer-Encoding: chunked\r\n";
    else if (how == ending::by_length && !std::holds_alternative<std::monostate>(body_))
        fmt::format_to(std::back_inserter(to), "Content-Length: {}\r\n", size());
    if (!connection.empty()) to.append("Connection: ").append(connection).append("\r\n");
    to += "\r\n";
}

reply error_reply(unsigned status, std::string_view why) {
    return reply(status, fmt::format("{} {}: {}\n", status, reason_of(status), why))
        .with("Content-Type", "text/plain; charset=utf-8");
}

reply page(std::string_view content_type, std::string text) {
    return reply(200, std::move(text)).with("Content-Type", content_type);
}

} // namespace httpd
