#include "contexts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"
#include "util/text.h"

enum { NAME_SIZE_MAX = 64 };

#define SUFFIX ".ini"

/* ---- paths ---- */

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *print(const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    int size = vasprintf(&text, format, list);
    va_end(list);
    return must(size < 0 ? NULL : text);
}

/*
 * The directory of posthorn's own; NULL where there is neither XDG_CONFIG_HOME nor HOME. A relative one is to be
 * ignored, says XDG.
 */
static char *config_dir(void)
{
    const char *config_home = getenv("XDG_CONFIG_HOME");
    if (config_home && *config_home == '/')
        return print("%s/posthorn", config_home);
    const char *home = getenv("HOME");
    return home && *home ? print("%s/.config/posthorn", home) : NULL;
}

static char *path_in_config(const char *name)
{
    char *dir = config_dir();
    char *path = dir ? print("%s/%s", dir, name) : NULL;
    free(dir);
    return path;
}

static char *contexts_dir(void)
{
    return path_in_config("contexts");
}

static char *context_path(const char *name)
{
    char *in_config = print("contexts/%s" SUFFIX, name);
    char *path = path_in_config(in_config);
    free(in_config);
    return path;
}

static bool name_is_valid(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > NAME_SIZE_MAX || *name == '.')
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
            return false;
    return true;
}

/* Every function that takes a name begins with this, so that a name never leads out of the directory. */
static enum exit_code check_name(const char *name)
{
    if (!name_is_valid(name))
        return fail(EXIT_USAGE,
                    "'%s' is no name for a context: letters, digits, '-', '_' and '.', at most %d, no '.' first", name,
                    NAME_SIZE_MAX);
    char *dir = config_dir();
    free(dir);
    return dir ? EXIT_OK : fail(EXIT_USAGE, "no place for contexts: neither XDG_CONFIG_HOME nor HOME is set");
}

static bool make_dir(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Makes every directory on the way to path, private to the user. */
static enum exit_code make_dirs(const char *path)
{
    char *way = must(strdup(path));
    bool ok = true;
    for (char *slash = strchr(way + 1, '/'); ok && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ok = make_dir(way);
        *slash = '/';
    }
    enum exit_code code = ok ? EXIT_OK
                             : fail(EXIT_FAILED, "cannot make the directories of %s: %s", path, strerror(errno));
    free(way);
    return code;
}

/* ---- reading ---- */

static const struct {
    const char *key;
    size_t offset;
} fields[] = {
    { "url", offsetof(struct context, url) },
    { "user", offsetof(struct context, user) },
    { "password", offsetof(struct context, password) },
    { "token", offsetof(struct context, token) },
    { "nkey", offsetof(struct context, nkey) },
    { "creds", offsetof(struct context, creds) },
    { "tls_ca", offsetof(struct context, tls_ca) },
    { "tls_cert", offsetof(struct context, tls_cert) },
    { "tls_key", offsetof(struct context, tls_key) },
    { "tls_first", offsetof(struct context, tls_first) },
};
enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static char **field_at(struct context *context, size_t i)
{
    return (char **)((char *)context + fields[i].offset);
}

void context_finish(struct context *context)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        free(*field_at(context, i));
    *context = (struct context){ 0 };
}

/* inih's callback: 0 is an error on this line. A key given twice (or a value over two lines) is one. */
static int take_line(void *arg, const char *section, const char *key, const char *value)
{
    struct context *context = arg;
    if (strcmp(section, "context") != 0)
        return 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        char **field = field_at(context, i);
        if (strcmp(fields[i].key, key) != 0)
            continue;
        if (*field)
            return 0;
        *field = must(strdup(value));
        return 1;
    }
    return 0;
}

static enum exit_code complain_of_missing(const char *name)
{
    struct text_guess guess;
    text_guess_init(&guess, name);
    char **names;
    size_t count;
    if (context_names(&names, &count) != EXIT_OK)
        return EXIT_USAGE;
    for (size_t i = 0; i < count; i++)
        text_guess_offer(&guess, names[i]);
    if (guess.nearest)
        say("no context '%s'; did you mean '%s'?", name, guess.nearest);
    else
        say("no context '%s'; 'posthorn context list' shows those there are", name);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return EXIT_USAGE;
}

static enum exit_code read_file(const char *name, const char *path, struct context *ret_context)
{
    int line = ini_parse(path, take_line, ret_context);
    if (line == -1 && errno == ENOENT)
        return complain_of_missing(name);
    if (line == -1)
        return fail(EXIT_USAGE, "%s: %s", path, strerror(errno));
    if (line != 0)
        return fail(EXIT_USAGE, "%s:%d: expected url, user, password, token, nkey, creds or tls_..., once each, under "
                                "[context]", path, line);
    if (!ret_context->url)
        return fail(EXIT_USAGE, "%s: no url in [context]", path);
    return EXIT_OK;
}

enum exit_code context_load(const char *name, struct context *ret_context)
{
    *ret_context = (struct context){ 0 };
    enum exit_code code = check_name(name);
    if (code != EXIT_OK)
        return code;
    char *path = context_path(name);
    code = read_file(name, path, ret_context);
    free(path);
    return code;
}

/* ---- writing ---- */

/*
 * Writes text to a new file beside path and puts it in its place, so that nobody ever sees half a file or one that
 * others may read.
 */
static enum exit_code replace_file(const char *path, const char *text)
{
    enum exit_code code = make_dirs(path);
    if (code != EXIT_OK)
        return code;
    char *draft = print("%s.XXXXXX", path);
    int fd = mkstemp(draft); /* mode 0600 */
    size_t size = strlen(text);
    bool ok = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    ok = ok && rename(draft, path) == 0;
    if (!ok) {
        code = fail(EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0)
            unlink(draft);
    }
    free(draft);
    return code;
}

static char *write_ini(struct context *context)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = must(open_memstream(&text, &size));
    fputs("# A saved context of posthorn(1).\n[context]\n", file);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (*field_at(context, i))
            fprintf(file, "%s = %s\n", fields[i].key, *field_at(context, i));
    fclose(file);
    return must(text);
}

/*
 * An INI file cannot carry everything (" ;" begins a comment, lines have an end): what would come back changed is
 * refused.
 */
static enum exit_code check_readable(const char *ini, struct context *context)
{
    struct context again = { 0 };
    enum exit_code code = EXIT_OK;
    ini_parse_string(ini, take_line, &again);
    for (size_t i = 0; i < FIELD_COUNT && code == EXIT_OK; i++) {
        const char *wanted = *field_at(context, i), *got = *field_at(&again, i);
        if (wanted && (!got || strcmp(wanted, got) != 0))
            code = fail(
                EXIT_USAGE,
                "this %s cannot be kept in an INI file (too long, a line break, blanks at an end, or ' ;' in it): "
                "use the environment",
                fields[i].key);
    }
    context_finish(&again);
    return code;
}

enum exit_code context_save(const char *name, const struct context *context, bool replace)
{
    enum exit_code code = check_name(name);
    if (code != EXIT_OK)
        return code;
    struct context borrowed = *context;
    char *path = context_path(name);
    char *ini = write_ini(&borrowed);
    if (!replace && access(path, F_OK) == 0)
        code = fail(EXIT_USAGE, "there is a context '%s' already; --replace writes over it", name);
    if (code == EXIT_OK)
        code = check_readable(ini, &borrowed);
    if (code == EXIT_OK)
        code = replace_file(path, ini);
    free(ini);
    free(path);
    return code;
}

enum exit_code context_remove(const char *name)
{
    enum exit_code code = check_name(name);
    if (code != EXIT_OK)
        return code;
    char *path = context_path(name);
    if (unlink(path) < 0)
        code = errno == ENOENT ? complain_of_missing(name)
                               : fail(EXIT_FAILED, "cannot remove %s: %s", path, strerror(errno));
    free(path);
    char *selected = context_selected();
    if (code == EXIT_OK && selected && strcmp(selected, name) == 0)
        code = context_select(NULL);
    free(selected);
    return code;
}

/* ---- the selected one ---- */

enum exit_code context_select(const char *name)
{
    char *path = path_in_config("context");
    enum exit_code code = EXIT_OK;
    if (name) {
        struct context context;
        code = context_load(name, &context);
        context_finish(&context);
        char *text = print("%s\n", name);
        if (code == EXIT_OK)
            code = replace_file(path, text);
        free(text);
    } else if (path && unlink(path) < 0 && errno != ENOENT) {
        code = fail(EXIT_FAILED, "cannot remove %s: %s", path, strerror(errno));
    }
    free(path);
    return code;
}

char *context_selected(void)
{
    char name[NAME_SIZE_MAX + 2] = "";
    char *path = path_in_config("context");
    FILE *file = path ? fopen(path, "re") : NULL;
    free(path);
    if (!file)
        return NULL;
    bool ok = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return ok && *name ? must(strdup(name)) : NULL;
}

/* ---- all of them ---- */

/* The name of the context that a file holds, NULL where it holds none. Yours to free. */
static char *context_of_file(const char *file)
{
    size_t size = strlen(file), suffix_size = strlen(SUFFIX);
    if (size <= suffix_size || strcmp(file + size - suffix_size, SUFFIX) != 0)
        return NULL;
    char *name = must(strndup(file, size - suffix_size));
    if (name_is_valid(name)) /* a shell that completes names must not meet others */
        return name;
    free(name);
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum exit_code context_names(char ***ret_names, size_t *ret_count)
{
    char *path = contexts_dir();
    DIR *dir = path ? opendir(path) : NULL;
    enum exit_code code = EXIT_OK;
    *ret_names = NULL, *ret_count = 0;
    if (!dir && path && errno != ENOENT)
        code = fail(EXIT_FAILED, "cannot read %s: %s", path, strerror(errno));
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        char *name = context_of_file(entry->d_name);
        if (!name)
            continue;
        *ret_names = must(realloc(*ret_names, (*ret_count + 1) * sizeof **ret_names));
        (*ret_names)[(*ret_count)++] = name;
    }
    if (dir)
        closedir(dir);
    if (*ret_count)
        qsort(*ret_names, *ret_count, sizeof **ret_names, compare_names);
    free(path);
    return code;
}
