#!/usr/bin/env python3
"""TLS and nkeys of the clients: libposthorn, the command line, and the sidecar on its way to the broker."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time

from certificates import Authority
from cli import CONNECT, OK, REFUSED, USAGE, Cli
from client_library import Program
from harness import ORACLE, PATIENCE, Daemon, Skip, equal, main, until
from sidecar import Sidecar
from web import Http

PUBLISH = ("pub", "-v", "a", "x")
SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
NKEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
OTHER_SEED = "SUAAABYOCUOCGKRRHA7UMTKULNRGS4DXP2CYZE42UGUK7NV5YTF5FWIXJQ"


class Place:
    """A directory with a CA, a certificate for this host, and whatever else a test makes in it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="posthorn-tls-")
        self.ca = Authority(self.dir)
        self.server = self.ca.issue("server", names=["127.0.0.1", "localhost"])

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def options(self, server=None, **more):
        """Those of a daemon whose line protocol demands TLS."""
        server = server or self.server
        chosen = {"line.tls": "required", "tls.certificate": server.certificate, "tls.key": server.key, "tls.ca": self.ca.certificate}
        chosen.update({name.replace("__", "."): value for name, value in more.items()})
        return [f"{name}={value}" for name, value in chosen.items()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)


def port_of(daemon):
    return daemon.line[0].rpartition(":")[2]


def trust(place, *more):
    return ("--tls-ca", place.ca.certificate, *more)


def tls_is_spoken_where_it_is_asked_for_or_demanded():
    with Place() as place, Daemon(*place.options()) as daemon, Cli() as cli:
        encrypted = "connected to .* by TLSv1.3"
        for host in ("127.0.0.1", "localhost"):
            for scheme in ("tls", "nats"):
                url = f"{scheme}://{host}:{port_of(daemon)}"
                cli.run(*PUBLISH, "-s", url, *trust(place)).check(err=encrypted)
        cli.run(*PUBLISH, "-s", url, env={"POSTHORN_TLS_CA": place.ca.certificate}).check(err=encrypted)
        cli.run(*PUBLISH, "-s", url, env={"SSL_CERT_FILE": place.ca.certificate}).check(err=encrypted)
        cli.run(*PUBLISH, "-s", url, "--tls-insecure").check(err=encrypted)
        cli.run(*PUBLISH, "-s", url).check(CONNECT, err="whoever signed it is not trusted here .CN=ca of the tests")


def plain_text_is_never_fallen_back_to():
    with Place() as place, Daemon() as daemon, Cli() as cli:
        for options in (("-s", f"tls://{daemon.line[0]}"), ("-s", daemon.line[0], *trust(place)), ("-s", daemon.line[0], "--tls-insecure")):
            cli.run(*PUBLISH, *options).check(CONNECT, out="", err="the server offers no TLS")
        cli.run(*PUBLISH, "-s", daemon.line[0], "--tls-first").check(CONNECT, err="no TLS is spoken there")


def unix_sockets_stay_plain():
    if ORACLE:
        raise Skip("nats-server has no unix sockets")
    with Place() as place, Cli() as cli:
        path = os.path.join(place.dir, "line.sock")
        with Daemon(*place.options(), listen=f"unix:{path}"):
            cli.run(*PUBLISH, "-s", f"unix:{path}", *trust(place)).check(err=f"connected to unix:{path}\n")


def a_certificate_that_is_refused_is_told_why():
    with Place() as place, Cli() as cli:
        stranger = Authority(place.dir, "other")
        cases = {
            "it expired on 20": place.ca.issue("expired", names=["127.0.0.1"], end_s=-3600),
            "it is not valid before 20": place.ca.issue("early", names=["127.0.0.1"], begin_s=86400),
            r"it is not for '127.0.0.1' but a.example, \*.b.example, 10.0.0.1": place.ca.issue(
                "elsewhere", names=["a.example", "*.b.example", "10.0.0.1"]),
            "it is not for '127.0.0.1' but names nobody": place.ca.issue("nobody", subject="/CN=127.0.0.2"),
            "whoever signed it is not trusted here .CN=other of the tests": stranger.issue("strange", names=["127.0.0.1"]),
            "it was not made for servers": place.ca.issue("client", names=["127.0.0.1"], purposes="clientAuth"),
        }
        for reason, server in cases.items():
            with Daemon(*place.options(server=server)) as daemon:
                tls = f"tls://{daemon.line[0]}"
                done = cli.run(*PUBLISH, "-s", tls, *trust(place)).check(CONNECT, out="", err=f"the certificate of CN=.* is refused: {reason}")
                equal(done.err.count("\n"), 1, "lines")
                cli.run(*PUBLISH, "-s", tls, *trust(place), "--tls-insecure").check()


def a_certificate_of_ours_is_shown_where_it_is_wanted():
    with Place() as place, Daemon(*place.options(tls__verify="required")) as daemon, Cli() as cli:
        ours, theirs = place.ca.issue("alice"), Authority(place.dir, "other").issue("stranger")
        publish = (*PUBLISH, "-s", f"tls://{daemon.line[0]}", *trust(place))
        cli.run(*publish, "--tls-cert", ours.certificate, "--tls-key", ours.key).check()
        cli.run(*publish, env={"POSTHORN_TLS_CERT": ours.certificate, "POSTHORN_TLS_KEY": ours.key}).check()
        both = place.write("both.pem", "".join(open(path, encoding="ascii").read() for path in ours))
        cli.run(*publish, "--tls-cert", both).check()
        cli.run(*publish).check(CONNECT, err="the server wants a certificate of us, and there is none")
        cli.run(*publish, "--tls-cert", theirs.certificate, "--tls-key", theirs.key).check(CONNECT, err="the server refuses our certificate")


def files_that_are_none_are_told():
    with Place() as place, Daemon(*place.options()) as daemon, Cli() as cli:
        publish = (*PUBLISH, "-s", f"tls://{daemon.line[0]}")
        empty, other = place.write("empty", ""), place.ca.issue("other")
        cli.run(*publish, "--tls-ca", "/nonexistent").check(USAGE, out="", err="the certificates of the CA, /nonexistent: No such file")
        cli.run(*publish, "--tls-ca", empty).check(USAGE, err="the certificates of the CA, .*empty: ")
        cli.run(*publish, *trust(place), "--tls-cert", empty).check(USAGE, err="the certificate, .*empty: there is none in it")
        cli.run(*publish, *trust(place), "--tls-key", other.key).check(USAGE, err="the key, .*: there is no certificate beside it")
        cli.run(*publish, *trust(place), "--tls-cert", other.certificate, "--tls-key", place.server.key).check(USAGE, err="the key, .*mismatch")


def a_server_may_begin_with_tls():
    if ORACLE:
        raise Skip("this nats-server cannot")
    with Place() as place, Daemon(*place.options(tls__handshake_first="yes")) as daemon, Cli() as cli:
        publish = (*PUBLISH, "-s", f"tls://{daemon.line[0]}", *trust(place), "--connect-timeout", "500ms")
        cli.run(*publish, "--tls-first").check(err="by TLSv1.3")
        cli.run(*publish).check(CONNECT, err="no answer in time: if the server begins with TLS, so must we")
    with Place() as place, Daemon(*place.options(tls__handshake_first="auto")) as daemon, Cli() as cli:
        publish = (*PUBLISH, "-s", f"tls://{daemon.line[0]}", *trust(place))
        cli.run(*publish).check(err="by TLSv1.3")
        if PATIENCE == 1:  # a sanitizer takes longer to begin than the server waits
            until(lambda: cli.run(*publish, "--tls-first").code == 0, "it begins within the server's 50 ms")


class Older:
    """A server that speaks one version of TLS and nothing newer; it answers PING."""

    def __init__(self, place, version):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_ciphers("ALL:@SECLEVEL=0")
        self._context.minimum_version = self._context.maximum_version = version
        self._context.load_cert_chain(place.server.certificate, place.server.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tls://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        plain, _ = self._listener.accept()
        plain.sendall(b'INFO {"tls_required":true,"max_payload":1000}\r\n')
        try:
            with self._context.wrap_socket(plain, server_side=True) as sock:
                for line in sock.makefile("rb"):
                    if line == b"PING\r\n":
                        sock.sendall(b"PONG\r\n")
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._thread.join()
        self._listener.close()


def tls_is_not_older_than_1_2():
    with Place() as place, Cli() as cli:
        with Older(place, ssl.TLSVersion.TLSv1_2) as server:
            cli.run(*PUBLISH, "-s", server.url, *trust(place)).check(err="by TLSv1.2")
        with Older(place, ssl.TLSVersion.TLSv1_1) as server:
            cli.run(*PUBLISH, "-s", server.url, *trust(place)).check(CONNECT, err="no version of TLS that both speak|unsupported protocol")


def messages_arrive_byte_for_byte():
    with Place() as place, Daemon(*place.options()) as daemon:
        for scenario in ("bytes_by_pulling", "bytes_in_a_loop", "requests", "drain_loses_nothing"):
            with Program(scenario, f"tls://{daemon.line[0]}", SSL_CERT_FILE=place.ca.certificate):
                pass


def a_connection_that_comes_back_resumes_its_session():
    with Place() as place, Daemon(*place.options()) as daemon:
        with Program("sessions_are_resumed", f"tls://{daemon.line[0]}", SSL_CERT_FILE=place.ca.certificate):
            pass


def certificates_are_renewed_under_a_client_that_runs():
    with Place() as place, Daemon(*place.options(tls__verify="required")) as daemon:
        ours, theirs = place.ca.issue("alice"), Authority(place.dir, "other").issue("stranger")
        certificate, key = (shutil.copy(path, os.path.join(place.dir, f"used{i}")) for i, path in enumerate(ours))

        def use(pair):
            for path, place_of in zip(pair, (certificate, key)):
                os.replace(shutil.copy(path, path + ".copy"), place_of)

        with Program("certificates_are_renewed", f"tls://{daemon.line[0]}", certificate, key,
                     SSL_CERT_FILE=place.ca.certificate) as program:
            program.expect("connected")
            use(theirs)
            program.say("a")
            program.expect("refused")
            use(ours)
            program.say("b")


def nkeys_let_in():
    with Place() as place, Daemon(f"user.ann.nkey={NKEY}") as daemon, Cli(daemon) as cli:
        seed = place.write("ann.nk", f"# of the tests\n{SEED}\n")
        other = place.write("other.nk", OTHER_SEED)
        cli.run(*PUBLISH, "--nkey", seed).check(out="")
        cli.run(*PUBLISH, env={"POSTHORN_NKEY": seed}).check(out="")
        cli.run(*PUBLISH, "--nkey", other).check(REFUSED, out="", err="the server refused the credentials")
        cli.run(*PUBLISH).check(REFUSED, out="", err="--nkey or --creds")
        cli.run(*PUBLISH, "--nkey", place.server.key).check(USAGE, out="", err="no seed of an nkey is in it")
        cli.run(*PUBLISH, "--nkey", seed, "--token", "t").check(USAGE, out="", err="more than one of user, token, nkey and creds")
    with Place() as place, Daemon() as daemon, Cli(daemon) as cli:
        seed = place.write("ann.nk", SEED)
        done = cli.run(*PUBLISH, "--nkey", seed).check(REFUSED, out="", err="the server takes no nkeys")
        equal(SEED in done.err, False, "the seed in an error")


def token(secret, **claims):
    """A JSON Web Token by HS256."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(part(json.dumps(piece).encode()) for piece in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (signed + b"." + part(hmac.new(secret, signed, hashlib.sha256).digest())).decode()


def tokens_of_files_let_in():
    if ORACLE:
        raise Skip("nats-server has JWTs of its own")
    secret = b"a secret of more than thirty-two bytes"
    with Place() as place:
        key = place.write("key", secret.decode())
        options = [f"jwt.secret_file={key}", "jwt.issuer=us", "jwt.audience=broker", "jwt.user=guest", "user.guest.token=t"]
        with Daemon(*options) as daemon, Cli(daemon) as cli:
            claims = {"iss": "us", "aud": "broker", "sub": "ann", "exp": int(time.time()) + 600}
            good = place.write("good.creds", token(secret, **claims))
            late = place.write("late.creds", token(secret, **{**claims, "exp": 1000}))
            cli.run(*PUBLISH, "--creds", good).check(out="")
            cli.run(*PUBLISH, env={"POSTHORN_CREDS": good}).check(out="")
            done = cli.run(*PUBLISH, "--creds", late).check(REFUSED, out="", err="the server refused the credentials")
            equal("eyJ" in done.err, False, "the token in an error")
            cli.run(*PUBLISH, "--creds", key).check(USAGE, out="", err="no JWT is in it")


def a_context_keeps_where_the_files_are():
    with Place() as place, Daemon(*place.options(user__ann__nkey=NKEY)) as daemon, Cli() as cli:
        seed = place.write("ann.nk", SEED)
        cli.run("context", "add", "safe", "-s", f"tls://{daemon.line[0]}", "--nkey", os.path.relpath(seed), *trust(place)).check()
        cli.run("context", "show", "safe").check(
            out=f"name = safe\nurl = tls://{daemon.line[0]}\nnkey = {seed}\ntls_ca = {place.ca.certificate}\n")
        cli.run(*PUBLISH, "--context", "safe").check(OK, err="by TLSv1.3")
        cli.run("context", "add", "gone", "--tls-ca", "/nonexistent").check(USAGE, err="--tls-ca /nonexistent: No such file")
        cli.run("context", "add", "bad", "--tls-insecure").check(USAGE, err="--tls-insecure is not saved")


def top_speaks_https():
    if ORACLE:
        raise Skip("HTTP is ours")
    with Place() as place, Daemon(*place.options(http__tls="required")) as daemon, Cli() as cli:
        top = ("top", "--url", f"https://127.0.0.1:{daemon.http_port}", "--count", "1", "--interval", "10ms")
        equal(b"connections" in cli.run(*top, *trust(place)).check(err="").out, True, "a picture")
        cli.run(*top).check(CONNECT, out="", err="whoever signed it is not trusted here")
        cli.run("top", "--url", f"https://localhost.example:{daemon.http_port}").check(CONNECT, out="")
    with Place() as place, Daemon() as daemon, Cli() as cli:
        cli.run("top", "--url", f"https://127.0.0.1:{daemon.http_port}", *trust(place)).check(CONNECT, err="no TLS is spoken there|ended it|closed")


def a_sidecar_reaches_its_broker_by_tls_and_nkey():
    if ORACLE:
        raise Skip("a sidecar's broker is ours")
    own = {"user__cart__nkey": NKEY, "user__web__token": "t0ken", "http__tls": "required"}
    with Place() as place, Daemon(*place.options(**own)) as broker, Cli() as cli:
        seed = place.write("cart.nk", SEED)
        options = [f"uplink.nkey_file={seed}", f"uplink.ca={place.ca.certificate}", "uplink.token=t0ken",
                   f"uplink.http=https://{broker.http[0]}", 'line.tls=no', "http.tls=no"]
        with Sidecar(f"tls://{broker.line[0]}", *options) as sidecar, Http(sidecar) as http:
            here = sidecar.client()
            here.subscribe("news", "1")
            here.flush()
            http.get("/v1/topics/news?since=all").check(200)  # which the broker answers
            cli.run("pub", "news", "x", "-s", f"tls://{broker.line[0]}", "--nkey", seed, *trust(place)).check()
            here.expect("news", b"x")
        options[1] = "uplink.ca="
        with Sidecar(f"tls://{broker.line[0]}", *options, up=False) as sidecar, Http(sidecar) as http:
            sidecar.wait_log("uplink_away error=.*whoever signed it is not trusted here")
            http.get("/v1/topics/news?since=all").check(503, "broker-away")
        options[1] = "uplink.verify=no"
        with Sidecar(f"nats://{broker.line[0]}", *options) as sidecar, Http(sidecar) as http:
            http.get("/v1/topics/news?since=all").check(200)


if __name__ == "__main__":
    main(tls_is_spoken_where_it_is_asked_for_or_demanded, plain_text_is_never_fallen_back_to, unix_sockets_stay_plain,
         a_certificate_that_is_refused_is_told_why, a_certificate_of_ours_is_shown_where_it_is_wanted, files_that_are_none_are_told,
         a_server_may_begin_with_tls, tls_is_not_older_than_1_2, messages_arrive_byte_for_byte,
         a_connection_that_comes_back_resumes_its_session, certificates_are_renewed_under_a_client_that_runs, nkeys_let_in, tokens_of_files_let_in,
         a_context_keeps_where_the_files_are, top_speaks_https, a_sidecar_reaches_its_broker_by_tls_and_nkey)
