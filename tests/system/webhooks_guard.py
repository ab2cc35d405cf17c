#!/usr/bin/env python3
"""Webhooks that try to reach what they must not: by a name whose answer changes, by odd ways to write an address, by a redirect,
by a receiver that is not who it says. Nothing arrives, and the attempt says why."""

import contextlib
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from harness import Daemon, Skip, equal, main, until
from web import Http

HERE = Path(__file__).resolve().parent
SOURCE = Path(os.environ.get("srcdir", HERE.parents[1])) / "tests/system"
ALLOWED, REFUSED = "127.0.0.2", "127.0.0.1"  # both are this machine; the daemon is allowed the first alone
BASE = "[stream S]\ntopics = t.>\n[webhooks]\n"


class Receiver:
    """Listens at an address of this machine, and counts. answer: a status, or a status and headers."""

    def __init__(self, address, port=0, answer=(204, {}), context=None):
        self.paths = paths = []
        status, headers = answer if isinstance(answer, tuple) else (answer, {})

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                paths.append(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()  # HTTP/1.0: the connection ends, and the next attempt looks the name up

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # who is not trusted is hung up on
                pass

        self.server = Server((address, port), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def pair(answer=204):
    """Receivers at the address that is allowed and at the one that is not, at the same port."""
    with Receiver(ALLOWED, answer=answer) as good, Receiver(REFUSED, good.port) as evil:
        yield good, evil


def hook(name, url, *lines):
    return f"[webhook {name}]\nurl = {url}\npattern = t.>\n" + "".join(f"{line}\n" for line in lines)


def publish(daemon, count=1):
    with contextlib.closing(Http(daemon)) as asker:
        for _ in range(count):
            asker.post("/v1/topics/t.a", b"x").check(200)


def attempts(daemon, name, count):
    """What became of so many, the oldest first."""
    with contextlib.closing(Http(daemon)) as asker:
        def known():
            found = asker.get(f"/v1/webhooks/{name}/attempts").check(200).json()["attempts"]
            return found[::-1] if len(found) >= count else None

        return until(known, f"{count} attempts of {name}", pause_s=0.02)


def words(found):
    """Of each attempt its status, or why there was none."""
    return [attempt.get("status") or attempt["error"] for attempt in found]


# ------------------------------------------------------------------------------------------------- names whose answers change


def compiler():
    """The one that the daemon was built with."""
    makefile = Path(os.environ.get("builddir", ".")) / "Makefile"
    found = re.search(r"^CC *= *(.*)$", makefile.read_text(encoding="utf-8"), re.MULTILINE) if makefile.exists() else None
    return shlex.split(found[1]) if found else ["cc"]


@contextlib.contextmanager
def resolver(**answers):
    """The environment of a daemon for which NAME.test has these answers."""
    with tempfile.TemporaryDirectory(prefix="posthorn-resolver-") as folder:
        library = os.path.join(folder, "resolver.so")
        subprocess.run([*compiler(), "-shared", "-fPIC", "-o", library, str(SOURCE / "resolver.c"), "-ldl", "-lpthread"], check=True)
        yield {
            "LD_PRELOAD": library, "RESOLVER_ANSWERS": ";".join(f"{name}.test={value}" for name, value in answers.items()),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
        }


def allowing(*networks):
    return BASE + f"allow_networks = {', '.join(networks)}\n"


def a_name_that_changes_is_refused_at_the_attempt_at_which_it_does():
    """Once to the address that is allowed, which fails; then the name is another address."""
    with pair(answer=500) as (good, evil), resolver(turn=f"{ALLOWED}/{REFUSED}/169.254.169.254/10.0.0.1") as env:
        config = allowing(ALLOWED) + hook("w", f"http://turn.test:{good.port}/", "retries = 1600ms, 1600ms, 1600ms")
        with Daemon(config=config, data=True, env=env) as daemon:
            publish(daemon)
            equal(words(attempts(daemon, "w", 4)), [500, "loopback", "link-local", "private"], "what became of the attempts")
        equal((len(good.paths), evil.paths), (1, []), "what came")


def a_name_that_alternates_reaches_the_allowed_address_alone():
    """Many webhooks, each at its own turn of the answers: whatever is looked up, what is connected to is what is judged."""
    count = 20
    names = {f"turn{i}": f"{REFUSED}/{ALLOWED}" if i % 2 else f"{ALLOWED}/{REFUSED}" for i in range(count)}
    with pair() as (good, evil), resolver(**names) as env:
        config = allowing(ALLOWED) + "".join(hook(f"w{i}", f"http://turn{i}.test:{good.port}/{i}", "retries = 1600ms") for i in range(count))
        with Daemon(config=config, data=True, env=env) as daemon:
            publish(daemon)
            for i in range(count):
                equal(words(attempts(daemon, f"w{i}", 1 + i % 2)), ["loopback", 204] if i % 2 else [204], f"attempts of w{i}")
        equal((sorted(good.paths, key=lambda path: int(path[1:])), evil.paths), ([f"/{i}" for i in range(count)], []), "what came")


def every_address_of_a_name_is_judged():
    """One answer with several addresses: what is refused is passed over, or is all there is."""
    with pair() as (good, evil), resolver(mixed=f"{REFUSED},{ALLOWED}", bad=f"{REFUSED},::1,::ffff:127.0.0.1,10.0.0.1") as env:
        config = allowing(ALLOWED) + "".join(hook(name, f"http://{name}.test:{good.port}/", "retries =", "timeout = 2s") for name in ("mixed", "bad"))
        with Daemon(config=config, data=True, env=env) as daemon:
            publish(daemon)
            equal(words(attempts(daemon, "mixed", 1)), [204], "of the name with one that is allowed")
            found = words(attempts(daemon, "bad", 1))
            if found[0] not in ("loopback", "private"):
                raise AssertionError(found)
        equal((good.paths, evil.paths), (["/"], []), "what came")


# ------------------------------------------------------------------------------------------------------- ways to write it

WRITTEN = {
    "loopback": [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001", "0177.0x0.1",
        "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "127.0.0.%31", "127.255.255.254",
        "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::ffff:0:127.0.0.1]",
        "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[2001:0:1:2:3:4:80ff:fffe]",
    ],
    "this network": ["0.0.0.0", "0", "0x0", "[::]"],
    "private": ["10.1.2.3", "172.16.0.1", "192.168.0.1", "3232235521", "[::ffff:10.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::]", "[fd00:ec2::254]", "[fec0::1]"],
    "link-local": ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fe80::1]"],
    "shared address space": ["100.64.0.1", "100.100.100.200"],
    "metadata": ["168.63.129.16"],
    "protocol assignments": ["192.0.0.192"],
    "multicast": ["224.0.0.1", "[ff02::1]"],
    "reserved": ["240.0.0.1", "255.255.255.255"],
}


def has_ipv6():
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
        return True
    except OSError:
        return False


def an_address_is_the_same_however_it_is_written():
    with Receiver(REFUSED) as evil:
        cases = [(name, reason) for reason, names in WRITTEN.items() for name in names if has_ipv6() or not name.startswith("[")]
        config = BASE + "".join(hook(f"w{i}", f"http://{name}:{evil.port}/", "retries =") for i, (name, _) in enumerate(cases))
        with Daemon(config=config, data=True) as daemon:
            publish(daemon)
            found = {name: words(attempts(daemon, f"w{i}", 1))[0] for i, (name, _) in enumerate(cases)}
            rooted = {name: "the name is not known" for name, _ in cases if name.endswith(".")}  # as most resolvers say
            wrong = {name: found[name] for name, reason in cases if found[name] not in (reason, rooted.get(name))}
            equal(wrong, {}, "what was refused for another reason, or not")
        equal(evil.paths, [], "what came")
        return f"{len(cases)} ways"


def what_an_operator_allows_is_allowed_in_every_form():
    forms = ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "127.0.0.%31"] + (["[::ffff:127.0.0.1]"] if has_ipv6() else [])
    with Receiver(REFUSED) as receiver:
        config = allowing("127.0.0.1/32") + "".join(hook(f"w{i}", f"http://{name}:{receiver.port}/{i}") for i, name in enumerate(forms))
        config += hook("other", f"http://{ALLOWED}:{receiver.port}/", "retries =")
        with Daemon(config=config, data=True) as daemon:
            publish(daemon)
            for i in range(len(forms)):
                equal(words(attempts(daemon, f"w{i}", 1)), [204], forms[i])
            equal(words(attempts(daemon, "other", 1)), ["loopback"], "its neighbour")


def what_is_closed_by_a_reload_is_closed_at_once():
    """Also where a connection to it is kept."""
    with Receiver(ALLOWED) as receiver:
        own = hook("w", f"http://{ALLOWED}:{receiver.port}/", "retries =")
        with Daemon(config=allowing(ALLOWED) + own, data=True) as daemon:
            publish(daemon)
            attempts(daemon, "w", 1)
            mark = daemon.log_count()
            daemon.reload(BASE + own)
            daemon.wait_log("reloaded", since=mark)
            publish(daemon)
            equal(words(attempts(daemon, "w", 2)), [204, "loopback"], "before and after")


# ------------------------------------------------------------------------------------------------------------- redirects


def no_redirect_is_followed():
    with Receiver(REFUSED) as target:
        places = ["http://169.254.169.254/latest/meta-data/", f"http://{REFUSED}:{target.port}/", f"//{REFUSED}:{target.port}/", "/again", "file:///etc/passwd"]
        with contextlib.ExitStack() as stack:
            config, receivers = allowing("127.0.0.0/8"), []
            for i, place in enumerate(places):
                for status in (301, 302, 303, 307, 308):
                    receiver = stack.enter_context(Receiver(ALLOWED, answer=(status, {"Location": place})))
                    receivers.append((receiver, f"w{i}-{status}", status))
                    config += hook(f"w{i}-{status}", f"http://{ALLOWED}:{receiver.port}/", "retries = 10ms")
            daemon = stack.enter_context(Daemon(config=config, data=True))
            publish(daemon)
            for receiver, name, status in receivers:
                found = attempts(daemon, name, 2)
                equal((words(found), [attempt["result"] for attempt in found]), ([status, status], ["failed", "failed"]), name)
                equal(receiver.paths, ["/", "/"], f"what came to {name}")
        equal(target.paths, [], "what came where they lead to")


# ------------------------------------------------------------------------------------------------------------------ TLS


class Authority:
    """An authority of our own and the certificates that it gives, by the openssl command."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self._run("req", "-x509", *self._key(name), "-out", self.path(f"{name}.pem"), "-days", "2", "-subj", f"/CN=authority {name}")

    def path(self, name):
        return os.path.join(self.folder, name)

    def _run(self, *words):
        subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.path(f"{name}.key")]

    def context(self, name, subject, days="2"):
        """What a server presents. days: from now; a negative number is over."""
        self._run("req", *self._key(name), "-out", self.path(f"{name}.csr"), "-subj", "/CN=receiver")
        with open(self.path("extensions"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={subject}\n")
        self._run("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{self.name}.pem"), "-CAkey", self.path(f"{self.name}.key"),
                  "-CAcreateserial", "-days", days, "-extfile", self.path("extensions"), "-out", self.path(f"{name}.crt"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f"{name}.crt"), self.path(f"{name}.key"))
        return context


UNTRUSTED = "the certificate is by an authority that is not trusted"
OTHER_NAME = "the certificate is for another name"


def who_is_not_the_receiver_is_not_told():
    if not shutil.which("openssl"):
        raise Skip("needs the openssl command")
    with tempfile.TemporaryDirectory(prefix="posthorn-tls-") as folder, contextlib.ExitStack() as stack:
        own, other = Authority(folder, "own"), Authority(folder, "other")
        cases = {
            "good": (own.context("good", "IP:127.0.0.2"), 204),
            "name": (own.context("name", "DNS:example.org"), OTHER_NAME),
            "address": (own.context("address", "IP:127.0.0.3"), OTHER_NAME),
            "unknown": (other.context("unknown", "IP:127.0.0.2"), UNTRUSTED),
            "over": (own.context("over", "IP:127.0.0.2", days="-1"), "the certificate is over"),
            "plain": (None, "TLS failed"),
        }
        config, receivers = allowing(ALLOWED) + f"ca = {own.path('own.pem')}\n", {}
        for name, (context, _) in cases.items():
            receivers[name] = stack.enter_context(Receiver(ALLOWED, context=context))
            config += hook(name, f"https://{ALLOWED}:{receivers[name].port}/", "retries = 10ms")
        daemon = stack.enter_context(Daemon(config=config, data=True))
        publish(daemon)
        for name, (_, wanted) in cases.items():
            count = 1 if wanted == 204 else 2
            equal(words(attempts(daemon, name, count)), [wanted] * count, f"attempts of {name}")
            equal(len(receivers[name].paths), int(wanted == 204), f"what came to {name}")
        daemon.reload(allowing(ALLOWED) + f"ca = {own.path('other.pem')}\n" + config.split("\n", 5)[5])
        daemon.wait_log("reloaded")
        publish(daemon)
        equal(words(attempts(daemon, "good", 2))[1], UNTRUSTED, "with another authority")
        equal(len(receivers["good"].paths), 1, "what came to the good one")


def words_of_the_log_and_of_the_attempt_are_the_same():
    """What is told under $POSTHORN.webhook says why, too."""
    with Daemon(config=BASE + hook("w", "http://[::ffff:169.254.169.254]/", "retries ="), data=True) as daemon:
        listener = daemon.client()
        listener.subscribe("$POSTHORN.webhook.>", "1")
        listener.flush()
        publish(daemon)
        equal(json.loads(listener.next().body)["reason"], "link-local", "what is told")
        daemon.wait_log("webhook_message_dead webhook=w reason=\"?link-local")


if __name__ == "__main__":
    main(a_name_that_changes_is_refused_at_the_attempt_at_which_it_does, a_name_that_alternates_reaches_the_allowed_address_alone,
         every_address_of_a_name_is_judged, an_address_is_the_same_however_it_is_written,
         what_an_operator_allows_is_allowed_in_every_form, what_is_closed_by_a_reload_is_closed_at_once, no_redirect_is_followed,
         who_is_not_the_receiver_is_not_told, words_of_the_log_and_of_the_attempt_are_the_same)
