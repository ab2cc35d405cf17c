"""The books of a sidecar: who published what there, which acknowledgement he had, and whether the broker's stream agrees.

A *life* is what lies between a start of the sidecar and its end. What must hold in the end:

  - what was acknowledged as `durable` or `upstream` is in the stream, whole; so is what was acknowledged as `buffered`, but where
    the sidecar was killed: there the last of a life may be missing
  - of the messages that a producer sent in one life, those in the stream are the first of them
  - nothing is there twice, and each producer's messages stand in the order in which he sent them
  - an acknowledgement that names a sequence of the broker's stream names the right one
"""

import collections
import json
import re
import time

from kept import read_by_consumer
import load
from ledger import Ledger, Publisher, publisher_of
import web

KINDS = ("durable", "buffered", "upstream")  # of acknowledgements
LOCAL_KINDS = KINDS[:2]  # those that do not wait for the broker
OWN_ID = re.compile(rb"[^\r\n]+\.[0-9a-f]+\.[0-9]+")
GIVEN_UP = "given up by the sidecar"  # told to who waits for `upstream` when it stops: the message stays on its disk


class Life:
    """What one producer sent in it, and what he was promised."""

    def __init__(self):
        self.sent, self.promised, self.buffered = [], set(), set()
        self.was_killed = False


class Source(Publisher):
    """Messages of one producer."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, sizes=(300, 2000, 20_000), **settings)
        self.lives = [Life()]
        self.told = {}  # number -> sequence in the broker's stream, where an acknowledgement has named it

    def end_life(self, was_killed):
        self.lives[-1].was_killed = was_killed
        self.lives.append(Life())

    def unresolved(self):
        """What was sent in the last life, has an id, and is not known to be kept: it is sent once more."""
        if len(self.lives) < 2:
            return []
        life = self.lives[-2]
        return [number for number in life.sent if self.has_id(number) and number not in life.promised]

    def note_sent(self, number):
        self.lives[-1].sent.append(number)

    def withdraw(self, number):
        """It is certain that this one is not kept."""
        self.lives[-1].sent.remove(number)

    def note_kept(self, number, kind, stream, sequence):
        life = self.lives[-1]
        (life.buffered if kind == "buffered" else life.promised).add(number)
        if stream == self.ledger.name:
            self.told[number] = sequence

    def check(self, number, entry):
        """The entry of the stream is this message, whole, with its id and no other header."""
        if number >= self.next_number or (entry.topic, entry.body) != (self.topic(number), self.body(number)):
            raise AssertionError(f"{entry.sequence} is not the message {self.mark} {number} that was sent: {entry.topic} {entry.body[:60]}")
        found = re.findall(rb"Nats-Msg-Id: ([^\r\n]*)\r\n", entry.head)
        own = self.id_of(number).encode() if self.has_id(number) else None
        if len(found) != 1 or (own and found[0] != own) or not (own or OWN_ID.fullmatch(found[0])):
            raise AssertionError(f"{entry.sequence}: {self.mark} {number}: ids {found}")

    def check_order(self, numbers):
        """numbers: his in the stream, in its order."""
        for before, behind in zip(numbers, numbers[1:]):
            if before >= behind:
                raise AssertionError(f"{self.mark}: {behind} stands behind {before}")

    def check_lives(self, there):
        """there: number -> sequence of what is in the stream."""
        for index, life in enumerate(self.lives):
            lost = [number for number in life.sent if number in life.promised and number not in there]
            if not life.was_killed:
                lost += [number for number in life.sent if number in life.buffered and number not in there]
            if lost:
                raise AssertionError(f"{self.mark}: acknowledged in life {index} and lost: {lost[:10]} ({len(lost)})")
            self._check_beginning(index, [number for number in life.sent if not self.has_id(number)], there)

    def _check_beginning(self, index, sent, there):
        """Of those that were sent in one life only, the first are there."""
        missing = [at for at, number in enumerate(sent) if number not in there]
        if missing and missing[-1] - missing[0] + 1 != len(missing) or missing and missing[-1] != len(sent) - 1:
            raise AssertionError(f"{self.mark}: in life {index}, {sent[missing[0]]} is missing, and one that was sent later is there")

    def check_told(self, there):
        wrong = [(number, sequence, there.get(number)) for number, sequence in self.told.items() if there.get(number) != sequence]
        if wrong:
            raise AssertionError(f"{self.mark}: told of another sequence (number, told, true): {wrong[:5]}")


class Books:
    """All producers of one stream of the broker."""

    def __init__(self, name):
        self.ledger = Ledger(name)
        self.count = 0

    def source(self, mark, **settings):
        return self.ledger.publisher(mark, Source, **settings)

    def check(self, broker):
        """Reads the whole stream, and compares."""
        found = collections.defaultdict(dict)
        for entry in read_by_consumer(broker, self.ledger.name):
            source, number = publisher_of(entry.body)
            source.check(number, entry)
            if number in found[source]:
                raise AssertionError(f"{source.mark} {number} is there twice, as {found[source][number]} and as {entry.sequence}")
            found[source][number] = entry.sequence
            self.count += 1
        for source in self.ledger.publishers:
            source.check_order(list(found[source]))
            source.check_lives(found[source])
            source.check_told(found[source])

    def summary(self):
        lives = [life for source in self.ledger.publishers for life in source.lives]
        kept, buffered = sum(len(life.promised) for life in lives), sum(len(life.buffered) for life in lives)
        return f"{self.count} messages in the stream, acknowledged {kept} as kept and {buffered} as buffered"


class LineProducer(load.Actor):
    """Publishes on the line, so many a second (a machine that is slow to start a broker shall not have to keep millions meanwhile);
    the header says which acknowledgement is wanted, of the kinds that are given."""

    def __init__(self, source, chance, window, kinds=KINDS, rate=2000):
        self.source, self.chance, self.window, self.kinds, self.rate = source, chance, window, kinds, rate
        self.flying, self.again = {}, collections.deque()  # flying: number -> kind

    def connect(self, sidecar):
        self.again = collections.deque(self.source.unresolved())
        self.flying, self.upstream_count = {}, 0
        self.sent_count, self.began = 0, time.monotonic()
        client = sidecar.client()
        client.on_message = self.on_answer
        client.subscribe(f"_INBOX.{self.source.mark}.*", "1")
        client.flush()
        return client

    def turn(self):
        room = self.window + self.rate * (time.monotonic() - self.began)
        while not self.stopped and len(self.flying) < self.window and self.sent_count < room and len(self.client.out) < 1 << 20:
            self.send(self.again.popleft() if self.again else self.source.new_number())

    def next_kind(self):
        """Those that wait for the broker never fill the window: while it is away the others go on."""
        kind = self.chance.choice(self.kinds)
        return "durable" if kind == "upstream" and self.upstream_count >= self.window // 3 else kind

    def send(self, number):
        source, kind = self.source, self.next_kind()
        self.flying[number] = kind
        self.sent_count += 1
        self.upstream_count += kind == "upstream"
        source.note_sent(number)
        head = b"NATS/1.0\r\nPosthorn-Ack: %s\r\n" % kind.encode()
        if source.has_id(number):
            head += b"Nats-Msg-Id: %s\r\n" % source.id_of(number).encode()
        self.client.out += load.publish_bytes(source.topic(number), source.body(number), f"_INBOX.{source.mark}.{number}", head + b"\r\n")

    def on_answer(self, message):
        number = int(message.topic.rpartition(".")[2])
        if number not in self.flying:
            raise AssertionError(f"{self.source.mark} {number} is answered twice, or was never sent: {message}")
        kind = self.flying.pop(number)
        self.upstream_count -= kind == "upstream"
        answer = json.loads(message.body) if message.body else {"error": {"description": message.head.decode()}}
        if "error" not in answer:
            self.source.note_kept(number, kind, answer["stream"], answer["seq"])
        elif answer["error"]["description"] != GIVEN_UP:
            self.on_refusal(number, answer["error"])

    def on_refusal(self, number, error):
        raise AssertionError(f"{self.source.mark} {number} is refused: {error}")

    def idle(self):
        return not self.flying


class HttpProducer(load.Actor):
    """Publishes by POST, a few requests in the pipe. Answers come in their order: one that waits for the broker holds up the rest."""

    def __init__(self, source, chance, depth=4, kinds=KINDS):
        self.source, self.chance, self.depth, self.kinds = source, chance, depth, kinds
        self.flying, self.again = collections.deque(), collections.deque()

    def connect(self, sidecar):
        self.again = collections.deque(self.source.unresolved())
        self.flying.clear()
        return web.Http(sidecar)

    def turn(self):
        self.finish()
        while not self.stopped and len(self.flying) < self.depth:
            self.post(self.again.popleft() if self.again else self.source.new_number())

    def post(self, number):
        source, kind = self.source, self.chance.choice(self.kinds)
        self.flying.append((number, kind))
        source.note_sent(number)
        headers = {"Idempotency-Key": source.id_of(number)} if source.has_id(number) else {}
        target = f"/v1/topics/{source.topic(number)}?ack={kind}"
        self.client.out += self.client.request_bytes("POST", target, source.body(number), headers)
        self.client._asked.append("POST")

    def finish(self):
        """What has come so far."""
        while self.client.answers:
            (number, kind), answer = self.flying.popleft(), self.client.answers.popleft()
            if answer.status == 200:
                told = answer.json()
                self.source.note_kept(number, kind, told["stream"], told["seq"])
            elif answer.status != 503:
                raise AssertionError(f"{self.source.mark} {number}: {answer.status} {answer.body[:300]}")

    def idle(self):
        self.finish()
        return not self.flying
