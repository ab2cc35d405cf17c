#!/usr/bin/env python3
"""Accepted connections are spread evenly over the workers."""

import collections
import re

from harness import ORACLE, Daemon, Skip, equal, main, until


def _by_worker(daemon, count):
    """How many connections each worker has taken, once the log tells of `count` of them."""
    if ORACLE:
        raise Skip("nats-server has no workers")
    def told():
        workers = re.findall(r"client_connected.*\bworker=(\d+)", "\n".join(daemon.log_lines()))
        return workers if len(workers) >= count else None

    return collections.Counter(int(worker) for worker in until(told, f"{count} connections told of in the log"))


def _check_even(seen, count):
    share = count / Daemon.workers
    equal(len(seen), Daemon.workers, f"workers with connections ({dict(seen)})")
    for worker, number in seen.items():
        if not 0.75 * share - 2 <= number <= 1.25 * share + 2:
            raise AssertionError(f"worker {worker} has {number} of {count} connections: {dict(seen)}")


def connections_made_one_by_one_are_spread_evenly():
    with Daemon(log_level="debug") as daemon:
        clients = []
        for _ in range(80):
            client = daemon.client()
            client.flush()
            clients.append(client)
        _check_even(_by_worker(daemon, 80), 80)


def connections_made_at_once_are_spread_evenly():
    with Daemon(log_level="debug") as daemon:
        clients = daemon.clients(200)
        for client in clients:
            client.flush()
        _check_even(_by_worker(daemon, 200), 200)


def connections_to_several_listeners_are_spread_evenly():
    with Daemon(log_level="debug", listen="127.0.0.1:0,[::1]:0") as daemon:
        clients = [daemon.client(address=daemon.line[i % 2]) for i in range(120)]
        for client in clients:
            client.flush()
        _check_even(_by_worker(daemon, 120), 120)


def short_connections_do_not_push_the_others_together():
    """Connections that come and go leave the long ones spread: what counts is how many each worker has, or whose turn it is."""
    with Daemon(log_level="debug") as daemon:
        stay = []
        for _ in range(60):
            client = daemon.client()
            client.flush()
            stay.append(client)
            brief = daemon.client()
            brief.flush()
            brief.close()
        if not ORACLE:
            _by_worker(daemon, 120)  # the log has told of all of them
        ports = {client.sock.getsockname()[1] for client in stay}
        seen = collections.Counter()
        for line in daemon.log_lines():
            found = re.search(r"client_connected.*", line)
            if found and any(int(port) in ports for port in re.findall(r":(\d+)\b", line)):
                seen[int(re.search(r"\bworker=(\d+)", line).group(1))] += 1
        if not ORACLE:
            equal(sum(seen.values()), 60, "long connections told of in the log with address and worker")
            equal(len(seen), Daemon.workers, f"workers with long connections ({dict(seen)})")
            if max(seen.values()) > 2.5 * 60 / Daemon.workers:
                raise AssertionError(f"long connections sit together: {dict(seen)}")


if __name__ == "__main__":
    main(connections_made_one_by_one_are_spread_evenly, connections_made_at_once_are_spread_evenly,
         connections_to_several_listeners_are_spread_evenly, short_connections_do_not_push_the_others_together)
