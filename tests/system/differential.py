#!/usr/bin/env python3
"""posthornd and nats-server say the same to the same bytes: random dialogues, good and bad operations mixed, played against both.

A dialogue is one client's bytes, with a PING behind every operation, so that the answers fall into segments that can be compared
whatever the order within them. What differs on purpose is left out of the grammar: numbers that are none in UNSUB, sizes with
leading zeros, topics past our limits, groups with several members (chosen by chance).
"""

import random
import re
import shutil
import time

import harness
from harness import DEADLINE_S, Daemon, Skip, connect_socket, equal, main, publish_bytes, select_one, until

SECONDS = 8
TOPICS = ("a", "a.b", "a.b.c", "a.*", "a.>", "*", ">", "*.b", "b.c", "a..b", ".a", "a.", ">.a", "a.>.b", "a*", "A", "x" * 60)
HEAD = b"NATS/1.0\r\nKey: value\r\n\r\n"
BAD = (b"", b"HELLO", b"PUB", b"PUB a", b"PUB a x", b"PUB a -1", b"PUB a b c 1", b"SUB", b"SUB a", b"SUB a b c d", b"UNSUB", b"UNSUB 1 2 3",
       b"HPUB a 5 2", b"HPUB a 1", b"HPUB a x 1", b"CONNECT", b"CONNECT {", b"CONNECT []", b'CONNECT {"verbose":1}', b'CONNECT {"protocol":3}',
       b'CONNECT {"account":"x"}', b'CONNECT {"no_responders":true,"headers":false}', b"MSG a 1 0", b"-ERR 'x'", b"PUB a 2000000", b"PINX",
       b"+OKAY", b" PING", b"PUB a 3\r\nabcd", b"PUB a 3\nabc\n", b"SUB " + b"s" * 5000 + b" 1", b"pub a 99999999999999999999")


class Script:
    """A random dialogue: segments of bytes, each one operation with a PING behind it."""

    def __init__(self, seed):
        self.source = random.Random(seed)
        self.segments = [self._connect()] if self.source.random() < 0.85 else []
        for _ in range(self.source.randint(3, 25)):
            make = self.source.choices((self._publish, self._subscribe, self._unsubscribe, self._plain, self._connect, self._bad),
                                       (40, 30, 12, 5, 3, 1))[0]
            self.segments.append(make())
        self.data = b"".join(segment + b"PING\r\n" for segment in self.segments)
        self.ping_count = len(self.segments) + sum(segment.strip().upper() == b"PING" for segment in self.segments)

    def _flag(self):
        return self.source.choice(("true", "false"))

    def _connect(self):
        headers = self.source.random() < 0.8
        fields = [f'"{name}":{self._flag()}' for name in ("verbose", "pedantic", "echo") if self.source.random() < 0.7]
        fields.append(f'"headers":{"true" if headers else "false"}')
        if headers:
            fields.append(f'"no_responders":{self._flag()}')
        self.source.shuffle(fields)
        return self._line("CONNECT", "{" + ",".join(fields) + "}")

    def _line(self, *words):
        """A control line in one of its spellings."""
        blank = self.source.choice((" ", " ", " ", "  ", "\t", " \t "))
        verb = self.source.choice((words[0], words[0], words[0].lower(), words[0].title()))
        end = self.source.choice(("\r\n", "\r\n", "\r\n", "\n"))
        return (blank.join((verb,) + words[1:]) + self.source.choice(("", "", "", " ")) + end).encode()

    def _topic(self):
        return self.source.choice(TOPICS)

    def _publish(self):
        reply = self.source.choice(("", "", "a.b", "in.box", "$JS.ACK.x.y", "no.where", "a..b"))
        body = b"x" * self.source.choice((0, 1, 2, 10, 100, 1000))
        head = HEAD if self.source.random() < 0.3 else b""
        if self.source.random() < 0.6:
            return publish_bytes(self._topic(), body, reply, head)
        words = [self._topic(), reply] if reply else [self._topic()]
        sizes = [str(len(head)), str(len(head) + len(body))] if head else [str(len(body))]
        return self._line("HPUB" if head else "PUB", *words, *sizes) + head + body + b"\r\n"

    def _subscribe(self):
        sid = str(self.source.randint(1, 8))
        topic = self.source.choice(TOPICS + ("in.box", "in.*"))
        # A group of its own for each sid and topic: one member, so that nothing is left to chance.
        return self._line("SUB", topic, sid) if self.source.random() < 0.8 else self._line("SUB", topic, f"g{sid}", sid)

    def _unsubscribe(self):
        sid = str(self.source.randint(1, 9))
        return self._line("UNSUB", sid) if self.source.random() < 0.5 else self._line("UNSUB", sid, str(self.source.randint(0, 4)))

    def _plain(self):
        return self.source.choice((b"PONG\r\n", b"ping\r\n", b"+OK\r\n", b"INFO {}\r\n", b"PING \t\r\n", b"pong\n"))

    def _bad(self):
        return self.source.choice(BAD) + b"\r\n"


def answers(address, data, pings):
    """Sends data, and returns what comes back as segments between PONGs, each sorted; the last one says whether it was closed."""
    sock = connect_socket(address)
    try:
        sock.sendall(data)
        got, pongs, closed = b"", 0, False
        end = time.monotonic() + DEADLINE_S
        while pongs < pings and not closed:
            if not select_one(sock, False, max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"silence of {address} after {data!r}, got {got!r}")
            try:
                piece = sock.recv(65536)
            except ConnectionResetError:
                piece = b""
            closed = not piece
            got += piece
            pongs = got.count(b"PONG\r\n")
    except (BrokenPipeError, ConnectionResetError):
        closed = True
    finally:
        sock.close()
    segments = []
    # The 503 goes to one of the subscriptions that match the reply, and which one is anybody's choice.
    got = re.sub(rb"(HMSG \S+) \S+ (16 16\r\nNATS/1.0 503)", rb"\1 any \2", got)
    for segment in got.split(b"PONG\r\n"):
        lines = [line for line in segment.split(b"\r\n") if not line.startswith(b"INFO ")]
        # nats-server says an error twice where a read cut the operation in two, and does not say why HPUB closes.
        errors = {line for line in lines if line.startswith(b"-ERR")} - {b"-ERR 'message headers not supported'"}
        segments.append((sorted(line for line in lines if line and not line.startswith(b"-ERR")), sorted(errors)))
    return segments, closed


class Watch:
    """A client that can tell when the last dialogue's subscriptions are gone: then each of the topics has no responders."""

    TOPICS = ("a", "a.b", "a.b.c", "b.c", "x.b", "A", "a*", "x" * 60, "in.box", "in.x")

    def __init__(self, daemon):
        self.client = daemon.client()
        self.client.subscribe("watch", "1")

    def wait_quiet(self):
        self.client.inbox.clear()
        until(self._is_quiet, "the subscriptions of the last dialogue gone", pause_s=0)

    def _is_quiet(self):
        self.client.inbox.clear()
        self.client.send(b"".join(publish_bytes(topic, reply="watch") for topic in self.TOPICS))
        self.client.flush()
        return len(self.client.inbox) == len(self.TOPICS)


def the_same_bytes_get_the_same_answers():
    path = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
    if not path or harness.ORACLE:
        raise Skip("nats-server is not here")
    harness.ORACLE = path
    try:
        theirs = Daemon()
    finally:
        harness.ORACLE = ""
    with Daemon() as ours:
        watches = Watch(ours), Watch(theirs)
        seed = 0
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or seed < 100:
            script = Script(seed)
            wanted = answers(theirs.line[0], script.data, script.ping_count)
            got = answers(ours.line[0], script.data, script.ping_count)
            if got != wanted:
                _explain(seed, script, got, wanted)
            for watch in watches:
                watch.wait_quiet()
            seed += 1
    theirs.kill()
    return f"{seed} dialogues"


def _explain(seed, script, got, wanted):
    for number, (ours, theirs) in enumerate(zip(got[0], wanted[0])):
        if ours != theirs:
            raise AssertionError(f"seed {seed}, the answer to segment {number} of {script.segments}:\nposthornd   {ours}\nnats-server {theirs}")
    equal((len(got[0]), got[1]), (len(wanted[0]), wanted[1]), f"seed {seed}: segments and whether it was closed, for {script.segments}")


if __name__ == "__main__":
    main(the_same_bytes_get_the_same_answers)
