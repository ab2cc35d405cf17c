#!/usr/bin/env python3
"""One flipped bit somewhere in the files of a stream: the daemon starts, says what is damaged, serves all else, and tells readers of
the gap.

    tests/crash/flipped_bit.py [--places N] [--seed S] [TEST]...

A data directory is made once, and the daemon is stopped. For each place a copy of it gets one flipped bit, and a daemon starts over
that. What it gives to readers is compared with what had been there.
"""

import argparse
import os
import random
import shutil
import sys

import kept
from harness import ORACLE, Skip, equal, main, publish_bytes
from kept import SMALL_SEGMENTS, Api, Directory, Entry, Stream, cursor_at, head_of
from ledger import Ledger
import web

STREAM = Stream("safe", sync="always")
MESSAGES = 2500


class Original:
    """What the directory holds before anything happens to it: all messages, by sequence; the epoch; the files."""

    def __init__(self, directory, killed):
        ledger = Ledger(STREAM.name)
        publisher = ledger.publisher(f"{'k' if killed else 's'}", with_id=2)
        daemon = kept.start(directory, [STREAM], *SMALL_SEGMENTS)
        publish_all(daemon, publisher)
        with web.Http(daemon) as http:
            self.epoch, _ = web.place(web.poll(http, "safe.>", stream="safe", limit=1)["next"])
        self.entries = {entry.sequence: entry for entry in kept.read_by_consumer(daemon, STREAM.name)}
        equal(sorted(self.entries), list(range(1, MESSAGES + 1)), "sequences of the original")
        if killed:
            daemon.kill()
        else:
            daemon.stop()
        self.path, self.killed = directory.path, killed
        self.segments = segments(directory.path)


def publish_all(daemon, publisher):
    with Api(daemon) as api:
        for _ in range(MESSAGES):
            number = publisher.new_number()
            api.client.out += publish_bytes(publisher.topic(number), publisher.body(number), f"{api.inbox}.p", publisher.head(number))
        for message in api.client.take(MESSAGES):
            equal(b'"error"' in message.body, False, f"refused: {message.body}")


def segments(path):
    folder = os.path.join(path, "streams", STREAM.name)
    return sorted(name for name in os.listdir(folder) if name.endswith(".log"))


def flip(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def read_with_gaps(daemon, epoch, last):
    """(entries by sequence, gaps as pairs of first and last) by NDJSON."""
    entries, gaps = {}, []
    with web.Lines(daemon, "safe.>", stream="safe", since=cursor_at(epoch, 0)) as lines:
        at = 0
        while at < last:
            item = lines.next()
            if "gap" in item:
                (from_epoch, first), (to_epoch, at) = web.place(item["gap"]["from"]), web.place(item["gap"]["to"])
                equal((from_epoch, to_epoch), (epoch, epoch), "epochs of a gap")
                gaps.append((first + 1, at))
            else:
                at = item["seq"]
                entries[at] = Entry(at, item["topic"], head_of(item.get("headers")), web.payload(item))
    return entries, gaps


def check(daemon, original, place):
    """What is there is as it was; what is not there is told, and nothing else is."""
    with Api(daemon) as api:
        last = api.state(STREAM.name)["last_seq"]
        if original.killed and last == MESSAGES - 1:  # the very last record: it looks like one that was being written
            daemon.wait_log("stream_torn")
            return 1
        equal(last, MESSAGES, "the last sequence")
        entries, gaps = read_with_gaps(daemon, original.epoch, last)
        for sequence, entry in entries.items():
            equal(entry, original.entries[sequence], f"{sequence} beside the place")
        missing = sorted(set(original.entries) - set(entries))
        told = sorted(sequence for first, last in gaps for sequence in range(first, last + 1))
        equal(told, missing, "gaps that are told, beside what is missing")
        if len(missing) > 1:
            raise AssertionError(f"one bit at {place} takes {len(missing)} messages, {missing[0]} to {missing[-1]}")
        if missing:
            daemon.wait_log(rf"damage.*\b{missing[0]}\b|\b{missing[0]}\b.*damage")
            answer = api.request("$JS.API.DIRECT.GET.safe", b'{"seq":%d}' % missing[0])
            equal(kept.status_of(answer), 404, "status of what is damaged")
        by_consumer = {entry.sequence for entry in kept.read_by_consumer(daemon, STREAM.name)}
        equal(by_consumer, set(entries), "what a consumer is given")
        equal(api.publish("safe.more", b"and on")["seq"], MESSAGES + 1, "the next sequence")
    return len(missing)


def flip_and_check(original, name, at, bit):
    place = f"bit {bit} of byte {at} of {name}"
    try:
        with Directory() as copy:
            shutil.copytree(original.path, copy.path, dirs_exist_ok=True)
            flip(os.path.join(copy.path, "streams", STREAM.name, name), at, bit)
            with kept.start(copy, [STREAM], *SMALL_SEGMENTS) as daemon:
                return check(daemon, original, place)
    except BaseException:
        print(f"failed with {place} flipped", file=sys.stderr)
        raise


def written_size(path):
    """Up to the last byte that is not 0: behind it is room that was allocated before it was needed."""
    with open(path, "rb") as file:
        return len(file.read().rstrip(b"\0"))


def _many_places(killed):
    if ORACLE:
        raise Skip("these are posthornd's files")
    chance = random.Random(options.seed)
    with Directory() as directory:
        original = Original(directory, killed)
        sizes = {name: written_size(os.path.join(directory.path, "streams", STREAM.name, name)) for name in original.segments}
        hit = 0
        for _ in range(options.places):
            name = chance.choices(original.segments, [sizes[name] for name in original.segments])[0]
            hit += flip_and_check(original, name, chance.randrange(sizes[name]), chance.randrange(8))
        return f"seed {options.seed}: {options.places} places in {len(sizes)} segments, {hit} of them cost a message"


def a_bit_in_a_log_that_was_stopped():
    return _many_places(killed=False)


def a_bit_in_a_log_that_was_killed():
    return _many_places(killed=True)


def a_bit_in_the_head_of_a_segment():
    """Each of its first bytes."""
    if ORACLE:
        raise Skip("these are posthornd's files")
    with Directory() as directory:
        original = Original(directory, killed=False)
        for at in range(0, 64, 64 * 20 // max(options.places, 20) or 1):
            flip_and_check(original, original.segments[len(original.segments) // 2], at, at % 8)
        return f"{len(original.segments)} segments"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


if __name__ == "__main__":
    options = arguments()
    main(a_bit_in_a_log_that_was_stopped, a_bit_in_a_log_that_was_killed, a_bit_in_the_head_of_a_segment, limit_s=150 + options.places)
