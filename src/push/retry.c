#include "push/retry.h"

#include <curl/curl.h>

#include "util/units.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DATE_SIZE = 64 };

static const uint64_t standard_ms[] = {
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
};

const struct retry_schedule retry_standard = { standard_ms, sizeof standard_ms / sizeof *standard_ms };

static const struct {
    unsigned status;
    enum retry_verdict verdict;
} particular[] = {
    { 408, RETRY_AGAIN },            /* the receiver waited too long for us */
    { 410, RETRY_GONE },
    { 425, RETRY_AGAIN },            /* too early */
    { 429, RETRY_SLOWER },
    { 502, RETRY_SLOWER },
    { 503, RETRY_SLOWER },
    { 504, RETRY_SLOWER },
};

enum retry_verdict retry_judge(unsigned status, bool gives_up)
{
    for (unsigned i = 0; i < sizeof particular / sizeof *particular; i++)
        if (particular[i].status == status)
            return particular[i].verdict;
    if (status >= 200 && status < 300)
        return RETRY_DONE;
    return gives_up && status >= 400 && status < 500 ? RETRY_NEVER : RETRY_AGAIN;
}

/* What is longer than can be told is for ever. */
static uint64_t milliseconds(uint64_t seconds)
{
    return seconds > UINT64_MAX / SECOND ? UINT64_MAX : seconds * SECOND;
}

static bool read_seconds(const char *text, uint64_t *ret_delay_ms)
{
    uint64_t seconds;
    if (!units_parse_count(text, &seconds))
        return false;
    *ret_delay_ms = milliseconds(seconds);
    return true;
}

/* A date has a zone, or else it would be read as one of somewhere. */
static bool read_date(const char *text, uint64_t wall_ms, uint64_t *ret_delay_ms)
{
    time_t date = strstr(text, "GMT") ? curl_getdate(text, NULL) : -1;
    if (date < 0)
        return false;
    uint64_t date_ms = milliseconds((uint64_t)date);
    *ret_delay_ms = date_ms == UINT64_MAX ? UINT64_MAX : date_ms > wall_ms ? date_ms - wall_ms : 0;
    return true;
}

bool retry_after_read(struct slice value, uint64_t wall_ms, uint64_t *ret_delay_ms)
{
    char text[DATE_SIZE];
    if (!value.size || value.size >= sizeof text)
        return false;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return read_seconds(text, ret_delay_ms) || read_date(text, wall_ms, ret_delay_ms);
}

/* Between four and six fifths of it. */
static uint64_t move(uint64_t delay_ms, struct random *random)
{
    uint64_t range_ms = delay_ms / 5 * 2;
    if (!range_ms)
        return delay_ms;
    return delay_ms - range_ms / 2 + random_next(random) % (range_ms + 1);
}

bool retry_next(const struct retry_schedule *schedule, uint64_t attempt_count, uint64_t after_ms,
                struct random *random, uint64_t *ret_delay_ms)
{
    if (attempt_count > schedule->count)
        return false;
    uint64_t delay_ms = move(schedule->delays_ms[attempt_count - 1], random);
    *ret_delay_ms = delay_ms > after_ms ? delay_ms : after_ms;
    return true;
}
