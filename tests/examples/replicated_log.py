#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests examples/replicated_log: no run breaks the log, and every planted mistake is found.

    tests/examples/replicated_log.py build/examples/replicated_log
    WEFT_LONG=1 tests/examples/replicated_log.py build/examples/replicated_log     10^4 seeds
"""
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from checks import check, finish

program = os.path.realpath(sys.argv[1])
is_long = bool(os.environ.get("WEFT_LONG"))


def run(*arguments):
    """The exit code, and standard output; what else is said is shown."""
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True,
                          timeout=3600 if is_long else 900)
    return done.returncode, done.stdout


# ---- nothing is wrong --------------------------------------------------------------------------

seeds = 10_000 if is_long else 100
begin = time.monotonic()
code, out = run("--seeds", str(seeds))
print(out, end="")
print(f"in {time.monotonic() - begin:.1f} s")
check("no run breaks the log", (0, True), (code, f"{seeds} runs" in out))
for fault in ("crashes", "partitions", "resets", "bad links"):
    count = re.search(rf"(\d+) {fault}", out)
    check(f"there were {fault}", True, bool(count and int(count[1]) >= seeds / 10) or out)

traces = [run("--replay", "seed:7")[1] for _ in range(2)]
check("the same seed gives the same run", traces[0], traces[1])
check("another one another", False, traces[0] == run("--replay", "seed:8")[1])

# ---- a mistake is found, and its run repeated ---------------------------------------------------

bugs = {"ack-before-majority": "was acknowledged, and is lost|is applied as",
        "forget-votes": "has two leaders",
        "ignore-logs": "was committed|is lost|is applied as",
        "apply-twice": "is applied as"}
if not is_long:
    del bugs["forget-votes"]  # needs a vote, a crash and another vote in 20 ms: thousands of runs
for bug, symptom in bugs.items():
    code, out = run("--bug", bug, "--seeds", "10000" if is_long else "300")
    found = re.match(r"(seed:\d+): (.*)\n  trace ([0-9a-f]{16});", out)
    check(f"{bug} is found", (1, True), (code, bool(found) or out))
    if not found:
        continue
    print("   ", found[0].replace("\n", ""))
    check("it shows as it should", True, bool(re.search(symptom, found[2])) or found[2])
    code, again = run("--bug", bug, "--replay", found[1])
    check("it happens again, in the same way", (1, found[0]), (code, again[:len(found[0])]))
    number = found[1].split(":")[1]
    code, again = run("--bug", bug, "--seed", number)
    check("and with --seed", (1, found[0]), (code, again[:len(found[0])]))
    code, again = run("--replay", found[1])
    check("but not without the mistake", 0, code)

code, out = run("--bug", "ack-before-majority", "--replay", "seed:1", "--verbose")
check("--verbose tells who leads, and when", True,
      bool(re.search(r"^ *\d+\.\d{4} s  member \d leads in term \d+$", out, re.M)) or out)

# ---- the same code on real sockets --------------------------------------------------------------

code, out = run("--real", "--entries", "6")
check("a real cluster works", 0, code)
words = " ".join(f"entry-{i}" for i in range(1, 7))
for member in range(3):
    check(f"the log of member {member}", True, f"the log of member {member}: {words}\n" in out or out)
check("a leader was lost", True, bool(re.search(r"member \d loses power", out)) or out)

# ---- the command line ---------------------------------------------------------------------------

check("--help", 0, run("--help")[0])
for wrong in (["--bug", "none-such"], ["--seeds", "many"], ["--entries", "3"], ["stray"]):
    check(f"wrong usage: {wrong}", 2, run(*wrong)[0])
check("a replay that cannot be read is an error", 1, run("--replay", "7")[0])

finish()
