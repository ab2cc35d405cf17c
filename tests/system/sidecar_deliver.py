#!/usr/bin/env python3
"""[deliver NAME]: messages of a stream, posted to an application without any broker in it."""

import json

from application import Application
from harness import DEADLINE_S, Daemon, equal, main, until
from jet import Jet, head_of, headers_of
from sidecar import Sidecar
from web import Http


class Scene:
    """A broker with a stream, an application, and a sidecar that delivers orders.> to it."""

    def __init__(self, *options, app=None, stream=True, quick=True, name="billing", data=None):
        self.app = app or Application()
        self.broker = Daemon(data=data)
        self.jet = Jet(self.broker)
        if stream:
            self.jet.stream("ORDERS", ["orders.>"])
        self.name = name
        retries = [f"deliver.{name}.retries=50ms, 50ms"] if quick else []
        self.options = [f"deliver.{name}.pattern=orders.>", f"deliver.{name}.to={self.app.url}/events", *retries, *options]
        self.sidecar = Sidecar(self.broker, *self.options)

    def put(self, number, topic="orders.a", head=None, **event):
        return self.jet.put(topic, json.dumps({"id": number, **event}).encode(), **(head or {}))

    def info(self):
        return self.jet.consumer_info("ORDERS", self.name)

    def wait_settled(self, count, deadline_s=DEADLINE_S):
        """The broker knows that so many messages are done with, or dead."""
        def settled():
            info = self.jet.api(f"CONSUMER.INFO.ORDERS.{self.name}")
            return "error" not in info and info["ack_floor"]["stream_seq"] == count and info["num_ack_pending"] == 0
        until(settled, f"{count} messages settled; {self.app.ids()[-10:]}", deadline_s)

    def dead(self):
        """The dead letters, as pairs of payload and headers."""
        count = self.jet.info("DEAD_ORDERS")["state"]["messages"]
        self.jet.consumer("DEAD_ORDERS", "reader", ack_policy="none")
        return [(json.loads(message.body), headers_of(message)) for message in self.jet.pull("DEAD_ORDERS", "reader", count)]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.jet.close()
        self.sidecar.__exit__(kind, value, trace)
        self.app.kill()
        self.broker.__exit__(kind, value, trace)


def messages_are_posted_as_they_are():
    with Scene() as scene:
        scene.put(1, "orders.eu.1", {"Content_Type": "application/json", "traceparent": "00-a-b-01", "X_Own": "7"})
        event = scene.app.wait_events(1)[0]
        got = event["headers"]
        wanted = {"content-type": "application/json", "posthorn-topic": "orders.eu.1", "posthorn-stream": "ORDERS",
                  "posthorn-sequence": "1", "posthorn-attempt": "1", "posthorn-header-x-own": "7", "traceparent": "00-a-b-01"}
        equal({name: got.get(name) for name in wanted}, wanted, "headers")
        equal("accept" in got or "expect" in got, False, "headers that nobody has asked for")
        scene.wait_settled(1)
        equal(scene.info()["config"]["filter_subject"], "orders.>", "filter of the consumer")


def what_was_there_before_is_posted_unless_only_new_is_wanted():
    with Scene() as scene, Application() as other:
        for number in range(1, 21):
            scene.put(number)
        equal(sorted(event["id"] for event in scene.app.wait_events(20)), list(range(1, 21)), "events")
        with Sidecar(scene.broker, "deliver.late.pattern=orders.>", f"deliver.late.to={other.url}/events",
                     "deliver.late.start=new"):
            until(lambda: "error" not in scene.jet.api("CONSUMER.INFO.ORDERS.late"), "the consumer")
            scene.put(21)
            equal([event["id"] for event in other.wait_events(1)], [21], "what is new")


def ordered_means_one_after_the_other_whatever_fails():
    with Scene("deliver.billing.mode=ordered") as scene:
        for number in range(1, 41):
            does = {3: ["500"], 10: ["RETRY", "503"], 20: ["wait 200"], 30: ["404"], 35: ["500", "500", "500"]}.get(number, [])
            scene.put(number, does=does)
        scene.wait_settled(40)
        ids = scene.app.ids()
        equal(ids, sorted(ids), "order")
        equal([ids.count(number) for number in (3, 10, 20, 30, 35)], [2, 3, 1, 1, 3], "attempts")
        equal(scene.app.most(), 1, "events at once")
        equal([(body["id"], head["Posthorn-Dead-Words"]) for body, head in scene.dead()],
              [(30, "dropped by the application"), (35, "answered 500")], "dead letters")


def parallel_is_bounded_and_begins_with_one():
    with Scene("deliver.billing.concurrency=4") as scene:
        for number in range(1, 61):
            scene.put(number, always="wait 20")
        scene.wait_settled(60)
        equal(scene.app.most(), 4, "events at once")
        equal(max(event["now"] for event in scene.app.events()[:1]), 1, "events at once in the beginning")
        equal(sorted(scene.app.ids()), list(range(1, 61)), "events")


def answers_mean_what_they_mean_to_dapr():
    with Scene() as scene:
        scene.put(1, does=["RETRY"])
        scene.put(2, does=["SUCCESS"])
        scene.put(3, does=["DROP"])
        scene.put(4, does=["404"])
        scene.put(5, does=["302", "RETRY", "204"])
        scene.wait_settled(5)
        equal([scene.app.ids().count(number) for number in range(1, 6)], [2, 1, 1, 1, 3], "attempts")
        attempts = [event["attempt"] for event in scene.app.events() if event["id"] == 5]
        equal(attempts, [1, 2, 3], "numbers of the attempts")
        dead = scene.dead()
        equal(sorted(body["id"] for body, _ in dead), [3, 4], "dead letters")
        equal({head["Posthorn-Dead-Reason"] for _, head in dead}, {"terminated"}, "reason")


def what_is_never_taken_is_a_dead_letter():
    with Scene() as scene:
        scene.put(1, always="500")
        scene.put(2, always="RETRY")
        scene.put(3)
        scene.wait_settled(3)
        equal([scene.app.ids().count(number) for number in (1, 2, 3)], [3, 3, 1], "attempts")
        equal(sorted((body["id"], head["Posthorn-Dead-Words"]) for body, head in scene.dead()),
              [(1, "answered 500"), (2, "answered 200")], "dead letters")
        scene.sidecar.wait_log(r'delivery_dead section="deliver billing" stream=ORDERS sequence=1 reason="answered 500"')


def slow_answers_run_into_the_time_limit():
    with Scene("deliver.billing.timeout=300ms") as scene:
        scene.put(1, does=["hang"])
        scene.put(2, does=["wait 100"])
        scene.wait_settled(2)
        equal([scene.app.ids().count(number) for number in (1, 2)], [2, 1], "attempts")


def retry_after_is_heeded():
    with Scene() as scene:
        scene.put(1, does=["429 1"])
        scene.app.wait_events(1)
        scene.put(2)
        scene.wait_settled(2)
        events = scene.app.events()
        equal([event["id"] for event in events][:1] + sorted(event["id"] for event in events[1:]), [1, 1, 2], "events")
        equal(events[1]["time_ms"] - events[0]["time_ms"] >= 990, True, "nothing came before the second was over")


def large_bodies_are_posted_whole():
    with Scene() as scene:
        scene.put(1, rest="x" * 900000)
        equal(scene.app.wait_events(1)[0]["size"] > 900000, True, "size")
        scene.wait_settled(1)


def events_may_be_cloud_events():
    for body, kind in (("cloudevents-structured", "application/cloudevents+json; charset=UTF-8"), ("cloudevents", None)):
        with Scene(f"deliver.billing.body={body}") as scene:
            scene.put(1, "orders.x")
            event = scene.app.wait_events(1)[0]
            equal(event["id"], 1, "event")
            if kind:
                equal(event["headers"]["content-type"], kind, "type")
            else:
                equal((event["headers"]["ce-type"], event["headers"]["ce-id"]), ("orders.x", "ORDERS-1"), "attributes")


def nothing_is_posted_until_the_application_is_healthy():
    app = Application()
    app.be_sick()
    with Scene("deliver.billing.health=/healthz", "deliver.billing.health_interval=50ms", app=app) as scene:
        for number in range(1, 4):
            scene.put(number)
        until(lambda: "error" not in scene.jet.api("CONSUMER.INFO.ORDERS.billing"), "the consumer")
        equal(scene.info()["num_waiting"], 0, "requests for messages while it is sick")
        equal(app.events(), [], "events while it is sick")
        app.be_well()
        scene.wait_settled(3)
        mark = scene.sidecar.log_count()
        app.be_sick()
        scene.sidecar.wait_log(r'application_away section="deliver billing"', since=mark)
        until(lambda: scene.info()["num_waiting"] == 0, "no request for messages")
        scene.put(4)
        equal(scene.info()["num_ack_pending"], 0, "messages in hand")
        app.be_well()
        scene.wait_settled(4)
        equal(sorted(app.ids()), [1, 2, 3, 4], "events")


def an_application_that_is_not_there_costs_no_attempt():
    app = Application(start=False)
    app.reserve()
    with Scene("deliver.billing.retries=", quick=False, app=app) as scene:
        scene.put(1)
        scene.put(2)
        scene.sidecar.wait_log(r'application_away section="deliver billing"')
        app.start()
        scene.wait_settled(2)
        equal([(event["id"], event["attempt"]) for event in sorted(app.events(), key=lambda event: event["id"])],
              [(1, 1), (2, 1)], "attempts")


def an_application_that_dies_of_a_message_gets_it_again_and_then_no_more():
    with Scene("deliver.billing.mode=ordered") as scene:
        for number in range(1, 6):
            scene.put(number, always="die" if number == 3 else "")
        for _ in range(3):
            scene.app.wait_dead()
            scene.app.start()
        scene.wait_settled(5)
        ids = scene.app.ids()
        equal(ids, [1, 2, 3, 3, 3, 4, 5], "events")
        equal([body["id"] for body, _ in scene.dead()], [3], "dead letters")


def killed_again_and_again_nothing_is_lost_and_order_is_kept():
    with Scene("deliver.billing.mode=ordered", "deliver.billing.retries=" + ", ".join(["20ms"] * 60)) as scene:
        for number in range(1, 201):
            scene.put(number, always="wait 2")
        for round_number in range(1, 9):
            scene.app.wait_events(round_number * 15)
            scene.app.kill()
            scene.app.start()
        scene.wait_settled(200, 4 * DEADLINE_S)
        seen = []
        for number in scene.app.ids():
            if number not in seen:
                seen.append(number)
        equal(seen, list(range(1, 201)), "order of the first attempts")
        equal("error" in scene.jet.api("STREAM.INFO.DEAD_ORDERS"), True, "there are no dead letters")


def at_the_end_what_was_begun_is_finished_and_the_rest_is_given_back():
    with Scene("deliver.billing.concurrency=2") as scene:
        scene.put(1, always="wait 10")
        scene.wait_settled(1)
        for number in range(2, 12):
            scene.put(number, always="wait 300")
        scene.app.wait_events(2)
        scene.sidecar.stop()
        info = scene.info()
        begun = len(scene.app.events())
        equal(info["ack_floor"]["stream_seq"], begun, "what was begun is done with")
        equal(sum("done" in entry for entry in scene.app.entries()), begun, "what was begun was finished")
        with Sidecar(scene.broker, *scene.options):
            scene.wait_settled(11)
        equal(sorted(scene.app.ids()), list(range(1, 12)), "events, each once")
        equal({event["attempt"] for event in scene.app.events()}, {1}, "attempts")


def sidecars_share_the_messages():
    with Scene("deliver.billing.concurrency=1") as scene, Application() as other:
        with Sidecar(scene.broker, *scene.options, f"deliver.billing.to={other.url}/events"):
            until(lambda: scene.jet.api("CONSUMER.INFO.ORDERS.billing").get("num_waiting") == 2, "two that ask")
            for number in range(1, 101):
                scene.put(number, always="wait 1")
            scene.wait_settled(100)
        equal(sorted(scene.app.ids() + other.ids()), list(range(1, 101)), "events")
        equal(bool(scene.app.ids() and other.ids()), True, "both have had some")


def a_sidecar_that_is_killed_again_and_again_loses_nothing_and_keeps_the_order():
    with Scene("deliver.billing.mode=ordered", "deliver.billing.ack_wait=300ms", "deliver.billing.timeout=10s") as scene:
        for number in range(1, 101):
            scene.put(number, always="wait 5")
        for round_number in range(1, 21):
            scene.app.wait_events(4 * round_number)
            scene.sidecar.kill()
            scene.sidecar = Sidecar(scene.broker, *scene.options)
        scene.wait_settled(100, 4 * DEADLINE_S)
        seen = []
        for number in scene.app.ids():
            if number not in seen:
                seen.append(number)
        equal(seen, list(range(1, 101)), "order of the first attempts")
        equal(len(scene.app.ids()) <= 120, True, "nothing comes twice but what was in hand")


def what_takes_longer_than_ack_wait_is_not_sent_twice():
    with Scene("deliver.billing.ack_wait=200ms") as scene:
        scene.put(1, always="wait 1000")
        scene.wait_settled(1)
        equal(scene.app.ids(), [1], "events")


def progress_and_metrics_tell_of_it():
    with Scene() as scene:
        scene.put(1)
        scene.put(2, does=["404"])
        scene.wait_settled(2)
        with Http(scene.sidecar) as http:
            told = http.get("/progress").check(200).json()["deliver"]
            wanted = {"name": "billing", "stream": "ORDERS", "ready": True, "application": True, "in_hand": 0, "unstored": 0,
                      "done": 1, "retried": 0, "dead": 1, "given_back": 0}
            equal(told, [wanted], "what /progress says")
            text = http.get("/metrics").check(200).body.decode()
            equal('posthorn_deliver_done_total{name="billing"} 1\n' in text, True, "what /metrics says")


def the_place_is_kept_while_the_sidecar_and_the_broker_are_away():
    with Application() as app:
        broker = Daemon(data=(data := app.dir + "/data"))
        address = broker.line[0]
        jet = Jet(broker)
        jet.stream("ORDERS", ["orders.>"], storage="file")
        options = ["deliver.billing.pattern=orders.>", f"deliver.billing.to={app.url}/events", "deliver.billing.mode=ordered"]
        with Sidecar(broker, *options) as sidecar:
            jet.put("orders.a", b'{"id": 1}')
            app.wait_done(1)
            until(lambda: jet.consumer_info("ORDERS", "billing")["ack_floor"]["stream_seq"] == 1, "the acknowledgement")
            jet.put("orders.a", b'{"id": 2, "always": "wait 500"}')
            app.wait_events(2)
            mark = sidecar.log_count()
            jet.close()
            broker.stop()  # while 2 is being posted
            sidecar.wait_down(since=mark)
            app.wait_done(2)
            with Daemon(listen=address, data=data) as back:
                jet = Jet(back)
                until(lambda: jet.consumer_info("ORDERS", "billing")["ack_floor"]["stream_seq"] == 2, "the acknowledgement")
                jet.put("orders.a", b'{"id": 3}')
                equal([event["id"] for event in app.wait_events(3)], [1, 2, 3], "events, each once")
                jet.close()


def a_stream_that_is_not_there_yet_is_waited_for():
    with Scene(stream=False) as scene:
        scene.sidecar.wait_log(r'delivery_waits name=billing pattern=orders.> stream= error="no stream keeps all')
        scene.jet.stream("OTHER", ["orders.a"])
        scene.jet.good("STREAM.DELETE.OTHER")
        scene.jet.stream("ORDERS", ["orders.>"])
        scene.put(1)
        scene.app.wait_events(1)
        scene.wait_settled(1)


def a_consumer_that_is_deleted_is_made_anew():
    with Scene() as scene:
        scene.put(1)
        scene.wait_settled(1)
        scene.jet.good("CONSUMER.DELETE.ORDERS.billing")
        scene.put(2)
        until(lambda: 2 in scene.app.ids(), "the second event")
        scene.wait_settled(2)


if __name__ == "__main__":
    main(messages_are_posted_as_they_are, what_was_there_before_is_posted_unless_only_new_is_wanted,
         ordered_means_one_after_the_other_whatever_fails, parallel_is_bounded_and_begins_with_one,
         answers_mean_what_they_mean_to_dapr, what_is_never_taken_is_a_dead_letter, slow_answers_run_into_the_time_limit,
         retry_after_is_heeded, large_bodies_are_posted_whole, events_may_be_cloud_events,
         nothing_is_posted_until_the_application_is_healthy, an_application_that_is_not_there_costs_no_attempt,
         an_application_that_dies_of_a_message_gets_it_again_and_then_no_more,
         killed_again_and_again_nothing_is_lost_and_order_is_kept,
         at_the_end_what_was_begun_is_finished_and_the_rest_is_given_back, sidecars_share_the_messages,
         a_sidecar_that_is_killed_again_and_again_loses_nothing_and_keeps_the_order,
         what_takes_longer_than_ack_wait_is_not_sent_twice, progress_and_metrics_tell_of_it,
         the_place_is_kept_while_the_sidecar_and_the_broker_are_away, a_stream_that_is_not_there_yet_is_waited_for,
         a_consumer_that_is_deleted_is_made_anew)
