/*
 * log: one line an event, the event first, then key=value:
 *
 *     log_info("listener_opened", "address=%s protocol=line", text);
 *
 * Lines go to standard error or to a file, each by one write(2), so that threads and processes do not mix them. Where
 * standard error is the journal, a line begins with "<3>" and the like, as sd-daemon(3) has it; elsewhere with the
 * time. Front ends and mains log; lower floors return errors. Values with blanks are to be quoted by the caller ("%s"
 * in quotes); bytes that a peer chose go through log_quote. Any thread; log_set_target and log_set_level from one.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include "util/slice.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sends the log to "stderr" or to a file, appended to and made with mode 0640; called again it opens the file anew,
 * after a rotation. 0 or -errno, and then the log goes where it went. */
int log_set_target(const char *target);

void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_event(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) \
    do { \
        if (log_enabled(LOG_LEVEL_DEBUG)) \
            log_event(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)

enum { LOG_QUOTE_SIZE = 160 };

/* Text from outside as a quoted value: control bytes, quotes and backslashes escaped, cut where it is long. Returns
 * out, which holds LOG_QUOTE_SIZE bytes. */
const char *log_quote(struct slice text, char out[LOG_QUOTE_SIZE]);

#endif
