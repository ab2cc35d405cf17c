#!/usr/bin/env python3
"""Streams by the JetStream API: made, changed, looked at, emptied, removed; the same from every worker."""

from harness import Daemon, equal, main
from jet import Jet, hoppers


def a_stream_is_what_it_was_asked_to_be():
    with Daemon() as daemon:
        jet = Jet(daemon)
        created = jet.good("STREAM.CREATE.S", {
            "name": "S", "subjects": ["s.>", "t"], "storage": "memory", "max_msgs": 7, "max_age": 60_000_000_000, "allow_direct": True,
            "max_msgs_per_subject": 2, "discard": "new", "description": "some", "metadata": {"a": "b"}})
        equal(created["type"], "io.nats.jetstream.api.v1.stream_create_response", "type")
        equal(created["did_create"], True, "did_create")
        config = created["config"]
        wanted = {"name": "S", "subjects": ["s.>", "t"], "retention": "limits", "max_consumers": -1, "max_msgs": 7, "max_bytes": -1,
                  "max_age": 60_000_000_000, "max_msgs_per_subject": 2, "max_msg_size": -1, "discard": "new", "storage": "memory",
                  "num_replicas": 1, "duplicate_window": 60_000_000_000, "allow_direct": True, "sealed": False, "deny_delete": False,
                  "deny_purge": False, "allow_rollup_hdrs": False, "description": "some", "metadata": {"a": "b"}}
        equal({key: config.get(key) for key in wanted}, wanted, "config")
        equal(jet.info("S")["config"], config, "config in INFO")
        equal(jet.info("S")["created"], created["created"], "created")
        state = jet.state("S")
        equal((state["messages"], state["bytes"], state["first_seq"], state["last_seq"], state["consumer_count"]), (0, 0, 0, 0, 0),
              "state of an empty stream")
        equal((state["first_ts"], state["last_ts"]), ("0001-01-01T00:00:00Z",) * 2, "times of an empty stream")


def every_worker_knows_at_once():
    """Whoever is told that a stream is there, or gone, is right on whichever connection he publishes next."""
    with Daemon() as daemon:
        jets = hoppers(daemon, 5)
        for step in range(20):
            maker, others = jets[step % 5], jets
            maker.stream(f"S{step}", [f"s{step}.>"])
            for i, other in enumerate(others):
                equal(other.put(f"s{step}.a", b"x"), {"stream": f"S{step}", "seq": i + 1}, "ack")
            equal(jets[(step + 1) % 5].good(f"STREAM.DELETE.S{step}")["success"], True, "success")
            for other in others:
                equal(other.request(f"s{step}.a").head, b"NATS/1.0 503\r\n\r\n", "nobody keeps it any more")


def the_same_again_is_no_error_and_something_else_is():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        first = one.stream("S", ["s.>"])
        again = two.stream("S", ["s.>"])
        equal((again["created"], "did_create" in again), (first["created"], False), "created, and whether it was now")
        two.bad("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>", "t"], "storage": "memory"}, 10058,
                "stream name already in use with a different configuration", 400)
        two.bad("STREAM.CREATE.T", {"name": "T", "subjects": ["s.a"], "storage": "memory"}, 10065,
                "subjects overlap with an existing stream", 400)


def what_makes_no_sense_is_refused():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        for name, request, number in (
                ("STREAM.CREATE.T", b"{bad", 10025),
                ("STREAM.CREATE.T", b"", 10025),
                ("STREAM.CREATE.T", b"[]", 10025),
                ("STREAM.CREATE.T", b'{"name":"T"} more', 10025),
                ("STREAM.CREATE.T", b'{"a":' * 100 + b"1" + b"}" * 100, 10025),
                ("STREAM.CREATE.T", {"name": "U"}, 10056),
                ("STREAM.CREATE.T", {}, 10056),
                ("STREAM.CREATE.T", {"name": "T", "num_replicas": 3}, 10074),
                ("STREAM.CREATE.T", {"name": "T", "subjects": ["t.>", "t.a"]}, 10052),
                ("STREAM.CREATE.T", {"name": "T", "subjects": ["t..a"]}, 10052),
                ("STREAM.CREATE.T", {"name": "T", "mirror": {"name": "S"}}, 10052),
                ("STREAM.UPDATE.NOPE", {"name": "NOPE"}, 10059),
                ("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>"], "storage": "file"}, 10052),
                ("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>"], "storage": "memory", "retention": "workqueue"}, 10052),
                ("STREAM.DELETE.NOPE", None, 10059),
                ("STREAM.DELETE.S", {"x": 1}, 10038),
                ("STREAM.INFO.NOPE", None, 10059),
                ("STREAM.INFO.S", b"garbage", 10025),
                ("STREAM.PURGE.NOPE", None, 10059),
                ("STREAM.PURGE.S", {"seq": 1, "keep": 1}, 10003),
                ("STREAM.PURGE.S", {"seq": "x"}, 10025)):
            jet.bad(name, request, number)
        answer = jet.api("STREAM.INFO.NOPE")
        equal((answer["total"], answer["offset"], answer["limit"]), (0, 0, 0), "what clients look for beside the error")
        equal(jet.request("$JS.API.NOSUCH").head, b"NATS/1.0 503\r\n\r\n", "an endpoint that is not there")


def settings_change_and_count_at_once():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.fill("s.a", 5)
        updated = two.good("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>", "t.>"], "storage": "memory", "max_msgs": 3})
        equal(updated["config"]["max_msgs"], 3, "max_msgs")
        equal(one.put("t.x"), {"stream": "S", "seq": 6}, "a topic that has come")
        equal(two.state("S")["messages"], 3, "messages")
        two.good("STREAM.UPDATE.S", {"name": "S", "subjects": ["t.>"], "storage": "memory", "max_msgs": 3})
        equal(one.request("s.a").head, b"NATS/1.0 503\r\n\r\n", "a topic that has gone")


def names_and_lists_come_in_pages():
    with Daemon() as daemon:
        jet = Jet(daemon)
        equal(jet.good("STREAM.NAMES")["streams"], None, "no streams")
        equal(jet.good("STREAM.LIST")["streams"], [], "no streams")
        names = [f"S{i:04}" for i in range(1100)]
        numbers = [jet.ask(f"$JS.API.STREAM.CREATE.{name}", (f'{{"name":"{name}","subjects":["{name}.*"],"storage":"memory"}}').encode())
                   for name in names]
        for number in numbers:
            jet.answer(number)
        answer = jet.good("STREAM.NAMES")
        equal((answer["total"], answer["offset"], answer["limit"], answer["streams"]), (1100, 0, 1024, names[:1024]), "the first page")
        answer = jet.good("STREAM.NAMES", {"offset": 1024})
        equal((answer["total"], answer["offset"], answer["streams"]), (1100, 1024, names[1024:]), "the second page")
        answer = jet.good("STREAM.LIST", {"offset": 1090})
        equal([told["config"]["name"] for told in answer["streams"]], names[1090:], "the end of the list")
        equal(jet.good("STREAM.NAMES", {"subject": "S0007.x"})["streams"], ["S0007"], "the stream of a topic")
        equal(jet.good("STREAM.NAMES", {"subject": "*.x"})["total"], 1100, "the streams of a pattern")
        equal(jet.good("STREAM.NAMES", {"subject": "zzz"})["streams"], None, "the stream of no topic")
        account = jet.good("INFO")
        equal((account["streams"], account["consumers"]), (1100, 0), "account")


def a_purge_takes_out_what_it_says():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.*"])
        for topic in ("s.a", "s.b", "s.a", "s.b", "s.a", "s.c"):
            one.put(topic)
        equal(two.good("STREAM.PURGE.S", {"filter": "s.b", "keep": 1})["purged"], 1, "purged")
        equal(two.good("STREAM.PURGE.S", {"filter": "s.a", "seq": 5})["purged"], 2, "purged")
        equal(one.good("STREAM.INFO.S", {"subjects_filter": ">"})["state"]["subjects"], {"s.a": 1, "s.b": 1, "s.c": 1}, "topics")
        equal(one.good("STREAM.INFO.S", {"deleted_details": True})["state"].get("deleted"), None, "nothing between first and last is gone")
        equal(two.good("STREAM.PURGE.S")["purged"], 3, "purged")
        equal(one.put("s.a"), {"stream": "S", "seq": 7}, "sequences go on")


def a_sealed_or_careful_stream_says_no():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], deny_delete=True, deny_purge=True)
        jet.put("s.a")
        jet.bad("STREAM.PURGE.S", None, 10110)
        jet.bad("STREAM.MSG.DELETE.S", {"seq": 1}, 10057)
        jet.good("STREAM.UPDATE.S", {**jet.info("S")["config"], "sealed": True})
        equal(jet.put("s.a")["error"]["err_code"], 10109, "publishing to a sealed stream")


def info_counts_topics_and_what_was_deleted():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        for topic in ("s.a", "s.b", "s.a", "s.c"):
            jet.put(topic, b"12345")
        jet.good("STREAM.MSG.DELETE.S", {"seq": 2})
        jet.good("STREAM.MSG.DELETE.S", {"seq": 3})
        state = jet.good("STREAM.INFO.S", {"deleted_details": True, "subjects_filter": "s.>"})["state"]
        equal(state["subjects"], {"s.a": 1, "s.c": 1}, "topics")
        equal((state["messages"], state["num_subjects"], state["num_deleted"], state["deleted"]), (2, 2, 2, [2, 3]), "state")
        answer = jet.good("STREAM.INFO.S", {"subjects_filter": "s.c"})
        equal((answer["total"], answer["state"]["subjects"]), (1, {"s.c": 1}), "one topic")
        answer = jet.good("STREAM.INFO.S", {"subjects_filter": "q"})
        equal((answer["total"], answer["state"].get("subjects")), (0, None), "no topic")


def streams_in_files_need_a_directory():
    with Daemon() as daemon:
        jet = Jet(daemon)
        error = jet.api("STREAM.CREATE.F", {"name": "F", "subjects": ["f"]})["error"]
        equal((error["err_code"], "server.data_dir" in error["description"]), (10049, True), "error")


main(a_stream_is_what_it_was_asked_to_be, every_worker_knows_at_once, the_same_again_is_no_error_and_something_else_is,
     what_makes_no_sense_is_refused, settings_change_and_count_at_once, names_and_lists_come_in_pages, a_purge_takes_out_what_it_says,
     a_sealed_or_careful_stream_says_no, info_counts_topics_and_what_was_deleted, streams_in_files_need_a_directory)
