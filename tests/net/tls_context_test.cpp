// SPDX-License-Identifier: MIT
#include <weft/net/tls_context.hpp>

#include <string>
#include <system_error>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using weft::tls_context;

namespace {

template <class F> std::system_error error_of(F f) {
    try {
        f();
    } catch (const std::system_error& error) {
        return error;
    }
    return std::system_error(std::error_code(), "no error");
}

} // namespace

TEST_CASE("a client's context verifies, unless it is told not to", "[net][tls_context]") {
    auto context = tls_context::client();
    CHECK_FALSE(context.is_server());
    CHECK(context.verifies());
    CHECK(tls_context::client(certificates::instance().path("ca.pem")).verifies());

    context.trust_anybody();
    CHECK_FALSE(context.verifies());
}

TEST_CASE("a server's context shows its certificate, and may ask for the client's",
          "[net][tls_context]") {
    const auto& files = certificates::instance();
    auto context = tls_context::server(files.path("server.pem"), files.path("server.key"));
    CHECK(context.is_server());
    CHECK_FALSE(context.verifies());

    context.trust(files.path("ca.pem"));
    context.require_client_certificate();
    CHECK(context.verifies());
}

TEST_CASE("a file that does not exist is an error that names it", "[net][tls_context]") {
    const auto& files = certificates::instance();
    auto error = error_of([] { tls_context::client("/no/such/ca.pem"); });
    CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("/no/such/ca.pem"));
    CHECK(error.code() == std::errc::no_such_file_or_directory);

    error = error_of([&] { tls_context::server("/no/chain.pem", files.path("server.key")); });
    CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("/no/chain.pem"));
    error = error_of([&] { tls_context::server(files.path("server.pem"), "/no/key.pem"); });
    CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("/no/key.pem"));
}

TEST_CASE("what is not a certificate, or not its key, is an error with the reason",
          "[net][tls_context]") {
    const auto& files = certificates::instance();
    auto error = error_of([&] { tls_context::client(files.path("log")); });
    CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring(files.path("log")));
    CHECK(error.code().category() == weft::tls_category());

    error = error_of([&] {
        tls_context::server(files.path("server.pem"), files.path("client.key"));
    });
    CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("key values mismatch"));
}

TEST_CASE("the category knows OpenSSL's reasons", "[net][tls_context]") {
    CHECK(std::string(weft::tls_category().name()) == "tls");
    CHECK(weft::tls_category().message(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED)) ==
          "certificate verify failed");
    CHECK_THAT(weft::tls_category().message(1), Catch::Matchers::ContainsSubstring("unknown"));
}
