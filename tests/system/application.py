"""The application behind a sidecar (application.js), for the tests that have one: it is started, killed, started again on its port,
made sick and well, and has a journal of what it was sent."""

import json
import os
import signal
import subprocess
import tempfile

from harness import DEADLINE_S, Skip, equal, until


class Application:
    """As a context manager it is ended at the end."""

    def __init__(self, start=True):
        self.dir = tempfile.mkdtemp(prefix="posthorn-application-")
        self.journal = os.path.join(self.dir, "journal")
        self.port, self.process = 0, None
        if start:
            self.start()

    def start(self):
        node = os.environ.get("NODE")
        if not node:
            raise Skip("there is no node")
        script = os.path.join(os.path.dirname(os.path.realpath(__file__)), "application.js")
        self.process = subprocess.Popen([node, script, str(self.port), self.journal], stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        equal(line[:6], "ready ", "first word of the application")
        self.port = int(line[6:])

    def reserve(self):
        """A port to be, where nobody listens."""
        self.start()
        self.kill()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.wait_dead()

    def wait_dead(self):
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self.process = None

    def be_sick(self):
        with open(self.journal + ".sick", "w", encoding="ascii"):
            pass

    def be_well(self):
        os.unlink(self.journal + ".sick")

    # what it has seen

    def entries(self):
        try:
            with open(self.journal, encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def events(self):
        """What was posted to it, in order; each attempt is one."""
        return [entry for entry in self.entries() if "id" in entry]

    def ids(self):
        return [event["id"] for event in self.events()]

    def most(self):
        """How many it had at once, at most."""
        return max((entry.get("now", 0) for entry in self.entries()), default=0)

    def wait_events(self, count, deadline_s=DEADLINE_S):
        """The first events, when there are so many."""
        until(lambda: len(self.events()) >= count, f"{count} events, only {self.ids()[-20:]}", deadline_s)
        return self.events()

    def wait_done(self, count, deadline_s=DEADLINE_S):
        """So many are answered."""
        until(lambda: sum("done" in entry for entry in self.entries()) >= count, f"{count} events done", deadline_s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
