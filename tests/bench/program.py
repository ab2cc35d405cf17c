"""A daemon of ours over a directory that outlives it: started, stopped, killed, and looked at."""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time

from servers import HOST, free_port

STOP_S = 30


class Program:
    """with Program(program, directory, settings) as broker: ... At the end the directory goes, too. took_s: from the start to the ready line."""

    def __init__(self, program, directory, settings):
        self.program, self.directory, self.settings = program, directory, settings
        self.port, self.http = free_port(), free_port()
        self.address = f'{HOST}:{self.port}'

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        settings = {'line.listen': self.address, 'http.listen': f'{HOST}:{self.http}', 'server.data_dir': self.directory, **self.settings}
        words = [word for key, value in settings.items() for word in ('--set', f'{key}={value}')]
        with open(self.directory + '.log', 'w+') as log:
            began = time.monotonic()
            self.process = subprocess.Popen([self.program, *words], stdout=subprocess.PIPE, stderr=log, text=True)
            line = self.process.stdout.readline()
            self.took_s = time.monotonic() - began
            if not line.startswith('ready '):
                log.seek(0)
                raise SystemExit(f'{self.program} did not start: {log.read()[-2000:]}')
        return self

    def end(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def restart(self):
        self.kill()
        return self.start()

    def get(self, path):
        connection = http.client.HTTPConnection(HOST, self.http, timeout=10)
        connection.request('GET', path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def cpu_s(self):
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self, kind='RssAnon'):
        """Resident bytes: those that are its own, or, of VmRSS, files that it has mapped as well."""
        with open(f'/proc/{self.process.pid}/status') as file:
            return int(re.search(kind + r':\s+(\d+) kB', file.read()).group(1)) * 1024

    def size(self):
        paths = (os.path.join(folder, name) for folder, _, names in os.walk(self.directory) for name in names)
        return sum(os.stat(path).st_blocks * 512 for path in paths)
