#!/usr/bin/env python3
"""Payloads from nothing to the limit, byte for byte, between all workers, with headers and without."""

import random

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes, pump

MIB = 1024 * 1024


def _cross(daemon, bodies, head=b""):
    """Each of four clients publishes one body of the list after the other; each of four others must get all of them."""
    senders, receivers = daemon.clients(4), daemon.clients(4)
    for receiver in receivers:
        receiver.subscribe("a.*", "1")
    flush_all(receivers)
    for i, sender in enumerate(senders):
        sender.out += b"".join(publish_bytes(f"a.{i}", body, head=head) for body in bodies)
    total = len(bodies) * len(senders)
    pump(senders + receivers, lambda: all(r.received_count == total for r in receivers), "every message", 60 * PATIENCE)
    for receiver in receivers:
        by_topic = {}
        for message in receiver.inbox:
            equal(message.head, head, "head")
            by_topic.setdefault(message.topic, []).append(message.body)
        for i in range(len(senders)):
            if by_topic[f"a.{i}"] != list(bodies):
                raise AssertionError(f"the bodies of publisher {i} differ")


def every_size_around_the_powers_of_two():
    source = random.Random(1)
    sizes = sorted({max(0, (1 << bits) + shift) for bits in range(18) for shift in (-3, -2, -1, 0, 1, 2, 3)})
    with Daemon() as daemon:
        _cross(daemon, [source.randbytes(size) for size in sizes])


def every_small_size_with_headers():
    source = random.Random(2)
    with Daemon() as daemon:
        _cross(daemon, [source.randbytes(size) for size in range(300)], head=b"NATS/1.0\r\nKey: value\r\n\r\n")


def bodies_of_exactly_the_default_limit():
    source = random.Random(3)
    with Daemon() as daemon:
        equal(daemon.client().info["max_payload"], MIB, "the limit")
        _cross(daemon, [source.randbytes(MIB), b"", source.randbytes(MIB - 1), b"x", source.randbytes(MIB)])


def bodies_of_exactly_a_large_limit():
    source = random.Random(4)
    with Daemon("line.payload_size_max=16MiB", "line.pending_size_max=256MiB") as daemon:
        sender, receiver = daemon.clients(2)
        receiver.subscribe("a", "1")
        receiver.flush()
        body = source.randbytes(16 * MIB)
        for _ in range(3):
            sender.out += publish_bytes("a", body)
        pump([sender, receiver], lambda: receiver.received_count == 3, "three large messages", 60 * PATIENCE)
        for message in receiver.inbox:
            if message.body != body:
                raise AssertionError("the body differs")
        sender.line(f"PUB a {16 * MIB + 1}")
        sender.expect_error("Maximum Payload Violation")
        sender.expect_closed()


def bytes_that_look_like_the_protocol_are_only_bytes():
    bodies = [b"\r\n", b"PUB a 1\r\nx\r\n", b"\r\n\r\n", b"MSG a.0 1 2\r\nhi\r\n", b"PING\r\n", b"-ERR 'x'\r\n", b"\0" * 100, bytes(range(256)) * 3]
    with Daemon() as daemon:
        _cross(daemon, bodies * 20)


def ten_megabytes_of_mixed_sizes():
    source, bodies, total = random.Random(5), [], 0
    while total < 10_000_000:
        bodies.append(source.randbytes(int(2 ** source.uniform(0, 18))))
        total += len(bodies[-1])
    with Daemon("line.pending_size_max=256MiB") as daemon:
        _cross(daemon, bodies)


def a_message_that_comes_byte_by_byte():
    with Daemon() as daemon:
        sender, receiver = daemon.clients(2)
        receiver.subscribe("a.b", "1")
        receiver.flush()
        for byte in publish_bytes("a.b", bytes(range(200)), reply="c", head=b"NATS/1.0\r\nA: b\r\n\r\n"):
            sender.send(bytes([byte]))
        receiver.expect("a.b", bytes(range(200)), reply="c", head=b"NATS/1.0\r\nA: b\r\n\r\n")


def memory_is_given_back_after_large_messages():
    """Large buffers are for the time of their use: a hundred clients that once sent a megabyte do not keep it. Nor does the
    stream `recent`, which would be right to."""
    with Daemon("recent.enabled=no") as daemon:
        clients = daemon.clients(100)
        flush_all(clients)
        before = daemon.memory_bytes()
        for client in clients:
            client.publish("nobody", b"x" * MIB)
            client.flush()
        return daemon.check_growth(before, 40 * MIB)


if __name__ == "__main__":
    main(every_size_around_the_powers_of_two, every_small_size_with_headers, bodies_of_exactly_the_default_limit,
         bodies_of_exactly_a_large_limit, bytes_that_look_like_the_protocol_are_only_bytes, ten_megabytes_of_mixed_sizes,
         a_message_that_comes_byte_by_byte, memory_is_given_back_after_large_messages)
