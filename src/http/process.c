#include "http/process.h"

#include <stdio.h>
#include <unistd.h>

#include "util/clock.h"

static uint64_t resident_size(void)
{
    unsigned long long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
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
