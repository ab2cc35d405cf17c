"""HTTP, for the tests of it: a raw client that can say anything, readers of event streams and of NDJSON, publishing and polling.

Http speaks at the level of bytes: what a test sends is sent as it stands, and answers are cut strictly. Events reads a
text/event-stream as a browser's EventSource does (WHATWG HTML 9.2.6), Lines reads NDJSON. All three are peers of the harness, so
that pump() and read_any() serve many of them at once.
"""

import base64
import collections
import json
import re
import socket
import urllib.parse

from harness import DEADLINE_S, Peer, _brief, equal

Event = collections.namedtuple("Event", "type data id")
CURSOR = re.compile(r"[0-9a-z]+-[0-9a-z]+")


class Response:
    """The head of an answer, and its body as far as it has come."""

    def __init__(self, head):
        status_line, *lines = head.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.([01]) (\d{3}) ([^\r\n]*)", status_line)
        if not found:
            raise AssertionError(f"not a status line: {status_line!r}")
        self.status, self.reason = int(found.group(2)), found.group(3)
        self.headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise AssertionError(f"not a header: {line!r}")
            self.headers.append((name, value.strip(" \t")))
        self.body = b""

    def header(self, name, default=None):
        """The only header of that name."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(values) > 1:
            raise AssertionError(f"{name} stands {len(values)} times in {self.headers}")
        return values[0] if values else default

    def tokens(self, name):
        """The words of a list like Allow or Vary."""
        return {word.strip().lower() for word in (self.header(name) or "").split(",") if word.strip()}

    def json(self):
        return json.loads(self.body)

    def check(self, status, kind=None):
        """Compares the status and, of a problem document, its kind: the last word of its type."""
        if self.status != status:
            raise AssertionError(f"status {self.status}, wanted {status}; {_brief(self.body)}")
        if status >= 400 and self.body:
            self.check_problem(kind)
        return self

    def check_problem(self, kind=None):
        """Every error is a problem document (RFC 9457) whose status is the answer's."""
        equal(self.header("Content-Type"), "application/problem+json", "type of an error")
        problem = self.json()
        equal(problem["status"], self.status, "status in the problem document")
        equal(problem["type"].startswith("urn:posthorn:problem:"), True, f"type {problem['type']!r} is a problem's name")
        words = (problem["title"], problem.get("detail", "no more to say"))
        equal(all(isinstance(word, str) and word for word in words), True, f"words in {problem}")
        if kind:
            equal(problem["type"], f"urn:posthorn:problem:{kind}", "kind of problem")
        return self


class Http(Peer):
    """A connection for HTTP/1.1. Answers stand in `answers` in order, interim ones (100) in `interim`. An answer without a length
    goes on to the end of the connection: it is then `stream`, and each piece of it goes to take_piece()."""

    def __init__(self, daemon, receive_size=None):
        """daemon: a Daemon, an address, or a socket that is connected already."""
        address = daemon if isinstance(daemon, (str, socket.socket)) else daemon.http[0]
        super().__init__(address, receive_size)
        self.host = "localhost" if self.sock.family == socket.AF_UNIX else self._name()
        self.answers, self.interim = collections.deque(), []
        self.stream = None
        self.complete = True  # False: the connection ended within an answer
        self._asked = collections.deque()  # methods of the requests that are not answered yet, as far as they are known
        self._head = None
        self._left = 0  # bytes of the body that are still to come

    def _name(self):
        host, port = self.sock.getpeername()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def standing(self):
        return f"{len(self.answers)} answers, {len(self._in)} bytes {_brief(bytes(self._in[:200]))}"

    # asking

    def request_bytes(self, method, target, body=None, headers=()):
        """One request as bytes, well made; headers: pairs, or a dictionary."""
        pairs = [("Host", self.host), *(headers.items() if isinstance(headers, dict) else headers)]
        if body is not None:
            pairs.append(("Content-Length", str(len(body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + (body or b"")

    def ask(self, method, target, body=None, headers=()):
        """Sends a request and does not wait for its answer."""
        self._asked.append(method)
        self.send(self.request_bytes(method, target, body, headers))

    def request(self, method, target, body=None, headers=(), deadline_s=DEADLINE_S):
        self.ask(method, target, body, headers)
        return self.answer(deadline_s)

    def get(self, target, headers=(), deadline_s=DEADLINE_S):
        return self.request("GET", target, None, headers, deadline_s)

    def post(self, target, body=b"", headers=(), deadline_s=DEADLINE_S):
        return self.request("POST", target, body, headers, deadline_s)

    def raw(self, data, method="GET"):
        """Sends bytes that may be anything, and returns the next answer; method: what it is an answer to."""
        self._asked.append(method)
        self.send(data)
        return self.answer()

    def answer(self, deadline_s=DEADLINE_S):
        """The next answer, whole."""
        self.wait(lambda: self.answers, "an answer", deadline_s)
        return self.answers.popleft()

    def refused(self, data, *statuses):
        """Sends what must not be served: one answer with one of these statuses comes, then the end, and nothing after it."""
        answer = self.raw(data)
        if answer.status not in statuses:
            raise AssertionError(f"status {answer.status} for {_brief(data)}, wanted {statuses}")
        answer.check_problem()
        self.expect_closed()
        equal(len(self.answers), 0, f"further answers to {_brief(data)}")
        return answer

    # cutting

    def _cut(self):
        while self._in and (self._take_body() if self._head else self._take_head()):
            pass

    def _take_head(self):
        """Cuts a head off; False while it is not all there."""
        end = self._in.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = Response(bytes(self._in[:end]))
        del self._in[:end + 4]
        if head.status < 200:
            self.interim.append(head)
            return True
        method = self._asked.popleft() if self._asked else "GET"
        length = head.header("Content-Length")
        self._head = head
        if method == "HEAD" or head.status in (204, 304):
            self._finish()
        elif head.header("Transfer-Encoding"):
            raise AssertionError("an answer in chunks")
        elif length is None:
            self._left, self.stream = None, head
            self.answers.append(head)
        else:
            self._left = int(length)
            if not self._left:
                self._finish()
        return True

    def _take_body(self):
        """Cuts off what is there of a body."""
        if self.stream:
            piece = bytes(self._in)
            self._in.clear()
            self.take_piece(piece)
            return False
        if len(self._in) < self._left:
            return False
        self._head.body = bytes(self._in[:self._left])
        del self._in[:self._left]
        self._finish()
        return True

    def _finish(self):
        self.answers.append(self._head)
        self._head = None

    def _end(self):
        self.complete = not self._in and (self._head is None or self.stream is not None)

    def take_piece(self, piece):
        """A piece of a body without a length has come."""
        self.stream.body += piece
        self.received_count += len(piece)


# ------------------------------------------------------------------------------------------------------------- streams


class _Stream(Http):
    """What readers of event streams and of NDJSON share: asking, the head, and an inbox. Where on_item is given, it is called
    with each item instead."""

    ACCEPT = ""

    def __init__(self, daemon, patterns, headers=(), receive_size=None, on_item=None, begin=True, **query):
        """patterns: as in the path. query: since="all", ... begin=False: do not wait for the head (open_all does)."""
        super().__init__(daemon, receive_size)
        self.inbox = collections.deque()
        self.on_item = on_item
        self.last_id = None
        self.heartbeat_count = 0
        self._rest = ""
        self._bytes = b""
        pairs = [*(headers.items() if isinstance(headers, dict) else headers)]
        if self.ACCEPT:
            pairs.insert(0, ("Accept", self.ACCEPT))
        self._asked.append("GET")
        self.out += self.request_bytes("GET", target(patterns, **query), None, pairs)
        if begin:
            self.begin()

    def begin(self):
        """Waits for the head, which must be that of a stream: from then on no message is missed."""
        self.wait(lambda: self.answers, "the head of a stream")
        self.answers[0].check(200)
        equal(self.answers[0].header("Content-Type").split(";")[0], self.ACCEPT, "type of the stream")
        return self

    def begun(self):
        return self.stream is not None

    def standing(self):
        return f"{self.received_count} items, inbox {_brief(list(self.inbox)[:3])}, {super().standing()}"

    def take_piece(self, piece):
        data = self._bytes + piece
        text, self._bytes = _whole_characters(data)
        self._take_text(text)

    def _take_text(self, text):
        raise NotImplementedError

    def _item(self, item):
        self.received_count += 1
        if self.on_item:
            self.on_item(item)
        else:
            self.inbox.append(item)

    def next(self, deadline_s=DEADLINE_S):
        self.wait(lambda: self.inbox, "an item of the stream", deadline_s)
        return self.inbox.popleft()

    def take(self, count, deadline_s=DEADLINE_S):
        self.wait(lambda: len(self.inbox) >= count, f"{count} items of the stream", deadline_s)
        return [self.inbox.popleft() for _ in range(count)]


def _whole_characters(data):
    """Text as far as it is whole, and the bytes of a character that is not; anything else that is not UTF-8 fails the test."""
    for cut in range(min(4, len(data) + 1)):
        try:
            return data[:len(data) - cut].decode("utf-8"), data[len(data) - cut:]
        except UnicodeDecodeError as error:
            bad = error
    raise AssertionError(f"a stream that is not UTF-8: {bad}")


class Events(_Stream):
    """An EventSource. Events stand in the inbox; `last_id` is what a browser would send as Last-Event-ID, `retry_ms` the time it
    would wait; comments are counted in heartbeat_count."""

    ACCEPT = "text/event-stream"

    def __init__(self, *arguments, **settings):
        self.retry_ms = None
        self.lines = 0
        self._type, self._data, self._id = "", [], None
        self._after_return = False
        super().__init__(*arguments, **settings)

    def _take_text(self, text):
        if self._after_return and text.startswith("\n"):
            text = text[1:]
        if text:
            self._after_return = text.endswith("\r")
        *lines, self._rest = re.split("\r\n|\r|\n", self._rest + text)
        for line in lines:
            self._take_line(line if self.lines else line.removeprefix("\ufeff"))
            self.lines += 1

    def _take_line(self, line):
        if not line:
            self._dispatch()
        elif line.startswith(":"):
            self.heartbeat_count += 1
        else:
            name, _, value = line.partition(":")
            self._take_field(name, value.removeprefix(" "))

    def _take_field(self, name, value):
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry_ms = int(value)

    def _dispatch(self):
        if self._id is not None:
            self.last_id = self._id
        if self._data:
            self._item(Event(self._type or "message", "\n".join(self._data), self.last_id))
        self._type, self._data = "", []


class Lines(_Stream):
    """A reader of NDJSON: each line is an object in the inbox; empty lines are counted in heartbeat_count; last_id is the cursor
    to go on from."""

    ACCEPT = "application/x-ndjson"

    def _take_text(self, text):
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if not line:
                self.heartbeat_count += 1
                continue
            item = json.loads(line)
            self.last_id = item["gap"]["to"] if "gap" in item else item.get("id", self.last_id)
            self._item(item)


# ------------------------------------------------------------------------------------------------------------- helpers


def quoted(topic):
    """A topic or patterns, fit for a path."""
    return urllib.parse.quote(topic, safe="$,*>._-")


def target(patterns, **query):
    """The target of a GET of these patterns. query: since=, wait=, limit=, ..."""
    asked = "&".join(f"{name}={urllib.parse.quote(str(value), safe='')}" for name, value in query.items() if value is not None)
    return f"/v1/topics/{quoted(patterns)}" + (f"?{asked}" if asked else "")


def publish(http, topic, body=b"", headers=()):
    """Publishes over a connection; the answer's JSON: status 200 where it is kept, 202 where it went out live."""
    answer = http.post(f"/v1/topics/{quoted(topic)}", body, headers)
    if answer.status not in (200, 202):
        raise AssertionError(f"publishing to {topic}: {answer.status} {_brief(answer.body)}")
    return answer.json()


def publish_many(http, topic, bodies, batch=500):
    """Publishes texts in batches of NDJSON; returns the results, all of which must be kept."""
    results = []
    for at in range(0, len(bodies), batch):
        lines = "".join(json.dumps({"topic": topic, "data": text}) + "\n" for text in bodies[at:at + batch])
        answer = http.post("/v1/publish", lines.encode(), {"Content-Type": "application/x-ndjson"}).check(200)
        results += answer.json()["results"]
    equal(sum("seq" in result for result in results), len(bodies), "messages of a batch that were kept")
    return results


def poll(http, patterns, headers=(), deadline_s=DEADLINE_S, **query):
    """Polls once; the answer, whose JSON has the form that every poll's has."""
    answer = http.get(target(patterns, **query), headers, deadline_s).check(200)
    found = answer.json()
    equal(set(found), {"messages", "next", "gap"}, "fields of a poll")
    equal(bool(CURSOR.fullmatch(found["next"])), True, f"{found['next']!r} is a cursor")
    return found


def place(cursor):
    """(epoch, sequence) of a cursor: clients take it as it is; tests look into it to say exactly what is missing."""
    equal(bool(CURSOR.fullmatch(cursor or "")), True, f"{cursor!r} is a cursor")
    epoch, sequence = cursor.split("-")
    return epoch, int(sequence, 36)


def data_of(body):
    """The payload of an item to publish: the reverse of payload()."""
    try:
        return {"data": body.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(body).decode()}


def payload(message):
    """The bytes of a message of a poll or an NDJSON line."""
    if "data_base64" in message:
        equal("data" in message, False, "data beside data_base64")
        return base64.b64decode(message["data_base64"], validate=True)
    return message["data"].encode()


def poll_to_end(http, patterns, since="all", limit=None):
    """Follows `next` until nothing is new; returns (messages, the last cursor, whether a gap was told)."""
    messages, gap = [], False
    while True:
        found = poll(http, patterns, since=since, limit=limit)
        gap |= found["gap"]
        messages += found["messages"]
        since = found["next"]
        if not found["messages"]:
            return messages, since, gap
