#!/usr/bin/env python3
"""Deadlines before a client has shown itself are absolute: dribbling bytes does not buy time."""

import time

from harness import ORACLE, PATIENCE, Client, Daemon, Skip, equal, flush_all, main

AUTH = ("user.app.token=t", "line.auth_timeout=500ms")


def _closed_within(client, at_least_s, at_most_s, dribble=b""):
    """Waits for the end, sending one byte of dribble every 20 ms; the end must come in time."""
    start, sent = time.monotonic(), 0
    while not client.closed:
        if time.monotonic() - start > at_most_s * PATIENCE:
            raise AssertionError(f"still connected after {at_most_s} s and {sent} bytes")
        if dribble:
            client.out += dribble[sent % len(dribble):][:1]
            client.write_some()
            sent += 1
        client.listen(0.02)
    took = time.monotonic() - start
    if took < at_least_s:
        raise AssertionError(f"closed after {took:.2f} s already")


def silence_is_cut_off_by_auth_timeout():
    with Daemon(*AUTH) as daemon:
        client = daemon.client(hello=False)
        _closed_within(client, 0.3, 2)
        equal(client.errors, ["Authentication Timeout"], "errors")


def a_dribbled_connect_is_cut_off_by_auth_timeout():
    with Daemon(*AUTH) as daemon:
        client = daemon.client(hello=False)
        _closed_within(client, 0.3, 2, b'CONNECT {"name":"' + b"x" * 3000)
        equal(client.errors, ["Authentication Timeout"], "errors")


def many_dribblers_do_not_keep_a_good_client_out():
    with Daemon(*AUTH) as daemon:
        dribblers = [daemon.client(hello=False) for _ in range(100)]
        words = iter(b'CONNECT {"name":"' + b"x" * 3000)
        good = daemon.client(auth_token="t")
        good.subscribe("a", "1")
        start = time.monotonic()
        while any(not client.closed for client in dribblers):
            if time.monotonic() - start > 3 * PATIENCE:
                raise AssertionError("dribblers are still connected")
            byte = bytes([next(words)])
            for client in dribblers:
                if not client.closed:
                    client.out += byte
                    client.write_some()
                    if not client.closed:
                        client.read_some()
            good.publish("a", b"x")
            good.expect("a", b"x")


def a_client_that_logs_in_is_not_cut_off_later():
    with Daemon(*AUTH) as daemon:
        good, bad = daemon.client(auth_token="t"), daemon.client(hello=False)
        good.flush()
        _closed_within(bad, 0.2, 2)
        second = daemon.client(hello=False)
        _closed_within(second, 0.2, 2)  # by now the good client's own deadline is long past
        good.flush()


def without_users_a_silent_client_is_cut_off_by_hello_timeout():
    if ORACLE:
        raise Skip("nats-server has no such deadline")
    with Daemon("line.hello_timeout=500ms") as daemon:
        silent, dribbling = daemon.client(hello=False), daemon.client(hello=False)
        good, half = daemon.client(), daemon.client(hello=False)
        half.flush()  # a PING is an operation, CONNECT or not
        good.flush()
        _closed_within(silent, 0.2, 2)
        _closed_within(dribbling, 0, 2, b"CONNECT {" + b" " * 3000)
        flush_all([good, half])


def a_payload_that_never_ends_is_cut_off_before_login():
    with Daemon(*AUTH) as daemon:
        client = Client(daemon.line[0], hello=False)
        _closed_within(client, 0, 2, b"PUB a 1000000\r\n" + b"x" * 1000)


if __name__ == "__main__":
    main(silence_is_cut_off_by_auth_timeout, a_dribbled_connect_is_cut_off_by_auth_timeout, many_dribblers_do_not_keep_a_good_client_out,
         a_client_that_logs_in_is_not_cut_off_later, without_users_a_silent_client_is_cut_off_by_hello_timeout,
         a_payload_that_never_ends_is_cut_off_before_login)
