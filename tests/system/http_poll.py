#!/usr/bin/env python3
"""Polling, short and long, and NDJSON: the same cursors, everything once and in order, and nobody spins or waits too long."""

import json
import signal
import time

from harness import PATIENCE, Daemon, equal, main, pump, until
from web import Http, Lines, payload, place, poll, poll_to_end, publish, publish_many, target


def _numbers(count, begin=0):
    return [str(number) for number in range(begin, begin + count)]


def _data(found):
    return [m["data"] for m in found["messages"]]


# --------------------------------------------------------------------------------------------------------- short polls


def pages_are_followed_to_the_end():
    with Daemon() as daemon, Http(daemon) as http:
        publish_many(http, "p.a", _numbers(1000))
        for limit in (1, 7, 100, 999, 1000):
            count = 40 if limit == 1 else 1000
            since, got = "all", []
            while len(got) < count:
                found = poll(http, "p.*", since=since, limit=limit)
                equal(len(found["messages"]), min(limit, 1000 - len(got)), "messages of a page")
                equal(found["next"], found["messages"][-1]["id"], "next after a full page")
                got, since = got + _data(found), found["next"]
            equal(got, _numbers(count), f"everything by pages of {limit}")
        messages, cursor, gap = poll_to_end(http, "p.*")
        equal(([m["data"] for m in messages], gap), (_numbers(1000), False), "everything by pages of the default")
        equal([m["seq"] for m in messages], list(range(1, 1001)), "sequences")
        publish(http, "p.b", b"late")
        found = poll(http, "p.*", since=cursor)
        equal(_data(found), ["late"], "what came behind the end")


def the_default_limit_is_100_and_limits_have_a_limit():
    with Daemon("http.poll_limit_max=150") as daemon, Http(daemon) as http:
        publish_many(http, "p", _numbers(200))
        equal(_data(poll(http, "p")), _numbers(100), "a poll without a limit, and without since: the oldest")
        answer = http.get(target("p", limit=200))
        if answer.status == 200:  # bounded or refused: never more than the limit
            equal(len(answer.json()["messages"]), 150, "messages")
        else:
            answer.check(400, "bad-parameter")


def pages_are_bounded_in_bytes():
    """A thousand messages of a MiB do not come in one answer."""
    with Daemon("http.pending_size_max=2MiB") as daemon, Http(daemon) as http:
        publish_many(http, "p", ["x" * 200000] * 60, batch=20)
        before = daemon.memory_bytes()
        messages, _, gap = poll_to_end(http, "p", limit=1000)
        equal((len(messages), gap, {len(m["data"]) for m in messages}), (60, False, {200000}), "messages, gap, sizes")
        return daemon.check_growth(before, 24 << 20)


def next_moves_past_what_was_not_asked_for():
    with Daemon() as daemon, Http(daemon) as http:
        publish(http, "mine", b"x")
        results = publish_many(http, "others", _numbers(3000))
        messages, cursor, _ = poll_to_end(http, "mine")
        equal((len(messages), cursor), (1, results[-1]["id"]), "messages and cursor")


def what_stands_behind_many_others_is_found_at_once():
    """An answer without messages says that there are none, however long it takes to be sure."""
    with Daemon() as daemon, Http(daemon) as http:
        publish_many(http, "others", _numbers(20000), batch=5000)
        publish(http, "mine", b"x")
        equal(_data(poll(http, "mine", since="all")), ["x"], "what a short poll finds")


def nothing_new_is_an_empty_list_and_the_same_next():
    with Daemon("http.poll_interval_min=off") as daemon, Http(daemon) as http:
        first = poll(http, "a", since="latest")
        for _ in range(3):
            equal(poll(http, "a", since=first["next"]), {"messages": [], "next": first["next"], "gap": False}, "an empty poll")
        sent = publish(http, "a", b"x")["id"]
        found = poll(http, "a", since=first["next"])
        equal(([m["id"] for m in found["messages"]], found["next"]), ([sent], sent), "what came")


def tags_spare_what_the_client_has():
    with Daemon("http.poll_interval_min=off") as daemon, Http(daemon) as http:
        publish(http, "a", b"x")
        answer = http.get(target("a", since="all")).check(200)
        cursor = answer.json()["next"]
        equal((answer.header("ETag"), answer.header("Posthorn-Cursor")), (f'W/"{cursor}"', cursor), "tag and cursor")
        equal(answer.header("Cache-Control"), "no-cache", "Cache-Control")
        tag = answer.header("ETag")
        for headers in ({"If-None-Match": tag}, {"If-None-Match": tag.removeprefix("W/")},
                        {"If-None-Match": f'"other", {tag}'}, {"If-None-Match": "*"}):
            same = http.get(target("a", since=cursor), headers).check(304)
            equal((same.body, same.header("ETag")), (b"", tag), "body and tag of 304")
        http.get(target("a", since=cursor), {"If-None-Match": 'W/"other"'}).check(200)
        publish(http, "a", b"y")
        fresh = http.get(target("a", since=cursor), {"If-None-Match": tag}).check(200)
        equal(_data(fresh.json()), ["y"], "what is new")


def the_link_leads_on():
    with Daemon() as daemon, Http(daemon) as http:
        publish_many(http, "l.a", _numbers(30))
        where, got = target("l.*,m", since="all", limit=7), []
        while len(got) < 30:
            answer = http.get(where).check(200)
            link = answer.header("Link")
            equal((link[0], link.endswith('>; rel="next"')), ("<", True), f"Link {link}")
            got += _data(answer.json())
            where = link[1:link.index(">")]
            if where.startswith("?"):
                where = "/v1/topics/l.*,m" + where
        equal(got, _numbers(30), "everything by Link, with its limit")
        equal("limit=7" in where, True, f"the limit goes along in {where}")


def cursors_that_are_none_are_refused():
    with Daemon() as daemon, Http(daemon) as http:
        for since in ("x", "1-", "-1", "1-2-3", "a b", "zzzzzzzzzzzzzzzzzzzzzz-1", "1-zzzzzzzzzzzzzzzzzzzzz", "ALL", "10", "10q", "-5m",
                      "2026-13-01T00:00:00Z", "2026-01-01", "999999999999999999999h"):
            http.get(target("a", since=since)).check(400, "bad-parameter")
        for query in ("limit=0", "limit=-1", "limit=x", "limit=", "limit=99999999999999999999", "wait=x", "wait=-1s", "wait="):
            http.get(f"/v1/topics/a?{query}").check(400, "bad-parameter")
        for patterns in ("a..b", "a,,b", ">.a", "a%20b"):
            http.get(f"/v1/topics/{patterns}").check(400, "bad-topic")


def a_cursor_of_the_future_is_no_trap():
    """One whose sequence was never given out, in this epoch: nobody may wait for ever for what is behind it."""
    with Daemon("http.poll_interval_min=off") as daemon, Http(daemon) as http:
        epoch = publish(http, "a", b"x")["id"].split("-")[0]
        answer = http.get(target("a", since=f"{epoch}-zzz"))
        if answer.status != 400:
            since = answer.check(200).json()["next"]
            publish(http, "a", b"y")
            equal(_data(poll(http, "a", since=since))[-1:], ["y"], "what came next")


def a_gap_is_told():
    with Daemon("recent.messages_max=50") as daemon, Http(daemon) as http:
        start = publish(http, "g", b"begin")["id"]
        publish_many(http, "g", _numbers(300))
        found = poll(http, "g", since=start, limit=1000)
        equal((found["gap"], _data(found)[-50:]), (True, _numbers(50, 250)), "gap, and what is kept")
        equal(poll(http, "g", since=found["next"])["gap"], False, "gap afterwards")
        equal(poll(http, "g", since="all", limit=1000)["gap"], False, "gap for who asks for what there is")
        equal(poll(http, "g", limit=1000)["gap"], False, "gap without since")


def a_cursor_of_an_earlier_life_is_a_gap_and_skips_nothing():
    first = Daemon()
    with Http(first) as http:
        old = publish_many(http, "e", _numbers(30))[-1]["id"]
    address = first.http[0]
    first.kill()
    with Daemon(http=address) as second, Http(second) as http:
        found = poll(http, "e", since=old)
        equal((found["messages"], found["gap"], place(found["next"])[1]), ([], True, 0), "a poll before anything is new")
        publish_many(http, "e", _numbers(5))
        for since in (old, found["next"]):
            again = poll(http, "e", since=since)
            equal((_data(again), again["gap"]), (_numbers(5), since == old), "messages and gap")


def without_recent_there_is_no_history_to_poll():
    with Daemon("recent.enabled=no") as daemon, Http(daemon) as http:
        for query in ({}, {"since": "all"}, {"wait": "1s"}):
            http.get(target("a", **query)).check(404, "not-kept")
    with Daemon() as daemon, Http(daemon) as http:
        for patterns in ("$own.a", "_INBOX.x"):
            answer = http.get(target(patterns))
            if answer.status != 404:  # nothing of them is ever kept
                equal(answer.check(200).json()["messages"], [], "messages that are not kept")


# ---------------------------------------------------------------------------------------------------------- hot loops


def a_hot_loop_is_told_to_slow_down():
    with Daemon("http.poll_interval_min=500ms") as daemon, Http(daemon) as http:
        since = poll(http, "hot", since="latest")["next"]
        refused = None
        for _ in range(50):
            answer = http.get(target("hot", since=since))
            if answer.status == 429:
                refused = answer.check(429, "too-often")
                break
        if not refused:
            raise AssertionError("fifty polls at once and no 429")
        equal(int(refused.header("Retry-After")) >= 1, True, "Retry-After")
        publish(http, "hot", b"x")
        until(lambda: http.get(target("hot", since=since)).status == 200, "served after a rest", pause_s=0.1)


def those_who_find_something_are_not_slowed_down():
    with Daemon("http.poll_interval_min=10s") as daemon, Http(daemon) as http:
        publish_many(http, "p", _numbers(300))
        since = "all"
        for _ in range(30):
            since = poll(http, "p", since=since, limit=10)["next"]
        for number in range(20):
            publish(http, "q", b"%d" % number)
            equal(len(poll(http, "q", since=since)["messages"]), number + 1, "messages")


# ---------------------------------------------------------------------------------------------------------- long polls


def a_long_poll_is_answered_by_the_message():
    with Daemon() as daemon:
        waiters, http = [Http(daemon) for _ in range(12)], Http(daemon)
        since = publish(http, "begin", b"")["id"]
        slowest = 0.0
        for turn in range(20):
            for number, waiter in enumerate(waiters):
                waiter.ask("GET", target(("w", "w,x", "*", "begin.a,w")[number % 4], since=since, wait="100s"))
            http.get("/healthz")
            start = time.monotonic()
            publish(http, "w", b"%d" % turn)
            pump(waiters, lambda: all(len(w.answers) == 1 for w in waiters), "an answer for each")
            slowest = max(slowest, time.monotonic() - start)
            found = [w.answers.popleft().check(200).json() for w in waiters]
            for answer in found:
                equal((_data(answer), answer["gap"]), ([str(turn)], False), "what the poll got")
            since = found[0]["next"]
        if slowest > 2 * PATIENCE:
            raise AssertionError(f"the slowest was answered after {slowest:.2f} s")
        return f"slowest {slowest * 1000:.0f} ms"


def a_long_poll_without_since_waits_for_what_comes():
    with Daemon() as daemon, Http(daemon) as waiter, Http(daemon) as http:
        publish(http, "w", b"old")
        waiter.ask("GET", target("w", wait="100s"))
        number = 0
        while not waiter.answers:  # it may not have begun to wait yet
            publish(http, "w", b"%d" % number)
            number += 1
            waiter.listen(0.02)
        equal("old" in _data(waiter.answer().json()), False, "the old one among what it got")


def a_long_poll_ends_with_nothing_when_its_time_is_over():
    with Daemon() as daemon, Http(daemon) as http:
        since = publish(http, "a", b"x")["id"]
        for _ in range(2):
            start = time.monotonic()
            found = poll(http, "a", since=since, wait="700ms")
            took = time.monotonic() - start
            equal(found, {"messages": [], "next": since, "gap": False}, "the answer")
            if not 0.65 <= took <= 10 * PATIENCE:
                raise AssertionError(f"waited {took:.2f} s")


def a_wait_has_a_limit():
    with Daemon("http.poll_wait_max=500ms") as daemon, Http(daemon) as http:
        since = publish(http, "a", b"x")["id"]
        answer = http.get(target("a", since=since, wait="100s"))
        if answer.status == 200:  # cut short or refused: never longer than the limit
            equal(answer.json(), {"messages": [], "next": since, "gap": False}, "the answer")
        else:
            answer.check(400, "bad-parameter")


def a_long_poll_that_finds_something_does_not_wait():
    with Daemon("recent.messages_max=50") as daemon, Http(daemon) as http:
        start = publish(http, "a", b"begin")["id"]
        results = publish_many(http, "a", _numbers(200))
        for since, gap in (("all", False), (results[-3]["id"], False), (start, True)):
            found = poll(http, "a", since=since, wait="100s", limit=1000)
            equal((_data(found)[-2:], found["gap"]), (["198", "199"], gap), f"messages and gap since {since}")
        epoch = start.split("-")[0]
        other = ("1" if epoch[0] != "1" else "2") + epoch[1:] + "-1"
        found = poll(http, "none", since=other, wait="100s")  # a gap alone is worth an answer
        equal((found["messages"], found["gap"]), ([], True), "messages and gap for another epoch")


def others_messages_do_not_end_the_wait():
    with Daemon() as daemon, Http(daemon) as waiter, Http(daemon) as http:
        since = publish(http, "begin", b"")["id"]
        waiter.ask("GET", target("mine", since=since, wait="100s"))
        publish_many(http, "others", _numbers(5000))
        waiter.read_some()
        equal(len(waiter.answers), 0, "answers")
        publish(http, "mine", b"x")
        equal(_data(waiter.answer().json()), ["x"], "messages")


def a_waiting_client_may_leave():
    with Daemon() as daemon, Http(daemon) as http:
        since = publish(http, "begin", b"")["id"]
        before = daemon.descriptor_count()
        for turn in range(60):
            waiter = Http(daemon)
            waiter.ask("GET", target("a", since=since, wait="100s"))
            if turn % 3 == 0:
                waiter.sock.shutdown(1)  # half of it: it may still be answered
            waiter.reset() if turn % 2 else waiter.close()
        publish(http, "a", b"x")
        until(lambda: daemon.descriptor_count() <= before, "every descriptor given back")
        equal(_data(poll(http, "a", since=since)), ["x"], "messages")


def a_conditional_long_poll_waits_too():
    with Daemon() as daemon, Http(daemon) as http:
        since = publish(http, "a", b"x")["id"]
        answer = http.get(target("a", since=since, wait="600ms"), {"If-None-Match": f'W/"{since}"'}).check(304)
        equal(answer.header("Posthorn-Cursor"), since, "cursor of 304")


def everything_comes_once_to_who_polls_while_it_is_published():
    """A long poller and a short poller on other workers than the publisher follow it to the end."""
    count = 3000
    with Daemon("http.poll_interval_min=off") as daemon, Http(daemon) as http:
        start = publish(http, "begin", b"")["id"]
        pollers = [Http(daemon) for _ in range(6)]
        got, since = {p: [] for p in pollers}, {p: start for p in pollers}
        for number in range(count):
            http.out += http.request_bytes("POST", f"/v1/topics/s.{number % 5}", b"%d" % number)

        def turn():
            for number, poller in enumerate(pollers):
                while poller.answers:
                    found = poller.answers.popleft().check(200).json()
                    equal(found["gap"], False, "gap")
                    got[poller] += _data(found)
                    since[poller] = found["next"]
                    poller.asking = False
                if not getattr(poller, "asking", False) and len(got[poller]) < count:
                    poller._asked.append("GET")
                    poller.out += poller.request_bytes("GET", target("s.*", since=since[poller], limit=(10, 100, 1000)[number % 3],
                                                                     wait=(None, "100s")[number % 2]))
                    poller.asking = True

        pump([http] + pollers, lambda: all(len(g) >= count for g in got.values()), "everything for everybody", 60 * PATIENCE, turn)
        for numbers in got.values():
            equal(numbers, _numbers(count), "messages")


def pollers_wait_on_through_a_stop():
    with Daemon("http.drain_duration=200ms") as daemon, Http(daemon) as http:
        since = publish(http, "a", b"x")["id"]
        waiters = [Http(daemon) for _ in range(10)]
        for waiter in waiters:
            waiter.ask("GET", target("b", since=since, wait="100s"))
        equal(poll(http, "a", since="all")["next"], since, "next")
        daemon.send_signal(signal.SIGTERM)
        for waiter in waiters:
            waiter.expect_closed(20 * PATIENCE)
            for answer in waiter.answers:
                if answer.status == 200:
                    equal(answer.json(), {"messages": [], "next": since, "gap": False}, "an answer at the end")
        daemon.check_end(daemon.wait_exit())


# -------------------------------------------------------------------------------------------------------------- NDJSON


def ndjson_has_what_a_poll_has():
    with Daemon() as daemon, Http(daemon) as http:
        live = Lines(daemon, "n.*")
        bodies = (b"text", b"", b"\xff\0", b'"quotes"\r\n\x01', "grüße".encode(), b"x" * 100000)
        for body in bodies:
            publish(http, "n.a", body, {"Posthorn-Header-A": "b", "Content-Type": "x/y"})
        lines = live.take(len(bodies))
        equal(lines, poll(http, "n.*", since="all")["messages"], "lines and a poll's messages")
        equal([payload(line) for line in lines], list(bodies), "payloads")
        equal(Lines(daemon, "n.*", since="all").take(len(bodies)), lines, "lines from history")


def ndjson_beats_goes_on_and_tells_of_gaps():
    with Daemon("recent.messages_max=100", "http.heartbeat_interval=150ms") as daemon, Http(daemon) as http:
        start = publish(http, "n", b"begin")["id"]
        reader = Lines(daemon, "n", since=start)
        reader.wait(lambda: reader.heartbeat_count >= 2, "two empty lines")
        equal(len(reader.inbox), 0, "lines that are none")
        publish_many(http, "n", _numbers(400))
        late = Lines(daemon, "n", since=start)
        late.wait(lambda: late.last_id and place(late.last_id)[1] == 401, "the newest")
        gap, *rest = late.inbox
        equal((gap["gap"]["from"], place(gap["gap"]["to"])[1] + 1), (start, rest[0]["seq"]), "the gap")
        equal(_data({"messages": rest})[-100:], _numbers(100, 300), "messages")


def a_curl_user_may_type_the_form():
    with Daemon() as daemon, Http(daemon) as http:
        publish(http, "a", b"x")
        equal(_data(http.get("/v1/topics/a/json?since=all", {"Accept": "text/event-stream"}).check(200).json()), ["x"], "/json")
        reader = Http(daemon)
        reader.ask("GET", "/v1/topics/a/ndjson?since=all")
        reader.wait(lambda: reader.stream and reader.stream.body.endswith(b"\n"), "a line")
        equal(json.loads(reader.stream.body)["data"], "x", "/ndjson")


if __name__ == "__main__":
    main(pages_are_followed_to_the_end, the_default_limit_is_100_and_limits_have_a_limit, pages_are_bounded_in_bytes,
         next_moves_past_what_was_not_asked_for, what_stands_behind_many_others_is_found_at_once,
         nothing_new_is_an_empty_list_and_the_same_next, tags_spare_what_the_client_has, the_link_leads_on,
         cursors_that_are_none_are_refused, a_cursor_of_the_future_is_no_trap, a_gap_is_told,
         a_cursor_of_an_earlier_life_is_a_gap_and_skips_nothing, without_recent_there_is_no_history_to_poll,
         a_hot_loop_is_told_to_slow_down, those_who_find_something_are_not_slowed_down, a_long_poll_is_answered_by_the_message,
         a_long_poll_without_since_waits_for_what_comes, a_long_poll_ends_with_nothing_when_its_time_is_over, a_wait_has_a_limit,
         a_long_poll_that_finds_something_does_not_wait, others_messages_do_not_end_the_wait, a_waiting_client_may_leave,
         a_conditional_long_poll_waits_too, everything_comes_once_to_who_polls_while_it_is_published, pollers_wait_on_through_a_stop,
         ndjson_has_what_a_poll_has, ndjson_beats_goes_on_and_tells_of_gaps, a_curl_user_may_type_the_form)
