"""The load generators: each runs a shape once against a server and answers with a dictionary of figures.

natsload and sseload are generators of nobody's side: they speak the protocols of all peers, check every message that
comes back (length, order, tail) and read the server's CPU clock. Where they are not at hand, "posthorn bench" stands in
for the plain shapes: it counts messages and does not look into them, and knows the line protocol only.
"""
import json
import os
import subprocess

import hooks
from shapes import EVENTS, HOOKS, LINE, PAST, STREAMS

RUN_S = 120
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, '..', '..', '..', 'shared', 'tools')    # beside the repository


class Loads:
    """natsload for what speaks the line, sseload for what speaks HTTP, streamload for consumers of streams and for the limits of
    the machine."""
    name = 'natsload, sseload, streamload'
    LOOPBACK_SENDS, DISK_WRITES, WRK_S = 16384, 1500, 1

    def __init__(self, line, http, streams):
        self.line, self.http, self.streams = line, http, streams

    def program(self, shape):
        return self.line if shape.speaks == LINE else self.streams if shape.speaks in (STREAMS, PAST) else self.http

    def can(self, shape, peer):
        return bool(shape.arguments) and (shape.speaks == HOOKS or bool(self.program(shape))) and shape.speaks in peer.speaks

    def run(self, shape, server, messages, core):
        if shape.speaks == HOOKS:
            return self.run_hooks(shape, server, messages)
        if server.peer.limit:
            return self.run_limit(shape, server, core)
        command = [self.program(shape), f'127.0.0.1:{server.ports[shape.speaks]}', '--pid', server.pid,
                   *server.peer.speaks[shape.speaks], '--size', shape.size, *shape.arguments]
        if shape.speaks == PAST:
            command += ['--http', f'127.0.0.1:{server.ports[EVENTS]}']
        if messages:
            command += ['--messages' if shape.speaks == STREAMS else '--msgs', messages]
        return answer_of(command, core)

    def run_hooks(self, shape, server, messages):
        topic, connections = shape.arguments
        if server.peer.limit:
            return hooks.wrk(server.program, server.receiver, server.core, connections, shape.size, self.WRK_S)
        return hooks.deliver(server.receiver, server.ports[LINE], [topic], messages or shape.guess, shape.size)

    def run_limit(self, shape, server, core):
        """As many as fill about a second."""
        mode = server.peer.speaks[shape.speaks]
        return answer_of([self.streams, server.directory, *mode, '--size', shape.size, '--messages',
                          self.LOOPBACK_SENDS if 'loopback' in mode else self.DISK_WRITES], None if 'loopback' in mode else core)


class PosthornBench:
    name = 'posthorn bench'

    def __init__(self, program):
        self.program = program

    def can(self, shape, peer):
        return bool(shape.bench) and 'nats' in peer.speaks.get(LINE, ())

    def run(self, shape, server, messages, core):
        command = [self.program, 'bench', *shape.bench, '--json', '--size', shape.size, '--messages', messages,
                   '--server', f'nats://127.0.0.1:{server.ports[LINE]}']
        before_s = server.cpu_s()
        answer = answer_of(command, core)
        if 'fail' in answer:
            return answer
        count = answer['per_second'] * answer['seconds']
        cpu_s_per_m = (server.cpu_s() - before_s) * 1e6 / count
        return {'wall_s': answer['seconds'], 'recv_rate': answer['per_second'], 'cpu_s_per_m_pub': cpu_s_per_m,
                'cpu_s_per_m_recv': cpu_s_per_m}


def answer_of(command, core):
    """The JSON line that a generator prints; {'fail': why} where there is none."""
    if core is not None:
        command = ['taskset', '-c', core] + command
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=RUN_S)
    except subprocess.TimeoutExpired:
        return {'fail': f'no answer in {RUN_S} s'}
    if not done.stdout.startswith('{'):
        return {'fail': (done.stderr or done.stdout).strip()[-200:] or f'exit status {done.returncode}'}
    return json.loads(done.stdout)


def build(name, directory, sources=SOURCES):
    """Builds a generator from its source into directory; None where there is no source."""
    source = os.path.join(sources, name + '.c')
    if not os.path.exists(source):
        return None
    program = os.path.join(directory, name)
    compiler = os.environ.get('CC', 'cc')
    subprocess.run([compiler, '-O2', '-std=c11', '-D_GNU_SOURCE', '-pthread', '-o', program, source], check=True)
    return program
