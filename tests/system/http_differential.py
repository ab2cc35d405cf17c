#!/usr/bin/env python3
"""Other servers' opinions: the same requests, good and bad, go to posthornd, to libevent's evhttp and, where it is installed, to nginx.

Behind each request stands a second one, so that the verdict shows how each server cut the bytes:

  ok ok   both were served                   no      the first was refused, and the connection closed
  ok      closed behind the first            no ok   the first was refused, the second served
  waits   more bytes are waited for          closed  closed without a word

Where another server sees it otherwise than we do, the row gives its verdict and says why the difference is well. Any other
difference fails. A version of it that agrees with us is welcome.
"""

import collections
import os
import shutil
import subprocess
import tempfile

from harness import ORACLE, PATIENCE, Daemon, Skip, main, until
from web import Http

WAIT_S = 0.25 * PATIENCE  # how long a server may say nothing before it is held to be waiting
LAST = b"GET /healthz?last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
REFUSALS = {400, 403, 408, 411, 413, 414, 417, 421, 431, 500, 501, 505}

Row = collections.namedtuple("Row", "request ours evhttp nginx why", defaults=("", "", ""))

GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = "POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\n"
FIVE = "Content-Length: 5\r\n\r\nhello"
CHUNKS = POST + "Transfer-Encoding: chunked\r\n\r\n"
END = "0\r\n\r\n"

# Why another server's verdict may differ. What is not said of nginx holds for evhttp of libevent 2.1; RFC is 9112 where no other is named.
ABSOLUTE = "evhttp serves a target in absolute form and closes, as it would as a proxy"
EXTENSION = "evhttp refuses the extensions of chunks, which recipients must pass over (7.1.1)"
EMPTY_LINE = "evhttp does not skip an empty line in front of a request; servers should (2.2)"
LENGTHS = "evhttp takes one of two lengths; whoever takes the other sees another request (6.3: refuse, or close)"
SIGNS = "strtoll() takes signs, blanks and 0x, the grammar has digits only (6.2, 7.1); nginx forgives a blank at the end"
CODINGS = "evhttp reads the body as its own pleasure is when a coding is unknown; what it cuts may be another request (6.1: 501)"
OLD = "a coding in HTTP/1.0 is faulty framing (6.1); evhttp closes behind it, which is the other cure"
UNCHECKED = "evhttp passes over the two bytes behind a chunk, whatever they are"
BARE_LF = "an LF alone may be taken for the end of a line (2.2); where one server does and another does not, requests hide"
BLANKS = "evhttp takes the blank for a part of the name, and does not see the header (5.1: refuse)"
FOLDS = "evhttp goes on with a folded line; servers refuse it or make it one line (5.2), and we make nothing of it"
CONTROLS = "controls in a value are invalid (RFC 9110 5.5): logs, and servers behind, may end the line there; nginx refuses NUL only"
NAMES = "a name is a token (5.1); servers that map other bytes to underscores or dashes make one header out of two"
COUNT = "our limit is http.headers_max; theirs is in bytes only"
HOSTS = "a request must have one Host, and a well-formed one (3.2); evhttp does not look, nginx leaves port and user alone"
LINE_BLANKS = "one blank stands between the words of a request line (3); servers may be lenient, and then differ in where the target ends"
VERSIONS = "1.0 and 1.1 are the versions there are; evhttp drops others without a word, nginx reads 1.2 and 1.10 as 1.1, and serves 0.9"
METHODS = "a method that nobody knows is 501 with us; nginx takes any word for a method"
TARGETS = "a target is a path of visible ASCII (3.2); others pass on what they do not understand"
DECODING = "nginx decodes before it looks the path up; with us badly encoded segments are what no path has, or 400 where one is read"
LONG = "our limit is http.target_size_max, 8 KiB; theirs is for the head as a whole"
WONDERS = "nginx passes over expectations that it does not know; RFC 9110 10.1.1 allows 417"

ROWS = (
    # good requests
    Row(GET + "\r\n", "ok ok"),
    Row(GET + "A: b\r\nB:c\r\nC:\t d \t\r\nEmpty:\r\n\r\n", "ok ok"),
    Row(GET + "Connection: close\r\n\r\n", "ok"),
    Row(GET.replace("1.1", "1.0") + "\r\n", "ok"),
    Row("GET /healthz HTTP/1.0\r\n\r\n", "ok"),
    Row(GET.replace("/healthz", "http://localhost/healthz") + "\r\n", "ok ok", evhttp="ok", why=ABSOLUTE),
    Row(GET.replace("/healthz", "/healthz?a=b&c=%20") + "\r\n", "ok ok"),
    Row(GET.replace("/healthz", "/nothing") + "\r\n", "404 ok"),
    Row("HEAD" + GET[3:] + "\r\n", "ok ok"),
    Row(GET.replace("Host", "hOST") + "\r\n", "ok ok"),
    Row(POST + FIVE, "ok ok"),
    Row(POST + "Content-Length: 0\r\n\r\n", "ok ok"),
    Row(POST + "Content-Length: 005\r\n\r\nhello", "ok ok"),
    Row(POST + "\r\n", "ok ok"),
    Row("PUT" + POST[4:] + FIVE, "ok ok"),
    Row(CHUNKS + "5\r\nhello\r\n" + END, "ok ok"),
    Row(CHUNKS + END, "ok ok"),
    Row(CHUNKS + "2\r\nhe\r\n3\r\nllo\r\n" + END, "ok ok"),
    Row(CHUNKS + "A\r\n0123456789\r\na\r\n0123456789\r\n" + END, "ok ok"),
    Row(CHUNKS + "5;name=value\r\nhello\r\n" + END, "ok ok", evhttp="no", why=EXTENSION),
    Row(CHUNKS + '5;name="a;b"\r\nhello\r\n' + END, "ok ok", evhttp="no", why=EXTENSION),
    Row(CHUNKS + "05\r\nhello\r\n0000\r\n\r\n", "ok ok"),
    Row(CHUNKS + "5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", "ok ok"),
    Row(POST + "transfer-ENCODING: CHUNKED\r\n\r\n" + END, "ok ok"),
    Row("\r\n" + GET + "\r\n", "ok ok", evhttp="no", why=EMPTY_LINE),
    # requests that are not whole
    Row(POST + "Content-Length: 500\r\n\r\nhello", "waits"),
    Row(CHUNKS + "500\r\nhello", "waits"),
    # lengths
    Row(POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + END, "no"),
    Row(POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + END, "no"),
    Row(POST + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "no", evhttp="ok ok", why=LENGTHS),
    Row(POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "no", evhttp="ok ok", why=LENGTHS),
    Row(POST + "Content-Length: 5, 5\r\n\r\nhello", "no"),
    Row(POST + "Content-Length: +5\r\n\r\nhello", "no", evhttp="ok ok", why=SIGNS),
    Row(POST + "Content-Length: -5\r\n\r\nhello", "no"),
    Row(POST + "Content-Length: 0x5\r\n\r\nhello", "no"),
    Row(POST + "Content-Length: 5x\r\n\r\nhello", "no"),
    Row(POST + "Content-Length: 5 5\r\n\r\nhello", "no"),
    Row(POST + "Content-Length:\r\n\r\n", "no"),
    Row(POST + "Content-Length: 18446744073709551621\r\n\r\nhello", "no"),
    Row(POST + "Content-Length: 2000000\r\n\r\n", "no"),
    # codings
    Row(POST + "Transfer-Encoding: gzip\r\n\r\n", "no", evhttp="ok ok", why=CODINGS),
    Row(POST + "Transfer-Encoding: identity\r\n\r\n", "no", evhttp="ok ok", why=CODINGS),
    Row(POST + "Transfer-Encoding: chunked, chunked\r\n\r\n" + END, "no"),
    Row(POST + "Transfer-Encoding: gzip, chunked\r\n\r\n" + END, "no", evhttp="ok ok", why=CODINGS),
    Row(POST + "Transfer-Encoding: xchunked\r\n\r\n" + END, "no", evhttp="ok no", why=CODINGS),
    Row(POST + "Transfer-Encoding: \x0bchunked\r\n\r\n" + END, "no", evhttp="ok no", why=CODINGS),
    Row(POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + END, "no"),
    Row(POST + "Transfer-Encoding : chunked\r\n\r\n" + END, "no", evhttp="ok no", why=BLANKS),
    Row(POST.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n" + END, "no", evhttp="ok", why=OLD),
    # chunks
    Row(CHUNKS + "+5\r\nhello\r\n" + END, "no", evhttp="ok ok", why=SIGNS),
    Row(CHUNKS + "-5\r\nhello\r\n" + END, "no"),
    Row(CHUNKS + "0x5\r\nhello\r\n" + END, "no", evhttp="ok ok", why=SIGNS),
    Row(CHUNKS + " 5\r\nhello\r\n" + END, "no", evhttp="ok ok", why=SIGNS),
    Row(CHUNKS + "5 \r\nhello\r\n" + END, "no", evhttp="ok ok", nginx="ok ok", why=SIGNS),
    Row(CHUNKS + "5\nhello\n0\n\n", "no", evhttp="ok ok", nginx="ok ok", why=BARE_LF),
    Row(CHUNKS + "5\r\nhelloX\r\n" + END, "no"),
    Row(CHUNKS + "5\r\nhello" + END, "no", evhttp="ok ok", why=UNCHECKED),
    Row(CHUNKS + "\r\nhello\r\n" + END, "no"),
    Row(CHUNKS + "x\r\nhello\r\n" + END, "no"),
    Row(CHUNKS + "5;a\rb\r\nhello\r\n" + END, "no"),
    Row(CHUNKS + "10000000000000005\r\nhello\r\n" + END, "no"),
    Row(CHUNKS + "FFFFFFFFFFFFFFFF\r\nhello\r\n" + END, "no"),
    Row(CHUNKS + "200000\r\nhello", "no"),
    # headers
    Row(GET + "A : b\r\n\r\n", "no", evhttp="ok ok", why=BLANKS),
    Row(GET + " A: b\r\n\r\n", "no", evhttp="ok ok", why=FOLDS),
    Row(GET + "A: b\r\n c\r\n\r\n", "no", evhttp="ok ok", why=FOLDS),
    Row(GET + "A: b\r\n\tc\r\n\r\n", "no", evhttp="ok ok", why=FOLDS),
    Row(GET + "A: b\rc\r\n\r\n", "no"),
    Row(GET + "A: b\0c\r\n\r\n", "no", evhttp="ok ok", why=CONTROLS),
    Row(GET + "A: \x01\r\n\r\n", "no", evhttp="ok ok", nginx="ok ok", why=CONTROLS),
    Row(GET + "A: \xe4\r\n\r\n", "ok ok"),
    Row(GET + "A: b\nB: c\r\n\r\n", "no", evhttp="ok ok", nginx="ok ok", why=BARE_LF),
    Row(GET.replace("\r\n", "\n") + "\n", "no", evhttp="ok ok", nginx="ok ok", why=BARE_LF),
    Row(GET + ": b\r\n\r\n", "no", evhttp="ok ok", why=NAMES),
    Row(GET + "A B: c\r\n\r\n", "no", evhttp="ok ok", why=NAMES),
    Row(GET + "A(): c\r\n\r\n", "no", evhttp="ok ok", nginx="ok ok", why=NAMES),
    Row(GET + "A_B: c\r\n\r\n", "ok ok"),
    Row(GET + "A\xe4: c\r\n\r\n", "no", evhttp="ok ok", nginx="ok ok", why=NAMES),
    Row(GET + "no colon\r\n\r\n", "no"),
    Row(GET + "A: " + "x" * 20000 + "\r\n\r\n", "no"),
    Row(GET + "".join(f"A{n}: x\r\n" for n in range(150)) + "\r\n", "no", evhttp="ok ok", nginx="ok ok", why=COUNT),
    # hosts
    Row("GET /healthz HTTP/1.1\r\n\r\n", "no", evhttp="ok ok", why=HOSTS),
    Row(GET + "Host: localhost\r\n\r\n", "no", evhttp="ok ok", why=HOSTS),
    Row(GET.replace("localhost", "") + "\r\n", "no", evhttp="ok ok", why=HOSTS),
    Row(GET.replace("localhost", "a b") + "\r\n", "no", evhttp="ok ok", why=HOSTS),
    Row(GET.replace("localhost", "a/b") + "\r\n", "no", evhttp="ok ok", why=HOSTS),
    Row(GET.replace("localhost", "a@localhost") + "\r\n", "no", evhttp="ok ok", nginx="ok ok", why=HOSTS),
    Row(GET.replace("localhost", "localhost:port") + "\r\n", "no", evhttp="ok ok", nginx="ok ok", why=HOSTS),
    # request lines
    Row(GET.replace(" /healthz", "  /healthz") + "\r\n", "no", evhttp="404 ok", nginx="ok ok", why=LINE_BLANKS),
    Row(GET.replace(" HTTP", "  HTTP") + "\r\n", "no", evhttp="404 ok", nginx="ok ok", why=LINE_BLANKS),
    Row(GET.replace(" ", "\t", 2) + "\r\n", "no"),
    Row(GET.replace("1.1\r", "1.1 \r") + "\r\n", "no", evhttp="ok ok", nginx="ok ok", why=LINE_BLANKS),
    Row(GET.replace("HTTP", "http") + "\r\n", "no"),
    Row(GET.replace("1.1", "1.10") + "\r\n", "no", evhttp="waits", nginx="ok ok", why=VERSIONS),
    Row(GET.replace("1.1", "1.2") + "\r\n", "no", evhttp="waits", nginx="ok ok", why=VERSIONS),
    Row(GET.replace("1.1", "2.0") + "\r\n", "no"),
    Row(GET.replace("1.1", "0.9") + "\r\n", "no", evhttp="waits", why=VERSIONS),
    Row(GET.replace("HTTP/1.1", "HTTP/1,1") + "\r\n", "no"),
    Row("GET /healthz\r\n", "no", nginx="closed", why=VERSIONS),
    Row(GET.replace("GET", "get") + "\r\n", "no"),
    Row(GET.replace("GET", "G\0T") + "\r\n", "no"),
    Row(GET.replace("GET", "BREW") + "\r\n", "no", nginx="405 ok", why=METHODS),
    Row(GET.replace("/healthz", "healthz") + "\r\n", "no", evhttp="404 ok", why=TARGETS),
    Row(GET.replace("/healthz", "*") + "\r\n", "no", evhttp="404 ok", why=TARGETS),
    Row(GET.replace("/healthz", "/heal\x01thz") + "\r\n", "no", evhttp="404 ok", why=TARGETS),
    Row(GET.replace("/healthz", "/heal\0thz") + "\r\n", "no"),
    Row(GET.replace("/healthz", "/healthz\xe4") + "\r\n", "no", evhttp="404 ok", nginx="404 ok", why=TARGETS),
    Row(GET.replace("/healthz", "/healthz#x") + "\r\n", "no", evhttp="ok ok", nginx="ok ok", why=TARGETS),
    Row(GET.replace("/healthz", "/healthz%zz") + "\r\n", "404 ok", nginx="no", why=DECODING),
    Row(GET.replace("/healthz", "/healthz%00") + "\r\n", "404 ok", nginx="no", why=DECODING),
    Row(GET.replace("/healthz", "/" + "x" * 9000) + "\r\n", "no", evhttp="404 ok", nginx="404 ok", why=LONG),
    Row("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "no"),
    Row("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "no"),
    Row("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", "no"),
    # expectations
    Row(POST + "Expect: 100-continue\r\n" + FIVE, "ok ok"),
    Row(POST + "Expect: wonders\r\n" + FIVE, "no", nginx="ok ok", why=WONDERS),
)


class Foreign(Http):
    """A client that takes what other servers say: answers in chunks are cut without being looked at."""

    def _take_head(self):
        end = self._in.find(b"\r\n\r\n")
        if end >= 0 and b"transfer-encoding: chunked" in bytes(self._in[:end]).lower():
            last = self._in.find(b"0\r\n\r\n", end)
            if last < 0:
                return False
            head = bytes(self._in[:end]).replace(b"Transfer-Encoding: chunked", b"Content-Length: 0")
            self._in[:last + 5] = head + b"\r\n\r\n"
        return super()._take_head()


def verdict(address, request, is_head):
    """What a server makes of a request with LAST behind it."""
    http = Foreign(address)
    http._asked.extend(["HEAD" if is_head else "GET", "GET"])
    http.out += request + LAST
    if http.out:
        http.write_some()
    while not http.closed and len(http.answers) + bool(http.stream) < 2:
        try:
            http.wait(lambda: http.closed or len(http.answers) >= 2 or http.out, "more", WAIT_S)
        except AssertionError:
            break
        http.write_some()
    words = [_word(answer.status) for answer in list(http.answers)[:2]]
    ended = http.closed
    http.close()
    if words:
        return " ".join(words)
    return "closed" if ended else "waits"


def _word(status):
    return "ok" if status < 300 else "no" if status in REFUSALS else str(status)


def _evhttp():
    program = os.path.join(os.environ.get("builddir", "."), "tests/system/evhttp_server")
    if not os.access(program, os.X_OK):
        raise Skip("evhttp_server is not built: make check builds it")
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, f"127.0.0.1:{int(process.stdout.readline())}"


NGINX_CONFIG = """
daemon off; master_process off; pid {0}/pid; error_log {0}/error.log crit;
events {{ worker_connections 64; }}
http {{
    access_log off; client_max_body_size 1m; large_client_header_buffers 2 16k; keepalive_timeout 60s;
    client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
    server {{
        listen unix:{0}/front;
        location = /healthz {{ if ($request_method !~ ^(GET|HEAD)$) {{ return 405; }} return 200; }}
        location /v1/topics/ {{ proxy_pass http://unix:{0}/back:; }}
        location / {{ return 404; }}
    }}
    server {{ listen unix:{0}/back; location / {{ return 200; }} }}
}}
"""


def _nginx(folder):
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin")
    if not program:
        raise Skip("nginx is not installed")
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(NGINX_CONFIG.format(folder))
    process = subprocess.Popen([program, "-e", os.path.join(folder, "error.log"), "-c", path], stdin=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    front = os.path.join(folder, "front")
    until(lambda: os.path.exists(front) and os.path.exists(os.path.join(folder, "back")), "nginx listens")
    return process, f"unix:{front}"


def _compare(address, column):
    """Holds a server to what the rows say of it; column: the field of Row."""
    faults = []
    for row in ROWS:
        said = verdict(address, row.request.encode("latin-1"), row.request.startswith("HEAD"))
        allowed = {row.ours, getattr(row, column)}
        if said not in allowed - {""}:
            faults.append(f"{column} says {said!r}, the row {' or '.join(sorted(allowed - {''}))!r}: {row.request[:200]!r}")
    if faults:
        raise AssertionError(f"{len(faults)} verdicts that nobody has explained\n" + "\n".join(faults))
    return f"{len(ROWS)} requests, {sum(bool(getattr(row, column)) for row in ROWS) if column != 'ours' else 0} differ"


def posthornd_keeps_to_the_table():
    if ORACLE:
        raise Skip("nats-server speaks no HTTP")
    with Daemon() as daemon:
        return _compare(daemon.http[0], "ours")


def differences_from_evhttp_are_explained():
    process, address = _evhttp()
    try:
        return _compare(address, "evhttp")
    finally:
        process.stdin.close()
        process.wait(10 * PATIENCE)


def differences_from_nginx_are_explained():
    with tempfile.TemporaryDirectory(prefix="posthorn-nginx-") as folder:
        process, address = _nginx(folder)
        try:
            return _compare(address, "nginx")
        finally:
            process.terminate()
            process.wait(10 * PATIENCE)


def every_difference_says_why():
    bare = [row.request[:80] for row in ROWS if bool(row.evhttp or row.nginx) != bool(row.why)]
    if bare:
        raise AssertionError(f"rows with a difference and no word, or a word and no difference: {bare}")


if __name__ == "__main__":
    main(posthornd_keeps_to_the_table, differences_from_evhttp_are_explained, differences_from_nginx_are_explained,
         every_difference_says_why)
