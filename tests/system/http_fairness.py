#!/usr/bin/env python3
"""Fairness and floods: a thousand readers and publishers without rest beside clients who want one PONG, and memory that stays bounded."""

import resource
import time

from harness import PATIENCE, Daemon, connect_socket, equal, main, pump, read_any, until
from web import Events, Http, publish, target

READERS = 1000


def _many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4000, hard), hard))


def _readers(daemon, count, pattern="f.>", **settings):
    """count EventSources, all of which have begun."""
    readers = []
    while len(readers) < count:
        part = [Events(daemon, pattern, begin=False, **settings) for _ in range(min(100, count - len(readers)))]
        pump(part, lambda part=part: all(r.begun() for r in part), "heads", 30 * PATIENCE)
        readers += part
    return readers


def line_clients_are_answered_while_a_thousand_read():
    """One publisher floods a thousand readers; meanwhile line clients on every worker ask for a PONG, and get it."""
    _many_descriptors()
    with Daemon("recent.bytes_max=8MiB") as daemon:
        readers = _readers(daemon, READERS)
        line, pingers = daemon.client(), daemon.clients(8)
        before = daemon.memory_bytes()
        sent, slowest, begin = 0, 0.0, time.monotonic()
        while time.monotonic() - begin < 3:
            if len(line.out) < 100000:
                line.out += b"".join(b"PUB f.a 200\r\n%-200d\r\n" % n for n in range(sent, sent + 100))
                sent += 100
            start = time.monotonic()
            for pinger in pingers:
                pinger.ping_queued()
            while not all(pinger.flushed() for pinger in pingers):  # readers do not read meanwhile: that is their affair
                read_any([*pingers, line], 20 * PATIENCE)
            slowest = max(slowest, time.monotonic() - start)
            if line.out:
                line.write_some()
            for reader in readers[::50]:
                reader.read_some()
        if slowest > 2 * PATIENCE:
            raise AssertionError(f"a PONG took {slowest:.2f} s")
        note = daemon.check_growth(before, 64 << 20)
        return f"slowest PONG {slowest * 1000:.0f} ms, {sent} messages, {note}"


def each_of_a_thousand_readers_gets_everything():
    _many_descriptors()
    count = 60
    with Daemon() as daemon:
        readers, http = _readers(daemon, READERS), Http(daemon)
        for number in range(count):
            http.out += http.request_bytes("POST", f"/v1/topics/f.{number % 3}", b"%d" % number)
        pump([http] + readers, lambda: len(http.answers) == count and all(r.received_count == count for r in readers), "everything",
             60 * PATIENCE)
        for reader in readers:
            equal([int(e.data) for e in reader.inbox], list(range(count)), "events")


def memory_for_each_idle_reader_is_small():
    _many_descriptors()
    with Daemon() as daemon:
        warm = _readers(daemon, 50)
        before = daemon.memory_bytes()
        readers = _readers(daemon, READERS)
        with Http(daemon) as http:
            publish(http, "f.a", b"x")
        pump(readers + warm, lambda: all(r.inbox for r in readers), "an event for each", 30 * PATIENCE)
        note = daemon.check_growth(before, READERS * 4096)
        return f"{note} for {READERS} readers"


def one_publisher_in_a_hurry_does_not_stop_the_others():
    """A connection that pipelines without rest shares its worker with others, whose single requests are answered."""
    with Daemon() as daemon:
        greedy = [Http(daemon) for _ in range(4)]
        others = [Http(daemon) for _ in range(8)]
        slowest, begin = 0.0, time.monotonic()
        while time.monotonic() - begin < 2:
            for http in greedy:
                if len(http.out) < 200000:
                    http.out += http.request_bytes("POST", "/v1/topics/g", b"x" * 100) * 500
                http.answers.clear()
            start = time.monotonic()
            for http in others:
                http.ask("GET", "/healthz")
            while not all(http.answers for http in others):
                read_any(others + greedy, 20 * PATIENCE)
            slowest = max(slowest, time.monotonic() - start)
            for http in others:
                http.answers.popleft().check(200)
        if slowest > 2 * PATIENCE:
            raise AssertionError(f"an answer took {slowest:.2f} s")
        return f"slowest answer {slowest * 1000:.0f} ms"


def a_reader_from_far_behind_does_not_hold_up_those_who_live():
    """Many readers catch up through the whole history while others are live."""
    with Daemon() as daemon, Http(daemon) as http:
        line = daemon.client()
        count = 5000
        line.out += b"".join(b"PUB f.old 500\r\n%-500d\r\n" % n for n in range(count))
        line.flush(30 * PATIENCE)
        live = Events(daemon, "f.new")
        late = [Events(daemon, "f.>", since="all", begin=False) for _ in range(20)]
        slowest = 0.0
        for number in range(50):
            start = time.monotonic()
            publish(http, "f.new", b"%d" % number)
            while not live.inbox:
                read_any([live, *late[:5]], 20 * PATIENCE)
            slowest = max(slowest, time.monotonic() - start)
            equal(live.inbox.popleft().data, str(number), "live event")
        pump(late, lambda: all(r.received_count == count + 50 for r in late), "everything for those behind", 60 * PATIENCE)
        if slowest > 2 * PATIENCE:
            raise AssertionError(f"a live event took {slowest:.2f} s")
        return f"slowest live event {slowest * 1000:.0f} ms"


def slow_heads_hold_nobody_up():
    """Hundreds of connections that send a byte now and then: others are served, and they are gone when their time is over."""
    with Daemon("http.head_timeout=1s", "http.body_timeout=1s") as daemon, Http(daemon) as http:
        http.get("/healthz").check(200)
        before, memory = daemon.descriptor_count(), daemon.memory_bytes()
        slow = [connect_socket(daemon.http[0]) for _ in range(400)]
        for number, sock in enumerate(slow):
            sock.setblocking(False)
            sock.send((b"GET / HTTP/1.1\r\nHost: localhost\r\nA: ", b"POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\nx",
                       b"G")[number % 3])
        begin = time.monotonic()
        while daemon.descriptor_count() > before:
            for sock in slow:
                try:
                    sock.send(b"x")
                except OSError:
                    pass
            start = time.monotonic()
            http.get("/healthz").check(200)
            if time.monotonic() - start > 2 * PATIENCE:
                raise AssertionError("an answer took long")
            if time.monotonic() - begin > 30 * PATIENCE:
                raise AssertionError(f"{daemon.descriptor_count() - before} of them are still there")
        for sock in slow:
            sock.close()
        return daemon.check_growth(memory, 16 << 20)


def large_bodies_that_do_not_come_cost_nothing():
    """Who announces a MiB and sends little of it is given no MiB."""
    with Daemon("http.body_timeout=20s") as daemon, Http(daemon) as http:
        before = daemon.memory_bytes()
        waiting = [Http(daemon) for _ in range(300)]
        for peer in waiting:
            peer.send(f"POST /v1/topics/a HTTP/1.1\r\nHost: {peer.host}\r\nContent-Length: 1048576\r\n\r\n" + "x" * 100)
        for _ in range(5):
            http.get("/healthz").check(200)
        return daemon.check_growth(before, 48 << 20)


def pipelines_that_are_not_read_are_bounded():
    """Who asks and does not take the answers is not listened to any more, and closed when nothing moves."""
    with Daemon("http.write_timeout=1s", "http.pending_size_max=1MiB") as daemon, Http(daemon) as http:
        publish(http, "big", b"x" * 500000)
        before, descriptors = daemon.memory_bytes(), daemon.descriptor_count()
        peers = [Http(daemon, receive_size=4096) for _ in range(20)]
        request = peers[0].request_bytes("GET", target("big", since="all"))
        for peer in peers:
            peer.out += request * 2000
        begin = time.monotonic()
        while time.monotonic() - begin < 0.7:
            for peer in peers:
                if not peer.closed:
                    try:
                        del peer.out[:peer.sock.send(peer.out[:65536])]
                    except BlockingIOError:
                        pass
                    except OSError:
                        peer.closed = True
            http.get("/healthz").check(200)
        note = daemon.check_growth(before, 64 << 20)
        until(lambda: daemon.descriptor_count() <= descriptors, "all of them closed", 30 * PATIENCE)
        http.get("/healthz").check(200)
        return note


def readers_that_come_and_go_leave_nothing_behind():
    with Daemon() as daemon, Http(daemon) as http:
        http.get("/healthz").check(200)
        descriptors = daemon.descriptor_count()
        for _ in range(3):
            _churn(daemon, http, 100)
        before = daemon.memory_bytes()
        for _ in range(10):
            _churn(daemon, http, 100)
        note = daemon.check_growth(before, 4 << 20)
        until(lambda: daemon.descriptor_count() <= descriptors, "every descriptor given back")
        return note


def _churn(daemon, http, count):
    """Readers of patterns of their own, waiters and line clients come, get something, and go."""
    readers = [Events(daemon, f"c.{number % 10}.*,d.{number}", begin=False) for number in range(count)]
    pump(readers, lambda: all(r.begun() for r in readers), "heads", 30 * PATIENCE)
    waiter = Http(daemon)
    waiter.ask("GET", target("never", since="latest", wait="60s"))
    for number in range(10):
        publish(http, f"c.{number}.x", b"x" * 1000)
    pump(readers, lambda: all(r.inbox for r in readers), "an event for each", 30 * PATIENCE)
    for number, peer in enumerate([*readers, waiter]):
        peer.reset() if number % 2 else peer.close()


if __name__ == "__main__":
    _many_descriptors()
    main(line_clients_are_answered_while_a_thousand_read, each_of_a_thousand_readers_gets_everything,
         memory_for_each_idle_reader_is_small, one_publisher_in_a_hurry_does_not_stop_the_others,
         a_reader_from_far_behind_does_not_hold_up_those_who_live, slow_heads_hold_nobody_up,
         large_bodies_that_do_not_come_cost_nothing, pipelines_that_are_not_read_are_bounded,
         readers_that_come_and_go_leave_nothing_behind)
