// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <weft/core/raise.hpp>
#include <weft/testing/virtual_network.hpp>

namespace weft::testing {

/// Which addresses the simulated hosts have: getaddrinfo(3) without a system. Each has an IPv4
/// address and, after it, an IPv6 one; services are numbers.
class virtual_names {
public:
    /// Errors  Throws `std::invalid_argument` if another host has this name, or every host.
    void add(std::string name, node_id node) {
        if (name.empty() || name == "localhost" || !names_.try_emplace(name, node).second)
            raise<std::invalid_argument>("add_host: no host of its own can be named \"" + name +
                                         '"');
    }

    int look_up(const char* host, const char* service, const addrinfo* hints,
                addrinfo** found) const;
    static void free(addrinfo* found) noexcept {
        while (found) delete static_cast<answer*>(std::exchange(found, found->ai_next));
    }

private:
    struct answer : addrinfo {
        answer() : addrinfo{} {}
        sockaddr_storage address{};
    };

    std::map<std::string, node_id, std::less<>> names_;
};

// Implementation ------------------------------------------------------------

inline int virtual_names::look_up(const char* host, const char* service, const addrinfo* hints,
                                  addrinfo** found) const {
    place at;
    if (service) {
        const std::string_view text(service);
        const auto read = std::from_chars(text.data(), text.data() + text.size(), at.port);
        if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return EAI_SERVICE;
    }
    const std::string_view name = host ? host : "localhost";
    const auto known = names_.find(name);
    at.loopback = name == "localhost";
    if (!at.loopback && known == names_.end()) return EAI_NONAME;
    at.node = at.loopback ? node_id{1} : known->second; // of itself, whoever that is

    const int family = hints ? hints->ai_family : AF_UNSPEC;
    addrinfo** last = found;
    *found = nullptr;
    for (const int each : {AF_INET, AF_INET6}) {
        if (family != AF_UNSPEC && family != each) continue;
        auto* const fresh = new answer;
        at.family = each;
        fresh->ai_family = each;
        fresh->ai_socktype = hints ? hints->ai_socktype : 0;
        fresh->ai_addr = reinterpret_cast<sockaddr*>(&fresh->address);
        fresh->ai_addrlen = sizeof fresh->address;
        at.write(fresh->ai_addr, &fresh->ai_addrlen, each);
        *last = fresh;
        last = &fresh->ai_next;
    }
    return 0;
}

} // namespace weft::testing
