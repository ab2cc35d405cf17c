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
from dataclasses import dataclass, field, replace

from shapes import CONFIG, DIRECTORY, EVENTS, HOOKS, LINE, PAST, POLLS, RECEIVER, STREAMS

HOST = '127.0.0.1'
READY_S = 10
QUIET_S = 5

NATS_CONFIG = 'listen: "127.0.0.1:{port}"\nmax_connections: 64K\n'
JETSTREAM_CONFIG = NATS_CONFIG + 'jetstream {{ store_dir: "{directory}", max_file_store: 16GB }}\n'
MOSQUITTO_CONFIG = '''listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
set_tcp_nodelay true
persistence false
log_type error
user root
'''
NCHAN = '/usr/lib/nginx/modules/ngx_nchan_module.so'
NGINX_CONFIG = '''load_module {nchan};
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {directory}/pid;
error_log {directory}/error.log warn;
events {{ worker_connections 19000; use epoll; multi_accept on; }}
http {{
  access_log off;
  client_body_temp_path {directory}/1; proxy_temp_path {directory}/2; fastcgi_temp_path {directory}/3;
  uwsgi_temp_path {directory}/4; scgi_temp_path {directory}/5;
  keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on; client_body_buffer_size 64k;
  nchan_max_reserved_memory 512M;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /sub {{
      nchan_subscriber eventsource longpoll; nchan_channel_id 1; nchan_subscriber_first_message newest;
      nchan_subscriber_timeout 0; nchan_eventsource_ping_interval 0;
    }}
    location = /pub {{
      nchan_publisher; nchan_channel_id 1; nchan_message_buffer_length 4096; nchan_message_timeout 60s;
    }}
  }}
}}
'''


def posthornd_command(program, ports, directory, settings):
    listen = {'line.listen': f'{HOST}:{ports[LINE]}', 'http.listen': f'{HOST}:{ports[EVENTS]}'}
    sets = {**listen, 'server.workers': '1', **settings}
    sets = {key: value.replace(DIRECTORY, os.path.join(directory, 'data')) for key, value in sets.items()}
    file = ['--config', write(directory, sets.pop(CONFIG))] if CONFIG in sets else []
    return [program, *file] + [word for key, value in sets.items() for word in ('--set', f'{key}={value}')]


def nats_command(program, ports, directory, settings):
    return [program, '-c', write(directory, NATS_CONFIG.format(port=ports[LINE]))]


def jetstream_command(program, ports, directory, settings):
    return [program, '-c', write(directory, JETSTREAM_CONFIG.format(port=ports[LINE], directory=directory))]


def synced_redis_command(program, ports, directory, settings):
    return [program, '--bind', HOST, '--port', str(ports[LINE]), '--save', '', '--dir', directory, '--appendonly', 'yes',
            '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0']


def redis_command(program, ports, directory, settings):
    return [program, '--bind', HOST, '--port', str(ports[LINE]), '--save', '', '--appendonly', 'no', '--dir', directory,
            '--client-output-buffer-limit', 'pubsub 0 0 0', '--maxclients', '15000']


def mosquitto_command(program, ports, directory, settings):
    return [program, '-c', write(directory, MOSQUITTO_CONFIG.format(port=ports[LINE]))]


def nginx_command(program, ports, directory, settings):
    config = NGINX_CONFIG.format(nchan=NCHAN, directory=directory, port=ports[EVENTS])
    return [program, '-p', directory, '-c', write(directory, config)]


def paths(subscribe, publish, *more):
    return ['--sub-path', subscribe, '--pub-path', publish, *more]


@dataclass(frozen=True)
class Peer:
    program: str                    # as it is looked for
    command: object                 # makes the command line: (program, ports, directory, settings) -> words
    speaks: dict                    # what the generator is told, for what a shape's readers speak
    packages: str = ''              # of Debian
    version: tuple = ('--version',)
    module: str = ''                # a file that it needs besides
    settings: dict = field(default_factory=dict)     # whatever the shape says
    forks: bool = False             # its first child does the work
    limit: bool = False             # no server but what the machine can do, which streamload or the program measures


NATS, REDIS, MQTT = (['--proto', name] for name in ('nats', 'redis', 'mqtt'))
TOPIC = '/v1/topics/bench'
POSTHORND = Peer('posthornd', posthornd_command, {
    LINE: NATS,
    STREAMS: [],
    PAST: [],
    EVENTS: paths(TOPIC, TOPIC),
    POLLS: paths(f'{TOPIC}?wait=30s', TOPIC, '--cursor', 'json:next>since'),
    HOOKS: [],
})

PEERS = {
    'posthornd': POSTHORND,
    'posthornd, no users': POSTHORND,
    'posthornd, recent off': replace(POSTHORND, settings={'recent.enabled': 'no'}),
    'posthornd, recent on': replace(POSTHORND, settings={'recent.enabled': 'yes'}),
    'nats-server': Peer('nats-server', nats_command, {LINE: NATS}, 'nats-server'),
    'nats-server, JetStream': Peer('nats-server', jetstream_command, {LINE: NATS, STREAMS: []}, 'nats-server'),
    'redis-server, synced': Peer('redis-server', synced_redis_command, {LINE: REDIS}, 'redis-server'),
    'disk': Peer('', None, {LINE: ['--mode', 'disk']}, limit=True),
    'loopback': Peer('', None, {PAST: ['--mode', 'loopback']}, limit=True),
    'nginx': Peer('nginx', nginx_command, {
        EVENTS: paths('/sub', '/pub'),
        POLLS: paths('/sub', '/pub', '--cursor', 'nchan'),
    }, 'nginx-light libnginx-mod-nchan', ('-v',), module=NCHAN, forks=True),
    'wrk': Peer('wrk', None, {HOOKS: []}, 'wrk nginx-light', ('-v',), module='/usr/sbin/nginx', limit=True),
    'redis-server': Peer('redis-server', redis_command, {LINE: REDIS}, 'redis-server'),
    'mosquitto': Peer('mosquitto', mosquitto_command, {LINE: MQTT}, 'mosquitto', ('-h',)),
}


def write(directory, text):
    path = os.path.join(directory, 'server.conf')
    with open(path, 'w') as file:
        file.write(text)
    return path


def find(name):
    """The server's program, or None where it or its module is not installed; /usr/sbin is not in everybody's path."""
    peer = PEERS[name]
    if not peer.program:
        return name
    if peer.module and not os.path.exists(peer.module):
        return None
    return find_program(peer.program)


def find_program(name):
    return shutil.which(name) or shutil.which(name, path='/usr/sbin:/usr/local/sbin:/sbin')


def version(name, program):
    peer = PEERS[name]
    answer = subprocess.run([program, *peer.version], capture_output=True, text=True)
    found = re.search(r'\d+\.\d+\.\d+', answer.stdout + answer.stderr)
    return (found.group() if found else 'of unknown version') + (f' with {module_version(peer.module)}' if peer.module else '')


def module_version(path):
    """A program says it. nchan prints "nchan version: %s" somewhere, and its version stands by itself among its strings."""
    if not path.endswith('.so'):
        answer = subprocess.run([path, '-v'], capture_output=True, text=True)
        return f'{os.path.basename(path)} {re.search(r"[0-9.]+[0-9]", answer.stdout + answer.stderr).group()}'
    with open(path, 'rb') as file:
        found = re.search(rb'\0(\d+\.\d+\.\d+)\0', file.read())
    return f'nchan {found.group(1).decode()}' if found else 'nchan'


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def raise_descriptors():
    """As many descriptors as are allowed: ten thousand connections need them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def first_child(pid):
    """None where it has none yet."""
    with open(f'/proc/{pid}/task/{pid}/children') as file:
        children = file.read().split()
    return int(children[0]) if children else None


class Server:
    """with Server('nats-server', program, core=0) as server: server.ports, server.pid (of what does the work)"""

    def __init__(self, name, program, core=None, settings=None, receiver=None):
        self.name, self.program, self.core, self.receiver = name, program, core, receiver
        self.peer = PEERS[name]
        self.settings = {**(settings or {}), **self.peer.settings}
        if receiver:
            self.settings = {key: value.replace(RECEIVER, receiver.url) for key, value in self.settings.items()}

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix='posthorn-bench-')
        self.ports = {LINE: free_port(), EVENTS: free_port()}
        self.ports.update({POLLS: self.ports[EVENTS], STREAMS: self.ports[LINE], PAST: self.ports[LINE],
                           HOOKS: self.ports[LINE]})
        if self.peer.limit:
            return self
        self.command = self.peer.command(self.program, self.ports, self.directory, self.settings)
        if self.core is not None:
            self.command = ['taskset', '-c', str(self.core)] + self.command
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        self.log = open(os.path.join(self.directory, 'log'), 'w+')
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            self.pid = first_child(self.process.pid) if self.peer.forks else self.process.pid
            if self.pid and self.listens():
                return
            time.sleep(0.02)
        self.log.seek(0)
        raise SystemExit(f'{self.name} did not start:\n{self.log.read()[-2000:]}')

    def listens(self):
        try:
            for port in {self.ports[speaks] for speaks in self.peer.speaks}:
                socket.create_connection((HOST, port), 1).close()
            return True
        except OSError:
            return False

    def cpu_s(self):
        """CPU time so far, exact: the clock that clock_getcpuclockid(3) would name."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def wait_until_quiet(self):
        """Lets the server clear away what its last clients left behind, so that no other server's run pays for it."""
        if self.peer.limit:
            return
        deadline = time.monotonic() + QUIET_S
        before, now = -1.0, self.cpu_s()
        while now - before > 0.001 and time.monotonic() < deadline:
            time.sleep(0.02)
            before, now = now, self.cpu_s()

    def __exit__(self, *_):
        if not self.peer.limit:
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
