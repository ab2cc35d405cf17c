#!/usr/bin/env python3
"""Certificates: those of clients, those for several names, and others in their place while all goes on."""

import os
import shutil
import ssl
import time

from harness import LOOPBACK, Closed, Daemon, equal, main, pump
from secure import VERSIONS, Pki
from sidecar import Sidecar
from web import publish

pki = Pki()


# Of clients.


def _served(daemon, certificate, version, **settings):
    """Both ports serve a client with this certificate."""
    with pki.client(daemon, certificate, version, **settings) as client:
        client.flush()
    with pki.https(daemon, certificate, version, **settings) as https:
        https.get("/healthz").check(200)


def _turned_away(daemon, certificate, version, why):
    """Neither port does, and the log says why. With TLS 1.3 a client learns of it when it reads."""
    for port in (lambda: pki.client(daemon, certificate, version).flush(), lambda: pki.https(daemon, certificate, version).get("/")):
        mark = daemon.log_count()
        try:
            port()
        except (ssl.SSLError, Closed, ConnectionError):
            pass
        else:
            raise AssertionError("the client was served")
        daemon.wait_log(f"tls_failed address=.* error=\".*{why}", since=mark)


def _strangers():
    """Certificates that prove nothing, and what the log says of them."""
    return ((pki.issue("mallory", stranger=True), "unable to get local issuer certificate"),
            (pki.expired, "certificate has expired"),
            (pki.issue("future", begin_s=86400), "certificate is not yet valid"),
            (pki.issue("server-only", purposes="serverAuth"), "unsupported certificate purpose|unsuitable certificate purpose"))


def where_they_are_required_nobody_comes_without():
    with Daemon(*pki.options(verify="required", ca=pki.ca.certificate), log_level="debug") as daemon:
        for version in VERSIONS.values():
            _served(daemon, pki.alice, version)
            _turned_away(daemon, None, version, "peer did not return a certificate")
            for certificate, why in _strangers():
                _turned_away(daemon, certificate, version, f"({why})")
        daemon.wait_log('tls_established .* certificate="CN=alice,O=Example"')
        with pki.client(daemon, pki.alice) as client:
            equal(client.greeting.get("tls_verify"), True, "tls_verify in INFO")


def where_they_are_optional_a_bad_one_is_worse_than_none():
    with Daemon(*pki.options(verify="optional", ca=pki.ca.certificate)) as daemon:
        for version in VERSIONS.values():
            _served(daemon, pki.alice, version)
            _served(daemon, None, version)
            for certificate, why in _strangers():
                _turned_away(daemon, certificate, version, f"({why})")


def where_they_are_not_asked_for_none_is_looked_at():
    with Daemon(*pki.options()) as daemon:
        for version in VERSIONS.values():
            _served(daemon, pki.issue("mallory", stranger=True), version)


def who_it_is_outlives_a_session():
    """A session that goes on is that of the same client: its certificate is not shown again."""
    with Daemon(*pki.options(verify="required", ca=pki.ca.certificate), log_level="debug") as daemon:
        for version in VERSIONS.values():
            context = pki.context(pki.alice, version)
            with pki.https(daemon, context=context) as https:
                https.get("/healthz").check(200)
                session = https.sock.session
            mark = daemon.log_count()
            with pki.client(daemon, context=context, session=session) as client:
                equal(client.sock.session_reused, True, "the session goes on")
            daemon.wait_log('tls_established .* resumed=yes certificate="CN=alice,O=Example"', since=mark)


def a_certificate_as_large_as_they_come_is_taken_and_a_larger_one_is_not():
    with Daemon(*pki.options(verify="required", ca=pki.ca.certificate)) as daemon:
        many = [f"host-{number}.example.com" for number in range(400)]
        _served(daemon, pki.issue("large", *many), None)
        _turned_away(daemon, pki.issue("huge", *many * 4), None, "excessive message size")


def who_shows_a_users_certificate_is_the_user():
    """By its subject, or by a name in it; without a word of CONNECT. A session that goes on is still the user's."""
    bob, carol = pki.issue("bob", "bob@example.com"), pki.issue("carol", subject="/O=Example/CN=Carol é")
    users = ("user.alice.certificate=CN=alice,O=Example", "user.bob.certificate_names=bob@example.com",
             "user.carol.certificate=CN=Carol é,O=Example", "user.dave.password=secret",
             *(f"user.{name}.monitor=yes" for name in ("alice", "bob", "carol")))
    for first in ("no", "yes"):
        with Daemon(*pki.options(verify="optional", ca=pki.ca.certificate, handshake_first=first), *users,
                    log_level="debug") as daemon:
            for version in VERSIONS.values():
                for name, certificate in (("alice", pki.alice), ("bob", bob), ("carol", carol)):
                    context = pki.context(certificate, version)
                    with pki.https(daemon, context=context) as https:
                        equal(_name_of(https), name, "user of HTTPS")
                        session = https.sock.session
                    mark = daemon.log_count()
                    with pki.client(daemon, context=context, session=session, first=first == "yes") as client:
                        equal(client.sock.session_reused, True, "the session goes on")
                        client.flush()
                    daemon.wait_log(f"user={name}", since=mark)
                with pki.client(daemon, pki.alice, version, first=first == "yes", hello=False) as client:
                    client.flush()  # there is nothing that CONNECT would have to say
                for settings, error in (({}, "Authorization Violation"), ({"user": "dave", "pass": "wrong"}, "Authorization Violation"),
                                        ({"user": "dave", "pass": "secret"}, None)):
                    certificate = pki.alice if error and settings else None
                    with pki.client(daemon, certificate, version, first=first == "yes", **settings) as client:
                        client.line("PING")
                        client.wait(lambda: client.errors or client.pong_count, "a verdict")
                        equal(client.errors[:1], [error] if error else [], f"verdict on {settings}")
                with pki.https(daemon, version=version) as https:
                    https.get("/v1/topics/x?since=all").check(401)


def _name_of(https):
    """The user that a connection for HTTPS enters as."""
    rows = https.get("/connz?auth=1").check(200).json()["connections"]
    return next(row["authorized_user"] for row in rows if row.get("tls_version") and row["port"] == https.sock.getsockname()[1])


# For several names.


def _name_shown(daemon, asked, version=None):
    """The first DNS name in the certificate that a client is shown who asks for a name; it has to be a good one for that."""
    context = pki.context(version=version)
    context.check_hostname = False
    with pki.https(daemon, context=context, name=asked) as https:
        names = dict(reversed(https.sock.getpeercert()["subjectAltName"]))
        with pki.client(daemon, context=context, name=asked) as client:
            equal(dict(reversed(client.sock.getpeercert()["subjectAltName"])), names, "names shown on the line")
        return names["DNS"]


def each_name_has_its_certificate():
    other = pki.issue("other", "other.test", "*.wild.test")
    third = pki.issue("third", "third.test")
    with Daemon(*pki.options(), f"certificate.other.certificate={other.certificate}", f"certificate.other.key={other.key}",
                f"certificate.3.certificate={third.certificate}", f"certificate.3.key={third.key}") as daemon:
        for version in VERSIONS.values():
            for asked, shown in (("localhost", "localhost"), ("other.test", "other.test"), ("OTHER.test", "other.test"),
                                 ("a.wild.test", "other.test"), ("a.b.wild.test", "localhost"), ("third.test", "third.test"),
                                 ("unknown.test", "localhost"), (None, "localhost")):
                equal(_name_shown(daemon, asked, version), shown, f"shown to who asks for {asked}")


def the_certificates_of_names_are_for_the_same_clients():
    other = pki.issue("other", "other.test")
    with Daemon(*pki.options(verify="required", ca=pki.ca.certificate), f"certificate.o.certificate={other.certificate}",
                f"certificate.o.key={other.key}") as daemon:
        for version in VERSIONS.values():
            _served(daemon, pki.alice, version, name="other.test")
            try:
                with pki.https(daemon, version=version, name="other.test") as https:
                    https.get("/")
            except (ssl.SSLError, Closed, ConnectionError):
                pass
            else:
                raise AssertionError("a client without a certificate was served")


# Others in their place.

CONFIG = """[server]
workers = {workers}
[line]
listen = {listen}
tls = {line}
[http]
listen = {listen}
tls = required
[tls]
certificate = {dir}/live.pem
key = {dir}/live.key
{more}
"""


def _install(certificate):
    """Puts it where the configuration has it."""
    shutil.copy(certificate.certificate, os.path.join(pki.dir, "live.pem"))
    shutil.copy(certificate.key, os.path.join(pki.dir, "live.key"))


def _config(line="required", more=""):
    return CONFIG.format(workers=Daemon.workers, listen=LOOPBACK, dir=pki.dir, line=line, more=more)


def _reload(daemon, text=None):
    mark = daemon.log_count()
    daemon.reload(text)
    daemon.wait_log(" reloaded ", since=mark)


def a_new_certificate_holds_for_those_who_come():
    _install(pki.server)
    with Daemon(config=_config()) as daemon:
        with pki.client(daemon) as client, pki.https(daemon) as https:
            _install(pki.issue("other", "other.test"))
            _reload(daemon)
            equal(_name_shown(daemon, "localhost"), "other.test", "name of the new certificate")
            client.flush()
            https.get("/healthz").check(200)


def reloads_under_traffic_lose_nothing():
    _install(pki.server)
    with Daemon(config=_config()) as daemon:
        with pki.client(daemon) as client, pki.client(daemon) as other:
            other.subscribe("n", "1")
            other.flush()
            sent = 0
            for certificate in [pki.issue("other", "other.test"), pki.server] * 4:
                client.out += b"".join(b"PUB n 1006\r\n%06d%s\r\n" % (number, b"x" * 1000) for number in range(sent, sent + 2000))
                sent += 2000
                _install(certificate)
                mark = daemon.log_count()
                daemon.reload()
                pump([client, other], lambda: other.received_count == sent, "every message")
                daemon.wait_log(" reloaded ", since=mark)
                context = pki.context()
                context.check_hostname = False
                pki.client(daemon, context=context).close()
            equal([int(message.body[:6]) for message in other.inbox], list(range(sent)), "messages in order")


def a_bad_file_refuses_the_reload_and_the_old_one_stays():
    _install(pki.server)
    with Daemon(config=_config()) as daemon:
        for spoil in (lambda: os.truncate(os.path.join(pki.dir, "live.pem"), 100), lambda: os.unlink(os.path.join(pki.dir, "live.key")),
                      lambda: shutil.copy(pki.alice.key, os.path.join(pki.dir, "live.key"))):
            _install(pki.issue("other", "other.test"))
            spoil()
            mark = daemon.log_count()
            daemon.reload()
            daemon.wait_log(r'reload_failed error="\[tls\] (certificate|key) .*live\.(pem|key): .*nothing has changed', since=mark)
            equal(_name_shown(daemon, "localhost"), "localhost", "the certificate")


def sessions_do_not_outlive_a_reload():
    """Who was let in by an authority that is gone must not stay by a ticket."""
    _install(pki.server)
    verified = f"ca = {pki.ca.certificate}\nverify = required"
    with Daemon(config=_config(more=verified)) as daemon:
        for version in VERSIONS.values():
            context = pki.context(pki.alice, version)
            with pki.https(daemon, context=context) as https:
                https.get("/healthz").check(200)
                session = https.sock.session
            _reload(daemon)
            with pki.https(daemon, context=context, session=session) as https:
                equal(https.sock.session_reused, False, "the old session goes on")
                https.get("/healthz").check(200)


def tls_may_come_and_go():
    _install(pki.server)
    with Daemon(config=_config("no")) as daemon:
        with daemon.client() as plain:
            plain.flush()
            _reload(daemon, _config("required"))
            plain.flush()  # who is in stays in
            with daemon.client() as late:
                late.expect_error("Secure Connection - TLS Required")
            with pki.client(daemon) as client:
                client.flush()
                _reload(daemon, _config("no"))
                client.flush()
                with daemon.client() as again:
                    again.flush()
                    equal([word for word in again.info if word.startswith("tls")], [], "words of TLS in INFO")


def an_expired_certificate_is_told_of():
    with Daemon(*pki.options(server=pki.expired)) as daemon:
        daemon.wait_log(r'warning certificate_expired section="\[tls\]" file=\S+expired\.pem expired=20')
    soon = pki.issue("soon", "localhost", end_s=3600)
    with Daemon(*pki.options(server=soon)) as daemon:
        daemon.wait_log("warning certificate_expires_soon .* expires=20")
    os.chmod(soon.key, 0o644)
    with Daemon(*pki.options(server=soon)) as daemon:
        daemon.wait_log(r"warning key_exposed file=\S+soon\.key")


# A sidecar.


def a_sidecar_speaks_it_by_the_same_options():
    with Daemon() as broker, Sidecar(broker, *pki.options(verify="required", ca=pki.ca.certificate)) as sidecar:
        with broker.client() as far, pki.client(sidecar, pki.alice) as client, pki.https(sidecar, pki.alice) as https:
            far.subscribe("up", "1")
            far.flush()
            client.publish("up", b"line")
            far.expect("up", b"line")
            publish(https, "up", b"http")
            far.expect("up", b"http")
            begin = time.monotonic()
            client.subscribe("down", "1")
            client.flush()
            far.publish("down", b"back")
            client.expect("down", b"back")
            equal(time.monotonic() - begin < 10, True, "at once")


if __name__ == "__main__":
    main(where_they_are_required_nobody_comes_without, where_they_are_optional_a_bad_one_is_worse_than_none,
         where_they_are_not_asked_for_none_is_looked_at, who_it_is_outlives_a_session,
         who_shows_a_users_certificate_is_the_user, a_certificate_as_large_as_they_come_is_taken_and_a_larger_one_is_not, each_name_has_its_certificate,
         the_certificates_of_names_are_for_the_same_clients, a_new_certificate_holds_for_those_who_come,
         reloads_under_traffic_lose_nothing, a_bad_file_refuses_the_reload_and_the_old_one_stays, sessions_do_not_outlive_a_reload,
         tls_may_come_and_go, an_expired_certificate_is_told_of, a_sidecar_speaks_it_by_the_same_options)
