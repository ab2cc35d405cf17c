"use strict";
/*
 * etc/kubernetes and etc/Dockerfile, as people will apply them: the manifests against Kubernetes' own schemas (the package
 * kubernetes-models) without a field that these do not know; what they refer to is there; the configurations in them are
 * read by the programs themselves; what is said of sidecars, probes and rights holds.
 */
const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const os = require("node:os");
const path = require("node:path");
const { describe, it } = require("node:test");

const SOURCE = process.env.srcdir || path.join(__dirname, "../..");
const FOLDER = path.join(SOURCE, "etc/kubernetes");
const directory = path.resolve(process.env.CLIENT_PACKAGES || __dirname);
const requirePackage = createRequire(path.join(directory, "package.json"));
const YAML = requirePackage("yaml");
const MODELS = path.join(directory, "node_modules/kubernetes-models");

function readManifests(name) {
    const documents = YAML.parseAllDocuments(fs.readFileSync(path.join(FOLDER, name), "utf8"));
    return documents.map((document) => {
        assert.deepEqual(document.errors, [], name);
        return document.toJSON();
    });
}

const FILES = Object.fromEntries(fs.readdirSync(FOLDER).map((name) => [name, readManifests(name)]));
const OBJECTS = Object.values(FILES).flat();

/* The file that declares a kind, or a part of one. */
const fileOf = ({ apiVersion, kind }) => path.join(MODELS, apiVersion, kind);

/* ---- fields, as the package's declarations name them ---- */

/* The fields of the interface that a declaration file is about, each with its type. */
function declared(file) {
    const text = fs.readFileSync(`${file}.d.ts`, "utf8");
    const body = text.slice(text.indexOf("export interface ")).split("\n}\n")[0];
    const fields = new Map();
    for (const [, name, type] of body.matchAll(/^ {4}"(\S+)"\??: (.*)$/gm)) fields.set(name, type);
    return { fields, text };
}

/* Where a type is declared that a file imports; undefined: it is no object of fields. */
function importedFrom(file, text, type) {
    const name = type.match(/\bIIo\w+/)?.[0];
    const from = name && text.match(new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from "([^"]+)"`))?.[1];
    if (!from) return undefined;
    return from.startsWith(".") ? path.join(path.dirname(file), from) : path.join(MODELS, "..", from);
}

/* What the declarations spell out in place, though it is a kind. */
const SPELT_OUT = { volumeClaimTemplates: path.join(MODELS, "v1/PersistentVolumeClaim") };

function unknownFields(value, file, place) {
    const { fields, text } = declared(file);
    if (!fields.size) return []; /* a number or a text under a name of its own */
    return Object.entries(value).flatMap(([name, part]) => {
        const here = `${place}.${name}`;
        if (!fields.has(name)) return [here];
        const below = SPELT_OUT[name] || importedFrom(file, text, fields.get(name));
        if (!below || typeof part !== "object" || part === null) return [];
        const parts = Array.isArray(part) ? part : fields.get(name).startsWith("{") ? Object.values(part) : [part];
        return parts.flatMap((each) => (typeof each === "object" ? unknownFields(each, below, here) : []));
    });
}

const nameOf = (object) => `${object.kind} ${object.metadata.name}`;

function validate(object) {
    const Model = requirePackage(path.join("kubernetes-models", object.apiVersion, object.kind))[object.kind];
    new Model(object).validate();
}

describe("manifests keep to the schemas of Kubernetes", () => {
    for (const object of OBJECTS)
        it(nameOf(object), () => {
            validate(object);
            assert.deepEqual(unknownFields(object, fileOf(object), object.kind), []);
        });

    it("which refuse what is wrong", () => {
        const set = structuredClone(OBJECTS.find(({ kind }) => kind === "StatefulSet"));
        set.spec.template.spec.containers[0].livenessProb = {};
        set.spec.volumeClaimTemplates[0].spec.resources.request = {};
        assert.deepEqual(unknownFields(set, fileOf(set), set.kind), [
            "StatefulSet.spec.template.spec.containers.livenessProb",
            "StatefulSet.spec.volumeClaimTemplates.spec.resources.request",
        ]);
        set.spec.replicas = "one";
        assert.throws(() => validate(set));
    });
});

/* ---- what they say ---- */

const sets = OBJECTS.filter(({ kind }) => kind === "StatefulSet");
const podOf = (set) => set.spec.template.spec;
const containersOf = (set) => [...(podOf(set).initContainers || []), ...podOf(set).containers];

describe("manifests agree with themselves", () => {
    for (const set of sets) {
        it(`what ${nameOf(set)} selects is its own pods, and so do its services`, () => {
            const { labels } = set.spec.template.metadata;
            assert.deepEqual(set.spec.selector.matchLabels, labels);
            const services = OBJECTS.filter(({ kind, spec }) => kind === "Service" && isWithin(spec.selector, labels));
            assert.ok(services.some(({ metadata }) => metadata.name === set.spec.serviceName));
            const ports = new Set(containersOf(set).flatMap(({ ports = [] }) => ports.map(({ name }) => name)));
            for (const { spec } of services) for (const { targetPort } of spec.ports) assert.ok(ports.has(targetPort), targetPort);
        });

        it(`what ${nameOf(set)} mounts is there`, () => {
            const volumes = podOf(set).volumes.map(({ name }) => name);
            const claims = set.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name);
            const mounted = containersOf(set).flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name));
            assert.deepEqual([...new Set(mounted)].sort(), [...volumes, ...claims].sort());
            const maps = OBJECTS.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata.name);
            for (const { configMap } of podOf(set).volumes) if (configMap) assert.ok(maps.includes(configMap.name));
        });

        it(`${nameOf(set)} asks for no rights`, () => {
            assert.equal(podOf(set).securityContext.runAsNonRoot, true);
            assert.equal(podOf(set).automountServiceAccountToken, false);
            for (const { name, securityContext } of containersOf(set)) {
                assert.equal(securityContext.allowPrivilegeEscalation, false, name);
                assert.deepEqual(securityContext.capabilities.drop, ["ALL"], name);
            }
        });
    }
});

function isWithin(part, whole) {
    return Object.entries(part).every(([name, value]) => whole[name] === value);
}

describe("the application's sidecar", () => {
    const [set] = FILES["application.yaml"].filter(({ kind }) => kind === "StatefulSet");
    const sidecar = podOf(set).initContainers.find(({ image }) => image.startsWith("posthorn-sidecar"));
    const application = podOf(set).containers[0];
    const at = ({ volumeMounts }, name) => volumeMounts.find((mount) => mount.name === name);

    it("is a native one, with all three probes", () => {
        assert.equal(sidecar.restartPolicy, "Always");
        for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) assert.ok(sidecar[probe], probe);
    });

    it("shares sockets and logs with the application, and keeps what waits on a volume of the pod's own", () => {
        const config = FILES["application.yaml"].find(({ kind }) => kind === "ConfigMap").data["posthorn-sidecar.ini"];
        for (const shared of ["sockets", "logs"])
            assert.equal(at(sidecar, shared).mountPath, at(application, shared).mountPath);
        assert.ok(at(sidecar, "logs").readOnly);
        assert.ok(set.spec.volumeClaimTemplates.some(({ metadata }) => metadata.name === "spool"));
        assert.equal(config.match(/^data_dir = (.*)$/m)[1], at(sidecar, "spool").mountPath);
        assert.equal(path.dirname(config.match(/^path = (.*)$/m)[1]), at(sidecar, "logs").mountPath);
        for (const [, socket] of config.matchAll(/unix:([^,\s]+)/g))
            assert.equal(path.dirname(socket), at(sidecar, "sockets").mountPath);
        const socket = application.env.find(({ name }) => name === "POSTHORN_URL").value;
        assert.ok(config.includes(socket), socket);
        for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"])
            assert.ok(config.includes(`unix:${sidecar[probe].exec.command[3]}`), probe);
    });
});

/* A configuration as its program reads it. Files that it names are made where the text puts them. */
function check(program, text) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "posthorn-manifests-"));
    try {
        fs.writeFileSync(path.join(folder, "secret"), "a-token\n");
        const file = path.join(folder, "posthorn.ini");
        fs.writeFileSync(file, text.replace(/^(credentials_file = ).*$/m, `$1${folder}/secret`));
        execFileSync(program, ["--config", file, "--check-config"], { stdio: "pipe" });
    } finally {
        fs.rmSync(folder, { recursive: true });
    }
}

describe("configurations in the manifests", () => {
    const programs = { "posthornd.ini": process.env.POSTHORND, "posthorn-sidecar.ini": process.env.POSTHORN_SIDECAR };
    for (const { metadata, data } of OBJECTS.filter(({ kind }) => kind === "ConfigMap"))
        for (const [name, text] of Object.entries(data))
            it(`${name} of ${metadata.name} is one`, () => {
                if (/^listen = 0\.0\.0\.0/m.test(text)) assert.throws(() => check(programs[name], text), /server\] open = yes/);
                else check(programs[name], text);
                check(programs[name], `${text}\n[user shop]\ntoken = a-token\n`);
                assert.throws(() => check(programs[name], text.replace("[line]", "[lime]")));
            });
});

/* ---- the images ---- */

describe("the Dockerfile", () => {
    const text = fs.readFileSync(path.join(SOURCE, "etc/Dockerfile"), "utf8").replace(/\\\n/g, " ");
    const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
    const stages = lines.filter((line) => line.startsWith("FROM ")).map((line) => line.match(/^FROM (\S+) AS (\S+)$/).slice(1));
    const names = stages.map(([, name]) => name);

    it("has a stage for each image, and builds on stages that are there", () => {
        for (const image of ["broker", "sidecar"]) assert.ok(names.includes(image), image);
        for (const [, from] of text.matchAll(/--from=(\S+)/g)) assert.ok(names.includes(from), from);
        for (const [from] of stages) assert.ok(names.includes(from) || from.startsWith("debian:"), from);
    });

    it("says nothing but what Dockerfiles say", () => {
        const words = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "STOPSIGNAL", "EXPOSE", "ENTRYPOINT", "CMD"];
        for (const line of lines) assert.ok(words.includes(line.split(" ")[0]), line);
        for (const [, list] of text.matchAll(/^(?:ENTRYPOINT|CMD) (.*)$/gm)) assert.ok(JSON.parse(list).every((word) => word));
    });

    it("runs as the user that the manifests name", () => {
        const [, user] = text.match(/^USER (\d+):\d+$/m);
        for (const set of sets)
            for (const { image, securityContext } of containersOf(set).filter(({ image }) => image.startsWith("posthorn")))
                assert.equal(String(securityContext.runAsUser || podOf(set).securityContext.runAsUser), user, image);
    });

    it("brings the libraries that the programs are linked with, and no others", () => {
        const packages = text.match(/--no-install-recommends(.*?)&&/)[1].trim().split(/\s+/).filter((word) => word.startsWith("lib"));
        const bare = (name) => name.replace(/\.so.*/, "").replace(/[^a-z]/g, "").replace("libcrypto", "libssl");
        const wanted = new Set();
        for (const program of [process.env.POSTHORND, process.env.POSTHORN_SIDECAR])
            for (const [, name] of execFileSync("readelf", ["-d", program], { encoding: "utf8" }).matchAll(/NEEDED.*\[(lib.*)\]/g))
                wanted.add(bare(name));
        for (const name of ["libc", "libm", "libsystemd", "libasan", "libubsan", "libtsan"]) wanted.delete(name);
        assert.deepEqual(packages.map(bare).sort(), [...wanted].sort());
    });
});
