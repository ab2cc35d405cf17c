"""Certificates for tests, made by openssl(1): a CA, and whatever it has signed, as PEM files in a directory.

    ca = Authority(directory)
    server = ca.issue("server", names=["127.0.0.1", "localhost"])      # server.certificate, server.key
    client = ca.issue("alice", subject="/O=Example/CN=alice")
"""

import collections
import ipaddress
import os
import shutil
import subprocess
import time

from harness import Skip

Certificate = collections.namedtuple("Certificate", "certificate key")

CONFIG = """[ca]
default_ca = ca
[ca]
new_certs_dir = {dir}
database = {dir}/index.txt
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
countryName = optional
organizationName = optional
commonName = optional
[req]
distinguished_name = none
[none]
"""
DAY_S = 86400


def openssl(*words):
    """Runs it; it must succeed."""
    if not shutil.which("openssl"):
        raise Skip("no openssl")
    done = subprocess.run(["openssl", *words], capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(words)}: {done.stderr.decode()}")


def date(seconds_from_now):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds_from_now))


class Authority:
    """A CA; its certificate is the file `certificate`."""

    def __init__(self, directory, name="ca"):
        self.dir = os.path.join(directory, name)
        os.mkdir(self.dir)
        self.certificate, self.key, self._config = self._path("ca.pem"), self._path("ca.key"), self._path("ca.cnf")
        with open(self._config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(dir=self.dir))
        with open(self._path("index.txt"), "w", encoding="ascii"):
            pass
        openssl("req", "-config", self._config, "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name} of the tests", "-days", "3650", "-keyout", self.key, "-out", self.certificate,
                "-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def _path(self, name):
        return os.path.join(self.dir, name)

    def issue(self, file, names=(), subject=None, purposes="serverAuth,clientAuth", begin_s=-DAY_S, end_s=365 * DAY_S):
        """A certificate for hosts, addresses and e-mail addresses, as the files FILE.pem and FILE.key; begin and end from now on."""
        key, request, extensions, out = (self._path(file + end) for end in (".key", ".csr", ".ext", ".pem"))
        with open(extensions, "w", encoding="ascii") as text:
            text.write(f"basicConstraints = CA:false\nextendedKeyUsage = {purposes}\n")
            if names:
                text.write(f"subjectAltName = {','.join(_alternative(name) for name in names)}\n")
        openssl("req", "-config", self._config, "-utf8", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", subject or f"/CN={file}", "-keyout", key, "-out", request)
        openssl("ca", "-config", self._config, "-batch", "-notext", "-cert", self.certificate, "-keyfile", self.key, "-in", request,
                "-out", out, "-extfile", extensions, "-startdate", date(begin_s), "-enddate", date(end_s), "-preserveDN")
        os.chmod(key, 0o600)
        return Certificate(out, key)


def _alternative(name):
    if "@" in name:
        return f"email:{name}"
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"
