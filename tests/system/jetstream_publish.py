#!/usr/bin/env python3
"""Publishing with acknowledgement: what publishers are told, in which order, and what is kept."""

import json

from harness import Daemon, equal, main
from jet import Jet, Store, head_of, hoppers


def refused(ack):
    return ack["error"]["err_code"], ack["error"]["description"]


def the_words_are_those_of_nats_server():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        equal(jet.request("s.a", b"one", head_of(Nats_Msg_Id="a")).body, b'{"stream":"S", "seq":1}', "ack")
        equal(jet.request("s.a", b"one", head_of(Nats_Msg_Id="a")).body, b'{"stream":"S", "seq":1,"duplicate": true}', "ack")
        equal(jet.request("s.a", b"x", head_of(Nats_Expected_Last_Sequence=9)).body,
              b'{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 1"},"stream":"S","seq":0}', "ack")


def expectations_are_held_to():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        equal(jet.put("s.a", b"one", Nats_Msg_Id="a")["seq"], 1, "seq")
        equal(refused(jet.put("s.a", Nats_Expected_Stream="Q")), (10060, "expected stream does not match"), "wrong stream")
        equal(refused(jet.put("s.a", Nats_Expected_Last_Msg_Id="zz")), (10070, "wrong last msg ID: a"), "wrong id")
        equal(refused(jet.put("s.a", Nats_Expected_Last_Subject_Sequence=5)), (10071, "wrong last sequence: 1"), "wrong of topic")
        equal(refused(jet.put("s.b", Nats_Expected_Last_Subject_Sequence=1)), (10071, "wrong last sequence: 0"), "none of topic")
        equal(jet.put("s.b", Nats_Expected_Last_Subject_Sequence=0)["seq"], 2, "the first of its topic")
        equal(jet.put("s.b", Nats_Expected_Last_Sequence=2, Nats_Expected_Stream="S")["seq"], 3, "all as expected")
        equal(jet.put("s.b", Nats_Expected_Last_Msg_Id="a")["error"]["err_code"], 10070, "the last had no id")


def bounds_refuse_where_they_are_told_to():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], max_msgs=2, discard="new", max_msg_size=10)
        equal(refused(jet.put("s.a", b"12345678901")), (10054, "message size exceeds maximum allowed"), "too large")
        jet.fill("s.a", 2)
        equal(refused(jet.put("s.a")), (10077, "maximum messages exceeded"), "too many")
        jet.stream("T", ["t.>"], max_msgs_per_subject=1, discard="new", discard_new_per_subject=True)
        equal(jet.put("t.a")["seq"], 1, "the first")
        equal(refused(jet.put("t.a")), (10077, "maximum messages per subject exceeded"), "too many of a topic")
        equal(jet.put("t.b")["seq"], 2, "another topic")


def only_who_asks_is_answered():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        for _ in range(100):
            jet.client.publish("s.a")
        jet.client.nothing()
        equal(jet.put("s.a")["seq"], 101, "seq")


def many_in_flight_are_answered_in_order():
    with Daemon() as daemon:
        jets = hoppers(daemon)
        jets[0].stream("S", ["s.>"])
        numbers = [[jet.ask("s.a", b"x" * 100) for _ in range(2000)] for jet in jets]
        seen = set()
        for jet, mine in zip(jets, numbers):
            last = 0
            for number in mine:
                sequence = json.loads(jet.answer(number).body)["seq"]
                if sequence <= last:
                    raise AssertionError(f"sequence {sequence} behind {last}")
                seen.add(sequence)
                last = sequence
        equal(seen, set(range(1, 8001)), "sequences")


def whoever_is_subscribed_hears_it_at_once_and_the_publisher_is_told_of_the_stream():
    with Daemon() as daemon:
        jet, listener = hoppers(daemon, 2)
        jet.stream("S", ["s.>"])
        listener.client.subscribe("s.*", "live")
        listener.client.flush()
        equal(jet.put("s.a", b"one")["seq"], 1, "seq")
        message = listener.client.next()
        equal((message.topic, message.body, message.reply.startswith(jet.prefix)), ("s.a", b"one", True), "live message")


def private_topics_are_kept_where_a_stream_asks_for_them():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("KV_b", ["$KV.b.>"], max_msgs_per_subject=1)
        equal(jet.put("$KV.b.x", b"1")["seq"], 1, "seq")
        jet.stream("ALL", ["*.inner"])
        jet.client.publish("$SYS.inner")
        jet.client.publish("_INBOX.inner")
        equal(jet.put("orders.inner")["seq"], 1, "nothing of the server's own was kept")


def a_roll_up_takes_out_what_was_before():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], allow_rollup_hdrs=True)
        for topic in ("s.a", "s.b", "s.a"):
            jet.put(topic)
        equal(jet.put("s.a", Nats_Rollup="sub")["seq"], 4, "seq")
        equal(jet.state("S")["messages"], 2, "messages")
        equal(jet.put("s.a", Nats_Rollup="all")["seq"], 5, "seq")
        equal(jet.state("S")["messages"], 1, "messages")
        jet.stream("T", ["t.>"])
        equal(refused(jet.put("t.a", Nats_Rollup="sub"))[0], 10111, "not allowed")


def what_is_acknowledged_in_files_is_there_after_a_kill():
    with Store() as store:
        daemon = store.daemon()
        jets = hoppers(daemon)
        jets[0].good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
        for i, jet in enumerate(jets):
            jet.fill(f"s.{i}", 500)
        daemon.kill()
        with store.daemon() as daemon:
            jet = Jet(daemon)
            state = jet.good("STREAM.INFO.S", {"subjects_filter": ">"})["state"]
            equal((state["messages"], state["last_seq"]), (2000, 2000), "state")
            equal(state["subjects"], {f"s.{i}": 500 for i in range(4)}, "topics")
            equal(jet.put("s.0", Nats_Msg_Id="a")["seq"], 2001, "sequences go on")


def ids_are_remembered_over_a_restart():
    with Store() as store:
        with store.daemon() as daemon:
            jet = Jet(daemon)
            jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
            equal(jet.put("s.a", Nats_Msg_Id="a")["seq"], 1, "seq")
        with store.daemon() as daemon:
            equal(Jet(daemon).put("s.a", Nats_Msg_Id="a"), {"stream": "S", "seq": 1, "duplicate": True}, "ack")


main(the_words_are_those_of_nats_server, expectations_are_held_to, bounds_refuse_where_they_are_told_to, only_who_asks_is_answered,
     many_in_flight_are_answered_in_order, whoever_is_subscribed_hears_it_at_once_and_the_publisher_is_told_of_the_stream,
     private_topics_are_kept_where_a_stream_asks_for_them, a_roll_up_takes_out_what_was_before,
     what_is_acknowledged_in_files_is_there_after_a_kill, ids_are_remembered_over_a_restart)
