#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests examples/work_queue with a real redis-server, workers that are killed, and restarts.

    tests/examples/work_queue.py build/examples/work_queue
    WEFT_LONG=1 tests/examples/work_queue.py build/examples/work_queue     10^5 jobs
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter

sys.dont_write_bytecode = True
from checks import check, check_that, finish, holds_within

program = os.path.realpath(sys.argv[1])
work = tempfile.mkdtemp(prefix="work_queue-")
started = []  # every process of this test


def wait_until(condition, what, seconds=120):
    if holds_within(seconds, condition):
        return True
    check(f"within {seconds} s: {what}", True, False)
    return False


# ---- the server --------------------------------------------------------------------------------


class Server:
    """A redis-server that keeps its data when it is restarted."""

    def __init__(self, sync="always"):
        self.folder = tempfile.mkdtemp(dir=work)
        self.sync = sync
        for _ in range(5):  # somebody else may have taken the port meanwhile
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            self.start()
            if self.process.poll() is None:
                break

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "yes", "--appendfsync", self.sync, "--dir", self.folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(self.process)
        wait_until(lambda: self.process.poll() is not None or self.answers(),
                   "redis-server answers")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(120)

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def ask(self, *words):
        text = b"*%d\r\n" % len(words)
        for word in map(str, words):
            text += b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode())
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(text)
            return self.reply(connection.makefile("rb"))

    def reply(self, stream):
        line = stream.readline().decode().rstrip("\r\n")
        kind, rest = line[:1], line[1:]
        if kind == "+":
            return rest
        if kind == ":":
            return int(rest)
        if kind == "$" and rest != "-1":
            return stream.read(int(rest) + 2)[:-2].decode()
        if kind == "*" and rest != "-1":
            return [self.reply(stream) for _ in range(int(rest))]
        if kind == "$" or kind == "*":
            return None
        raise RuntimeError("redis: " + (line or "no answer"))


# ---- the program -------------------------------------------------------------------------------


class Program:
    """The program in the background, its output in files."""

    def __init__(self, server, command, stream, *options, jobs=None):
        self.out_path, self.err_path = (tempfile.mktemp(dir=work) for _ in range(2))
        self.process = subprocess.Popen(
            [program, command, "--redis", f"127.0.0.1:{server.port}", "--stream", stream,
             *map(str, options)],
            stdin=subprocess.DEVNULL if jobs is None else subprocess.PIPE,
            stdout=open(self.out_path, "wb"), stderr=open(self.err_path, "wb"))
        started.append(self.process)
        if jobs is not None:
            self.process.stdin.write("".join(each + "\n" for each in jobs).encode())
            self.process.stdin.close()

    def out(self):
        return open(self.out_path, errors="replace").read()

    def err(self):
        return open(self.err_path, errors="replace").read()

    def lines(self):
        return self.out().splitlines()

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)

    def wait(self, seconds=120):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return f"still ran after {seconds} s"

    def report(self):
        """The numbers of a worker's last line, which add up."""
        found = re.search(r": (\d+) jobs taken = (\d+) done \+ (\d+) failed \+ (\d+) dead"
                          r" \+ (\d+) done before by others \+ (\d+) unconfirmed", self.err())
        if not found:
            return None
        taken, *parts = map(int, found.groups())
        check_that("a worker's counts add up", taken == sum(parts), self.err())
        return dict(zip(["done", "failed", "dead", "others", "unconfirmed"], parts))


def run(server, command, stream, *options, jobs=None):
    one = Program(server, command, stream, *options, jobs=jobs)
    code = one.wait()
    return code, one.out(), one.err()


def status(server, stream):
    """{"added": n, "done": n, ...} as the program says it."""
    code, out, err = run(server, "status", stream)
    if code != 0:
        return err
    numbers = {key.replace("jobs ", ""): int(value)
               for key, value in re.findall(r"^ *([a-z][a-z ]*?) +(\d+)$", out, re.MULTILINE)}
    check("the status adds up", numbers.get("added"), numbers.pop("sum", None))
    return numbers


def totals(added, done=0, dead=0, waiting=0, in_hand=0):
    return {"added": added, "done": done, "dead": dead, "waiting": waiting, "in hand": in_hand}


def names(count):
    return [f"job {number}" for number in range(1, count + 1)]


def check_all_done(name, expected, workers):
    """Each at least once. Returns how many more times."""
    done = Counter(line for each in workers for line in each.lines())
    missing = [each for each in expected if each not in done]
    check(name + ": none is lost", [], missing[:5])
    check(name + ": nothing else was done", [], sorted(done.keys() - set(expected))[:5])
    return sum(done.values()) - len(done)


# ---- the tests ---------------------------------------------------------------------------------


def test_command_line():
    def answer(*words):
        ran = subprocess.run([program, *words], capture_output=True, text=True, timeout=120)
        return ran.returncode, ran.stdout, ran.stderr

    check("--help", 0, answer("--help")[0])
    check_that("--help tells all", "--retry-after" in answer("work", "--help")[1])
    check("no command", 2, answer()[0])
    check("no stream", 2, answer("work")[0])
    code, _, err = answer("status", "--stream", "x", "--redis", "nonsense")
    check("a bad address", 2, code)
    check_that("a bad address is named", "'nonsense'" in err, err)
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        code, _, err = answer("work", "--stream", "x", "--redis", address)
    check("nobody there", (1, f"work_queue: redis {address}: Connection refused\n"), (code, err))
    code, _, err = answer("status", "--stream", "x", "--redis", "no-such-host.invalid:1")
    check("no such host", 1, code)
    check_that("no such host is named", "no-such-host.invalid" in err, err)


def test_plain(server):
    code, out, err = run(server, "status", "nothing")
    check("no such queue", 1, code)
    check_that("no such queue is named", "no queue 'nothing'" in err, err)

    jobs = names(1000)
    code, out, _ = run(server, "produce", "plain", jobs=jobs)
    check("1000 jobs are added", (0, "added 1000 jobs to plain\n"), (code, out))
    check("they wait", totals(1000, waiting=1000), status(server, "plain"))
    workers = [Program(server, "work", "plain", "--until-empty", "--concurrency", 8)
               for _ in range(2)]
    check("the workers end", [0, 0], [each.wait() for each in workers])
    check("done once each", 0, check_all_done("1000 jobs", jobs, workers))
    check("two workers did all", 1000, sum(each.report()["done"] for each in workers))
    check("all are done", totals(1000, done=1000), status(server, "plain"))
    check("the workers have left", [], server.ask("XINFO", "CONSUMERS", "plain", "workers"))
    check("an empty stream stays", 0, server.ask("XLEN", "plain"))

    strange = ["", " two  spaces ", "'quotes\"", "$(exit 1)", "\\n", "äöü", "x" * 100000]
    run(server, "produce", "strange", jobs=strange)
    worker = Program(server, "work", "strange", "--until-empty")
    worker.wait()
    check("any line is a job", sorted(strange), sorted(worker.lines()))


def test_commands(server):
    run(server, "produce", "squares", jobs=[str(number) for number in range(1, 51)])
    worker = Program(server, "work", "squares", "--until-empty", "--exec", "echo $(($1 * $1))")
    check("commands run", 0, worker.wait())
    check("what they print", [n * n for n in range(1, 51)], sorted(map(int, worker.lines())))

    run(server, "produce", "fails", jobs=["3", "0", "4"])
    options = ["--until-empty", "--retry-after", 1.5, "--deliveries", 2]
    worker = Program(server, "work", "fails", *options, "--exec", 'echo "$1"; exit "$1"')
    check("failed jobs end", 0, worker.wait())
    check("failed jobs are tried again", ["0", "3", "3", "4", "4"], sorted(worker.lines()))
    check("failed jobs are put aside", totals(3, done=1, dead=2), status(server, "fails"))
    dead = sorted(fields for _, fields in server.ask("XRANGE", "fails:dead", "-", "+"))
    check("why", [["3", "exit code 3", "2"], ["4", "exit code 4", "2"]],
          [[each[1], each[5], each[7]] for each in dead])

    run(server, "produce", "deadly", jobs=["kill", "live"])
    deadly = 'if [ "$1" = kill ]; then kill -9 $PPID; else echo "$1"; fi'
    workers, codes = [], []
    while len(codes) < 10 and (not codes or codes[-1] != 0):
        # One job at a time: what else a worker has in hand when it is killed is not to blame.
        workers.append(Program(server, "work", "deadly", *options, "--exec", deadly,
                               "--concurrency", 1))
        codes.append(workers[-1].wait())
    check("a job that kills its worker does so twice", [-9, -9, 0], codes)
    check("then it is put aside", totals(2, done=1, dead=1), status(server, "deadly"))
    check_all_done("the other job", ["live"], workers)
    dead = server.ask("XRANGE", "deadly:dead", "-", "+")
    check("why it died", "the workers that had it died", dead and dead[0][1][5])


def test_long_jobs(server):
    run(server, "produce", "long", "--count", 4)
    workers = [Program(server, "work", "long", "--until-empty", "--retry-after", 2, "--sleep", 5,
                       "--concurrency", 2) for _ in range(2)]
    check("long jobs end", [0, 0], [each.wait() for each in workers])
    check("a job that takes longer than --retry-after is done once", 0,
          check_all_done("long jobs", names(4), workers))


def test_back_pressure(server):
    producer = Program(server, "produce", "narrow", "--count", 1000, "--most", 50)
    wait_until(lambda: server.ask("EXISTS", "narrow") and server.ask("XLEN", "narrow") == 50,
               "the queue is full")
    time.sleep(0.2)
    check("the producer waits", (None, 50), (producer.process.poll(), server.ask("XLEN", "narrow")))
    worker = Program(server, "work", "narrow", "--concurrency", 16)
    longest = 0
    while producer.process.poll() is None:
        longest = max(longest, server.ask("XLEN", "narrow"))
    check_that("the queue is never longer", longest <= 50, longest)
    check("the producer ends", 0, producer.wait())
    wait_until(lambda: status(server, "narrow")["done"] == 1000, "all are done")
    worker.kill(signal.SIGTERM)
    check("an idle worker ends", 0, worker.wait())
    check_all_done("through a narrow queue", names(1000), [worker])


def pending(server, stream):
    return server.ask("XPENDING", stream, "workers")[0]


def test_stop(server):
    run(server, "produce", "stop", "--count", 20)
    worker = Program(server, "work", "stop", "--sleep", 3, "--concurrency", 4)
    wait_until(lambda: pending(server, "stop") == 4, "four jobs are in hand")
    worker.kill(signal.SIGTERM)
    check("SIGTERM ends a worker", 0, worker.wait())
    check("it finished its four jobs", (4, 4), (len(worker.lines()), worker.report()["done"]))
    check("and took no more", totals(20, done=4, waiting=16), status(server, "stop"))

    worker = Program(server, "work", "stop", "--sleep", 60, "--concurrency", 4)
    wait_until(lambda: pending(server, "stop") == 4, "four jobs are in hand")
    worker.kill(signal.SIGTERM)
    wait_until(lambda: "finishing" in worker.err(), "it says so")
    worker.kill(signal.SIGTERM)
    check("a second SIGTERM ends it at once", -signal.SIGTERM, worker.wait(50))

    # A server that hangs: what is on its way there is given up.
    worker = Program(server, "work", "stop", "--sleep", 3, "--concurrency", 4)
    wait_until(lambda: pending(server, "stop") == 8, "four more are in hand")
    server.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: len(worker.lines()) == 4, "the jobs are done")
    worker.kill(signal.SIGTERM)
    check("a worker can leave a server that hangs", 0, worker.wait())
    check("it says what it could not tell", 4, worker.report()["unconfirmed"])
    server.process.send_signal(signal.SIGCONT)


def test_killed_worker(server, count=1000):
    jobs = names(count)
    run(server, "produce", "killed", jobs=jobs)
    options = ["--retry-after", 3, "--sleep", 0.02, "--concurrency", 8]
    victim = Program(server, "work", "killed", *options, "--name", "victim")
    other = Program(server, "work", "killed", *options, "--name", "other", "--until-empty")
    wait_until(lambda: len(victim.lines()) > 50, "the victim works")
    left = 0

    def in_mid_job():
        nonlocal left
        victim.kill(signal.SIGCONT)
        time.sleep(0.01)
        victim.kill(signal.SIGSTOP)
        time.sleep(0.05)  # what it has sent arrives
        left = len(server.ask("XPENDING", "killed", "workers", "-", "+", 100, "victim"))
        return left != 0

    wait_until(in_mid_job, "the victim is in the middle of its jobs")
    victim.kill()
    check("a worker is killed", -9, victim.wait())
    check_that("with no more than 8 jobs in hand", left <= 8, left)
    check("the other one ends", 0, other.wait())
    again = check_all_done("a worker was killed", jobs, [victim, other])
    check_that("only what it had in hand is done again", again <= left, (again, left))
    check("all are counted once", totals(count, done=count), status(server, "killed"))


def stop_and_go(server, how, condition, what):
    wait_until(condition, what)
    server.stop(how)
    time.sleep(0.3)
    server.start()


def test_restarts(server, count=1000):
    options = ["--retry-after", 1, "--sleep", 0.01, "--concurrency", 4]
    workers = [Program(server, "work", "restart", *options) for _ in range(2)]
    producer = Program(server, "produce", "restart", "--count", count, "--most", 100)

    def done():
        return sum(len(each.lines()) for each in workers)

    stop_and_go(server, signal.SIGTERM, lambda: done() > count / 5, "a fifth is done")
    stop_and_go(server, signal.SIGKILL, lambda: done() > count / 2, "half is done")
    check("the producer ends", 0, producer.wait())
    wait_until(lambda: status(server, "restart").get("waiting") == 0, "all are taken")
    wait_until(lambda: pending(server, "restart") == 0, "all are done")
    for each in workers:
        each.kill(signal.SIGTERM)
    check("the workers end", [0, 0], [each.wait() for each in workers])
    again = check_all_done("two restarts", names(count), workers)
    print(f"    {again} of {count} jobs were done again")
    for each in workers:
        check_that("a worker notices", each.err().count("connected again") >= 2, each.err())
    numbers = status(server, "restart")
    check("nothing is left", [0, 0, 0], [numbers[key] for key in ("dead", "waiting", "in hand")])
    check_that("the producer tells of jobs that may be there twice",
               numbers["added"] == count or "sent again" in producer.out(),
               (numbers, producer.out()))


def test_many(count=100000):
    server = Server(sync="everysec")
    begin = time.monotonic()
    options = ["--retry-after", 2, "--concurrency", 32]
    workers = [Program(server, "work", "many", *options) for _ in range(4)]
    producers = [Program(server, "produce", "many", jobs=names(count)[half::2]) for half in (0, 1)]

    def done():
        return sum(len(each.lines()) for each in workers)

    wait_until(lambda: done() > count / 5, "a fifth is done", 300)
    workers[0].kill()
    stop_and_go(server, signal.SIGTERM, lambda: done() > count / 2, "half is done")
    check("the producers end", [0, 0], [each.wait(300) for each in producers])
    wait_until(lambda: server.ask("XLEN", "many") == 0, "all are done", 300)
    seconds = time.monotonic() - begin
    for each in workers[1:]:
        each.kill(signal.SIGTERM)
    check("the workers end", [0, 0, 0], [each.wait(10) for each in workers[1:]])
    again = check_all_done("10^5 jobs", names(count), workers)
    print(f"    {count} jobs in {seconds:.1f} s, {again} done again;", status(server, "many"),
          *[each.out().strip() for each in producers], sep="\n    ")
    server.stop()


def main():
    test_command_line()
    if not shutil.which("redis-server"):
        print("skipped: redis-server not installed")
        return
    if os.environ.get("WEFT_LONG"):
        test_many()
        return
    server = Server()
    for test in (test_plain, test_commands, test_long_jobs, test_back_pressure, test_stop,
                 test_killed_worker, test_restarts):
        begin = time.monotonic()
        test(server)
        print(f"    {test.__name__}: {time.monotonic() - begin:.1f} s")
    server.stop()


try:
    main()
finally:
    for each in started:
        if each.poll() is None:
            each.kill()
            each.wait()
    shutil.rmtree(work, ignore_errors=True)
finish()
