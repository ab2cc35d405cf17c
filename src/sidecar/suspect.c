#include "sidecar/suspect.h"

#include <stdio.h>
#include <string.h>

enum { BREAKS = 2 };

/* What brokers say before they break a connection because of what was published by it. */
static bool blames_message(const char *why)
{
    static const char *const words[] = {
        "maximum payload", "maximum control line", "parser error", "unknown protocol",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(why, words[i]))
            return true;
    return false;
}

void suspect_note_break(struct suspect *suspect, const char *why, uint32_t in_flight, uint64_t last_sequence)
{
    suspect->is_sought = in_flight && blames_message(why);
    if (!suspect->is_sought || in_flight > 1)
        return;
    suspect->break_count = last_sequence == suspect->sequence ? suspect->break_count + 1 : 1;
    suspect->sequence = last_sequence;
    snprintf(suspect->why, sizeof suspect->why, "%s", why);
}

void suspect_clear(struct suspect *suspect)
{
    suspect->break_count = 0;
}

bool suspect_is(const struct suspect *suspect, uint64_t sequence)
{
    return suspect->break_count >= BREAKS && suspect->sequence == sequence;
}
