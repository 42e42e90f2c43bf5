// SPDX-License-Identifier: MIT
//
// The reactors that a TEMPLATE_TEST_CASE is to be run on.
#pragma once

#include <weft/loop/epoll_reactor.hpp>
#include <weft/loop/manual_reactor.hpp>
#include <weft/loop/poll_reactor.hpp>

#define SYSTEM_REACTORS weft::epoll_reactor, weft::poll_reactor
#define EACH_REACTOR SYSTEM_REACTORS, weft::manual_reactor
