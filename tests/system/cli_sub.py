#!/usr/bin/env python3
"""posthorn sub: what it prints in each form, when it ends, and how it behaves in pipes."""

import base64
import os
import re
import signal
import subprocess

from cli import OK, REFUSED, TIMEOUT, USAGE, Cli, Fake
from harness import Daemon, equal, main

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
HEAD = b"NATS/1.0\r\nOne: 1\r\nTwo: b\r\nOne: again\r\n\r\n"


def _print(daemon, cli, publish, *options, count=1, patterns=(">",)):
    """What sub prints for the messages that publish(client) sends."""
    with cli.start("sub", "-v", "--count", count, *options, *patterns) as sub, daemon.client() as client:
        sub.subscribed()
        publish(client)
        client.flush()
        return sub.end()


def each_form_prints_what_it_says():
    payload = b"\xffany \0 bytes\n"
    forms = {
        (): b"a.b " + payload + b"\n",
        ("--raw",): payload + b"\n",
        ("--null",): payload + b"\0",
        ("-r0f",): None,
        ("--format", "%p"): payload,
        ("--format", "%t|%r|%s|%i|%h|%%|%n"): b"a.b|r.s|13|1|One: 1, Two: b, One: again|%|\n",
        ("-f", "%p%N"): payload,
        ("-f", "no parts"): b"no parts",
    }
    with Daemon() as daemon, Cli(daemon) as cli:
        for options, out in forms.items():
            if out is not None:
                _print(daemon, cli, lambda client: client.publish("a.b", payload, "r.s", HEAD), *options).check(out=out)
        done = _print(daemon, cli, lambda client: client.publish("a", b"x"), "--timestamps", "--raw")
        if not re.fullmatch(TIME + " x\n", done.out.decode()):
            raise AssertionError(done.out)
        done = _print(daemon, cli, lambda client: client.publish("a", b"x"), "--format", "%d%n%p%N%p%0")
        if not re.fullmatch(TIME + "\nx\nx\0", done.out.decode()):
            raise AssertionError(done.out)


def json_is_valid_whatever_the_bytes():
    text = 'quotes " and \\ and \x01\x7f\t\n and \u00e9\u20ac\U0001f4ef'
    binary = b"\xc3(\0" + bytes(range(256))

    def publish(client):
        client.publish("a.b", text.encode(), "r.s", HEAD)
        client.publish("a.c", binary)
        client.publish("a.c", binary[:4])
        client.publish("a.c", binary[:5])
        client.publish("a.d", b"", head=b"NATS/1.0 503 No one\r\nBad: \xff\r\n\r\n")
        client.publish("a.e", b"\xed\xa0\x80")

    with Daemon() as daemon, Cli(daemon) as cli:
        lines = _print(daemon, cli, publish, "--json", count=6).check().json_lines()
    for line in lines:
        if not re.fullmatch(TIME, line.pop("time")):
            raise AssertionError("time")
    equal(lines[0], {"topic": "a.b", "reply": "r.s", "headers": {"One": ["1", "again"], "Two": ["b"]}, "data": text})
    for line, data in zip(lines[1:4], (binary, binary[:4], binary[:5])):
        equal(line, {"topic": "a.c", "data_base64": base64.b64encode(data).decode()})
    equal(lines[4], {"topic": "a.d", "status": 503, "description": "No one", "headers": {"Bad": ["\ufffd"]}, "data": ""})
    equal(lines[5], {"topic": "a.e", "data_base64": base64.b64encode(b"\xed\xa0\x80").decode()})


def wrong_formats_are_refused():
    with Cli("nats://127.0.0.1:1") as cli:
        cli.run("sub", "a", "--format", "%x").check(USAGE, out="", err="no '%x'")
        cli.run("sub", "a", "--format", "100%").check(USAGE, out="", err="'%' at the end")
        cli.run("sub", "a", "--raw", "--json").check(USAGE, out="", err="exclude one another")
        cli.run("sub").check(USAGE, out="", err="too few arguments")


def patterns_are_all_listened_to():
    def publish(client):
        for topic in ("a.x", "b.x", "c.x", "d.x.y"):
            client.publish(topic, topic.encode())

    with Daemon() as daemon, Cli(daemon) as cli:
        done = _print(daemon, cli, publish, "--raw", count=3, patterns=("a.*", "b.x", "d.>"))
        equal(sorted(done.check().out.split()), [b"a.x", b"b.x", b"d.x.y"])


def group_shares_the_messages():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        with cli.start("sub", "-v", "--raw", "--group", "g", "job") as one, cli.start("sub", "-v", "--raw", "-gg", "job") as two:
            one.subscribed()
            two.subscribed()
            jobs = [b"%d" % i for i in range(200)]
            for job in jobs:
                client.publish("job", job)
            client.flush()
            for sub in (one, two):
                sub.wait_out(rb"\n")
            outs = [b"", b""]
            while sum(out.count(b"\n") for out in outs) < len(jobs):  # collect until all are there: each in one of the two
                outs = [sub._text["out"] for sub in (one, two)]
            equal(sorted(b"".join(outs).split()), sorted(jobs))
            for sub in (one, two):
                sub.interrupt().end()


def count_leaves_the_rest_to_the_group():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        with cli.start("sub", "-v", "--raw", "--group", "g", "-n", 3, "job") as sub:
            sub.subscribed()
            client.subscribe("job", 1, group="g")
            client.flush()
            for i in range(100):
                client.publish("job", b"%d" % i)
            client.flush()
            out = sub.end().check().out
            equal(out.count(b"\n"), 3)
            equal(len(client.take(97)), 97)


def silence_ends_it_when_asked_to():
    with Daemon() as daemon, Cli(daemon) as cli:
        cli.run("sub", "a", "--timeout", "100ms").check(TIMEOUT, out="", err="no message in time")
        done = _print(daemon, cli, lambda client: client.publish("a", b"x"), "--raw", "--timeout", "300ms", count=2)
        done.check(TIMEOUT, out="x\n", err="no message in time")


def signals_end_it_after_whole_messages():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        for number in (signal.SIGINT, signal.SIGTERM):
            with cli.start("sub", "-v", "--raw", "a") as sub:
                sub.subscribed()
                client.publish("a", b"x")
                client.flush()
                sub.wait_out(rb"x\n").interrupt(number)
                sub.end().check(-number, out="x\n", err="subscribed\n$")


def reader_that_leaves_ends_it_quietly():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        for idle in (True, False):
            reader, writer = os.pipe()
            command = [cli.program, "sub", "-v", "--raw", "a"]
            with subprocess.Popen(command, env=cli.env, stdout=writer, stderr=subprocess.PIPE) as sub:
                os.close(writer)
                equal(sub.stderr.readline()[:19], b"posthorn: connected")
                equal(sub.stderr.readline(), b"posthorn: subscribed\n")
                os.close(reader)
                if not idle:
                    client.publish("a", b"x")
                    client.flush()
                equal(sub.stderr.read(), b"")
                equal(sub.wait(), -signal.SIGPIPE)


def reader_that_stands_still_does_not_hold_ctrl_c():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        reader, writer = os.pipe()
        command = [cli.program, "sub", "-v", "--raw", "a"]
        with subprocess.Popen(command, env=cli.env, stdout=writer, stderr=subprocess.PIPE) as sub:
            os.close(writer)
            sub.stderr.readline()
            equal(sub.stderr.readline(), b"posthorn: subscribed\n")
            client.publish("a", b"x" * 1000000)  # more than a pipe holds
            client.flush()
            os.read(reader, 1)
            sub.send_signal(signal.SIGINT)
            equal(sub.stderr.read(), b"")
            equal(sub.wait(), -signal.SIGINT)
        os.close(reader)


def full_disk_is_told():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli, open("/dev/full", "wb") as full:
        with subprocess.Popen([cli.program, "sub", "-v", "a"], env=cli.env, stdout=full, stderr=subprocess.PIPE) as sub:
            sub.stderr.readline()
            equal(sub.stderr.readline(), b"posthorn: subscribed\n")
            client.publish("a", b"x")
            client.flush()
            equal(sub.stderr.read(), b"posthorn: cannot write to standard output: No space left on device\n")
            equal(sub.wait(), 1)


def broken_connection_is_made_anew():
    subscriptions = []

    def answer(line):
        if not line.startswith(b"SUB "):
            return b"PONG\r\n" if line == b"PING\r\n" else b""
        subscriptions.append(line)
        return b"MSG a %s 4\r\nback\r\n" % line.split()[-1] if len(subscriptions) == 2 else b""

    with Fake(answer) as fake, Cli(fake.url) as cli, cli.start("sub", "-v", "--raw", "a") as sub:
        sub.subscribed()
        fake.hang_up()
        sub.wait_err("connection lost .* connecting again\n").wait_err("connected again to 127.0.0.1:")
        sub.wait_out(rb"back\n").interrupt()
        sub.end().check(-signal.SIGINT, out="back\n")


def refused_pattern_ends_it():
    words = {b"SUB": b"-ERR 'Permissions Violation for Subscription to \"a\"'\r\n", b"PIN": b"PONG\r\n"}
    with Fake(lambda line: words.get(line[:3], b"")) as fake, Cli(fake.url) as cli:
        cli.run("sub", "a").check(REFUSED, out="", err="Permissions Violation for Subscription")


if __name__ == "__main__":
    assert OK == 0
    main(each_form_prints_what_it_says, json_is_valid_whatever_the_bytes, wrong_formats_are_refused, patterns_are_all_listened_to,
         group_shares_the_messages, count_leaves_the_rest_to_the_group, silence_ends_it_when_asked_to,
         signals_end_it_after_whole_messages, reader_that_leaves_ends_it_quietly, reader_that_stands_still_does_not_hold_ctrl_c,
         full_disk_is_told, broken_connection_is_made_anew, refused_pattern_ends_it)
