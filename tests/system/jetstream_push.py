#!/usr/bin/env python3
"""Push consumers: they deliver to whoever listens, in a group too, under flow control, with heartbeats; ordered ones."""

from harness import Daemon, equal, main
from jet import Jet, headers_of, hoppers, reply_numbers, status_of

MS = 1_000_000


def it_delivers_to_whoever_listens_wherever_that_is():
    with Daemon() as daemon:
        maker, *listeners = hoppers(daemon, 5)
        maker.stream("S", ["s.>"])
        maker.fill("s.a", 3)
        for i, jet in enumerate(listeners):
            jet.client.subscribe(f"to.{i}", "push")
            jet.client.flush()
            maker.consumer("S", f"D{i}", deliver_subject=f"to.{i}")
        maker.put("s.b", b"last")
        for jet in listeners:
            got = [jet.client.next() for _ in range(4)]
            equal([(message.topic, message.body) for message in got], [("s.a", b"0"), ("s.a", b"1"), ("s.a", b"2"), ("s.b", b"last")], "got")
            for message in got:
                jet.say(message)
        for i in range(4):
            info = maker.consumer_info("S", f"D{i}")
            equal((info["ack_floor"]["stream_seq"], info["push_bound"]), (4, True), "info")


def it_waits_until_somebody_listens():
    with Daemon() as daemon:
        maker, listener = hoppers(daemon, 2)
        maker.stream("S", ["s.>"])
        maker.fill("s.a", 2)
        maker.consumer("S", "D", deliver_subject="to")
        equal(maker.consumer_info("S", "D")["delivered"]["stream_seq"], 0, "delivered to nobody")
        listener.client.subscribe("to", "push")
        got = [listener.client.next() for _ in range(2)]
        equal([reply_numbers(message)[1] for message in got], [1, 2], "sequences")
        listener.client.unsubscribe("push")
        listener.client.flush()
        maker.put("s.a")
        equal(maker.consumer_info("S", "D").get("push_bound"), None, "nobody listens any more")
        listener.client.subscribe("to", "again")
        equal(reply_numbers(listener.client.next())[1], 3, "the one that came meanwhile")


def pulling_from_it_is_refused():
    with Daemon() as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.consumer("S", "D", deliver_subject="to")
        equal(status_of(jet.pull("S", "D", 1)[0]), "409 Consumer is push based", "status")


def a_group_shares_the_work():
    count = 400
    with Daemon() as daemon:
        jets = hoppers(daemon)
        jets[0].stream("S", ["s.>"])
        for jet in jets:
            jet.client.subscribe("to", "push", group="workers")
            jet.client.flush()
        jets[0].client.subscribe("to", "plain")
        jets[0].client.flush()
        jets[0].client.unsubscribe("plain")
        jets[0].consumer("S", "D", deliver_subject="to", deliver_group="workers")
        jets[1].fill("s.a", count)
        seen = []
        clients = [jet.client for jet in jets]
        while len(seen) < count:
            for jet in jets:
                jet.client.flush()
                while jet.client.inbox:
                    message = jet.client.inbox.popleft()
                    seen.append(reply_numbers(message)[1])
                    jet.tell(message)
        equal(sorted(seen), list(range(1, count + 1)), "each message once")
        if any(client.received_count < count // 20 for client in clients):
            raise AssertionError(f"shared as {[client.received_count for client in clients]}")


def an_ordered_one_is_paced_and_goes_on():
    """Ack policy none, flow control and heartbeats, as clients' ordered consumers and key-value watches ask for."""
    count = 5000
    with Daemon() as daemon:
        maker, listener = hoppers(daemon, 2)
        maker.stream("S", ["s.>"])
        maker.fill("s.a", count, body=b"x" * 500)
        listener.client.subscribe("to", "push")
        created = listener.good("CONSUMER.CREATE.S", {"stream_name": "S", "config": {
            "deliver_subject": "to", "ack_policy": "none", "max_deliver": 1, "flow_control": True, "idle_heartbeat": 200 * MS,
            "mem_storage": True, "num_replicas": 1}})
        equal(created["config"]["flow_control"], True, "flow_control")
        seen, controls, beats = 0, 0, 0
        while seen < count or beats < 2:
            message = listener.client.next()
            status = status_of(message)
            if status == "100 FlowControl Request":
                controls += 1
                equal(message.reply.startswith(f"$JS.FC.S.{created['name']}."), True, "reply")
                listener.client.publish(message.reply)
            elif status == "100 Idle Heartbeat":
                beats += 1
                stalled = headers_of(message).get("Nats-Consumer-Stalled")
                if stalled:
                    listener.client.publish(stalled)
                elif seen == count:
                    equal(headers_of(message)["Nats-Last-Consumer"], str(count), "last consumer sequence")
            else:
                seen += 1
                equal(reply_numbers(message)[1:3], [seen, seen], "sequence")
        if not controls:
            raise AssertionError("no flow control request came")


def headers_alone_tell_the_size():
    with Daemon() as daemon:
        maker, listener = hoppers(daemon, 2)
        maker.stream("S", ["s.>"])
        maker.put("s.a", b"12345", Name="value")
        maker.put("s.a", b"1234567")
        listener.client.subscribe("to", "push")
        listener.client.flush()
        maker.consumer("S", "D", deliver_subject="to", headers_only=True)
        first, second = listener.client.next(), listener.client.next()
        equal((first.body, headers_of(first)), (b"", {"": "", "Name": "value", "Nats-Msg-Size": "5"}), "with headers of its own")
        equal((second.body, headers_of(second)), (b"", {"": "", "Nats-Msg-Size": "7"}), "without")


def an_ephemeral_one_goes_with_its_listener():
    with Daemon() as daemon:
        maker, listener = hoppers(daemon, 2)
        maker.stream("S", ["s.>"])
        listener.client.subscribe("to", "push")
        listener.client.flush()
        maker.good("CONSUMER.CREATE.S", {"stream_name": "S", "config": {
            "deliver_subject": "to", "ack_policy": "none", "inactive_threshold": 300 * MS}})
        equal(len(maker.good("CONSUMER.NAMES.S")["consumers"]), 1, "consumers")
        listener.close()
        while maker.good("CONSUMER.NAMES.S")["consumers"]:
            pass


def a_slow_listener_gets_everything():
    """More than its output may hold waits in the stream, not in the server's memory."""
    count, size = 400, 100_000
    with Daemon("line.pending_size_max=4MiB") as daemon:
        maker, listener = hoppers(daemon, 2)
        maker.stream("S", ["s.>"])
        for _ in range(count):
            maker.client.publish("s.a", b"x" * size)
        maker.client.flush()
        listener.client.subscribe("to", "push")
        listener.client.flush()
        before = daemon.memory_bytes()
        maker.consumer("S", "D", deliver_subject="to", ack_policy="none")
        maker.client.listen(0.5)
        note = daemon.check_growth(before, 24 << 20)
        for sequence in range(1, count + 1):
            message = listener.client.next()
            equal((reply_numbers(message)[1], len(message.body)), (sequence, size), "message")
        return note


main(it_delivers_to_whoever_listens_wherever_that_is, it_waits_until_somebody_listens, pulling_from_it_is_refused,
     a_group_shares_the_work, an_ordered_one_is_paced_and_goes_on, headers_alone_tell_the_size,
     an_ephemeral_one_goes_with_its_listener, a_slow_listener_gets_everything)
