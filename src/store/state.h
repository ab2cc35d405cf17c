/* state: what a log is made of, for the files of store/ that work on it. Under the lock of the log's stream. */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "store/log.h"
#include "store/spans.h"

enum {
    LOG_SPARE_MAX = 8,          /* blocks that wait to be used again */
};

#define LOG_AT_UNKNOWN UINT32_MAX

struct log {
    struct spans spans;
    uint64_t first_sequence;    /* of the first live record, and none before it is; 0: there is none */
    uint32_t first_at;          /* its place in its block, where that is known */
    uint64_t last_sequence;
    uint64_t live_count, live_bytes;
    uint64_t block_bytes;       /* of the blocks in the spans */
    struct block *spare[LOG_SPARE_MAX];
    size_t spare_count;
};

#endif
