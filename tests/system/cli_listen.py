#!/usr/bin/env python3
"""posthorn listen: messages are sent to a receiver of the developer's, signed and made as the daemon's webhooks are, and each
exchange is told."""

import json
import os
import pty
import re
import subprocess
import threading

from cli import CONNECT, FAILED, OK, USAGE, Cli, url_of
from harness import DEADLINE_S, Daemon, equal, main, until
from receiver import SECRET, Receiver

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def _listen(cli, receiver, *words, secret=SECRET):
    options = ("--secret", secret) if secret else ()
    return cli.start("listen", "--forward", receiver.url, *options, *words).wait_err("posthorn: forwarding to ")


def messages_arrive_signed_in_order_and_each_is_told():
    with Daemon() as daemon, Cli(daemon) as cli, Receiver() as receiver:
        listener = _listen(cli, receiver, "--count", "50", "a.>")
        cli.run("pub", "a.b", "--lines", input=b"".join(b"%d\n" % i for i in range(50))).check()
        done = listener.end().check(OK)
        equal([request.body for request in receiver.requests], [b"%d" % i for i in range(50)])
        equal(len({request.headers["webhook-id"] for request in receiver.requests}), 50)
        equal({request.headers["Posthorn-Topic"] for request in receiver.requests}, {"a.b"})
        lines = done.out.decode().splitlines()
        equal(len(lines), 50)
        if not re.fullmatch(MOMENT + r"  200  +\S+ \S+  a\.b  1 B  so so", lines[0]):
            raise AssertionError(lines[0])


def an_exchange_can_be_json():
    with Daemon() as daemon, Cli(daemon) as cli, Receiver(lambda number: 200 if number == 1 else 404) as receiver:
        listener = _listen(cli, receiver, "--json", "--count", "2", "a.*")
        cli.run("pub", "a.b", 'x"y').check()
        cli.run("pub", "a.c", "").check()
        first, second = listener.end().check(FAILED).json_lines()
        equal((first["topic"], first["size"], first["attempt"], first["result"], first["status"], first["answer"]),
              ("a.b", 3, 1, "delivered", 200, "so so"))
        equal((second["topic"], second["result"], second["status"]), ("a.c", "failed", 404))
        equal(first["id"], receiver.requests[0].headers["webhook-id"])


def a_secret_is_made_where_none_is_given():
    with Daemon() as daemon, Cli(daemon) as cli, Receiver(secret=None) as receiver:
        listener = _listen(cli, receiver, "--count", "1", "a", secret=None)
        cli.run("pub", "a", "one").check()
        secret = re.search(r"signed by (whsec_\S+)", listener.end().check(OK).err)[1]
        equal(receiver.requests[0].headers["webhook-signature"], receiver.requests[0].signature(secret))


def bodies_are_made_as_the_daemon_makes_them():
    """The daemon sends the same messages by webhooks of its own: header for header but for ids and signatures, and byte for byte."""
    own = ("webhook-id", "webhook-timestamp", "webhook-signature", "host", "ce-id", "ce-time", "ce-source")
    with Receiver(secret=None) as theirs, Receiver(secret=None) as ours:
        for kind in ("payload", "envelope", "cloudevents", "cloudevents-structured"):
            ini = f"[webhooks]\nallow_networks = 127.0.0.1\n[webhook w]\nurl = {theirs.url}\npattern = a.>\nbody = {kind}\n"
            with Daemon(config=ini) as daemon, Cli(daemon) as cli:
                listener = _listen(cli, ours, "--body", kind, "--count", "1", "a.>", secret=None)
                before = len(theirs.requests)
                cli.run("pub", "a.b", '{"c": 1}', "--header", "Content-Type: application/json", "--header", "Shop: 7").check()
                listener.end().check(OK)
                until(lambda: len(theirs.requests) > before, "the daemon's request", DEADLINE_S)
            pair = theirs.requests[-1], ours.requests[-1]
            heads = [{name.lower(): value for name, value in request.headers.items() if name.lower() not in own} for request in pair]
            for head in heads:
                head.pop("content-length")
            equal(heads[1], heads[0], kind)
            bodies = [_comparable(request.body) for request in pair]
            equal(bodies[1], bodies[0], kind)


def _comparable(body):
    """Without what tells one stream, and one moment, from another."""
    value = json.loads(body)
    for name in ("id", "time", "cursor", "seq", "sequence"):
        value.pop(name, None)
    return value


def what_fails_is_tried_again_where_that_is_asked_for():
    with Daemon() as daemon, Cli(daemon) as cli, Receiver(lambda number: 500 if number == 1 else 204) as receiver:
        listener = _listen(cli, receiver, "--retries", "2", "--json", "--count", "1", "a")
        cli.run("pub", "a", "one").check()
        lines = listener.end().check(OK).json_lines()
        equal([(line["attempt"], line["status"]) for line in lines], [(1, 500), (2, 204)])
        equal(len({request.headers["webhook-id"] for request in receiver.requests}), 1)


def a_receiver_that_is_away_is_told_and_ends_with_1():
    with Daemon() as daemon, Cli(daemon) as cli:
        listener = cli.start("listen", "--forward", "127.0.0.1:1/hook", "--secret", SECRET, "--count", "1", "a")
        listener.wait_err("forwarding to http://127.0.0.1:1/hook")
        cli.run("pub", "a", "one").check()
        done = listener.end().check(FAILED)
        if not re.fullmatch(MOMENT + r"  ---  +\S+ \S+  a  3 B  cannot connect\n", done.out.decode()):
            raise AssertionError(done.out)


def several_go_at_once_where_that_is_asked_for():
    gate = threading.Barrier(4)

    def answer(_):
        gate.wait(DEADLINE_S)
        return 200

    with Daemon() as daemon, Cli(daemon) as cli, Receiver(answer) as receiver:
        listener = _listen(cli, receiver, "--concurrency", "4", "--count", "8", "a")
        cli.run("pub", "a", "--lines", input=b"x\n" * 8).check()
        listener.end().check(OK)
        equal(receiver.most, 4)


def https_is_verified_by_the_authority_that_is_named():
    with Daemon() as daemon, Cli(daemon) as cli:
        path = os.path.join(cli.home, "both.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path,
                        "-out", path + ".crt", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        with open(path, "a", encoding="ascii") as both, open(path + ".crt", encoding="ascii") as certificate:
            both.write(certificate.read())
        with Receiver(certificate=path) as receiver:
            listener = _listen(cli, receiver, "--ca", path + ".crt", "--count", "1", "a")
            cli.run("pub", "a", "one").check()
            listener.end().check(OK)
            listener = _listen(cli, receiver, "--count", "1", "a")
            cli.run("pub", "a", "two").check()
            done = listener.end().check(FAILED)
            if b"the certificate is by nobody but its owner" not in done.out:
                raise AssertionError(done.out)
            equal(len(receiver.requests), 1)


def it_goes_on_until_it_is_interrupted_and_when_the_server_was_away():
    with Cli() as cli, Receiver() as receiver:
        with Daemon() as daemon:
            address = daemon.line[0]
            cli.env["POSTHORN_URL"] = url_of(daemon)
            listener = _listen(cli, receiver, "--json", "a")
            cli.run("pub", "a", "one").check()
            listener.wait_out('"status":200')
        listener.wait_err("connection lost")
        with Daemon(listen=f"{address[0]}:{address[1]}" if isinstance(address, tuple) else address):
            listener.wait_err("connected again")
            cli.run("pub", "a", "two").check()
            listener.wait_out('"status":200.*"status":200')
            done = listener.interrupt().end()
        equal((done.code, [request.body for request in receiver.requests]), (-2, [b"one", b"two"]))


def colours_are_for_a_terminal():
    with Daemon() as daemon, Cli(daemon) as cli, Receiver() as receiver:
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            master, slave = pty.openpty()
            words = [cli.program, "listen", "--forward", receiver.url, "--secret", SECRET, "--count", "1", "a"]
            with subprocess.Popen(words, env={**cli.env, **env}, stdin=slave, stdout=slave, stderr=subprocess.PIPE) as process:
                os.close(slave)
                process.stderr.readline()
                cli.run("pub", "a", "one\x1b[1m").check()
                shown = os.read(master, 4096)
                equal(process.wait(DEADLINE_S), 0)
            os.close(master)
            equal(b"\x1b[32m200\x1b[0m" in shown, coloured, shown)


def what_makes_no_sense_is_told():
    with Cli("nats://127.0.0.1:1") as cli:
        for words, says in (
                (("a",), "say where to: --forward"),
                (("--forward", "x:1"), "too few arguments"),
                (("--forward", "ftp://x/", "a"), "does not begin with http"),
                (("--forward", "x:1", "--body", "odd", "a"), "--body: 'odd' is not one of payload, envelope"),
                (("--forward", "x:1", "--secret", "odd", "a"), "--secret: it is whsec_"),
                (("--forward", "x:1", "--concurrency", "0", "a"), "--concurrency: from 1 to 256"),
                (("--forward", "x:1", "--ca", "/nowhere", "a"), "--ca: cannot read /nowhere")):
            cli.run("listen", *words).check(USAGE, out="", err=says)
        cli.run("listen", "--forward", "x:1", "--secret", SECRET, "a").check(CONNECT, out="", err="cannot connect")


if __name__ == "__main__":
    main(messages_arrive_signed_in_order_and_each_is_told, an_exchange_can_be_json, a_secret_is_made_where_none_is_given,
         bodies_are_made_as_the_daemon_makes_them, what_fails_is_tried_again_where_that_is_asked_for,
         a_receiver_that_is_away_is_told_and_ends_with_1, several_go_at_once_where_that_is_asked_for,
         https_is_verified_by_the_authority_that_is_named, it_goes_on_until_it_is_interrupted_and_when_the_server_was_away,
         colours_are_for_a_terminal, what_makes_no_sense_is_told)
