#include "http/reading.h"

#include <stdlib.h>

enum { PACE_COUNT = 1024, BURST = 50 };

/* One client; a newer one takes an older one's place. */
struct pace_entry {
    uint64_t client;
    uint64_t full_ms; /* when its allowance is whole again */
};

struct pace {
    struct pace_entry entries[PACE_COUNT];
};

struct pace *pace_create(void)
{
    return calloc(1, sizeof(struct pace));
}

void pace_destroy(struct pace *pace)
{
    free(pace);
}

bool pace_allows(struct pace *pace, uint64_t client, uint64_t now_ms, uint64_t interval_ms)
{
    struct pace_entry *entry = &pace->entries[client % PACE_COUNT];
    if (entry->client != client || entry->full_ms < now_ms)
        *entry = (struct pace_entry){ client, now_ms };
    if (entry->full_ms + interval_ms > now_ms + BURST * interval_ms)
        return false;
    entry->full_ms += interval_ms;
    return true;
}
