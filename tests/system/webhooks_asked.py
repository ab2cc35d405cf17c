#!/usr/bin/env python3
"""Webhooks asked of by messages: what is under way is bounded, whoever leaves is not missed, and a stop leaves nobody waiting."""

import json
import socket
import threading

from harness import DEADLINE_S, Daemon, equal, main
from receiver import Receiver

INI = "[webhooks]\nallow_networks = 127.0.0.1\n"
PREFIX = "$POSTHORN.API.webhook."
UNDER_WAY = 1000  # requests that one worker has with the others


class Silent:
    """Takes connections, and never answers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.came, self._open = threading.Semaphore(0), []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                self._open.append(self.listener.accept()[0])
                self.came.release()
        except OSError:
            pass

    def wait(self):
        if not self.came.acquire(timeout=DEADLINE_S):
            raise AssertionError("nobody has connected")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self._open:
            connection.close()


def _ask(client, what, **members):
    client.publish(PREFIX + what, json.dumps(members).encode() if members else b"", "answers")
    return json.loads(client.expect("answers").body)


def _client(daemon, **settings):
    client = daemon.client(**settings)
    client.subscribe("answers", "1")
    return client


def _make(client, url):
    equal(_ask(client, "create", name="w", url=url, pattern="none", timeout="1m")["name"], "w")


def a_stop_answers_what_is_under_way():
    with Silent() as silent, Daemon(config=INI) as daemon, _client(daemon) as client:
        _make(client, silent.url)
        client.publish(PREFIX + "example.w", b"", "answers")
        client.flush()
        silent.wait()
        daemon.send_signal(15)
        error = json.loads(client.expect("answers").body)["error"]
        equal((error["code"], error["description"]), (503, "the daemon is about to stop"))
        client.expect_closed()
        equal(daemon.wait_exit(), 0)


def whoever_has_left_is_not_missed():
    with Receiver(secret=None) as receiver, Daemon(config=INI) as daemon, _client(daemon) as other:
        gate = threading.Event()
        receiver.answer = lambda number: gate.wait(DEADLINE_S) and 200
        _make(other, receiver.url)
        with _client(daemon) as client:
            client.publish(PREFIX + "example.w", b"", "elsewhere")
            client.flush()
            receiver.wait(1)
        gate.set()
        equal(_ask(other, "example.w")["result"], "delivered")
        equal(len(_ask(other, "list")["webhooks"]), 1)


def what_is_under_way_is_bounded():
    with Silent() as silent, Daemon(config=INI) as daemon, _client(daemon) as client:
        _make(client, silent.url)
        for _ in range(UNDER_WAY + 50):
            client.publish(PREFIX + "example.w", b"", "answers")
        client.flush()
        codes = [json.loads(message.body)["error"]["code"] for message in client.take(50)]
        equal(codes, [429] * 50)
        client.nothing()


if __name__ == "__main__":
    main(a_stop_answers_what_is_under_way, whoever_has_left_is_not_missed, what_is_under_way_is_bounded)
