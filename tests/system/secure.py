"""TLS, for the tests of it: certificates that are made once a file, and clients of both protocols that speak it.

    pki = Pki()                                               # a CA, a server's certificate, and what they do not trust
    with Daemon(*pki.options()) as daemon, pki.client(daemon) as client: ...
"""

import atexit
import json
import shutil
import ssl
import tempfile

from certificates import DAY_S, Authority
from harness import Client, DEADLINE_S, connect_socket
from web import Http

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"TLSv1.2": V12, "TLSv1.3": V13}


class TlsSocket(ssl.SSLSocket):
    """As a plain socket that is not blocking: recv takes all that is there, and nothing is BlockingIOError."""

    def recv(self, size, flags=0):
        if self.gettimeout() != 0:
            return super().recv(size, flags)
        got, more = bytearray(), True
        while more and (len(got) < size or self.pending()):  # of what OpenSSL keeps, poll tells nobody
            try:
                piece = super().recv(max(size - len(got), self.pending()), flags)
                got += piece
                more = bool(piece)
                if not got:
                    return b""
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                more = False
        if not got:
            raise BlockingIOError
        return bytes(got)

    def send(self, data, flags=0):
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None


def read_line(sock):
    """The first line that comes, and not a byte more."""
    line = b""
    while not line.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            raise AssertionError(f"closed behind {line!r}")
        line += byte
    return line


class TlsClient(Client):
    """A client of the line protocol whose connection has been secured: before INFO (first), or behind it."""

    def __init__(self, address, context, name="localhost", first=False, session=None, receive_size=None, **settings):
        sock = connect_socket(address, receive_size=receive_size)
        self._greeting = b"" if first else read_line(sock)
        self.greeting = json.loads(self._greeting[5:]) if self._greeting else None
        super().__init__(context.wrap_socket(sock, server_hostname=name, session=session), **settings)

    def wait(self, condition, what, deadline_s=DEADLINE_S, closed_is_good=False):
        if self._greeting:
            self._in += self._greeting
            self._greeting = b""
            self._cut()
        super().wait(condition, what, deadline_s, closed_is_good)


def https_socket(address, context, name="localhost", session=None, receive_size=None):
    """A socket for HTTPS, as Http and Events take it."""
    return context.wrap_socket(connect_socket(address, receive_size=receive_size), server_hostname=name, session=session)


class Pki:
    """What is needed of certificates. Files are made when they are asked for first."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="posthorn-pki-")
        atexit.register(shutil.rmtree, self.dir, True)
        self.ca = Authority(self.dir)
        self._issued, self._stranger = {}, None

    def issue(self, file, *names, stranger=False, **settings):
        if stranger and not self._stranger:
            self._stranger = Authority(self.dir, "stranger")
        if file not in self._issued:
            self._issued[file] = (self._stranger if stranger else self.ca).issue(file, names, **settings)
        return self._issued[file]

    @property
    def server(self):
        return self.issue("server", "localhost", "127.0.0.1")

    @property
    def alice(self):
        return self.issue("alice", "alice@example.com", subject="/O=Example/CN=alice")

    @property
    def expired(self):
        return self.issue("expired", "localhost", begin_s=-3 * DAY_S, end_s=-DAY_S)

    def options(self, line="required", http="required", server=None, **tls):
        """Options of a daemon; tls: of [tls]."""
        server = server or self.server
        return [f"line.tls={line}", f"http.tls={http}", f"tls.certificate={server.certificate}", f"tls.key={server.key}",
                *(f"tls.{key}={value}" for key, value in tls.items())]

    def context(self, certificate=None, version=None):
        """A client's; it trusts the CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.sslsocket_class = TlsSocket
        context.load_verify_locations(self.ca.certificate)
        if version:
            context.minimum_version = context.maximum_version = version
        if certificate:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    def client(self, daemon, certificate=None, version=None, **settings):
        return TlsClient(daemon.line[0], settings.pop("context", None) or self.context(certificate, version), **settings)

    def https(self, daemon, certificate=None, version=None, **settings):
        context = settings.pop("context", None) or self.context(certificate, version)
        return Http(https_socket(daemon.http[0], context, **settings))
