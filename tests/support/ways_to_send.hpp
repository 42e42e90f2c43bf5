// SPDX-License-Identifier: MIT
//
// What a TEMPLATE_TEST_CASE or a sweep sends over: `way.to` is where to, `way.receive()` takes it.
#pragma once

#include <cstddef>

#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>

template <class T, std::size_t Capacity = 1>
struct over_a_channel {
    weft::channel<T> to{Capacity};
    auto receive() { return to.receive(); }
};

/// With one subscriber.
template <class T>
struct over_a_broadcast {
    weft::broadcast<T> to{1};
    typename weft::broadcast<T>::subscription from = to.subscribe();
    auto receive() { return from.receive(); }
};
