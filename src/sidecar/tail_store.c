/* Positions on disk: DIRECTORY/tails, lines of text, written anew as a whole and renamed into place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/tail_state.h"
#include "util/log.h"

/*
 *   posthorn tails 1
 *   begun NAME              a tail that has run: files that it does not know are new
 *   at NAME POSITION PATH   as tail_write_position has it
 */
static const char title[] = "posthorn tails 1";
static const char begun_word[] = "begun ", at_word[] = "at ";

void stored_free(struct stored_position *stored)
{
    if (!stored)
        return;
    free(stored->tail);
    free(stored->path);
    free(stored);
}

static bool is_clean(struct tail_reader *reader, FILE *file)
{
    if (ferror(file))
        log_error("tail_positions_not_read", "error=\"%s\"", strerror(errno));
    return !ferror(file) && !reader->is_damaged;
}

static FILE *open_file(struct tail_reader *reader, const char *name, const char *mode)
{
    char path[TAIL_PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s", reader->directory, name);
    if (size < 0 || (size_t)size >= sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return fopen(path, mode);
}

/* Loading. */

static bool load_begun(struct tail_reader *reader, struct slice name)
{
    for (size_t i = 0; i < reader->count; i++)
        reader->tails[i].is_begun |= slice_is(name, reader->tails[i].name);
    return true;
}

static bool load_position(struct tail_reader *reader, struct slice line)
{
    struct slice tail, path;
    struct tail_position position;
    if (!tail_read_position(line, &tail, &position, &path))
        return false;
    struct stored_position *stored = calloc(1, sizeof *stored);
    if (!stored)
        return false;
    stored->tail = strndup(tail.data, tail.size);
    stored->path = strndup(path.data, path.size);
    stored->position = position;
    if (!stored->tail || !stored->path) {
        stored_free(stored);
        return false;
    }
    stored->next = reader->stored;
    reader->stored = stored;
    return true;
}

static bool load_line(struct tail_reader *reader, struct slice line)
{
    struct slice begun = slice_of(begun_word), at = slice_of(at_word);
    if (slice_starts_with(line, begun))
        return load_begun(reader, slice_make(line.data + begun.size, line.size - begun.size));
    if (slice_starts_with(line, at))
        return load_position(reader, slice_make(line.data + at.size, line.size - at.size));
    return false;
}

static void load_lines(struct tail_reader *reader, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    for (unsigned number = 0; (size = getline(&line, &room, file)) > 0; number++) {
        struct slice text = slice_make(line, (size_t)size - (line[size - 1] == '\n'));
        if (number == 0 ? !slice_is(text, title) : !load_line(reader, text))
            reader->is_damaged = true;
    }
    free(line);
}

/* What cannot be understood is laid aside, and the rest holds. */
static void lay_aside(const struct tail_reader *reader)
{
    char from[TAIL_PATH_MAX], to[TAIL_PATH_MAX];
    snprintf(from, sizeof from, "%s/tails", reader->directory);
    snprintf(to, sizeof to, "%s/tails.damaged", reader->directory);
    log_error("tail_positions_damaged", "kept_as=\"%s\"", to);
    if (rename(from, to) != 0)
        log_error("tail_positions_not_kept", "error=\"%s\"", strerror(errno));
}

void tail_load(struct tail_reader *reader)
{
    FILE *file = reader->directory ? open_file(reader, "tails", "re") : NULL;
    if (!file) {
        if (reader->directory && errno != ENOENT)
            log_error("tail_positions_not_read", "error=\"%s\"", strerror(errno));
        return;
    }
    load_lines(reader, file);
    if (!is_clean(reader, file))
        lay_aside(reader);
    fclose(file);
}

/* Saving. */

static void write_position(FILE *file, const char *tail, const struct tail_position *position, const char *path)
{
    char line[TAIL_LINE_SIZE_MAX];
    tail_write_position(line, slice_of(tail), position, slice_of(path));
    fprintf(file, "%s%s\n", at_word, line);
}

static void write_tail(FILE *file, const struct followed_tail *tail)
{
    if (tail->is_begun)
        fprintf(file, "%s%s\n", begun_word, tail->name);
    for (struct list *at = tail->files.next; at != &tail->files; at = at->next) {
        struct followed *followed = LIST_OWNER(at, struct followed, place);
        write_position(file, tail->name, &followed->position, followed->path);
    }
}

static void write_all(struct tail_reader *reader, FILE *file)
{
    fprintf(file, "%s\n", title);
    for (size_t i = 0; i < reader->count; i++)
        write_tail(file, &reader->tails[i]);
    for (struct stored_position *stored = reader->stored; stored; stored = stored->next)
        write_position(file, stored->tail, &stored->position, stored->path);
}

/* 0 or -errno. */
static int replace(const struct tail_reader *reader)
{
    int directory = open(reader->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int error = renameat(directory, "tails.new", directory, "tails") == 0 && fsync(directory) == 0 ? 0 : -errno;
    close(directory);
    return error;
}

/* 0 or -errno. */
static int save(struct tail_reader *reader)
{
    FILE *file = open_file(reader, "tails.new", "we");
    if (!file)
        return -errno;
    write_all(reader, file);
    int error = fflush(file) == 0 && fdatasync(fileno(file)) == 0 ? 0 : -errno;
    if (fclose(file) != 0 && !error)
        error = -errno;
    return error ? error : replace(reader);
}

static void mark_stored(struct tail_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        struct list *files = &reader->tails[i].files;
        for (struct list *at = files->next; at != files; at = at->next)
            LIST_OWNER(at, struct followed, place)->is_stored = true;
    }
    reader->is_dirty = reader->is_unstored = false;
}

bool tail_save(struct tail_reader *reader)
{
    if (!reader->is_dirty && !reader->is_unstored)
        return true;
    int error = reader->directory ? save(reader) : 0;
    if (error)
        log_error("tail_positions_not_stored", "error=\"%s\"", strerror(-error));
    else
        mark_stored(reader);
    return !error;
}
