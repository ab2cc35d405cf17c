#!/usr/bin/env python3
"""What is published at a sidecar is kept there until the broker has it: in order, once, whoever goes away meanwhile."""

import json
import os
import subprocess

from harness import Daemon, equal, main, until
from jet import Jet, Store, head_of, headers_of, text_of
from sidecar import Sidecar, same_place
from web import Http



def keep(broker, name="S", topics="s.>", **config):
    """A stream at the broker."""
    jet = Jet(broker)
    jet.stream(name, [topics], **config)
    return jet


def waiting(sidecar):
    return Http(sidecar).get("/progress").json()["spool"]["messages"]


def bodies(jet, stream, count):
    """Of all messages of the stream, which are to be so many."""
    until(lambda: jet.state(stream)["messages"] >= count, f"{count} messages")
    equal(jet.state(stream)["messages"], count, "messages")
    jet.consumer(stream, "reader", ack_policy="none")
    return [message.body for message in jet.pull(stream, "reader", count)]


def what_is_published_comes_to_the_stream_with_an_id():
    with Store() as here, Daemon() as broker, Sidecar(broker, f"server.data_dir={here.path}", "server.name=side") as sidecar:
        jet, client, there = keep(broker), sidecar.client(), broker.client()
        there.subscribe("s.>", "1")
        there.subscribe("other", "2")
        there.flush()
        client.publish("s.a", b"one")
        client.publish("s.a", b"two", head=head_of(Key="v"))
        client.publish("s.a", b"three", head=head_of(**{"Nats-Msg-Id": "own"}))
        client.publish("other", b"four")
        ids = []
        for body in (b"one", b"two", b"three", b"four"):
            message = there.next()
            equal((message.body, message.reply), (body, ""), "message")
            ids.append(headers_of(message)["Nats-Msg-Id"])
        equal(ids[2], "own")
        equal([i.split(".")[0] for i in (ids[0], ids[1], ids[3])], ["side"] * 3)
        equal([i.split(".")[2] for i in (ids[0], ids[1], ids[3])], ["1", "2", "4"])
        until(lambda: waiting(sidecar) == 0, "an empty spool")
        equal(jet.state("S")["messages"], 3)


def who_asks_is_answered_when_he_wants():
    with Store() as here, Daemon() as broker, Sidecar(broker, f"server.data_dir={here.path}") as sidecar:
        keep(broker)
        client = sidecar.client()
        client.subscribe("_INBOX.x.>", "1")
        client.flush()
        client.publish("s.a", b"live", reply="_INBOX.x.1")
        client.expect("_INBOX.x.1", b'{"stream":"S", "seq":1}')
        for number, when in enumerate(("buffered", "durable", "upstream")):
            client.publish("s.a", b"x", reply=f"_INBOX.x.{when}", head=head_of(**{"Posthorn-Ack": when}))
            told = json.loads(client.expect(f"_INBOX.x.{when}").body)
            if when == "upstream":
                equal(told, {"stream": "S", "seq": number + 2})
            else:
                equal(told, {"stream": "spool", "seq": number + 1})
        client.publish("nobody", b"x", reply="_INBOX.x.2", head=head_of(**{"Posthorn-Ack": "upstream"}))
        client.expect("_INBOX.x.2", b'{"delivered":true}')


def the_configuration_says_whose_messages_are_acknowledged():
    with Store() as here, Daemon() as broker, \
            Sidecar(broker, f"server.data_dir={here.path}", "spool.acknowledge=s.>", "spool.acknowledge_when=upstream") as sidecar:
        keep(broker)
        client = sidecar.client()
        client.subscribe("_INBOX.x.>", "1")
        client.flush()
        client.publish("s.a", b"x", reply="_INBOX.x.1")
        client.expect("_INBOX.x.1", b'{"stream":"S", "seq":1}')
        client.publish("s.a", b"x", reply="_INBOX.x.2", head=head_of(**{"Posthorn-Ack": "durable"}))
        equal(json.loads(client.expect("_INBOX.x.2").body)["stream"], "spool")
        client.publish("s.a", b"x", reply="_INBOX.x.3", head=head_of(**{"Nats-Expected-Last-Sequence": "9"}))
        equal(json.loads(client.expect("_INBOX.x.3").body)["error"]["err_code"], 10071)


def what_is_published_while_the_broker_is_away_comes_in_order():
    with Store() as here, Store() as there:
        with there.daemon() as broker:
            place = broker.line[0]
            keep(broker, storage="file")
            sidecar = Sidecar(broker, f"server.data_dir={here.path}")
            client = sidecar.client()
            client.subscribe("_INBOX.x.>", "1")
            client.flush()
            mark = sidecar.log_count()
        sidecar.wait_down(since=mark)
        for number in range(3000):
            client.publish("s.a", b"%d" % number)
        client.publish("s.a", b"asked", reply="_INBOX.x.1", head=head_of(**{"Posthorn-Ack": "durable"}))
        client.expect("_INBOX.x.1", b'{"stream":"spool", "seq":3001}')
        client.publish("s.a", b"last", reply="_INBOX.x.2", head=head_of(**{"Posthorn-Ack": "upstream"}))
        client.flush()
        equal(waiting(sidecar), 3002, "messages that wait")
        with there.daemon(listen=same_place(place)) as broker:
            client.expect("_INBOX.x.2", b'{"stream":"S", "seq":3002}')
            equal(bodies(Jet(broker), "S", 3002), [b"%d" % number for number in range(3000)] + [b"asked", b"last"])
            until(lambda: waiting(sidecar) == 0, "an empty spool")
            sidecar.stop()


def what_waits_outlives_the_sidecar():
    with Store() as here, Store() as there:
        sidecar = Sidecar("127.0.0.1:1", f"server.data_dir={here.path}", up=False)
        client = sidecar.client()
        client.subscribe("_INBOX.x.>", "1")
        for number in range(100):
            client.publish("s.a", b"%d" % number, reply=f"_INBOX.x.{number}", head=head_of(**{"Posthorn-Ack": "durable"}))
        client.take(100)
        sidecar.kill()
        with there.daemon() as broker:
            jet = keep(broker)
            with Sidecar(broker, f"server.data_dir={here.path}") as sidecar:
                equal(bodies(jet, "S", 100), [b"%d" % number for number in range(100)])
                until(lambda: waiting(sidecar) == 0, "an empty spool")


def what_the_broker_has_is_not_sent_again_after_a_kill():
    """However few there were, and though the broker does not know the ids any more."""
    with Store() as here, Daemon() as broker:
        jet = keep(broker, duplicate_window=100_000_000)  # ns
        with Sidecar(broker, f"server.data_dir={here.path}") as sidecar:
            client = sidecar.client()
            for i in range(3):
                client.publish("s.a", b"%d" % i)
                until(lambda: jet.state("S")["messages"] == i + 1 and waiting(sidecar) == 0, "the broker to have it")
            jet.put("s.later", b"later", **{"Nats-Msg-Id": "later"})
            until(lambda: not jet.put("s.later", b"later", **{"Nats-Msg-Id": "later"}).get("duplicate"), "ids to be forgotten")
            sidecar.kill()
        with Sidecar(broker, f"server.data_dir={here.path}") as sidecar:
            sidecar.client().publish("s.a", b"3")
            until(lambda: waiting(sidecar) == 0 and jet.state("S")["messages"] > 5, "the last")
            equal(bodies(jet, "S", 6), [b"0", b"1", b"2", b"later", b"later", b"3"])


def whoever_publishes_over_http_chooses_what_he_waits_for():
    with Store() as here, Daemon() as broker, Sidecar(broker, f"server.data_dir={here.path}") as sidecar, Http(sidecar) as web:
        keep(broker, max_msg_size=100)
        for query, stream, durable in (("?ack=buffered", "spool", False), ("?ack=durable", "spool", True), ("", "spool", True),
                                       ("?ack=upstream", "S", True)):
            told = web.post(f"/v1/topics/s.a{query}", b"x").check(200).json()
            equal((told["stream"], told["durable"], told["duplicate"]), (stream, durable, False), query)
        equal((told["seq"], "id" in told), (4, False), "at the broker")
        equal(web.post("/v1/topics/nobody", b"x", [("Posthorn-Ack", "upstream")]).check(202).json(),
              {"topic": "nobody", "durable": False})
        equal(web.post("/v1/topics/s.a?ack=upstream", b"x" * 200).status, 413)
        equal(web.post("/v1/topics/s.a?ack=maybe", b"x").status, 400)
        equal(Http(broker).post("/v1/topics/s.a?ack=upstream", b"x").check(200).json()["seq"], 5)


def whoever_publishes_a_batch_chooses_for_all_of_it():
    with Store() as here, Daemon() as broker, Sidecar(broker, f"server.data_dir={here.path}") as sidecar, Http(sidecar) as web:
        keep(broker, max_msg_size=100)
        lines = b"".join(b'{"topic":"s.a","data":"%d"}\n' % number for number in range(3))
        types = [("Content-Type", "application/x-ndjson")]
        for query, stream, durable in (("?ack=buffered", "spool", False), ("", "spool", True), ("?ack=upstream", "S", True)):
            told = web.post(f"/v1/publish{query}", lines, types).check(200).json()["results"]
            equal([(r["stream"], r["durable"]) for r in told], [(stream, durable)] * 3, query)
        equal([r["seq"] for r in told], [7, 8, 9], "at the broker")
        lines = b'{"topic":"s.a","data":"x"}\nno item\n{"topic":"s.a","data":"%s"}\n{"topic":"nobody","data":"y"}\n' % (b"x" * 200)
        told = web.post("/v1/publish", lines, types + [("Posthorn-Ack", "upstream")]).check(200).json()["results"]
        equal([r.get("seq") or r.get("status") for r in told], [10, 400, 413, None], "in order")
        equal(told[3], {"topic": "nobody", "durable": False})
        web.post("/v1/publish?ack=maybe", lines, types).check(400, "bad-parameter")
        equal(web.post("/v1/publish?ack=upstream", b"[]", [("Content-Type", "application/json")]).check(200).json(), {"results": []})
    with Store() as here, Sidecar("127.0.0.1:1", f"server.data_dir={here.path}", up=False) as sidecar:
        with Http(sidecar) as web:  # who leaves is not waited with
            web.ask("POST", "/v1/publish?ack=upstream", b'{"topic":"s.a","data":"x"}', types)
            until(lambda: waiting(sidecar) == 1, "the message")
        equal(waiting(sidecar), 1)


def a_full_spool_refuses_and_says_so():
    with Store() as here, \
            Sidecar("127.0.0.1:1", f"server.data_dir={here.path}", "spool.bytes_max=64KiB", up=False) as sidecar:
        client, web = sidecar.client(), Http(sidecar)
        client.subscribe("_INBOX.x.>", "1")
        client.flush()
        durable = head_of(**{"Posthorn-Ack": "durable"})
        for _ in range(6):
            client.publish("s.a", b"x" * 10000, reply="_INBOX.x.1", head=durable)
            equal(json.loads(client.next().body)["stream"], "spool")
        for when in ("buffered", "durable", "upstream"):
            client.publish("s.a", b"x" * 10000, reply="_INBOX.x.2", head=head_of(**{"Posthorn-Ack": when}))
            equal(json.loads(client.next().body)["error"]["description"], "maximum bytes exceeded", when)
        client.publish("s.a", b"x" * 10000)
        client.expect_error("Spool Full")
        equal(web.post("/v1/topics/s.a", b"x" * 10000).status, 507)
        web.get("/readyz").check(503, "unavailable")
        client.publish("s.a", b"x", reply="_INBOX.x.1", head=durable)
        equal(json.loads(client.next().body), {"stream": "spool", "seq": 7})


def what_the_broker_refuses_for_good_is_kept_beside():
    with Store() as here, Daemon() as broker, Sidecar(broker, f"server.data_dir={here.path}") as sidecar:
        jet = keep(broker, max_msg_size=1000)
        client = sidecar.client()
        for number in range(10):
            client.publish("s.a", b"%d" % number if number % 2 else b"x" * 2000)
        equal(bodies(jet, "S", 5), [b"1", b"3", b"5", b"7", b"9"])
        until(lambda: waiting(sidecar) == 0, "an empty spool")
        sidecar.wait_log(r" spool_refused .*message size exceeds maximum allowed")
        equal(Http(sidecar).get("/progress").json()["spool"]["refused"], 5)
        dumped = subprocess.run([os.environ["POSTHORN"], "dump", "--json", here.path, "refused"], capture_output=True, check=True)
        equal(dumped.stdout.count(b"message size exceeds maximum allowed"), 5, "what was set aside, and why")


def what_the_broker_cannot_take_now_is_tried_again():
    with Store() as here, Daemon() as broker, \
            Sidecar(broker, f"server.data_dir={here.path}", "spool.retry_wait=20ms", "spool.retry_wait_max=50ms") as sidecar:
        jet = keep(broker, max_msgs=100, discard="new")
        client = sidecar.client()
        for number in range(250):
            client.publish("s.a", b"%d" % number)
        sidecar.wait_log(r" spool_held ")
        got = []
        while len(got) < 250:
            until(lambda: jet.state("S")["messages"] == min(100, 250 - len(got)), "a full stream")
            count = jet.state("S")["messages"]
            for sequence in range(len(got) + 1, len(got) + count + 1):
                told = jet.good("STREAM.MSG.GET.S", {"seq": sequence})["message"]
                got.append(text_of(told))
            jet.good("STREAM.PURGE.S", {})
        equal(got, [b"%d" % number for number in range(250)])
        until(lambda: waiting(sidecar) == 0, "an empty spool")


def nothing_overtakes_what_the_broker_cannot_take_now():
    """Large messages are refused where small ones that are on their way behind them would fit."""
    with Store() as here, Daemon() as broker:
        jet = keep(broker, max_bytes=16000, discard="new")
        listener = broker.client()
        listener.subscribe("s.>", "1")
        listener.flush()
        with Sidecar("127.0.0.1:1", f"server.data_dir={here.path}", up=False) as sidecar:
            client = sidecar.client()
            for number in range(60):
                client.publish("s.a", b"%d" % number + b" " * (6000 if number % 5 == 2 else 0))
            client.flush()
        with Sidecar(broker, f"server.data_dir={here.path}", "spool.retry_wait=10ms", "spool.retry_wait_max=20ms") as sidecar:
            sidecar.wait_log(r" spool_held .*maximum bytes exceeded")
            got, seen = [], 0
            while len(got) < 60:
                until(lambda: jet.state("S")["last_seq"] > seen, "messages")
                last = jet.state("S")["last_seq"]
                for sequence in range(seen + 1, last + 1):
                    got.append(int(text_of(jet.good("STREAM.MSG.GET.S", {"seq": sequence})["message"])))
                jet.good("STREAM.PURGE.S", {"seq": last + 1})
                seen = last
            equal(got, list(range(60)))
            until(lambda: waiting(sidecar) == 0, "an empty spool")
        equal([int(listener.next().body) for _ in range(60)], list(range(60)), "heard live")


def what_the_broker_will_never_take_holds_up_nothing():
    """A topic beyond its limits, and a payload and a topic beyond what the sidecar's user may."""
    limits = ["line.topic_size_max=80", "user.side.password=secret", "user.side.payload_size_max=1000", "user.side.publish_deny=s.no",
              "user.me.password=x", "user.me.manage=yes"]
    with Store() as here, Daemon(*limits) as broker, \
            Sidecar(broker, f"server.data_dir={here.path}", "uplink.user=side", "uplink.password=secret") as sidecar:
        jet, client = Jet(broker, **{"user": "me", "pass": "x"}), sidecar.client()
        jet.stream("S", ["s.>"])
        client.subscribe("_INBOX.x.>", "1")
        client.flush()
        client.publish("s.a", b"one")
        client.publish("s." + "long" * 20, b"two")
        client.publish("s.a", b"3" * 2000)
        client.publish("s." + "long" * 20, b"four", reply="_INBOX.x.1", head=head_of(**{"Posthorn-Ack": "upstream"}))
        client.publish("s.no", b"not this")
        client.publish("s.no", b"nor this", reply="_INBOX.x.2", head=head_of(**{"Posthorn-Ack": "upstream"}))
        client.publish("s.a", b"five")
        equal(json.loads(client.expect("_INBOX.x.1").body)["error"]["err_code"], 19002)
        equal(json.loads(client.expect("_INBOX.x.2").body)["error"]["err_code"], 19003)
        equal(bodies(jet, "S", 2), [b"one", b"five"])
        until(lambda: waiting(sidecar) == 0, "an empty spool")
        equal(Http(sidecar).get("/progress").json()["spool"]["refused"], 5)
        sidecar.wait_log(r" spool_refused .*count=1 ")
        equal(sidecar.log_text().count(" uplink_down "), 0, "connections that broke")


if __name__ == "__main__":
    main(what_is_published_comes_to_the_stream_with_an_id, who_asks_is_answered_when_he_wants,
         the_configuration_says_whose_messages_are_acknowledged, what_is_published_while_the_broker_is_away_comes_in_order,
         what_waits_outlives_the_sidecar, what_the_broker_has_is_not_sent_again_after_a_kill,
         whoever_publishes_over_http_chooses_what_he_waits_for,
         whoever_publishes_a_batch_chooses_for_all_of_it, a_full_spool_refuses_and_says_so, what_the_broker_refuses_for_good_is_kept_beside,
         what_the_broker_cannot_take_now_is_tried_again, nothing_overtakes_what_the_broker_cannot_take_now,
         what_the_broker_will_never_take_holds_up_nothing)
