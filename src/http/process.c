#include "http/process.h"

#include <stdio.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"

static uint64_t resident_size(void)
{
    unsigned long long total, resident = 0;
    char text[256];
    ssize_t size = file_read("/proc/self/statm", text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    if (sscanf(text, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct process_facts process_look(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return (struct process_facts){
        .memory_size = resident_size(),
        .processor_ms = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000000,
        .core_count = cores > 0 ? (unsigned)cores : 0,
    };
}
