#!/usr/bin/env python3
"""Who one is: each way to prove it, over the line and over HTTP; and that nothing else lets anybody in."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import pwd
import socket
import time

from harness import PATIENCE, Daemon, equal, main, until
from web import Events

HASH = "$2b$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW"  # of "sesame", cheap
TOKEN = "Tm9ib2R5IGtub3dz"
SEED = "SUAJF7AVUAKYFDKTZCLBPXQH2SGVKPTXMJ4P3KOLSIOWAVB66Q7FC3KODM"
NKEY = "UDVTYJ7OBMCPUZSMG74HICSTOB2AZR5MBJD2XRBULQK3NVWUBUODPI7N"
USERS = f"""[user ann]
password = {HASH}
[user plain]
password = legible-secret
[user tom]
token = sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}
monitor = yes
[user key]
nkey = {NKEY}
"""


def _basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def _bearer(token):
    return {"Authorization": f"Bearer {token}"}


def _ask(daemon, path="/v1/session", headers=None, method="GET", body=None):
    """Status, headers and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection(daemon.http[0], timeout=15 * PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def _status(daemon, headers=None, path="/v1/session", method="GET"):
    return _ask(daemon, path, headers, method)[0]


def _enters(daemon, **words):
    """Whether CONNECT with these words lets a client of the line in."""
    client = daemon.client(hello=False)
    client.line("CONNECT " + json.dumps({"verbose": False, **words}))
    client.line("PING")
    try:
        client.wait(lambda: client.pong_count or client.errors, "an answer")
    except Exception:
        pass
    if client.errors:
        equal(client.errors, ["Authorization Violation"])
        return False
    return True


def names_and_passwords():
    with Daemon(config=USERS) as daemon:
        for name, password, good in (("ann", "sesame", True), ("ann", "sesam", False), ("ann", "", False), ("bob", "sesame", False),
                                     ("plain", "legible-secret", True), ("plain", "legible-secrets", False), ("ann", HASH, False),
                                     ("plain", "sesame", False), ("tom", TOKEN, False),
                                     ("ann", "s" * 500, False)):
            equal(_enters(daemon, user=name, **({"pass": password})), good, f"{name} with {password!r} over the line")
            equal(_status(daemon, _basic(name, password)), 200 if good else 401, f"{name} with {password!r} over HTTP")
        equal(_status(daemon, _basic("ann", "sesame\0")), 401)


def tokens():
    digest = "sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()
    with Daemon(config=USERS) as daemon:
        for token, good in ((TOKEN, True), (TOKEN[:-1], False), (digest, False), ("x", False), ("a.b.c", False)):
            equal(_enters(daemon, auth_token=token), good, f"token {token} over the line")
            equal(_status(daemon, _bearer(token)), 200 if good else 401, f"token {token} over HTTP")


def nothing_shown_is_nobody():
    with Daemon(config=USERS) as daemon:
        equal(_enters(daemon), False)
        equal(_status(daemon), 401)
        for header in ("Basic", "Basic !!", "Basic YW5u", "Bearer", "Bearer ", "Digest x", "basic " + "A" * 4000):
            equal(_status(daemon, {"Authorization": header}), 401, header)


def _sign(nonce, seed=SEED):
    from cryptography.hazmat.primitives.asymmetric import ed25519
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))[2:34]
    return ed25519.Ed25519PrivateKey.from_private_bytes(raw).sign(nonce.encode())


def nkeys_sign_the_nonce_of_their_connection():
    with Daemon(config=USERS) as daemon:
        other = daemon.client(hello=False).info["nonce"]
        for of_other, good in ((False, True), (True, False)):
            client = daemon.client(hello=False)
            signature = _sign(other if of_other else client.info["nonce"])
            for text in (base64.urlsafe_b64encode(signature).rstrip(b"=").decode(),):
                client.line("CONNECT " + json.dumps({"verbose": False, "nkey": NKEY, "sig": text}))
                client.line("PING")
                client.wait(lambda: client.pong_count or client.errors, "an answer")
                equal(bool(client.pong_count), good)
    with Daemon(config="[user tom]\ntoken = t\n") as daemon:
        equal("nonce" in daemon.client(hello=False).info, False, "a nonce where nobody has an nkey")


def the_loop_does_not_wait_for_a_hash():
    """A costly hash is checked while another client of the same worker is served; the second time it is known."""
    slow = "$2b$11$" + "abcdefghijklmnopqrstuu" + "J" * 31  # nobody's: it takes as long to find that out
    with Daemon(config=f"[user ann]\npassword = {slow}\n[user tom]\ntoken = t\n") as daemon:
        tom = daemon.client(auth_token="t")
        clients = [daemon.client(hello=False) for _ in range(6)]
        for client in clients:
            client.line('CONNECT {"verbose":false,"user":"ann","pass":"x"}')
        start = time.monotonic()
        for _ in range(50):
            tom.flush()
        took_s = time.monotonic() - start
        for client in clients:
            client.expect_error("Authorization Violation")
        whole_s = time.monotonic() - start
        if took_s > whole_s / 2:
            raise AssertionError(f"50 round trips took {took_s:.3f} s of {whole_s:.3f} s of hashing")


def what_was_right_is_remembered_until_a_reload():
    with Daemon(config=USERS.replace("$2b$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW", HASH)) as daemon:
        for _ in range(20):
            equal(_status(daemon, _basic("ann", "sesame")), 200)
        mark = daemon.log_count()
        daemon.reload(USERS.replace(HASH, "$2b$04$" + "abcdefghijklmnopqrstuu" + "J" * 31))
        daemon.wait_log("reloaded", since=mark)
        equal(_status(daemon, _basic("ann", "sesame")), 401)
        equal(_enters(daemon, user="ann", **{"pass": "sesame"}), False)


def refusals_are_held_back_and_only_refusals():
    with Daemon("server.auth_delay_max=400ms", config=USERS) as daemon:
        took = []
        for _ in range(7):
            start = time.monotonic()
            equal(_status(daemon, _bearer("wrong")), 401)
            took.append(time.monotonic() - start)
        if min(took[3:]) < 0.099 or took[6] < 0.399:
            raise AssertionError(f"refusals took {took}")
        start = time.monotonic()
        equal(_status(daemon, _bearer(TOKEN)), 200)
        if time.monotonic() - start > took[6]:
            raise AssertionError("who is right has to wait")
        start = time.monotonic()
        equal(_enters(daemon, auth_token="wrong"), False)
        if time.monotonic() - start < 0.399:
            raise AssertionError("a refusal over the line came at once")


def a_client_that_goes_while_it_is_looked_at_is_forgotten():
    with Daemon("server.auth_delay_max=300ms", config=USERS) as daemon:
        for i in range(30):
            with socket.create_connection(daemon.line[0].rsplit(":", 1)) as client:
                client.recv(4096)
                client.sendall(b'CONNECT {"user":"ann","pass":"no"}\r\n')
            with socket.create_connection(daemon.http[0].rsplit(":", 1)) as client:
                client.sendall(b"GET /v1/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer no\r\n\r\n")
        equal(_status(daemon, _basic("ann", "sesame")), 200)


def programs_of_a_unix_user_enter_by_a_unix_socket():
    name = pwd.getpwuid(os.getuid()).pw_name
    directory = os.environ.get("TMPDIR", "/tmp")
    path = os.path.join(directory, f"posthorn-auth-{os.getpid()}-{Daemon.workers}.sock")
    for user, good in ((name, True), (str(os.getuid()), True), ("65534", False)):
        with Daemon(config=f"[user me]\nunix_user = {user}\n", listen=f"127.0.0.1:0, unix:{path}",
                    http=f"127.0.0.1:0, unix:{path}.http") as daemon:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                equal(b"auth_required" in client.recv(4096), not good, "auth_required in INFO")
                client.sendall(b"PING\r\n")
                equal(client.recv(4096), b"PONG\r\n" if good else b"-ERR 'Authorization Violation'\r\n")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path + ".http")
                client.sendall(b"GET /v1/session HTTP/1.0\r\n\r\n")
                equal(client.recv(12)[-3:], b"200" if good else b"401")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.recv(4096)
                client.sendall(b'CONNECT {"user":"me","pass":"wrong"}\r\nPING\r\n')
                equal(client.recv(4096), b"-ERR 'Authorization Violation'\r\n", "who says something has to be right")
            equal(_enters(daemon), False, "by TCP")


def a_ticket_is_good_once():
    with Daemon(config=USERS) as daemon:
        equal(_status(daemon, method="POST", path="/v1/tickets"), 401)
        status, headers, body = _ask(daemon, "/v1/tickets", _basic("ann", "sesame"), "POST")
        equal((status, headers["Cache-Control"]), (201, "no-store"))
        ticket = json.loads(body)["ticket"]
        equal(_status(daemon, path=f"/v1/session?ticket={ticket}x"), 401)
        equal(_status(daemon, path=f"/v1/session?ticket={ticket}"), 200)
        equal(_status(daemon, path=f"/v1/session?ticket={ticket}"), 401, "the second time")
        status, _, body = _ask(daemon, "/v1/tickets", _bearer(TOKEN), "POST")
        mark = daemon.log_count()
        daemon.reload(USERS.replace("[user tom]", "[user tim]"))
        daemon.wait_log("reloaded", since=mark)
        equal(_status(daemon, path=f"/v1/session?ticket={json.loads(body)['ticket']}"), 401, "of a user who is gone")
        if ticket in daemon.log_text():
            raise AssertionError("a ticket stands in the log")


def a_browser_logs_in_and_out():
    with Daemon(config=USERS) as daemon:
        equal(_status(daemon, path="/"), 200, "the dashboard's page")
        equal(_status(daemon, method="POST", path="/v1/session"), 401)
        status, headers, body = _ask(daemon, "/v1/session", _basic("ann", "sesame"), "POST")
        equal((status, json.loads(body)), (200, {"user": "ann"}))
        cookie, *attributes = headers["Set-Cookie"].split("; ")
        equal(attributes, ["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"])
        known = {"Cookie": f"theme=dark; {cookie}"}
        origin = {"Origin": f"http://{daemon.http[0]}"}
        equal(json.loads(_ask(daemon, "/v1/session", known)[2])["user"], "ann")
        equal(_status(daemon, {"Cookie": cookie + "x"}), 401)
        publish = {"path": "/v1/topics/a", "method": "POST"}
        equal(_status(daemon, known, **publish), 403, "a change by cookie alone")
        equal(_status(daemon, {**known, "Origin": "http://evil.example"}, **publish), 403)
        equal(_status(daemon, {**known, "Sec-Fetch-Site": "same-site"}, **publish), 403)
        for header in (origin, {"Sec-Fetch-Site": "same-origin"}, {"Posthorn-Session": "1"}):
            status = _status(daemon, {**known, **header}, **publish)
            if status not in (200, 202, 204):
                raise AssertionError(f"{header}: {status}")
        equal(_ask(daemon, "/v1/session", {"Sec-Fetch-Mode": "cors"})[1]["WWW-Authenticate"], 'Bearer realm="posthorn"')
        equal(_status(daemon, {**known, **origin}, "/v1/session", "DELETE"), 204)
        equal(_status(daemon, known), 401, "after logging out")


def _log_in(daemon):
    """The header that a browser sends from then on."""
    return {"Cookie": _ask(daemon, "/v1/session", _basic("ann", "sesame"), "POST")[1]["Set-Cookie"].split("; ")[0]}


def _ticket(daemon, headers):
    return json.loads(_ask(daemon, "/v1/tickets", {**headers, "Posthorn-Session": "1"}, "POST")[2])["ticket"]


def what_a_login_has_opened_ends_with_it():
    with Daemon(config=USERS) as daemon:
        known, other = _log_in(daemon), _log_in(daemon)
        ended = [Events(daemon, "a", known) for _ in range(8)] + [Events(daemon, "a", ticket=_ticket(daemon, known)) for _ in range(2)]
        stay = [Events(daemon, "a", other), Events(daemon, "a", ticket=_ticket(daemon, other)), Events(daemon, "a", _basic("ann", "sesame")),
                Events(daemon, "a", ticket=_ticket(daemon, _basic("ann", "sesame")))]
        equal(_status(daemon, {**known, "Posthorn-Session": "1"}, "/v1/session", "DELETE"), 204)
        for reader in ended:
            reader.expect_closed()
        _ask(daemon, "/v1/topics/a", {**_basic("ann", "sesame"), "Content-Type": "text/plain"}, "POST", b"still here")
        for reader in stay:
            equal(reader.next().data, "still here")


def a_login_ends_by_itself_and_what_it_has_opened_too():
    with Daemon("http.session_lifetime=1s", config=USERS) as daemon:
        known = _log_in(daemon)
        for reader in [Events(daemon, "a", known), Events(daemon, "a", ticket=_ticket(daemon, known))]:
            reader.expect_closed()
        equal(_status(daemon, known), 401)


def no_secret_is_shown():
    with Daemon(config=USERS, log_level="debug") as daemon:
        _enters(daemon, user="plain", **{"pass": "legible-secret"})
        _enters(daemon, auth_token=TOKEN)
        _enters(daemon, user="ann", **{"pass": "wr0ng-secret"})
        _status(daemon, _bearer("wr0ng-secret"))
        told = daemon.log_text() + "".join(_ask(daemon, path, _bearer(TOKEN))[2].decode() for path in ("/varz", "/connz", "/metrics"))
        for secret in ("legible-secret", TOKEN, "wr0ng-secret", HASH, "sha256:"):
            if secret in told:
                raise AssertionError(f"{secret} is shown")


def what_proves_two_is_refused():
    for text, why in (("[user a]\ntoken = t\n[user b]\ntoken = t\n", r"\[user b\] token: is that of \[user a\], too"),
                      ("[user a]\nunix_user = nobody-has-this-name\n", "no user nobody-has-this-name")):
        daemon = Daemon(config=text, ready=False)
        equal(daemon.wait_exit(), 78)
        daemon.wait_log(why)


if __name__ == "__main__":
    main(names_and_passwords, tokens, nothing_shown_is_nobody, nkeys_sign_the_nonce_of_their_connection, the_loop_does_not_wait_for_a_hash,
         what_was_right_is_remembered_until_a_reload, refusals_are_held_back_and_only_refusals,
         a_client_that_goes_while_it_is_looked_at_is_forgotten, programs_of_a_unix_user_enter_by_a_unix_socket, a_ticket_is_good_once,
         a_browser_logs_in_and_out, what_a_login_has_opened_ends_with_it, a_login_ends_by_itself_and_what_it_has_opened_too,
         no_secret_is_shown, what_proves_two_is_refused)
