// SPDX-License-Identifier: MIT
#pragma once

#if defined(__linux__)
#include <weft/loop/epoll_reactor.hpp>
#else
#include <weft/loop/poll_reactor.hpp>
#endif

namespace weft {

/// The reactor that a loop makes for itself: the best one that the system has.
#if defined(__linux__)
using default_reactor = epoll_reactor;
#else
using default_reactor = poll_reactor;
#endif

} // namespace weft
