#!/usr/bin/env python3
"""Causality across workers: what a client does after a flush on one connection is seen by what it does next on another.

NATS clients use PING and PONG as a barrier. Here one program hops between connections, which sit on different workers, and checks
after each step what the others must know by then. Nothing waits for time to pass: a flush is all that a client has.
"""

import random
import time

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes, pump

CONNECTIONS = 10
SECONDS = 4  # of hopping for each test; a race that is there shows within thousands of steps


def hops(seed):
    """Steps of a test: pairs of a number and a random source, until the time is up."""
    source, end, step = random.Random(seed), time.monotonic() + SECONDS, 0
    while time.monotonic() < end or step < 200:
        yield step, source
        step += 1


def subscribe_and_flush_here_publish_there():
    with Daemon() as daemon:
        clients = daemon.clients(CONNECTIONS)
        for step, source in hops(1):
            here, there = source.sample(clients, 2)
            topic = f"step.{step}"
            here.subscribe(source.choice((topic, "step.*", "step.>")), str(step))
            here.unsubscribe(step, after=1)
            here.flush()
            there.publish(topic, b"%d" % step)
            here.expect(topic, b"%d" % step)
        return f"{step} steps"


def unsubscribe_and_flush_here_publish_there():
    with Daemon() as daemon:
        clients = daemon.clients(CONNECTIONS)
        for step, source in hops(2):
            here, there = source.sample(clients, 2)
            here.subscribe("t", str(step))
            here.flush()
            here.unsubscribe(step)
            here.flush()
            there.publish("t", b"late")
            there.flush()
            here.nothing()
        return f"{step} steps"


def publish_and_flush_here_flush_there():
    with Daemon() as daemon:
        clients = daemon.clients(CONNECTIONS)
        for number, client in enumerate(clients):
            client.subscribe("all.>", str(number))
        flush_all(clients)
        for step, source in hops(3):
            here, there = source.sample(clients, 2)
            count = source.choice((1, 1, 1, 7, 40))
            body = b"%d" % step * source.choice((1, 1, 100))
            here.send(publish_bytes(f"all.{step}", body) * count)
            here.flush()
            there.flush()
            equal([m.topic for m in there.inbox], [f"all.{step}"] * count, "what a flush must bring")
            for client in clients:
                client.flush()
                client.inbox.clear()
        return f"{step} steps"


def flushed_messages_of_different_publishers_stay_in_order():
    """m2 is published, elsewhere, after m1 was flushed: nobody may get m2 first."""
    with Daemon() as daemon:
        clients = daemon.clients(CONNECTIONS)
        for number, client in enumerate(clients):
            client.subscribe("chain", str(number))
        flush_all(clients)
        sent = 0
        for _, source in hops(4):
            for client in source.sample(clients, 4):
                client.publish("chain", b"%d" % sent)
                client.flush()
                sent += 1
        flush_all(clients)
        for number, client in enumerate(clients):
            equal([int(m.body) for m in client.take(sent)], list(range(sent)), f"order at client {number}")
        return f"{sent} messages"


def knowledge_travels_by_messages():
    """Who hears of something by a message knows it as if by flush: A subscribes, then tells B, and B tells C, who publishes."""
    with Daemon() as daemon:
        clients = daemon.clients(CONNECTIONS)
        for number, client in enumerate(clients):
            client.subscribe(f"tell.{number}", "told")
        flush_all(clients)
        for step, source in hops(5):
            chain = source.sample(range(CONNECTIONS), 4)
            first = clients[chain[0]]
            first.line(f"SUB secret.{step} {step}\r\nUNSUB {step} 1\r\nPUB tell.{chain[1]} 0\r\n")
            for teller, told in zip(chain[1:], chain[2:]):
                clients[teller].expect(f"tell.{teller}")
                clients[teller].publish(f"tell.{told}")
            last = clients[chain[-1]]
            last.expect(f"tell.{chain[-1]}")
            last.publish(f"secret.{step}", b"found")
            first.expect(f"secret.{step}", b"found")
        return f"{step} steps"


def reply_by_a_third_finds_its_way_under_load():
    """A request is handed on by its first responder to a second one, while floods keep the ways between the workers full."""
    with Daemon() as daemon:
        clients = daemon.clients(CONNECTIONS)
        front, back = clients[0], clients[1]
        front.subscribe("service", "1")
        back.subscribe("inner", "1")
        front.on_message = lambda m: front.out.extend(publish_bytes("inner", m.body, m.reply))
        back.on_message = lambda m: back.out.extend(publish_bytes(m.reply, m.body))
        floods, listeners = daemon.clients(3), daemon.clients(3)
        for listener in listeners:
            listener.subscribe("noise", "n")
            listener.on_message = lambda m: None
        everybody = clients + floods + listeners
        flush_all(everybody)
        noise = publish_bytes("noise", b"x" * 512) * 64

        def make_noise():
            for flood in floods:
                if not flood.out:
                    flood.out += noise

        count, end = 0, time.monotonic() + SECONDS
        while time.monotonic() < end or count < 50:
            asker = clients[2 + count % (CONNECTIONS - 2)]
            asker.out += b"SUB inbox.%d %d\r\nUNSUB %d 1\r\n" % (count, count, count)
            asker.out += publish_bytes("service", b"%d" % count, f"inbox.{count}")
            pump(everybody, lambda: asker.inbox, f"reply {count}", 20 * PATIENCE, turn=make_noise)
            asker.expect(f"inbox.{count}", b"%d" % count)
            count += 1
        return f"{count} requests"


if __name__ == "__main__":
    main(subscribe_and_flush_here_publish_there, unsubscribe_and_flush_here_publish_there, publish_and_flush_here_flush_there,
         flushed_messages_of_different_publishers_stay_in_order, knowledge_travels_by_messages,
         reply_by_a_third_finds_its_way_under_load)
