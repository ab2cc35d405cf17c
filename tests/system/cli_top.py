#!/usr/bin/env python3
"""posthorn top: what it shows of a server, on a terminal and elsewhere, and how it ends."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from cli import CONNECT, OK, REFUSED, USAGE, Cli
from harness import DEADLINE_S, Daemon, equal, main, publish_bytes


def _url(daemon):
    return f"http://{daemon.http[0]}"


def _pictures(out):
    """The pictures of plain output, each as its lines."""
    return [picture.split("\n") for picture in re.split(r"\n\n(?=\S)", out.decode().rstrip("\n"))]


class _Publishing:
    """Publishes from another thread, a message every few milliseconds, until it is left."""

    def __init__(self, client, topic):
        self.client, self.topic, self._ended = client, topic, threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def _publish(self):
        while not self._ended.wait(0.002):
            self.client.send(publish_bytes(self.topic, b"x" * 200))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(DEADLINE_S)


def pictures_show_the_server_and_its_rates():
    with Daemon() as daemon, Cli() as cli, daemon.client(name="the writer") as writer, daemon.client(name="idler"):
        with _Publishing(writer, "a"):
            done = cli.run("top", "--url", _url(daemon), "--count", 2, "--interval", "300ms").check(OK, err="")
        pictures = _pictures(done.out)
        equal(len(pictures), 2, f"pictures in {done.out.decode()}")
        for picture in pictures:
            text = "\n".join(picture)
            first = r"\S+  version 0\.\d+\.\d+  up \d+s  processor [\d.]+ %  memory [\d.]+ MiB  workers "
            if not re.fullmatch(first + str(Daemon.workers), picture[0]):
                raise AssertionError(text)
            rate = re.search(r"^in ([\d.]+) messages/s, ([\d.]+) [KM]?i?B/s", text, re.M)
            equal(float(rate.group(1)) > 1 < float(rate.group(2)), True, f"rates in {text}")
            rates = dict(re.findall(r"^ +\d+ nats (the writer|idler) +0 +(\S+) ", text, re.M))
            equal(sorted(rates), ["idler", "the writer"], f"connections in {text}")
            equal(float(rates["the writer"]) > 1, True, f"rate of the writer in {text}")
            equal(rates["idler"], "0", f"rate of the idler in {text}")


def the_first_connection_is_the_one_asked_for():
    with Daemon() as daemon, Cli() as cli, daemon.client(name="first"), daemon.client(name="busy") as busy:
        busy.send(b"".join(publish_bytes("a", b"x") for _ in range(100)))
        busy.flush()
        for order, name in (("cid", "first"), ("msgs_from", "busy")):
            done = cli.run("top", "--url", _url(daemon), "-n", 1, "-i", "10ms", "--sort", order, "--rows", 1).check(OK)
            equal(re.findall(r"^ +\d+ \S+ (\S+)", done.out.decode(), re.M), [name], f"first by {order} in {done.out.decode()}")


def a_name_does_not_steer_the_terminal():
    with Daemon() as daemon, Cli() as cli, daemon.client(name="\x1b[2Jclear\nline"):
        done = cli.run("top", "--url", _url(daemon), "-n", 1, "-i", "10ms").check(OK)
        equal(b"\x1b" in done.out, False, "an escape")
        equal(b"\\x1b[2Jclear\\x0aline" in done.out, True, f"the name, shown, in {done.out!r}")


def what_is_wrong_is_said():
    with Daemon("user.alice.password=secret", "user.alice.monitor=yes") as daemon, Cli() as cli:
        top = lambda *options, env=None: cli.run("top", "-n", 1, "-i", "10ms", *options, env=env)
        top("--url", "http://127.0.0.1:1").check(CONNECT, "", "127.0.0.1:1: Connection refused")
        top("--url", f"http://{daemon.line[0]}").check(CONNECT, "", "does not speak HTTP")
        top("--url", "nats://127.0.0.1").check(USAGE, "", "http://host:port")
        top("--url", "http://[::1").check(USAGE, "", "no host with a port")
        top("--url", "http://a:b@127.0.0.1").check(USAGE, "", "credentials")
        top("--sort", "nonsense").check(USAGE, "", "no such order")
        top("--interval", "0s").check(USAGE, "", "no end")
        top("--url", _url(daemon)).check(REFUSED, "", "401")
        top("--url", _url(daemon), "--user", "alice", "--password", "wrong").check(REFUSED, "", "401")
        top("--url", _url(daemon), "--user", "alice", "--password", "secret").check(OK)
        top(env={"POSTHORN_HTTP_URL": _url(daemon), "POSTHORN_USER": "alice", "POSTHORN_PASSWORD": "secret"}).check(OK)


def it_ends_by_a_signal_and_with_its_pipe():
    with Daemon() as daemon, Cli() as cli:
        with cli.start("top", "--url", _url(daemon), "-i", "50ms") as top:
            top.wait_out("CLIENT.*CLIENT")
            equal(top.interrupt(signal.SIGINT).end().code, -signal.SIGINT, "how Ctrl-C ends it")
        command = [cli.program, "top", "--url", _url(daemon), "-i", "50ms"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli.env) as process:
            process.stdout.read(10)
            process.stdout.close()
            equal((process.wait(DEADLINE_S), process.stderr.read()), (-signal.SIGPIPE, b""), "how a closed pipe ends it")


class _Terminal:
    """The command on a terminal of its own, 100 columns wide."""

    def __init__(self, cli, *arguments):
        self.fd, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 100, 0, 0))
        self.before = termios.tcgetattr(inside)
        self.process = subprocess.Popen([cli.program, "top", *arguments], stdin=inside, stdout=inside, stderr=inside, env=cli.env)
        self.inside, self.text = inside, b""

    def wait(self, pattern):
        """Until the pattern comes behind what was waited for before."""
        end = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self.text, re.S)):
            left_s = end - time.monotonic()
            if left_s <= 0 or not select.select([self.fd], [], [], left_s)[0]:
                raise AssertionError(f"never {pattern!r} but {self.text[-2000:]!r}")
            self.text += os.read(self.fd, 65536)
        self.text = self.text[found.end():]
        return found

    def type(self, keys):
        os.write(self.fd, keys)

    def end(self):
        self.wait(rb"\x1b\[\?25h\x1b\[\?1049l")  # the cursor, and the shell's screen
        code = self.process.wait(DEADLINE_S)
        equal(termios.tcgetattr(self.inside)[3], self.before[3], "the terminal's modes")
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.fd)
        os.close(self.inside)


def on_a_terminal_it_draws_and_obeys_keys():
    with Daemon() as daemon, Cli() as cli, daemon.client(name="first"), daemon.client(name="busy") as busy:
        busy.send(b"".join(publish_bytes("a", b"x") for _ in range(100)))
        busy.flush()
        with _Terminal(cli, "--url", _url(daemon), "--interval", "100ms", "--sort", "msgs_to") as top:
            top.wait(rb"\x1b\[\?1049h\x1b\[\?25l\x1b\[H.*?CID.*?first.*?busy.*?\x1b\[J")
            top.type(b"s")  # by messages from them
            top.wait(rb"CID[^\n]*\n[^\n]*busy")
            for line in top.wait(rb"\x1b\[H(.*?)\x1b\[J").group(1).decode().split("\r\n"):
                equal(len(line.replace("\x1b[K", "")) <= 100, True, f"width of {line!r}")
            top.type(b"q")
            equal(top.end(), 0, "exit code")
        with _Terminal(cli, "--url", _url(daemon), "--interval", "100ms") as top:
            top.wait(rb"\x1b\[J")
            top.process.send_signal(signal.SIGTERM)
            equal(top.end(), -signal.SIGTERM, "how it ends by a signal")


def on_a_terminal_a_server_that_is_away_is_waited_for():
    with Cli() as cli:
        with Daemon() as daemon:
            address = daemon.http[0]
            top = _Terminal(cli, "--url", _url(daemon), "--interval", "50ms")
            top.wait(rb"CID.*?\x1b\[J")
        with top:
            top.wait(rb"Connection refused; trying again")
            with Daemon(http=address):
                top.wait(rb"CID.*?\x1b\[J")
                top.type(b"q")
                equal(top.end(), 0, "exit code")


main(pictures_show_the_server_and_its_rates, the_first_connection_is_the_one_asked_for, a_name_does_not_steer_the_terminal,
     what_is_wrong_is_said, it_ends_by_a_signal_and_with_its_pipe, on_a_terminal_it_draws_and_obeys_keys,
     on_a_terminal_a_server_that_is_away_is_waited_for)
