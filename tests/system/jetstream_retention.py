#!/usr/bin/env python3
"""Messages that go when their consumers are done with them: work queues, and streams kept by interest."""

from harness import Daemon, equal, main
from jet import Jet, Store, hoppers, reply_numbers, status_of


def wait_for_messages(jet, stream, count):
    while jet.state(stream)["messages"] != count:
        pass


def a_work_queue_is_emptied_by_work():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"], retention="workqueue")
        one.fill("s.a", 10)
        one.consumer("S", "D")
        got = two.pull("S", "D", 5)
        equal(one.state("S")["messages"], 10, "delivered is not done")
        for message in got[1:]:
            two.say(message)
        state = one.state("S")
        equal((state["messages"], state["first_seq"]), (6, 1), "the first is still at work")
        two.say(got[0])
        state = one.state("S")
        equal((state["messages"], state["first_seq"], state["last_seq"]), (5, 6, 10), "done with the first five")


def the_consumers_of_a_work_queue_do_not_meet():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], retention="workqueue")

        def bad(config, number):
            jet.bad("CONSUMER.CREATE.S.X", {"stream_name": "S", "config": {"durable_name": "X", **config}}, number)

        bad({"ack_policy": "none"}, 10084)
        bad({"ack_policy": "explicit", "deliver_policy": "new"}, 10101)
        jet.consumer("S", "A", filter_subject="s.a.>")
        bad({"ack_policy": "explicit"}, 10099)
        bad({"ack_policy": "explicit", "filter_subject": "s.a.x"}, 10100)
        bad({"ack_policy": "explicit", "filter_subject": "s.*.x"}, 10100)
        jet.consumer("S", "B", filter_subject="s.b")
        for topic in ("s.a.1", "s.b", "s.c"):
            jet.put(topic)
        jet.say(jet.pull("S", "A", 1)[0])
        jet.say(jet.pull("S", "B", 1)[0])
        equal(jet.good("STREAM.INFO.S", {"subjects_filter": ">"})["state"]["subjects"], {"s.c": 1}, "what is nobody's stays")


def interest_keeps_until_all_are_done():
    with Daemon() as daemon:
        one, two = hoppers(daemon, 2)
        one.stream("S", ["s.>"], retention="interest")
        equal(one.put("s.a")["seq"], 1, "nobody is interested, and it is acknowledged all the same")
        wait_for_messages(two, "S", 0)
        one.consumer("S", "A")
        one.consumer("S", "B", filter_subject="s.b")
        for topic in ("s.a", "s.b", "s.c"):
            one.put(topic)
        got = one.pull("S", "A", 3)
        for message in got:
            one.say(message)
        equal(two.good("STREAM.INFO.S", {"subjects_filter": ">"})["state"]["subjects"], {"s.b": 1}, "B is not done with it")
        two.say(two.pull("S", "B", 1)[0])
        equal(two.state("S")["messages"], 0, "all are done")


def what_matches_nobody_goes():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], retention="interest")
        jet.consumer("S", "A", filter_subject="s.a")
        for topic in ("s.x", "s.a", "s.y"):
            jet.put(topic)
        wait_for_messages(jet, "S", 1)
        equal(reply_numbers(jet.pull("S", "A", 1)[0])[1], 2, "the one that somebody wants")


def a_consumer_that_leaves_lets_go():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"], retention="interest")
        jet.consumer("S", "A")
        jet.consumer("S", "B")
        jet.fill("s.a", 100)
        for message in jet.pull("S", "A", 60):
            jet.say(message)
        equal(jet.state("S")["messages"], 100, "B has seen none")
        jet.good("CONSUMER.DELETE.S.B")
        wait_for_messages(jet, "S", 40)
        jet.good("CONSUMER.DELETE.S.A")
        wait_for_messages(jet, "S", 0)


def work_that_was_done_is_not_done_again_after_a_kill():
    with Store() as store:
        daemon = store.daemon()
        jet = Jet(daemon)
        jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "retention": "workqueue"})
        jet.consumer("S", "D")
        jet.fill("s.a", 200)
        for message in jet.pull("S", "D", 120):
            jet.say(message)
        daemon.kill()
        with store.daemon() as daemon:
            jet = Jet(daemon)
            wait_for_messages(jet, "S", 80)
            equal(sorted(reply_numbers(message)[1] for message in jet.pull("S", "D", 80)), list(range(121, 201)), "what is left")
            equal(status_of(jet.pull("S", "D", 1, no_wait=True, expires=0)[0]), "404 No Messages", "nothing more")


main(a_work_queue_is_emptied_by_work, the_consumers_of_a_work_queue_do_not_meet, interest_keeps_until_all_are_done,
     what_matches_nobody_goes, a_consumer_that_leaves_lets_go, work_that_was_done_is_not_done_again_after_a_kill)
