#!/usr/bin/env python3
"""Workers behind HTTP: they take requests by GET and answer by POST, whoever asks, on the line or over HTTP, and whichever worker
of the daemon their connections came to."""

import collections
import signal

from harness import PATIENCE, Daemon, equal, main, pump, until
from web import Http

LONG_S = 30 * PATIENCE
WAIT = "?group=g&wait=60s"


class Worker:
    """Takes a request, answers it, and takes the next. fresh: on a new connection each time."""

    def __init__(self, daemon, pattern="work.>", query=WAIT, fresh=False, respond=lambda body: b"re:" + body):
        self.daemon, self.path, self.fresh, self.respond = daemon, f"/v1/requests/{pattern}{query}", fresh, respond
        self.seen = []
        self.http = Http(daemon)
        self.http.ask("GET", self.path)

    def turn(self):
        """Goes on with what has come."""
        while self.http.answers:
            answer = self.http.answers.popleft()
            if answer.status == 200:
                self._answer(answer)
            else:
                equal(answer.status in (202, 204, 410), True, f"status {answer.status}")  # 410: a probe that was not waited for
                self._say("GET", self.path)

    def _answer(self, request):
        equal(request.header("Cache-Control"), "no-store", "Cache-Control of a request")
        self.seen.append((request.header("Posthorn-Topic"), request.body))
        self._say("POST", f"/v1/replies/{request.header('Posthorn-Reply-Id')}", self.respond(request.body))

    def _say(self, method, target, body=None):
        if self.fresh:
            self.http.close()
            self.http = Http(self.daemon)
        self.http._asked.append(method)
        self.http.out += self.http.request_bytes(method, target, body)


def _run(workers, askers, done, what):
    """Lets everybody go on until it is done."""
    while not done():
        peers = [worker.http for worker in workers] + askers
        pump(peers, lambda: done() or any(w.http.answers for w in workers), what, LONG_S)
        for worker in workers:
            worker.turn()


def _until_wanted(daemon, topic, between=lambda: None):
    """Waits until a request to the topic would be taken: the lease has come to every worker of the daemon. Each try leaves a
    request in the queue; between() may take it away."""
    for _ in range(Daemon.workers * 2):
        with Http(daemon) as http:
            until(lambda: topic_is_wanted(http, topic), f"somebody who answers {topic}", LONG_S)
        between()


def topic_is_wanted(http, topic):
    """Asks with a request that does not wait: nobody is there, or nobody answers in time."""
    return http.post(f"/v1/request/{topic}?timeout=1ms", b"probe").status != 503


def _forget_probes(workers):
    for worker in workers:
        worker.seen = [(topic, body) for topic, body in worker.seen if body != b"probe"]


# ------------------------------------------------------------------------------------------------------------ the work


def workers_answer_whoever_asks():
    """Two workers, one with a new connection for each step; four clients over HTTP and one on the line ask again and again."""
    with Daemon() as daemon:
        workers = [Worker(daemon), Worker(daemon, fresh=True)]
        _until_wanted(daemon, "work.0")
        line = daemon.client()
        line.subscribe("_INBOX.line.*", "1")
        line.flush()
        askers = [Http(daemon) for _ in range(4)]
        for turn in range(25):
            for number, asker in enumerate(askers):
                asker.ask("POST", f"/v1/request/work.{number}?timeout=60s", b"%d/%d" % (number, turn))
            line.publish(f"work.line.{turn}", b"line/%d" % turn, f"_INBOX.line.{turn}")
            _run(workers, askers + [line], lambda: all(a.answers for a in askers) and line.inbox, "an answer for each")
            for number, asker in enumerate(askers):
                equal(asker.answers.popleft().check(200).body, b"re:%d/%d" % (number, turn), "reply over HTTP")
            line.expect(f"_INBOX.line.{turn}", b"re:line/%d" % turn)
        _forget_probes(workers)
        seen = collections.Counter(body for worker in workers for _, body in worker.seen)
        equal((len(seen), set(seen.values())), (125, {1}), "requests, and how often each was handed out")
        shares = [len(worker.seen) for worker in workers]
        if min(shares) < 10:
            raise AssertionError(f"shares of two workers: {shares}")


def whoever_waits_first_is_served_first():
    with Daemon() as daemon:
        workers = [Http(daemon) for _ in range(6)]
        with Http(daemon) as first:
            first.ask("GET", f"/v1/requests/work{WAIT}")
            _until_wanted(daemon, "work")
            _drain(first)
        for worker in workers:
            worker.ask("GET", f"/v1/requests/work{WAIT}")
            until(lambda worker=worker: _has_read(daemon, worker), "the worker waits", LONG_S)
        asker = daemon.client()
        for number, worker in enumerate(workers):
            asker.publish("work", b"%d" % number, "_INBOX.x")
            asker.flush()
            equal(worker.answer(LONG_S).check(200).body, b"%d" % number, f"what the worker in place {number} got")


def _drain(worker):
    """Takes what the probes have left, until there is nothing."""
    worker.answer(LONG_S)
    _drain_all(worker)


def _drain_all(worker):
    while worker.get("/v1/requests/work?group=g&wait=0s").status == 200:
        pass


def _has_read(daemon, worker):
    """True once its first and only request has been read: /connz counts what has come."""
    port, size = worker.sock.getsockname()[1], len(worker.request_bytes("GET", f"/v1/requests/work{WAIT}"))
    with Http(daemon) as http:
        rows = http.get("/connz?limit=64").check(200).json()["connections"]
    return any(row["port"] == port and row["in_bytes"] == size for row in rows)


def a_worker_without_a_group_shares_with_others_without():
    with Daemon() as daemon:
        workers = [Worker(daemon, "work", "?wait=60s"), Worker(daemon, "work", "?wait=60s")]
        _until_wanted(daemon, "work")
        asker = Http(daemon)
        for turn in range(20):
            asker.ask("POST", "/v1/request/work?timeout=60s", b"%d" % turn)
            _run(workers, [asker], lambda: asker.answers, "an answer")
            equal(asker.answers.popleft().check(200).body, b"re:%d" % turn, "reply")
        _forget_probes(workers)
        equal(sum(len(worker.seen) for worker in workers), 20, "requests that were handed out")


def line_and_http_workers_share_a_group():
    with Daemon() as daemon:
        line = daemon.client()
        line.subscribe("work", "1", "g")
        line.flush()
        worker = Worker(daemon, "work")
        _until_wanted(daemon, "work")
        until(lambda: _has_seen(worker, daemon), "both have had a probe", LONG_S)
        by_line = []
        line.on_message = lambda m: (by_line.append(m.body), line.publish(m.reply, b"line:" + m.body))
        asker = Http(daemon)
        for turn in range(60):
            asker.ask("POST", "/v1/request/work?timeout=60s", b"%d" % turn)
            _run([worker], [asker, line], lambda: asker.answers, "an answer")
            asker.answers.popleft().check(200)
        _forget_probes([worker])
        by_line = [body for body in by_line if body != b"probe"]
        equal(len(worker.seen) + len(by_line), 60, "requests that were handed out")
        if not worker.seen or not by_line:
            raise AssertionError(f"{len(worker.seen)} over HTTP, {len(by_line)} on the line")


def _has_seen(worker, daemon):
    with Http(daemon) as http:
        http.post("/v1/request/work?timeout=1ms", b"probe")
    worker.http.listen(0.02)
    worker.turn()
    return worker.seen


def what_asks_for_no_answer_is_not_taken():
    with Daemon() as daemon, Http(daemon) as worker:
        worker.ask("GET", f"/v1/requests/work{WAIT}")
        _until_wanted(daemon, "work")
        _drain(worker)
        client = daemon.client()
        client.publish("work", b"for nobody")
        client.flush()
        worker.get("/v1/requests/work?group=g&wait=100ms").check(204)


def bodies_and_headers_pass_both_ways():
    """Binary, large, with headers that stand twice, and a topic that must be encoded in a header."""
    body = bytes(range(256)) * 2000
    with Daemon() as daemon, Http(daemon) as worker, Http(daemon) as asker:
        worker.ask("GET", "/v1/requests/gr%C3%BC%C3%9Fe.%3E?group=g&wait=60s")
        _until_wanted(daemon, "gr%C3%BC%C3%9Fe.a")
        worker.answer(LONG_S)
        while worker.get("/v1/requests/gr%C3%BC%C3%9Fe.%3E?group=g&wait=0s").status == 200:
            pass
        asker.ask("POST", "/v1/request/gr%C3%BC%C3%9Fe.a%25b?timeout=60s", body,
                  [("Posthorn-Header-A", "1"), ("Posthorn-Header-A", "2"), ("Content-Type", "a/b")])
        worker.ask("GET", "/v1/requests/gr%C3%BC%C3%9Fe.%3E?group=g&wait=60s")
        taken = worker.answer(LONG_S).check(200)
        equal(taken.header("Posthorn-Topic"), "gr%C3%BC%C3%9Fe.a%25b", "topic")
        equal((taken.body == body, taken.header("Content-Type")), (True, "a/b"), "body and type")
        equal([value for name, value in taken.headers if name == "Posthorn-Header-A"], ["1", "2"], "headers")
        worker.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", body[::-1], [("Posthorn-Header-B", "3")]).check(202)
        reply = asker.answer(LONG_S).check(200)
        equal((reply.body == body[::-1], reply.header("Posthorn-Header-B")), (True, "3"), "reply")
        equal(reply.header("Content-Type"), "application/octet-stream", "type of a reply that has none")
        equal("sandbox" in reply.header("Content-Security-Policy"), True, "a reply is no page of ours")


# --------------------------------------------------------------------------------------------------------- the bounds


def a_lease_outlives_the_last_get_and_then_ends():
    with Daemon("http.responder_lease=1s") as daemon, Http(daemon) as worker, Http(daemon) as asker:
        worker.get("/v1/requests/work?group=g&wait=1ms").check(204)
        asker.ask("POST", "/v1/request/work?timeout=60s", b"between two GETs")
        taken = worker.get(f"/v1/requests/work{WAIT}", (), LONG_S).check(200)
        equal(taken.body, b"between two GETs", "request")
        worker.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"here").check(202)
        equal(asker.answer(LONG_S).check(200).body, b"here", "reply")
        until(lambda: asker.post("/v1/request/work?timeout=1ms", b"").status == 503, "the lease ends", LONG_S, 0.1)


def a_full_queue_refuses_at_once():
    """Ten ask while nobody takes: three wait, seven hear at once that nobody has time for them."""
    with Daemon("http.responder_queue_max=3") as daemon, Http(daemon) as worker:
        worker.get("/v1/requests/work?group=g&wait=1ms").check(204)
        _until_wanted(daemon, "work", lambda: _drain_all(worker))
        askers = [Http(daemon) for _ in range(10)]
        for number, asker in enumerate(askers):
            asker.ask("POST", "/v1/request/work?timeout=60s", b"%d" % number)
        pump(askers, lambda: sum(len(asker.answers) for asker in askers) == 7, "seven refusals", LONG_S)
        for asker in askers:
            for answer in asker.answers:
                answer.check(503, "no-responders")
        patient = [(number, asker) for number, asker in enumerate(askers) if not asker.answers]
        taken = [worker.get(f"/v1/requests/work{WAIT}", (), LONG_S).check(200) for _ in range(3)]
        equal(sorted(answer.body for answer in taken), [b"%d" % number for number, _ in patient], "requests that waited")
        for answer in taken:
            worker.post(f"/v1/replies/{answer.header('Posthorn-Reply-Id')}", b"re:" + answer.body).check(202)
        for number, asker in patient:
            equal(asker.answer(LONG_S).check(200).body, b"re:%d" % number, "reply")


def a_reply_that_comes_too_late_is_410_where_the_asker_is_near():
    """With one worker the daemon knows at once; with several the reply may have to go to another, which throws it away."""
    with Daemon() as daemon, Http(daemon) as worker, Http(daemon) as asker:
        worker.get("/v1/requests/work?group=g&wait=1ms").check(204)
        _until_wanted(daemon, "work")
        _drain_all(worker)
        asker.post("/v1/request/work?timeout=50ms", b"x").check(504, "no-reply")
        taken = worker.get(f"/v1/requests/work{WAIT}", (), LONG_S).check(200)
        answer = worker.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"late")
        if Daemon.workers == 1:
            answer.check(410, "gone")
        equal(answer.status in (202, 410), True, f"status {answer.status}")
        asker.get("/healthz").check(200)


def only_the_first_reply_counts():
    with Daemon() as daemon, Http(daemon) as worker, Http(daemon) as asker:
        worker.get("/v1/requests/work?group=g&wait=1ms").check(204)
        _until_wanted(daemon, "work")
        _drain_all(worker)
        asker.ask("POST", "/v1/request/work?timeout=60s", b"x")
        taken = worker.get(f"/v1/requests/work{WAIT}", (), LONG_S).check(200)
        where = f"/v1/replies/{taken.header('Posthorn-Reply-Id')}"
        worker.post(where, b"first").check(202)
        equal(asker.answer(LONG_S).check(200).body, b"first", "reply")
        equal(worker.post(where, b"second").status in (202, 410), True, "a second reply is let pass or gone")
        asker.get("/healthz").check(200)
        equal(len(asker.answers), 0, "further answers")


def forged_ids_are_404():
    with Daemon() as daemon, Http(daemon) as worker:
        listener = daemon.client()
        listener.subscribe(">", "1")
        listener.flush()
        for forged in ("YQ", "YQ.", "YQ.AAAAAAAAAAAAAAAAAAAAAA", ".", "a/b", "%00", "x" * 3000):
            worker.post(f"/v1/replies/{forged}", b"forged").check(404, "not-found")
        listener.nothing()


def another_daemon_does_not_take_an_id():
    """The key is drawn at start: what was handed out before a restart is of no use after it."""
    with Daemon() as first, Daemon() as second, Http(first) as worker, Http(second) as other:
        worker.get("/v1/requests/work?group=g&wait=1ms").check(204)
        _until_wanted(first, "work")
        taken = worker.get(f"/v1/requests/work{WAIT}", (), LONG_S).check(200)
        other.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"x").check(404, "not-found")


def head_takes_nothing():
    with Daemon() as daemon, Http(daemon) as worker, Http(daemon) as asker:
        worker.get("/v1/requests/work?group=g&wait=1ms").check(204)
        _until_wanted(daemon, "work")
        _drain_all(worker)
        asker.ask("POST", "/v1/request/work?timeout=60s", b"x")
        equal(worker.request("HEAD", f"/v1/requests/work{WAIT}").status, 405, "status of HEAD")
        equal(worker.get(f"/v1/requests/work{WAIT}", (), LONG_S).check(200).body, b"x", "request")


def a_stop_lets_waiting_workers_go():
    """Those who wait are told, and the daemon ends in time."""
    with Daemon() as daemon:
        workers = [Http(daemon) for _ in range(8)]
        for worker in workers:
            worker.ask("GET", f"/v1/requests/work{WAIT}")
            until(lambda worker=worker: _has_read(daemon, worker), "the worker waits", LONG_S)
        daemon.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.answer(LONG_S).check(503, "unavailable")
            worker.expect_closed()
        daemon.check_end(daemon.wait_exit())


if __name__ == "__main__":
    main(workers_answer_whoever_asks, whoever_waits_first_is_served_first, a_worker_without_a_group_shares_with_others_without,
         line_and_http_workers_share_a_group, what_asks_for_no_answer_is_not_taken, bodies_and_headers_pass_both_ways,
         a_lease_outlives_the_last_get_and_then_ends, a_full_queue_refuses_at_once,
         a_reply_that_comes_too_late_is_410_where_the_asker_is_near, only_the_first_reply_counts, forged_ids_are_404,
         another_daemon_does_not_take_an_id, head_takes_nothing, a_stop_lets_waiting_workers_go)
