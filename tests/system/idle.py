#!/usr/bin/env python3
"""Ten thousand idle connections, each with a subscription: they cost little memory and no processor, and all of them still hear."""

import resource
import time

from harness import ORACLE, PATIENCE, Daemon, Skip, main, pump

CONNECTIONS = 10000
SPARE = 200  # descriptors for everything else


def _raise_descriptor_limit():
    """As many as we may have, here and in the daemon, which inherits it; returns the number of connections that allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard if hard != resource.RLIM_INFINITY else 65536
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    count = min(CONNECTIONS, limit - SPARE)
    if count < 500:
        raise Skip(f"only {limit} descriptors")
    return count


def idle_connections_cost_little():
    count = _raise_descriptor_limit()
    with Daemon() as daemon:
        for client in daemon.clients(100):  # what is there once for all has been made by now
            client.subscribe("all", "1")
            client.flush()
            client.close()
        before = daemon.memory_bytes()
        clients = []
        for number in range(count):
            client = daemon.client()
            client.subscribe("all", "1")
            clients.append(client)
            if number % 100 == 99:
                for recent in clients[-100:]:
                    recent.flush()
        each = (daemon.memory_bytes() - before) / count
        cpu, start = daemon.cpu_s(), time.monotonic()
        time.sleep(0.5)  # the idling that is measured
        idle = (daemon.cpu_s() - cpu) / (time.monotonic() - start)
        publisher = daemon.client()
        publisher.publish("all", b"hello")
        pump(clients, lambda: all(c.received_count for c in clients), "a message at every connection", 60 * PATIENCE)
        after = (daemon.memory_bytes() - before) / count
        note = f"{count} connections, {each / 1024:.2f} KiB each, {after / 1024:.2f} after a message to all, {idle:.2f} of a processor"
        if not ORACLE and PATIENCE == 1 and (each > 1536 or after > 2560):
            raise AssertionError(f"too much memory: {note}")
        if idle > 0.2:
            raise AssertionError(f"busy with nothing to do: {note}")
        return note


def ten_thousand_connections_that_leave_at_once_are_forgotten():
    count = _raise_descriptor_limit() // 4
    with Daemon() as daemon:
        asker = daemon.client()
        asker.subscribe("inbox", "1")
        asker.flush()
        descriptors = daemon.descriptor_count()
        for _ in range(2):
            clients = daemon.clients(count)
            for client in clients:
                client.subscribe("all", "1")
            for client in clients:
                client.flush()
            for client in clients:
                client.close()
            end = time.monotonic() + 30 * PATIENCE
            while daemon.descriptor_count() > descriptors:
                asker.flush()
                if time.monotonic() > end:
                    raise AssertionError(f"{daemon.descriptor_count() - descriptors} descriptors are still open")
        end = time.monotonic() + 30 * PATIENCE
        while not asker.inbox:  # a descriptor is closed a little before its subscription is known elsewhere to be gone
            asker.publish("all", reply="inbox")
            asker.flush()
            if time.monotonic() > end:
                raise AssertionError("subscriptions of clients that left still take messages")
        asker.expect("inbox", b"", head=b"NATS/1.0 503\r\n\r\n")


if __name__ == "__main__":
    main(idle_connections_cost_little, ten_thousand_connections_that_leave_at_once_are_forgotten)
