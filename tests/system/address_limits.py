#!/usr/bin/env python3
"""What may come from one address: rates and subscriptions of all its connections together, over all workers, the line protocol and
HTTP alike; other addresses do not notice."""

import http.client
import time

from harness import ORACLE, PATIENCE, Daemon, Skip, equal, flush_all, main, publish_bytes, pump, until

HERE, THERE = "127.0.0.1", "127.0.0.2"


def _daemon(*options, **settings):
    if ORACLE:
        raise Skip("nats-server has no such limits")
    return Daemon(*(f"server.{option}" for option in options), **settings)


def _clients(daemon, count, source=HERE, **settings):
    return [daemon.client(source=source, **settings) for _ in range(count)]


def subscriptions_are_counted_over_all_connections():
    with _daemon("subscriptions_per_address_max=4") as daemon:
        clients = _clients(daemon, 3)
        for number, client in enumerate(clients):
            client.subscribe("a", "1")
            client.subscribe("b", "2")
            client.flush()
            equal(client.errors, [] if number < 2 else ["maximum subscriptions exceeded"] * 2, f"errors of client {number}")
        other = _clients(daemon, 1, THERE)[0]
        for sid in range(4):
            other.subscribe("a", str(sid))
        other.flush()
        equal(other.errors, [], "errors of another address")
        clients[0].unsubscribe("1")
        clients[0].flush()
        clients[1].close()

        def subscribes():
            clients[2].errors.clear()
            for sid in "345":
                clients[2].subscribe("a", sid)
            clients[2].flush()
            good = not clients[2].errors
            for sid in "345":
                clients[2].unsubscribe(sid)
            clients[2].flush()
            return good

        until(subscribes, "room for three when some have gone")


def users_count_besides():
    """Whom the limit of his user refuses uses nothing up of that of his address, nor the other way round."""
    with _daemon("subscriptions_per_address_max=3", config="[user ann]\ntoken = ann\nsubscriptions_max = 2\n[user bob]\ntoken = bob\n") as daemon:
        ann, bob = (daemon.client(source=HERE, auth_token=name) for name in ("ann", "bob"))
        for sid in range(10):
            ann.subscribe("a", str(sid))
        ann.flush()
        equal(len(ann.errors), 8, "errors of Ann")
        for sid in range(10):
            bob.subscribe("a", str(sid))
        bob.flush()
        equal(len(bob.errors), 9, "errors of Bob")
        bob.unsubscribe("0")
        bob.flush()
        ann.unsubscribe("0")
        ann.subscribe("a", "20")
        ann.flush()
        equal(len(ann.errors), 8, "errors of Ann when there is room")


def the_rate_holds_over_all_connections_and_nothing_is_lost():
    """A second's worth at once, the rest at the rate: 4,000 messages at 1,000 a second take three seconds, by four connections."""
    with _daemon("publish_rate_per_address=1000") as daemon:
        listener = _clients(daemon, 1, THERE)[0]
        listener.subscribe("a.>", "1")
        listener.flush()
        senders = _clients(daemon, 4)
        flush_all(senders)
        start = time.monotonic()
        for number, sender in enumerate(senders):
            sender.out += b"".join(publish_bytes(f"a.{number}", b"%d" % n) for n in range(1000))
            sender.ping_queued()
        pump([listener, *senders], lambda: all(s.flushed() for s in senders) and listener.received_count == 4000, "all", 30 * PATIENCE)
        took = time.monotonic() - start
        if not 2.9 <= took <= 4 * PATIENCE:
            raise AssertionError(f"4,000 messages took {took:.2f} s")
        last = {}
        for message in listener.inbox:
            equal(int(message.body), last.get(message.topic, -1) + 1, f"number on {message.topic}")
            last[message.topic] = int(message.body)
        return f"{took:.2f} s"


def bytes_are_counted():
    with _daemon("publish_bytes_rate_per_address=1MiB") as daemon:
        sender = _clients(daemon, 1)[0]
        sender.flush()
        start = time.monotonic()
        sender.send(publish_bytes("a", b"x" * 65536) * 48)  # 3 MiB
        sender.flush()
        took = time.monotonic() - start
        if not 1.8 <= took <= 3 * PATIENCE:
            raise AssertionError(f"3 MiB took {took:.2f} s")


def _post(daemon, source):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.http_port, source_address=(source, 0))
    connection.request("POST", "/v1/topics/a", b"x")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader("Retry-After"), body


def http_is_told_to_come_again_later():
    with _daemon("publish_rate_per_address=5") as daemon:
        answers = []
        while not answers or (answers[-1][0] != 429 and len(answers) < 50):
            answers.append(_post(daemon, HERE))
        status, retry, body = answers[-1]
        equal((status, retry, b"urn:posthorn:problem:too-often" in body), (429, "1", True), "answer to one too many")
        equal(5 <= len(answers) - 1 <= 7, True, f"messages at once ({len(answers) - 1})")
        equal(_post(daemon, THERE)[0] in (200, 202), True, "another address")


def the_stricter_of_two_rates_holds():
    with _daemon("publish_rate_per_address=300", config="[user ann]\ntoken = ann\npublish_rate = 100000\n[user bob]\ntoken = bob\n"
                 "publish_rate = 100\n") as daemon:
        for name, count in (("ann", 900), ("bob", 250)):
            client = daemon.client(source=HERE, auth_token=name)
            client.flush()
            start = time.monotonic()
            client.send(publish_bytes("a", b"x") * count)
            client.flush()
            took = time.monotonic() - start
            if took < 1.4:
                raise AssertionError(f"{count} messages of {name} took {took:.2f} s")


def coming_anew_does_not_pay_what_is_owed():
    with _daemon("publish_rate_per_address=100") as daemon:
        first = _clients(daemon, 1)[0]
        first.send(publish_bytes("a", b"x") * 120)
        first.flush()
        first.close()
        second = _clients(daemon, 1)[0]
        second.flush()
        start = time.monotonic()
        second.send(publish_bytes("a", b"x") * 100)
        second.flush()
        if time.monotonic() - start < 0.7:
            raise AssertionError("a new connection had a second's worth again")


def a_reload_changes_what_those_who_are_in_may():
    with _daemon(config="") as daemon:
        clients = _clients(daemon, 2)
        clients[0].subscribe("a", "1")
        flush_all(clients)

        def reload(text):
            mark = daemon.log_count()
            daemon.reload(text)
            daemon.wait_log("reloaded", since=mark)

        reload("[server]\nsubscriptions_per_address_max = 2\npublish_rate_per_address = 200\n")
        clients[1].subscribe("a", "1")
        clients[1].subscribe("a", "2")
        clients[1].flush()
        equal(clients[1].errors, ["maximum subscriptions exceeded"], "errors: one was there before")
        start = time.monotonic()
        clients[0].send(publish_bytes("b", b"x") * 400)
        clients[0].flush()
        if time.monotonic() - start < 0.9:
            raise AssertionError("the rate does not hold")
        reload("")
        start = time.monotonic()
        clients[0].send(publish_bytes("b", b"x" * 100) * 5000)
        clients[0].flush()
        if time.monotonic() - start > 5 * PATIENCE:
            raise AssertionError("the rate still holds")
        clients[1].subscribe("a", "3")
        clients[1].flush()
        equal(len(clients[1].errors), 1, "errors")
        reload("[server]\nsubscriptions_per_address_max = 3\n")  # three are there, and are counted again
        clients[1].subscribe("a", "4")
        clients[1].flush()
        equal(len(clients[1].errors), 2, "errors")


if __name__ == "__main__":
    main(subscriptions_are_counted_over_all_connections, users_count_besides,
         the_rate_holds_over_all_connections_and_nothing_is_lost, bytes_are_counted, http_is_told_to_come_again_later,
         the_stricter_of_two_rates_holds, coming_anew_does_not_pay_what_is_owed, a_reload_changes_what_those_who_are_in_may)
