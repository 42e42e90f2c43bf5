// SPDX-License-Identifier: MIT
//
// A system that knows the hosts that a test tells it.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <cstdlib>
#include <cstring>
#include <netdb.h>
#include <sys/socket.h>

#include <weft/loop/system_calls.hpp>
#include <weft/net/endpoint.hpp>

class fake_names : public weft::system_calls {
public:
    /// What every look-up finds, in this order; or how it fails.
    std::vector<weft::endpoint> addresses;
    int failure = 0;
    /// What was asked for, as "host:service"; and whether on this thread.
    std::vector<std::string> asked;
    bool on_this_thread = false;
    bool blocks = false;

    int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                    addrinfo** found) noexcept override {
        if (hints->ai_flags & AI_NUMERICHOST)
            return system_calls::getaddrinfo(host, service, hints, found);
        asked.push_back(std::string(host) + ':' + service);
        on_this_thread = std::this_thread::get_id() == thread_;
        *found = nullptr;
        if (failure != 0) return failure;
        std::for_each(addresses.rbegin(), addresses.rend(), [&](const weft::endpoint& each) {
            auto* const data = std::malloc(each.size());
            std::memcpy(data, each.data(), each.size());
            *found = new addrinfo{.ai_flags = 0,
                                  .ai_family = each.family(),
                                  .ai_socktype = SOCK_STREAM,
                                  .ai_protocol = 0,
                                  .ai_addrlen = each.size(),
                                  .ai_addr = static_cast<sockaddr*>(data),
                                  .ai_canonname = nullptr,
                                  .ai_next = *found};
        });
        ours_ = true;
        return 0;
    }
    void freeaddrinfo(addrinfo* found) noexcept override {
        if (!ours_) return system_calls::freeaddrinfo(found);
        for (ours_ = false; found;) {
            const std::unique_ptr<addrinfo> each(found);
            std::free(each->ai_addr);
            found = each->ai_next;
        }
    }
    bool look_up_blocks() const noexcept override { return blocks; }

private:
    std::thread::id thread_ = std::this_thread::get_id();
    bool ours_ = false;
};
