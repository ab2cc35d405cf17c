#!/usr/bin/env python3
"""Out of descriptors: those who are in go on, nothing spins, and it recovers by itself."""

import resource
import socket
import time

from harness import ORACLE, PATIENCE, Client, Daemon, Skip, flush_all, main, publish_bytes, pump

LIMIT = 80


def _few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


def _waiting(daemon, count):
    """Connections that the kernel has made and the daemon cannot accept for want of descriptors."""
    host, port = daemon.line[0].rsplit(":", 1)
    return [socket.create_connection((host, int(port)), 10) for _ in range(count)]


def _fill(daemon):
    """Connects until a connection gets no greeting; returns (clients that are in, the sockets that wait)."""
    clients, waiting = [], []
    while len(waiting) < 5:
        sock = _waiting(daemon, 1)[0]
        sock.settimeout(0.3 * PATIENCE)  # the greeting is due at once; its absence is what is looked for
        try:
            greeted = sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            greeted = b""
        if greeted and not waiting:
            client = Client(sock)
            clients.append(client)
        else:
            waiting.append(sock)
        if len(clients) > LIMIT:
            raise AssertionError(f"{len(clients)} clients with {LIMIT} descriptors")
    return clients, waiting


def accepted_clients_are_unaffected_and_nothing_spins():
    if ORACLE:
        raise Skip("nats-server ends its accept loop otherwise")
    with Daemon(prepare=_few_descriptors) as daemon:
        clients, waiting = _fill(daemon)
        clients[0].subscribe("a", "1")
        clients[0].flush()
        # A second of being out of descriptors: processor time must stay far below it.
        before, start = daemon.cpu_s(), time.monotonic()
        while time.monotonic() - start < 1:
            clients[-1].publish("a", b"x")
            clients[0].expect("a", b"x")
            time.sleep(0.05)
        used = (daemon.cpu_s() - before) / (time.monotonic() - start)
        if used > 0.25:
            raise AssertionError(f"used {used:.2f} of a processor while out of descriptors")
        sender, receiver = clients[-1], clients[0]
        sender.out += publish_bytes("a", b"y" * 100) * 5000
        count = receiver.received_count + 5000
        pump([sender, receiver], lambda: receiver.received_count == count, "a flood between clients that are in")
        for sock in waiting:
            sock.close()
        return f"{len(clients)} clients with {LIMIT} descriptors, {used:.2f} of a processor"


def those_who_wait_are_served_when_others_leave():
    if ORACLE:
        raise Skip("nats-server ends its accept loop otherwise")
    with Daemon(prepare=_few_descriptors) as daemon:
        clients, waiting = _fill(daemon)
        for client in clients[: len(waiting) + 3]:
            client.close()
        late = []
        for sock in waiting:
            client = Client(sock)
            client.flush()
            late.append(client)
        flush_all(clients[len(waiting) + 3:] + late)


def a_refusal_to_accept_is_logged_and_not_thousands_of_times():
    if ORACLE:
        raise Skip("nats-server ends its accept loop otherwise")
    with Daemon(prepare=_few_descriptors) as daemon:
        clients, waiting = _fill(daemon)
        daemon.wait_log(r"accept")
        start = time.monotonic()
        while time.monotonic() - start < 1:
            flush_all(clients)
        lines = [line for line in daemon.log_lines() if "accept" in line]
        if len(lines) > 60:
            raise AssertionError(f"{len(lines)} lines of log in a second: {lines[:3]}")
        for sock in waiting:
            sock.close()


def the_daemon_can_stop_while_out_of_descriptors():
    if ORACLE:
        raise Skip("nats-server ends its accept loop otherwise")
    with Daemon(prepare=_few_descriptors) as daemon:
        _fill(daemon)
        daemon.wait_log(r"accept")


if __name__ == "__main__":
    main(accepted_clients_are_unaffected_and_nothing_spins, those_who_wait_are_served_when_others_leave,
         a_refusal_to_accept_is_logged_and_not_thousands_of_times, the_daemon_can_stop_while_out_of_descriptors)
