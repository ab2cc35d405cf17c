#!/usr/bin/env python3
"""[serve NAME]: requests on topics that an application without any broker in it answers over HTTP."""

import json

from application import Application
from harness import DEADLINE_S, PATIENCE, Daemon, equal, main, until
from jet import Jet, head_of
from sidecar import Sidecar
from web import Http


def headers(reply):
    return [tuple(line.split(": ", 1)) for line in reply.head.decode().split("\r\n")[1:] if line]


def header(reply, name):
    return dict(headers(reply)).get(name)


def status_of(reply):
    """The broker's own word: 503 where nobody listens."""
    return int(reply.head[9:12] or 0) if reply.head[8:9] == b" " else 0


def ask(jet, topic, method=None, target=None, body=b"", **more):
    """A reply to a request."""
    said = {**({"Posthorn_Method": method} if method else {}), **({"Posthorn_Target": target} if target else {}), **more}
    return jet.request(topic, body, head=head_of(**said))


def status(reply):
    return int(header(reply, "Posthorn-Status"))


def problem(reply, number, kind):
    equal(status(reply), number, f"status of {reply.body!r}")
    equal(json.loads(reply.body)["type"], f"urn:posthorn:problem:{kind}", "kind of problem")
    equal(header(reply, "Content-Type"), "application/problem+json", "type of a problem")


class Scene:
    """A broker, an application, a sidecar that serves it under svc.users.>, and a client of the broker's."""

    def __init__(self, *options, app=None, wait=True, **settings):
        self.app = app or Application()
        self.broker = Daemon(**settings)
        self.sidecar = Sidecar(self.broker, "serve.users.topic=svc.users.>", f"serve.users.to={self.app.url}", *options)
        self.jet = Jet(self.broker)
        if wait:
            self.wait_served()

    def is_served(self):
        """Where somebody has just left, what was on its way to him from another worker is answered by nobody."""
        try:
            return status_of(self.jet.request("svc.users.ping", deadline_s=2 * PATIENCE)) != 503
        except AssertionError:
            return True

    def wait_served(self):
        until(self.is_served, "the sidecar's subscription")

    def ask(self, *args, topic="svc.users.x", **more):
        return ask(self.jet, topic, *args, **more)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.jet.close()
        self.app.kill()
        self.sidecar.__exit__(kind, value, trace)
        self.broker.__exit__(kind, value, trace)


def a_request_is_what_its_message_says():
    with Scene() as scene:
        reply = scene.ask("PUT", "/users/42?x=1&y=%20", b"a body", Content_Type="text/x", traceparent="00-a-b-01", X_Own="1")
        equal(status(reply), 200, "status")
        said = json.loads(reply.body)
        equal((said["method"], said["url"], said["body"]), ("PUT", "/users/42?x=1&y=%20", "a body"), "what was asked")
        got = said["headers"]
        equal((got["content-type"], got["traceparent"], got["x-own"]), ("text/x", "00-a-b-01", "1"), "headers")
        equal(got["posthorn-topic"], "svc.users.x", "topic")
        equal(sorted(got), sorted(["host", "content-length", "content-type", "traceparent", "x-own", "posthorn-topic"]), "names")
        equal(headers(reply).count(("X-Twice", "1")) + headers(reply).count(("X-Twice", "2")), 2, "headers that come twice")
        served = scene.sidecar.wait_log(r' served section="serve users" topic=svc.users.x method=PUT target="(\S+)" status=200 '
                                        r'in=6 out=\d+ duration=\d+ms trace="00-a-b-01"')
        equal(served.group(1), f"{scene.app.url}/users/42?x=1&y=%20", "target in the log")


def a_plain_message_is_posted_under_what_the_wildcards_stand_for():
    with Scene() as scene:
        said = json.loads(scene.ask(topic="svc.users.42.orders", body=b"{}").body)
        equal((said["method"], said["url"], said["body"]), ("POST", "/42/orders", "{}"), "what was asked")
        equal("content-type" in said["headers"] or "accept" in said["headers"], False, "headers that nobody has given")


def an_answer_is_kept_whatever_it_is_like():
    with Scene() as scene:
        made = scene.ask("POST", "/cookies")
        equal((status(made), made.body), (201, b"made"), "answer")
        equal([value for name, value in headers(made) if name == "Set-Cookie"], ["a=1", "b=2"], "cookies")
        equal(any(name.lower() in ("connection", "keep-alive", "transfer-encoding", "content-length") for name, _ in
                  headers(made)), False, "headers of the connection")
        nothing = scene.ask("DELETE", "/nothing")
        equal((status(nothing), nothing.body), (204, b""), "answer without a body")
        pieces = scene.ask("GET", "/pieces")
        equal((status(pieces), pieces.body), (200, b"one two"), "answer in chunks")
        old = scene.ask("GET", "/old")
        equal((status(old), old.body, header(old, "X-Old")), (200, b"until the end", "yes"), "answer up to the end")
        head = scene.ask("HEAD", "/some/where")
        equal((status(head), head.body), (200, b""), "answer to HEAD")
        equal(int(header(head, "Content-Length")) > 100, True, "length that HEAD speaks of")
        for number in (301, 404, 418, 500, 503):
            reply = scene.ask("GET", f"/status?is={number}")
            equal((status(reply), reply.body), (number, b"as asked"), "status")


def large_bodies_go_both_ways_as_far_as_messages_go():
    with Scene() as scene:
        body = b"y" * 900000
        said = json.loads(scene.ask("POST", "/", body).body)
        equal(len(said["body"]), len(body), "size of the body that came")
        equal(len(scene.ask("GET", "/large?size=1000000").body), 1000000, "size of the answer that came")
        for size in (1048576, 5000000):
            problem(scene.ask("GET", f"/large?size={size}"), 502, "bad-gateway")
        equal(status(scene.ask("GET", "/large?size=10")), 200, "status after that")


def one_application_calls_another_through_two_sidecars():
    with Scene() as scene, Sidecar(scene.broker) as caller, Http(caller) as http:
        said = http.request("PUT", "/svc/users/42/orders?x=%20y", b"a body", {"X-Own": "1", "Content-Type": "text/x"}).check(200)
        got = said.json()
        equal((got["method"], got["url"], got["body"]), ("PUT", "/42/orders?x=%20y", "a body"), "what was asked")
        equal((got["headers"]["x-own"], got["headers"]["content-type"]), ("1", "text/x"), "headers")
        equal(bool(got["headers"]["traceparent"]), True, "a trace begins with the caller")
        equal([value for name, value in said.headers if name.lower() == "x-twice"], ["1", "2"], "headers of the answer")
        made = http.post("/svc/users/cookies")
        equal((made.status, made.body), (201, b"made"), "answer")
        head = http.request("HEAD", "/svc/users/some/where")
        equal((head.status, head.body, int(head.header("Content-Length")) > 100), (200, b"", True), "answer to HEAD")
        equal(http.get("/svc/users/pieces").body, b"one two", "answer in chunks")
        equal(http.request("DELETE", "/svc/users/nothing").status, 204, "answer without a body")
        equal(len(http.get("/svc/users/large?size=1000000").body), 1000000, "size of a large answer")
        equal(http.get("/svc/users/status?is=418").status, 418, "status")


def what_no_application_may_be_asked_is_refused():
    with Scene() as scene:
        for method, target in (("G T", "/"), ("CONNECT", "/"), ("GET", "users"), ("GET", "http://other/"), ("GET", "/a/../b"),
                               ("GET", "/%2e%2E/b"), ("GET", "/a b")):
            problem(scene.ask(method, target), 400, "bad-request")


def an_application_that_fails_is_told_of():
    with Scene("serve.users.timeout=300ms") as scene:
        problem(scene.ask("GET", "/hang"), 504, "no-reply")
        problem(scene.ask("GET", "/break"), 502, "bad-gateway")
        equal(status(scene.ask("GET", "/status?is=200")), 200, "status after that")


def no_more_than_so_many_are_asked_at_once_and_the_rest_waits_or_is_refused():
    with Scene("serve.users.concurrency=3", "serve.users.queue_max=5") as scene:
        numbers = [scene.jet.ask("svc.users.x", head=head_of(Posthorn_Method="GET", Posthorn_Target=f"/wait?ms=100&id={i}"))
                   for i in range(12)]
        replies = [scene.jet.answer(number) for number in numbers]
        equal([status(reply) for reply in replies], [200] * 8 + [503] * 4, "who was answered")
        equal([reply.body for reply in replies[:8]], [f"waited {i}".encode() for i in range(8)], "answers")
        equal(header(replies[11], "Retry-After"), "1", "when to come again")
        equal(scene.app.most(), 3, "requests at once")


def who_waits_too_long_is_told_so():
    with Scene("serve.users.concurrency=1", "serve.users.timeout=400ms") as scene:
        numbers = [scene.jet.ask("svc.users.x", head=head_of(Posthorn_Method="GET", Posthorn_Target=target))
                   for target in ("/wait?ms=300&id=0", "/hang", "/status?is=200")]
        replies = [scene.jet.answer(number) for number in numbers]
        equal([status(reply) for reply in replies], [200, 504, 504], "who was answered")


def two_instances_share_the_requests():
    with Scene() as scene, Application() as other:
        with Sidecar(scene.broker, "serve.users.topic=svc.users.>", f"serve.users.to={other.url}"):
            def both():
                scene.ask("GET", "/wait?ms=0&id=1")
                return scene.app.entries() and other.entries()
            until(both, "requests at both")


def nobody_listens_until_the_application_is_healthy():
    app = Application()
    app.be_sick()
    options = ("serve.users.health=/healthz", "serve.users.health_interval=50ms")
    with Scene(*options, app=app, wait=False) as scene:
        scene.sidecar.wait_log(r"uplink_up")
        equal(status_of(scene.ask()), 503, "status where nobody listens")
        app.be_well()
        scene.sidecar.wait_log(r'application_there section="serve users"')
        scene.wait_served()
        mark = scene.sidecar.log_count()
        app.be_sick()
        scene.sidecar.wait_log(r'application_away section="serve users"', since=mark)
        until(lambda: not scene.is_served(), "nobody listens any more")
        app.be_well()
        scene.wait_served()


def an_application_that_is_killed_is_left_alone_until_it_is_back():
    with Scene() as scene:
        number = scene.jet.ask("svc.users.x", head=head_of(Posthorn_Method="GET", Posthorn_Target="/hang"))
        until(lambda: status(scene.ask("GET", "/status?is=200")) == 200, "an answer")
        scene.app.kill()
        problem(scene.jet.answer(number), 502, "bad-gateway")
        reply = scene.ask()
        if status_of(reply) != 503:  # the first that it cannot take
            problem(reply, 503, "unavailable")
        until(lambda: not scene.is_served(), "nobody listens")
        scene.app.start()
        scene.wait_served()
        equal(status(scene.ask("GET", "/status?is=200")), 200, "status after that")


def at_the_end_what_was_begun_is_finished_and_what_waits_is_given_back():
    with Scene("serve.users.concurrency=1") as scene:
        numbers = [scene.jet.ask("svc.users.x", head=head_of(Posthorn_Method="GET", Posthorn_Target=f"/wait?ms=400&id={i}"))
                   for i in range(3)]
        until(lambda: [entry for entry in scene.app.entries() if entry.get("wait") == "0"], "the first request")
        scene.jet.request("svc.users.x", head=head_of(Posthorn_Method="BAD METHOD"))  # behind the others
        scene.sidecar.stop()
        replies = [scene.jet.answer(number) for number in numbers]
        equal(replies[0].body, b"waited 0", "what was begun")
        for reply in replies[1:]:
            problem(reply, 503, "unavailable")


def the_sidecar_serves_again_when_the_broker_comes_back():
    with Application() as app:
        broker = Daemon()
        address = broker.line[0]
        with Sidecar(broker, "serve.users.topic=svc.users.>", f"serve.users.to={app.url}") as sidecar:
            mark = sidecar.log_count()
            broker.stop()
            sidecar.wait_down(since=mark)
            with Daemon(listen=address) as back, Jet(back).client as client:
                del client
                jet = Jet(back)
                until(lambda: status_of(jet.request("svc.users.ping")) != 503, "the sidecar's subscription", DEADLINE_S)
                jet.close()


def a_reload_changes_what_is_served():
    config = "[uplink]\nurl = {url}\n[serve users]\ntopic = {topic}\nto = {to}\n"
    with Application() as app, Daemon() as broker:
        def text(topic):
            return config.format(url=broker.line[0], topic=topic, to=app.url)
        with Sidecar(broker, config=text("svc.a")) as sidecar:
            jet = Jet(broker)
            until(lambda: status_of(jet.request("svc.a")) != 503, "the first topic")
            slow = jet.ask("svc.a", head=head_of(Posthorn_Method="GET", Posthorn_Target="/wait?ms=300&id=0"))
            until(lambda: [entry for entry in app.entries() if "wait" in entry], "the request")
            sidecar.reload(text("svc.b"))
            until(lambda: status_of(jet.request("svc.b")) != 503, "the second topic")
            until(lambda: status_of(jet.request("svc.a")) == 503, "nobody on the first")
            equal(jet.answer(slow).body, b"waited 0", "what was begun before")
            jet.close()


if __name__ == "__main__":
    main(a_request_is_what_its_message_says, a_plain_message_is_posted_under_what_the_wildcards_stand_for,
         an_answer_is_kept_whatever_it_is_like, large_bodies_go_both_ways_as_far_as_messages_go,
         one_application_calls_another_through_two_sidecars, what_no_application_may_be_asked_is_refused, an_application_that_fails_is_told_of,
         no_more_than_so_many_are_asked_at_once_and_the_rest_waits_or_is_refused, who_waits_too_long_is_told_so,
         two_instances_share_the_requests, nobody_listens_until_the_application_is_healthy,
         an_application_that_is_killed_is_left_alone_until_it_is_back,
         at_the_end_what_was_begun_is_finished_and_what_waits_is_given_back,
         the_sidecar_serves_again_when_the_broker_comes_back, a_reload_changes_what_is_served)
