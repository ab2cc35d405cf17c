#!/usr/bin/env python3
"""The spool of a sidecar when things go wrong: its broker is away for long, its disk is full, bits of its files flip.

    tests/crash/sidecar_spool.py [--seconds T] [--places N] [--seed S] [TEST]...

T: how long the broker is away, all in all. N: how many bits are flipped, each in a copy of its own. Where nothing may be mounted,
the program starts itself anew in a namespace, as full_disk.py does.
"""

import argparse
import os
import random
import shutil
import sys
import time

import books
from flipped_bit import flip, written_size
from full_disk import enter_namespace, small_disk
from harness import DEADLINE_S, PATIENCE, equal, main, until
from kept import Directory, Stream, read_by_consumer, start
import load
from jet import Jet
from sidecar import Sidecar, same_place
from web import Http

STREAM = Stream("s", duplicate_window="1h")
SMALL_SEGMENTS = "server.segment_size=1MiB"
AWAY_MEMORY_MAX = 64 << 20  # that it may grow by, whatever waits on its disk
FULL = {"Spool Disk Full", "insufficient storage resources available"}
options = argparse.Namespace(seconds=3, places=10, seed=None)


def progress(sidecar):
    with Http(sidecar) as http:
        return http.get("/progress").json()


def is_empty(sidecar):
    return progress(sidecar)["spool"]["messages"] == 0


class Scene:
    """A broker and a sidecar, over directories of the test's; some producers, who outlive both."""

    def __init__(self, here, there, *actors, ledger, settings=()):
        self.here, self.there, self.actors, self.books, self.settings = here, there, actors, ledger, settings
        self.broker = start(there, [STREAM])
        self.place = same_place(self.broker.line[0])
        self.start_sidecar()

    def start_sidecar(self):
        self.sidecar = Sidecar(self.place, f"server.data_dir={self.here.path}", SMALL_SEGMENTS, *self.settings, up=False)
        for actor in self.actors:
            actor.begin(self.sidecar)

    def kill_sidecar(self):
        self.sidecar.kill()
        load.listen_to_the_end(self.actors)
        for actor in self.actors:
            actor.source.end_life(True)

    def start_broker(self):
        self.broker = start(self.there, [STREAM], listen=self.place)

    def publish(self, seconds):
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, "the end", seconds + 1)

    def until(self, condition, what, limit_s=2 * DEADLINE_S):
        """Publishing goes on."""
        end = time.monotonic() + limit_s
        alive = load.run(self.actors, lambda: condition() or time.monotonic() > end)
        if not alive or not condition():
            raise AssertionError(f"{'not in time' if alive else 'the sidecar closed, before'}: {what}\n{self.sidecar.log_text()}")

    def settle(self):
        """All is answered and at the broker, and the books balance."""
        for actor in self.actors:
            actor.stop()
        self.until(lambda: all(actor.idle() for actor in self.actors), "all acknowledgements")
        until(lambda: is_empty(self.sidecar), "an empty spool", (60 + 2 * options.seconds) * PATIENCE)
        for actor in self.actors:
            actor.client.close()
            actor.source.end_life(False)
        with self.broker, self.sidecar:
            self.books.check(self.broker)
        return self.books.summary()


def the_broker_is_away_for_long_under_load_and_comes_back():
    """Several times; what waits is on the disk, not in memory."""
    chance, ledger = random.Random(options.seed), books.Books(STREAM.name)
    actors = [books.LineProducer(ledger.source("a"), chance, 200), books.LineProducer(ledger.source("b", with_id=2), chance, 50),
              books.HttpProducer(ledger.source("h", with_id=3), chance, kinds=books.LOCAL_KINDS)]
    with Directory() as here, Directory() as there:
        scene, most = Scene(here, there, *actors, ledger=ledger), 0
        scene.publish(0.3)
        before = scene.sidecar.memory_bytes()
        for share in (0.1, 0.2, 0.7):
            scene.broker.kill()
            scene.publish(share * options.seconds)
            waits = progress(scene.sidecar)
            equal(waits["state"], "away", "what it says")
            most = max(most, waits["spool"]["messages"])
            scene.start_broker()
            scene.publish(0.2)
        note = scene.sidecar.check_growth(before, AWAY_MEMORY_MAX)
        return f"{scene.settle()}, {most} waited at most, {note}"


# ------------------------------------------------------------------------------------------------------------ full disk


class Pressure(books.LineProducer):
    """Publishes large messages until it is refused for want of room; then it tries now and then. Messages that were taken before the
    disk was full wait for room, without an answer: there are no more of them than fit into the window."""

    refused_count, pause_until, answered = 0, 0, 0

    def turn(self):
        now = time.monotonic()
        if now < self.pause_until or self.stopped:
            return
        super().turn()
        if len(self.flying) >= self.window and now - self.answered > 0.3:
            self.pause_until = now + 0.05
            self.send(self.source.new_number())

    def on_answer(self, message):
        self.answered = time.monotonic()
        super().on_answer(message)

    def on_refusal(self, number, error):
        if error["description"] not in FULL:
            super().on_refusal(number, error)
        self.source.withdraw(number)
        self.refused_count += 1
        self.pause_until = time.monotonic() + 0.02


def _pressure(ledger):
    source = ledger.source("p")
    source.sizes = (20_000, 20_000, 40_000)
    return Pressure(source, random.Random(options.seed), 20, books.LOCAL_KINDS)


def _fill(scene, pressure, refusals=10):
    pressure.refused_count = 0
    scene.until(lambda: pressure.refused_count >= refusals, f"{refusals} refusals", 4 * DEADLINE_S)


def _is_told(sidecar):
    """To who waits for no answer, over HTTP, and in the log."""
    client = sidecar.client()
    client.publish("s.unasked", bytes(200_000))
    client.expect_error("Spool Disk Full")
    client.close()
    with Http(sidecar) as http:
        answer = http.post("/v1/topics/s.http", bytes(200_000)).check(507)
        http.get("/healthz").check(200)
        http.get("/readyz").check(503)
    sidecar.wait_log(r"spool_refuses .*Spool Disk Full")
    return answer.json()["title"]


def a_full_disk_refuses_and_goes_on_when_there_is_room():
    """The broker is away; when it is back there is room, and all that was acknowledged comes. Killed while full, it starts."""
    ledger = books.Books(STREAM.name)
    pressure = _pressure(ledger)
    with small_disk("tmpfs") as here, Directory() as there:
        scene = Scene(here, there, pressure, ledger=ledger)
        scene.publish(0.1)
        scene.broker.kill()
        _fill(scene, pressure)
        title = _is_told(scene.sidecar)
        scene.kill_sidecar()
        scene.start_sidecar()
        _fill(scene, pressure)
        scene.start_broker()
        known = len(pressure.source.lives[-1].promised)
        scene.until(lambda: len(pressure.source.lives[-1].promised) > known + 100, "a spool that takes messages again")
        return f"{title}; {scene.settle()}"


def _publish_until_refused(client):
    while not client.errors:
        client.publish("s.x", bytes(100_000))
        client.flush()
    equal(client.errors.pop(), "Spool Disk Full", "what it says")


def a_full_disk_leaves_what_is_live_alone():
    """The broker is there, but cannot take what is kept: the disk becomes full. Requests and subscriptions go on all the while, and
    so does the spool when the broker has room."""
    with small_disk("tmpfs") as here, Directory() as there:
        broker = start(there, [Stream("s", messages_max=5, discard="new")])
        with broker, Sidecar(broker, f"server.data_dir={here.path}", SMALL_SEGMENTS, "spool.retry_wait_max=200ms") as sidecar, \
                sidecar.client() as client, broker.client() as other, sidecar.client() as writer:
            _publish_until_refused(writer)
            sidecar.wait_log(r" spool_held ")
            other.subscribe("ask.me", "1")
            client.subscribe("live", "2")
            client.subscribe("_INBOX.q", "3")
            client.flush()
            other.flush()
            client.publish("ask.me", b"?", reply="_INBOX.q")
            other.publish(other.next().reply, b"!")
            client.expect("_INBOX.q", b"!")
            other.publish("live", b"news")
            client.expect("live", b"news")
            jet = Jet(broker)
            taken = 0

            def goes_on():
                nonlocal taken
                taken += jet.good("STREAM.PURGE.s")["purged"]
                return is_empty(sidecar)
            until(goes_on, "an empty spool", 8 * DEADLINE_S, 0.05)
            with Http(sidecar) as http:
                http.post("/v1/topics/s.x?ack=upstream", b"x").check(200)
            jet.close()
            return f"{taken} messages"


# --------------------------------------------------------------------------------------------------------- flipped bits


def _write_spool(here):
    """Some segments of a spool whose broker is nowhere. Returns the bodies, in order."""
    bodies = [b"%d " % number + b"x" * (number * 7919 % 4000) for number in range(1000)]
    with Sidecar("127.0.0.1:1", f"server.data_dir={here.path}", SMALL_SEGMENTS, up=False) as sidecar, sidecar.client() as client:
        client.subscribe("_INBOX.w", "1")
        for body in bodies:
            client.publish("s.x", body, "_INBOX.w", b"NATS/1.0\r\nPosthorn-Ack: durable\r\n\r\n")
        for message in client.take(len(bodies)):
            equal(b'"error"' in message.body, False, "a refusal")
    return bodies


def _flip_and_drain(here, bodies, name, at, bit):
    """How many messages that costs: one at most, and the sidecar says so."""
    with Directory() as copy, Directory() as there:
        shutil.copytree(here.path, copy.path, dirs_exist_ok=True)
        flip(os.path.join(copy.path, "streams", "spool", name), at, bit)
        with start(there, [STREAM]) as broker, Sidecar(broker, f"server.data_dir={copy.path}", SMALL_SEGMENTS) as sidecar:
            until(lambda: is_empty(sidecar), "an empty spool", 2 * DEADLINE_S)
            found = [entry.body for entry in read_by_consumer(broker, STREAM.name)]
            missing = [body for body in bodies if body not in set(found)]
            equal(found, [body for body in bodies if body not in missing], "what comes, in order")
            if len(missing) > 1:
                raise AssertionError(f"one bit costs {len(missing)} messages")
            equal(progress(sidecar)["spool"]["lost"], len(missing), "lost, as it says")
            if missing:
                sidecar.wait_log(r" spool_lost ")
            with Http(sidecar) as http:
                equal(http.post("/v1/topics/s.x?ack=upstream", b"on").check(200).json()["seq"], len(found) + 1, "what comes next")
            return len(missing)


def a_flipped_bit_costs_one_message_and_no_more():
    chance, cost = random.Random(options.seed), 0
    with Directory() as here:
        bodies = _write_spool(here)
        folder = os.path.join(here.path, "streams", "spool")
        sizes = {name: written_size(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".log")}
        for _ in range(options.places):
            name = chance.choices(list(sizes), list(sizes.values()))[0]
            at, bit = chance.randrange(sizes[name]), chance.randrange(8)
            try:
                cost += _flip_and_drain(here, bodies, name, at, bit)
            except BaseException:
                print(f"failed with bit {bit} of byte {at} of {name} flipped", file=sys.stderr)
                raise
        return f"{options.places} places in {len(sizes)} segments, {cost} of them cost a message"


def a_corrupt_segment_costs_what_was_in_it_and_no_more():
    with Directory() as here, Directory() as there:
        bodies = _write_spool(here)
        folder = os.path.join(here.path, "streams", "spool")
        segments = sorted(name for name in os.listdir(folder) if name.endswith(".log"))
        with open(os.path.join(folder, segments[0]), "r+b") as file:
            file.write(os.urandom(os.path.getsize(file.name)))
        with start(there, [STREAM]) as broker, Sidecar(broker, f"server.data_dir={here.path}", SMALL_SEGMENTS) as sidecar:
            until(lambda: is_empty(sidecar), "an empty spool", 2 * DEADLINE_S)
            found = [entry.body for entry in read_by_consumer(broker, STREAM.name)]
            equal(found, bodies[-len(found):], "what comes: all behind it, in order")
            equal(progress(sidecar)["spool"]["lost"], len(bodies) - len(found), "lost, as it says")
            sidecar.wait_log(r" spool_lost ")
            equal(len(found) > len(bodies) // 3, True, f"only {len(found)} of {len(bodies)}")
            return f"{len(bodies) - len(found)} of {len(bodies)} lost in {len(segments)} segments"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--places", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


if __name__ == "__main__":
    enter_namespace()
    options = arguments()
    print(f"seed {options.seed}", flush=True)
    main(the_broker_is_away_for_long_under_load_and_comes_back, a_full_disk_refuses_and_goes_on_when_there_is_room,
         a_full_disk_leaves_what_is_live_alone, a_flipped_bit_costs_one_message_and_no_more,
         a_corrupt_segment_costs_what_was_in_it_and_no_more, limit_s=150 + 4 * options.seconds + 2 * options.places)
