"use strict";
/* Streams, consumers and buckets as the C client of NATS uses them: the tests of jetstream_client.c. */
const { libnatsSuite } = require("./support/libnats");

libnatsSuite("libnats with streams", "jetstream_client", { durable: true });
