#!/usr/bin/env python3
"""posthorn stream, and pub --ack: streams are made, shown, changed, emptied and removed, and what they say is told in a sentence."""

import json
import os
import pty
import re
import subprocess

from cli import FAILED, OK, RESPONDERS, USAGE, Cli, Fake
from harness import ORACLE, Daemon, equal, main

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,3}Z"


def _facts(done):
    """What `info` prints, as a dictionary."""
    done.check(err="")
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in done.out.decode().splitlines() if re.match(r"[a-z]", line))


def _rows(done):
    """What `list` prints: the rows behind the heads, each as words."""
    done.check(err="")
    return [line.split() for line in done.out.decode().splitlines()[1:]]


def a_stream_is_made_shown_changed_and_removed():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "list").check(err="", out="NAME  STORAGE  MESSAGES  SIZE  FIRST  LAST  CONSUMERS  TOPICS\n")
        cli.run("stream", "add", "orders", "orders.>", "returns.*").check(err="", out="")
        facts = _facts(cli.run("stream", "info", "orders"))
        equal((facts["name"], facts["topics"], facts["storage"], facts["retention"]), ("orders", "orders.>, returns.*", "file", "limits"))
        equal((facts["age-max"], facts["messages"], facts["duplicate-window"]), ("unlimited", "0", "2m"))
        if not re.fullmatch(MOMENT, facts["created"]):
            raise AssertionError(facts["created"])
        cli.run("pub", "orders.new", "eggs", "--ack").check(err="", out="orders 1\n")
        cli.run("stream", "edit", "orders", "--age-max", "7d", "--description", "all of them").check(err="", out="")
        facts = _facts(cli.run("stream", "info", "orders"))
        equal((facts["age-max"], facts["description"], facts["topics"]), ("7d", "all of them", "orders.>, returns.*"))
        equal((facts["messages"], facts["different topics"]), ("1", "1"))
        if not re.fullmatch(f"1  {MOMENT}", facts["first"]):
            raise AssertionError(facts["first"])
        cli.run("stream", "edit", "orders", "orders.>").check(err="", out="")
        equal(_facts(cli.run("stream", "info", "orders"))["topics"], "orders.>")
        equal([row[:3] for row in _rows(cli.run("stream", "list"))], [["orders", "file", "1"]])
        cli.run("stream", "remove", "orders", "--yes").check(err="", out="")
        equal(_rows(cli.run("stream", "list")), [])


SETTINGS = {
    "storage": "memory", "retention": "workqueue", "consumers-max": "3", "description": "what is to be done", "age-max": "365d",
    "bytes-max": "1GiB", "messages-max": "5000000000", "messages-per-topic-max": "10", "message-size-max": "64KiB", "discard": "new",
    "discard-new-per-topic": "yes", "duplicate-window": "90s", "allow-rollup": "yes", "allow-direct": "yes", "deny-delete": "yes",
    "deny-purge": "no",
}


def every_setting_comes_back():
    settings = dict(SETTINGS) if ORACLE else {**SETTINGS, "sync": "never"}
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        cli.run("stream", "add", "jobs", "jobs.>", *options).check(err="", out="")
        facts = _facts(cli.run("stream", "info", "jobs"))
        equal({name: facts[name] for name in settings}, settings)
        cli.run("stream", "edit", "jobs", "--age-max", "unlimited", "--messages-max", "unlimited").check(err="", out="")
        facts = _facts(cli.run("stream", "info", "jobs"))
        equal({name: facts[name] for name in settings}, {**settings, "age-max": "unlimited", "messages-max": "unlimited"})


def what_makes_no_sense_is_told_before_a_server_is_asked():
    with Cli("nats://127.0.0.1:1") as cli:
        for words, says in (
                (("add", "a.b", "x"), r"'a\.b' is no name of a stream"),
                (("add", "a"), "too few arguments"),
                (("add", "a", "a", "--storage", "tape"), r"--storage: 'tape' is not one of file\|memory"),
                (("add", "a", "a", "--age-max", "soon"), "--age-max: 'soon' is not a time such as 250ms, 5s or 7d, or unlimited"),
                (("add", "a", "a", "--bytes-max", "-5"), "--bytes-max: '-5' is not a size"),
                (("add", "a", "a", "--sync", "0"), "--sync: '0' is not always, never, or a time"),
                (("add", "a", "a", "--discard", "old|new"), "--discard"),
                (("add", "a", "a", "--allow-direct", "maybe"), r"not one of yes\|no"),
                (("edit", "a"), "say what to change"),
                (("get", "a"), "give a SEQUENCE, or --last TOPIC"),
                (("get", "a", "1", "--last", "b"), "give a SEQUENCE, or --last TOPIC"),
                (("get", "a", "0"), "'0' is no SEQUENCE"),
                (("delete-message", "a", "first"), "'first' is no SEQUENCE"),
                (("purge", "a", "--keep", "1", "--below", "2"), "exclude one another")):
            cli.run("stream", *words).check(USAGE, out="", err=says)
        cli.run("pub", "a", "x", "--ack", "--reply", "b").check(USAGE, out="", err="exclude one another")
        cli.run("pub", "a", "x", "--json").check(USAGE, out="", err="--json goes with --ack")


def what_the_server_refuses_is_told_in_a_sentence():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "orders", "orders.>").check()
        cli.run("stream", "add", "orders", "orders.>", "--age-max", "1h").check(
            FAILED, out="", err="^posthorn: cannot add the stream orders: stream name already in use with a different configuration; "
            "posthorn stream edit changes it\n$")
        cli.run("stream", "add", "others", "orders.new").check(FAILED, out="", err="cannot add the stream others: .*overlap.*stream list")
        for words in (("info", "nope"), ("remove", "nope", "--yes"), ("edit", "nope", "x"), ("purge", "nope", "--yes")):
            cli.run("stream", *words).check(FAILED, out="", err="the stream nope: stream not found; posthorn stream list shows")
        cli.run("stream", "get", "orders", "5").check(FAILED, out="", err="no message found")
        cli.run("stream", "delete-message", "orders", "5").check(FAILED, out="", err="cannot delete the message 5 of the stream orders: ")
        done = cli.run("stream", "info", "nope", "--json").check(FAILED, err="stream not found")
        equal(json.loads(done.out)["error"]["code"], 404)


def a_server_without_streams_is_told_apart():
    def answer(line):
        if line.startswith(b"PING"):
            return b"PONG\r\n"
        reply = re.match(rb"PUB \$JS\.API\.\S+ (\S+) 0", line)
        return b"HMSG %s 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n" % reply.group(1) if reply else b""

    with Fake(answer) as fake, Cli(fake.url) as cli:
        cli.run("stream", "info", "a").check(RESPONDERS, out="", err=r"cannot show the stream a: the server has no streams")


def answers_come_as_they_came():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "orders", "orders.>", "--json").check(err="")
        done = cli.run("stream", "info", "orders", "--json").check(err="")
        answer = json.loads(done.out)
        equal((answer["type"], answer["config"]["name"]), ("io.nats.jetstream.api.v1.stream_info_response", "orders"))
        equal(cli.run("stream", "list", "--json").check(err="").json_lines()[0]["streams"][0]["config"]["name"], "orders")
        equal(len(cli.run("stream", "edit", "orders", "--age-max", "1h", "--json").check(err="").json_lines()), 1)
        equal(cli.run("stream", "purge", "orders", "--yes", "--json").check(err="").json_lines()[0]["purged"], 0)


def publishing_tells_where_it_is_kept():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "orders", "orders.>").check()
        head = ("-H", "Nats-Msg-Id: 4711")
        cli.run("pub", "orders.new", "eggs", "--ack", *head).check(err="", out="orders 1\n")
        cli.run("pub", "orders.new", "eggs", "--ack", *head).check(err="", out="orders 1 duplicate\n")
        done = cli.run("pub", "orders.new", "ham", "--ack", "--json").check(err="")
        equal((json.loads(done.out)["stream"], json.loads(done.out)["seq"]), ("orders", 2))
        cli.run("pub", "orders.new", "ham", "--ack", "--count", "3").check(err="", out="orders 3\norders 4\norders 5\n")
        cli.run("pub", "orders.new", "x", "--ack", "-H", "Nats-Expected-Last-Sequence: 1").check(
            FAILED, out="", err="^posthorn: message 1 is refused: wrong last sequence: 5\n$")
        cli.run("pub", "nobodys", "x", "--ack").check(RESPONDERS, out="", err="^posthorn: message 1: no stream keeps its topic")


def many_lines_are_acknowledged_in_order():
    count = 5000
    lines = b"".join(b"line %d\n" % number for number in range(1, count + 1))
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "log", "log").check()
        done = cli.run("pub", "log", "--lines", "--ack", input=lines).check(err="")
        equal(done.out.decode().splitlines(), [f"log {number}" for number in range(1, count + 1)])
        cli.run("stream", "get", "log", count).check(err="", out=f"line {count}\n")


def a_refused_line_ends_it_and_what_was_before_is_kept():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "log", "log", "--message-size-max", "10").check()
        done = cli.run("pub", "log", "--lines", "--ack", input=b"one\ntwo\n" + b"x" * 50 + b"\n").check(FAILED, err="message 3 is refused: ")
        equal(done.out, b"log 1\nlog 2\n")


def single_messages_are_got_and_deleted():
    payload = b"\xff\0 any bytes"
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "orders", "orders.>").check()
        cli.run("pub", "orders.a", "--ack", "-H", "One: 1", input=payload).check(out="orders 1\n")
        cli.run("pub", "orders.b", "second", "--ack").check(out="orders 2\n")
        cli.run("stream", "get", "orders", 1, "--format", "%p").check(err="", out=payload)
        cli.run("stream", "get", "orders", 2).check(err="", out="second\n")
        cli.run("stream", "get", "orders", "--last", "orders.a", "-f", "%q|%t|%h|%s|%r%n").check(err="", out="1|orders.a|One: 1|12|\n")
        message = cli.run("stream", "get", "orders", "--last", "orders.*", "--json").check(err="").json_lines()[0]
        equal((message["stream"], message["sequence"], message["topic"], message["data"]), ("orders", 2, "orders.b", "second"))
        cli.run("stream", "delete-message", "orders", 1).check(err="", out="")
        cli.run("stream", "get", "orders", 1).check(FAILED, out="", err="no message found")
        equal(_facts(cli.run("stream", "info", "orders"))["messages"], "1")


def messages_are_purged():
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "orders", "orders.>").check()
        for topic in ("a", "b", "a", "b", "a", "b"):
            cli.run("pub", f"orders.{topic}", "x", "--ack").check()
        equal(cli.run("stream", "info", "orders", "--topics", ">").out.splitlines()[-2:], [b"3  orders.a", b"3  orders.b"])
        cli.run("stream", "purge", "orders", "--topic", "orders.a", "--keep", "1", "--yes").check(err="", out="2 messages purged\n")
        cli.run("stream", "purge", "orders", "--below", "5", "--yes").check(err="", out="2 messages purged\n")
        cli.run("stream", "purge", "orders", "--yes").check(err="", out="2 messages purged\n")
        facts = _facts(cli.run("stream", "info", "orders"))
        equal((facts["messages"], facts["last"].split()[0]), ("0", "6"))


def nothing_is_removed_unasked():
    """Without a terminal --yes is needed; at a terminal the person is asked."""
    with Daemon(data=True) as daemon, Cli(daemon) as cli:
        cli.run("stream", "add", "orders", "orders.>").check()
        cli.run("stream", "remove", "orders").check(USAGE, out="", err="remove the stream orders with all its messages.* --yes says so")
        cli.run("stream", "purge", "orders").check(USAGE, out="", err="purge the stream orders of all its messages.* --yes says so")
        for typed, code, says in ((b"n\n", FAILED, "left as it is"), (b"\n", FAILED, "left as it is"), (b"yes\n", OK, r"\[y/N\]")):
            ours, theirs = pty.openpty()
            process = subprocess.Popen([cli.program, "stream", "remove", "orders"], env=cli.env, stdin=theirs, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            os.write(ours, typed)
            err = process.communicate()[1].decode()
            os.close(theirs)
            os.close(ours)
            equal(process.returncode, code, f"exit code after {typed!r}")
            if not re.search(says, err) or "remove the stream orders" not in err:
                raise AssertionError(err)
        equal(_rows(cli.run("stream", "list")), [])


def streams_are_listed_by_topic_and_page_by_page():
    count = 300
    with Daemon(data=True) as daemon, Cli(daemon) as cli, daemon.client() as client:
        client.subscribe("inbox.*", "1")
        for number in range(count):
            config = {"name": f"s{number:03}", "subjects": [f"s.{number}.>"], "storage": "memory", "retention": "limits", "num_replicas": 1}
            client.publish(f"$JS.API.STREAM.CREATE.s{number:03}", json.dumps(config).encode(), f"inbox.{number}")
        client.take(count)
        names = [f"s{number:03}" for number in range(count)]
        equal(sorted(cli.run("stream", "list", "--names").check(err="").out.decode().split()), names)
        equal(sorted(row[0] for row in _rows(cli.run("stream", "list"))), names)
        equal([row[0] for row in _rows(cli.run("stream", "list", "--topic", "s.17.a"))], ["s017"])
        equal(cli.run("stream", "list", "--names", "--topic", "s.17.a").check(err="").out, b"s017\n")


if __name__ == "__main__":
    main(a_stream_is_made_shown_changed_and_removed, every_setting_comes_back, what_makes_no_sense_is_told_before_a_server_is_asked,
         what_the_server_refuses_is_told_in_a_sentence, a_server_without_streams_is_told_apart, answers_come_as_they_came,
         publishing_tells_where_it_is_kept, many_lines_are_acknowledged_in_order, a_refused_line_ends_it_and_what_was_before_is_kept,
         single_messages_are_got_and_deleted, messages_are_purged, nothing_is_removed_unasked,
         streams_are_listed_by_topic_and_page_by_page)
