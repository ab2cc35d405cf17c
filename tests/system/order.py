#!/usr/bin/env python3
"""Order: what one publisher sends reaches each subscriber in the order of sending, whichever workers they sit on, under load."""

import random

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes, pump

PUBLISHERS = 5
SUBSCRIBERS = 6
MESSAGES = 4000  # of each publisher


class Checker:
    """Counts what one client gets of each publisher; complains of the first message out of its turn."""

    def __init__(self, client, name):
        self.client, self.name = client, name
        self.next = [0] * PUBLISHERS
        client.on_message = self.check

    def check(self, message):
        publisher, number, size = map(int, message.body[:24].split())
        equal((publisher, number), (publisher, self.next[publisher]), f"{self.name} hears publisher {publisher}")
        equal(len(message.body), 24 + size, "size")
        self.next[publisher] += 1

    def done(self):
        return self.client.received_count == PUBLISHERS * MESSAGES


def body(publisher, number, size):
    return b"%-24b" % (b"%d %d %d" % (publisher, number, size)) + b"." * size


def each_subscriber_hears_each_publisher_in_order():
    _order(lambda source: 0)


def order_holds_with_sizes_from_small_to_large():
    _order(lambda source: source.choice((0, 10, 100, 100, 1000, 5000)))


def order_holds_when_topics_alternate():
    _order(lambda source: 50, topics=("a.b", "a.c", "a.d.e", "b.c"))


def order_holds_with_sixteen_workers():
    _order(lambda source: 30, options=("server.workers=16",))


def order_holds_when_workers_spin_before_they_sleep():
    _order(lambda source: 30, options=("server.spin=100us",))


def _order(size, topics=("a.b",), options=()):
    source = random.Random(7)
    with Daemon(*options) as daemon:
        publishers, subscribers = daemon.clients(PUBLISHERS), daemon.clients(SUBSCRIBERS)
        checkers = [Checker(client, f"subscriber {i}") for i, client in enumerate(subscribers)]
        for client in subscribers:
            client.subscribe(source.choice((">", "*.>")), "s")
        flush_all(subscribers)
        for i, client in enumerate(publishers):
            for number in range(MESSAGES):
                client.out += publish_bytes(topics[number % len(topics)], body(i, number, size(source)))
        pump(publishers + subscribers, lambda: all(c.done() for c in checkers), "every message", 60 * PATIENCE)
        flush_all(subscribers)


def a_flush_stands_behind_all_that_came_before_it():
    """Publisher and subscriber on any two workers: the PONG of the subscriber's flush, sent after the publisher's, comes last."""
    with Daemon() as daemon:
        publishers, subscribers = daemon.clients(3), daemon.clients(4)
        for client in subscribers:
            client.subscribe("a", "1")
        flush_all(subscribers)
        sent = 0
        for _ in range(60):
            for client in publishers:
                client.out += publish_bytes("a", b"x" * 200) * 100
                sent += 100
            flush_all(publishers)
            flush_all(subscribers)
            equal([c.received_count for c in subscribers], [sent] * len(subscribers), "received after the flush")


if __name__ == "__main__":
    main(each_subscriber_hears_each_publisher_in_order, order_holds_with_sizes_from_small_to_large, order_holds_when_topics_alternate,
         order_holds_with_sixteen_workers, order_holds_when_workers_spin_before_they_sleep, a_flush_stands_behind_all_that_came_before_it)
