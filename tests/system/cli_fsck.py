#!/usr/bin/env python3
"""posthorn fsck and dump: what is on disk is checked and printed without a server, and nothing is changed by it."""

import hashlib
import os
import subprocess
import tempfile

from cli import FAILED, USAGE, Cli
from harness import Daemon, equal, main

CONFIG = "[server]\nsegment_size = 1MiB\n[stream orders]\ntopics = orders.>\n[stream log]\ntopics = log\n"
COUNT = 60000


class Kept:
    """A data directory with two streams in it, one of several segments, left by a daemon that stopped."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="posthorn-fsck-")
        self.data = os.path.join(self._folder.name, "data")
        self.cli = Cli()
        with Daemon(config=CONFIG, data=self.data) as daemon, Cli(daemon) as cli:
            lines = b"".join(b"%d\n" % number for number in range(1, COUNT + 1))
            cli.run("pub", "orders.new", "--lines", "--ack", input=lines).check()
            cli.run("pub", "log", "two\nlines", "--ack", "-H", "One: 1").check()
            cli.run("stream", "delete-message", "orders", 5).check()

    def segments(self, stream):
        folder = os.path.join(self.data, "streams", stream)
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".log")]

    def digest(self):
        """Of all files, names and bytes."""
        digest = hashlib.sha256()
        for folder, _, names in sorted(os.walk(self.data)):
            for name in sorted(names):
                with open(os.path.join(folder, name), "rb") as file:
                    digest.update(os.path.join(folder, name).encode() + hashlib.sha256(file.read()).digest())
        return digest.digest()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.cli.__exit__(*error)
        self._folder.cleanup()


def what_is_whole_is_good():
    with Kept() as kept:
        before = kept.digest()
        done = kept.cli.run("fsck", kept.data).check(err="")
        log, orders = done.out.decode().splitlines()
        equal(log.startswith("log: good; 1 messages, "), True, log)
        equal(orders.startswith(f"orders: good; {COUNT - 1} messages, ") and orders.endswith(f"; sequences 1 to {COUNT}; 1 deleted"), True, orders)
        facts = {row["stream"]: row for row in kept.cli.run("fsck", kept.data, "--json").check(err="").json_lines()}
        equal({name: facts["orders"][name] for name in ("good", "messages", "deleted", "first", "last", "torn_bytes", "damages", "troubles")},
              {"good": True, "messages": COUNT - 1, "deleted": 1, "first": 1, "last": COUNT, "torn_bytes": 0, "damages": [], "troubles": []})
        equal(facts["orders"]["segments"], len(kept.segments("orders")))
        segments = kept.cli.run("fsck", kept.data, "orders", "--segments").check(err="").out.decode().splitlines()[1:]
        equal([line.split()[0] for line in segments], [os.path.basename(path) for path in kept.segments("orders")])
        equal(kept.digest(), before, "the files")


def damage_is_found_and_told():
    with Kept() as kept:
        with open(kept.segments("orders")[1], "r+b") as file:
            file.seek(300_000)
            file.write(b"XXXX")
        with open(os.path.join(kept.data, "streams", "orders", "notes.txt"), "wb"):
            pass
        done = kept.cli.run("fsck", kept.data).check(FAILED, err="")
        log, orders, damage, notes = done.out.decode().splitlines()
        equal(log.startswith("log: good"), True, log)
        equal(orders.startswith(f"orders: DAMAGED; {COUNT - 2} messages"), True, orders)
        words = damage.split()
        equal((words[:4], words[4], words[5:]), (["damage:", "the", "sequences", "from"], words[6], ["to", words[4], "are", "lost"]), damage)
        equal(notes.split(maxsplit=1), ["notes.txt", "posthornd knows no such name, and leaves it alone"])
        lost = int(words[4])
        row = kept.cli.run("fsck", kept.data, "orders", "--json").check(FAILED, err="").json_lines()[0]
        equal((row["good"], row["damages"], row["troubles"][0]["fault"]), (False, [{"first": lost, "last": lost}], False))
        done = kept.cli.run("dump", kept.data, "orders", "--raw").check(FAILED, err=f"damage: the sequences from {lost} to {lost} are lost")
        equal([int(line) for line in done.out.split()], [number for number in range(1, COUNT + 1) if number not in (5, lost)])


def a_torn_end_is_no_fault():
    with Kept() as kept:
        daemon = Daemon(config=CONFIG, data=kept.data)
        with Cli(daemon) as cli:
            cli.run("pub", "log", "more", "--ack").check(out="log 2\n")
            kept.cli.run("fsck", kept.data, "log").check(err=f"a posthornd uses {kept.data}: what it writes just now may look torn")
        daemon.kill()
        done = kept.cli.run("fsck", kept.data, "log").check(err="")
        equal(done.out.decode().splitlines()[0].startswith("log: good; 2 messages"), True, done.out)


def what_is_kept_is_printed():
    with Kept() as kept:
        before = kept.digest()
        done = kept.cli.run("dump", kept.data, "orders", "--count", 5).check(err="")
        equal(done.out.decode().splitlines(), [f"{number} orders.new {number}" for number in (1, 2, 3, 4, 6)])
        done = kept.cli.run("dump", kept.data, "orders", "--since", COUNT - 1, "--json").check(err="")
        equal([(row["stream"], row["sequence"], row["topic"], row["data"]) for row in done.json_lines()],
              [("orders", number, "orders.new", str(number)) for number in (COUNT - 1, COUNT)])
        kept.cli.run("dump", kept.data, "orders", "--since", 5, "--count", 1, "--deleted", "-f", "%q").check(err="", out="5")
        message = kept.cli.run("dump", kept.data, "log", "--json").check(err="").json_lines()[0]
        equal((message["headers"], message["sequence"]), ({"One": ["1"]}, 1))
        equal(kept.digest(), before, "the files")


def a_dump_can_be_published_again():
    with Kept() as kept, Daemon(config=CONFIG, data=True) as daemon, Cli(daemon) as cli:
        dump = subprocess.run([kept.cli.program, "dump", kept.data, "orders", "--raw"], env=kept.cli.env, capture_output=True, check=True)
        cli.run("pub", "orders.again", "--lines", "--ack", input=dump.stdout).check(err="")
        cli.run("stream", "get", "orders", COUNT - 1).check(err="", out=f"{COUNT}\n")


def what_is_not_there_is_told():
    with Kept() as kept:
        kept.cli.run("fsck", kept.data, "nope").check(FAILED, out="", err=f"there is no stream nope in {kept.data}: .*No such file or directory")
        kept.cli.run("fsck", "/nowhere").check(FAILED, out="", err="no data directory: cannot read /nowhere/streams: No such file or directory")
        kept.cli.run("dump", kept.data, "nope").check(FAILED, out="", err=f"there is no stream nope in {kept.data}")
        kept.cli.run("dump", kept.data, "../orders").check(USAGE, out="", err="no name of a stream")
        kept.cli.run("dump", kept.data).check(USAGE, out="", err="too few arguments")
        with open(os.path.join(kept.data, "streams", "stray"), "wb"):
            pass
        kept.cli.run("fsck", kept.data, "stray").check(FAILED, out="", err="there is no stream stray in .*: .*stray is no directory")
        equal(kept.cli.run("fsck", kept.data).check(err="").out.splitlines()[-1], b"stray: no stream; posthornd leaves it alone")


if __name__ == "__main__":
    main(what_is_whole_is_good, damage_is_found_and_told, a_torn_end_is_no_fault, what_is_kept_is_printed, a_dump_can_be_published_again,
         what_is_not_there_is_told)
