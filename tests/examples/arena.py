#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Tests examples/arena: the same game on every machine, and a terminal that is always given back.
#   tests/examples/arena.py build/examples/arena
import errno
import fcntl
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

arena = os.path.realpath(sys.argv[1])
work = tempfile.TemporaryDirectory()
os.chdir(work.name)
failures = 0

# Two minutes, with every compiler, library and optimisation. Whoever changes the rules of the game changes it, too.
EXPECTED = "seed 5  ticks 7200  score 17930  wave 11  ships 1  hash 294ad966b088197e"


def check(name, holds, *details):
    global failures
    print(("ok: " if holds else "FAILED: ") + name, flush=True)
    if not holds:
        failures += 1
        for detail in details:
            print("    " + repr(detail))


def same(name, expected, actual):
    check(name, expected == actual, "expected: %s" % (expected,), "actual:   %s" % (actual,))


def run(*arguments):
    done = subprocess.run([arena, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout, done.stderr


# ---- a terminal ------------------------------------------------------------------------------------


class Screen:
    """As much of a terminal as arena needs: what it shows, and what it was told."""

    def __init__(self, columns, rows):
        self.resize(columns, rows)
        self.alternate = False
        self.loses = False  # whether it may have been told half a sequence
        self.cursor_visible = True
        self.unfinished = b""
        self.sent = 0

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.other_cells = {}
        self.clear()

    def clear(self):
        self.cells = {}
        self.row = self.column = 1

    def feed(self, data):
        self.sent += len(data)
        data = self.unfinished + data
        token = re.compile(rb"\x1b\[([?0-9;]*)([A-Za-z])|(\x1b)|([\xc0-\xff][\x80-\xbf]+)|([\x00-\x1f])|([\x20-\x7e])")
        at = 0
        while at < len(data):
            found = token.match(data, at)
            # A sequence that was cut off is continued by the next read.
            if found is None or found[3] or (found[4] and len(found[4]) < 3):
                if len(data) - at < 16:
                    break
                if self.loses:
                    at += 1
                    continue
                raise ValueError("not understood: %r" % data[at : at + 20])
            at = found.end()
            if found[2]:
                self.command(found[1].decode(), found[2].decode())
            elif found[4] or found[6]:
                self.cells[self.row, self.column] = (found[0].decode(), self.colours)
                self.column += 1
            elif found[5] == b"\n":
                self.row += 1
            elif found[5] == b"\r":
                self.column = 1
        self.unfinished = data[at:]

    colours = (7, 0)

    def command(self, arguments, name):
        if name == "H":
            self.row, self.column = (int(n) for n in arguments.split(";")) if arguments else (1, 1)
        elif name == "J":
            self.clear()
        elif name == "m":
            for plane, colour in re.findall(r"([34])8;5;(\d+)", arguments):
                front, back = self.colours
                self.colours = (int(colour), back) if plane == "3" else (front, int(colour))
        elif arguments == "?1049" and self.alternate != (name == "h"):
            self.alternate = name == "h"
            self.cells, self.other_cells = self.other_cells, self.cells
            self.row = self.column = 1
        elif arguments == "?25":
            self.cursor_visible = name == "h"

    def text(self):
        return "\n".join(
            "".join(self.cells.get((row, column), " ")[0] for column in range(1, self.columns + 1))
            for row in range(1, self.rows + 1)
        )


class Game:
    """arena on a pseudo-terminal of its own."""

    def __init__(self, *arguments, columns=80, rows=24, limit=None):
        # The descriptor of the slave keeps the terminal, and its modes, when the program is gone.
        self.master, self.slave = pty.openpty()
        self.screen = Screen(columns, rows)
        self.resize(columns, rows)
        self.found = termios.tcgetattr(self.slave)
        self.status = None
        self.pid = os.fork()
        if self.pid == 0:
            for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP:
                signal.signal(number, signal.SIG_DFL)  # whatever this test was started with
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for number in range(3):
                os.dup2(self.slave, number)
            os.closerange(3, 20)
            if limit is not None:  # how large a file may become: an error in mid-game
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            os.execv(arena, [arena, *arguments])

    def read(self, seconds):
        """Reads what comes, for so long at most. Returns whether something did."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            self.screen.feed(os.read(self.master, 65536))
            return True
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            return False

    def until(self, condition, seconds=120):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.read(0.05)
        return True

    def shows(self, text, seconds=120):
        return self.until(lambda: text in self.screen.text(), seconds)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def resize(self, columns, rows):
        self.screen.resize(columns, rows)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def kill(self, number):
        os.kill(self.pid, number)

    def changed(self, flags):
        pid, status = os.waitpid(self.pid, os.WNOHANG | flags)
        if pid != 0:
            self.status = status
        return pid != 0

    def stopped(self):
        return self.until(lambda: self.changed(os.WUNTRACED) and os.WIFSTOPPED(self.status))

    def raw(self):
        return termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO) == 0

    def restored(self):
        """Why the terminal is not as it was found; nothing if it is."""
        while self.read(0.1):
            pass
        problems = []
        if termios.tcgetattr(self.slave) != self.found:
            problems.append("modes differ")
        if self.screen.alternate:
            problems.append("still on the second screen")
        if not self.screen.cursor_visible:
            problems.append("no cursor")
        return problems

    def end(self):
        """Waits for the end. Returns the exit code, or minus the signal."""
        if not self.until(lambda: self.changed(0)):
            self.kill(signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return "it did not end"
        while self.read(0.1):
            pass
        return os.waitstatus_to_exitcode(self.status)

    def close(self):
        os.close(self.slave)
        os.close(self.master)

    def ship(self):
        """The column of the ship: the only thing that is white while nothing is hit."""
        columns = [
            column
            for (row, column), (glyph, colours) in self.screen.cells.items()
            if glyph == "▀" and 231 in colours and 3 < row < 23
        ]
        return sum(columns) / len(columns) if columns else None

    def summary(self):
        found = re.findall(r"seed \d+  ticks \d+ .* hash [0-9a-f]{16}", self.screen.text())
        return found[-1] if found else None


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def ended(name, game, code):
    """The game ends with `code`, and leaves the terminal as it found it."""
    actual = game.end()
    same(name + ": exit code", code, actual)
    same(name + ": the terminal is restored", [], game.restored())
    game.close()


# ---- the same game on every machine ------------------------------------------------------------------

status, fast, errors = run("--headless", "--seed", "5", "--ticks", "7200")
same("--headless plays a game that is known", EXPECTED, fast.strip())
same("and says nothing else", (0, ""), (status, errors))
same("--frame-loop plays the same", fast, run("--headless", "--frame-loop", "--seed", "5", "--ticks", "7200")[1])
check("another seed, another game", run("--headless", "--seed", "6")[1].split("hash")[1] != fast.split("hash")[1])

same("--record", (0, fast, ""), run("--headless", "--seed", "5", "--record", "played"))
same("--replay", (0, fast, ""), run("--headless", "--replay", "played"))
same("--replay in a frame loop", (0, fast, ""), run("--headless", "--replay", "played", "--frame-loop"))
lines = open("played").read().splitlines()
same("a recording ends with ticks and hash", ["end", "7200", fast.split()[-1]], lines[-1].split())


def damaged(name, text, *expected):
    with open("damaged", "w") as file:
        file.write(text)
    status, _, errors = run("--headless", "--replay", "damaged")
    check(name, status == 1 and all(part in errors for part in expected), status, errors)


def with_line(number, line):
    return "\n".join(lines[: number - 1] + [line] + lines[number:]) + "\n"


damaged("a press that was changed makes another game", with_line(3, "0 up fire_up"), "another game", fast.split()[-1])
damaged("a button that there is not", with_line(7, "40 jump"), "damaged:7", "'jump'")
damaged("a line that is none", with_line(9, "fire!"), "damaged:9")
damaged("time that runs backwards", with_line(9, "1 up"), "damaged:9")
damaged("an end that is none", with_line(len(lines), "end soon"), "damaged:%d" % len(lines))
damaged("a seed that is none", with_line(2, "seed x"), "damaged:2")
damaged("another file", "hello\n", "damaged", "not a recording")
damaged("an empty file", "", "damaged", "not a recording")
with open("damaged", "w") as file:
    file.write("\n".join(lines[:100]) + "\n")
status, cut, errors = run("--headless", "--replay", "damaged")
last_press = int(lines[99].split()[0])
check("a recording without its end goes as far as it is", status == 0 and "ticks %d " % (last_press + 1) in cut, cut)
short = run("--headless", "--seed", "5", "--ticks", "77")
same("--ticks cuts a replay short", short, run("--headless", "--replay", "played", "--ticks", "77"))

# ---- the command line ----------------------------------------------------------------------------------

status, text, _ = run("--help")
check("--help tells all", status == 0 and all(word in text for word in ("--replay", "bomb", "130")), text)
same("an unknown option", 2, run("--hepl")[0])
same("a number that is none", 2, run("--ticks", "many")[0])
same("--replay has a seed of its own", 2, run("--replay", "played", "--seed", "3")[0])
status, _, errors = run("--headless", "--replay", "missing")
check("a missing file is named", status == 1 and "missing: No such file" in errors, errors)
status, _, errors = run("--headless", "--record", "missing/file")
check("a file that cannot be written, too", status == 1 and "missing/file: No such file" in errors, errors)
status, _, errors = run()
check("without a terminal it says so", status == 1 and "standard input" in errors, errors)
if os.path.exists("/dev/full"):
    with open("/dev/full", "w") as full:
        done = subprocess.run([arena, "--headless"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=600)
    same("a full disk is an error: exit code", 1, done.returncode)
    same("and message", "arena: standard output: No space left on device\n", done.stderr)

# ---- on a terminal, in both modes ----------------------------------------------------------------------

for mode in [], ["--frame-loop"]:
    print("-- " + (mode[0] if mode else "tasks"))
    game = Game("--seed", "5", "--record", "typed", *mode)
    check("the first frame", game.shows("ARENA") and game.shows("WAVE 1"), game.screen.text())
    check("is in raw mode", game.raw())
    check("on the second screen, without a cursor", game.screen.alternate and not game.screen.cursor_visible)
    check("the ship is in the middle", game.until(lambda: game.ship() and 38 < game.ship() < 44), game.ship())
    game.type("a")
    check("a: it goes left", game.until(lambda: game.ship() and game.ship() < 30), game.ship())
    game.type("d")
    check("d: it comes back", game.until(lambda: game.ship() and game.ship() > 32), game.ship())
    for byte in "\x1b[D":
        game.type(byte)
        game.read(0.02)
    game.type(" ")
    check("space: a bomb less", game.shows("bombs 2"), game.screen.text())
    game.type("p")
    check("p: it pauses", game.shows("paused"))
    while game.read(0.3):
        pass
    sent = game.screen.sent
    game.read(0.5)
    same("and nothing moves", sent, game.screen.sent)
    game.type("p")
    check("p again: it goes on", game.until(lambda: "paused" not in game.screen.text()))
    same("standard input still blocks", 0, fcntl.fcntl(game.slave, fcntl.F_GETFL) & os.O_NONBLOCK)
    game.type("q")
    same("q: exit code", 0, game.end())
    same("the terminal is restored", [], game.restored())
    played = game.summary()
    game.close()
    same("what was typed is replayed to the same hash", played, run("--headless", "--replay", "typed")[1].strip())
    check("an arrow key whose bytes came one by one is in it", " fire_left" in open("typed").read())

    game = Game("--demo", "--seed", "5", "--ticks", "150", *mode)
    same("--ticks ends it", 0, game.end())
    known = run("--headless", "--seed", "5", "--ticks", "150")[1].strip()
    same("the autopilot plays on a terminal as it does without", known, game.summary())
    same("--ticks: the terminal is restored", [], game.restored())
    game.close()
    game = Game("--replay", "played", "--ticks", "60", "--fps", "60", *mode)
    same("a replay can be watched", 0, game.end())
    same("and is the same game", run("--headless", "--replay", "played", "--ticks", "60")[1].strip(), game.summary())
    game.close()

    for name, number in ("SIGINT", 2), ("SIGTERM", 15), ("SIGHUP", 1), ("SIGQUIT", 3):
        game = Game("--demo", *mode)
        game.shows("ARENA")
        game.kill(number)
        ended(name, game, 128 + number)
    game = Game("--demo", *mode)
    game.shows("ARENA")
    game.type("\x03")
    ended("Ctrl-C", game, 130)

    game = Game("--demo", "--seed", "5", *mode)
    game.shows("WAVE 1")
    game.type("\x1a")
    check("Ctrl-Z stops it", game.stopped())
    same("and gives the terminal back", [], game.restored())
    game.screen.clear()
    game.kill(signal.SIGCONT)
    check("it goes on", game.shows("ARENA"))
    check("and draws all of it again", game.until(lambda: len(game.screen.cells) > 200))
    check("in raw mode", game.raw() and game.screen.alternate)
    termios.tcsetattr(game.slave, termios.TCSANOW, game.found)
    game.kill(signal.SIGSTOP)
    check("whoever stops it in another way", game.stopped())
    game.kill(signal.SIGCONT)
    check("finds it in raw mode again", game.until(game.raw))
    game.type("q")
    ended("after all that", game, 0)

    game = Game("--seed", "5", "--record", "limited", *mode, limit=len("arena 1\nseed 5\n"))
    game.shows("ARENA")
    game.type("w")
    same("an error in mid-game: exit code", 1, game.end())
    same("the terminal is restored", [], game.restored())
    check("the error is told", "arena: limited: File too large" in game.screen.text(), game.screen.text())
    game.close()

    game = Game("--demo", *mode, columns=101, rows=31)
    check("a large window", game.shows("ARENA"))
    same("has the picture in its middle", 11, game.screen.text().splitlines()[3].find("ARENA"))
    game.resize(60, 20)
    check("one that is too small says so", game.shows("needs a window of 80x24, this one is 60x20"), game.screen.text())
    game.resize(80, 24)
    check("and when it grows again", game.shows("ARENA") and game.until(lambda: len(game.screen.cells) > 200))
    game.type("q")
    ended("resized", game, 0)

    game = Game("--demo", "--fps", "60", *mode)
    game.shows("ARENA")
    time.sleep(3)  # nobody reads: the terminal takes no more
    game.kill(signal.SIGTERM)
    restored = wait_for(lambda: termios.tcgetattr(game.slave) == game.found)
    check("a terminal that takes nothing gets its modes back", restored)
    game.screen.loses = True
    same("and keeps nobody from ending", 143, game.end())
    game.close()

    game = Game("--demo", *mode)
    game.shows("ARENA")
    os.close(game.slave)
    os.close(game.master)
    wait_for(lambda: game.status is not None or game.changed(0))
    same("a terminal that is gone ends it", 129, game.status and os.waitstatus_to_exitcode(game.status))

print()
print("all passed" if failures == 0 else "%d failed" % failures)
sys.exit(failures != 0)
