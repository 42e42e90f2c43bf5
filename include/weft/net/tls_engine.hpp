// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <weft/core/raise.hpp>
#include <weft/net/buffer.hpp>
#include <weft/net/tls_context.hpp>

namespace weft {

/// One side of a TLS connection without the connection: it turns bytes into other bytes, and never
/// waits. `tls_stream` moves them; use this one to move them in a way of your own.
///
/// `feed` it what has arrived from the peer; after any call, send what `take_output` gives.
/// Errors  `std::system_error` of `tls_category`, which names the peer and OpenSSL's reason. Where
///         there is an `error` and it is not null, the code is stored there instead; success leaves
///         it as it is.
class tls_engine {
public:
    /// `host` is the name or the IP address that a client wants to talk to, which the server's
    /// certificate must be for. A server leaves it empty.
    /// Errors  Throws `std::invalid_argument` if a client that verifies is given no `host`.
    explicit tls_engine(const tls_context& context, std::string host = {});

    /// Goes on with the handshake. Returns whether that is over, and if so how it ended; nothing:
    /// it needs more input. There may be output also after a failure: it tells the peer why.
    std::optional<std::error_code> handshake() noexcept;
    /// Throws what `handshake` returned as an error, with what is known about it.
    [[noreturn]] void raise_handshake_error(const std::error_code& code) const;
    /// Whether the handshake was successful.
    bool is_up() const noexcept { return is_up_; }

    /// Decrypts what was fed. Returns how many bytes; 0 if the peer has said that no more will
    /// come; nothing: it needs more input. Precondition: `to` is not empty.
    std::optional<std::size_t> read(mutable_buffer to, std::error_code* error = nullptr);
    /// Encrypts at most one record. Returns how much of `from` is in it.
    std::size_t write(const_buffer from, std::error_code* error = nullptr);
    /// Says to the peer that no more will be written. No effect the second time.
    void finish(std::error_code* error = nullptr);

    /// Takes what has arrived from the peer.
    void feed(const_buffer arrived, std::error_code* error = nullptr);
    /// The peer's stream has ended, and it has not said so before: somebody else may have cut it.
    /// That is an error.
    void cut_off(std::error_code* error = nullptr) const;

    bool has_output() const noexcept { return BIO_ctrl_pending(output_) != 0; }
    /// Moves what is to be sent to the peer. Returns how many bytes.
    std::size_t take_output(mutable_buffer to) noexcept;

    /// For what OpenSSL can do besides.
    SSL* native_handle() const noexcept { return ssl_.get(); }

private:
    struct free_ssl {
        void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    };

    void set_host();
    /// Throws `code`, or stores it in `error`.
    void fail(const std::error_code& code, const char* doing,
              std::error_code* error = nullptr) const {
        if (!error) raise<std::system_error>(code, std::string("TLS: ") + doing + peer());
        *error = code;
    }
    std::string peer() const { return host_.empty() ? "the peer" : host_; }

    std::string host_;
    std::unique_ptr<SSL, free_ssl> ssl_; // owns the two below
    BIO* input_ = nullptr;
    BIO* output_ = nullptr;
    bool is_up_ = false; // OpenSSL would take it back while new keys are agreed on
};

// Implementation ------------------------------------------------------------

inline tls_engine::tls_engine(const tls_context& context, std::string host)
    : host_(std::move(host)), ssl_(SSL_new(context.native_handle())) {
    if (!context.is_server() && context.verifies() && host_.empty())
        raise<std::invalid_argument>("TLS: a client has to know whom it talks to");
    if (ssl_) input_ = BIO_new(BIO_s_mem());
    if (input_) output_ = BIO_new(BIO_s_mem());
    if (!output_) {
        BIO_free(input_);
        fail(detail::take_tls_error(), "making a connection to ");
    }
    SSL_set_bio(native_handle(), input_, output_);
    if (context.is_server()) {
        SSL_set_accept_state(native_handle());
    } else {
        SSL_set_connect_state(native_handle());
        if (!host_.empty()) set_host();
    }
}

inline void tls_engine::set_host() {
    auto* checks = SSL_get0_param(native_handle());
    // The names of certificates are not those of addresses, and an address is no name to ask for.
    if (X509_VERIFY_PARAM_set1_ip_asc(checks, host_.c_str()) == 1) return;
    ERR_clear_error();
    // RFC 9525: no part of a name, and not what the certificate calls its subject.
    SSL_set_hostflags(native_handle(),
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (SSL_set1_host(native_handle(), host_.c_str()) != 1 ||
        SSL_set_tlsext_host_name(native_handle(), host_.c_str()) != 1)
        fail(detail::take_tls_error(), "a connection to ");
}

inline std::optional<std::error_code> tls_engine::handshake() noexcept {
    ERR_clear_error();
    const int result = SSL_do_handshake(native_handle());
    is_up_ = result == 1;
    if (is_up_) return std::error_code();
    if (SSL_get_error(native_handle(), result) == SSL_ERROR_WANT_READ) return std::nullopt;
    return detail::take_tls_error();
}

inline void tls_engine::raise_handshake_error(const std::error_code& code) const {
    std::string doing = "handshake with " + peer();
    if (const long verdict = SSL_get_verify_result(native_handle()); verdict != X509_V_OK)
        doing.append(" (").append(X509_verify_cert_error_string(verdict)).append(")");
    raise<std::system_error>(code, "TLS: " + doing);
}

inline std::optional<std::size_t> tls_engine::read(mutable_buffer to, std::error_code* error) {
    ERR_clear_error();
    std::size_t size = 0;
    const int result = SSL_read_ex(native_handle(), to.data(), to.size(), &size);
    if (result == 1) return size;
    switch (SSL_get_error(native_handle(), result)) {
    case SSL_ERROR_WANT_READ: return std::nullopt;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: fail(detail::take_tls_error(), "reading from ", error); return 0;
    }
}

inline std::size_t tls_engine::write(const_buffer from, std::error_code* error) {
    ERR_clear_error();
    std::size_t size = 0;
    const auto record = from.first(std::min<std::size_t>(from.size(), SSL3_RT_MAX_PLAIN_LENGTH));
    if (!record.empty() &&
        SSL_write_ex(native_handle(), record.data(), record.size(), &size) != 1)
        fail(detail::take_tls_error(), "writing to ", error);
    return size;
}

inline void tls_engine::finish(std::error_code* error) {
    // A second call would wait for the peer's end.
    if (SSL_get_shutdown(native_handle()) & SSL_SENT_SHUTDOWN) return;
    ERR_clear_error();
    if (SSL_shutdown(native_handle()) < 0)
        fail(detail::take_tls_error(), "ending the stream to ", error);
}

inline void tls_engine::feed(const_buffer arrived, std::error_code* error) {
    std::size_t taken = 0;
    if (!arrived.empty() && BIO_write_ex(input_, arrived.data(), arrived.size(), &taken) != 1)
        fail(detail::take_tls_error(), "taking in what came from ", error);
}

inline void tls_engine::cut_off(std::error_code* error) const {
    fail({ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING), tls_category()},
         "the stream was cut off by ", error);
}

inline std::size_t tls_engine::take_output(mutable_buffer to) noexcept {
    std::size_t size = 0;
    BIO_read_ex(output_, to.data(), to.size(), &size);
    return size;
}

} // namespace weft
