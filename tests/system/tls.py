#!/usr/bin/env python3
"""TLS on the listeners: both protocols, both versions, and whoever comes without it, too slowly, or with something else."""

import os
import re
import socket
import ssl
import subprocess
import time

from harness import DEADLINE_S, PATIENCE, Client, Daemon, connect_socket, equal, main, pump, refused_start, until
from secure import V12, V13, VERSIONS, Pki, TlsClient, https_socket
from web import Events, Http, publish

pki = Pki()
EXIT_CONFIG = 78


def _exchange(client, other):
    """A message each way between two clients."""
    for one, two in ((client, other), (other, client)):
        two.subscribe("here", "9")
        two.flush()
        one.publish("here", b"hello")
        two.expect("here", b"hello")
        two.unsubscribe("9")
        two.flush()


def the_line_is_secured_behind_info():
    with Daemon(*pki.options()) as daemon:
        for name, version in VERSIONS.items():
            with pki.client(daemon, version=version) as client, pki.client(daemon) as other:
                equal(client.greeting.get("tls_required"), True, "tls_required in INFO")
                equal("tls_verify" in client.greeting, False, "tls_verify in INFO")
                equal(client.sock.version(), name, "version")
                _exchange(client, other)


def the_line_is_secured_before_info():
    with Daemon(*pki.options(handshake_first="yes")) as daemon:
        for version in VERSIONS.values():
            with pki.client(daemon, version=version, first=True) as client, pki.client(daemon, first=True) as other:
                equal(client.info.get("tls_required"), True, "tls_required in INFO")
                _exchange(client, other)


def the_monitor_tells_what_is_spoken():
    for line, http, named in (("no", "no", set()), ("optional", "optional", {"tls_available"}), ("required", "optional", {"tls_required"})):
        with Daemon(*pki.options(line, http)) as daemon, Http(daemon) as web:
            told = web.get("/varz").json()
            equal({name for name in told if name.startswith("tls_")}, named, f"what is told of TLS with {line}")
            equal(told["https_port"], 0 if http == "no" else told["http_port"], f"https_port with {http}")


def with_auto_either_may_begin():
    with Daemon(*pki.options(handshake_first="auto")) as daemon:
        with pki.client(daemon, first=True) as client, pki.client(daemon) as other:
            _exchange(client, other)
            equal((client.info_count, other.info_count), (1, 1), "INFO")


def where_it_is_optional_both_are_served():
    for first in ("no", "auto"):
        with Daemon(*pki.options("optional", "optional", handshake_first=first, handshake_timeout="50ms"),
                    "line.auth_timeout=10s") as daemon:
            with daemon.client() as plain, pki.client(daemon) as client:
                equal(plain.info.get("tls_available"), True, "tls_available in INFO")
                equal("tls_required" in plain.info, False, "tls_required in INFO")
                _exchange(client, plain)
            with Http(daemon) as http, pki.https(daemon) as https:
                http.get("/healthz").check(200)
                https.get("/healthz").check(200)
                time.sleep(0.1)  # longer than a handshake may take: there is none
                http.get("/healthz").check(200)
            with daemon.client(hello=False) as late:
                late.listen(0.1)
                late.hello()
                late.flush()


def unix_sockets_stay_plain():
    path = f"unix:{pki.dir}/line.sock"
    with Daemon(*pki.options(), listen=f"127.0.0.1:0,{path}", http=f"127.0.0.1:0,unix:{pki.dir}/http.sock") as daemon:
        with Client(path) as local, pki.client(daemon) as client, Http(f"unix:{pki.dir}/http.sock") as http:
            equal([word for word in local.info if word.startswith("tls")], [], "words of TLS in INFO")
            _exchange(local, client)
            http.get("/healthz").check(200)


def https_is_served():
    with Daemon(*pki.options()) as daemon:
        for name, version in VERSIONS.items():
            with pki.https(daemon, version=version) as https:
                equal(https.sock.version(), name, "version")
                for _ in range(3):
                    https.get("/healthz").check(200)
                row = next(row for row in https.get("/connz").check(200).json()["connections"])
                equal(row["tls_version"], name, "version in /connz")
                equal(row["tls_cipher_suite"].startswith("TLS_"), True, f"cipher in /connz: {row['tls_cipher_suite']}")
        with pki.https(daemon) as https:
            metrics = https.get("/metrics").check(200).body.decode()
            equal(re.search(r"^posthorn_tls_sessions_total (\d+)", metrics, re.M)[1], "3", "sessions counted")


def the_protocol_that_both_have_is_agreed_upon():
    with Daemon(*pki.options()) as daemon:
        for offered, agreed in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None), (["http/1.1"], "http/1.1")):
            context = pki.context()
            context.set_alpn_protocols(offered)
            with pki.https(daemon, context=context) as https:
                equal(https.sock.selected_alpn_protocol(), agreed, f"of {offered}")
            with pki.client(daemon, context=context) as client:
                equal(client.sock.selected_alpn_protocol(), None, "on the line")


def a_page_of_its_own_is_an_https_page():
    with Daemon(*pki.options(http="optional")) as daemon:
        with pki.https(daemon) as https, Http(daemon) as http:
            for sock, scheme, status in ((https, "https", 200), (https, "http", 403), (http, "http", 200), (http, "https", 403)):
                sock.get("/v1/streams", {"Origin": f"{scheme}://{sock.host}"}).check(status)


def large_messages_pass_both_ways():
    """Records end where they like within messages of all sizes, and none stays behind in a buffer."""
    sizes = [0, 1, 16383, 16384, 16385, 65536, 130000, 131072, 300000, 1 << 20, 5]
    bodies = [os.urandom(size) for size in sizes] * 3
    with Daemon(*pki.options()) as daemon:
        for version in VERSIONS.values():
            with pki.client(daemon, version=version) as client, pki.client(daemon, version=version) as other:
                other.subscribe("big", "1")
                other.flush()
                client.out += b"".join(b"PUB big %d\r\n%s\r\n" % (len(body), body) for body in bodies)
                pump([client, other], lambda: other.received_count == len(bodies), "every message", 60 * PATIENCE)
                for body in bodies:
                    other.expect("big", body)
                client.flush()
            with pki.https(daemon, version=version) as https, pki.client(daemon) as other:
                other.subscribe("posted", "1")
                other.flush()
                for body in bodies:
                    publish(https, "posted", body)
                    other.expect("posted", body)


def many_small_messages_keep_their_order():
    with Daemon(*pki.options()) as daemon:
        with pki.client(daemon) as client, pki.client(daemon) as other:
            other.subscribe("n", "1")
            other.flush()
            client.out += b"".join(b"PUB n 6\r\n%06d\r\n" % number for number in range(50000))
            pump([client, other], lambda: other.received_count == 50000, "every message", 60 * PATIENCE)
            equal([int(message.body) for message in other.inbox], list(range(50000)), "messages in order")


def a_slow_reader_gets_everything():
    """Its socket is full most of the time, so that records are cut off in the middle and go on later."""
    body = os.urandom(10000)
    with Daemon(*pki.options(), "line.pending_size_max=256MiB") as daemon:
        for version in VERSIONS.values():
            with pki.client(daemon, version=version, receive_size=4096) as slow, pki.client(daemon) as client:
                slow.subscribe("s", "1")
                slow.flush()
                for number in range(1000):
                    client.publish("s", b"%06d" % number + body)
                client.flush()
                for number in range(1000):
                    if number % 100 == 0:
                        time.sleep(0.005)  # slow, as it is called
                    equal(slow.next().body, b"%06d" % number + body, "message")


def a_slow_reader_of_events_gets_everything():
    with Daemon(*pki.options()) as daemon:
        sock = https_socket(daemon.http[0], pki.context(), receive_size=4096)
        with Events(sock, "e.>") as reader, pki.https(daemon) as https:
            for number in range(300):
                publish(https, "e.x", (b"%04d" % number) * 2000)
            for number in range(300):
                equal(reader.next().data, f"{number:04}" * 2000, "event")


def a_reader_that_takes_nothing_is_closed_and_others_go_on():
    with Daemon(*pki.options(), "line.pending_size_max=2MiB") as daemon:
        with pki.client(daemon, receive_size=4096) as dead, pki.client(daemon) as live, pki.client(daemon) as client:
            dead.subscribe("d", "1")
            dead.flush()
            live.subscribe("d", "1")
            live.flush()
            client.out += b"".join(b"PUB d 10000\r\n%s\r\n" % (b"x" * 10000) for _ in range(1000))
            pump([client, live], lambda: live.received_count == 1000, "every message")
            daemon.wait_log("slow_consumer")


def nobody_without_tls_is_served():
    with Daemon(*pki.options()) as daemon:
        mark = daemon.log_count()
        with daemon.client() as client:
            client.expect_error("Secure Connection - TLS Required")
            client.expect_closed()
        with Http(daemon) as http:
            answer = http.refused(http.request_bytes("GET", "/varz"), 400)
            equal("HTTPS" in answer.json()["detail"], True, "the answer says what to do")
        daemon.wait_log(r"warning tls_missing address=127\.0\.0\.1:\d+", since=mark)
    with Daemon(*pki.options(handshake_first="yes", handshake_timeout="200ms")) as daemon:
        sock = connect_socket(daemon.line[0])
        equal(sock.recv(100), b"-ERR 'Secure Connection - TLS Required'\r\n", "what a client hears that waits for INFO")
        sock.close()


def handshakes_have_a_time_limit():
    """Whoever says nothing, half of it, or a byte at a time is gone when it is over, and costs nothing until then."""
    with Daemon(*pki.options(handshake_timeout="400ms")) as daemon:
        hello = _client_hello()
        for address in (daemon.line[0], daemon.http[0]):
            socks = [connect_socket(address) for _ in range(4)]
            begin = time.monotonic()
            for sock, said in zip(socks, (b"", hello[:3], hello[:-1], hello[:7])):
                sock.sendall(said)
            at = 7
            while time.monotonic() < begin + 0.3:
                socks[3].sendall(hello[at:at + 1])
                at += 1
                time.sleep(0.02)
            for sock in socks:
                _read_to_end(sock)
            took_s = time.monotonic() - begin
            if not 0.35 <= took_s <= 0.4 + 2 * PATIENCE:
                raise AssertionError(f"closed after {took_s:.2f} s")
        with pki.client(daemon) as client:
            client.listen(0.5)  # those who have done it stay
            client.flush()


def half_open_handshakes_cost_little():
    with Daemon(*pki.options(handshake_timeout="1m")) as daemon:
        pki.client(daemon).close()
        before, hello, count = daemon.memory_bytes(), _client_hello(), 300
        socks = [connect_socket(daemon.line[0]) for _ in range(count)]
        for sock in socks:
            sock.sendall(hello[:-1])
        until(lambda: daemon.descriptor_count() >= count, "every connection")
        with pki.client(daemon) as client:
            def busy():
                cpu, begin = daemon.cpu_s(), time.monotonic()
                client.listen(0.3)  # the idling that is measured
                return (daemon.cpu_s() - cpu) / (time.monotonic() - begin)

            until(lambda: busy() < 0.2, "less than a fifth of a processor, when all that came is read")
            client.flush()
        note = daemon.check_growth(before, count * (64 << 10))
        for sock in socks:
            sock.close()
        return f"{count} of them: {note}"


def a_client_that_claims_too_much_is_refused():
    """A first message of 128 KiB would have OpenSSL take as much memory for each who announces it."""
    with Daemon(*pki.options()) as daemon:
        sock = connect_socket(daemon.http[0])
        sock.sendall(b"\x16\x03\x01\x40\x00\x01\x02\x00\x00")
        _read_to_end(sock)
        daemon.wait_log(r"tls_failed .*too large")


def garbage_within_a_handshake_harms_nobody():
    hello = _client_hello()
    with Daemon(*pki.options()) as daemon:
        for said in (b"\x16\x03\x01\x00\x05hello", hello[:50] + os.urandom(len(hello) - 50), hello + b"\x16" * 300,
                     b"\x16" * 100, hello + hello):
            for address in (daemon.line[0], daemon.http[0]):
                sock = connect_socket(address)
                sock.sendall(said)
                sock.shutdown(socket.SHUT_WR)
                _read_to_end(sock)
        with pki.client(daemon) as client:
            client.flush()


def garbage_behind_a_handshake_ends_the_connection():
    with Daemon(*pki.options()) as daemon:
        with pki.client(daemon) as client:
            os.write(client.sock.fileno(), b"\x17\x03\x03\x00\x20" + os.urandom(32))
            client.expect_closed()
        with pki.client(daemon) as client:
            os.write(client.sock.fileno(), b"PUB in 5\r\nplain\r\n")
            client.expect_closed()


def old_versions_are_refused():
    with Daemon(*pki.options(min_version="1.3")) as daemon:
        pki.client(daemon, version=V13).close()
        _refused(daemon, pki.context(version=V12), "protocol version")
    with Daemon(*pki.options()) as daemon:
        context = pki.context(version=ssl.TLSVersion.TLSv1_1)
        context.set_ciphers("ALL:@SECLEVEL=0")
        _refused(daemon, context, "")
        daemon.wait_log(r"tls_failed .*unsupported protocol")


def weak_ciphers_are_refused():
    with Daemon(*pki.options()) as daemon:
        context = pki.context(version=V12)
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
        _refused(daemon, context, "")
        daemon.wait_log(r"tls_failed .*no shared cipher")
    with Daemon(*pki.options(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256", cipher_suites="TLS_CHACHA20_POLY1305_SHA256")) as daemon:
        for version, cipher in ((V12, "ECDHE-ECDSA-AES128-GCM-SHA256"), (V13, "TLS_CHACHA20_POLY1305_SHA256")):
            with pki.client(daemon, version=version) as client:
                equal(client.sock.cipher()[0], cipher, "cipher")


def renegotiation_is_refused():
    with Daemon(*pki.options()) as daemon:
        done = _s_client(daemon.http[0], "-tls1_2", said=b"R\n")
        equal(b"RENEGOTIATING" in done and b"no renegotiation" in done, True, f"no renegotiation in {done[-600:]!r}")


def sessions_go_on():
    with Daemon(*pki.options(), log_level="debug") as daemon:
        for version in VERSIONS.values():
            context = pki.context(version=version)
            with pki.https(daemon, context=context) as https:
                https.get("/healthz").check(200)  # behind which the tickets have come
                session = https.sock.session
                equal(https.sock.session_reused, False, "the first is new")
            for client in (pki.https(daemon, context=context, session=session), pki.client(daemon, context=context, session=session)):
                with client:
                    equal(client.sock.session_reused, True, f"{client.sock.version()} goes on")
        daemon.wait_log("tls_established .*resumed=yes")
        done = _s_client(daemon.http[0], "-tls1_2", "-reconnect")
        equal(done.count(b"\nReused, "), 5, "sessions that openssl s_client -reconnect goes on with")


def the_end_is_said():
    """close_notify comes before the end, so that nobody takes an end that was cut for one that was meant."""
    for version in VERSIONS.values():
        with Daemon(*pki.options()) as daemon:
            context = pki.context(version=version)
            https = pki.https(daemon, context=context)
            https.sock.suppress_ragged_eofs = False
            https.ask("GET", "/healthz", headers={"Connection": "close"})
            https.answer().check(200)
            https.sock.settimeout(DEADLINE_S)
            equal(https.sock.recv(1), b"", "the end")
            https.close()


def what_was_sent_before_the_end_is_served():
    """close_notify comes in the same segment as the last words, and the answer is still wanted."""
    for version in VERSIONS.values():
        with Daemon(*pki.options()) as daemon:
            with pki.client(daemon, version=version) as client, pki.client(daemon) as other:
                other.subscribe("last", "1")
                other.flush()
                client.sock.setblocking(True)
                client.sock.sendall(b"PUB last 4\r\nword\r\nPING\r\n")
                try:
                    client.sock.unwrap()
                except ssl.SSLError as error:  # says that something came behind the end: PONG
                    equal(error.reason, "APPLICATION_DATA_AFTER_CLOSE_NOTIFY", "what is answered")
                else:
                    raise AssertionError("no answer")
                client.close()
                other.expect("last", b"word")
                until(lambda: _connections(daemon) == 1, "the end of the connection")


def idle_connections_cost_nothing():
    with Daemon(*pki.options()) as daemon:
        clients = [pki.client(daemon) for _ in range(50)]
        before = daemon.memory_bytes()
        clients += [pki.client(daemon) for _ in range(200)]
        for client in clients:
            client.subscribe("x", "1")
            client.flush()
        cpu, begin = daemon.cpu_s(), time.monotonic()
        time.sleep(0.5)  # the idling that is measured
        busy = (daemon.cpu_s() - cpu) / (time.monotonic() - begin)
        equal(busy < 0.1, True, f"idle; {busy:.2f} of a processor")
        note = daemon.check_growth(before, 200 * (64 << 10))
        for client in clients:
            client.close()
        return f"200 connections: {note}"


def bad_files_are_refused_at_the_start():
    def path(name, text):
        with open(os.path.join(pki.dir, name), "w", encoding="ascii") as file:
            file.write(text)
        return os.path.join(pki.dir, name)

    server, other = pki.server, pki.alice
    locked = os.path.join(pki.dir, "locked.key")
    subprocess.run(["openssl", "pkey", "-in", server.key, "-aes256", "-passout", "pass:x", "-out", locked], check=True)
    for options, word in (
            (["line.tls=required"], "expected a certificate"),
            (["tls.certificate=relative.pem"], "absolute path"),
            (["tls.certificate=/nowhere/x.pem"], "No such file"),
            ([f"tls.certificate={path('garbage.pem', 'garbage')}"], "garbage.pem"),
            ([f"tls.certificate={server.certificate}", f"tls.key={other.key}"], "key values mismatch"),
            ([f"tls.certificate={server.certificate}", f"tls.key={locked}"], "locked.key"),
            ([f"tls.certificate={server.certificate}"], "server.pem"),
            (pki.options(verify="required"), "expected a ca"),
            (pki.options(verify="required", ca="/nowhere/ca.pem"), "ca /nowhere/ca.pem: No such file"),
            (pki.options(ciphers="NONSENSE"), "ciphers NONSENSE"),
            (pki.options(cipher_suites="NONSENSE"), "cipher_suites NONSENSE"),
            (pki.options("optional", handshake_first="yes"), "handshake_first"),
            (["certificate.x.certificate=" + server.certificate], "expected a certificate in [tls]"),
            ([*pki.options(), "certificate.x.key=" + server.key], "expected a certificate")):
        code, said = refused_start(*options)
        equal((code, word in said), (EXIT_CONFIG, True), f"{options}: {said!r}")
    check = subprocess.run([os.environ["POSTHORND"], "--check-config", "--set", "tls.certificate=/nowhere/x.pem"], capture_output=True,
                           check=False)
    equal((check.returncode, b"No such file" in check.stderr), (EXIT_CONFIG, True), f"--check-config: {check.stderr!r}")


# Helpers.


def _connections(daemon):
    with pki.https(daemon) as https:
        rows = https.get("/connz").check(200).json()["connections"]
        return sum(1 for row in rows if row.get("type", row.get("kind")) != "http" and row["cid"] != rows[-1]["cid"])


def _client_hello():
    """What a client begins with, as bytes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        pki.context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def _read_to_end(sock):
    sock.settimeout(DEADLINE_S)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    sock.close()


def _refused(daemon, context, word):
    """The handshake fails, on either port."""
    for make in (lambda: TlsClient(daemon.line[0], context), lambda: https_socket(daemon.http[0], context)):
        try:
            make().close()
        except (ssl.SSLError, ConnectionResetError) as error:
            equal(word in str(error).replace("_", " ").lower(), True, f"{word!r} in {error}")
        else:
            raise AssertionError("the handshake went through")


def _s_client(address, *options, said=b""):
    """What openssl s_client writes."""
    done = subprocess.run(["openssl", "s_client", "-connect", address, "-CAfile", pki.ca.certificate, *options], input=said,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S, check=False)
    return done.stdout


if __name__ == "__main__":
    main(the_line_is_secured_behind_info, the_line_is_secured_before_info, the_monitor_tells_what_is_spoken, with_auto_either_may_begin,
         where_it_is_optional_both_are_served, unix_sockets_stay_plain, https_is_served, the_protocol_that_both_have_is_agreed_upon,
         a_page_of_its_own_is_an_https_page, large_messages_pass_both_ways, many_small_messages_keep_their_order,
         a_slow_reader_gets_everything, a_slow_reader_of_events_gets_everything,
         a_reader_that_takes_nothing_is_closed_and_others_go_on, nobody_without_tls_is_served, handshakes_have_a_time_limit,
         half_open_handshakes_cost_little, a_client_that_claims_too_much_is_refused, garbage_within_a_handshake_harms_nobody,
         garbage_behind_a_handshake_ends_the_connection, old_versions_are_refused, weak_ciphers_are_refused, renegotiation_is_refused,
         sessions_go_on, the_end_is_said, what_was_sent_before_the_end_is_served, idle_connections_cost_nothing,
         bad_files_are_refused_at_the_start)
