"use strict";
/* An authority of our own and a certificate by it, for 127.0.0.1 and localhost, made by the openssl command. */
const { execFileSync, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

const can_make = !spawnSync("openssl", ["version"]).error;

/* { ca, certificate, key }: files in the directory. */
function makeCertificates(directory) {
    const file = (name) => path.join(directory, name);
    const openssl = (...words) => execFileSync("openssl", words, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
    openssl("req", "-x509", ...KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority of a test");
    openssl("req", ...KEY, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=receiver");
    fs.writeFileSync(file("extensions"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "extensions", "-out", "server.pem");
    return { ca: file("ca.pem"), certificate: file("server.pem"), key: file("server.key") };
}

module.exports = { can_make, makeCertificates };
