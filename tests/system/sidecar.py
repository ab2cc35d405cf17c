"""A sidecar of a test's own, in the manner of harness.py.

The environment: POSTHORN_SIDECAR, the program under test, besides what harness.py asks for.
"""

import os

from harness import LOOPBACK, Daemon


class Sidecar(Daemon):
    """A posthorn-sidecar before a broker, which is a Daemon, an address, or a list of addresses. In all else a Daemon."""

    def __init__(self, broker, *options, up=True, **settings):
        """options and settings: those of Daemon. up: wait until the broker has been reached. The broker's HTTP is given
        where it has some, and SIGTERM ends it at once."""
        addresses = [broker.line[0]] if isinstance(broker, Daemon) else [broker] if isinstance(broker, str) else broker
        own = ["server.stop_grace=off", f"uplink.url={','.join(addresses)}", "uplink.reconnect_wait=20ms",
               "uplink.reconnect_wait_max=200ms"]
        if isinstance(broker, Daemon) and broker.http:
            own.append(f"uplink.http=http://{broker.http[0]}")
        super().__init__(*own, *options, **settings)
        if up:
            self.wait_up()

    def _command(self, listen, http, log_level, config):
        program = os.environ.get("POSTHORN_SIDECAR")
        if not program:
            raise SystemExit("POSTHORN_SIDECAR must name the sidecar to test")
        command = [program]
        if config is not None:
            self.config_path = os.path.join(self.dir, "posthorn-sidecar.ini")
            self.write_config(config)
            command += ["--config", self.config_path]
        settings = {"server.log_level": log_level, "line.listen": listen, "http.listen": http, "http.drain_duration": "0",
                    **self.options}
        for option, value in settings.items():
            if value is not None:
                command += ["--set", f"{option}={value}"]
        return command

    def wait_up(self, since=0):
        """Waits until it is connected to the broker; since: a mark of log_count()."""
        self.wait_log(r" uplink_up ", since=since)

    def wait_down(self, since=0):
        self.wait_log(r" uplink_down ", since=since)


def port_of(address):
    """The port of an address, for a broker that is to come back there."""
    return int(address.rpartition(":")[2])


def same_place(address):
    """Where a broker that has gone is started again: its address, as listen= takes it."""
    return address if address.startswith("unix:") else LOOPBACK.replace(":0", f":{port_of(address)}")
