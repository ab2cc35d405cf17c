#!/usr/bin/env python3
"""Reload by SIGHUP: a good file holds from then on, for those who are in as well; a bad one changes nothing and says so."""

import os

from harness import Daemon, equal, main

def _reload(daemon, text):
    """A reload that the daemon must take."""
    mark = daemon.log_count()
    daemon.reload(text)
    daemon.wait_log(r"(?i)reload", since=mark)


def _reload_refused(daemon, text):
    """A reload that the daemon must refuse; returns the line of the log that says so."""
    mark = daemon.log_count()
    daemon.reload(text)
    daemon.wait_log("reload_failed", since=mark)
    return "\n".join(daemon.log_lines()[mark:])


def _payload_limit_is(client, size):
    """Whether the client may publish size bytes and not one more; the client is lost by it."""
    client.publish("nobody", b"x" * size)
    client.flush()
    client.line(f"PUB nobody {size + 1}")
    client.expect_error("Maximum Payload Violation")
    client.expect_closed()


def a_new_limit_holds_for_those_who_are_in():
    with Daemon(config="[line]\npayload_size_max = 1000\n") as daemon:
        old = daemon.clients(6)
        for client in old:
            client.flush()
        _reload(daemon, "[line]\npayload_size_max = 2000\n")
        new = daemon.client()
        equal(new.info["max_payload"], 2000, "INFO of a new client")
        for client in old:
            _payload_limit_is(client, 2000)
        _payload_limit_is(new, 2000)


def those_who_are_in_are_told_of_a_new_payload_limit():
    """Clients refuse to send what is too large by themselves: they must hear of the new limit in an INFO."""
    with Daemon(config="[line]\npayload_size_max = 1000\n") as daemon:
        clients = daemon.clients(4)
        for client in clients:
            client.flush()
        _reload(daemon, "[line]\npayload_size_max = 2000\n")
        for client in clients:
            client.wait(lambda: client.info["max_payload"] == 2000, "INFO with the new limit")


def a_bad_file_changes_nothing_and_says_why():
    with Daemon(config="[line]\npayload_size_max = 1000\n") as daemon:
        client = daemon.client()
        client.flush()
        for text, word in (("[line]\npayload_size_max = a lot\n", "a lot"), ("[line]\npayload_size_maxi = 3000\n", "payload_size_maxi"),
                           ("[lime]\npayload_size_max = 3000\n", "lime"), ("[line\n", "posthornd.ini:1"),
                           ("[line]\nsubscriptions_max = 2\npayload_size_max = 0\n", "posthornd.ini:3")):
            log = _reload_refused(daemon, text)
            if word not in log:
                raise AssertionError(f"the log does not name {word!r}: {log}")
            equal(daemon.client().info["max_payload"], 1000, "the limit after a refused reload")
        _payload_limit_is(client, 1000)


def a_file_that_is_gone_changes_nothing():
    with Daemon(config="[line]\npayload_size_max = 1000\n") as daemon:
        mark = daemon.log_count()
        os.unlink(daemon.config_path)
        daemon.reload()
        daemon.wait_log(r"posthornd\.ini", since=mark)
        _payload_limit_is(daemon.client(), 1000)


def users_change_as_a_whole():
    with Daemon(config="[user ann]\npassword = one\n[user bob]\ntoken = two\n") as daemon:
        daemon.client(user="ann", **{"pass": "one"}).flush()
        daemon.client(auth_token="two").flush()
        _reload(daemon, "[user ann]\npassword = changed\n[user carl]\ntoken = three\n")
        daemon.client(user="ann", **{"pass": "changed"}).flush()
        daemon.client(auth_token="three").flush()
        for settings in ({"user": "ann", "pass": "one"}, {"auth_token": "two"}):
            client = daemon.client(hello=False)
            client.hello(**settings)
            client.expect_error("Authorization Violation")
            client.expect_closed()


def users_may_come_where_there_were_none():
    with Daemon(config="[line]\n") as daemon:
        daemon.client().flush()
        _reload(daemon, "[user ann]\npassword = one\n")
        client = daemon.client(hello=False)
        equal(client.info.get("auth_required"), True, "auth_required")
        client.hello()
        client.expect_error("Authorization Violation")
        daemon.client(user="ann", **{"pass": "one"}).flush()


def the_subscriptions_limit_changes():
    with Daemon(config="[line]\nsubscriptions_max = 2\n") as daemon:
        client = daemon.client()
        for sid in range(3):
            client.subscribe("a", str(sid))
        client.expect_error("maximum subscriptions exceeded")
        _reload(daemon, "[line]\nsubscriptions_max = 4\n")
        client.subscribe("a", "2")
        client.subscribe("a", "3")
        client.subscribe("a", "4")
        client.expect_error("maximum subscriptions exceeded")
        client.publish("a")
        client.flush()
        equal(len(client.inbox), 4, "subscriptions")


def the_ping_interval_changes_for_those_who_are_in():
    with Daemon(config="[line]\nping_interval = 1h\n") as daemon:
        client = daemon.client()
        client.flush()
        client.answer_ping = False
        _reload(daemon, "[line]\nping_interval = 100ms\npings_outstanding_max = 1\n")
        client.expect_error("Stale Connection")
        client.expect_closed()


def the_log_level_changes():
    with Daemon(config="[server]\nlog_level = info\n", log_level=None) as daemon:
        daemon.client().flush()
        equal([line for line in daemon.log_lines() if "client_connected" in line], [], "debug lines at info")
        _reload(daemon, "[server]\nlog_level = debug\n")
        daemon.client().flush()
        daemon.wait_log("client_connected")


def what_needs_a_restart_is_named_and_does_not_change():
    with Daemon(config="[server]\nspin = 0\nname = first\n") as daemon:
        mark = daemon.log_count()
        daemon.reload("[server]\nspin = 0\nname = second\n[line]\npayload_size_max = 2000\n")
        daemon.wait_log(r"server\.name", since=mark)
        client = daemon.client()
        equal(client.info["server_name"], "first", "server_name")
        equal(client.info["max_payload"], 2000, "what can change has changed")


def many_reloads_under_load_lose_nothing():
    with Daemon(config="[line]\npayload_size_max = 1000\n") as daemon:
        sender, receiver = daemon.clients(2)
        receiver.subscribe("a", "1")
        receiver.flush()
        sent = 0
        for step in range(40):
            mark = daemon.log_count()
            daemon.reload(f"[line]\npayload_size_max = {1000 + step % 3}\n")
            for _ in range(200):
                sender.publish("a", b"%d" % sent)
                sent += 1
            daemon.wait_log(r"(?i)reload", since=mark)
        equal([int(m.body) for m in receiver.take(sent)], list(range(sent)), "messages")


if __name__ == "__main__":
    main(a_new_limit_holds_for_those_who_are_in, those_who_are_in_are_told_of_a_new_payload_limit, a_bad_file_changes_nothing_and_says_why,
         a_file_that_is_gone_changes_nothing, users_change_as_a_whole, users_may_come_where_there_were_none,
         the_subscriptions_limit_changes, the_ping_interval_changes_for_those_who_are_in, the_log_level_changes,
         what_needs_a_restart_is_named_and_does_not_change, many_reloads_under_load_lose_nothing)
