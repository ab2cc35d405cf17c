#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

enum { READ_SIZE = 64 * 1024 };

/* Waits until standard input has something, looking after the connection meanwhile. */
static enum exit_code wait_for_input(struct connection *connection)
{
    struct pollfd fds[CONNECTION_FDS + 1] = { [CONNECTION_FDS] = { .fd = STDIN_FILENO, .events = POLLIN } };
    enum exit_code code;
    do
        code = connection_turn(connection, fds, CONNECTION_FDS + 1, -1);
    while (code == EXIT_OK && fds[CONNECTION_FDS].revents == 0);
    return code;
}

static bool has_input(void)
{
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    return poll(&input, 1, 0) > 0;
}

/* Reads what there is, at most size bytes; *ret_size 0: the end. */
static enum exit_code read_input(struct connection *connection, char *buffer, size_t size, size_t *ret_size)
{
    enum exit_code code = has_input() ? EXIT_OK : wait_for_input(connection);
    if (code != EXIT_OK)
        return code;
    ssize_t count;
    do
        count = read(STDIN_FILENO, buffer, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail(EXIT_FAILED, "cannot read standard input: %s", strerror(errno));
    *ret_size = (size_t)count;
    return EXIT_OK;
}

/* ---- the whole of it ---- */

static enum exit_code read_whole(struct connection *connection, struct payload *ret_payload)
{
    size_t size_max = ph_server(connection->conn)->payload_size_max, size = 0, room = 0, count = 1;
    char *data = NULL;
    enum exit_code code = EXIT_OK;
    while (code == EXIT_OK && count > 0 && size <= size_max) {
        if (room - size < READ_SIZE) {
            room = 2 * room + READ_SIZE;
            data = must(realloc(data, room));
        }
        code = read_input(connection, data + size, room - size, &count);
        size += code == EXIT_OK ? count : 0;
    }
    if (code == EXIT_OK && size > size_max)
        code = fail(
            EXIT_FAILED,
            "standard input is more than the %zu bytes that the server takes in a message; --lines publishes line "
            "by line",
            size_max);
    *ret_payload = (struct payload){ data, size, data };
    return code;
}

enum exit_code payload_read(struct connection *connection, const char *argument, struct payload *ret_payload)
{
    *ret_payload = (struct payload){ 0 };
    if (argument && strcmp(argument, "-") != 0) {
        *ret_payload = (struct payload){ argument, strlen(argument), NULL };
        return EXIT_OK;
    }
    if (isatty(STDIN_FILENO))
        say("reading the payload from the terminal; end it with Ctrl-D on a line of its own");
    return read_whole(connection, ret_payload);
}

void payload_finish(struct payload *payload)
{
    free(payload->owned);
    *payload = (struct payload){ 0 };
}

/* ---- lines ---- */

void lines_init(struct lines *lines, size_t size_max)
{
    *lines = (struct lines){ .size_max = size_max };
}

void lines_finish(struct lines *lines)
{
    free(lines->buffer);
}

/* Room for one more read: first by moving what is left to the front. */
static void make_room(struct lines *lines)
{
    if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->scanned -= lines->start;
        lines->start = 0;
    }
    if (lines->room - lines->end < READ_SIZE) {
        lines->room = 2 * lines->room + READ_SIZE;
        lines->buffer = must(realloc(lines->buffer, lines->room));
    }
}

static enum exit_code read_more(struct lines *lines, struct connection *connection)
{
    size_t count = 0;
    make_room(lines);
    enum exit_code code = read_input(connection, lines->buffer + lines->end, lines->room - lines->end, &count);
    lines->end += count;
    lines->ended = code == EXIT_OK && count == 0;
    return code;
}

/* Gives out the line that ends before buffer[end]; next is where the one after it begins. */
static enum exit_code give_line(struct lines *lines, size_t end, size_t next, struct payload *ret_line)
{
    size_t size = end - lines->start;
    lines->number++;
    if (size > lines->size_max)
        return fail(EXIT_FAILED, "line %llu: longer than the %zu bytes that the server takes in a message",
                    (unsigned long long)lines->number, lines->size_max);
    *ret_line = (struct payload){ lines->buffer + lines->start, size, NULL };
    lines->start = lines->scanned = next;
    return EXIT_OK;
}

enum exit_code lines_next(struct lines *lines, struct connection *connection, struct payload *ret_line)
{
    *ret_line = (struct payload){ 0 };
    for (;;) {
        char *newline = NULL;
        if (lines->scanned < lines->end)
            newline = memchr(lines->buffer + lines->scanned, '\n', lines->end - lines->scanned);
        if (newline)
            return give_line(lines, (size_t)(newline - lines->buffer), (size_t)(newline - lines->buffer) + 1, ret_line);
        lines->scanned = lines->end;
        if (lines->end - lines->start > lines->size_max || (lines->ended && lines->end > lines->start))
            return give_line(lines, lines->end, lines->end, ret_line);
        if (lines->ended)
            return EXIT_OK;
        enum exit_code code = read_more(lines, connection);
        if (code != EXIT_OK)
            return code;
    }
}
