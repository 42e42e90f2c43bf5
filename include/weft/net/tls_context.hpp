// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <system_error>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <weft/core/raise.hpp>

namespace weft {

/// The category of OpenSSL's errors: the code is OpenSSL's, the message its reason.
const std::error_category& tls_category() noexcept;

/// The certificates of one side of TLS connections, and what it thinks of the other side's: made
/// once, used for any number of `tls_stream`s. OpenSSL's defaults hold, from TLS 1.2 on.
///
///     auto context = weft::tls_context::client();
///     auto context = weft::tls_context::server("chain.pem", "key.pem");
///
/// Files are in PEM format.
/// Errors    Every member throws `std::system_error` that names the file and OpenSSL's reason.
/// Lifetime  It may go before the streams that were made with it.
class tls_context {
public:
    /// For clients. They trust whom the system trusts, and check the server's certificate and name.
    static tls_context client();
    /// For clients that trust only who is certified by those in `trusted_file`.
    static tls_context client(const std::string& trusted_file);
    /// For servers, which show the certificates in `chain_file`, their own first.
    static tls_context server(const std::string& chain_file, const std::string& key_file);

    /// Trusts those in `file`, too.
    void trust(const std::string& file);
    /// Shows these certificates to the other side, if that asks for one.
    void use_certificate(const std::string& chain_file, const std::string& key_file);
    /// For servers: who has no certificate, or one that is not trusted, is refused. See `trust`.
    void require_client_certificate();
    /// For clients: takes any certificate of anybody. What is sent can be read by whoever is in
    /// between.
    void trust_anybody() noexcept;

    bool is_server() const noexcept { return is_server_; }
    bool verifies() const noexcept {
        return SSL_CTX_get_verify_mode(native_handle()) != SSL_VERIFY_NONE;
    }

    /// For what OpenSSL can do besides.
    SSL_CTX* native_handle() const noexcept { return context_.get(); }

private:
    struct free_context {
        void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    };

    explicit tls_context(bool is_server);

    std::unique_ptr<SSL_CTX, free_context> context_;
    bool is_server_;
};

// Implementation ------------------------------------------------------------

inline const std::error_category& tls_category() noexcept {
    static const struct final : std::error_category {
        const char* name() const noexcept override { return "tls"; }
        std::string message(int code) const override {
            ::OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, nullptr);
            const char* reason =
                ERR_reason_error_string(static_cast<unsigned long>(static_cast<unsigned>(code)));
            return reason ? reason : "unknown TLS error " + std::to_string(code);
        }
    } category;
    return category;
}

namespace detail {

/// Takes the first of OpenSSL's errors on this thread, where the trouble began, and forgets the
/// others.
inline std::error_code take_tls_error() noexcept {
    const unsigned long first = ERR_get_error();
    ERR_clear_error();
    if (ERR_SYSTEM_ERROR(first)) return {ERR_GET_REASON(first), std::system_category()};
    return {static_cast<int>(first), tls_category()};
}

inline void require_tls(bool succeeded, const std::string& what) {
    if (!succeeded) raise<std::system_error>(take_tls_error(), "TLS: " + what);
}

} // namespace detail

inline tls_context::tls_context(bool is_server)
    : context_(SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method())),
      is_server_(is_server) {
    detail::require_tls(context_ != nullptr, "making a context");
    SSL_CTX_set_min_proto_version(native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(native_handle(), SSL_OP_NO_RENEGOTIATION);
    // Connections that wait need no buffers of their own.
    SSL_CTX_set_mode(native_handle(), SSL_MODE_RELEASE_BUFFERS);
    if (!is_server) SSL_CTX_set_verify(native_handle(), SSL_VERIFY_PEER, nullptr);
}

inline tls_context tls_context::client() {
    tls_context result(false);
    detail::require_tls(SSL_CTX_set_default_verify_paths(result.native_handle()) == 1,
                        "asking the system whom to trust");
    return result;
}

inline tls_context tls_context::client(const std::string& trusted_file) {
    tls_context result(false);
    result.trust(trusted_file);
    return result;
}

inline tls_context tls_context::server(const std::string& chain_file,
                                       const std::string& key_file) {
    tls_context result(true);
    result.use_certificate(chain_file, key_file);
    return result;
}

inline void tls_context::trust(const std::string& file) {
    ERR_clear_error();
    detail::require_tls(SSL_CTX_load_verify_file(native_handle(), file.c_str()) == 1,
                        "reading the trusted certificates in " + file);
}

inline void tls_context::use_certificate(const std::string& chain_file,
                                         const std::string& key_file) {
    ERR_clear_error();
    detail::require_tls(
        SSL_CTX_use_certificate_chain_file(native_handle(), chain_file.c_str()) == 1,
        "reading the certificates in " + chain_file);
    detail::require_tls(
        SSL_CTX_use_PrivateKey_file(native_handle(), key_file.c_str(), SSL_FILETYPE_PEM) == 1,
        "reading the key in " + key_file + " for the certificate in " + chain_file);
}

inline void tls_context::require_client_certificate() {
    SSL_CTX_set_verify(native_handle(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // Sessions that are resumed belong to what has verified them.
    static constexpr unsigned char name[] = "weft";
    detail::require_tls(
        SSL_CTX_set_session_id_context(native_handle(), name, sizeof name - 1) == 1,
        "naming the sessions");
}

inline void tls_context::trust_anybody() noexcept {
    SSL_CTX_set_verify(native_handle(), SSL_VERIFY_NONE, nullptr);
}

} // namespace weft
