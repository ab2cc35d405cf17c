"""What every system test stands on: a daemon on free ports, a raw client of the line protocol, and waiting with deadlines.
HTTP's clients stand in web.py.

The environment, set by make or by hand:
  POSTHORND   the daemon under test
  WORKERS     the numbers of workers to test with, "1 4" by default; a test file runs whole with each
  PATIENCE    multiplies every deadline (sanitizers and busy machines), 1 by default
  ORACLE      path of a nats-server: it is started instead of posthornd, with our options put into its words. This checks the
              tests, not the daemon; what nats-server cannot express raises Skip.

Nothing in here sleeps in hope: every wait is for bytes, a log line, an exit or a deadline.
"""

import collections
import faulthandler
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ORACLE = os.environ.get("ORACLE", "")
PATIENCE = float(os.environ.get("PATIENCE", "1"))
DEADLINE_S = 15 * PATIENCE  # for anything that should come at once
LOOPBACK = "127.0.0.1:0"
SANITIZER_REPORT = re.compile(r"(Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|runtime error:")

Message = collections.namedtuple("Message", "topic sid reply head body")


class Skip(Exception):
    """This test cannot run here; the text says why."""


class Closed(Exception):
    """The daemon closed the connection while the test wanted something from it."""


# ---------------------------------------------------------------------------------------------------------------- main


def main(*tests, limit_s=150):
    """Runs each test once for every number of workers, prints a line for each, and exits: 0 good, 1 failed, 77 all skipped."""
    chosen = sys.argv[1:]
    outcomes = []
    for workers in os.environ.get("WORKERS", "1 4").split():
        for test in tests:
            if not chosen or test.__name__ in chosen:
                outcomes.append(_run(test, int(workers), limit_s * PATIENCE))
    if "failed" in outcomes:
        sys.exit(1)
    sys.exit(0 if "ok" in outcomes else 77)


def _run(test, workers, limit_s):
    Daemon.workers = workers
    start = time.monotonic()
    faulthandler.dump_traceback_later(limit_s, exit=True)
    note = ""
    try:
        note = test() or ""
        outcome = "ok"
    except Skip as reason:
        outcome, note = "skipped", str(reason)
    except Exception:
        outcome = "failed"
        traceback.print_exc()
    finally:
        faulthandler.cancel_dump_traceback_later()
        Daemon.kill_all()
    took_s = time.monotonic() - start
    print(f"{outcome}: {test.__name__} workers={workers} ({took_s:.1f} s){' ' + str(note) if note else ''}", flush=True)
    return outcome


# ------------------------------------------------------------------------------------------------------------- waiting


def until(condition, what, deadline_s=DEADLINE_S, pause_s=0.005):
    """Polls what has no event of its own (files in /proc, a socket's path) until it is true; returns the true value."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s:.0f} s still not: {what}")
        time.sleep(pause_s)


def equal(got, wanted, what="value"):
    if got != wanted:
        raise AssertionError(f"{what}: got {_brief(got)}, wanted {_brief(wanted)}")


def _brief(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:200]}... ({len(text)} characters)"


# -------------------------------------------------------------------------------------------------------------- daemon


def cpu_s_of(pid):
    """Processor time that a process has used so far, in seconds."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Daemon:
    """A daemon of our own. As a context manager it must stop cleanly at the end: exit code 0 and no sanitizer report."""

    workers = 1
    _running = set()

    def __init__(self, *options, listen=LOOPBACK, http=LOOPBACK, log_level="info", config=None, env=None, prepare=None, ready=True,
                 data=None):
        """options: "section.key=value" texts. config: text of an INI file. prepare: called in the child before exec.
        listen (the line protocol), http and log_level: None leaves them to the file or the defaults. Readers of streams are let
        go at once at the end, unless http.drain_duration says otherwise, and refusals are told at once, unless
        server.auth_delay_max does: most tests have no time to watch it.
        data: a data_dir, for a test that keeps streams: a path that outlives the daemon, or True for one of its own.
        ready=False: do not wait for the ready line (the daemon is expected to refuse its configuration)."""
        self.dir = tempfile.mkdtemp(prefix="posthorn-test-")
        self.options = dict(option.split("=", 1) for option in options)
        if data:
            self.options["server.data_dir"] = os.path.join(self.dir, "data") if data is True else str(data)
        self.config_path = None
        self.line = []  # addresses of the line protocol's listeners
        self.http = []  # and of HTTP's
        self._log = []
        self._log_ended = False
        self._log_changed = threading.Condition()
        environment = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
        environment.update(env or {})
        self.process = subprocess.Popen(
            self._oracle_command(listen) if ORACLE else self._command(listen, http, log_level, config),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, preexec_fn=prepare)
        self.pid = self.process.pid
        Daemon._running.add(self)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if ready:
            self._wait_ready()

    def _command(self, listen, http, log_level, config):
        daemon = os.environ.get("POSTHORND")
        if not daemon:
            raise SystemExit("POSTHORND must name the daemon to test")
        command = [daemon]
        if config is not None:
            self.config_path = os.path.join(self.dir, "posthornd.ini")
            self.write_config(config)
            command += ["--config", self.config_path]
        settings = {"server.workers": str(Daemon.workers), "server.log_level": log_level, "line.listen": listen,
                    "http.listen": http, "http.drain_duration": "0", "server.auth_delay_max": "off", "server.core_dumps": "yes",
                    **self.options}
        for option, value in settings.items():
            if value is not None:
                command += ["--set", f"{option}={value}"]
        return command

    def _oracle_command(self, listen):
        path = os.path.join(self.dir, "oracle.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(oracle_config(self.options, listen) + f'jetstream {{store_dir: "{self.dir}/jetstream"}}\n')
        return [ORACLE, "--config", path]

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    def _wait_ready(self):
        if ORACLE:
            found = self.wait_log(r"Listening for client connections on (\S+)")
            self.wait_log(r"Server is ready")
            self.line = [found.group(1)]
            return
        line = self._read_ready_line()
        found = re.fullmatch(r"ready line=(\S+)(?: http=(\S+))?", line)
        if not found:
            raise AssertionError(f"no ready line but {line!r}\n{self.log_text()}")
        self.line = found.group(1).split(",")
        self.http = found.group(2).split(",") if found.group(2) else []

    def _read_ready_line(self):
        text = b""
        end = time.monotonic() + DEADLINE_S
        pipe = self.process.stdout.fileno()
        while not text.endswith(b"\n"):
            left_s = max(0, end - time.monotonic())
            if not select.select([pipe], [], [], left_s)[0]:
                raise AssertionError(f"not ready in {DEADLINE_S:.0f} s\n{self.log_text()}")
            piece = os.read(pipe, 4096)
            if not piece:
                raise AssertionError(f"ended before it was ready, code {self.process.wait()}\n{self.log_text()}")
            text += piece
        return text.decode().rstrip("\n")

    def _read_log(self):
        for line in self.process.stderr:
            with self._log_changed:
                self._log.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._log_changed.notify_all()
        with self._log_changed:
            self._log_ended = True
            self._log_changed.notify_all()

    # log

    def log_lines(self):
        with self._log_changed:
            return list(self._log)

    def log_text(self):
        return "\n".join(self.log_lines()[-200:])

    def log_count(self):
        """A mark: wait_log(..., since=mark) sees only later lines."""
        with self._log_changed:
            return len(self._log)

    def wait_log(self, pattern, deadline_s=DEADLINE_S, since=0):
        """Waits for a line of the log that the regular expression finds; returns the match."""
        end = time.monotonic() + deadline_s
        seen = since
        with self._log_changed:
            while True:
                for line in self._log[seen:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                seen = len(self._log)
                left_s = end - time.monotonic()
                if left_s <= 0 or self._log_ended:
                    why = "before the daemon ended" if self._log_ended else f"in {deadline_s:.0f} s"
                    raise AssertionError(f"no log line like {pattern!r} {why}; the log:\n" + "\n".join(self._log[-50:]))
                self._log_changed.wait(left_s)

    # life

    def client(self, hello=True, address=None, **settings):
        """A connection to the first listener (or another address), past INFO; with hello, past CONNECT too."""
        return Client(address or self.line[0], hello=hello, **settings)

    def clients(self, count, **settings):
        return [self.client(**settings) for _ in range(count)]

    @property
    def http_port(self):
        """The port of the first listener for HTTP."""
        return int(self.http[0].rpartition(":")[2])

    def send_signal(self, number):
        self.process.send_signal(number)

    def reload(self, config=None):
        """SIGHUP, with a new configuration file if given. The caller waits for what should follow."""
        if config is not None:
            self.write_config(config)
        self.send_signal(signal.SIGHUP)

    def wait_exit(self, deadline_s=DEADLINE_S):
        """Waits until the daemon has ended by itself; returns its exit code."""
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {deadline_s:.0f} s\n{self.log_text()}") from None
        self._reader.join(DEADLINE_S)
        self._forget()
        return code

    def stop(self, number=signal.SIGTERM):
        """Ends the daemon by a signal and holds it to a clean end."""
        if self in Daemon._running:
            self.send_signal(number)
            self.check_end(self.wait_exit())

    def check_end(self, code):
        if code != 0 and not (ORACLE and code in (1, -signal.SIGTERM)):
            raise AssertionError(f"exit code {code}\n{self.log_text()}")
        report = next((line for line in self.log_lines() if SANITIZER_REPORT.search(line)), None)
        if report:
            raise AssertionError(f"a sanitizer reports {report}\n" + "\n".join(self.log_lines()))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._forget()

    def _forget(self):
        Daemon._running.discard(self)
        self.process.stdout.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    @classmethod
    def kill_all(cls):
        """Leaves nothing running behind a failed test."""
        for daemon in list(cls._running):
            daemon.kill()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            print("the daemon's log ends:\n  " + "\n  ".join(self.log_lines()[-30:]), file=sys.stderr)
            self.kill()

    # what the system knows of it

    def cpu_s(self):
        """Processor time used so far, in seconds."""
        return cpu_s_of(self.process.pid)

    def memory_bytes(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB", self._proc("status")).group(1)) * 1024

    def check_growth(self, before_bytes, limit_bytes):
        """Memory has grown by at most so much since it was before_bytes; returns a note. A sanitizer's daemon is let off: it
        keeps what was freed."""
        grown = self.memory_bytes() - before_bytes
        note = f"grew by {grown >> 10} KiB"
        if grown > limit_bytes and not re.search(r"lib[atl]san", self._proc("maps")):
            raise AssertionError(f"{note}, more than {limit_bytes >> 10}")
        return note

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def _proc(self, name):
        with open(f"/proc/{self.pid}/{name}", encoding="ascii") as file:
            return file.read()


def refused_start(*options, config=None, listen=LOOPBACK, **settings):
    """Starts a daemon that must refuse to start; returns its exit code and what it wrote to stderr."""
    daemon = Daemon(*options, config=config, listen=listen, ready=False, **settings)
    code = daemon.wait_exit()
    return code, daemon.log_text()


# -------------------------------------------------------------------------------------------------------------- oracle

ORACLE_OPTIONS = {
    "server.name": "server_name: {}",
    "server.connections_max": "max_connections: {}",
    "server.data_dir": 'jetstream {{ store_dir: "{}" }}',
    "line.payload_size_max": "max_payload: {}",
    "line.pending_size_max": "max_pending: {}",
    "line.control_size_max": "max_control_line: {}",
    "line.subscriptions_max": "max_subscriptions: {}",
    "line.write_timeout": 'write_deadline: "{}"',
    "line.ping_interval": 'ping_interval: "{}"',
    "line.pings_outstanding_max": "ping_max: {}",
}
ORACLE_TLS = {
    "tls.certificate": 'cert_file: "{}"',
    "tls.key": 'key_file: "{}"',
    "tls.ca": 'ca_file: "{}"',
    "tls.verify": "verify: {}",
    "line.tls": "",
}
ORACLE_UNITS = {"KiB": 1024, "MiB": 1024 * 1024, "B": 1}


def oracle_config(options, listen):
    """Our options in nats-server's words; Skip where it has none."""
    if listen is None or "," in listen or listen.startswith("unix:"):
        raise Skip("nats-server has one TCP listener")
    lines = [f"listen: {listen.rsplit(':', 1)[0]}:-1"]
    users, timeout, tls = {}, None, []
    for option, value in options.items():
        section, _, key = option.rpartition(".")
        if option == "line.auth_timeout":
            timeout = float(value.rstrip("s")) if not value.endswith("ms") else float(value[:-2]) / 1000
        elif section.startswith("user."):
            users.setdefault(section[5:], {})[key] = value
        elif option in ORACLE_TLS:
            tls.append(ORACLE_TLS[option].format("true" if value == "required" else value))
        elif option in ORACLE_OPTIONS:
            lines.append(ORACLE_OPTIONS[option].format(_oracle_value(value)))
        else:
            raise Skip(f"nats-server has no option for {option}")
    if tls:
        lines.append("tls {" + ", ".join(filter(None, tls)) + "}")
    if users:
        lines.append("authorization {" + _oracle_users(users, timeout) + "}")
    return "\n".join(lines) + "\n"


def _oracle_value(value):
    for unit, factor in ORACLE_UNITS.items():
        number = value[: -len(unit)]
        if value.endswith(unit) and number.isdigit():
            return int(number) * factor
    return value


def _oracle_users(users, timeout):
    words = [f"timeout: {timeout}"] if timeout else []
    if len(users) == 1 and "token" in next(iter(users.values())):
        words.append(f"token: {json.dumps(next(iter(users.values()))['token'])}")
    else:
        rows = [f"{{nkey: {user['nkey']}}}" if "nkey" in user else f"{{user: {name}, password: {json.dumps(user['password'])}}}"
                for name, user in users.items()]
        words.append(f"users: [{', '.join(rows)}]")
    return ", ".join(words)


# -------------------------------------------------------------------------------------------------------------- client


def connect_socket(address, deadline_s=DEADLINE_S, receive_size=None, source=None):
    """A connected socket for "host:port", "[v6]:port" or "unix:/path"; source: the address to connect from."""
    if address.startswith("unix:"):
        sock, target = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), address[5:]
    else:
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        sock, target = socket.socket(family, socket.SOCK_STREAM), (host.strip("[]"), int(port))
    if receive_size:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
        if sock.family != socket.AF_UNIX:  # segments as on a network: those of loopback do not fit, and wait for the persist timer
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    if source:
        sock.bind((source, 0))
    sock.settimeout(deadline_s)
    sock.connect(target)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def is_refused(address):
    """True where nobody listens. A listener that is closed while a connection to it is being made resets that one."""
    try:
        connect_socket(address, 5).close()
        return False
    except ConnectionResetError:
        return False  # the next is refused
    except ConnectionRefusedError:
        return True


class Peer:
    """One end of a connection to the daemon: what every protocol's client needs of it.

    What arrives is given to _cut() of the client, in `_in`. send() reads while it cannot write, so that a single thread never
    blocks against the daemon; pump() does the same for many clients at once.
    """

    def __init__(self, address, receive_size=None, source=None):
        """address: as in connect_socket(), or a socket that is connected already."""
        self.sock = address if isinstance(address, socket.socket) else connect_socket(address, DEADLINE_S, receive_size, source)
        self.sock.setblocking(False)
        self.closed = False
        self.out = bytearray()
        self.received_count = 0  # messages, taken by the test or not
        self._in = bytearray()

    def _cut(self):
        raise NotImplementedError

    def _end(self):
        """The daemon has closed."""

    def standing(self):
        """How far it has come, for the words of a failure."""
        return ""

    def send(self, data):
        """Writes everything, text or bytes; raises Closed if the daemon hung up."""
        self.out += data.encode() if isinstance(data, str) else data
        self.wait(lambda: not self.out, "room to write")

    def expect_closed(self, deadline_s=DEADLINE_S):
        self.wait(lambda: self.closed, "the end of the connection", deadline_s, closed_is_good=True)

    def wait(self, condition, what, deadline_s=DEADLINE_S, closed_is_good=False):
        end = time.monotonic() + deadline_s
        while not condition():
            if self.closed:
                if closed_is_good:
                    return
                raise Closed(f"closed while waiting for {what}; {self.standing()}")
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise AssertionError(f"no {what} in {deadline_s:.1f} s; {self.standing()}")
            readable, writable, _ = select_one(self.sock, bool(self.out), left_s)
            if writable:
                self.write_some()
            if readable:
                self.read_some()

    def listen(self, seconds):
        """Reads whatever comes for a while, or until the end: for tests in which the time itself is the matter."""
        end = time.monotonic() + seconds
        while not self.closed and time.monotonic() < end:
            if select_one(self.sock, False, max(0, end - time.monotonic()))[0]:
                self.read_some()

    def write_some(self):
        try:
            with memoryview(self.out) as view:
                count = self.sock.send(view[:262144])
            del self.out[:count]
        except BlockingIOError:
            pass
        except OSError:
            self.out.clear()
            self.read_some()  # what the daemon said before it hung up

    def read_some(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            self.out.clear()
            self._end()
            return
        self._in += data
        self._cut()

    def close(self):
        self.closed = True
        self.sock.close()

    def reset(self):
        """Ends the connection by RST, as a crashed client's machine would."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client(Peer):
    """A raw client of the line protocol.

    What arrives is cut into operations and kept in order: messages in `inbox`, everything else in its own place (`info`, `errors`,
    `pong_count`, `ok_count`). PING is answered unless `answer_ping` is False.
    """

    def __init__(self, address, hello=True, receive_size=None, source=None, **settings):
        """address: as in connect_socket(), or a socket that is connected already. settings: fields of CONNECT."""
        super().__init__(address, receive_size, source)
        self.inbox = collections.deque()
        self.errors = []
        self.info = None
        self.info_count = self.pong_count = self.ok_count = 0
        self.answer_ping = True
        self.on_message = None  # called instead of filling the inbox
        self._ping_count = 0
        self.wait(lambda: self.info or self.errors, "INFO")
        if hello:
            self.hello(**settings)

    def hello(self, **settings):
        fields = {"verbose": False, "pedantic": False, "echo": True, "headers": True, "no_responders": True, "protocol": 1,
                  "lang": "system-test", "version": "1"}
        fields.update(settings)
        self.send(b"CONNECT " + json.dumps(fields).encode() + b"\r\n")

    def standing(self):
        return f"errors {self.errors}, inbox {_brief(list(self.inbox)[:3])}"

    # speaking

    def line(self, text):
        self.send(text + "\r\n")

    def publish(self, topic, body=b"", reply="", head=b""):
        self.send(publish_bytes(topic, body, reply, head))

    def subscribe(self, topic, sid, group=""):
        self.line(f"SUB {topic} {group} {sid}" if group else f"SUB {topic} {sid}")

    def unsubscribe(self, sid, after=0):
        self.line(f"UNSUB {sid} {after}" if after else f"UNSUB {sid}")

    def flush(self, deadline_s=DEADLINE_S):
        """PING and wait for its PONG: everything sent before has been done."""
        self._ping_count += 1
        wanted = self._ping_count
        self.send(b"PING\r\n")
        self.wait(lambda: self.pong_count >= wanted, "PONG", deadline_s)

    def ping_queued(self):
        """Queues a PING for pump(); flushed() says when its PONG has come."""
        self._ping_count += 1
        self.out += b"PING\r\n"

    def flushed(self):
        return not self.out and self.pong_count >= self._ping_count

    # listening

    def next(self, deadline_s=DEADLINE_S):
        """The next message."""
        self.wait(lambda: self.inbox, "a message", deadline_s)
        return self.inbox.popleft()

    def expect(self, topic, body=None, **fields):
        """Takes the next message and compares it."""
        message = self.next()
        equal(message.topic, topic, "topic")
        if body is not None:
            equal(message.body, body, "body")
        for name, value in fields.items():
            equal(getattr(message, name), value, name)
        return message

    def take(self, count, deadline_s=DEADLINE_S):
        """The next count messages."""
        self.wait(lambda: len(self.inbox) >= count, f"{count} messages", deadline_s)
        return [self.inbox.popleft() for _ in range(count)]

    def nothing(self):
        """Nothing is waiting, and a flush brings nothing."""
        self.flush()
        equal(list(self.inbox), [], "messages where none should be")

    def expect_error(self, text, deadline_s=DEADLINE_S):
        self.wait(lambda: self.errors or self.closed, f"-ERR {text}", deadline_s, closed_is_good=True)
        equal(self.errors.pop(0) if self.errors else None, text, "error")

    # bytes

    def _cut(self):
        """Cuts whole operations off what has arrived."""
        data, at = self._in, 0
        while True:
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            if data.startswith((b"MSG ", b"HMSG "), at):
                behind = self._take_message(data, at, end)
                if not behind:
                    break
                at = behind
            else:
                self._take_control(bytes(data[at:end]))
                at = end + 2
        del data[:at]

    def _take_message(self, data, at, end):
        """The message whose control line stands from at to end; returns where the next begins, 0 while it is not all there."""
        fields = data[at:end].split(b" ")
        size, begin = int(fields[-1]), end + 2
        if len(data) < begin + size + 2:
            return 0
        if data[begin + size:begin + size + 2] != b"\r\n":
            raise AssertionError(f"no CR LF behind the body of {bytes(data[at:end])}")
        with_head = data[at:at + 1] == b"H"
        head_size = int(fields[-2]) if with_head else 0
        reply = fields[3].decode("latin-1") if len(fields) == (6 if with_head else 5) else ""
        body = bytes(data[begin:begin + size])
        self._deliver(Message(fields[1].decode("latin-1"), fields[2].decode("latin-1"), reply, body[:head_size], body[head_size:]))
        return begin + size + 2

    def _deliver(self, message):
        self.received_count += 1
        if self.on_message:
            self.on_message(message)
        else:
            self.inbox.append(message)

    def _take_control(self, line):
        if line == b"PONG":
            self.pong_count += 1
        elif line == b"PING":
            if self.answer_ping:
                self.out += b"PONG\r\n"
        elif line == b"+OK":
            self.ok_count += 1
        elif line.startswith(b"-ERR '") and line.endswith(b"'"):
            self.errors.append(line[6:-1].decode("latin-1"))
        elif line.startswith(b"INFO {"):
            self.info = json.loads(line[5:])
            self.info_count += 1
        else:
            raise AssertionError(f"not a word of the protocol: {_brief(line)}")


def publish_bytes(topic, body=b"", reply="", head=b""):
    """PUB, or HPUB where there is a head, as bytes."""
    words = f"{topic} {reply}" if reply else topic
    if head:
        return b"HPUB %s %d %d\r\n%s%s\r\n" % (words.encode(), len(head), len(head) + len(body), head, body)
    return b"PUB %s %d\r\n%s\r\n" % (words.encode(), len(body), body)


def select_one(sock, want_write, timeout_s):
    """(readable, writable, failed) of one socket; poll() so that descriptors above 1023 work."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | (select.POLLOUT if want_write else 0))
    flags = sum(flag for _, flag in poll.poll(timeout_s * 1000))
    bad = bool(flags & (select.POLLERR | select.POLLHUP))
    return bool(flags & select.POLLIN) or bad, bool(flags & select.POLLOUT), bad


def pump(clients, done, what, deadline_s=DEADLINE_S, turn=None):
    """Writes what the clients have queued in `out` and reads what comes for them, until done() is true; raises Closed
    when one of them is closed. turn, if given, is called once a round: the place to queue more."""
    end = time.monotonic() + deadline_s
    poll = select.poll()
    by_fd = {client.sock.fileno(): client for client in clients}
    wanted = {}
    while not done():
        if turn:
            turn()
        left_s = end - time.monotonic()
        if left_s <= 0:
            counts = ", ".join(f"{client.received_count}" for client in clients[:40])
            raise AssertionError(f"not in {deadline_s:.0f} s: {what}; messages received by each client: {counts}")
        for fd, client in by_fd.items():
            flags = select.POLLIN | (select.POLLOUT if client.out else 0)
            if wanted.get(fd) != flags:
                poll.register(fd, flags)
                wanted[fd] = flags
        for fd, flags in poll.poll(min(left_s, 0.5) * 1000):
            client = by_fd[fd]
            if flags & select.POLLOUT:
                client.write_some()
            if flags & ~select.POLLOUT:
                client.read_some()
            if client.closed:
                raise Closed(f"a client of {len(clients)} was closed while waiting for {what}; {client.standing()}")


def read_any(clients, deadline_s=DEADLINE_S):
    """Waits until something comes for one of the clients (its end counts), and reads it. Closed clients are passed over."""
    poll = select.poll()
    by_fd = {client.sock.fileno(): client for client in clients if not client.closed}
    for fd, client in by_fd.items():
        poll.register(fd, select.POLLIN | (select.POLLOUT if client.out else 0))
    events = poll.poll(deadline_s * 1000)
    if not events:
        raise AssertionError(f"silence for {deadline_s:.0f} s at {len(by_fd)} clients")
    for fd, flags in events:
        if flags & select.POLLOUT:
            by_fd[fd].write_some()
        if flags & ~select.POLLOUT:
            by_fd[fd].read_some()


def flush_all(clients, deadline_s=DEADLINE_S):
    """A PING for each and a PONG from each, all at once."""
    for client in clients:
        client.ping_queued()
    pump(clients, lambda: all(client.flushed() for client in clients), "every PONG", deadline_s)
