#!/usr/bin/env python3
"""HTTP/1.1 as such: connections that are kept, pipelines, bodies in every form, limits, time, ends, and shapes that are refused."""

import email.utils
import os
import re
import signal
import socket
import stat
import tempfile
import time

from harness import PATIENCE, Daemon, equal, is_refused, main, until
from web import Events, Http, poll, publish, target

ROUTE_METHODS = {
    "/v1/topics/a": {"get", "head", "post", "put"},
    "/v1/publish": {"post"},
    "/v1/request/a": {"post"},
    "/v1/requests/a": {"get", "head"},
    "/healthz": {"get", "head"},
}


# ---------------------------------------------------------------------------------------------- connections, pipelines


def a_connection_serves_many_requests():
    with Daemon() as daemon, Http(daemon) as http:
        for number in range(20):
            equal(publish(http, f"a.{number}", b"x" * number)["topic"], f"a.{number}", "topic")
            http.get("/healthz").check(200)
        equal(http.closed, False, "connection closed")


def an_answer_says_what_it_is():
    with Daemon() as daemon, Http(daemon) as http:
        answer = http.get("/healthz").check(200)
        age_s = time.time() - email.utils.parsedate_to_datetime(answer.header("Date")).timestamp()
        if abs(age_s) > 5 * PATIENCE:
            raise AssertionError(f"Date is {age_s:.0f} s off: {answer.header('Date')}")
        equal(answer.header("Content-Length"), str(len(answer.body)), "length")
        equal(answer.header("X-Content-Type-Options"), "nosniff", "sniffing")


def the_client_may_ask_for_the_end():
    with Daemon() as daemon:
        for word in ("close", "Close", "foo, close"):
            http = Http(daemon)
            equal(http.get("/healthz", {"Connection": word}).check(200).header("Connection"), "close", "Connection")
            http.expect_closed()


def http_1_0_ends_unless_it_asks():
    with Daemon() as daemon:
        http = Http(daemon)
        http.raw(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").check(200)
        http.expect_closed()
        http = Http(daemon)
        http.raw(b"POST /v1/topics/a HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", "POST").check(200)  # no Host then
        http.expect_closed()
        http = Http(daemon)
        for _ in range(3):
            answer = http.raw(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n").check(200)
            if answer.header("Connection", "").lower() != "keep-alive":
                http.expect_closed()  # it may refuse to keep it, but then it must end
                break


def pipelined_requests_are_answered_in_order():
    with Daemon() as daemon, Http(daemon) as http:
        data, count = b"", 300
        for number in range(count):
            if number % 3 == 2:
                data += http.request_bytes("GET", "/nothing")
            else:
                data += http.request_bytes("POST", f"/v1/topics/pipe.{number}", b"body %d" % number)
        http.send(data)
        for number in range(count):
            answer = http.answer()
            if number % 3 == 2:
                answer.check(404, "not-found")
            else:
                equal(answer.check(200).json()["topic"], f"pipe.{number}", "topic of an answer")
        messages = poll(http, "pipe.>", since="all", limit=1000)["messages"]
        equal([m["data"] for m in messages], [f"body {n}" for n in range(count) if n % 3 != 2], "what was published")


def a_pipeline_waits_behind_a_long_poll():
    with Daemon() as daemon, Http(daemon) as http, Http(daemon) as other:
        start = publish(other, "early", b"x")["id"]
        http.send(http.request_bytes("GET", target("late", since=start, wait="60s"))
                  + http.request_bytes("POST", "/v1/topics/behind", b"x") + http.request_bytes("GET", "/healthz"))
        for _ in range(20):  # what another connection does meanwhile shows that the poll waits
            publish(other, "early", b"x")
        http.read_some()
        equal([len(http.answers), bytes(http._in)], [0, b""], "answers before their time")
        publish(other, "late", b"at last")
        found = http.answer().check(200).json()
        equal([m["data"] for m in found["messages"]], ["at last"], "what the poll got")
        equal(http.answer().check(200).json()["topic"], "behind", "the second answer")
        http.answer().check(200)


def a_request_may_come_in_any_pieces():
    with Daemon() as daemon, Http(daemon) as http:
        data = http.request_bytes("POST", "/v1/topics/pieces", b"0123456789", {"Posthorn-Header-A": "b"})
        for size in (1, 2, 3, 7, 50):
            for at in range(0, len(data), size):
                http.send(data[at:at + size])
            http.answer().check(200)
        equal([m["data"] for m in poll(http, "pieces", since="all")["messages"]], ["0123456789"] * 5, "bodies")


def a_client_that_sends_its_end_early_is_still_answered():
    with Daemon() as daemon:
        http = Http(daemon)
        http.send(http.request_bytes("POST", "/v1/topics/half", b"x") * 3)
        http.sock.shutdown(socket.SHUT_WR)
        for _ in range(3):
            http.answer().check(200)
        http.expect_closed()


# -------------------------------------------------------------------------------------------------------------- bodies


def a_client_that_expects_100_gets_it_before_its_body():
    with Daemon() as daemon, Http(daemon) as http:
        for _ in range(2):
            http.interim.clear()
            http._asked.append("POST")
            http.send(f"POST /v1/topics/a HTTP/1.1\r\nHost: {http.host}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            http.wait(lambda: http.interim, "100 Continue")
            equal(http.interim[0].status, 100, "interim status")
            http.send("hello")
            http.answer().check(200)
        equal([m["data"] for m in poll(http, "a", since="all")["messages"]], ["hello"] * 2, "bodies")


def what_would_be_refused_gets_no_100():
    with Daemon() as daemon:
        for path, length, status in (("/v1/topics/a", 999999999, 413), ("/nothing", 5, 404), ("/healthz", 5, 405)):
            http = Http(daemon)
            answer = http.raw(f"POST {path} HTTP/1.1\r\nHost: {http.host}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n")
            equal([answer.status, len(http.interim)], [status, 0], f"status and interim answers of {path}")
        http = Http(daemon)
        http.refused(f"POST /v1/topics/a HTTP/1.1\r\nHost: {http.host}\r\nContent-Length: 5\r\nExpect: wonders\r\n\r\n", 417)


def http_1_0_gets_no_100():
    with Daemon() as daemon:
        http = Http(daemon)
        http.raw(b"POST /v1/topics/a HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx", "POST").check(200)
        equal(len(http.interim), 0, "interim answers to HTTP/1.0")


def bodies_in_chunks_arrive_whole():
    body = bytes(range(256)) * 40
    chunks = (1, 2, 3, 15, 16, 17, 255, 256, 1000)
    coded, at, turn = b"", 0, 0
    while at < len(body):
        piece = body[at:at + chunks[turn % len(chunks)]]
        extension = (b"", b";a=b", b';name="quoted ; value"')[turn % 3]
        coded += (b"%x" if turn % 2 else b"%X") % len(piece) + extension + b"\r\n" + piece + b"\r\n"
        at, turn = at + len(piece), turn + 1
    coded += b"0\r\nTrailer-A: b\r\nContent-Length: 3\r\n\r\n"  # trailers are thrown away, whatever they say
    with Daemon() as daemon, Http(daemon) as http:
        listener = daemon.client()
        listener.subscribe("chunked", "1")
        listener.flush()
        head = f"POST /v1/topics/chunked HTTP/1.1\r\nHost: {http.host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        for size in (len(head + coded), 1000, 13, 1):
            data = head + coded
            for at in range(0, len(data), size):
                http.send(data[at:at + size])
            http.answer().check(200)
            listener.expect("chunked", body)
        http.raw(head + b"0\r\n\r\n", "POST").check(200)
        listener.expect("chunked", b"")


# ---------------------------------------------------------------------------------------------------- methods and paths


def head_is_get_without_a_body():
    with Daemon() as daemon, Http(daemon) as http:
        publish(http, "a", b"x")
        for path in ("/healthz", target("a", since="all"), "/nothing"):
            got, head = http.get(path), http.request("HEAD", path)
            equal(head.status, got.status, f"status of HEAD {path}")
            equal(head.body, b"", "body of an answer to HEAD")
            for name in ("Content-Type", "Content-Length", "ETag"):
                equal(head.header(name), got.header(name), f"{name} of HEAD {path}")
        http.get("/healthz").check(200)


def head_of_a_stream_has_an_end():
    with Daemon() as daemon, Http(daemon) as http:
        equal(http.request("HEAD", "/v1/topics/a/sse").status, 200, "status of HEAD")
        if not http.closed:
            publish(http, "a", b"x")  # whatever came now would be no answer


def methods_that_a_path_has_not_are_told_which_it_has():
    with Daemon() as daemon, Http(daemon) as http:
        for path, allowed in ROUTE_METHODS.items():
            for method in ("DELETE", "PATCH"):
                answer = http.request(method, path).check(405, "bad-method")
                equal(answer.tokens("Allow") - {"options"}, allowed, f"Allow of {path}")
            options = http.request("OPTIONS", path)
            equal((options.status in (200, 204), options.tokens("Allow") - {"options"}), (True, allowed), f"OPTIONS of {path}")
        http.request("POST", "/healthz", b"x").check(405, "bad-method")


def methods_and_paths_that_do_not_exist_are_told():
    with Daemon() as daemon, Http(daemon) as http:
        for path in ("/nothing", "/v1", "/v1/", "/v1/topics", "/v1/topicss/a", "/healthz/", "/HEALTHZ", "/v1/publish/a", "//healthz"):
            http.get(path).check(404, "not-found")
        http.request("BREW", "/healthz").check(501, "unknown-method")
        http = Http(daemon)
        http.request("get", "/healthz").check(501, "unknown-method")  # methods are told apart by case


def targets_may_be_absolute():
    with Daemon() as daemon, Http(daemon) as http:
        http.raw(f"GET http://{http.host}/healthz HTTP/1.1\r\nHost: {http.host}\r\n\r\n".encode()).check(200)


def percent_encoding_is_decoded_once():
    names = (("a%2Eb", "a.b"), ("a%2eb", "a.b"), ("a%2Fb", "a/b"), ("%61", "a"), ("a%252Eb", "a%2Eb"), ("a%2541", "a%41"),
             ("a+b", "a+b"), ("a%2Bb", "a+b"), ("gr%C3%BC%C3%9Fe", "grüße"), ("%24a", "$a"), ("a%3Fb", "a?b"), ("a%23b", "a#b"))
    with Daemon() as daemon, Http(daemon) as http:
        for sent, meant in names:
            equal(http.post(f"/v1/topics/{sent}", b"x").json().get("topic"), meant, f"topic of {sent}")
        for bad in ("a%00b", "a%", "a%2", "a%2g", "a%g2", "a%%", "a%u0041", "a% 41"):
            answer = Http(daemon).raw(f"POST /v1/topics/{bad} HTTP/1.1\r\nHost: {http.host}\r\nContent-Length: 0\r\n\r\n".encode(), "POST")
            answer.check(400)
        for bad in ("a%20b", "a%0Ab", "a%0D%0Ab", "a%09b", "a..b", ".a", "a.", "a.*", ">", "a.>"):
            http.post(f"/v1/topics/{bad}", b"x").check(400, "bad-topic")


def a_query_is_decoded_once_too():
    with Daemon() as daemon, Http(daemon) as http:
        publish(http, "a", b"x")
        for since in ("al%6C", "%61ll"):
            equal(len(http.get(f"/v1/topics/a?since={since}").check(200).json()["messages"]), 1, f"messages since {since}")
        for bad in ("a%256Cl", "%", "%zz", "al%00"):
            http.get(f"/v1/topics/a?since={bad}").check(400, "bad-parameter")


# -------------------------------------------------------------------------------------------------------------- limits


def bodies_over_the_limit_are_413():
    with Daemon("line.payload_size_max=1000") as daemon:
        with Http(daemon) as http:
            http.post("/v1/topics/a", b"x" * 1000).check(200)
        for size in (1001, 50000, 3000000):
            http = Http(daemon)
            http.post("/v1/topics/a", b"x" * size).check(413, "too-large")
            http.expect_closed()
        http = Http(daemon)  # in chunks it is seen when the limit is passed, not at the end
        http.ask("POST", "/v1/topics/a", None, {"Transfer-Encoding": "chunked"})
        http.send(b"258\r\n" + b"x" * 600 + b"\r\n" + b"191\r\n")
        http.answer().check(413, "too-large")
        http.expect_closed()


def batches_have_a_limit_of_their_own():
    with Daemon("line.payload_size_max=1000", "http.batch_size_max=64KiB") as daemon, Http(daemon) as http:
        line = b'{"topic":"a","data":"%s"}\n' % (b"x" * 900)
        json = {"Content-Type": "application/x-ndjson"}
        equal(len(http.post("/v1/publish", line * 50, json).check(200).json()["results"]), 50, "results")
        http.post("/v1/publish", line * 100, json).check(413, "too-large")
        http.expect_closed()


def long_targets_are_414():
    with Daemon("http.target_size_max=512") as daemon:
        Http(daemon).get("/healthz?" + "x" * 400).check(200)
        http = Http(daemon)
        http.get("/healthz?" + "x" * 600).check(414, "long-target")
        http.expect_closed()
        http = Http(daemon)  # one that does not end is refused before it does
        http.raw(b"GET /" + b"x" * 2000).check(414, "long-target")
        http.expect_closed()


def large_heads_are_431():
    with Daemon("http.head_size_max=4KiB", "http.target_size_max=2KiB", "http.headers_max=20") as daemon:
        Http(daemon).get("/healthz", {"A": "x" * 3000}).check(200)
        for headers in ([("A", "x" * 5000)], [(f"A{n}", "x" * 100) for n in range(18)] * 3, [(f"A{n}", "") for n in range(30)]):
            http = Http(daemon)
            http.get("/healthz", headers).check(431, "large-head")
            http.expect_closed()
        http = Http(daemon)
        http.raw(f"GET /healthz HTTP/1.1\r\nHost: {http.host}\r\nA: ".encode() + b"x" * 5000).check(431, "large-head")
        http.expect_closed()


def connections_over_the_limit_are_503():
    with Daemon("server.connections_max=4") as daemon:
        line = daemon.client()
        kept = [Http(daemon) for _ in range(3)]
        for http in kept:
            http.get("/healthz").check(200)
        for _ in range(3):
            http = Http(daemon)
            http._asked.append("GET")
            http.wait(lambda http=http: http.answers or http.closed, "a refusal")
            http.answers[0].check(503, "unavailable")
            http.expect_closed()
        for http in kept:
            http.get("/healthz").check(200)
        line.flush()
        kept.pop().close()
        until(lambda: _is_served(daemon), "room for one again")


def _is_served(daemon):
    with Http(daemon) as http:
        http.out += http.request_bytes("GET", "/healthz")
        http.wait(lambda: http.answers or http.closed, "an answer", closed_is_good=True)
        return bool(http.answers) and http.answers[0].status == 200


# ---------------------------------------------------------------------------------------------------------------- time


def _dribble(http, piece, limit_s):
    """Sends a piece now and then until the daemon answers; returns how long that took."""
    start = time.monotonic()
    while not http.answers:
        if time.monotonic() - start > limit_s:
            raise AssertionError(f"still listening after {limit_s:.0f} s")
        http.out += piece
        http.write_some()
        http.listen(0.03)
    return time.monotonic() - start


def a_head_that_dribbles_is_408():
    with Daemon("http.head_timeout=600ms") as daemon:
        for begin in (b"G", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: "):
            http = Http(daemon)
            http.send(begin)
            took = _dribble(http, b"x", 20 * PATIENCE)
            http.answer().check(408, "timeout")
            http.expect_closed()
            if took < 0.5:
                raise AssertionError(f"given up after {took:.2f} s")


def a_body_that_dribbles_is_408():
    with Daemon("http.body_timeout=600ms") as daemon:
        for coding, piece in (("Content-Length: 100000", b"x"), ("Transfer-Encoding: chunked", b"1\r\nx\r\n")):
            http = Http(daemon)
            http._asked.append("POST")
            http.send(f"POST /v1/topics/a HTTP/1.1\r\nHost: {http.host}\r\n{coding}\r\n\r\n")
            took = _dribble(http, piece, 20 * PATIENCE)
            http.answer().check(408, "timeout")
            http.expect_closed()
            if took < 0.5:
                raise AssertionError(f"given up after {took:.2f} s")


def a_kept_connection_that_is_idle_is_closed_in_silence():
    with Daemon("http.idle_timeout=500ms") as daemon:
        http = Http(daemon)
        start = time.monotonic()
        for _ in range(8):  # each request begins the time anew
            http.get("/healthz").check(200)
            http.listen(0.1)
        if time.monotonic() - start < 0.6:
            raise AssertionError("the test took no time")
        start = time.monotonic()
        http.get("/healthz").check(200)
        http.expect_closed(20 * PATIENCE)
        equal(len(http.answers), 0, "answers at the end")
        if time.monotonic() - start < 0.4:
            raise AssertionError("closed before its time")


def a_connection_that_says_nothing_is_closed():
    with Daemon("http.idle_timeout=500ms", "http.head_timeout=500ms") as daemon:
        Http(daemon).expect_closed(20 * PATIENCE)


def waiting_and_reading_are_not_idle():
    with Daemon("http.idle_timeout=300ms", "http.head_timeout=300ms", "http.body_timeout=300ms") as daemon:
        events, waiter = Events(daemon, "a"), Http(daemon)
        waiter.ask("GET", target("nothing", wait="1200ms"))
        equal(waiter.answer().check(200).json()["messages"], [], "messages of a poll that waited")
        with Http(daemon) as http:
            publish(http, "a", b"still there")
        equal(events.next().data, "still there", "event")


# --------------------------------------------------------------------------------------------------------------- places


def unix_sockets_speak_http():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "http.sock")
        with Daemon("http.unix_mode=0600", http=f"127.0.0.1:0,unix:{path}") as daemon:
            equal(daemon.http[1], f"unix:{path}", "the ready line's second address")
            equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
            events = Events(daemon, "a")
            with Http(f"unix:{path}") as http:
                equal(publish(http, "a", b"by a file")["topic"], "a", "topic")
            equal(events.next().data, "by a file", "event")
        equal(os.path.exists(path), False, "socket after the end")


def ipv6_speaks_http():
    if not socket.has_ipv6:
        return
    with Daemon(http="127.0.0.1:0,[::1]:0") as daemon:
        with Http(daemon.http[1]) as http:
            http.get("/healthz").check(200)


def http_can_be_turned_off():
    with Daemon("http.enabled=no", http=None) as daemon:
        equal(daemon.http, [], "addresses of HTTP")
        daemon.client().flush()


# ---------------------------------------------------------------------------------------------------------------- ends


def sigterm_answers_those_who_wait_and_ends_the_rest():
    with Daemon("http.drain_duration=300ms") as daemon:
        idle, waiter, half = Http(daemon), Http(daemon), Http(daemon)
        idle.get("/healthz").check(200)
        before = publish(idle, "a", b"x")["id"]
        events = Events(daemon, "a")
        waiter.ask("GET", target("nothing", wait="100s", since=before))
        half.send(b"POST /v1/topics/a HTTP/1.1\r\nHost: ")
        idle.get("/healthz").check(200)
        start = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        for peer in (waiter, events, idle, half):
            peer.expect_closed(20 * PATIENCE)
        daemon.check_end(daemon.wait_exit())
        took = time.monotonic() - start
        if took > 10 * PATIENCE:
            raise AssertionError(f"took {took:.1f} s")
        if waiter.answers:  # it had begun to wait: it is answered as at the end of its time, or told to come again
            answer = waiter.answers[0]
            if answer.status == 200:
                equal((answer.json()["messages"], answer.json()["next"]), ([], before), "an answer at the end")
            else:
                answer.check(503, "unavailable")
        equal([peer.complete for peer in (waiter, events, idle)], [True] * 3, "answers are whole")


def a_lame_duck_takes_nobody_new_and_lets_go_of_http_clients():
    with Daemon("server.lame_duck_grace=300ms", "server.lame_duck_duration=500ms", "http.drain_duration=200ms") as daemon:
        idle, events = Http(daemon), Events(daemon, "a")
        idle.get("/healthz").check(200)
        address = daemon.http[0]
        daemon.send_signal(signal.SIGUSR2)
        until(lambda: is_refused(address), "the listener closed")
        for peer in (idle, events):
            peer.expect_closed(20 * PATIENCE)
        daemon.check_end(daemon.wait_exit())


def a_client_that_leaves_at_any_point_does_no_harm():
    with Daemon() as daemon, Http(daemon) as http:
        data = http.request_bytes("POST", "/v1/topics/leaver", b"0123456789") + http.request_bytes("GET", target("a", wait="60s"))
        for end in range(0, len(data), 5):
            leaver = Http(daemon)
            leaver.send(data[:end])
            leaver.reset() if end % 2 else leaver.close()
        for _ in range(20):
            leaver = Events(daemon, "leaver", begin=False)
            leaver.write_some()
            leaver.reset()
        publish(http, "leaver", b"x")
        http.get("/healthz").check(200)


# ------------------------------------------------------------------------------------------------------------- smuggling

POST = "POST /v1/topics/smuggle HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"

# What is sent, and which statuses refuse it. Two servers in a row could understand each of them differently.
REFUSED = (
    (POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    (POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    (POST + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "Content-Length: 5, 5\r\n\r\nhello", 400),
    (POST + "Content-Length: +5\r\n\r\nhello", 400),
    (POST + "Content-Length: -5\r\n\r\nhello", 400),
    (POST + "Content-Length: 0x5\r\n\r\nhello", 400),
    (POST + "Content-Length: 5 5\r\n\r\nhello", 400),
    (POST + "Content-Length: five\r\n\r\nhello", 400),
    (POST + "Content-Length:\r\n\r\nhello", 400),
    (POST + "Content-Length: 99999999999999999999999999\r\n\r\nhello", 400, 413),
    (POST + "Content-Length: 18446744073709551621\r\n\r\nhello", 400, 413),
    (POST + "Content-Length : 5\r\n\r\nhello", 400),
    (POST + " Content-Length: 5\r\n\r\nhello", 400),
    (POST + "Content-Length: 5\r\n continued\r\n\r\nhello", 400),
    (POST + "A: b\r\n\tContent-Length: 5\r\n\r\nhello", 400),
    (POST + "A: b\rContent-Length: 5\r\n\r\nhello", 400),
    (POST + "A: b\0c\r\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "A: b\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "Content-Length: 5\n\nhello", 400),
    (POST + ": empty name\r\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "A B: c\r\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "no colon\r\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "A\x01: c\r\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "A: \x7f\r\nContent-Length: 5\r\n\r\nhello", 400),
    (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, 501),
    (POST + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400, 501),
    (POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, 501),
    (POST + "Transfer-Encoding: identity\r\n\r\n", 400, 501),
    (POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, 501),
    (POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, 501),
    (POST + 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 400, 501),
    (POST + "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400, 501),
    (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 501),
    (POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, 501),
    ("POST /v1/topics/smuggle HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 501),
    (CHUNKED + "+5\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED + "0x5\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED + " 5\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED + "5\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED + "5\r\nhello0\r\n\r\n", 400),
    (CHUNKED + "5\r\nhello\n0\r\n\r\n", 400),
    (CHUNKED + "\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED + "5;a\nb\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED + "10000000000000005\r\nhello\r\n0\r\n\r\n", 400, 413),
    (CHUNKED + "0" * 400 + "5\r\nhello\r\n0\r\n\r\n", 400, 431),
    (CHUNKED + "5\r\nhello\r\n0\r\n broken trailer\r\n\r\n", 400),
    (GET.replace("Host: localhost\r\n", "") + "\r\n", 400),
    (GET + "Host: localhost\r\n\r\n", 400),
    (GET + "Host: elsewhere\r\n\r\n", 400),
    (GET.replace("localhost", "local host") + "\r\n", 400),
    (GET.replace("localhost", "user@localhost") + "\r\n", 400, 421),
    (GET.replace("localhost", "localhost/x") + "\r\n", 400, 421),
    (GET.replace(" /healthz ", "  /healthz ") + "\r\n", 400),
    (GET.replace(" /healthz ", "\t/healthz\t") + "\r\n", 400),
    (GET.replace("HTTP/1.1\r", "HTTP/1.1 \r") + "\r\n", 400, 505),
    (GET.replace("HTTP/1.1", "http/1.1") + "\r\n", 400, 505),
    (GET.replace("HTTP/1.1", "HTTP/1.10") + "\r\n", 400, 505),
    (GET.replace("HTTP/1.1", "HTTP/2.0") + "\r\n", 400, 505),
    (GET.replace("HTTP/1.1", "HTTP/0.9") + "\r\n", 400, 505),
    (GET.replace(" HTTP/1.1", "") + "\r\n", 400, 505),
    (GET.replace("/healthz", "healthz") + "\r\n", 400),
    (GET.replace("/healthz", "/heal\x01thz") + "\r\n", 400),
    (GET.replace("/healthz", "/heal\xffthz") + "\r\n", 400),
    (GET.replace("/healthz", "/healthz#part") + "\r\n", 400),
    (GET.replace("GET", "G ET") + "\r\n", 400),
    (GET.replace("GET", "G\x00ET") + "\r\n", 400),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n", 400),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 501, 505),
)


def shapes_that_could_be_understood_in_two_ways_are_refused():
    with Daemon() as daemon:
        listener = daemon.client()
        listener.subscribe(">", "1")
        listener.flush()
        hidden = "POST /v1/topics/hidden HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"
        for shape, *statuses in REFUSED:
            Http(daemon).refused((shape + hidden).encode("latin-1"), *statuses)
        listener.nothing()
        return f"{len(REFUSED)} shapes"


def what_was_asked_before_a_bad_request_is_answered():
    with Daemon() as daemon:
        http = Http(daemon)
        http.send(http.request_bytes("POST", "/v1/topics/good", b"x") * 2 + b"BAD\r\n\r\n" + http.request_bytes("GET", "/healthz"))
        for status in (200, 200, 400):
            http.answer().check(status)
        http.expect_closed()
        equal(len(http.answers), 0, "answers behind the bad one")


def the_log_says_nothing_that_a_client_can_forge():
    with Daemon(log_level="debug") as daemon:
        for text in ("GET /\x1b[31m%0Aforged=1 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: \x1b]0;x\r\n\r\n"):
            http = Http(daemon)
            http.send(text.encode("latin-1"))
            http.expect_closed()
        bad = [line for line in daemon.log_lines() if re.search("[\x00-\x08\x0b-\x1f\x7f]|^forged", line)]
        equal(bad, [], "lines of the log with a client's control characters")


if __name__ == "__main__":
    main(a_connection_serves_many_requests, an_answer_says_what_it_is, the_client_may_ask_for_the_end, http_1_0_ends_unless_it_asks,
         pipelined_requests_are_answered_in_order, a_pipeline_waits_behind_a_long_poll, a_request_may_come_in_any_pieces,
         a_client_that_sends_its_end_early_is_still_answered, a_client_that_expects_100_gets_it_before_its_body,
         what_would_be_refused_gets_no_100, http_1_0_gets_no_100, bodies_in_chunks_arrive_whole, head_is_get_without_a_body,
         head_of_a_stream_has_an_end, methods_that_a_path_has_not_are_told_which_it_has, methods_and_paths_that_do_not_exist_are_told,
         targets_may_be_absolute, percent_encoding_is_decoded_once, a_query_is_decoded_once_too, bodies_over_the_limit_are_413,
         batches_have_a_limit_of_their_own, long_targets_are_414, large_heads_are_431, connections_over_the_limit_are_503,
         a_head_that_dribbles_is_408, a_body_that_dribbles_is_408, a_kept_connection_that_is_idle_is_closed_in_silence,
         a_connection_that_says_nothing_is_closed, waiting_and_reading_are_not_idle, unix_sockets_speak_http, ipv6_speaks_http,
         http_can_be_turned_off, sigterm_answers_those_who_wait_and_ends_the_rest,
         a_lame_duck_takes_nobody_new_and_lets_go_of_http_clients, a_client_that_leaves_at_any_point_does_no_harm,
         shapes_that_could_be_understood_in_two_ways_are_refused, what_was_asked_before_a_bad_request_is_answered,
         the_log_says_nothing_that_a_client_can_forge)
