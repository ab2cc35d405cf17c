#!/usr/bin/env python3
"""The network between a sidecar and its broker is cut in the middle of acknowledgements, and is back some seconds later: each
message is in the broker's stream once and in order, and the sidecar notices soon that the broker is away.

    tests/crash/sidecar_network.py [--rounds N] [--seed S] [TEST]...

Both have a network namespace of their own, with a link between (network.py); where such cannot be made it is skipped. Publishers
never stop. The kinds of cuts: packets vanish one way (what the broker says, so that it has what the sidecar does not know of), the
other way, both ways; the interface goes down on either side.
"""

import argparse
import functools
import random
import sys
import time

import books
import load
from harness import DEADLINE_S, PATIENCE, equal, main, until
from kept import Directory, Stream, start
from network import Link, Space, enter_namespace
from sidecar import Sidecar
from web import Http

PING_S = 0.3  # between two questions of the sidecar whether the broker is there
MISSED = 1  # of those that may stay without an answer
CONNECT_S = 0.5
TOKEN = "token-of-the-sidecar"
STREAM = Stream("s", duplicate_window="1h")
options = argparse.Namespace(rounds=1, seed=None)


class Scene:
    """A broker in one namespace, a sidecar in another, and producers at the sidecar's unix socket."""

    def __init__(self, here, there, one, two, link):
        self.broker_end, self.sidecar_end = link.ends
        self.link = link
        address = self.broker_end.address
        self.broker = start(there, [STREAM], f"user.side.token={TOKEN}", prepare=one.enter,
                            listen=f"unix:{there.top}/line,{address}:4222", http=f"unix:{there.top}/http")
        self.sidecar = Sidecar(f"{address}:4222", f"server.data_dir={here.path}", f"uplink.token={TOKEN}",
                               f"uplink.ping_interval={PING_S * 1000:.0f}ms", f"uplink.pings_outstanding_max={MISSED}",
                               f"uplink.connect_timeout={CONNECT_S * 1000:.0f}ms", "uplink.reconnect_wait=20ms",
                               "uplink.reconnect_wait_max=200ms", prepare=two.enter, listen=f"unix:{here.top}/line",
                               http=f"unix:{here.top}/http")
        self.chance = random.Random(options.seed)
        self.books = books.Books(STREAM.name)
        self.actors = [books.LineProducer(self.books.source("a"), self.chance, 300),
                       books.LineProducer(self.books.source("b", with_id=2), self.chance, 50),
                       books.HttpProducer(self.books.source("h", with_id=3), self.chance)]
        for actor in self.actors:
            actor.begin(self.sidecar)
        self.noticed_s, self.back_s, self.again = [], [], 0

    def serve(self, is_over):
        equal(load.run(self.actors, is_over), True, "the sidecar keeps its clients")

    def publish(self, seconds):
        end = time.monotonic() + seconds
        self.serve(lambda: time.monotonic() >= end)

    def until(self, condition, what, limit_s):
        """Publishing goes on; returns how long it took."""
        begin = time.monotonic()
        self.serve(lambda: condition() or time.monotonic() > begin + limit_s)
        if not condition():
            raise AssertionError(f"not in {limit_s:.1f} s: {what}\n{self.sidecar.log_text()}")
        return time.monotonic() - begin

    def says(self, pattern, mark):
        return any(pattern in line for line in self.sidecar.log_lines()[mark:])

    def cut(self, begin, end):
        """begin: makes the cut, in which the sidecar is to notice that nobody is there; end: mends it some time later."""
        self.publish(self.chance.uniform(0.05, 0.3))
        mark = self.sidecar.log_count()
        begin()
        self.noticed_s.append(self.until(lambda: self.says(" uplink_down ", mark), "the sidecar notices",
                                         PING_S * (MISSED + 1) + 0.5 * PATIENCE))
        self.publish(self.chance.uniform(0.1, 2))
        mark = self.sidecar.log_count()
        end()
        self.back_s.append(self.until(lambda: self.says(" uplink_up ", mark), "the sidecar is back", CONNECT_S + 5 * PATIENCE))

    def settle(self):
        for actor in self.actors:
            actor.stop()
        self.until(lambda: all(actor.idle() for actor in self.actors), "all acknowledgements", 4 * DEADLINE_S)
        with Http(self.sidecar) as http:
            until(lambda: http.get("/progress").json()["spool"]["messages"] == 0, "an empty spool", 4 * DEADLINE_S)
            self.again = sent_again(http)
        for actor in self.actors:
            actor.client.close()
            actor.source.end_life(False)

    def check(self):
        self.broker.client = functools.partial(self.broker.client, auth_token=TOKEN)
        self.books.check(self.broker)

    def summary(self):
        return (f"{len(self.noticed_s)} cuts, noticed after {max(self.noticed_s):.2f} s at most, back after {max(self.back_s):.2f} s, "
                f"{self.again} sent again, {self.books.summary()}")


def sent_again(http):
    """How many messages the broker was sent more than once."""
    numbers = dict(line.rsplit(" ", 1) for line in http.get("/metrics").body.decode().splitlines() if line.startswith("posthorn_spool_"))
    return int(float(numbers["posthorn_spool_sent_total"]) - float(numbers["posthorn_spool_taken_total"]))


def _cuts(*ways):
    """ways: functions of a scene that give how the cut begins and how it ends."""
    with Directory() as here, Directory() as there, Space() as one, Space() as two, Link(one, two, "10.77.1") as link:
        scene = Scene(here, there, one, two, link)
        for _ in range(options.rounds):
            for way in ways:
                scene.cut(*way(scene))
        scene.settle()
        with scene.broker, scene.sidecar:
            scene.check()
            if not scene.again:
                raise AssertionError("no cut was in the middle of an acknowledgement: nothing was sent again")
            return scene.summary()


def packets_vanish():
    """What was acknowledged and not heard of is sent again, and known; nobody resets a connection."""
    return _cuts(lambda scene: (scene.broker_end.mute, scene.broker_end.speak),
                 lambda scene: (scene.sidecar_end.mute, scene.sidecar_end.speak),
                 lambda scene: (scene.link.mute, scene.link.speak))


def the_interface_goes_down():
    return _cuts(lambda scene: (scene.broker_end.down, scene.broker_end.up),
                 lambda scene: (scene.sidecar_end.down, scene.sidecar_end.up))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


if __name__ == "__main__":
    enter_namespace()
    options = arguments()
    print(f"seed {options.seed}", flush=True)
    main(packets_vanish, the_interface_goes_down, limit_s=150 + 15 * options.rounds)
