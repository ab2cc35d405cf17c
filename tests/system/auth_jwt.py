#!/usr/bin/env python3
"""JSON Web Tokens: of each algorithm, and of everything that is wrong with one; and that connections end with them."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import time

from harness import PATIENCE, Daemon, Skip, equal, main

SECRET = b"a secret that is long enough for HS256, and more"
ISSUER, AUDIENCE = "https://id.example", "posthorn"


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """An identity provider: keys of every kind, and what it publishes of them."""

    def __init__(self):
        try:
            from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        except ImportError:
            raise Skip("needs python3-cryptography") from None
        self.keys = {"EdDSA": ed25519.Ed25519PrivateKey.generate(), "ES256": ec.generate_private_key(ec.SECP256R1()),
                     "RS256": rsa.generate_private_key(65537, 2048)}

    def published(self, *algorithms):
        return json.dumps({"keys": [self._jwk(name) for name in algorithms or self.keys] +
                           [{"kty": "EC", "crv": "P-384", "kid": "other", "x": "AA", "y": "AA"}, {"kty": "RSA", "use": "enc"}]})

    def _jwk(self, name):
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        key = self.keys[name].public_key()
        if name == "EdDSA":
            return {"kty": "OKP", "crv": "Ed25519", "kid": name, "x": _b64(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}
        numbers = key.public_numbers()
        if name == "ES256":
            return {"kty": "EC", "crv": "P-256", "kid": name, "use": "sig",
                    **{part: _b64(getattr(numbers, part).to_bytes(32, "big")) for part in "xy"}}
        return {"kty": "RSA", "kid": name, "alg": "RS256", "n": _b64(numbers.n.to_bytes(256, "big")), "e": "AQAB"}

    def _sign(self, name, data):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        if name == "HS256":
            return hmac.new(SECRET, data, hashlib.sha256).digest()
        if name == "EdDSA":
            return self.keys[name].sign(data)
        if name == "ES256":
            return b"".join(number.to_bytes(32, "big")
                            for number in decode_dss_signature(self.keys[name].sign(data, ec.ECDSA(hashes.SHA256()))))
        return self.keys[name].sign(data, padding.PKCS1v15(), hashes.SHA256())

    def raw(self, body):
        """Claims as a text, which may be no JSON that json would write."""
        text = f"{_b64(json.dumps({'alg': 'EdDSA', 'kid': 'EdDSA'}).encode())}.{_b64(body.encode())}"
        return f"{text}.{_b64(self._sign('EdDSA', text.encode()))}"

    def token(self, name="EdDSA", header=None, signature=None, **claims):
        """Signed by the key of that name; None among the claims or in the header leaves one out."""
        head = {"alg": name, "typ": "JWT", "kid": name, **(header or {})}
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 60, **claims}
        text = ".".join(_b64(json.dumps({key: value for key, value in part.items() if value is not None}).encode())
                        for part in (head, body))
        return f"{text}.{_b64(self._sign(name, text.encode()) if signature is None else signature)}"


@contextlib.contextmanager
def _daemon(issuer, *options, users="[user ann]\n", ready=True):
    import tempfile
    with tempfile.TemporaryDirectory(prefix="posthorn-jwt-") as directory:
        jwks, secret = os.path.join(directory, "jwks.json"), os.path.join(directory, "secret")
        for path, text in ((jwks, issuer.published()), (secret, SECRET.decode() + "\n")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        config = f"[jwt]\njwks_file = {jwks}\nsecret_file = {secret}\nissuer = {ISSUER}\naudience = other, {AUDIENCE}\nleeway = 1s\n{users}"
        daemon = Daemon(*options, config=config, ready=ready)
        daemon.jwks = jwks
        with daemon if ready else contextlib.nullcontext():
            yield daemon


def _status(daemon, token, path="/v1/session"):
    connection = http.client.HTTPConnection(daemon.http[0], timeout=15 * PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
        return json.loads(body)["user"] if response.status == 200 else response.status


def _enters(daemon, **words):
    client = daemon.client(hello=False)
    client.line("CONNECT " + json.dumps({"verbose": False, **words}))
    client.line("PING")
    client.wait(lambda: client.pong_count or client.errors, "an answer")
    return client if client.pong_count else None


def tokens_of_each_algorithm_let_in():
    issuer = Issuer()
    with _daemon(issuer) as daemon:
        for name in ("EdDSA", "ES256", "RS256", "HS256"):
            header = {"kid": None} if name == "HS256" else None
            for with_id in (header, {"kid": None}):
                token = issuer.token(name, header=with_id)
                equal(_status(daemon, token), "ann", name)
            for words in ({"jwt": token}, {"auth_token": token}):
                if not _enters(daemon, **words):
                    raise AssertionError(f"{name} over the line as {list(words)}")


def what_is_wrong_with_a_token_keeps_it_out():
    issuer, stranger, now = Issuer(), Issuer(), time.time()
    good = issuer.token()
    head, body, signature = good.split(".")
    public = json.loads(issuer.published("RS256"))["keys"][0]["n"]
    forged = {"exp of the past": issuer.token(exp=now - 5), "no exp": issuer.token(exp=None), "exp a text": issuer.token(exp="9999999999"),
              "exp without an end": issuer.token(exp=1e300), "nbf ahead": issuer.token(nbf=now + 60), "nbf a text": issuer.token(nbf="0"),
              "another issuer": issuer.token(iss="https://evil.example"), "no issuer": issuer.token(iss=None),
              "another audience": issuer.token(aud="x"), "no audience": issuer.token(aud=None), "audiences": issuer.token(aud=["x", 7]),
              "no subject": issuer.token(sub=None), "empty subject": issuer.token(sub=""), "subject with a NUL": issuer.token(sub="ann\0x"),
              "subject with a newline": issuer.token(sub="ann\n"), "a long subject": issuer.token(sub="a" * 300),
              "a stranger's key": stranger.token(), "no signature": f"{head}.{body}.", "two parts": f"{head}.{body}",
              "four parts": good + ".x", "other claims": f"{head}.{_b64(base64.urlsafe_b64decode(body + '==') + b' ')}.{signature}",
              "alg none": issuer.token(header={"alg": "none"}, signature=b""), "alg none, signed": issuer.token(header={"alg": "none"}),
              "alg of another key": issuer.token(header={"alg": "RS256"}), "no alg": issuer.token(header={"alg": None}),
              "HS256 with the public key": issuer.token("RS256", header={"alg": "HS256"}, signature=hmac.new(public.encode(), b"", "sha256").digest()),
              "an unknown kid": issuer.token(header={"kid": "x"}), "the kid of another": issuer.token(header={"kid": "ES256"}),
              "crit": issuer.token(header={"crit": ["exp"]}), "depth": issuer.token(deep=json.loads("[" * 40 + "]" * 40)),
              "a short signature": issuer.token("ES256", signature=b"\1" * 10), "zeros": issuer.token("ES256", signature=bytes(64)),
              "rights that are none": issuer.token(posthorn={"publish": "a"}), "a flag that is none": issuer.token(posthorn={"manage": 1}),
              "a right in another spelling": issuer.token(posthorn={"subscribe": ["a.>"], "subscribe_denied": ["a.secret"]}),
              "a right in capitals": issuer.token(posthorn={"subscribe": [">"], "Subscribe_Deny": ["a.secret"]}),
              "nobody's": issuer.token(sub="bob")}
    for list_ in ({}, {"0": ">"}, None, True, 0, "", ">", [None], [["a"]], [0], [""], ["a..b"], ["a."], [">.a"], ["a\x01"], ["a g h"], ["a", "b", 1]):
        for name in ("publish", "publish_deny", "subscribe", "subscribe_deny"):
            forged[f"{name} of {list_!r}"] = issuer.token(posthorn={name: list_})
    for rights in ("", ">", [], ["publish"], 0, True, {"manage": None}, {"manage": "yes"}, {"monitor": []}, {"monitor": {}}):
        forged[f"rights {rights!r}"] = issuer.token(posthorn=rights)
    known = f'"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"ann","exp":{int(now + 60)}'
    for twice in ('"posthorn":{"publish":[],"publish":[">"]}', '"posthorn":{"publish_deny":[],"publish_deny":[">"]}',
                  '"posthorn":{},"posthorn":{"manage":true}', '"posthorn":{"manage":true},"posthorn":{}', '"sub":"bob"', '"exp":9999999999',
                  f'"aud":"{AUDIENCE}"', '"nbf":0,"nbf":9999999999', '"posthorn":null', '"x":1,"x":1'):
        forged[f"{twice} besides"] = issuer.raw("{" + known + "," + twice + "}")
    with _daemon(issuer) as daemon:
        equal(_status(daemon, good), "ann")
        equal(_status(daemon, issuer.raw("{" + known + "}")), "ann", "no claim twice")
        equal(_status(daemon, issuer.token(aud=["x", AUDIENCE], nbf=now - 5)), "ann")
        for what, token in forged.items():
            equal(_status(daemon, token), 401, what)
            if _enters(daemon, jwt=token):
                raise AssertionError(f"{what} lets in over the line")
        if _enters(daemon, jwt=good, sig="AAAA"):
            raise AssertionError("a token with a signature of the nonce is a NATS account's")
        if good in daemon.log_text():
            raise AssertionError("a token stands in the log")


def whose_rights_those_have_who_bring_none():
    issuer = Issuer()
    with _daemon(issuer) as daemon:
        equal(_status(daemon, issuer.token(sub="bob")), 401)
        equal(_status(daemon, issuer.token(sub="bob", posthorn={"subscribe": ["a.>"]})), "bob")
    with _daemon(issuer, "jwt.user=ann") as daemon:
        equal(_status(daemon, issuer.token(sub="bob")), "bob")


def what_a_token_gives_is_what_one_may():
    """What a token does not give is not given; one that brings no rights has those of its host."""
    issuer = Issuer()
    users = "[user ann]\npublish = b.>\nsubscribe = b.>\nmonitor = yes\n[user all]\ntoken = all\nmanage = yes\n"
    with _daemon(issuer, users=users) as daemon:
        sender = daemon.client(auth_token="all")
        bob = _enters(daemon, jwt=issuer.token(sub="bob", posthorn={"subscribe": ["a.>"], "subscribe_deny": ["a.secret"]}))
        ann = _enters(daemon, jwt=issuer.token())
        bob.subscribe("a.*", "1")
        bob.subscribe("b.*", "2")
        bob.expect_error('Permissions Violation for Subscription to "b.*"')
        bob.publish("a.x", b"no")
        bob.expect_error('Permissions Violation for Publish to "a.x"')
        ann.subscribe("b.*", "1")
        ann.subscribe("a.*", "2")
        ann.expect_error('Permissions Violation for Subscription to "a.*"')
        for client in (bob, ann):
            client.flush()
        for topic in ("a.secret", "a.x", "b.x"):
            sender.publish(topic, topic.encode())
        bob.expect("a.x", b"a.x")
        ann.expect("b.x", b"b.x")
        equal(_status(daemon, issuer.token(sub="bob", posthorn={}), "/varz"), 403, "/varz without monitor")
        manager = _enters(daemon, jwt=issuer.token(sub="bob", posthorn={"manage": True}))
        manager.publish("$SYS.x", b"")
        manager.flush()
        equal(manager.errors, [], "errors of who manages")


def connections_end_with_their_token():
    issuer = Issuer()
    with _daemon(issuer) as daemon:
        token = issuer.token(exp=time.time() + 0.5)
        client = _enters(daemon, jwt=token)
        equal(_status(daemon, token), "ann", "over HTTP, where it is remembered")
        lasting = _enters(daemon, jwt=issuer.token())
        client.expect_error("User Authentication Expired")
        client.expect_closed()
        lasting.flush()
        equal(_status(daemon, token), 401, "over HTTP, when its time is over")


def a_reload_takes_keys_away_and_a_bad_file_changes_nothing():
    issuer = Issuer()
    with _daemon(issuer) as daemon:
        token = issuer.token("EdDSA")
        edwards, curve = _enters(daemon, jwt=issuer.token("EdDSA")), _enters(daemon, jwt=issuer.token("ES256"))
        for text in ("{", "[]", '{"keys":[]}', '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}',
                     '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', '{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}',
                     '{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}', "[" * 100000):
            mark = daemon.log_count()
            with open(daemon.jwks, "w", encoding="utf-8") as file:
                file.write(text)
            daemon.reload()
            daemon.wait_log(r"reload_failed.*jwks_file", since=mark)
            equal(_status(daemon, token), "ann")
        mark = daemon.log_count()
        with open(daemon.jwks, "w", encoding="utf-8") as file:
            file.write(issuer.published("ES256"))
        daemon.reload()
        daemon.wait_log("reloaded", since=mark)
        edwards.expect_error("Authorization Violation")
        edwards.expect_closed()
        curve.flush()
        equal(_status(daemon, token), 401, "a token that was remembered")


def what_is_half_configured_is_refused():
    issuer = Issuer()
    for option, why in (("jwt.issuer=", "issuer and an audience"), ("jwt.audience=", "issuer and an audience"),
                        ("jwt.user=bob", "a user that there is"), ("jwt.jwks_file=/nonexistent", "No such file"),
                        ("jwt.secret_file=/dev/null", "at least 32 bytes")):
        with _daemon(issuer, option, ready=False) as daemon:
            equal(daemon.wait_exit(), 78, option)
            daemon.wait_log(why)


if __name__ == "__main__":
    main(tokens_of_each_algorithm_let_in, what_is_wrong_with_a_token_keeps_it_out, whose_rights_those_have_who_bring_none,
         what_a_token_gives_is_what_one_may, connections_end_with_their_token,
         a_reload_takes_keys_away_and_a_bad_file_changes_nothing, what_is_half_configured_is_refused)
