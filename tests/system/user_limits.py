#!/usr/bin/env python3
"""What a user may use: all his connections together, over all workers, the line protocol and HTTP alike; others do not notice."""

import time

from harness import ORACLE, PATIENCE, Closed, Daemon, Skip, equal, flush_all, main, publish_bytes, pump, until
from web import Events, Http

ANN = {"auth_token": "ann"}
BOB = {"auth_token": "bob"}
BEARER = {"Authorization": "Bearer ann"}


def _daemon(*limits, others=()):
    """Ann has the limits, and Bob has none."""
    if ORACLE:
        raise Skip("nats-server has no such limits")
    return Daemon("user.ann.token=ann", "user.bob.token=bob", *(f"user.ann.{limit}" for limit in limits), *others)


def _enters(daemon, settings):
    """A client that has said who it is, and whether it was let in."""
    client = daemon.client(hello=False)
    client.hello(**settings)
    try:
        client.flush()
    except Closed:
        pass
    return client, not client.closed


def connections_are_counted_over_all_workers():
    with _daemon("connections_max=3") as daemon:
        clients = [_enters(daemon, ANN) for _ in range(6)]
        equal([good for _, good in clients], [True] * 3 + [False] * 3, "who is let in")
        equal(clients[3][0].errors, ["maximum connections exceeded"], "errors")
        equal([_enters(daemon, BOB)[1] for _ in range(5)], [True] * 5, "others")
        with Http(daemon) as web:
            web.post("/v1/topics/a", b"x", BEARER).check(429, "too-often")
            equal(web.post("/v1/topics/a", b"x", {"Authorization": "Bearer bob"}).status, 200, "status for Bob")
        clients[0][0].close()
        until(lambda: _enters(daemon, ANN)[1], "room for another")


def streams_over_http_are_connections():
    with _daemon("connections_max=2") as daemon:
        events = [Events(daemon, "/v1/topics/a", headers=BEARER) for _ in range(2)]
        with Http(daemon) as web:
            web.post("/v1/topics/a", b"x", BEARER).check(429, "too-often")
            for each in events:
                each.close()
            until(lambda: web.post("/v1/topics/a", b"x", BEARER).status == 200, "room for another")
            with Http(daemon) as second, Http(daemon) as third:
                for each in (web, second, third, web, second):
                    equal(each.post("/v1/topics/a", b"x", BEARER).status, 200, "a connection whose request is over is nobody's")


def subscriptions_are_counted_over_all_connections():
    with _daemon("subscriptions_max=4") as daemon:
        clients = daemon.clients(3, **ANN)
        for number, client in enumerate(clients):
            client.subscribe("a", "1")
            client.subscribe("b", "2")
            client.flush()
            equal(client.errors, [] if number < 2 else ["maximum subscriptions exceeded"] * 2, f"errors of client {number}")
        clients[0].unsubscribe("1")
        clients[0].flush()
        clients[2].errors.clear()
        clients[2].subscribe("a", "3")
        clients[2].flush()
        equal(clients[2].errors, [], "errors when there is room again")
        clients[1].close()
        second = daemon.client(**ANN)

        def subscribes():
            second.errors.clear()
            second.subscribe("a", "1")
            second.flush()
            return not second.errors

        until(subscribes, "room when a connection has gone")
        other = daemon.client(**BOB)
        for sid in range(20):
            other.subscribe("a", str(sid))
        other.flush()
        equal(other.errors, [], "errors of another user")


def the_rate_holds_over_all_connections_and_nothing_is_lost():
    """A second's worth at once, the rest at the rate: 4,000 messages at 1,000 a second take three seconds, by four connections."""
    with _daemon("publish_rate=1000") as daemon:
        listener = daemon.client(**BOB)
        listener.subscribe("a.>", "1")
        listener.flush()
        senders = daemon.clients(4, **ANN)
        flush_all(senders)
        start = time.monotonic()
        for number, sender in enumerate(senders):
            sender.out += b"".join(publish_bytes(f"a.{number}", b"%d" % n) for n in range(1000))
            sender.ping_queued()
        pump([listener, *senders], lambda: all(s.flushed() for s in senders) and listener.received_count == 4000, "all", 30 * PATIENCE)
        took = time.monotonic() - start
        if not 2.9 <= took <= 4 * PATIENCE:
            raise AssertionError(f"4,000 messages took {took:.2f} s")
        last = {}
        for message in listener.inbox:
            equal(int(message.body), last.get(message.topic, -1) + 1, f"number on {message.topic}")
            last[message.topic] = int(message.body)
        free = daemon.client(**BOB)
        start = time.monotonic()
        free.send(publish_bytes("b", b"x") * 20000)
        free.flush()
        return f"{took:.2f} s; another user's 20,000 took {time.monotonic() - start:.2f} s"


def what_nobody_wants_counts_as_well():
    with _daemon("publish_rate=500") as daemon:
        sender = daemon.client(**ANN)
        sender.flush()
        start = time.monotonic()
        sender.send(publish_bytes("nobody.wants.it", b"x") * 1500)
        sender.flush()
        took = time.monotonic() - start
        if not 1.9 <= took <= 3 * PATIENCE:
            raise AssertionError(f"1,500 messages took {took:.2f} s")


def bytes_are_counted():
    with _daemon("publish_bytes_rate=1MiB") as daemon:
        sender = daemon.client(**ANN)
        sender.flush()
        start = time.monotonic()
        sender.send(publish_bytes("a", b"x" * 65536) * 48)  # 3 MiB
        sender.flush()
        took = time.monotonic() - start
        if not 1.8 <= took <= 3 * PATIENCE:
            raise AssertionError(f"3 MiB took {took:.2f} s")


def http_is_told_to_come_again_later():
    with _daemon("publish_rate=5") as daemon, Http(daemon) as web:
        statuses = []
        while 429 not in statuses and len(statuses) < 50:
            answer = web.post("/v1/topics/a", b"x", BEARER)
            statuses.append(answer.status)
        answer.check(429, "too-often")
        equal(answer.header("Retry-After"), "1", "Retry-After")
        equal(5 <= statuses.count(200) <= 7, True, f"messages at once ({statuses.count(200)})")
        equal(web.get("/v1/topics/a", BEARER).status, 200, "reading is not publishing")
        equal(web.post("/v1/topics/a", b"x", {"Authorization": "Bearer bob"}).status, 200, "status for Bob")
        body = b'{"topic":"a","data":"x"}\n' * 30
        until(lambda: web.post("/v1/publish", body, {**BEARER, "Content-Type": "application/x-ndjson"}).status == 200, "a batch")
        answer = web.post("/v1/publish", body, {**BEARER, "Content-Type": "application/x-ndjson"}).check(429, "too-often")
        equal(int(answer.header("Retry-After")) >= 4, True, "who has sent thirty waits for them")


def coming_anew_does_not_pay_what_is_owed():
    with _daemon("publish_rate=100") as daemon:
        first = daemon.client(**ANN)
        first.send(publish_bytes("a", b"x") * 120)
        first.wait(lambda: first.flush() or True, "PONG")
        first.close()
        second = daemon.client(**ANN)
        second.flush()
        start = time.monotonic()
        second.send(publish_bytes("a", b"x") * 100)
        second.flush()
        if time.monotonic() - start < 0.7:
            raise AssertionError("a new connection had a second's worth again")


def a_large_message_is_refused():
    with _daemon("payload_size_max=1000") as daemon:
        client = daemon.client(hello=False)
        equal(client.info["max_payload"], 1 << 20, "max_payload for all")
        client.hello(**ANN)
        client.wait(lambda: client.info["max_payload"] == 1000, "INFO with the limit of the user")
        client.publish("a", b"x" * 1000)
        client.flush()
        client.publish("a", b"x" * 1001)
        client.expect_error("Maximum Payload Violation")
        client.expect_closed()
        with Http(daemon) as web:
            equal(web.post("/v1/topics/a", b"x" * 900, BEARER).status, 200, "status of a small one")
            web.post("/v1/topics/a", b"x" * 1001, BEARER).check(413, "too-large")
            batch = b'{"topic":"a","data":"%s"}\n' % (b"x" * 1001)
            answer = web.post("/v1/publish", batch, {**BEARER, "Content-Type": "application/x-ndjson"})
            equal(answer.json()["results"][0]["type"], "urn:posthorn:problem:too-large", "the result of a batch")
        other = daemon.client(**BOB)
        other.publish("a", b"x" * 100000)
        other.flush()


def output_that_waits_is_bounded_for_each():
    with _daemon("pending_size_max=1MiB", others=["line.payload_size_max=64KiB"]) as daemon:
        slow = daemon.client(receive_size=4096, **ANN)
        patient = daemon.client(receive_size=4096, **BOB)
        for client in (slow, patient):
            client.subscribe("a", "1")
        flush_all([slow, patient])
        sender = daemon.client(**BOB)
        sender.send(publish_bytes("a", b"x" * 65536) * 250)  # 16 MiB: beyond what the kernel holds, and below 64 MiB
        sender.flush()
        slow.expect_closed()
        pump([patient], lambda: patient.received_count == 250, "all, with the bound of all", 30 * PATIENCE)


def a_reload_changes_what_those_who_are_in_may():
    if ORACLE:
        raise Skip("nats-server has no such limits")
    with Daemon(config="[user ann]\ntoken = ann\n") as daemon:
        client = daemon.client(**ANN)
        client.flush()
        mark = daemon.log_count()
        daemon.reload("[user ann]\ntoken = ann\nsubscriptions_max = 1\npublish_rate = 200\npayload_size_max = 10\n")
        daemon.wait_log("reloaded", since=mark)
        client.wait(lambda: client.info["max_payload"] == 10, "INFO with the limit")
        client.subscribe("a", "1")
        client.subscribe("a", "2")
        client.flush()
        equal(client.errors, ["maximum subscriptions exceeded"], "errors")
        start = time.monotonic()
        client.send(publish_bytes("b", b"x") * 400)
        client.flush()
        if time.monotonic() - start < 0.9:
            raise AssertionError("the rate does not hold")
        mark = daemon.log_count()
        daemon.reload("[user ann]\ntoken = ann\n")
        daemon.wait_log("reloaded", since=mark)
        start = time.monotonic()
        client.send(publish_bytes("b", b"x" * 100) * 5000)
        client.flush()
        if time.monotonic() - start > 5 * PATIENCE:
            raise AssertionError("the rate still holds")


if __name__ == "__main__":
    main(connections_are_counted_over_all_workers, streams_over_http_are_connections, subscriptions_are_counted_over_all_connections,
         the_rate_holds_over_all_connections_and_nothing_is_lost, what_nobody_wants_counts_as_well, bytes_are_counted,
         http_is_told_to_come_again_later, coming_anew_does_not_pay_what_is_owed, a_large_message_is_refused,
         output_that_waits_is_bounded_for_each, a_reload_changes_what_those_who_are_in_may)
