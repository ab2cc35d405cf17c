#!/usr/bin/env python3
"""What one may: every route, every verb of the line and of the APIs, with every kind of right; denying at delivery; rights that
are taken away."""

import json
import pathlib
import re

from harness import Daemon, equal, main, until
from jet import Jet, Store
from sidecar import Sidecar
from web import Events, Http, Lines, poll

SOURCE = pathlib.Path(__file__).resolve().parents[2]

# Each kind of user, under a token of the same name.
USERS = {
    "all": "manage = yes",
    "manager": "publish =\nsubscribe = _INBOX.>\nmanage = yes",
    "monitor": "publish =\nsubscribe = _INBOX.>\nmonitor = yes",
    "reader": "publish =\nsubscribe = orders.>, _INBOX.>",
    "writer": "publish = orders.>\nsubscribe = _INBOX.>",
    "denied": "publish_deny = orders.>\nsubscribe_deny = orders.>",
    "stranger": "publish = other.>\nsubscribe = other.>, _INBOX.>",
    "nobody": "publish =\nsubscribe = _INBOX.>",
}
INI = "".join(f"[user {name}]\ntoken = {name}\n{rights}\n" for name, rights in USERS.items())

READ = {"all", "reader"}
WRITE = {"all", "writer"}
MANAGE = {"all", "manager"}
MONITOR = MANAGE | {"monitor"}
LOOK = MONITOR | READ | WRITE
ANY = set(USERS)


def _token(name):
    return {"Authorization": f"Bearer {name}"}


def _jet(daemon, name):
    return Jet(daemon, auth_token=name)


def _kept(store, *options):
    return store.daemon(*options, config=INI)


# ---------------------------------------------------------------------------------------------------------------- routes

ORDER = {"Content-Type": "application/json"}
HOOK = json.dumps({"url": "https://example.org/", "pattern": "orders.>"}).encode()

# A request for each route, and who is not answered 403. What is asked for need not exist, but where a right depends on it.
ROUTES = {
    "POST /v1/topics/{topics}": ("/v1/topics/orders.new", b"x", WRITE),
    "PUT /v1/topics/{topics}": ("/v1/topics/orders.new", b"x", WRITE),
    "GET /v1/topics/{topics}": ("/v1/topics/orders.>?since=all", None, READ),
    "GET /v1/topics/{topics}/json": ("/v1/topics/orders.>/json?since=all", None, READ),
    "GET /v1/topics/{topics}/sse": ("/v1/topics/orders.>/sse", None, READ),
    "GET /v1/topics/{topics}/ndjson": ("/v1/topics/orders.>/ndjson", None, READ),
    "POST /v1/publish": ("/v1/publish", b'[{"topic":"orders.new","data":1}]', WRITE),
    "POST /v1/request/{topic}": ("/v1/request/orders.ask?timeout=1ms", b"", WRITE),
    "GET /v1/requests/{pattern}": ("/v1/requests/orders.ask?wait=0", None, READ),
    "POST /v1/replies/{id}": ("/v1/replies/none", b"", ANY),  # 404: it is no id
    "GET /v1/streams": ("/v1/streams", None, ANY),  # each is shown what is his
    "POST /v1/streams": ("/v1/streams", b'{"name":"ORDERS","topics":["orders.>"],"storage":"memory"}', MANAGE),
    "GET /v1/streams/{stream}": ("/v1/streams/ORDERS", None, LOOK),
    "PATCH /v1/streams/{stream}": ("/v1/streams/ORDERS", b'{"description":"x"}', MANAGE),
    "DELETE /v1/streams/{stream}": ("/v1/streams/NONE", None, MANAGE),
    "POST /v1/streams/{stream}/purge": ("/v1/streams/ORDERS/purge", b'{"filter":"orders.none"}', MANAGE),
    "GET /v1/streams/{stream}/messages/{sequence}": ("/v1/streams/ORDERS/messages/last?topic=orders.first", None, READ),
    "DELETE /v1/streams/{stream}/messages/{sequence}": ("/v1/streams/ORDERS/messages/999", None, MANAGE),
    "GET /v1/streams/{stream}/consumers": ("/v1/streams/ORDERS/consumers", None, LOOK),
    "POST /v1/streams/{stream}/consumers": ("/v1/streams/ORDERS/consumers", b'{"name":"worker"}', READ),
    "GET /v1/streams/{stream}/consumers/{consumer}": ("/v1/streams/ORDERS/consumers/worker", None, LOOK),
    "PATCH /v1/streams/{stream}/consumers/{consumer}": ("/v1/streams/ORDERS/consumers/worker", b'{"description":"x"}', READ),
    "DELETE /v1/streams/{stream}/consumers/{consumer}": ("/v1/streams/ORDERS/consumers/spare", None, READ | MANAGE),
    "POST /v1/streams/{stream}/consumers/{consumer}/pull": ("/v1/streams/ORDERS/consumers/worker/pull?batch=1", b"", READ),
    "POST /v1/streams/{stream}/consumers/{consumer}/ack": ("/v1/streams/ORDERS/consumers/worker/ack", b'{"ack_ids":[]}', ANY),
    "POST /v1/streams/{stream}/consumers/{consumer}/nak": ("/v1/streams/ORDERS/consumers/worker/nak", b'{"ack_ids":[]}', ANY),
    "POST /v1/streams/{stream}/consumers/{consumer}/extend": ("/v1/streams/ORDERS/consumers/worker/extend", b'{"ack_ids":[]}', ANY),
    "GET /v1/webhooks": ("/v1/webhooks", None, MONITOR),
    "POST /v1/webhooks": ("/v1/webhooks", HOOK, {"all"}),  # who makes it has to be allowed to read, too
    "GET /v1/webhooks/{webhook}": ("/v1/webhooks/none", None, MONITOR),
    "PATCH /v1/webhooks/{webhook}": ("/v1/webhooks/none", b"{}", MANAGE),
    "DELETE /v1/webhooks/{webhook}": ("/v1/webhooks/none", None, MANAGE),
    "POST /v1/webhooks/{webhook}/enable": ("/v1/webhooks/none/enable", b"", MANAGE),
    "POST /v1/webhooks/{webhook}/disable": ("/v1/webhooks/none/disable", b"", MANAGE),
    "POST /v1/webhooks/{webhook}/rotate": ("/v1/webhooks/none/rotate", b"", MANAGE),
    "GET /v1/webhooks/{webhook}/secrets": ("/v1/webhooks/none/secrets", None, MANAGE),
    "POST /v1/webhooks/{webhook}/verify": ("/v1/webhooks/none/verify", b"", MANAGE),
    "GET /v1/webhooks/{webhook}/attempts": ("/v1/webhooks/none/attempts", None, MONITOR),
    "POST /v1/webhooks/{webhook}/example": ("/v1/webhooks/none/example", b"", MANAGE),
    "POST /v1/webhooks/{webhook}/recover": ("/v1/webhooks/none/recover", b"{}", MANAGE),
    "POST /v1/webhooks/{webhook}/resend": ("/v1/webhooks/none/resend", b"{}", MANAGE),
    "GET /v1/webhooks/{webhook}/dead": ("/v1/webhooks/none/dead", None, MANAGE),
    "POST /v1/webhooks/{webhook}/replay": ("/v1/webhooks/none/replay", b"{}", MANAGE),
    "GET /healthz": ("/healthz", None, ANY),
    "GET /readyz": ("/readyz", None, ANY),
    "GET /metrics": ("/metrics", None, MONITOR),
    "GET /varz": ("/varz", None, MONITOR),
    "GET /connz": ("/connz", None, MONITOR),
    "GET /subsz": ("/subsz", None, MONITOR),
    "GET /jsz": ("/jsz", None, MONITOR),
    "GET /topicz": ("/topicz", None, MONITOR),
    "GET /": ("/", None, ANY),
    "GET /ui/{file}": ("/ui/none", None, ANY),
    "POST /v1/tickets": ("/v1/tickets", b"", ANY),
    "GET /v1/session": ("/v1/session", None, ANY),
    "POST /v1/session": ("/v1/session", b"", ANY),
    "DELETE /v1/session": ("/v1/session", None, ANY),
    "GET /openapi.json": ("/openapi.json", None, ANY),
    "GET /asyncapi.json": ("/asyncapi.json", None, ANY),
}
OPEN = {"GET /healthz", "GET /readyz", "GET /", "GET /ui/{file}"}


def _prepare(daemon):
    """A stream with a message, a consumer, and one that may be removed."""
    jet = _jet(daemon, "all")
    jet.stream("ORDERS", ["orders.>"], storage="memory", allow_direct=True)
    jet.put("orders.first", b"first")
    jet.stream("OTHER", ["other.>"], storage="memory")
    for name in ("worker", "spare"):
        jet.consumer("ORDERS", name, ack_policy="explicit")
    return jet


def _status(daemon, method, path, body, headers):
    """The status of an answer; of a stream as soon as its head is there."""
    with Http(daemon) as http:
        http.ask(method, path, body, headers)
        http.wait(lambda: http.answers, "an answer")
        answer = http.answers[0]
        text = "" if answer.status < 400 else answer.body.decode()
        return answer.status, text


def every_route_asks_for_its_right():
    described = {f"{method.upper()} {path}" for path, item in json.loads((SOURCE / "src/http/describe/openapi.json").read_text())["paths"].items()
                 for method in item if method in ("get", "post", "put", "patch", "delete")}
    equal(described - set(ROUTES), set(), "routes that this test leaves out: say who may")
    with Store() as store, _kept(store) as daemon:
        jet = _prepare(daemon)
        for route, (path, body, allowed) in ROUTES.items():
            method = route.partition(" ")[0]
            for name in USERS:
                jet.consumer("ORDERS", "spare", ack_policy="explicit")
                status, text = _status(daemon, method, path, body, {**_token(name), **ORDER})
                if route == "POST /v1/publish":  # each item has its own
                    status = 403 if name not in WRITE else status
                equal(status == 403, name not in allowed, f"{route} by {name} is refused ({status} {text})")
                if status == 403 and text:
                    equal(json.loads(text)["type"], "urn:posthorn:problem:forbidden", route)
                    equal("right" in text, True, f"{text} says which right is missing")
            status, _ = _status(daemon, method, path, body, ORDER)
            equal(status == 401, route not in OPEN, f"{route} by nobody in particular: {status}")


def each_item_of_a_batch_is_looked_at():
    items = b'[{"topic":"orders.a","data":1},{"topic":"orders.secret.a","data":1},{"topic":"b","data":1}]'
    config = "[user w]\ntoken = w\npublish = orders.>\npublish_deny = orders.secret.>\n[user all]\ntoken = all\nmanage = yes\n"
    with Daemon(config=config) as daemon, Http(daemon) as http:
        results = http.post("/v1/publish", items, {**_token("w"), **ORDER}).check(200).json()["results"]
        equal([result.get("status") for result in results], [None, 403, 403], "results")
        equal([m["topic"] for m in poll(http, ">", _token("all"), since="all")["messages"]], ["orders.a"], "what came in")


# ------------------------------------------------------------------------------------------------------------------- API

# Each endpoint, and who is answered something else than that he may not. {s}: a stream of theirs.
VERBS = {
    "INFO": ("INFO", None, ANY),
    "STREAM.CREATE.*": ("STREAM.CREATE.NEW", {"name": "NEW", "subjects": ["new.>"], "storage": "memory"}, MANAGE),
    "STREAM.UPDATE.*": ("STREAM.UPDATE.ORDERS", {"name": "ORDERS", "subjects": ["orders.>"], "storage": "memory",
                                                 "allow_direct": True}, MANAGE),
    "STREAM.INFO.*": ("STREAM.INFO.ORDERS", None, LOOK),
    "STREAM.DELETE.*": ("STREAM.DELETE.NONE", None, MANAGE),
    "STREAM.PURGE.*": ("STREAM.PURGE.ORDERS", {"filter": "orders.none"}, MANAGE),
    "STREAM.NAMES": ("STREAM.NAMES", None, ANY),
    "STREAM.LIST": ("STREAM.LIST", None, ANY),
    "STREAM.MSG.GET.*": ("STREAM.MSG.GET.ORDERS", {"last_by_subj": "orders.first"}, READ),
    "STREAM.MSG.DELETE.*": ("STREAM.MSG.DELETE.ORDERS", {"seq": 999}, MANAGE),
    "CONSUMER.CREATE.*": ("CONSUMER.CREATE.ORDERS", {"stream_name": "ORDERS", "config": {}}, READ),
    "CONSUMER.CREATE.*.*": ("CONSUMER.CREATE.ORDERS.two", {"stream_name": "ORDERS", "config": {"name": "two"}}, READ),
    "CONSUMER.CREATE.*.*.>": ("CONSUMER.CREATE.ORDERS.three.orders.a", {"stream_name": "ORDERS", "config": {
        "name": "three", "filter_subject": "orders.a"}}, READ),
    "CONSUMER.DURABLE.CREATE.*.*": ("CONSUMER.DURABLE.CREATE.ORDERS.four", {"stream_name": "ORDERS", "config": {
        "durable_name": "four", "ack_policy": "explicit"}}, READ),
    "CONSUMER.INFO.*.*": ("CONSUMER.INFO.ORDERS.worker", None, LOOK),
    "CONSUMER.DELETE.*.*": ("CONSUMER.DELETE.ORDERS.spare", None, READ | MANAGE),
    "CONSUMER.NAMES.*": ("CONSUMER.NAMES.ORDERS", None, LOOK),
    "CONSUMER.LIST.*": ("CONSUMER.LIST.ORDERS", None, LOOK),
}
DIRECT = {
    "DIRECT.GET.*": ("DIRECT.GET.ORDERS", b'{"last_by_subj":"orders.first"}', READ),
    "DIRECT.GET.*.>": ("DIRECT.GET.ORDERS.orders.first", b"", READ),
}


def every_verb_of_the_api_asks_for_its_right():
    rows = re.findall(r'^    \{ "([A-Z.*>]+)", \w+, RIGHT_', (SOURCE / "src/jetstream/api.c").read_text(), re.MULTILINE)
    equal(sorted(rows), sorted([*VERBS, *DIRECT]), "endpoints of api.c, and those that this test knows")
    with Store() as store, _kept(store) as daemon:
        owner = _prepare(daemon)
        jets = {name: _jet(daemon, name) for name in USERS}
        for verb, (topic, request, allowed) in VERBS.items():
            for name, jet in jets.items():
                owner.consumer("ORDERS", "spare", ack_policy="explicit")
                error = jet.api(topic, request).get("error", {})
                equal(error.get("code") == 403, name not in allowed, f"{verb} by {name} is refused ({error})")
                equal("permissions violation" in error.get("description", ""), name not in allowed, f"{verb} by {name}: {error}")
        for verb, (topic, body, allowed) in DIRECT.items():
            for name, jet in jets.items():
                answer = jet.request("$JS.API." + topic, body)
                equal(b"403" in answer.head[:12], name not in allowed, f"{verb} by {name} is refused ({answer})")
                equal(answer.body, b"first" if name in allowed else b"", f"{verb} by {name}")
        for name, jet in jets.items():
            jet.client.publish("$JS.API.STREAM.DANCE.ORDERS")
            if name in MANAGE:  # a topic like any other of the server's own, on which nobody listens
                jet.client.nothing()
            else:
                jet.client.expect_error('Permissions Violation for Publish to "$JS.API.STREAM.DANCE.ORDERS"')


def what_is_said_to_consumers_asks_for_what_they_read():
    with Store() as store, _kept(store) as daemon:
        owner = _prepare(daemon)
        for name in USERS:
            jet = _jet(daemon, name)
            for topic in ("$JS.API.CONSUMER.MSG.NEXT.ORDERS.worker", "$JS.ACK.ORDERS.worker.1.999.999.1.0", "$JS.FC.ORDERS.worker.1"):
                jet.client.publish(topic, b"", reply="_INBOX.none")
                jet.client.flush()
                refused = [f'Permissions Violation for Publish to "{topic}"'] if name not in READ else []
                equal(jet.client.errors, refused, f"{topic} by {name}")
                jet.client.errors.clear()
            jet.close()
        owner.close()


def consumers_of_a_part_are_for_whoever_may_read_that_part():
    config = INI + "[user half]\ntoken = half\npublish =\nsubscribe = orders.>, _INBOX.>\nsubscribe_deny = orders.secret.>\n"
    with Store() as store, store.daemon(config=config) as daemon:
        owner, jet = _prepare(daemon), _jet(daemon, "half")
        owner.put("orders.secret.1", b"hidden")
        owner.put("orders.plain", b"shown")
        jet.bad("CONSUMER.CREATE.ORDERS.all", {"stream_name": "ORDERS", "config": {"name": "all", "ack_policy": "explicit"}}, 10403)
        jet.good("CONSUMER.CREATE.ORDERS.part", {"stream_name": "ORDERS", "config": {
            "name": "part", "ack_policy": "explicit", "filter_subject": "orders.plain"}})
        equal([m.body for m in jet.pull("ORDERS", "part", 1)], [b"shown"], "what the consumer brings")
        # Nor may a consumer of somebody else's be taken over, or asked.
        owner.good("CONSUMER.CREATE.ORDERS.theirs", {"stream_name": "ORDERS", "config": {
            "name": "theirs", "ack_policy": "explicit", "filter_subject": "orders.secret.>"}})
        jet.bad("CONSUMER.CREATE.ORDERS.theirs", {"stream_name": "ORDERS", "config": {
            "name": "theirs", "ack_policy": "explicit", "filter_subject": "orders.plain"}}, 10403)
        jet.bad("CONSUMER.DELETE.ORDERS.theirs", None, 10403)
        jet.client.publish("$JS.API.CONSUMER.MSG.NEXT.ORDERS.theirs", b"", reply="_INBOX.none")
        jet.client.expect_error('Permissions Violation for Publish to "$JS.API.CONSUMER.MSG.NEXT.ORDERS.theirs"')
        # Single messages: what is hidden is not there.
        jet.bad("STREAM.MSG.GET.ORDERS", {"seq": 2}, 10037)
        jet.bad("STREAM.MSG.GET.ORDERS", {"last_by_subj": "orders.secret.1"}, 10403)
        equal(jet.good("STREAM.MSG.GET.ORDERS", {"next_by_subj": "orders.>", "seq": 2})["message"]["seq"], 3, "the next that is shown")
        equal(b"404" in jet.request("$JS.API.DIRECT.GET.ORDERS", b'{"seq":2}').head[:12], True, "direct get of what is hidden")
        topics = jet.good("STREAM.INFO.ORDERS", {"subjects_filter": ">"})["state"]["subjects"]
        equal(sorted(topics), ["orders.first", "orders.plain"], "topics that are told")
        with Http(daemon) as http:
            http.get("/v1/streams/ORDERS/messages/2", _token("half")).check(404, "no-such-message")
            http.get("/v1/streams/ORDERS/messages/3", _token("half")).check(200)


def what_one_may_not_look_at_is_not_there():
    """Whoever has no right on a stream is told the same of it as of one that does not exist."""
    with Store() as store, _kept(store) as daemon, Http(daemon) as http:
        _prepare(daemon)
        jet = _jet(daemon, "stranger")
        equal(jet.good("STREAM.NAMES")["streams"], ["OTHER"], "names")
        equal([s["config"]["name"] for s in jet.good("STREAM.LIST")["streams"]], ["OTHER"], "list")
        equal(jet.good("INFO")["streams"], 1, "streams that are counted")
        for verb in ("STREAM.INFO.{}", "CONSUMER.NAMES.{}", "CONSUMER.INFO.{}.worker", "CONSUMER.DELETE.{}.worker"):
            there, not_there = (jet.api(verb.format(name))["error"] for name in ("ORDERS", "NONE"))
            equal(there, not_there, verb)
        for path in ("/v1/streams/{}", "/v1/streams/{}/consumers/worker", "/v1/streams/{}/messages/1", "/v1/topics/other.>?stream={}&since=all"):
            there, not_there = (http.get(path.format(name), _token("stranger")) for name in ("ORDERS", "NONE"))
            equal((there.status, there.body), (not_there.status, not_there.body), path)


def push_consumers_deliver_only_where_their_maker_may():
    with Store() as store, _kept(store) as daemon:
        owner, jet = _prepare(daemon), _jet(daemon, "reader")
        for topic, good in (("_INBOX.mine", True), ("other.x", False), ("orders.x", False)):
            answer = jet.api("CONSUMER.CREATE.ORDERS", {"stream_name": "ORDERS", "config": {"deliver_subject": topic}})
            equal("error" not in answer, good, f"{topic}: {answer}")
        # Whoever listens where somebody else's consumer delivers is not shown what he may not read.
        listener = daemon.client(auth_token="stranger")
        listener.subscribe("_INBOX.shared", "1")
        listener.flush()
        owner.client.subscribe("_INBOX.shared", "shared")
        owner.good("CONSUMER.CREATE.ORDERS", {"stream_name": "ORDERS", "config": {"deliver_subject": "_INBOX.shared"}})
        owner.put("orders.now", b"now")
        equal([m.body for m in owner.client.take(2)], [b"first", b"now"], "what the consumer delivers")
        listener.nothing()


# ------------------------------------------------------------------------------------------------------------------ line


def line_is_told_what_it_may_not_and_stays():
    config = ("[user u]\ntoken = u\npublish = orders.>\npublish_deny = orders.secret.>\n"
              "subscribe = orders.>, jobs.* workers, _INBOX.>\nsubscribe_deny = orders.secret.>\n[user all]\ntoken = all\nmanage = yes\n")
    with Daemon(config=config) as daemon:
        user, other = daemon.client(auth_token="u"), daemon.client(auth_token="all")
        for sid, pattern in enumerate(("orders.>", "orders", "b", "$SYS.>", "$POSTHORN.x")):
            other.subscribe(pattern, f"{sid}")
        other.flush()
        for topic in ("orders.secret.x", "b", "orders", "$SYS.x", "$POSTHORN.x"):
            user.publish(topic, b"no")
            user.expect_error(f'Permissions Violation for Publish to "{topic}"')
        user.publish("orders.x", b"yes")
        other.expect("orders.x", b"yes")
        other.nothing()
        for pattern, group in ((">", ""), ("b", ""), ("orders.secret.>", ""), ("orders.secret.x", ""), ("jobs.x", ""), ("jobs.x", "others"),
                               ("$SYS.>", "")):
            user.subscribe(pattern, "9", group)
            user.expect_error(f'Permissions Violation for Subscription to "{pattern}"' + (f' using queue "{group}"' if group else ""))
        user.subscribe("jobs.x", "2", "workers")
        user.subscribe("orders.>", "3")
        user.flush()
        for topic in ("orders.secret.x", "orders.a", "jobs.x", "orders.secret.y", "orders.b"):
            other.publish(topic, topic.encode())
        other.flush()
        for topic in ("orders.a", "jobs.x", "orders.b"):
            user.expect(topic, topic.encode())
        user.nothing()


def groups_turn_to_who_may_read():
    config = "[user part]\ntoken = part\nsubscribe_deny = a.secret\n[user all]\ntoken = all\nmanage = yes\n"
    with Daemon(config=config) as daemon:
        part, whole, sender = (daemon.client(auth_token=name) for name in ("part", "all", "all"))
        for client in (part, whole):
            client.subscribe("a.*", "1", "g")
            client.flush()
        for _ in range(20):
            sender.publish("a.secret", b"x")
        sender.flush()
        whole.take(20)
        part.nothing()


def everything_but_what_is_the_servers_own():
    """A user without limits of topics is shown all by ">", but nothing of the server's own."""
    with Daemon(config="[user u]\ntoken = u\n[user all]\ntoken = all\nmanage = yes\n") as daemon:
        user, other = daemon.client(auth_token="u"), daemon.client(auth_token="all")
        user.subscribe(">", "1")
        user.flush()
        for topic in ("$POSTHORN.audit.x", "$SYS.x", "$DEAD.S.c", "$REFUSED.x", "$KV.b.k", "_INBOX.x", "a"):
            other.publish(topic, b"x")
        other.flush()
        equal([user.next().topic for _ in range(3)], ["$KV.b.k", "_INBOX.x", "a"], "what it is shown")
        user.nothing()


def answers_may_be_given_where_allowed():
    config = ("[user svc]\ntoken = svc\npublish =\nsubscribe = svc.>\nallow_responses = 2, 500ms\n"
              "[user mute]\ntoken = mute\npublish =\nsubscribe = svc.>\n[user all]\ntoken = all\nmanage = yes\n")
    with Daemon(config=config) as daemon:
        asker, service, mute = (daemon.client(auth_token=name) for name in ("all", "svc", "mute"))
        asker.subscribe("_INBOX.>", "1")
        for client in (service, mute):
            client.subscribe("svc.a", "1")
            client.flush()
        asker.publish("svc.a", b"?", reply="_INBOX.1")
        for client in (service, mute):
            equal(client.next().reply, "_INBOX.1", "reply")
        mute.publish("_INBOX.1", b"no")
        mute.expect_error('Permissions Violation for Publish to "_INBOX.1"')
        for body in (b"1", b"2"):
            service.publish("_INBOX.1", body)
            asker.expect("_INBOX.1", body)
        service.publish("_INBOX.1", b"3")
        service.expect_error('Permissions Violation for Publish to "_INBOX.1"')
        service.publish("_INBOX.other", b"1")
        service.expect_error('Permissions Violation for Publish to "_INBOX.other"')
        asker.publish("svc.a", b"?", reply="_INBOX.2")
        service.next()

        def too_late():
            service.publish("_INBOX.2", b"")
            service.flush()
            return service.errors
        until(too_late, "the time for answers is over", pause_s=0.3)
        asker.flush()


def responders_over_http_answer_where_allowed():
    config = ("[user svc]\ntoken = svc\npublish =\nsubscribe = svc.>\nallow_responses = yes\n"
              "[user mute]\ntoken = mute\npublish =\nsubscribe = svc.>\n[user asker]\ntoken = asker\npublish = svc.>\nsubscribe =\n")
    with Daemon(config=config) as daemon:
        for name, status in (("svc", 202), ("mute", 403)):
            with Http(daemon) as taker, Http(daemon) as asker:
                taker.get("/v1/requests/svc.a?wait=0", _token(name)).check(204)
                asker.ask("POST", "/v1/request/svc.a", b"?", _token("asker"))
                taken = taker.get("/v1/requests/svc.a?wait=9s", _token(name)).check(200)
                taker.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"!", _token(name)).check(status)
                if status == 202:
                    equal(asker.answer().check(200).body, b"!", "answer")


# --------------------------------------------------------------------------------------------------------- streams of HTTP

HALF = ("[user all]\ntoken = all\nmanage = yes\n[user half]\ntoken = half\nsubscribe = orders.>\nsubscribe_deny = orders.secret.>\n"
        "[user third]\ntoken = third\nsubscribe_deny = orders.*.b\n")


def readers_share_only_what_each_may_read():
    """The past and what comes, of `recent` and of a stream: readers of the same patterns with other rights."""
    shown = {
        "all": ["orders.x.a", "orders.secret.a", "orders.x.b", "orders.secret.b"],
        "half": ["orders.x.a", "orders.x.b"],
        "third": ["orders.x.a", "orders.secret.a"],
    }
    for stream in (False, True):
        with Store() as store, store.daemon(config=HALF) as daemon, Http(daemon) as http:
            if stream:
                _jet(daemon, "all").stream("ORDERS", ["orders.>"], storage="memory")
            readers = {name: [kind(daemon, "orders.>", _token(name), since="all") for kind in (Events, Lines) for _ in range(2)] for name in shown}
            late = [topic for topic in shown["all"]]
            for topic in late:
                http.post(f"/v1/topics/{topic}", topic.encode(), _token("all"))
            for name, of_user in readers.items():
                of_user.append(Events(daemon, "orders.>", _token(name), since="all"))  # from the past alone
                for reader in of_user:
                    got = [_topic(item) for item in reader.take(len(shown[name]))]
                    equal(got, shown[name], f"what {name} reads, stream {stream}")
                found = poll(http, "orders.>", _token(name), since="all")
                equal([m["topic"] for m in found["messages"]], shown[name], f"what {name} polls")
            # What is hidden wakes nobody, and is not told of later.
            http.post("/v1/topics/orders.secret.b", b"x", _token("all"))
            http.post("/v1/topics/orders.y.a", b"orders.y.a", _token("all"))
            for reader in readers["half"] + readers["third"]:
                equal(_topic(reader.next()), "orders.y.a", "the next that is shown")


def _topic(item):
    return json.loads(item.data)["topic"] if hasattr(item, "data") and item.data.startswith("{") else item["topic"] if isinstance(item, dict) else item.data


def live_topics_are_sifted_too():
    with Daemon(config=HALF) as daemon, Http(daemon) as http:
        events = Events(daemon, "_INBOX.>,$KV.>", _token("third"))
        lines = Events(daemon, "$KV.>", _token("all"))
        for topic in ("$KV.a", "_INBOX.x"):
            http.post(f"/v1/topics/{topic}", b"x", _token("all")).check(202)
        equal([events.next().data for _ in range(2)], ["x", "x"], "live")
        equal(lines.next().data, "x", "live")


# ---------------------------------------------------------------------------------------------------------------- reload


def _reload(daemon, config):
    mark = daemon.log_count()
    daemon.reload(config)
    daemon.wait_log(r"reloaded|reload", since=mark)


BEFORE = "[user u]\ntoken = u\nsubscribe = a.>, b.>, _INBOX.>\n[user gone]\ntoken = gone\n[user all]\ntoken = all\nmanage = yes\n"
AFTER = "[user u]\ntoken = u\npublish = b.>\nsubscribe = b.>, _INBOX.>\nsubscribe_deny = b.secret\n[user all]\ntoken = all\nmanage = yes\n"


def rights_taken_away_end_what_they_gave():
    with Daemon(config=BEFORE) as daemon, Http(daemon) as http:
        user, gone, other = (daemon.client(auth_token=name) for name in ("u", "gone", "all"))
        for pattern, sid in (("a.*", "1"), ("b.*", "2"), ("a.x", "3")):
            user.subscribe(pattern, sid)
        user.flush()
        user.publish("a.x", b"1")  # which it is then known to be allowed
        user.take(2)
        gone.flush()
        ended, going_on = Events(daemon, "a.>", _token("u")), Events(daemon, "b.>", _token("all"))
        waiting = Http(daemon)
        waiting.ask("GET", "/v1/topics/a.>?wait=20s&since=latest", None, _token("u"))
        other.flush()
        _reload(daemon, AFTER)
        gone.expect_error("Authorization Violation")
        gone.expect_closed()
        user.wait(lambda: len(user.errors) >= 2, "the ends of two subscriptions")
        equal(sorted(user.errors), [f'Permissions Violation for Subscription to "{p}"' for p in ("a.*", "a.x")], "errors")
        user.errors.clear()
        ended.expect_closed()
        equal(waiting.answer().status in (200, 403, 503), True, "the end of a poll")  # 403: it came later
        for topic in ("a.x", "b.secret", "b.x"):
            other.publish(topic, b"2")
        other.flush()
        user.expect("b.x", b"2")
        user.nothing()
        user.publish("a.x", b"3")
        user.expect_error('Permissions Violation for Publish to "a.x"')
        equal(going_on.next().data, "2", "of who keeps his rights")
        http.get("/v1/topics/a.>?since=all", _token("u")).check(403, "forbidden")
        http.get("/v1/topics/a.>?since=all", _token("gone")).check(401)


def rights_given_hold_at_once():
    with Daemon(config=AFTER) as daemon:
        user, other = daemon.client(auth_token="u"), daemon.client(auth_token="all")
        user.subscribe("b.*", "1")
        user.flush()
        other.publish("b.secret", b"1")
        other.flush()
        user.nothing()
        _reload(daemon, BEFORE)
        other.flush()
        other.publish("b.secret", b"2")
        user.expect("b.secret", b"2")
        user.publish("a.x", b"3")
        user.flush()
        equal(user.errors, [], "errors")


def same_rights_in_another_file_disturb_nobody():
    with Daemon(config=BEFORE) as daemon:
        user = daemon.client(auth_token="u")
        user.subscribe("a.*", "1")
        user.flush()
        events = Events(daemon, "a.>", _token("u"))
        _reload(daemon, BEFORE + "[user new]\ntoken = new\n")
        user.publish("a.x", b"1")
        user.expect("a.x", b"1")
        equal(events.next().data, "1", "the stream goes on")


# --------------------------------------------------------------------------------------------------------------- webhooks


def webhooks_are_made_by_who_may_read_and_manage():
    config = INI + "[user part]\ntoken = part\nmanage = yes\nsubscribe = orders.a, _INBOX.>\n"
    hook = {"name": "h", "url": "https://example.org/", "pattern": "orders.a"}
    with Store() as store, store.daemon(config=config) as daemon, Http(daemon) as http:
        def ask(method, path, body, name):
            return http.request(method, path, json.dumps(body).encode(), {**_token(name), **ORDER})
        ask("POST", "/v1/webhooks", {**hook, "pattern": "orders.>"}, "part").check(403, "forbidden")
        ask("POST", "/v1/webhooks", hook, "part").check(201)
        ask("PATCH", "/v1/webhooks/h", {"pattern": "orders.>"}, "part").check(403, "forbidden")
        ask("PATCH", "/v1/webhooks/h", {"pattern": "orders.>"}, "all").check(200)
        # It is somebody else's now: it may be stopped, and not sent elsewhere.
        ask("PATCH", "/v1/webhooks/h", {"url": "https://example.net/"}, "part").check(403, "forbidden")
        ask("POST", "/v1/webhooks/h/replay", {}, "part").check(403, "forbidden")
        ask("POST", "/v1/webhooks/h/disable", {}, "part").check(200)
        jets = {name: _jet(daemon, name) for name in ("nobody", "monitor", "part", "all")}

        def code(name, verb, body=None):
            answer = json.loads(jets[name].request("$POSTHORN.API.webhook." + verb, json.dumps(body or {}).encode()).body)
            return answer.get("error", {}).get("code", 200)
        equal([code(name, "list") for name in jets], [403, 200, 200, 200], "list")
        equal([code(name, "enable.h") for name in jets], [403, 403, 403, 200], "enable")
        equal([code(name, "create", {**hook, "name": "i", "pattern": "orders.>"}) for name in jets], [403, 403, 403, 200], "create")
        equal([code(name, "remove.i") for name in jets], [403, 403, 200, 404], "remove")


# --------------------------------------------------------------------------------------------------------------- sidecar


def a_sidecar_is_a_user_and_has_users():
    """What doc/sidecar.md says that a sidecar needs at the broker is enough; and what its own users may is looked at there."""
    config = ("[user side]\ntoken = side\npublish = orders.>, svc.>, _INBOX.>\nsubscribe = orders.>, svc.>, _INBOX.>\n"
              "[user all]\ntoken = all\nmanage = yes\n")
    own = ("[user shop]\ntoken = shop\npublish = orders.>, other.>\nsubscribe = orders.a, _INBOX.>\n"
           "[user reader]\ntoken = reader\npublish =\nsubscribe = orders.>\n")
    with Store() as store, store.daemon(config=config) as broker:
        owner = _jet(broker, "all")
        owner.stream("ORDERS", ["orders.>"], storage="memory")
        with Sidecar(broker, "uplink.token=side", config=own, data=True) as sidecar, Http(sidecar) as http:
            http.post("/v1/topics/orders.a?ack=upstream", b"1", _token("shop")).check(200)
            equal(owner.good("STREAM.MSG.GET.ORDERS", {"last_by_subj": "orders.a"})["message"]["seq"], 1, "what came to the stream")
            http.post("/v1/topics/orders.a", b"1", _token("reader")).check(403, "forbidden")
            http.post("/v1/topics/other.a?ack=upstream", b"1", _token("shop"))  # which the sidecar itself may not
            equal(owner.state("ORDERS")["messages"], 1, "messages of the stream")
            http.get("/v1/topics/orders.>/json?since=all", _token("shop")).check(403, "forbidden")
            equal(http.get("/v1/topics/orders.>/json?since=all", _token("reader")).check(200).json()["messages"][0]["seq"], 1, "the past")
            for path in ("/v1/streams", "/v1/streams/ORDERS"):
                http.get(path, _token("reader")).check(403, "forbidden")
            http.post("/svc/users/1", b"", _token("reader")).check(403, "forbidden")
            client = sidecar.client(auth_token="shop")
            client.subscribe("orders.>", "1")
            client.expect_error('Permissions Violation for Subscription to "orders.>"')
            client.subscribe("orders.a", "2")
            client.publish("$JS.API.STREAM.INFO.ORDERS", b"", reply="_INBOX.x")
            client.expect_error('Permissions Violation for Publish to "$JS.API.STREAM.INFO.ORDERS"')
            client.flush()
            owner.put("orders.a", b"2")
            client.expect("orders.a", b"2")


if __name__ == "__main__":
    main(every_route_asks_for_its_right, each_item_of_a_batch_is_looked_at, every_verb_of_the_api_asks_for_its_right,
         what_is_said_to_consumers_asks_for_what_they_read, consumers_of_a_part_are_for_whoever_may_read_that_part,
         what_one_may_not_look_at_is_not_there, push_consumers_deliver_only_where_their_maker_may,
         line_is_told_what_it_may_not_and_stays, groups_turn_to_who_may_read, everything_but_what_is_the_servers_own,
         answers_may_be_given_where_allowed, responders_over_http_answer_where_allowed, readers_share_only_what_each_may_read,
         live_topics_are_sifted_too, rights_taken_away_end_what_they_gave, rights_given_hold_at_once,
         same_rights_in_another_file_disturb_nobody, webhooks_are_made_by_who_may_read_and_manage, a_sidecar_is_a_user_and_has_users)
