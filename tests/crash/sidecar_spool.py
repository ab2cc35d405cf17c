#!/usr/bin/env python3
"""A sidecar whose broker goes away, and either of which is killed: what the sidecar has acknowledged comes to the broker's stream,
once, in order.

    tests/crash/sidecar_spool.py [--rounds N] [--seed S] [TEST]...

The books: an application publishes numbers, several topics, and notes which were acknowledged. In the end the stream has each of
those once, perhaps others that were not acknowledged, and each topic's in the order of publishing.
"""

import argparse
import json
import os
import random
import sys
import time

from full_disk import small_disk
from harness import DEADLINE_S, Daemon, equal, main, until
from jet import Jet, Store, head_of
from sidecar import Sidecar, same_place
from web import Http

TOPICS = 3
ACK = head_of(**{"Posthorn-Ack": "durable"})
STREAM = {"storage": "file", "duplicate_window": 600_000_000_000}
options = argparse.Namespace(rounds=20, seed=None)


class Application:
    """Publishes numbers, with an acknowledgement asked for; the sidecar may go and come."""

    def __init__(self):
        self.number, self.acknowledged, self.client = 0, set(), None

    def connect(self, sidecar):
        self.client = sidecar.client()
        self.client.subscribe("_INBOX.books.>", "1")
        self.client.flush()
        self.flying = set()

    def publish(self, count):
        for _ in range(count):
            self.number += 1
            self.flying.add(self.number)
            self.client.publish(f"s.{self.number % TOPICS}", b"%d" % self.number, reply=f"_INBOX.books.{self.number}", head=ACK)

    def take(self):
        """What has come by now."""
        while self.client.inbox:
            message = self.client.inbox.popleft()
            number = int(message.topic.rpartition(".")[2])
            if b'"error"' in message.body:
                raise AssertionError(f"{number}: {message.body}")
            self.flying.discard(number)
            self.acknowledged.add(number)

    def run(self, end, window=500):
        """Publishes until the moment has come, as fast as it is acknowledged."""
        while time.monotonic() < end:
            self.publish(max(0, min(100, window - len(self.flying))))
            self.client.listen(0.002)
            self.take()

    def settle(self):
        self.client.wait(lambda: self.take() or not self.flying, "all acknowledgements")


def state_of(broker):
    jet = Jet(broker)
    state = jet.state("S")
    jet.close()
    return state


def make(broker):
    jet = Jet(broker)
    jet.stream("S", ["s.>"], **STREAM)
    jet.close()


def empty(sidecar):
    with Http(sidecar) as http:
        return http.get("/progress").json()["spool"]["messages"] == 0


def balance(broker, sidecar, application):
    """Waits until the spool is empty, and looks at what the stream has."""
    until(lambda: empty(sidecar), "an empty spool", 4 * DEADLINE_S)
    jet = Jet(broker)
    count = jet.state("S")["messages"]
    jet.consumer("S", f"books{application.number}", ack_policy="none")
    numbers = []
    while len(numbers) < count:
        numbers += [int(message.body) for message in jet.pull("S", f"books{application.number}", min(1000, count - len(numbers)))]
    jet.close()
    there = set(numbers)
    equal(sorted(application.acknowledged - there)[:10], [], "acknowledged and lost")
    equal(len(numbers) - len(there), 0, "duplicates")
    for topic in range(TOPICS):
        mine = [number for number in numbers if number % TOPICS == topic]
        equal(mine == sorted(mine), True, f"order of topic {topic}")
    return f"{len(numbers)} messages, {len(application.acknowledged)} acknowledged"


def the_broker_is_away_under_load_and_comes_back():
    application = Application()
    with Store() as here, Store() as there:
        broker = there.daemon()
        make(broker)
        place = same_place(broker.line[0])
        with Sidecar(broker, f"server.data_dir={here.path}") as sidecar:
            application.connect(sidecar)
            for _ in range(3):
                application.run(time.monotonic() + 0.3)
                broker.kill()
                application.run(time.monotonic() + 0.7)
                broker = there.daemon(listen=place)
            application.run(time.monotonic() + 0.3)
            application.settle()
            with broker:
                return balance(broker, sidecar, application)


def either_side_is_killed_again_and_again():
    chance, application, kills = random.Random(options.seed), Application(), {"broker": 0, "sidecar": 0}
    with Store() as here, Store() as there:
        broker = there.daemon()
        make(broker)
        place = same_place(broker.line[0])
        sidecar = Sidecar(broker, f"server.data_dir={here.path}")
        application.connect(sidecar)
        for _ in range(2 * options.rounds):
            application.run(time.monotonic() + chance.uniform(0.01, 0.15))
            if chance.random() < 0.5 and kills["broker"] < options.rounds or kills["sidecar"] >= options.rounds:
                kills["broker"] += 1
                broker.kill()
                application.run(time.monotonic() + chance.uniform(0, 0.05))
                broker = there.daemon(listen=place)
            else:
                kills["sidecar"] += 1
                application.client.listen(0)
                sidecar.kill()
                application.client.wait(lambda: application.client.closed, "the end", closed_is_good=True)
                application.take()
                sidecar = Sidecar(broker, f"server.data_dir={here.path}", up=False)
                application.connect(sidecar)
        application.settle()
        with broker, sidecar:
            return f"{balance(broker, sidecar, application)}, {kills}"


def a_full_disk_refuses_and_goes_on_when_there_is_room():
    application = Application()
    with small_disk("tmpfs") as here, Store() as there:
        broker = there.daemon()
        make(broker)
        place = same_place(broker.line[0])
        with Sidecar(broker, f"server.data_dir={here.path}", "server.segment_size=1MiB") as sidecar:
            application.connect(sidecar)
            application.publish(100)
            application.settle()
            broker.kill()
            fill(application)
            broker = there.daemon(listen=place)
            until(lambda: empty(sidecar), "an empty spool", 4 * DEADLINE_S)
            until(lambda: takes(application), "a spool that takes messages again")
            application.settle()
            with broker:
                return balance(broker, sidecar, application)


def fill(application):
    """Large messages until the disk is full: those are refused, or wait for room without an answer."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        application.number += 1
        application.client.publish(f"s.{application.number % TOPICS}", b"%d" % application.number + b" " * 20000,
                                   reply=f"_INBOX.books.{application.number}", head=ACK)
        application.client.listen(0.001)
        if take_or_refuse(application):
            return
    raise AssertionError("the disk does not become full")


def take_or_refuse(application):
    """True where something was refused."""
    refused = False
    while application.client.inbox:
        message = application.client.inbox.popleft()
        if b'"error"' in message.body:
            refused = True
        else:
            application.acknowledged.add(int(message.topic.rpartition(".")[2]))
    return refused


def takes(application):
    application.number += 1
    number = application.number
    application.client.publish(f"s.{number % TOPICS}", b"%d" % number, reply=f"_INBOX.books.{number}", head=ACK)
    application.client.wait(lambda: application.client.inbox, "an answer")
    take_or_refuse(application)
    return number in application.acknowledged


def a_corrupt_segment_costs_what_was_in_it_and_no_more():
    application = Application()
    with Store() as here, Store() as there:
        sidecar = Sidecar("127.0.0.1:1", f"server.data_dir={here.path}", "server.segment_size=1MiB", up=False)
        application.connect(sidecar)
        for _ in range(60):
            application.publish(200)
            application.settle()
        sidecar.stop()
        folder = os.path.join(here.path, "streams", "spool")
        segments = sorted(name for name in os.listdir(folder) if name.endswith(".log"))
        with open(os.path.join(folder, segments[0]), "r+b") as file:
            file.seek(os.path.getsize(file.name) // 2)
            file.write(os.urandom(100))
        with there.daemon() as broker:
            make(broker)
            with Sidecar(broker, f"server.data_dir={here.path}") as sidecar:
                until(lambda: empty(sidecar), "an empty spool", 4 * DEADLINE_S)
                sidecar.wait_log(r" spool_lost ")
                with Http(sidecar) as http:
                    lost = http.get("/progress").json()["spool"]["lost"]
                equal(state_of(broker)["messages"], len(application.acknowledged) - lost, "messages")
                return f"{lost} of {len(application.acknowledged)} lost in {len(segments)} segments"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    sys.argv[1:] = options.tests
    print(f"--seed {options.seed}", file=sys.stderr)
    main(the_broker_is_away_under_load_and_comes_back, either_side_is_killed_again_and_again,
         a_full_disk_refuses_and_goes_on_when_there_is_room, a_corrupt_segment_costs_what_was_in_it_and_no_more,
         limit_s=150 + 4 * options.rounds)
