#!/usr/bin/env python3
"""Keepalive: a quiet client is pinged, one that does not answer is let go, and whatever a client sends postpones the next PING."""

import time

from harness import ORACLE, PATIENCE, Daemon, Skip, equal, flush_all, main, read_any

FAST = ("line.ping_interval=300ms", "line.pings_outstanding_max=2")


class PingCounter:
    """Counts the PINGs of the server and does not answer them."""

    def __init__(self, client):
        self.count = 0
        client.answer_ping = False
        take = client._take_control

        def counted(line):
            self.count += line == b"PING"
            take(line)

        client._take_control = counted


def a_quiet_client_that_answers_stays():
    with Daemon(*FAST) as daemon:
        client = daemon.client()
        pings = PingCounter(client)
        client.answer_ping = True
        client.wait(lambda: pings.count >= 6, "six PINGs", 10 * PATIENCE)
        client.flush()


def a_client_that_does_not_answer_is_stale():
    with Daemon(*FAST) as daemon:
        client = daemon.client()
        pings = PingCounter(client)
        start = time.monotonic()
        client.expect_error("Stale Connection", 10 * PATIENCE)
        client.expect_closed()
        took = time.monotonic() - start
        if pings.count != 2 or took < 0.6:
            raise AssertionError(f"stale after {pings.count} PINGs and {took:.2f} s")


def whatever_a_client_sends_postpones_the_ping():
    with Daemon(*FAST) as daemon:
        client, quiet = daemon.clients(2)
        pings, others = PingCounter(client), PingCounter(quiet)
        quiet.answer_ping = True
        while others.count < 4:  # four intervals, by the daemon's own measure
            client.publish("nobody", b"x")
            quiet.listen(0.03)
            if quiet.out:
                quiet.write_some()
            client.read_some()
        if pings.count > 1:
            raise AssertionError(f"{pings.count} PINGs to a client that talks all the time")


def a_client_in_the_middle_of_a_large_payload_is_not_stale():
    """Bytes of an unfinished message count as a sign of life."""
    if ORACLE:
        raise Skip("nats-server counts whole messages only")
    with Daemon(*FAST) as daemon:
        client, quiet = daemon.clients(2)
        pings, others = PingCounter(client), PingCounter(quiet)
        quiet.answer_ping = True
        client.subscribe("a", "1")
        client.send(b"PUB a 100000\r\n")
        sent = 0
        while others.count < 5:
            client.send(b"x" * 100)
            sent += 100
            quiet.listen(0.03)
            if quiet.out:
                quiet.write_some()
        client.send(b"x" * (100000 - sent) + b"\r\n")
        client.expect("a", b"x" * 100000)
        return f"{pings.count} PINGs meanwhile"


def each_client_has_its_own_clock():
    with Daemon(*FAST) as daemon:
        good, bad = daemon.clients(8), daemon.clients(8)
        for client in bad:
            client.answer_ping = False
        while not all(client.closed for client in bad):
            read_any(good + bad)
        equal([client.errors for client in bad], [["Stale Connection"]] * 8, "errors of those who do not answer")
        flush_all(good)


if __name__ == "__main__":
    main(a_quiet_client_that_answers_stays, a_client_that_does_not_answer_is_stale, whatever_a_client_sends_postpones_the_ping,
         a_client_in_the_middle_of_a_large_payload_is_not_stale, each_client_has_its_own_clock)
