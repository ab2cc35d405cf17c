#!/usr/bin/env python3
"""Real input: the package manager's log goes through posthorn pub --lines and comes out of posthorn sub, byte for byte, in order."""

from cli import Cli
from harness import Daemon, equal, main
from real_log import log_lines


def _through(workers, *options):
    log = b"".join(line + b"\n" for line in log_lines())
    count = log.count(b"\n")
    Daemon.workers = workers
    with Daemon() as daemon, Cli(daemon) as cli, cli.start("sub", "-v", *options, "--count", count, "logs.dpkg") as sub:
        sub.subscribed()
        cli.run("pub", "--lines", "logs.dpkg", input=log).check(out="", err="")
        out = sub.end().check().out
    equal(out == log, True, f"{count} lines byte for byte")
    return f"{count} lines, {workers} workers"


def raw_gives_the_log_back():
    return _through(Daemon.workers, "--raw")


def raw_gives_the_log_back_with_two_workers():
    return _through(2, "--raw")


def format_gives_the_log_back():
    return _through(Daemon.workers, "--format", "%p%n")


if __name__ == "__main__":
    main(raw_gives_the_log_back, raw_gives_the_log_back_with_two_workers, format_gives_the_log_back)
