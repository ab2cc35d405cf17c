#!/usr/bin/env python3
"""Which server, and as whom: options, environment, saved contexts, their order, and that secrets stay secret."""

import os
import stat

from cli import CONNECT, FAILED, REFUSED, TIMEOUT, USAGE, Cli, Fake, url_of
from harness import Daemon, equal, main

NOBODY = "nats://127.0.0.1:1"
USER = "user.cook.password=secret-sauce"
TOKEN = "user.bearer.token=secret-sauce"


def address_is_the_first_that_is_given():
    with Daemon() as daemon, Cli() as cli:
        good = url_of(daemon)
        publish = ("pub", "a", "x")
        cli.run("context", "add", "good", "--server", good).check(out="", err="")
        cli.run("context", "add", "bad", "--server", NOBODY).check()
        cli.run(*publish, "--server", good, env={"POSTHORN_URL": NOBODY}).check()
        cli.run(*publish, "--context", "good", env={"POSTHORN_URL": NOBODY}).check()
        cli.run(*publish, env={"POSTHORN_URL": good, "NATS_URL": NOBODY}).check()
        cli.run(*publish, env={"POSTHORN_URL": "", "NATS_URL": good}).check()
        cli.run("context", "select", "bad").check()
        cli.run(*publish, env={"NATS_URL": good}).check()
        cli.run(*publish).check(CONNECT, err="from the selected context")
        cli.run("context", "select", "good").check()
        cli.run(*publish).check()
        cli.run(*publish, env={"NATS_URL": NOBODY}).check(CONNECT, err="from NATS_URL")
        cli.run(*publish, "--server", good, "--context", "good").check(USAGE, err="--server and --context")


def every_form_of_address_is_understood():
    with Daemon() as daemon, Cli() as cli:
        bare = daemon.line[0]
        for address in (bare, f"nats://{bare}", f"posthorn://{bare}", f"{NOBODY},nats://{bare}"):
            cli.run("pub", "a", "x", "-s", address).check(out="", err="")


def unix_socket_is_an_address():
    with Cli() as cli:
        path = os.path.join(cli.home, "line.sock")
        with Daemon(listen=f"unix:{path}"):
            cli.run("pub", "a", "x", "-v", "--server", f"unix:{path}").check(err=f"connected to unix:{path}")


def no_server_is_told_from_a_refusal():
    with Daemon(USER) as daemon, Cli(daemon) as cli:
        cli.run("pub", "a", "x", "--server", NOBODY).check(CONNECT, out="", err="^posthorn: cannot connect .*Connection refused; does a")
        cli.run("pub", "a", "x", "--server", "nats://no.host.invalid").check(CONNECT, out="", err="^posthorn: cannot connect")
        cli.run("pub", "a", "x", "--server", "nats://127.0.0.1:none").check(USAGE, out="", err="^posthorn: cannot connect")
        cli.run("pub", "a", "x").check(REFUSED, out="", err="^posthorn: cannot connect .*refused.*give --user")
        cli.run("pub", "a", "x", "--user", "cook", "--password", "wrong").check(REFUSED, out="")


def server_that_says_nothing_is_not_waited_for():
    import socket
    with socket.create_server(("127.0.0.1", 0)) as silent, Cli() as cli:
        done = cli.run("pub", "a", "x", "-s", "127.0.0.1:%d" % silent.getsockname()[1], "--connect-timeout", "100ms")
        if done.code not in (CONNECT, TIMEOUT):
            raise AssertionError(f"exit code {done.code}: {done.err}")
    with Daemon() as daemon, Cli() as cli:  # the other port waits for the client to speak first
        done = cli.run("pub", "a", "x", "-s", daemon.http[0], "--connect-timeout", "100ms")
        done.check(CONNECT, out="", err="no answer in time; does a server listen there, for clients and not for HTTP?")


def user_and_password_come_from_where_they_stand():
    with Daemon(USER) as daemon, Cli(daemon) as cli:
        address = daemon.line[0]
        publish = ("pub", "a", "x")
        environment = {"POSTHORN_USER": "cook", "POSTHORN_PASSWORD": "secret-sauce"}
        cli.run(*publish, "--user", "cook", "--password", "secret-sauce").check()
        cli.run(*publish, env=environment).check()
        cli.run(*publish, "--user", "cook", env={"POSTHORN_PASSWORD": "secret-sauce"}).check()
        cli.run(*publish, "-s", f"nats://cook:secret-sauce@{address}", env={"POSTHORN_USER": "other"}).check()
        cli.run(*publish, "-s", f"nats://other:wrong@{address}", "--user", "cook", "--password", "secret-sauce").check()
        cli.run(*publish, "-s", f"nats://other:wrong@{address}", env=environment).check(REFUSED)
        cli.run("context", "add", "kitchen", "-s", f"nats://{address}", "--user", "cook", "--password", "secret-sauce").check()
        cli.run(*publish, "--context", "kitchen", env={"POSTHORN_USER": "other", "POSTHORN_PASSWORD": "wrong"}).check()
        cli.run(*publish, "--password", "secret-sauce").check(USAGE, err="a password without a user")
        cli.run(*publish, "--user", "cook", "--token", "t").check(USAGE, err="one of them")


def token_comes_from_where_it_stands():
    with Daemon(TOKEN) as daemon, Cli(daemon) as cli:
        cli.run("pub", "a", "x", "--token", "secret-sauce").check()
        cli.run("pub", "a", "x", env={"POSTHORN_TOKEN": "secret-sauce"}).check()
        cli.run("pub", "a", "x", "-s", f"nats://secret-sauce@{daemon.line[0]}").check()
        cli.run("pub", "a", "x", "--token", "wrong").check(REFUSED)
        cli.run("context", "add", "bearer", "--server", url_of(daemon), "--token", "-", input=b"secret-sauce\n").check()
        cli.run("pub", "a", "x", "--context", "bearer").check()


def credentials_of_a_context_go_to_no_other_server():
    seen = []
    with Fake(lambda line: seen.append(line) or (b"PONG\r\n" if line == b"PING\r\n" else b"")) as fake, Cli() as cli:
        cli.run("context", "add", "kitchen", "-s", NOBODY, "--user", "cook", "--password", "secret-sauce", "--select").check()
        cli.run("pub", "a", "x", "--server", fake.url).check()
        cli.run("pub", "a", "x", env={"POSTHORN_URL": fake.url}).check()
        if b"secret-sauce" in b"".join(seen) or not seen:
            raise AssertionError(f"the other server saw {seen}")


def secrets_are_never_shown():
    with Cli() as cli:
        secret = "secret-sauce"
        runs = [
            cli.run("pub", "a", "x", "-v", "-s", f"nats://cook:{secret}@127.0.0.1:1"),
            cli.run("pub", "a", "x", "-v", "-s", f"bad://cook:{secret}@127.0.0.1"),
            cli.run("pub", "a", "x", "-v", "-s", f"nats://cook:{secret}@127.0.0.1:none"),
            cli.run("pub", "a", "x", "-v", "-s", f"nats://{secret}@127.0.0.1:1,nats://cook:{secret}@no.host.invalid"),
            cli.run("context", "add", "one", "--server", f"nats://cook:{secret}@h,nats://{secret}@i", "--select"),
            cli.run("context", "add", "two", "--user", "cook", "--password", secret),
            cli.run("context", "add", "three", "--token", secret),
            cli.run("context", "list"),
            cli.run("context", "show"),
            cli.run("context", "show", "two").check(out="name = two\nurl = nats://127.0.0.1:4222\nuser = cook\npassword = ********\n"),
            cli.run("context", "show", "three"),
        ]
        for done in runs:
            if secret in done.err or secret.encode() in done.out:
                raise AssertionError(f"{done.command}: {done.out} {done.err}")
        equal(runs[8].out, b"name = one\nurl = nats://********@h,nats://********@i\n")


def contexts_are_private_files():
    with Cli() as cli:
        umask = os.umask(0)
        try:
            cli.run("context", "add", "shop", "--server", "nats://shop", "--select").check()
        finally:
            os.umask(umask)
        directory = os.path.join(cli.home, "config", "posthorn")
        modes = {"contexts/shop.ini": 0o600, "contexts": 0o700, ".": 0o700}
        for name, mode in modes.items():
            equal(stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode), mode, name)
        equal(sorted(os.listdir(os.path.join(directory, "contexts"))), ["shop.ini"])


def contexts_are_added_listed_selected_and_removed():
    with Cli() as cli:
        cli.run("context", "list").check(out="", err="")
        cli.run("context", "show").check(USAGE, out="", err="no context is selected")
        cli.run("context", "add", "shop", "--server", "nats://shop").check(out="", err="")
        cli.run("context", "add", "home").check()
        cli.run("context", "add", "shop").check(USAGE, err="--replace")
        cli.run("context", "add", "shop", "--server", "nats://new", "--replace").check()
        cli.run("context", "list", "--names").check(out="home\nshop\n")
        cli.run("context", "select", "shpo").check(USAGE, err="did you mean 'shop'")
        cli.run("context", "select", "shop").check(out="", err="")
        cli.run("context", "list").check(out="  home                 nats://127.0.0.1:4222\n* shop                 nats://new\n")
        cli.run("context", "remove", "shop").check(out="", err="")
        cli.run("context", "show").check(USAGE, err="no context is selected")
        cli.run("context", "list").check(out="  home                 nats://127.0.0.1:4222\n")
        cli.run("context", "remove", "shop").check(USAGE, err="no context 'shop'")
        cli.run("context", "select", "home").check()
        cli.run("context", "select", "--none").check(out="", err="")
        cli.run("context", "list").check(out="  home                 nats://127.0.0.1:4222\n")
        cli.run("context", "select").check(USAGE, err="--none")


def names_stay_in_their_directory():
    with Cli() as cli:
        for name in ("../up", "a/b", "", ".hidden", "x" * 65, "a b"):
            cli.run("context", "add", name).check(USAGE, out="", err="no name for a context")
            cli.run("context", "show", name).check(USAGE, out="", err="no name for a context")
            cli.run("context", "remove", name).check(USAGE, out="", err="no name for a context")
        cli.run("context", "add", "good").check()
        for name in (".hidden", "$(date)", "a b"):
            open(os.path.join(cli.home, "config", "posthorn", "contexts", name + ".ini"), "w", encoding="ascii").close()
        cli.run("context", "list", "--names").check(out="good\n")


def what_a_file_cannot_carry_is_refused():
    with Cli() as cli:
        for password in ("a ;b", "a\nb", " a", "a ", "x" * 500):
            cli.run("context", "add", "odd", "--user", "u", "--password", password).check(USAGE, err="cannot be kept in an INI file")
        cli.run("context", "list", "--names").check(out="")
        cli.run("context", "add", "good", "--user", "u", "--password", "it's #1; 100% \"fine\" = [ok]").check()
        cli.run("context", "show", "good").check()


def damaged_files_are_told():
    with Cli() as cli:
        cli.run("context", "add", "shop").check()
        path = os.path.join(cli.home, "config", "posthorn", "contexts", "shop.ini")
        for text, complaint in (("[context]\nurl = a\nurl = b\n", r"shop\.ini:3: expected url"), ("[context]\nuser = a\n", "no url"),
                                ("[context]\nurl = a\ncolour = b\n", r"shop\.ini:3: "), ("[other]\nurl = a\n", r"shop\.ini:2: "),
                                ("nonsense\n", r"shop\.ini:1: ")):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            cli.run("pub", "a", "x", "--context", "shop").check(USAGE, out="", err=complaint)
        cli.run("pub", "a", "x", "--context", "none").check(USAGE, out="", err="no context 'none'")


def home_is_used_without_xdg():
    with Cli() as cli:
        cli.run("context", "add", "shop", env={"XDG_CONFIG_HOME": ""}).check()
        equal(os.listdir(os.path.join(cli.home, ".config", "posthorn", "contexts")), ["shop.ini"])
        cli.run("context", "add", "shop", env={"XDG_CONFIG_HOME": "", "HOME": ""}).check(USAGE, err="neither XDG_CONFIG_HOME nor HOME")
        blocked = os.path.join(cli.home, "file")
        open(blocked, "w", encoding="ascii").close()
        cli.run("context", "add", "shop", env={"XDG_CONFIG_HOME": blocked}).check(FAILED, err="cannot make the directories")


if __name__ == "__main__":
    main(address_is_the_first_that_is_given, every_form_of_address_is_understood, unix_socket_is_an_address,
         no_server_is_told_from_a_refusal, server_that_says_nothing_is_not_waited_for, user_and_password_come_from_where_they_stand,
         token_comes_from_where_it_stands, credentials_of_a_context_go_to_no_other_server, secrets_are_never_shown,
         contexts_are_private_files, contexts_are_added_listed_selected_and_removed, names_stay_in_their_directory,
         what_a_file_cannot_carry_is_refused, damaged_files_are_told, home_is_used_without_xdg)
