#!/usr/bin/env python3
"""Request and response over HTTP: asked by HTTP or on the line, answered on the line, by `posthorn reply`, or by an HTTP worker."""

import os
import signal
import time

from cli import Cli
from harness import PATIENCE, Daemon, equal, flush_all, main, pump, read_any, until
from web import Http, poll_to_end, publish


class Responder:
    """A responder on the line: answers each request at once with what respond(message) returns (body, head), or not at all (None)."""

    def __init__(self, daemon, pattern, respond, group=""):
        self.client = daemon.client()
        self.seen = []
        self.respond = respond
        self.client.on_message = self._take
        self.client.subscribe(pattern, "1", group)
        self.client.flush()

    def _take(self, message):
        self.seen.append(message)
        answer = self.respond(message)
        if answer is not None:
            body, head = answer
            self.client.out += (b"HPUB %s %d %d\r\n%s%s\r\n" % (message.reply.encode(), len(head), len(head) + len(body), head, body)
                                if head else b"PUB %s %d\r\n%s\r\n" % (message.reply.encode(), len(body), body))


def _request(http, responders, topic, body=b"", headers=(), query="", deadline_s=20 * PATIENCE):
    """One request over HTTP while the responders are at work."""
    http.ask("POST", f"/v1/request/{topic}{query}", body, headers)
    pump([http] + [r.client for r in responders], lambda: http.answers, "the answer", deadline_s)
    return http.answers.popleft()


# ------------------------------------------------------------------------------------------------ asked over HTTP


def a_line_client_answers():
    with Daemon() as daemon, Http(daemon) as http:
        echo = Responder(daemon, "svc.*", lambda m: (m.topic.encode() + b":" + m.body, b""))
        for body in (b"", b"hello", bytes(range(256)), os.urandom(500000)):
            answer = _request(http, [echo], "svc.echo", body).check(200)
            equal(answer.body, b"svc.echo:" + body, "body of the reply")
        equal({m.topic for m in echo.seen}, {"svc.echo"}, "topics that the responder saw")


def headers_go_there_and_come_back():
    head = b"NATS/1.0\r\nContent-Type: image/x-test\r\nX-Answer: 42\r\nTwice: 1\r\nTwice: 2\r\n\r\n"
    with Daemon() as daemon, Http(daemon) as http:
        responder = Responder(daemon, "svc", lambda m: (b"body", head))
        answer = _request(http, [responder], "svc", b"x", [("Content-Type", "text/x"), ("Posthorn-Header-Asked", "yes")]).check(200)
        equal(answer.header("Content-Type"), "image/x-test", "type of the reply")
        equal(answer.header("Posthorn-Header-X-Answer"), "42", "header of the reply")
        equal([v for n, v in answer.headers if n.lower() == "posthorn-header-twice"], ["1", "2"], "a header that stands twice")
        seen = responder.seen[0].head
        equal((b"Content-Type: text/x\r\n" in seen, b"Asked: yes\r\n" in seen), (True, True), f"headers of the request {seen}")


def headers_of_a_reply_cannot_break_the_answer():
    """What a responder says of its own is not the server's word: lengths, connections and further answers stay ours."""
    head = b"NATS/1.0\r\nContent-Length: 3\r\nConnection: close\r\nContent-Type: a/b\x01c\r\nBad Name: x\r\nSet-Cookie: a=b\r\n\r\n"
    with Daemon() as daemon, Http(daemon) as http:
        responder = Responder(daemon, "svc", lambda m: (b"longer than three", head))
        answer = _request(http, [responder], "svc")
        if answer.status == 200:
            equal(answer.body, b"longer than three", "body")
        equal(answer.header("Set-Cookie"), None, "a header of ours by a responder's word")
        http.get("/healthz").check(200)


def nobody_to_answer_is_503_at_once():
    with Daemon() as daemon, Http(daemon) as http:
        start = time.monotonic()
        for _ in range(20):
            answer = http.post("/v1/request/nobody?timeout=60s", b"x").check(503, "no-responders")
            equal(answer.status, 503, "status")
        if time.monotonic() - start > 10 * PATIENCE:
            raise AssertionError("it waited")


def no_answer_in_time_is_504():
    with Daemon() as daemon, Http(daemon) as http:
        mute = Responder(daemon, "mute", lambda m: None)
        start = time.monotonic()
        _request(http, [mute], "mute", query="?timeout=500ms").check(504, "no-reply")
        took = time.monotonic() - start
        if not 0.45 <= took <= 15 * PATIENCE:
            raise AssertionError(f"after {took:.2f} s")
        mute.client.publish(mute.seen[0].reply, b"too late")
        mute.client.flush()
        http.get("/healthz").check(200)  # what came too late is nobody's answer


def the_timeout_has_a_default_and_a_limit():
    with Daemon("http.request_timeout=400ms", "http.request_timeout_max=600ms") as daemon, Http(daemon) as http:
        mute = Responder(daemon, "mute", lambda m: None)
        _request(http, [mute], "mute").check(504, "no-reply")
        answer = _request(http, [mute], "mute", query="?timeout=100s")  # cut short, or refused
        answer.check(504 if answer.status == 504 else 400)
        for bad in ("x", "", "-1s", "5", "1h%00"):
            http.post(f"/v1/request/mute?timeout={bad}", b"").check(400, "bad-parameter")
        for bad in ("a.*", ">", "a..b", "a%20b", "a%0D%0A"):
            http.post(f"/v1/request/{bad}", b"").check(400, "bad-topic")


def the_first_answer_counts():
    with Daemon() as daemon, Http(daemon) as http:
        many = [Responder(daemon, "svc", lambda m, n=n: (b"%d" % n, b"")) for n in range(4)]
        for _ in range(10):
            answer = _request(http, many, "svc").check(200)
            equal(answer.body in (b"0", b"1", b"2", b"3"), True, f"one answer, {answer.body}")
        flush_all([r.client for r in many])
        equal(len(http.answers), 0, "further answers")


def a_group_of_responders_shares_the_work():
    with Daemon() as daemon, Http(daemon) as http:
        many = [Responder(daemon, "svc", lambda m: (m.body, b""), group="g") for _ in range(4)]
        for turn in range(80):
            equal(_request(http, many, "svc", b"%d" % turn).check(200).body, b"%d" % turn, "reply")
        shares = [len(r.seen) for r in many]
        equal(sum(shares), 80, "requests that were answered")
        if min(shares) == 0:
            raise AssertionError(f"shares {shares}")


def many_ask_at_once_and_each_gets_its_own():
    with Daemon() as daemon:
        responders = [Responder(daemon, "svc", lambda m: (b"re:" + m.body, b""), group="g") for _ in range(3)]
        askers = [Http(daemon) for _ in range(100)]
        for turn in range(5):
            for number, http in enumerate(askers):
                http._asked.append("POST")
                http.out += http.request_bytes("POST", "/v1/request/svc?timeout=30s", b"%d/%d" % (turn, number) + b"x" * (number * 50))
            pump(askers + [r.client for r in responders], lambda: all(h.answers for h in askers), "an answer for each", 40 * PATIENCE)
            for number, http in enumerate(askers):
                equal(http.answers.popleft().check(200).body, b"re:%d/%d" % (turn, number) + b"x" * (number * 50), "reply")


def pipelined_requests_are_answered_in_order():
    with Daemon() as daemon, Http(daemon) as http:
        responder = Responder(daemon, "svc", lambda m: (b"re:" + m.body, b""))
        http.out += b"".join(http.request_bytes("POST", "/v1/request/svc", b"%d" % number) for number in range(50))
        pump([http, responder.client], lambda: len(http.answers) == 50, "fifty answers", 20 * PATIENCE)
        equal([a.body for a in http.answers], [b"re:%d" % number for number in range(50)], "order")


def the_command_answers_too():
    with Daemon() as daemon, Http(daemon) as http, Cli(daemon) as cli:
        with cli.start("reply", "-v", "svc.cli", "from the command", "-H", "X: y") as running:
            running.subscribed()
            answer = http.post("/v1/request/svc.cli", b"x").check(200)
            equal((answer.body, answer.header("Posthorn-Header-X")), (b"from the command", "y"), "reply")


def an_asker_that_leaves_is_forgotten():
    with Daemon() as daemon, Http(daemon) as http:
        mute = Responder(daemon, "mute", lambda m: None)
        askers = [Http(daemon) for _ in range(20)]
        for asker in askers:
            asker.ask("POST", "/v1/request/mute?timeout=100s", b"x")
        pump([mute.client], lambda: len(mute.seen) == 20, "every request")
        for number, asker in enumerate(askers):
            asker.reset() if number % 2 else asker.close()
        for message in mute.seen:
            mute.client.publish(message.reply, b"to nobody")
        mute.client.flush()
        http.get("/healthz").check(200)


def replies_are_not_kept():
    with Daemon() as daemon, Http(daemon) as http:
        responder = Responder(daemon, "svc", lambda m: (b"re", b""))
        _request(http, [responder], "svc", b"x").check(200)
        http.get("/v1/topics/_INBOX.%3E?since=all").check(404, "not-kept")
        equal([m["topic"] for m in poll_to_end(http, ">")[0]], ["svc"], "what is kept")


# ------------------------------------------------------------------------------------------- answered over HTTP


def _take(http, pattern, query="?wait=30s"):
    http.ask("GET", f"/v1/requests/{pattern}{query}")


def an_http_worker_takes_and_answers():
    with Daemon() as daemon, Http(daemon) as asker, Http(daemon) as worker:
        for number, body in enumerate((b"", b"question", bytes(range(256)) * 100)):
            _take(worker, "work.*")
            _until_asked(asker, worker, f"/v1/request/work.{number}?timeout=30s", body,
                         [("Content-Type", "text/x"), ("Posthorn-Header-Asked", "yes")])
            taken = worker.answers.popleft().check(200)
            equal((taken.body, taken.header("Content-Type"), taken.header("Posthorn-Topic"), taken.header("Posthorn-Header-Asked")),
                  (body, "text/x", f"work.{number}", "yes"), "what the worker got")
            worker.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"answer " + body,
                        [("Content-Type", "application/x-answer"), ("Posthorn-Header-Done", "1")]).check(202)
            answer = asker.answer().check(200)
            equal((answer.body, answer.header("Content-Type"), answer.header("Posthorn-Header-Done")),
                  (b"answer " + body, "application/x-answer", "1"), "what the asker got")


def _until_asked(asker, worker, where, body, headers):
    """Asks, again where the worker had not begun to wait, until the worker has been given a request."""
    end = time.monotonic() + 15 * PATIENCE
    while not worker.answers:
        asker.answers.clear()
        asker.ask("POST", where, body, headers)
        while not (worker.answers or asker.answers):
            read_any([asker, worker])
        if asker.answers:
            asker.answers[0].check(503, "no-responders")
        if time.monotonic() > end:
            raise AssertionError("the worker is given nothing")


def a_worker_answers_line_clients():
    with Daemon() as daemon, Http(daemon) as worker, Http(daemon) as http:
        client = daemon.client()
        client.subscribe("_INBOX.me", "1")
        client.flush()
        _take(worker, "work")
        end = time.monotonic() + 15 * PATIENCE
        while not worker.answers:  # until the worker waits, the answer is 503
            client.inbox.clear()
            client.publish("work", b"by line", "_INBOX.me")
            client.flush()
            worker.listen(0.05)
            if time.monotonic() > end:
                raise AssertionError("the worker is given nothing")
        client.inbox.clear()
        taken = worker.answers.popleft().check(200)
        equal(taken.body, b"by line", "request")
        http.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"by HTTP").check(202)  # on another connection: the id is enough
        client.expect("_INBOX.me", b"by HTTP")


def a_worker_that_gets_nothing_is_204():
    with Daemon() as daemon, Http(daemon) as worker:
        start = time.monotonic()
        answer = worker.get("/v1/requests/work?wait=500ms").check(204)
        took = time.monotonic() - start
        if answer.body or not 0.45 <= took <= 15 * PATIENCE:
            raise AssertionError(f"after {took:.2f} s, body {answer.body!r}")


def each_request_goes_to_one_worker_of_a_group():
    with Daemon() as daemon:
        workers, askers = [Http(daemon) for _ in range(4)], [Http(daemon) for _ in range(40)]
        seen = []

        def turn():
            for worker in workers:
                while worker.answers:
                    answer = worker.answers.popleft()
                    if answer.status == 200:
                        seen.append(answer.body)
                        worker._asked.append("POST")
                        worker.out += worker.request_bytes("POST", f"/v1/replies/{answer.header('Posthorn-Reply-Id')}", b"re:" + answer.body)
                    elif answer.status == 202:
                        worker._asked.append("GET")
                        worker.out += worker.request_bytes("GET", "/v1/requests/work?group=g&wait=60s")
                    else:
                        answer.check(204)
            for number, asker in enumerate(askers):
                if asker.answers and asker.answers[0].status == 503:  # nobody had come to wait yet
                    asker.answers.clear()
                    asker.ask("POST", "/v1/request/work?timeout=60s", b"%d" % number)

        for worker in workers:
            _take(worker, "work", "?group=g&wait=60s")
        for number, asker in enumerate(askers):
            asker.ask("POST", "/v1/request/work?timeout=60s", b"%d" % number)
        pump(workers + askers, lambda: all(a.answers and a.answers[0].status == 200 for a in askers), "every answer", 40 * PATIENCE, turn)
        equal([a.answers[0].body for a in askers], [b"re:%d" % n for n in range(40)], "answers")
        equal(sorted(seen), sorted(b"%d" % n for n in range(40)), "requests, each taken once")


def requests_that_come_between_two_takes_are_not_lost():
    """An HTTP worker is away between its answer and its next question: for that long its requests are kept for it."""
    with Daemon("http.responder_lease=30s") as daemon, Http(daemon) as worker:
        asker = Http(daemon)
        _take(worker, "work", "?group=g&wait=30s")
        _until_asked(asker, worker, "/v1/request/work?timeout=60s", b"first", ())
        others = [Http(daemon) for _ in range(10)]
        for number, other in enumerate(others):  # the worker is at work on the first
            other.ask("POST", "/v1/request/work?timeout=60s", b"%d" % number)
        got = []
        for _ in range(11):
            taken = worker.answer(20 * PATIENCE).check(200)
            got.append(taken.body)
            worker.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"re:" + taken.body).check(202)
            _take(worker, "work", "?group=g&wait=30s")
        equal(got[0], b"first", "the first request")
        equal(sorted(got[1:]), sorted(b"%d" % n for n in range(10)), "requests that waited")
        for number, other in enumerate(others):
            equal(other.answer().check(200).body, b"re:%d" % number, "answer")


def bad_reply_ids_are_refused():
    with Daemon() as daemon, Http(daemon) as http:
        listener = daemon.client()
        listener.subscribe(">", "1")
        listener.flush()
        for bad in ("x", "0", "_INBOX.me", "a.b", "..%2F..", "x" * 500, "%00", "%0D%0A", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"):
            answer = http.post(f"/v1/replies/{bad}", b"forged")
            equal(answer.status in (400, 404), True, f"status {answer.status} for {bad}")
        listener.nothing()


def a_reply_id_cannot_be_bent():
    """Whoever may answer one request may not publish elsewhere by changing the id."""
    with Daemon() as daemon, Http(daemon) as asker, Http(daemon) as worker:
        _take(worker, "work")
        _until_asked(asker, worker, "/v1/request/work?timeout=30s", b"x", ())
        reply_id = worker.answers.popleft().check(200).header("Posthorn-Reply-Id")
        for at in range(0, len(reply_id), max(1, len(reply_id) // 24)):
            bent = reply_id[:at] + ("A" if reply_id[at] != "A" else "B") + reply_id[at + 1:]
            equal(worker.post(f"/v1/replies/{bent}", b"bent").status in (400, 404), True, f"a bent id is refused: {at}")
        worker.post(f"/v1/replies/{reply_id}", b"straight").check(202)
        equal(asker.answer().check(200).body, b"straight", "answer")


def a_worker_that_leaves_while_it_waits_takes_nothing_along():
    with Daemon() as daemon, Http(daemon) as asker, Http(daemon) as stays:
        for http in (asker, stays):
            http.get("/healthz").check(200)
        descriptors = daemon.descriptor_count()
        for number in range(10):
            gone = Http(daemon)
            _take(gone, "work", "?group=g&wait=60s")
            gone.reset() if number % 2 else gone.close()
        until(lambda: daemon.descriptor_count() <= descriptors, "the end of those who left")  # until then the daemon believes in them
        _take(stays, "work", "?group=g&wait=60s")
        _until_asked(asker, stays, "/v1/request/work?timeout=30s", b"x", ())
        taken = stays.answers.popleft().check(200)
        stays.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"y").check(202)
        equal(asker.answer().check(200).body, b"y", "answer")


def a_worker_that_has_left_before_it_is_heard_takes_nothing_along():
    """A request waits; a GET for it is read when whoever sent it has gone."""
    with Daemon() as daemon, Http(daemon) as stays, daemon.client() as client:
        client.subscribe("_INBOX.me.*", "1")
        stays.get("/v1/requests/work?wait=0s").check(204)  # from now on requests are kept for workers
        client.flush()
        for number in range(5):
            client.publish("work", b"x", f"_INBOX.me.{number}")
            client.flush()
            daemon.send_signal(signal.SIGSTOP)
            gone = Http(daemon)
            _take(gone, "work")
            gone.close()
            daemon.send_signal(signal.SIGCONT)
            _take(stays, "work")
            taken = stays.answer().check(200)
            stays.post(f"/v1/replies/{taken.header('Posthorn-Reply-Id')}", b"y").check(202)
            client.expect(f"_INBOX.me.{number}", b"y")


def bad_patterns_and_waits_of_workers_are_refused():
    with Daemon() as daemon, Http(daemon) as http:
        for path in ("a..b", "%3E.a", "a%20b", "a%0D%0A"):
            http.get(f"/v1/requests/{path}?wait=1ms").check(400, "bad-topic")
        for query in ("wait=x", "wait=-1s", "group=a%20b", "group=%0D%0A"):
            http.get(f"/v1/requests/a?{query}").check(400)
        publish(http, "a", b"x")


if __name__ == "__main__":
    main(a_line_client_answers, headers_go_there_and_come_back, headers_of_a_reply_cannot_break_the_answer,
         nobody_to_answer_is_503_at_once, no_answer_in_time_is_504, the_timeout_has_a_default_and_a_limit, the_first_answer_counts,
         a_group_of_responders_shares_the_work, many_ask_at_once_and_each_gets_its_own, pipelined_requests_are_answered_in_order,
         the_command_answers_too, an_asker_that_leaves_is_forgotten, replies_are_not_kept, an_http_worker_takes_and_answers,
         a_worker_answers_line_clients, a_worker_that_gets_nothing_is_204, each_request_goes_to_one_worker_of_a_group,
         requests_that_come_between_two_takes_are_not_lost, bad_reply_ids_are_refused, a_reply_id_cannot_be_bent,
         a_worker_that_leaves_while_it_waits_takes_nothing_along,
         a_worker_that_has_left_before_it_is_heard_takes_nothing_along, bad_patterns_and_waits_of_workers_are_refused)
