#!/usr/bin/env python3
"""posthorn consumer, and sub --durable: consumers are made, shown, changed and removed; what they deliver is printed, and
acknowledged when it is printed."""

import json
import re
import tempfile

from cli import FAILED, TIMEOUT, USAGE, Cli
from cli_stream import MOMENT, _facts, _rows
from harness import ORACLE, Daemon, Skip, equal, main, until


def _stream(cli, count=0, name="orders", *options):
    """A stream that keeps NAME.>, with so many messages."""
    cli.run("stream", "add", name, f"{name}.>", *options).check()
    if count:
        lines = b"".join(b"%d\n" % number for number in range(1, count + 1))
        cli.run("pub", f"{name}.x", "--lines", "--ack", input=lines).check()


def _floor(cli, stream, consumer):
    return int(_facts(cli.run("consumer", "info", stream, consumer))["acknowledged up to"].split()[0])


def a_consumer_is_made_shown_changed_and_removed():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 3)
        cli.run("consumer", "add", "orders", "billing", "--filter", "orders.x").check(err="", out="")
        facts = _facts(cli.run("consumer", "info", "orders", "billing"))
        equal((facts["stream"], facts["name"], facts["filter"], facts["since"], facts["ack"]),
              ("orders", "billing", "orders.x", "all", "explicit"))
        equal((facts["ack-wait"], facts["pending-max"], facts["to be delivered"], facts["delivered"]), ("30s", "1000", "3", "0  (delivery 0)"))
        if not re.fullmatch(MOMENT, facts["created"]):
            raise AssertionError(facts["created"])
        cli.run("consumer", "edit", "orders", "billing", "--ack-wait", "1m", "--pending-max", "7").check(err="", out="")
        facts = _facts(cli.run("consumer", "info", "orders", "billing"))
        equal((facts["ack-wait"], facts["pending-max"], facts["filter"]), ("1m", "7", "orders.x"))
        equal(_rows(cli.run("consumer", "list", "orders")), [["billing", "pull", "explicit", "0", "0", "0", "3", "orders.x"]])
        equal(cli.run("consumer", "list", "orders", "--names").check(err="").out, b"billing\n")
        cli.run("consumer", "remove", "orders", "billing", "--yes").check(err="", out="")
        equal(_rows(cli.run("consumer", "list", "orders")), [])


def without_a_name_the_server_gives_one():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 1)
        name = cli.run("consumer", "add", "orders").check(err="").out.decode().strip()
        equal(_facts(cli.run("consumer", "info", "orders", name))["name"], name)


def every_setting_comes_back():
    pull = {"ack": "all", "replay": "original", "waiting-max": "10", "description": "on foot", "backoff": "1s, 5s", "deliveries-max": "5",
            "pending-max": "unlimited", "headers-only": "yes", "inactive-threshold": "1d"}
    push = {"group": "g", "heartbeat": "5s", "target": "work.here", "ack-wait": "2m", "description": "by cart"}
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli)
        for name, settings in (("pull", pull), ("push", push)):
            options = [word for option, value in settings.items() for word in (f"--{option}", value)]
            cli.run("consumer", "add", "orders", name, *options).check(err="", out="")
            facts = _facts(cli.run("consumer", "info", "orders", name))
            equal({option: facts[option] for option in settings}, settings, name)


def where_it_begins_is_said_in_many_ways():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 5)
        moment = json.loads(cli.run("stream", "get", "orders", 3, "--json").out)["time"]
        for number, (since, first, shown) in enumerate((
                ("all", "1", "all"), ("last", "5", "last"), ("last-per-topic", "5", "last-per-topic"), ("4", "4", "4"),
                ("1h", "1", MOMENT), (moment, "[1-3]", MOMENT), ("2020-01-31T23:59:59Z", "1", r"2020-01-31T23:59:59(\.0+)?Z"))):
            cli.run("consumer", "add", "orders", f"c{number}", "--since", since, "--filter", "orders.*").check(err="")
            if not re.fullmatch(shown, _facts(cli.run("consumer", "info", "orders", f"c{number}"))["since"]):
                raise AssertionError(f"--since {since}: {cli.run('consumer', 'info', 'orders', f'c{number}').out}")
            out = cli.run("consumer", "next", "orders", f"c{number}", "-f", "%q").check(err="").out.decode()
            if not re.fullmatch(first, out):
                raise AssertionError(f"--since {since} begins with {out}, wanted {first}")
        cli.run("consumer", "add", "orders", "new", "--since", "new").check(err="")
        cli.run("consumer", "next", "orders", "new", "--timeout", "100ms").check(TIMEOUT, out="", err="no message in time")


def mistakes_are_told_in_a_sentence():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli)
        for words, says in (
                (("add", "orders", "a.b"), r"'a\.b' is no name of a consumer"),
                (("add", "orders", "a", "--since", "yesterday"), "--since: 'yesterday' is none of"),
                (("add", "orders", "a", "--ack", "maybe"), "--ack: 'maybe' is not one of"),
                (("add", "orders", "a", "--backoff", "1s,later"), "--backoff: '1s,later' is not a list of times"),
                (("edit", "orders", "a"), "say what to change"),
                (("next", "orders", "a", "--answer", "perhaps"), "--answer: 'perhaps' is not one of"),
                (("next", "orders", "a", "--count", "0"), "--count: at least 1")):
            cli.run("consumer", *words).check(USAGE, out="", err=says)
        cli.run("consumer", "info", "orders", "a").check(
            FAILED, out="", err="cannot show the consumer a of the stream orders: consumer not found; posthorn consumer list STREAM")
        cli.run("consumer", "add", "nope", "a").check(FAILED, out="", err="stream not found; posthorn stream list")
        cli.run("consumer", "list", "nope").check(FAILED, out="", err="cannot list the consumers of the stream nope: stream not found")
        cli.run("consumer", "remove", "orders", "a").check(USAGE, out="", err="remove the consumer a of the stream orders.*--yes")


def next_takes_prints_and_answers():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 6)
        cli.run("consumer", "add", "orders", "workers", "--ack-wait", "30s").check()
        cli.run("consumer", "next", "orders", "workers").check(err="", out="1\n")
        equal(_floor(cli, "orders", "workers"), 1)
        cli.run("consumer", "next", "orders", "workers", "--answer", "nak", "-f", "%q").check(err="", out="2")
        message = cli.run("consumer", "next", "orders", "workers", "--json", "--answer", "none").check(err="").json_lines()[0]
        equal((message["sequence"], message["delivered"], message["stream"], message["data"]), (2, 2, "orders", "2"))
        cli.run("consumer", "next", "orders", "workers", "--answer", "term").check(err="", out="3\n")
        cli.run("consumer", "next", "orders", "workers", "--count", "2").check(err="", out="4\n5\n")
        done = cli.run("consumer", "next", "orders", "workers", "--count", "5", "--timeout", "200ms")
        done.check(TIMEOUT, out="6\n", err="1 of 5 messages came in time")
        cli.run("consumer", "next", "orders", "workers", "--timeout", "0").check(TIMEOUT, out="", err="no message in time")
        until(lambda: _facts(cli.run("consumer", "info", "orders", "workers"))["unacknowledged"] == "1", "the third is a dead letter")
        cli.run("consumer", "next", "orders", "nobody").check(FAILED, out="", err="cannot take from the consumer nobody .*not found")
        cli.run("consumer", "add", "orders", "pushed", "--target", "a.b").check()
        cli.run("consumer", "next", "orders", "pushed").check(FAILED, out="", err=r"pushes to a\.b; subscribe to that topic")


def sub_reads_the_stream_and_goes_on_where_it_was():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 10)
        durable = ("sub", "--durable", "billing", "--ack", "orders.>")
        cli.run(*durable, "--count", 4, "-f", "%q ").check(err="", out="1 2 3 4 ")
        equal(_floor(cli, "orders", "billing"), 4)
        cli.run(*durable, "--timeout", "300ms", "--raw").check(TIMEOUT, out="5\n6\n7\n8\n9\n10\n", err="no message in time")
        equal(_floor(cli, "orders", "billing"), 10)
        with cli.start(*durable, "--raw") as sub:
            cli.run("pub", "orders.y", "more", "--ack").check()
            sub.wait_out("more\n").interrupt()
            equal(sub.end().code, -2)
        equal(_floor(cli, "orders", "billing"), 11)


def sub_takes_a_thousand_in_order():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 1000)
        done = cli.run("sub", "--durable", "all", "--ack", "--stream", "orders", ">", "--count", 1000, "--raw").check(err="")
        equal(done.out.split(), [b"%d" % number for number in range(1, 1001)])
        equal(_facts(cli.run("consumer", "info", "orders", "all"))["filter"], ">")


def two_of_one_name_share():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli)
        durable = ("sub", "--durable", "workers", "--ack", "orders.>", "--raw", "-v")
        with cli.start(*durable) as one, cli.start(*durable) as two:
            one.wait_err("reading the stream orders")
            two.wait_err("reading the stream orders")
            cli.run("pub", "orders.x", "--lines", "--ack", input=b"".join(b"%d\n" % number for number in range(40))).check()
            until(lambda: _floor(cli, "orders", "workers") == 40, "all are acknowledged")
            outs = [sub.interrupt().end().out.split() for sub in (one, two)]
        equal(sorted(int(line) for out in outs for line in out), list(range(40)))


def without_ack_what_was_sent_is_done():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 5)
        cli.run("sub", "--durable", "log", "orders.x", "--count", 2, "--raw").check(err="", out="1\n2\n")
        facts = _facts(cli.run("consumer", "info", "orders", "log"))
        equal((facts["ack"], facts["filter"]), ("none", "orders.x"))
        out = cli.run("sub", "--durable", "log", "orders.x", "--timeout", "300ms", "--raw").check(TIMEOUT).out
        equal(out.split(), [b"3", b"4", b"5"])


def what_does_not_fit_is_told():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 1)
        _stream(cli, 0, "returns")
        cli.run("consumer", "add", "orders", "acked", "--filter", "orders.x").check()
        cli.run("consumer", "add", "orders", "pushed", "--target", "a.b").check()
        for words, code, says in (
                (("--ack", "a"), USAGE, "--stream and --ack go with --durable NAME"),
                (("--durable", "a.b", "x"), USAGE, "no name of a consumer"),
                (("--durable", "a", "--group", "g", "x"), USAGE, "exclude one another"),
                (("--durable", "a", "nobodys.>"), FAILED, r"no stream keeps 'nobodys\.>'; posthorn stream add makes one"),
                (("--durable", "a", "orders.x", "returns.x"), FAILED, "the streams orders and returns keep these"),
                (("--durable", "acked", "orders.x"), FAILED, "wants its messages acknowledged: --ack"),
                (("--durable", "acked", "--ack", "orders.>"), FAILED, "is there already, and delivers other topics"),
                (("--durable", "pushed", "--ack", "--stream", "orders", ">"), FAILED, r"pushes to a\.b; subscribe to that topic")):
            cli.run("sub", *words).check(code, out="", err=says)


def a_consumer_that_is_removed_ends_its_reader():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        _stream(cli, 1)
        with cli.start("sub", "--durable", "a", "--ack", "orders.>", "--raw") as sub:
            sub.wait_out("1\n")
            cli.run("consumer", "remove", "orders", "a", "--yes").check()
            sub.end().check(FAILED, err="the consumer a of the stream orders delivers no more: Consumer Deleted")


def a_restart_is_survived():
    """The reader connects again and goes on: everything is printed once, and in the end everything is acknowledged."""
    if ORACLE:
        raise Skip("nats-server is started on a free port here")
    with tempfile.TemporaryDirectory() as data:
        with Daemon(data=data) as daemon:
            address = daemon.line[0]
            cli = Cli(daemon)
            _stream(cli, 3)
            sub = cli.start("sub", "--durable", "a", "--ack", "orders.>", "--raw")
            sub.wait_out("3\n")
            until(lambda: _floor(cli, "orders", "a") == 3, "all are acknowledged")
        sub.wait_err("connection lost")
        with Daemon(listen=address, data=data) as daemon, cli, sub:
            sub.wait_err("connected again")
            cli.run("pub", "orders.x", "4", "--ack").check(out="orders 4\n")
            sub.wait_out("4\n")
            until(lambda: _floor(cli, "orders", "a") == 4, "all are acknowledged")
            equal(sub.interrupt().end().out, b"1\n2\n3\n4\n")


if __name__ == "__main__":
    main(a_consumer_is_made_shown_changed_and_removed, without_a_name_the_server_gives_one, every_setting_comes_back,
         where_it_begins_is_said_in_many_ways, mistakes_are_told_in_a_sentence, next_takes_prints_and_answers,
         sub_reads_the_stream_and_goes_on_where_it_was, sub_takes_a_thousand_in_order, two_of_one_name_share,
         without_ack_what_was_sent_is_done, what_does_not_fit_is_told, a_consumer_that_is_removed_ends_its_reader, a_restart_is_survived)
