#!/usr/bin/env python3
"""Topics at their limits: length, depth, and shapes that would be dear to a careless matcher."""

import time

from harness import ORACLE, PATIENCE, Daemon, Skip, equal, flush_all, main, publish_bytes, pump


def the_default_limits_are_exact():
    if ORACLE:
        raise Skip("nats-server has no limits on topics")
    with Daemon() as daemon:
        client = daemon.client()
        for topic, good in (("a" * 1024, True), ("a" * 1025, False), (".".join(["a"] * 64), True), (".".join(["a"] * 65), False),
                            (".".join(["*"] * 63) + ".>", True), (".".join(["*"] * 64) + ".>", False)):
            client.subscribe(topic, "1")
            client.flush()
            equal(client.errors, [] if good else ["Invalid Subject"], f"errors for {topic[:20]}... of {len(topic)} bytes")
            client.errors.clear()
            if good and "*" not in topic:
                client.publish(topic, b"x")
                client.expect(topic, b"x")
            client.unsubscribe("1")
        client.flush()


def topics_past_the_limits_reach_nobody():
    if ORACLE:
        raise Skip("nats-server has no limits on topics")
    with Daemon() as daemon:
        client = daemon.client()
        client.subscribe(">", "1")
        for topic in ("a" * 1025, ".".join(["a"] * 65), ".".join(["a"] * 500)):
            client.publish(topic, b"x")
        client.nothing()


def a_reply_too_long_is_no_reason_to_fall():
    with Daemon() as daemon:
        client = daemon.client()
        client.subscribe("a", "1")
        client.publish("a", b"x", reply="r" * 3000)
        client.flush()


def names_as_long_as_a_control_line_do_no_harm():
    """Topic, reply, sid and group, in batches, here and across workers."""
    with Daemon("line.control_size_max=64KiB", "line.topic_size_max=63KiB") as daemon:
        plain, member, publisher = daemon.clients(3)
        topic, reply = "t" * 40000, "r" * 24000
        plain.subscribe(">", "s" * 65000)
        member.subscribe(">", "m", "g" * 65000)
        flush_all([plain, member])
        publisher.send(b"".join(publish_bytes(topic, b"%d" % number + b"x" * 2000, reply) for number in range(3)))
        for client in (plain, member):
            for number in range(3):
                client.expect(topic, b"%d" % number + b"x" * 2000, reply=reply)
        flush_all([plain, member, publisher])


def many_wildcards_do_not_multiply_the_work():
    """Every pattern of stars and letters over ten tokens, and a topic that matches them all: one walk over what matches."""
    with Daemon() as daemon:
        client, publisher = daemon.clients(2)
        depth, patterns = 10, []
        for bits in range(1 << depth):
            patterns.append(".".join("*" if bits >> i & 1 else "a" for i in range(depth)))
        client.out += b"".join(b"SUB %s %d\r\n" % (p.encode(), i) for i, p in enumerate(patterns))
        client.flush()
        publisher.publish(".".join(["a"] * depth), b"x")
        pump([client], lambda: client.received_count == len(patterns), "a message for each pattern")
        # Topics that almost match: the walk must end early, and soon.
        start = time.monotonic()
        for number in range(1000):
            publisher.out += publish_bytes(".".join(["a"] * (depth - 1) + [f"b{number}"]), b"x")
        client.on_message = lambda m: None
        publisher.ping_queued()
        pump([client, publisher], publisher.flushed, "the publisher's flush", 60 * PATIENCE)
        flush_all([client])
        return f"{time.monotonic() - start:.1f} s for half a million deliveries"


def patterns_that_share_a_beginning_are_told_apart():
    with Daemon() as daemon:
        client = daemon.client()
        names = ["a", "aa", "a.a", "aa.a", "a.aa", "a.a.a", "a" * 200, "a" * 201, "a" * 100 + "." + "a" * 100]
        for sid, name in enumerate(names):
            client.subscribe(name, str(sid))
        for sid, name in enumerate(names):
            client.publish(name, b"%d" % sid)
            client.expect(name, b"%d" % sid, sid=str(sid))
        client.nothing()


def a_hundred_thousand_subscriptions_on_one_connection():
    with Daemon() as daemon:
        client, publisher = daemon.clients(2)
        count = 100000
        client.out += b"".join(b"SUB s.%d.x %d\r\n" % (sid, sid) for sid in range(count))
        client.flush(60 * PATIENCE)
        for sid in range(0, count, 997):
            publisher.publish(f"s.{sid}.x", b"x")
            client.expect(f"s.{sid}.x", b"x", sid=str(sid))
        client.out += b"".join(b"UNSUB %d\r\n" % sid for sid in range(count))
        client.flush(60 * PATIENCE)
        publisher.publish("s.5.x", b"x")
        publisher.flush()
        client.nothing()


if __name__ == "__main__":
    main(the_default_limits_are_exact, topics_past_the_limits_reach_nobody, a_reply_too_long_is_no_reason_to_fall,
         names_as_long_as_a_control_line_do_no_harm, many_wildcards_do_not_multiply_the_work, patterns_that_share_a_beginning_are_told_apart,
         a_hundred_thousand_subscriptions_on_one_connection)
