#!/usr/bin/env python3
"""Mailboxes that fill: floods between workers lose nothing, repeat nothing and never stand still.

Publishers send as fast as the daemon reads, far more than any mailbox holds, and subscribers on the other workers are kept slow
now and then, though within their limits. Everything is counted and numbered.
"""

import os
import random

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes, pump


class Tally:
    """What one subscriber got: the next number it expects of each publisher."""

    def __init__(self, client):
        self.client, self.next, self.bytes = client, {}, 0
        client.on_message = self.take

    def take(self, message):
        publisher, number = message.body[:16].split()
        equal(int(number), self.next.get(publisher, 0), f"number from publisher {publisher}")
        self.next[publisher] = int(number) + 1
        self.bytes += len(message.body)


def numbered(publisher, count, size):
    """count messages on topic flood.N, each with its number and padding; size is a function of the number."""
    out = bytearray()
    for number in range(count):
        body = b"%-16b" % (b"%d %d" % (publisher, number))
        out += publish_bytes(f"flood.{publisher}", body + b"x" * size(number))
    return out


def small_messages():
    _flood(publishers=6, subscribers=4, count=8000, size=lambda n: 8)


def large_messages():
    _flood(publishers=4, subscribers=4, count=150, size=lambda n: 65536)


def messages_larger_than_most_buffers():
    _flood(publishers=3, subscribers=3, count=12, size=lambda n: 1024 * 1024 - 16)


def small_and_large_mixed():
    _flood(publishers=5, subscribers=4, count=900, size=lambda n: (1, 30, 200, 3000, 40000)[n % 5])


def _flood(publishers, subscribers, count, size):
    with Daemon() as daemon:
        senders, receivers = daemon.clients(publishers), daemon.clients(subscribers)
        tallies = [Tally(client) for client in receivers]
        for client in receivers:
            client.subscribe("flood.>", "1")
        flush_all(receivers)
        for i, client in enumerate(senders):
            client.out += numbered(i, count, size)
            client.ping_queued()
        wanted = publishers * count
        pump(senders + receivers, lambda: all(c.received_count >= wanted for c in receivers), "every message", 80 * PATIENCE)
        flush_all(senders + receivers)
        equal([c.received_count for c in receivers], [wanted] * subscribers, "messages")
        for tally in tallies:
            equal(set(tally.next.values()), {count}, "numbers reached")


def everybody_floods_everybody():
    """Each client publishes and subscribes: all workers fill each other's mailboxes at once, the shape in which two could wait for each other."""
    with Daemon() as daemon:
        clients = daemon.clients(8)
        tallies = [Tally(client) for client in clients]
        for client in clients:
            client.subscribe("flood.>", "1")
        flush_all(clients)
        count = 1200
        for i, client in enumerate(clients):
            client.out += numbered(i, count, lambda n: 900)
            client.ping_queued()
        wanted = count * len(clients)
        pump(clients, lambda: all(c.received_count >= wanted for c in clients), "every message", 80 * PATIENCE)
        flush_all(clients)
        for tally in tallies:
            equal(set(tally.next.values()), {count}, "numbers reached")


def subscribers_that_rest_now_and_then_lose_nothing():
    """Subscribers stop reading in turns, for less than their limits allow; the flood goes on meanwhile."""
    source = random.Random(3)
    with Daemon() as daemon:
        senders, receivers = daemon.clients(3), daemon.clients(4)
        tallies = [Tally(client) for client in receivers]
        for client in receivers:
            client.subscribe("flood.>", "1")
        flush_all(receivers)
        count, rounds = 250, 10
        for i, client in enumerate(senders):
            client.all = numbered(i, count * rounds, lambda n: 2000)
            client.share = len(client.all) // rounds + 1
        for turn in range(rounds):
            for client in senders:
                client.out += client.all[turn * client.share:(turn + 1) * client.share]
            awake = source.sample(receivers, 2)
            pump(senders + awake, lambda: all(not c.out for c in senders), "the senders' turn", 80 * PATIENCE)
        wanted = count * rounds * len(senders)
        pump(receivers, lambda: all(c.received_count >= wanted for c in receivers), "every message", 80 * PATIENCE)
        for tally in tallies:
            equal(set(tally.next.values()), {count * rounds}, "numbers reached")


def one_worker_has_forty_times_the_work_of_the_others():
    """Each message is mailed once and delivered forty times over there: that worker falls behind, and its mailboxes fill."""
    with Daemon() as daemon:
        sender, receiver = daemon.clients(2)
        copies, count = 40, 12000
        for sid in range(copies):
            receiver.subscribe("flood.*", str(sid))
        receiver.flush()
        last = {}

        def take(message):
            number = int(message.body[2:])
            equal(number, last.get(message.sid, -1) + 1, f"number at subscription {message.sid}")
            last[message.sid] = number

        receiver.on_message = take
        sender.out += numbered(0, count, lambda n: 0)
        sender.ping_queued()
        pump([sender, receiver], lambda: receiver.received_count == copies * count, "every copy", 80 * PATIENCE)
        equal(sender.flushed(), True, "the sender's flush")


def a_starved_worker_holds_nobody_up_for_good():
    """One thread after the other gets only the processor time that nobody else wants; floods go through it all the same."""
    for turn in range(Daemon.workers + 1):
        with Daemon() as daemon:
            threads = sorted(int(name) for name in os.listdir(f"/proc/{daemon.pid}/task"))
            if turn == len(threads):
                return
            os.sched_setscheduler(threads[turn], os.SCHED_IDLE, os.sched_param(0))
            clients = daemon.clients(6)
            for client in clients:
                client.subscribe("flood.>", "1")
                Tally(client)
            flush_all(clients)
            count = 4000
            for i, client in enumerate(clients[:3]):
                client.out += numbered(i, count, lambda n: 100)
                client.ping_queued()
            wanted = 3 * count
            pump(clients, lambda: all(c.received_count >= wanted and c.flushed() for c in clients), "every message", 60 * PATIENCE)


def publishers_that_leave_in_the_middle_leave_whole_messages():
    """What a publisher sent whole before it hung up arrives; what it sent in part does not; the rest of the world goes on."""
    with Daemon() as daemon:
        listener = daemon.client()
        tally = Tally(listener)
        listener.subscribe("flood.>", "1")
        listener.flush()
        whole = 3000
        for round_number in range(6):
            leaver = daemon.client()
            leaver.out += numbered(round_number, whole, lambda n: 100) + b"PUB flood.x 100\r\nonly a part"
            pump([leaver, listener], lambda: not leaver.out, "sending", 40 * PATIENCE)
            leaver.close()
        pump([listener], lambda: listener.received_count >= 6 * whole, "every whole message", 40 * PATIENCE)
        listener.flush()
        equal(len(tally.next), 6, "publishers heard")
        equal(set(tally.next.values()), {whole}, "numbers reached")


if __name__ == "__main__":
    main(small_messages, large_messages, messages_larger_than_most_buffers, small_and_large_mixed, everybody_floods_everybody,
         subscribers_that_rest_now_and_then_lose_nothing, one_worker_has_forty_times_the_work_of_the_others,
         a_starved_worker_holds_nobody_up_for_good, publishers_that_leave_in_the_middle_leave_whole_messages)
