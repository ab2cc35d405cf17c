#!/usr/bin/env python3
"""What the server tells of itself over HTTP: /varz, /connz and /subsz as nats-server's tools read them, /topicz, and /metrics as
Prometheus does."""

import base64
import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

from harness import DEADLINE_S, Daemon, Skip, equal, main, publish_bytes, until
from web import Events, Http

SECRET = "correct horse battery"


def _get(daemon, target, headers=()):
    """What it tells, as JSON."""
    with Http(daemon) as http:
        answer = http.get(target, headers).check(200)
        equal(answer.header("Content-Type"), "application/json", f"type of {target}")
        return answer.json()


def _rows(daemon, query=""):
    """The connections of the line protocol, in the order of the answer."""
    return [row for row in _get(daemon, f"/connz?{query}")["connections"] if row["type"] == "nats"]


def _busy(daemon):
    """Three connections that differ in what they do: sums, and lists in every order, can be told from them."""
    quiet = daemon.client(name="quiet", lang="python", version="1.2.3")
    reader = daemon.client(name="reader")
    writer = daemon.client(name="writer")
    reader.subscribe("a.*", "1")
    reader.subscribe("b.>", "2", "team")
    quiet.subscribe("c", "1")
    reader.flush()
    quiet.flush()
    for number in range(5):
        writer.publish(f"a.{number}", b"x" * 100)
    writer.publish("nobody", b"x" * 1000)
    writer.flush()
    reader.take(5)
    return quiet, reader, writer


def sums_are_those_of_all_workers():
    with Daemon() as daemon:
        clients = _busy(daemon)
        with Http(daemon) as http:
            varz = http.get("/varz").check(200).json()
        wanted = {"connections": 4, "total_connections": 4, "subscriptions": 3, "in_msgs": 6, "out_msgs": 5, "slow_consumers": 0,
                  "host": "127.0.0.1", "port": int(daemon.line[0].rpartition(":")[2]), "http_port": daemon.http_port,
                  "max_payload": 1 << 20, "ping_interval": 120 * 10**9}
        equal({name: varz[name] for name in wanted}, wanted, "/varz")
        own = varz["posthorn"]
        equal(own["workers"], Daemon.workers, "workers")
        equal(own["counters"]["messages_in"], 6, "a counter")
        equal(own["counters"]["messages_kept"], 6, "messages kept")
        equal([(stream["name"], stream["messages"], stream["last_seq"]) for stream in own["streams"]], [("recent", 6, 6)], "streams")
        equal(varz["mem"] > 1 << 20, True, "memory is told")
        clients[0].close()
        until(lambda: _get(daemon, "/subsz")["num_subscriptions"] == 2, "a subscription less")
        subsz = _get(daemon, "/subsz")
        equal((subsz["num_inserts"], subsz["num_removes"]), (3, 1), "/subsz counts")


def readers_are_told():
    with Daemon() as daemon, Events(daemon, "a.>"), Events(daemon, "a.>"), Events(daemon, "b"):
        readers = _get(daemon, "/varz")["posthorn"]["readers"]
        equal(readers["open"], 3, "readers")


def without_recent_there_is_no_stream():
    with Daemon("recent.enabled=no") as daemon:
        equal(_get(daemon, "/varz")["posthorn"]["streams"], [], "streams")
        topicz = _get(daemon, "/topicz")
        equal((topicz["topics"], topicz["total"]), ([], 0), "topics")


def connections_say_who_they_are():
    with Daemon() as daemon:
        _clients = _busy(daemon)
        rows = {row["name"]: row for row in _rows(daemon, "subs=1")}
        equal(sorted(rows), ["quiet", "reader", "writer"], "names")
        equal((rows["quiet"]["lang"], rows["quiet"]["version"]), ("python", "1.2.3"), "language and version")
        equal(sorted(rows["reader"]["subscriptions_list"]), ["a.*", "b.>"], "subscriptions")
        equal([rows["writer"][name] for name in ("in_msgs", "out_msgs", "subscriptions", "ip")], [6, 0, 0, "127.0.0.1"], "writer")
        equal([rows["reader"][name] for name in ("in_msgs", "out_msgs", "subscriptions")], [0, 5, 2], "reader")
        equal(rows["reader"]["out_bytes"] > 500 < rows["writer"]["in_bytes"], True, "bytes are counted")
        equal("subscriptions_list" in _rows(daemon)[0], False, "subscriptions that nobody asked for")


def connections_come_in_the_order_that_is_asked_for():
    with Daemon() as daemon:
        _clients = _busy(daemon)
        for order, first in (("cid", "quiet"), ("subs", "reader"), ("msgs_to", "reader"), ("msgs_from", "writer"),
                             ("bytes_to", "reader"), ("bytes_from", "writer")):
            rows = _rows(daemon, f"sort={order}")
            equal((rows[0]["name"], len(rows)), (first, 3), f"first by {order}")
        equal([row["cid"] for row in _rows(daemon, "sort=start")], sorted(row["cid"] for row in _rows(daemon)), "by start")


def pages_of_connections_join_without_a_seam():
    """Each page is picked anew out of all workers; together they are all, once."""
    with Daemon() as daemon:
        clients = daemon.clients(40, name="crowd")
        with Http(daemon) as http:
            numbers, offset = [], 0
            while offset < 41:
                page = http.get(f"/connz?limit=7&offset={offset}").check(200).json()
                equal((page["total"], page["offset"], page["limit"]), (41, offset, 7), "frame of a page")
                equal(page["num_connections"], len(page["connections"]), "connections on a page")
                numbers += [row["cid"] for row in page["connections"]]
                offset += 7
        equal(numbers, sorted(set(numbers)), "numbers in order, each once")
        equal(len(numbers), 41, "all of them")
        one = _get(daemon, f"/connz?cid={numbers[3]}")
        equal([row["cid"] for row in one["connections"]], [numbers[3]], "the one asked for")
        equal(_get(daemon, "/connz?cid=999999999")["connections"], [], "one that is not there")
        equal(len(clients), 40, "clients")


def bad_questions_are_refused():
    with Daemon() as daemon, Http(daemon) as http:
        for query in ("sort=nonsense", "limit=x", "limit=-1", "offset=%00", "cid=1e3", "state=closed", "sort=%zz"):
            answer = http.get(f"/connz?{query}")
            equal(answer.status, 400, query)
            answer.check_problem("bad-parameter")
        http.post("/varz").check_problem("bad-method")


def topics_seen_are_told_latest_first():
    with Daemon() as daemon, daemon.client() as client:
        for topic, body in (("old", b"12345"), ("twice", b"1"), ("new", b"123"), ("twice", b"22"), ("_INBOX.x", b"private")):
            client.publish(topic, body)
        client.flush()
        topicz = _get(daemon, "/topicz")
        equal([(row["topic"], row["messages"], row["bytes"]) for row in topicz["topics"]],
              [("twice", 2, 3), ("new", 1, 3), ("old", 1, 5)], "topics")
        equal(topicz["total"], 3, "how many there are")
        equal(len(_get(daemon, "/topicz?limit=1")["topics"]), 1, "topics within a limit")
        # more than are looked at, and than one turn looks at
        client.send(b"".join(publish_bytes(f"many.{number % 700}", b"x") for number in range(30000)))
        client.flush()
        topicz = _get(daemon, "/topicz")
        equal((topicz["total"], len(topicz["topics"])), (700, 700), "topics of the newest messages")
        equal(sum(row["messages"] for row in topicz["topics"]), 20000, "messages that were looked at")
        equal(topicz["topics"][0]["topic"], f"many.{29999 % 700}", "the latest")


def an_asker_that_leaves_is_forgotten():
    """Questions under way, and readings of `recent`, end with their client's connection; the next asker is served."""
    with Daemon() as daemon, daemon.client() as client:
        client.send(b"".join(publish_bytes(f"many.{number}", b"x") for number in range(30000)))
        client.flush()
        for target in ("/topicz", "/varz", "/connz?subs=1", "/metrics") * 10:
            with Http(daemon) as http:
                http.ask("GET", target)
                http.write_some()
                http.reset()
        equal(_get(daemon, "/topicz")["total"], 20000, "topics")


def questions_in_a_pipeline_are_answered_in_order():
    with Daemon() as daemon, Http(daemon) as http:
        targets = ("/varz", "/healthz", "/connz", "/topicz", "/subsz", "/metrics") * 5
        for target in targets:
            http.ask("GET", target)
        marks = {"/varz": b'"posthorn"', "/healthz": b'"status"', "/connz": b'"connections"', "/topicz": b'"topics"',
                 "/subsz": b'"num_cache"', "/metrics": b"# HELP"}
        for target in targets:
            answer = http.answer().check(200)
            equal(marks[target] in answer.body, True, f"answer to {target} is {answer.body[:60]!r}")


def nobody_reads_without_a_right_and_no_secret_is_told():
    with Daemon(f"user.alice.password={SECRET}", "user.alice.monitor=yes", f"user.bob.token={SECRET}-token") as daemon:
        basic = {"Authorization": "Basic " + base64.b64encode(f"alice:{SECRET}".encode()).decode()}
        with daemon.client(user="alice", **{"pass": SECRET}) as client, Http(daemon) as http:
            client.flush()
            for target in ("/varz", "/connz", "/subsz", "/topicz", "/metrics"):
                equal(http.get(target).status, 401, f"{target} without credentials")
                answer = http.get(target, basic).check(200)
                equal(SECRET.encode() in answer.body, False, f"a secret in {target}")
            equal(http.get("/varz", basic).json()["auth_required"], True, "auth_required")
            users = [row.get("authorized_user") for row in http.get("/connz?auth=1", basic).json()["connections"]]
            equal(users, ["alice", "alice"], "users of the connections")


# Fields of NATS's that have no meaning here: Go's, and what posthorn does not do.
NATS_ALONE = {
    "/varz": {"go", "cluster", "gateway", "leaf", "mqtt", "websocket", "jetstream", "tls_timeout", "gomaxprocs", "http_req_stats",
              "config_load_time", "system_account"},
    "/connz": {"rtt"},
    "/subsz": set(),
}


@contextlib.contextmanager
def _nats_server():
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/sbin")
    if not program:
        raise Skip("there is no nats-server")
    with socket.create_server(("127.0.0.1", 0)) as line, socket.create_server(("127.0.0.1", 0)) as http:
        ports = line.getsockname()[1], http.getsockname()[1]
    server = subprocess.Popen([program, "-a", "127.0.0.1", "-p", str(ports[0]), "-m", str(ports[1])], stderr=subprocess.DEVNULL)
    try:
        yield [f"127.0.0.1:{port}" for port in ports]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(DEADLINE_S)


def _is_listening(address):
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False


def _kinds(value):
    """Names and JSON types of an object's fields; whole numbers are numbers."""
    kinds = {int: "number", float: "number"}
    return {name: kinds.get(type(field), type(field).__name__) for name, field in value.items()}


def fields_have_natss_names_and_types():
    with _nats_server() as (line, http), Daemon() as daemon:
        until(lambda: _is_listening(line) and _is_listening(http), "nats-server listens")
        ours = [daemon.client(name="x", lang="y", version="z") for _ in range(2)]
        theirs = [daemon.client(address=line, name="x", lang="y", version="z") for _ in range(2)]
        for client in ours + theirs:
            client.subscribe("a", "1")
            client.flush()
        for path, left_out in NATS_ALONE.items():
            with urllib.request.urlopen(f"http://{http}{path}?subs=1", timeout=DEADLINE_S) as answer:
                wanted, got = json.load(answer), _get(daemon, f"{path}?subs=1")
            if path == "/connz":
                wanted = wanted["connections"][0]
                got = next(row for row in got["connections"] if row["type"] == "nats")
            if path == "/subsz":
                wanted = {name: value for name, value in wanted.items() if name not in ("total", "offset", "limit", "subscriptions_list")}
            wanted, got = _kinds(wanted), _kinds(got)
            equal(set(wanted) - set(got), left_out, f"fields of {path} that posthorn does not have")
            equal({name: got[name] for name in wanted if name in got}, {name: wanted[name] for name in wanted if name in got},
                  f"types in {path}")


def _samples(text):
    return {name: float(value) for name, value in re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}


def metrics_are_what_prometheus_reads():
    with Daemon() as daemon:
        _clients = _busy(daemon)
        with Http(daemon) as http:
            answer = http.get("/metrics").check(200)
        equal(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8", "type")
        samples = _samples(answer.body.decode())
        wanted = {"posthorn_connections": 4, "posthorn_connections_opened_total": 4, "posthorn_messages_in_total": 6,
                  "posthorn_messages_out_total": 5, "posthorn_subscriptions": 3, "posthorn_workers": Daemon.workers,
                  'posthorn_stream_messages{stream="recent"}': 6, 'posthorn_stream_last_sequence{stream="recent"}': 6}
        equal({name: samples.get(name) for name in wanted}, wanted, "samples")
        age_s = samples["posthorn_uptime_seconds"]
        equal(0 <= age_s < DEADLINE_S, True, f"uptime {age_s}")
        equal(samples["posthorn_resident_memory_bytes"] > 1 << 20, True, "memory")


def promtool_finds_nothing_to_say():
    if not shutil.which("promtool"):
        raise Skip("there is no promtool")
    with Daemon() as daemon, Http(daemon) as http:
        metrics = http.get("/metrics").check(200).body
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, timeout=DEADLINE_S, check=False)
        equal((done.returncode, (done.stdout + done.stderr).decode()), (0, ""), "what promtool says")


main(sums_are_those_of_all_workers, readers_are_told, without_recent_there_is_no_stream, connections_say_who_they_are,
     connections_come_in_the_order_that_is_asked_for, pages_of_connections_join_without_a_seam, bad_questions_are_refused,
     topics_seen_are_told_latest_first, an_asker_that_leaves_is_forgotten, questions_in_a_pipeline_are_answered_in_order,
     nobody_reads_without_a_right_and_no_secret_is_told, fields_have_natss_names_and_types, metrics_are_what_prometheus_reads,
     promtool_finds_nothing_to_say)
