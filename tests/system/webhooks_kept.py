#!/usr/bin/env python3
"""What a webhook keeps: the messages that it has not sent, in streams of any retention; its counts and attempts, over restarts;
and what /metrics shows of them."""

import json
import re
import time
import urllib.request

from harness import Daemon, equal, main, until
from webhooks import SECRET, Publisher, Receiver, data_directory

ALLOW = "[webhooks]\nallow_networks = 127.0.0.1\n"
RETRIES = ", ".join(["300ms"] * 60)


def _config(retention, *hooks):
    return f"[stream S]\ntopics = t.>\nretention = {retention}\n{ALLOW}" + "".join(hooks)


def _hook(name, url, pattern="t.>", *lines):
    return f"[webhook {name}]\nurl = {url}\npattern = {pattern}\nsecrets = {SECRET}\nretries = {RETRIES}\n" + "".join(f"{line}\n" for line in lines)


class Api:
    """Asks the JetStream API."""

    def __init__(self, daemon):
        self.client = daemon.client()
        self.client.subscribe("_INBOX.api", "1")

    def __call__(self, topic, **body):
        self.client.publish(f"$JS.API.{topic}", json.dumps(body).encode(), "_INBOX.api")
        answer = json.loads(self.client.next().body)
        if "error" in answer:
            raise AssertionError(answer)
        return answer

    def kept(self):
        return self("STREAM.INFO.S")["state"]["messages"]


def _get(daemon, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.http_port}{path}") as answer:
        return answer.read().decode()


def what_is_not_sent_is_kept_by_interest():
    """Whatever the consumers have done with it; and goes when both are done with it."""
    status = [500]
    with Receiver(lambda request: status[0]) as receiver, data_directory() as data:
        config = _config("interest", _hook("w", receiver.url))
        with Daemon(config=config, data=data) as daemon:
            api = Api(daemon)
            Publisher(daemon)("t.a", "1", "2")
            receiver.wait(lambda requests: len(requests) >= 2, "attempts")
            equal(api.kept(), 2, "messages, with a webhook alone")
            api("CONSUMER.CREATE.S.c", stream_name="S", config={"durable_name": "c", "name": "c", "ack_policy": "explicit"})
            reader = daemon.client()
            reader.subscribe("_INBOX.take", "1")
            reader.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", b'{"batch":2}', "_INBOX.take")
            for _ in range(2):
                reader.publish(reader.next().reply, b"+ACK")
            until(lambda: api("CONSUMER.INFO.S.c")["num_ack_pending"] == 0, "the acknowledgements")
            equal(api.kept(), 2, "messages, which the webhook still needs")
        with Daemon(config=config, data=data) as daemon:
            api = Api(daemon)
            equal(api.kept(), 2, "messages, after a restart")
            api("CONSUMER.DELETE.S.c")
            equal(api.kept(), 2, "messages, without the consumer")
            status[0] = 204
            until(lambda: api.kept() == 0, "that all is sent and gone", pause_s=0.02)
        equal(sorted(set(receiver.bodies())), ["1", "2"])


def what_is_not_for_it_is_not_kept_for_it():
    with Receiver(lambda request: 204) as receiver, data_directory() as data:
        with Daemon(config=_config("interest", _hook("w", receiver.url, "t.a")), data=data) as daemon:
            api = Api(daemon)
            publish = Publisher(daemon)
            publish("t.b", *range(100))
            until(lambda: api.kept() == 0, "that nothing is kept", pause_s=0.02)
            publish("t.a", "mine")
            receiver.wait(len, "a request")
            until(lambda: api.kept() == 0, "that nothing is kept", pause_s=0.02)


def a_work_queue_loses_what_is_sent():
    status = [500]
    with Receiver(lambda request: status[0]) as receiver, data_directory() as data:
        config = _config("workqueue", _hook("w", receiver.url))
        with Daemon(config=config, data=data) as daemon:
            Publisher(daemon)("t.a", "1", "2")
            receiver.wait(lambda requests: len(requests) >= 2, "attempts")
            equal(Api(daemon).kept(), 2, "messages")
        status[0] = 204
        with Daemon(config=config, data=data) as daemon:
            api = Api(daemon)
            until(lambda: api.kept() == 0, "that all is sent and gone", pause_s=0.02)


def counts_and_attempts_survive_restarts():
    with Receiver(lambda request: 500 if request.body == b"bad" else 204) as receiver, data_directory() as data:
        config = _config("limits", f"[webhook w]\nurl = {receiver.url}\npattern = t.>\nsecrets = {SECRET}\nretries =\n")
        with Daemon(config=config, data=data) as daemon:
            Publisher(daemon)("t.a", "1", "bad", "2")
            receiver.wait(lambda requests: len(requests) == 3, "three attempts")
            until(lambda: len(json.loads(_get(daemon, "/v1/webhooks/w/attempts"))["attempts"]) == 3, "that they have ended")
            before = json.loads(_get(daemon, "/v1/webhooks/w/attempts"))["attempts"]
        daemon = Daemon(config=config, data=data)
        equal(json.loads(_get(daemon, "/v1/webhooks/w/attempts"))["attempts"], before, "attempts after a stop")
        Publisher(daemon)("t.a", "3")
        until(lambda: b"3" in [request.body for request in receiver.requests], "another attempt")
        document = until(lambda: (lambda one: one["delivered"] == 3 and one)(json.loads(_get(daemon, "/v1/webhooks/w"))), "the count")
        equal((document["failed"], document["dead"]), (1, 1), "what failed, and what is dead")
        done = time.monotonic()
        until(lambda: time.monotonic() > done + 3, "that it is stored, which takes a second", pause_s=0.1)
        daemon.kill()
        with Daemon(config=config, data=data) as daemon:
            equal(json.loads(_get(daemon, "/v1/webhooks/w"))["delivered"], 3, "what was delivered, after a kill")


def metrics_count_by_webhook():
    with Receiver(lambda request: 500 if request.path == "/bad" else 204) as receiver, data_directory() as data:
        config = _config("limits", _hook("good", receiver.url + "/good"), _hook("bad", receiver.url + "/bad"),
                         f"[webhook guarded]\nurl = http://[::1]:1/\npattern = t.>\nsecrets = {SECRET}\nretries =\n")
        with Daemon(config=config, data=data) as daemon:
            Publisher(daemon)("t.a", *range(10))

            def sample(name, **labels):
                wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
                found = re.search(rf"^posthorn_{name}{re.escape('{' + wanted + '}') if wanted else ''} (\S+)$", _get(daemon, "/metrics"), re.MULTILINE)
                return found and float(found.group(1))

            until(lambda: sample("webhook_attempts_total", webhook="good", result="delivered") == 10, "the deliveries", pause_s=0.05)
            until(lambda: (sample("webhook_attempts_total", webhook="bad", result="failed") or 0) >= 10, "the failures", pause_s=0.05)
            until(lambda: sample("webhook_guarded_total", webhook="guarded") == 10, "what the guard has refused", pause_s=0.05)
            until(lambda: sample("webhook_dead_total", webhook="guarded") == 10, "what is dead", pause_s=0.05)
            equal(sample("webhooks"), 3.0)
            equal(sample("webhook_attempt_seconds_count", webhook="good"), 10.0)
            equal(sample("webhook_attempt_seconds_bucket", webhook="good", le="+Inf"), 10.0)
            equal(sample("webhook_unsettled", webhook="good"), 0.0)
            until(lambda: sample("webhook_unsettled", webhook="bad"), "what waits to be tried again", pause_s=0.05)
            until(lambda: sample("webhook_breaker_open", webhook="bad"), "that it is left alone", pause_s=0.05)
            equal(sample("webhook_enabled", webhook="bad"), 1.0)


if __name__ == "__main__":
    main(what_is_not_sent_is_kept_by_interest, what_is_not_for_it_is_not_kept_for_it, a_work_queue_loses_what_is_sent,
         counts_and_attempts_survive_restarts, metrics_count_by_webhook)
