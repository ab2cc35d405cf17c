#!/usr/bin/env python3
"""posthorn's help, manual and completions: one table behind all of them, and the files in the tree are what it gives."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

from cli import USAGE, Cli
from harness import DEADLINE_S, Skip, equal, main

TREE = os.environ.get("srcdir") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
COMMANDS = ("pub", "sub", "request", "reply", "bench", "bench pub", "bench fanout", "bench request", "context", "context add",
            "stream", "stream add", "stream list", "stream info", "stream edit", "stream purge", "stream remove", "stream get",
            "stream delete-message", "consumer", "consumer add", "consumer list", "consumer info", "consumer edit", "consumer remove",
            "consumer next", "webhook", "webhook add", "webhook list", "webhook info", "webhook change", "webhook enable",
            "webhook disable", "webhook test", "webhook verify", "webhook rotate", "webhook log", "webhook dead", "webhook replay",
            "webhook resend", "webhook recover", "webhook remove", "listen", "passwd", "fsck", "dump", "context list", "context select", "context show", "context remove", "top", "completion", "help")
GENERATED = {
    "doc/posthorn.1": ("help", "--manual"),
    "etc/completions/posthorn": ("completion", "bash"),
    "etc/completions/_posthorn": ("completion", "zsh"),
    "etc/completions/posthorn.fish": ("completion", "fish"),
}


def every_command_has_help():
    with Cli() as cli:
        overview = cli.run("--help").check(err="").out
        equal(cli.run("help").check(err="").out, overview)
        equal(cli.run("-h").check(err="").out, overview)
        cli.run().check(USAGE, out="", err="^Usage: posthorn COMMAND")
        for command in COMMANDS:
            text = cli.run(*command.split(), "--help").check(err="").out
            equal(cli.run("help", *command.split()).check(err="").out, text)
            if not text.startswith(b"Usage: posthorn " + command.encode()):
                raise AssertionError(text[:100])
            if " " not in command and not re.search(rb"(?m)^  %s +\w" % command.encode(), overview):
                raise AssertionError(f"the overview does not name {command}")
        if any(len(line) > 80 for line in overview.decode().splitlines()):
            raise AssertionError("a line of help is wider than a terminal")


def a_long_command_stands_apart_from_its_summary():
    with Cli() as cli:
        out = cli.run("help", "stream").check().out
        equal(b"\n  delete-message delete one of its messages\n" in out, True, out)


def mistyped_commands_are_guessed():
    with Cli() as cli:
        cli.run("pbu", "a").check(USAGE, out="", err="no command 'pbu'; did you mean 'pub'")
        cli.run("xyzzy").check(USAGE, out="", err="'posthorn help' shows")
        cli.run("context", "selct", "a").check(USAGE, out="", err="did you mean 'context select'")
        cli.run("help", "xyzzy").check(USAGE, out="", err="no command 'xyzzy'")
        cli.run("--server", "x", "pub").check(USAGE, out="", err="options stand behind the command")


def version_is_told():
    with Cli() as cli:
        out = cli.run("--version").check(err="").out.decode()
        if not re.fullmatch(r"posthorn \d+\.\d+\.\d+ \(libposthorn \d+\.\d+\.\d+\)\n", out):
            raise AssertionError(out)


def full_disk_is_no_success():
    with Cli() as cli, open("/dev/full", "wb") as full:
        done = subprocess.run([cli.program, "--help"], env=cli.env, stdout=full, stderr=subprocess.PIPE, check=False)
        equal((done.returncode, done.stderr), (1, b"posthorn: cannot write to standard output\n"))


def files_in_the_tree_are_what_the_table_gives():
    with Cli() as cli:
        for name, command in GENERATED.items():
            with open(os.path.join(TREE, name), "rb") as file:
                if file.read() != cli.run(*command).check(err="").out:
                    raise AssertionError(f"{name} is old: posthorn {' '.join(command)} >{name}")


def manual_names_every_option():
    with Cli() as cli:
        manual = cli.run("help", "--manual").out.decode().replace("\\-", "-")
        for command in COMMANDS:
            for option in re.findall(r"(?m)^  (?:-\w, |    )--([\w-]+)", cli.run("help", *command.split()).out.decode()):
                if f"\\fB--{option}\\fR" not in manual:
                    raise AssertionError(f"the manual has no --{option} of {command}")


def _complete_in_bash(cli, line):
    """What bash offers for a line whose last word is being typed."""
    script = 'source "$1"; COMP_WORDS=($2); [[ $2 == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); ' \
             '_posthorn; printf "%s\\n" "${COMPREPLY[@]}"'
    path = os.path.join(TREE, "etc/completions/posthorn")
    env = {**cli.env, "PATH": os.path.dirname(cli.program) + ":" + cli.env["PATH"]}
    done = subprocess.run(["bash", "-c", script, "bash", path, line], env=env, capture_output=True, text=True, check=True)
    equal(done.stderr, "")
    return done.stdout.split()


def bash_completes():
    with Cli() as cli:
        cli.run("context", "add", "shop").check()
        cli.run("context", "add", "home").check()
        offers = {
            "posthorn co": ["consumer", "context", "completion"],
            "posthorn bench ": ["pub", "fanout", "request"],
            "posthorn context re": ["remove"],
            "posthorn pub --co": ["--count", "--context", "--connect-timeout"],
            "posthorn stream de": ["delete-message"],
            "posthorn pub a --re": ["--reply"],
            "posthorn bench fanout --sub": ["--subscribers"],
            "posthorn sub --context ": ["home", "shop"],
            "posthorn context show s": ["shop"],
            "posthorn completion z": ["zsh"],
            "posthorn help re": ["request", "reply"],
            "posthorn pub --count ": [],
        }
        for line, words in offers.items():
            equal(sorted(_complete_in_bash(cli, line)), sorted(words), line)


def fish_completes():
    if not shutil.which("fish"):
        raise Skip("needs fish")
    with Cli() as cli:
        cli.run("context", "add", "shop").check()
        env = {**cli.env, "PATH": os.path.dirname(cli.program) + ":" + cli.env["PATH"]}
        offers = {"posthorn conte": ["context"], "posthorn bench fan": ["fanout"], "posthorn bench fanout --subs": ["--subscribers"],
                  "posthorn sub --context ": ["shop"], "posthorn context show ": ["shop"], "posthorn help pu": ["pub"],
                  "posthorn pub --lin": ["--lines"]}
        for line, words in offers.items():
            script = f"source {TREE}/etc/completions/posthorn.fish; complete -C '{line}'"
            done = subprocess.run(["fish", "-c", script], env=env, capture_output=True, text=True, check=True)
            equal(([offer.split("\t")[0] for offer in done.stdout.splitlines()], done.stderr), (words, ""), line)


class Terminal:
    """A shell on a terminal of its own: what is typed, and what it shows."""

    def __init__(self, command, env):
        ours, theirs = pty.openpty()
        self.process = subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self._fd = ours

    def type(self, text):
        os.write(self._fd, text.encode())

    def wait(self, wanted):
        shown, end = b"", time.monotonic() + DEADLINE_S
        while wanted.encode() not in shown:
            left_s = max(0, end - time.monotonic())
            if not select.select([self._fd], [], [], left_s)[0]:
                raise AssertionError(f"the terminal never shows {wanted!r} but {shown}")
            shown += os.read(self._fd, 65536)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._fd)


def zsh_completes():
    if not shutil.which("zsh"):
        raise Skip("needs zsh")
    offers = {"posthorn conte": "posthorn context", "posthorn bench fan": "posthorn bench fanout",
              "posthorn bench fanout --subs": "posthorn bench fanout --subscribers", "posthorn pub a --lin": "posthorn pub a --lines",
              "posthorn sub --context ": "posthorn sub --context shop", "posthorn help pu": "posthorn help pub"}
    with Cli() as cli:
        cli.run("context", "add", "shop").check()
        env = {**cli.env, "PATH": os.path.dirname(cli.program) + ":" + cli.env["PATH"], "TERM": "dumb"}
        env["ZDOTDIR"] = env["HOME"]
        with open(os.path.join(env["HOME"], ".zshrc"), "w", encoding="ascii") as start:
            start.write(f"PS1=; autoload -Uz compinit; compinit -u -d $HOME/dump; source {TREE}/etc/completions/_posthorn; print ready\n")
        with Terminal(["zsh", "-d", "-i"], env) as zsh:
            zsh.wait("ready")
            for line, wanted in offers.items():
                zsh.type(line + "\t")
                zsh.wait(wanted)
                zsh.type("\x15")  # empties the line


if __name__ == "__main__":
    main(every_command_has_help, a_long_command_stands_apart_from_its_summary, mistyped_commands_are_guessed, version_is_told,
         full_disk_is_no_success, files_in_the_tree_are_what_the_table_gives, manual_names_every_option, bash_completes, fish_completes, zsh_completes)
