// SPDX-License-Identifier: MIT
//
// Runs the two sides that every question has. In each file `bare` is the floor, `woven` is weft.
#pragma once

#include <weft/coro/task.hpp>
#include <weft/loop/run.hpp>

#include "floor.hpp"
#include "workload.hpp"

using workload::batch;
using workload::per_operation;

template <floors::child (*Loop)(benchmark::State&)> void on_floor(benchmark::State& state) {
    floors::run(Loop(state));
}

template <weft::task<> (*Loop)(benchmark::State&)> void on_weft(benchmark::State& state) {
    weft::run(Loop(state));
}
