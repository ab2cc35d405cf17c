#!/usr/bin/env python3
"""posthorn request and reply: one against the other, and each against a raw client."""

import os
import signal
import time

from cli import FAILED, RESPONDERS, TIMEOUT, USAGE, Cli
from harness import Daemon, equal, main, until


def text_and_echo_are_answered():
    with Daemon() as daemon, Cli(daemon) as cli:
        with cli.start("reply", "-v", "t.*", "pong", "-H", "X: y") as text, cli.start("reply", "-v", "e", "--echo") as echo:
            text.subscribed()
            echo.subscribed()
            cli.run("request", "t.a", "ping").check(out="pong\n", err="")
            equal(cli.run("request", "t.b", "ping", "--json").check().json_lines()[0]["headers"], {"X": ["y"]})
            payload = bytes(range(256)) * 4000
            cli.run("request", "e", "--format", "%p", input=payload).check(out=payload, err="")
            for responder in (text, echo):
                responder.interrupt().end().check(-signal.SIGINT, out="")


def request_carries_headers_and_payload():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("svc", 1)
        client.flush()
        with cli.start("request", "svc", "body", "-H", "A: b", "--raw") as request:
            message = client.expect("svc", b"body", head=b"NATS/1.0\r\nA: b\r\n\r\n")
            client.publish(message.reply, b"ends with a newline\n")
            client.flush()
            request.end().check(out="ends with a newline\n\n", err="")


def newline_is_added_only_where_there_is_none():
    with Daemon() as daemon, Cli(daemon) as cli, cli.start("reply", "-v", "e", "--echo") as echo:
        echo.subscribed()
        cli.run("request", "e", "no").check(out="no\n")
        cli.run("request", "e", "yes\n").check(out="yes\n")


def nobody_and_silence_have_their_own_exit_codes():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        start = time.monotonic()
        cli.run("request", "nobody", "x", "--timeout", "14s").check(RESPONDERS, out="", err="^posthorn: nobody listens")
        if time.monotonic() - start > 10:
            raise AssertionError("it waited although the server said at once that nobody listens")
        client.subscribe("silent", 1)
        client.flush()
        cli.run("request", "silent", "x", "--timeout", "100ms").check(TIMEOUT, out="", err="^posthorn: no reply in time")


def several_replies_are_awaited():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("all", 1)
        client.flush()

        def answer(*options, replies):
            with cli.start("request", "all", "x", *options) as request:
                reply = client.next().reply
                for i in range(replies):
                    client.publish(reply, b"%d" % i)
                client.flush()
                return request.end()

        answer("--replies", 3, replies=5).check(out="0\n1\n2\n", err="")
        answer("--replies", 3, "--timeout", "200ms", replies=2).check(TIMEOUT, out="0\n1\n", err="2 of 3 replies")
        answer("--replies", 0, "--timeout", "200ms", replies=4).check(out="0\n1\n2\n3\n", err="")
        answer("--replies", 0, "--timeout", "200ms", replies=0).check(TIMEOUT, out="", err="no reply in time")


def error_replies_fail():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        client.subscribe("svc", 1)
        client.flush()
        with cli.start("request", "svc", "x") as request:
            client.publish(client.next().reply, b"details", head=b"NATS/1.0 404 Not here\r\n\r\n")
            client.flush()
            request.end().check(FAILED, out="details\n", err="^posthorn: the reply is an error: 404 Not here\n$")


def command_gets_payload_topic_and_headers():
    script = 'echo "$POSTHORN_TOPIC|$POSTHORN_HEADER_CONTENT_TYPE|$POSTHORN_HEADER_PATH|$POSTHORN_HEADER_OLD"; cat'
    payload = bytes(range(256)) * 3000  # more than a pipe holds, both ways
    with Daemon() as daemon, Cli(daemon) as cli:
        with cli.start("reply", "-v", "run.*", "--command", script, env={"POSTHORN_HEADER_OLD": "stale"}) as reply:
            reply.subscribed()
            done = cli.run("request", "run.a", "--format", "%p", "-H", "Content-Type: text/plain", "-H", "content-type: second",
                           "-H", "Path: /nowhere", input=payload)
            done.check(out=b"run.a|text/plain|/nowhere|\n" + payload, err="")
            reply.interrupt().end().check(-signal.SIGINT, out="")


def failing_commands_answer_with_a_status():
    cases = {
        "echo partly; exit 3": (500, "the command ended with exit code 3", "partly\n"),
        "kill -9 $$": (500, "the command was ended by signal 9", ""),
        "echo late; sleep 30 & sleep 30": (504, "the command took longer than 300ms", "late\n"),
        "head -c 3000000 /dev/zero": (500, "the command printed more than 1048576 bytes", ""),
        "no-such-command-at-all 2>/dev/null": (500, "the command ended with exit code 127", ""),
    }
    with Daemon() as daemon, Cli(daemon) as cli:
        for command, (status, description, output) in cases.items():
            with cli.start("reply", "-v", "run", "--command", command, "--timeout", "300ms" if status == 504 else "10s") as reply:
                reply.subscribed()
                done = cli.run("request", "run", "x", "--json").check(FAILED, err=f"{status} {description}")
                line = done.json_lines()[0]
                equal((line["status"], line["description"], line["data"]), (status, description, output))
                equal(line["headers"], {"Nats-Service-Error": [description], "Nats-Service-Error-Code": [str(status)]})
                reply.wait_err(description).interrupt().end().check(-signal.SIGINT, out="")


def command_need_not_read_its_input():
    with Daemon() as daemon, Cli(daemon) as cli, cli.start("reply", "-v", "run", "-c", "exec <&-; echo done") as reply:
        reply.subscribed()
        for _ in range(3):
            cli.run("request", "run", input=b"x" * 500000).check(out="done\n", err="")


def commands_run_at_once_up_to_the_limit():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        directory = os.path.join(cli.home, "running")
        os.mkdir(directory)
        gate = os.path.join(cli.home, "gate")
        command = f"touch {directory}/$$; while ! [ -e {gate} ]; do sleep 0.01; done; cat"
        with cli.start("reply", "-v", "run", "--command", command, "--jobs", 2) as reply:
            reply.subscribed()
            client.subscribe("answers", 1)
            for i in range(5):
                client.publish("run", b"%d" % i, "answers")
            client.flush()
            until(lambda: len(os.listdir(directory)) == 2, "two commands running")
            client.nothing()
            equal(len(os.listdir(directory)), 2, "commands running")
            open(gate, "w", encoding="ascii").close()
            equal(sorted(message.body for message in client.take(5)), [b"0", b"1", b"2", b"3", b"4"])


def signal_lets_commands_finish():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        gate = os.path.join(cli.home, "gate")
        with cli.start("reply", "-v", "run", "-J1", "-c", f"while ! [ -e {gate} ]; do sleep 0.01; done; cat") as reply:
            reply.subscribed()
            client.subscribe("answers", 1)
            client.publish("run", b"running", "answers")
            client.publish("run", b"waiting", "answers")
            client.flush()
            reply.interrupt(signal.SIGTERM).wait_err("leaving")
            open(gate, "w", encoding="ascii").close()
            reply.end().check(-signal.SIGTERM, out="")
            equal([message.body for message in client.take(2)], [b"running", b"waiting"])


def waiting_takes_no_processor():
    with Daemon() as daemon, daemon.client() as client, Cli(daemon) as cli:
        gate = os.path.join(cli.home, "gate")
        os.mkfifo(gate)
        with cli.start("reply", "-v", "run", "-c", f"read line <{gate}") as reply:
            reply.subscribed()
            client.publish("run", b"", "answers")
            client.flush()
            reply.write(b"nobody reads this\n")
            _rests(reply, "waiting")
            reply.interrupt(signal.SIGTERM).wait_err("leaving; 1 commands")
            _rests(reply, "leaving")
            with open(gate, "w", encoding="ascii") as pipe:
                pipe.write("done\n")
            reply.end().check(-signal.SIGTERM, out="")


def _rests(reply, what):
    before = reply.cpu_s()
    time.sleep(0.5)  # the idling that is measured
    spent_s = reply.cpu_s() - before
    if spent_s > 0.1:
        raise AssertionError(f"{what} took {spent_s:.2f} s of a processor in half a second")


def signal_ends_it_while_the_server_is_away():
    with Daemon() as daemon, Cli(daemon) as cli, cli.start("reply", "-v", "run", "--echo") as reply:
        reply.subscribed()
        daemon.kill()
        reply.wait_err("connection lost").interrupt(signal.SIGTERM).end().check(-signal.SIGTERM, out="")


def repliers_share_a_group_unless_told_otherwise():
    with Daemon() as daemon, Cli(daemon) as cli:
        for group, replies in (("repliers", 1), ("", 2)):
            with cli.start("reply", "-v", "who", "a", "--group", group) as one, cli.start("reply", "-v", "who", "b", "--group", group) as two:
                one.subscribed()
                two.subscribed()
                out = cli.run("request", "who", "x", "--replies", 0, "--timeout", "300ms").check().out
                equal(len(out.split()), replies)
                for responder in (one, two):
                    responder.interrupt().end()


def count_ends_it():
    with Daemon() as daemon, daemon.client(no_responders=False) as client, Cli(daemon) as cli:
        for how in (["text"], ["--echo"], ["--command", "cat"]):
            with cli.start("reply", "-v", "svc", *how, "--count", 2) as reply:
                reply.subscribed()
                client.subscribe("answers", 1)
                for _ in range(4):
                    client.publish("svc", b"text", "answers")
                client.flush()
                reply.end().check(out="")
                equal([message.body for message in client.take(2)], [b"text", b"text"])
                client.nothing()
                client.unsubscribe(1)


def wrong_usage_is_refused():
    with Cli("nats://127.0.0.1:1") as cli:
        cli.run("reply", "a").check(USAGE, out="", err="one of TEXT, --echo and --command")
        cli.run("reply", "a", "b", "--echo").check(USAGE, out="", err="one of TEXT, --echo and --command")
        cli.run("reply", "a", "-c", "cat", "--jobs", 0).check(USAGE, out="", err="--jobs: 1 to 256")
        cli.run("request").check(USAGE, out="", err="too few arguments")


if __name__ == "__main__":
    main(text_and_echo_are_answered, request_carries_headers_and_payload, newline_is_added_only_where_there_is_none,
         nobody_and_silence_have_their_own_exit_codes, several_replies_are_awaited, error_replies_fail,
         command_gets_payload_topic_and_headers, failing_commands_answer_with_a_status, command_need_not_read_its_input,
         commands_run_at_once_up_to_the_limit, signal_lets_commands_finish, waiting_takes_no_processor,
         signal_ends_it_while_the_server_is_away, repliers_share_a_group_unless_told_otherwise, count_ends_it,
         wrong_usage_is_refused)
