#!/usr/bin/env python3
"""Groups across workers: each message goes to exactly one member, and in time to every member."""

import collections
import random
import socket

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes, pump


def _count(members):
    """Makes members record what they get; returns the record: message -> how often."""
    record = collections.Counter()

    def recorder(client):
        def take(message):
            record[message.body] += 1
        client.on_message = take

    for member in members:
        recorder(member)
    return record


def _publish(publishers, count, topic="job"):
    for i, publisher in enumerate(publishers):
        publisher.out += b"".join(publish_bytes(topic, b"%d.%d" % (i, n)) for n in range(count))
        publisher.ping_queued()


def group_delivers_to_exactly_one_member():
    with Daemon() as daemon:
        members, publishers = daemon.clients(8), daemon.clients(4)
        record = _count(members)
        for member in members:
            member.subscribe("job", "1", group="workers")
        flush_all(members)
        _publish(publishers, 3000)
        pump(members + publishers, lambda: sum(record.values()) >= 12000 and all(p.flushed() for p in publishers), "every job", 60 * PATIENCE)
        flush_all(members)
        equal(set(record.values()), {1}, "deliveries of a job")
        equal(len(record), 12000, "jobs")


def group_reaches_all_members_alike():
    """Members are chosen by chance, each as often as the others, wherever they sit and whoever publishes."""
    with Daemon() as daemon:
        members, publishers = daemon.clients(6), daemon.clients(5)
        for member in members:
            member.subscribe("job", "1", group="workers")
        flush_all(members)
        _publish(publishers, 2400)
        pump(members + publishers, lambda: sum(m.received_count for m in members) >= 12000, "every job", 60 * PATIENCE)
        for member in members:  # 2,000 each expected, standard deviation 41
            if not 1700 < member.received_count < 2300:
                raise AssertionError(f"uneven: {[m.received_count for m in members]}")


def two_groups_and_plain_subscribers_each_get_their_copy():
    with Daemon() as daemon:
        reds, blues, plain, publishers = daemon.clients(3), daemon.clients(3), daemon.clients(3), daemon.clients(3)
        records = {"reds": _count(reds), "blues": _count(blues), "plain": _count(plain)}
        for members, group in ((reds, "red"), (blues, "blue"), (plain, "")):
            for member in members:
                member.subscribe("job.*", "1", group=group)
        flush_all(reds + blues + plain)
        _publish(publishers, 1000, topic="job.x")
        everybody = reds + blues + plain + publishers
        pump(everybody, lambda: sum(sum(r.values()) for r in records.values()) >= 15000, "every job", 60 * PATIENCE)
        flush_all(everybody)
        equal(set(records["reds"].values()), {1}, "deliveries of a job to the reds")
        equal(set(records["blues"].values()), {1}, "deliveries of a job to the blues")
        equal(set(records["plain"].values()), {3}, "deliveries of a job to plain subscribers")


def one_group_on_several_patterns_is_one_group():
    """As in nats-server, members are of one group by its name, whichever of the matching patterns they came by."""
    with Daemon() as daemon:
        members, publishers = daemon.clients(4), daemon.clients(4)
        record = _count(members)
        for member, pattern in zip(members, ("a.b", "a.*", "*.b", ">")):
            member.subscribe(pattern, "1", group="g")
        flush_all(members)
        _publish(publishers, 500, topic="a.b")
        pump(members + publishers, lambda: sum(record.values()) >= 2000 and all(p.flushed() for p in publishers), "every job", 60 * PATIENCE)
        flush_all(members)
        equal(set(record.values()), {1}, "deliveries of a job")
        equal(all(m.received_count for m in members), True, "every member was chosen at least once")


def members_that_come_and_go_lose_nothing():
    """A member that says UNSUB and flushes has left: later jobs are for the others. One constant member makes sure that somebody is there."""
    source = random.Random(11)
    with Daemon() as daemon:
        constant, others, publishers = daemon.client(), daemon.clients(5), daemon.clients(3)
        record = _count([constant] + others)
        constant.subscribe("job", "1", group="g")
        flush_all([constant])
        sent = 0
        for step in range(150):
            mover = source.choice(others)
            mover.subscribe("job", str(step), group="g")
            if source.random() < 0.5:
                mover.flush()
            for publisher in publishers:
                publisher.out += b"".join(publish_bytes("job", b"%d" % n) for n in range(sent, sent + 20))
                publisher.ping_queued()
                sent += 20
            mover.out += b"UNSUB %d\r\n" % step
            pump([constant] + others + publishers, lambda: all(p.flushed() for p in publishers), "the publishers' flush", 60 * PATIENCE)
        flush_all([constant] + others)
        flush_all(publishers)
        pump([constant] + others, lambda: sum(record.values()) >= sent, "every job", 20 * PATIENCE)
        equal(set(record.values()), {1}, "deliveries of a job")
        equal(len(record), sent, "jobs")


def members_that_hang_up_leave_their_group():
    with Daemon() as daemon:
        members, publisher = daemon.clients(6), daemon.client()
        for member in members:
            member.subscribe("job", "1", group="g")
        flush_all(members)
        for remaining in range(len(members) - 1, 0, -1):
            leaver = members.pop()
            leaver.line("UNSUB 1")
            leaver.flush()
            leaver.close()
            before = sum(m.received_count for m in members)
            publisher.send(publish_bytes("job", b"x") * 60)
            pump([publisher] + members, lambda: sum(m.received_count for m in members) == before + 60, f"60 jobs for {remaining} members")


def members_that_vanish_without_a_word_swallow_nothing_for_long():
    """Jobs that a vanished member's worker gets are for the others. Its end is seen when the daemon has closed the connection too."""
    with Daemon() as daemon:
        stay, publisher = daemon.clients(2)
        stay.subscribe("job", "1", group="g")
        stay.flush()
        for step in range(60):
            leaver = daemon.client()
            leaver.subscribe("job", "1", group="g")
            leaver.flush()
            leaver.sock.shutdown(socket.SHUT_WR)
            leaver.expect_closed()
            count = stay.received_count + 20
            publisher.send(publish_bytes("job", b"x") * 20)
            pump([publisher, stay], lambda: stay.received_count == count, f"20 jobs after the end of member {step}", 5 * PATIENCE)


def a_group_whose_members_all_publish_without_echo_goes_to_the_others():
    with Daemon() as daemon:
        members = daemon.clients(5, echo=False)
        record = _count(members)
        for member in members:
            member.subscribe("job", "1", group="g")
        flush_all(members)
        _publish(members, 200)
        pump(members, lambda: sum(record.values()) >= 1000, "every job", 60 * PATIENCE)
        flush_all(members)
        equal(set(record.values()), {1}, "deliveries of a job")
        equal(sum(record.values()), 1000, "jobs")


if __name__ == "__main__":
    main(group_delivers_to_exactly_one_member, group_reaches_all_members_alike, two_groups_and_plain_subscribers_each_get_their_copy,
         one_group_on_several_patterns_is_one_group, members_that_come_and_go_lose_nothing, members_that_hang_up_leave_their_group,
         members_that_vanish_without_a_word_swallow_nothing_for_long,
         a_group_whose_members_all_publish_without_echo_goes_to_the_others)
