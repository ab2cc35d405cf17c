#!/usr/bin/env python3
"""Consumers over HTTP: messages are pulled, worked on, acknowledged, given back, and come again where nobody says anything."""

import json
import tempfile
import time

from harness import DEADLINE_S, PATIENCE, Daemon, equal, main, until
from web import Http, publish, publish_many

JSON = {"Content-Type": "application/json"}


def _call(http, method, path, body=None, status=200, kind=None):
    data = json.dumps(body).encode() if body is not None else None
    answer = http.request(method, "/v1/streams" + path, data, JSON if data else {}).check(status, kind)
    return answer.json() if answer.body else None


def _make(http, count=0, stream=None, **settings):
    """A stream S of s.>, a consumer C of it, and messages in it."""
    _call(http, "POST", "", {"name": "S", "topics": ["s.>"], **(stream or {})}, 201)
    made = _call(http, "POST", "/S/consumers", {"name": "C", **settings}, 201)
    if count:
        publish_many(http, "s.a", [str(number) for number in range(count)])
    return made


def _pull(http, batch=10, wait=None, consumer="C"):
    query = f"?batch={batch}" + (f"&wait={wait}" if wait else "")
    return http.post(f"/v1/streams/S/consumers/{consumer}/pull{query}").check(200).json()["messages"]


def _say(http, word, messages, consumer="C", **more):
    ids = [m["ack_id"] for m in messages]
    return _call(http, "POST", f"/S/consumers/{consumer}/{word}", {"ack_ids": ids, **more})["messages"]


def _state(http, consumer="C"):
    return _call(http, "GET", f"/S/consumers/{consumer}")["state"]


def _data(messages):
    return [m["data"] for m in messages]


def work_is_pulled_and_acknowledged():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        made = _make(http, 25)
        equal((made["stream"], made["name"], made["durable"], made["ack"], made["ack_wait"], made["start"]),
              ("S", "C", True, "explicit", "30s", "all"), "what was made")
        got = _pull(http, 10)
        equal((_data(got), [m["deliveries"] for m in got]), ([str(n) for n in range(10)], [1] * 10), "messages, and deliveries of each")
        first = got[0]
        equal((first["topic"], first["stream"], first["seq"]), ("s.a", "S", 1), "topic, stream, sequence")
        equal(first["id"], _call(http, "GET", "/S/messages/1")["id"], "its cursor")
        equal(first["time"], _call(http, "GET", "/S/messages/1")["time"], "its time")
        equal(_say(http, "ack", got), 10, "acknowledged")
        state = _state(http)
        equal((state["pending"], state["acks_pending"], state["acked_seq"], state["delivered_seq"]), (15, 0, 10, 10), "state")
        got = _pull(http, 100)
        equal(_data(got), [str(n) for n in range(10, 25)], "the rest")
        equal(_pull(http), [], "messages when there is none")
        equal(_say(http, "ack", got), 15, "acknowledged")
        equal(_say(http, "ack", got), 15, "acknowledged once more")
        equal(_say(http, "ack", []), 0, "nothing acknowledged")


def who_waits_gets_it_at_once():
    with Daemon(data=True) as daemon, Http(daemon) as http, Http(daemon) as worker:
        _make(http)
        for number in range(5):
            worker.ask("POST", "/v1/streams/S/consumers/C/pull?batch=10&wait=20s")
            until(lambda: _state(http)["pulls_waiting"] == 1, "the pull waits")
            start = time.monotonic()
            publish(http, "s.a", str(number).encode())
            got = worker.answer().check(200).json()["messages"]
            equal(_data(got), [str(number)], "what came")
            equal(time.monotonic() - start < DEADLINE_S / 2, True, "at once")
            _say(worker, "ack", got)
        start = time.monotonic()
        equal(_pull(worker, wait="300ms"), [], "what comes when nothing is published")
        equal(time.monotonic() - start > 0.25, True, "after the wait")


def what_is_given_back_comes_again():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, 3)
        got = _pull(http)
        equal(_say(http, "nak", got[:1]), 1, "given back")
        again = _pull(http, wait="5s")
        equal([(m["data"], m["deliveries"]) for m in again], [("0", 2)], "what came again")
        start = time.monotonic()
        equal(_say(http, "nak", again, delay="400ms"), 1, "given back, for later")
        later = _pull(http) or _pull(http, wait="10s")
        equal([(m["data"], m["deliveries"]) for m in later], [("0", 3)], "what came later")
        equal(time.monotonic() - start > 0.35, True, "not before its time")
        _call(http, "POST", "/S/consumers/C/nak", {"ack_ids": [later[0]["ack_id"]], "delay": "soon"}, 400, "bad-body")
        _say(http, "ack", got[1:] + later)
        equal(_state(http)["acks_pending"], 0, "in work")


def what_nobody_acknowledges_comes_again():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, 2, ack_wait=f"{round(2 * PATIENCE)}s", deliveries_max=3)
        first, second = _pull(http)
        again = []
        while not again:  # as long as the work goes on, it is not given to anybody else
            equal(_say(http, "extend", [first]), 1, "extended")
            again = _pull(http, wait="100ms")
        equal([(m["data"], m["deliveries"]) for m in again], [("1", 2)], "what was not extended, and came again")
        _say(http, "ack", [first, *again])


def a_pull_whose_client_has_gone_gives_back():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, ack_wait="1h")
        for how in ("close", "reset"):
            worker = Http(daemon)
            worker.ask("POST", "/v1/streams/S/consumers/C/pull?batch=5&wait=30s")
            until(lambda: _state(http)["pulls_waiting"] == 1, "the pull waits")
            getattr(worker, how)()
            until(lambda: daemon_connections(http) == 1, "the daemon has noticed")
            publish(http, "s.a", how.encode())
            got = _pull(http, wait="10s")
            equal(_data(got), [how], "what another worker gets at once")
            _say(http, "ack", got)


def daemon_connections(http):
    return http.get("/connz").check(200).json()["total"]


def ids_are_those_of_the_consumer():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, 2)
        _call(http, "POST", "/S/consumers", {"name": "D"}, 201)
        good = _pull(http)[0]["ack_id"]
        of_another = _pull(http, consumer="D")[0]["ack_id"]
        for bad in (of_another, good[:-1] + ("A" if good[-1] != "A" else "B"), "A" + good[1:], "", "x", "x.y", good + "=", 7, None, [good]):
            problem = _call(http, "POST", "/S/consumers/C/ack", {"ack_ids": [good, bad]}, 400, "bad-body")
            equal("ack_ids[1]" in problem["detail"], True, f"which is bad in {problem['detail']!r}")
        equal(_state(http)["acks_pending"], 2, "in work: nothing of those lists was said")
        for body in ({}, {"ack_ids": good}, {"ack_ids": None}):
            _call(http, "POST", "/S/consumers/C/ack", body, 400, "bad-body")
        equal(_call(http, "POST", "/S/consumers/C/ack", {"ack_ids": [good]})["messages"], 1, "acknowledged")


def a_restart_in_the_middle_loses_nothing():
    for kill in (False, True):
        with tempfile.TemporaryDirectory() as data:
            first = Daemon(data=data)
            with Http(first) as http:
                _make(http, 20, ack_wait="2s")
                got = _pull(http, 10)
                equal(_say(http, "ack", got[:5]), 5, "acknowledged before")
            first.kill() if kill else first.stop()
            with Daemon(data=data) as second, Http(second) as http:
                equal(_say(http, "ack", got[5:8]), 3, "acknowledged by ids of before")
                state = _state(http)
                equal((state["acked_seq"], state["acks_pending"]), (8, 2), f"state with kill={kill}")
                left = {}
                while len(left) < 12:
                    for message in _pull(http, 20, wait="5s"):
                        left[message["data"]] = message
                equal(sorted(left, key=int), [str(n) for n in range(8, 20)], "what is still to be done, and nothing else")
                _say(http, "ack", left.values())
                state = _state(http)
                equal((state["pending"], state["acks_pending"], state["acked_seq"]), (0, 0, 20), "state at the end")


def consumers_are_listed_changed_and_removed():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, 0, topics=["s.a"], start="new", backoff=["1s", "2s"], deliveries_max=5, metadata={"team": "a"})
        made = _call(http, "GET", "/S/consumers/C")
        equal((made["topics"], made["start"], made["backoff"], made["deliveries_max"], made["metadata"]),
              (["s.a"], "new", ["1s", "2s"], 5, {"team": "a"}), "settings")
        changed = _call(http, "PATCH", "/S/consumers/C", {"topics": ["s.a", "s.b"], "backoff": None, "ack_wait": "5s"})
        equal((changed["topics"], changed.get("backoff"), changed["ack_wait"], changed["deliveries_max"]), (["s.a", "s.b"], None, "5s", 5), "changed")
        equal(_call(http, "PATCH", "/S/consumers/C", changed)["topics"], ["s.a", "s.b"], "topics, given back as they were read")
        equal(_call(http, "PATCH", "/S/consumers/C", {"topics": None})["topics"], [], "topics of one that reads all")
        unnamed = _call(http, "POST", "/S/consumers", {"inactive_max": "1m"}, 201)
        equal((unnamed["durable"], bool(unnamed["name"])), (False, True), "one that was given a name")
        _call(http, "POST", "/S/consumers", {"name": "late", "start_time": "2026-01-31T12:00:00Z", "durable": False}, 201)
        equal(_call(http, "POST", "/S/consumers", {"name": "from", "start_sequence": 3}, 201)["start"], "sequence", "where it starts")
        listed = _call(http, "GET", "/S/consumers")
        equal((sorted(c["name"] for c in listed["consumers"]), listed["total"]), (sorted(["C", "late", "from", unnamed["name"]]), 4), "consumers")
        equal(_call(http, "GET", "/S")["state"]["consumers"], 4, "consumers of the stream")
        _call(http, "POST", "/S/consumers", {"name": "C", "ack": "none"}, 409, "consumer-exists")
        for body in ({"name": "a.b"}, {"name": "N", "ack": "maybe"}, {"name": "N", "topics": ["t"]}, {"name": "N", "ack_wait": 5}, {"name": "N", "x": 1}):
            _call(http, "POST", "/S/consumers", body, 400, "bad-settings")
        _call(http, "DELETE", "/S/consumers/C", status=204)
        for method, path, body in (("GET", "/S/consumers/C", None), ("DELETE", "/S/consumers/C", None), ("PATCH", "/S/consumers/C", {"ack_wait": "1s"}),
                                   ("POST", "/S/consumers/C/pull", None)):
            _call(http, method, path, body, 404, "no-such-consumer")
        for method, path, body in (("GET", "/T/consumers", None), ("POST", "/T/consumers", {"name": "C"}), ("GET", "/T/consumers/C", None)):
            _call(http, method, path, body, 404, "no-such-stream")
        _call(http, "POST", "/T/consumers/C/pull", None, 404, "no-such-consumer")
        for query in ("batch=0", "batch=x", "batch=99999999", "wait=x", "wait=9h"):
            _call(http, "POST", f"/S/consumers/from/pull?{query}", None, 400, "bad-parameter")


def a_consumer_that_is_removed_ends_its_pulls():
    with Daemon(data=True) as daemon, Http(daemon) as http, Http(daemon) as worker:
        _make(http)
        worker.ask("POST", "/v1/streams/S/consumers/C/pull?wait=20s")
        until(lambda: _state(http)["pulls_waiting"] == 1, "the pull waits")
        _call(http, "DELETE", "/S/consumers/C", status=204)
        worker.answer().check(404, "no-such-consumer")


def acknowledging_to_a_consumer_that_is_gone_is_told_at_once():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, 3)
        ids = [m["ack_id"] for m in _pull(http)]
        _call(http, "DELETE", "/S/consumers/C", status=204)
        for word in ("ack", "nak", "extend"):
            _call(http, "POST", f"/S/consumers/C/{word}", {"ack_ids": ids}, 404, "no-such-consumer")
        _call(http, "DELETE", "/S", status=204)
        _call(http, "POST", "/S/consumers/C/ack", {"ack_ids": ids}, 404, "no-such-consumer")


def each_message_goes_to_one_worker():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, 2000)
        workers = [Http(daemon) for _ in range(8)]
        seen = []
        while len(seen) < 2000:
            for worker in workers:
                worker.ask("POST", "/v1/streams/S/consumers/C/pull?batch=50&wait=2s")
            got = [worker.answer().check(200).json()["messages"] for worker in workers]
            for worker, messages in zip(workers, got):
                seen += _data(messages)
                if messages:
                    _say(worker, "ack", messages)
        equal(sorted(seen, key=int), [str(n) for n in range(2000)], "each message once")
        equal(_state(http)["acks_pending"], 0, "in work")
        for worker in workers:
            worker.close()


def large_messages_come_as_many_as_fit():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http)
        bodies = [str(n) + "x" * 900_000 for n in range(12)]
        publish_many(http, "s.a", bodies, batch=3)
        seen = []
        while len(seen) < 12:
            got = _pull(http, 100, wait="2s")
            equal(0 < len(got) < 12, True, f"{len(got)} messages in an answer")
            equal({m["deliveries"] for m in got}, {1}, "deliveries")
            seen += _data(got)
            _say(http, "ack", got)
        equal(seen, bodies, "all of them")


def nats_and_http_share_a_consumer():
    """A worker on the line and one over HTTP, on one consumer."""
    with Daemon(data=True) as daemon, Http(daemon) as http, daemon.client() as client:
        _make(http, 2)
        client.subscribe("_INBOX.me", "1")
        client.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", b'{"batch":1,"expires":5000000000}', reply="_INBOX.me")
        message = client.next()
        equal((message.topic, message.body, message.reply.startswith("$JS.ACK.S.C.1.1.1.")), ("s.a", b"0", True), "what the line gets")
        got = _pull(http)
        equal(_data(got), ["1"], "what HTTP gets")
        client.publish(message.reply, b"+ACK")
        client.flush()
        _say(http, "ack", got)
        until(lambda: _state(http)["acked_seq"] == 2, "both are acknowledged")


if __name__ == "__main__":
    main(work_is_pulled_and_acknowledged, who_waits_gets_it_at_once, what_is_given_back_comes_again, what_nobody_acknowledges_comes_again,
         a_pull_whose_client_has_gone_gives_back, ids_are_those_of_the_consumer, a_restart_in_the_middle_loses_nothing,
         consumers_are_listed_changed_and_removed, a_consumer_that_is_removed_ends_its_pulls,
         acknowledging_to_a_consumer_that_is_gone_is_told_at_once, each_message_goes_to_one_worker,
         large_messages_come_as_many_as_fit, nats_and_http_share_a_consumer)
