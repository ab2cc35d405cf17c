#!/usr/bin/env python3
"""Webhooks of the configuration: signed, in order, tried again, kept when dead, and none delays another."""

import base64
import collections
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from harness import DEADLINE_S, Daemon, equal, main, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BASE = "[stream S]\ntopics = t.>\n[webhooks]\nallow_networks = 127.0.0.1\n"

Request = collections.namedtuple("Request", "path headers body")


class Receiver:
    """An HTTP server whose answers the test chooses: answer(request) gives a status, or None to hang until the end."""

    def __init__(self, answer=lambda request: 204):
        self.answer, self.requests, self._changed = answer, [], threading.Condition()
        self.over = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, self.headers, body)
                _verify(request)
                with receiver._changed:
                    receiver.requests.append(request)
                    receiver._changed.notify_all()
                status = receiver.answer(request)
                if status is None:
                    receiver.over.wait()
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 1024
            daemon_threads = True

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], ConnectionError):  # a daemon that was killed says no farewell
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, condition, what):
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self.requests), DEADLINE_S):
                raise AssertionError(f"after {DEADLINE_S:.0f} s still not: {what}; {len(self.requests)} came")

    def bodies(self, path=None):
        with self._changed:
            return [request.body.decode() for request in self.requests if path in (None, request.path)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def _verify(request):
    """What any receiver does who follows Standard Webhooks."""
    identity, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    if "." in identity or abs(time.time() - int(timestamp)) > 300:
        raise AssertionError(f"id {identity}, timestamp {timestamp}")
    signed = f"{identity}.{timestamp}.".encode() + request.body
    digest = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    equal(request.headers["webhook-signature"], "v1," + base64.b64encode(digest).decode(), "the signature")


def _hook(name, url, *lines):
    return f"[webhook {name}]\nurl = {url}\npattern = t.>\nsecrets = {SECRET}\n" + "".join(f"{line}\n" for line in lines)


class Publisher:
    """Publishes, and waits for the acknowledgement."""

    _made = 0

    def __init__(self, daemon):
        Publisher._made += 1
        self.inbox = f"_INBOX.webhooks{Publisher._made}"
        self.client = daemon.client()
        self.client.subscribe(self.inbox, "1")

    def __call__(self, topic, *bodies):
        for body in bodies:
            self.client.publish(topic, str(body).encode(), self.inbox)
        for _ in bodies:
            ack = json.loads(self.client.next().body)
            if "seq" not in ack:
                raise AssertionError(ack)


@contextlib.contextmanager
def data_directory():
    with tempfile.TemporaryDirectory(prefix="posthorn-webhooks-") as folder:
        yield os.path.join(folder, "data")


def messages_arrive_signed_with_what_is_known_of_them():
    with Receiver() as receiver, Daemon(config=BASE + _hook("w", receiver.url + "/hook"), data=True) as daemon:
        Publisher(daemon)("t.a", "hello")
        receiver.wait(len, "a request")
        request = receiver.requests[0]
        equal((request.path, request.body), ("/hook", b"hello"))
        equal(request.headers["Posthorn-Topic"], "t.a")
        equal(request.headers["Posthorn-Stream"], "S")
        equal(request.headers["Content-Type"], "application/octet-stream")


def order_and_count_survive_kills():
    """Each arrives, in order; what comes twice was under way, or answered a moment before."""
    count, kills = 300, 3
    with Receiver() as receiver, data_directory() as data:
        config = BASE + _hook("w", receiver.url, "mode = ordered")
        sent = 0
        for life in range(kills + 1):
            daemon = Daemon(config=config, data=data)
            publish = Publisher(daemon)
            target = count * (life + 1) // (kills + 1)
            publish("t.a", *range(sent, target))
            sent = target
            if life < kills:
                daemon.kill()
        with daemon:
            receiver.wait(lambda requests: requests and requests[-1].body == b"%d" % (count - 1), "the last message")
        bodies = [int(body) for body in receiver.bodies()]
        seen = list(dict.fromkeys(bodies))
        equal(seen, list(range(count)), "what came, without what came twice")
        return f"{len(bodies) - count} came twice"


def none_delays_another():
    """A hundred that answer, beside ten that hang, drip or fail."""
    good, evil, messages = 100, 10, 20

    def answer(request):
        if "good" in request.path:
            return 204
        return None if int(request.path.rsplit("/", 1)[1]) % 2 else 500

    with Receiver(answer) as receiver:
        config = BASE + "".join(_hook(f"good{i}", f"{receiver.url}/good/{i}") for i in range(good))
        config += "".join(_hook(f"evil{i}", f"{receiver.url}/evil/{i}") for i in range(evil))
        with Daemon(config=config, data=True) as daemon:
            start = time.monotonic()
            Publisher(daemon)("t.a", *range(messages))
            receiver.wait(lambda requests: sum("good" in request.path for request in requests) >= good * messages, "all good ones")
            took_s = time.monotonic() - start
            for i in range(good):
                equal(sorted(map(int, receiver.bodies(f"/good/{i}"))), list(range(messages)), f"what came to good/{i}")
            if not receiver.bodies("/evil/1"):
                raise AssertionError("the evil ones were not asked at all")
            receiver.over.set()
        return f"{good * messages} in {took_s:.2f} s"


def one_that_waits_comes_back_past_all_of_its_key():
    """More of its key are behind it than a webhook has in hand."""
    count, failed = 2000, []

    def answer(request):
        if request.body == b"0" and not failed:
            failed.append(request)
            return 500
        return 204

    with Receiver(answer) as receiver, Daemon(config=BASE + _hook("w", receiver.url, "mode = keyed", "retries = 200ms"), data=True) as daemon:
        Publisher(daemon)("t.a", *range(count))
        receiver.wait(lambda requests: len(requests) == count + 1, "all, and one twice")
        equal([int(body) for body in receiver.bodies()], [0, *range(count)], "what came")


def what_is_never_taken_is_kept_and_told():
    with Receiver(lambda request: 500) as receiver, Daemon(config=BASE + _hook("w", receiver.url, "retries = 1ms"), data=True) as daemon:
        listener = daemon.client()
        listener.subscribe("$POSTHORN.webhook.>", "1")
        listener.flush()
        Publisher(daemon)("t.a", "lost")
        told = json.loads(listener.next().body)
        equal((told["event"], told["webhook"], told["reason"]), ("dead", "w", "answered 500"), "what is told")
        equal(len(receiver.requests), 2, "attempts")
        reader = daemon.client()
        reader.subscribe("_INBOX.dead", "1")

        def letter():
            reader.publish("$JS.API.STREAM.MSG.GET.DEAD_S", b'{"last_by_subj":"$DEAD.S.webhook-w"}', "_INBOX.dead")
            return json.loads(reader.next().body).get("message")

        message = until(letter, "the dead letter", pause_s=0.1)
        equal(base64.b64decode(message["data"]), b"lost")
        if b"Posthorn-Dead-Words: answered 500" not in base64.b64decode(message["hdrs"]):
            raise AssertionError(base64.b64decode(message["hdrs"]))


def gone_disables_until_somebody_enables_it():
    with Receiver(lambda request: 410) as receiver, data_directory() as data:
        config = BASE + _hook("w", receiver.url)
        with Daemon(config=config, data=data) as daemon:
            Publisher(daemon)("t.a", "1")
            daemon.wait_log("webhook_disabled webhook=w")
        with Daemon(config=config, data=data) as daemon:
            Publisher(daemon)("t.a", "2")
        equal(receiver.bodies(), ["1"], "what came")


def an_address_that_is_not_public_is_refused():
    with Receiver() as receiver:
        port = receiver.url.rsplit(":", 1)[1]
        config = "[stream S]\ntopics = t.>\n"
        names = ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"]
        for i, name in enumerate(names):
            config += _hook(f"w{i}", f"http://{name}:{port}/", "retries =")
        with Daemon(config=config, data=True) as daemon:
            Publisher(daemon)("t.a", "x")
            for i in range(len(names)):
                daemon.wait_log(f"webhook_message_dead webhook=w{i} reason=\"(loopback|this network)\"")
        equal(receiver.bodies(), [], "what came")


def a_reload_adds_changes_and_opens():
    with Receiver() as receiver, Daemon(config="[stream S]\ntopics = t.>\n", data=True) as daemon:
        publish = Publisher(daemon)
        daemon.reload(BASE + _hook("w", receiver.url + "/old"))
        daemon.wait_log("webhook_added webhook=w")
        publish("t.a", "1")
        receiver.wait(len, "a request")
        daemon.reload(BASE + _hook("w", receiver.url + "/new"))
        daemon.wait_log("webhook_changed webhook=w")
        publish("t.a", "2")
        receiver.wait(lambda requests: len(requests) == 2, "another")
        equal([(request.path, request.body) for request in receiver.requests], [("/old", b"1"), ("/new", b"2")])


def a_stream_that_clients_make_is_read_from_its_beginning():
    config = BASE.replace("t.>", "other.>")
    with Receiver() as receiver, Daemon("recent.enabled=no", config=config + _hook("w", receiver.url), data=True) as daemon:
        client = daemon.client()
        client.subscribe("_INBOX.made", "1")
        client.publish("$JS.API.STREAM.CREATE.T", b'{"name":"T","subjects":["t.>"]}', "_INBOX.made")
        if "error" in json.loads(client.next().body):
            raise AssertionError("the stream was not made")
        Publisher(daemon)("t.a", "1", "2")
        receiver.wait(lambda requests: len(requests) == 2, "two requests")
        equal(receiver.requests[0].headers["Posthorn-Stream"], "T")


def what_is_in_recent_is_sent_too():
    with Receiver() as receiver, Daemon(config="[webhooks]\nallow_networks = 127.0.0.1\n" + _hook("w", receiver.url)) as daemon:
        client = daemon.client()
        client.publish("t.a", b"hello")
        client.flush()
        receiver.wait(len, "a request")
        equal(receiver.requests[0].headers["Posthorn-Stream"], "recent")


def what_is_wrong_is_explained():
    for lines, says in (("headers = Host=x\n", "the header Host cannot be set"), ("start = tomorrow\n", "start is new, all"),
                        ("secret_file = /nowhere/secret\n", "cannot be read: No such file")):
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
            file.write("[webhook w]\nurl = http://example.org/\npattern = t.>\n" + lines)
            file.flush()
            done = subprocess.run([os.environ["POSTHORND"], "--config", file.name, "--check-config"], capture_output=True, text=True, check=False)
            equal(done.returncode, 78, done.stderr)
            if "[webhook w]: " not in done.stderr or says not in done.stderr:
                raise AssertionError(done.stderr)


if __name__ == "__main__":
    main(messages_arrive_signed_with_what_is_known_of_them, order_and_count_survive_kills, none_delays_another,
         one_that_waits_comes_back_past_all_of_its_key, what_is_never_taken_is_kept_and_told, gone_disables_until_somebody_enables_it, an_address_that_is_not_public_is_refused,
         a_reload_adds_changes_and_opens, a_stream_that_clients_make_is_read_from_its_beginning, what_is_in_recent_is_sent_too, what_is_wrong_is_explained)
