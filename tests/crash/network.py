"""Network namespaces of a test's own, and links between them that can be cut: for what happens to connections when packets vanish.

A namespace lives as long as a process of ours in it; a daemon is started there by Daemon(prepare=space.enter). Unix sockets belong
to no namespace, so a test speaks with all daemons by them, whatever becomes of the links. Needs `unshare`, `nsenter` and `ip`, and
the right to make namespaces: root has it mostly, others in a user namespace, where that is allowed.
"""

import ctypes
import os
import shutil
import subprocess
import sys

from harness import DEADLINE_S, Skip, until

NOBODY = "02:00:00:00:00:99"  # a hardware address that no interface here has
_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace():
    """Where namespaces may not be made, they may be in a user namespace of our own: this program starts itself anew there. Where
    that may not be either, it says so and ends with 77."""
    missing = [name for name in ("unshare", "nsenter", "ip") if not shutil.which(name)]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed (util-linux, iproute2)")
        sys.exit(77)
    refusal = _refusal()
    if not refusal:
        return
    if "in_namespace" in os.environ or subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        print(f"skipped: no network namespaces with links can be made here, as root or in a user namespace: {refusal}")
        sys.exit(77)
    os.environ["in_namespace"] = "1"
    os.execvp("unshare", ["unshare", "-rn", sys.executable, *sys.argv])


def _refusal():
    """Why they cannot be made; "": they can."""
    try:
        with Space() as one, Space() as two, Link(one, two, "10.77.255"):
            return ""
    except Skip as reason:
        return str(reason)


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"{' '.join(command)}: {done.stderr.strip()}")


class Space:
    """A network namespace, with its loopback."""

    def __init__(self):
        # The process ends when this one does, whatever way that goes: nobody writes to its input any more.
        self.holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.path = f"/proc/{self.holder.pid}/ns/net"
        until(self._is_another, "a network namespace")
        if self.holder.poll() is not None:
            raise Skip(f"unshare -n: {self.holder.stderr.read().decode().strip()}")
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self.run("ip", "link", "set", "lo", "up")

    def _is_another(self):
        """The process is in its namespace, or has ended without one."""
        try:
            return os.readlink(self.path) != os.readlink("/proc/self/ns/net")
        except FileNotFoundError:
            return self.holder.wait(DEADLINE_S) is not None

    def run(self, *command):
        _run("nsenter", f"--net={self.path}", *command)

    def enter(self):
        """In a child, before it becomes another program."""
        if _libc.setns(self._fd, 0):
            raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        os.close(self._fd)
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class End:
    """One end of a link."""

    def __init__(self, space, device, address):
        self.space, self.device, self.address = space, device, address
        self.other = None

    def ip(self, *words):
        self.space.run("ip", *words)

    def begin(self):
        self.ip("addr", "add", f"{self.address}/24", "dev", self.device)
        self.ip("link", "set", self.device, "up")

    # the ways of cutting, and mending

    def down(self):
        """Its own side sees a network that is not there, the other a cable that is not plugged in."""
        self.ip("link", "set", self.device, "down")

    def up(self):
        self.ip("link", "set", self.device, "up")

    def mute(self):
        """What it sends goes to nobody: no error, no reset, no answer."""
        self.ip("neigh", "replace", self.other.address, "lladdr", NOBODY, "dev", self.device, "nud", "permanent")

    def speak(self):
        self.ip("neigh", "del", self.other.address, "dev", self.device)


class Link:
    """A cable between two namespaces. network: the first three numbers of its addresses, which end in .1 and .2."""

    _count = 0

    def __init__(self, one, two, network):
        Link._count += 1
        names = [f"v{os.getpid() % 100000}x{Link._count}{side}" for side in "ab"]
        _run("ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1])
        self.ends = [End(space, name, f"{network}.{number + 1}") for number, (space, name) in enumerate(zip((one, two), names))]
        self.ends[0].other, self.ends[1].other = self.ends[1], self.ends[0]
        for end in self.ends:
            _run("ip", "link", "set", end.device, "netns", str(end.space.holder.pid))
        for end in self.ends:
            end.begin()

    def mute(self):
        for end in self.ends:
            end.mute()

    def speak(self):
        for end in self.ends:
            end.speak()

    def close(self):
        """With the namespaces it goes anyway."""
        self.ends[0].ip("link", "del", self.ends[0].device)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
