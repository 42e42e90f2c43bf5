#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does including it cost? Per header: the seconds that a compiler takes to check a smallest program
(-fsyntax-only, median of 5 in turn), and the lines that are left of it after the preprocessor (non-blank
ones, its own line marks aside).

  compile_time.py [COMPILER]               g++ unless told otherwise
"""
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

INCLUDE = Path(__file__).parent.parent / "include"
REPETITIONS = 5

RAW_TASK = """
#include <coroutine>
#include <exception>
struct task {
    struct promise_type {
        task get_return_object() noexcept { return {}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_value(int value) noexcept { result = value; }
        void unhandled_exception() noexcept { std::terminate(); }
        int result = 0;
    };
};
task hello() { co_return 42; }
"""
ASIO = """
asio::awaitable<int> hello() { co_return 42; }
int main() {
    asio::io_context context;
    asio::co_spawn(context, hello(), asio::detached);
    context.run();
}
"""

# name, target in seconds, target in lines, program
PROGRAMS = [
    ("<coroutine>", None, None, "#include <coroutine>\n"),
    ("a task written by hand", None, None, RAW_TASK),
    ("weft/coro/task.hpp", 0.08, 9000,
     "#include <weft/coro/task.hpp>\nweft::task<int> hello() { co_return 42; }\n"),
    ("weft/coro/generator.hpp", 0.15, None,
     "#include <weft/coro/generator.hpp>\nweft::generator<int> hello() { co_yield 42; }\n"),
    ("weft/weft.hpp", 0.9, None,
     "#include <weft/weft.hpp>\nweft::task<int> hello() { co_return 42; }\nint main() { weft::run(hello()); }\n"),
    ("asio.hpp", None, None, "#include <asio.hpp>\n" + ASIO),
    ("uv.h", None, None, "#include <uv.h>\nint main() { return uv_run(uv_default_loop(), UV_RUN_DEFAULT); }\n"),
    ("event2/event.h", None, None,
     "#include <event2/event.h>\nint main() { return event_base_dispatch(event_base_new()); }\n"),
]


def compiler_command(compiler, *flags):
    macros = ["-DASIO_HAS_CO_AWAIT", "-DASIO_HAS_STD_COROUTINE"]  # an old Asio believes it of g++ only
    return [compiler, "-std=c++20", f"-I{INCLUDE}", *macros, *flags]


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def preprocessed_lines(compiler, source):
    text = subprocess.run(compiler_command(compiler, "-E", source), check=True, capture_output=True, text=True).stdout
    return sum(1 for line in text.splitlines() if line.strip() and not line.startswith("#"))


def compiles(compiler, source):
    command = compiler_command(compiler, "-fsyntax-only", source)
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def table(compiler):
    """Rows of (name, seconds, lines, target in seconds, target in lines); None where it does not compile."""
    with tempfile.TemporaryDirectory() as folder:
        sources = {}
        for i, (name, _, _, program) in enumerate(PROGRAMS):
            source = Path(folder, f"{i}.cpp")
            source.write_text(program)
            if compiles(compiler, source):
                sources[name] = source
        seconds = {name: [] for name in sources}
        for _ in range(REPETITIONS):
            for name, source in sources.items():
                seconds[name].append(cpu_seconds(compiler_command(compiler, "-fsyntax-only", source)))
        for name, target_seconds, target_lines, _ in PROGRAMS:
            if name in sources:
                lines = preprocessed_lines(compiler, sources[name])
                yield name, statistics.median(seconds[name]), lines, target_seconds, target_lines
            else:
                yield name, None, None, target_seconds, target_lines


def print_table(compiler):
    print(f"| {compiler} -fsyntax-only | seconds | target | lines | target |\n|---|---|---|---|---|")
    for name, seconds, lines, target_seconds, target_lines in table(compiler):
        if seconds is None:
            print(f"| {name} | does not compile here | | | |")
            continue
        targets = [f"<= {t}" if t else "" for t in (target_seconds, target_lines)]
        print(f"| {name} | {seconds:.2f} | {targets[0]} | {lines} | {targets[1]} |")


if __name__ == "__main__":
    print_table(sys.argv[1] if len(sys.argv) > 1 else "g++")
