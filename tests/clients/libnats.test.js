"use strict";
/* Publish, subscribe and request as the C client of NATS does them: the tests of libnats_client.c. */
const { libnatsSuite } = require("./support/libnats");

libnatsSuite("libnats", "libnats_client");
