"""A receiver of webhooks that verifies signatures, for the tests of the command line."""

import base64
import hashlib
import hmac
import http.server
import ssl
import threading
import time

from harness import DEADLINE_S, equal, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Request:
    def __init__(self, headers, body):
        self.headers, self.body = headers, body

    def signature(self, secret):
        """What Standard Webhooks has as its signature by a secret."""
        text = b".".join((self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), self.body))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


class Receiver:
    """Keeps what is sent, and answers with the status that answer(number of the request, from 1) gives. As a context manager it
    holds at the end that all was signed by the secret, for its own time; secret=None: it does not look."""

    def __init__(self, answer=lambda number: 200, secret=SECRET, certificate=None):
        self.answer, self.secret, self.requests, self.faults = answer, secret, [], []
        self.now = self.most = 0  # requests at once
        self._lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                status = receiver.take(Request(self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0" if status == 204 else "5")
                self.end_headers()
                self.wfile.write(b"" if status == 204 else b"so so")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request):
        with self._lock:
            if self.secret and not self._is_good(request):
                self.faults.append((dict(request.headers), request.body))
            self.requests.append(request)
            self.now += 1
            self.most = max(self.most, self.now)
            number = len(self.requests)
        status = self.answer(number)
        with self._lock:
            self.now -= 1
        return status

    def _is_good(self, request):
        is_fresh = abs(int(request.headers["webhook-timestamp"]) - time.time()) <= DEADLINE_S
        return is_fresh and request.signature(self.secret) in request.headers["webhook-signature"].split()

    def wait(self, count):
        """The request of that number."""
        until(lambda: len(self.requests) >= count, f"{count} requests", DEADLINE_S)
        return self.requests[count - 1]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.server.shutdown()
        self.server.server_close()
        if not kind:
            equal(self.faults, [], "what did not verify")
