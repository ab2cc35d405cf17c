#!/usr/bin/env python3
"""Streams and consumers over a restart, clean or not: settings, messages, positions."""

from harness import equal, main
from jet import Jet, Store, hoppers, reply_numbers, status_of

MS = 1_000_000


def restarts(store, how):
    """Daemons one after the other on the same directory; each is ended as it is told."""
    daemon = None
    try:
        while True:
            daemon = store.daemon()
            yield daemon
            daemon.kill() if how == "kill" else daemon.stop()
            daemon = None
    finally:
        if daemon:
            daemon.kill()


def settings_and_messages_are_there_again():
    for how in ("stop", "kill"):
        with Store() as store:
            daemons = restarts(store, how)
            jet = Jet(next(daemons))
            created = jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "max_msgs": 100, "metadata": {"a": "b"}})
            jet.fill("s.a", 10)
            jet.stream("M", ["m.>"])
            jet.put("m.a")
            made = jet.consumer("S", "D", filter_subjects=["s.a", "s.b"], backoff=[1000 * MS, 2000 * MS], max_deliver=5)
            jet = Jet(next(daemons))
            info = jet.info("S")
            equal((info["config"], info["created"]), (created["config"], created["created"]), "stream")
            equal((info["state"]["messages"], info["state"]["consumer_count"]), (10, 1), "state")
            equal(jet.state("M")["messages"], 0, "what was in memory")
            found = jet.consumer_info("S", "D")
            equal((found["config"], found["created"]), (made["config"], made["created"]), "consumer")
            jet.good("CONSUMER.DELETE.S.D")
            jet.good("STREAM.DELETE.M")
            jet = Jet(next(daemons))
            equal(jet.good("CONSUMER.NAMES.S")["consumers"], [], "consumers")
            equal(jet.good("STREAM.NAMES")["streams"], ["S"], "streams")
            jet.good("STREAM.DELETE.S")
            jet = Jet(next(daemons))
            equal(jet.good("STREAM.NAMES")["streams"], None, "streams")
            daemons.close()


def what_was_acknowledged_and_answered_stays_so():
    """After a kill: acknowledgements that were answered hold, everything else comes again, nothing is left out."""
    with Store() as store:
        daemons = restarts(store, "kill")
        jets = hoppers(next(daemons))
        jets[0].good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
        jets[0].consumer("S", "D", ack_wait=60_000 * MS)
        jets[1].fill("s.a", 100)
        done = set()
        for _ in range(4):
            for jet in jets:
                for message in jet.pull("S", "D", 5):
                    sequence = reply_numbers(message)[1]
                    if sequence in done:
                        raise AssertionError(f"{sequence} comes again, and was acknowledged")
                    if sequence % 3:
                        jet.say(message)
                        done.add(sequence)
            jets = hoppers(next(daemons))
        info = jets[0].consumer_info("S", "D")
        equal(info["num_ack_pending"] + info["num_pending"], 100 - len(done), "what is left")
        daemons.close()


def a_clean_stop_loses_no_position():
    with Store() as store:
        daemons = restarts(store, "stop")
        jet = Jet(next(daemons))
        jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
        jet.consumer("S", "D")
        jet.fill("s.a", 100)
        for message in jet.pull("S", "D", 70):
            jet.tell(message)
        jet.client.flush()
        while jet.consumer_info("S", "D")["num_ack_pending"]:
            pass
        jet = Jet(next(daemons))
        info = jet.consumer_info("S", "D")
        equal((info["delivered"]["stream_seq"], info["ack_floor"]["stream_seq"], info["num_pending"]), (70, 70, 30), "info")
        equal([reply_numbers(message)[1:3] for message in jet.pull("S", "D", 2)], [[71, 71], [72, 72]], "the next ones")
        daemons.close()


def ephemeral_consumers_come_back_too():
    """Clients of NATS rely on it: a watch goes on by itself."""
    with Store() as store:
        daemons = restarts(store, "kill")
        jet = Jet(next(daemons))
        jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
        jet.client.subscribe("to", "push")
        made = jet.good("CONSUMER.CREATE.S", {"stream_name": "S", "config": {
            "deliver_subject": "to", "ack_policy": "none", "idle_heartbeat": 60_000 * MS, "flow_control": True,
            "inactive_threshold": 10_000 * MS}})
        jet.fill("s.a", 3)
        for _ in range(3):
            jet.client.next()
        jet = Jet(next(daemons))
        equal(jet.good("CONSUMER.NAMES.S")["consumers"], [made["name"]], "consumers")
        jet.client.subscribe("to", "push")
        jet.put("s.a", b"news")
        while jet.client.next().body != b"news":
            pass
        daemons.close()


def a_stream_of_the_same_name_begins_anew():
    """What was stored of an earlier one's consumers is not taken up."""
    with Store() as store:
        daemons = restarts(store, "kill")
        jet = Jet(next(daemons))
        for _ in range(2):
            jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
            jet.consumer("S", "D")
            jet.fill("s.a", 10)
            for message in jet.pull("S", "D", 10):
                jet.say(message)
            jet.good("STREAM.DELETE.S")
            jet = Jet(next(daemons))
        jet.good("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"]})
        equal(jet.good("CONSUMER.NAMES.S")["consumers"], [], "consumers")
        equal(jet.put("s.a")["seq"], 1, "seq")
        jet.consumer("S", "D")
        jet = Jet(next(daemons))
        equal(reply_numbers(jet.pull("S", "D", 1)[0])[1], 1, "the first")
        equal(status_of(jet.pull("S", "D", 1, no_wait=True, expires=0)[0]), "404 No Messages", "nothing more")
        daemons.close()


main(settings_and_messages_are_there_again, what_was_acknowledged_and_answered_stays_so, a_clean_stop_loses_no_position,
     ephemeral_consumers_come_back_too, a_stream_of_the_same_name_begins_anew)
