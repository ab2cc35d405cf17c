#!/usr/bin/env python3
"""kill -9 under load: what was acknowledged is there, once, in order, after every restart.

    tests/crash/kill9.py [--rounds N] [--seed S] [--seconds T] [TEST]...

A round: posthornd starts over the data directory of the round before; all that the last one had promised is checked, through the
protocol; publishers on the line and by HTTP, consumers and readers put load on several streams; at a moment by chance it is killed.
The data directory grows over the rounds. KEEP=1 keeps it when a round fails.
"""

import argparse
import random
import signal
import sys
import time

import kept
import load
from harness import DEADLINE_S, ORACLE, PATIENCE, Daemon, equal, main, until
from kept import Api, Directory, Stream
from ledger import Careful, Ledger, publisher_of

START_CPU_S = 2  # for a start, and a second for each GB: work, since how long it waits for others is theirs
GB = 1 << 30
NEWEST, FULL, LATEST = 400, 300, 3

STREAMS = [
    Stream("safe", sync="always"),
    Stream("timed", sync="100ms"),
    Stream("loose", sync="never"),
    Stream("jobs", retention="workqueue"),
    Stream("newest", messages_max=NEWEST),
    Stream("full", messages_max=FULL, discard="new"),
    Stream("latest", messages_per_topic_max=LATEST),
]


class Newest(Ledger):
    """messages_max: the newest are there, all of them, and no more."""

    def end_life(self, entries, last_sequence):
        there = sorted(self._take(entries))
        equal(there, list(range(max(1, last_sequence - NEWEST + 1), last_sequence + 1)), f"sequences of {self.name}")
        self.close_life(last_sequence)


class Latest(Ledger):
    """messages_per_topic_max: of each topic the newest are there, and no more."""

    def end_life(self, entries, last_sequence):
        entries = list(entries)
        there = self._take(entries)
        by_topic = {}
        for entry in entries:
            by_topic.setdefault(entry.topic, []).append(entry.sequence)
        for sequence in self.acknowledged:
            if sequence not in there:
                topic = self.topic_at(sequence)
                newer = [s for s in by_topic.get(topic, ()) if s > sequence]
                equal(len(newer), LATEST, f"messages of {topic} behind {sequence}, which is gone")
        equal([t for t, s in by_topic.items() if len(s) > LATEST], [], "topics with too many messages")
        self.close_life(last_sequence)


class Jobs(Ledger):
    """A work queue: what was acknowledged to a worker who was told so is gone, what nobody acknowledged is there."""

    worker = None

    def end_life(self, entries, last_sequence):
        there = self._take(entries)
        back = [s for s in there if s in self.worker.confirmed]
        if not ORACLE:  # nats-server promises less
            equal(back[:10], [], f"{self.name}: acknowledged, confirmed, and there again")
        self.waiting.update(self.acknowledged)
        lost = [s for s in self.waiting if s not in there and s not in self.worker.acknowledged]
        equal(lost[:10], [], f"{self.name}: published, acknowledged by nobody, and lost")
        self.waiting = {s for s in self.waiting if s in there}
        self.close_life(last_sequence)

    def __init__(self, name):
        super().__init__(name)
        self.waiting = set()


class JobsPublisher(load.LinePublisher):
    def may_send(self):
        return self.publisher.next_number - self.ledger.worker.acknowledged.count < 2000


KINDS = {"newest": Newest, "latest": Latest, "jobs": Jobs}


class Rounds:
    def __init__(self, directory, seed, seconds):
        self.directory, self.seconds = directory, seconds
        self.chance = random.Random(seed)
        self.ledgers = {stream.name: KINDS.get(stream.name, Ledger)(stream.name) for stream in STREAMS}
        self.workers = {name: load.Worker(self.ledgers[name], f"{name}-worker", self.chance) for name in ("safe", "jobs")}
        self.ledgers["jobs"].worker = self.workers["jobs"]
        self.actors = [*self.line_publishers(), *self.workers.values(), load.Remover(self.ledgers["safe"], self.chance)]
        if not ORACLE:
            self.actors += [*self.http_publishers(), *(load.Follower(self.ledgers[name]) for name in ("safe", "timed", "loose"))]
        self.longest_s = self.killed_early = self.stopped = 0
        self.lives = 0

    def line_publishers(self):
        plain = [("safe", "a", 3, 100), ("safe", "b", 1, 300), ("timed", "a", 4, 50), ("loose", "a", 4, 50), ("newest", "a", 0, 50),
                 ("latest", "a", 0, 50)]
        for name, mark, with_id, window in plain:
            yield load.LinePublisher(self.ledgers[name].publisher(mark, with_id=with_id), self.chance, window)
        for mark in "cd":
            yield load.CarefulPublisher(self.ledgers["safe"].publisher(mark, Careful, topics=3), self.chance)
        yield load.FullPublisher(self.ledgers["full"].publisher("a"), self.chance, 50)
        yield JobsPublisher(self.ledgers["jobs"].publisher("a", with_id=0 if ORACLE else 2), self.chance, 50)

    def http_publishers(self):
        for name, mark, with_id, batch in (("safe", "h", 2, 0), ("safe", "m", 2, 40), ("timed", "h", 1, 0), ("loose", "h", 0, 20)):
            yield load.HttpPublisher(self.ledgers[name].publisher(mark, with_id=with_id), self.chance, batch=batch)

    # a life

    def start(self):
        if self.lives and not ORACLE and self.chance.random() < 0.15:
            self.kill_in_start()
        segment_size = self.chance.choice(("1MiB", "4MiB", "32MiB"))
        daemon = kept.start(self.directory, STREAMS, *([] if ORACLE else [f"server.segment_size={segment_size}"]))
        self.longest_s = max(self.longest_s, daemon.took_s)
        limit_s = (START_CPU_S + self.directory.size() / GB) * PATIENCE
        if daemon.took_cpu_s > limit_s:
            raise AssertionError(f"the start took {daemon.took_cpu_s:.2f} s of work, {self.directory.size() / GB:.2f} GB are allowed "
                                 f"{limit_s:.2f}")
        return daemon

    def kill_in_start(self):
        daemon = Daemon(f"server.data_dir={self.directory.path}", *(o for stream in STREAMS for o in stream.options()), ready=False)
        time.sleep(self.chance.random() * self.longest_s)
        daemon.kill()
        self.killed_early += 1

    def life(self):
        daemon = self.start()
        try:
            self.check(daemon)
            self.load(daemon)
            self.end(daemon)
        except BaseException:
            print("the daemon's log ends:\n  " + "\n  ".join(daemon.log_lines()[-30:]), file=sys.stderr)
            raise
        self.lives += 1

    def load(self, daemon):
        if not self.lives:
            with Api(daemon) as api:
                for name, worker in self.workers.items():
                    api.make_consumer(name, worker.name, ack_wait=400_000_000)
        for actor in self.actors:
            actor.begin(daemon)
        end, least = time.monotonic() + self.chance.uniform(0.02, self.seconds), self.chance.choice((0, 20, 200))
        if not load.run(self.actors, lambda: self.is_over(end, least)):
            raise AssertionError(f"a connection was closed; errors: {[getattr(a.client, 'errors', 0) for a in self.actors if a.client.closed]}")

    def is_over(self, end, least):
        """The moment has come, and mostly some messages have been acknowledged: on a machine that is busy that takes longer."""
        now = time.monotonic()
        if now < end:
            return False
        count = sum(len(ledger.acknowledged) for ledger in self.ledgers.values())
        if count < least and now > end + DEADLINE_S:
            raise AssertionError(f"{count} messages acknowledged in {DEADLINE_S:.0f} s")
        return count >= least

    def end(self, daemon):
        """Mostly the axe, sometimes a clean stop, which promises no less."""
        if self.chance.random() < 0.9:
            daemon.kill()
        else:
            daemon.send_signal(signal.SIGTERM)
            self.stopped += 1
        load.listen_to_the_end(self.actors)
        if daemon in Daemon._running:
            daemon.check_end(daemon.wait_exit())

    # what must hold

    def check(self, daemon, whole=False):
        bad = [line for line in daemon.log_lines() if "damage" in line or "corrupt" in line]
        equal(bad, [], "lines about damage")
        with Api(daemon) as api:
            for name, ledger in self.ledgers.items():
                state = api.state(name)
                ledger.check_state(state)
                ledger.end_life(self.read(daemon, ledger, whole), state["last_seq"])
                if name in self.workers and self.lives:
                    self.workers[name].check(api.consumer(name, self.workers[name].name), state)
            self.look_up(api)

    def read(self, daemon, ledger, whole):
        after = ledger.end if type(ledger) is Ledger and not whole else 0
        if not ORACLE and self.chance.random() < 0.5:
            return kept.read_by_http(daemon, ledger.name, after, may_gap=ledger.name == "full")
        return (kept.read_one_by_one if ledger.name == "jobs" else kept.read_by_consumer)(daemon, ledger.name, after)

    def look_up(self, api):
        """Some of the past, one by one."""
        ledger = self.ledgers["safe"]
        for _ in range(20 if ledger.end else 0):
            sequence = self.chance.randint(1, ledger.end)
            answer = api.request(f"$JS.API.DIRECT.GET.{ledger.name}", b'{"seq":%d}' % sequence)
            if sequence in ledger.taken_out:
                equal(load.status_of(answer), 404, f"status of {sequence}, which was deleted")
            elif sequence not in ledger.gone:
                equal(publisher_of(answer.body), ledger.source_of(sequence), f"what {sequence} is")

    def last_life(self):
        """The whole log once more, and the workers do all that is left to do."""
        daemon = self.start()
        self.check(daemon, whole=True)
        for worker in self.workers.values():
            worker.thorough = True
            worker.begin(daemon)
        with Api(daemon) as api:
            left = sum(api.consumer(name, worker.name)["num_pending"] for name, worker in self.workers.items())
            until(lambda: self.work(api), f"all done by the workers, {left} messages", (60 + left / 2000) * PATIENCE)
        for name, worker in self.workers.items():
            ledger = self.ledgers[name]
            missed = [s for s in range(1, ledger.end + 1) if s not in worker.delivered and s not in ledger.gone]
            equal(missed[:10], [], f"{name}: messages that its worker never got")
            worker.client.close()
        daemon.stop()

    def work(self, api):
        end = time.monotonic() + 0.2
        load.run(list(self.workers.values()), lambda: time.monotonic() > end)
        infos = [api.consumer(name, worker.name) for name, worker in self.workers.items()]
        return all(info["num_pending"] == info["num_ack_pending"] == 0 for info in infos)

    def summary(self):
        acknowledged = sum(ledger.acknowledged_count for ledger in self.ledgers.values())
        confirmed = sum(worker.confirmed.count for worker in self.workers.values())
        return (f"{self.lives} rounds, {acknowledged} messages acknowledged, {confirmed} acknowledgements of workers confirmed, "
                f"{self.killed_early} killed while starting, {self.stopped} stopped cleanly, {self.directory.size() >> 20} MiB, "
                f"longest start {self.longest_s:.2f} s")


def nothing_acknowledged_is_lost():
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    with Directory(options.directory) as directory:
        rounds = Rounds(directory, seed, options.seconds)
        try:
            for number in range(options.rounds):
                rounds.life()
                if number % 50 == 49:
                    print(rounds.summary(), flush=True)
            rounds.last_life()
        except BaseException:
            print(f"failed in round {rounds.lives + 1}: --seed {seed}", file=sys.stderr)
            raise
        return rounds.summary()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seconds", type=float, default=0.5, help="the longest life under load")
    parser.add_argument("--directory", help="where the data directory is made (default: as for temporary files)")
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


if __name__ == "__main__":
    options = arguments()
    main(nothing_acknowledged_is_lost, limit_s=150 + 6 * options.rounds)
