"""What was sent to a stream and acknowledged, and whether the log of the stream agrees.

Every message is made from its publisher and its number, so that no copy of it has to be kept: whoever sees one in the log makes it
anew and compares. A *life* is what lies between a start of the daemon and its end. What must hold when the next life begins:

  - an acknowledged message is in the log under the sequence of its acknowledgement, whole, and nowhere else
  - so is every message that any reader was shown
  - of the messages that a publisher sent in this life, those in the log are the first of them, in the order in which he sent them
  - no sequence is taken twice, and none is left out but where messages were taken out
"""

import array
import random
import zlib

NUMBER_BITS = 32
SIZE_MAX = 300_000  # larger than a span of the log
_TEXT = "abcdefghijklmnopqrstuvwxyz0123456789 \"\\/\n\t{}<>äß€ "


def _fill(seed):
    """Bytes to cut bodies from: cut anywhere, some are UTF-8 and some are not."""
    some = "".join(random.Random(seed).choices(_TEXT, k=4093)).encode()
    return some * (SIZE_MAX // len(some) + 2)


class Marks:
    """A set of sequences, a byte each."""

    def __init__(self):
        self._bytes = bytearray()
        self.count = 0

    def __contains__(self, sequence):
        return sequence < len(self._bytes) and self._bytes[sequence] == 1

    def add(self, sequence):
        if sequence >= len(self._bytes):
            self._bytes += bytes(sequence + 1000 - len(self._bytes))
        self.count += not self._bytes[sequence]
        self._bytes[sequence] = 1

    def update(self, sequences):
        for sequence in sequences:
            self.add(sequence)


class Publisher:
    """A source of messages for one stream, which outlives the daemon and its connections. mark: its name within the test."""

    everybody = []
    removable = True  # others may delete its messages

    def __init__(self, ledger, mark, topics=4, with_id=0, sizes=(300, 5000, SIZE_MAX)):
        """with_id: every so many messages have an id, and are sent again when their fate is unknown; 0: none has.
        sizes: of most bodies at most, of some, of a few."""
        self.ledger, self.mark, self.topics, self.with_id, self.sizes = ledger, mark, topics, with_id, sizes
        self.index = len(Publisher.everybody) + 1
        Publisher.everybody.append(self)
        self._fill = _fill(mark)
        self.sequences = array.array("Q", [0])  # by number: where the log has it; 0: nowhere, as far as is known
        self.next_number = 1
        self.sent = []  # numbers, in the order in which this life has sent them
        self.known = 0  # messages acknowledged, without duplicates

    def new_number(self):
        number = self.next_number
        self.next_number += 1
        self.sequences.append(0)
        return number

    def has_id(self, number):
        return self.with_id and number % self.with_id == 0

    def id_of(self, number):
        return f"{self.mark}-{number}"

    def topic(self, number):
        return f"{self.ledger.name}.{self.mark if number % 3 else 'all'}.{number % self.topics}"

    def head(self, number):
        return b"NATS/1.0\r\nNats-Msg-Id: %s\r\n\r\n" % self.id_of(number).encode() if self.has_id(number) else b""

    def body(self, number):
        draw = zlib.crc32(b"%d.%d" % (self.index, number))
        size = (draw >> 12) % self.sizes[0 if draw % 16 else 1 if draw % 256 else 2]
        at = draw % 4093
        return b"%d %d " % (self.index, number) + self._fill[at:at + size]

    def key(self, number):
        return self.index << NUMBER_BITS | number

    def unresolved(self):
        """Numbers of this life's messages that have an id and no sequence."""
        return [number for number in self.sent if self.has_id(number) and not self.sequences[number]]

    def check(self, number, entry):
        """The entry of the log is this message, to the last byte."""
        if number >= self.next_number:
            raise AssertionError(f"{self.ledger.name}: {entry.sequence} holds a message that was never sent: {self.mark} {number}")
        wanted = (self.topic(number), self.head(number), self.body(number))
        if wanted != (entry.topic, entry.head, entry.body):
            raise AssertionError(f"{self.ledger.name}: {entry.sequence} is not the message {self.mark} {number} that was sent: "
                                 f"{entry.topic} {entry.head} {len(entry.body)} bytes {entry.body[:60]}")


class Careful(Publisher):
    """Each of its messages has the condition that the last of its topic be this one. Several share the topics."""

    removable = False

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.conditions = array.array("Q", [0])

    def new_number(self):
        self.conditions.append(0)
        return super().new_number()

    def topic(self, number):
        return f"{self.ledger.name}.chain.{number % self.topics}"

    def head(self, number):
        return b"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: %d\r\n\r\n" % self.conditions[number]


def publisher_of(body):
    """(publisher, number) that a body names."""
    try:
        index, number = body[:40].split(b" ", 2)[:2]
        return Publisher.everybody[int(index) - 1], int(number)
    except (ValueError, IndexError):
        raise AssertionError(f"a body that nobody sent: {body[:80]}") from None


class Ledger:
    """One stream, as its publishers and readers know it."""

    def __init__(self, name):
        self.name = name
        self.publishers = []
        self.chains = {}  # the last sequence of each topic whose messages have conditions
        self.keys = array.array("Q", [0])  # by sequence: what it holds, 0 where that is not known
        self.gone = Marks()  # sequences that were taken out, or may have been
        self.taken_out = Marks()  # those of which it is certain
        self.end = 0  # the last sequence when this life began
        self.highest = 0  # that anybody has been told of
        self.acknowledged = []  # sequences, in this life
        self.acknowledged_count = 0

    def publisher(self, mark, kind=Publisher, **settings):
        made = kind(self, f"{self.name}-{mark}", **settings)
        self.publishers.append(made)
        return made

    def key_at(self, sequence):
        return self.keys[sequence] if sequence < len(self.keys) else 0

    def may_remove(self, sequence):
        """A message that is known, and whose going harms no condition: ids of what is gone are not remembered for ever."""
        if not self.key_at(sequence) or sequence in self.gone:
            return False
        publisher, number = self.source_of(sequence)
        return publisher.removable and not publisher.has_id(number)

    def note(self, publisher, number, sequence, who):
        """Somebody was told that this message has this sequence."""
        key = publisher.key(number)
        if sequence >= len(self.keys):
            self.keys.frombytes(bytes(8 * (sequence + 1 - len(self.keys))))
        before = self.keys[sequence]
        if before not in (0, key):
            raise AssertionError(f"{self.name}: sequence {sequence} twice: {who} has {publisher.mark} {number}, "
                                 f"before it was {describe(before)}")
        if publisher.sequences[number] not in (0, sequence):
            raise AssertionError(f"{self.name}: {publisher.mark} {number} twice: {who} has it as {sequence}, before it was "
                                 f"{publisher.sequences[number]}")
        self.keys[sequence] = key
        publisher.sequences[number] = sequence
        self.highest = max(self.highest, sequence)

    def acknowledge(self, publisher, number, sequence, duplicate, floor):
        """The publisher has an acknowledgement. floor: the highest sequence that was known when it was sent."""
        if not duplicate and sequence <= floor:
            raise AssertionError(f"{self.name}: {publisher.mark} {number} was sent when {floor} was known, and became {sequence}")
        self.note(publisher, number, sequence, "an acknowledgement")
        self.acknowledged.append(sequence)
        publisher.known += not duplicate

    def show(self, entry, who):
        """A reader was given this message."""
        publisher, number = publisher_of(entry.body)
        publisher.check(number, entry)
        self.note(publisher, number, entry.sequence, who)

    # when a life is over

    def check_state(self, state):
        if state["last_seq"] < self.highest:
            raise AssertionError(f"{self.name}: the log ends at {state['last_seq']}, {self.highest} was acknowledged or shown")

    def end_life(self, entries, last_sequence):
        """entries: the log behind `end`, or more of it, read after the restart."""
        there = self._take(entries)
        missing = [s for s in range(self.end + 1, last_sequence + 1) if s not in there and s not in self.gone]
        if missing:
            raise AssertionError(f"{self.name}: not in the log: {', '.join(map(self.describe_at, missing[:10]))} "
                                 f"({len(missing)} of {self.end + 1} to {last_sequence})")
        self._check_order()
        self.close_life(last_sequence)

    def close_life(self, last_sequence):
        self.acknowledged_count += len(self.acknowledged)
        self.acknowledged = []
        self.end = last_sequence

    def _take(self, entries):
        there, before = set(), 0
        for entry in entries:
            if entry.sequence <= before:
                raise AssertionError(f"{self.name}: the log has {entry.sequence} behind {before}")
            before = entry.sequence
            if before in self.taken_out:
                raise AssertionError(f"{self.name}: the log has {before} again, which was taken out")
            self.show(entry, "the log")
            self._check_condition(entry)
            there.add(before)
        return there

    def _check_condition(self, entry):
        publisher, number = publisher_of(entry.body)
        if isinstance(publisher, Careful):
            last = self.chains.get(entry.topic, 0)
            if entry.sequence > last:
                if publisher.conditions[number] != last:
                    raise AssertionError(f"{self.name}: {entry.sequence} is kept on the condition that {entry.topic} ends at "
                                         f"{publisher.conditions[number]}, and it ended at {last}")
                self.chains[entry.topic] = entry.sequence

    def _check_order(self):
        """Of what each publisher sent, the log has the first ones, in his order."""
        for publisher in self.publishers:
            found = [publisher.sequences[number] for number in publisher.sent]
            here = [sequence for sequence in found if sequence]
            if 0 in found[:len(here)] and not isinstance(publisher, Careful):  # whose others may have been refused
                at = found.index(0)
                raise AssertionError(f"{self.name}: {publisher.mark} {publisher.sent[at]} is missing, and one that was sent later "
                                     f"is there: {found[max(0, at - 3):at + 5]}")
            fresh = [sequence for sequence in here if sequence > self.end]
            if fresh != sorted(fresh):
                at = next(i for i in range(1, len(fresh)) if fresh[i] < fresh[i - 1])
                raise AssertionError(f"{self.name}: {publisher.mark}: out of order: {fresh[max(0, at - 3):at + 3]}")

    def source_of(self, sequence):
        """(publisher, number) of what is known to be there."""
        return source(self.key_at(sequence))

    def topic_at(self, sequence):
        publisher, number = self.source_of(sequence)
        return publisher.topic(number)

    def describe_at(self, sequence):
        return f"{sequence} ({describe(self.key_at(sequence))})"


def source(key):
    return Publisher.everybody[(key >> NUMBER_BITS) - 1], key & ((1 << NUMBER_BITS) - 1)


def describe(key):
    if not key:
        return "unknown"
    publisher, number = source(key)
    return f"{publisher.mark} {number}"
