// SPDX-License-Identifier: MIT
// What connections share: on all loops, and on one of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <weft/loop/post.hpp>
#include <weft/sync/event.hpp>

#include "options.hpp"
#include "site.hpp"

namespace httpd {

/// Shared by all threads.
struct common {
    explicit common(const options& asked) : wanted(asked), files(asked.root) {}

    const options wanted;
    const site files;
    std::vector<weft::loop_handle> loops;
    std::atomic<std::uint64_t> open_connections{0};
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> requests{0};
};

/// What is known on one loop.
struct service {
    explicit service(common& shared_by_all) : shared(shared_by_all) {}

    const options& wanted() const noexcept { return shared.wanted; }

    common& shared;
    weft::event stopping; // a signal has come
};

} // namespace httpd
