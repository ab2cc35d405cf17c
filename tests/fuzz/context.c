/*
 * Fuzz target: a saved context of the command line, as a file that somebody has written by hand.
 *
 *   input = the file
 *
 * What is loaded is a context with a url; and where it can be saved it is loaded again as the same, also over one that
 * is there. Complaints are not shown.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posthorn/contexts.h"

static char directory[] = "/dev/shm/posthorn-fuzz-XXXXXX", path[128];

static void clean(void)
{
    static const char *const names[] = { "posthorn/contexts/given.ini", "posthorn/contexts/again.ini" };
    static const char *const directories[] = { "posthorn/contexts", "posthorn", "." };
    char name[128];
    for (unsigned i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, names[i]);
        unlink(name);
    }
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, directories[i]);
        rmdir(i < 2 ? name : directory);
    }
}

static void make_directory(const char *name)
{
    char whole[128];
    snprintf(whole, sizeof whole, "%s/%s", directory, name);
    fuzz_require(mkdir(whole, 0700) == 0);
}

static void set_up(void)
{
    if (*path)
        return;
    if (!mkdtemp(directory)) {
        memcpy(directory, "/tmp", 4); /* no memory to have files in */
        memmove(directory + 4, directory + 8, strlen(directory + 8) + 1);
        fuzz_require(mkdtemp(directory));
    }
    snprintf(path, sizeof path, "%s/posthorn/contexts/given.ini", directory);
    make_directory("posthorn");
    make_directory("posthorn/contexts");
    fuzz_require(setenv("XDG_CONFIG_HOME", directory, 1) == 0);
    atexit(clean);
}

static void write_file(const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_require(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static void require_same(const char *a, const char *b)
{
    fuzz_require(!a == !b && (!a || strcmp(a, b) == 0));
}

static void check_round_trip(const struct context *context)
{
    struct context again;
    if (context_save("again", context, true) != EXIT_OK)
        return;
    fuzz_require(context_load("again", &again) == EXIT_OK);
    require_same(context->url, again.url);
    require_same(context->user, again.user);
    require_same(context->password, again.password);
    require_same(context->token, again.token);
    require_same(context->nkey, again.nkey);
    require_same(context->creds, again.creds);
    require_same(context->tls_ca, again.tls_ca);
    require_same(context->tls_cert, again.tls_cert);
    require_same(context->tls_key, again.tls_key);
    require_same(context->tls_first, again.tls_first);
    context_finish(&again);
}

/* Standard error elsewhere; where it was is returned. */
static int hush(void)
{
    int before = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fuzz_require(before >= 0 && nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0);
    close(nowhere);
    return before;
}

static void hush_no_more(int before)
{
    dup2(before, STDERR_FILENO);
    close(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct context context;
    set_up();
    write_file(data, size);
    int before = hush();
    enum exit_code code = context_load("given", &context);
    hush_no_more(before);
    fuzz_require(code == EXIT_OK || code == EXIT_USAGE);
    fuzz_require(code != EXIT_OK || context.url);
    if (code == EXIT_OK) {
        before = hush();
        check_round_trip(&context);
        hush_no_more(before);
    }
    context_finish(&context);
    return 0;
}
