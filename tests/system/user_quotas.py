#!/usr/bin/env python3
"""What a user may keep: streams and bytes in them, by the JetStream API and over HTTP, over a restart and a reload; others do not
notice."""

import json

from harness import ORACLE, Daemon, Skip, equal, flush_all, main, until
from jet import Jet, Store
from web import Http

ANN = "[user ann]\ntoken = ann\nmanage = yes\nmonitor = yes\n"
BOB = "[user bob]\ntoken = bob\nmanage = yes\nmonitor = yes\n"
MIB = 1 << 20
TOO_MANY, NO_MEMORY, NO_STORAGE, FULL = 10027, 10028, 10047, 10002


def _config(*limits):
    """Ann has the limits, and Bob has none."""
    return ANN + "".join(limit + "\n" for limit in limits) + BOB


def _daemon(*limits, **settings):
    if ORACLE:
        raise Skip("nats-server has no such limits")
    return Daemon(config=_config(*limits), **settings)


def _jet(daemon, user="ann"):
    return Jet(daemon, auth_token=user)


def _bearer(user):
    return {"Authorization": f"Bearer {user}"}


def _create(http, name, user="ann", **settings):
    return http.post("/v1/streams", json.dumps({"name": name, "topics": [f"{name}.>"], "storage": "memory", **settings}).encode(),
                     _bearer(user))


def _counter(http):
    return http.get("/varz", _bearer("bob")).check(200).json()["posthorn"]["counters"]["quota_refusals"]


def _fill(jet, topic, size=1000, most=10000):
    """Publishes until it is refused; returns how many were kept and the refusal."""
    for count in range(most):
        answer = jet.put(topic, b"x" * size)
        if "error" in answer:
            return count, answer["error"]
    raise AssertionError(f"{most} messages of {size} bytes were kept")


def streams_are_counted_by_who_made_them():
    with _daemon("streams_max = 2") as daemon, Http(daemon) as http:
        ann, bob = _jet(daemon), _jet(daemon, "bob")
        ann.stream("A", ["a.>"])
        equal(_create(http, "B").status, 201, "status of the second, over HTTP")
        ann.bad("STREAM.CREATE.C", {"name": "C", "subjects": ["c.>"], "storage": "memory"}, TOO_MANY,
                "maximum number of streams reached", 400)
        _create(http, "C").check(507, "over-quota")
        equal(_counter(http), 2, "quota_refusals")
        ann.stream("A", ["a.>"])  # it is there
        ann.good("STREAM.UPDATE.A", {"name": "A", "subjects": ["a.>", "aa.>"], "storage": "memory"})
        for name in "DEF":
            bob.stream(name, [f"{name}.>"])
        bob.good("STREAM.UPDATE.B", {"name": "B", "subjects": ["B.>"], "storage": "memory", "max_msgs": 5})
        ann.bad("STREAM.CREATE.C", {"name": "C", "subjects": ["c.>"], "storage": "memory"}, TOO_MANY)  # Bob has changed it, no more
        bob.good("STREAM.DELETE.B")
        ann.stream("C", ["c.>"])
        info = ann.good("INFO")
        equal((info["streams"], info["limits"]["max_streams"], info["limits"]["max_storage"]), (2, 2, -1), "what Ann is told")
        info = bob.good("INFO")
        equal((info["streams"], info["limits"]["max_streams"]), (5, -1), "what Bob is told")


def makers_of_many_at_once_do_not_get_more():
    with _daemon("streams_max = 5") as daemon:
        jets = [_jet(daemon) for _ in range(6)]
        asked = [(jet, jet.ask(f"$JS.API.STREAM.CREATE.S{at}{i}", json.dumps(
            {"name": f"S{at}{i}", "subjects": [f"s{at}{i}.>"], "storage": "memory"}).encode()))
            for i in range(4) for at, jet in enumerate(jets)]
        answers = [json.loads(jet.answer(number).body) for jet, number in asked]
        equal(sum("error" not in answer for answer in answers), 5, "streams made")
        equal({answer["error"]["err_code"] for answer in answers if "error" in answer}, {TOO_MANY}, "errors")


def a_stream_that_there_is_no_room_for_is_not_made():
    with _daemon("stored_bytes_max = 10MiB", data=True) as daemon, Http(daemon) as http:
        ann, bob = _jet(daemon), _jet(daemon, "bob")
        ann.stream("A", ["a.>"], max_bytes=6 * MIB)
        ann.bad("STREAM.CREATE.B", {"name": "B", "subjects": ["b.>"], "max_bytes": 5 * MIB, "storage": "file"}, NO_STORAGE,
                "insufficient storage resources available", 500)
        ann.bad("STREAM.CREATE.B", {"name": "B", "subjects": ["b.>"], "max_bytes": 5 * MIB, "storage": "memory"}, NO_MEMORY)
        _create(http, "B", bytes_max=5 * MIB).check(507, "over-quota")
        ann.stream("B", ["b.>"], max_bytes=4 * MIB, storage="file")
        ann.bad("STREAM.CREATE.C", {"name": "C", "subjects": ["c.>"], "storage": "memory"}, NO_MEMORY)  # nothing is left
        ann.bad("STREAM.UPDATE.A", {"name": "A", "subjects": ["a.>"], "storage": "memory", "max_bytes": 7 * MIB}, NO_MEMORY)
        ann.good("STREAM.UPDATE.A", {"name": "A", "subjects": ["a.>"], "storage": "memory", "max_bytes": 5 * MIB})
        ann.stream("C", ["c.>"])
        bob.stream("D", ["d.>"], max_bytes=100 * MIB)
        equal(ann.good("INFO")["limits"]["max_storage"], 10 * MIB, "max_storage")


def what_goes_over_is_refused_whoever_publishes():
    for storage in ("memory", "file"):
        with _daemon("stored_bytes_max = 100KiB", data=True) as daemon, Http(daemon) as http:
            ann, bob = _jet(daemon), _jet(daemon, "bob")
            ann.stream("A", ["a.>"], storage=storage)
            ann.stream("B", ["b.>"], storage=storage)
            bob.stream("C", ["c.>"], storage=storage)
            half = ann.fill("b.a", 50, body=b"x" * 1000)
            count, error = _fill(bob, "a.a")
            equal((error["code"], error["err_code"], error["description"]),
                  (400, FULL, "resource limits exceeded for account"), "error")
            held = ann.state("A")["bytes"] + ann.state("B")["bytes"]
            equal(100 * 1024 - 1100 < held <= 100 * 1024, True, f"bytes held ({held})")
            equal((half, count > 40), (50, True), f"messages of the halves ({count})")
            http.post("/v1/topics/b.b", b"x" * 1000, _bearer("bob")).check(507, "over-quota")
            equal(ann.put("b.a", b"x" * 1000)["error"]["err_code"], FULL, "Ann's own")
            bob.fill("c.a", 200, body=b"x" * 1000)
            equal(http.get("/varz", _bearer("bob")).json()["posthorn"]["counters"]["quota_refusals"] >= 3, True, "counted")
            ann.good("STREAM.PURGE.A")
            until(lambda: "seq" in bob.put("b.a", b"x" * 1000), "room when something has gone")
            _fill(bob, "b.a")
            ann.good("STREAM.DELETE.B")
            until(lambda: "seq" in bob.put("a.a", b"x" * 1000), "room when a stream has gone")


def nobody_is_told_who_does_not_ask_and_it_is_delivered():
    with _daemon("stored_bytes_max = 10KiB") as daemon:
        ann, bob = _jet(daemon), _jet(daemon, "bob")
        ann.stream("A", ["a.>"])
        bob.client.subscribe("a.>", "live")
        flush_all([ann.client, bob.client])
        for number in range(20):
            ann.client.publish("a.a", b"%d" % number * 1000)
        ann.client.flush()
        equal([message.body[:1] for message in bob.client.take(20)][:3], [b"0", b"1", b"2"], "messages")
        equal(ann.client.errors, [], "errors")
        equal(ann.state("A")["bytes"] <= 10 * 1024, True, "bytes held")


def a_stream_that_makes_room_for_itself_goes_on():
    for storage in ("memory", "file"):
        with _daemon("stored_bytes_max = 1MiB", data=True) as daemon:
            ann = _jet(daemon)
            ann.stream("A", ["a.>"], storage=storage, max_bytes=MIB)
            ann.fill("a.a", 3000, body=b"x" * 1000)
            state = ann.state("A")
            equal(state["last_seq"], 3000, "messages kept so far")


def a_restart_remembers_whose_they_are():
    for how in ("stop", "kill"):
        with Store() as store:
            config = _config("streams_max = 2", "stored_bytes_max = 100KiB")
            daemon = Daemon(config=config, data=store.path)
            ann = _jet(daemon)
            ann.stream("A", ["a.>"], storage="file")
            ann.stream("B", ["b.>"], storage="file")
            _jet(daemon, "bob").stream("C", ["c.>"], storage="file")
            ann.fill("a.a", 60, body=b"x" * 1000)
            daemon.kill() if how == "kill" else daemon.stop()
            daemon = Daemon(config=config, data=store.path)
            ann = _jet(daemon)
            ann.bad("STREAM.CREATE.D", {"name": "D", "subjects": ["d.>"], "storage": "memory"}, TOO_MANY)
            count, error = _fill(_jet(daemon, "bob"), "b.a")
            equal((error["err_code"], 20 < count < 40), (FULL, True), f"what is left ({count})")
            ann.good("STREAM.DELETE.A")
            ann.stream("D", ["d.>"])
            daemon.stop()


def a_reload_changes_what_they_may():
    with _daemon() as daemon:
        ann = _jet(daemon)
        for name in "ABC":
            ann.stream(name, [f"{name}.>"])
        ann.fill("A.a", 100, body=b"x" * 1000)

        def reload(*limits):
            mark = daemon.log_count()
            daemon.reload(_config(*limits))
            daemon.wait_log("reloaded", since=mark)

        reload("streams_max = 2", "stored_bytes_max = 50KiB")
        equal(ann.put("B.a")["error"]["err_code"], FULL, "who has too much already")
        ann.bad("STREAM.CREATE.D", {"name": "D", "subjects": ["d.>"], "storage": "memory"}, TOO_MANY)
        ann.good("STREAM.UPDATE.B", {"name": "B", "subjects": ["B.>", "b.>"], "storage": "memory"})  # which asks for no more
        reload("streams_max = 4", "stored_bytes_max = 200KiB")
        equal(ann.put("B.a")["seq"], 1, "sequence when there is room")
        ann.stream("D", ["d.>"])
        ann.good("STREAM.PURGE.A")
        reload("stored_bytes_max = 10KiB")
        count, error = _fill(ann, "C.a")
        equal((error["err_code"], 6 < count < 10), (FULL, True), f"what is left ({count})")
        reload()
        ann.fill("C.a", 100, body=b"x" * 1000)


def what_the_configuration_names_is_nobodys():
    if ORACLE:
        raise Skip("nats-server has no such limits")
    named = "[stream A]\ntopics = a.>\nstorage = memory\n"
    with Daemon(config=_config("streams_max = 1", "stored_bytes_max = 20KiB")) as daemon:
        ann = _jet(daemon)
        ann.stream("A", ["a.>"])
        ann.bad("STREAM.CREATE.B", {"name": "B", "subjects": ["b.>"], "storage": "memory"}, TOO_MANY)
        for config, is_named in ((named, True), ("", False)):
            mark = daemon.log_count()
            daemon.reload(_config("streams_max = 1", "stored_bytes_max = 20KiB") + config)
            daemon.wait_log("reloaded", since=mark)
            if is_named:
                ann.fill("a.a", 100, body=b"x" * 1000)
                ann.stream("B", ["b.>"])
                ann.good("STREAM.DELETE.B")
            else:
                equal(ann.put("a.a")["error"]["err_code"], FULL, "when it is Ann's again")


def dead_letters_are_of_whose_stream_it_is():
    with _daemon("streams_max = 1", "stored_bytes_max = 100KiB") as daemon:
        ann = _jet(daemon)
        ann.stream("A", ["a.>"])
        ann.consumer("A", "C", max_deliver=1)
        ann.put("a.a", b"x" * 1000)
        ann.say(ann.pull("A", "C", 1)[0], "term")
        until(lambda: "DEAD_A" in (ann.good("STREAM.NAMES")["streams"] or []), "the stream of dead letters")
        until(lambda: ann.state("DEAD_A")["messages"] == 1, "the dead letter")
        equal(ann.good("INFO")["streams"], 2, "streams that count for Ann")
        held = ann.state("A")["bytes"] + ann.state("DEAD_A")["bytes"]
        _fill(ann, "a.a")
        equal(ann.state("A")["bytes"] + ann.state("DEAD_A")["bytes"] <= 100 * 1024, True, f"bytes together (of them {held} at first)")


def what_is_used_is_told_to_whom_it_concerns():
    if ORACLE:
        raise Skip("nats-server has no such limits")
    limits = "connections_max = 9\nsubscriptions_max = 7\npublish_rate = 100\nstreams_max = 5\nstored_bytes_max = 1MiB\n"
    plain = "[user zoe]\ntoken = zoe\nsubscribe =\n"
    config = ANN + limits + BOB + plain + "[server]\nsubscriptions_per_address_max = 50\n"
    with Daemon(config=config) as daemon, Http(daemon) as http:
        ann = _jet(daemon)
        ann.stream("A", ["a.>"])
        ann.stream("B", ["b.>"])
        ann.put("a.a", b"x" * 1000)
        ann.client.subscribe("x", "1")
        ann.client.flush()
        held = ann.state("A")["bytes"]
        told = http.get("/v1/session", _bearer("ann")).check(200).json()
        wanted = {"connections": {"used": 2, "max": 9}, "subscriptions": {"used": 2, "max": 7}, "publish_rate": {"max": 100},
                  "publish_bytes_rate": {"max": None}, "wait_ms": 0, "payload_size": {"max": None}, "pending_size": {"max": None},
                  "streams": {"used": 2, "max": 5}, "stored_bytes": {"used": held, "max": MIB}}
        equal(told, {"user": "ann", "limits": wanted}, "what Ann is told")
        told = http.get("/v1/session", _bearer("zoe")).check(200).json()["limits"]
        equal((told["streams"], told["connections"]), ({"used": 0, "max": None}, {"used": 1, "max": None}), "what Zoe is told")
        owners = http.get("/varz", _bearer("bob")).check(200).json()["posthorn"]["owners"]
        equal(owners, [{"user": "ann", "streams": wanted["streams"], "stored_bytes": wanted["stored_bytes"]}], "owners")
        rows = http.get("/connz?auth=1", _bearer("bob")).check(200).json()["connections"]
        row = next(row for row in rows if row.get("authorized_user") == "ann")
        equal(row["limits"]["subscriptions"], wanted["subscriptions"], "limits of a connection")
        equal(row["address_limits"]["subscriptions"], {"used": 2, "max": 50}, "limits of its address")
        rows = http.get("/connz", _bearer("bob")).check(200).json()["connections"]
        equal([row for row in rows if "limits" in row or "address_limits" in row], [], "rows with limits, unasked")
        for target in ("/varz", "/connz?auth=1"):
            http.get(target, _bearer("zoe")).check(403)
        batch = b'{"topic":"x","data":"x"}\n' * 1000
        http.post("/v1/publish", batch, {**_bearer("ann"), "Content-Type": "application/x-ndjson"}).check(200)
        wait_ms = http.get("/v1/session", _bearer("ann")).json()["limits"]["wait_ms"]
        equal(0 < wait_ms <= 10000, True, f"for how long Ann has to wait ({wait_ms} ms)")


if __name__ == "__main__":
    main(streams_are_counted_by_who_made_them, makers_of_many_at_once_do_not_get_more,
         a_stream_that_there_is_no_room_for_is_not_made, what_goes_over_is_refused_whoever_publishes,
         nobody_is_told_who_does_not_ask_and_it_is_delivered, a_stream_that_makes_room_for_itself_goes_on,
         a_restart_remembers_whose_they_are, a_reload_changes_what_they_may, what_the_configuration_names_is_nobodys,
         dead_letters_are_of_whose_stream_it_is, what_is_used_is_told_to_whom_it_concerns)
