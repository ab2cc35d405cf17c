#!/usr/bin/env python3
"""Publishing to streams in files over HTTP: answered when it is on disk, on conditions, in order, and told when it is refused."""

import json
import signal
import tempfile

from harness import Daemon, equal, main, pump
from web import Http, poll, poll_to_end, publish, publish_many, quoted

JSON = {"Content-Type": "application/json"}
LAST, LAST_OF_TOPIC = "Posthorn-Expected-Last-Sequence", "Posthorn-Expected-Last-Topic-Sequence"


def _make(http, name="S", topics=("s.>",), **settings):
    body = json.dumps({"name": name, "topics": list(topics), **settings}).encode()
    return http.post("/v1/streams", body, JSON).check(201).json()


def _publish(http, topic, body=b"x", status=200, kind=None, **headers):
    answer = http.post(f"/v1/topics/{quoted(topic)}", body, headers).check(status, kind)
    return answer.json()


def what_is_answered_outlives_a_kill():
    with tempfile.TemporaryDirectory() as data:
        first = Daemon(data=data)
        with Http(first) as http:
            _make(http)
            for number in range(50):
                result = publish(http, "s.a", str(number).encode())
                equal((result["stream"], result["seq"], result["durable"], result["duplicate"]), ("S", number + 1, True, False), "a result")
            publish_many(http, "s.b", [str(number) for number in range(2000)])
        first.kill()
        with Daemon(data=data) as second, Http(second) as http:
            equal(poll(http, "s.a", limit=100)["messages"][-1]["data"], "49", "the last of the single ones")
            messages, _, gap = poll_to_end(http, "s.b", limit=1000)
            equal(([m["data"] for m in messages], gap), ([str(number) for number in range(2000)], False), "the batches")


def every_kind_of_sync_answers():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        for sync in ("always", "100ms", "never"):
            name = "S" + sync
            _make(http, name, [f"{name}.>"], sync=sync)
            equal(_publish(http, f"{name}.a")["durable"], True, f"durable with sync={sync}")
            equal(len(poll(http, f"{name}.>", since="all")["messages"]), 1, "messages")


def conditions_are_looked_at():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http)
        _publish(http, "s.a", **{LAST: "0"})
        _publish(http, "s.b", **{LAST: "1", "Idempotency-Key": "k2"})
        problem = _publish(http, "s.a", status=409, kind="wrong-last-sequence", **{LAST: "1"})
        equal(problem["last_seq"], 2, "the last sequence that there is")
        problem = _publish(http, "s.a", status=409, kind="wrong-last-sequence", **{LAST_OF_TOPIC: "0"})
        equal(problem["last_seq"], 1, "the last sequence of the topic")
        equal(_publish(http, "s.a", **{LAST_OF_TOPIC: "1"})["seq"], 3, "sequence")
        _publish(http, "s.c", **{LAST_OF_TOPIC: "0"})
        _publish(http, "s.c", status=409, kind="wrong-last-id", **{"Posthorn-Expected-Last-Id": "k3"})
        _publish(http, "s.c", status=409, kind="wrong-stream", **{"Posthorn-Expected-Stream": "T"})
        _publish(http, "s.c", **{"Posthorn-Expected-Stream": "S"})
        _publish(http, "elsewhere", status=409, kind="wrong-stream", **{LAST: "0"})  # nobody would look at it
        _publish(http, "s.c", status=400, kind="bad-parameter", **{LAST: "x"})
        _publish(http, "s.c", status=400, kind="bad-parameter", **{"Posthorn-Expected-Last": "1"})
        with daemon.client() as client:
            client.subscribe(">", "1")
            client.flush()
            _publish(http, "s.a", b"refused", status=409, **{LAST: "0"})
            _publish(http, "s.a", b"kept", **{LAST: "5"})
            client.expect("s.a", b"kept")  # and nothing of what was refused
        equal(len(poll(http, ">", since="all")["messages"]), 6, "what recent has: nothing of what was refused")


def two_who_decide_at_once_do_not_both_win():
    """Optimistic concurrency: each reads the last sequence of a topic, decides, and writes on that condition."""
    with Daemon(data=True) as daemon:
        with Http(daemon) as http:
            _make(http)
        clients = [Http(daemon) for _ in range(8)]
        won, sequences = [0] * len(clients), [0] * len(clients)
        for _ in range(40):
            for client, sequence in zip(clients, sequences):
                client.ask("POST", "/v1/topics/s.a", b"x", {LAST_OF_TOPIC: str(sequence)})
            for number, client in enumerate(clients):
                answer = client.answer()
                found = answer.json()
                won[number] += answer.status == 200
                sequences[number] = found["seq"] if answer.status == 200 else answer.check(409, "wrong-last-sequence").json()["last_seq"]
        with Http(daemon) as http:
            messages, _, _ = poll_to_end(http, "s.a", limit=1000)
            equal([m["seq"] for m in messages], list(range(1, sum(won) + 1)), "those that won are those that are kept")
        for client in clients:
            client.close()
        return f"{sum(won)} of {40 * len(clients)} were kept"


def each_item_of_a_batch_has_its_result():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http)
        _make(http, "T", ["t.>"], message_size_max=10)
        _make(http, "M", ["m"], storage="memory")
        items = [{"topic": "s.a", "data": "1"}, {"topic": "t.a", "data": "x" * 20}, {"topic": "t.a", "data": "2"}, {"topic": "live", "data": "3"},
                 {"topic": "a b"}, {"topic": "s.a", "data": "4", "headers": {"Nats-Expected-Last-Sequence": "9"}},
                 {"topic": "s.a", "data": "5", "id": "k"}, {"topic": "s.a", "data": "5", "id": "k"}, {"topic": "m", "data": "6"},
                 {"topic": "live", "headers": {"Nats-Expected-Last-Sequence": "0"}}, {"topic": "_INBOX.x", "data": "7"}]
        results = http.post("/v1/publish", json.dumps(items).encode(), JSON).check(200).json()["results"]
        kept = lambda r: (r["stream"], r["seq"], r["durable"], r["duplicate"])  # noqa: E731
        for at, wanted in {0: ("S", 1, True, False), 2: ("T", 1, True, False), 3: ("recent", 3, False, False), 6: ("S", 2, True, False),
                           7: ("S", 2, True, True), 8: ("M", 1, False, False)}.items():
            equal(kept(results[at]), wanted, f"result {at}")
        for at, wanted in {1: ("too-large", 413), 4: ("bad-topic", 400), 5: ("wrong-last-sequence", 409), 9: ("wrong-stream", 409)}.items():
            equal((results[at]["type"].rpartition(":")[2], results[at]["status"]), wanted, f"result {at}")
        equal(results[5]["last_seq"], 1, "last_seq of a result")
        equal(results[10], {"topic": "_INBOX.x", "durable": False}, "what nobody keeps")


def what_is_refused_says_why():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, "N", ["n.>"], discard="new", messages_max=2, message_size_max="1KiB")
        _publish(http, "n.a", b"x" * 2000, 413, "too-large")
        for _ in range(2):
            _publish(http, "n.a")
        _publish(http, "n.a", status=507, kind="stream-full")
        http.request("PATCH", "/v1/streams/N", b'{"messages_max":3}', JSON).check(200)
        _publish(http, "n.a")
        http.request("PATCH", "/v1/streams/N", b'{"sealed":true}', JSON).check(200)
        _publish(http, "n.a", status=409, kind="not-allowed")
        _make(http, "R", ["r.>"])
        _publish(http, "r.a", status=409, kind="not-allowed", **{"Posthorn-Header-Nats-Rollup": "all"})
        http.request("PATCH", "/v1/streams/R", b'{"allow_rollup":true}', JSON).check(200)
        for _ in range(3):
            _publish(http, "r.a", **{"Posthorn-Header-Nats-Rollup": "all"})
        equal(len(poll(http, "r.>", since="all")["messages"]), 1, "what a rollup leaves")


def keys_are_remembered_across_a_restart():
    with tempfile.TemporaryDirectory() as data:
        for life in range(3):
            daemon = Daemon(data=data)
            with Http(daemon) as http:
                if life == 0:
                    _make(http)
                result = _publish(http, "s.a", **{"Idempotency-Key": "order-17"})
                equal((result["seq"], result["duplicate"], result["durable"]), (1, life > 0, True), f"result in life {life}")
            daemon.kill() if life == 1 else daemon.stop()


def pipelined_requests_are_answered_in_order():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http)
        wanted = []
        for number in range(200):
            if number % 3 == 2:
                http.out += http.request_bytes("GET", "/healthz")
                http._asked.append("GET")
                wanted.append(None)
            else:
                topic = "s.a" if number % 3 else "live"
                http.out += http.request_bytes("POST", f"/v1/topics/{topic}", str(number).encode())
                http._asked.append("POST")
                wanted.append(topic)
        http.wait(lambda: len(http.answers) == 200, "all answers")
        seen = []
        for topic in wanted:
            found = http.answers.popleft().check(200).json()
            equal(found.get("topic"), topic, "topic of the answer")
            if topic == "s.a":
                seen.append(found["seq"])
        equal(seen, sorted(seen), "sequences in the order of the requests")


def who_leaves_before_the_answer_disturbs_nobody():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http)
        for round_number in range(60):
            client = Http(daemon)
            client.send(client.request_bytes("POST", "/v1/topics/s.gone", str(round_number).encode()))
            if round_number % 2:
                client.reset()
            else:
                client.close()
            publish(http, "s.stays", b"x")
        equal(len(poll(http, "s.stays", since="all", limit=1000)["messages"]), 60, "messages of those who stay")
        gone = poll(http, "s.gone", since="all", limit=1000)["messages"]
        equal(len({m["data"] for m in gone}), len(gone), "messages of those who left, each once at most")


def many_at_once_are_all_kept():
    with Daemon(data=True) as daemon:
        with Http(daemon) as http:
            _make(http)
        clients = [Http(daemon) for _ in range(50)]
        left, sequences = [100] * len(clients), []

        def turn():
            for number, client in enumerate(clients):
                while client.answers:
                    sequences.append(client.answers.popleft().check(200).json()["seq"])
                    left[number] -= 1
                if left[number] and not client._asked:
                    client._asked.append("POST")
                    client.out += client.request_bytes("POST", f"/v1/topics/s.{number}", b"x" * 100)

        pump(clients, lambda: not any(left), "all answers", turn=turn)
        equal(sorted(sequences), list(range(1, 5001)), "each message has a sequence of its own")
        with Http(daemon) as http:
            state = http.get("/v1/streams/S").check(200).json()["state"]
            equal((state["messages"], state["topics"]), (5000, 50), "messages and topics")
        for client in clients:
            client.close()


def a_stop_in_the_middle_takes_back_no_answer():
    """SIGTERM, and SIGKILL, while thirty publish one after the other: what has been answered is there afterwards."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with tempfile.TemporaryDirectory() as data:
            first = Daemon(data=data)
            with Http(first) as http:
                _make(http)
            clients, answered = [Http(first) for _ in range(30)], {}

            def turn():
                for client in clients:
                    while client.answers:
                        answer = client.answers.popleft()
                        if answer.status == 200:
                            found = answer.json()
                            answered[found["seq"]] = found["topic"]
                    if not client.closed and not client._asked:
                        client._asked.append("POST")
                        client.out += client.request_bytes("POST", f"/v1/topics/s.{clients.index(client)}", b"x")

            pump(clients, lambda: len(answered) > 300, "answers", turn=turn)
            first.send_signal(number)
            for client in clients:
                client.wait(lambda client=client: client.closed, "the end", closed_is_good=True)
            turn()
            if number == signal.SIGTERM:
                first.check_end(first.wait_exit())
            else:
                first.kill()
            with Daemon(data=data) as second, Http(second) as http:
                kept = {m["seq"]: m["topic"] for m in poll_to_end(http, "s.>", limit=1000)[0]}
                equal({seq: kept.get(seq) for seq in answered}, answered, f"what was answered before {number}")


if __name__ == "__main__":
    main(what_is_answered_outlives_a_kill, every_kind_of_sync_answers, conditions_are_looked_at, two_who_decide_at_once_do_not_both_win,
         each_item_of_a_batch_has_its_result, what_is_refused_says_why, keys_are_remembered_across_a_restart,
         pipelined_requests_are_answered_in_order, who_leaves_before_the_answer_disturbs_nobody, many_at_once_are_all_kept,
         a_stop_in_the_middle_takes_back_no_answer)
