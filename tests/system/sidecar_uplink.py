#!/usr/bin/env python3
"""The sidecar and its broker: away and back, several addresses, credentials, another configuration, names that nobody answers,
and what it takes while nothing happens."""

import os
import re
import socket
import tempfile
import time

from harness import PATIENCE, Daemon, equal, flush_all, main, refused_start, until
from sidecar import Sidecar, same_place
from web import Http
from webhooks_guard import resolver

NO_RESPONDERS = b"NATS/1.0 503\r\n\r\n"
USERS = ("user.ann.password=secret-of-ann", "user.meter.token=token-of-meter")


def _passes(sidecar, broker, topic, **identity):
    """What is said at the broker is heard at the sidecar."""
    here, there = sidecar.client(), broker.client(**identity)
    here.subscribe(topic, "1")
    here.flush()
    there.publish(topic, b"x")
    here.expect(topic, b"x")
    here.close()
    there.close()


def a_broker_that_comes_back_is_told_again_of_what_is_subscribed():
    broker = Daemon()
    with Sidecar(broker) as sidecar:
        here, asker = sidecar.client(), sidecar.client()
        here.subscribe("news.>", "1")
        here.subscribe("gone", "2")
        asker.subscribe("_INBOX.mine", "9")
        flush_all([here, asker])
        mark = sidecar.log_count()
        broker.stop()
        sidecar.wait_down(since=mark)
        asker.publish("ask", b"question", reply="_INBOX.mine")
        asker.expect("_INBOX.mine", b"", head=NO_RESPONDERS)
        here.unsubscribe("2")
        here.subscribe("late", "3")
        here.flush()  # answered though nobody is there
        with Daemon(listen=same_place(broker.line[0])) as again:
            sidecar.wait_up(since=mark)
            here.flush()
            here.subscribe("behind", "4")
            here.flush()
            there = again.client()
            there.subscribe("ask", "1")
            there.flush()
            for topic in ("news.today", "gone", "late"):
                there.publish(topic, b"x")
            here.expect("news.today", b"x", sid="1")
            here.expect("late", b"x", sid="3")
            here.nothing()
            asker.publish("ask", b"question", reply="_INBOX.mine")
            there.publish(there.expect("ask", b"question").reply, b"answer")
            asker.expect("_INBOX.mine", b"answer")


def it_starts_without_a_broker_and_finds_it_later():
    with socket.create_server(("127.0.0.1", 0)) as place:
        address = "127.0.0.1:%d" % place.getsockname()[1]
    with Sidecar(address, up=False) as sidecar:
        sidecar.wait_log(r"uplink_away error=.*refused")
        here = sidecar.client()
        here.subscribe("news", "1")
        here.flush()
        with Daemon(listen=address) as broker:
            sidecar.wait_up()
            here.subscribe("other", "2")
            here.flush()
            there = broker.client()
            there.publish("news", b"x")
            here.expect("news", b"x")


def the_next_address_is_taken_where_one_is_gone():
    with Daemon() as second:
        first = Daemon()
        with Sidecar([first.line[0], second.line[0]]) as sidecar:
            _passes(sidecar, first, "one")
            mark = sidecar.log_count()
            first.kill()
            sidecar.wait_log(rf"uplink_up address={re.escape(second.line[0])} ", since=mark)
            _passes(sidecar, second, "two")


def sidecars_spread_where_they_are_to():
    """Twenty that all begin with the first of two would be one in a million by chance."""
    with Daemon() as one, Daemon() as two:
        addresses = [one.line[0], two.line[0]]
        found = set()
        for _ in range(20):
            with Sidecar(addresses, "uplink.shuffle=yes") as sidecar:
                found.add(sidecar.wait_log(r"uplink_up address=(\S+)").group(1))
            if len(found) == 2:
                return
        raise AssertionError("all went to one")


def it_enters_with_the_credentials_that_it_has():
    with Daemon(*USERS) as broker, tempfile.TemporaryDirectory(prefix="posthorn-credentials-") as folder:
        def in_file(text):
            path = os.path.join(folder, "credentials")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return (f"uplink.credentials_file={path}",)

        for options in (("uplink.user=ann", "uplink.password=secret-of-ann"), ("uplink.token=token-of-meter",)):
            with Sidecar(broker, *options) as sidecar:
                _passes(sidecar, broker, "a", auth_token="token-of-meter")
        for text in ("ann:secret-of-ann\n", "token-of-meter"):
            with Sidecar(broker, *in_file(text)) as sidecar:
                _passes(sidecar, broker, "a", auth_token="token-of-meter")
        with Sidecar(broker, "uplink.token=another", up=False) as sidecar:
            found = sidecar.wait_log(r"uplink_away error=(.*)")
            if "secret" in found.group(1) or "another" in found.group(1):
                raise AssertionError(f"a secret in the log: {found.group(1)}")


def why_it_does_not_come_back_is_told():
    """A connection that is lost says little; what the attempts after it meet with says what to do."""
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        def fault():
            return http.get("/progress").json()["uplink"].get("error")
        equal(fault(), None, "the fault while it is up")
        address = broker.line[0]
        mark = sidecar.log_count()
        broker.stop()
        sidecar.wait_down(since=mark)
        sidecar.wait_log("uplink_away error=.*refused", since=mark)
        until(lambda: "refused" in fault(), "the refusal of the system")
        with Daemon(*USERS, listen=same_place(address)):
            until(lambda: "Authorization Violation" in fault(), "the refusal of the broker")
        equal(sidecar.log_text().count(" warning uplink_away "), 1, "lines about it: no more than one in ten seconds")


def credentials_and_addresses_change_by_a_reload():
    def config(address, token):
        return f"[uplink]\nurl = {address}\ntoken = {token}\nreconnect_wait = 20ms\nreconnect_wait_max = 100ms\n"

    with Daemon(*USERS) as one, Daemon() as two:
        with _Configured(config(one.line[0], "wrong")) as sidecar:
            here = sidecar.client()
            here.subscribe("news", "1")
            sidecar.wait_log(r"uplink_away")
            sidecar.reload(config(one.line[0], "token-of-meter"))
            sidecar.wait_up()
            _passes(sidecar, one, "a", auth_token="token-of-meter")
            mark = sidecar.log_count()
            sidecar.reload(config(two.line[0], "token-of-meter"))
            sidecar.wait_log(rf"uplink_up address={re.escape(two.line[0])} ", since=mark)
            here.flush()
            there = two.client()
            there.publish("news", b"x")  # what was subscribed to before stands here, too
            here.expect("news", b"x")
            mark = sidecar.log_count()
            sidecar.reload(config(two.line[0], "token-of-meter") + "ping_interval = 7s\n")
            sidecar.wait_log(r" reloaded ", since=mark)
            there.publish("news", b"y")
            here.expect("news", b"y")
            equal([line for line in sidecar.log_lines()[mark:] if "uplink_" in line], [], "connections made for another interval")
            sidecar.reload("[uplink]\nurl =\n")
            sidecar.wait_log(r"reload_failed .*url", since=mark)
            there.publish("news", b"z")
            here.expect("news", b"z")


class _Configured(Sidecar):
    """One of which the configuration says all."""

    def __init__(self, config):
        Daemon.__init__(self, "server.stop_grace=off", config=config)


def what_cannot_be_is_refused_at_the_start():
    class Refused(Sidecar):
        def __init__(self, *options, config):
            Daemon.__init__(self, *options, config=config, ready=False)

    for config, words in (
            ("", "[uplink]: expected a url, where the broker is"),
            ("[uplink]\nurl = nats://ann:secret@x:1\n", "expected a list of 1 to 32 items"),
            ("[uplink]\nurl = x\nuser = ann\n", "expected user and password together"),
            ("[uplink]\nurl = x\ntoken = a\ncredentials_file = /y\n", "expected one of user with password, token"),
            ("[uplink]\nurl = x\ncredentials_file = /nonexistent/y\n", "/nonexistent/y: No such file"),
            ("[uplink]\nurl = x\n[stream orders]\ntopics = a\n", "[stream]: no such section; posthorn-sidecar.ini(5) has them all"),
            ("[uplink]\nurl = x\n[server]\nworkers = 2\n", "[server] workers: no such option")):
        sidecar = Refused(config=config)
        equal(sidecar.wait_exit(), 78, f"exit code with {config!r}")
        if words not in sidecar.log_text():
            raise AssertionError(f"{config!r}: {sidecar.log_text()}")
    code, log = refused_start(config="[uplink]\nurl = x\n")  # the broker's program has no such section
    equal(code, 78, "exit code")
    if "[uplink]: no such section; posthornd.ini(5) has them all" not in log:
        raise AssertionError(log)


def a_name_that_nobody_answers_holds_up_nothing():
    with Daemon() as broker, resolver(hung="never") as env:
        addresses = ["hung.test:4222", broker.line[0]]
        with Sidecar(addresses, "uplink.connect_timeout=300ms", up=False, env=env) as sidecar:
            here = sidecar.client()
            for turn in range(20):  # served meanwhile
                here.flush()
            sidecar.wait_up()
            _passes(sidecar, broker, "a")
        with Sidecar("hung.test:4222", "uplink.connect_timeout=1m", up=False, env=env) as sidecar:
            sidecar.client().flush()  # and it ends at once though the look-up never does


def a_name_is_looked_up():
    with Daemon() as broker, resolver(there="127.0.0.1") as env:
        port = broker.line[0].rpartition(":")[2]
        with Sidecar(f"nats://there.test:{port}", env=env) as sidecar:
            _passes(sidecar, broker, "a")


def _runs(daemon):
    """How often its threads have been given a processor."""
    folder = f"/proc/{daemon.pid}/task"
    total = 0
    for thread in os.listdir(folder):
        with open(f"{folder}/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[2])
    return total


def it_takes_next_to_nothing_while_nothing_happens():
    """Times and sizes are those of a program without a sanitizer, which is let off."""
    with Daemon() as broker:
        begun = time.monotonic()
        with Sidecar(broker, up=False) as sidecar:
            took_ms = (time.monotonic() - begun) * 1000
            sidecar.wait_up()
            _passes(sidecar, broker, "a")
            resident = sidecar.memory_bytes()
            before = _runs(sidecar)
            time.sleep(2)  # nothing is awaited: that nothing happens is what is measured
            runs = _runs(sidecar) - before
            note = f"ready in {took_ms:.0f} ms, {resident / 1024 / 1024:.1f} MiB, {runs} times awake in 2 s"
            if re.search(r"lib[atl]san", sidecar._proc("maps")):
                return note  # it has a thread of its own, which looks around
            if runs > 20:  # one a second is meant to be
                raise AssertionError(note)
            if resident > 8 << 20:
                raise AssertionError(f"{note}, more than 8")
            if took_ms > 50 * 10 * PATIENCE:
                raise AssertionError(f"{note}: far more than 50")
            return note


if __name__ == "__main__":
    main(a_broker_that_comes_back_is_told_again_of_what_is_subscribed, it_starts_without_a_broker_and_finds_it_later,
         the_next_address_is_taken_where_one_is_gone, sidecars_spread_where_they_are_to,
         it_enters_with_the_credentials_that_it_has, why_it_does_not_come_back_is_told,
         credentials_and_addresses_change_by_a_reload,
         what_cannot_be_is_refused_at_the_start, a_name_that_nobody_answers_holds_up_nothing, a_name_is_looked_up,
         it_takes_next_to_nothing_while_nothing_happens)
