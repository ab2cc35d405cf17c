#!/usr/bin/env python3
"""posthorn passwd: what it prints lets in who shows the other half, and nobody else."""

import base64
import json
import os
import pty
import re

from cli import OK, USAGE, Cli
from harness import Daemon, equal, main


def _enters(daemon, **words):
    client = daemon.client(hello=False)
    client.line("CONNECT " + json.dumps({"verbose": False, **words}))
    client.line("PING")
    client.wait(lambda: client.pong_count or client.errors, "an answer")
    return not client.errors


def a_hash_lets_the_password_in():
    with Cli() as cli:
        for password, cost in ("sesame", "4"), ("käse & brot # 1", "5"):
            line = cli.run("passwd", "--stdin", "--cost", cost, input=f"{password}\n".encode()).check(OK, err="").out.decode()
            if not re.fullmatch(r"password = \$2b\$0%s\$[./A-Za-z0-9]{53}\n" % cost, line):
                raise AssertionError(line)
            with Daemon(config=f"[user ann]\n{line}") as daemon:
                equal(_enters(daemon, user="ann", **{"pass": password}), True)
                equal(_enters(daemon, user="ann", **{"pass": password + "x"}), False)


def a_token_and_its_digest_fit():
    with Cli() as cli:
        token, line = cli.run("passwd", "--token").check(OK, err="").out.decode().splitlines()
        equal(len(base64.urlsafe_b64decode(token + "=")), 32)
        with Daemon(config=f"[user ann]\n{line}\n") as daemon:
            equal(_enters(daemon, auth_token=token), True)
            equal(_enters(daemon, auth_token=line.split()[-1]), False)
        equal(token == cli.run("passwd", "--token").check(OK).out.decode().splitlines()[0], False)


def an_nkey_and_its_seed_fit():
    with Cli() as cli:
        seed, line = cli.run("passwd", "--nkey").check(OK, err="").out.decode().splitlines()
        path = os.path.join(cli.home, "seed")
        with open(path, "w", encoding="utf-8") as file:
            file.write(seed + "\n")
        os.chmod(path, 0o600)
        with Daemon(config=f"[user ann]\n{line}\n") as daemon:
            cli.run("pub", "a", "x", "-s", daemon.line[0], "--nkey", path).check(OK)
            other = cli.run("passwd", "--nkey").check(OK).out.decode().splitlines()[0]
            with open(path, "w", encoding="utf-8") as file:
                file.write(other + "\n")
            cli.run("pub", "a", "x", "-s", daemon.line[0], "--nkey", path).check(6, out="")


def bad_words_are_told():
    with Cli() as cli:
        cli.run("passwd", "--stdin", input=b"").check(USAGE, out="", err="no password")
        cli.run("passwd", "--stdin", input=b"\n").check(USAGE, out="", err="1 to 72 bytes")
        cli.run("passwd", "--stdin", input=b"x" * 73 + b"\n").check(USAGE, out="", err="1 to 72 bytes")
        cli.run("passwd", input=b"one\ntwo\n").check(USAGE, out="", err="differ")
        cli.run("passwd", "--cost", "3", input=b"a\na\n").check(USAGE, out="", err="4 to 20")
        cli.run("passwd", "--token", "--nkey").check(USAGE, out="", err="one of them")


def a_terminal_shows_no_password():
    """Asked twice, echoed never."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(os.environ["POSTHORN"], ["posthorn", "passwd", "--cost", "4"])
    seen = b""
    for question in (b"password: ", b"once more: "):
        while not seen.endswith(question):
            seen += os.read(master, 100)
        os.write(master, b"sesame\n")
    try:
        while piece := os.read(master, 1000):
            seen += piece
    except OSError:
        pass
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    if b"sesame" in seen or b"password = $2b$04$" not in seen:
        raise AssertionError(seen)


if __name__ == "__main__":
    main(a_hash_lets_the_password_in, a_token_and_its_digest_fit, an_nkey_and_its_seed_fit, bad_words_are_told,
         a_terminal_shows_no_password)
