#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does a message cost an echo server, and what an idle connection? Prints the tables of sockets.

  sockets.py FOLDER                        where the benchmarks have been built

Every server gets one core and the client another; a minute or two in all. All servers do the same: 64 bytes
in, 64 bytes out. What is not installed is left out, and that is said.
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # the system's: it is the one that has the system's uvloop
REPETITIONS = 5
PROGRAMS = ["echo_client", "echo_floor", "echo_weft", "echo_asio", "echo_libuv", "idle_connections"]
SECONDS = 0.4  # that a figure is measured for
DEADLINE = 30  # seconds after which a program is given up
NO_LIMIT = 10 ** 9


class Server(NamedTuple):
    title: str
    command: tuple
    polls: bool = False  # it does not block: what it does is no work

    def arguments(self, folder):
        program, *rest = self.command
        if program.endswith(".py"):
            return [PYTHON, HERE / program, *rest]
        return [folder / program, *rest]

    def missing(self, folder):
        """The word for what it lacks."""
        if "uvloop" in self.command or self.command[0].endswith(".py"):
            module = "uvloop" if "uvloop" in self.command else "asyncio"
            found = Path(PYTHON).exists() and subprocess.run(
                [PYTHON, "-c", "import " + module], stderr=subprocess.DEVNULL).returncode == 0
            return None if found else module
        return None if self.arguments(folder)[0].exists() else self.command[0]


FLOOR = Server("raw epoll", ("echo_floor",))
WEFT = Server("weft", ("echo_weft",))
SPINNING = Server("weft, `set_spin(1ms)`", ("echo_weft", "spin"), polls=True)
SERVERS = [
    FLOOR,
    WEFT,
    Server("Asio, callbacks", ("echo_asio", "callbacks")),
    Server("Asio, awaitable", ("echo_asio", "awaitable")),
    Server("libuv, try_write", ("echo_libuv", "try_write")),
    Server("libuv, write", ("echo_libuv", "write")),
    Server("uvloop, protocol", ("echo_asyncio.py", "uvloop", "protocol")),
    Server("uvloop, streams", ("echo_asyncio.py", "uvloop", "streams")),
    Server("asyncio, protocol", ("echo_asyncio.py", "asyncio", "protocol")),
    Server("asyncio, streams", ("echo_asyncio.py", "asyncio", "streams")),
    SPINNING,
    Server("raw epoll, never blocks", ("echo_floor", "poll"), polls=True),
]


class Load(NamedTuple):
    connections: int
    polls: bool = False  # the client never blocks

    def arguments(self, messages=NO_LIMIT, seconds=SECONDS):
        return [self.connections, messages, seconds, *(["poll"] if self.polls else [])]


MANY = Load(100)
ONE = Load(1)
ONE_POLLING = Load(1, polls=True)


class Figures(NamedTuple):
    per_second: float
    cpu: float  # nanoseconds per message


def say(text):
    print(text, file=sys.stderr, flush=True)


def pinned_to(core):
    return lambda: os.sched_setaffinity(0, {core})


def cores():
    """The server's and the client's."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def running(command):
    """A server process with its port; it ends with the block."""
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, preexec_fn=pinned_to(cores()[0])) as server:
        try:
            yield server, int(server.stdout.readline() or "0")
        finally:
            server.terminate()  # which valgrind and strace survive, to report
            try:
                server.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                server.kill()


def ask(folder, server, port, arguments):
    words = [folder / "echo_client", port, server.pid, *arguments]
    text = subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True,
                          timeout=DEADLINE, preexec_fn=pinned_to(cores()[1])).stdout
    return Figures(*map(float, text.split()))


def measure(folder, servers, loads):
    """The figures of each server under each load; the repetitions are interleaved. Who fails is left out."""
    results = {server: {load: [] for load in loads} for server in servers}
    for repetition in range(REPETITIONS):
        for server in list(results):
            say(f"{repetition + 1}/{REPETITIONS} {server.title}")
            try:
                with running(server.arguments(folder)) as (process, port):
                    for load in loads:
                        results[server][load].append(ask(folder, process, port, load.arguments()))
            except (subprocess.SubprocessError, ValueError) as failure:
                say(f"left out {server.title}: {failure}")
                del results[server]
    return results


def per_message(count, few, many):
    """What one message adds to `count(messages)`. The client begins with a tenth of them, uncounted."""
    return (count(many) - count(few)) / ((many - few) * 1.1)


def system_calls(folder, server):
    """Per message, or None if that cannot be counted here."""
    def count(messages):
        with tempfile.NamedTemporaryFile() as table:
            # -D: the server, not strace, is the child that is asked and ended.
            with running(["strace", "-D", "-f", "-c", "-U", "calls,name", "-o", table.name,
                          *server.arguments(folder)]) as (process, port):
                ask(folder, process, port, ONE.arguments(messages, DEADLINE))
            for _ in range(100 * DEADLINE):
                total = re.search(r"^\s*(\d+) total$", Path(table.name).read_text(), re.MULTILINE)
                if total:
                    return int(total[1])
                time.sleep(0.01)
        raise subprocess.TimeoutExpired("strace", DEADLINE)

    return counted(server, "strace", lambda: per_message(count, 1_000, 5_000))


def instructions(folder, server):
    """User instructions per message, or None."""
    def count(messages):
        with tempfile.NamedTemporaryFile() as log:
            with running(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                          f"--log-file={log.name}", *server.arguments(folder)]) as (process, port):
                ask(folder, process, port, MANY.arguments(messages, DEADLINE))
            return int(re.search(r"Collected : (\d+)", Path(log.name).read_text())[1])

    return counted(server, "valgrind", lambda: per_message(count, 1_000, 5_000))


def counted(server, tool, count):
    if not shutil.which(tool) or server.polls or (tool == "valgrind" and server.command[0].endswith(".py")):
        return None
    say(f"{tool} {server.title}")
    try:
        return count()
    except (subprocess.SubprocessError, TypeError, ValueError) as failure:
        say(f"{tool} {server.title}: {failure}")
        return None


def middle(figures, get):
    return median(map(get, figures))


def number(value, form):
    return "-" if value is None else format(value, form)


def print_echo(folder):
    servers = []
    for server in SERVERS:
        word = server.missing(folder)
        if word:
            say(f"skipped {server.title}: no {word}")
        else:
            servers.append(server)
    results = measure(folder, servers, [MANY, ONE, ONE_POLLING])
    floor = results[FLOOR][MANY] if FLOOR in results else None

    print("| server | CPU us per message | ratio | round trips/s, 100 connections | 1 connection |"
          " 1 connection, client polls | system calls per message, 1 connection | user instructions per message |")
    print("|---|---|---|---|---|---|---|---|")
    for server, figures in results.items():
        many, one, polling = figures.values()
        ratio = median(a.cpu / b.cpu for a, b in zip(many, floor)) if floor else None
        cells = [
            number(None if server.polls else middle(many, lambda f: f.cpu / 1000), ".2f"),
            number(None if server.polls else ratio, ".2f"),
            *(f"{middle(each, lambda f: f.per_second):.0f}" for each in (many, one, polling)),
            number(system_calls(folder, server), ".2f"),
            number(instructions(folder, server), ".0f"),
        ]
        print(f"| {server.title} | " + " | ".join(cells) + " |", flush=True)

    if SPINNING in results and FLOOR in results:
        def speed(server, load):
            return middle(results[server][load], lambda f: f.per_second)
        print(f"\nTargets: weft at most 1.02 times raw epoll; at most 3 system calls a message; with a spin, "
              f"3 times the round trips of raw epoll at 1 connection: "
              f"{speed(SPINNING, ONE) / speed(FLOOR, ONE):.1f} times, "
              f"{speed(SPINNING, ONE_POLLING) / speed(FLOOR, ONE):.1f} if the client does not sleep either.")


def print_idle(folder):
    program = folder / "idle_connections"
    if not program.exists():
        say("skipped idle connections: not built")
        return
    say("idle connections")
    with subprocess.Popen([str(program), "10000", "10"], stdout=subprocess.PIPE, text=True,
                          start_new_session=True) as both:  # it is two processes
        try:
            text = both.communicate(timeout=90)[0]
        except BaseException as failure:
            os.killpg(both.pid, signal.SIGKILL)
            if not isinstance(failure, subprocess.TimeoutExpired):
                raise
            text = ""
    if both.returncode != 0 or not text:
        print(f"Idle connections: failed with status {both.returncode}.")
        return
    size, cpu, echoed, expected = text.split()
    print(f"""| 10,000 idle connections | | target |
|---|---|---|
| bytes of memory each, buffer aside | {size} | <= 600 |
| CPU, % of a core, over 10 s | {cpu} | < 0.5 |
| then a message a second each, for 10 s: echoed | {echoed} of {expected} | all |""")


def print_tables(folder):
    print_echo(folder)
    print()
    print_idle(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print_tables(Path(sys.argv[1]).resolve())
