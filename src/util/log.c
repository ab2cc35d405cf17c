#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE_MAX = 2048 };

/* The only thing in posthorn that is global. The descriptor keeps its number when a file is opened anew. */
static struct {
    enum log_level level;
    int fd;
    bool journal;
} log_state = { LOG_LEVEL_INFO, STDERR_FILENO, false };

static const char *const level_names[] = { "error", "warning", "info", "debug" };
static const char level_priorities[] = "3467"; /* syslog's err, warning, info, debug */

/* systemd tells in JOURNAL_STREAM which device and inode its journal has on our standard error. */
static bool stderr_is_journal(void)
{
    struct stat status;
    unsigned long long device, inode;
    const char *stream = getenv("JOURNAL_STREAM");
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
           status.st_dev == device && status.st_ino == inode;
}

static void set_journal(bool journal)
{
    __atomic_store_n(&log_state.journal, journal, __ATOMIC_RELAXED);
}

int log_set_target(const char *target)
{
    if (strcmp(target, "stderr") == 0) {
        set_journal(stderr_is_journal());
        return 0;
    }
    int fd = open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return -errno;
    if (log_state.fd == STDERR_FILENO) {
        log_state.fd = fd;
    } else {
        dup3(fd, log_state.fd, O_CLOEXEC);
        close(fd);
    }
    set_journal(false);
    return 0;
}

void log_set_level(enum log_level level)
{
    __atomic_store_n(&log_state.level, level, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
    return level <= __atomic_load_n(&log_state.level, __ATOMIC_RELAXED);
}

static size_t line_begin(char *line, size_t room, enum log_level level)
{
    struct timespec now;
    struct tm utc;
    if (__atomic_load_n(&log_state.journal, __ATOMIC_RELAXED))
        return (size_t)snprintf(line, room, "<%c>", level_priorities[level]);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    return size + (size_t)snprintf(line + size, room - size, ".%03ldZ %s ", now.tv_nsec / 1000000, level_names[level]);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_SIZE_MAX];
    size_t room = sizeof line - 1;
    va_list args;
    if (!log_enabled(level))
        return;
    size_t size = line_begin(line, room, level);
    size += (size_t)snprintf(line + size, room - size, "%s%s", event, format[0] ? " " : "");
    va_start(args, format);
    int more = vsnprintf(line + size, room - size, format, args);
    va_end(args);
    size += more > 0 ? (size_t)more : 0;
    if (size > room - 1)
        size = room - 1;
    line[size++] = '\n';
    ssize_t written = write(log_state.fd, line, size);
    (void)written; /* there is nobody left to tell */
}

const char *log_quote(struct slice text, char out[LOG_QUOTE_SIZE])
{
    char *at = out, *end = out + LOG_QUOTE_SIZE - 8;
    *at++ = '"';
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (at >= end) {
            memcpy(at, "...", 3);
            at += 3;
            break;
        }
        if (c == '"' || c == '\\')
            at += sprintf(at, "\\%c", c);
        else if (c < ' ' || c == 127)
            at += sprintf(at, "\\x%02x", c);
        else
            *at++ = (char)c;
    }
    *at++ = '"';
    *at = '\0';
    return out;
}
