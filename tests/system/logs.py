#!/usr/bin/env python3
"""The log: event first, then key=value; one line an event whatever clients write; no secrets; to stderr or to a file."""

import os
import re

from harness import ORACLE, Daemon, Skip, equal, main, until

USERS = ("user.ann.password=correct-horse", "user.app.token=battery-staple", "line.auth_timeout=300ms")


def _only_posthornd():
    if ORACLE:
        raise Skip("of posthornd only")


def _well_formed(lines):
    """Every line is an event and key=value pairs, after whatever the form of the destination puts in front (a time, a priority)."""
    for line in lines:
        if not re.fullmatch(r"(<\d>)?(\S+ )?((error|warning|info|debug):? )?[a-z][a-z0-9_]*( [a-z][a-z0-9_]*=(\"([^\"\\]|\\.)*\"|[^\s\"]*))*", line):
            raise AssertionError(f"not of the form event key=value: {line!r}")


def every_line_is_an_event_and_its_facts():
    _only_posthornd()
    with Daemon(*USERS, log_level="debug") as daemon:
        good = daemon.client(user="ann", **{"pass": "correct-horse"})
        good.flush()
        bad = daemon.client(auth_token="wrong")
        bad.expect_closed()
        silent = daemon.client(hello=False)
        silent.expect_closed()
        wrong = daemon.client(auth_token="battery-staple")
        wrong.line("NONSENSE")
        wrong.expect_closed()
        daemon.reload()
        daemon.wait_log(r"(?i)reload")
        daemon.stop()
        _well_formed(daemon.log_lines())


def secrets_are_not_written():
    _only_posthornd()
    with Daemon(*USERS, log_level="debug") as daemon:
        daemon.client(user="ann", **{"pass": "correct-horse"}).flush()
        daemon.client(user="ann", **{"pass": "correct-hors"}).expect_closed()
        daemon.client(auth_token="battery-staple").flush()
        daemon.client(auth_token="battery-stapler").expect_closed()
        daemon.reload()
        daemon.wait_log(r"(?i)reload")
        daemon.stop()
        for secret in ("correct-hors", "battery-stap"):
            equal([line for line in daemon.log_lines() if secret in line], [], "lines with a secret")


def a_client_cannot_forge_a_line():
    """Names, topics and verbs are a client's own words: line ends and quotes in them stay inside of one line and one value."""
    _only_posthornd()
    with Daemon(*USERS, log_level="debug") as daemon:
        evil = 'x"\nforged level=error\r\n\x1b[31m\\'
        daemon.client(user=evil, **{"pass": "x"}).expect_closed()
        client = daemon.client(name=evil, lang=evil, version=evil, auth_token="battery-staple")
        client.flush()
        client.send(b"NON\x1b[31mSENSE\x00\"\r\n")
        client.expect_closed()
        daemon.stop()
        for line in daemon.log_lines():
            if line.startswith("forged") or "\x1b" in line:
                raise AssertionError(f"a client wrote this line: {line!r}")
        _well_formed(daemon.log_lines())


def the_log_may_go_to_a_file():
    _only_posthornd()
    with Daemon(log_level="debug") as scratch:
        path = os.path.join(scratch.dir, "posthornd.log")
        with Daemon(f"server.log={path}", log_level="debug") as daemon:
            daemon.client().flush()

            def text():
                with open(path, encoding="utf-8") as file:
                    return file.read()

            until(lambda: "client_connected" in text(), "the event in the file")
            daemon.stop()
            _well_formed(text().splitlines())
            equal(daemon.log_lines(), [], "stderr")
            equal(bool(re.match(r"\d{4}-\d\d-\d\dT?", text())), True, f"lines of a file begin with the time: {text()[:60]!r}")


def a_log_file_that_was_moved_away_is_opened_anew_by_sighup():
    """As logrotate does: move the file, send SIGHUP, and what follows is in a new file."""
    _only_posthornd()
    with Daemon() as scratch:
        path = os.path.join(scratch.dir, "posthornd.log")
        with Daemon(f"server.log={path}", log_level="debug") as daemon:
            daemon.client().flush()
            os.rename(path, path + ".1")
            daemon.reload()
            until(lambda: os.path.exists(path), "a new file")
            daemon.client().flush()

            def text():
                with open(path, encoding="utf-8") as file:
                    return file.read()

            until(lambda: "client_connected" in text(), "the event in the new file")


def stdout_has_the_ready_line_alone():
    with Daemon(log_level="debug") as daemon:
        daemon.client().flush()
        daemon.send_signal(15)
        daemon.process.wait(15)
        if not ORACLE:
            equal(daemon.process.stdout.read(), b"", "stdout behind the ready line")
        daemon.check_end(daemon.wait_exit())


def levels_leave_out_what_is_below_them():
    _only_posthornd()
    counts = {}
    for level in ("error", "warning", "info", "debug"):
        with Daemon(log_level=level) as daemon:
            client = daemon.client()
            client.line("NONSENSE")
            client.expect_closed()
            daemon.stop()
            counts[level] = len(daemon.log_lines())
    equal(counts["error"], 0, "lines at level error where there was no error")
    equal(counts["error"] <= counts["warning"] <= counts["info"] < counts["debug"], True, f"lines at each level: {counts}")


if __name__ == "__main__":
    main(every_line_is_an_event_and_its_facts, secrets_are_not_written, a_client_cannot_forge_a_line, the_log_may_go_to_a_file,
         a_log_file_that_was_moved_away_is_opened_anew_by_sighup, stdout_has_the_ready_line_alone,
         levels_leave_out_what_is_below_them)
