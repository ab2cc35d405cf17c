"""The command line, for the tests of it: running it, starting it and waiting for what it says, and a server that misbehaves.

The environment: POSTHORN is the command under test. Each run gets a home of its own and none of the caller's POSTHORN_... and
NATS_URL, so that nobody's saved contexts or servers come into a test.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import DEADLINE_S, SANITIZER_REPORT, cpu_s_of, equal

OK, FAILED, USAGE, CONNECT, TIMEOUT, RESPONDERS, REFUSED = range(7)  # exit codes


class Ended:
    """A run that has ended: exit code (negative: the signal), standard output in bytes, standard error in text."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def check(self, code=OK, out=None, err=None):
        """Compares: code, the exact output, and a regular expression that standard error must match ("" wants silence)."""
        if self.code != code:
            raise AssertionError(f"{self.command}: exit code {self.code}, wanted {code}; it says: {self.err}")
        if out is not None:
            equal(self.out, out.encode() if isinstance(out, str) else out, f"output of {self.command}")
        if err == "" and self.err or err and not re.search(err, self.err):
            raise AssertionError(f"{self.command}: standard error is {self.err!r}, wanted {err!r}")
        return self

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A command that runs. What it writes is collected as it comes; wait_err and wait_out wait for it."""

    def __init__(self, command, env, **settings):
        self.command = " ".join(command[1:])
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **settings)
        self._changed = threading.Condition()
        self._text = {"out": b"", "err": b""}
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in (("out", self.process.stdout), ("err", self.process.stderr))]
        for reader in self._readers:
            reader.start()

    def _read(self, name, pipe):
        while True:
            piece = os.read(pipe.fileno(), 65536)
            with self._changed:
                self._text[name] += piece
                self._changed.notify_all()
            if not piece:
                return

    def _wait(self, name, pattern):
        pattern = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.S)
        end = time.monotonic() + DEADLINE_S
        with self._changed:
            while not pattern.search(self._text[name]):
                left_s = end - time.monotonic()
                if left_s <= 0 or (self.process.poll() is not None and not any(r.is_alive() for r in self._readers)):
                    raise AssertionError(f"{self.command}: never {pattern.pattern!r} but {self._text}")
                self._changed.wait(min(left_s, 0.1))

    def wait_err(self, pattern):
        self._wait("err", pattern)
        return self

    def wait_out(self, pattern):
        self._wait("out", pattern)
        return self

    def subscribed(self):
        """For commands started with --verbose: every message from now on is seen."""
        return self.wait_err("posthorn: subscribed\n")

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()
        return self

    def end(self):
        """Waits until it ends by itself."""
        self.process.stdin.close()
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.command}: does not end; {self._text}") from None
        for reader in self._readers:
            reader.join(DEADLINE_S)
        self.process.stdout.close()
        self.process.stderr.close()
        return ended(self.command, code, self._text["out"], self._text["err"])

    def cpu_s(self):
        return cpu_s_of(self.process.pid)

    def interrupt(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def ended(command, code, out, err):
    err = err.decode("utf-8", "replace")
    if SANITIZER_REPORT.search(err):
        raise AssertionError(f"{command}: a sanitizer reports\n{err}")
    return Ended(command, code, out, err)


class Cli:
    """The command line with a home of its own, and a server that it is told of by POSTHORN_URL."""

    def __init__(self, server=None, **env):
        """server: a Daemon, an address, or None; env: more variables."""
        self.home = tempfile.mkdtemp(prefix="posthorn-cli-")
        self.program = os.environ.get("POSTHORN")
        if not self.program:
            raise SystemExit("POSTHORN must name the command line to test")
        self.env = {name: value for name, value in os.environ.items() if name != "NATS_URL" and not name.startswith("POSTHORN_")}
        self.env.update(HOME=self.home, XDG_CONFIG_HOME=os.path.join(self.home, "config"))
        if server:
            self.env["POSTHORN_URL"] = server if isinstance(server, str) else url_of(server)
        self.env.update(env)

    def run(self, *arguments, input=b"", env=None):
        """Runs it to its end."""
        command = [self.program, *map(str, arguments)]
        done = subprocess.run(command, env={**self.env, **(env or {})}, input=input, capture_output=True, timeout=DEADLINE_S,
                              check=False)
        return ended(" ".join(command[1:]), done.returncode, done.stdout, done.stderr)

    def start(self, *arguments, env=None, **settings):
        return Running([self.program, *map(str, arguments)], {**self.env, **(env or {})}, **settings)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.home, ignore_errors=True)


def url_of(daemon):
    address = daemon.line[0]
    return address if address.startswith("unix:") else f"nats://{address}"


class Fake:
    """A server that greets, and then does what the test says: answer(line) gives the bytes to send for each line, or None to
    hang up."""

    def __init__(self, answer):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "nats://127.0.0.1:%d" % self.socket.getsockname()[1]
        self._answer = answer
        self._connection = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):  # closed by the test
            while True:
                self._connection, _ = self.socket.accept()
                threading.Thread(target=self._talk_to, args=(self._connection,), daemon=True).start()

    def _talk_to(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:  # the client may go at any time
            self._talk(connection, lines)

    def _talk(self, connection, lines):
        info = {"server_id": "FAKE", "version": "2.9.10", "proto": 1, "max_payload": 1048576, "headers": True}
        connection.sendall(b"INFO " + json.dumps(info).encode() + b"\r\n")
        for line in lines:
            answer = self._answer(line)
            if answer is None:
                return
            connection.sendall(answer)

    def hang_up(self):
        """Ends the connection that was made last."""
        self._connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
