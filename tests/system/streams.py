#!/usr/bin/env python3
"""Streams that the configuration names, and the directory that they are in: what is kept outlives the daemon, what does not agree is
explained, and nobody else comes into the directory."""

import contextlib
import json
import os
import re
import stat
import subprocess
import tempfile

from harness import Daemon, Skip, equal, main, refused_start
from web import Http

CANNOT_USE, BAD_CONFIGURATION = 73, 78
ORDERS = "[stream orders]\ntopics = orders.>\n"


@contextlib.contextmanager
def _directory():
    with tempfile.TemporaryDirectory(prefix="posthorn-streams-") as folder:
        yield os.path.join(folder, "data")


class Publisher:
    """Publishes, and waits for the acknowledgement."""

    _made = 0

    def __init__(self, daemon):
        Publisher._made += 1
        self.inbox = f"_INBOX.streams{Publisher._made}"
        self.client = daemon.client()
        self.client.subscribe(self.inbox, "1")

    def __call__(self, topic, body=b"x"):
        self.client.publish(topic, body, self.inbox)
        return json.loads(self.client.next().body)

    def is_kept_by(self, topic, stream, sequence):
        ack = self(topic)
        equal((ack.get("stream"), ack.get("seq")), (stream, sequence), f"the acknowledgement of {topic}: {ack}")


def _streams(daemon):
    """What /varz tells of the streams with settings, by name."""
    with Http(daemon) as http:
        streams = http.get("/varz").check(200).json()["posthorn"]["streams"]
    return {stream["name"]: stream for stream in streams if stream["name"] != "recent"}


def what_is_named_keeps_messages_and_a_restart_keeps_those():
    config = ORDERS + "[stream log]\ntopics = log, logs.*\nstorage = memory\n"
    with _directory() as data:
        with Daemon(config=config, data=data) as daemon:
            daemon.wait_log("stream_added stream=orders")
            publish = Publisher(daemon)
            for sequence in range(1, 4):
                publish.is_kept_by(f"orders.{sequence}", "orders", sequence)
            publish.is_kept_by("logs.a", "log", 1)
            facts = _streams(daemon)
            equal((facts["orders"]["messages"], facts["orders"]["durable"], facts["log"]["durable"]), (3, True, False))
        with Daemon(config=config, data=data) as daemon:
            daemon.wait_log("stream_opened stream=orders storage=file messages=3 bytes=[1-9][0-9]* first=1 last=3")
            equal(_streams(daemon)["log"]["messages"], 0, "messages of a stream in memory")
            publish = Publisher(daemon)
            publish.is_kept_by("orders.4", "orders", 4)
            publish.is_kept_by("log", "log", 1)


def streams_at_rest_take_no_time():
    """Whatever was due has been done, and is not looked for again and again: after a kill too, when the end is written anew."""
    config = ORDERS + "".join(f"[stream {name}]\ntopics = {name}\nsync = {sync}\n" for name, sync in (("timed", "50ms"), ("loose", "never")))
    with _directory() as data:
        for life in range(3):
            daemon = Daemon(config=config, data=data)
            publish = Publisher(daemon)
            if life != 1:
                for topic in ("orders.x", "timed", "loose"):
                    equal(publish(topic)["seq"], 1 + life // 2, f"sequence of {topic}")
            publish.client.listen(0.2)
            cpu = daemon.cpu_s()
            publish.client.listen(0.5)
            idle = (daemon.cpu_s() - cpu) / 0.5
            if idle > 0.2:
                raise AssertionError(f"life {life}: busy with nothing to do, {idle:.2f} of a processor")
            daemon.kill()


def a_killed_daemon_leaves_no_lock():
    with _directory() as data:
        daemon = Daemon(config=ORDERS, data=data)
        Publisher(daemon).is_kept_by("orders.1", "orders", 1)
        daemon.kill()
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.2", "orders", 2)


def what_is_named_no_more_stays():
    with _directory() as data:
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.1", "orders", 1)
        with Daemon(config="", data=data) as daemon:
            daemon.wait_log('stream_released stream=orders meaning="the configuration does not name it any more; it stays"')
            Publisher(daemon).is_kept_by("orders.2", "orders", 2)
        with Daemon(config="", data=data) as daemon:
            daemon.wait_log("stream_opened stream=orders")
            equal([line for line in daemon.log_lines() if "stream_released" in line], [], "said again")
        with Daemon(config=ORDERS + "age_max = 1h\n", data=data) as daemon:
            daemon.wait_log("stream_changed stream=orders")
            Publisher(daemon).is_kept_by("orders.3", "orders", 3)
            equal(_streams(daemon)["orders"]["age_max_ms"], 3600000)


def a_reload_adds_and_changes_and_takes_nothing_away():
    with Daemon(config=ORDERS, data=True) as daemon:
        publish = Publisher(daemon)
        publish.is_kept_by("orders.1", "orders", 1)
        _reload(daemon, ORDERS + "messages_max = 2\n[stream log]\ntopics = log.>\n")
        for sequence in (1, 2):
            publish.is_kept_by("log.a", "log", sequence)
        for sequence in (2, 3, 4):
            publish.is_kept_by("orders.a", "orders", sequence)
        equal(_streams(daemon)["orders"]["messages"], 2)
        _reload(daemon, ORDERS)
        publish.is_kept_by("log.a", "log", 3)
        publish.is_kept_by("orders.a", "orders", 5)
        equal(_streams(daemon)["orders"]["messages"], 3)


def every_worker_knows_of_it_when_the_reload_is_done():
    with Daemon(config="", data=True) as daemon:
        publishers = [Publisher(daemon) for _ in range(8)]
        for number in range(10):
            _reload(daemon, "".join(f"[stream s{i}]\ntopics = s{i}.>\nstorage = memory\n" for i in range(number + 1)))
            for sequence, publish in enumerate(publishers, 1):
                publish.is_kept_by(f"s{number}.a", f"s{number}", sequence)


def _reload(daemon, text):
    mark = daemon.log_count()
    daemon.reload(text)
    daemon.wait_log(" reloaded ", since=mark)


def _refused_reload(daemon, text):
    mark = daemon.log_count()
    daemon.reload(text)
    return daemon.wait_log('reload_failed error="(.*)" action="nothing has changed"', since=mark).group(1)


def a_topic_may_move_to_another_stream():
    with Daemon(config="[stream a]\ntopics = x, y\n[stream b]\ntopics = z\n", data=True) as daemon:
        publish = Publisher(daemon)
        publish.is_kept_by("y", "a", 1)
        _reload(daemon, "[stream a]\ntopics = x\n[stream b]\ntopics = y, z\n[stream c]\ntopics = w\n")
        publish.is_kept_by("y", "b", 1)
        _reload(daemon, "[stream a]\ntopics = x, w\n[stream b]\ntopics = z\n[stream c]\ntopics = y\n")
        publish.is_kept_by("y", "c", 1)
        publish.is_kept_by("w", "a", 2)


CONFLICTS = [
    ("storage = memory\n", r"\[stream orders\]: the storage of a stream cannot be changed; let the configuration say of it what the "
     r"stream was made with, or take it out of the configuration, and remove the stream with its messages: posthorn stream remove orders"),
    ("retention = workqueue\n", r"\[stream orders\]: the retention of a stream cannot be changed; "),
    ("[stream b]\ntopics = *.new\n", r"expected topics that no other stream keeps; \*\.new overlaps orders\.> of \[stream orders\]"),
]


def what_does_not_agree_is_explained_at_a_reload():
    with Daemon(config=ORDERS, data=True) as daemon:
        publish = Publisher(daemon)
        for text, says in CONFLICTS:
            why = _refused_reload(daemon, ORDERS + text)
            if not re.search(says, why):
                raise AssertionError(f"{text!r} is refused with {why!r}, wanted {says!r}")
        publish.is_kept_by("orders.1", "orders", 1)
        _reload(daemon, "")
        equal(re.sub(r"^\[stream b\]: ", "", _refused_reload(daemon, "[stream b]\ntopics = orders.*.paid\n")),
              "orders.*.paid overlaps orders.>, which the stream orders keeps; give it other topics, or remove that stream with its "
              "messages, which the configuration does not name: posthorn stream remove orders")


def what_does_not_agree_is_explained_at_the_start():
    with _directory() as data:
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.1", "orders", 1)
        for text, says in CONFLICTS:
            _refused(BAD_CONFIGURATION, says, config=ORDERS + text, data=data)
        _refused(BAD_CONFIGURATION, r"\[stream b\]: \*\.new overlaps orders\.>, which the stream orders keeps",
                 config="[stream b]\ntopics = *.new\n", data=data)
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.2", "orders", 2)


def _refused(code, says, **settings):
    ended, log = refused_start(**settings)
    equal(ended, code, f"exit code; the log: {log}")
    if not re.search(says, log):
        raise AssertionError(f"wanted {says!r}, got {log}")


def two_daemons_do_not_share_a_directory():
    with _directory() as data:
        with Daemon(config=ORDERS, data=data) as daemon:
            _refused(CANNOT_USE, f'start_refused error="the directory {data} is in use by another posthornd; stop that one, or name another '
                     'directory as server.data_dir"', config=ORDERS, data=data)
            Publisher(daemon).is_kept_by("orders.1", "orders", 1)
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.2", "orders", 2)


def a_directory_that_cannot_be_used_is_explained():
    with _directory() as data:
        _refused(CANNOT_USE, f"the directory {data}/deeper cannot be made: No such file or directory; make it", data=f"{data}/deeper")
        with open(data, "wb"):
            pass
        _refused(CANNOT_USE, f"the directory {data} cannot be used: Not a directory", data=data)


def a_directory_of_somebody_else_is_explained():
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)

    with _directory() as data:
        os.chmod(os.path.dirname(data), 0o755)
        os.mkdir(data, 0o700)
        if subprocess.run([os.environ["POSTHORND"], "--version"], preexec_fn=become_nobody, capture_output=True, check=False).returncode:
            raise Skip("the daemon cannot be run by others where it is")
        _refused(CANNOT_USE, f"the directory {data} cannot be used: Permission denied; give it to the user of posthornd", data=data,
                 prepare=become_nobody)
        _refused(CANNOT_USE, f"the directory {data}2 cannot be made: Permission denied", data=f"{data}2", prepare=become_nobody)


def without_a_directory_streams_are_in_memory():
    _refused(BAD_CONFIGURATION, r"\[stream orders\]: there is no directory for its files; name one, as server\.data_dir, or say storage = memory",
             config=ORDERS)
    with Daemon(config=ORDERS + "storage = memory\n") as daemon:
        Publisher(daemon).is_kept_by("orders.1", "orders", 1)


def the_service_manager_may_name_the_directory():
    with _directory() as data:
        with Daemon(config=ORDERS, env={"STATE_DIRECTORY": f"{data}:/somewhere/else"}) as daemon:
            Publisher(daemon).is_kept_by("orders.1", "orders", 1)
        equal(sorted(os.listdir(os.path.join(data, "streams"))), ["orders"])


def nobody_else_may_read_it():
    with _directory() as data:
        with Daemon(config=ORDERS, data=data, prepare=lambda: os.umask(0)) as daemon:
            Publisher(daemon).is_kept_by("orders.1", "orders", 1)
        for folder, _, names in os.walk(data):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                if os.stat(path).st_mode & (stat.S_IRWXO | stat.S_IWGRP):
                    raise AssertionError(f"{path} has mode {os.stat(path).st_mode:o}")


def a_damaged_database_is_explained():
    with _directory() as data:
        with Daemon(config=ORDERS, data=data):
            pass
        with open(os.path.join(data, "meta.db"), "r+b") as file:
            file.write(b"nonsense" * 100)
        _refused(CANNOT_USE, r"meta\.db is damaged \(.*\); bring back a copy of it, or move it away.*\(in " + re.escape(data), config=ORDERS,
                 data=data)
        os.rename(os.path.join(data, "meta.db"), os.path.join(data, "meta.old"))
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.1", "orders", 1)


def a_stream_whose_settings_are_lost_comes_back_by_its_name():
    with _directory() as data:
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.1", "orders", 1)
        for name in os.listdir(data):
            if name.startswith("meta.db"):
                os.unlink(os.path.join(data, name))
        with Daemon(config="", data=data) as daemon:
            daemon.wait_log(f'stream_unknown path="{data}/streams/orders" action="name it in the configuration to have it back"')
        with Daemon(config=ORDERS, data=data) as daemon:
            Publisher(daemon).is_kept_by("orders.2", "orders", 2)


def numbers_of_streams_are_counted():
    with Daemon(config=ORDERS, data=True) as daemon:
        publish = Publisher(daemon)
        for sequence in range(1, 6):
            publish.is_kept_by("orders.a", "orders", sequence)
        with Http(daemon) as http:
            text = http.get("/metrics").check(200).body.decode()
        samples = dict(re.findall(r"^posthorn_(\S+) (\S+)$", text, re.M))
        for name, wanted in (("messages", 5), ("last_sequence", 5), ("topics", 1), ("uncommitted", 0), ("consumers", 0), ("well", 1)):
            equal(float(samples[f'stream_{name}{{stream="orders"}}']), wanted, name)
        for name in ("store_commits_total", "store_syncs_total", "store_sync_seconds_total", "store_written_bytes_total", "meta_commits_total"):
            if float(samples[name]) <= 0:
                raise AssertionError(f"{name} is {samples[name]}")


def the_configuration_can_be_checked_beforehand():
    with _directory() as folder:
        os.mkdir(folder)
        path = os.path.join(folder, "posthornd.ini")
        for text, code, says in ((ORDERS, 0, "^the configuration is good\n$"),
                                 (ORDERS + "allow_rollup = yes\ndeny_purge = yes\n", BAD_CONFIGURATION, r"^posthornd: \[stream orders\]: roll-ups"),
                                 ("[stream a.b]\ntopics = a\n", BAD_CONFIGURATION, r"posthornd\.ini:1: \[stream a\.b\]: expected a NAME without a dot")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([os.environ["POSTHORND"], "--config", path, "--check-config"], capture_output=True, text=True, check=False)
            equal(done.returncode, code, done.stderr)
            if not re.search(says, done.stdout + done.stderr):
                raise AssertionError(done.stdout + done.stderr)


if __name__ == "__main__":
    main(what_is_named_keeps_messages_and_a_restart_keeps_those, streams_at_rest_take_no_time, a_killed_daemon_leaves_no_lock, what_is_named_no_more_stays,
         a_reload_adds_and_changes_and_takes_nothing_away, every_worker_knows_of_it_when_the_reload_is_done,
         a_topic_may_move_to_another_stream, what_does_not_agree_is_explained_at_a_reload, what_does_not_agree_is_explained_at_the_start,
         two_daemons_do_not_share_a_directory, a_directory_that_cannot_be_used_is_explained, a_directory_of_somebody_else_is_explained,
         without_a_directory_streams_are_in_memory, the_service_manager_may_name_the_directory, nobody_else_may_read_it,
         a_damaged_database_is_explained, a_stream_whose_settings_are_lost_comes_back_by_its_name, numbers_of_streams_are_counted,
         the_configuration_can_be_checked_beforehand)
