#!/usr/bin/env python3
"""What one may not do oneself nobody does for one: neither the server, by where it answers and delivers, nor other users' consumers, nor
streams that keep what one may not read. And what is refused tells nothing."""

import json

from harness import Daemon, equal, main, until
from jet import Jet, Store
from web import Http, poll

ORDER = {"Content-Type": "application/json"}
INI = """
[user all]
token = all
manage = yes
[user mallory]
token = mallory
publish = mine.>, orders.mine
subscribe = mine.>, _INBOX.>
allow_responses = 2, 1h
[user reader]
token = reader
publish =
subscribe = orders.>, $KV.>, _INBOX.>
[user half]
token = half
publish =
subscribe = orders.>, _INBOX.>
subscribe_deny = orders.secret.>
[user open]
token = open
publish_deny = secret.>
subscribe_deny = secret.>
[user maker]
token = maker
manage = yes
publish = mine.>
subscribe = mine.>, _INBOX.>
"""


def _token(name):
    return {"Authorization": f"Bearer {name}"}


def _jet(daemon, name):
    return Jet(daemon, auth_token=name)


def _daemon(store):
    return store.daemon(config=INI)


def _prepare(daemon):
    """A stream that is not mallory's, one that she may read, and a consumer of each."""
    owner = _jet(daemon, "all")
    for name, topics in (("ORDERS", ["orders.>"]), ("MINE", ["mine.>"])):
        owner.stream(name, topics, storage="memory", allow_direct=True, allow_rollup_hdrs=True)
    for topic in ("orders.a", "orders.secret.b", "orders.c"):
        owner.put(topic, b"", Nats_Msg_Id=topic)
    owner.put("mine.empty", b"")
    owner.consumer("ORDERS", "worker", ack_policy="explicit")
    owner.consumer("MINE", "own", ack_policy="explicit", filter_subject="mine.empty")
    equal([m.body for m in owner.pull("ORDERS", "worker", 1)], [b""], "what the worker has in hand")
    return owner


def _check_untouched(owner):
    equal(owner.state("ORDERS")["messages"], 3, "messages that nobody was allowed to remove")
    info = owner.consumer_info("ORDERS", "worker")
    equal((info["num_ack_pending"], info["ack_floor"]["stream_seq"], info["num_waiting"]), (1, 0, 0), "the worker, whom nobody spoke for")
    equal(json.loads(owner.request("$POSTHORN.API.webhook.list").body)["webhooks"], [], "webhooks")


# ---------------------------------------------------------------------------------------------- where the server answers

# What would be asked of the server if its answer, or what it delivers, came there; and it has all rights.
ASKING = [
    "$JS.API.STREAM.DELETE.ORDERS",
    "$JS.API.STREAM.PURGE.ORDERS",
    "$JS.API.STREAM.MSG.DELETE.ORDERS",
    "$JS.API.CONSUMER.DELETE.ORDERS.worker",
    "$JS.API.CONSUMER.MSG.NEXT.ORDERS.worker",
    "$JS.ACK.ORDERS.worker.1.1.1.0.0",
    "$JS.FC.ORDERS.worker.1",
    "$POSTHORN.API.webhook.create",
]
# What it answers: an API, a stream that keeps the message, a consumer, and one that is told of a message; and what others do.
ANSWERED = ["$JS.API.INFO", "$JS.API.DIRECT.GET.MINE.mine.empty", "mine.kept", "$JS.API.CONSUMER.MSG.NEXT.MINE.own", "$JS.ACK.MINE.own.1.1.1.0.0"]
LIVE = "mine.asked"


def no_answer_asks_for_anything():
    with Store() as store, _daemon(store) as daemon:
        owner = _prepare(daemon)
        for name in ("mallory", "all"):
            client = daemon.client(auth_token=name)
            for topic in [*ANSWERED, LIVE]:
                for reply in ASKING:
                    client.publish(topic, b"", reply=reply)
                    client.flush()
                    equal(client.errors, [f'Permissions Violation for Publish with Reply of "{reply}"'], f"{topic} by {name}")
                    client.errors.clear()
        _check_untouched(owner)


def no_consumer_delivers_where_something_is_asked():
    with Store() as store, _daemon(store) as daemon:
        owner = _prepare(daemon)
        for name in ("mallory", "all"):
            jet = _jet(daemon, name)
            for topic in ASKING:
                config = {"deliver_subject": topic, "filter_subject": "mine.empty"}
                jet.bad("CONSUMER.CREATE.MINE", {"stream_name": "MINE", "config": config}, 10403)
        _check_untouched(owner)


# Who is answered, delivered to by a consumer, and told that a message is kept: where.
PLACES = {
    ("mallory", "_INBOX.mine"): True,
    ("mallory", "mine.answers"): True,
    ("mallory", "orders.mine"): True,
    ("mallory", "orders.forged"): False,
    ("mallory", "other.x"): False,
    ("mallory", "$KV.b.k"): False,
    ("mallory", "$SYS.x"): False,
    ("mallory", "$POSTHORN.audit.x"): False,
    ("reader", "_INBOX.mine"): True,
    ("reader", "orders.forged"): False,
    ("reader", "$KV.b.k"): False,
    ("maker", "orders.forged"): False,
    ("all", "orders.forged"): True,
}


def answers_go_where_one_may_publish_or_has_an_inbox():
    """Else whoever may ask would publish by that, with what he has asked for as the payload."""
    with Store() as store, _daemon(store) as daemon:
        _prepare(daemon)
        listener = daemon.client(auth_token="all")
        clients = {name: daemon.client(auth_token=name) for name in ("mallory", "reader", "maker", "all")}
        for (name, reply), good in PLACES.items():
            client = clients[name]
            listener.subscribe(reply, "1")
            listener.flush()
            asked = ["$JS.API.INFO"] + (["mine.kept", "$JS.API.DIRECT.GET.MINE.mine.empty"] if name in ("mallory", "all") else [])
            for topic in asked:
                client.publish(topic, b"", reply=reply)
                client.flush()
                refused = [] if good else [f'Permissions Violation for Publish with Reply of "{reply}"']
                equal(client.errors, refused, f"{topic} by {name}, to be answered at {reply}")
                client.errors.clear()
                if good:
                    listener.expect(reply)
                else:
                    listener.nothing()
            listener.unsubscribe("1")


DELIVERIES = {"_INBOX.mine": True, "mine.answers": False, "other.x": False, "$KV.b.k": False, "$SYS.x": False, "orders.forged": False}


def consumers_deliver_where_one_may_publish_or_has_an_inbox():
    with Store() as store, _daemon(store) as daemon:
        _prepare(daemon)
        jet = _jet(daemon, "reader")
        for topic, good in DELIVERIES.items():
            answer = jet.api("CONSUMER.CREATE.ORDERS", {"stream_name": "ORDERS", "config": {"deliver_subject": topic}})
            equal("error" not in answer, good, f"{topic}: {answer}")


# ----------------------------------------------------------------------------------------------------- others' consumers

# What half, who may read orders.> without orders.secret.>, asks of a consumer of his own that would then read that too.
WIDER = [
    {"filter_subject": "orders.secret.b"},
    {"filter_subject": "orders.>"},
    {"filter_subject": "*.secret.*"},
    {"filter_subjects": ["orders.a", "orders.secret.>"]},
    {"filter_subject": ">"},
    {"headers_only": True},
    {"filter_subject": "orders.*.b", "headers_only": True},
]


def no_consumer_reads_more_than_its_maker():
    with Store() as store, _daemon(store) as daemon:
        _prepare(daemon)
        jet = _jet(daemon, "half")
        plain = {"name": "part", "durable_name": "part", "ack_policy": "explicit", "filter_subject": "orders.a"}
        jet.good("CONSUMER.DURABLE.CREATE.ORDERS.part", {"stream_name": "ORDERS", "config": plain})
        for wider in WIDER:
            config = {key: value for key, value in plain.items() if key != "filter_subject"} | wider
            for action in ("", "update"):  # as a change of his own, and as a new one
                jet.bad("CONSUMER.CREATE.ORDERS.part", {"stream_name": "ORDERS", "action": action, "config": config}, 10403)
            jet.bad("CONSUMER.CREATE.ORDERS", {"stream_name": "ORDERS", "config": {**wider, "deliver_subject": "_INBOX.x"}}, 10403)
        equal(jet.consumer_info("ORDERS", "part")["config"]["filter_subject"], "orders.a", "its filter")
        with Http(daemon) as http:
            for wider in ({"topics": ["orders.secret.b"]}, {"topics": ["orders.>"]}):
                body = json.dumps({"name": "wide", **wider}).encode()
                http.post("/v1/streams/ORDERS/consumers", body, {**_token("half"), **ORDER}).check(403, "forbidden")


# What there is not in this server; it is not asked for by whoever has no right to the server's own topics.
UNKNOWN = ["CONSUMER.PAUSE.ORDERS.worker", "CONSUMER.RESET.ORDERS.worker", "CONSUMER.UNPIN.ORDERS.worker", "STREAM.SNAPSHOT.ORDERS",
           "STREAM.RESTORE.ORDERS", "STREAM.SEAL.ORDERS", "STREAM.MSG.GET.ORDERS.x", "DIRECT.GET", "CONSUMER.MSG.NEXT.ORDERS", "stream.delete.ORDERS"]


def what_is_not_known_is_not_asked():
    with Store() as store, _daemon(store) as daemon:
        owner = _prepare(daemon)
        client = daemon.client(auth_token="reader")
        for verb in UNKNOWN:
            client.publish("$JS.API." + verb, b"", reply="_INBOX.x")
            client.expect_error(f'Permissions Violation for Publish to "$JS.API.{verb}"')
        _check_untouched(owner)


# ------------------------------------------------------------------------------------------------------ what streams keep


def a_rollup_takes_nothing_of_others():
    with Store() as store, _daemon(store) as daemon:
        owner, mallory = _prepare(daemon), _jet(daemon, "mallory")
        answer = mallory.put("orders.mine", b"", Nats_Rollup="all")
        equal(answer["error"]["code"], 403, f"a rollup of all: {answer}")
        with Http(daemon) as http:
            headers = {**_token("mallory"), "Posthorn-Header-Nats-Rollup": "all"}
            http.post("/v1/topics/orders.mine", b"x", headers).check(403, "forbidden")
        _check_untouched(owner)
        mallory.put("orders.mine", b"1")
        mallory.put("orders.mine", b"2", Nats_Rollup="sub")
        equal(owner.state("ORDERS")["messages"], 4, "of her own topic alone")
        equal("error" in mallory.put("mine.x", b"", Nats_Rollup="all"), False, "all of a stream of her own")
        equal("error" in owner.put("orders.a", b"", Nats_Rollup="all"), False, "all, by who may publish all")


def what_was_last_is_told_to_who_may_read_it():
    with Store() as store, _daemon(store) as daemon:
        owner, mallory = _prepare(daemon), _jet(daemon, "mallory")
        words = [jet.put("orders.mine", b"", Nats_Expected_Last_Msg_Id="?")["error"]["description"] for jet in (owner, mallory)]
        equal(words, ["wrong last msg ID: orders.c", "wrong last msg ID: "], "the id that was found")


# Streams over topics that `open`, who may read all but secret.> and the server's own, may not read.
HIDDEN = {
    "AUDIT": ("$POSTHORN.audit.x", ["$POSTHORN.audit.>"]),
    "DEAD_X": ("$DEAD.X.c", ["$DEAD.>"]),
    "REFUSED": ("$REFUSED.secret.x", ["$REFUSED.>"]),
    "SECRET": ("secret.x", ["secret.>"]),
    "MIXED": ("secret.y.x", ["secret.y.>", "shown.>"]),
}


def what_a_stream_keeps_is_judged_by_its_topic():
    with Store() as store, _daemon(store) as daemon, Http(daemon) as http:
        owner, jet = _prepare(daemon), _jet(daemon, "open")
        for name, (topic, topics) in HIDDEN.items():
            if name == "MIXED":
                owner.good("STREAM.DELETE.SECRET")
            owner.stream(name, topics, storage="memory", allow_direct=True)
            owner.put(topic, b"hidden")
            for pattern in (topic, topics[0], ">", "*.*.x", "*.>"):
                for config in ({"filter_subject": pattern}, {"filter_subjects": [pattern, "x"]}, {}):
                    answer = jet.api(f"CONSUMER.CREATE.{name}", {"stream_name": name, "config": config})
                    equal(answer.get("error", {}).get("err_code") in (10403, 10093), True, f"{pattern} of {name} by {config}: {answer}")
                for asked in ({"last_by_subj": pattern}, {"next_by_subj": pattern, "seq": 1}, {"seq": 1}):
                    found = jet.api(f"STREAM.MSG.GET.{name}", asked)
                    equal(found["error"]["err_code"] in (10403, 10037), True, f"{asked} of {name}: {found}")
                    equal(jet.request(f"$JS.API.DIRECT.GET.{name}", json.dumps(asked).encode()).body, b"", f"{asked} of {name}, directly")
                path = f"/v1/topics/{pattern}/json?since=all&stream={name}"
                found = http.get(path, _token("open"))
                equal(found.status in (400, 403, 404) or found.json()["messages"] == [], True, f"{path}: {found.body}")
            equal(jet.api(f"STREAM.INFO.{name}", {"subjects_filter": ">"}).get("state", {}).get("subjects"), None, f"topics of {name} that are told")


def a_stream_gives_its_maker_nothing_to_read():
    """Who manages and may not read makes a stream of it, and webhooks; and is shown nothing by them."""
    with Store() as store, _daemon(store) as daemon, Http(daemon) as http:
        jet, owner = _jet(daemon, "maker"), _jet(daemon, "all")
        jet.stream("TAKEN", ["orders.>"], storage="memory", allow_direct=True)
        owner.put("orders.a", b"hidden")
        jet.bad("CONSUMER.CREATE.TAKEN", {"stream_name": "TAKEN", "config": {}}, 10403)
        jet.bad("STREAM.MSG.GET.TAKEN", {"seq": 1}, 10037)
        jet.bad("STREAM.MSG.GET.TAKEN", {"next_by_subj": "orders.>", "seq": 1}, 10403)
        equal(jet.request("$JS.API.DIRECT.GET.TAKEN", b'{"seq":1}').body, b"", "the message, directly")
        http.get("/v1/topics/orders.>?since=all", _token("maker")).check(403, "forbidden")
        http.get("/v1/streams/TAKEN/messages/1", _token("maker")).check(404, "no-such-message")
        for pattern in ("orders.>", ">", "*.a", "orders.a"):
            hook = json.dumps({"url": "https://example.org/", "pattern": pattern}).encode()
            http.post("/v1/webhooks", hook, {**_token("maker"), **ORDER}).check(403, "forbidden")
        for kind, value in (("mirror", {"name": "TAKEN"}), ("sources", [{"name": "TAKEN"}]), ("republish", {"src": ">", "dest": "mine.>"}),
                            ("subject_transform", {"src": "x.>", "dest": "orders.>"})):
            jet.bad("STREAM.CREATE.COPY", {"name": "COPY", "subjects": ["copy.>"], "storage": "memory", kind: value}, 10052)


# ------------------------------------------------------------------------------------------------------------------- HTTP

# Ways to say another topic than the one that is looked at: what is answered to mallory, and nothing of it comes to orders.
PATHS = {
    "/v1/topics/orders%2Ea": {403},
    "/v1/topics/orders%252Ea": {400, 403},
    "/v1/topics/mine.a,orders.a": {403},
    "/v1/topics/mine.a%2Corders.a": {403},
    "/v1/topics/mine.a/../orders.a": {400, 403},
    "/v1/topics/%2e%2e/topics/orders.a": {400, 403},
    "/v1/topics//orders.a": {400, 403, 404},
    "/v1//topics/orders.a": {404},
    "/V1/topics/orders.a": {404},
    "/v1/Topics/orders.a": {404},
    "/v1/topics/mine.a%00orders.a": {400, 403},
    "/v1/topics/orders.a%0d%0a": {400, 403},
    "/v1/topics/>": {403},
    "/v1/topics/*.a": {403},
    "/v1/topics/%3E": {403},
    "/v1/topics/!mine.a,>": {400, 403},
    "/v1/topics/mine.a,!x,orders.>": {400, 403},
    "/v1/topics/orders.a/json": {403},
}
HEADERS = [{"Posthorn-Topic": "orders.a"}, {"X-HTTP-Method-Override": "DELETE"}, {"X-Original-URL": "/v1/topics/orders.a"},
           {"Posthorn-Reply": ASKING[0]}, {"Posthorn-User": "all"}, {"X-Forwarded-User": "all"}, {"Posthorn-Sequence": "1"}]


def a_path_says_one_topic():
    with Store() as store, _daemon(store) as daemon, Http(daemon) as http:
        owner = _prepare(daemon)
        for path, statuses in PATHS.items():
            for query in ("?since=all", "?since=all&stream=ORDERS", "?stream=MINE&since=all&stream=ORDERS", "?since=1-1&topic=mine.a"):
                status = http.get(path + query, _token("mallory")).status
                equal(status in statuses, True, f"GET {path}{query}: {status}")
            status = http.request("HEAD", path + "?since=all", None, _token("mallory")).status
            equal(status in statuses | {405}, True, f"HEAD {path}: {status}")
            for method in ("POST", "PUT"):
                http.request(method, path, b"x", _token("mallory"))
        for headers in HEADERS:
            http.post("/v1/topics/mine.h", b"x", {**_token("mallory"), **headers}).check(200)
        topics = {m["topic"] for m in poll(http, ">", _token("all"), since="all", stream="recent")["messages"]}
        equal({topic for topic in topics if not topic.startswith("mine.")}, {"orders.a", "orders.secret.b", "orders.c"}, "what came in")
        for query in ("topic=mine.a&topic=orders.a", "topic=orders.a", "topic=orders.a&topic=mine.a"):
            status = http.get(f"/v1/streams/ORDERS/messages/last?{query}", _token("mallory")).status
            equal(status in (403, 404), True, f"the last message of {query}: {status}")
        _check_untouched(owner)


# Forms by which two who read the same bytes see two requests (RFC 9112, 6.3): each is refused, and what follows is not looked at.
HIDING = b"POST /v1/topics/orders.a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer all\r\nContent-Length: 1\r\n\r\nx"
SMUGGLED = ["Content-Length: 0\r\nContent-Length: %d", "Content-Length: %d\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked, identity",
            "Content-Length: +%d", "Content-Length: 0, %d", "Content-Length : %d", "Transfer-Encoding:\x0bchunked"]


def each_request_says_who_asks():
    with Store() as store, _daemon(store) as daemon:
        owner = _prepare(daemon)
        for form in SMUGGLED:
            line = form % len(HIDING) if "%" in form else form
            with Http(daemon) as http:
                head = f"POST /v1/topics/mine.s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer mallory\r\n{line}\r\n\r\n"
                http.refused(head.encode() + HIDING, 400, 501)
        with Http(daemon) as http:  # nor does a second request have the rights of the first
            http.post("/v1/topics/orders.mine", b"x", _token("all")).check(200)
            http.post("/v1/topics/orders.a", b"x", _token("mallory")).check(403, "forbidden")
            http.post("/v1/topics/orders.a", b"x").check(401)
        equal(owner.state("ORDERS")["messages"], 4, "messages of others")


def an_id_of_a_request_is_not_guessed():
    with Daemon(config=INI) as daemon, Http(daemon) as taker, Http(daemon) as asker:
        taker.get("/v1/requests/mine.a?wait=0", _token("mallory")).check(204)
        asker.ask("POST", "/v1/request/mine.a", b"?", _token("all"))
        name = taker.get("/v1/requests/mine.a?wait=9s", _token("mallory")).check(200).header("Posthorn-Reply-Id")
        topic, _, mark = name.partition(".")
        flipped = mark[:5] + ("A" if mark[5] != "A" else "B") + mark[6:]
        for guess in (topic, topic + ".", f"{topic}.{flipped}", f"{topic[:-2]}.{mark}", f".{mark}", f"X{topic}.{mark}", f"{topic}.{mark}A"):
            taker.post(f"/v1/replies/{guess}", b"!", _token("mallory")).check(404)
        taker.post(f"/v1/replies/{name}", b"!", _token("reader")).check(403, "forbidden")  # who has it, and may answer nothing
        taker.post(f"/v1/replies/{name}", b"!", _token("mallory")).check(202)
        equal(asker.answer().check(200).body, b"!", "the answer")


def an_id_of_a_request_is_good_for_its_time_and_for_nothing_else():
    """By allow_responses alone. Nor is one by which a message is acknowledged good for what answers."""
    config = INI.replace("allow_responses = 2, 1h", "allow_responses = 2, 50ms")
    with Store() as store, store.daemon(config=config) as daemon, Http(daemon) as http:
        owner = _prepare(daemon)
        owner.client.subscribe("_INBOX.asker", "asker")
        http.get("/v1/requests/mine.a?wait=0", _token("mallory")).check(204)
        owner.client.publish("mine.a", b"?", reply="_INBOX.asker")
        where = "/v1/replies/" + http.get("/v1/requests/mine.a?wait=9s", _token("mallory")).check(200).header("Posthorn-Reply-Id")
        until(lambda: http.post(where, b"!", _token("mallory")).status == 403, "the time for answers is over")
        pulled = http.post("/v1/streams/MINE/consumers/own/pull?batch=1", b"", _token("mallory")).check(200).json()["messages"]
        http.post(f"/v1/replies/{pulled[0]['ack_id']}", b"+TERM", _token("mallory")).check(404, "not-found")
        equal(owner.consumer_info("MINE", "own")["num_ack_pending"], 1, "messages that are not acknowledged")


# ---------------------------------------------------------------------------------------------------- what was given out


def _passes(http, name):
    """A ticket, and the text of a cookie."""
    ticket = http.post("/v1/tickets", b"", _token(name)).check(201).json()["ticket"]
    cookie = http.post("/v1/session", b"", _token(name)).check(200).header("Set-Cookie")
    return ticket, cookie.partition("=")[2].partition(";")[0]


def a_pass_is_good_for_what_it_is_and_while_its_user_is_the_same():
    with Daemon(config=INI) as daemon, Http(daemon) as http:
        ticket, cookie = _passes(http, "mallory")
        for query, headers in ((f"?ticket={cookie}", {}), ("", {"Cookie": f"posthorn_session={ticket}"}), ("", _token(ticket)), ("", _token(cookie)),
                               (f"?ticket=none&ticket={ticket}", {}), (f"?ticket={ticket}", _token("none"))):
            equal(http.get("/v1/session" + query, headers).status, 401, f"{query} with {headers}")
        ticket, cookie = _passes(http, "mallory")
        http.get(f"/v1/topics/orders.a?ticket={ticket}").check(403, "forbidden")
        http.get("/v1/topics/orders.a", {"Cookie": f"posthorn_session={cookie}"}).check(403, "forbidden")
        for config in (INI.replace("token = mallory", "token = other"), INI.replace("[user mallory]", "[user eve]")):
            with Http(daemon) as before:  # which goes with its user
                ticket, cookie = _passes(before, "mallory")
            _reload(daemon, config)
            with Http(daemon) as after:
                after.get(f"/v1/session?ticket={ticket}").check(401)
                after.get("/v1/session", {"Cookie": f"posthorn_session={cookie}"}).check(401)
            _reload(daemon, INI)


def _reload(daemon, config):
    mark = daemon.log_count()
    daemon.reload(config)
    daemon.wait_log("reloaded", since=mark)


def an_answer_may_be_given_while_answers_may():
    with Daemon(config=INI) as daemon, Http(daemon) as http:
        asker, client = daemon.client(auth_token="all"), daemon.client(auth_token="mallory")
        client.subscribe("mine.a", "1")
        client.flush()
        http.get("/v1/requests/mine.a?wait=0", _token("mallory")).check(204)
        asker.publish("mine.a", b"?", reply="_INBOX.asker")
        client.expect("mine.a", b"?")
        where = "/v1/replies/" + http.get("/v1/requests/mine.a?wait=9s", _token("mallory")).check(200).header("Posthorn-Reply-Id")
        _reload(daemon, INI.replace("allow_responses = 2, 1h", "allow_responses = no"))
        client.publish("_INBOX.asker", b"!")
        client.expect_error('Permissions Violation for Publish to "_INBOX.asker"')
        http.post(where, b"!", _token("mallory")).check(403, "forbidden")
        _reload(daemon, INI)
        client.publish("_INBOX.asker", b"!")
        client.expect_error('Permissions Violation for Publish to "_INBOX.asker"')


def what_waits_ends_with_the_right_to_it():
    """A pull and a worker over HTTP, and a pull on the line, that wait for what one may read no more."""
    with Store() as store, _daemon(store) as daemon, Http(daemon) as pull, Http(daemon) as worker:
        owner, jet = _prepare(daemon), _jet(daemon, "reader")
        for name in ("pulled", "asked"):
            owner.consumer("ORDERS", name, ack_policy="explicit", deliver_policy="new")
        worker.get("/v1/requests/orders.ask?wait=0", _token("reader")).check(204)
        pull.ask("POST", "/v1/streams/ORDERS/consumers/pulled/pull?batch=1&wait=20s", b"", _token("reader"))
        worker.ask("GET", "/v1/requests/orders.ask?wait=20s", None, _token("reader"))
        number = jet.pull_begin("ORDERS", "asked", batch=1, expires=int(20e9))
        until(lambda: [owner.consumer_info("ORDERS", name)["num_waiting"] for name in ("pulled", "asked")] == [1, 1], "both pulls wait")
        _reload(daemon, INI.replace("subscribe = orders.>, $KV.>, _INBOX.>", "subscribe = _INBOX.>"))
        for http in (pull, worker):
            http.answer().check(503, "unavailable")
        owner.put("orders.new", b"hidden")
        owner.put("orders.ask", b"hidden")
        until(lambda: owner.consumer_info("ORDERS", "asked")["num_ack_pending"] == 1, "what is delivered to an inbox is away")
        jet.client.flush()
        equal(list(jet.answers[number]), [], "what the inbox is shown")


if __name__ == "__main__":
    main(no_answer_asks_for_anything, no_consumer_delivers_where_something_is_asked, answers_go_where_one_may_publish_or_has_an_inbox,
         consumers_deliver_where_one_may_publish_or_has_an_inbox, no_consumer_reads_more_than_its_maker, what_is_not_known_is_not_asked,
         a_rollup_takes_nothing_of_others, what_was_last_is_told_to_who_may_read_it, what_a_stream_keeps_is_judged_by_its_topic,
         a_stream_gives_its_maker_nothing_to_read, a_path_says_one_topic, each_request_says_who_asks, an_id_of_a_request_is_not_guessed,
         an_id_of_a_request_is_good_for_its_time_and_for_nothing_else, a_pass_is_good_for_what_it_is_and_while_its_user_is_the_same,
         an_answer_may_be_given_while_answers_may, what_waits_ends_with_the_right_to_it)
