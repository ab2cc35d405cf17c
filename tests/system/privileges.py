#!/usr/bin/env python3
"""What the daemon has given up when it serves, and who may read what it writes."""

import os
import re
import stat

from harness import ORACLE, Daemon, Skip, equal, main
from jet import Jet
from sidecar import Sidecar
from web import Http

NOBODY = 65534


def _only_posthornd():
    if ORACLE:
        raise Skip("of posthornd only")


def _as_nobody():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _core_limit(daemon):
    return re.search(r"Max core file size +(\S+) +(\S+)", daemon._proc("limits")).groups()


def _is_sanitized(daemon):
    return re.search(r"lib[atl]san", daemon._proc("maps"))


def nothing_that_it_starts_could_have_more_rights():
    _only_posthornd()
    with Daemon() as daemon, Sidecar(daemon) as sidecar:
        for each in (daemon, sidecar):
            equal(re.search(r"NoNewPrivs:\s+(\d)", each._proc("status")).group(1), "1", "NoNewPrivs")


def secrets_do_not_get_into_core_dumps():
    """Undumpable: what /proc says of it belongs to root, whoever it runs as."""
    _only_posthornd()
    with Daemon("server.core_dumps=no", prepare=_as_nobody) as daemon:
        equal(_core_limit(daemon), ("0", "0"), "limit of core dumps")
        if not _is_sanitized(daemon):
            equal(os.stat(f"/proc/{daemon.pid}/mem").st_uid, 0, "owner of its memory")
        daemon.client().flush()
    with Daemon("server.core_dumps=yes", prepare=_as_nobody) as daemon:
        equal(os.stat(f"/proc/{daemon.pid}/mem").st_uid, os.getuid() or NOBODY, "owner of its memory, where dumps are asked for")
    with Daemon() as broker, Sidecar(broker, "server.core_dumps=no", prepare=_as_nobody) as sidecar:
        equal(_core_limit(sidecar), ("0", "0"), "limit of a sidecar's core dumps")
        equal(len(os.listdir(f"/proc/{sidecar.pid}/fd")) > 0, True, "it can see its own files")


def what_is_kept_is_for_the_daemon_alone():
    """Directories 0700, files 0600, whatever the umask allows."""
    _only_posthornd()
    with Daemon(data=True, prepare=lambda: os.umask(0)) as daemon:
        jet = Jet(daemon)
        jet.stream("S", ["s.>"])
        jet.client.publish("s.a", b"x", reply=f"{jet.prefix}.9")
        jet.answer(9)
        with Http(daemon) as web:
            web.post("/v1/webhooks", b'{"name":"w","url":"http://127.0.0.1:9/","pattern":"s.>"}', {"Content-Type": "application/json"})
        top, seen = daemon.options["server.data_dir"], 0
        for folder, _, names in os.walk(top):
            equal(oct(stat.S_IMODE(os.stat(folder).st_mode)), oct(0o700), f"mode of {folder}")
            for name in names:
                seen += 1
                equal(oct(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)), oct(0o600), f"mode of {name}")
        if seen < 3:
            raise AssertionError(f"{seen} files; nothing was tested")
        return f"{seen} files"


if __name__ == "__main__":
    main(nothing_that_it_starts_could_have_more_rights, secrets_do_not_get_into_core_dumps, what_is_kept_is_for_the_daemon_alone)
