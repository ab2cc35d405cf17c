#!/usr/bin/env python3
"""Dead letters: what was delivered too often, or terminated, is kept in a stream of its own, with the reason."""

import json

from harness import Daemon, equal, main
from jet import Jet, Store, headers_of, hoppers, reply_numbers, status_of

MS = 1_000_000


def dead_letters(jet, stream, count):
    """Waits until there are so many, and returns them, as direct gets tell them."""
    name = f"DEAD_{stream}"
    while jet.api(f"STREAM.INFO.{name}").get("state", {}).get("messages", 0) < count:
        pass
    return [jet.request(f"$JS.API.DIRECT.GET.{name}", b'{"seq":%d}' % sequence) for sequence in range(1, count + 1)]


def a_message_that_is_never_acknowledged_dies():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        two.client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", "advisory")
        two.client.flush()
        one.stream("S", ["s.>"])
        one.put("s.a", b"poison", Name="value", Nats_Msg_Id="x")
        one.put("s.b", b"good")
        one.consumer("S", "D", max_deliver=2, ack_wait=100 * MS)
        first, good = one.pull("S", "D", 2)
        one.say(good)
        again = one.pull("S", "D", 1)[0]
        equal(reply_numbers(again)[:2], [2, 1], "the last delivery")
        letter = dead_letters(two, "S", 1)[0]
        headers = headers_of(letter)
        wanted = {"Name": "value", "Posthorn-Dead-Reason": "max_deliver", "Posthorn-Dead-Count": "2", "Posthorn-Dead-Stream": "S",
                  "Posthorn-Dead-Sequence": "1", "Posthorn-Dead-Topic": "s.a", "Posthorn-Dead-Consumer": "D",
                  "Nats-Subject": "$DEAD.S.D"}
        equal({name: headers.get(name) for name in wanted}, wanted, "headers")
        equal(letter.body, b"poison", "payload")
        advisory = two.client.next()
        equal(advisory.topic, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.D", "topic of the advisory")
        told = json.loads(advisory.body)
        equal((told["type"], told["stream"], told["consumer"], told["stream_seq"], told["deliveries"]),
              ("io.nats.jetstream.advisory.v1.max_deliver", "S", "D", 1, 2), "advisory")
        while one.consumer_info("S", "D")["num_ack_pending"]:
            pass
        equal(one.consumer_info("S", "D")["ack_floor"]["stream_seq"], 2, "the consumer is done with it")
        equal(status_of(one.pull("S", "D", 1, no_wait=True, expires=0)[0]), "404 No Messages", "it does not come again")


def a_message_that_is_terminated_dies_with_the_words_of_who_did_it():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        two.client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>", "advisory")
        two.client.flush()
        one.stream("S", ["s.>"])
        one.put("s.a", b"poison")
        one.consumer("S", "D")
        two.tell(two.pull("S", "D", 1)[0], "term", b" cannot be parsed")
        headers = headers_of(dead_letters(one, "S", 1)[0])
        equal((headers["Posthorn-Dead-Reason"], headers["Posthorn-Dead-Words"], headers["Posthorn-Dead-Count"]),
              ("terminated", "cannot be parsed", "1"), "headers")
        told = json.loads(two.client.next().body)
        equal((told["type"], told["stream_seq"], told["reason"]), ("io.nats.jetstream.advisory.v1.terminated", 1, "cannot be parsed"),
              "advisory")


def dead_letters_are_messages_like_others():
    """They are read, consumed and published anew; and die once, not for ever."""
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.consumer("S", "D")
        jet.client.subscribe("$DEAD.S.>", "live")
        jet.fill("s.a", 10)
        for message in jet.pull("S", "D", 10):
            jet.tell(message, "term")
        equal(sorted(jet.client.next().body for _ in range(10)), [b"%d" % i for i in range(10)], "live")
        dead_letters(jet, "S", 10)
        jet.consumer("DEAD_S", "again", max_deliver=1)
        for message in jet.pull("DEAD_S", "again", 10):
            jet.tell(message, "term")
        while jet.consumer_info("DEAD_S", "again")["num_ack_pending"]:
            pass
        equal(jet.state("DEAD_S")["messages"], 10, "no dead letters of dead letters")
        equal(jet.good("STREAM.NAMES")["streams"], ["DEAD_S", "S"], "streams")


def whoever_made_their_stream_before_has_it_as_he_wants():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.stream("graves", ["$DEAD.>"], max_msgs=1)
        jet.consumer("S", "D")
        jet.fill("s.a", 2)
        for message in jet.pull("S", "D", 2):
            jet.tell(message, "term")
        while jet.state("graves")["last_seq"] < 2:
            pass
        equal(jet.good("STREAM.NAMES")["streams"], ["S", "graves"], "streams")


def the_dead_leave_a_work_queue():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], retention="workqueue")
        jet.consumer("S", "D")
        jet.fill("s.a", 3)
        for message in jet.pull("S", "D", 3):
            jet.tell(message, "term")
        dead_letters(jet, "S", 3)
        while jet.state("S")["messages"]:
            pass


def dead_letters_outlive_a_kill_and_come_once():
    with Store() as store:
        daemon = store.daemon()
        jet = Jet(daemon)
        jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
        jet.consumer("S", "D")
        jet.fill("s.a", 50)
        for message in jet.pull("S", "D", 50):
            jet.tell(message, "term")
        dead_letters(jet, "S", 50)
        daemon.kill()
        with store.daemon() as daemon:
            jet = Jet(daemon)
            bodies = [letter.body for letter in dead_letters(jet, "S", 50)]
            equal(sorted(bodies, key=int), [b"%d" % i for i in range(50)], "letters")
            equal(jet.state("DEAD_S")["messages"], 50, "messages")


main(a_message_that_is_never_acknowledged_dies, a_message_that_is_terminated_dies_with_the_words_of_who_did_it,
     dead_letters_are_messages_like_others, whoever_made_their_stream_before_has_it_as_he_wants, the_dead_leave_a_work_queue,
     dead_letters_outlive_a_kill_and_come_once)
