#!/usr/bin/env python3
"""What is wrong, empty, unknown or out of reach never widens a right: the daemon refuses it, or stays as it was."""

import os
import resource
import signal

from harness import ORACLE, Client, Daemon, Skip, equal, main, refused_start
from web import Http

EXIT_CONFIG = 78
WIDE = "0.0.0.0:0"
ANN = "[user ann]\npassword = one\n"


def _only_posthornd():
    if ORACLE:
        raise Skip("of posthornd only")


def _refused(daemon, text):
    """A reload that must be refused; returns the reason that the log gives."""
    mark = daemon.log_count()
    daemon.reload(text)
    return daemon.wait_log(r"reload_failed (.*)", since=mark).group(1)


def _names(text, *words):
    for word in words:
        if word not in text:
            raise AssertionError(f"{word!r} is not named in {text!r}")


def _only_ann_may_enter(daemon):
    """The line and HTTP let her in, and neither strangers nor an empty or a wrong secret."""
    address = f"127.0.0.1:{daemon.line[0].rpartition(':')[2]}"
    Client(address, user="ann", **{"pass": "one"}).flush()
    for settings in ({}, {"user": "ann"}, {"user": "ann", "pass": ""}, {"user": "ann", "pass": "two"}, {"user": "", "pass": ""},
                     {"auth_token": ""}, {"user": "bob", "pass": "one"}):
        stranger = Client(address, hello=False)
        stranger.hello(**settings)
        stranger.expect_error("Authorization Violation")
        stranger.expect_closed()
    with Http(daemon) as web:
        equal(web.post("/v1/topics/a", b"x", {"Authorization": "Basic YW5uOm9uZQ=="}).status in (200, 202), True, "ann may publish")
    for given in ("", "Basic YW5uOg==", "Basic YW5uOnR3bw==", "Basic Og==", "Basic", "Bearer ", "Bearer", "Digest x"):
        with Http(daemon) as web:
            headers = {"Authorization": given} if given else {}
            equal(web.post("/v1/topics/a", b"x", headers).status, 401, f"status for {given!r}")


def listening_wide_without_users_is_refused_at_start():
    _only_posthornd()
    for settings in ({"listen": WIDE}, {"http": WIDE}, {"listen": "[::]:0"}):
        code, log = refused_start(**settings)
        equal(code, EXIT_CONFIG, f"exit code with {settings}")
        _names(log, "[user NAME]", "[server] open = yes", *settings.values())
    code, log = refused_start(config="[server]\nopen =\n", listen=WIDE)
    equal(code, EXIT_CONFIG, "exit code with an empty word")


def listening_wide_is_served_with_users_or_by_request():
    _only_posthornd()
    with Daemon(config=ANN, listen=WIDE) as daemon:
        _only_ann_may_enter(daemon)
    with Daemon("server.open=yes", listen=WIDE, http=WIDE) as daemon:
        Client(f"127.0.0.1:{daemon.line[0].rpartition(':')[2]}").flush()


def a_reload_that_would_let_strangers_in_is_refused():
    """Whether it takes the users out, or says besides that it listens on this machine alone, which a reload does not change."""
    _only_posthornd()
    with Daemon(config=ANN + "[line]\nlisten = 0.0.0.0:0\n", listen=None) as daemon:
        for text in ("", "[line]\nlisten = 0.0.0.0:0\n", "[line]\nlisten = 127.0.0.1:0\n", "; " + ANN.replace("\n", "\n; "), "[server]\nopen = no\n"):
            _names(_refused(daemon, text), "0.0.0.0:0", "[user NAME]")
            _only_ann_may_enter(daemon)
        mark = daemon.log_count()
        daemon.reload("[server]\nopen = yes\n")
        daemon.wait_log(r"reloaded", since=mark)
        daemon.client(address=f"127.0.0.1:{daemon.line[0].rpartition(':')[2]}").flush()
        _names(_refused(daemon, "[server]\nopen = no\n"), "[server] open = yes")


BROKEN = {
    "an unknown key": ANN + "pasword = two\n",
    "an unknown section": ANN + "[usr bob]\npassword = two\n",
    "a user without a secret": ANN + "[user bob]\n",
    "a user with an empty secret": ANN + "[user bob]\npassword =\n",
    "an empty secret in place of hers": "[user ann]\npassword =\n",
    "a blank line in place of it": "[user ann]\npassword = \n\n",
    "a token that is empty": "[user ann]\ntoken =\n",
    "a user without a name": "[user]\npassword = one\n",
    "a heading without an end": "[user ann\npassword = one\n",
    "a value without a key": ANN + "= two\n",
    "a key without a value": ANN + "password\n",
    "a hash that cannot be checked": ANN + "[user bob]\npassword = $2b$12$garbage\n",
    "a digest that is cut": ANN + "[user bob]\ntoken = sha256:00\n",
    "an nkey that is empty": ANN + "[user bob]\nnkey =\n",
    "an nkey that is none": ANN + "[user bob]\nnkey = UABC\n",
    "a certificate that is empty": ANN + "[user bob]\ncertificate =\n",
    "names of certificates that are empty": ANN + "[user bob]\ncertificate_names = ,\n",
    "a unix user that is empty": ANN + "[user bob]\nunix_user =\n",
    "a unix user that there is not": ANN + "[user bob]\nunix_user = no-such-user-here\n",
    "tokens without keys": ANN + "[jwt]\nissuer = x\naudience = y\njwks_file =\n",
    "tokens for anybody": ANN + "[jwt]\njwks_file = /etc/hostname\n",
    "keys that are not there": ANN + "[jwt]\nissuer = x\naudience = y\njwks_file = /no/such/file\n",
    "a user for tokens whom there is not": ANN + "[jwt]\nissuer = x\naudience = y\njwks_file = /etc/hostname\nuser = bob\n",
    "a limit that is empty": ANN + "connections_max =\n",
    "a list of nothing": ANN + "publish = ,\n",
    "a right that is none": ANN + "publishes = a\n",
    "a pattern that is none": ANN + "publish = a..b\n",
    "a pattern that is denied and none": ANN + "publish_deny = a.>.b\n",
    "a right to manage that is empty": ANN + "manage =\n",
    "a right to manage that is a guess": ANN + "manage = maybe\n",
    "a pattern that ends in a dot": ANN + "publish = a.\n",
    "a pattern that begins with one": ANN + "subscribe = .a\n",
    "a rest that is not the last": ANN + "publish = >.a\n",
    "a list with a hole": ANN + "publish_deny = a,,b\n",
    "a list that ends in a comma": ANN + "publish_deny = a,\n",
    "a pattern with a control character": ANN + "publish_deny = a.\x01b\n",
    "a pattern with a NUL": ANN + "publish_deny = a.b\0.c\n",
    "a pattern that is too long": ANN + f"publish_deny = {'a' * 70000}\n",
    "a pattern that is too deep": ANN + f"publish_deny = {'a.' * 1100}a\n",
    "a group that is none": ANN + "subscribe_deny = a g..h\n",
    "three words for a pattern and a group": ANN + "subscribe_deny = a g h\n",
    "a list that is said twice": ANN + "publish_deny = a\npublish_deny = b\n",
    "a list that is taken back": ANN + "publish_deny = a\npublish_deny =\n",
    "a right that is said twice": ANN + "manage = no\nmanage = yes\n",
    "a user who stands there twice": ANN + "publish_deny = a\n" + ANN,
    "a secret that is said twice": ANN + "password = two\n",
    "answers that are a guess": ANN + "allow_responses = maybe\n",
    "answers that are fewer than none": ANN + "allow_responses = -1\n",
    "answers without an end": ANN + "allow_responses = 99999999999999999999\n",
    "answers for a time that is none": ANN + "allow_responses = 1, soon\n",
    "answers that are empty": ANN + "allow_responses =\n",
    "a name of two words": ANN + "[user bob smith]\npassword = two\n",
    "TLS without a certificate": ANN + "[line]\ntls = required\n",
}


def a_file_that_is_wrong_is_refused_at_start():
    _only_posthornd()
    for what, text in BROKEN.items():
        code, _ = refused_start(config=text)
        equal(code, EXIT_CONFIG, f"exit code with {what}")


def a_reload_that_fails_changes_nobodys_rights():
    _only_posthornd()
    with Daemon(config=ANN) as daemon:
        inside = daemon.client(user="ann", **{"pass": "one"})
        for text in BROKEN.values():
            _refused(daemon, text)
        _only_ann_may_enter(daemon)
        os.unlink(daemon.config_path)
        _refused(daemon, None)
        os.mkdir(daemon.config_path)
        _refused(daemon, None)
        _only_ann_may_enter(daemon)
        inside.flush()


def blank_lines_and_comments_between_make_no_difference():
    _only_posthornd()
    with Daemon(config="\n\n[user ann]\n\n;\n\npassword = one\n\n; token = \n\n[line]\n\n") as daemon:
        _only_ann_may_enter(daemon)


def _may(daemon):
    """What ann may of a.b: publish and subscribe, on the line and over HTTP, and manage."""
    client = daemon.client(user="ann", **{"pass": "one"})
    may = {}
    for what, line in (("publish", "PUB a.b 1\r\nx"), ("subscribe", "SUB a.b 1"), ("subscribe to all", "SUB > 2")):
        client.line(line)
        client.flush()
        may[what] = not client.errors
        client.errors.clear()
    headers = {"Authorization": "Basic YW5uOm9uZQ=="}
    with Http(daemon) as web:
        may["post"] = web.post("/v1/topics/a.b", b"x", headers).status != 403
        may["get"] = web.get("/v1/topics/a.b", headers).status != 403
        may["manage"] = web.request("DELETE", "/v1/streams/none", headers=headers).status != 403
        may["monitor"] = web.get("/varz", headers).status != 403
    return {name for name, good in may.items() if good}


READS = {"subscribe", "subscribe to all", "get"}
WRITES = {"publish", "post"}
GIVEN = {
    "": READS | WRITES,
    "publish =\n": READS,
    "publish = \n\n": READS,
    "subscribe =\n": WRITES,
    "publish =\nsubscribe =\n": set(),
    "publish_deny =\nsubscribe_deny =\n": READS | WRITES,
    "publish_deny = >\nsubscribe_deny = >\n": set(),
    "publish = a.b\npublish_deny = a.*\n": READS,
    "manage = no\nmonitor = no\n": READS | WRITES,
    "subscribe = a.b\npublish =\n": {"subscribe", "get"},
    "publish = a.>b, *x.b, A.b, a.b.*, \u00e4.b, a*, a>\n": READS,
    "publish_deny = a.>b, *x.b, A.b\n": READS | WRITES,
    "publish_deny = x,\n  a.b\n": READS,
    "publish_deny = a.>\nallow_responses = yes\n": READS,
    "subscribe = a.b g\n": WRITES,
    "subscribe_deny = a.b\n": WRITES | {"subscribe to all"},
    "subscribe_deny = > g\n": READS | WRITES,
}


def rights_that_are_empty_allow_nothing():
    """At the start, and after a reload; and a reload that is refused changes none of them."""
    _only_posthornd()
    with Daemon(config=ANN) as daemon:
        for text, wanted in GIVEN.items():
            mark = daemon.log_count()
            daemon.reload(ANN + text)
            daemon.wait_log("reloaded", since=mark)
            equal(_may(daemon), wanted, f"what she may with {text!r}")
            _refused(daemon, ANN + text + "publishes = >\n")
            equal(_may(daemon), wanted, f"what she may with {text!r}, after a reload that was refused")
    for text, wanted in list(GIVEN.items())[1:6]:
        with Daemon(config=ANN + text) as daemon:
            equal(_may(daemon), wanted, f"what she may from the start with {text!r}")


def a_reload_without_descriptors_changes_nobodys_rights():
    """The file cannot even be opened: what held holds (CVE-2017-7652 was a broker that then let everybody in)."""
    _only_posthornd()
    with Daemon(config=ANN) as daemon:
        inside = daemon.client(user="ann", **{"pass": "one"})
        inside.flush()
        count = daemon.descriptor_count()
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (count, count + 64))
        _names(_refused(daemon, "[user bob]\npassword = two\n"), "Too many open files")
        inside.flush()
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (count + 64, count + 64))
        _only_ann_may_enter(daemon)
        mark = daemon.log_count()
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_log("reloaded", since=mark)
        inside.expect_closed()


if __name__ == "__main__":
    main(listening_wide_without_users_is_refused_at_start, listening_wide_is_served_with_users_or_by_request,
         a_reload_that_would_let_strangers_in_is_refused, a_file_that_is_wrong_is_refused_at_start,
         a_reload_that_fails_changes_nobodys_rights, blank_lines_and_comments_between_make_no_difference,
         rights_that_are_empty_allow_nothing, a_reload_without_descriptors_changes_nobodys_rights)
