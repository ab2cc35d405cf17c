/*
 * fields: the settings and the states of streams and consumers, as members of JSON objects: what each is called and how
 * it is written here, and what in the JetStream API, which says the same in NATS's words and units. A table an object,
 * read both ways. Pure; any thread.
 */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include "http/document.h"

/*                     here                        in the API */
enum field_kind {
    FIELD_TEXT,      /* a string                   the same; null here is the empty one */
    FIELD_FLAG,      /* true, false                the same */
    FIELD_NUMBER,    /* a whole number             the same */
    FIELD_BOUND,     /* a whole number, or null    the same, or -1 */
    FIELD_SIZE,      /* "64MiB", or null           bytes, or -1 */
    FIELD_DURATION,  /* "2m", or null              nanoseconds, or 0 */
    FIELD_DURATIONS, /* a list of those, or null   the same */
    FIELD_MOMENT,    /* RFC 3339, or null          the same, or the year 1 */
    FIELD_WORD,      /* one of words               its other half */
    FIELD_TOPICS,    /* a list of patterns, or one the list */
    FIELD_FILTERS,   /* the same, or null          "filter_subject" with one, "filter_subjects" with several */
    FIELD_OBJECT,    /* any object, or null        the same */
};

struct field_word {
    const char *name, *api_name;   /* NULL: behind the last */
};

enum field_flags {
    FIELD_SPARSE = 1,              /* not told where it is absent, empty, false, or nothing */
    FIELD_BESIDE = 2,              /* told beside the API's object, and not in it */
    FIELD_FIXED = 4,               /* not to be set: where it is given it is passed over, so that what was read may be
                                      given back with a change */
};

struct field {
    const char *name, *api_name;   /* NULL: behind the last */
    enum field_kind kind;
    unsigned flags;                /* enum field_flags */
    const struct field_word *words;
};

enum { FIELDS_FAULT_SIZE = 200 };

/* Writes the members of an object of ours as the API calls them, within an object that is open. False: one is unknown,
 * or not as it should be, and fault is a sentence about it. */
bool fields_to_api(const struct field *fields, struct slice object, struct document *document,
                   char fault[FIELDS_FAULT_SIZE]);

/* Writes those members of an object of the API that the table has, in its order. What the API leaves out is what its
 * kind calls nothing. */
void fields_from_api(const struct field *fields, struct slice object, struct document *document);

/* Writes the members of an object of the API with those of a change in their places, within an object that is open. */
void fields_merge(struct slice object, struct slice change, struct document *document);

/* A member's value; empty: there is none. */
struct slice fields_member(struct slice object, const char *name);

/* A whole number in a value, however it is written; fallback where it is none. */
int64_t fields_number(struct slice value, int64_t fallback);

/* The tables. */
extern const struct field stream_fields[], stream_state_fields[], purge_fields[];
extern const struct field consumer_fields[], consumer_state_fields[];
extern const struct field created_fields[]; /* "created", beside the settings of both */

#endif
