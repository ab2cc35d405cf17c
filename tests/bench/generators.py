"""The load generators: each runs a shape once against a server and answers with a dictionary of figures.

natsload is a generator of nobody's side: it speaks the protocols of all peers, checks every message that comes back
(length, order, tail) and reads the server's CPU clock.
"""
import json
import os
import subprocess
import tempfile

RUN_S = 120
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, '..', '..', '..', 'shared', 'tools')    # beside the repository


class Natsload:
    name = 'natsload'

    def __init__(self, program):
        self.program = program

    def can(self, shape, server):
        return True

    def run(self, shape, server, messages, core):
        command = [self.program, f'127.0.0.1:{server.port}', '--pid', server.pid, '--proto', server.protocol,
                   '--size', shape.size] + shape.arguments
        if messages:
            command += ['--msgs', messages]
        return answer_of(command, core)


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


def natsload_build(directory):
    """Builds natsload from its sources beside the repository into directory; None where there are no sources."""
    source = os.path.join(SOURCES, 'natsload.c')
    if not os.path.exists(source):
        return None
    program = os.path.join(directory, 'natsload')
    subprocess.run([os.environ.get('CC', 'cc'), '-O2', '-std=c11', '-D_GNU_SOURCE', '-pthread', '-o', program, source], check=True)
    return program
