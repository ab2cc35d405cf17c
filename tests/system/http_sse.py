#!/usr/bin/env python3
"""Server-sent events, as a browser's EventSource reads them: live and from history, resumed, with gaps told, at any speed."""

import base64
import datetime
import json
import random
import re
import signal
import time

from harness import PATIENCE, Daemon, equal, flush_all, main, pump, read_any, until
from web import Events, Http, place, poll, publish, publish_many, target


class Follower:
    """Holds an EventSource to its promise: numbered messages without one twice or missing, but for what a gap names exactly."""

    def __init__(self, daemon, pattern, at=None, **settings):
        self.daemon, self.pattern, self.settings = daemon, pattern, settings
        self.at = at  # the cursor it stands at
        self.bodies, self.gaps = [], []
        self.connections = 0
        self.connect()

    def connect(self, **settings):
        if self.at:
            self.settings["headers"] = {"Last-Event-ID": self.at}
        self.events = Events(self.daemon, self.pattern, on_item=self.take, begin=False, **self.settings, **settings)
        self.connections += 1

    def take(self, event):
        epoch, sequence = place(event.id)
        if event.type == "gap":
            gap = json.loads(event.data)
            equal(gap["to"], event.id, "where the gap ends")
            if self.at and place(self.at)[0] == place(gap["from"])[0] and place(gap["from"])[1] < place(self.at)[1]:
                raise AssertionError(f"a gap from {gap['from']}, when {self.at} had been seen")
            self.gaps.append((place(gap["from"]), place(gap["to"])))
        else:
            if self.at and place(self.at)[0] == epoch and place(self.at)[1] >= sequence:
                raise AssertionError(f"{event.id} after {self.at}")
            self.bodies.append(event.data)
        self.at = event.id

    def missing(self):
        """How many messages the gaps name."""
        return sum(to[1] - start[1] for start, to in self.gaps)


def _numbers(count, begin=0):
    return [str(number) for number in range(begin, begin + count)]


# ---------------------------------------------------------------------------------------------------------------- live


def events_come_as_they_are_published():
    with Daemon() as daemon, Http(daemon) as http:
        events, line = Events(daemon, "live.a"), daemon.client()
        for number in range(50):
            if number % 2:
                line.publish("live.a", b"%d" % number)
                line.flush()
            else:
                publish(http, "live.a", b"%d" % number)
        got = events.take(50)
        equal([e.data for e in got], _numbers(50), "data")
        equal({e.type for e in got}, {"message"}, "types of events")
        equal([place(e.id)[1] for e in got], list(range(1, 51)), "sequences")


def the_head_says_that_nothing_may_be_buffered_or_kept():
    with Daemon() as daemon:
        answer = Events(daemon, "a").answers[0]
        equal(answer.header("Content-Type"), "text/event-stream; charset=utf-8", "type")
        equal({"no-cache", "no-store", "no-transform"} <= answer.tokens("Cache-Control"), True, f"Cache-Control in {answer.headers}")
        equal(answer.header("X-Accel-Buffering"), "no", "buffering")
        equal((answer.header("Content-Length"), answer.header("ETag")), (None, None), "a stream has neither length nor tag")


def patterns_choose_and_nobody_gets_a_message_twice():
    topics = ("a", "b.1", "b.1.2", "c.x", "c.x.y", "d", "B.1", "ab", "x.a")
    wanted = {"a": ["a"], "b.*": ["b.1"], "b.>": ["b.1", "b.1.2"], "a,b.*,c.>": ["a", "b.1", "c.x", "c.x.y"], ">": list(topics),
              "b.1,b.*,b.>,>,b.1": list(topics), "*": ["a", "d", "ab"], "*.x,c.*": ["c.x"], "nothing": [], "*.*.2,x.*": ["b.1.2", "x.a"]}
    with Daemon() as daemon, Http(daemon) as http:
        live = {pattern: Events(daemon, pattern + ",the.end", event="topic") for pattern in wanted}
        start = publish(http, "before", b"x")["id"]
        for topic in (*topics, "the.end"):
            publish(http, topic, b"x")
        late = {pattern: Events(daemon, pattern + ",the.end", event="topic", since=start) for pattern in wanted}
        for readers in (live, late):
            for pattern, events in readers.items():
                events.wait(lambda events=events: events.inbox and events.inbox[-1].type == "the.end", f"the last event of {pattern}")
                got = [e.type for e in events.inbox if e.type != "before"]
                equal(got, wanted[pattern] + ["the.end"], f"topics of {pattern}")


def bad_patterns_and_parameters_are_refused():
    with Daemon("http.patterns_max=4") as daemon, Http(daemon) as http:
        Events(daemon, "a,b,c,d")
        for patterns in ("a,b,c,d,e", "a,,b", ",", "a..b", ">.a", "a.>.b", ".a", "a,", "a%20b", "a%0Ab", "a%0D%0Adata:x", "a%00"):
            http.get(f"/v1/topics/{patterns}/sse").check(400)
        for query in ("event=shout", "data=xml", "since=yesterday", "since=-1s", "since=", "since=zz-", "since=1-2-3", "since=%00"):
            http.get(f"/v1/topics/a/sse?{query}").check(400, "bad-parameter")
        http.get("/v1/topics/a", {"Accept": "image/png"}).check(406, "not-acceptable")


def the_form_is_chosen_by_accept_or_by_the_path():
    with Daemon() as daemon:
        for accept in ("text/event-stream", "Text/Event-Stream", "text/html, text/event-stream;q=0.9", "text/event-stream, */*;q=0.1"):
            http = Http(daemon)
            http.ask("GET", "/v1/topics/a", None, {"Accept": accept})
            http.wait(http.answers.__len__, f"a head for {accept}")
            equal(http.answers[0].header("Content-Type"), "text/event-stream; charset=utf-8", f"type for {accept}")
        for path, kind in (("sse", "text/event-stream"), ("ndjson", "application/x-ndjson"), ("json", "application/json")):
            http = Http(daemon)
            http.ask("GET", f"/v1/topics/a/{path}", None, {"Accept": "*/*"})
            http.wait(http.answers.__len__, f"a head for {path}")
            equal(http.answers[0].header("Content-Type").split(";")[0], kind, f"type for /{path}")
        with Http(daemon) as http:
            for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/*"}, {"Accept": "text/html, */*;q=0.5"}):
                equal(http.get("/v1/topics/a?since=latest", headers).header("Content-Type"), "application/json", f"type for {headers}")


def all_readers_see_one_order():
    """Publishers on every worker, readers on every worker: everybody reads the same log."""
    with Daemon() as daemon:
        readers = [Events(daemon, "o.>", event="topic") for _ in range(8)]
        publishers = [Http(daemon) for _ in range(4)]
        count = 300
        for number, http in enumerate(publishers):
            http.out += b"".join(http.request_bytes("POST", f"/v1/topics/o.{number}", b"%d" % turn) for turn in range(count))
        total = count * len(publishers)
        pump(readers + publishers, lambda: all(r.received_count == total for r in readers), "every event", 40 * PATIENCE)
        first = list(readers[0].inbox)
        for reader in readers:
            equal(list(reader.inbox) == first, True, "one order for all")
        equal([place(e.id)[1] for e in first], list(range(1, total + 1)), "sequences")
        for number in range(len(publishers)):
            equal([e.data for e in first if e.type == f"o.{number}"], _numbers(count), f"order of publisher {number}")


def topics_that_are_not_kept_are_live():
    with Daemon() as daemon, Http(daemon) as http:
        events, mixed = Events(daemon, "$own.>,_INBOX.*", event="topic"), Events(daemon, "$own.>,kept", event="topic")
        for topic in ("$own.a", "_INBOX.b", "kept", "$own.c"):
            publish(http, topic, topic.encode())
        equal([(e.type, e.data) for e in events.take(3)], [(t, t) for t in ("$own.a", "_INBOX.b", "$own.c")], "live events")
        equal(sorted(e.type for e in mixed.take(3)), ["$own.a", "$own.c", "kept"], "events of both kinds")
        equal([e.id for e in events.inbox], [], "more")


def with_recent_off_events_are_live_and_have_no_id():
    with Daemon("recent.enabled=no", "http.heartbeat_interval=100ms") as daemon, Http(daemon) as http:
        events, line = [Events(daemon, "a.>", event="topic") for _ in range(4)], daemon.client()
        for number in range(100):
            if number % 2:
                http.post(f"/v1/topics/a.{number}", b"%d\n" % number).check(202)
            else:
                line.publish(f"a.{number}", b"%d\n" % number)
                line.flush()
        for reader in events:
            equal([(e.type, e.data, e.id) for e in reader.take(100)], [(f"a.{n}", f"{n}\n", None) for n in range(100)], "events")
            reader.wait(lambda reader=reader: reader.heartbeat_count >= 2, "heartbeats")


def users_are_asked_who_they_are():
    with Daemon("user.ada.password=engine") as daemon, Http(daemon) as http:
        answer = http.get("/v1/topics/a/sse").check(401, "unauthorized")
        equal(answer.header("WWW-Authenticate"), 'Basic realm="posthorn", charset="UTF-8"', "WWW-Authenticate")
        headers = {"Authorization": "Basic " + base64.b64encode(b"ada:engine").decode()}
        events = Events(daemon, "a", headers)
        publish(http, "a", b"x", headers)
        equal(events.next().data, "x", "event")


# ------------------------------------------------------------------------------------------------------------ payloads


def text_is_split_at_every_kind_of_line_end():
    texts = ("one", "", " leading", "  two", ": colon", "data: x", "a\nb", "a\rb", "a\r\nb", "\n", "\r", "\r\n", "a\n", "\na", "a\n\nb",
             "a\r\r\n\nb", "id: forged\n\nevent: gap\ndata: {}\n\n", "grüße 😀", "\ufeffmark", "tab\tand\x0bmore\x85\u2028", "x" * 70000)
    with Daemon() as daemon, Http(daemon) as http:
        events = Events(daemon, "t")
        for text in texts:
            publish(http, "t", text.encode())
        for late in (False, True):
            reader = Events(daemon, "t", since="all") if late else events
            for number, event in enumerate(reader.take(len(texts)), 1):
                text = texts[number - 1]
                equal((event.type, event.data), ("message", re.sub("\r\n|\r", "\n", text)), f"event of {text[:50]!r}")
                equal(place(event.id)[1], number, "its sequence")


def what_is_no_text_comes_as_a_data_url():
    with Daemon() as daemon, Http(daemon) as http:
        events = Events(daemon, "b")
        bodies = (b"\xff", bytes(range(256)), b"a\0b", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", bytes(100000))
        for body in bodies:
            publish(http, "b", body)
        for event, body in zip(events.take(len(bodies)), bodies):
            equal(event.data, "data:;base64," + base64.b64encode(body).decode(), "data URL")


def data_can_be_asked_for_in_other_forms():
    with Daemon() as daemon, Http(daemon) as http:
        coded, whole = Events(daemon, "f", data="base64"), Events(daemon, "f", data="json", event="topic")
        bodies = (b"text\r\n", b"", b"\xff\0", bytes(range(256)), b"x" * 50000)
        for body in bodies:
            publish(http, "f", body, {"Posthorn-Header-A": "b"})
        equal([base64.b64decode(e.data, validate=True) for e in coded.take(len(bodies))], list(bodies), "data=base64")
        events = whole.take(len(bodies))
        messages = [json.loads(e.data) for e in events]
        equal(messages, poll(http, "f", since="all")["messages"], "data=json is what a poll shows")
        equal(([e.id for e in events], {e.type for e in events}), ([m["id"] for m in messages], {"f"}), "id and name of the events")


def a_large_message_is_one_event():
    with Daemon("line.payload_size_max=4MiB") as daemon, Http(daemon) as http:
        events = [Events(daemon, "big") for _ in range(3)]
        text = "\n".join(f"line {number}" for number in range(80000))
        for _ in range(2):
            publish(http, "big", text.encode())
            for reader in events:
                equal(reader.next(20 * PATIENCE).data == text, True, "the text")


# -------------------------------------------------------------------------------------------------------------- history


def since_takes_every_form():
    with Daemon() as daemon, Http(daemon) as http:
        ids = [publish(http, "s", b"%d" % number)["id"] for number in range(5)]
        pause_end = time.monotonic() + 1.1  # a time of the wall clock between the messages, for since=TIME
        http.listen(pause_end - time.monotonic())
        middle = datetime.datetime.now(datetime.timezone.utc)
        http.listen(0.05)
        ids += [publish(http, "s", b"%d" % number)["id"] for number in range(5, 8)]
        stamp = middle.strftime("%Y-%m-%dT%H:%M:%S.") + f"{middle.microsecond // 1000:03d}"
        east = (middle + datetime.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+02:00"
        for since, begin in (("all", 0), (ids[0], 1), (ids[6], 7), ("1h", 0), ("10m", 0), (stamp + "Z", 5), (east, 5),
                             ("2001-01-01T00:00:00Z", 0), ("2001-01-01t00:00:00z", 0)):
            equal([e.data for e in Events(daemon, "s", since=since).take(8 - begin)], _numbers(8 - begin, begin), f"events since {since}")
        live = [Events(daemon, "s", since=since) for since in (None, "latest", ids[7], "2101-01-01T00:00:00Z")]
        publish(http, "s", b"8")
        for events in live:
            equal(events.next().data, "8", "the first live event")


def the_last_event_id_wins_over_the_query():
    with Daemon() as daemon, Http(daemon) as http:
        ids = [publish(http, "s", b"%d" % number)["id"] for number in range(6)]
        for headers, query, first in (({"Last-Event-ID": ids[3]}, {"since": "all"}, "4"), ({"last-event-id": ids[1]}, {"lastEventId": ids[4]}, "2"),
                                      ({}, {"lastEventId": ids[2]}, "3"), ({}, {"last_event_id": ids[4]}, "5"),
                                      ({"Last-Event-ID": ""}, {"since": ids[2]}, "3")):
            equal(Events(daemon, "s", headers, **query).next().data, first, f"first event for {headers} {query}")

        # A browser that was refused would never come again: what is no cursor of ours is a place that we know nothing of.
        follower = Follower(daemon, "s", None, headers={"Last-Event-ID": "of another server"})
        follower.events.wait(lambda: len(follower.bodies) == 6, "all there is")
        equal(len(follower.gaps), 1, "gaps")


def resumed_at_random_places_nothing_is_twice_or_missing():
    """A publisher runs all the time; readers are cut off in the middle of anything, and go on with Last-Event-ID elsewhere."""
    source = random.Random(11)
    count = 6000
    with Daemon() as daemon, Http(daemon) as http:
        start = publish(http, "begin", b"")["id"]
        followers = [Follower(daemon, ("r.>", "r.a,r.b,r.*")[number % 2], start) for number in range(6)]
        sent, ends = 0, {f: 0 for f in followers}
        deadline = time.monotonic() + 60 * PATIENCE
        while not all(len(f.bodies) >= count for f in followers):
            if time.monotonic() > deadline:
                raise AssertionError(f"{[len(f.bodies) for f in followers]} of {count} events")
            if sent < count and len(http.out) < 20000:
                http.out += b"".join(http.request_bytes("POST", f"/v1/topics/r.{'ab'[n % 2]}", b"%d " % n + b"x" * (n * 7 % 300))
                                     for n in range(sent, min(sent + 50, count)))
                sent = min(sent + 50, count)
            read_any([http] + [f.events for f in followers])
            http.answers.clear()
            for follower in followers:
                if follower.events.closed or follower.events.received_count >= ends[follower]:
                    follower.events.reset() if source.random() < 0.5 else follower.events.close()
                    follower.connect()
                    ends[follower] = source.randrange(1, 700)
        for follower in followers:
            equal([int(body.split()[0]) for body in follower.bodies], list(range(count)), "numbers")
            equal(follower.gaps, [], "gaps")
        return f"{sum(f.connections for f in followers)} connections"


def a_cut_within_an_event_is_as_if_it_had_not_come():
    with Daemon() as daemon, Http(daemon) as http:
        start = publish(http, "begin", b"")["id"]
        publish_many(http, "cut", [f"{number} " + "x" * 50 for number in range(40)])
        follower, size = Follower(daemon, "cut", start), 1
        while len(follower.bodies) < 40:
            events = follower.events
            events.write_some()
            events.sock.setblocking(True)
            while not events.stream and not events.closed:
                events._in += events.sock.recv(1)
                events._cut()
            left = size
            while left and len(follower.bodies) < 40:
                events.take_piece(events.sock.recv(1))
                left -= 1
            events.reset()
            follower.connect()
            size += 37
        equal([int(body.split()[0]) for body in follower.bodies], list(range(40)), "numbers")


# ----------------------------------------------------------------------------------------------------------------- gaps


def _check_gap(daemon, http, pattern, since, newest):
    """A reader from a forgotten place gets one gap, and then all that is kept up to the newest, whose sequence is given."""
    follower = Follower(daemon, pattern, since)
    follower.events.wait(lambda: follower.at and place(follower.at)[1] >= newest, "the newest message")
    first = newest - len(follower.bodies)
    equal(follower.gaps, [(place(since), (place(since)[0], first))], "the gap ends right before what is kept")
    kept = [m["seq"] for m in poll(http, pattern, since=since, limit=1000)["messages"]]
    equal(kept, list(range(first + 1, first + 1 + len(kept))), "the same as a poll's")
    return follower


def a_gap_is_told_when_messages_max_is_passed():
    with Daemon("recent.messages_max=100") as daemon, Http(daemon) as http:
        start = publish(http, "g", b"0")["id"]
        publish_many(http, "g", _numbers(300, 1))
        follower = _check_gap(daemon, http, "g", start, 301)
        equal(follower.bodies[-100:], _numbers(100, 201), "the newest")


def a_gap_is_told_when_bytes_max_is_passed():
    with Daemon("recent.bytes_max=1MiB") as daemon, Http(daemon) as http:
        start = publish(http, "g", b"0")["id"]
        publish_many(http, "g", ["x" * 4000] * 700)
        follower = _check_gap(daemon, http, "g", start, 701)
        if not 50 <= len(follower.bodies) <= 262:
            raise AssertionError(f"{len(follower.bodies)} messages of 4000 bytes are kept in 1 MiB")


def a_gap_is_told_when_messages_are_too_old():
    with Daemon("recent.age_max=1s") as daemon, Http(daemon) as http:
        start = publish(http, "g", b"0")["id"]
        publish_many(http, "g", _numbers(10, 1))
        until(lambda: poll(http, "g", since="all")["messages"] == [], "all too old", 20 * PATIENCE, pause_s=0.25)
        follower = Follower(daemon, "g", start)
        publish(http, "g", b"11")
        follower.events.wait(lambda: follower.bodies, "a new message")
        equal((follower.bodies, follower.gaps), (["11"], [(place(start), (place(start)[0], 11))]), "messages and gap")


def nothing_missing_is_no_gap():
    with Daemon("recent.messages_max=100") as daemon, Http(daemon) as http:
        results = publish_many(http, "g", _numbers(400))
        first = poll(http, "g", since="all", limit=1)["messages"][0]["seq"]
        edge = results[first - 2]["id"]  # the last one that is gone: all behind it is there
        follower = Follower(daemon, "g", edge)
        follower.events.wait(lambda: len(follower.bodies) == 401 - first, "what is kept")
        equal(follower.gaps, [], "gaps")
        follower = Follower(daemon, "g", None, since="all")  # who asks for what there is misses nothing
        follower.events.wait(lambda: len(follower.bodies) == 401 - first, "what is kept")
        equal(follower.gaps, [], "gaps since=all")


def messages_that_are_superseded_leave_no_gap():
    with Daemon("recent.messages_per_topic_max=1") as daemon, Http(daemon) as http:
        start = publish(http, "begin", b"")["id"]
        for number in range(30):
            publish(http, f"p.{number % 3}", b"%d" % number)
        follower = Follower(daemon, "p.*", start)
        follower.events.wait(lambda: len(follower.bodies) == 3, "the newest of each topic")
        equal((follower.bodies, follower.gaps), (["27", "28", "29"], []), "messages and gaps")


def after_a_restart_the_gap_is_told_and_nothing_new_is_skipped():
    for number in (signal.SIGTERM, signal.SIGKILL):
        first = Daemon()
        with Http(first) as http:
            followers = [Follower(first, "r.*"), Follower(first, "r.*,x")]
            for follower in followers:
                follower.events.begin()
            publish_many(http, "r.a", _numbers(30))
            for follower in followers:
                follower.events.wait(lambda follower=follower: len(follower.bodies) == 30, "the first life's messages")
        address = first.http[0]
        if number == signal.SIGTERM:
            first.stop()
        else:
            first.kill()
        with Daemon(http=address) as second, Http(second) as http:
            publish_many(http, "r.a", _numbers(20, 30))  # fewer than before: the old cursor's number is ahead of the new log
            for follower in followers:
                follower.daemon = second
                follower.connect()
                follower.events.wait(lambda follower=follower: len(follower.bodies) == 50, "the second life's messages")
            publish_many(http, "r.a", _numbers(20, 50))
            for follower in followers:
                follower.events.wait(lambda follower=follower: len(follower.bodies) == 70, "live messages")
                equal(follower.bodies, _numbers(70), "messages")
                equal(len(follower.gaps), 1, "gaps")
                (old, _), (new, sequence) = follower.gaps[0]
                equal((old != new, sequence), (True, 0), "the gap leads to the new epoch's beginning")


# ------------------------------------------------------------------------------------------------- heartbeats and retry


def heartbeats_are_comments_and_carry_the_place():
    with Daemon("http.heartbeat_interval=200ms") as daemon, Http(daemon) as http:
        events = Events(daemon, "quiet")
        events.wait(lambda: events.heartbeat_count >= 3, "three heartbeats")
        results = publish_many(http, "others", _numbers(50))
        events.wait(lambda: events.last_id and place(events.last_id)[1] == 50, "an id that moved with a heartbeat")
        equal((len(events.inbox), events.last_id), (0, results[-1]["id"]), "no event, and the place")
        publish(http, "quiet", b"x")
        equal(events.next().data, "x", "an event after it")


def heartbeats_keep_their_interval():
    with Daemon("http.heartbeat_interval=250ms") as daemon:
        events, beats = Events(daemon, "quiet"), []
        while len(beats) < 5:
            count = events.heartbeat_count + 1
            events.wait(lambda count=count: events.heartbeat_count >= count, "a heartbeat")
            beats.append(time.monotonic())
        spaces = [after - before for before, after in zip(beats, beats[1:])]
        if not 0.1 < sum(spaces) / len(spaces) < 0.4 * PATIENCE + 0.2:
            raise AssertionError(f"heartbeats every {spaces} s")


def each_connection_is_told_another_time_to_retry():
    with Daemon("http.retry=1s") as daemon:
        readers = [Events(daemon, "a") for _ in range(20)]
        for events in readers:
            events.wait(lambda events=events: events.retry_ms is not None, "the retry line")
        times = [events.retry_ms for events in readers]
        if not (len(set(times)) >= 10 and 400 <= min(times) and max(times) <= 2000):
            raise AssertionError(f"retry times {sorted(times)} around 1000 ms")


# --------------------------------------------------------------------------------------------------------- slow readers


def readers_that_rest_cost_no_memory_and_get_what_is_kept():
    """They do not read while far more than the history's bound is published; then each gets all that is kept, in order, and a gap that
    names exactly what is missing. Readers that are awake miss nothing meanwhile."""
    size, count = 2000, 9000  # 18 MB through a history of 4
    with Daemon("recent.bytes_max=4MiB", "http.write_timeout=60s") as daemon, Http(daemon) as http:
        before = daemon.memory_bytes()
        start = publish(http, "begin", b"")["id"]
        slow = [Follower(daemon, "s", start, receive_size=32768) for _ in range(40)]
        for follower in slow:
            follower.events.begin()
        awake = Follower(daemon, "s", start)
        awake.events.begin()
        texts = [f"{number} ".ljust(size, "x") for number in range(count)]
        sent = 0
        while sent < count:
            lines = b"".join(b'{"topic":"s","data":"%s"}\n' % text.encode() for text in texts[sent:sent + 500])
            http.out += http.request_bytes("POST", "/v1/publish", lines, {"Content-Type": "application/x-ndjson"})
            sent += 500
            pump([http, awake.events], lambda sent=sent: len(http.answers) and len(awake.bodies) == sent, "the turn's messages", 40 * PATIENCE)
            http.answers.popleft().check(200)
        note = daemon.check_growth(before, 16 << 20)
        equal((len(awake.bodies), awake.gaps), (count, []), "what a reader that is awake got")
        equal([f.events.closed for f in slow], [False] * len(slow), "readers that were sent away")
        sleeping = slow[:4]  # that takes long enough through so small a window
        for follower in slow[8:]:
            follower.events.close()
        newest = place(awake.at)[1]
        pump([f.events for f in sleeping], lambda: all(f.at and place(f.at)[1] == newest for f in sleeping), "what is kept", 40 * PATIENCE)
        for follower in sleeping:
            equal(len(follower.bodies) + follower.missing(), count, "messages and missing ones")
            numbers = [int(body.split()[0]) for body in follower.bodies]
            equal(numbers[-1000:], list(range(count - 1000, count)), "the newest")
            if len(follower.gaps) > 2:
                raise AssertionError(f"{len(follower.gaps)} gaps for one rest")
        return note


def readers_that_never_read_stay_while_history_holds():
    with Daemon("http.write_timeout=400ms", "http.heartbeat_interval=100ms") as daemon, Http(daemon) as http:
        start = publish(http, "begin", b"")["id"]
        slow = [Follower(daemon, "s", start, receive_size=16384) for _ in range(8)]
        for follower in slow:
            follower.events.begin()
        count = 2000
        publish_many(http, "s", [f"{number} ".ljust(2000, "x") for number in range(count)])
        quiet = Events(daemon, "quiet")
        quiet.wait(lambda: quiet.heartbeat_count >= 15, "fifteen heartbeats, many times the write timeout")
        pump([f.events for f in slow], lambda: all(len(f.bodies) == count for f in slow), "everything", 40 * PATIENCE)
        for follower in slow:
            equal([int(body.split()[0]) for body in follower.bodies], list(range(count)), "numbers")
            equal(follower.gaps, [], "gaps")


def a_reader_with_a_tiny_window_follows_live():
    """Its socket takes little at a time: it comes and goes between the tail and the log and misses nothing."""
    with Daemon() as daemon, Http(daemon) as http:
        readers = [Follower(daemon, "s", publish(http, "begin", b"")["id"], receive_size=2048) for _ in range(3)]
        for follower in readers:
            follower.events.begin()
        count = 3000
        for begin in range(0, count, 100):
            publish_many(http, "s", [f"{number} ".ljust(500 + number % 900, "y") for number in range(begin, begin + 100)])
            for follower in readers:
                follower.events.read_some()
        pump([f.events for f in readers], lambda: all(len(f.bodies) == count for f in readers), "everything", 40 * PATIENCE)
        for follower in readers:
            equal([int(body.split()[0]) for body in follower.bodies], list(range(count)), "numbers")
            equal(follower.gaps, [], "gaps")


def live_readers_with_recent_off_that_never_read_are_bounded():
    with Daemon("recent.enabled=no", "http.pending_size_max=1MiB", "http.write_timeout=60s") as daemon, Http(daemon) as http:
        before = daemon.memory_bytes()
        slow, awake, line = [Events(daemon, "s", receive_size=4096) for _ in range(10)], Events(daemon, "s"), daemon.client()
        total = 0
        for _ in range(30):
            for _ in range(100):
                line.out += b"PUB s 5000\r\n" + b"z" * 5000 + b"\r\n"
            total += 100
            pump([awake, line], lambda: awake.received_count == total and not line.out, "live events", 40 * PATIENCE)
        note = daemon.check_growth(before, 64 << 20)  # all that was published to them: 150 MB
        http.get("/healthz").check(200)
        flush_all([line])
        for events in slow:
            events.close()
        return note


# ----------------------------------------------------------------------------------------------------------- the end


def streams_are_drained_over_a_while_with_whole_events():
    """What has to be read before is little, so that the moments at which the ends are seen are those at which they came."""
    with Daemon("http.drain_duration=2s") as daemon, Http(daemon) as http:
        readers = [Follower(daemon, "s") for _ in range(40)]
        for follower in readers:
            follower.events.begin()
        publish_many(http, "s", _numbers(190))
        pump([f.events for f in readers], lambda: all(len(f.bodies) == 190 for f in readers), "most of the events")
        publish_many(http, "s", _numbers(10, 190))
        daemon.send_signal(signal.SIGTERM)
        begin, ends = time.monotonic(), []
        while len(ends) < len(readers):
            read_any([f.events for f in readers], 20 * PATIENCE)
            ends += [time.monotonic() - begin] * (sum(f.events.closed for f in readers) - len(ends))
        code = daemon.wait_exit()
        daemon.check_end(code)
        for follower in readers:
            equal((follower.bodies, follower.events._rest), (_numbers(200), ""), "whole events, all of them")
        if ends[-1] - ends[0] < 0.6 or ends[-1] > 10 * PATIENCE:
            raise AssertionError(f"readers were let go between {ends[0]:.2f} and {ends[-1]:.2f} s")
        busiest = max(sum(1 for end in ends if 0 <= end - start < 0.1) for start in ends)
        if busiest > 25:
            raise AssertionError(f"{busiest} of {len(ends)} within a tenth of a second")


if __name__ == "__main__":
    main(events_come_as_they_are_published, the_head_says_that_nothing_may_be_buffered_or_kept,
         patterns_choose_and_nobody_gets_a_message_twice, bad_patterns_and_parameters_are_refused,
         the_form_is_chosen_by_accept_or_by_the_path, all_readers_see_one_order, topics_that_are_not_kept_are_live,
         with_recent_off_events_are_live_and_have_no_id, users_are_asked_who_they_are, text_is_split_at_every_kind_of_line_end,
         what_is_no_text_comes_as_a_data_url, data_can_be_asked_for_in_other_forms, a_large_message_is_one_event,
         since_takes_every_form, the_last_event_id_wins_over_the_query, resumed_at_random_places_nothing_is_twice_or_missing,
         a_cut_within_an_event_is_as_if_it_had_not_come, a_gap_is_told_when_messages_max_is_passed,
         a_gap_is_told_when_bytes_max_is_passed, a_gap_is_told_when_messages_are_too_old, nothing_missing_is_no_gap,
         messages_that_are_superseded_leave_no_gap, after_a_restart_the_gap_is_told_and_nothing_new_is_skipped,
         heartbeats_are_comments_and_carry_the_place, heartbeats_keep_their_interval, each_connection_is_told_another_time_to_retry,
         readers_that_rest_cost_no_memory_and_get_what_is_kept, readers_that_never_read_stay_while_history_holds,
         a_reader_with_a_tiny_window_follows_live, live_readers_with_recent_off_that_never_read_are_bounded,
         streams_are_drained_over_a_while_with_whole_events)
