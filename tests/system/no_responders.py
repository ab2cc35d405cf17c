#!/usr/bin/env python3
"""No responders across workers: a request is answered 503 exactly when nobody on any worker wants it."""

import random

from harness import Daemon, equal, flush_all, main

STATUS = b"NATS/1.0 503\r\n\r\n"


def nobody_anywhere_is_answered_at_once():
    with Daemon() as daemon:
        clients = daemon.clients(8)
        for i, client in enumerate(clients):
            client.subscribe(f"inbox.{i}.*", "1")
        flush_all(clients)
        for i, client in enumerate(clients):
            for n in range(50):
                client.publish("nobody", b"?", reply=f"inbox.{i}.{n}")
            for n in range(50):
                client.expect(f"inbox.{i}.{n}", b"", head=STATUS)
            client.nothing()


def somebody_on_another_worker_is_somebody():
    """A responder comes, is asked, leaves, is missed; over and over, between all pairs of connections."""
    source = random.Random(5)
    with Daemon() as daemon:
        clients = daemon.clients(8)
        for i, client in enumerate(clients):
            client.subscribe(f"inbox.{i}", "in")
        flush_all(clients)
        for step in range(300):
            i, j = source.sample(range(len(clients)), 2)
            asker, responder = clients[i], clients[j]
            group = source.choice(("", "g"))
            responder.subscribe(source.choice(("service", "*", ">")) if not group else "service", f"s{step}", group=group)
            responder.flush()
            asker.publish("service", b"%d" % step, reply=f"inbox.{i}")
            request = responder.next()
            equal((request.topic, request.body, request.reply), ("service", b"%d" % step, f"inbox.{i}"), "request")
            responder.unsubscribe(f"s{step}")
            responder.flush()
            responder.inbox.clear()
            asker.publish("service", b"again", reply=f"inbox.{i}")
            asker.expect(f"inbox.{i}", b"", head=STATUS)
            for client in (asker, responder):
                client.nothing()


def a_responder_that_has_left_without_a_word_is_nobody():
    with Daemon() as daemon:
        asker, watcher = daemon.client(), daemon.client()
        asker.subscribe("inbox", "1")
        for step in range(20):
            responder = daemon.client()
            responder.subscribe("service", "1")
            responder.flush()
            asker.publish("service", reply="inbox")
            responder.expect("service")
            responder.reset() if step % 2 else responder.close()
            # The end of a connection has no flush: ask until its worker has seen it, at most one request is lost a round.
            for attempt in range(5000):
                asker.publish("service", reply="inbox")
                asker.flush()
                if asker.inbox:
                    break
            asker.expect("inbox", b"", head=STATUS)
            asker.inbox.clear()
        watcher.flush()


def without_headers_or_without_asking_there_is_silence():
    with Daemon() as daemon:
        for settings in ({"headers": False, "no_responders": False}, {"headers": True, "no_responders": False}):
            client = daemon.client(**settings)
            client.subscribe("inbox", "1")
            client.publish("nobody", reply="inbox")
            client.nothing()


if __name__ == "__main__":
    main(nobody_anywhere_is_answered_at_once, somebody_on_another_worker_is_somebody, a_responder_that_has_left_without_a_word_is_nobody,
         without_headers_or_without_asking_there_is_silence)
