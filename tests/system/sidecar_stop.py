#!/usr/bin/env python3
"""How a sidecar stops: it begins nothing more for others, ends what it has begun, and serves the application until that has gone."""

import json
import signal
import tempfile
import time

from application import Application
from harness import PATIENCE, Daemon, equal, main, until
from jet import Jet
from sidecar import Sidecar, same_place
from web import Events, Http, Lines

LONG = "server.stop_grace=1m"


def _terminate(sidecar):
    mark = sidecar.log_count()
    sidecar.send_signal(signal.SIGTERM)
    sidecar.wait_log(r" retiring ", since=mark)


def _ends(sidecar, deadline_s=10 * PATIENCE):
    """It ends well, and in time."""
    begin = time.monotonic()
    sidecar.check_end(sidecar.wait_exit(deadline_s))
    return time.monotonic() - begin


def the_application_is_served_until_it_goes():
    with Daemon() as broker, Sidecar(broker, LONG, "server.stop_quiet=200ms") as sidecar, Events(broker, "a", since="latest") as events:
        client = sidecar.client()
        client.flush()
        _terminate(sidecar)
        client.publish("a", b"by a connection that was there")
        equal(events.next().data, "by a connection that was there", "message")
        with sidecar.client() as another:
            another.publish("a", b"by a new one")
            another.flush()
        equal(events.next().data, "by a new one", "message")
        with Http(sidecar) as http:
            equal(http.post("/v1/topics/a", b"by HTTP").status in (200, 202), True, "published over HTTP")
            http.get("/readyz").check(503, "unavailable")
            http.get("/healthz").check(200)
        equal(events.next().data, "by HTTP", "message")
        client.close()
        _ends(sidecar)
        equal("stop_grace_over" in sidecar.log_text(), False, "the grace was over")


def a_call_that_has_begun_is_answered():
    with Daemon() as broker, Sidecar(broker, LONG, "server.stop_quiet=0") as sidecar, Http(sidecar) as http, broker.client() as service:
        service.subscribe("svc.slow.*", "1")
        service.flush()
        http.ask("POST", "/svc/slow", b"")
        request = service.next()
        _terminate(sidecar)
        service.publish(request.reply, b"in the end")
        equal(http.answer().check(200).body, b"in the end", "answer")
        http.close()
        _ends(sidecar)


def where_nobody_is_connected_it_stops_by_itself():
    with Daemon() as broker, Sidecar(broker, LONG, "server.stop_quiet=300ms") as sidecar:
        _terminate(sidecar)
        took = _ends(sidecar)
        if took < 0.2:
            raise AssertionError(f"it ended after {took:.2f} s: an application that publishes now and then would find nobody")


def somebody_who_comes_and_goes_is_waited_for():
    """Connections that are short, but not far apart: it stops when the last is as long ago as stop_quiet."""
    with Daemon() as broker, Sidecar(broker, LONG, "server.stop_quiet=2s") as sidecar:
        _terminate(sidecar)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            with Http(sidecar) as http:
                equal(http.post("/v1/topics/a", b"x").status in (200, 202), True, "published")
            time.sleep(0.1)  # the time between is the matter
        _ends(sidecar)


def the_grace_is_a_bound():
    with Daemon() as broker, Sidecar(broker, "server.stop_grace=500ms") as sidecar, sidecar.client() as client:
        client.flush()
        _terminate(sidecar)
        took = _ends(sidecar)
        if took < 0.4:
            raise AssertionError(f"it ended after {took:.2f} s")
        sidecar.wait_log(r" stop_grace_over ")
        client.expect_closed()


def a_second_signal_ends_the_grace():
    with Daemon() as broker, Sidecar(broker, LONG) as sidecar, sidecar.client() as client:
        client.flush()
        _terminate(sidecar)
        sidecar.send_signal(signal.SIGINT)
        _ends(sidecar)
        client.expect_closed()


def without_a_grace_it_stops_at_once():
    with Daemon() as broker, Sidecar(broker, "server.stop_grace=off") as sidecar, sidecar.client() as client:
        client.flush()
        sidecar.send_signal(signal.SIGTERM)
        _ends(sidecar)
        equal(" retiring " in sidecar.log_text(), False, "it retires")


def a_broker_that_is_away_does_not_keep_it():
    broker = Daemon()
    with Sidecar(broker, LONG, "server.stop_quiet=0") as sidecar:
        broker.kill()
        sidecar.wait_down()
        _terminate(sidecar)
        _ends(sidecar)


def what_the_application_has_is_ended_and_nothing_more_is_fetched():
    """Of two messages one is with it when the signal comes: that is done, the other stays at the broker, which knows both."""
    slow = ["deliver.d.pattern=orders.>", "deliver.d.mode=ordered", LONG, "server.stop_quiet=0"]
    with Daemon() as broker, Application() as app:
        jet = Jet(broker)
        jet.stream("ORDERS", ["orders.>"])
        with Sidecar(broker, f"deliver.d.to={app.url}/events", *slow) as sidecar:
            for number in (1, 2):
                jet.put("orders.a", json.dumps({"id": number, "does": ["wait 700"] * 9}).encode())
            app.wait_events(1)
            _terminate(sidecar)
            _ends(sidecar)
        equal((app.ids(), [entry["done"] for entry in app.entries() if "done" in entry]), ([1], [1]), "what it had")
        info = jet.consumer_info("ORDERS", "d")
        equal((info["ack_floor"]["stream_seq"], info["num_ack_pending"] + info["num_pending"]), (1, 1), "what the broker knows")
        jet.close()


def _ask_on(asker):
    """The head of what comes of one more request; answers to others stay where they are."""
    asker.publish("svc.users.GET", b"", "replies.next")
    asker.wait(lambda: any(message.topic == "replies.next" for message in asker.inbox), "an answer of some kind")
    found = next(message for message in asker.inbox if message.topic == "replies.next")
    asker.inbox.remove(found)
    return found.head


def a_request_that_the_application_has_is_answered_and_the_next_goes_elsewhere():
    with Daemon() as broker, Application() as app, broker.client() as asker:
        options = ["serve.users.topic=svc.users.>", f"serve.users.to={app.url}", LONG, "server.stop_quiet=0"]
        with Sidecar(broker, *options) as sidecar, sidecar.client() as client:
            client.flush()
            asker.subscribe("replies.*", "1")

            def ask(reply, target):
                asker.publish("svc.users.GET", b"", reply, b"NATS/1.0\r\nPosthorn-Method: GET\r\nPosthorn-Target: %s\r\n\r\n" % target)
                return asker.next()

            until(lambda: b"Posthorn-Status: 204" in ask("replies.ready", b"/nothing").head, "the service to be there")
            asker.publish("svc.users.GET", b"", "replies.slow",
                          b"NATS/1.0\r\nPosthorn-Method: GET\r\nPosthorn-Target: /wait?ms=700&id=7\r\n\r\n")
            until(lambda: any(entry.get("wait") == "7" for entry in app.entries()), "the application to have the request")
            _terminate(sidecar)
            until(lambda: b" 503" in _ask_on(asker), "nobody to take requests")
            equal(asker.expect("replies.slow").body, b"waited 7", "answer")
            client.close()
            _ends(sidecar)


def what_the_broker_has_not_taken_goes_on_its_way_after_a_start():
    with tempfile.TemporaryDirectory() as directory:
        broker = Daemon()
        line, web = same_place(broker.line[0]), same_place(broker.http[0])
        options = [LONG, "server.stop_quiet=0", f"server.data_dir={directory}"]
        with Sidecar(broker, *options) as sidecar:
            broker.kill()
            sidecar.wait_down()
            with Http(sidecar) as http:
                _terminate(sidecar)
                for number in range(20):
                    http.post("/v1/topics/a", b"%d" % number).check(200)
            _ends(sidecar)
        with Daemon(listen=line, http=web) as again, Sidecar(again, *options), Lines(again, "a", since="all") as lines:
            equal([message["data"] for message in lines.take(20)], [str(number) for number in range(20)], "messages")


if __name__ == "__main__":
    main(what_the_application_has_is_ended_and_nothing_more_is_fetched,
         a_request_that_the_application_has_is_answered_and_the_next_goes_elsewhere,
         what_the_broker_has_not_taken_goes_on_its_way_after_a_start,
         the_application_is_served_until_it_goes, a_call_that_has_begun_is_answered, where_nobody_is_connected_it_stops_by_itself,
         somebody_who_comes_and_goes_is_waited_for, the_grace_is_a_bound, a_second_signal_ends_the_grace,
         without_a_grace_it_stops_at_once, a_broker_that_is_away_does_not_keep_it)
