#!/usr/bin/env python3
"""posthorn webhook: webhooks are made, shown, changed and removed, what they sent is told, and sent again."""

import json
import re

from cli import CONNECT, FAILED, OK, USAGE, Cli
from harness import DEADLINE_S, Daemon, equal, main, until
from receiver import SECRET, Receiver

INI = "[webhooks]\nallow_networks = 127.0.0.1\n[stream S]\ntopics = t.>\n"


def _facts(done):
    """What `info` prints, as a dictionary; secrets as a list."""
    pairs = [re.split(r" {2,}", line, maxsplit=1) for line in done.check().out.decode().splitlines()]
    return {**dict(pairs), "secret": [value for name, value in pairs if name == "secret"]}


def _rows(done):
    return [line.split() for line in done.check().out.decode().splitlines()[1:]]


def one_is_made_shown_changed_and_removed():
    with Daemon(config=INI, data=True) as daemon, Cli(daemon) as cli, Receiver() as receiver:
        cli.run("webhook", "list").check(err="", out="NAME  STATE  DELIVERED  FAILED  DEAD  WAITING  PATTERN  URL\n")
        made = cli.run("webhook", "add", "w", receiver.url, "t.>").check(err="").out.decode().strip()
        if not re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made):
            raise AssertionError(made)
        facts = _facts(cli.run("webhook", "info", "w"))
        equal((facts["url"], facts["pattern"], facts["state"], facts["durable"], facts["secret"]), (receiver.url, "t.>", "active", "yes", []))
        equal(_facts(cli.run("webhook", "info", "w", "--secret"))["secret"], [made])
        cli.run("webhook", "change", "w", "--pattern", "t.a", "--mode", "ordered").check(err="")
        facts = _facts(cli.run("webhook", "info", "w"))
        equal((facts["pattern"], facts["mode"]), ("t.a", "ordered"))
        equal(cli.run("webhook", "list", "--names").check(err="").out, b"w\n")
        cli.run("webhook", "disable", "w").check(err="", out="")
        equal([row[:2] for row in _rows(cli.run("webhook", "list"))], [["w", "disabled"]])
        cli.run("webhook", "enable", "w").check(err="", out="")
        cli.run("webhook", "remove", "w").check(USAGE, out="", err="--yes")
        cli.run("webhook", "remove", "w", "--yes").check(err="", out="")
        equal(_rows(cli.run("webhook", "list")), [])


SETTINGS = {
    "start": "all", "description": "a word", "mode": "keyed", "key": "header:K", "body": "envelope", "concurrency": "3", "rate": "100",
    "attempt-timeout": "7s", "retries": "1s, 5m", "retry-after-max": "2m", "client-errors": "dead", "disable-after": "never",
    "metadata": '{"a":1}',
}


def every_setting_comes_back():
    with Daemon(config=INI, data=True) as daemon, Cli(daemon) as cli:
        options = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
        cli.run("webhook", "add", "w", "http://127.0.0.1:9/", "t.>", *options, "--secret", SECRET, "--filter", "X=1", "--header", "X-Y=a=b",
                "--disabled").check(err="", out="")
        facts = _facts(cli.run("webhook", "info", "w", "--secret"))
        equal({name: facts[name] for name in SETTINGS}, SETTINGS)
        equal((facts["filter"], facts["header"], facts["secret"], facts["state"]), ("X=1", "X-Y=a=b", [SECRET], "disabled"))
        cli.run("webhook", "change", "w", "--rate", "unlimited", "--retries", "none", "--metadata", "none").check(err="", out="")
        facts = _facts(cli.run("webhook", "info", "w"))
        equal((facts["rate"], facts["retries"], facts["metadata"], facts["mode"]), ("unlimited", "none", "none", "keyed"))


def an_example_is_sent_and_what_came_of_it_is_told():
    with Daemon(config=INI, data=True) as daemon, Cli(daemon) as cli, Receiver() as receiver:
        cli.run("webhook", "add", "w", receiver.url, "t.>", "--secret", SECRET).check(err="", out="")
        facts = _facts(cli.run("webhook", "test", "w", "a payload", "--topic", "t.example"))
        equal((facts["result"], facts["status"], facts["answer"]), ("delivered", "200", "so so"))
        request = receiver.wait(1)
        equal((request.body, request.headers["Posthorn-Topic"]), (b"a payload", "t.example"))
        equal(request.headers["webhook-signature"], request.signature(SECRET))
        receiver.answer = lambda number: 500
        equal(_facts_of_failure(cli.run("webhook", "test", "w"))["status"], "500")
        equal(cli.run("webhook", "test", "w", "--json").check(FAILED, err="").json_lines()[0]["status"], 500)


def _facts_of_failure(done):
    done.check(FAILED, err="")
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in done.out.decode().splitlines())


def attempts_are_printed_and_followed():
    with Daemon(config=INI, data=True) as daemon, Cli(daemon) as cli, Receiver() as receiver:
        cli.run("webhook", "add", "w", receiver.url, "t.>", "--secret", SECRET, "--retries", "1h").check(err="", out="")
        follower = cli.start("webhook", "log", "w", "--follow", "--interval", "20ms", "--json")
        cli.run("pub", "t.a", "one").check()
        follower.wait_out('"status":200')
        receiver.answer = lambda number: 503
        cli.run("pub", "t.a", "two").check()
        follower.wait_out('"status":503')
        follower.interrupt()
        lines = [json.loads(line) for line in follower.end().out.splitlines()]
        equal([(line["status"], line["attempt"], line["result"]) for line in lines], [(200, 1, "delivered"), (503, 1, "slow_down")])
        text = cli.run("webhook", "log", "w").check(err="").out.decode().splitlines()
        equal(len(text), 2)
        if not re.fullmatch(r"\S+Z  delivered  200 +\S+  \S+  #1  so so", text[0]) or " next " not in text[1]:
            raise AssertionError(text)
        equal(len(cli.run("webhook", "log", "w", "-n", "1").check(err="").out.splitlines()), 1)


def messages_are_sent_once_more():
    with Daemon(config=INI, data=True) as daemon, Cli(daemon) as cli, Receiver() as receiver:
        cli.run("webhook", "add", "w", receiver.url, "t.>", "--secret", SECRET).check(err="", out="")
        cli.run("pub", "t.a", "one").check()
        name = receiver.wait(1).headers["webhook-id"]
        cli.run("webhook", "resend", "w", name).check(err="", out="")
        equal(receiver.wait(2).headers["webhook-id"], name)
        cli.run("webhook", "resend", "w", "nonsense").check(FAILED, err="cannot resend a message of the webhook w: id is")
        cli.run("webhook", "recover", "w", "1h").check(err="", out="")
        equal(receiver.wait(3).body, b"one")
        cli.run("webhook", "recover", "w", "soon").check(FAILED, err="cannot recover the webhook w: start is")


def dead_letters_are_shown_and_replayed():
    with Daemon(config=INI, data=True) as daemon, Cli(daemon) as cli, Receiver() as receiver:
        cli.run("webhook", "add", "w", receiver.url, "t.>", "--secret", SECRET, "--retries", "none").check(err="", out="")
        receiver.answer = lambda number: 500
        cli.run("pub", "t.a", "one").check()
        cli.run("pub", "t.b", "two").check()
        until(lambda: len(_rows(cli.run("webhook", "dead", "w"))) == 2, "two dead letters", DEADLINE_S)
        newest = _rows(cli.run("webhook", "dead", "w"))[0]
        receiver.answer = lambda number: 200
        equal(cli.run("webhook", "replay", "w", newest[1]).check(err="").out, b"1 sent once more\n")
        equal(receiver.wait(3).headers["webhook-id"], newest[1])
        equal(cli.run("webhook", "replay", "w", "--since", "1h").check(err="").out, b"1 sent once more\n")
        receiver.wait(4)
        until(lambda: _rows(cli.run("webhook", "dead", "w")) == [], "no dead letters", DEADLINE_S)


def a_secret_is_rotated():
    with Daemon(config=INI, data=True) as daemon, Cli(daemon) as cli, Receiver() as receiver:
        cli.run("webhook", "add", "w", receiver.url, "t.>", "--secret", SECRET).check(err="", out="")
        new = cli.run("webhook", "rotate", "w", "--overlap", "1h").check(err="").out.decode().strip()
        secrets = _facts(cli.run("webhook", "info", "w", "--secret"))["secret"]
        equal((secrets[0], secrets[1].split("  until ")[0]), (new, SECRET))
        cli.run("pub", "t.a", "one").check()
        request = receiver.wait(1)
        equal(request.headers["webhook-signature"].split(), [request.signature(secret) for secret in (new, SECRET)])


def what_cannot_be_is_told_in_a_sentence():
    with Daemon(config=INI + "[webhook own]\nurl = http://127.0.0.1:9/\npattern = t.>\n", data=True) as daemon, Cli(daemon) as cli:
        cli.run("webhook", "info", "w").check(FAILED, out="", err="cannot show the webhook w: there is no webhook of that name; posthorn webhook list")
        cli.run("webhook", "add", "w", "ftp://x/", "t.>").check(FAILED, err="cannot add the webhook w: url begins with")
        cli.run("webhook", "remove", "own", "--yes").check(FAILED, err="the configuration owns this webhook")
        cli.run("webhook", "add", "v", "http://127.0.0.1:9/", "u.>", "--secret", SECRET).check(OK, out="", err="no stream in files keeps all of u")
    with Cli("nats://127.0.0.1:1") as cli:
        for words, says in (
                (("add", "a.b", "http://x/", "t"), r"'a\.b' is no name of a webhook"),
                (("add", "a"), "too few arguments"),
                (("add", "a", "http://x/", "t", "--mode", "odd"), r"--mode: 'odd' is not one of parallel\|keyed\|ordered"),
                (("add", "a", "http://x/", "t", "--attempt-timeout", "soon"), "--attempt-timeout: 'soon' is not a time"),
                (("add", "a", "http://x/", "t", "--retries", "1s,x"), "--retries: '1s,x' is not a list of times"),
                (("add", "a", "http://x/", "t", "--metadata", "[]"), r"--metadata: '\[\]' is not a JSON object, or none"),
                (("add", "a", "http://x/", "t", "--header", "X"), "--header: 'X' is not NAME=VALUE"),
                (("change", "a"), "say what to change")):
            cli.run("webhook", *words).check(USAGE, out="", err=says)
        cli.run("webhook", "list").check(CONNECT, out="", err="cannot connect")


if __name__ == "__main__":
    main(one_is_made_shown_changed_and_removed, every_setting_comes_back, an_example_is_sent_and_what_came_of_it_is_told,
         attempts_are_printed_and_followed, messages_are_sent_once_more, dead_letters_are_shown_and_replayed, a_secret_is_rotated,
         what_cannot_be_is_told_in_a_sentence)
