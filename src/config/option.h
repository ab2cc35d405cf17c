/*
 * option: one row of THE table of options, one row of the table of sections, and how to find them. The tables are
 * constant and stand in options.c, the rows of options by section in options/; this header is for the config room
 * alone. Any thread.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "util/text.h"

/* What an option holds, and what min and max count. value.c has a row for each. */
enum option_kind {
    OPTION_COUNT,       /* unsigned                the number */
    OPTION_COUNT_WIDE,  /* uint64_t                the number */
    OPTION_SIZE,        /* uint64_t, bytes         the size */
    OPTION_DURATION_MS, /* uint64_t, milliseconds  the duration */
    OPTION_DURATION_NS, /* uint64_t, nanoseconds   the duration */
    OPTION_MODE,        /* unsigned, permissions   the mode, octal */
    OPTION_CHOICE,      /* unsigned, an index into choices */
    OPTION_TEXT,        /* char *                  bytes */
    OPTION_LIST,        /* struct config_list      items */
    OPTION_KIND_COUNT
};

enum { CHECK_ROOM_SIZE = 256 };

enum option_flags {
    OPTION_RELOAD = 1, /* SIGHUP changes it */
    OPTION_SECRET = 2, /* never printed, in errors neither */
    OPTION_WORDS = 4,  /* items of a list may have blanks within */
};

struct option {
    const char *section, *key;
    size_t offset;              /* of the field within the struct of its section */
    enum option_kind kind;
    const char *fallback;       /* the default as it would be written; NULL: none, the field stays zero */
    const char *min, *max;      /* as they would be written; unused by OPTION_CHOICE */
    unsigned flags;             /* enum option_flags */
    const char *help;           /* sentences */
    /* the following may be left out */
    unsigned programs;          /* whose it is, of those whose the section is; 0: of all of them */
    const char *zero;           /* the word that stands for 0, which is then outside of min and max */
    const char *endless;        /* the word that stands for UINT64_MAX, likewise */
    const char *const *choices; /* OPTION_CHOICE: ends with NULL */
    bool (*check)(const char *text); /* OPTION_TEXT, and each item of OPTION_LIST */
    const char *expected;       /* what check asks for */
};

struct section {
    const char *name;
    const char *help;
    unsigned programs;          /* whose it is: a sum of enum program */
    size_t offset;              /* of the struct, or of the pointer to the first of them, in struct config */
    size_t size;                /* of one struct */
    bool repeated;              /* the struct begins with char *name, the NAME of [section NAME] */
    size_t count_offset;        /* repeated: of their number in struct config */
    const char *example;        /* repeated: a NAME for the sample */
    /* What a section lacks when all is read, written as what was expected; NULL where it is sound. The text is static
     * or in room. May be NULL. */
    const char *(*check)(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE]);
};

/* Two sizes of one section of which the first must not exceed the second, or must be below it. */
struct order {
    const char *section, *smaller, *larger;
    bool strictly;
};

extern const struct section config_sections[];
extern const size_t config_section_count;
extern const struct option config_options[];
extern const size_t config_option_count;
extern const struct order config_orders[];
extern const size_t config_order_count;

/* NULL where there is none; then *ret_guess (may be NULL) is the nearest name or NULL. */
const struct section *section_find(const char *name, const char **ret_guess);
const struct option *option_find(const struct section *section, const char *key, const char **ret_guess);

/* Whether a program has a section, and an option of it. */
bool section_is_of(const struct section *section, enum program program);
bool option_is_of(const struct option *option, const struct section *section, enum program program);

/* The options of a section in the order of the table: begin with NULL. NULL at the end. */
const struct option *option_next(const struct section *section, const struct option *option);

/* How many structs of the section there are, and the one at index. */
size_t section_count(const struct section *section, const struct config *config);
void *section_instance(const struct section *section, const struct config *config, size_t index);

/* Appends a struct for [section NAME], zeroed but for its name, which is copied. Returns 0 or -ENOMEM. */
int section_append(const struct section *section, struct config *config, struct slice name);

/* The NAME of a struct of a repeated section. */
const char *section_name(const void *instance);

/* True where text can be the NAME of a section: 1 to SECTION_NAME_SIZE_MAX letters, digits and SECTION_NAME_MARKS. */
#define SECTION_NAME_SIZE_MAX 64
#define SECTION_NAME_MARKS "-_.@+"
bool section_name_is_good(struct slice name);

/* The field of an option. */
static inline void *option_value(const struct option *option, const void *instance)
{
    return (char *)instance + option->offset;
}

#endif
