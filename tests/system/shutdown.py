#!/usr/bin/env python3
"""SIGTERM and SIGINT: what is under way is delivered, then every connection ends, then the daemon, with exit code 0."""

import signal
import time

from harness import PATIENCE, Daemon, equal, flush_all, main, publish_bytes


def sigterm_ends_it_cleanly_with_clients_connected():
    with Daemon() as daemon:
        clients = daemon.clients(20)
        for i, client in enumerate(clients):
            client.subscribe(f"a.{i}", "1")
        flush_all(clients)
        daemon.stop(signal.SIGTERM)
        for client in clients:
            client.expect_closed()


def sigint_ends_it_cleanly():
    with Daemon() as daemon:
        client = daemon.client()
        client.flush()
        daemon.stop(signal.SIGINT)
        client.expect_closed()


def sigterm_with_nobody_connected():
    with Daemon() as daemon:
        daemon.stop()


def what_was_flushed_is_delivered_before_the_end():
    """Messages acknowledged by PONG stand in mailboxes or in output buffers: SIGTERM must not lose them."""
    for _ in range(5):
        with Daemon() as daemon:
            receivers, senders = daemon.clients(5), daemon.clients(3)
            for receiver in receivers:
                receiver.subscribe("a", "1")
            flush_all(receivers)
            for sender in senders:
                sender.out += publish_bytes("a", b"x" * 1000) * 1000
            flush_all(senders)
            daemon.send_signal(signal.SIGTERM)
            for receiver in receivers:
                receiver.expect_closed(20 * PATIENCE)
                equal(receiver.received_count, 3000, "messages before the end")
            daemon.check_end(daemon.wait_exit())


def a_client_that_does_not_read_cannot_hold_it_up_for_ever():
    with Daemon("line.write_timeout=500ms") as daemon:
        sender, stuck = daemon.client(), daemon.client(receive_size=4096)
        stuck.subscribe("a", "1")
        stuck.flush()
        sender.out += publish_bytes("a", b"x" * 65536) * 200
        sender.flush()
        start = time.monotonic()
        daemon.stop()
        if time.monotonic() - start > 8 * PATIENCE:
            raise AssertionError("took too long")


def a_flood_cannot_hold_it_up():
    with Daemon() as daemon:
        sender, receiver = daemon.clients(2)
        receiver.subscribe("a", "1")
        receiver.flush()
        daemon.send_signal(signal.SIGTERM)
        data = publish_bytes("a", b"x" * 100) * 500
        while not (sender.closed and receiver.closed):
            for client in (sender, receiver):
                if not client.closed and not client.out and client is sender:
                    client.out += data
                if client.out:
                    client.write_some()
                if not client.closed:
                    client.read_some()
        daemon.check_end(daemon.wait_exit())


def a_second_signal_does_no_harm():
    with Daemon() as daemon:
        clients = daemon.clients(10)
        flush_all(clients)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            daemon.send_signal(number)
        daemon.check_end(daemon.wait_exit())


def a_broken_pipe_and_a_hangup_of_clients_do_no_harm():
    """Clients that vanish by RST while output is on its way to them."""
    with Daemon() as daemon:
        sender = daemon.client()
        for _ in range(30):
            victim = daemon.client()
            victim.subscribe("a", "1")
            victim.flush()
            sender.send(publish_bytes("a", b"x" * 2000) * 200)
            victim.reset()
        sender.flush()


if __name__ == "__main__":
    main(sigterm_ends_it_cleanly_with_clients_connected, sigint_ends_it_cleanly, sigterm_with_nobody_connected,
         what_was_flushed_is_delivered_before_the_end, a_client_that_does_not_read_cannot_hold_it_up_for_ever, a_flood_cannot_hold_it_up,
         a_second_signal_does_no_harm, a_broken_pipe_and_a_hangup_of_clients_do_no_harm)
