#!/usr/bin/env python3
"""Log files that a sidecar follows: an nginx writes its access log while that is rotated in every way that is usual, and each
line comes into a stream of the broker once."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

from harness import DEADLINE_S, Daemon, Skip, equal, main, until
from jet import Jet, Store, headers_of
from sidecar import Sidecar, same_place
from web import Http

# Lines are long enough for a file of a few to be known by.
NGINX_CONFIG = """
daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 64; }}
http {{
    log_format plain "$request_uri {1}";
    access_log {0}/access.log plain;
    client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
    keepalive_requests 1000000;
    server {{ listen unix:{0}/socket; location / {{ return 204; }} }}
}}
"""
KILLS = 20
FILLING = "and what else stands in a line"


class Nginx:
    """A real one, with a directory of its own; numbers the requests that it is sent."""

    def __init__(self):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin")
        if not program:
            raise Skip("nginx is not installed")
        self.folder = tempfile.mkdtemp(prefix="posthorn-nginx-")
        os.chmod(self.folder, 0o755)
        self.log = os.path.join(self.folder, "access.log")
        config = os.path.join(self.folder, "nginx.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(NGINX_CONFIG.format(self.folder, FILLING))
        self.process = subprocess.Popen([program, "-e", os.path.join(self.folder, "error.log"), "-c", config],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.count, self.rotations = 0, 0
        until(lambda: os.path.exists(os.path.join(self.folder, "socket")), "nginx listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, count):
        """So many requests. Their lines are in the log soon: nginx writes them when it has answered."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE_S)
            sock.connect(os.path.join(self.folder, "socket"))
            answers = b""
            for first in range(self.count, self.count + count, 50):
                numbers = range(first, min(first + 50, self.count + count))
                sock.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in numbers))
                wanted = len(numbers)
                while answers.count(b"\r\n\r\n") < wanted:
                    answers += sock.recv(65536)
                answers = b""
        self.count += count

    def reopen(self):
        """As logrotate tells it; it is done when its worker writes there."""
        self.process.send_signal(signal.SIGUSR1)
        until(self._writes_anew, "nginx opens its log anew")

    def _writes_anew(self):
        self.ask(1)
        return os.path.exists(self.log) and os.path.getsize(self.log) > 0

    def aside(self):
        self.rotations += 1
        return f"{self.log}.{self.rotations}"

    def rename(self):
        """What is asked between goes into the renamed file."""
        os.rename(self.log, self.aside())
        self.ask(20)
        self.reopen()

    def _has_written_all(self):
        with open(self.log, "rb") as file:
            return b"/%d " % (self.count - 1) in file.read()

    def copy_and_cut(self):
        """Nothing is written between the one and the other, which would be lost to everybody."""
        until(self._has_written_all, "the last line is written")
        shutil.copyfile(self.log, self.aside())
        os.truncate(self.log, 0)

    def remove(self):
        os.unlink(self.log)
        self.ask(20)
        self.reopen()


def follow(broker, nginx, store, *options, **settings):
    own = [f"tail.nginx.path={nginx.folder}/access.log", "tail.nginx.topic=logs.nginx", f"server.data_dir={store.path}"]
    return Sidecar(broker, *own, *options, **settings)


def numbers_in(jet, count):
    """The requests that the stream tells of, in its order."""
    until(lambda: jet.state("LOGS")["messages"] >= count, f"{count} messages in the stream", 4 * DEADLINE_S)
    jet.consumer("LOGS", "reader", ack_policy="none", durable_name=None)
    lines = [message.body.decode() for message in jet.pull("LOGS", "reader", count)]
    numbers = []
    for line in lines:
        path, _, rest = line.partition(" ")
        equal(rest, FILLING, "a line's end")
        numbers.append(int(path[1:]))
    return numbers


def catch_up(jet, nginx):
    """Until every line has come: a file that was never seen before it is cut, or moved twice, is nobody's to find."""
    until(lambda: jet.state("LOGS")["messages"] >= nginx.count, f"{nginx.count} lines have come")


def each_has_come_once(jet, nginx):
    numbers = numbers_in(jet, nginx.count)
    equal(sorted(numbers), list(range(nginx.count)), "requests told of")
    equal(jet.state("LOGS")["messages"], nginx.count, "messages in the stream")
    return numbers


def lines_come_in_order_as_they_are_written():
    with Daemon(data=True) as broker, Nginx() as nginx, Store() as store:
        jet = Jet(broker)
        jet.stream("LOGS", ["logs.>"], storage="file")
        with follow(broker, nginx, store, "tail.nginx.show_path=yes"):
            nginx.ask(1000)
            catch_up(jet, nginx)
            nginx.ask(500)
            equal(each_has_come_once(jet, nginx), list(range(1500)), "order")
            jet.consumer("LOGS", "heads", ack_policy="none", durable_name=None)
            head = headers_of(jet.pull("LOGS", "heads", 1)[0])
            equal(head["Posthorn-Path"], nginx.log, "path in a header")


def no_way_of_rotating_loses_a_line_or_tells_it_twice():
    with Daemon(data=True) as broker, Nginx() as nginx, Store() as store:
        jet = Jet(broker)
        jet.stream("LOGS", ["logs.>"], storage="file")
        with follow(broker, nginx, store):
            for _ in range(4):
                for rotate in (nginx.rename, nginx.copy_and_cut, nginx.remove, nginx.copy_and_cut):
                    nginx.ask(100)
                    catch_up(jet, nginx)
                    nginx.ask(100)
                    rotate()
            nginx.ask(100)
            each_has_come_once(jet, nginx)


def what_is_written_and_rotated_while_it_is_away_is_found():
    with Daemon(data=True) as broker, Nginx() as nginx, Store() as store:
        jet = Jet(broker)
        jet.stream("LOGS", ["logs.>"], storage="file")
        for rotate in (nginx.rename, nginx.copy_and_cut, lambda: None):
            with follow(broker, nginx, store):
                nginx.ask(100)
                catch_up(jet, nginx)
            nginx.ask(100)
            rotate()
            nginx.ask(100)
        with follow(broker, nginx, store):
            equal(each_has_come_once(jet, nginx), list(range(nginx.count)), "order: what is older comes first")


def killed_again_and_again_it_loses_nothing_and_repeats_nothing():
    """Amid traffic and rotation, and at any moment: what was read and not noted is read again, and known by its id."""
    with Daemon(data=True) as broker, Nginx() as nginx, Store() as store:
        jet = Jet(broker)
        jet.stream("LOGS", ["logs.>"], storage="file")
        for turn in range(KILLS):
            sidecar = follow(broker, nginx, store, up=False)
            mark = jet.state("LOGS")["messages"]
            nginx.ask(200)
            if turn % 3 == 1:
                nginx.rename()
            nginx.ask(200)
            if turn % 2:
                until(lambda: jet.state("LOGS")["messages"] > mark, "something has come")
            sidecar.kill()
            nginx.ask(50)
        with follow(broker, nginx, store):
            each_has_come_once(jet, nginx)


def while_the_broker_is_away_lines_wait_on_disk():
    with Store() as kept, Nginx() as nginx, Store() as store:
        broker = kept.daemon()
        address = broker.line[0]
        Jet(broker).stream("LOGS", ["logs.>"], storage="file")
        with follow(address, nginx, store) as sidecar:
            broker.stop()
            sidecar.wait_down()
            nginx.ask(2000)
            nginx.rename()
            with kept.daemon(listen=same_place(address)) as broker:
                each_has_come_once(Jet(broker), nginx)


def a_full_spool_holds_back_and_loses_nothing():
    with Store() as kept, Nginx() as nginx, Store() as store:
        broker = kept.daemon()
        address = broker.line[0]
        Jet(broker).stream("LOGS", ["logs.>"], storage="file")
        with follow(address, nginx, store, "spool.bytes_max=1MiB") as sidecar:
            broker.stop()
            sidecar.wait_down()
            for _ in range(15):
                nginx.ask(1000)
            sidecar.wait_log(r" tail_waits .* error=\"the stream is full\"")
            with kept.daemon(listen=same_place(address)) as broker:
                each_has_come_once(Jet(broker), nginx)


def progress_tells_how_far_it_is_behind():
    with Store() as kept, Store() as store, tempfile.TemporaryDirectory() as logs:
        broker = kept.daemon()
        address = broker.line[0]
        Jet(broker).stream("LOGS", ["logs.>"], storage="file")
        path = os.path.join(logs, "app.log")
        options = (f"server.data_dir={store.path}", "spool.bytes_max=64KiB", f"tail.app.path={path}", "tail.app.topic=logs.app")
        with Sidecar(address, *options) as sidecar, Http(sidecar) as http:
            def lag():
                return http.get("/progress").json()["tail"][0]
            equal(lag(), {"name": "app", "files": 0, "bytes": 0, "oldest_ms": 0}, "with no file")
            broker.stop()
            sidecar.wait_down()
            with open(path, "w", encoding="ascii") as log:
                log.writelines(f"line {number} {'x' * 80}\n" for number in range(8000))
                log.write("and a line that is not whole")
            sidecar.wait_log(r" tail_waits .* error=\"the stream is full\"")
            until(lambda: lag()["oldest_ms"] > 0, "an age")
            size = os.path.getsize(path)
            equal(size - 200000 < lag()["bytes"] <= size and lag()["files"] == 1, True, f"{lag()} of {size} bytes")
            http.get("/readyz").check(503)
            equal(http.get("/progress").json()["spool"]["full"], True, "full")
            equal(b'posthorn_tail_lag_bytes{name="app"} ' in http.get("/metrics").body, True, "figure")
            with kept.daemon(listen=same_place(address)) as broker:
                until(lambda: Jet(broker).state("LOGS")["messages"] == 8000, "all lines")
                until(lambda: (lag()["bytes"], lag()["oldest_ms"]) == (28, 0), "what is not a line yet is all that is behind")
                http.get("/readyz").check(200)
                http.get("/healthz").check(200)


TESTS = (
    lines_come_in_order_as_they_are_written,
    no_way_of_rotating_loses_a_line_or_tells_it_twice,
    what_is_written_and_rotated_while_it_is_away_is_found,
    killed_again_and_again_it_loses_nothing_and_repeats_nothing,
    while_the_broker_is_away_lines_wait_on_disk,
    a_full_spool_holds_back_and_loses_nothing,
    progress_tells_how_far_it_is_behind,
)

if __name__ == "__main__":
    main(*TESTS)
