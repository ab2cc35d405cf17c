"use strict";
/*
 * An application may be moved from a broker to a sidecar by its URL alone: what these tests ask of a broker they are given by a
 * sidecar before one, with the same npm packages.
 */
const { IS_ORACLE, throughSidecar } = require("./support/daemon");

if (!IS_ORACLE) {
    throughSidecar();
    require("./request.test.js");
    require("./jetstream_pull.test.js");
    require("./jetstream_push.test.js");
}
