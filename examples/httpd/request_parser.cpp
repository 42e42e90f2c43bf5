// SPDX-License-Identifier: MIT
#include "request_parser.hpp"

#include <optional>
#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace httpd {

namespace http = boost::beast::http;
using boost::beast::iequals;
using beast_error = boost::beast::error_code;
using beast_view = boost::beast::string_view;

namespace {

std::string to_string(beast_view text) { return {text.data(), text.size()}; }

unsigned status_of(const beast_error& code) {
    if (code == http::error::header_limit) return 431;
    if (code == http::error::body_limit) return 413;
    if (code == http::error::bad_version) return 505;
    return 400;
}

} // namespace

class request_parser::implementation final : public http::basic_parser<true> {
public:
    request head;
    std::string body;

private:
    void on_request_impl(http::verb, beast_view method, beast_view target, int version,
                         beast_error&) override {
        head.method = to_string(method);
        head.target = to_string(target);
        head.version = version;
    }

    void on_field_impl(http::field name, beast_view, beast_view value, beast_error&) override {
        if (is_header_done()) return; // a trailer, which must not change what was decided
        switch (name) {
        case http::field::host:
            ++hosts_;
            break;
        case http::field::content_type:
            head.content_type = to_string(value);
            break;
        case http::field::if_none_match:
            head.if_none_match = to_string(value);
            break;
        case http::field::if_modified_since:
            head.if_modified_since = to_string(value);
            break;
        case http::field::if_range:
            head.if_range = to_string(value);
            break;
        case http::field::range:
            head.range = to_string(value);
            break;
        case http::field::expect:
            if (!iequals(value, "100-continue"))
                throw http_error(417, "cannot do what Expect asks for: " + to_string(value));
            head.expects_continue = head.version >= 11;
            break;
        case http::field::transfer_encoding:
            // Beast takes a body in any other coding for none, and the body for the next request.
            if (!iequals(value, "chunked"))
                throw http_error(501, "unknown transfer coding: " + to_string(value));
            if (head.version < 11) throw http_error(400, "HTTP/1.0 has no transfer codings");
            break;
        default:
            break;
        }
    }

    void on_header_impl(beast_error&) override {
        if (hosts_ > 1 || (hosts_ == 0 && head.version >= 11))
            throw http_error(400, "one Host must be named");
        head.keep_alive = keep_alive();
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast_error&) override {}
    std::size_t on_body_impl(beast_view piece, beast_error&) override {
        body.append(piece.data(), piece.size());
        return piece.size();
    }
    void on_chunk_header_impl(std::uint64_t, beast_view, beast_error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast_view piece, beast_error&) override {
        body.append(piece.data(), piece.size());
        return piece.size();
    }
    void on_finish_impl(beast_error&) override {}
    void on_response_impl(int, beast_view, int, beast_error&) override {}

    int hosts_ = 0;
};

struct request_parser::state {
    std::size_t header_limit;
    std::uint64_t body_limit;
    std::size_t header_size = 0;
    std::optional<implementation> beast;

    state(std::size_t header, std::uint64_t body) : header_limit(header), body_limit(body) {}
};

request_parser::request_parser(std::size_t header_limit, std::uint64_t body_limit)
    : state_(std::make_unique<state>(header_limit, body_limit)) {
    restart();
}

request_parser::~request_parser() = default;

void request_parser::restart() {
    state_->header_size = 0;
    auto& beast = state_->beast.emplace();
    beast.header_limit(static_cast<std::uint32_t>(state_->header_limit));
    beast.body_limit(state_->body_limit);
}

std::size_t request_parser::parse(std::string_view input) {
    auto& beast = *state_->beast;
    std::size_t skipped = 0;
    if (!has_begun()) // "robust" clients end a body with an empty line
        while (input.substr(skipped).starts_with("\r\n")) skipped += 2;
    input.remove_prefix(skipped);
    if (input.empty() || input == "\r") return skipped;

    beast_error code;
    const bool in_head = !head_is_complete();
    const auto size = beast.put(boost::asio::const_buffer(input.data(), input.size()), code);
    if (code && code != http::error::need_more) throw http_error(status_of(code), code.message());
    if (in_head) { // Beast's limit is for what it has not taken yet
        state_->header_size += size;
        if (state_->header_size > state_->header_limit) throw http_error(431, code.message());
    }
    return skipped + size;
}

bool request_parser::has_begun() const noexcept { return state_->beast->got_some(); }
bool request_parser::head_is_complete() const noexcept { return state_->beast->is_header_done(); }
bool request_parser::is_complete() const noexcept { return state_->beast->is_done(); }
const request& request_parser::head() const noexcept { return state_->beast->head; }
std::string request_parser::take_body() { return std::exchange(state_->beast->body, {}); }

} // namespace httpd
