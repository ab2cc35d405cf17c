#!/usr/bin/env python3
"""What the service manager is told (sd_notify): ready when every listener accepts, alive, reloading, stopping."""

import os
import signal
import socket
import tempfile
import time

from harness import DEADLINE_S, ORACLE, Daemon, Skip, main


class Manager:
    """Plays systemd's side: a datagram socket, and the words that have come to it."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify.sock")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.words = []

    def wait(self, word):
        """Waits until a word (READY=1) comes, beyond those that were waited for before; Skip where none ever comes at start."""
        end = time.monotonic() + DEADLINE_S
        while word not in self.words:
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            try:
                self.words += self.sock.recv(65536).decode().split("\n")
            except TimeoutError:
                raise AssertionError(f"no {word} in {DEADLINE_S:.0f} s, only {self.words}") from None
        del self.words[: self.words.index(word) + 1]

    def pending(self):
        self.sock.setblocking(False)
        try:
            while True:
                self.words += self.sock.recv(65536).decode().split("\n")
        except BlockingIOError:
            return list(self.words)


def _start(manager, *options, **settings):
    """A daemon under the manager. The ready line comes with READY=1; a daemon built without libsystemd says nothing: Skip."""
    if ORACLE:
        raise Skip("of posthornd only")
    environment = {"NOTIFY_SOCKET": manager.path, **settings.pop("env", {})}
    daemon = Daemon(*options, env=environment, **settings)
    daemon.client().flush()
    if not manager.pending():
        with open(os.environ["POSTHORND"], "rb") as file:
            if b"libsystemd" not in file.read():
                daemon.stop()
                raise Skip("built without libsystemd")
    return daemon


def ready_is_said_when_listeners_accept():
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        with _start(manager):
            manager.wait("READY=1")


def stopping_is_said():
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        with _start(manager) as daemon:
            manager.wait("READY=1")
            daemon.send_signal(signal.SIGTERM)
            manager.wait("STOPPING=1")
            daemon.check_end(daemon.wait_exit())


def reloading_is_said_and_ready_again():
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        with _start(manager, config="[line]\n") as daemon:
            manager.wait("READY=1")
            daemon.reload()
            manager.wait("RELOADING=1")
            manager.wait("READY=1")


def the_watchdog_is_fed_in_time():
    """Asked for every second: three barks, no two more than a second apart."""
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        with _start(manager, env={"WATCHDOG_USEC": "1000000"}):
            manager.wait("READY=1")
            last = time.monotonic()
            for _ in range(3):
                manager.wait("WATCHDOG=1")
                now = time.monotonic()
                if now - last > 1:
                    raise AssertionError(f"{now - last:.2f} s between two")
                last = now


def no_watchdog_where_none_was_asked_for():
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        with _start(manager) as daemon:
            manager.wait("READY=1")
            daemon.stop()
            if "WATCHDOG=1" in manager.pending():
                raise AssertionError("WATCHDOG=1 without WATCHDOG_USEC")


def a_failed_start_is_never_ready():
    if ORACLE:
        raise Skip("of posthornd only")
    with tempfile.TemporaryDirectory() as folder, Daemon() as other:
        manager = Manager(folder)
        second = Daemon(listen=f"127.0.0.1:0, {other.line[0]}", env={"NOTIFY_SOCKET": manager.path}, ready=False)
        second.wait_exit()
        if "READY=1" in manager.pending():
            raise AssertionError("READY=1 though an address was taken")


if __name__ == "__main__":
    main(ready_is_said_when_listeners_accept, stopping_is_said, reloading_is_said_and_ready_again, the_watchdog_is_fed_in_time,
         no_watchdog_where_none_was_asked_for, a_failed_start_is_never_ready)
