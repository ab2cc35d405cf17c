#include "http/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/json.h"
#include "util/moment.h"
#include "util/units.h"

enum {
    TEXT_SIZE = 512,      /* of what is read from a string: units, words, moments, names */
    NAME_SHOWN_MAX = 100, /* a longer name is not told again */
};

/* Values. */

static bool is_null(struct slice value)
{
    return value.size == 0 || slice_is(value, "null");
}

/* The text of a string that fits, with a NUL that is not within it. */
static bool read_text(struct slice value, char text[TEXT_SIZE])
{
    size_t size;
    if (value.size < 2 || *value.data != '"' || value.size > TEXT_SIZE || !json_read_string(value, text, &size))
        return false;
    text[size] = '\0';
    return strlen(text) == size;
}

static bool read_whole_number(struct slice value, uint64_t *ret_number)
{
    char text[UNITS_TEXT_SIZE];
    if (value.size == 0 || value.size >= sizeof text)
        return false;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return units_parse_count(text, ret_number) && *ret_number <= INT64_MAX;
}

struct slice fields_member(struct slice object, const char *name)
{
    size_t cursor = 0, size = strlen(name);
    struct slice member, value;
    if (object.size == 0 || *object.data != '{')
        return slice_make(NULL, 0);
    while (json_next_member(object, &cursor, &member, &value))
        if (member.size == size + 2 && memcmp(member.data + 1, name, size) == 0)
            return value;
    return slice_make(NULL, 0);
}

int64_t fields_number(struct slice value, int64_t fallback)
{
    char text[32], *end;
    uint64_t number;
    if (read_whole_number(value, &number))
        return (int64_t)number;
    if (value.size == 0 || value.size >= sizeof text)
        return fallback;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    double real = strtod(text, &end); /* negative, or with an exponent */
    return end == text + value.size && real > -9e18 && real < 9e18 ? (int64_t)real : fallback;
}

/* From here to there. Each writes the member, or returns false where the value is none of its kind. */

static void put_number(struct document *document, const char *name, int64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%lld", (long long)number);
    document_value(document, name, slice_make(text, (size_t)size));
}

static bool text_to_api(const struct field *field, struct slice value, struct document *document)
{
    document_value(document, field->api_name, is_null(value) ? slice_of("\"\"") : value);
    return is_null(value) || *value.data == '"';
}

static bool flag_to_api(const struct field *field, struct slice value, struct document *document)
{
    document_value(document, field->api_name, value);
    return slice_is(value, "true") || slice_is(value, "false");
}

static bool number_to_api(const struct field *field, struct slice value, struct document *document)
{
    uint64_t number = 0;
    bool good = read_whole_number(value, &number);
    document_number(document, field->api_name, number);
    return good;
}

/* 0 is no bound either, as in the configuration. */
static bool bound_to_api(const struct field *field, struct slice value, struct document *document)
{
    uint64_t number = 0;
    bool good = is_null(value) || read_whole_number(value, &number);
    put_number(document, field->api_name, number ? (int64_t)number : -1);
    return good;
}

static bool size_to_api(const struct field *field, struct slice value, struct document *document)
{
    char text[TEXT_SIZE];
    uint64_t size = 0;
    bool good = is_null(value) || read_whole_number(value, &size) ||
                (read_text(value, text) && units_parse_size(text, &size) && size <= INT64_MAX);
    put_number(document, field->api_name, size ? (int64_t)size : -1);
    return good;
}

static bool read_duration(struct slice value, uint64_t *ret_ns)
{
    char text[TEXT_SIZE];
    *ret_ns = 0;
    return is_null(value) || (read_text(value, text) && units_parse_duration(text, ret_ns) && *ret_ns <= INT64_MAX);
}

static bool duration_to_api(const struct field *field, struct slice value, struct document *document)
{
    uint64_t ns;
    bool good = read_duration(value, &ns);
    document_number(document, field->api_name, ns);
    return good;
}

static bool durations_to_api(const struct field *field, struct slice value, struct document *document)
{
    size_t cursor = 0;
    struct slice element;
    uint64_t ns;
    bool good = is_null(value) || *value.data == '[';
    document_open(document, field->api_name, '[');
    while (good && !is_null(value) && json_next_element(value, &cursor, &element)) {
        good = read_duration(element, &ns);
        document_number(document, NULL, ns);
    }
    document_close(document, ']');
    return good;
}

static bool moment_to_api(const struct field *field, struct slice value, struct document *document)
{
    char text[TEXT_SIZE];
    uint64_t time_ms = 0;
    bool good = read_text(value, text) && moment_parse(slice_of(text), &time_ms);
    document_value(document, field->api_name, value);
    return good;
}

static bool word_to_api(const struct field *field, struct slice value, struct document *document)
{
    char text[TEXT_SIZE];
    if (!read_text(value, text))
        return false;
    for (const struct field_word *word = field->words; word->name; word++)
        if (strcmp(word->name, text) == 0) {
            document_text(document, field->api_name, slice_of(word->api_name));
            return true;
        }
    return false;
}

/* Strings alone; *ret_count of them. */
static bool is_list_of_strings(struct slice value, unsigned *ret_count)
{
    size_t cursor = 0;
    struct slice element;
    *ret_count = 0;
    if (value.size == 0 || *value.data != '[')
        return false;
    while (json_next_element(value, &cursor, &element)) {
        ++*ret_count;
        if (*element.data != '"')
            return false;
    }
    return true;
}

static void put_list_of_one(struct document *document, const char *name, struct slice value)
{
    document_open(document, name, '[');
    document_value(document, NULL, value);
    document_close(document, ']');
}

static bool topics_to_api(const struct field *field, struct slice value, struct document *document)
{
    unsigned count;
    if (is_list_of_strings(value, &count)) {
        document_value(document, field->api_name, value);
        return true;
    }
    put_list_of_one(document, field->api_name, value);
    return value.size && *value.data == '"';
}

static bool filters_to_api(const struct field *field, struct slice value, struct document *document)
{
    unsigned count;
    size_t cursor = 0;
    bool is_list = is_list_of_strings(value, &count);
    (void)field;
    if (is_list && count > 1) {
        document_value(document, "filter_subjects", value);
        return true;
    }
    if (is_list && count == 1)
        json_next_element(value, &cursor, &value);
    bool none = is_null(value) || (is_list && count == 0);
    document_value(document, "filter_subject", none ? slice_of("\"\"") : value);
    return none || *value.data == '"';
}

static bool object_to_api(const struct field *field, struct slice value, struct document *document)
{
    document_value(document, field->api_name, is_null(value) ? slice_of("{}") : value);
    return is_null(value) || *value.data == '{';
}

/* From there to here. Each writes the member, or nothing where it is sparse and there is none. */

static bool is_left_out(const struct field *field, bool nothing)
{
    return nothing && (field->flags & FIELD_SPARSE);
}

static void put_null(struct document *document, const char *name)
{
    document_value(document, name, slice_of("null"));
}

static void text_from_api(const struct field *field, struct slice value, struct document *document)
{
    bool nothing = is_null(value) || slice_is(value, "\"\"");
    if (!is_left_out(field, nothing))
        document_value(document, field->name, nothing ? slice_of("\"\"") : value);
}

static void flag_from_api(const struct field *field, struct slice value, struct document *document)
{
    bool flag = slice_is(value, "true");
    if (!is_left_out(field, !flag))
        document_flag(document, field->name, flag);
}

static void number_from_api(const struct field *field, struct slice value, struct document *document)
{
    int64_t number = fields_number(value, 0);
    if (!is_left_out(field, number == 0))
        put_number(document, field->name, number);
}

static void bound_from_api(const struct field *field, struct slice value, struct document *document)
{
    int64_t number = fields_number(value, -1);
    if (number > 0)
        put_number(document, field->name, number);
    else if (!is_left_out(field, true))
        put_null(document, field->name);
}

static void size_from_api(const struct field *field, struct slice value, struct document *document)
{
    char text[UNITS_TEXT_SIZE];
    int64_t number = fields_number(value, -1);
    if (number > 0)
        document_text(document, field->name, slice_of(units_format_size((uint64_t)number, text)));
    else if (!is_left_out(field, true))
        put_null(document, field->name);
}

static void put_duration(struct document *document, const char *name, struct slice value)
{
    char text[UNITS_TEXT_SIZE];
    int64_t ns = fields_number(value, 0);
    if (ns > 0)
        document_text(document, name, slice_of(units_format_duration((uint64_t)ns, text)));
    else
        put_null(document, name);
}

static void duration_from_api(const struct field *field, struct slice value, struct document *document)
{
    if (!is_left_out(field, fields_number(value, 0) <= 0))
        put_duration(document, field->name, value);
}

static void durations_from_api(const struct field *field, struct slice value, struct document *document)
{
    size_t cursor = 0, at = 0;
    struct slice element;
    bool nothing = is_null(value) || *value.data != '[' || !json_next_element(value, &cursor, &element);
    if (is_left_out(field, nothing))
        return;
    document_open(document, field->name, '[');
    while (!nothing && json_next_element(value, &at, &element))
        put_duration(document, NULL, element);
    document_close(document, ']');
}

/* As precise as every moment of this interface. */
static void moment_from_api(const struct field *field, struct slice value, struct document *document)
{
    char text[TEXT_SIZE];
    uint64_t time_ms;
    if (read_text(value, text) && moment_parse(slice_of(text), &time_ms))
        document_moment(document, field->name, time_ms);
    else if (!is_left_out(field, true))
        put_null(document, field->name);
}

/* A word that is not ours stays as it is. */
static void word_from_api(const struct field *field, struct slice value, struct document *document)
{
    char text[TEXT_SIZE] = "";
    const struct field_word *word = field->words;
    bool good = read_text(value, text);
    while (word->name && strcmp(word->api_name, text) != 0)
        word++;
    if (good)
        document_text(document, field->name, slice_of(word->name ? word->name : text));
}

static void topics_from_api(const struct field *field, struct slice value, struct document *document)
{
    unsigned count;
    if (!is_left_out(field, !is_list_of_strings(value, &count)))
        document_value(document, field->name, is_list_of_strings(value, &count) ? value : slice_of("[]"));
}

static void object_from_api(const struct field *field, struct slice value, struct document *document)
{
    bool nothing = is_null(value) || slice_is(value, "{}");
    if (!is_left_out(field, nothing))
        document_value(document, field->name, nothing ? slice_of("{}") : value);
}

/* Filters stand in two members: one of them has been found, or neither. */
static void filters_from_api(const struct field *field, struct slice object, struct document *document)
{
    unsigned count;
    struct slice many = fields_member(object, "filter_subjects"), one = fields_member(object, "filter_subject");
    if (is_list_of_strings(many, &count) && count)
        document_value(document, field->name, many);
    else if (one.size > 2 && *one.data == '"')
        put_list_of_one(document, field->name, one);
    else if (!is_left_out(field, true))
        document_value(document, field->name, slice_of("[]"));
}

/* The kinds. */

static const struct kind {
    bool (*to_api)(const struct field *field, struct slice value, struct document *document);
    void (*from_api)(const struct field *field, struct slice value, struct document *document);
    const char *what; /* behind "NAME is " */
} kinds[] = {
    [FIELD_TEXT] = { text_to_api, text_from_api, "a string, or null" },
    [FIELD_FLAG] = { flag_to_api, flag_from_api, "true or false" },
    [FIELD_NUMBER] = { number_to_api, number_from_api, "a whole number" },
    [FIELD_BOUND] = { bound_to_api, bound_from_api, "a whole number, or null for no bound" },
    [FIELD_SIZE] = { size_to_api, size_from_api, "a size such as \"64MiB\", or null for no bound" },
    [FIELD_DURATION] = { duration_to_api, duration_from_api, "a duration such as \"2m\", or null for none" },
    [FIELD_DURATIONS] = { durations_to_api, durations_from_api, "a list of durations, [\"1s\",\"1m\"], or null" },
    [FIELD_MOMENT] = { moment_to_api, moment_from_api, "a time such as \"2026-01-31T12:00:00Z\"" },
    [FIELD_WORD] = { word_to_api, word_from_api, "one of" },
    [FIELD_TOPICS] = { topics_to_api, topics_from_api, "a list of patterns such as [\"orders.>\"]" },
    [FIELD_FILTERS] = { filters_to_api, NULL, "a list of patterns such as [\"orders.eu.*\"], or null for all" },
    [FIELD_OBJECT] = { object_to_api, object_from_api, "an object, or null" },
};

static bool complain(char fault[FIELDS_FAULT_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool complain(char fault[FIELDS_FAULT_SIZE], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(fault, FIELDS_FAULT_SIZE, format, args);
    va_end(args);
    return false;
}

static bool complain_of_value(const struct field *field, char fault[FIELDS_FAULT_SIZE])
{
    size_t size = (size_t)snprintf(fault, FIELDS_FAULT_SIZE, "%s is %s", field->name, kinds[field->kind].what);
    if (field->kind == FIELD_WORD)
        for (const struct field_word *word = field->words; word->name && size < FIELDS_FAULT_SIZE; word++)
            size += (size_t)snprintf(fault + size, FIELDS_FAULT_SIZE - size, "%s %s", word == field->words ? "" : ",",
                                     word->name);
    if (size + 1 < FIELDS_FAULT_SIZE)
        memcpy(fault + size, ".", 2);
    return false;
}

/* A name is still a string with its quotes; none of ours needs an escape. */
static const struct field *field_of(const struct field *fields, struct slice name)
{
    while (fields->name && !slice_is(slice_make(name.data + 1, name.size - 2), fields->name))
        fields++;
    return fields->name ? fields : NULL;
}

bool fields_to_api(const struct field *fields, struct slice object, struct document *document,
                   char fault[FIELDS_FAULT_SIZE])
{
    size_t cursor = 0;
    struct slice name, value;
    while (json_next_member(object, &cursor, &name, &value)) {
        const struct field *field = field_of(fields, name);
        if (!field)
            return name.size < NAME_SHOWN_MAX ? complain(fault, "There is no setting %.*s.", SLICE_ARGS(name))
                                              : complain(fault, "There is no setting with a name that long.");
        if (!(field->flags & FIELD_FIXED) && !kinds[field->kind].to_api(field, value, document))
            return complain_of_value(field, fault);
    }
    return true;
}

void fields_from_api(const struct field *fields, struct slice object, struct document *document)
{
    for (const struct field *field = fields; field->name; field++)
        if (field->kind == FIELD_FILTERS)
            filters_from_api(field, object, document);
        else if (!(field->flags & FIELD_BESIDE))
            kinds[field->kind].from_api(field, fields_member(object, field->api_name), document);
}

/* Changing. */

static bool is_filter(struct slice name)
{
    return slice_is(name, "\"filter_subject\"") || slice_is(name, "\"filter_subjects\"");
}

/* Filters stand in one of two members, and each takes the other's place. */
static bool is_replaced(struct slice name, struct slice change)
{
    size_t cursor = 0;
    struct slice other, value;
    while (json_next_member(change, &cursor, &other, &value))
        if (slice_equal(name, other) || (is_filter(name) && is_filter(other)))
            return true;
    return false;
}

static void put_member(struct document *document, struct slice name, struct slice value)
{
    char text[TEXT_SIZE];
    if (read_text(name, text))
        document_value(document, text, value);
}

void fields_merge(struct slice object, struct slice change, struct document *document)
{
    size_t cursor = 0;
    struct slice name, value;
    while (json_next_member(object, &cursor, &name, &value))
        if (!is_replaced(name, change))
            put_member(document, name, value);
    for (cursor = 0; json_next_member(change, &cursor, &name, &value);)
        put_member(document, name, value);
}

/* The tables. */

static const struct field_word storages[] = { { "file", "file" }, { "memory", "memory" }, { NULL, NULL } };
static const struct field_word discards[] = { { "old", "old" }, { "new", "new" }, { NULL, NULL } };
static const struct field_word retentions[] = {
    { "limits", "limits" }, { "interest", "interest" }, { "workqueue", "workqueue" }, { NULL, NULL },
};
static const struct field_word starts[] = {
    { "all", "all" },
    { "last", "last" },
    { "new", "new" },
    { "last_per_topic", "last_per_subject" },
    { "sequence", "by_start_sequence" },
    { "time", "by_start_time" },
    { NULL, NULL },
};
static const struct field_word acks[] = {
    { "explicit", "explicit" }, { "all", "all" }, { "none", "none" }, { NULL, NULL },
};
static const struct field_word replays[] = { { "instant", "instant" }, { "original", "original" }, { NULL, NULL } };

/* clang-format off */
const struct field stream_fields[] = {
    { "name",                   "name",                    FIELD_TEXT,     0,            NULL },
    { "description",            "description",             FIELD_TEXT,     FIELD_SPARSE, NULL },
    { "topics",                 "subjects",                FIELD_TOPICS,   0,            NULL },
    { "storage",                "storage",                 FIELD_WORD,     0,            storages },
    { "sync",                   "sync",                    FIELD_TEXT,     0,            NULL },
    { "retention",              "retention",               FIELD_WORD,     0,            retentions },
    { "discard",                "discard",                 FIELD_WORD,     0,            discards },
    { "discard_new_per_topic",  "discard_new_per_subject", FIELD_FLAG,     FIELD_SPARSE, NULL },
    { "age_max",                "max_age",                 FIELD_DURATION, 0,            NULL },
    { "bytes_max",              "max_bytes",               FIELD_SIZE,     0,            NULL },
    { "messages_max",           "max_msgs",                FIELD_BOUND,    0,            NULL },
    { "messages_per_topic_max", "max_msgs_per_subject",    FIELD_BOUND,    0,            NULL },
    { "message_size_max",       "max_msg_size",            FIELD_SIZE,     0,            NULL },
    { "consumers_max",          "max_consumers",           FIELD_BOUND,    0,            NULL },
    { "duplicate_window",       "duplicate_window",        FIELD_DURATION, 0,            NULL },
    { "allow_rollup",           "allow_rollup_hdrs",       FIELD_FLAG,     0,            NULL },
    { "allow_direct",           "allow_direct",            FIELD_FLAG,     0,            NULL },
    { "deny_delete",            "deny_delete",             FIELD_FLAG,     0,            NULL },
    { "deny_purge",             "deny_purge",              FIELD_FLAG,     0,            NULL },
    { "sealed",                 "sealed",                  FIELD_FLAG,     FIELD_SPARSE, NULL },
    { "metadata",               "metadata",                FIELD_OBJECT,   FIELD_SPARSE, NULL },
    { "created",                "",                        FIELD_MOMENT,   FIELD_BESIDE | FIELD_FIXED, NULL },
    { "state",                  "",                        FIELD_OBJECT,   FIELD_BESIDE | FIELD_FIXED, NULL },
    { NULL, NULL, 0, 0, NULL },
};

const struct field stream_state_fields[] = {
    { "messages",   "messages",       FIELD_NUMBER, 0,            NULL },
    { "bytes",      "bytes",          FIELD_NUMBER, 0,            NULL },
    { "first_seq",  "first_seq",      FIELD_NUMBER, 0,            NULL },
    { "first_time", "first_ts",       FIELD_MOMENT, 0,            NULL },
    { "last_seq",   "last_seq",       FIELD_NUMBER, 0,            NULL },
    { "last_time",  "last_ts",        FIELD_MOMENT, 0,            NULL },
    { "topics",     "num_subjects",   FIELD_NUMBER, 0,            NULL },
    { "deleted",    "num_deleted",    FIELD_NUMBER, 0,            NULL },
    { "consumers",  "consumer_count", FIELD_NUMBER, 0,            NULL },
    { "per_topic",  "subjects",       FIELD_OBJECT, FIELD_SPARSE, NULL },
    { NULL, NULL, 0, 0, NULL },
};

const struct field consumer_fields[] = {
    { "name",               "name",               FIELD_TEXT,      FIELD_BESIDE, NULL },
    { "description",        "description",        FIELD_TEXT,      FIELD_SPARSE, NULL },
    { "topics",             "filter_subject",     FIELD_FILTERS,   0,            NULL },
    { "start",              "deliver_policy",     FIELD_WORD,      0,            starts },
    { "start_sequence",     "opt_start_seq",      FIELD_NUMBER,    FIELD_SPARSE, NULL },
    { "start_time",         "opt_start_time",     FIELD_MOMENT,    FIELD_SPARSE, NULL },
    { "ack",                "ack_policy",         FIELD_WORD,      0,            acks },
    { "ack_wait",           "ack_wait",           FIELD_DURATION,  0,            NULL },
    { "acks_pending_max",   "max_ack_pending",    FIELD_BOUND,     0,            NULL },
    { "deliveries_max",     "max_deliver",        FIELD_BOUND,     0,            NULL },
    { "backoff",            "backoff",            FIELD_DURATIONS, FIELD_SPARSE, NULL },
    { "pulls_waiting_max",  "max_waiting",        FIELD_BOUND,     FIELD_SPARSE, NULL },
    { "pull_batch_max",     "max_batch",          FIELD_BOUND,     FIELD_SPARSE, NULL },
    { "pull_wait_max",      "max_expires",        FIELD_DURATION,  FIELD_SPARSE, NULL },
    { "pull_bytes_max",     "max_bytes",          FIELD_SIZE,      FIELD_SPARSE, NULL },
    { "replay",             "replay_policy",      FIELD_WORD,      0,            replays },
    { "headers_only",       "headers_only",       FIELD_FLAG,      FIELD_SPARSE, NULL },
    { "inactive_max",       "inactive_threshold", FIELD_DURATION,  FIELD_SPARSE, NULL },
    { "deliver_topic",      "deliver_subject",    FIELD_TEXT,      FIELD_SPARSE, NULL },
    { "deliver_group",      "deliver_group",      FIELD_TEXT,      FIELD_SPARSE, NULL },
    { "flow_control",       "flow_control",       FIELD_FLAG,      FIELD_SPARSE, NULL },
    { "heartbeat_interval", "idle_heartbeat",     FIELD_DURATION,  FIELD_SPARSE, NULL },
    { "rate_max",           "rate_limit_bps",     FIELD_BOUND,     FIELD_SPARSE, NULL },
    { "memory",             "mem_storage",        FIELD_FLAG,      FIELD_SPARSE, NULL },
    { "metadata",           "metadata",           FIELD_OBJECT,    FIELD_SPARSE, NULL },
    { "stream",             "",                   FIELD_TEXT,      FIELD_BESIDE | FIELD_FIXED, NULL },
    { "durable",            "",                   FIELD_FLAG,      FIELD_BESIDE | FIELD_FIXED, NULL },
    { "created",            "",                   FIELD_MOMENT,    FIELD_BESIDE | FIELD_FIXED, NULL },
    { "state",              "",                   FIELD_OBJECT,    FIELD_BESIDE | FIELD_FIXED, NULL },
    { NULL, NULL, 0, 0, NULL },
};

const struct field purge_fields[] = {
    { "topics",     "filter", FIELD_TEXT,   0, NULL },
    { "before_seq", "seq",    FIELD_NUMBER, 0, NULL },
    { "keep",       "keep",   FIELD_NUMBER, 0, NULL },
    { NULL, NULL, 0, 0, NULL },
};

const struct field created_fields[] = {
    { "created", "created", FIELD_MOMENT, 0, NULL },
    { NULL, NULL, 0, 0, NULL },
};

const struct field consumer_state_fields[] = {
    { "pending",       "num_pending",     FIELD_NUMBER, 0, NULL },
    { "acks_pending",  "num_ack_pending", FIELD_NUMBER, 0, NULL },
    { "redelivered",   "num_redelivered", FIELD_NUMBER, 0, NULL },
    { "pulls_waiting", "num_waiting",     FIELD_NUMBER, 0, NULL },
    { NULL, NULL, 0, 0, NULL },
};
/* clang-format on */
