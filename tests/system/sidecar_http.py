#!/usr/bin/env python3
"""The sidecar's HTTP: what it passes on to the broker, calls of other services, and what it says of itself."""

import base64
import json
import re
import socket
import tempfile
import threading
import time

from harness import DEADLINE_S, PATIENCE, Daemon, equal, main, pump, until
from jet import Store
from sidecar import Sidecar, same_place
from web import Events, Http, Lines, publish

JSON = [("Content-Type", "application/json")]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Service:
    """Somebody who answers requests on a topic at the broker: with what respond(message) returns, (status, head, body), or not at
    all (None)."""

    def __init__(self, daemon, topic, respond):
        self.client = daemon.client()
        self.seen = []
        self.respond = respond
        self.client.on_message = self._take
        self.client.subscribe(topic, "1", "instances")
        self.client.flush()

    def _take(self, message):
        self.seen.append(message)
        answer = self.respond(message)
        if answer is not None:
            status, head, body = answer
            head = b"NATS/1.0\r\n" + (b"Posthorn-Status: %d\r\n" % status if status else b"") + head + b"\r\n"
            self.client.out += b"HPUB %s %d %d\r\n%s%s\r\n" % (message.reply.encode(), len(head), len(head) + len(body), head, body)

    def headers(self, number=-1):
        """Those of a request that it has seen."""
        lines = self.seen[number].head.decode().split("\r\n")[1:]
        return [tuple(line.split(": ", 1)) for line in lines if line]

    def header(self, name, number=-1):
        values = [value for key, value in self.headers(number) if key.lower() == name.lower()]
        if len(values) > 1:
            raise AssertionError(f"{name} stands {len(values)} times")
        return values[0] if values else None


def _ask(http, services, method, target, body=None, headers=(), deadline_s=20 * PATIENCE):
    """One request over HTTP while the services are at work."""
    http.ask(method, target, body, headers)
    pump([http] + [service.client for service in services], lambda: http.answers, "the answer", deadline_s)
    return http.answers.popleft()


# ------------------------------------------------------------------------------------------------------------ passed on


def what_is_not_its_own_the_broker_answers():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http, Http(broker) as direct:
        for target in ("/v1/streams", "/v1/topics/a?since=all", "/v1/streams/none", "/v1/topics/a..b", "/nowhere", "/v1/webhooks",
                       "/v1/topics/a?limit=x%20y&since=all"):
            here, there = http.get(target), direct.get(target)
            equal((here.status, here.body), (there.status, there.body), f"answer to {target}")
            equal(here.header("Content-Type"), there.header("Content-Type"), f"type of {target}")
        page = http.get("/").check(200)
        equal(page.header("Content-Type"), direct.get("/").header("Content-Type"), "type of the dashboard")
        equal(page.header("Content-Security-Policy"), direct.get("/").header("Content-Security-Policy"), "policy of the dashboard")
        head = http.request("HEAD", "/v1/streams").check(200)
        equal(head.header("Content-Length"), direct.request("HEAD", "/v1/streams").header("Content-Length"), "length told to HEAD")
        equal(http.closed, False, "one connection has served all")


def streams_are_made_and_changed_through_it():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        as_json = {"Content-Type": "application/json"}
        http.post("/v1/streams", b'{"name":"S","topics":["s.>"],"storage":"memory"}', as_json).check(201)
        http.request("PATCH", "/v1/streams/S", b'{"description":"ours"}', as_json).check(200)
        equal(http.get("/v1/streams/S").check(200).json()["description"], "ours", "what was changed")
        http.post("/v1/streams", b'{"name":"S","topics":["t"]}', as_json).check(409, "stream-exists")
        http.request("DELETE", "/v1/streams/S").check(204)
        http.get("/v1/streams/S").check(404, "no-such-stream")


def a_condition_of_a_poll_and_its_answer_pass():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http, Http(broker) as direct:
        publish(direct, "a", b"one", {"Posthorn-Header-X": "y"})
        first = http.get("/v1/topics/a?since=all").check(200)
        equal([m["data"] for m in first.json()["messages"]], ["one"], "messages")
        http.get("/v1/topics/a?since=all", {"If-None-Match": first.header("ETag")}).check(304)
        http.get("/healthz").check(200)


def a_long_poll_waits_for_its_message():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http, Http(broker) as direct:
        cursor = http.get("/v1/topics/a?since=all").check(200).json()["next"]
        http.ask("GET", f"/v1/topics/a?since={cursor}&wait=30s")
        until(lambda: direct.get("/varz").json()["posthorn"]["readers"]["waiting_polls"] == 1, "the poll to wait")
        publish(direct, "a", b"awaited")
        equal([m["data"] for m in http.answer().check(200).json()["messages"]], ["awaited"], "messages")


def events_come_as_they_are_published():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(broker) as direct:
        with Events(sidecar, "a.>", since="all") as events:
            for number in range(50):
                publish(direct, f"a.{number}", b"%d" % number)
                equal(events.next().data, str(number), "event")
            last = events.last_id
        publish(direct, "a.x", b"missed")
        with Events(sidecar, "a.>", headers={"Last-Event-ID": last}) as events:
            equal(events.next().data, "missed", "event after coming back")


def readers_that_leave_are_taken_off_at_the_broker():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(broker) as direct:
        readers = [Events(sidecar, "a", since="all") for _ in range(20)]
        count = lambda: direct.get("/varz").json()["posthorn"]["readers"]["open"]  # noqa: E731
        until(lambda: count() == 20, "twenty readers at the broker")
        for number, reader in enumerate(readers):
            reader.reset() if number % 2 else reader.close()
        until(lambda: count() == 0, "none at the broker")
        with Http(sidecar) as http:
            until(lambda: http.get("/progress").json()["calls"]["passed_on"] == 0, "none in the sidecar")


def a_reader_that_rests_costs_the_sidecar_nothing():
    """24 MB wait for somebody who does not read: in the broker's memory, not in the sidecar's. In the end all is there."""
    with Daemon("recent.bytes_max=256MiB") as broker, Sidecar(broker) as sidecar, Http(broker) as direct:
        body = base64.b64encode(bytes(range(256)) * 180)
        reader = Lines(sidecar, "big", receive_size=4096, since="all")
        before = sidecar.memory_bytes()
        for _ in range(400):
            publish(direct, "big", body)
        sent = max(peer["out_bytes"] for peer in direct.get("/connz").json()["connections"])
        if sent > 12 << 20:
            raise AssertionError(f"the broker has sent {sent} bytes to somebody who does not read")
        grown = sidecar.memory_bytes() - before
        if grown > 6 << 20:
            raise AssertionError(f"the sidecar has grown by {grown} bytes")
        lengths = {len(line["data"]) for line in reader.take(400, 60 * PATIENCE)}
        equal(lengths, {len(body)}, "lengths of what came")
        reader.close()


def an_http_worker_takes_and_answers_through_it():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(broker) as asker, Http(sidecar) as worker:
        worker.ask("GET", "/v1/requests/work.*?wait=30s")
        until(lambda: asker.get("/varz").json()["subscriptions"] > 0, "the worker to wait")
        body = bytes(range(256)) * 2000
        asker.ask("POST", "/v1/request/work.a?timeout=30s", body, [("Posthorn-Header-Asked", "yes")])
        taken = worker.answer().check(200)
        equal((taken.body == body, taken.header("Posthorn-Header-Asked")), (True, "yes"), "what the worker got")
        worker.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", body[::-1], [("Posthorn-Header-Done", "1")]).check(202)
        answer = asker.answer().check(200)
        equal((answer.body == body[::-1], answer.header("Posthorn-Header-Done")), (True, "1"), "the answer")


def requests_in_a_row_are_answered_in_order():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        targets = ["/v1/streams", "/healthz", "/v1/streams/none", "/v1/streams", "/healthz"]
        http.out += b"".join(http.request_bytes("GET", target) for target in targets)
        http.wait(lambda: len(http.answers) == 5, "five answers")
        equal([answer.status for answer in http.answers], [200, 200, 404, 200, 200], "statuses")


def the_sidecar_enters_with_its_own_credentials():
    users = {"user.app.token": "s3cret", "user.app.monitor": "yes", "user.ann.password": "pw"}
    with Daemon(*[f"{name}={value}" for name, value in users.items()]) as broker:
        with Sidecar(broker, "uplink.token=s3cret") as sidecar, Http(sidecar) as http:
            http.get("/v1/streams").check(200)
            http.get("/v1/streams", {"Authorization": "Bearer wrong", "Cookie": "a=b"}).check(200)
            http.get("/").check(200)
        with Sidecar(broker, "uplink.user=ann", "uplink.password=pw") as sidecar, Http(sidecar) as http:
            http.get("/v1/streams").check(200)
        with Sidecar(broker, "uplink.token=wrong", up=False) as sidecar, Http(sidecar) as http:
            http.get("/v1/streams").check(503, "broker-away")


def clients_are_served_while_the_connection_comes_and_goes():
    """Its descriptor is closed and made anew all the time, and theirs get the numbers that it has left."""
    with Daemon("user.app.token=s3cret") as broker:
        with Sidecar(broker, "uplink.token=wrong", "uplink.reconnect_wait_max=20ms", up=False) as sidecar:
            for _ in range(300):
                with Http(sidecar) as http:
                    http.get("/healthz").check(200)
                    http.get("/v1/streams").check(503, "broker-away")


def its_own_users_are_asked_who_they_are():
    with Daemon() as broker, Sidecar(broker, "user.app.token=t0ken", "user.app.manage=yes") as sidecar, Http(sidecar) as http:
        http.get("/v1/streams").check(401, "unauthorized")
        http.get("/svc/users/1").check(401, "unauthorized")
        http.get("/v1/streams", {"Authorization": "Bearer t0ken"}).check(200)
        http.get("/progress").check(200)


def pages_are_the_sidecars_matter():
    """The broker knows nothing of the origins that may use the sidecar, and need not."""
    with Daemon() as broker, Sidecar(broker, "http.origins=https://ours.example") as sidecar, Http(sidecar) as http:
        http.get("/v1/streams", {"Origin": "https://theirs.example"}).check(403, "bad-origin")
        answer = http.get("/v1/streams", {"Origin": "https://ours.example", "Sec-Fetch-Site": "cross-site"}).check(200)
        equal(answer.header("Access-Control-Allow-Origin"), "https://ours.example", "who may read it")
        asked = http.request("OPTIONS", "/v1/streams", None, {"Origin": "https://ours.example", "Access-Control-Request-Method": "PATCH"})
        equal(asked.check(204).header("Access-Control-Allow-Methods"), "GET, HEAD, POST, PUT, PATCH, DELETE", "what pages may do")


def a_broker_that_is_away_is_a_clear_answer():
    broker = Daemon()
    with Sidecar(broker) as sidecar, Http(sidecar) as http:
        line, web = same_place(broker.line[0]), same_place(broker.http[0])
        with Events(sidecar, "a", since="all") as events:
            broker.kill()
            events.expect_closed()
        sidecar.wait_down()
        for target in ("/v1/streams", "/svc/users/1", "/"):
            http.get(target).check(503, "broker-away")
        http.get("/healthz").check(200)
        http.get("/readyz").check(200)
        equal(http.get("/progress").json()["state"], "away", "state")
        mark = sidecar.log_count()
        with Daemon(listen=line, http=web):
            sidecar.wait_up(since=mark)
            http.get("/v1/streams").check(200)
            equal(http.get("/progress").json()["state"], "idle", "state")


def an_answer_that_is_cut_off_is_seen_to_be():
    """Whoever answers for the broker says that 100 bytes come, and leaves behind ten."""
    with socket.create_server(("127.0.0.1", 0)) as server, Daemon() as broker:
        web = f"http://127.0.0.1:{server.getsockname()[1]}"
        with Sidecar(broker, f"uplink.http={web}") as sidecar, Http(sidecar) as http:
            http.ask("GET", "/v1/streams")
            server.settimeout(DEADLINE_S)
            with server.accept()[0] as peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
                http.wait(lambda: http._head is not None and len(http._in) == 10, "what has come")
            http.expect_closed()
            equal((http.complete, len(http.answers)), (False, 0), "nothing passes for a whole answer")


def without_the_brokers_http_it_says_what_is_missing():
    with Daemon() as broker, Sidecar(broker, "uplink.http=") as sidecar, Http(sidecar) as http:
        answer = http.get("/v1/streams").check(404, "not-found")
        equal("uplink.http" in answer.json()["detail"], True, "what is missing")


# ---------------------------------------------------------------------------------------------------------------- calls


def a_call_becomes_a_request_and_its_reply_the_answer():
    reply = (201, b"Content-Type: text/x\r\nX-Answer: 42\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n", b"made")
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        users = Service(broker, "svc.users.>", lambda message: reply)
        answer = _ask(http, [users], "POST", "/svc/users/42/a%2Fb?x=1&y", b"body\0", [
            ("Content-Type", "application/json"), ("X-Mine", "yes"), ("Connection", "X-Hop"), ("X-Hop", "no"), ("TE", "trailers"),
            ("Authorization", "Bearer of-the-application"), ("traceparent", TRACE), ("Posthorn-Method", "DELETE"), ("X-Empty", "")])
        equal((answer.status, answer.body, answer.header("Content-Type"), answer.header("X-Answer")),
              (201, b"made", "text/x", "42"), "answer")
        equal([value for name, value in answer.headers if name == "Set-Cookie"], ["a", "b"], "headers that repeat")
        equal(users.seen[0].topic, "svc.users.POST", "topic")
        equal(users.seen[0].body, b"body\0", "body")
        wanted = {"Posthorn-Method": "POST", "Posthorn-Target": "/42/a%2Fb?x=1&y", "X-Mine": "yes", "traceparent": TRACE,
                  "Content-Type": "application/json", "Authorization": "Bearer of-the-application", "X-Hop": None, "TE": None,
                  "Connection": None, "Content-Length": None, "Host": None}
        equal({name: users.header(name) for name in wanted}, wanted, "headers of the request")
        line = sidecar.wait_log(r" call .*")
        for word in ("service=users", "method=POST", 'target="/42/a%2Fb?x=1&y"', "status=201", "attempts=1", "bytes_in=5",
                     "bytes_out=4", f"trace={TRACE}"):
            equal(word in sidecar.log_text(), True, f"{word} in the line of the call; {line}")


def every_method_and_status_passes():
    with Daemon() as broker, Sidecar(broker, "call.retries=off") as sidecar, Http(sidecar) as http:
        status = [0]
        users = Service(broker, "svc.>", lambda message: (status[0], b"", b"" if status[0] == 204 else b"said"))
        for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
            status[0] = 200
            equal(_ask(http, [users], method, "/svc/users", b"").status, 200, method)
            equal((users.seen[-1].topic, users.header("Posthorn-Target")), (f"svc.users.{method}", "/"), "what was asked")
        for status[0] in (204, 302, 404, 418, 500, 503, 599):
            answer = _ask(http, [users], "GET", "/svc/users/")
            equal((answer.status, answer.body), (status[0], b"" if status[0] == 204 else b"said"), "answer")
        status[0] = 0  # somebody who knows nothing of HTTP
        equal(_ask(http, [users], "GET", "/svc/users/").check(200).body, b"said", "a plain reply")
        equal(http.closed, False, "one connection has served all")


def head_is_told_the_length_and_gets_no_body():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        users = Service(broker, "svc.>", lambda message: (200, b"Content-Length: 7\r\nContent-Type: text/x\r\n", b""))
        answer = _ask(http, [users], "HEAD", "/svc/users/1")
        equal((answer.header("Content-Length"), answer.header("Content-Type"), users.header("Posthorn-Method")), ("7", "text/x", "HEAD"),
              "answer to HEAD")
        http.get("/healthz").check(200)


def a_trace_that_is_none_is_made_anew():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        users = Service(broker, "svc.>", lambda message: (200, b"", b""))
        _ask(http, [users], "GET", "/svc/users", None, {"traceparent": "00-0-0-00"})
        _ask(http, [users], "GET", "/svc/users")
        traces = [users.header("traceparent", number) for number in (0, 1)]
        equal([bool(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace)) for trace in traces], [True, True], f"{traces}")
        equal(traces[0] == traces[1], False, "two calls have one trace")


def what_a_service_says_is_not_the_sidecars_word():
    head = b"Content-Length: 3\r\nConnection: close\r\nDate: x\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: text/html\r\n"
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        users = Service(broker, "svc.>", lambda message: (200, head, b"longer than three"))
        answer = _ask(http, [users], "GET", "/svc/users").check(200)
        equal((answer.body, answer.header("Connection"), answer.header("Access-Control-Allow-Origin")),
              (b"longer than three", None, None), "answer")
        equal("sandbox" in answer.header("Content-Security-Policy"), True, "a page of a service is no page of the sidecar")
        http.get("/healthz").check(200)


def a_service_that_nobody_offers_is_503_after_retries():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        for method in ("GET", "POST"):  # nobody has had either
            mark = sidecar.log_count()
            http.request(method, "/svc/nobody/1", b"").check(503, "no-responders")
            sidecar.wait_log(rf" call service=nobody method={method} .* status=503 attempts=3 ", since=mark)
        for path in ("/svc", "/svc/", "/svc/a.b", "/svc/%2A"):
            http.get(path).check(404, "not-found")


def what_was_not_answered_is_tried_again_where_that_is_harmless():
    with Daemon() as broker, Sidecar(broker, "call.try_timeout=300ms", "call.timeout=20s") as sidecar, Http(sidecar) as http:
        users = Service(broker, "svc.>", lambda message: (200, b"", b"third time") if len(users.seen) == 3 else None)
        equal(_ask(http, [users], "GET", "/svc/users/1").check(200).body, b"third time", "answer")
        equal(len(users.seen), 3, "attempts")
        sidecar.wait_log(r" call .* status=200 attempts=3 ")


def what_is_under_way_when_the_connection_breaks_fails_at_once_or_is_asked_again():
    with Store() as store:
        broker = store.daemon()
        options = ("call.timeout=60s", "call.try_timeout=50s", "http.request_timeout=50s")
        with Sidecar(broker, *options) as sidecar, Http(sidecar) as get, Http(sidecar) as post, Http(sidecar) as request:
            mute = Service(broker, ">", lambda message: None)
            get.ask("GET", "/svc/users/1", None, ())
            post.ask("POST", "/svc/users/2", b"once", ())
            request.ask("POST", "/v1/request/other", b"once", ())
            heard = lambda: {m.topic for m in mute.seen} >= {"svc.users.GET", "svc.users.POST", "other"}
            pump([mute.client, get, post, request], heard, "the requests")
            place = same_place(broker.line[0])
            broker.kill()
            begin = time.monotonic()
            for http in (post, request):
                pump([http], lambda http=http: http.answers, "the answer")
                http.answers.popleft().check(502, "bad-gateway")
            if time.monotonic() - begin > 10 * PATIENCE:
                raise AssertionError("they have waited")
            with store.daemon(listen=place) as broker:
                users = Service(broker, "svc.>", lambda message: (200, b"", b"second time"))
                pump([get, users.client], lambda: get.answers, "the answer")
                equal(get.answers.popleft().check(200).body, b"second time")
                sidecar.wait_log(r" call .* method=GET .* status=200 attempts=[2-3] ")


def what_may_have_been_done_is_not_asked_twice():
    with Daemon() as broker, Sidecar(broker, "call.try_timeout=50ms", "call.timeout=400ms") as sidecar, Http(sidecar) as http:
        mute = Service(broker, "svc.>", lambda message: None)
        begin = time.monotonic()
        _ask(http, [mute], "POST", "/svc/users/1", b"once").check(504, "no-reply")
        took = time.monotonic() - begin
        equal(len(mute.seen), 1, "attempts")
        if took < 0.35:
            raise AssertionError(f"after {took:.2f} s: POST has the whole time of a call")


def a_gateway_failure_is_tried_again_and_then_told():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        users = Service(broker, "svc.>", lambda message: (502, b"X: %d\r\n" % len(users.seen), b"bad"))
        answer = _ask(http, [users], "GET", "/svc/users/1")
        equal((answer.status, answer.body, answer.header("X")), (502, b"bad", "3"), "the last answer")
        equal((_ask(http, [users], "POST", "/svc/users/1", b"").status, len(users.seen)), (502, 4), "POST was asked once")


def retries_are_a_share_of_the_calls():
    """Ten are there from the start, and five calls earn one more: 40 calls that fail are 40 + 10 + 8 attempts at most."""
    with Daemon() as broker, Sidecar(broker, "call.breaker_failures=off") as sidecar, Http(sidecar) as http:
        users = Service(broker, "svc.>", lambda message: (503, b"", b""))
        for _ in range(40):
            equal(_ask(http, [users], "GET", "/svc/users").status, 503, "status")
        if not 55 <= len(users.seen) <= 58:
            raise AssertionError(f"{len(users.seen)} attempts")


def a_service_that_fails_is_left_alone_for_a_while():
    options = ("call.breaker_failures=4", "call.breaker_pause=1s", "call.retries=off")
    with Daemon() as broker, Sidecar(broker, *options) as sidecar, Http(sidecar) as http:
        fails = [True]
        users = Service(broker, "svc.users.>", lambda message: (503 if fails[0] else 200, b"", b""))
        other = Service(broker, "svc.other.>", lambda message: (200, b"", b""))
        for _ in range(4):
            equal(_ask(http, [users], "GET", "/svc/users").status, 503, "status")
        begin = time.monotonic()
        sidecar.wait_log(r" circuit_opened service=users")
        refused = http.get("/svc/users").check(503, "circuit-open")
        equal((refused.header("Retry-After") in ("1", "2"), len(users.seen)), (True, 4), "refused without asking")
        equal(_ask(http, [other], "GET", "/svc/other").status, 200, "another service")
        fails[0] = False
        answer = refused
        while answer.status == 503 and time.monotonic() - begin < 20 * PATIENCE:
            answer = _ask(http, [users], "GET", "/svc/users")
        equal(answer.status, 200, "status when it is well again")
        if time.monotonic() - begin < 0.9:
            raise AssertionError("it was not left alone")
        sidecar.wait_log(r" circuit_closed service=users")
        equal(len(users.seen), 5, "one attempt has shown that it is well")


def a_caller_that_leaves_is_forgotten():
    with Daemon() as broker, Sidecar(broker) as sidecar:
        mute = Service(broker, "svc.>", lambda message: None)
        callers = [Http(sidecar) for _ in range(10)]
        for caller in callers:
            caller.ask("GET", "/svc/users/1")
        pump([mute.client], lambda: len(mute.seen) >= 10, "every call")
        for number, caller in enumerate(callers):
            caller.reset() if number % 2 else caller.close()
        with Http(sidecar) as http:
            until(lambda: http.get("/progress").json()["calls"]["waiting"] == 0, "no call to wait")
            for message in list(mute.seen):
                mute.client.publish(message.reply, b"to nobody")
            mute.client.flush()
            http.get("/healthz").check(200)


def a_body_that_the_broker_does_not_take_is_413():
    with Daemon("line.payload_size_max=1000") as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        http.post("/svc/users", b"x" * 2000).check(413, "too-large")
        http.get("/healthz").check(200)


def a_body_that_is_passed_on_has_a_bound():
    with Daemon() as broker, Sidecar(broker, "http.batch_size_max=64KiB") as sidecar:
        with Http(sidecar) as http:
            answer = http.post("/v1/streams", b" " * 70000, JSON).check(413, "too-large")
            equal("65536" in answer.json()["detail"] or "64KiB" in answer.json()["detail"], True, f"the bound: {answer.body}")
        with Http(sidecar) as http:
            http.post("/v1/streams", b" " * 60000 + b'{"name":"S","topics":["s.>"],"storage":"memory"}', JSON).check(201)


def the_prefix_and_the_topic_can_be_others_or_none():
    with Daemon() as broker:
        with Sidecar(broker, "call.path=/other/services", "call.topic=rpc.eu") as sidecar, Http(sidecar) as http:
            users = Service(broker, "rpc.eu.users.*", lambda message: (200, b"", b"here"))
            equal(_ask(http, [users], "GET", "/other/services/users/1").check(200).body, b"here", "answer")
            equal(users.seen[0].topic, "rpc.eu.users.GET", "topic")
            http.get("/svc/users/1").check(404)
        with Sidecar(broker, "call.enabled=no") as sidecar, Http(sidecar) as http:
            http.get("/svc/users/1").check(404, "not-found")


# --------------------------------------------------------------------------------------------------------- about itself


def requests_and_publishing_are_as_at_the_broker():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http, Http(broker) as direct:
        echo = Service(broker, "echo", lambda message: (0, b"X-Answer: 1\r\n", b"re:" + message.body))
        answer = _ask(http, [echo], "POST", "/v1/request/echo?timeout=5s", b"hi").check(200)
        equal((answer.body, answer.header("Posthorn-Header-X-Answer")), (b"re:hi", "1"), "reply")
        http.post("/v1/request/nobody", b"").check(503, "no-responders")
        http.post("/v1/request/a..b", b"").check(400, "bad-topic")
        with Events(direct.host, "told", since="latest") as events:
            equal(http.post("/v1/topics/told", b"by the sidecar").status in (200, 202), True, "published")
            equal(events.next().data, "by the sidecar", "what the broker has")


def it_tells_of_itself():
    with Daemon() as broker, Sidecar(broker) as sidecar, Http(sidecar) as http:
        http.get("/svc/nobody").check(503)
        http.get("/v1/streams").check(200)
        text = http.get("/metrics").check(200).body.decode()
        samples = dict(line.split(" ") for line in text.splitlines() if not line.startswith("#") and "{" not in line)
        wanted = {"posthorn_uplink_up": "1", "posthorn_calls_total": "1", "posthorn_call_failures_total": "1",
                  "posthorn_call_retries_total": "2", "posthorn_proxy_requests_total": "1", "posthorn_uplink_stalled": "0"}
        equal({name: samples.get(name) for name in wanted}, wanted, "figures")
        facts = http.get("/varz").check(200).json()["posthorn"]["sidecar"]
        equal((facts["state"], facts["uplink"]["up"], facts["uplink"]["connects"]), ("idle", True, 1), "facts")
        equal(json.loads(http.get("/progress").check(200).body)["uplink"]["up"], True, "progress")
        http.get("/connz").check(200)
        http.get("/subsz").check(200)


class DeafBroker:
    """Takes connections, says PONG, and no more: what is published is neither refused nor acknowledged. A thread of its own."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            while True:
                peer = self.server.accept()[0]
                threading.Thread(target=self._listen, args=[peer], daemon=True).start()
        except OSError:
            pass  # closed

    def _listen(self, peer):
        info = {"server_id": "x", "version": "2.10.0", "headers": True, "max_payload": 1 << 20, "proto": 1}
        peer.sendall(b"INFO " + json.dumps(info).encode() + b"\r\n")
        rest = b""
        while data := peer.recv(65536):
            *lines, rest = (rest + data).split(b"\r\n")
            for line in lines:
                if line == b"PING":
                    peer.sendall(b"PONG\r\n")

    def close(self):
        self.server.close()


def where_the_broker_is_there_and_nothing_moves_it_is_not_alive():
    broker = DeafBroker()
    with tempfile.TemporaryDirectory() as directory:
        options = ("uplink.stall_timeout=700ms", f"server.data_dir={directory}")
        with Sidecar(broker.address, *options) as sidecar, Http(sidecar) as http:
            http.get("/healthz").check(200)
            equal(http.get("/progress").json()["state"], "idle", "state where nothing waits")
            http.post("/v1/topics/a", b"unheard").check(200)
            equal(http.get("/progress").json()["state"], "moving", "state of what has just come")
            http.get("/healthz").check(200)
            until(lambda: http.get("/healthz").status == 503, "it says that it is not alive")
            answer = http.get("/healthz").check(503, "unavailable")
            equal("messages that wait: 1." in answer.json()["detail"], True, f"why: {answer.body}")
            progress = http.get("/progress").json()
            equal((progress["state"], progress["spool"]["messages"]), ("stalled", 1), "progress")
            equal(b"posthorn_uplink_stalled 1" in http.get("/metrics").body, True, "figure")
            http.get("/readyz").check(200)
            broker.close()
            sidecar.kill()


if __name__ == "__main__":
    main(what_is_not_its_own_the_broker_answers, streams_are_made_and_changed_through_it, a_condition_of_a_poll_and_its_answer_pass,
         a_long_poll_waits_for_its_message, events_come_as_they_are_published, readers_that_leave_are_taken_off_at_the_broker,
         a_reader_that_rests_costs_the_sidecar_nothing, an_http_worker_takes_and_answers_through_it,
         requests_in_a_row_are_answered_in_order, the_sidecar_enters_with_its_own_credentials,
         clients_are_served_while_the_connection_comes_and_goes, its_own_users_are_asked_who_they_are,
         pages_are_the_sidecars_matter, a_broker_that_is_away_is_a_clear_answer, an_answer_that_is_cut_off_is_seen_to_be,
         without_the_brokers_http_it_says_what_is_missing, a_call_becomes_a_request_and_its_reply_the_answer,
         every_method_and_status_passes, head_is_told_the_length_and_gets_no_body, a_trace_that_is_none_is_made_anew,
         what_a_service_says_is_not_the_sidecars_word, a_service_that_nobody_offers_is_503_after_retries,
         what_was_not_answered_is_tried_again_where_that_is_harmless,
         what_is_under_way_when_the_connection_breaks_fails_at_once_or_is_asked_again, what_may_have_been_done_is_not_asked_twice,
         a_gateway_failure_is_tried_again_and_then_told, retries_are_a_share_of_the_calls,
         a_service_that_fails_is_left_alone_for_a_while, a_caller_that_leaves_is_forgotten,
         a_body_that_the_broker_does_not_take_is_413, a_body_that_is_passed_on_has_a_bound,
         the_prefix_and_the_topic_can_be_others_or_none,
         requests_and_publishing_are_as_at_the_broker, it_tells_of_itself,
         where_the_broker_is_there_and_nothing_moves_it_is_not_alive)
