"""Webhooks under load: a receiver that answers all of it with 204 and counts, and who calls it: posthornd, or wrk.

The receiver is nginx with one worker. It counts requests itself (stub_status), so that nobody has to take a caller's word for
what arrived; asking it costs one request, which is not counted.
"""
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

from servers import HOST, READY_S, find_program, first_child, free_port, write

CONFIG = '''worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {directory}/pid;
error_log {directory}/error.log warn;
events {{ worker_connections 19000; use epoll; multi_accept on; }}
http {{
  access_log off;
  client_body_temp_path {directory}/1; proxy_temp_path {directory}/2; fastcgi_temp_path {directory}/3;
  uwsgi_temp_path {directory}/4; scgi_temp_path {directory}/5;
  keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on;
  server {{
    listen {host}:{port} backlog=4096;
    location / {{ return 204; }}
    location = /status {{ stub_status; }}
  }}
}}
'''
POLL_S = 0.01
PATIENCE_S = 60                      # without a single further request
BEGIN, END = 0.1, 0.9                # the part of the requests that is timed: neither the start nor the last few count
WRK_SCRIPT = 'wrk.method = "POST"\nwrk.body = string.rep("x", {size})\nwrk.headers["Content-Type"] = "application/octet-stream"\n'


def pinned(command, core):
    return (['taskset', '-c', str(core)] if core is not None else []) + [str(word) for word in command]


class Receiver:
    """with Receiver(core) as receiver: receiver.url, receiver.count()"""

    def __init__(self, core):
        self.core = core

    def __enter__(self):
        program = find_program('nginx')
        if not program:
            raise SystemExit('nginx is not here (Debian: nginx-light)')
        self.directory = tempfile.TemporaryDirectory(prefix='posthorn-bench-')
        self.port = free_port()
        self.url = f'http://{HOST}:{self.port}/hook'
        path = write(self.directory.name, CONFIG.format(host=HOST, port=self.port, directory=self.directory.name))
        self.process = subprocess.Popen(pinned([program, '-p', self.directory.name, '-c', path], self.core), stdin=subprocess.DEVNULL)
        self.polls, self.connection = 0, None
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if first_child(self.process.pid) and self.count() >= 0:
                    return
            self.connection = None
            time.sleep(0.02)
        raise SystemExit('nginx, as the receiver, did not start')

    def count(self):
        """Requests so far, but for these questions."""
        if not self.connection:
            self.connection = http.client.HTTPConnection(HOST, self.port, timeout=READY_S)
        self.connection.request('GET', '/status')
        text = self.connection.getresponse().read().decode()
        self.polls += 1
        return int(re.search(r'\n\s*\d+ \d+ (\d+)', text).group(1)) - self.polls

    def __exit__(self, *_):
        if self.connection:
            self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()


class Hole:
    """Accepts whoever comes, and never answers. with Hole() as hole: hole.url"""

    def __enter__(self):
        self.socket = socket.create_server((HOST, 0), backlog=4096)
        self.url = f'http://{HOST}:{self.socket.getsockname()[1]}/hole'
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self.socket.accept()[0])

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.connections:
            connection.close()


def publish(port, topics, messages, size):
    """So many messages on each of the topics, one after the other topic, as fast as the daemon takes them; returns when it has."""
    payload = b'x' * size
    round_ = b''.join(b'PUB %s %d\r\n%s\r\n' % (topic.encode(), size, payload) for topic in topics)
    with socket.create_connection((HOST, port), READY_S) as line:
        line.settimeout(PATIENCE_S)
        line.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
        whole = max(1, (256 << 10) // len(round_))
        for begin in range(0, messages, whole):
            line.sendall(round_ * min(whole, messages - begin))
        line.sendall(b'PING\r\n')
        answer = b''
        while b'PONG\r\n' not in answer:
            part = line.recv(65536)
            if not part:
                raise OSError('the daemon has closed the connection')
            answer += part
    if b'-ERR' in answer:
        raise OSError(answer.decode(errors='replace')[-200:])


def watch(receiver, before, expected):
    """Waits for so many requests; {'recv_rate': of the middle part, 'wall_s': of all, 'lost' or 'dup': how many too few or too many}"""
    started = last = time.monotonic()
    marks, seen = [(started, 0)], 0
    while seen < expected and time.monotonic() - last < PATIENCE_S:
        time.sleep(POLL_S)
        count = receiver.count() - before
        if count > seen:
            seen, last = count, time.monotonic()
            marks.append((last, seen))
    begin = next((mark for mark in marks if mark[1] >= BEGIN * expected), marks[0])
    end = next((mark for mark in marks if mark[1] >= END * expected), marks[-1])
    rate = (end[1] - begin[1]) / (end[0] - begin[0]) if end[0] > begin[0] else None
    return {'recv_rate': rate, 'wall_s': last - started, 'lost': max(0, expected - seen), 'dup': max(0, seen - expected)}


def deliver(receiver, port, topics, messages, size, copies=1):
    """Publishes, and waits until each message has arrived so many times."""
    before = receiver.count()
    try:
        publish(port, topics, messages, size)
    except OSError as error:
        return {'fail': str(error)}
    return watch(receiver, before, len(topics) * messages * copies)


def wrk(program, receiver, core, connections, size, seconds):
    """The same requests without all that makes them webhooks."""
    with tempfile.NamedTemporaryFile('w', prefix='posthorn-bench-', suffix='.lua') as script:
        script.write(WRK_SCRIPT.format(size=size))
        script.flush()
        command = [program, '-t', 1, '-c', connections, '-d', f'{max(1, round(seconds))}s', '-s', script.name, receiver.url]
        done = subprocess.run(pinned(command, core), capture_output=True, text=True, timeout=PATIENCE_S + seconds)
    rate = re.search(r'Requests/sec:\s+([\d.]+)', done.stdout)
    if not rate or 'Non-2xx' in done.stdout or 'Socket errors' in done.stdout:
        return {'fail': (done.stdout + done.stderr).strip()[-200:]}
    return {'recv_rate': float(rate.group(1)), 'wall_s': seconds}
