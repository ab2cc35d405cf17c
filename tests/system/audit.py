#!/usr/bin/env python3
"""The audit: who entered, who was refused, and who changed what, as lines of the log and as messages."""

import json
import re
import signal

from harness import ORACLE, PATIENCE, Daemon, Skip, equal, main, until
from jet import Jet
from web import Http, Lines

ROOT = {"user": "root", "pass": "secret-of-root"}
ROOT_HEADERS = {"Authorization": "Basic cm9vdDpzZWNyZXQtb2Ytcm9vdA=="}
MEMBERS = {"time", "event", "outcome", "user", "address", "protocol", "action", "object", "reason", "client", "missed"}
CONFIG = ("[user root]\npassword = secret-of-root\nmanage = yes\n"
          "[user ann]\ntoken = secret-of-ann\npublish = a.>, a\nsubscribe = a.>, _INBOX.>\n")


class Watcher:
    """Reads $POSTHORN.audit.> as root."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.client = daemon.client(**ROOT)
        self.client.on_message = self._take
        self.client.subscribe("$POSTHORN.audit.>", "1")
        self.client.flush()

    def _take(self, message):
        """What is told of the daemon's start and of the watcher's own coming may come late; it is passed over."""
        said = json.loads(message.body)
        if said.get("action") != "start" and said.get("client") != self.client.info["client_id"]:
            self.client.inbox.append(message)

    def next(self, event, **wanted):
        """The next message, which is of that event; returns what it says. A line of the log says the same."""
        message = self.client.next()
        said = json.loads(message.body)
        equal(message.topic, f"$POSTHORN.audit.{event}", "topic")
        equal(said["event"], event, "event")
        equal(set(said) - MEMBERS, set(), "members that no document names")
        for name, value in wanted.items():
            equal(said.get(name), value, f"{name} in {said}")
        self.daemon.wait_log(f"audit event={event} outcome={said['outcome']}")
        return said


def _daemon(config=CONFIG, **settings):
    if ORACLE:
        raise Skip("nats-server has no audit")
    return Daemon(config=config, **settings)


def _counter(web, name):
    return web.get("/varz", ROOT_HEADERS).json()["posthorn"]["counters"][name]


def _refused(daemon, **settings):
    client = daemon.client(hello=False)
    client.hello(**settings)
    client.expect_closed()


def who_enters_and_who_is_refused_is_told():
    with _daemon() as daemon:
        watcher = Watcher(daemon)
        ann = daemon.client(auth_token="secret-of-ann")
        ann.flush()
        host, port = ann.sock.getsockname()
        watcher.next("login", outcome="accepted", user="ann", protocol="nats", address=f"{host}:{port}", client=ann.info["client_id"])
        _refused(daemon, user="root", **{"pass": "guess"})
        watcher.next("login", outcome="refused", user="root", protocol="nats", reason="bad credentials")
        _refused(daemon, auth_token="guess")
        equal("user" in watcher.next("login", outcome="refused"), False, "a user where none was named")
        with Http(daemon) as web:
            web.post("/v1/topics/a", b"x", {"Authorization": "Basic cm9vdDpndWVzcw=="}).check(401)
            watcher.next("login", outcome="refused", user="root", protocol="http")
            equal(web.post("/v1/topics/a", b"x", {"Authorization": "Bearer secret-of-ann"}).status, 200, "status for Ann")
        watcher.client.nothing()


def names_of_strangers_cannot_break_lines_or_messages():
    with _daemon() as daemon:
        watcher = Watcher(daemon)
        for name in ('a" outcome=accepted user="root', "a\nb audit event=login", "\u00fc\u0000".rstrip("\0"), "x" * 3000, "\\"):
            mark = daemon.log_count()
            _refused(daemon, user=name, **{"pass": "guess"})
            said = watcher.next("login", outcome="refused")
            equal(said["user"], name[:512], "the name in the message")
            daemon.wait_log(r"^\S+ warning audit event=login", since=mark)
            lines = [line for line in daemon.log_lines()[mark:] if re.match(r"\S+ warning audit event=login", line)]
            equal(len(lines), 1, f"lines of log {lines}")
            equal(" outcome=accepted" in lines[0].replace('\\"', "").split('user="', 1)[0], False, "an outcome that was not")


def changes_over_http_are_told_with_what_came_of_them():
    with _daemon(data=True) as daemon, Http(daemon) as web:
        watcher = Watcher(daemon)
        headers = {"Authorization": "Basic cm9vdDpzZWNyZXQtb2Ytcm9vdA==", "Content-Type": "application/json"}
        web.post("/v1/streams", b'{"name":"S","topics":["s.>"]}', headers).check(201)
        watcher.next("admin", outcome="done", user="root", protocol="http", action="POST", object="/v1/streams S")
        web.post("/v1/streams/S/purge", b"", headers).check(200)
        watcher.next("admin", outcome="done", action="POST", object="/v1/streams/S/purge")
        web.request("DELETE", "/v1/streams/T", headers=headers).check(404)
        watcher.next("admin", outcome="failed", action="DELETE", object="/v1/streams/T", reason="status 404")
        web.request("DELETE", "/v1/streams/S", headers=headers)
        watcher.next("admin", outcome="done", action="DELETE", object="/v1/streams/S")
        equal(web.get("/v1/streams", headers).status, 200, "looking changes nothing")
        web.post("/v1/request/$JS.API.STREAM.DELETE.S", b"", headers)
        watcher.next("admin", outcome="failed", protocol="http", action="$JS.API.STREAM.DELETE", object="S", reason="stream not found")
        watcher.client.nothing()


def what_is_denied_is_told():
    with _daemon(data=True) as daemon, Http(daemon) as web:
        watcher, ann = Watcher(daemon), daemon.client(auth_token="secret-of-ann")
        watcher.next("login", user="ann")
        for what, data in (("publish", "PUB b.c 1\r\nx"), ("subscribe", "SUB b.> 1"), ("subscribe", "SUB $POSTHORN.audit.> 2")):
            ann.line(data)
            ann.flush()
            watcher.next("denied", outcome="refused", user="ann", protocol="nats", action=what, object=data.split()[1])
        ann.publish("$JS.API.STREAM.DELETE.S", b"", reply="_INBOX.x")
        ann.flush()
        headers = {"Authorization": "Bearer secret-of-ann"}
        web.post("/v1/topics/b.c", b"x", headers).check(403)
        web.request("DELETE", "/v1/streams/S", headers=headers).check(403)
        watcher.next("denied", outcome="refused", user="ann", action="manage", object="$JS.API.STREAM.DELETE.S", protocol="nats")
        watcher.next("denied", outcome="refused", user="ann", action="publish", object="b.c", protocol="http")
        watcher.next("denied", outcome="refused", user="ann", action="manage", object="/v1/streams/S", protocol="http")
        watcher.client.nothing()


def changes_over_the_line_are_told():
    with _daemon(data=True) as daemon:
        watcher = Watcher(daemon)
        jet = Jet(daemon, **ROOT)
        watcher.next("login", outcome="accepted", user="root")
        jet.stream("S", ["s.>"])
        watcher.next("admin", outcome="done", user="root", protocol="nats", action="$JS.API.STREAM.CREATE", object="S")
        jet.good("STREAM.INFO.S")
        jet.good("STREAM.PURGE.S")
        watcher.next("admin", outcome="done", action="$JS.API.STREAM.PURGE", object="S")
        jet.api("STREAM.CREATE.S", {"name": "T"})
        watcher.next("admin", outcome="failed", action="$JS.API.STREAM.CREATE", object="S", reason="stream name in subject does not match request")
        jet.api("STREAM.PURGE.T")
        watcher.next("admin", outcome="failed", action="$JS.API.STREAM.PURGE", object="T", reason="stream not found")
        jet.good("STREAM.DELETE.S")
        watcher.next("admin", outcome="done", action="$JS.API.STREAM.DELETE", object="S")
        for verb, body, outcome, reason in (("create", {"name": "h", "url": "http://127.0.0.1:9/x", "pattern": "a.>"}, "done", None),
                                            ("list", {}, None, None), ("disable.h", None, "done", None), ("remove.h", None, "done", None),
                                            ("remove.h", None, "failed", "there is no webhook of that name")):
            jet.request("$POSTHORN.API.webhook." + verb, json.dumps(body).encode() if body is not None else b"")
            if outcome:
                action, _, name = verb.partition(".")
                watcher.next("admin", outcome=outcome, action="$POSTHORN.API.webhook." + action, reason=reason, object=name or None)
        watcher.client.nothing()


def refusals_within_the_apis_are_told():
    """What a topic alone does not tell is refused where it is looked at."""
    config = CONFIG + ("[user man]\ntoken = man\nmanage = yes\nsubscribe = a.>, _INBOX.>\n"
                       "[stream S]\ntopics = s.>\nallow_direct = yes\n[stream A]\ntopics = a.>, b.>\nallow_direct = yes\n")
    with _daemon(config, data=True) as daemon, Http(daemon) as web:
        watcher, ann, man = Watcher(daemon), Jet(daemon, auth_token="secret-of-ann"), Jet(daemon, auth_token="man")
        equal({watcher.next("login")["user"] for _ in range(2)}, {"ann", "man"}, "who has come")
        counted = _counter(web, "permission_errors")
        consumer = {"stream_name": "A", "config": {"name": "c", "filter_subject": "b.x"}}
        asked = (("STREAM.INFO.S", {}, "monitor"), ("STREAM.PURGE.A", {}, "manage"), ("STREAM.MSG.GET.S", {"seq": 1}, "subscribe"),
                 ("STREAM.MSG.GET.A", {"last_by_subj": "b.x"}, "subscribe"), ("CONSUMER.CREATE.A.c", consumer, "subscribe"))
        for topic, body, right in asked:
            equal(ann.api(topic, body)["error"]["err_code"], 10403, f"the error of {topic}")
            watcher.next("denied", outcome="refused", user="ann", protocol="nats", action=right, object="$JS.API." + topic)
        for topic in ("$JS.API.DIRECT.GET.S", "$JS.API.DIRECT.GET.A.b.x"):
            ann.request(topic, b'{"seq":1}' if topic.endswith("S") else b"")
            watcher.next("denied", user="ann", action="subscribe", object=topic)
        hook = b'{"name":"h","url":"http://127.0.0.1:9/x","pattern":"b.>"}'
        for client, verb, right in ((ann, "list", "monitor"), (ann, "create", "manage"), (man, "create", "subscribe")):
            client.request("$POSTHORN.API.webhook." + verb, hook)
            watcher.next("denied", outcome="refused", protocol="nats", action=right, object="$POSTHORN.API.webhook." + verb)
        headers = {"Authorization": "Bearer man", "Content-Type": "application/json"}
        web.post("/v1/webhooks", hook, headers).check(403)
        watcher.next("denied", user="man", protocol="http", action="subscribe", object="/v1/webhooks h")
        web.post("/v1/streams/A/consumers", b'{"name":"c","topics":["b.x"]}', headers).check(403)
        watcher.next("denied", user="man", protocol="http", action="subscribe")
        watcher.client.nothing()
        equal(_counter(web, "permission_errors") - counted, len(asked) + 7, "what is counted")


def who_asks_and_leaves_is_told():
    """What came of it is told when nobody waits for the answer any more."""
    with _daemon(data=True) as daemon:
        watcher = Watcher(daemon)
        jet = Jet(daemon, **ROOT)
        watcher.next("login", user="root")
        jet.client.publish("$JS.API.STREAM.CREATE.S", b'{"name":"S","subjects":["s.>"]}')
        jet.client.close()
        watcher.next("admin", outcome="done", user="root", action="$JS.API.STREAM.CREATE", object="S")


def only_who_names_it_hears_it():
    """A wildcard at the start of a pattern does not name $POSTHORN, not even where nobody is asked who he is."""
    with _daemon(config="", data=True) as daemon, Http(daemon) as web:
        all_of_it, some, named = daemon.client(), daemon.client(), daemon.client()
        for client, patterns in ((all_of_it, (">",)), (some, ("*.audit.>", "*.>")), (named, ("$POSTHORN.>",))):
            for sid, pattern in enumerate(patterns):
                client.subscribe(pattern, str(sid))
            client.flush()
        with Lines(daemon, ">") as reader:
            web.request("DELETE", "/v1/webhooks/none").check(404)
            while named.next().topic != "$POSTHORN.audit.admin":
                pass
            named.publish("x", b"1")
            named.publish("x.y", b"1")
            named.flush()
            equal([all_of_it.next().topic for _ in range(2)], ["x", "x.y"], "what > is shown")
            equal(some.next().topic, "x.y", "what *.> is shown")
            for client in (all_of_it, some):
                client.nothing()
            equal(reader.next()["topic"], "x", "what a reader is shown")


def who_shows_nothing_is_told_and_counted():
    with _daemon() as daemon, Http(daemon) as web:
        watcher = Watcher(daemon)
        counted = _counter(web, "auth_failures")
        web.post("/v1/topics/a", b"x").check(401)
        equal("user" in watcher.next("login", outcome="refused", protocol="http", reason="no credentials"), False, "a user")
        web.post("/v1/topics/a", b"x", {"Authorization": "Digest x"}).check(401)
        watcher.next("login", outcome="refused", protocol="http", reason="bad credentials")
        web.get("/healthz").check(200)
        client = daemon.client(hello=False)
        client.line("PUB a 0\r\n")
        client.expect_closed()
        watcher.next("login", outcome="refused", protocol="nats", reason="no credentials")
        equal(_counter(web, "auth_failures") - counted, 3, "failures")
        watcher.client.nothing()


def who_shows_nothing_hides_nobody_who_guesses():
    """A scanner does not use up what is told of those who guess."""
    with _daemon() as daemon:
        watcher = Watcher(daemon)
        with Http(daemon) as web:
            for _ in range(200):
                web.post("/v1/topics/a", b"x").check(401)
            web.post("/v1/topics/a", b"x", {"Authorization": "Bearer guess"}).check(401)
        reasons = []
        while "bad credentials" not in reasons:
            reasons.append(json.loads(watcher.client.next().body)["reason"])
        equal(len(reasons) < 100, True, f"{len(reasons)} are told")


def plain_secrets_are_named_with_what_mends_them():
    with _daemon(CONFIG) as daemon:
        daemon.wait_log(r'warning secrets_readable user=root option=password action="posthorn passwd, and its line in \[user root\]"')
        daemon.wait_log(r'warning secrets_readable user=ann option=token action="posthorn passwd --token, and its line in \[user ann\]"')
        equal(len(re.findall("secrets_readable", daemon.log_text())), 2, "warnings")


def pages_from_elsewhere_are_told_and_counted():
    """Of another origin, whoever asks; and by a cookie alone, which any page can have sent."""
    with _daemon() as daemon, Http(daemon) as web:
        watcher = Watcher(daemon)
        before = _counter(web, "permission_errors")
        web.post("/v1/topics/a", b"x", {"Origin": "https://elsewhere.example", "Authorization": "Bearer secret-of-ann"}).check(403, "bad-origin")
        watcher.next("denied", outcome="refused", action="origin", object="/v1/topics/a", protocol="http")
        cookie = web.post("/v1/session", b"", ROOT_HEADERS).check(200).header("Set-Cookie").partition(";")[0]
        web.post("/v1/topics/b", b"x", {"Cookie": cookie}).check(403, "bad-origin")
        watcher.next("denied", outcome="refused", action="origin", object="/v1/topics/b")
        equal(_counter(web, "permission_errors") - before, 2, "refusals that are counted")


def what_the_daemon_does_is_told():
    with _daemon() as daemon:
        watcher = Watcher(daemon)
        daemon.reload(CONFIG + "[user bob]\n")
        said = watcher.next("server", outcome="failed", action="reload")
        equal("[user bob]" in said["reason"], True, f"the reason: {said}")
        daemon.reload(CONFIG + "[user bob]\ntoken = secret-of-bob\n")
        watcher.next("server", outcome="done", action="reload")
        daemon.send_signal(signal.SIGTERM)
        watcher.next("server", outcome="done", action="stop")
        equal(daemon.wait_exit(), 0, "exit code")
        text = daemon.log_text()
        equal("action=\"start\"" in text, True, "the start is in the log")
        equal("secret-of" in text, False, "secrets in the log")


def a_stream_keeps_what_it_asks_for():
    with _daemon(data=True) as daemon:
        jet = Jet(daemon, **ROOT)
        jet.stream("AUDIT", ["$POSTHORN.audit.>"])
        _refused(daemon, auth_token="guess")
        until(lambda: jet.state("AUDIT")["messages"] >= 1, "a message in the stream")


def a_flood_of_refusals_is_counted_not_told():
    with _daemon() as daemon:
        watcher = Watcher(daemon)
        count = 400
        with Http(daemon) as web:
            for _ in range(count):
                web.post("/v1/topics/a", b"x", {"Authorization": "Bearer guess"}).check(401)
        told = missed = 0

        def one_more():
            nonlocal told, missed
            with Http(daemon) as web:
                web.post("/v1/topics/a", b"x", {"Authorization": "Bearer guess"}).check(401)
            watcher.client.flush()
            while watcher.client.inbox:
                said = json.loads(watcher.client.inbox.popleft().body)
                told, missed = told + 1, missed + said.get("missed", 0)
            return missed and told + missed >= count
        until(one_more, "refusals that are told or counted", 20 * PATIENCE, 0.3)
        equal(told < count, True, f"told {told} of {count}")
        return f"{told} told, {missed} counted"


if __name__ == "__main__":
    main(who_enters_and_who_is_refused_is_told, names_of_strangers_cannot_break_lines_or_messages,
         changes_over_http_are_told_with_what_came_of_them, what_is_denied_is_told, changes_over_the_line_are_told, refusals_within_the_apis_are_told,
         who_asks_and_leaves_is_told, only_who_names_it_hears_it, who_shows_nothing_is_told_and_counted,
         who_shows_nothing_hides_nobody_who_guesses, plain_secrets_are_named_with_what_mends_them,
         pages_from_elsewhere_are_told_and_counted, what_the_daemon_does_is_told, a_stream_keeps_what_it_asks_for,
         a_flood_of_refusals_is_counted_not_told)
