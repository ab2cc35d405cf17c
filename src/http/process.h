/* process: what the system knows of this process. Any thread. */
#ifndef HTTP_PROCESS_H
#define HTTP_PROCESS_H

#include <stdint.h>

struct process_facts {
    uint64_t memory_size;     /* resident */
    uint64_t processor_ms;    /* processor time used so far, by all threads */
    unsigned core_count;
};

/* What cannot be learnt is 0. */
struct process_facts process_look(void);

#endif
