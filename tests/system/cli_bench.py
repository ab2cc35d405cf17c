#!/usr/bin/env python3
"""posthorn bench: every message is counted, the figures agree with each other, and the bar is for terminals only."""

import contextlib
import json
import os
import pty
import signal
import subprocess

from cli import CONNECT, REFUSED, RESPONDERS, TIMEOUT, USAGE, Cli, Fake
from harness import Daemon, equal, main


def _json(cli, *arguments):
    done = cli.run("bench", *arguments, "--json").check(err="")
    lines = done.json_lines()
    equal(len(lines), 1, "lines of JSON")
    return lines[0]


def _agrees(result, count):
    if abs(result["per_second"] * result["seconds"] - count) > count * 0.01 + 1:
        raise AssertionError(result)


def every_shape_counts_its_messages():
    with Daemon() as daemon, Cli(daemon) as cli:
        result = _json(cli, "pub", "-n", 2001, "-c", 3, "--size", 512)
        equal((result["bench"], result["published"], result["size"], result["clients"]), ("pub", 2001, 512, 3))
        equal(result["server"], daemon.line[0])
        _agrees(result, 2001)
        result = _json(cli, "fanout", "-n", 501, "-c", 2, "-S", 3)
        equal((result["delivered"], result["subscribers"]), (1503, 3))
        _agrees(result, 1503)
        result = _json(cli, "request", "-n", 301, "-c", 2, "-R", 2)
        equal((result["answered"], result["responders"]), (301, 2))
        _agrees(result, 301)


def server_gets_what_bench_says():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("load", 1)
        client.flush()
        result = _json(cli, "pub", "-n", 1000, "-c", 4, "--size", 77, "--topic", "load")
        bodies = [message.body for message in client.take(1000)]
        equal(set(map(len, bodies)), {77})
        equal(result["published"], 1000)
        client.nothing()


def latency_is_ordered():
    with Daemon() as daemon, Cli(daemon) as cli:
        for arguments in (("request", "-n", 200), ("fanout", "-n", 100, "-S", 2, "--rate", 2000)):
            latency = _json(cli, *arguments)["latency_us"]
            values = [latency[name] for name in ("min", "p50", "p90", "p99", "p99.9", "max")]
            equal(values, sorted(values))
            if not 1 < values[0] < 1e7:
                raise AssertionError(latency)
        if "latency_us" in _json(cli, "fanout", "-n", 100):
            raise AssertionError("latency without a rate is the length of queues")


def rate_is_kept():
    with Daemon() as daemon, Cli(daemon) as cli:
        result = _json(cli, "pub", "-n", 100, "-c", 2, "--rate", "200/s")
        if not 0.4 < result["seconds"]:
            raise AssertionError(f"100 messages at 200 a second took {result['seconds']} s")


def slow_subscribers_are_waited_for():
    published = []

    def swallow(line):
        published.extend([line] if line.startswith(b"PUB") else [])
        return b"PONG\r\n" if line == b"PING\r\n" else b""

    with Fake(swallow) as fake, Cli(fake.url) as cli:
        arguments = ("bench", "fanout", "-n", 5000, "-S", 2, "--window", 64, "--timeout", "300ms")
        cli.run(*arguments).check(TIMEOUT, out="", err="a subscriber has 0 of 5000 messages")
    if not 64 <= len(published) <= 128:
        raise AssertionError(f"{len(published)} messages went out though no subscriber had one")


def text_is_for_eyes():
    with Daemon() as daemon, Cli(daemon) as cli:
        out = cli.run("bench", "request", "-n", 50).check(err="").out.decode().splitlines()
        equal(out[0], f"request at {daemon.line[0]}: 1 responder, 1 requester, 50 messages of 128 B")
        equal([line.split()[0] for line in out[1:]], ["answered", "latency"])


def _all_of(terminal):
    """What a terminal was shown, once nobody writes to it any more."""
    shown = b""
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:  # EIO is a terminal's end
        while piece := file.read(4096):
            shown += piece
    return shown


def bar_is_for_terminals():
    with Daemon() as daemon, Cli(daemon) as cli:
        ours, theirs = pty.openpty()
        command = [cli.program, "bench", "pub", "-n", "100", "--rate", "200", "--json"]
        with subprocess.Popen(command, env=cli.env, stdout=subprocess.PIPE, stderr=theirs) as bench:
            os.close(theirs)
            out = bench.stdout.read()
            equal(bench.wait(), 0)
        shown = _all_of(ours)
        equal(json.loads(out)["published"], 100)
        if b"pub [" not in shown or b"%" not in shown or not shown.endswith(b"\r\x1b[K"):
            raise AssertionError(f"the terminal shows {shown}")


def ctrl_c_ends_it():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("load", 1)
        client.flush()
        with cli.start("bench", "fanout", "--topic", "load", "--rate", "100/s") as bench:
            client.take(2)  # it runs
            bench.interrupt().end().check(-signal.SIGINT, out="", err="")


def failures_have_their_exit_codes():
    with Daemon() as daemon, Cli(daemon) as cli:
        cli.run("bench", "request", "-R", 0, "--topic", "nobody").check(RESPONDERS, out="", err="nobody listens")
        cli.run("bench", "pub", "--server", "nats://127.0.0.1:1", "-c", 3).check(CONNECT, out="", err="^posthorn: cannot connect[^\n]*\n$")
        cli.run("bench", "pub", "-c", 0).check(USAGE, out="", err="1 or more")
        cli.run("bench", "pub", "-c", 5000).check(USAGE, out="", err="1024 connections")
        cli.run("bench", "fanout", "-S", 0).check(USAGE, out="", err="bench pub")
        cli.run("bench", "request", "-R", 0).check(USAGE, out="", err="--topic")
        cli.run("bench", "pub", "--size", "2MiB").check(USAGE, out="", err="the server takes at most 1048576")
        cli.run("bench", "pub", "--size", "much").check(USAGE, out="", err="--size: 'much' is not a size")
        cli.run("bench").check(USAGE, out="", err="^Usage: posthorn bench COMMAND")
        cli.run("bench", "fanuot").check(USAGE, out="", err="did you mean 'bench fanout'")


def loss_is_not_success():
    pong = lambda line: b"PONG\r\n" if line == b"PING\r\n" else b""
    with Fake(pong) as fake, Cli(fake.url) as cli:  # swallows every message
        cli.run("bench", "request", "-R", 0, "--topic", "a", "--timeout", "200ms").check(TIMEOUT, out="", err="no reply")
    refuse = lambda line: b"-ERR 'Permissions Violation for Publish'\r\n" if line.startswith(b"PUB") else pong(line)
    with Fake(refuse) as fake, Cli(fake.url) as cli:
        cli.run("bench", "pub", "-n", 10).check(REFUSED, out="", err="Permissions Violation")


if __name__ == "__main__":
    main(every_shape_counts_its_messages, server_gets_what_bench_says, latency_is_ordered, rate_is_kept,
         slow_subscribers_are_waited_for, text_is_for_eyes, bar_is_for_terminals, ctrl_c_ends_it, failures_have_their_exit_codes,
         loss_is_not_success)
