#include "server/notify.h"

#include <config.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_ready(const char *status)
{
    sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_reloading(uint64_t monotonic_ns)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(monotonic_ns / 1000));
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t usec = 0;
    return sd_watchdog_enabled(0, &usec) > 0 ? usec / 1000 : 0;
}

void notify_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

#else

void notify_ready(const char *status)
{
    (void)status;
}

void notify_reloading(uint64_t monotonic_ns)
{
    (void)monotonic_ns;
}

void notify_stopping(void)
{
}

uint64_t notify_watchdog_ms(void)
{
    return 0;
}

void notify_alive(void)
{
}

#endif
