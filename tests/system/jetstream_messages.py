#!/usr/bin/env python3
"""Single messages by the JetStream API: looked at, fetched directly, deleted; from memory and from disk."""

import base64
import json

from harness import Daemon, equal, main
from jet import Jet, Store, headers_of, hoppers, text_of


def a_message_is_told_whole():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.put("s.a", b"one", Nats_Msg_Id="a")
        one.put("s.b", b"")
        message = two.good("STREAM.MSG.GET.S", {"seq": 1})["message"]
        equal((message["subject"], message["seq"], text_of(message)), ("s.a", 1, b"one"), "message")
        equal(base64.b64decode(message["hdrs"]), b"NATS/1.0\r\nNats-Msg-Id: a\r\n\r\n", "headers")
        if not message["time"].startswith("20"):
            raise AssertionError(f"time {message['time']}")
        message = two.good("STREAM.MSG.GET.S", {"last_by_subj": "s.b"})["message"]
        equal((message["seq"], "data" in message, "hdrs" in message), (2, False, False), "an empty message")


def messages_are_found_by_topic():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        for topic in ("s.a", "s.b", "s.c.d", "s.a", "s.c.e"):
            jet.put(topic)

        def found(**request):
            return jet.good("STREAM.MSG.GET.S", request)["message"]["seq"]

        equal(found(last_by_subj="s.a"), 4, "the last of a topic")
        equal(found(last_by_subj="s.*"), 4, "the last of a pattern")
        equal(found(last_by_subj="s.>"), 5, "the last of all")
        equal(found(next_by_subj="s.a"), 1, "the first of a topic")
        equal(found(next_by_subj="s.a", seq=2), 4, "the next of a topic")
        equal(found(next_by_subj="s.c.*", seq=4), 5, "the next of a pattern")
        for request, number in (({}, 10003), (None, 10003), ({"seq": 1, "last_by_subj": "s.a"}, 10003), ({"seq": 99}, 10037),
                                ({"last_by_subj": "s.x"}, 10037), ({"next_by_subj": "s.a", "seq": 5}, 10037), ({"seq": -1}, 10025)):
            jet.bad("STREAM.MSG.GET.S", request, number)
        jet.bad("STREAM.MSG.GET.NOPE", {"seq": 1}, 10059)


def a_direct_get_answers_with_the_message_itself():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"], allow_direct=True)
        one.put("s.a", b"one", Nats_Msg_Id="a")
        one.put("s.b", b"two")
        message = two.request("$JS.API.DIRECT.GET.S", b'{"seq":1}')
        headers = headers_of(message)
        time = headers.pop("Nats-Time-Stamp")
        equal(headers, {"": "", "Nats-Msg-Id": "a", "Nats-Stream": "S", "Nats-Subject": "s.a", "Nats-Sequence": "1"}, "headers")
        equal((message.body, time.startswith("20")), (b"one", True), "payload, time")
        equal(two.request("$JS.API.DIRECT.GET.S.s.b").body, b"two", "the last of a topic")
        equal(two.request("$JS.API.DIRECT.GET.S", b'{"last_by_subj":"s.*"}').body, b"two", "the last of a pattern")
        equal(two.request("$JS.API.DIRECT.GET.S", b'{"next_by_subj":"s.*","seq":2}').body, b"two", "the next of a pattern")


def a_direct_get_that_finds_nothing_says_so():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], allow_direct=True)
        jet.stream("T", ["t.>"])
        for topic, body, status in (("S", b'{"seq":99}', b"404 Message Not Found"), ("S.s.x", b"", b"404 Message Not Found"),
                                    ("S", b"", b"408 Empty Request"), ("S", b"{}", b"408 Empty Request"),
                                    ("S", b"garbage", b"408 Malformed Request"), ("S.s.a", b'{"seq":1}', b"408 Bad Request"),
                                    ("S", b'{"seq":"x"}', b"408 Bad Request"), ("T", b'{"seq":1}', b"503"), ("NOPE", b'{"seq":1}', b"503")):
            equal(jet.request(f"$JS.API.DIRECT.GET.{topic}", body).head, b"NATS/1.0 " + status + b"\r\n\r\n", f"status of {topic} {body}")


def what_is_deleted_is_gone():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.fill("s.a", 5)
        one.good("STREAM.MSG.DELETE.S", {"seq": 3})
        two.bad("STREAM.MSG.GET.S", {"seq": 3}, 10037)
        two.bad("STREAM.MSG.DELETE.S", {"seq": 3}, 10043, "sequence 3 not found")
        two.bad("STREAM.MSG.DELETE.S", {"seq": 99}, 10057)
        two.bad("STREAM.MSG.DELETE.S", {}, 10003)
        two.bad("STREAM.MSG.DELETE.NOPE", {"seq": 1}, 10059)
        equal(two.good("STREAM.MSG.GET.S", {"next_by_subj": "s.a", "seq": 3})["message"]["seq"], 4, "the next one")


def messages_on_disk_are_fetched():
    """More than the cache holds, asked for in any order, many at once."""
    with Store() as store, store.daemon("server.cache_size=1MiB", "server.segment_size=1MiB") as daemon:
        jets = hoppers(daemon)
        jets[0].good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "allow_direct": True})
        body = b"%d " + b"x" * 4000
        for i in range(8):
            jets[i % 4].fill(f"s.{i}", 500, first=i * 500, body=body)
        asked = [(jet, sequence, jet.ask("$JS.API.DIRECT.GET.S", b'{"seq":%d}' % sequence))
                 for n, jet in enumerate(jets) for sequence in range(1 + n, 4001, 97)]
        for jet, sequence, number in asked:
            message = jet.answer(number)
            equal((headers_of(message).get("Nats-Sequence"), message.body[:20].split()[0]), (str(sequence), b"%d" % (sequence - 1)), "message")
        message = json.loads(jets[1].request("$JS.API.STREAM.MSG.GET.S", b'{"next_by_subj":"s.7"}').body)["message"]
        equal(message["seq"], 3501, "found by looking through all before it")


main(a_message_is_told_whole, messages_are_found_by_topic, a_direct_get_answers_with_the_message_itself,
     a_direct_get_that_finds_nothing_says_so, what_is_deleted_is_gone, messages_on_disk_are_fetched)
