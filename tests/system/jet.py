"""Streams and consumers as clients of NATS speak to them, over raw lines: what the jetstream_*.py tests share."""

import base64
import collections
import itertools
import json
import os
import shutil
import tempfile

from harness import DEADLINE_S, Daemon, equal

ACK_WORDS = {"ack": b"+ACK", "nak": b"-NAK", "progress": b"+WPI", "term": b"+TERM"}


class Jet:
    """One client that asks and is answered under an inbox of its own.

    Answers to what it asked are kept apart from other messages (client.inbox): by their number in `answers`."""

    _count = itertools.count(1)

    def __init__(self, daemon, **settings):
        self.client = daemon.client(**settings)
        self.prefix = f"_INBOX.jet{next(Jet._count)}"
        self.numbers = itertools.count(1)
        self.answers = collections.defaultdict(collections.deque)
        self.client.on_message = self._sort
        self.client.subscribe(self.prefix + ".*", "jet")

    def _sort(self, message):
        """What a pull brings shows its own topic, so each pull has a subscription of its own."""
        if message.sid == "jet":
            self.answers[int(message.topic.rpartition(".")[2])].append(message)
        elif message.sid.startswith("pull"):
            self.answers[int(message.sid[4:])].append(message)
        else:
            self.client.inbox.append(message)

    # asking

    def ask(self, topic, body=b"", head=b""):
        """Asks, and returns the number under which answers come."""
        number = next(self.numbers)
        self.client.publish(topic, body, reply=f"{self.prefix}.{number}", head=head)
        return number

    def answer(self, number, deadline_s=DEADLINE_S):
        self.client.wait(lambda: self.answers[number], f"answer {number}", deadline_s)
        return self.answers[number].popleft()

    def request(self, topic, body=b"", head=b"", deadline_s=DEADLINE_S):
        return self.answer(self.ask(topic, body, head), deadline_s)

    def api(self, name, request=None):
        """An endpoint's answer, as it is."""
        body = b"" if request is None else request if isinstance(request, bytes) else json.dumps(request).encode()
        message = self.request("$JS.API." + name, body)
        equal(message.head, b"", f"headers of the answer to {name}")
        return json.loads(message.body)

    def good(self, name, request=None):
        """The same, and it must not be an error."""
        answer = self.api(name, request)
        if "error" in answer:
            raise AssertionError(f"{name}: {answer['error']}")
        return answer

    def bad(self, name, request, number, words=None, code=None):
        """The same, and it must be this error."""
        error = self.api(name, request).get("error") or {}
        equal(error.get("err_code"), number, f"number of the error of {name} ({error})")
        if words is not None:
            equal(error["description"], words, f"words of the error of {name}")
        if code is not None:
            equal(error["code"], code, f"code of the error of {name}")

    # streams

    def stream(self, name, topics, **config):
        return self.good(f"STREAM.CREATE.{name}", {"name": name, "subjects": topics, "storage": "memory", **config})

    def info(self, stream):
        return self.good(f"STREAM.INFO.{stream}")

    def state(self, stream):
        return self.info(stream)["state"]

    def put(self, topic, body=b"", **headers):
        """Publishes and returns what it is told, as JSON."""
        return json.loads(self.request(topic, body, head=head_of(**headers)).body)

    def fill(self, topic, count, first=0, body=b"%d"):
        """Publishes many messages, and waits until all are kept; returns the last sequence."""
        numbers = [self.ask(topic, body % (first + i) if b"%" in body else body) for i in range(count)]
        acks = [json.loads(self.answer(number).body) for number in numbers]
        for ack in acks:
            if "error" in ack:
                raise AssertionError(f"not kept: {ack}")
        return acks[-1]["seq"]

    # consumers

    def consumer(self, stream, name, **config):
        config = {"durable_name": name, "name": name, "ack_policy": "explicit", "deliver_policy": "all", **config}
        return self.good(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": config})

    def pull_begin(self, stream, consumer, **request):
        """Asks for messages, and returns the number under which they come."""
        number = next(self.numbers)
        inbox = f"{self.prefix}-pull.{number}"
        self.client.subscribe(inbox, f"pull{number}")
        self.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", json.dumps(request).encode(), reply=inbox)
        return number

    def pull(self, stream, consumer, count, **request):
        """Pulls, and returns so many messages (deliveries and statuses as they come)."""
        number = self.pull_begin(stream, consumer, **{"batch": count, "expires": int(DEADLINE_S * 1e9), **request})
        return [self.answer(number) for _ in range(count)]

    def say(self, message, word="ack", rest=b""):
        """Says something of a message, and waits until that is stored."""
        answer = self.request(message.reply, ACK_WORDS[word] + rest)
        equal(answer.body, b"", "answer to an acknowledgement")

    def tell(self, message, word="ack", rest=b""):
        """The same without waiting."""
        self.client.publish(message.reply, ACK_WORDS[word] + rest)

    def consumer_info(self, stream, consumer):
        return self.good(f"CONSUMER.INFO.{stream}.{consumer}")

    def close(self):
        self.client.close()


def head_of(**headers):
    """Headers as a block; names with _ for -. {} gives none."""
    if not headers:
        return b""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"NATS/1.0\r\n{lines}\r\n".encode()


def headers_of(message):
    """A dict of a message's headers; its status as ""."""
    lines = message.head.decode().split("\r\n")
    fields = {"": lines[0][9:]}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields[name] = value.strip()
    return fields


def status_of(message):
    """"404 No Messages" and the like; "": a message."""
    return message.head.split(b"\r\n", 1)[0][9:].decode() if message.head else ""


def reply_numbers(message):
    """delivered, stream sequence, consumer sequence, time, pending"""
    return [int(token) for token in message.reply.split(".")[4:]]


def text_of(told):
    """The payload of what STREAM.MSG.GET tells."""
    return base64.b64decode(told.get("data", ""))


class Store:
    """A directory that outlives daemons; as a context manager it is removed at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="posthorn-store-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def daemon(self, *options, **settings):
        return Daemon(f"server.data_dir={self.path}", *options, **settings)


def hoppers(daemon, count=4):
    """Clients on as many connections, which several workers serve between them."""
    return [Jet(daemon) for _ in range(count)]
