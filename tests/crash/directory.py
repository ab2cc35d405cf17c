#!/usr/bin/env python3
"""A data directory that somebody has been at: files that are missing, cut, garbage, of another kind, or not to be written. posthornd
starts all the same, or says in a sentence why it cannot; what is whole is served, what is not is named in the log, and nothing that
it does not know is removed.
"""

import atexit
import os
import random
import shutil
import socket
import subprocess
import time

import kept
from harness import DEADLINE_S, ORACLE, Daemon, Skip, equal, main, publish_bytes, refused_start
from kept import SMALL_SEGMENTS, Api, Directory, Stream
import web

STREAMS = [Stream("one"), Stream("two")]
MESSAGES, SIZE = 600, 8000  # some segments of each stream


def body_of(name, number):
    return f"{name} {number} ".encode() * (SIZE // 8)


def make(directory):
    """Streams with messages, a consumer that has acknowledged some; stopped cleanly."""
    with kept.start(directory, STREAMS, *SMALL_SEGMENTS) as daemon, Api(daemon) as api:
        for stream in STREAMS:
            for number in range(1, MESSAGES + 1):
                api.client.out += publish_bytes(f"{stream.name}.t", body_of(stream.name, number)[:SIZE], f"{api.inbox}.p")
            for message in api.client.take(MESSAGES):
                equal(b'"error"' in message.body, False, f"refused: {message.body}")
            api.make_consumer(stream.name, "worker")


class Case:
    """A directory to be spoiled: a copy of one that was made once."""

    made = None

    def __init__(self):
        if ORACLE:
            raise Skip("these are posthornd's files")
        if not Case.made:
            Case.made = Directory()
            atexit.register(Case.made.__exit__, None, None, None)
            make(Case.made)
        self.directory = Directory()
        shutil.copytree(Case.made.path, self.directory.path, dirs_exist_ok=True)

    def path(self, *names):
        return os.path.join(self.directory.path, *names)

    def stream(self, *names):
        return self.path("streams", "one", *names)

    def segments(self):
        return [self.stream(name) for name in sorted(os.listdir(self.stream())) if name.endswith(".log")]

    def start(self):
        return kept.start(self.directory, STREAMS, *SMALL_SEGMENTS)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.directory.__exit__(*error)


def check(daemon, one=None, says=None, known=MESSAGES):
    """The stream two is whole, and both take messages, behind all that they ever had. one: how many messages of the first must be left,
    at least. says: a line of the log. known: the last sequence of the first that anything is left to tell of."""
    if says:
        daemon.wait_log(says)
    with Api(daemon) as api:
        for stream in STREAMS:
            numbers = [entry.sequence for entry in _read(daemon, stream.name)]
            least = MESSAGES if stream.name == "two" or one is None else one
            if len(numbers) < least:
                raise AssertionError(f"{stream.name}: {len(numbers)} messages left, wanted {least}")
            last = api.state(stream.name)["last_seq"]
            equal(last >= (known if stream.name == "one" else MESSAGES), True, f"no sequence of {stream.name} is used again: {last}")
            equal(api.publish(f"{stream.name}.t", b"more")["seq"], last + 1, f"the next sequence of {stream.name}")


def _read(daemon, name):
    for entry in kept.read_by_consumer(daemon, name):
        if entry.body != b"more":
            equal(entry.body, body_of(name, entry.sequence)[:SIZE], f"{name} {entry.sequence}")
        yield entry


def run(spoil, one=None, says=None, again=True, known=MESSAGES):
    """Spoils a copy, starts over it, looks, stops, and starts again."""
    with Case() as case:
        spoil(case)
        with case.start() as daemon:
            check(daemon, one, says, known)
        if again:
            with case.start() as daemon:
                check(daemon, one, known=known)


# ------------------------------------------------------------------------------------------------------------- segments


def a_segment_that_is_empty():
    for which in (0, 2, -1):
        run(lambda case: os.truncate(case.segments()[which], 0), MESSAGES // 2, "damage|missing")


def a_segment_that_is_cut():
    for which in (0, 2, -1):
        run(lambda case: os.truncate(case.segments()[which], 300_000), MESSAGES // 2, "damage|torn")


def a_segment_that_is_garbage():
    def spoil(case):
        with open(case.segments()[1], "r+b") as file:
            file.write(random.Random(1).randbytes(1 << 20))
    run(spoil, MESSAGES // 2, "damage")


def a_segment_that_is_missing():
    for which in (1, 2):
        run(lambda case: os.unlink(case.segments()[which]), MESSAGES // 2, "damage|missing")


def the_first_or_the_last_segment_missing():
    """The others are served, and no sequence is used again."""
    for which in (0, -1):
        run(lambda case: os.unlink(case.segments()[which]), MESSAGES // 2, "damage")


def all_segments_missing():
    def spoil(case):
        for path in case.segments():
            os.unlink(path)
    run(spoil, 0, "damage")


def a_segment_under_the_name_of_another():
    def spoil(case):
        first, second = case.segments()[:2]
        os.rename(first, first + "x")
        os.rename(second, first)
        os.rename(first + "x", second)
    run(spoil, 0, "damage|segment")


def a_segment_of_another_kind():
    """Instead of one there is a directory, a FIFO, a socket, a link to nowhere: none of them holds the daemon up."""
    def replace(case, how):
        path = case.segments()[1]
        os.unlink(path)
        how(path)

    def bind(path):
        with socket.socket(socket.AF_UNIX) as sock:
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            sock.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
            os.close(folder)
    for how in (os.mkdir, os.mkfifo, bind, lambda path: os.symlink("/nowhere/at/all", path)):
        run(lambda case: replace(case, how), MESSAGES // 2, "damage|segment|missing")


# --------------------------------------------------------------------------------------------------------------- strays


def files_that_are_nobodys():
    """They stay as they are."""
    names = ["notes.txt", ".hidden", "00000000000000000001.log~", "x.log", "0.log.tmp", "-1.log", "ä.log", "a" * 200]

    def spoil(case):
        for folder in (case.path(), case.path("streams"), case.stream()):
            for name in names:
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(b"not yours")
        os.mkdir(case.path("streams", "stranger"))
        os.mkdir(case.path("streams", ".trash"))
        os.mkdir(case.stream("lost+found"))

    with Case() as case:
        spoil(case)
        with case.start() as daemon:
            check(daemon)
        for folder in (case.path(), case.stream()):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    equal(file.read(), b"not yours", name)


def _newest(case):
    """The cursor of a reader who has seen all of the first stream."""
    with case.start() as daemon, web.Http(daemon) as http:
        return web.poll(http, "one.>", stream="one", since="latest", limit=1)["next"]


def a_stream_that_is_missing():
    """Nothing tells that it had been there: it begins anew, under another epoch, which readers who stand in it are told."""
    with Case() as case:
        before = _newest(case)
        shutil.rmtree(case.stream())
        after = _newest(case)
        (old, last), (new, begin) = web.place(before), web.place(after)
        equal((last, begin, old != new), (MESSAGES, 0, True), "where both stand, and that they are two")
        with case.start() as daemon, web.Http(daemon) as http:
            equal(web.poll(http, "one.>", stream="one", since=before, limit=1)["gap"] is not False, True, "a gap is told")
    run(lambda case: shutil.rmtree(case.stream()), 0, known=0)


def a_stream_that_is_a_file():
    def spoil(case):
        shutil.rmtree(case.stream())
        with open(case.stream(), "wb") as file:
            file.write(b"no directory")
    starts_or_says_why(spoil, "one|directory")


def a_stream_that_cannot_be_written():
    """By the attribute that holds even root up, where there is one."""
    with Case() as case:
        if subprocess.run(["chattr", "+i", case.segments()[-1]], capture_output=True, check=False).returncode:
            raise Skip("chattr +i is not possible here")
        try:
            with case.start() as daemon, Api(daemon) as api:
                equal(sum(1 for _ in _read(daemon, "two")), MESSAGES, "messages of the other stream")
                equal(api.publish("two.t", b"more")["seq"], MESSAGES + 1, "the other stream's next")
        finally:
            subprocess.run(["chattr", "-i", *case.segments()], check=True)


# ----------------------------------------------------------------------------------------------------------------- meta


def settings_that_are_missing():
    """Without meta.db the streams of the configuration are there, consumers are not."""
    def spoil(case):
        for name in os.listdir(case.path()):
            if name.startswith("meta.db"):
                os.unlink(case.path(name))
    run(spoil)


def settings_that_are_garbage():
    def garbage(size):
        def spoil(case):
            with open(case.path("meta.db"), "r+b") as file:
                file.write(random.Random(2).randbytes(size))
        return spoil
    for size in (16, 4096, 100_000):
        starts_or_says_why(garbage(size), r"meta\.db")


def settings_that_are_empty():
    run(lambda case: os.truncate(case.path("meta.db"), 0))


def settings_that_are_a_directory():
    def spoil(case):
        os.unlink(case.path("meta.db"))
        os.mkdir(case.path("meta.db"))
    starts_or_says_why(spoil, r"meta\.db")


# ------------------------------------------------------------------------------------------------------------ the whole


def starts_or_says_why(spoil, says):
    """It starts and serves the rest, or ends at once with a sentence that names what is wrong; nothing is thrown away."""
    with Case() as case:
        spoil(case)
        before = {path for path in case.directory.files() if path.endswith(".log")}
        options = [option for stream in STREAMS for option in stream.options()]
        daemon = Daemon(f"server.data_dir={case.directory.path}", *options, *SMALL_SEGMENTS, ready=False)
        try:
            daemon._wait_ready()
        except AssertionError:
            code = daemon.process.wait(DEADLINE_S)
            daemon._reader.join(DEADLINE_S)
            equal(code > 0, True, f"exit code {code}")
            daemon.wait_log(says)
            daemon._forget()
        else:
            daemon.wait_log(says)
            with Api(daemon) as api:
                equal(api.publish("two.t", b"more")["stream"], "two", "the other stream takes messages")
            daemon.stop()
        equal(before - set(case.directory.files()), set(), "files of messages that are gone")


def a_directory_that_is_taken():
    """Two daemons over one directory would spoil it: the second says so and ends."""
    with Case() as case, case.start() as daemon:
        options = [option for stream in STREAMS for option in stream.options()]
        code, words = refused_start(f"server.data_dir={case.directory.path}", *options)
        equal(code > 0, True, f"exit code {code}")
        if case.directory.path not in words:
            raise AssertionError(f"the second daemon says {words}")
        check(daemon)


def a_directory_that_is_a_file():
    with Case() as case:
        shutil.rmtree(case.path())
        with open(case.path(), "wb") as file:
            file.write(b"x")
        code, words = refused_start(f"server.data_dir={case.directory.path}", *STREAMS[0].options())
        equal(code > 0 and case.directory.path in words, True, f"code {code}, {words}")


def a_directory_that_is_read_only():
    with Case() as case:
        if subprocess.run(["mount", "--bind", case.path(), case.path()], capture_output=True, check=False).returncode:
            raise Skip("nothing can be mounted here")
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", case.path()], check=True)
            code, words = refused_start(f"server.data_dir={case.directory.path}", *STREAMS[0].options())
            equal(code > 0 and case.directory.path in words, True, f"code {code}, {words}")
        finally:
            subprocess.run(["umount", "-l", case.path()], check=True)


def streams_that_were_half_deleted():
    """Streams come and go by the API while the daemon is killed: after each start each is there whole, or not at all."""
    chance = random.Random(5)
    with Directory() as directory:
        created, deleted = set(), set()
        for life in range(8):
            daemon = kept.start(directory, [], *SMALL_SEGMENTS)
            with Api(daemon) as api:
                names = set(api.ask("STREAM.NAMES")["streams"] or ())
                equal(created - names, set(), "streams that were created, and are not there")
                equal(deleted & names, set(), "streams that were deleted, and are there")
                for name in names:
                    equal([entry.body for entry in kept.read_by_consumer(daemon, name)], [b"x" * 5000] * api.state(name)["last_seq"], name)
                _churn(api, chance, life, names, created, deleted)
            daemon.kill()


def _churn(api, chance, life, names, created, deleted):
    """Creates, fills and deletes; the last request of a life is not waited for."""
    for count in range(6):
        name = f"s{life}-{count}"
        api.ask(f"STREAM.CREATE.{name}", {"name": name, "subjects": [f"{name}.>"], "storage": "file"})
        created.add(name)
        for _ in range(10):
            api.publish(f"{name}.x", b"x" * 5000)
        if names and chance.random() < 0.7:
            gone = names.pop()
            created.discard(gone)
            if count < 5:
                api.ask(f"STREAM.DELETE.{gone}")
                deleted.add(gone)
            else:
                api.client.publish(f"$JS.API.STREAM.DELETE.{gone}", b"", f"{api.inbox}.last")
                time.sleep(chance.random() * 0.01)


if __name__ == "__main__":
    main(a_segment_that_is_empty, a_segment_that_is_cut, a_segment_that_is_garbage, a_segment_that_is_missing,
         the_first_or_the_last_segment_missing, all_segments_missing, a_segment_under_the_name_of_another, a_segment_of_another_kind,
         files_that_are_nobodys, a_stream_that_is_missing, a_stream_that_is_a_file, a_stream_that_cannot_be_written,
         settings_that_are_missing, settings_that_are_garbage, settings_that_are_empty, settings_that_are_a_directory,
         a_directory_that_is_taken, a_directory_that_is_a_file, a_directory_that_is_read_only, streams_that_were_half_deleted)
