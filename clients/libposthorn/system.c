/* What the library asks the machine for besides sockets: the time and chance. */
#include <sys/random.h>
#include <time.h>

#include "conn.h"

int64_t ph_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t ph_now_ms(void)
{
    return ph_now_us() / 1000;
}

int64_t ph_deadline_ms(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX : ph_now_ms() + timeout_ms;
}

/* Bytes of chance. Where the kernel has none to give, the time stands in: names still differ, pauses still spread. */
static void fill_random(void *out, size_t size)
{
    if (getrandom(out, size, 0) == (ssize_t)size)
        return;
    uint64_t state = (uint64_t)ph_now_us();
    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(state >> 56);
    }
}

uint32_t ph_random(uint32_t below)
{
    uint64_t value;
    fill_random(&value, sizeof value);
    return below ? (uint32_t)(value % below) : 0;
}

void ph_random_token(char *out, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    fill_random(out, size);
    for (size_t i = 0; i < size; i++)
        out[i] = letters[(unsigned char)out[i] & 63];
}
