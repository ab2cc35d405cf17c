#!/usr/bin/env python3
"""Churn: random subscriptions, unsubscriptions and publishes over many connections, compared with a model of a few lines."""

import collections
import random
import time

from harness import PATIENCE, Daemon, equal, flush_all, main

TOKENS = ("a", "b", "c")
SECONDS = 6


def pattern_matches(pattern, topic):
    wanted, got = pattern.split("."), topic.split(".")
    for i, token in enumerate(wanted):
        if token == ">":
            return len(got) > i
        if i >= len(got) or token not in ("*", got[i]):
            return False
    return len(wanted) == len(got)


def random_topic(source):
    return ".".join(source.choice(TOKENS) for _ in range(source.randint(1, 4)))


def random_pattern(source):
    tokens = [source.choice(TOKENS + ("*",)) for _ in range(source.randint(1, 4))]
    if source.random() < 0.25:
        tokens[-1] = ">"
    return ".".join(tokens)


class Model:
    """What every client should have: subscriptions as sid -> (pattern, group, messages left or None)."""

    def __init__(self, clients):
        self.clients = clients
        self.subscriptions = [{} for _ in clients]
        self.plain = collections.Counter()  # (client, sid, body) -> deliveries that must be there
        self.grouped = {}  # (group, body) -> the (client, sid) pairs of which exactly one must get it

    def publish(self, topic, body):
        groups = collections.defaultdict(list)
        for number, held in enumerate(self.subscriptions):
            for sid, (pattern, group, left) in list(held.items()):
                if not pattern_matches(pattern, topic):
                    continue
                if group:
                    groups[group].append((number, sid))
                    continue
                self.plain[number, sid, body] += 1
                if left == 1:
                    del held[sid]
                elif left:
                    held[sid] = (pattern, group, left - 1)
        for group, members in groups.items():
            self.grouped[group, body] = members

    def check(self):
        """Compares with what the clients have got, and empties both."""
        got = collections.Counter()
        by_body = collections.defaultdict(list)
        for number, client in enumerate(self.clients):
            for message in client.inbox:
                got[number, message.sid, message.body] += 1
            client.inbox.clear()
        for key, count in self.plain.items():
            equal(got.pop(key, 0), count, f"deliveries of (client, sid, body) {key}")
        for (number, sid, body), count in got.items():
            by_body[body] += [(number, sid)] * count
        for (group, body), members in self.grouped.items():
            taken = [pair for pair in by_body[body] if pair in members]
            equal(len(taken), 1, f"members of {group} that got {body} (members {members}, taken {by_body[body]})")
            by_body[body].remove(taken[0])
        left = {body: pairs for body, pairs in by_body.items() if pairs}
        equal(left, {}, "deliveries that nobody asked for")
        self.plain.clear()
        self.grouped.clear()


def _churn(seed, connections, changes, groups):
    """Rounds of some changes, a flush of all, some publishes, a flush of all, and a comparison."""
    source = random.Random(seed)
    with Daemon() as daemon:
        clients = daemon.clients(connections)
        model = Model(clients)
        sid = message = rounds = 0
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or rounds < 20:
            for _ in range(source.randint(0, changes)):
                number = source.randrange(connections)
                held = model.subscriptions[number]
                if held and source.random() < 0.5:
                    old = source.choice(sorted(held))
                    clients[number].out += f"UNSUB {old}\r\n".encode()
                    del held[old]
                    continue
                sid += 1
                pattern = random_pattern(source)
                group = source.choice(groups)
                left = source.randint(1, 5) if not group and source.random() < 0.3 else None
                clients[number].out += f"SUB {pattern} {group} {sid}\r\n".encode()
                if left:
                    clients[number].out += f"UNSUB {sid} {left}\r\n".encode()
                held[str(sid)] = (pattern, group, left)
            flush_all(clients)
            publisher = source.randrange(connections)  # one a round: two could take a subscription's last message in either order
            for _ in range(source.randint(1, 30)):
                message += 1
                topic, body = random_topic(source), b"%d" % message
                clients[publisher].publish(topic, body)
                model.publish(topic, body)
            clients[publisher].flush()
            flush_all(clients)
            model.check()
            rounds += 1
        return f"{rounds} rounds, {sid} subscriptions, {message} messages"


def plain_subscriptions_follow_the_model():
    return _churn(1, connections=10, changes=12, groups=("",))


def groups_follow_the_model():
    return _churn(2, connections=10, changes=12, groups=("", "g", "h"))


def fast_churn_with_few_messages_follows_the_model():
    return _churn(3, connections=6, changes=150, groups=("", "", "", "g"))


def connections_that_come_and_go_take_their_subscriptions_along():
    """After each goodbye the others still get theirs, and when all have gone, nobody is there."""
    source = random.Random(4)
    with Daemon() as daemon:
        asker = daemon.client()
        asker.subscribe("inbox", "in")
        for _ in range(15):
            crowd = daemon.clients(10)
            for client in crowd:
                for sid in range(20):
                    client.out += f"SUB {random_pattern(source)} {sid}\r\nSUB {random_pattern(source)} g {sid + 100}\r\n".encode()
            flush_all(crowd)
            for client in crowd:
                client.close()
        deadline = time.monotonic() + 10 * PATIENCE
        while not asker.inbox:  # the ends of the connections are seen in their own time: ask until nobody is left
            asker.publish("a.b.c", reply="inbox")
            asker.publish("a", reply="inbox")
            asker.flush()
            if time.monotonic() > deadline:
                raise AssertionError("somebody is still there")
        asker.inbox.clear()


def memory_does_not_grow_with_churn():
    """The same subscriptions made and ended again and again leave nothing behind."""
    with Daemon() as daemon:
        clients = daemon.clients(8)

        def churn(rounds):
            for turn in range(rounds):
                for number, client in enumerate(clients):
                    client.out += b"".join(b"SUB t.%d.%d.> %d\r\n" % (turn, sid, sid) for sid in range(200))
                    client.out += b"".join(b"PUB t.%d.%d.x 1\r\nx\r\n" % (turn, sid) for sid in range(0, 200, 50))
                    client.out += b"".join(b"UNSUB %d\r\n" % sid for sid in range(200))
                flush_all(clients, 30 * PATIENCE)
                for client in clients:
                    client.inbox.clear()

        churn(10)
        before = daemon.memory_bytes()
        churn(40)
        return daemon.check_growth(before, 8 << 20)


if __name__ == "__main__":
    main(plain_subscriptions_follow_the_model, groups_follow_the_model, fast_churn_with_few_messages_follows_the_model,
         connections_that_come_and_go_take_their_subscriptions_along, memory_does_not_grow_with_churn)
