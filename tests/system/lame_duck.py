#!/usr/bin/env python3
"""Lame duck (SIGUSR2): clients are told, nobody new comes in, and those who are in are let go one by one."""

import signal
import time

from harness import PATIENCE, Daemon, equal, flush_all, is_refused, main, read_any, until


def _begin(daemon, clients):
    daemon.send_signal(signal.SIGUSR2)
    for client in clients:
        client.wait(lambda: client.info.get("ldm") is True, "INFO with ldm")


def clients_are_told_and_may_go_on_for_the_grace_time():
    with Daemon("server.lame_duck_grace=700ms", "server.lame_duck_duration=1s") as daemon:
        clients = daemon.clients(8)
        clients[0].subscribe("a", "1")
        flush_all(clients)
        start = time.monotonic()
        _begin(daemon, clients)
        for client in clients[1:]:
            client.publish("a", b"still here")
            clients[0].expect("a", b"still here")
        for client in clients:
            client.expect_closed(20 * PATIENCE)
        if time.monotonic() - start < 0.6:
            raise AssertionError("closed before the grace time was over")
        daemon.check_end(daemon.wait_exit())


def the_grace_is_whole_after_a_long_silence():
    with Daemon("server.lame_duck_grace=700ms", "server.lame_duck_duration=1ms") as daemon:
        client = daemon.client()
        client.flush()
        client.listen(1)  # the silence itself, in which the daemon sleeps
        start = time.monotonic()
        _begin(daemon, [client])
        client.expect_closed(20 * PATIENCE)
        if time.monotonic() - start < 0.6:
            raise AssertionError("closed before the grace time was over")


def listeners_close_at_once():
    with Daemon("server.lame_duck_grace=2s", "server.lame_duck_duration=1s") as daemon:
        client = daemon.client()
        client.flush()
        _begin(daemon, [client])
        until(lambda: is_refused(daemon.line[0]), "the listener closed")
        client.flush()
        client.expect_closed(20 * PATIENCE)
        daemon.check_end(daemon.wait_exit())


def clients_are_let_go_spread_out():
    with Daemon("server.lame_duck_grace=100ms", "server.lame_duck_duration=1500ms") as daemon:
        clients = daemon.clients(30)
        flush_all(clients)
        _begin(daemon, clients)
        ends = []
        while clients:
            closed = [client for client in clients if client.closed]
            ends += [time.monotonic()] * len(closed)
            clients = [client for client in clients if not client.closed]
            if clients:
                read_any(clients, 20 * PATIENCE)
        took = ends[-1] - ends[0]
        if took < 0.4:
            raise AssertionError(f"all closed within {took:.2f} s")
        busiest = max(sum(1 for end in ends if 0 <= end - start < 0.1) for start in ends)
        if busiest > 15:
            raise AssertionError(f"{busiest} of {len(ends)} closed within a tenth of a second")
        daemon.check_end(daemon.wait_exit())
        return f"over {took:.1f} s"


def it_ends_at_once_when_nobody_is_there():
    with Daemon("server.lame_duck_grace=30s", "server.lame_duck_duration=30s") as daemon:
        daemon.send_signal(signal.SIGUSR2)
        daemon.check_end(daemon.wait_exit())


def it_ends_as_soon_as_the_last_client_leaves():
    with Daemon("server.lame_duck_grace=30s", "server.lame_duck_duration=30s") as daemon:
        clients = daemon.clients(4)
        flush_all(clients)
        _begin(daemon, clients)
        for client in clients:
            client.close()
        daemon.check_end(daemon.wait_exit())


def sigterm_ends_a_lame_duck_at_once():
    with Daemon("server.lame_duck_grace=30s", "server.lame_duck_duration=30s") as daemon:
        clients = daemon.clients(4)
        flush_all(clients)
        _begin(daemon, clients)
        daemon.stop()


def messages_under_way_are_delivered_before_a_client_is_let_go():
    with Daemon("server.lame_duck_grace=300ms", "server.lame_duck_duration=500ms") as daemon:
        sender, receiver = daemon.clients(2)
        receiver.subscribe("a", "1")
        flush_all([sender, receiver])
        _begin(daemon, [sender, receiver])
        sent = 0
        while not sender.closed and not receiver.closed:
            sender.out += b"PUB a 8\r\n%08d\r\n" % sent
            sent += 1
            for client in (sender, receiver):
                if client.out:
                    client.write_some()
                if not client.closed:
                    client.read_some()
        if not receiver.closed:
            receiver.expect_closed(20 * PATIENCE)
        numbers = [int(m.body) for m in receiver.inbox]
        equal(numbers, list(range(len(numbers))), "messages")
        daemon.check_end(daemon.wait_exit())


if __name__ == "__main__":
    main(clients_are_told_and_may_go_on_for_the_grace_time, the_grace_is_whole_after_a_long_silence, listeners_close_at_once, clients_are_let_go_spread_out,
         it_ends_at_once_when_nobody_is_there, it_ends_as_soon_as_the_last_client_leaves, sigterm_ends_a_lame_duck_at_once,
         messages_under_way_are_delivered_before_a_client_is_let_go)
