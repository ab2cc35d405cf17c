/*
 * replay: main of the fuzz targets where libFuzzer is not there. Gives every file named, and every file of every
 * directory named, to the target once, in order of name. Arguments that begin with '-' are libFuzzer's and ignored.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed_count;

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "replay: %s: %s: %s\n", what, path, strerror(errno));
    exit(1);
}

/* The bytes stand in a block of exactly their size, so that AddressSanitizer sees a read one past the end. */
static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1);
    if (!file || !data || fread(data, 1, size, file) != size)
        fail("cannot read", path);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed_count++;
}

static void replay_path(const char *path);

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay_directory(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_shown, alphasort);
    if (count < 0)
        fail("cannot list", path);
    for (int i = 0; i < count; i++) {
        char child[PATH_MAX];
        snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
        replay_path(child);
        free(entries[i]);
    }
    free(entries);
}

static void replay_path(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        fail("cannot find", path);
    if (S_ISDIR(status.st_mode))
        replay_directory(path);
    else
        replay_file(path, (size_t)status.st_size);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-')
            replay_path(argv[i]);
    if (replayed_count == 0) {
        fprintf(stderr, "replay: no input was given\n");
        return 1;
    }
    printf("replayed %u inputs\n", replayed_count);
    return 0;
}
