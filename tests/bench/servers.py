"""The servers that are measured: how each is started on a free port of the loopback, pinned, and stopped."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HOST = '127.0.0.1'
READY_S = 10
QUIET_S = 5

NATS_CONFIG = 'listen: "127.0.0.1:{port}"\nmax_connections: 64K\n'
MOSQUITTO_CONFIG = '''listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
set_tcp_nodelay true
persistence false
log_type error
user root
'''


def posthornd_command(program, port, directory, settings):
    sets = {'line.listen': f'{HOST}:{port}', 'server.workers': '1', **settings}
    return [program] + [word for key, value in sets.items() for word in ('--set', f'{key}={value}')]


def nats_command(program, port, directory, settings):
    return [program, '-c', write(directory, NATS_CONFIG.format(port=port))]


def redis_command(program, port, directory, settings):
    return [program, '--bind', HOST, '--port', str(port), '--save', '', '--appendonly', 'no', '--dir', directory,
            '--client-output-buffer-limit', 'pubsub 0 0 0', '--maxclients', '15000']


def mosquitto_command(program, port, directory, settings):
    return [program, '-c', write(directory, MOSQUITTO_CONFIG.format(port=port))]


# name: the protocol that the generator speaks to it, its command, and where its version stands
PEERS = {
    'posthornd': ('nats', posthornd_command, ['--version']),
    'nats-server': ('nats', nats_command, ['--version']),
    'redis-server': ('redis', redis_command, ['--version']),
    'mosquitto': ('mqtt', mosquitto_command, ['-h']),
}


def write(directory, text):
    path = os.path.join(directory, 'server.conf')
    with open(path, 'w') as file:
        file.write(text)
    return path


def find(name):
    """The server's program, or None where it is not installed; /usr/sbin is not in everybody's path."""
    return shutil.which(name) or shutil.which(name, path='/usr/sbin:/usr/local/sbin:/sbin')


def version(name, program):
    answer = subprocess.run([program] + PEERS[name][2], capture_output=True, text=True)
    found = re.search(r'\d+\.\d+\.\d+', answer.stdout + answer.stderr)
    return found.group() if found else 'unknown version'


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def raise_descriptors():
    """As many descriptors as are allowed: ten thousand connections need them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Server:
    """with Server('nats-server', program, core=0) as server: server.port, server.pid, server.protocol"""

    def __init__(self, name, program, core=None, settings=None):
        self.name, self.program, self.core, self.settings = name, program, core, settings or {}
        self.protocol, self.command, _ = PEERS[name]

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix='posthorn-bench-')
        self.port = free_port()
        command = self.command(self.program, self.port, self.directory, self.settings)
        if self.core is not None:
            command = ['taskset', '-c', str(self.core)] + command
        self.log = open(os.path.join(self.directory, 'log'), 'w+')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection((HOST, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.log.seek(0)
        raise SystemExit(f'{self.name} did not start:\n{self.log.read()[-2000:]}')

    def cpu_s(self):
        """CPU time so far, exact: the clock that clock_getcpuclockid(3) would name."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def wait_until_quiet(self):
        """Lets the server clear away what its last clients left behind, so that no other server's run pays for it."""
        deadline = time.monotonic() + QUIET_S
        before, now = -1.0, self.cpu_s()
        while now - before > 0.001 and time.monotonic() < deadline:
            time.sleep(0.02)
            before, now = now, self.cpu_s()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
