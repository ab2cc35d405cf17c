#!/usr/bin/env python3
"""Webhooks over HTTP: made, looked at, changed, switched off and on, given other secrets, begun anew; and what is refused."""

import json
import os
import re
import subprocess
import tempfile
import threading

from harness import DEADLINE_S, Daemon, equal, main, until
from web import Http, publish
from webhooks import BASE, SECRET, Receiver

JSON = {"Content-Type": "application/json"}
URL = "https://example.invalid/hook"


def _call(http, method, path, body=None, status=200, kind=None):
    """One call of /v1/webhooks...; the answer's JSON, None where it has no body."""
    answer = http.request(method, "/v1/webhooks" + path, json.dumps(body).encode() if body is not None else None, JSON if body is not None else {})
    answer.check(status, kind)
    return answer.json() if answer.body else None


def _make(http, name="w", url=URL, pattern="t.>", **settings):
    return _call(http, "POST", "", {"name": name, "url": url, "pattern": pattern, **settings}, 201)


def _names(http):
    return sorted(webhook["name"] for webhook in _call(http, "GET", "")["webhooks"])


def _has(found, **members):
    for name, value in members.items():
        equal(found.get(name), value, name)


# ------------------------------------------------------------------------------------------------------------- settings


def one_is_made_looked_at_changed_and_removed():
    with Daemon(config="[stream S]\ntopics = t.>\n", data=True) as daemon, Http(daemon) as http:
        equal(_names(http), [], "webhooks at first")
        answer = http.post("/v1/webhooks", json.dumps({"name": "billing", "url": URL, "pattern": "t.>", "mode": "ordered", "metadata": {"team": "a"},
                                                       "filter": {"Region": "eu"}, "headers": {"X-Team": "a"}}).encode()).check(201)
        equal((answer.header("Location"), answer.header("Cache-Control")), ("/v1/webhooks/billing", "no-store"))
        made = answer.json()
        equal(bool(re.fullmatch(r"whsec_[0-9A-Za-z+/=]{32,}", made.pop("secret"))), True, "a secret is made, and shown")
        _has(made, id="billing", name="billing", url=URL, pattern="t.>", mode="ordered", state="active", durable=True, warning=None, enabled=True,
             metadata={"team": "a"}, filter={"Region": "eu"}, headers={"X-Team": "a"}, configured=False, delivered=0, waiting=0, streams=["S"])
        equal(http.get(answer.header("Location")).check(200).json(), made, "the document, without its secret")
        equal(_call(http, "GET", "")["webhooks"], [made], "the list")
        equal(http.request("HEAD", "/v1/webhooks/billing").check(200).body, b"", "body for HEAD")
        changed = _call(http, "PATCH", "/billing", {"timeout": "3s", "rate": 5, "metadata": None})
        _has(changed, timeout="3s", rate=5, metadata=None, mode="ordered", pattern="t.>")
        equal(_call(http, "PATCH", "/billing", changed), changed, "what was read may be given back")
        _call(http, "PATCH", "/billing", {"name": "other"}, 400, "bad-settings")
        equal(_call(http, "DELETE", "/billing", status=204), None)
        for method in ("GET", "PATCH", "DELETE"):
            _call(http, method, "/billing", {} if method == "PATCH" else None, 404, "no-such-webhook")
        equal(_names(http), [], "webhooks at last")


def a_name_is_made_where_none_is_given():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        names = [_call(http, "POST", "", {"url": URL, "pattern": "t.>"}, 201)["id"] for _ in range(2)]
        equal([bool(re.fullmatch(r"wh-[0-9a-z]{12}", name)) for name in names], [True, True], f"names {names}")
        equal(_names(http), sorted(names), "webhooks")


def a_secret_of_ones_own_is_not_shown():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        made = http.post("/v1/webhooks", json.dumps({"name": "w", "url": URL, "pattern": "t.>", "secret": SECRET}).encode()).check(201)
        for answer in (made, http.get("/v1/webhooks/w"), http.get("/v1/webhooks"), http.request("PATCH", "/v1/webhooks/w", b'{"rate":1}')):
            equal(b"secret" in answer.body or SECRET[6:].encode() in answer.body, False, f"a secret in {answer.body!r}")
        rotated = _call(http, "POST", "/w/rotate")
        equal(rotated["secret"].startswith("whsec_") and rotated["secret"] != SECRET, True, "another secret is made")
        equal("secret" in _call(http, "POST", "/w/rotate", {"secret": SECRET, "overlap": "1h"}), False, "one's own is shown")
        for body in ({"secret": "whsec_short"}, {"secret": 1}, {"overlap": "soon"}, {"overlap": 3}):
            _call(http, "POST", "/w/rotate", body, 400, "bad-body")


def what_no_stream_keeps_is_warned_of():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        made = _make(http)
        equal(made["durable"], False, "durable")
        equal("add a stream with the topics t.>" in made["warning"], True, f"the warning {made['warning']!r}")
        http.post("/v1/streams", b'{"name":"S","topics":["t.>"]}', JSON).check(201)

        def found():
            return _call(http, "GET", "/w")

        until(lambda: found()["durable"], "a stream that keeps it is seen")
        equal("warning" in found(), False, "a warning where there is a stream")


def they_outlive_a_crash():
    """What is answered is stored."""
    with tempfile.TemporaryDirectory(prefix="posthorn-webhooks-") as data:
        with Daemon(data=data) as daemon:
            http = Http(daemon)
            _make(http, "kept", rate=7)
            _make(http, "gone")
            _make(http, "off")
            _call(http, "DELETE", "/gone", status=204)
            _call(http, "PATCH", "/kept", {"rate": 8})
            _call(http, "POST", "/off/disable")
            daemon.kill()
        with Daemon(data=data) as daemon, Http(daemon) as http:
            equal(_names(http), ["kept", "off"], "webhooks after a crash")
            _has(_call(http, "GET", "/kept"), rate=8, state="active", enabled=True)
            _has(_call(http, "GET", "/off"), state="disabled", enabled=False)


def what_the_configuration_names_is_changed_there():
    config = "[webhook ini]\nurl = https://example.invalid/\npattern = t.>\n"
    with Daemon(config=config, data=True) as daemon, Http(daemon) as http:
        _has(_call(http, "GET", "/ini"), configured=True, state="active")
        _call(http, "PATCH", "/ini", {"rate": 1}, 409, "configured")
        _call(http, "DELETE", "/ini", status=409, kind="configured")
        _call(http, "POST", "/ini/rotate", status=409, kind="configured")
        _call(http, "POST", "", {"name": "ini", "url": URL, "pattern": "t.>"}, 409, "webhook-exists")
        _make(http)
        _call(http, "POST", "", {"name": "w", "url": URL, "pattern": "other"}, 409, "webhook-exists")
        _has(_call(http, "GET", "/w"), pattern="t.>")
        _has(_call(http, "POST", "/ini/disable"), state="disabled")
        _has(_call(http, "POST", "/ini/enable"), state="active")


INCOMPLETE = (({}, "url"), ({"url": URL}, "pattern"), ({"pattern": "t.>"}, "url"), ({"url": None, "pattern": "t.>"}, "url"))
BAD_SETTINGS = (
    ({"url": "ftp://example.org/"}, "url begins with"),
    ({"url": "example"}, "url"), ({"url": "https://"}, "url"), ({"url": "https://a:b@example.org/"}, "password"), ({"url": "https://example.org/#x"}, "fragment"),
    ({"url": "https://example.org/" + "x" * 3000}, "2048"), ({"url": "https://exa mple.org/"}, "blank"), ({"url": 3}, "url is a string"),
    ({"pattern": "a..b"}, "pattern"), ({"pattern": "a b"}, "pattern"), ({"pattern": ["a"]}, "pattern is a string"), ({"name": "a b"}, "name"),
    ({"name": "a.b"}, "name"), ({"name": "a/b"}, "name"), ({"name": "x" * 65}, "64"), ({"name": 1}, "name is a string"), ({"name": "ä"}, "name"),
    ({"mode": "fast"}, "mode is one of"), ({"mode": "parallel", "key": "topic"}, "keyed"), ({"mode": "keyed", "key": "payload"}, "key is"),
    ({"body": "xml"}, "body is one of"), ({"start": "tomorrow"}, "start is"), ({"timeout": 3}, "timeout is a duration"), ({"timeout": "1h"}, "at most 5m"),
    ({"timeout": "-1s"}, "timeout is a duration"), ({"concurrency": 5000}, "1024"), ({"concurrency": 1.5}, "whole number"), ({"concurrency": -1}, "whole number"),
    ({"concurrency": 1e300}, "whole number"), ({"rate": "9"}, "whole number"), ({"retries": ["soon"]}, "retries is a list"), ({"retries": ["1s"] * 65}, "64"),
    ({"retries": {}}, "retries is a list"), ({"headers": {"Host": "x"}}, "Host cannot be set"), ({"headers": {"X-A": "a\r\nb"}}, "one line"),
    ({"headers": {"X-A": 1}}, "headers is an object"), ({"headers": {f"X-{i}": "x" for i in range(33)}}, "32"), ({"headers": ["X-A"]}, "headers is an object"),
    ({"filter": {"a b": "x"}}, "filter"), ({"filter": {"A": ""}}, "filter"), ({"enabled": "yes"}, "true or false"), ({"enabled": None}, "true or false"),
    ({"metadata": "x"}, "metadata is an object"), ({"metadata": {"a": "x" * 5000}}, "4096"), ({"description": "x" * 5000}, "4096"), ({"color": "red"}, "no setting color"),
    ({"secrets": []}, "no setting secrets"), ({"client_errors": "x"}, "client_errors is one of"), ({"secret": "hunter2"}, "whsec_"), ({"secret": None}, "whsec_"),
    ({"secret": "whsec_" + "x" * 8}, "24 to 64"), ({"secret": "whpk_" + SECRET[6:]}, "whsec_"), ({"disable_after": "long"}, "disable_after is a duration"),
)
BAD_BODIES = (b"{", b"[]", b"null", b'"x"', b'{"name":"w"} x', b"\xff", b'{"name":"\xff"}', b"[" * 100000,
              b'{"metadata":' + b'{"a":' * 2000 + b"1" + b"}" * 2001)


def what_cannot_be_is_explained():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        def refused(method, path, settings, words):
            detail = _call(http, method, path, settings, 400, "bad-settings")["detail"]
            equal(words in detail, True, f"{words!r} in {detail!r}, for {str(settings)[:200]}")

        for settings, words in INCOMPLETE:
            refused("POST", "", settings, words)
        for settings, words in BAD_SETTINGS:
            refused("POST", "", {"url": URL, "pattern": "t.>", **settings}, words)
        for body in BAD_BODIES:
            http.post("/v1/webhooks", body).check(400, "bad-body")
        http.post("/v1/webhooks", b'{"url":"https://a.example/\\u0000b","pattern":"t"}').check(400, "bad-settings")
        equal(_names(http), [], "webhooks")
        _make(http, description="\\u0000")
        for settings, words in BAD_SETTINGS:
            if "name" not in settings and "secret" not in settings:
                refused("PATCH", "/w", settings, words)
        for path, body in (("recover", {}), ("recover", {"start": 5}), ("recover", {"start": "x"}), ("resend", {}), ("resend", {"id": "x.y"}), ("resend", {"id": 7})):
            _call(http, "POST", f"/w/{path}", body, 400, "bad-body")
        _call(http, "POST", "/w/resend", {"id": "1-1"}, 404, "no-such-message")
        http.post("/v1/webhooks", b" " * (2 << 20)).check(413, "too-large")


def what_is_not_there_is_not_found():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        for name in ("none", "a%20b", "..", "%ff", "x" * 500, "%00"):
            for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/attempts"), ("GET", "/dead"), ("GET", "/secrets"), ("POST", "/enable"),
                                 ("POST", "/disable"), ("POST", "/rotate"), ("POST", "/recover"), ("POST", "/resend"), ("POST", "/replay"), ("POST", "/example"),
                                 ("POST", "/verify")):
                _call(http, method, f"/{name}{path}", {} if method in ("POST", "PATCH") else None, 404, "no-such-webhook")
        equal(http.request("PUT", "/v1/webhooks/w", b"{}").check(405, "bad-method").tokens("Allow"), {"get", "head", "patch", "delete", "options"}, "methods")
        equal(http.request("GET", "/v1/webhooks/w/enable").check(405, "bad-method").tokens("Allow"), {"post", "options"}, "methods")
        _call(http, "GET", "/w/nothing", status=404, kind="not-found")


def strangers_learn_nothing():
    with Daemon("user.a.password=secret", "user.a.manage=yes", data=True) as daemon, Http(daemon) as http:
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/w"), ("GET", "/w/secrets"), ("POST", "/w/example")):
            _call(http, method, path, {} if method == "POST" else None, 401, "unauthorized")
        http.post("/v1/webhooks", b"{}", {"Authorization": "Basic YTpzZWNyZXQ="}).check(400, "bad-settings")


def other_pages_may_not_ask():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        http.post("/v1/webhooks", json.dumps({"url": URL, "pattern": "t"}).encode(), {"Origin": "https://evil.example"}).check(403, "bad-origin")
        http.get("/v1/webhooks", {"Origin": "https://evil.example"}).check(403, "bad-origin")
        equal(_names(http), [], "webhooks")


# ------------------------------------------------------------------------------------------------------------- sending


def attempts_are_shown_and_messages_sent_again():
    statuses = [500, 204]
    with Receiver(lambda request: statuses.pop(0) if statuses else 204) as receiver, Daemon(config=BASE, data=True) as daemon, Http(daemon) as http:
        _make(http, url=receiver.url + "/hook", secret=SECRET, retries=["1ms"])
        publish(http, "t.a", b"one")
        receiver.wait(lambda requests: len(requests) == 2, "an attempt, and another")

        def attempts():
            return _call(http, "GET", "/w/attempts")["attempts"]

        until(lambda: len(attempts()) == 2, "two attempts in the list")
        last, first = attempts()
        _has(first, status=500, result="failed", attempt=1)
        _has(last, status=204, result="delivered", attempt=2, id=receiver.requests[0].headers["webhook-id"])
        _has(_call(http, "GET", "/w"), delivered=1, failed=1, dead=0, state="active")
        equal(_call(http, "POST", "/w/resend", {"id": last["id"]}, 202), None)
        receiver.wait(lambda requests: len(requests) == 3, "the message once more")
        publish(http, "t.a", b"two")
        receiver.wait(lambda requests: len(requests) == 4, "another message")
        _call(http, "POST", "/w/recover", {"start": "all"})
        receiver.wait(lambda requests: len(requests) == 6, "both messages once more")
        equal(sorted(receiver.bodies()), ["one"] * 4 + ["two"] * 2, "what came")


def what_is_disabled_waits():
    with Receiver() as receiver, Daemon(config=BASE, data=True) as daemon, Http(daemon) as http:
        _make(http, url=receiver.url, secret=SECRET)
        disabled = _call(http, "POST", "/w/disable")
        _has(disabled, state="disabled", enabled=False)
        equal(bool(disabled["disabled_reason"]), True, "a reason is given")
        publish(http, "t.a", b"one")
        until(lambda: _call(http, "GET", "/w")["waiting"] == 1, "a message that waits")
        enabled = _call(http, "POST", "/w/enable")
        _has(enabled, state="active", enabled=True, disabled_reason=None, disabled=None)
        receiver.wait(len, "the message")
        equal(receiver.bodies(), ["one"], "what came")


def an_example_is_sent_and_told_of():
    statuses = [204, 500]
    with Receiver(lambda request: statuses.pop(0)) as receiver, Daemon(config=BASE, data=True) as daemon, Http(daemon) as http:
        _make(http, url=receiver.url, secret=SECRET)
        attempt = _call(http, "POST", "/w/example", {"topic": "t.example", "payload": "hello"})
        _has(attempt, status=204, result="delivered", id=receiver.requests[0].headers["webhook-id"])
        equal((receiver.requests[0].body, receiver.requests[0].headers["Posthorn-Topic"]), (b"hello", "t.example"), "what came")
        _has(_call(http, "POST", "/w/example"), status=500, result="failed")
        equal(len(receiver.requests), 2, "requests: an example is not tried again")
        for body in ({"topic": "a.*"}, {"topic": 1}, {"payload": {}}):
            _call(http, "POST", "/w/example", body, 400, "bad-body")


def whoever_waits_for_an_example_is_told_that_the_server_stops():
    with Receiver(lambda request: None) as receiver, Daemon(config=BASE, data=True) as daemon:
        with Http(daemon) as gone, Http(daemon) as http:
            _make(http, url=receiver.url, secret=SECRET)
            gone.ask("POST", "/v1/webhooks/w/example", b"{}")
            http.ask("POST", "/v1/webhooks/w/example", b"{}")
            receiver.wait(lambda requests: len(requests) == 2, "both examples")
            gone.reset()
            daemon.stop()
            http.answer().check(503, "unavailable")


def what_is_dead_is_shown_and_sent_once_more():
    status = [500]
    with Receiver(lambda request: status[0]) as receiver, Daemon(config=BASE, data=True) as daemon, Http(daemon) as http:
        _make(http, url=receiver.url, secret=SECRET, retries=[])
        equal(_call(http, "GET", "/w/dead"), {"dead": []}, "what is dead at first")
        publish(http, "t.a", b"one")
        publish(http, "t.b", b"two")

        def dead(query=""):
            return _call(http, "GET", "/w/dead" + query)["dead"]

        until(lambda: len(dead()) == 2, "two that are dead")
        found = {letter["topic"]: letter for letter in dead()}
        equal(sorted(found), ["t.a", "t.b"], "topics")
        _has(found["t.a"], attempts=1, reason="answered 500")
        equal(len(dead("?limit=1")), 1, "with a limit")
        for query in ("?limit=x", "?limit=101", "?limit=-1"):
            _call(http, "GET", "/w/dead" + query, status=400, kind="bad-parameter")
        status[0] = 204
        equal(_call(http, "POST", "/w/replay", {"ids": [found["t.b"]["id"]]}, 202), {"replayed": 1}, "one of them")
        until(lambda: len(dead()) == 1, "it is let go of")
        equal(_call(http, "POST", "/w/replay", None, 202), {"replayed": 1}, "all of them")
        until(lambda: not dead(), "the other is let go of")
        equal(sorted(receiver.bodies()), ["one", "one", "two", "two"], "what came")
        for body in ({"ids": "x"}, {"ids": [1]}, {"since": "yesterday"}):
            _call(http, "POST", "/w/replay", body, 400, "bad-body")


def secrets_are_shown_to_who_asks_for_them():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        _make(http, secret=SECRET)
        equal(_call(http, "GET", "/w/secrets"), {"secrets": [{"secret": SECRET}]}, "the only one")
        made = _call(http, "POST", "/w/rotate", {"overlap": "1h"})["secret"]
        newest, oldest = _call(http, "GET", "/w/secrets")["secrets"]
        equal((newest, oldest["secret"], "expires" in oldest), ({"secret": made}, SECRET, True), "the newest, and the one before it")
        _call(http, "POST", "/w/rotate", {"overlap": "0s"})
        equal(len(_call(http, "GET", "/w/secrets")["secrets"]), 1, "without an overlap")


def who_does_not_say_yes_is_sent_nothing():
    with Receiver() as receiver, Daemon(config=BASE, data=True) as daemon, Http(daemon) as http:
        _make(http, url=receiver.url, secret=SECRET)
        _call(http, "POST", "/w/verify", {}, 400, "bad-body")
        _call(http, "PATCH", "/w", {"verify": "challenge"})
        _has(_call(http, "POST", "/w/verify"), state="unverified", verify="challenge")
        publish(http, "t.a", b"one")
        until(lambda: _call(http, "GET", "/w")["waiting"] == 1, "a message that waits")
        equal(b"one" in [request.body for request in receiver.requests], False, "the message was sent")


# ------------------------------------------------------------------------------------------------------------- leaving


def the_list_comes_in_pages():
    with Daemon(data=True) as daemon, Http(daemon) as http:
        names = [f"w{i:03}" for i in range(258)]
        for name in names:
            http.post("/v1/webhooks", json.dumps({"name": name, "url": URL, "pattern": "t.>"}).encode()).check(201)
        for query, offset, limit in (("", 0, 256), ("?offset=256", 256, 256), ("?offset=1&limit=2", 1, 2), ("?limit=0", 0, 0), ("?offset=300", 300, 256)):
            page = _call(http, "GET", query)
            equal([webhook["name"] for webhook in page.pop("webhooks")], names[offset : offset + limit], f"the page {query}")
            equal(page, {"total": 258, "offset": offset, "limit": limit}, f"the rest of {query}")
        for query in ("?limit=257", "?limit=-1", "?offset=x"):
            _call(http, "GET", query, None, 400, "bad-parameter")
        listed = subprocess.run([os.environ["POSTHORN"], "webhook", "list", "--names", "-s", f"nats://{daemon.line[0]}"], capture_output=True, text=True,
                                timeout=DEADLINE_S)
        equal(listed.stdout.split(), names, f"posthorn webhook list, {listed.stderr}")


def whoever_leaves_early_is_not_missed():
    """The call goes on without him, is freed, and what it was to do is done. A sanitizer sees what is not freed."""
    with Daemon(data=True) as daemon:
        count = 50
        for i in range(count):
            http = Http(daemon)
            http.ask("POST", "/v1/webhooks", json.dumps({"name": f"w{i}", "url": URL, "pattern": "t.>"}).encode())
            http.reset() if i % 2 else http.close()
        with Http(daemon) as http:
            for _ in range(100):
                http.ask("GET", "/v1/webhooks")
            equal([http.answer().status for _ in range(100)], [200] * 100, "answers one behind the other")
            until(lambda: len(_names(http)) >= count // 2, "webhooks of those who said good-bye")


def many_ask_at_once():
    with Daemon(data=True) as daemon:
        outcomes = []

        def ask(number):
            with Http(daemon) as http:
                for i in range(10):
                    answer = http.post("/v1/webhooks", json.dumps({"name": f"w{i}", "url": URL, "pattern": "t.>"}).encode())
                    outcomes.append((i, answer.status))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        for i in range(10):
            equal(sorted(status for number, status in outcomes if number == i), [201] + [409] * 7, f"outcomes of w{i}")


if __name__ == "__main__":
    main(one_is_made_looked_at_changed_and_removed, a_name_is_made_where_none_is_given, a_secret_of_ones_own_is_not_shown, what_no_stream_keeps_is_warned_of,
         they_outlive_a_crash, what_the_configuration_names_is_changed_there, what_cannot_be_is_explained, what_is_not_there_is_not_found,
         strangers_learn_nothing, other_pages_may_not_ask, attempts_are_shown_and_messages_sent_again, what_is_disabled_waits,
         an_example_is_sent_and_told_of, whoever_waits_for_an_example_is_told_that_the_server_stops, what_is_dead_is_shown_and_sent_once_more,
         secrets_are_shown_to_who_asks_for_them, who_does_not_say_yes_is_sent_nothing, the_list_comes_in_pages,
         whoever_leaves_early_is_not_missed, many_ask_at_once)
