#!/usr/bin/env python3
"""Bombs: small inputs that would be dear to a careless reader. Each is answered by an error or not at all, costs next to nothing,
and nobody else notices. Topics at their limits are in topics.py, shapes of HTTP that others read differently in http_protocol.py."""

import json
import time

from harness import ORACLE, PATIENCE, Closed, Daemon, Skip, equal, main
from web import Http

DEEP = 100000
JSON_TYPE = {"Content-Type": "application/json"}
DEEP_JSON = {
    "arrays": b"[" * DEEP,
    "arrays that end": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * DEEP,
    "objects that end": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "both": b'[{"a":' * DEEP,
}


class Bystander:
    """Two clients who talk to each other; they must not notice."""

    def __init__(self, daemon):
        if ORACLE:
            raise Skip("of posthornd only")
        self.daemon = daemon
        self.speaker, self.listener = daemon.clients(2)
        self.listener.subscribe("good", "1")
        self.listener.flush()
        self.memory, self.cpu_s = daemon.memory_bytes(), daemon.cpu_s()
        self.count = 0

    def check(self):
        self.count += 1
        self.speaker.publish("good", b"%d" % self.count)
        self.listener.expect("good", b"%d" % self.count)

    def bill(self, memory_max, cpu_max_s):
        """What it has cost the daemon."""
        spent = self.daemon.cpu_s() - self.cpu_s
        if spent > cpu_max_s * PATIENCE:
            raise AssertionError(f"took {spent:.2f} s of a processor")
        return f"{self.count} bombs, {spent:.2f} s of a processor, {self.daemon.check_growth(self.memory, memory_max)}"


def _throw(bystander, data):
    """Sends bytes on a connection of their own; returns it when it was answered or closed."""
    vandal = bystander.daemon.client(hello=False)
    try:
        vandal.send(data + b"\r\nPING\r\n")
        vandal.wait(lambda: vandal.pong_count or vandal.errors or vandal.closed, "an answer", closed_is_good=True)
    except Closed:
        pass
    bystander.check()
    return vandal


NUMBERS = ["-1", "+1", "1x", "0x10", "1e3", "18446744073709551615", "18446744073709551616", "99999999999999999999999999",
           "4294967295", "4294967296", "2147483648", "9223372036854775808", "67108865", "1" * 1000]


def lengths_that_nobody_has():
    """Sizes of payloads and headers beyond any limit, below zero, and beyond what a machine word holds."""
    with Daemon() as daemon:
        bystander = Bystander(daemon)
        for number in NUMBERS:
            for line in (f"PUB a {number}", f"HPUB a {number} {number}", f"HPUB a 12 {number}", f"HPUB a {number} 12"):
                client = _throw(bystander, line.encode())
                equal(client.pong_count, 0, f"answers behind {line[:60]!r}")
                client.close()
        return bystander.bill(4 << 20, 2)


def counts_that_nobody_has():
    """UNSUB after more messages than there will be; it is taken or refused, and holds nothing up."""
    with Daemon() as daemon:
        bystander = Bystander(daemon)
        for number in NUMBERS:
            _throw(bystander, f"SUB a 1\r\nUNSUB 1 {number}\r\nSUB b {number}\r\nUNSUB {number}".encode()).close()
        return bystander.bill(4 << 20, 2)


def depth_of_json_in_connect():
    with Daemon("line.control_size_max=64KiB") as daemon:
        bystander = Bystander(daemon)
        for name, text in DEEP_JSON.items():
            for data in (text[:60000], b'{"a":' + text[:30000] + b"}", b'{"user":' * 7000 + b"1" + b"}" * 7000):
                client = _throw(bystander, b"CONNECT " + data)
                equal(client.pong_count, 0, f"answers behind {name}")
                client.close()
        return bystander.bill(4 << 20, 2)


def depth_of_json_over_http():
    with Daemon(data=True) as daemon:
        bystander = Bystander(daemon)
        routes = (("POST", "/v1/publish"), ("POST", "/v1/streams"), ("PATCH", "/v1/streams/S"), ("POST", "/v1/streams/S/purge"),
                  ("POST", "/v1/streams/S/consumers"), ("POST", "/v1/streams/S/consumers/c/pull"), ("POST", "/v1/webhooks"),
                  ("POST", "/v1/streams/S/consumers/c/ack"))
        for method, path in routes:
            for name, text in DEEP_JSON.items():
                for body in (text, b'{"name":' + text + b"}", b'[{"topic":"a","data":' + text + b"}]"):
                    with Http(daemon) as web:
                        answer = web.request(method, path, body, JSON_TYPE)
                        deep_data = path == "/v1/publish" and answer.status == 200
                        if not deep_data and not 400 <= answer.status < 500:
                            raise AssertionError(f"{method} {path} with {name}: status {answer.status}")
                bystander.check()
        return bystander.bill(24 << 20, 10)


def depth_of_json_in_the_api():
    with Daemon(data=True) as daemon:
        bystander = Bystander(daemon)
        asker = daemon.client()
        asker.subscribe("_INBOX.x", "1")
        for topic in ("STREAM.CREATE.S", "STREAM.NAMES", "CONSUMER.CREATE.S", "CONSUMER.MSG.NEXT.S.c"):
            for text in DEEP_JSON.values():
                for body in (text, b'{"name":' + text + b"}"):
                    asker.publish(f"$JS.API.{topic}", body, reply="_INBOX.x")
                asker.flush()
                bystander.check()
        asker.publish("$JS.API.STREAM.NAMES", b"", reply="_INBOX.x")
        asker.flush()
        asker.wait(lambda: any(b'"streams"' in m.body for m in asker.inbox), "an answer behind them")
        return bystander.bill(24 << 20, 10)


def bombs_of_headers():
    """Too many, too long, and just within the limits; then as many connections as may be with all that they may say."""
    with Daemon() as daemon:
        bystander = Bystander(daemon)
        heads = {"too many": b"a:b\r\n" * 5000, "one too many": b"a:b\r\n" * 100, "one that is long": b"a:" + b"b" * 60000 + b"\r\n",
                 "names that are long": b"a" * 60000 + b":b\r\n", "lines that go on": b"a:b\r\n c\r\n" * 50,
                 "no end of blanks": b"a:" + b" " * 60000 + b"\r\n", "many of a kind": b"Cookie:a=b\r\n" * 3000,
                 "lists": b"Accept:" + b"a/b," * 15000 + b"\r\n", "ranges": b"Range:bytes=" + b"0-," * 15000 + b"\r\n"}
        for name, head in heads.items():
            with Http(daemon) as web:
                answer = web.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
                equal(answer.status in (400, 431), True, f"status {answer.status} of {name}")
            bystander.check()
        for size in ("18446744073709551615", "18446744073709551616", "9" * 300, "-1", "0x1", "1 1"):
            with Http(daemon) as web:
                answer = web.raw(f"POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode(), "POST")
                equal(answer.status in (400, 413), True, f"status {answer.status} of Content-Length {size[:30]}")
            bystander.check()
        for chunk in (b"FFFFFFFFFFFFFFFF", b"10000000000000000", b"-1", b"7FFFFFFFFFFFFFFF", b"0" * 5000 + b"1", b"1;" + b"x" * 60000):
            with Http(daemon) as web:
                answer = web.raw(b"POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"\r\n", "POST")
                equal(answer.status in (400, 413, 431), True, f"status {answer.status} of a chunk of {chunk[:30]}")
            bystander.check()
        return bystander.bill(8 << 20, 3)


def compressed_bodies_are_refused():
    """Nothing is ever unpacked: a body that says it is compressed is refused, and not taken for what it is not."""
    with Daemon(data=True) as daemon:
        bystander = Bystander(daemon)
        with Http(daemon) as web:
            for path in ("/v1/topics/a", "/v1/publish", "/v1/streams", "/v1/request/a", "/v1/webhooks"):
                for coding in ("gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "x"):
                    answer = web.post(path, b"\x1f\x8b\x08\x00", {"Content-Encoding": coding, **JSON_TYPE}).check(415, "bad-coding")
                    equal(answer.header("Accept-Encoding"), "identity", "what would be taken")
            equal(web.post("/v1/topics/a", b"x", {"Content-Encoding": "identity"}).status, 200, "status of what is not compressed")
        with Http(daemon) as web:
            answer = web.get("/v1/streams", {"Accept-Encoding": "gzip, br"}).check(200)
            equal(answer.header("Content-Encoding"), None, "coding of an answer")
            json.loads(answer.body)
        return bystander.bill(4 << 20, 2)


def topics_that_are_none():
    """Bytes that no topic has, tokens without end, wildcards in odd places: refused or wanted by nobody, never matched by mistake."""
    with Daemon() as daemon:
        bystander = Bystander(daemon)
        everything = daemon.client()
        everything.subscribe(">", "1")
        everything.flush()
        odd = [b".", b"..", b"a.", b".a", b"a..b", b"a.*", b"*", b">", b"a.>", b">.a", b"a.>.b", b"\xff\xfe", b"\xc0\x80", b"a\x00b",
               b"\xed\xa0\x80", b"a" * 1024, b"a." * 511 + b"a", b"." * 1000, b"*." * 500 + b"*", b"\x7f", b"\x01", b"$", b"$SYS.>",
               "\u202e\u0000".encode(), b"a/../b", b"%2e", b"\xf4\x90\x80\x80"]
        for topic in odd:
            for data in (b"PUB %s 1\r\nx" % topic, b"SUB %s 1" % topic, b"SUB a %s 2" % topic, b"UNSUB %s" % topic,
                         b"PUB a %s 1\r\nx" % topic):
                _throw(bystander, data).close()
        start = time.monotonic()
        everything.flush()
        for message in everything.inbox:
            if "" in message.topic.split("."):
                raise AssertionError(f"{message.topic!r} was delivered")
        if time.monotonic() - start > 5 * PATIENCE:
            raise AssertionError("it took its time")
        return bystander.bill(8 << 20, 3)


if __name__ == "__main__":
    main(lengths_that_nobody_has, counts_that_nobody_has, depth_of_json_in_connect, depth_of_json_over_http, depth_of_json_in_the_api,
         bombs_of_headers, compressed_bodies_are_refused, topics_that_are_none)
