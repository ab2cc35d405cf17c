#!/usr/bin/env python3
"""What passes a sidecar while the broker is there: subscriptions, requests and their answers, both ways, as at the broker."""

import collections
import os

from harness import Daemon, equal, flush_all, main
from jet import Jet
from sidecar import Sidecar
from web import Http

NO_RESPONDERS = b"NATS/1.0 503\r\n\r\n"


def messages_pass_both_ways_as_they_are():
    large = os.urandom(300_000)
    head = b"NATS/1.0\r\nKey: a value\r\nKey: another\r\n\r\n"
    with Daemon() as broker, Sidecar(broker) as sidecar:
        here, there = sidecar.client(), broker.client()
        here.subscribe("to.here", "1")
        there.subscribe("to.there", "1")
        flush_all([here, there])
        for publisher, reader, topic in ((there, here, "to.here"), (here, there, "to.there")):
            for body in (b"", b"x", b"\0\r\n", large):
                publisher.publish(topic, body, reply="some.reply", head=head)
                reader.expect(topic, body, reply="some.reply", head=head)


def who_wants_no_echo_does_not_hear_himself():
    """Neither live nor by way of the spool; everybody else hears him, and he hears everybody else."""
    with Daemon() as broker, Sidecar(broker, "spool.topics=kept.>") as sidecar:
        deaf, other, there = sidecar.client(echo=False), sidecar.client(), broker.client()
        for client in (deaf, other, there):
            client.subscribe("live.>", "1")
            client.subscribe("kept.>", "2")
        for client in (deaf, other):
            client.subscribe("kept.>", "3", "group")
        flush_all([deaf, other, there])
        for topic in ("live.a", "kept.a"):
            for head in (b"", b"NATS/1.0\r\nKey: a value\r\n\r\n"):
                deaf.publish(topic, b"mine", head=head)
                for reader in (other, there):
                    message = reader.expect(topic, b"mine")
                    equal((b"Key: a value" in message.head, b"Posthorn-Origin" in message.head), (bool(head), True))
                if topic == "kept.a":
                    other.expect(topic, b"mine", sid="3")  # of the group only he wants it
        other.publish("live.a", b"yours")
        equal(b"Posthorn-Origin" in deaf.expect("live.a", b"yours").head, False)
        there.publish("kept.a", b"theirs")
        deaf.expect("kept.a", b"theirs")


def a_pong_says_that_the_broker_knows_of_the_subscription():
    with Daemon() as broker, Sidecar(broker) as sidecar:
        here, there = sidecar.client(), broker.client()
        for turn in range(200):
            here.subscribe(f"turn.{turn}", str(turn))
            here.flush()
            there.publish(f"turn.{turn}", b"%d" % turn)
            there.flush()
            here.expect(f"turn.{turn}", b"%d" % turn)
            here.unsubscribe(str(turn))
        here.nothing()


def pongs_are_as_many_as_pings():
    """Those that wait for the broker, too, however they come."""
    with Daemon() as broker, Sidecar(broker) as sidecar:
        here = sidecar.client()
        for turn in range(50):
            here.line(f"SUB a.{turn} {turn}")
            for _ in range(turn % 4):
                here.ping_queued()
        here.flush()
        equal(here.pong_count, here._ping_count, "pongs")


def each_pattern_gets_what_it_would_get_at_the_broker():
    """Patterns that overlap are subscriptions of their own, and each brings the message once."""
    with Daemon() as broker, Sidecar(broker) as sidecar:
        one, two, there = sidecar.client(), sidecar.client(), broker.client()
        for sid, pattern in enumerate(("a.>", "a.*", "a.b", ">", "b.>")):
            one.subscribe(pattern, str(sid))
        two.subscribe("a.>", "7")
        flush_all([one, two])
        there.publish("a.b", b"x")
        there.flush()
        equal(sorted(message.sid for message in one.take(4)), ["0", "1", "2", "3"], "sids")
        two.expect("a.b", b"x", sid="7")
        one.nothing()
        two.nothing()


def many_subscribers_here_are_one_at_the_broker():
    with Daemon() as broker, Sidecar(broker, "uplink.name=beside") as sidecar:
        readers = sidecar.clients(10)
        for reader in readers:
            reader.subscribe("news.>", "1")
        flush_all(readers)

        def seen():
            rows = Http(broker).get("/connz?subs=1").check(200).json()["connections"]
            return next(row for row in rows if row.get("name") == "beside").get("subscriptions_list", [])

        equal([pattern for pattern in seen() if pattern.startswith("news")], ["news.>"], "subscriptions")
        there = broker.client()
        there.publish("news.now", b"x")
        for reader in readers:
            reader.expect("news.now", b"x")
        for reader in readers[1:]:
            reader.close()
        readers[0].flush()
        there.publish("news.now", b"y")
        readers[0].expect("news.now", b"y")
        readers[0].unsubscribe("1")
        readers[0].subscribe("other", "2")  # so that the PONG comes from the broker, behind the end of the trunk
        readers[0].flush()
        equal([pattern for pattern in seen() if pattern.startswith("news")], [], "subscriptions")


def a_group_spans_brokers_and_sidecars():
    """Each message goes to one member, wherever it lives, and to each of them some."""
    with Daemon() as broker, Sidecar(broker) as one, Sidecar(broker) as two:
        members = [one.client(), one.client(), two.client(), broker.client()]
        record = [collections.Counter() for _ in members]
        for member, counter in zip(members, record):
            member.on_message = lambda message, counter=counter: counter.update([message.body])
            member.subscribe("job", "1", group="workers")
        flush_all(members)
        publisher = broker.client()
        for number in range(600):
            publisher.publish("job", b"%d" % number)
        publisher.flush()
        for member in members:
            member.subscribe("end", "2")
        flush_all(members)  # each has had what was on its way
        flush_all(members)
        everything = sum(record, collections.Counter())
        equal(len(everything), 600, "jobs")
        equal(set(everything.values()), {1}, "how often each came")
        if not all(record):
            raise AssertionError(f"a member got nothing: {[sum(counter.values()) for counter in record]}")


def requests_and_answers_pass_both_ways():
    with Daemon() as broker, Sidecar(broker) as sidecar:
        here, there = sidecar.client(), broker.client()
        here.subscribe("ask.here", "1")
        there.subscribe("ask.there", "1")
        flush_all([here, there])
        for asker, asked, topic in ((there, here, "ask.here"), (here, there, "ask.there")):
            asker.subscribe("_INBOX.mine.*", "9")
            asker.unsubscribe("9", after=1)
            asker.publish(topic, b"question", reply="_INBOX.mine.1")
            question = asked.expect(topic, b"question", reply="_INBOX.mine.1")
            asked.publish(question.reply, b"answer")
            asker.expect("_INBOX.mine.1", b"answer")


def whoever_asks_nobody_is_told_so_if_he_wants_to_hear_it():
    with Daemon() as broker, Sidecar(broker) as sidecar:
        here, old = sidecar.client(), sidecar.client(headers=False, no_responders=False)
        for client, inbox in ((here, "_INBOX.here"), (old, "_INBOX.old")):
            client.subscribe(inbox, "9")
            client.unsubscribe("9", after=1)
            client.publish("nobody.there", b"question", reply=inbox)
        here.expect("_INBOX.here", b"", head=NO_RESPONDERS)
        there = broker.client()
        there.publish("_INBOX.here", b"late")  # what came before did not count towards UNSUB's one
        there.publish("_INBOX.old", b"late")
        here.expect("_INBOX.here", b"late")
        old.expect("_INBOX.old", b"late")
        old.nothing()


def requests_over_http_are_answered_by_who_is_at_the_broker():
    with Daemon() as broker, Sidecar(broker) as sidecar:
        there = broker.client()
        there.subscribe("ask", "1")
        there.flush()
        web = Http(sidecar)
        web.ask("POST", "/v1/request/ask", b"question")
        question = there.expect("ask", b"question")
        there.publish(question.reply, b"answer")
        equal(web.answer().check(200).body, b"answer", "answer")
        equal(web.post("/v1/request/nobody", b"question").status, 503, "status")


def consumers_at_the_broker_deliver_to_clients_here():
    """What they deliver shows another topic than the one subscribed to, and acknowledgements go back."""
    with Daemon(data=True) as broker, Sidecar(broker) as sidecar:
        jet, there = Jet(sidecar), Jet(broker)
        jet.stream("orders", ["orders.>"])
        for number in range(20):
            there.put(f"orders.{number}", b"%d" % number)
        jet.consumer("orders", "reader")
        pulled = jet.pull("orders", "reader", 20)
        equal([message.topic for message in pulled], [f"orders.{number}" for number in range(20)], "topics")
        for message in pulled:
            jet.say(message)
        equal(jet.consumer_info("orders", "reader")["num_ack_pending"], 0, "pending")
        jet.client.subscribe("my.deliveries", "push")
        jet.consumer("orders", "pusher", deliver_subject="my.deliveries", ack_policy="none", filter_subject="orders.7")
        jet.client.expect("orders.7", b"7", sid="push")


if __name__ == "__main__":
    main(messages_pass_both_ways_as_they_are, who_wants_no_echo_does_not_hear_himself,
         a_pong_says_that_the_broker_knows_of_the_subscription, pongs_are_as_many_as_pings,
         each_pattern_gets_what_it_would_get_at_the_broker, many_subscribers_here_are_one_at_the_broker,
         a_group_spans_brokers_and_sidecars, requests_and_answers_pass_both_ways,
         whoever_asks_nobody_is_told_so_if_he_wants_to_hear_it, requests_over_http_are_answered_by_who_is_at_the_broker,
         consumers_at_the_broker_deliver_to_clients_here)
