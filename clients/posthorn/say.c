#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/text.h"

enum { TEXT_SIZE_MAX = 2048 };

/* One write, so that lines of several threads and processes do not mix. */
static void say_list(const char *format, va_list list) __attribute__((format(printf, 1, 0)));
static void say_list(const char *format, va_list list)
{
    char text[TEXT_SIZE_MAX], shown[TEXT_SIZE_MAX], line[TEXT_SIZE_MAX + 16];
    vsnprintf(text, sizeof text, format, list);
    text_show(slice_of(text), shown, sizeof shown); /* what a server says must not steer the terminal */
    int size = snprintf(line, sizeof line, "posthorn: %s\n", shown);
    ssize_t written = write(STDERR_FILENO, line, (size_t)size);
    (void)written; /* nowhere left to complain */
}

void say(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say_list(format, list);
    va_end(list);
}

enum exit_code fail(enum exit_code code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say_list(format, list);
    va_end(list);
    return code;
}

void *must(void *memory)
{
    if (!memory) {
        say("out of memory");
        _exit(EXIT_FAILED);
    }
    return memory;
}
