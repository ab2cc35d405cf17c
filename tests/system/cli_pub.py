#!/usr/bin/env python3
"""posthorn pub: what it sends is what it was given, and 0 means that the server has it."""

import time

from cli import CONNECT, FAILED, REFUSED, TIMEOUT, USAGE, Cli, Fake
from harness import Daemon, equal, main


def argument_is_the_payload():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe(">", 1)
        client.flush()
        cli.run("pub", "a.b", "a dozen eggs").check(out="", err="")
        client.expect("a.b", b"a dozen eggs", reply="", head=b"")
        cli.run("pub", "a.b", "").check(out="", err="")
        client.expect("a.b", b"")
        cli.run("pub", "a.b", "--", "-5").check()
        client.expect("a.b", b"-5")


def headers_and_reply_are_sent():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("a", 1)
        client.flush()
        cli.run("pub", "a", "x", "-H", "One:  1", "--header=Two: b:c", "-HOne: again", "--reply", "r.s").check()
        client.expect("a", b"x", reply="r.s", head=b"NATS/1.0\r\nOne: 1\r\nTwo: b:c\r\nOne: again\r\n\r\n")
        for bad in ("no colon", "b lank: x", ": x", "Name: a\nb"):
            cli.run("pub", "a", "x", "-H", bad).check(USAGE, out="", err="^posthorn: header ")
        client.nothing()


def standard_input_is_the_payload():
    payload = bytes(range(256)) * 1000 + b"\n"
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("a", 1)
        client.flush()
        cli.run("pub", "a", input=payload).check(out="", err="")
        client.expect("a", payload)
        cli.run("pub", "a", "-", input=b"").check(out="", err="")
        client.expect("a", b"")


def payload_over_the_limit_is_refused():
    with Daemon("line.payload_size_max=1KiB") as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("a", 1)
        client.flush()
        cli.run("pub", "a", input=b"x" * 1025).check(FAILED, out="", err="1024 bytes")
        cli.run("pub", "a", "x" * 1025).check(FAILED, out="", err="^posthorn: cannot publish: ")
        client.nothing()
        cli.run("pub", "a", input=b"x" * 1024).check()
        client.expect("a", b"x" * 1024)


def lines_are_messages():
    lines = [b"first", b"", b" \ttabs and blanks ", b"nul \0 and \xff\xfe", b"cr \r", b"x" * 1048576, b"after it", b"", b"last without newline"]
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("log", 1)
        client.flush()
        cli.run("pub", "--lines", "log", input=b"\n".join(lines)).check(out="", err="")
        equal([message.body for message in client.take(len(lines))], lines)
        cli.run("pub", "--lines", "log", input=b"\n").check()
        client.expect("log", b"")
        cli.run("pub", "--lines", "log", input=b"").check()
        client.nothing()


def long_line_is_named():
    with Daemon("line.payload_size_max=1KiB") as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("log", 1)
        client.flush()
        text = b"one\n" + b"x" * 1024 + b"\n" + b"y" * 1025 + b"\nfour\n"
        cli.run("pub", "--lines", "log", input=text).check(FAILED, out="", err="^posthorn: line 3: ")
        equal([message.body for message in client.take(2)], [b"one", b"x" * 1024])
        client.nothing()
        endless = b"one\n" + b"z" * 5000000
        cli.run("pub", "--lines", "log", input=endless).check(FAILED, out="", err="^posthorn: line 2: ")


def lines_go_out_while_the_input_pauses():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("log", 1)
        client.flush()
        with cli.start("pub", "--lines", "log") as pub:
            for text in (b"one", b"two"):
                pub.write(text + b"\n")
                client.expect("log", text)
            pub.write(b"no newline yet")
            pub.end().check(out="", err="")
            client.expect("log", b"no newline yet")


def count_and_rate_are_kept():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("a", 1)
        client.flush()
        start = time.monotonic()
        cli.run("pub", "a", "x", "--count", 6, "--rate", "20/s").check()
        took_s = time.monotonic() - start
        equal(len(client.take(6)), 6)
        client.nothing()
        if took_s < 0.25:  # five pauses of 50 ms
            raise AssertionError(f"six messages at 20 a second took {took_s:.3f} s")
        cli.run("pub", "a", "x", "--count", 0).check()
        client.nothing()


def zero_means_that_the_server_has_it():
    pings = []

    def deaf(line):
        """Answers the PING of the greeting and no other."""
        pings.extend([line] if line == b"PING\r\n" else [])
        return b"PONG\r\n" if line == b"PING\r\n" and len(pings) == 1 else b""

    with Fake(deaf) as fake, Cli(fake.url) as cli:
        cli.run("pub", "a", "x", "--timeout", "200ms").check(TIMEOUT, out="", err="not confirmed")
    hang_up = lambda line: None if line.startswith(b"PUB") else b"PONG\r\n" if line == b"PING\r\n" else b""
    with Fake(hang_up) as fake, Cli(fake.url) as cli:
        cli.run("pub", "a", "x").check(CONNECT, out="", err="^posthorn: ")


def refusal_of_the_server_is_told():
    words = {b"PUB": b"-ERR 'Permissions Violation for Publish to \"a\"'\r\n", b"PIN": b"PONG\r\n"}
    with Fake(lambda line: words.get(line[:3], b"")) as fake, Cli(fake.url) as cli:
        cli.run("pub", "a", "x").check(REFUSED, out="", err='^posthorn: the server refuses: .*Permissions Violation for Publish to "a"\n$')


def wrong_usage_is_refused():
    with Cli("nats://127.0.0.1:1") as cli:
        cli.run("pub").check(USAGE, out="", err="too few arguments")
        cli.run("pub", "a", "b", "c").check(USAGE, out="", err="'c' is one argument too many")
        cli.run("pub", "a", "b", "--lines").check(USAGE, out="", err="leave PAYLOAD out")
        cli.run("pub", "a", "--lines", "--count", 2).check(USAGE, out="", err="exclude one another")
        cli.run("pub", "a", "--cuont", 2).check(USAGE, out="", err="did you mean --count")
        cli.run("pub", "a", "--count", "many").check(USAGE, out="", err="--count: 'many' is not a whole number")
        cli.run("pub", "a", "--count").check(USAGE, out="", err="--count needs a value")
        cli.run("pub", "a", "--lines=yes").check(USAGE, out="", err="--lines takes no value")


def topics_are_checked():
    with Daemon() as daemon, Cli(daemon) as cli:
        for topic in ("a b", "a..b", ".a", ""):
            cli.run("pub", topic, "x").check(USAGE, out="", err="cannot publish: ")


if __name__ == "__main__":
    main(argument_is_the_payload, headers_and_reply_are_sent, standard_input_is_the_payload, payload_over_the_limit_is_refused,
         lines_are_messages, long_line_is_named, lines_go_out_while_the_input_pauses, count_and_rate_are_kept,
         zero_means_that_the_server_has_it, refusal_of_the_server_is_told, wrong_usage_is_refused, topics_are_checked)
