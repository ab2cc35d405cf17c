#!/usr/bin/env python3
"""Two applications who know of nothing but HTTP, each with a sidecar, and a broker, in three network namespaces; links and processes
fail at random, and in the end the books balance.

    tests/crash/sidecar_real.py [--seconds T] [--seed S]            TEST_SECONDS=T does the same

    customers -> nginx -> sidecar -> BROKER -> sidecar -> orders.js       POST /api/orders, GET /api/orders/ID
                 nginx <- sidecar <- BROKER <- sidecar <- orders.js       GET /prices/ITEM.json, of each order
                                     BROKER <- sidecar <- orders.js       the event orders.created, with its acknowledgement
                                     BROKER -> sidecar -> orders.js       ... and delivered to it
    access.log -----> sidecar -----> BROKER                               each line, by [tail], through rotation

The broker, either sidecar and orders.js are killed and stopped, and started again; either link goes down or loses all packets. What
must hold in the end:

  - each line of the access log is in the stream once, and those of each file stand in its order
  - each event of which orders.js has had the acknowledgement is in the stream once, none is there twice, and each was delivered
  - each call was answered, or failed with a status that says so, in time; none with a body that is not its own
  - no order was executed twice; one that was confirmed was executed, and its event is there
  - a price was asked for no more often than the retries of a GET allow
"""

import argparse
import collections
import functools
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from kept import Directory, Stream, read_by_consumer, start
from harness import DEADLINE_S, PATIENCE, Skip, equal, main, until
from jet import Jet
from network import Link, Space, enter_namespace
from sidecar import Sidecar
from web import Http

TOKENS = {"shop": "token-of-the-shop", "orders": "token-of-orders", "meter": "token-of-the-test"}
STREAMS = [Stream("logs", duplicate_window="1h"), Stream("orders", duplicate_window="1h")]
CALL_S, TRIES = 5, 3  # the time of a call, and how often a GET is tried at most
CUSTOMERS = 4
ITEMS = ("tea", "cups", "eggs")
FAILURES = {502, 503, 504}  # of a call that was not answered by the application; all else is its own
BODIES = "application/problem+json", "application/json", "text/html"  # of failures: the sidecars', orders.js's, nginx's
RETRIES = "200ms,200ms,500ms,1s,1s,2s,2s,5s,5s,10s,10s,30s"

NGINX = """
daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log; {1}
events {{ worker_connections 256; }}
http {{
    access_log {0}/access.log combined;
    client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
    server {{
        listen unix:{0}/socket;
        listen 127.0.0.1:8080;
        location /prices/ {{ root {0}/www; }}
        location /api/ {{ proxy_pass http://127.0.0.1:8222/svc/orders/; proxy_read_timeout {2}s; }}
    }}
}}
"""


class Program:
    """One of the processes that come and go."""

    def __init__(self, begin):
        self.begin, self.running = begin, begin()

    def kill(self):
        self.running.kill()

    def stop(self):
        self.running.send_signal(signal.SIGTERM)
        self.running.check_end(self.running.wait_exit())

    def start(self):
        self.running = self.begin()


class Orders:
    """orders.js, as a Daemon looks to Program."""

    def __init__(self, space, journal):
        self.process = subprocess.Popen([os.environ["NODE"], os.path.join(os.path.dirname(os.path.realpath(__file__)), "orders.js"), "3000",
                                         journal], stdout=subprocess.PIPE, preexec_fn=space.enter)
        equal(self.process.stdout.readline(), b"ready\n", "first line of orders.js")

    def kill(self):
        self.process.kill()
        self.wait_exit()

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self):
        code = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        return code

    def check_end(self, code):
        equal(code, 0, "exit code of orders.js")


class Nginx:
    """The shop: static prices, and the way to the orders. It stays alive; its log is rotated."""

    def __init__(self, space):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin")
        if not program:
            raise Skip("nginx is not installed")
        self.directory = Directory()
        self.folder, self.rotations = self.directory.top, 0
        os.chmod(self.folder, 0o755)
        os.makedirs(os.path.join(self.folder, "www", "prices"))
        for price, item in enumerate(ITEMS, 1):
            with open(os.path.join(self.folder, "www", "prices", f"{item}.json"), "w", encoding="ascii") as file:
                json.dump({"item": item, "price": price}, file)
        config = os.path.join(self.folder, "nginx.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(NGINX.format(self.folder, "user root root;" if os.geteuid() == 0 else "", CALL_S + 10))
        self.log, self.socket = os.path.join(self.folder, "access.log"), os.path.join(self.folder, "socket")
        self.process = subprocess.Popen([program, "-e", os.path.join(self.folder, "error.log"), "-c", config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=space.enter)
        until(lambda: os.path.exists(self.socket), "nginx listens")

    def rotate(self):
        """As logrotate does it."""
        self.rotations += 1
        os.rename(self.log, f"{self.log}.{self.rotations}")
        self.process.send_signal(signal.SIGUSR1)
        until(lambda: os.path.exists(self.log), "nginx opens its log anew")

    def files(self):
        """The lines of each file, the oldest first."""
        names = [*(f"{self.log}.{number + 1}" for number in range(self.rotations)), self.log]
        found = []
        for name in names:
            with open(name, "rb") as file:
                found.append(file.read().splitlines())
        return found

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.directory.__exit__(None, None, None)


class Customer(threading.Thread):
    """Orders, and looks at what was ordered, one call at a time. What came of each is in `calls`."""

    _lock, _count = threading.Lock(), 0
    known = collections.deque(maxlen=1000)  # orders that were confirmed
    stop = False

    def __init__(self, path, seed):
        super().__init__(daemon=True)
        self.path, self.chance = path, random.Random(seed)
        self.calls = []  # (id, method, status)
        self.longest_s, self.failure = 0, None

    @classmethod
    def new_id(cls):
        with cls._lock:
            cls._count += 1
            return f"o{cls._count}"

    def run(self):
        try:
            while not Customer.stop:
                if self.chance.random() < 0.3 and Customer.known:
                    self.look(self.chance.choice(list(Customer.known)))
                else:
                    self.order(self.new_id(), self.chance.choice(ITEMS))
                time.sleep(self.chance.uniform(0, 0.02) if self.is_well() else 0.1)
        except Exception as error:  # told by the main thread
            self.failure = error

    def is_well(self):
        return self.calls[-1][2] not in FAILURES

    def order(self, number, item):
        status, body = self.ask("POST", "/api/orders", number, json.dumps({"id": number, "item": item}))
        if status == 201:
            equal(body, {"id": number, "item": item, "price": ITEMS.index(item) + 1}, "what was ordered")
            Customer.known.append(number)

    def look(self, number):
        status, body = self.ask("GET", f"/api/orders/{number}?look={self.new_id()}", number)
        if status == 200:
            equal(body["id"], number, "the order that is shown")

    def ask(self, method, path, number, body=None):
        began = time.monotonic()
        connection = http.client.HTTPConnection("shop", timeout=CALL_S + 15)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(CALL_S + 15)
        connection.sock.connect(self.path)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        text, kind = response.read(), (response.getheader("Content-Type") or "").split(";")[0]
        connection.close()
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.calls.append((number, method, response.status))
        if response.status in FAILURES:
            equal(kind in BODIES and len(text) > 0, True, f"a failure that says what it is: {response.status} {kind} {text[:100]}")
            return response.status, None
        if response.status not in (200, 201):
            raise AssertionError(f"{method} {path}: {response.status} {text[:300]}")
        return response.status, json.loads(text)


class Scene:
    """All of it."""

    def __init__(self, spaces, links, folders, chance):
        self.chance, self.folders = chance, folders
        self.broker_space, self.orders_space, self.shop_space = spaces
        self.links = dict(zip(("link of orders", "link of the shop"), links))
        self.nginx = Nginx(self.shop_space)
        self.journal = os.path.join(folders["orders"].top, "journal")
        self.programs = {
            "broker": Program(self.begin_broker),
            "orders.js": Program(lambda: Orders(self.orders_space, self.journal)),
            "sidecar of orders": Program(self.begin_sidecar_of_orders),
            "sidecar of the shop": Program(self.begin_sidecar_of_the_shop),
        }
        self.broken = {}  # what is broken now -> (when it is to be mended, how)
        self.counts = collections.Counter()

    def begin_broker(self):
        users = [f"user.{name}.token={token}" for name, token in TOKENS.items()]
        top = self.folders["broker"].top
        listen = ",".join([f"unix:{top}/line", *(f"{link.ends[0].address}:4222" for link in self.links.values())])
        broker = start(self.folders["broker"], STREAMS, *users, listen=listen, http=f"unix:{top}/http", prepare=self.broker_space.enter)
        broker.client = functools.partial(broker.client, auth_token=TOKENS["meter"])
        return broker

    def begin_sidecar(self, name, space, link, *options):
        folder = self.folders[name]
        return Sidecar(f"{self.links[link].ends[0].address}:4222", f"server.data_dir={folder.path}", f"uplink.token={TOKENS[name]}",
                       "uplink.ping_interval=500ms", "uplink.connect_timeout=1s", "server.stop_grace=2s", f"call.timeout={CALL_S}s",
                       "call.try_timeout=1500ms", f"call.retries={TRIES - 1}", *options, listen=f"unix:{folder.top}/line",
                       http=f"127.0.0.1:8222,unix:{folder.top}/http", prepare=space.enter, up=False)

    def begin_sidecar_of_orders(self):
        return self.begin_sidecar("orders", self.orders_space, "link of orders", "serve.orders.topic=svc.orders.>",
                                  "serve.orders.to=http://127.0.0.1:3000", "deliver.orders.pattern=orders.>",
                                  "deliver.orders.to=http://127.0.0.1:3000/events", f"deliver.orders.retries={RETRIES}",
                                  "deliver.orders.ack_wait=2s")

    def begin_sidecar_of_the_shop(self):
        return self.begin_sidecar("shop", self.shop_space, "link of the shop", "serve.shop.topic=svc.shop.>",
                                  "serve.shop.to=http://127.0.0.1:8080", f"tail.access.path={self.nginx.log}", "tail.access.topic=logs.shop")

    # faults

    def ways(self, name):
        """(how often, what it is called, how it begins, how it is mended) of what may happen to it."""
        if name in self.programs:
            program = self.programs[name]
            return [(2, "killed", program.kill, program.start), (1, "stopped", program.stop, program.start)]
        link, side = self.links[name], self.chance.choice(self.links[name].ends)
        return [(1, "down", side.down, side.up), (1, "half silent", side.mute, side.speak), (1, "silent", link.mute, link.speak)]

    def break_something(self):
        well = [name for name in (*self.programs, *self.links) if name not in self.broken]
        if len(self.broken) >= 2 or not well:
            return
        name = self.chance.choice(well)
        ways = self.ways(name)
        _, what, begin, mend = self.chance.choices(ways, [way[0] for way in ways])[0]
        self.counts[f"{name} {what}"] += 1
        begin()
        self.broken[name] = (time.monotonic() + self.chance.choice((0, 0.2, 1, 3)) * self.chance.random(), mend)

    def mend(self, all_of_it=False):
        for name, (due, mend) in list(self.broken.items()):
            if all_of_it or time.monotonic() >= due:
                del self.broken[name]
                mend()

    def run(self, seconds, customers):
        end, next_break, next_turn = time.monotonic() + seconds, 0, time.monotonic() + seconds / 4
        while time.monotonic() < end:
            now = time.monotonic()
            if now >= next_break:
                self.break_something()
                next_break = now + self.chance.uniform(0.3, 2.5)
            if now >= next_turn:
                self.nginx.rotate()
                next_turn = now + seconds / 4
            self.mend()
            for customer in customers:
                if customer.failure:
                    raise customer.failure
            time.sleep(0.02)
        self.mend(all_of_it=True)

    # the end

    def wait_for_rest(self):
        """Everything has come where it belongs."""
        lines = sum(map(len, self.nginx.files()))
        for name in ("sidecar of orders", "sidecar of the shop"):
            with Http(f"unix:{self.folders[name.split()[-1]].top}/http") as http_:
                until(lambda: http_.get("/progress").json()["spool"]["messages"] == 0, f"an empty spool of the {name}", 60 * PATIENCE, 0.05)
        jet = Jet(self.programs["broker"].running)
        until(lambda: jet.state("logs")["messages"] >= lines, f"{lines} lines in the stream", 60 * PATIENCE, 0.05)
        until(lambda: self.is_delivered(jet), "all delivered", 60 * PATIENCE, 0.05)
        jet.close()

    def is_delivered(self, jet):
        info = jet.consumer_info("orders", "orders")
        return info["num_pending"] == info["num_ack_pending"] == 0

    def stop(self):
        for name in ("sidecar of orders", "sidecar of the shop", "orders.js", "broker"):
            self.programs[name].stop()
        self.nginx.close()


def read(scene, name):
    """The messages of a stream, as they stand."""
    return list(read_by_consumer(scene.programs["broker"].running, name))


def _check_order(files, there):
    """Of the lines that are alone of their kind: two retries within a second look alike."""
    count = collections.Counter(line for lines in files for line in lines)
    place = {line: number for number, lines in enumerate(files) for line in lines if count[line] == 1}
    for number, lines in enumerate(files):
        got, wanted = [line for line in there if place.get(line) == number], [line for line in lines if line in place]
        if got != wanted:
            at = next(i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1])
            raise AssertionError(f"file {number + 1} of {len(files)}, line {at}: {got[at:at + 3]} in place of {wanted[at:at + 3]}")
    order = [place[line] for line in there if line in place]
    equal(sum(a > b for a, b in zip(order, order[1:])), 0, "lines of older files that come behind newer ones")


def check_log(scene):
    """Each line once, in the order of its file, and older files first."""
    there = [entry.body for entry in read(scene, "logs")]
    files = scene.nginx.files()
    wanted = [line for lines in files for line in lines]
    missing = collections.Counter(wanted) - collections.Counter(there)
    more = collections.Counter(there) - collections.Counter(wanted)
    equal((list(missing)[:3], list(more)[:3]), ([], []), f"lines that are missing ({missing.total()}), and that are too many ({more.total()})")
    _check_order(files, there)
    return f"{len(wanted)} lines in {len(files)} files"


def entries(scene):
    with open(scene.journal, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def check_orders(scene, customers):
    """None executed twice; what was confirmed was; events of what was acknowledged are there once; each was delivered."""
    journal = entries(scene)
    asked = collections.Counter(entry["asked"] for entry in journal if "asked" in entry)
    told = {entry["told"] for entry in journal if "told" in entry}
    heard = {entry["heard"] for entry in journal if "heard" in entry}
    events = collections.Counter(json.loads(entry.body)["id"] for entry in read(scene, "orders"))
    confirmed = {number for customer in customers for number, method, status in customer.calls if (method, status) == ("POST", 201)}
    equal([number for number, count in asked.items() if count > 1], [], "orders that were executed twice")
    equal(sorted(confirmed - told)[:5], [], "orders that were confirmed, and not finished")
    equal([number for number, count in events.items() if count > 1], [], "events that are there twice")
    equal(sorted(told - set(events))[:5], [], "events that were acknowledged and are lost")
    equal(sorted(set(events) - heard)[:5], [], "events that were not delivered")
    return f"{len(asked)} orders executed, {len(confirmed)} confirmed, {len(events)} events, {len(told)} acknowledged"


def check_prices(scene):
    """Each was asked for as often as a GET may be tried."""
    asked = collections.Counter()
    for lines in scene.nginx.files():
        for line in lines:
            if b"/prices/" in line:
                asked[line.split(b"order=")[1].split(b" ")[0]] += 1
    equal([number for number, count in asked.items() if count > TRIES], [], "prices that were asked for too often")
    return f"{sum(asked.values())} prices asked for {len(asked)} orders"


def check_calls(customers):
    statuses = collections.Counter(status for customer in customers for _, _, status in customer.calls)
    longest_s = max(customer.longest_s for customer in customers)
    equal(longest_s < CALL_S + 2 * PATIENCE, True, f"a call took {longest_s:.1f} s")
    good = statuses[200] + statuses[201]
    equal(good >= 10, True, f"hardly a call is answered: {statuses}")  # how many are is a matter of which faults came
    failed = ", ".join(f"{count} with {status}" for status, count in sorted(statuses.items()) if status in FAILURES)
    return f"{good} calls answered, failed {failed or 'none'}, {longest_s:.1f} s at most"


def check(scene, customers):
    return [check_calls(customers), check_orders(scene, customers), check_prices(scene), check_log(scene)]


def two_applications_and_whatever_happens_to_them():
    if not os.environ.get("NODE"):
        raise Skip("there is no node")
    chance = random.Random(options.seed)
    with Directory() as broker, Directory() as orders, Directory() as shop, Space() as one, Space() as two, Space() as three, \
            Link(one, two, "10.77.1") as first, Link(one, three, "10.77.2") as second:
        scene = Scene((one, two, three), (first, second), {"broker": broker, "orders": orders, "shop": shop}, chance)
        customers = [Customer(scene.nginx.socket, chance.random()) for _ in range(CUSTOMERS)]
        try:
            for customer in customers:
                customer.start()
            scene.run(options.seconds, customers)
            time.sleep(0.5)  # some calls in peace
            Customer.stop = True
            for customer in customers:
                customer.join(CALL_S + 20)
                if customer.failure:
                    raise customer.failure
            scene.wait_for_rest()
            notes = check(scene, customers)
        except BaseException:
            tell(scene)
            raise
        scene.stop()
        faults = ", ".join(f"{what} {count}" for what, count in sorted(scene.counts.items()))
        return f"{options.seconds:.0f} s; {'; '.join(notes)}; {scene.counts.total()} faults: {faults}"


def tell(scene):
    print(f"failed: --seed {options.seed}, {scene.counts}, broken: {list(scene.broken)}", file=sys.stderr)
    for name in ("broker", "sidecar of orders", "sidecar of the shop"):
        lines = [line for line in scene.programs[name].running.log_lines() if " info call " not in line and " info served " not in line]
        print(f"the log of the {name} ends:\n" + "\n".join(lines[-60:]), file=sys.stderr)
    scene.nginx.process.terminate()
    scene.programs["orders.js"].running.process.kill()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("TEST_SECONDS", "15")))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


if __name__ == "__main__":
    enter_namespace()
    options = arguments()
    print(f"seed {options.seed}", flush=True)
    main(two_applications_and_whatever_happens_to_them, limit_s=150 + options.seconds)
