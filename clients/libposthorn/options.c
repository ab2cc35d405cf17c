#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"

/* The numbers: where each stands, its default, and whether PH_OFF is allowed. */
static const struct number {
    size_t offset;
    int value;
    bool may_be_off;
} numbers[] = {
    { offsetof(struct ph_options, connect_timeout_ms), 2000, false },
    { offsetof(struct ph_options, ping_interval_ms), 120000, true },
    { offsetof(struct ph_options, pings_outstanding_max), 2, false },
    { offsetof(struct ph_options, write_timeout_ms), 10000, true },
    { offsetof(struct ph_options, reconnect_max), INT_MAX, true },
    { offsetof(struct ph_options, reconnect_wait_ms), 100, false },
    { offsetof(struct ph_options, reconnect_wait_max_ms), 5000, false },
};

static const struct quantity {
    size_t offset, value;
} quantities[] = {
    { offsetof(struct ph_options, output_size_max), 8u << 20 },
    { offsetof(struct ph_options, queue_size_max), 64u << 20 },
    { offsetof(struct ph_options, queue_length_max), 65536 },
};

static const size_t strings[] = {
    offsetof(struct ph_options, url),      offsetof(struct ph_options, user), offsetof(struct ph_options, password),
    offsetof(struct ph_options, token),    offsetof(struct ph_options, name), offsetof(struct ph_options, tls_ca),
    offsetof(struct ph_options, tls_cert), offsetof(struct ph_options, tls_key),
    offsetof(struct ph_options, tls_name), offsetof(struct ph_options, nkey_file),
    offsetof(struct ph_options, creds_file),
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void *place(struct ph_options *options, size_t offset)
{
    return (char *)options + offset;
}

static bool is_zero(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* The caller may have been compiled with an older header, or with a newer one of whose options it uses none. */
static int take(const struct ph_options *given, struct ph_options *options)
{
    const size_t known = sizeof *options;
    *options = (struct ph_options)PH_OPTIONS_INIT;
    if (!given)
        return PH_OK;
    if (given->size < sizeof given->size)
        return PH_E_ARGUMENT;
    if (given->size > known && !is_zero((const char *)given + known, given->size - known))
        return PH_E_ARGUMENT;
    memcpy(options, given, given->size < known ? given->size : known);
    options->size = known;
    return PH_OK;
}

static int fill_numbers(struct ph_options *options)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        int *number = place(options, numbers[i].offset);
        if (*number == 0)
            *number = numbers[i].value;
        if (*number < 0 && (*number != PH_OFF || !numbers[i].may_be_off))
            return PH_E_ARGUMENT;
    }
    for (size_t i = 0; i < COUNT(quantities); i++) {
        size_t *quantity = place(options, quantities[i].offset);
        if (*quantity == 0)
            *quantity = quantities[i].value;
    }
    return PH_OK;
}

/* Makes every string ours. On failure those not yet copied are NULL, so that ph_options_finish is right. */
static int copy_strings(struct ph_options *options)
{
    int error = PH_OK;
    for (size_t i = 0; i < COUNT(strings); i++) {
        char **string = place(options, strings[i]);
        if (*string) {
            *string = error ? NULL : strdup(*string);
            if (!*string)
                error = PH_E_MEMORY;
        }
    }
    return error;
}

int ph_options_copy(const struct ph_options *given, struct ph_options *ret_options)
{
    struct ph_options options;
    int error = take(given, &options);
    if (!error && !options.url)
        options.url = PH_URL_DEFAULT;
    if (!error)
        error = fill_numbers(&options);
    if (error)
        return error;
    error = copy_strings(&options);
    if (error)
        ph_options_finish(&options);
    else
        *ret_options = options;
    return error;
}

/* Some of the strings are secrets: none is left behind in memory. */
void ph_options_finish(struct ph_options *options)
{
    for (size_t i = 0; i < COUNT(strings); i++) {
        char **string = place(options, strings[i]);
        if (*string)
            explicit_bzero(*string, strlen(*string));
        free(*string);
        *string = NULL;
    }
}

static const char *string_at(const struct ph_options *options, size_t offset)
{
    return *(const char *const *)((const char *)options + offset);
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool ph_options_ask_for_another(const struct ph_options *old, const struct ph_options *now)
{
    for (size_t i = 0; i < COUNT(strings); i++)
        if (!is_same(string_at(old, strings[i]), string_at(now, strings[i])))
            return true;
    return old->no_echo != now->no_echo || old->tls_first != now->tls_first || old->tls_insecure != now->tls_insecure;
}

bool ph_options_ask_for_tls(const struct ph_options *options)
{
    return options->tls_ca || options->tls_cert || options->tls_key || options->tls_name || options->tls_first ||
           options->tls_insecure;
}
