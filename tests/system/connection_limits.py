#!/usr/bin/env python3
"""Caps on connections: in all, and for each address. One too many is told so and closed; the others do not notice."""

import socket

from harness import ORACLE, Client, Closed, Daemon, Skip, equal, main, until

REFUSED = "maximum connections exceeded"


def _served(client):
    """Whether the connection is a working one (True) or was refused (False)."""
    try:
        client.hello()
        client.flush()
        return True
    except Closed:
        equal(client.errors, [REFUSED], "what a refused client hears")
        return False


def the_cap_in_all_holds_and_frees():
    with Daemon("server.connections_max=8") as daemon:
        clients = daemon.clients(8)
        for client in clients:
            client.flush()
        for _ in range(5):
            extra = daemon.client(hello=False)
            extra.expect_error(REFUSED)
            extra.expect_closed()
        for client in clients:
            client.flush()
        for client in clients[:3]:
            client.close()
        # The daemon sees their ends when it sees them; from then on there is room for three, and not for four.
        more = _until_served(lambda: daemon.client(hello=False), 3)
        equal(_served(daemon.client(hello=False)), False, "the ninth")
        for client in clients[3:] + more:
            client.flush()


def _until_served(connect, count):
    """Connects until so many connections were served; returns them."""
    clients = []

    def one_more():
        client = connect()
        if _served(client):
            clients.append(client)
        return len(clients) == count

    until(one_more, f"{count} more connections")
    return clients


def the_cap_holds_across_workers_when_all_come_at_once():
    with Daemon("server.connections_max=20") as daemon:
        address = daemon.line[0]
        host, port = address.rsplit(":", 1)
        socks = []
        for _ in range(60):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((host, int(port)))
            socks.append(sock)
        served = 0
        for sock in socks:
            served += _served(Client(sock, hello=False))
        equal(served, 20, "connections served of 60")


def the_cap_for_an_address_holds_for_each_alone():
    if ORACLE:
        raise Skip("nats-server has no such cap")
    with Daemon("server.connections_per_address_max=3") as daemon:
        def connect(source):
            return daemon.client(hello=False, source=source)

        ours = [connect("127.0.0.1") for _ in range(5)]
        theirs = [connect("127.0.0.2") for _ in range(4)]
        equal([_served(client) for client in ours], [True] * 3 + [False] * 2, "from one address")
        equal([_served(client) for client in theirs], [True] * 3 + [False], "from another")
        ours[0].close()

        ours += _until_served(lambda: connect("127.0.0.1"), 1)
        equal(_served(connect("127.0.0.1")), False, "one too many again")
        equal(_served(connect("127.0.0.2")), False, "one too many of the other")


def no_cap_for_an_address_by_default():
    with Daemon() as daemon:
        clients = daemon.clients(300)
        for client in clients:
            client.flush()


if __name__ == "__main__":
    main(the_cap_in_all_holds_and_frees, the_cap_holds_across_workers_when_all_come_at_once,
         the_cap_for_an_address_holds_for_each_alone, no_cap_for_an_address_by_default)
