"""What every crash test stands on: a daemon over a data directory that outlives it, the JetStream API as plain requests, and
streams read whole, by a consumer or over HTTP.

With ORACLE (harness.py) a nats-server takes the daemon's place: that checks the tests. Streams are then made by the API, and what
is HTTP's is left out.
"""

import collections
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "system"))

from harness import DEADLINE_S, ORACLE, Daemon, equal  # noqa: E402
import web  # noqa: E402

SMALL_SEGMENTS = [] if ORACLE else ["server.segment_size=1MiB"]
Entry = collections.namedtuple("Entry", "sequence topic head body")
Delivery = collections.namedtuple("Delivery", "stream consumer count sequence number pending")
CREATE_WORDS = {  # ours to those of the API, where they are another
    "messages_max": "max_msgs", "bytes_max": "max_bytes", "messages_per_topic_max": "max_msgs_per_subject"}


class Stream:
    """A stream that a test has: its name, and its settings as [stream NAME] takes them. Its topics are NAME.>"""

    def __init__(self, name, **settings):
        self.name, self.settings = name, settings

    def options(self):
        settings = {"topics": f"{self.name}.>", "allow_direct": "yes", **self.settings}
        return [f"stream.{self.name}.{key}={value}" for key, value in settings.items()]

    def request(self):
        """The body of STREAM.CREATE that makes the same of it, as far as nats-server can."""
        words = {CREATE_WORDS.get(key, key): value for key, value in self.settings.items() if key not in ("sync", "segment_size")}
        return {"name": self.name, "subjects": [f"{self.name}.>"], "storage": "file", "num_replicas": 1, "allow_direct": True, **words}


class Directory:
    """A data directory of the test's own; as a context manager it goes at the end, unless the test failed and KEEP is set."""

    def __init__(self, base=None):
        self.top = tempfile.mkdtemp(prefix="posthorn-crash-", dir=base)
        self.path = os.path.join(self.top, "data")
        os.mkdir(self.path)

    def size(self):
        """Bytes that it takes on the disk; a daemon over it may be removing files."""
        total = 0
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(path).st_blocks * 512
        return total

    def files(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.path) for name in names)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and os.environ.get("KEEP"):
            print(f"the data directory is kept: {self.path}", file=sys.stderr)
        else:
            shutil.rmtree(self.top, ignore_errors=True)


def start(directory, streams, *options, **settings):
    """A daemon over the directory, with these streams. `took_s` is what its start took, `took_cpu_s` what of that was work."""
    began = time.monotonic()
    ours = [option for stream in streams for option in stream.options()]
    path = directory.path if isinstance(directory, Directory) else directory
    daemon = Daemon(f"server.data_dir={path}", *([] if ORACLE else ours), *options, **settings)
    daemon.took_s, daemon.took_cpu_s = time.monotonic() - began, daemon.cpu_s()
    if ORACLE:
        with Api(daemon) as api:
            for stream in streams:
                api.ask(f"STREAM.CREATE.{stream.name}", stream.request())
    return daemon


# ----------------------------------------------------------------------------------------------------------------- API


class ApiError(Exception):
    """The API answered with an error; code is its err_code."""

    def __init__(self, topic, error):
        super().__init__(f"{topic}: {error}")
        self.code = error.get("err_code", 0)


class Api:
    """Requests to the JetStream API, one at a time."""

    _made = 0

    def __init__(self, daemon):
        Api._made += 1
        self.inbox = f"_INBOX.api{Api._made}"
        self.client = daemon.client()
        self.client.subscribe(f"{self.inbox}.*", "1")
        self._count = 0

    def request(self, topic, body=b"", head=b"", deadline_s=DEADLINE_S):
        """Publishes with a reply, and returns the message that answers."""
        self._count += 1
        reply = f"{self.inbox}.{self._count}"
        self.client.publish(topic, body, reply, head)
        while True:
            answer = self.client.next(deadline_s)
            if answer.topic == reply:
                return answer

    def ask(self, what, body=None):
        """The JSON that $JS.API.what answers; ApiError where it is an error."""
        answer = self.request(f"$JS.API.{what}", json.dumps(body).encode() if body is not None else b"")
        if not answer.body:
            raise AssertionError(f"nobody answers $JS.API.{what}: {answer.head}")
        found = json.loads(answer.body)
        if "error" in found:
            raise ApiError(what, found["error"])
        return found

    def publish(self, topic, body=b"", head=b""):
        """Publishes with acknowledgement: the PubAck; ApiError where it is refused."""
        answer = self.request(topic, body, head)
        if not answer.body:
            raise AssertionError(f"nobody keeps {topic}: {answer.head}")
        found = json.loads(answer.body)
        if "error" in found:
            raise ApiError(topic, found["error"])
        return found

    def state(self, name):
        return self.ask(f"STREAM.INFO.{name}")["state"]

    def consumer(self, stream, name):
        return self.ask(f"CONSUMER.INFO.{stream}.{name}")

    def make_consumer(self, stream, name, **config):
        config = {"durable_name": name, "ack_policy": "explicit", "deliver_policy": "all", **config}
        return self.ask(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()


def delivery_of(reply):
    """What the reply topic of a consumer's message says."""
    words = reply.split(".")
    if words[:2] != ["$JS", "ACK"] or len(words) != 9:
        raise AssertionError(f"{reply!r} is no topic to acknowledge to")
    return Delivery(words[2], words[3], int(words[4]), int(words[5]), int(words[6]), int(words[8]))


def status_of(message):
    """The status of a message that is none: 404, 408, 409, 100; 0 of a message."""
    found = message.head[:13].split(b" ") if message.head.startswith(b"NATS/1.0 ") else []
    return int(found[1][:3]) if len(found) > 1 else 0


# ------------------------------------------------------------------------------------------------------------- reading


def read_by_consumer(daemon, name, after=0, batch=5000):
    """Every message of a stream behind a sequence, as an iterator of Entry, by a pull consumer without acknowledgements."""
    with Api(daemon) as api:
        if api.state(name)["last_seq"] <= after:
            return
        where = {"deliver_policy": "by_start_sequence", "opt_start_seq": after + 1}
        made = api.ask(f"CONSUMER.CREATE.{name}", {"stream_name": name, "config": {
            "ack_policy": "none", "replay_policy": "instant", "inactive_threshold": 30_000_000_000, "mem_storage": True, **where}})
        if not made["num_pending"]:
            return
        yield from _pull_all(api.client, name, made["name"], batch, f"{api.inbox}.read")


def _pull_all(client, stream, consumer, batch, inbox):
    pending, left = 1, 0
    while pending:
        if not left:
            asked = json.dumps({"batch": batch, "expires": int(DEADLINE_S * 1e9)}).encode()
            client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", asked, inbox)
            left = batch
        message = client.next()
        if status_of(message):
            raise AssertionError(f"{message.head} with {pending} messages still to come")
        found = delivery_of(message.reply)
        pending, left = found.pending, left - 1
        yield Entry(found.sequence, message.topic, message.head, message.body)


def read_one_by_one(daemon, name, after=0):
    """The same by direct gets, each of the next that there is: for work queues too, which no reader may share."""
    with Api(daemon) as api:
        while True:
            answer = api.request(f"$JS.API.DIRECT.GET.{name}", json.dumps({"seq": after + 1, "next_by_subj": f"{name}.>"}).encode())
            if status_of(answer):
                equal(status_of(answer), 404, "status of a direct get")
                return
            head, fields = _without_own_headers(answer.head)
            after = int(fields["Nats-Sequence"])
            yield Entry(after, fields["Nats-Subject"], head, answer.body)


def _without_own_headers(head):
    """The headers of a message as they were sent, and those that a direct get adds."""
    lines = head.decode().split("\r\n")
    own = dict(line.split(": ", 1) for line in lines if line.startswith(("Nats-Stream: ", "Nats-Subject: ", "Nats-Sequence: ",
                                                                       "Nats-Time-Stamp: ")))
    left = [line for line in lines if line.partition(":")[0] not in own]
    return ("\r\n".join(left).encode() if left != ["NATS/1.0", "", ""] else b""), own


def read_by_http(daemon, name, after=0, may_gap=False):
    """The same by polls. A gap fails, but where may_gap says that there may be one: after a crash, what was purged of a stream
    with bounds may have made room for newer messages, as far as anybody knows."""
    with web.Http(daemon) as http:
        since = "all"
        if after:
            epoch, _ = web.place(web.poll(http, f"{name}.>", stream=name, since="latest", limit=1)["next"])
            since = cursor_at(epoch, after)
        while True:
            found = web.poll(http, f"{name}.>", stream=name, since=since, limit=1000)
            if not may_gap:
                equal(found["gap"], False, f"a gap in {name} behind {since}")
            for item in found["messages"]:
                yield Entry(item["seq"], item["topic"], head_of(item.get("headers")), web.payload(item))
            if not found["messages"]:
                return
            since = found["next"]


def cursor_at(epoch, sequence):
    """The cursor behind this sequence."""
    digits = ""
    while sequence:
        sequence, digit = divmod(sequence, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"{epoch}-{digits or '0'}"


def head_of(headers):
    """The headers of a message in JSON, as they stand on the line."""
    if not headers:
        return b""
    pairs = [(name, value) for name, values in headers.items() for value in (values if isinstance(values, list) else [values])]
    return b"NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs).encode() + b"\r\n"


def head_with(**headers):
    """Headers for a message: head_with(Nats_Msg_Id="a")."""
    return head_of({name.replace("_", "-"): str(value) for name, value in headers.items()})
