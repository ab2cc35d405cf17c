#!/usr/bin/env python3
"""kill -9 of a sidecar and of its broker, under load: what the sidecar has acknowledged comes to the broker's stream, once and in
order.

    tests/crash/sidecar_kill.py [--rounds N] [--seed S] [TEST]...

For a moment by chance producers publish at the sidecar, on the line and over HTTP, and wait for acknowledgements of every kind; then
one side is killed, or both are, or the sidecar is stopped as one stops it; some are killed once more while they start. The producers
publish on while the broker is away. Over all lives of both, the books (books.py) must balance in the end. N: how often each side is
killed while the other lives; the rest comes on top of that.
"""

import argparse
import random
import signal
import sys
import threading
import time

import books
import load
from harness import DEADLINE_S, Daemon, equal, main, until
from kept import Directory, Stream, start
from sidecar import Sidecar, same_place
from web import Http

STREAM = Stream("s", duplicate_window="1h")
SHARES = {"broker": 1, "sidecar": 1, "both": 0.2, "stopped": 0.2}  # of what happens, in rounds
options = argparse.Namespace(rounds=20, seed=None)


class Scene:
    """A broker and a sidecar over directories that outlive both, and the producers."""

    def __init__(self, here, there, seed):
        self.here, self.there, self.chance = here, there, random.Random(seed)
        self.books = books.Books(STREAM.name)
        self.actors = list(self.producers())
        self.kills = dict.fromkeys((*SHARES, "starting"), 0)
        self.broker = start(there, [STREAM])
        self.place = same_place(self.broker.line[0])
        self.sidecar = self.start_sidecar()
        self.begin()

    def producers(self):
        for mark, with_id, window in (("a", 0, 300), ("b", 3, 100), ("c", 1, 30)):
            yield books.LineProducer(self.books.source(mark, with_id=with_id), self.chance, window)
        for mark, with_id in (("h", 0), ("i", 2)):
            yield books.HttpProducer(self.books.source(mark, with_id=with_id), self.chance)

    def start_sidecar(self):
        return Sidecar(self.place, f"server.data_dir={self.here.path}", "server.segment_size=1MiB", up=False)

    def start_broker(self):
        self.broker = start(self.there, [STREAM], listen=self.place)

    def begin(self):
        for actor in self.actors:
            actor.begin(self.sidecar)

    def publish(self, seconds):
        end = time.monotonic() + seconds
        self.serve(lambda: time.monotonic() >= end)

    def serve(self, is_over):
        if not load.run(self.actors, is_over):
            raise AssertionError(f"the sidecar has closed a connection\n{self.sidecar.log_text()}")

    # what happens to them

    def fates(self):
        """What is to happen, one after the other."""
        deck = [what for what, share in SHARES.items() for _ in range(round(share * options.rounds))]
        self.chance.shuffle(deck)
        return deck

    def meet(self, what):
        self.publish(self.chance.uniform(0.01, 0.2))
        self.kills[what] += 1
        getattr(self, f"round_{what}")()

    def round_broker(self):
        """Publishing goes on while it is away and while it starts."""
        self.broker.kill()
        self.publish(self.chance.uniform(0, 0.1))
        if self.chance.random() < 0.2:
            self.kill_starting(lambda: Daemon(f"server.data_dir={self.there.path}", *STREAM.options(), ready=False))
        starting = threading.Thread(target=self.start_broker)
        starting.start()
        self.serve(lambda: not starting.is_alive())

    def round_sidecar(self):
        self.sidecar.kill()
        self.back()

    def round_both(self):
        for daemon in self.chance.sample((self.broker, self.sidecar), 2):
            daemon.kill()
        self.start_broker()
        self.back()

    def round_stopped(self):
        self.sidecar.send_signal(signal.SIGTERM)
        self.back()

    def back(self):
        """The sidecar has gone, or is going, and is started again."""
        load.listen_to_the_end(self.actors)
        was_killed = self.sidecar not in Daemon._running
        if not was_killed:
            self.sidecar.check_end(self.sidecar.wait_exit())
        if self.chance.random() < 0.2:
            self.kill_starting(lambda: Sidecar(self.place, f"server.data_dir={self.here.path}", ready=False, up=False))
        for actor in self.actors:
            actor.source.end_life(was_killed)
        self.sidecar = self.start_sidecar()
        self.begin()

    def kill_starting(self, begin):
        daemon = begin()
        time.sleep(self.chance.random() * 0.05)
        daemon.kill()
        self.kills["starting"] += 1

    # the end

    def settle(self):
        for actor in self.actors:
            actor.stop()
        end = time.monotonic() + 2 * DEADLINE_S
        self.serve(lambda: all(actor.idle() for actor in self.actors) or time.monotonic() > end)
        equal([actor.source.mark for actor in self.actors if not actor.idle()], [], "producers who still wait")
        until(lambda: waiting(self.sidecar) == 0, "an empty spool", 4 * DEADLINE_S)
        for actor in self.actors:
            actor.client.close()
            actor.source.end_life(False)
        self.books.check(self.broker)

    def summary(self):
        return ", ".join(f"{what} {count}" for what, count in self.kills.items())


def waiting(sidecar):
    with Http(sidecar) as http:
        return http.get("/progress").json()["spool"]["messages"]


def what_was_acknowledged_is_there_once_and_in_order():
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    with Directory() as here, Directory() as there:
        scene = Scene(here, there, seed)
        try:
            for number, what in enumerate(scene.fates()):
                scene.meet(what)
                if number % 50 == 49:
                    print(scene.summary(), flush=True)
            scene.settle()
        except BaseException:
            print(f"failed: --seed {seed}, {scene.summary()}\nthe sidecar's log ends:\n{scene.sidecar.log_text()}\nthe broker's:\n"
                  f"{scene.broker.log_text()}", file=sys.stderr)
            raise
        with scene.broker, scene.sidecar:
            return f"{scene.summary()}, {scene.books.summary()}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int)
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


if __name__ == "__main__":
    options = arguments()
    main(what_was_acknowledged_is_there_once_and_in_order, limit_s=150 + 4 * options.rounds)
