#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The questions of this folder asked of Python: asyncio, on its own event loop and on uvloop's.

  peers_asyncio.py --list                  the names of all answers, QUESTION/SIDE[/SIZE]
  peers_asyncio.py NAME                    one answer, in CPU nanoseconds (or bytes) per operation

Where C++ takes a million sleepers or children, Python takes a hundred thousand.
"""
import asyncio
import random
import resource
import sys
import time
from importlib.util import find_spec

CHILDREN = 100_000
ROUNDS = 100
ITEMS = 10_000
CAPACITY = 64


async def answer(i):
    return i


async def await_():
    for i in range(CHILDREN):
        await answer(i)
    return CHILDREN


async def descend(levels):
    return 0 if levels == 0 else 1 + await descend(levels - 1)


async def chain():
    sys.setrecursionlimit(10_000)
    for _ in range(100):
        await descend(1000)
    return 100 * 1001


async def fib(i):
    return i if i < 2 else await fib(i - 1) + await fib(i - 2)


async def fibonacci():
    await fib(25)
    return 242_785


async def take_turns(rounds):
    for _ in range(rounds):
        await asyncio.sleep(0)


async def spawn():
    async with asyncio.TaskGroup() as group:
        for _ in range(CHILDREN):
            group.create_task(take_turns(1))
    return CHILDREN


async def yield_(tasks):
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(take_turns(200 * ROUNDS // tasks))
    return 200 * ROUNDS


async def mutex_uncontended():
    lock = asyncio.Lock()
    for _ in range(CHILDREN):
        async with lock:
            pass
    return CHILDREN


async def compete(lock):
    async with lock:
        await asyncio.sleep(0)
    for _ in range(ITEMS):
        async with lock:
            await asyncio.sleep(0)  # without it, asyncio's lock is never handed over


async def mutex_hand_off():
    lock = asyncio.Lock()
    await asyncio.gather(compete(lock), compete(lock))
    return 2 * ITEMS


async def channel():
    queue = asyncio.Queue(CAPACITY)

    async def produce():
        for i in range(ITEMS):
            await queue.put(i)

    async def consume():
        for _ in range(ITEMS):
            await queue.get()

    await asyncio.gather(produce(), consume())
    return ITEMS


async def sleep():
    async with asyncio.TaskGroup() as group:
        for _ in range(CHILDREN):
            group.create_task(asyncio.sleep(random.random()))
    return CHILDREN


async def sleep_cancelled():
    tasks = [asyncio.create_task(asyncio.sleep(random.random())) for _ in range(CHILDREN)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return CHILDREN


async def timer_reset(outstanding):
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(3600 + random.random(), int) for _ in range(outstanding)]
    start = time.process_time_ns()
    for i, timer in enumerate(timers):
        timer.cancel()
        timers[i] = loop.call_later(3600 + random.random(), int)
    elapsed = time.process_time_ns() - start
    for timer in timers:
        timer.cancel()
    return elapsed / outstanding


async def bytes_per_child():
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    before = peak()
    gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(CHILDREN):
            group.create_task(gate.wait())
        await asyncio.sleep(0)
        used = peak() - before
        gate.set()
    return used / CHILDREN


COUNTED = {  # these return how many operations they have done
    "await": await_,
    "chain": chain,
    "fibonacci": fibonacci,
    "spawn": spawn,
    "yield/2": lambda: yield_(2),
    "yield/1000": lambda: yield_(1000),
    "mutex_uncontended": mutex_uncontended,
    "mutex_hand_off": mutex_hand_off,
    "channel": channel,
    "sleep": sleep,
    "sleep_cancelled": sleep_cancelled,
}
MEASURED = {  # these return the answer
    "timer_reset/10000": lambda: timer_reset(10_000),
    "timer_reset/1000000": lambda: timer_reset(1_000_000),
    "bytes_per_child": bytes_per_child,
}


def names():
    for side in ["asyncio"] + ["uvloop"] * (find_spec("uvloop") is not None):
        for question in [*COUNTED, *MEASURED]:
            title, *size = question.split("/")
            yield "/".join([title, side, *size])


def measure(name):
    title, side, *size = name.split("/")
    question = "/".join([title, *size])
    if side == "uvloop":
        import uvloop

        uvloop.install()
    if question in MEASURED:
        return asyncio.run(MEASURED[question]())
    start = time.process_time_ns()
    operations = asyncio.run(COUNTED[question]())
    return (time.process_time_ns() - start) / operations


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print(*names(), sep="\n")
    elif len(sys.argv) == 2:
        print(measure(sys.argv[1]))
    else:
        sys.exit(__doc__)
