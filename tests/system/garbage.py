#!/usr/bin/env python3
"""Garbage: bytes that are no protocol, or nearly, harm only the connection that they come from."""

import random
import time

from harness import Closed, Daemon, flush_all, main

SECONDS = 4
GOOD = [b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n', b"SUB a.* 1\r\n", b"SUB a.b g 2\r\n", b"PUB a.b 5\r\nhello\r\n",
        b"HPUB a.b c 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", b"UNSUB 1 3\r\n", b"UNSUB 2\r\n", b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"INFO {}\r\n",
        b"PUB bystander.x 0\r\n\r\n", b"SUB bystander.> 9\r\n"]


def _mutated(source):
    """A run of good operations with some bytes changed, cut out, doubled or put elsewhere."""
    data = bytearray(b"".join(source.choice(GOOD) for _ in range(source.randint(1, 30))))
    for _ in range(source.randint(1, 8)):
        at = source.randrange(len(data))
        kind = source.randrange(4)
        if kind == 0:
            data[at] = source.choice(b"\r\n \t\x00\xff09aPSU>.*{}\"")
        elif kind == 1:
            del data[at:at + source.randint(1, 9)]
        elif kind == 2:
            data[at:at] = data[at:at + source.randint(1, 40)]
        else:
            data[at:at] = bytes(source.randrange(256) for _ in range(source.randint(1, 5)))
        if not data:
            break
    return bytes(data)


def _noise(source):
    return source.randbytes(source.randint(1, 3000))


def _bombard(make, seed):
    """Many connections that talk garbage and leave as they like, and two bystanders who must not notice."""
    source = random.Random(seed)
    with Daemon() as daemon:
        speaker, listener = daemon.clients(2)
        listener.subscribe("good", "1")
        listener.flush()
        end, count = time.monotonic() + SECONDS, 0
        while time.monotonic() < end or count < 300:
            vandal = daemon.client(hello=False)
            vandal._take_control = lambda line: None  # what it hears is not looked at
            vandal._take_message = lambda data, at, stop: stop + 2
            try:
                vandal.send(make(source))
                if source.random() < 0.5:
                    vandal.listen(0.001)
            except Closed:
                pass
            vandal.reset() if source.random() < 0.3 else vandal.close()
            count += 1
            if count % 10 == 0:
                speaker.publish("good", b"%d" % count)
                listener.expect("good", b"%d" % count)
        flush_all([speaker, listener])
        return f"{count} connections"


def random_bytes_harm_nobody_else():
    return _bombard(_noise, 1)


def operations_gone_wrong_harm_nobody_else():
    return _bombard(_mutated, 2)


def memory_does_not_grow_with_garbage():
    source = random.Random(3)
    with Daemon() as daemon:
        client = daemon.client()

        def attack(rounds):
            for _ in range(rounds):
                vandals = [daemon.client(hello=False) for _ in range(20)]
                for vandal in vandals:
                    vandal.sock.send(b"PUB a 1000000\r\n" + source.randbytes(20000))  # begun and never ended
                for vandal in vandals:
                    vandal.close()
            client.flush()

        attack(20)
        before = daemon.memory_bytes()
        attack(60)
        return daemon.check_growth(before, 16 << 20)


if __name__ == "__main__":
    main(random_bytes_harm_nobody_else, operations_gone_wrong_harm_nobody_else, memory_does_not_grow_with_garbage)
