// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <weft/core/raise.hpp>

namespace weft {

class unique_socket;

/// Where a socket is or goes to: an IP address and a port, or a unix path. No names of hosts: for
/// these there is `resolve`.
///
///     weft::endpoint("127.0.0.1:80")      weft::endpoint("[fe80::1%eth0]:80")
///     weft::endpoint("unix:/run/socket")  weft::endpoint("unix:@abstract")
///
/// `to_string` writes it as it is read, the scope of an IPv6 address as a number.
class endpoint {
public:
    /// Nowhere: it has no family.
    endpoint() noexcept = default;

    /// Errors  Throws `std::system_error`, with the text in it, if that is none of the forms above.
    explicit endpoint(std::string_view text);
    /// `address` in figures, without brackets. Errors as above.
    endpoint(std::string_view address, std::uint16_t port);
    /// What the system calls an address. What is longer than any that is known is cut off.
    endpoint(const sockaddr* address, socklen_t size) noexcept;

    /// A path in the file system, or with a leading '@' a name in the abstract namespace of Linux.
    /// Errors  ENAMETOOLONG: 107 bytes are the most. EINVAL: nothing, or a path with a null byte.
    ///         Without `code` thrown as `std::system_error`.
    static endpoint unix_path(std::string_view path);
    static endpoint unix_path(std::string_view path, std::error_code& code) noexcept;

    /// As the constructors, but returns nothing instead of throwing.
    static std::optional<endpoint> parse(std::string_view text) noexcept;
    static std::optional<endpoint> parse(std::string_view address, std::uint16_t port) noexcept;

    /// Every address of this machine, for listeners. `any_v6` serves IPv4 as well: listen_options.
    static endpoint any(std::uint16_t port) noexcept { return v4(INADDR_ANY, port); }
    static endpoint any_v6(std::uint16_t port) noexcept { return v6(in6addr_any, port, 0); }
    /// This machine only.
    static endpoint loopback(std::uint16_t port) noexcept { return v4(INADDR_LOOPBACK, port); }
    static endpoint loopback_v6(std::uint16_t port) noexcept {
        return v6(in6addr_loopback, port, 0);
    }

    /// AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC.
    int family() const noexcept { return address_.any.sa_family; }
    bool is_ip() const noexcept { return family() == AF_INET || family() == AF_INET6; }

    /// Returns 0 if it has none.
    std::uint16_t port() const noexcept;
    /// The address without the port, or the unix path as `unix_path` takes it.
    std::string address() const;
    std::string to_string() const;

    const sockaddr* data() const noexcept { return &address_.any; }
    socklen_t size() const noexcept { return size_; }

    friend std::strong_ordering operator<=>(const endpoint& a, const endpoint& b) noexcept;
    friend bool operator==(const endpoint& a, const endpoint& b) noexcept {
        return (a <=> b) == std::strong_ordering::equal;
    }

private:
    friend unique_socket; // keeps less of one, and makes it from that

    static endpoint v4(std::uint32_t address, std::uint16_t port) noexcept;
    static endpoint v6(const in6_addr& address, std::uint16_t port, std::uint32_t scope) noexcept;

    // What is in sun_path: an abstract name begins with a null byte, of which it may hold more.
    std::string_view local_name() const noexcept;

    union storage {
        sockaddr_un local{};
        sockaddr_in6 v6;
        sockaddr_in v4;
        sockaddr any;
    };
    storage address_{};
    socklen_t size_ = 0;
};

static_assert(std::is_trivially_copyable_v<endpoint>);

// Implementation ------------------------------------------------------------

namespace detail {

inline constexpr std::size_t before_path = offsetof(sockaddr_un, sun_path);

template <class Number>
std::optional<Number> to_number(std::string_view text) noexcept {
    Number number{};
    const auto end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return number;
}

// Also the null byte that the system's functions need.
using address_text = std::array<char, INET6_ADDRSTRLEN + IF_NAMESIZE>;
inline bool copy(std::string_view text, address_text& to) noexcept {
    if (text.size() >= to.size() || text.find('\0') != text.npos) return false;
    *std::copy(text.begin(), text.end(), to.begin()) = '\0';
    return true;
}

} // namespace detail

inline endpoint::endpoint(std::string_view text) {
    if (text.starts_with("unix:") && text.size() > 5) {
        *this = unix_path(text.substr(5));
    } else if (const auto parsed = parse(text)) {
        *this = *parsed;
    } else {
        raise<std::system_error>(EINVAL, std::generic_category(),
                                 "not an address and port: \"" + std::string(text) + '"');
    }
}

inline endpoint::endpoint(std::string_view address, std::uint16_t port) {
    const auto parsed = parse(address, port);
    if (!parsed)
        raise<std::system_error>(EINVAL, std::generic_category(),
                                 "not an IP address: \"" + std::string(address) + '"');
    *this = *parsed;
}

inline endpoint::endpoint(const sockaddr* address, socklen_t size) noexcept
    : size_(std::min(size, static_cast<socklen_t>(sizeof address_))) {
    std::memcpy(static_cast<void*>(&address_), address, size_);
}

inline endpoint endpoint::unix_path(std::string_view path) {
    std::error_code code;
    auto made = unix_path(path, code);
    if (code)
        raise<std::system_error>(code, "not a unix path: \"" + std::string(path) + '"');
    return made;
}

inline std::optional<endpoint> endpoint::parse(std::string_view text) noexcept {
    if (text.starts_with("unix:")) {
        std::error_code code;
        auto made = unix_path(text.substr(5), code);
        return code ? std::nullopt : std::optional(made);
    }
    const auto colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    const auto port = detail::to_number<std::uint16_t>(text.substr(colon + 1));
    auto address = text.substr(0, colon);
    const bool bracketed = address.starts_with('[') && address.ends_with(']');
    if (bracketed) address = address.substr(1, address.size() - 2);
    if (!port || bracketed != (address.find(':') != address.npos)) return std::nullopt;
    return parse(address, *port);
}

inline std::optional<endpoint> endpoint::parse(std::string_view address,
                                               std::uint16_t port) noexcept {
    detail::address_text text;
    const auto percent = std::min(address.find('%'), address.size());
    if (!detail::copy(address.substr(0, percent), text)) return std::nullopt;
    if (in_addr four; percent == address.size() && ::inet_pton(AF_INET, text.data(), &four) == 1)
        return v4(ntohl(four.s_addr), port);
    in6_addr six;
    if (::inet_pton(AF_INET6, text.data(), &six) != 1) return std::nullopt;
    if (percent == address.size()) return v6(six, port, 0);

    const auto zone = address.substr(percent + 1);
    auto scope = detail::to_number<std::uint32_t>(zone);
    if (!scope && detail::copy(zone, text)) scope = ::if_nametoindex(text.data());
    if (!scope || *scope == 0) return std::nullopt;
    return v6(six, port, *scope);
}

inline endpoint endpoint::v4(std::uint32_t address, std::uint16_t port) noexcept {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(address);
    return endpoint(reinterpret_cast<const sockaddr*>(&in), sizeof in);
}

inline endpoint endpoint::v6(const in6_addr& address, std::uint16_t port,
                             std::uint32_t scope) noexcept {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    in.sin6_addr = address;
    in.sin6_scope_id = scope;
    return endpoint(reinterpret_cast<const sockaddr*>(&in), sizeof in);
}

inline endpoint endpoint::unix_path(std::string_view path, std::error_code& code) noexcept {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    const bool abstract = path.starts_with('@');
    code.clear();
    // A path ends with a null byte, and so contains none.
    if (path.empty() || (!abstract && path.find('\0') != path.npos))
        code = std::make_error_code(std::errc::invalid_argument);
    else if (path.size() >= sizeof un.sun_path)
        code = std::make_error_code(std::errc::filename_too_long);
    if (code) return {};
    std::copy(path.begin(), path.end(), un.sun_path);
    if (abstract) un.sun_path[0] = '\0';
    return endpoint(reinterpret_cast<const sockaddr*>(&un),
                    static_cast<socklen_t>(detail::before_path + path.size() + !abstract));
}

inline std::string_view endpoint::local_name() const noexcept {
    if (size_ <= detail::before_path) return {};
    const std::string_view all(address_.local.sun_path, size_ - detail::before_path);
    return all[0] == '\0' ? all : all.substr(0, all.find('\0'));
}

inline std::uint16_t endpoint::port() const noexcept {
    if (!is_ip()) return 0;
    return ntohs(family() == AF_INET ? address_.v4.sin_port : address_.v6.sin6_port);
}

inline std::string endpoint::address() const {
    detail::address_text text{};
    if (family() == AF_INET)
        return ::inet_ntop(AF_INET, &address_.v4.sin_addr, text.data(), text.size());
    if (family() == AF_INET6) {
        std::string result =
            ::inet_ntop(AF_INET6, &address_.v6.sin6_addr, text.data(), text.size());
        if (const auto scope = address_.v6.sin6_scope_id) result += '%' + std::to_string(scope);
        return result;
    }
    std::string path(local_name());
    if (path.starts_with('\0'))
        path[0] = '@';
    else if (path.starts_with('@'))
        path.insert(0, "./"); // read back, it shall not become an abstract one
    return path;
}

inline std::string endpoint::to_string() const {
    switch (family()) {
    case AF_INET: return address() + ':' + std::to_string(port());
    case AF_INET6: return '[' + address() + "]:" + std::to_string(port());
    case AF_UNIX: return "unix:" + address();
    default: return "nowhere";
    }
}

inline std::strong_ordering operator<=>(const endpoint& a, const endpoint& b) noexcept {
    if (a.family() != b.family()) return a.family() <=> b.family();
    if (a.family() == AF_UNIX) return a.local_name() <=> b.local_name();
    int order = 0;
    std::uint32_t scopes[2]{};
    if (a.family() == AF_INET) {
        order = std::memcmp(&a.address_.v4.sin_addr, &b.address_.v4.sin_addr, sizeof(in_addr));
    } else if (a.family() == AF_INET6) {
        order = std::memcmp(&a.address_.v6.sin6_addr, &b.address_.v6.sin6_addr, sizeof(in6_addr));
        scopes[0] = a.address_.v6.sin6_scope_id;
        scopes[1] = b.address_.v6.sin6_scope_id;
    }
    if (order != 0) return order <=> 0;
    if (a.port() != b.port()) return a.port() <=> b.port();
    return scopes[0] <=> scopes[1];
}

} // namespace weft
