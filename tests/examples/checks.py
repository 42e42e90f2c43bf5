# SPDX-License-Identifier: MIT
"""What the tests of the programs have in common: each says what it checks, and exits by `finish`."""
import sys
import time

failures = 0


def check(name, expected, actual):
    global failures
    if expected == actual:
        print("ok:", name)
    else:
        failures += 1
        print(f"FAILED: {name}\n  expected: {expected!r}\n  actual:   {actual!r}")
    sys.stdout.flush()


def check_that(name, condition, shown=""):
    check(name, True, bool(condition) or f"no: {shown!r}")


def holds_within(seconds, condition):
    """Whether `condition()` comes true in that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def finish():
    print("all passed" if failures == 0 else f"{failures} failed")
    sys.exit(1 if failures else 0)
