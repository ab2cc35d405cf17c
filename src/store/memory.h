/*
 * memory: the bytes of a stream that is kept in memory: records one behind the other in blocks, the oldest block first.
 *
 *   block:   [record][record][record]....free      record:  struct memory_record, topic, head and payload, padding to 8
 *
 * Records do not move and do not change once they are written, but for the mark that one is superseded, so a reader may
 * look at them without a lock as long as it holds the block. Blocks are counted references; a block that nobody holds
 * any more is used again.
 */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

enum { MEMORY_BLOCK_SIZE = 256 << 10 }; /* one large message has a block of its own */

struct memory_block;

#endif
