"""libposthorn against the daemon: the scenarios of client_library.c, each with a daemon of its own."""

import os
import select
import signal
import subprocess
import sys
import time

from harness import DEADLINE_S, ORACLE, Daemon, Skip, equal, main

PROGRAM = os.path.join(os.environ.get("builddir", "."), "tests/system/client_library")
DEAD_URL = "nats://127.0.0.1:1"  # a port that only root could listen on


class Program:
    """client_library, playing a scenario. As a context manager it must end with exit code 0."""

    def __init__(self, scenario, *urls, **environment):
        self.scenario = scenario
        self.process = subprocess.Popen([PROGRAM, scenario, *urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **environment})
        self._text = b""

    def expect(self, word):
        """Waits until the program says the word, a line of its own."""
        end = time.monotonic() + DEADLINE_S
        while b"\n" not in self._text:
            readable = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]
            piece = os.read(self.process.stdout.fileno(), 4096) if readable else b""
            if not piece:
                raise AssertionError(f"{self.scenario} did not say '{word}' {'before its end' if readable else 'in time'}")
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        equal(line.decode(), word, f"what {self.scenario} says")

    def say(self, word):
        """The program reads it from its standard input."""
        self.process.stdin.write(word.encode())
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        if kind is not None:
            self.process.kill()
        code = self.process.wait(2 * DEADLINE_S)
        self.process.stdout.close()
        if kind is None:
            equal(code, 0, f"exit code of {self.scenario}")


def play(scenario, *options, **settings):
    """A scenario that needs nothing but a daemon."""
    with Daemon(*options, **settings) as daemon, Program(scenario, daemon.line[0]):
        pass


def ten_megabytes_arrive_byte_for_byte_by_pulling():
    play("bytes_by_pulling")


def ten_megabytes_arrive_byte_for_byte_in_a_loop_of_ones_own():
    play("bytes_in_a_loop")


def unix_sockets_carry_the_same():
    if ORACLE:
        raise Skip("nats-server has no unix sockets")
    path = f"/tmp/posthorn-test-{os.getpid()}.sock"
    with Daemon(listen=f"unix:{path}") as daemon:
        equal(daemon.line[0], f"unix:{path}")
        for scenario in ("bytes_by_pulling", "bytes_in_a_loop", "requests"):
            with Program(scenario, f"unix:{path}"):
                pass


def headers_and_wildcards():
    play("headers_and_wildcards")


def groups_share_the_work():
    play("groups_share")


def requests_are_answered():
    play("requests")


def silent_service_times_out():
    play("silent_service_times_out")


def drain_loses_nothing():
    play("drain_loses_nothing")


def large_payload_is_refused_by_the_library():
    play("large_payload_is_refused_here", "line.payload_size_max=1000B")


def pings_keep_a_silent_connection_alive():
    play("pings_keep_it_alive")


def signal_handler_may_interrupt():
    with Daemon() as daemon, Program("signal_interrupts", daemon.line[0]) as program:
        program.expect("waiting")
        program.process.send_signal(signal.SIGINT)


def subscriptions_survive_a_restart():
    if ORACLE:
        raise Skip("the harness gives nats-server another port each time")
    first = Daemon()
    address = first.line[0]
    with Program("survive_a_restart", address) as program:
        program.expect("subscribed")
        first.stop()
        program.expect("disconnected")
        with Daemon(listen=address) as second:
            program.expect("back")
            with second.client() as client:
                client.publish("news.script", b"hello")
                client.flush()
            equal(program.process.wait(DEADLINE_S), 0, "exit code")


def next_url_takes_over():
    with Daemon() as second:
        first = Daemon()
        urls = [f"nats://{daemon.line[0]}" for daemon in (first, second)]
        with Program("go_to_the_next_url", ",".join([DEAD_URL, *urls]), *urls) as program:
            program.expect("connected")
            first.stop()
            equal(program.process.wait(DEADLINE_S), 0, "exit code")


def lame_duck_is_told():
    with Daemon() as daemon:
        with Program("lame_duck_is_told", daemon.line[0]) as program:
            program.expect("connected")
            daemon.send_signal(signal.SIGUSR2)
        if not ORACLE:  # which stays for its grace; ours ends when the last has left
            daemon.check_end(daemon.wait_exit())


def passwords_and_tokens_let_in():
    if ORACLE:
        raise Skip("users stand in our own configuration")
    with Daemon(config="[user ann]\npassword = se@cret\n[user tom]\ntoken = t0ken\n") as daemon:
        address = daemon.line[0]
        refused = [f"nats://{who}{address}" for who in ("", "ann:x@", "ann:@", "bob:se%40cret@", "se%40cret@", "tom:t0ken@")]
        with Program("credentials", f"nats://ann:se%40cret@{address}", *refused):
            pass
        with Program("credentials", f"nats://t0ken@{address}", *refused):
            pass


if __name__ == "__main__":
    if not os.path.exists(PROGRAM):
        sys.exit(f"{PROGRAM} is not built")
    main(ten_megabytes_arrive_byte_for_byte_by_pulling, ten_megabytes_arrive_byte_for_byte_in_a_loop_of_ones_own,
         unix_sockets_carry_the_same, headers_and_wildcards, groups_share_the_work, requests_are_answered,
         silent_service_times_out, drain_loses_nothing, large_payload_is_refused_by_the_library,
         pings_keep_a_silent_connection_alive, signal_handler_may_interrupt, subscriptions_survive_a_restart,
         next_url_takes_over, lame_duck_is_told, passwords_and_tokens_let_in)
