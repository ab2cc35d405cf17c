"""The load of the crash tests: publishers, consumers and readers, each an actor with a connection of its own, all in one thread.

An actor outlives the daemon: begin() gives it a connection to the one that has just started, turn() lets it queue what it has to
say, stop() says that it is to say nothing new. What the daemon answers goes into the ledger of its stream at once.
"""

import collections
import json
import select

from harness import ORACLE, _brief, publish_bytes
from kept import Entry, delivery_of, head_of, status_of
from ledger import Marks
import web

WRONG_LAST_SEQUENCE, STORE_FAILED = 10071, 10077


class Actor:
    """What all have in common."""

    client = None
    stopped = False

    def begin(self, daemon):
        """A new life: connects."""
        self.stopped = False
        self.client = self.connect(daemon)

    def connect(self, daemon):
        raise NotImplementedError

    def turn(self):
        """Once a round of the loop: queues what there is to say in client.out."""

    def stop(self):
        self.stopped = True

    def finish(self):
        """The connection has ended, and all that came has been read."""

    def idle(self):
        """Nothing that it asked for is still to come."""
        return True


def run(actors, until):
    """Serves the actors until until() is true. Returns False where a connection ended before that."""
    poll = select.poll()
    by_fd = {actor.client.sock.fileno(): actor.client for actor in actors}
    wanted = {}
    while not until():
        for actor in actors:
            actor.turn()
        for fd, client in by_fd.items():
            flags = select.POLLIN | (select.POLLOUT if client.out else 0)
            if wanted.get(fd) != flags:
                poll.register(fd, flags)
                wanted[fd] = flags
        for fd, flags in poll.poll(5):
            client = by_fd[fd]
            if flags & select.POLLOUT:
                client.write_some()
            if flags & ~select.POLLOUT:
                client.read_some()
            if client.closed:
                return False
    return True


def listen_to_the_end(actors):
    """The daemon is dead: reads what it had said before."""
    for actor in actors:
        actor.stop()
        actor.client.sock.setblocking(True)
        while not actor.client.closed:
            actor.client.out.clear()
            actor.client.read_some()
        actor.client.close()
        actor.finish()


# ----------------------------------------------------------------------------------------------------------- publishers


class LinePublisher(Actor):
    """Publishes on the line with a reply, many in flight."""

    def __init__(self, publisher, chance, window=100):
        self.publisher, self.ledger, self.window, self.chance = publisher, publisher.ledger, window, chance
        self.flying = {}  # number -> (the highest sequence known when it was sent, its own if it had one)
        self.again = collections.deque()

    def connect(self, daemon):
        self.again = collections.deque(self.publisher.unresolved())
        self.publisher.sent = []
        self.flying = {}
        client = daemon.client()
        client.on_message = self.on_answer
        client.subscribe(f"_INBOX.{self.publisher.mark}.*", "1")
        return client

    def turn(self):
        if len(self.client.out) > 1 << 20:
            return
        while not self.stopped and len(self.flying) < self.window and self.may_send():
            self.send(self.again.popleft() if self.again else self.next_number())

    def may_send(self):
        return True

    def next_number(self):
        """Mostly a new one; now and then one that was acknowledged a moment ago, which must be known as a duplicate."""
        publisher = self.publisher
        if publisher.with_id and self.chance.random() < 0.02:
            old = publisher.next_number - 1 - self.chance.randrange(300)
            if old > 0 and publisher.has_id(old) and old not in self.flying and publisher.sequences[old] > self.ledger.end:
                return old
        return publisher.new_number()

    def send(self, number):
        publisher = self.publisher
        self.flying[number] = (self.ledger.highest, publisher.sequences[number])
        if not publisher.sequences[number]:
            publisher.sent.append(number)
        self.client.out += publish_bytes(publisher.topic(number), publisher.body(number), f"_INBOX.{publisher.mark}.{number}",
                                         publisher.head(number))

    def on_answer(self, message):
        number = int(message.topic.rpartition(".")[2])
        if number not in self.flying:
            raise AssertionError(f"{self.publisher.mark} {number}: acknowledged twice: {message}")
        floor, known = self.flying.pop(number)
        if status_of(message):
            raise AssertionError(f"{self.ledger.name}: nobody keeps {self.publisher.topic(number)}: {message.head}")
        answer = json.loads(message.body)
        if "error" in answer:
            self.on_refusal(number, answer["error"])
            return
        if answer["stream"] != self.ledger.name:
            raise AssertionError(f"acknowledged by another stream: {answer}")
        if known and not answer.get("duplicate"):
            raise AssertionError(f"{self.publisher.mark} {number} is {known} already, and became {answer['seq']}")
        self.ledger.acknowledge(self.publisher, number, answer["seq"], answer.get("duplicate", False), floor)

    def on_refusal(self, number, error):
        raise AssertionError(f"{self.publisher.mark} {number} refused: {error}")

    def withdraw(self, number):
        """It is certain that this one is not kept."""
        self.publisher.sent.remove(number)

    def idle(self):
        return not self.flying


class CarefulPublisher(LinePublisher):
    """Publishes each message on the condition that the last one of its topic is the one that it knows of, and sometimes knows of
    the wrong one. The condition stands in the body, so that the log shows whether it held."""

    def __init__(self, publisher, chance, window=10):
        super().__init__(publisher, chance, window)
        self.last = {}  # by topic, as far as is known

    def send(self, number):
        topic = self.publisher.topic(number)
        expected = self.last.get(topic, 0)
        if self.chance.random() < 0.2:
            expected = self.chance.randrange(expected + 2)
        self.publisher.conditions[number] = expected
        self.flying[number] = (self.ledger.highest, 0)
        self.publisher.sent.append(number)
        self.client.out += publish_bytes(topic, self.publisher.body(number), f"_INBOX.{self.publisher.mark}.{number}",
                                         self.publisher.head(number))

    def on_answer(self, message):
        number = int(message.topic.rpartition(".")[2])
        super().on_answer(message)
        if self.publisher.sequences[number]:
            self.last[self.publisher.topic(number)] = self.publisher.sequences[number]

    def on_refusal(self, number, error):
        if error["err_code"] != WRONG_LAST_SEQUENCE:
            super().on_refusal(number, error)
        self.last[self.publisher.topic(number)] = int(error["description"].rpartition(" ")[2])
        self.withdraw(number)


class FullPublisher(LinePublisher):
    """Publishes into a stream that refuses what is too much, and purges it then."""

    purged = 0  # up to here

    def connect(self, daemon):
        self.full = self.purging = False
        return super().connect(daemon)

    def may_send(self):
        return not self.full

    def turn(self):
        if self.full and not self.flying and not self.purging and not self.stopped:
            self.purging = True
            self.ledger.gone.update(range(self.purged + 1, self.ledger.highest + 1))
            self.client.out += publish_bytes(f"$JS.API.STREAM.PURGE.{self.ledger.name}", b"", f"_INBOX.{self.publisher.mark}.purged")
        super().turn()

    def on_answer(self, message):
        if message.topic.endswith(".purged"):
            if not json.loads(message.body).get("success"):
                raise AssertionError(f"the purge failed: {message.body}")
            self.ledger.taken_out.update(range(self.purged + 1, self.ledger.highest + 1))
            self.purged = self.ledger.highest
            self.full = self.purging = False
        else:
            super().on_answer(message)

    def on_refusal(self, number, error):
        if error["err_code"] != STORE_FAILED:
            super().on_refusal(number, error)
        self.full = True
        self.withdraw(number)


class HttpPublisher(Actor):
    """Publishes by POST, a few requests in the pipe; or many messages in one, where batch says how many."""

    def __init__(self, publisher, chance, depth=4, batch=0):
        self.publisher, self.ledger, self.chance, self.depth, self.batch = publisher, publisher.ledger, chance, depth, batch
        self.flying = collections.deque()  # (numbers, floor) of each request

    def connect(self, daemon):
        self.again = collections.deque(self.publisher.unresolved())
        self.publisher.sent = []
        self.flying.clear()
        return web.Http(daemon)

    def turn(self):
        while self.client.answers:
            self.on_answer(self.client.answers.popleft())
        while not self.stopped and len(self.flying) < self.depth:
            self.post(self.next_numbers())

    def next_numbers(self):
        count = self.chance.randint(1, self.batch) if self.batch else 1
        return [self.again.popleft() if self.again else self.publisher.new_number() for _ in range(count)]

    def post(self, numbers):
        publisher = self.publisher
        self.flying.append((numbers, self.ledger.highest))
        publisher.sent += [number for number in numbers if not publisher.sequences[number]]
        if self.batch:
            target, body, headers = "/v1/publish", b"".join(map(self.item, numbers)), {"Content-Type": "application/x-ndjson"}
        else:
            number = numbers[0]
            target, body = f"/v1/topics/{publisher.topic(number)}", publisher.body(number)
            headers = {"Idempotency-Key": publisher.id_of(number)} if publisher.has_id(number) else {}
        self.client.out += self.client.request_bytes("POST", target, body, headers)
        self.client._asked.append("POST")

    def item(self, number):
        publisher = self.publisher
        item = {"topic": publisher.topic(number), **web.data_of(publisher.body(number))}
        if publisher.has_id(number):
            item["id"] = publisher.id_of(number)
        return json.dumps(item).encode() + b"\n"

    def on_answer(self, answer):
        numbers, floor = self.flying.popleft()
        if answer.status != 200:
            raise AssertionError(f"{self.publisher.mark} {numbers}: {answer.status} {_brief(answer.body)}")
        results = answer.json()["results"] if self.batch else [answer.json()]
        for number, result in zip(numbers, results, strict=True):
            if result.get("stream") != self.ledger.name:
                raise AssertionError(f"{self.publisher.mark} {number}: {result}")
            self.ledger.acknowledge(self.publisher, number, result["seq"], result["duplicate"], floor)

    def idle(self):
        return not self.flying

    def finish(self):
        """What came before the end."""
        while self.client.answers:
            self.on_answer(self.client.answers.popleft())


# -------------------------------------------------------------------------------------------------------------- readers


class Follower(Actor):
    """Reads a stream as NDJSON from where it stood, over all lives: nothing is left out, and no gap is told."""

    def __init__(self, ledger):
        self.ledger, self.cursor, self.at = ledger, None, 0

    def connect(self, daemon):
        return web.Lines(daemon, f"{self.ledger.name}.>", stream=self.ledger.name, since=self.cursor or "all", on_item=self.on_item)

    def on_item(self, item):
        if "gap" in item:
            raise AssertionError(f"{self.ledger.name}: a gap behind {self.at}: {item}")
        missed = [s for s in range(self.at + 1, item["seq"]) if s not in self.ledger.gone]
        if missed or item["seq"] <= self.at:
            raise AssertionError(f"{self.ledger.name}: a follower at {self.at} is given {item['seq']}, and missed {missed[:10]}")
        self.ledger.show(Entry(item["seq"], item["topic"], head_of(item.get("headers")), web.payload(item)), "a follower")
        self.at, self.cursor = item["seq"], item["id"]


class Worker(Actor):
    """A durable pull consumer with explicit acknowledgement. Some messages it acknowledges and forgets, some it acknowledges and
    waits for the word, some it hands back, some it leaves lying."""

    def __init__(self, ledger, name, chance, batch=100):
        self.ledger, self.name, self.chance, self.batch = ledger, name, chance, batch
        self.acknowledged = Marks()  # sequences for which an acknowledgement has been sent
        self.confirmed = Marks()  # and answered
        self.delivered = Marks()
        self.floor = 0
        self.left = 0  # messages that the pull under way may still bring
        self.thorough = False  # acknowledges all

    def connect(self, daemon):
        self.left = 0
        self.newest = 0
        client = daemon.client()
        client.on_message = self.on_message
        client.subscribe(f"_INBOX.{self.name}.>", "1")
        return client

    def turn(self):
        if not self.left and not self.stopped:
            self.left = self.batch
            asked = json.dumps({"batch": self.batch, "expires": 1_000_000_000}).encode()
            self.client.out += publish_bytes(f"$JS.API.CONSUMER.MSG.NEXT.{self.ledger.name}.{self.name}", asked,
                                             f"_INBOX.{self.name}.pull")

    def on_message(self, message):
        if message.topic.startswith(f"_INBOX.{self.name}.ack."):
            self.on_confirmed(int(message.topic.rpartition(".")[2]), message)
        elif status_of(message):
            if status_of(message) in (404, 408, 409):
                self.left = 0
            elif status_of(message) != 100:
                raise AssertionError(f"{self.name}: {message.head}")
        else:
            self.left = max(0, self.left - 1)
            self.on_delivery(delivery_of(message.reply), message)

    def on_delivery(self, found, message):
        sequence = found.sequence
        if sequence in self.confirmed and not ORACLE:  # nats-server promises less
            raise AssertionError(f"{self.ledger.name}: {self.name} is given {sequence} again, which it has acknowledged and was told so: "
                                 f"{message.reply}")
        if found.count == 1:
            if sequence <= self.newest:
                raise AssertionError(f"{self.ledger.name}: {self.name} is given {sequence} for the first time, behind {self.newest}")
            self.newest = sequence
        self.ledger.show(Entry(sequence, message.topic, message.head, message.body), self.name)
        self.delivered.add(sequence)
        self.answer(sequence, message.reply, self.chance.random())

    def answer(self, sequence, reply, draw):
        if draw < 0.5:
            self.acknowledged.add(sequence)
            self.client.out += publish_bytes(reply, b"+ACK", f"_INBOX.{self.name}.ack.{sequence}")
        elif draw < 0.8 or self.thorough:
            self.acknowledged.add(sequence)
            self.client.out += publish_bytes(reply, b"+ACK" if draw < 0.7 else b"")
        elif draw < 0.9:
            self.client.out += publish_bytes(reply, b"-NAK")
        elif draw < 0.95:
            self.client.out += publish_bytes(reply, b"+WPI")

    def on_confirmed(self, sequence, message):
        if message.body or status_of(message):
            raise AssertionError(f"{self.ledger.name}: acknowledging {sequence} to {self.name} is answered by {message}")
        self.confirmed.add(sequence)

    # when a life is over

    def check(self, info, state):
        """What the consumer says of itself after the restart."""
        floor, delivered, last = info["ack_floor"]["stream_seq"], info["delivered"]["stream_seq"], state["last_seq"]
        if floor > last or delivered > last:
            raise AssertionError(f"{self.ledger.name}: {self.name} stands at {delivered}, acknowledged up to {floor}, and the log "
                                 f"ends at {last}")
        if floor > delivered:
            raise AssertionError(f"{self.ledger.name}: {self.name}: floor {floor} is above {delivered}, the last delivered")
        early = [s for s in range(self.floor + 1, floor + 1) if s not in self.acknowledged and s not in self.ledger.gone]
        if early:
            raise AssertionError(f"{self.ledger.name}: {self.name}: floor {floor} is above {early[:10]}, never acknowledged")
        self.floor = floor


class Remover(Actor):
    """Deletes messages here and there, one at a time."""

    def __init__(self, ledger, chance):
        self.ledger, self.chance, self.asked = ledger, chance, 0

    def connect(self, daemon):
        self.asked = 0
        client = daemon.client()
        client.on_message = self.on_answer
        client.subscribe("_INBOX.remover", "1")
        return client

    def turn(self):
        if self.asked or self.stopped or self.ledger.highest < 100 or self.chance.random() > 0.05:
            return
        sequence = self.ledger.highest - self.chance.randrange(99)
        if self.ledger.may_remove(sequence):
            self.asked = sequence
            self.ledger.gone.add(sequence)
            self.client.out += publish_bytes(f"$JS.API.STREAM.MSG.DELETE.{self.ledger.name}", b'{"seq":%d}' % sequence,
                                             "_INBOX.remover")

    def on_answer(self, message):
        if not json.loads(message.body).get("success"):
            raise AssertionError(f"{self.ledger.name}: deleting {self.asked}: {message.body}")
        self.ledger.taken_out.add(self.asked)
        self.asked = 0

    def idle(self):
        return not self.asked
