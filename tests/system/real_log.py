#!/usr/bin/env python3
"""Real input: the package manager's log, a message a line, from publishers to subscribers, byte for byte and in order."""

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes, pump

LOG = "/var/log/dpkg.log"
LINES = 30000


def log_lines():
    """The lines of the machine's own log; where it has fewer than LINES, generated ones of the same kind follow."""
    try:
        with open(LOG, "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        lines = []
    for number in range(len(lines), LINES):
        lines.append(b"2023-06-%02d %02d:%02d:%02d status %s lib%s%d:amd64 1.%d-%d" % (
            number % 28 + 1, number // 3600 % 24, number // 60 % 60, number % 60,
            (b"installed", b"half-configured", b"unpacked", b"")[number % 4], b"x" * (number % 37), number, number % 7, number % 11))
    return lines


def _through(workers, publishers_count):
    """Each publisher sends the whole log under its own topic; every subscriber, one of them by wildcard, must get each log whole."""
    lines = log_lines()
    Daemon.workers = workers
    with Daemon() as daemon:
        publishers, subscribers = daemon.clients(publishers_count), daemon.clients(3)
        for subscriber in subscribers[:2]:
            for i in range(publishers_count):
                subscriber.subscribe(f"log.{i}", str(i))
        subscribers[2].subscribe("log.*", "all")
        flush_all(subscribers)
        for i, publisher in enumerate(publishers):
            publisher.out += b"".join(publish_bytes(f"log.{i}", line) for line in lines)
        total = publishers_count * len(lines)
        pump(publishers + subscribers, lambda: all(s.received_count == total for s in subscribers), "every line", 60 * PATIENCE)
        for subscriber in subscribers:
            for i in range(publishers_count):
                got = b"\n".join(m.body for m in subscriber.inbox if m.topic == f"log.{i}")
                equal(got == b"\n".join(lines), True, f"the log of publisher {i} byte for byte")
    return f"{len(lines)} lines, {publishers_count} publishers, {workers} workers"


def one_publisher():
    return _through(Daemon.workers, 1)


def three_publishers():
    return _through(Daemon.workers, 3)


def two_workers():
    return _through(2, 2)


if __name__ == "__main__":
    main(one_publisher, three_publishers, two_workers)
