#include "stream/past.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/crc32c.h"
#include "util/random.h"

enum { TEXT_SIZE = 2048 };

static const char first_line[] = "posthorn stream 1\n";

uint64_t past_draw_epoch(void)
{
    uint64_t epoch = 0;
    while (!epoch)
        random_bytes(&epoch, sizeof epoch);
    return epoch;
}

void past_turn(struct past *past, uint64_t last_sequence)
{
    if (past->old_count == PAST_EPOCHS_MAX)
        memmove(past->old, past->old + 1, --past->old_count * sizeof past->old[0]);
    for (unsigned i = 0; i < past->old_count; i++)
        if (past->old[i].sequence > last_sequence)
            past->old[i].sequence = last_sequence; /* what is lost now is lost to them too */
    past->old[past->old_count++] = (struct cursor){ past->epoch, last_sequence };
    past->epoch = past_draw_epoch();
}

bool past_locate(const struct past *past, struct cursor *cursor)
{
    for (unsigned i = 0; i < past->old_count; i++)
        if (past->old[i].epoch == cursor->epoch && cursor->sequence <= past->old[i].sequence) {
            cursor->epoch = past->epoch;
            return true;
        }
    return cursor->epoch == past->epoch;
}

/* As text. */

static size_t write_text(const struct past *past, char out[TEXT_SIZE])
{
    int size = snprintf(out, TEXT_SIZE, "%sclean %d\nunsynced %d\nboot %s\n", first_line, past->is_clean,
                        past->shows_unsynced, past->boot_id);
    size += snprintf(out + size, TEXT_SIZE - (size_t)size,
                     "first %" PRIu64 "\nlast %" PRIu64 "\nlost %" PRIu64 "\n", past->first_sequence,
                     past->last_sequence, past->lost_sequence);
    for (unsigned i = 0; i < past->old_count; i++)
        size += snprintf(out + size, TEXT_SIZE - (size_t)size, "old %016" PRIx64 " %" PRIu64 "\n", past->old[i].epoch,
                         past->old[i].sequence);
    size += snprintf(out + size, TEXT_SIZE - (size_t)size, "epoch %016" PRIx64 "\n", past->epoch);
    size += snprintf(out + size, TEXT_SIZE - (size_t)size, "crc %08" PRIx32 "\n", crc32c(0, out, (size_t)size));
    return (size_t)size;
}

static void read_line(struct past *past, const char *line)
{
    uint64_t epoch, number;
    if (sscanf(line, "old %16" SCNx64 " %" SCNu64, &epoch, &number) == 2 && past->old_count < PAST_EPOCHS_MAX)
        past->old[past->old_count++] = (struct cursor){ epoch, number };
    else if (sscanf(line, "epoch %16" SCNx64, &epoch) == 1)
        past->epoch = epoch;
    else if (sscanf(line, "clean %" SCNu64, &number) == 1)
        past->is_clean = number == 1;
    else if (sscanf(line, "unsynced %" SCNu64, &number) == 1)
        past->shows_unsynced = number != 0;
    else if (strncmp(line, "boot ", 5) == 0)
        snprintf(past->boot_id, sizeof past->boot_id, "%s", line + 5);
    else if (sscanf(line, "first %" SCNu64, &number) == 1)
        past->first_sequence = number;
    else if (sscanf(line, "last %" SCNu64, &number) == 1)
        past->last_sequence = number;
    else if (sscanf(line, "lost %" SCNu64, &number) == 1)
        past->lost_sequence = number;
}

/* A line that is not known is of a later version, and says nothing that has to be known. */
static int read_text(char *text, struct past *past)
{
    char *end = strstr(text, "\ncrc ");
    uint32_t crc;
    if (strncmp(text, first_line, sizeof first_line - 1) != 0 || !end || sscanf(end + 1, "crc %8" SCNx32, &crc) != 1 ||
        crc != crc32c(0, text, (size_t)(end + 1 - text)))
        return -EBADMSG;
    *end = '\0';
    *past = (struct past){ .epoch = 0 };
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        read_line(past, line);
    return past->epoch ? 0 : -EBADMSG;
}

/* As a file. */

static int path_of(const char *directory, const char *name, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int past_read(const struct files *files, const char *directory, struct past *ret_past)
{
    char path[PATH_MAX], text[TEXT_SIZE];
    int error = path_of(directory, "epochs", path);
    int fd = error ? error : files->open(files->arg, path, FILES_READ);
    if (fd < 0)
        return fd;
    ssize_t size = files->read(files->arg, fd, text, sizeof text - 1, 0);
    files->close(files->arg, fd);
    if (size < 0)
        return (int)size;
    text[size] = '\0';
    return read_text(text, ret_past);
}

static int write_file(const struct files *files, const char *path, const char *text, size_t size)
{
    const struct iovec part = { (void *)text, size };
    int fd = files->open(files->arg, path, FILES_CREATE);
    if (fd < 0)
        return fd;
    ssize_t put = files->write(files->arg, fd, &part, 1, 0);
    int error = put < 0 ? (int)put : (size_t)put < size ? -ENOSPC : files->sync(files->arg, fd);
    int close_error = files->close(files->arg, fd);
    return error ? error : close_error;
}

int past_write(const struct files *files, const char *directory, const struct past *past)
{
    char path[PATH_MAX], new_path[PATH_MAX], text[TEXT_SIZE];
    int error = path_of(directory, "epochs.new", new_path);
    if (!error)
        error = path_of(directory, "epochs", path);
    if (!error)
        error = write_file(files, new_path, text, write_text(past, text));
    if (!error)
        error = files->rename(files->arg, new_path, path);
    return error ? error : files->sync_directory(files->arg, directory);
}
