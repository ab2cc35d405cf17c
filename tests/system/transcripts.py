#!/usr/bin/env python3
"""Plays the dialogues in transcripts/*.txt against the daemon, line for line.

  transcripts.py [--oracle] [NAME...]        NAME: files to play, without .txt; all of them by default

A file holds dialogues, each headed by "== what it shows"; one daemon serves a file, each dialogue has connections of its own.

  # set section.key=value     an option of the daemon (before the first dialogue)
  # differs: reason           nats-server answers otherwise on purpose; needed for lines marked @
  # oracle no: reason         nats-server cannot play this dialogue (or the file, before the first dialogue)
  # oracle whole: reason      nats-server plays it a line a write only
  # whole: reason             it is played a line a write only

  C: text                     the client sends text and CR LF
  C| text                     the client sends text and nothing behind it
  S: text                     the next line from the server, which must end in CR LF, is this
  C2: S2:                     a second client, and so on; "C:" is client 1
  S@posthorn: S@nats:         what only posthornd, or only nats-server, says (C@... likewise)

A client connects at its first line. Where that line is a "C", the INFO that greets it is read and dropped.

  in C:  \\r \\n \\t \\0 \\\\ \\xHH, and \\(1000*text) for a thousand times text; "(half-close)" ends sending, "(leave)" closes
  in S:  <any> any text, </regex/>, <has {"key": value}> JSON with at least these fields ("<any>" for a value: whatever it is);
         "(closed)" the end of the connection, by FIN or by RST

At the end of a dialogue every client that is still there says PING and must get PONG and nothing else, so that an answer too many is
seen. Each dialogue is played twice: a line a write, and in random fragments of a few bytes.

--oracle plays against the nats-server named by $ORACLE (or found on the path) instead, which checks the transcripts themselves.
"""

import json
import os
import random
import re
import shutil
import sys
import time

import harness
from harness import PATIENCE, Daemon, Skip, connect_socket, select_one

HOME = os.path.join(os.path.dirname(os.path.realpath(__file__)), "transcripts")
SILENCE_S = 5 * PATIENCE  # an answer is due at once; the deadlines that dialogues test are far shorter
LINE = re.compile(r"([CS])(\d*)(?:@(posthorn|nats))?([:|]) ?(.*)")
ESCAPE = re.compile(r"\\(?:([rnt0\\])|x([0-9a-fA-F]{2})|\((\d+)\*(.*?)\))")
PLAIN_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
HOLE = re.compile(r"<any>|</(.*?)/>|<has (\{.*\})>")


class Mismatch(Exception):
    """The server said something else; the text says where and what."""


# --------------------------------------------------------------------------------------------------------------- files


class Dialogue:
    """A title, and steps: (line number, speaker "C" or "S", client number, ":" or "|", text)."""

    def __init__(self, title):
        self.title = title
        self.steps = []
        self.oracle_no = ""
        self.oracle_whole = ""
        self.whole = ""
        self.differs = ""


def read_transcript(path, side):
    """Returns (options, dialogues) of a file, with the lines of the other side left out."""
    options, dialogues, head = [], [], Dialogue("")
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.rstrip("\n")
            place = f"{os.path.basename(path)}:{number}"
            current = dialogues[-1] if dialogues else head
            if text.startswith("== "):
                dialogues.append(Dialogue(text[3:]))
                dialogues[-1].oracle_no = head.oracle_no
            elif text.startswith("# set "):
                if dialogues:
                    raise SystemExit(f"{place}: options stand before the first dialogue")
                options.append(text[6:])
            elif text.startswith("# oracle no: "):
                current.oracle_no = text[13:]
            elif text.startswith("# oracle whole: "):
                current.oracle_whole = text[16:]
            elif text.startswith("# whole: "):
                current.whole = text[9:]
            elif text.startswith("# differs: "):
                current.differs = text[11:]
            elif text and not text.startswith("#"):
                _read_step(place, number, text, current, side)
    return options, dialogues


def _read_step(place, number, text, dialogue, side):
    found = LINE.fullmatch(text)
    if not found or not dialogue.title:
        raise SystemExit(f"{place}: not a line of a dialogue: {text}")
    speaker, client, only, mark, words = found.groups()
    if only and not dialogue.differs:
        raise SystemExit(f"{place}: a difference without its reason")
    if only in (None, side):
        dialogue.steps.append((number, speaker, int(client or 1), mark, words))


def unescape(text):
    def replace(found):
        plain, code, count, repeated = found.groups()
        if plain:
            return PLAIN_ESCAPES[plain]
        return chr(int(code, 16)) if code else int(count) * unescape(repeated)

    return ESCAPE.sub(replace, text)


def to_bytes(text):
    """Escapes give single bytes, everything else its UTF-8."""
    return b"".join(bytes([ord(c)]) if ord(c) < 256 else c.encode() for c in unescape(text))


# ------------------------------------------------------------------------------------------------------------ matching


def matches(pattern, line):
    """Whether a line from the server is what an S: line says."""
    text, at = line.decode("latin-1"), 0
    expression, wanted = "", []
    for hole in HOLE.finditer(pattern):
        expression += re.escape(unescape(pattern[at:hole.start()]))
        if hole.group(2):
            wanted.append(json.loads(hole.group(2)))
            expression += r"(?P<json%d>\{.*\})\s*" % len(wanted)
        else:
            expression += f"(?:{hole.group(1)})" if hole.group(1) else ".*"
        at = hole.end()
    expression += re.escape(unescape(pattern[at:]))
    found = re.fullmatch(expression, text, re.DOTALL)
    return bool(found) and all(_has(json.loads(found[f"json{i}"]), fields) for i, fields in enumerate(wanted, 1))


def _has(got, wanted):
    return all(key in got and value in ("<any>", got[key]) for key, value in wanted.items())


# ------------------------------------------------------------------------------------------------------------- playing


class Wire:
    """One client's connection: bytes out as the transcript has them, lines in."""

    def __init__(self, address, fragments):
        self.sock = connect_socket(address)
        self.fragments = fragments
        self.data = b""
        self.ended = False

    def send(self, data):
        try:
            while data:
                size = self.fragments.choice((1, 2, 3, 7, 1 + len(data) // 2)) if self.fragments else len(data)
                self.sock.sendall(data[:size])
                data = data[size:]
        except OSError:
            pass  # the server hung up in the middle; what it said tells why

    def read_line(self):
        """The next line without its CR LF, or None at the end of the connection."""
        end = time.monotonic() + SILENCE_S
        while b"\r\n" not in self.data:
            if self.ended:
                if self.data:
                    raise Mismatch(f"the connection ended inside a line: {self.data!r}")
                return None
            if not select_one(self.sock, False, max(0, end - time.monotonic()))[0]:
                raise Mismatch(f"silence for {SILENCE_S:.0f} s, after {self.data!r}")
            self._receive()
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def _receive(self):
        try:
            piece = self.sock.recv(262144)
        except ConnectionResetError:
            piece = b""
        self.ended = not piece
        self.data += piece

    def leave(self):
        """Closes, and returns when the server has let go of all that hung on the connection: it ends its side last."""
        end = time.monotonic() + SILENCE_S
        try:
            self.sock.shutdown(harness.socket.SHUT_WR)
            while not self.ended and select_one(self.sock, False, max(0, end - time.monotonic()))[0]:
                self._receive()
        except OSError:
            pass  # it has gone already
        self.sock.close()


def play(dialogue, address, fragments):
    """Plays one dialogue; raises Mismatch."""
    wires, done = {}, set()
    try:
        for number, speaker, client, mark, text in dialogue.steps:
            try:
                if client not in wires:
                    wires[client] = Wire(address, fragments)
                    if speaker == "C":
                        _expect(wires[client], "INFO <any>")
                _step(wires[client], speaker, mark, text)
            except Mismatch as mismatch:
                raise Mismatch(f"line {number}: {mismatch}") from None
            if text in ("(closed)", "(leave)"):
                done.add(client)
        for client, wire in wires.items():
            if client not in done:
                _expect_quiet(client, wire)
    finally:
        for wire in wires.values():
            wire.leave()


def _step(wire, speaker, mark, text):
    if speaker == "S":
        _expect(wire, text)
    elif text == "(half-close)":
        wire.sock.shutdown(harness.socket.SHUT_WR)
    elif text == "(leave)":
        wire.sock.close()
    else:
        wire.send(to_bytes(text) + (b"\r\n" if mark == ":" else b""))


def _expect(wire, pattern):
    line = wire.read_line()
    shown = "(closed)" if line is None else _brief(line)
    if pattern == "(closed)":
        good = line is None
    else:
        good = line is not None and matches(pattern, line)
    if not good:
        raise Mismatch(f"wanted {_brief(pattern)}\n        got    {shown}")


def _brief(text):
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return text if len(text) < 300 else f"{text[:280]}... ({len(text)} characters)"


def _expect_quiet(client, wire):
    wire.send(b"PING\r\n")
    line = wire.read_line()
    if line != b"PONG":
        raise Mismatch(f"at the end, client {client} wanted only PONG, got {'(closed)' if line is None else _brief(line)}")


# ---------------------------------------------------------------------------------------------------------------- main


def play_file(name, workers, side):
    """Plays all dialogues of a file; returns how many failed."""
    options, dialogues = read_transcript(os.path.join(HOME, f"{name}.txt"), side)
    dialogues = [d for d in dialogues if side == "posthorn" or not d.oracle_no]
    if not dialogues:
        return 0
    Daemon.workers = workers
    failed = 0
    try:
        with Daemon(*options) as daemon:
            for dialogue in dialogues:
                whole_only = dialogue.whole or side == "nats" and dialogue.oracle_whole
                for fragments in (None,) if whole_only else (None, random.Random(dialogue.title)):
                    failed += not _play_told(name, workers, dialogue, daemon, fragments)
    except Skip as reason:
        print(f"skipped: {name}: {reason}")
    except AssertionError as error:
        print(f"failed: {name}: {error}")
        failed += 1
    return failed


def _play_told(name, workers, dialogue, daemon, fragments):
    try:
        play(dialogue, daemon.line[0], fragments)
        return True
    except (Mismatch, OSError) as error:
        how = "in fragments" if fragments else "a line a write"
        print(f"failed: {name}: {dialogue.title} workers={workers} ({how})\n        {error}", flush=True)
        return False


def main():
    names = [argument for argument in sys.argv[1:] if argument != "--oracle"]
    if len(names) < len(sys.argv) - 1 and not harness.ORACLE:
        harness.ORACLE = shutil.which("nats-server") or "nats-server"
    side = "nats" if harness.ORACLE else "posthorn"
    names = names or sorted(entry[:-4] for entry in os.listdir(HOME) if entry.endswith(".txt"))
    failed = 0
    for workers in [1] if harness.ORACLE else map(int, os.environ.get("WORKERS", "1 4").split()):
        for name in names:
            bad = play_file(name, workers, side)
            failed += bad
            print(f"{'failed' if bad else 'ok'}: {name} workers={workers}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
