/* notify: what the service manager is told (sd_notify(3)); nothing where there is none, or where built without it. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include <stdint.h>

/* Ready, and what is going on in one line. */
void notify_ready(const char *status);
void notify_reloading(uint64_t monotonic_ns);
void notify_stopping(void);

/* How often the manager wants to hear notify_alive, in milliseconds; 0: never. */
uint64_t notify_watchdog_ms(void);
void notify_alive(void);

#endif
