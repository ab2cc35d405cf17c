#!/usr/bin/env python3
"""Real input: this repository's own history, an event for each folder that a commit touched, published by curl as NDJSON.

An EventSource, a long poller, a short poller, an NDJSON reader and a NATS client each end with exactly the same sequence. In the
middle the daemon is killed and comes again: the pollers and the EventSource go on, and what `recent` lost is told as a gap.
"""

import json
import os
import shutil
import subprocess

from harness import PATIENCE, Closed, Daemon, Skip, equal, main, pump, until
from web import Events, Http, Lines, place, target

TREE = os.environ.get("srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
COMMITS = 600


def real_events():
    """(topic, text) of each event. In a tarball there is no git: there the files of the tree stand in for its commits."""
    events = _history() if os.path.exists(os.path.join(TREE, ".git")) and shutil.which("git") else []
    return events or _files()


def _history():
    log = subprocess.run(["git", "-C", TREE, "log", "--reverse", "--name-only", "--format=%x01%h%x02%an%x02%aI%x02%s"],
                         capture_output=True, check=False).stdout.decode("utf-8", "replace")
    events = []
    for entry in log.split("\x01")[1:][-COMMITS:]:
        head, _, names = entry.partition("\n")
        commit, author, time, subject = head.split("\x02")
        folders = sorted({os.path.dirname(name) for name in names.split("\n") if name})
        text = json.dumps({"commit": commit, "author": author, "time": time, "subject": subject})
        events += [(_topic(folder), text) for folder in folders]
    return events


def _files():
    return [(_topic(os.path.relpath(folder, TREE)), json.dumps({"file": name, "size": os.path.getsize(os.path.join(folder, name))}))
            for folder, _, names in sorted(os.walk(TREE)) for name in sorted(names)][:3000]


def _topic(folder):
    tokens = [token.replace(".", "_").replace(" ", "_") for token in folder.split("/") if token not in ("", ".")]
    return ".".join(["git", *tokens]) if tokens else "git"


def curl(daemon, events):
    """Publishes them as a user would: a file of NDJSON and curl."""
    path = os.path.join(daemon.dir, "events.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        for topic, text in events:
            file.write(json.dumps({"topic": topic, "data": text}) + "\n")
    command = ["curl", "--silent", "--show-error", "--fail", "--max-time", str(int(60 * PATIENCE)), "--data-binary", f"@{path}",
               "-H", "Content-Type: application/x-ndjson", f"http://{daemon.http[0]}/v1/publish"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def check_curl(process, count):
    out, err = process.communicate(timeout=60 * PATIENCE)
    equal((process.returncode, err.decode()), (0, ""), "curl's end")
    results = json.loads(out)["results"]
    equal((len(results), sum("seq" in result for result in results)), (count, count), "results")
    return results


class Poller:
    """Polls again and again, with wait= or without, and goes on at `next`; several lives of the daemon, one sequence."""

    def __init__(self, wait=None):
        self.wait, self.since = wait, "all"
        self.got, self.gaps = [], 0
        self.http = None

    def turn(self, daemon):
        """Takes what has come and asks for the next page."""
        if not self.http:
            self.http = Http(daemon)
            self._ask()
        while self.http.answers:
            answer = self.http.answers.popleft()
            if answer.status == 200:
                found = answer.json()
                self.got += [(m["topic"], m["data"]) for m in found["messages"]]
                self.gaps += found["gap"]
                self.since = found["next"]
            else:
                answer.check(429, "too-often")
            self._ask()

    def _ask(self):
        self.http._asked.append("GET")
        self.http.out += self.http.request_bytes("GET", target("git,git.>", since=self.since, wait=self.wait, limit=137))


class Reader:
    """An EventSource, or a reader of NDJSON, that connects again where it was."""

    def __init__(self, kind):
        self.kind, self.at, self.http = kind, None, None
        self.got, self.gaps = [], 0

    def turn(self, daemon):
        if not self.http:
            query = {"event": "topic"} if self.kind is Events else {"since": self.at}
            headers = {"Last-Event-ID": self.at} if self.at and self.kind is Events else {}
            self.http = self.kind(daemon, "git,git.>", headers, on_item=self._take, begin=False, **query)

    def _take(self, item):
        if self.kind is Events:
            self.at = item.id
            if item.type == "gap":
                self.gaps += 1
            else:
                self.got.append((item.type, item.data))
        elif "gap" in item:
            self.gaps, self.at = self.gaps + 1, item["gap"]["to"]
        else:
            self.got.append((item["topic"], item["data"]))
            self.at = item["id"]


def _all_kinds():
    return {"long poll": Poller("20s"), "short poll": Poller(), "event source": Reader(Events), "NDJSON": Reader(Lines)}


def _follow(daemon, peers, line, count, others=()):
    """Serves everybody until each has count events."""
    def turn():
        for peer in peers.values():
            peer.turn(daemon)

    turn()
    clients = [peer.http for peer in peers.values()] + [line, *others]
    pump(clients, lambda: all(len(peer.got) >= count for peer in peers.values()) and line.received_count >= count,
         f"{count} events for everybody", 60 * PATIENCE, turn)


def _line_client(daemon, got):
    line = daemon.client()
    line.on_message = lambda message: got.append((message.topic, message.body.decode()))
    line.subscribe("git", "1")
    line.subscribe("git.>", "2")
    line.flush()
    return line


def everybody_ends_with_the_same_sequence():
    if not shutil.which("curl"):
        raise Skip("needs curl")
    events = real_events()
    with Daemon("http.poll_interval_min=10ms") as daemon:
        by_line, peers = [], _all_kinds()
        line = _line_client(daemon, by_line)
        for name in ("event source", "NDJSON"):
            peers[name].turn(daemon)
            peers[name].http.begin()
        process = curl(daemon, events)
        _follow(daemon, peers, line, len(events))
        check_curl(process, len(events))
        equal(by_line == events, True, "what the NATS client got, in order")
        for name, peer in peers.items():
            equal((len(peer.got), peer.gaps), (len(events), 0), f"events and gaps of the {name}")
            equal(peer.got == events, True, f"sequence of the {name}")
        return f"{len(events)} events of {len({topic for topic, _ in events})} folders"


def clients_go_on_when_the_daemon_is_killed_and_comes_again():
    if not shutil.which("curl"):
        raise Skip("needs curl")
    events = real_events()
    half = len(events) // 2
    first = Daemon("http.poll_interval_min=10ms")
    by_line, peers = [], _all_kinds()
    line = _line_client(first, by_line)
    for name in ("event source", "NDJSON"):
        peers[name].turn(first)
        peers[name].http.begin()
    process = curl(first, events[:half])
    _follow(first, peers, line, half)
    results = check_curl(process, half)
    # What nobody has read yet when the daemon dies is lost with `recent`: only a gap can tell of it.
    with Http(first) as http:
        lost = http.post("/v1/topics/git", b"read by nobody").check(200).json()
    equal(place(lost["id"])[1], place(results[-1]["id"])[1] + 1, "sequence of what is lost")
    address = first.http[0]
    first.kill()
    for peer in peers.values():
        peer.http.close()
        if peer.got and peer.got[-1][1] == "read by nobody":  # unless it was quicker than the end
            peer.got.pop()
        peer.http = None
    with Daemon("http.poll_interval_min=10ms", http=address) as second:
        line = _line_client(second, by_line)
        process = curl(second, events[half:])  # while they come back
        until(lambda: _has_some(second), "the first events of the second life")
        _follow_again(second, peers, len(events))
        check_curl(process, len(events) - half)
        pump([line], lambda: len(by_line) >= len(events), "the NATS client's rest", 60 * PATIENCE)
        for name, peer in peers.items():
            equal(peer.gaps, 1, f"gaps told to the {name}")
            equal(peer.got == events, True, f"sequence of the {name}, gap aside")
        equal(by_line == events, True, "what the NATS client got")


def _has_some(daemon):
    with Http(daemon) as http:
        return http.get(target("git,git.>", since="all", limit=1)).check(200).json()["messages"]


def _follow_again(daemon, peers, count):
    def turn():
        for peer in peers.values():
            peer.turn(daemon)

    turn()
    try:
        pump([peer.http for peer in peers.values()], lambda: all(len(peer.got) >= count and peer.gaps for peer in peers.values()),
             f"{count} events for everybody", 60 * PATIENCE, turn)
    except Closed as end:
        raise AssertionError(f"a client was sent away instead of being told of a gap: {end}") from end


if __name__ == "__main__":
    main(everybody_ends_with_the_same_sequence, clients_go_on_when_the_daemon_is_killed_and_comes_again)
