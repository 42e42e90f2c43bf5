// SPDX-License-Identifier: MIT
#include "tls.hpp"

#include <stdexcept>
#include <utility>

#if __has_include(<openssl/ssl.h>)
#include <openssl/ssl.h>

#include <weft/compose/with_timeout.hpp>
#include <weft/net/tls_stream.hpp>

#include "client.hpp"

namespace httpd {

struct identity::state {
    weft::tls_context context;
};

identity::identity(const std::string& certificate, const std::string& key)
    : state_(new state{weft::tls_context::server(certificate, key)}) {}

weft::task<> identity::serve(weft::tcp_stream client, service& on) const {
    const auto agree = [this, &on](weft::tcp_stream plain) {
        return weft::with_timeout(on.wanted().header_timeout,
                                  weft::tls_accept(std::move(plain), state_->context));
    };
    return serve_client(std::move(client), on, agree);
}

#else

namespace httpd {

struct identity::state {};

identity::identity(const std::string&, const std::string&) {
    throw std::runtime_error("--cert: this program was built without OpenSSL");
}

weft::task<> identity::serve(weft::tcp_stream, service&) const { co_return; }

#endif

identity::~identity() = default;

} // namespace httpd
