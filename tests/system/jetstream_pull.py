#!/usr/bin/env python3
"""Pull consumers: made, asked, acknowledged, redelivered, given up; from every worker."""

import time

from harness import Daemon, equal, main
from jet import Jet, headers_of, hoppers, reply_numbers, status_of

MS = 1_000_000


def a_consumer_is_told_as_nats_server_does():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.fill("s.a", 2)
        created = one.consumer("S", "D")
        config = {"durable_name": "D", "name": "D", "deliver_policy": "all", "ack_policy": "explicit", "ack_wait": 30_000_000_000,
                  "max_deliver": -1, "replay_policy": "instant", "max_waiting": 512, "max_ack_pending": 1000, "num_replicas": 0}
        equal(created["config"], config, "config")
        info = two.consumer_info("S", "D")
        equal(info["type"], "io.nats.jetstream.api.v1.consumer_info_response", "type")
        equal(info["config"], config, "config")
        for name, value in (("stream_name", "S"), ("name", "D"), ("delivered", {"consumer_seq": 0, "stream_seq": 0}),
                            ("ack_floor", {"consumer_seq": 0, "stream_seq": 0}), ("num_ack_pending", 0), ("num_redelivered", 0),
                            ("num_waiting", 0), ("num_pending", 2)):
            equal(info[name], value, name)
        equal(two.state("S")["consumer_count"], 1, "consumer_count")


def names_and_settings_have_to_agree():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])

        def bad(name, config, number, **more):
            jet.bad("CONSUMER." + name, {"stream_name": "S", "config": config, **more}, number)

        bad("CREATE.S", {"durable_name": "x"}, 10020)
        bad("CREATE.S.D", {"durable_name": "E"}, 10017)
        bad("CREATE.S.D", {"name": "D", "durable_name": "E"}, 10017)
        bad("CREATE.S.D", {"name": "E", "durable_name": "D"}, 10132)
        bad("CREATE.S.F.s.a", {"durable_name": "F", "filter_subject": "s.b"}, 10131)
        bad("CREATE.S.F.s.a", {"durable_name": "F"}, 10131)
        bad("CREATE.S.F.s.a", {"durable_name": "F", "filter_subjects": ["s.a", "s.b"]}, 10137)
        bad("CREATE.S.F", {"durable_name": "F", "filter_subject": "s.a", "filter_subjects": ["s.b"]}, 10136)
        bad("CREATE.S.F", {"durable_name": "F", "filter_subjects": ["s.>", "s.b"]}, 10138)
        bad("CREATE.S.G.q", {"name": "G", "filter_subject": "q"}, 10093)
        bad("DURABLE.CREATE.S.D", {"ack_policy": "explicit"}, 10018)
        bad("DURABLE.CREATE.S.D", {"durable_name": "E"}, 10017)
        bad("DURABLE.CREATE.S.D", {"durable_name": "D", "deliver_policy": "wrong"}, 10025)
        bad("DURABLE.CREATE.S.D", {"durable_name": "D", "opt_start_seq": 3}, 10094)
        bad("DURABLE.CREATE.S.D", {"durable_name": "D", "deliver_subject": "a.*"}, 10079)
        bad("DURABLE.CREATE.S.D", {"durable_name": "D", "idle_heartbeat": 5_000_000_000}, 10088)
        jet.bad("CONSUMER.CREATE.S", {"stream_name": "Q", "config": {}}, 10056)
        jet.bad("CONSUMER.CREATE.S", {}, 10056)
        jet.bad("CONSUMER.CREATE.S", None, 10025)
        jet.bad("CONSUMER.CREATE.NOPE", {"stream_name": "NOPE", "config": {}}, 10059)
        jet.bad("CONSUMER.INFO.S.X", None, 10014, "consumer not found", 404)
        jet.bad("CONSUMER.INFO.NOPE.X", None, 10059)
        jet.bad("CONSUMER.DELETE.S.X", None, 10014)
        jet.bad("CONSUMER.NAMES.NOPE", None, 10059)


def a_consumer_that_is_there_changes_or_stays():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"], max_consumers=2)
        first = one.consumer("S", "D")
        equal(two.consumer("S", "D")["created"], first["created"], "created")
        equal(two.consumer("S", "D", max_deliver=3)["config"]["max_deliver"], 3, "max_deliver")
        config = {"durable_name": "D", "ack_policy": "all", "max_deliver": 3}
        one.bad("CONSUMER.CREATE.S.D", {"stream_name": "S", "config": config}, 10012)
        config["ack_policy"] = "explicit"
        one.bad("CONSUMER.CREATE.S.D", {"stream_name": "S", "config": {**config, "max_deliver": 4}, "action": "create"}, 10148)
        one.bad("CONSUMER.CREATE.S.E", {"stream_name": "S", "config": {"durable_name": "E"}, "action": "update"}, 10149)
        one.good("CONSUMER.CREATE.S.D", {"stream_name": "S", "config": config, "action": "create"})
        one.consumer("S", "E")
        one.bad("CONSUMER.CREATE.S.F", {"stream_name": "S", "config": {"durable_name": "F"}}, 10026)
        equal(two.good("CONSUMER.NAMES.S")["consumers"], ["D", "E"], "names")
        equal([told["name"] for told in two.good("CONSUMER.LIST.S", {"offset": 1})["consumers"]], ["E"], "list from 1 on")
        equal(two.good("CONSUMER.DELETE.S.D")["success"], True, "success")
        equal(one.good("CONSUMER.NAMES.S")["consumers"], ["E"], "names")


def messages_come_with_their_topic_and_a_reply_that_tells():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.put("s.a", b"one", Nats_Msg_Id="a")
        one.put("s.b", b"two")
        one.consumer("S", "D")
        first, second = two.pull("S", "D", 2)
        equal((first.topic, first.body, first.head), ("s.a", b"one", b"NATS/1.0\r\nNats-Msg-Id: a\r\n\r\n"), "the first")
        equal((second.topic, second.body, second.head), ("s.b", b"two", b""), "the second")
        equal(first.reply.split(".")[:4], ["$JS", "ACK", "S", "D"], "reply")
        delivered, sequence, consumer_sequence, _, pending = reply_numbers(first)
        equal((delivered, sequence, consumer_sequence, pending), (1, 1, 1, 1), "numbers of the first")
        equal(reply_numbers(second)[:3] + reply_numbers(second)[4:], [1, 2, 2, 0], "numbers of the second")
        for message in (first, second):
            two.say(message)
        info = one.consumer_info("S", "D")
        equal((info["ack_floor"]["stream_seq"], info["num_ack_pending"], info["num_pending"]), (2, 0, 0), "floor")


def what_nobody_listens_for_is_nobodys():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        equal(status_of(jet.pull("S", "NOPE", 1)[0]), "503", "a consumer that is not there")
        equal(status_of(jet.pull("NOPE", "NOPE", 1)[0]), "503", "a stream that is not there")


def requests_end_as_they_say():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.put("s.a", b"one")
        jet.consumer("S", "D")
        number = jet.pull_begin("S", "D", batch=5, no_wait=True)
        equal(jet.answer(number).body, b"one", "no_wait")
        equal(status_of(jet.pull("S", "D", 1, no_wait=True, expires=0)[0]), "404 No Messages", "no_wait and nothing there")
        number = jet.pull_begin("S", "D", batch=2, expires=200 * MS)
        timeout = jet.answer(number)
        equal((status_of(timeout), headers_of(timeout)["Nats-Pending-Messages"]), ("408 Request Timeout", "2"), "expired")
        number = jet.pull_begin("S", "D", batch=2, expires=60_000 * MS, idle_heartbeat=100 * MS)
        beats = [jet.answer(number) for _ in range(3)]
        equal([status_of(beat) for beat in beats], ["100 Idle Heartbeat"] * 3, "heartbeats")
        equal(headers_of(beats[0])["Nats-Last-Stream"], "1", "last of the stream")


def a_request_waits_for_what_comes():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.consumer("S", "D", filter_subjects=["s.a", "s.b.*"])
        number = two.pull_begin("S", "D", batch=3, expires=10_000 * MS)
        two.client.flush()
        for topic in ("s.x", "s.a", "s.b", "s.b.c", "s.a"):
            one.put(topic)
        equal([two.answer(number).topic for _ in range(3)], ["s.a", "s.b.c", "s.a"], "what matches")


def what_is_not_acknowledged_comes_again():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.fill("s.a", 3)
        jet.consumer("S", "D", ack_wait=3600 * 1000 * MS)
        first, second, third = jet.pull("S", "D", 3)
        jet.say(second)
        jet.say(first, "nak")
        again = jet.pull("S", "D", 1)[0]
        equal(reply_numbers(again)[:3], [2, 1, 4], "told that it is not acknowledged: at once")
        jet.say(again)
        begin = time.monotonic()
        jet.say(third, "nak", b' {"delay": 300000000}')
        again = jet.pull("S", "D", 1)[0]
        equal(reply_numbers(again)[:3], [2, 3, 5], "after its delay")
        equal(time.monotonic() - begin >= 0.3, True, "not before its delay")
        info = jet.consumer_info("S", "D")
        equal((info["num_ack_pending"], info["num_redelivered"], info["ack_floor"]["stream_seq"]), (1, 1, 2), "info")


def what_nobody_speaks_of_comes_again():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.put("s.a")
        jet.consumer("S", "D", ack_wait=300 * MS)
        begin = time.monotonic()
        for count in (1, 2, 3):
            equal(reply_numbers(jet.pull("S", "D", 1)[0])[:3], [count, 1, count], "deliveries")
        equal(time.monotonic() - begin >= 0.6, True, "each after ack_wait")


def progress_puts_off_and_next_asks_for_more():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.fill("s.a", 3)
        jet.consumer("S", "D")
        first = jet.pull("S", "D", 1)[0]
        jet.say(first, "progress")
        equal(jet.consumer_info("S", "D")["num_ack_pending"], 1, "pending")
        jet.client.subscribe("more", "more")
        jet.client.publish(first.reply, b"+NXT", reply="more")
        second = jet.client.next()
        equal((second.topic, reply_numbers(second)[1]), ("s.a", 2), "the next")
        jet.client.publish(second.reply, b'+NXT {"batch": 1, "no_wait": true}', reply="more")
        equal(reply_numbers(jet.client.next())[1], 3, "the one after")
        equal(jet.consumer_info("S", "D")["ack_floor"]["stream_seq"], 2, "acknowledged by asking for more")


def who_may_have_only_so_many_waits():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.fill("s.a", 10)
        one.consumer("S", "D", max_ack_pending=3)
        number = two.pull_begin("S", "D", batch=10, expires=20_000 * MS)
        got = [two.answer(number) for _ in range(3)]
        two.client.flush()
        equal(len(two.answers[number]), 0, "more than max_ack_pending")
        for message in got:
            two.tell(message)
        got = [two.answer(number) for _ in range(3)]
        equal([reply_numbers(message)[1] for message in got], [4, 5, 6], "the next three")


def an_ack_policy_of_all_counts_for_all_before():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.fill("s.a", 5)
        jet.consumer("S", "D", ack_policy="all")
        jet.say(jet.pull("S", "D", 4)[3])
        info = jet.consumer_info("S", "D")
        equal((info["ack_floor"]["stream_seq"], info["num_ack_pending"]), (4, 0), "floor")


def it_begins_where_it_is_told():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        for topic in ("s.a", "s.b", "s.a", "s.c"):
            jet.put(topic)

        def first(name, count=1, **config):
            jet.consumer("S", name, **config)
            return [reply_numbers(message)[1] for message in jet.pull("S", name, count)]

        equal(first("last", deliver_policy="last"), [4], "last")
        equal(first("seq", deliver_policy="by_start_sequence", opt_start_seq=3), [3], "by_start_sequence")
        equal(first("topic", 3, deliver_policy="last_per_subject", filter_subject="s.>"), [2, 3, 4], "last_per_subject")
        equal(first("old", deliver_policy="by_start_time", opt_start_time="2020-01-01T00:00:00Z"), [1], "by_start_time")
        jet.consumer("S", "new", deliver_policy="new")
        equal(jet.consumer_info("S", "new")["num_pending"], 0, "new")


def a_consumer_that_goes_tells_those_who_wait():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"])
        one.consumer("S", "D")
        number = two.pull_begin("S", "D", batch=1, expires=60_000 * MS)
        two.client.flush()
        equal(one.consumer_info("S", "D")["num_waiting"], 1, "num_waiting")
        one.good("CONSUMER.DELETE.S.D")
        equal(status_of(two.answer(number)), "409 Consumer Deleted", "status")
        one.consumer("S", "E")
        number = two.pull_begin("S", "E", batch=1, expires=60_000 * MS)
        two.client.flush()
        one.good("STREAM.DELETE.S")
        equal(status_of(two.answer(number)), "409 Consumer Deleted", "status")


def an_ephemeral_one_goes_when_nobody_uses_it():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        created = jet.good("CONSUMER.CREATE.S", {"stream_name": "S", "config": {"ack_policy": "explicit", "inactive_threshold": 300 * MS}})
        name = created["name"]
        equal((created["config"]["inactive_threshold"], len(name) >= 8), (300 * MS, True), "threshold, name")
        while jet.good("CONSUMER.NAMES.S")["consumers"]:
            pass
        equal(jet.state("S")["consumer_count"], 0, "consumer_count")


def many_workers_share_one_consumer():
    """Pulls and acknowledgements from all workers; every message is delivered once."""
    count = 4000
    with Daemon() as daemon:
        jets = hoppers(daemon)
        jets[0].stream("S", ["s.>"])
        jets[0].consumer("S", "D", max_ack_pending=count)
        numbers = {jet: [jet.pull_begin("S", "D", batch=100, expires=30_000 * MS) for _ in range(count // 400)] for jet in jets}
        jets[1].fill("s.a", count)
        seen = []
        for jet, asked in numbers.items():
            for number in asked:
                for _ in range(100):
                    message = jet.answer(number)
                    equal(status_of(message), "", "status")
                    jet.tell(message)
                    seen.append(reply_numbers(message)[1])
        equal(sorted(seen), list(range(1, count + 1)), "sequences")
        for jet in jets:
            jet.client.flush()
        info = jets[2].consumer_info("S", "D")
        while info["num_ack_pending"]:
            info = jets[2].consumer_info("S", "D")
        equal(info["ack_floor"]["stream_seq"], count, "floor")


def malformed_words_do_no_harm():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.fill("s.a", 2)
        jet.consumer("S", "D")
        message = jet.pull("S", "D", 1)[0]
        for topic in ("$JS.ACK.S.D", "$JS.ACK.S.D.1.x.1.1.1", "$JS.ACK.S.D.1", "$JS.ACK.S.NOPE.1.1.1.1.1", "$JS.ACK.NOPE.D.1.1.1.1.1",
                      "$JS.ACK.S.D.1.99.99.1.1", "$JS.ACK.S.D.99999999999999999999.1.1.1.1", "$JS.FC.S.D.x", "$JS.FC.S", "$JS.FC.S.D"):
            for body in (b"", b"+ACK", b"+NXT", b"-NAK {", b"what"):
                jet.client.publish(topic, body)
        jet.client.publish(message.reply, b"what")
        jet.client.publish("$JS.API.CONSUMER.MSG.NEXT.S.D", b"{}")
        jet.client.flush()
        info = jet.consumer_info("S", "D")
        equal((info["num_ack_pending"], info["ack_floor"]["stream_seq"]), (1, 0), "nothing was acknowledged")
        equal(status_of(jet.answer(_raw_next(jet, b"{bad"))).startswith("400"), True, "a malformed request")
        equal(jet.answer(_raw_next(jet, b"whatever")).topic, "s.a", "what is no object asks for one")


def _raw_next(jet, body):
    number = next(jet.numbers)
    jet.client.subscribe(f"{jet.prefix}-raw.{number}", f"pull{number}")
    jet.client.publish("$JS.API.CONSUMER.MSG.NEXT.S.D", body, reply=f"{jet.prefix}-raw.{number}")
    return number


main(a_consumer_is_told_as_nats_server_does, names_and_settings_have_to_agree, a_consumer_that_is_there_changes_or_stays,
     messages_come_with_their_topic_and_a_reply_that_tells, what_nobody_listens_for_is_nobodys, requests_end_as_they_say,
     a_request_waits_for_what_comes, what_is_not_acknowledged_comes_again, what_nobody_speaks_of_comes_again,
     progress_puts_off_and_next_asks_for_more, who_may_have_only_so_many_waits, an_ack_policy_of_all_counts_for_all_before,
     it_begins_where_it_is_told, a_consumer_that_goes_tells_those_who_wait, an_ephemeral_one_goes_when_nobody_uses_it,
     many_workers_share_one_consumer, malformed_words_do_no_harm)
