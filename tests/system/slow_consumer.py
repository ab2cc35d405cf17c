#!/usr/bin/env python3
"""Slow consumers: output waits up to a limit, then its client is let go; the others do not notice."""

import time

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes, pump

SMALL_BUFFER = 4096  # receive buffer of a client that does not read, so that the kernel hides little


def slow_consumer_is_closed_while_others_go_on():
    """Publishers wait for the good clients after each half megabyte, so that only the bad one ever has more to come than it may."""
    with Daemon("line.pending_size_max=1MiB", "line.payload_size_max=64KiB") as daemon:
        good, publishers = daemon.clients(4), daemon.clients(2)
        bad = daemon.client(receive_size=SMALL_BUFFER)
        for client in good + [bad]:
            client.subscribe("a", "1")
        flush_all(good + [bad])
        count = 0
        for _ in range(100):
            for publisher in publishers:
                publisher.out += publish_bytes("a", b"x" * 16384) * 16
                count += 16
            pump(good + publishers, lambda: all(c.received_count == count for c in good), "every message at the good clients", 30 * PATIENCE)
        bad.expect_closed()
        if bad.received_count >= count:
            raise AssertionError("the slow client got everything; nothing was tested")
        flush_all(good)


def clients_that_read_all_the_time_survive_a_flood():
    """Publishers are held back while somebody's output is nearly full, so that a reading client, if a slow program, keeps up."""
    with Daemon("line.pending_size_max=24MiB") as daemon:
        good, publishers = daemon.clients(4), daemon.clients(3)
        for client in good:
            client.subscribe("a", "1")
        flush_all(good)
        count = 2000
        for publisher in publishers:
            publisher.out += publish_bytes("a", b"x" * 16384) * count  # 96 MiB in all, 384 to be read
        wanted = count * len(publishers)
        pump(good + publishers, lambda: all(c.received_count == wanted for c in good), "every message", 60 * PATIENCE)


def slow_consumer_is_told_of_in_the_log():
    with Daemon("line.pending_size_max=1MiB", "line.payload_size_max=64KiB") as daemon:
        publisher, bad = daemon.client(), daemon.client(receive_size=SMALL_BUFFER)
        bad.subscribe("a", "1")
        bad.flush()
        publisher.send(publish_bytes("a", b"x" * 65536) * 400)
        bad.expect_closed(20 * PATIENCE)
        daemon.wait_log(r"(?i)slow.?consumer")


def messages_before_the_limit_are_whole():
    """What a slow client gets before the end is a beginning of what was published, without holes."""
    with Daemon("line.pending_size_max=1MiB", "line.payload_size_max=64KiB") as daemon:
        publisher, bad = daemon.client(), daemon.client(receive_size=SMALL_BUFFER)
        bad.subscribe("a", "1")
        bad.flush()
        for number in range(600):
            publisher.out += publish_bytes("a", b"%-20000d" % number)
        pump([publisher], lambda: not publisher.out, "the publisher's sending", 20 * PATIENCE)
        bad.expect_closed(20 * PATIENCE)
        numbers = [int(m.body) for m in bad.inbox]
        equal(numbers, list(range(len(numbers))), "what the slow client got")
        if len(numbers) == 600:
            raise AssertionError("the client was never slow")


def write_timeout_closes_a_client_that_takes_nothing():
    """Far below the size limit, but no byte has moved for the time of write_timeout."""
    with Daemon("line.write_timeout=300ms") as daemon:
        publisher, good = daemon.clients(2)
        bad = daemon.client(receive_size=SMALL_BUFFER)
        for client in (good, bad):
            client.subscribe("a", "1")
        flush_all([good, bad])
        publisher.out += publish_bytes("a", b"x" * 65536) * 200
        pump([publisher, good], lambda: good.received_count == 200, "every message at the good client", 30 * PATIENCE)
        # Sockets' buffers may swallow some megabytes; the rest stands in the daemon, where it is too old soon.
        daemon.wait_log(r"(?i)write.?timeout|slow.?consumer", 20 * PATIENCE)
        bad.expect_closed()
        flush_all([publisher, good])


def the_time_to_write_begins_when_something_waits():
    """And not when the daemon, with nothing to do, fell asleep: what is said after a long silence must still arrive."""
    with Daemon("line.write_timeout=300ms") as daemon:
        client = daemon.client()
        client.flush()
        client.listen(0.6)  # the silence itself
        client.line("HELLO")
        client.expect_error("Unknown Protocol Operation")
        client.expect_closed()


def a_client_that_reads_slowly_but_steadily_stays():
    """What the peer takes restarts the write deadline, however little: it is for clients that take nothing, not for thin lines."""
    with Daemon("line.write_timeout=600ms") as daemon:
        publisher, slow = daemon.client(), daemon.client(receive_size=SMALL_BUFFER)
        slow.subscribe("a", "1")
        slow.flush()
        count = 400
        publisher.out += publish_bytes("a", b"x" * 32768) * count  # 13 MiB, of which the kernel holds a few
        pump([publisher], lambda: not publisher.out, "the publisher's sending", 20 * PATIENCE)
        end = time.monotonic() + 3
        while time.monotonic() < end and slow.received_count < count:  # a megabyte a second, for five deadlines
            slow.wait(lambda start=slow.received_count: slow.received_count > start, "a little", 20 * PATIENCE)
            time.sleep(0.02)  # the slowness itself, not a wait for anything
        pump([slow], lambda: slow.received_count == count, "the rest", 30 * PATIENCE)
        slow.flush()


def memory_stays_bounded_with_many_slow_clients():
    """Twenty clients that never read, each allowed 1 MiB: the daemon cannot hold more than that for long."""
    with Daemon("line.pending_size_max=1MiB", "line.payload_size_max=64KiB") as daemon:
        publisher = daemon.client()
        publisher.flush()
        before = daemon.memory_bytes()
        bad = [daemon.client(receive_size=SMALL_BUFFER) for _ in range(20)]
        for client in bad:
            client.subscribe("a", "1")
        flush_all(bad)
        for _ in range(60):
            publisher.send(publish_bytes("a", b"x" * 65536) * 20)
            publisher.flush()
            # 20 MiB of output, the workers' own buffers, and what passes between workers; a daemon without limits has 1.5 GiB.
            note = daemon.check_growth(before, 120 << 20)
        for client in bad:
            client.expect_closed(20 * PATIENCE)
        return note


def a_request_whose_answer_cannot_be_sent_harms_nobody():
    """A client that publishes to itself and never reads is its own slow consumer."""
    with Daemon("line.pending_size_max=1MiB", "line.payload_size_max=64KiB") as daemon:
        other, bad = daemon.client(), daemon.client(receive_size=SMALL_BUFFER)
        bad.subscribe("me", "1")
        bad.flush()
        data = publish_bytes("me", b"x" * 60000) * 400
        bad.sock.settimeout(20 * PATIENCE)
        try:
            bad.sock.sendall(data)
        except OSError:
            pass  # closed in the middle of it, as it should be
        bad.sock.setblocking(False)
        bad.expect_closed(20 * PATIENCE)
        other.flush()


def pongs_count_as_output_too():
    """A client that sends PING without end and never reads must not fill the daemon's memory."""
    with Daemon("line.pending_size_max=1MiB", "line.payload_size_max=64KiB") as daemon:
        other, bad = daemon.client(), daemon.client(receive_size=SMALL_BUFFER)
        bad.flush()
        before = daemon.memory_bytes()
        bad.sock.settimeout(30 * PATIENCE)
        try:
            for _ in range(200):
                bad.sock.sendall(b"PING\r\n" * 20000)
        except OSError:
            pass
        other.flush()
        return daemon.check_growth(before, 60 << 20)


if __name__ == "__main__":
    main(slow_consumer_is_closed_while_others_go_on, clients_that_read_all_the_time_survive_a_flood,
         slow_consumer_is_told_of_in_the_log, messages_before_the_limit_are_whole,
         write_timeout_closes_a_client_that_takes_nothing, the_time_to_write_begins_when_something_waits,
         a_client_that_reads_slowly_but_steadily_stays,
         memory_stays_bounded_with_many_slow_clients, a_request_whose_answer_cannot_be_sent_harms_nobody, pongs_count_as_output_too)
