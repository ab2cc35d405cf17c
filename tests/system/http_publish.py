#!/usr/bin/env python3
"""Publishing over HTTP: headers and bytes meet line clients and come from them unchanged, duplicates are dropped, batches answer for each."""

import base64
import json
import os
import time

from harness import PATIENCE, Daemon, equal, flush_all, main
from web import CURSOR, Http, Lines, payload, poll, poll_to_end, publish

PAYLOADS = {"empty": b"", "text": "grüße\n".encode(), "lines": b"a\r\nb\r\rc\n\n", "zeros": bytes(1000), "all": bytes(range(256)),
            "protocol": b"PUB x 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "quotes": b'"\\\x01\x1f\x7f', "large": os.urandom(1 << 20),
            "not text": b"\xff\xfe\xc0\x80\xed\xa0\x80"}


def parsed(head):
    """The headers of a message on the line, as pairs."""
    equal((head[:10], head[-4:]), (b"NATS/1.0\r\n", b"\r\n\r\n"), "frame of the headers")
    lines = head[10:-4].decode().split("\r\n")
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def _listener(daemon, pattern):
    client = daemon.client()
    client.subscribe(pattern, "1")
    client.flush()
    return client


# --------------------------------------------------------------------------------------------------- from one to another


def bytes_reach_line_clients_as_they_are():
    with Daemon() as daemon, Http(daemon) as http:
        listener = _listener(daemon, "bytes.>")
        for number, body in enumerate(PAYLOADS.values()):
            publish(http, f"bytes.{number}", body)
            equal(listener.expect(f"bytes.{number}", body).head, b"", "headers where none were sent")


def bytes_of_line_clients_are_read_as_they_are():
    with Daemon() as daemon, Http(daemon) as http:
        sender, reader = daemon.client(), Lines(daemon, "bytes.>")
        for number, body in enumerate(PAYLOADS.values()):
            sender.publish(f"bytes.{number}", body)
        sender.flush()
        for messages in (reader.take(len(PAYLOADS)), poll_to_end(http, "bytes.>")[0]):
            equal([m["topic"] for m in messages], [f"bytes.{n}" for n in range(len(PAYLOADS))], "topics")
            for message, body in zip(messages, PAYLOADS.values()):
                equal(payload(message), body, "payload")


def headers_reach_line_clients():
    sent = [("Posthorn-Header-Plain", "value"), ("posthorn-header-X-Trace", "a b; c=\"d\""), ("Posthorn-Header-Empty", ""),
            ("Posthorn-Header-Twice", "1"), ("Posthorn-Header-Twice", "2"), ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Not-Meant", "1"), ("User-Agent", "test"), ("Accept", "*/*")]
    with Daemon() as daemon, Http(daemon) as http:
        listener = _listener(daemon, "heads")
        publish(http, "heads", b"body", sent)
        found = parsed(listener.expect("heads", b"body").head)
        wanted = [("Plain", "value"), ("X-Trace", "a b; c=\"d\""), ("Empty", ""), ("Twice", "1"), ("Twice", "2"),
                  ("Content-Type", "text/plain; charset=utf-8")]
        equal(sorted((name.lower(), value) for name, value in found), sorted((name.lower(), value) for name, value in wanted),
              "headers of the message")
        message = poll(http, "heads", since="all")["messages"][0]
        equal(message["headers"].get("Content-Type"), "text/plain; charset=utf-8", "type of a polled message")


def headers_of_line_clients_are_read():
    with Daemon() as daemon, Http(daemon) as http:
        sender = daemon.client()
        sender.publish("heads", b"body", head=b"NATS/1.0\r\nA: b\r\nX-Long: " + b"x" * 1000 + b"\r\n\r\n")
        sender.publish("heads", b"bare")
        sender.flush()
        first, second = poll(http, "heads", since="all")["messages"]
        equal(first["headers"], {"A": "b", "X-Long": "x" * 1000}, "headers")
        equal((second.get("headers", {}), second["data"]), ({}, "bare"), "a message without headers")


def headers_cannot_be_used_to_forge_others():
    with Daemon() as daemon:
        http = Http(daemon)
        for name in ("Posthorn-Header-", "Posthorn-Header-A B"):
            http = Http(daemon)
            http.raw(http.request_bytes("POST", "/v1/topics/a", b"x", [(name, "v")]), "POST").check(400)


def put_is_post():
    with Daemon() as daemon, Http(daemon) as http:
        answer = http.request("PUT", "/v1/topics/a", b"by PUT").check(200).json()
        equal(poll(http, "a", since="all")["messages"][0]["data"], "by PUT", "payload")
        equal(answer["topic"], "a", "topic")


def an_answer_says_where_the_message_is_kept():
    with Daemon() as daemon, Http(daemon) as http:
        before = time.time()
        first, second = (publish(http, topic, b"x") for topic in ("a", "b"))
        for answer in (first, second):
            equal({k: answer[k] for k in ("stream", "durable", "duplicate")}, {"stream": "recent", "durable": False, "duplicate": False},
                  "answer")
            equal(bool(CURSOR.fullmatch(answer["id"])), True, f"{answer['id']!r} is a cursor")
        equal(second["seq"], first["seq"] + 1, "sequence")
        message = poll(http, "b", since=first["id"])["messages"][0]
        equal((message["id"], message["seq"], message["stream"]), (second["id"], second["seq"], "recent"), "the message as polled")
        stamp = time.mktime(time.strptime(message["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        equal((message["time"][-1], before - 2 < stamp < time.time() + 2), ("Z", True), f"time {message['time']}")


def what_is_not_kept_is_202():
    with Daemon() as daemon, Http(daemon) as http:
        listener = _listener(daemon, ">")
        for topic in ("$own.a", "_INBOX.a.b"):
            answer = http.post(f"/v1/topics/{topic}", b"live").check(202).json()
            equal(answer, {"topic": topic, "durable": False}, "answer")
            listener.expect(topic, b"live")
    with Daemon("recent.enabled=no") as daemon, Http(daemon) as http:
        listener = _listener(daemon, ">")
        equal(http.post("/v1/topics/a", b"live").check(202).json(), {"topic": "a", "durable": False}, "answer with recent off")
        listener.expect("a", b"live")


def topics_that_name_many_are_refused():
    with Daemon() as daemon, Http(daemon) as http:
        listener = _listener(daemon, ">")
        for topic in ("*", "a.*", "a.>", ">", "*.b", "a..b", ".", "a.", ".a", "a%20b", "a%09b"):
            http.post(f"/v1/topics/{topic}", b"x").check(400, "bad-topic")
        http.post("/v1/topics/" + "t" * 5000, b"x").check(400)
        for topic in ("a*b", "a>b", "*a", "a>"):  # a wildcard is a whole token
            equal(publish(http, topic, b"x")["topic"], topic, "topic")
            listener.expect(topic, b"x")
        listener.nothing()


def a_payload_as_large_as_allowed_passes_and_no_larger():
    with Daemon("line.payload_size_max=2MiB") as daemon:
        listener = _listener(daemon, "a")
        body = os.urandom(2 << 20)
        with Http(daemon) as http:
            publish(http, "a", body)
        listener.expect("a", body)
        Http(daemon).post("/v1/topics/a", body + b"x").check(413, "too-large")
        listener.nothing()


def many_connections_publish_in_their_own_order():
    with Daemon() as daemon:
        listener = _listener(daemon, "order.*")
        peers = [Http(daemon) for _ in range(6)]
        count = 300
        for number, http in enumerate(peers):
            for turn in range(count):
                http.out += http.request_bytes("POST", f"/v1/topics/order.{number}", b"%d" % turn)
        for http in peers:
            http.send(b"")
        for http in peers:
            http.wait(lambda http=http: len(http.answers) == count, "every answer", 30 * PATIENCE)
            equal({answer.status for answer in http.answers}, {200}, "status")
            seqs = [answer.json()["seq"] for answer in http.answers]
            equal(seqs, sorted(set(seqs)), "sequences of one publisher")
        messages = listener.take(count * len(peers), 30 * PATIENCE)
        for number in range(len(peers)):
            equal([int(m.body) for m in messages if m.topic == f"order.{number}"], list(range(count)), f"order of publisher {number}")


def what_is_answered_has_been_delivered_to_whoever_asks_next():
    """Causality between protocols: a publisher that has its answer may tell others, wherever they are connected."""
    with Daemon() as daemon:
        publishers, listeners = [Http(daemon) for _ in range(4)], daemon.clients(4)
        for client in listeners:
            client.subscribe("c", "1")
        flush_all(listeners)
        for turn in range(100):
            publish(publishers[turn % 4], "c", b"%d" % turn)
            client = listeners[turn * 7 % 4]
            client.flush()
            equal(client.inbox[-1].body if client.inbox else None, b"%d" % turn, "the newest message after a flush")


# ---------------------------------------------------------------------------------------------------------- duplicates


def _line_publish(client, topic, body, key):
    client.publish(topic, body, head=b"NATS/1.0\r\nNats-Msg-Id: %s\r\n\r\n" % key.encode())
    client.flush()


def a_key_is_accepted_once():
    with Daemon() as daemon, Http(daemon) as http:
        listener = _listener(daemon, ">")
        first = publish(http, "a", b"first", {"Idempotency-Key": "k 1"})
        again = publish(http, "a", b"again", {"Idempotency-Key": "k 1"})
        other = publish(http, "a", b"other", {"Idempotency-Key": "k 2"})
        equal((first["duplicate"], again["duplicate"], other["duplicate"]), (False, True, False), "duplicate")
        equal((again["seq"], again["id"]), (first["seq"], first["id"]), "where the first one is")
        equal(other["seq"], first["seq"] + 1, "sequence: a duplicate takes none")
        message = listener.expect("a", b"first")
        equal(dict(parsed(message.head)), {"Nats-Msg-Id": "k 1"}, "headers")
        listener.expect("a", b"other")
        listener.nothing()
        equal([m["data"] for m in poll(http, ">", since="all")["messages"]], ["first", "other"], "what is kept")


def a_key_holds_across_protocols_and_workers():
    with Daemon() as daemon:
        https, lines = [Http(daemon) for _ in range(4)], daemon.clients(4)
        for turn in range(12):
            http, line = https[turn % 4], lines[turn * 3 % 4]
            _line_publish(line, "a", b"by line", f"line {turn}")
            equal(publish(http, "a", b"by http", {"Idempotency-Key": f"line {turn}"})["duplicate"], True, "duplicate of a line's message")
            equal(publish(http, "a", b"by http", {"Idempotency-Key": f"http {turn}"})["duplicate"], False, "the first")
            _line_publish(line, "a", b"by line again", f"http {turn}")
            equal(publish(https[(turn + 1) % 4], "a", b"x", {"Posthorn-Header-Nats-Msg-Id": f"http {turn}"})["duplicate"], True,
                  "duplicate by the header itself")
        messages, _, gap = poll_to_end(https[0], "a")
        equal(([m["data"] for m in messages], gap), (["by line", "by http"] * 12, False), "what is kept, once each")


def on_the_line_a_duplicate_is_not_kept_but_goes_out_live():
    """As with NATS: the stream drops it, and plain subscribers have always got whatever is published."""
    with Daemon() as daemon, Http(daemon) as http:
        listener, line = _listener(daemon, "a"), daemon.client()
        for body in (b"first", b"again"):
            _line_publish(line, "a", body, "k")
            listener.expect("a", body)
        equal([m["data"] for m in poll(http, "a", since="all")["messages"]], ["first"], "what is kept")


def a_key_is_forgotten_when_the_window_ends():
    with Daemon("recent.duplicate_window=600ms") as daemon, Http(daemon) as http:
        start = time.monotonic()
        publish(http, "a", b"x", {"Idempotency-Key": "k"})
        answer = publish(http, "a", b"x", {"Idempotency-Key": "k"})
        if time.monotonic() - start < 0.5:
            equal(answer["duplicate"], True, "duplicate within the window")
        while answer["duplicate"]:
            if time.monotonic() - start > 20 * PATIENCE:
                raise AssertionError("remembered long after the window")
            http.listen(0.05)
            answer = publish(http, "a", b"x", {"Idempotency-Key": "k"})
        took = time.monotonic() - start
        if took < 0.55:
            raise AssertionError(f"forgotten after {took:.2f} s")


def keys_are_bounded_in_number():
    with Daemon("recent.duplicate_ids_max=100") as daemon, Http(daemon) as http:
        for number in range(300):
            publish(http, "a", b"x", {"Idempotency-Key": f"k{number}"})
        equal(publish(http, "a", b"x", {"Idempotency-Key": "k299"})["duplicate"], True, "the newest is remembered")
        equal(publish(http, "a", b"x", {"Idempotency-Key": "k0"})["duplicate"], False, "the oldest is not")


def keys_do_nothing_where_nothing_is_kept():
    with Daemon("recent.enabled=no") as daemon, Http(daemon) as http:
        listener = _listener(daemon, "a")
        for _ in range(2):
            http.post("/v1/topics/a", b"x", {"Idempotency-Key": "k"}).check(202)
            listener.expect("a", b"x")


# ------------------------------------------------------------------------------------------------------------- batches


def _batch(http, items, array):
    if array:
        body, kind = json.dumps(items).encode(), "application/json"
    else:
        body, kind = "\n".join(json.dumps(item) for item in items).encode(), "application/x-ndjson"
    return http.post("/v1/publish", body, {"Content-Type": kind}).check(200).json()["results"]


def batches_come_in_two_forms():
    items = [{"topic": "b.1", "data": "text grüße \n \u0000"}, {"topic": "b.2", "data_base64": base64.b64encode(bytes(range(256))).decode()},
             {"topic": "b.3", "data": {"a": [1, None, True, "x"]}}, {"topic": "b.4", "data": 5}, {"topic": "b.5", "data": None},
             {"topic": "b.6", "data": ""}, {"topic": "b.7", "data": "x", "headers": {"A": "b", "Content-Type": "text/x"}},
             {"topic": "b.8", "data": "x", "id": "key of a batch"}, {"topic": "b.9", "data": "x", "id": "key of a batch"}]
    wanted = [items[0]["data"].encode(), bytes(range(256)), {"a": [1, None, True, "x"]}, 5, None, b"", b"x", b"x"]
    for array in (False, True):
        with Daemon() as daemon, Http(daemon) as http:
            listener = _listener(daemon, "b.>")
            results = _batch(http, items, array)
            equal([r["topic"] for r in results], [item["topic"] for item in items], "topics, in order")
            equal([r["duplicate"] for r in results], [False] * 8 + [True], "duplicates")
            equal([r["seq"] for r in results], [*range(1, 9), 8], "sequences")
            for number, value in enumerate(wanted, 1):
                message = listener.expect(f"b.{number}")
                equal(message.body if isinstance(value, bytes) else json.loads(message.body), value, f"payload of b.{number}")
            listener.nothing()


def an_item_without_data_has_an_empty_payload():
    """Also where nothing has been published before it: nothing is no shortage of memory."""
    for array in (False, True):
        with Daemon() as daemon, Http(daemon) as http:
            equal([result.get("seq") for result in _batch(http, [{"topic": "a"}], array)], [1], "results")
            equal([m.get("data") for m in poll(http, "a", since="all")["messages"]], [""], "what was published")


def bad_items_of_a_batch_stop_nothing():
    items = [{"topic": "a", "data": "1"}, {"topic": "a.*", "data": "2"}, {"topic": "a"}, {"data": "4"}, {"topic": "a", "data": "5", "data_base64": ""},
             {"topic": "a", "data_base64": "?"}, {"topic": 7, "data": "7"}, {"topic": "a", "data": "8", "headers": {"A B": "c"}},
             {"topic": "a", "data": "9", "headers": {"A": "b\r\nC: d"}}, {"topic": "a", "data": "10", "headers": []}, 11, None, "12", [],
             {"topic": "a", "data": "15", "id": 15}, {"topic": "", "data": "16"}, {"topic": "a", "data": "17"}]
    for array in (False, True):
        with Daemon() as daemon, Http(daemon) as http:
            results = _batch(http, items, array)
            equal(len(results), len(items), "results")
            for number, result in enumerate(results):
                if number in (0, len(items) - 1):
                    equal(result["topic"], "a", "result of a good item")
                elif number != 2:  # without data: an empty payload, or a problem
                    equal((result.get("status"), result.get("type", "")[:21]), (400, "urn:posthorn:problem:"), f"result of {items[number]}")
            texts = [m["data"] for m in poll(http, "a", since="all")["messages"] if m.get("data")]
            equal(texts, ["1", "17"], "what was published")


def lines_that_are_no_json_are_problems_of_their_own():
    with Daemon() as daemon, Http(daemon) as http:
        body = b'{"topic":"a","data":"1"}\r\n\n{"topic":"a",\nnonsense\n{"topic":"a","data":"2"}'
        results = http.post("/v1/publish", body, {"Content-Type": "application/x-ndjson"}).check(200).json()["results"]
        equal([r.get("status", 200) for r in results], [200, 400, 400, 200], "results of four lines and an empty one")
        equal([m["data"] for m in poll(http, "a", since="all")["messages"]], ["1", "2"], "what was published")


def a_bad_batch_as_a_whole_is_400():
    with Daemon() as daemon, Http(daemon) as http:
        for body in (b"", b"[", b'{"topic":"a"}', b"[1,", b'["a"] x', b"[" * 5000):
            http.post("/v1/publish", body, {"Content-Type": "application/json"}).check(400, "bad-body")
        http.post("/v1/publish", b"x", {"Content-Type": "image/png"}).check(415, "bad-type")
        equal(http.post("/v1/publish", b"[]", {"Content-Type": "application/json"}).check(200).json(), {"results": []}, "an empty batch")
        equal(poll(http, ">", since="all")["messages"], [], "what was published")


def items_of_a_batch_have_the_payloads_limit():
    with Daemon("line.payload_size_max=1000") as daemon, Http(daemon) as http:
        results = _batch(http, [{"topic": "a", "data": "x" * size} for size in (1000, 1001, 5)], True)
        equal([r.get("status", 200) for r in results], [200, 413, 200], "results")


def a_large_batch_keeps_its_order():
    with Daemon() as daemon, Http(daemon) as http:
        listener = _listener(daemon, "n.*")
        count = 20000
        body = b"".join(b'{"topic":"n.%d","data":"%d"}\n' % (number % 7, number) for number in range(count))
        results = http.post("/v1/publish", body, {"Content-Type": "application/x-ndjson"}, 30 * PATIENCE).check(200).json()["results"]
        equal([r["seq"] for r in results], list(range(1, count + 1)), "sequences")
        equal([int(m.body) for m in listener.take(count, 30 * PATIENCE)], list(range(count)), "order")


def items_that_go_out_live_say_so():
    with Daemon() as daemon, Http(daemon) as http:
        results = _batch(http, [{"topic": "$live", "data": "x"}, {"topic": "kept", "data": "x"}], False)
        equal(results[0], {"topic": "$live", "durable": False}, "result of a live message")
        equal(results[1]["seq"], 1, "sequence of the kept one")


# --------------------------------------------------------------------------------------------------------------- users


def users_must_say_who_they_are():
    with Daemon("user.ada.password=engine", "user.machine.token=t0ken") as daemon, Http(daemon) as http:
        basic = "Basic " + base64.b64encode(b"ada:engine").decode()
        for headers in ({}, {"Authorization": "Basic " + base64.b64encode(b"ada:wrong").decode()}, {"Authorization": "Bearer no"},
                        {"Authorization": "Basic !!"}, {"Authorization": "Digest x"}):
            answer = http.post("/v1/topics/a", b"x", headers).check(401, "unauthorized")
            equal("Basic realm=" in answer.header("WWW-Authenticate"), True, "WWW-Authenticate")
        for headers in ({"Authorization": basic}, {"Authorization": basic.replace("Basic", "bAsIc")}, {"Authorization": "Bearer t0ken"}):
            publish(http, "a", b"x", headers)
        http.post("/v1/topics/a", b"x").check(401)  # nobody stays identified on a connection
        for path in ("/healthz", "/readyz"):
            http.get(path).check(200)
        for path in ("/v1/topics/a", "/v1/topics/a/sse", "/v1/requests/a", "/varz", "/connz", "/subsz", "/metrics", "/topicz"):
            http.get(path).check(401)
        for path in ("/v1/publish", "/v1/request/a", "/v1/replies/x"):
            http.post(path, b"[]").check(401)


if __name__ == "__main__":
    main(bytes_reach_line_clients_as_they_are, bytes_of_line_clients_are_read_as_they_are, headers_reach_line_clients,
         headers_of_line_clients_are_read, headers_cannot_be_used_to_forge_others, put_is_post, an_answer_says_where_the_message_is_kept,
         what_is_not_kept_is_202, topics_that_name_many_are_refused, a_payload_as_large_as_allowed_passes_and_no_larger,
         many_connections_publish_in_their_own_order, what_is_answered_has_been_delivered_to_whoever_asks_next, a_key_is_accepted_once,
         a_key_holds_across_protocols_and_workers, on_the_line_a_duplicate_is_not_kept_but_goes_out_live, a_key_is_forgotten_when_the_window_ends, keys_are_bounded_in_number,
         keys_do_nothing_where_nothing_is_kept, batches_come_in_two_forms, an_item_without_data_has_an_empty_payload,
         bad_items_of_a_batch_stop_nothing, lines_that_are_no_json_are_problems_of_their_own, a_bad_batch_as_a_whole_is_400, items_of_a_batch_have_the_payloads_limit,
         a_large_batch_keeps_its_order, items_that_go_out_live_say_so, users_must_say_who_they_are)
