#include "metrics/counters.h"

#include <string.h>

const struct counter_info counter_infos[COUNTER_COUNT] = {
#define COUNTER_ROW(name, help) [COUNTER_##name] = { #name, help },
    COUNTERS(COUNTER_ROW)
#undef COUNTER_ROW
};

void counters_add(struct counters *sum, const struct counters *part)
{
#define COUNTER_SUM(name, help) sum->name += part->name;
    COUNTERS(COUNTER_SUM)
#undef COUNTER_SUM
}

uint64_t counters_get(const struct counters *counters, unsigned place)
{
    uint64_t value;
    memcpy(&value, (const char *)counters + place * sizeof value, sizeof value);
    return value;
}
