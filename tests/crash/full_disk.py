#!/usr/bin/env python3
"""A full disk: publishes are refused with a clear error, reading goes on, nothing that was acknowledged is lost, and it goes on by
itself when there is room again.

The data directory is on a small file system of its own: a tmpfs, and ext4 in a file (by loop device). Where the test may not mount,
it starts itself anew in a user and mount namespace (unshare), where it may mount a tmpfs; where it may not do that either, it is
skipped.
"""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time

import kept
import load
from harness import ORACLE, PATIENCE, Skip, equal, main
from kept import SMALL_SEGMENTS, Api, Directory, Stream
from ledger import Ledger
import web

SIZE_MIB, BALLAST_MIB = 24, 8
SIZES = (12_000, 12_000, 40_000)
NO_ROOM = {10023, 10047, 10077}  # codes of the JetStream API that say so
STREAM = Stream("safe", sync="always")


class Pressure(load.LinePublisher):
    """Publishes until it is refused for want of room; then it tries one message now and then. Messages that were taken before the
    disk was full wait for room, without an answer: there are no more of them than fit into the window."""

    refused_count = 0
    last_refusal = None
    pause_until = 0

    def connect(self, daemon):
        self.answered = time.monotonic()
        return super().connect(daemon)

    def may_send(self):
        return time.monotonic() >= self.pause_until

    def turn(self):
        super().turn()
        now = time.monotonic()
        if len(self.flying) >= self.window and now - self.answered > 0.3 and now >= self.pause_until and not self.stopped:
            self.pause_until = now + 0.05
            self.send(self.next_number())

    def on_answer(self, message):
        self.answered = time.monotonic()
        super().on_answer(message)

    def on_refusal(self, number, error):
        if error["err_code"] not in NO_ROOM:
            super().on_refusal(number, error)
        if not error["description"]:
            raise AssertionError(f"a refusal without a word: {error}")
        self.withdraw(number)
        self.refused_count += 1
        self.last_refusal = error
        self.pause_until = time.monotonic() + 0.05


@contextlib.contextmanager
def small_disk(kind):
    """A directory on a file system of SIZE_MIB."""
    with Directory() as directory:
        mount(kind, directory)
        try:
            directory.path = os.path.join(directory.path, "data")
            os.mkdir(directory.path)
            yield directory
        finally:
            subprocess.run(["umount", "-l", os.path.dirname(directory.path)], check=False)


def mount(kind, directory):
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "none", directory.path]
    else:
        image = os.path.join(directory.top, "image")
        with open(image, "wb") as file:
            file.truncate(SIZE_MIB << 20)
        make = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin:/bin")
        if not make:
            raise Skip("no mkfs.ext4")
        subprocess.run([make, "-q", "-m", "0", "-O", "^has_journal", image], check=True)
        command = ["mount", "-o", "loop", image, directory.path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"{kind} cannot be mounted here: {done.stderr.strip()}")


def ballast(directory, mib=BALLAST_MIB):
    """Room that can be given back later."""
    path = os.path.join(os.path.dirname(directory.path), "ballast")
    with open(path, "wb") as file:
        file.write(bytes(mib << 20))
        os.fsync(file.fileno())
    return path


def fill_up(daemon, pressure, refusals=20):
    """Publishes until that many have been refused. What was taken already may wait for room without an answer."""
    pressure.begin(daemon)
    end = time.monotonic() + 60 * PATIENCE
    done = load.run([pressure], lambda: pressure.refused_count >= refusals or time.monotonic() > end)
    equal(done, True, "the connection lives")
    if pressure.refused_count < refusals:
        raise AssertionError(f"refused {pressure.refused_count}, {len(pressure.flying)} without an answer, {pressure.publisher.known} kept")


def check_log(daemon, ledger):
    """All that was acknowledged is there."""
    with Api(daemon) as api:
        state = api.state(STREAM.name)
    ledger.check_state(state)
    ledger.end_life(kept.read_by_consumer(daemon, STREAM.name, ledger.end), state["last_seq"])


def check_refusal_over_http(daemon):
    with web.Http(daemon) as http:
        answer = http.post(f"/v1/topics/{STREAM.name}.http", bytes(100_000))
        answer.check(507)
        http.get("/healthz").check(200)


def _full(kind):
    ledger = Ledger(STREAM.name)
    pressure = Pressure(ledger.publisher("a", with_id=3, sizes=SIZES), random.Random(1), 50)
    with small_disk(kind) as directory:
        heavy = ballast(directory)
        with kept.start(directory, [STREAM], *SMALL_SEGMENTS) as daemon:
            fill_up(daemon, pressure)
            known = pressure.publisher.known
            if not ORACLE:
                daemon.wait_log(r"full|[Nn]o space")
                check_refusal_over_http(daemon)
            with Api(daemon) as api:
                equal(api.state(STREAM.name)["last_seq"] >= known, True, "it still tells its state, and holds what it acknowledged")
            equal(sum(1 for _ in kept.read_by_consumer(daemon, STREAM.name)) >= known, True, "it still can be read")
            if not ORACLE:
                equal(sum(1 for _ in kept.read_by_http(daemon, STREAM.name)) >= known, True, "over HTTP too")
            goes_on(daemon, pressure, known, lambda: os.unlink(heavy))
            pressure.stop()
            load.run([pressure], lambda: not pressure.flying)
            pressure.client.close()
            check_log(daemon, ledger)
        return f"{known} messages to the brim, {pressure.last_refusal['description']}"


def goes_on(daemon, pressure, known, make_room):
    """When there is room: by itself, and soon."""
    enough = pressure.refused_count + known % 7
    load.run([pressure], lambda: pressure.refused_count >= enough)
    make_room()
    end = time.monotonic() + 10 * PATIENCE
    load.run([pressure], lambda: pressure.publisher.known >= known + 200 or time.monotonic() > end)
    if pressure.publisher.known < known + 200:
        raise AssertionError(f"10 s after there is room: {pressure.publisher.known - known} more kept, {pressure.refused_count} refused, "
                             f"{len(pressure.flying)} without an answer; {pressure.last_refusal}")


def tmpfs_full_refuses_reads_and_goes_on():
    return _full("tmpfs")


def ext4_full_refuses_reads_and_goes_on():
    return _full("ext4")


def killed_while_full_it_starts_and_has_all():
    """kill -9 with the disk full, three times; each start is over a full disk."""
    ledger = Ledger(STREAM.name)
    pressure = Pressure(ledger.publisher("a", with_id=3, sizes=SIZES), random.Random(2), 50)
    with small_disk("tmpfs") as directory:
        heavy = ballast(directory)
        for life in range(4):
            daemon = kept.start(directory, [STREAM], *SMALL_SEGMENTS)
            if life:
                check_log(daemon, ledger)
            pressure.refused_count = 0
            fill_up(daemon, pressure, 3)
            daemon.kill()
            load.listen_to_the_end([pressure])
        with kept.start(directory, [STREAM], *SMALL_SEGMENTS) as daemon:
            check_log(daemon, ledger)
            pressure.begin(daemon)
            goes_on(daemon, pressure, pressure.publisher.known, lambda: os.unlink(heavy))
            pressure.client.close()


def a_purge_makes_room():
    """Without a byte to write to, what is there can be thrown away, and its room is used again."""
    ledger = Ledger(STREAM.name)
    pressure = Pressure(ledger.publisher("a", sizes=SIZES), random.Random(3), 50)
    with small_disk("tmpfs") as directory, kept.start(directory, [STREAM], *SMALL_SEGMENTS) as daemon:
        fill_up(daemon, pressure)

        def purge():
            with Api(daemon) as api:
                api.ask(f"STREAM.PURGE.{STREAM.name}")

        goes_on(daemon, pressure, pressure.publisher.known, purge)
        pressure.client.close()


def killed_while_full_a_purge_makes_room():
    """The new life finds not even room for the file that tells of the old one."""
    ledger = Ledger(STREAM.name)
    pressure = Pressure(ledger.publisher("a", sizes=SIZES), random.Random(5), 50)
    with small_disk("tmpfs") as directory:
        daemon = kept.start(directory, [STREAM], *SMALL_SEGMENTS)
        fill_up(daemon, pressure)
        daemon.kill()
        load.listen_to_the_end([pressure])
        pressure.refused_count = 0
        with kept.start(directory, [STREAM], *SMALL_SEGMENTS) as daemon:
            check_log(daemon, ledger)
            fill_up(daemon, pressure, 3)

            def purge():
                with Api(daemon) as api:
                    api.ask(f"STREAM.PURGE.{STREAM.name}")

            goes_on(daemon, pressure, pressure.publisher.known, purge)
            pressure.client.close()


def a_consumer_goes_on_over_a_full_disk():
    """It delivers what is kept; an acknowledgement that cannot be kept is not confirmed, and one that was confirmed holds."""
    ledger = Ledger(STREAM.name)
    chance = random.Random(4)
    pressure = Pressure(ledger.publisher("a", sizes=SIZES), chance, 50)
    worker = load.Worker(ledger, "worker", chance)
    with small_disk("tmpfs") as directory:
        heavy = ballast(directory)
        daemon = kept.start(directory, [STREAM], *SMALL_SEGMENTS)
        with Api(daemon) as api:
            api.make_consumer(STREAM.name, worker.name, ack_wait=400_000_000)
        fill_up(daemon, pressure)
        known = pressure.publisher.known
        worker.begin(daemon)
        end = time.monotonic() + 20 * PATIENCE
        load.run([worker], lambda: worker.delivered.count >= known or time.monotonic() > end)
        equal(worker.delivered.count >= known, True, "the worker gets all that is kept")
        told = sum("position_not_stored" in line for line in daemon.log_lines())
        equal(told <= 2, True, f"what cannot be stored is told once, not {told} times")
        daemon.kill()
        load.listen_to_the_end([pressure, worker])
        os.unlink(heavy)
        with kept.start(directory, [STREAM], *SMALL_SEGMENTS) as daemon:
            with Api(daemon) as api:
                worker.check(api.consumer(STREAM.name, worker.name), api.state(STREAM.name))
                worker.thorough = True
                worker.begin(daemon)
                load.run([worker], lambda: _all_done(api, worker))
                worker.client.close()


def _all_done(api, worker):
    info = api.consumer(STREAM.name, worker.name)
    return info["num_pending"] == info["num_ack_pending"] == 0


def enter_namespace():
    """Where mounting is refused, it may be allowed in a namespace of our own."""
    with Directory() as directory:
        try:
            mount("tmpfs", directory)
            subprocess.run(["umount", directory.path], check=True)
            return
        except Skip as refused:
            tried = "in_namespace" in os.environ
            if tried or subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
                print(f"skipped: {refused}")
                sys.exit(77)
    os.environ["in_namespace"] = "1"
    os.execvp("unshare", ["unshare", "-rm", sys.executable, *sys.argv])


if __name__ == "__main__":
    enter_namespace()
    main(tmpfs_full_refuses_reads_and_goes_on, ext4_full_refuses_reads_and_goes_on, killed_while_full_it_starts_and_has_all,
         a_purge_makes_room, killed_while_full_a_purge_makes_room, a_consumer_goes_on_over_a_full_disk)
