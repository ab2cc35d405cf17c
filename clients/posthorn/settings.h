/*
 * settings: what streams and consumers can be told to be, one row a setting: its option on the command line and its
 * field in the config object of the server's interface. `add` and `edit` write the fields from what the options say,
 * `info` shows them. An option that is not given leaves its field as it is.
 */
#ifndef POSTHORN_SETTINGS_H
#define POSTHORN_SETTINGS_H

#include "object.h"
#include "options.h"
#include "table.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_COUNT,     /* -1: none */
    SETTING_SIZE,      /* -1: none */
    SETTING_DURATION,  /* nanoseconds; 0: none */
    SETTING_DURATIONS, /* an array of them, as "1s,5s,1m" */
    SETTING_SYNC,      /* "always", "never", or a duration; text too in the config object */
    SETTING_CHOICE,    /* one of the words of the option: "old|new" */
    SETTING_FLAG,      /* yes or no */
    SETTING_NUMBER,    /* null: none */
    SETTING_TIME,      /* a duration, as text in the config object too; so is the word for none */
    SETTING_TIMES,     /* an array of them */
    SETTING_OBJECT,    /* JSON */
    SETTING_KIND_COUNT
};

struct setting {
    const char *name;   /* of the option; `info` shows it under this name too */
    const char *word;   /* as the help calls the value; of a choice, the words */
    const char *field;
    enum setting_kind kind;
    const char *none;   /* the word for none, where there may be none; NULL: there may not */
    size_t offset;      /* of the option's text in the values; NULL there: it was not given */
};

/* Writes what was given into the config object. Rows end with one that has no name. Says what is wrong. */
enum exit_code settings_write(const struct setting *rows, const void *values, cJSON *config);

/* Puts a row of two cells for each setting into a table: the name and the value. */
void settings_show(const struct setting *rows, const cJSON *config, struct table *table);

/* Makes the option of a row: X(field, "option", "json", KIND, "WORD", "none", "help") of a list is a member of the
 * values, an option, and a setting. */
#define SETTING_MEMBER(member, name, field, kind, word, none, help) const char *member;
#define SETTING_OPTION(member, name, field, kind, word, none, help) \
    { name, 0, word, OPTION_TEXT, offsetof(struct SETTING_VALUES, member), NULL, help },
#define SETTING_ROW(member, name, field, kind, word, none, help) \
    { name, word, field, SETTING_##kind, none, offsetof(struct SETTING_VALUES, member) },

#endif
