#!/usr/bin/env python3
"""Streams with settings over HTTP: made, read from any point of their past, changed, emptied, removed; and their cursors."""

import json
import tempfile
import time

from harness import Daemon, equal, main, until
from web import Events, Http, Lines, place, poll, poll_to_end, publish, publish_many, target

JSON = {"Content-Type": "application/json"}


def _call(http, method, path, body=None, status=200, kind=None):
    """One call of /v1/streams...; the answer's JSON, None where it has no body."""
    answer = http.request(method, "/v1/streams" + path, json.dumps(body).encode() if body is not None else None, JSON if body is not None else {})
    answer.check(status, kind)
    return answer.json() if answer.body else None


def _make(http, name="S", topics=("s.>",), **settings):
    return _call(http, "POST", "", {"name": name, "topics": list(topics), **settings}, 201)


def _numbers(count, begin=0):
    return [str(number) for number in range(begin, begin + count)]


def _data(found):
    return [m["data"] for m in found["messages"]]


# ------------------------------------------------------------------------------------------------------------- settings


def a_stream_is_made_looked_at_changed_and_removed():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        equal(_call(http, "GET", "")["streams"], [], "streams at first")
        made = _make(http, age_max="2m", bytes_max="1GiB", messages_max=100, description="Orders", metadata={"team": "a"})
        for name, value in {"name": "S", "topics": ["s.>"], "storage": "file", "sync": "always", "retention": "limits", "discard": "old",
                            "age_max": "2m", "bytes_max": "1GiB", "messages_max": 100, "messages_per_topic_max": None,
                            "duplicate_window": "2m", "description": "Orders", "metadata": {"team": "a"}}.items():
            equal(made[name], value, name)
        again = _call(http, "POST", "", {key: made[key] for key in made if key not in ("created", "state")}, 200)
        equal(again["created"], made["created"], "when it was created, asked for again")
        publish(http, "s.a", b"one")
        found = _call(http, "GET", "/S")
        equal((found["state"]["messages"], found["state"]["last_seq"], found["state"]["topics"]), (1, 1, 1), "state")
        equal(place(found["state"]["last_id"])[1], 1, "sequence of last_id")
        equal(_call(http, "GET", "/S?topics=s.*")["state"]["per_topic"], {"s.a": 1}, "messages of each topic")
        changed = _call(http, "PATCH", "/S", {"age_max": None, "messages_max": 5, "topics": ["s.>", "t"]})
        equal((changed["age_max"], changed["messages_max"], changed["topics"], changed["bytes_max"], changed["description"]),
              (None, 5, ["s.>", "t"], "1GiB", "Orders"), "settings after a change, and those that stay")
        publish(http, "t", b"two")
        again = _call(http, "PATCH", "/S", changed)  # what was read may be given back
        equal(again["messages_max"], 5, "messages_max")
        listed = _call(http, "GET", "")
        equal(([s["name"] for s in listed["streams"]], listed["total"]), (["S"], 1), "streams")
        equal(listed["streams"][0]["state"]["messages"], 2, "messages in the list")
        _call(http, "DELETE", "/S", status=204)
        _call(http, "GET", "/S", status=404, kind="no-such-stream")
        _call(http, "DELETE", "/S", status=404, kind="no-such-stream")
        equal(publish(http, "s.a", b"three")["stream"], "recent", "who keeps the topic now")


def what_cannot_be_is_explained():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        for body in ({"topics": ["a"]}, {"name": "a.b"}, {"name": "a b"}, {"name": ""}, {"name": "x" * 300},
                     {"name": "N", "storage": "tape"}, {"name": "N", "max_msgs": 1}, {"name": "N", "age_max": "long"},
                     {"name": "N", "topics": ["a..b"]}, {"name": "N", "topics": ["a.>", "a.b"]}, {"name": "N", "bytes_max": "1GB"}):
            _call(http, "POST", "", body, 400, "bad-settings")
        for body in (b"{", b"[]", b'{"name":"N"} x', b"\xff", b'{"name":"\xff"}'):
            http.request("POST", "/v1/streams", body, JSON).check(400, "bad-body")
        _make(http)
        _call(http, "POST", "", {"name": "S", "topics": ["other"]}, 409, "stream-exists")
        _call(http, "POST", "", {"name": "T", "topics": ["s.a"]}, 409, "topics-taken")
        _call(http, "PATCH", "/S", {"storage": "memory"}, 400, "bad-settings")
        _call(http, "PATCH", "/none", {"age_max": "1m"}, 404, "no-such-stream")
        _call(http, "GET", "/a.b", status=404, kind="no-such-stream")
        equal(http.request("PUT", "/v1/streams/S", b"{}").check(405, "bad-method").tokens("Allow"),
              {"get", "head", "patch", "delete", "options"}, "methods of a stream")


def without_a_directory_there_are_streams_in_memory():
    with Daemon() as daemon, Http(daemon) as http:
        _call(http, "POST", "", {"name": "S", "topics": ["s.>"]}, 400, "bad-settings")
        _make(http, storage="memory")
        result = publish(http, "s.a", b"x")
        equal((result["stream"], result["durable"]), ("S", False), "who keeps it, and how")


def a_stream_of_the_configuration_is_its_own():
    config = "[stream orders]\ntopics = orders.>\n"
    with Daemon(data=True, config=config) as daemon, Http(daemon) as http:
        equal(publish(http, "orders.eu", b"1")["stream"], "orders", "who keeps it")
        equal(_call(http, "GET", "/orders")["topics"], ["orders.>"], "topics")
        _call(http, "PATCH", "/orders", {"age_max": "1h"}, 409, "not-allowed")
        _call(http, "DELETE", "/orders", status=409, kind="not-allowed")


# -------------------------------------------------------------------------------------------------------------- reading


def patterns_inside_a_stream_read_it():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        publish(http, "s.before", b"0")
        _make(http)
        publish(http, "s.a", b"1")
        publish(http, "other", b"2")
        for patterns, stream, wanted in (("s.*", "S", ["1"]), ("s.a,s.b", "S", ["1"]), (">", "recent", ["0", "1", "2"]),
                                         ("s.>,other", "recent", ["0", "1", "2"])):
            found = poll(http, patterns, since="all")
            equal((_data(found), {m["stream"] for m in found["messages"]}), (wanted, {stream}), f"what {patterns} reads")
        equal(_data(poll(http, ">", since="all", stream="S")), ["1"], "a wide pattern of a stream that is named")
        equal(_data(poll(http, "s.>", since="all", stream="recent")), ["0", "1"], "recent by name")
        http.get(target("s.>", stream="none")).check(404, "no-such-stream")
        http.get(target("other", stream="S")).check(400, "bad-topic")
        http.get(target("s.>", stream="")).check(404, "no-such-stream")


def without_recent_streams_are_read_all_the_same():
    with Daemon("recent.enabled=no", data=True) as daemon, Http(daemon) as http:
        _make(http)
        publish(http, "s.a", b"1")
        equal(_data(poll(http, "s.>", since="all")), ["1"], "what the stream has")
        http.get(target(">")).check(404, "not-kept")
        http.get(target(">", stream="recent")).check(404, "no-such-stream")
        with Events(daemon, "s.>,other") as live, Events(daemon, "s.>", since="all") as kept:
            publish(http, "s.a", b"2")
            publish(http, "other", b"3")
            equal([(event.data, event.id) for event in live.take(2)], [("2", None), ("3", None)], "what is only heard")
            equal([event.data for event in kept.take(2)], ["1", "2"], "what is read")


def topics_of_the_servers_own_kind_are_read_where_a_stream_keeps_them():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, "KV_b", ["$KV.b.>"])
        publish(http, "$KV.b.color", b"red")
        equal(_data(poll(http, "$KV.b.>", since="all")), ["red"], "what a poll finds")
        with Events(daemon, "$KV.b.*", since="all") as events:
            equal(events.next().data, "red", "event")
        http.get(target("$KV.c.>")).check(404, "not-kept")


def history_is_read_from_any_point():
    """More than the cache holds, so that most of it comes from disk."""
    with Daemon("server.cache_size=1MiB", "server.segment_size=1MiB", data=True) as daemon, Http(daemon) as http:
        _make(http)
        bodies = [f"{number:06d}" + "x" * 994 for number in range(8000)]
        results = publish_many(http, "s.a", bodies[:4000])
        middle = time.time()
        until(lambda: time.time() > middle + 0.05, "the clock to go on")
        results += publish_many(http, "s.b", bodies[4000:])
        equal({r["durable"] for r in results}, {True}, "durable")
        equal([r["seq"] for r in results], list(range(1, 8001)), "sequences")
        messages, cursor, gap = poll_to_end(http, "s.>", limit=1000)
        equal(([m["data"] for m in messages], gap), (bodies, False), "all, by polls")
        for at in (0, 1, 1234, 3999, 4000, 7998):
            found = poll(http, "s.>", since=results[at]["id"], limit=3)
            equal((_data(found), found["gap"]), (bodies[at + 1:at + 4], False), f"behind message {at + 1}")
        with Lines(daemon, "s.>", since="all") as lines:
            equal([item["data"] for item in lines.take(8000)], bodies, "all, as NDJSON")
        with Events(daemon, "s.b", since="all") as events:
            equal([event.data for event in events.take(4000)], bodies[4000:], "half, as events")
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(middle)) + f".{int(middle * 1000) % 1000:03d}Z"
        for since in (stamp, f"{int((time.time() - middle) * 1000)}ms"):
            found = poll(http, "s.>", since=since, limit=1)
            equal(found["messages"][0]["topic"] in ("s.a", "s.b"), True, "topic")
        found = poll(http, "s.>", since=stamp, limit=1)
        equal(_data(found), bodies[4000:4001], "the first since a time")
        with Lines(daemon, "s.>", since=stamp) as lines:
            equal([item["data"] for item in lines.take(4000)], bodies[4000:], "since a time, as NDJSON")
            publish(http, "s.c", b"new")
            equal(lines.next()["data"], "new", "what came then")
        found = poll(http, "s.>", since=cursor)
        equal(_data(found), ["new"], "behind the end")


def cursors_outlive_the_daemon():
    for sync in ("always", "1s"):
        for kill in (False, True):
            _cursors_outlive(sync, kill)


def _cursors_outlive(sync, kill):
    with tempfile.TemporaryDirectory() as data:
        first = Daemon(data=data)
        with Http(first) as http:
            _make(http, sync=sync)
            results = publish_many(http, "s.a", _numbers(50))
            poll(http, "s.a", since=results[-1]["id"])
        if kill:
            first.kill()
        else:
            first.stop()
        with Daemon(data=data) as second, Http(second) as http:
            for at in (0, 20, 49):
                found = poll(http, "s.a", since=results[at]["id"], limit=100)
                equal((_data(found), found["gap"]), (_numbers(49 - at, at + 1), False), f"behind {at} with sync={sync} kill={kill}")
            with Events(second, "s.a", headers={"Last-Event-ID": results[30]["id"]}) as events:
                equal([event.data for event in events.take(19)], _numbers(19, 31), "what EventSource finds")
                publish(http, "s.a", b"more")
                equal(events.next().data, "more", "what comes then")
            tag = {"If-None-Match": f'W/"{poll(http, "s.a", since="latest")["next"]}"'}
            http.get(target("s.a", since="latest"), tag).check(304)


def what_made_room_is_a_gap_and_what_was_taken_out_is_none():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, messages_max=10)
        results = publish_many(http, "s.a", _numbers(30))
        found = poll(http, "s.a", since=results[0]["id"])
        equal((_data(found), found["gap"]), (_numbers(10, 20), True), "what is kept, and the gap")
        _call(http, "DELETE", "/S/messages/25", status=204)
        _call(http, "DELETE", "/S/messages/25", status=404, kind="no-such-message")
        found = poll(http, "s.a", since=results[22]["id"])
        equal((_data(found), found["gap"]), (["23", "25", "26", "27", "28", "29"], False), "around what was taken out")
        equal(_call(http, "POST", "/S/purge", {"keep": 2})["purged"], 7, "messages purged")
        found = poll(http, "s.a", since=results[22]["id"])
        equal((_data(found), found["gap"]), (["28", "29"], False), "what is left")


def a_reader_is_ended_with_its_stream():
    with Daemon(data=True) as daemon, Http(daemon) as http, Http(daemon) as other:
        _make(http)
        publish(http, "s.a", b"1")
        readers = [Events(daemon, "s.>", since="all"), Lines(daemon, "s.a", since="all"), Events(daemon, ">", since="all")]
        for reader in readers:
            reader.next()
        other.ask("GET", target("s.b", since="latest", wait="20s"))
        until(lambda: http.get("/varz").json()["posthorn"]["readers"]["waiting_polls"] == 1, "the poll to wait")
        _call(http, "DELETE", "/S", status=204)
        for reader in readers[:2]:
            reader.expect_closed()
        other.answer().check(404, "no-such-stream")
        publish(http, "s.a", b"2")
        equal(readers[2].next().data, "2", "what the reader of recent still hears")
        for reader in readers:
            reader.close()
        _make(http)  # and there may be another of that name
        publish(http, "s.a", b"3")
        equal(_data(poll(http, "s.>", since="all")), ["3"], "what the new one keeps")


def a_cursor_says_of_which_stream_it_is():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        before = publish(http, "s.a", b"1")["id"]
        with Events(daemon, "s.>", since="all") as early:
            equal(early.next().data, "1", "event")
            _make(http)
            _make(http, "T", ["t.>"])
            kept = publish(http, "s.a", b"2")["id"]
            equal(early.next().data, "2", "what who reads since before still hears")
        other = publish(http, "t.a", b"3")["id"]
        found = poll(http, "s.>", since=before)
        equal((_data(found), found["gap"], found["messages"][0]["stream"]), (["2"], False, "recent"), "recent goes on")
        equal(poll(http, "s.>", since=kept)["gap"], False, "gap behind the stream's own cursor")
        for query in ({"since": other}, {"since": other, "stream": "recent"}, {"since": before, "stream": "S"}):
            http.get(target("s.>", **query)).check(400, "other-stream")
        http.get(target(">", since=kept)).check(400, "other-stream")
        with Events(daemon, "s.>", headers={"Last-Event-ID": other}) as events:  # a browser must not give up for good
            equal(events.next().type, "gap", "type")
            equal(events.next().data, "2", "what follows")


# ------------------------------------------------------------------------------------------------------------- messages


def messages_are_looked_at_one_by_one():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http)
        first = publish(http, "s.a", b'{"n":1}', {"Content-Type": "application/json", "Posthorn-Header-Trace": "7"})
        publish(http, "s.b", b"\xff\x00")
        publish(http, "s.a", "drei €".encode())
        found = _call(http, "GET", "/S/messages/1")
        equal((found["topic"], found["stream"], found["seq"], found["id"], found["data"], found["headers"]),
              ("s.a", "S", 1, first["id"], '{"n":1}', {"Content-Type": "application/json", "Trace": "7"}), "a message")
        equal(found["time"], poll(http, "s.a", since="all")["messages"][0]["time"], "time")
        equal(_call(http, "GET", "/S/messages/2")["data_base64"], "/wA=", "bytes")
        equal(_call(http, "GET", "/S/messages/last?topic=s.a")["data"], "drei €", "the last of a topic")
        _call(http, "GET", "/S/messages/4", status=404, kind="no-such-message")
        _call(http, "GET", "/S/messages/last?topic=s.c", status=404, kind="no-such-message")
        _call(http, "GET", "/T/messages/1", status=404, kind="no-such-stream")
        for place_text in ("0", "x", "-1", "last", "1.5"):
            _call(http, "GET", f"/S/messages/{place_text}", status=400, kind="bad-parameter")
        equal(_call(http, "POST", "/S/purge", {"topics": "s.a"})["purged"], 2, "messages of a topic purged")
        equal(_call(http, "POST", "/S/purge", {})["purged"], 1, "the rest purged")
        _call(http, "POST", "/S/purge", {"filter": "s.a"}, 400, "bad-settings")
        _make(http, "D", ["d"], deny_delete=True, deny_purge=True)
        publish(http, "d", b"x")
        _call(http, "POST", "/D/purge", {}, 409, "not-allowed")
        _call(http, "DELETE", "/D/messages/1", status=409, kind="not-allowed")


def what_is_there_is_monitored():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http)
        publish_many(http, "s.a", _numbers(7))
        streams = {s["name"]: s for s in http.get("/varz").check(200).json()["posthorn"]["streams"]}
        equal({name: (s["messages"], s["durable"], s["health"]) for name, s in streams.items()},
              {"recent": (7, False, "well"), "S": (7, True, "well")}, "streams in /varz")
        metrics = http.get("/metrics").check(200).body.decode()
        for stream in ("recent", "S"):
            equal(f'posthorn_stream_last_sequence{{stream="{stream}"}} 7\n' in metrics, True, f"{stream} in /metrics")


if __name__ == "__main__":
    main(a_stream_is_made_looked_at_changed_and_removed, what_cannot_be_is_explained, without_a_directory_there_are_streams_in_memory,
         a_stream_of_the_configuration_is_its_own, patterns_inside_a_stream_read_it,
         without_recent_streams_are_read_all_the_same, topics_of_the_servers_own_kind_are_read_where_a_stream_keeps_them, history_is_read_from_any_point, cursors_outlive_the_daemon,
         what_made_room_is_a_gap_and_what_was_taken_out_is_none, a_reader_is_ended_with_its_stream, a_cursor_says_of_which_stream_it_is,
         messages_are_looked_at_one_by_one, what_is_there_is_monitored)
