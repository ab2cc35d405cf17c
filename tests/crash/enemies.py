#!/usr/bin/env python3
"""Enemies in numbers: connections that say nothing, that say it slowly, that ask and do not read. Each costs the daemon at most 8 KB,
and the others are served as before: the 99th percentile of their round trips at most doubles.

    tests/crash/enemies.py [--connections N] [--readers N] [--trips N] [TEST]...

Enemies live in a process of their own. The time of round trips is taken with and without them, in turns; where the machine is busy with
other things the best of a few turns counts. POSTHORN, the command line, plays those who read many at a time: so it is not the client
that is measured.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "system"))

from harness import ORACLE, PATIENCE, Daemon, Skip, equal, flush_all, main, until  # noqa: E402
from web import Http  # noqa: E402

COST_MAX = 8 << 10
COST_FIXED = 1 << 20  # buffers that are there once, however many connections need them
RATIO_MAX = 2
TURNS = 5
HOUR = ["line.auth_timeout=1h", "line.hello_timeout=1h", "http.head_timeout=1h", "http.body_timeout=1h", "http.idle_timeout=1h"]
options = argparse.Namespace(connections=300, readers=50, trips=500, floor_ms=5)


class Enemies:
    """Connections in a process of their own, which begins with `begin` (once for each socket) and then does `go_on` in a loop."""

    def __init__(self, addresses, count, begin, go_on=None, receive_size=None):
        self.count = count
        ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _be_enemies(addresses, count, begin, go_on, receive_size, told)
            finally:
                os._exit(1)
        os.close(told)
        if not select.select([ready], [], [], (30 + count / 100) * PATIENCE)[0] or os.read(ready, 1) != b"1":
            raise AssertionError("the enemies did not come up")
        os.close(ready)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _be_enemies(addresses, count, begin, go_on, receive_size, told):
    socks = []
    for number in range(count):
        host, port = addresses[number % len(addresses)].rsplit(":", 1)
        sock = socket.socket()
        if receive_size:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
        sock.connect((host, int(port)))
        begin(number, sock)
        socks.append(sock)
    os.write(told, b"1")
    turn = 0
    while True:
        began = time.monotonic()
        for number, sock in enumerate(socks):
            if go_on:
                with contextlib.suppress(OSError):
                    go_on(turn, number, sock)
        turn += 1
        time.sleep(max(0, 1 - (time.monotonic() - began)))  # a byte a second is what dribbling is


def many_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < options.connections + 500:
        raise Skip(f"{most} descriptors are not enough")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _daemon(*settings, **more):
    if ORACLE:
        raise Skip("of posthornd only")
    many_descriptors()
    return Daemon("server.connections_max=100000", *HOUR, *settings, **more)


def _floor_s():
    """Below this a ratio says more of what else the machine does than of the daemon."""
    return options.floor_ms / 1000 * PATIENCE


def p99(times):
    return sorted(times)[len(times) * 99 // 100]


class Friends:
    """Two clients of the line protocol and one of HTTP, whose round trips are timed."""

    def __init__(self, daemon, headers=(), **settings):
        self.speaker, self.listener = daemon.clients(2, **settings)
        self.web, self.headers = Http(daemon), headers
        self.listener.subscribe("friends", "1")
        flush_all([self.speaker, self.listener])
        self.trips()  # warm

    def _trip(self):
        began = time.monotonic()
        self.speaker.publish("friends", b"x")
        self.listener.next()
        return time.monotonic() - began

    def _ask(self):
        began = time.monotonic()
        equal(self.web.post("/v1/topics/friends.web", b"x", self.headers).status in (200, 202), True, "status")
        return time.monotonic() - began

    def trips(self):
        """The 99th percentiles of the line and of HTTP."""
        return p99([self._trip() for _ in range(options.trips)]), p99([self._ask() for _ in range(options.trips)])


def _best(turns):
    return [min(column) for column in zip(*turns, strict=True)]


def _judge(daemon, friends, enemies, cost_max=COST_MAX):
    """Holds the daemon to its promises while enemies() are there; returns the figures."""
    before = _best([friends.trips() for _ in range(TURNS)])
    memory = daemon.memory_bytes()
    with enemies() as those:
        until(lambda: daemon.descriptor_count() >= those.count, "all connections", 60 * PATIENCE, 0.05)
        flush_all([friends.speaker, friends.listener])
        turns, within = [], False
        for _ in range(3 * TURNS):
            turns.append(friends.trips())
            during = _best(turns)
            within = all(d <= max(RATIO_MAX * b, _floor_s()) for b, d in zip(before, during, strict=True))
            if within and len(turns) >= 2:
                break
        grown, count = daemon.memory_bytes() - memory, those.count
    cost = grown / count
    if grown > cost_max * count + COST_FIXED and not re.search(r"lib[atl]san", daemon._proc("maps")):
        raise AssertionError(f"{cost:.0f} bytes for each of {count}, more than {cost_max}")
    figures = ", ".join(f"p99 of {name} {d * 1e6:.0f} us after {b * 1e6:.0f}"
                        for name, b, d in zip(("the line", "HTTP"), before, during, strict=True))
    if not within:
        raise AssertionError(f"others are held up: {figures}")
    until(lambda: daemon.descriptor_count() < 100, "the end of their connections", 60 * PATIENCE, 0.05)
    return f"{count} connections, {cost:.0f} bytes each, {figures}"


def _auth():
    return ["user.ann.token=secret"], {"auth_token": "secret", "headers": {"Authorization": "Bearer secret"}}


def half_open_floods():
    """Connections to both listeners that never say a word, where there are users."""
    settings, friendly = _auth()
    with _daemon(*settings) as daemon:
        headers = friendly.pop("headers")
        friends = Friends(daemon, headers, **friendly)
        return _judge(daemon, friends, lambda: Enemies([daemon.line[0], daemon.http[0]], options.connections, lambda n, s: None))


CONNECT = b'CONNECT {"verbose":false,"name":"' + b"x" * 3000
HEAD = b"GET /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 8000


def dribblers():
    """Slowloris: a hundred bytes of a hello or a head, and then one more each second, for ever."""
    def begin(number, sock):
        sock.sendall((HEAD if number % 2 else CONNECT)[:100])

    def go_on(turn, number, sock):
        sock.send((HEAD if number % 2 else CONNECT)[100 + turn:101 + turn])

    settings, friendly = _auth()
    with _daemon(*settings) as daemon:
        headers = friendly.pop("headers")
        friends = Friends(daemon, headers, **friendly)
        return _judge(daemon, friends, lambda: Enemies([daemon.line[0], daemon.http[0]], options.connections, begin, go_on))


def heads_as_large_as_they_may_be():
    """Heads and hellos of nearly the size that is allowed, which never end: each costs what it has sent, and no more than twice that."""
    def begin(number, sock):
        sock.sendall((HEAD[:7800] if number % 2 else CONNECT))

    settings, friendly = _auth()
    with _daemon(*settings) as daemon:
        headers = friendly.pop("headers")
        friends = Friends(daemon, headers, **friendly)
        return _judge(daemon, friends, lambda: Enemies([daemon.line[0], daemon.http[0]], options.connections, begin), 2 * 8192)


def bodies_that_do_not_come():
    """Requests that announce a megabyte and send a byte a second, where anybody may enter."""
    def begin(number, sock):
        sock.sendall(b"POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" if number % 2
                     else b'CONNECT {"verbose":false}\r\nPUB a 1000000\r\n')

    def go_on(_turn, _number, sock):
        sock.send(b"x")

    with _daemon() as daemon:
        return _judge(daemon, Friends(daemon), lambda: Enemies([daemon.line[0], daemon.http[0]], options.connections, begin, go_on))


class News:
    """Those who read: many at once, timed by `posthorn bench`, each message under a rate that leaves them all time."""

    RATE = 100  # messages a second, each to all of them

    def __init__(self, daemon):
        if "POSTHORN" not in os.environ:
            raise Skip("POSTHORN names no command line")
        self.command = [os.environ["POSTHORN"], "bench", "fanout", "--server", f"nats://{daemon.line[0]}", "--topic", "news", "--json",
                        "--subscribers", str(options.readers), "--messages", str(options.trips // 2), "--rate", str(self.RATE),
                        "--timeout", f"{60 * PATIENCE:.0f}s"]

    def turn(self):
        """The 99th percentile of the time that a message takes to each of them."""
        done = subprocess.run(self.command, capture_output=True, timeout=300 * PATIENCE, check=False)
        if done.returncode:
            raise AssertionError(f"{self.command}: {done.stderr.decode()}")
        result = json.loads(done.stdout)
        equal(result["delivered"], options.readers * (options.trips // 2), "messages that they got")
        return result["latency_us"]["p99"] / 1e6


def readers_that_do_not_read():
    """Readers of a stream by HTTP, and subscribers, who take nothing of what comes. Subscribers are let go when as much waits for them
    as may; readers of the stream are left where they are, and cost nothing. Those who read get it as fast as without them."""
    def begin(number, sock):
        sock.sendall(b"GET /v1/topics/news/sse HTTP/1.1\r\nHost: localhost\r\n\r\n" if number % 2
                     else b'CONNECT {"verbose":false}\r\nSUB news 1\r\n')

    pending = 128 << 10
    with _daemon(f"line.pending_size_max={pending}", "line.payload_size_max=64KiB", "http.write_timeout=1h", "line.write_timeout=1h",
                 "recent.bytes_max=64MiB") as daemon:
        publisher, news = daemon.client(), News(daemon)
        before = min(news.turn() for _ in range(TURNS))
        memory = daemon.memory_bytes()
        with Enemies([daemon.line[0], daemon.http[0]], options.connections, begin, receive_size=4096) as those:
            until(lambda: daemon.descriptor_count() >= those.count, "all connections", 60 * PATIENCE, 0.05)
            largest = 0

            def subscribers_are_gone():
                nonlocal largest
                publisher.publish("news", b"n" * 60000)
                publisher.flush()
                largest = max(largest, daemon.memory_bytes() - memory)
                return daemon.descriptor_count() < those.count // 2 + 100

            until(subscribers_are_gone, "the end of subscribers that do not read", 120 * PATIENCE)
            during = news.turn()
            for _ in range(3 * TURNS - 1):
                if during <= max(RATIO_MAX * before, _floor_s()):
                    break
                during = min(during, news.turn())
            largest, count = max(largest, daemon.memory_bytes() - memory), those.count
        # A buffer that grows leaves smaller ones behind it in the heap, as much as it has itself in the worst case. What has waited
        # for readers until they came to it counts as well.
        cap = count // 2 * 2 * pending + (64 << 20) + COST_MAX * count
        if largest > cap and not re.search(r"lib[atl]san", daemon._proc("maps")):
            raise AssertionError(f"memory grew by {largest >> 20} MiB, beyond {cap >> 20}")
        times = f"p99 of news to {options.readers} who do {during * 1e6:.0f} us after {before * 1e6:.0f}, {during / before:.2f} times"
        if during > max(RATIO_MAX * before, _floor_s()):
            raise AssertionError(f"those who read are held up: {times}")
        return f"{count} that do not read, at most {largest >> 20} MiB of {cap >> 20}; {times}"


def connections_that_come_and_go():
    """A storm of connections that are reset at once: nothing is left of them."""
    with _daemon() as daemon:
        friends = Friends(daemon)
        memory = daemon.memory_bytes()
        began = time.monotonic()
        for number in range(2 * options.connections):
            host, port = (daemon.line if number % 2 else daemon.http)[0].rsplit(":", 1)
            with socket.create_connection((host, int(port)), 10) as sock:
                if number % 3:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        took = time.monotonic() - began
        flush_all([friends.speaker, friends.listener])
        until(lambda: daemon.descriptor_count() < 100, "the end of their connections", 60 * PATIENCE, 0.05)
        return f"{2 * options.connections / took:.0f} a second, {daemon.check_growth(memory, 8 << 20)}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=options.connections, help="enemies at a time")
    parser.add_argument("--readers", type=int, default=options.readers, help="who read beside those who do not, at most 1000")
    parser.add_argument("--trips", type=int, default=options.trips, help="round trips in a measurement")
    parser.add_argument("--floor-ms", type=float, default=options.floor_ms, help="a percentile below this is good whatever it was before")
    found, rest = parser.parse_known_args()
    options.__dict__.update(vars(found))
    sys.argv[1:] = rest


if __name__ == "__main__":
    arguments()
    main(half_open_floods, dribblers, heads_as_large_as_they_may_be, bodies_that_do_not_come, readers_that_do_not_read,
         connections_that_come_and_go, limit_s=600)
