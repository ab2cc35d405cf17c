/*
 * Fuzz target: short texts that others choose: base64, moments, sizes and durations, names of hosts, traces. What is
 * read is written again as what is read as the same. Each input is given to all of their readers.
 *
 *   input = a text
 */
#include "fuzz.h"

#include <string.h>

#include "http/origin.h"
#include "sidecar/trace.h"
#include "util/base64.h"
#include "util/moment.h"
#include "util/units.h"

/* One text for the same bytes, in either alphabet. */
static void try_base64(struct slice text, bool (*read)(struct slice text, char *out, size_t *ret_size),
                       char *(*write)(char *out, struct slice data), size_t read_size_max)
{
    size_t size;
    char *bytes = malloc(read_size_max + 1);
    fuzz_require(bytes);
    if (read(text, bytes, &size)) {
        char *written = malloc(base64_size(size) + 1);
        fuzz_require(written && size <= read_size_max);
        size_t written_size = (size_t)(write(written, slice_make(bytes, size)) - written);
        fuzz_require(written_size == text.size && (!text.size || memcmp(written, text.data, text.size) == 0));
        free(written);
    }
    free(bytes);
}

/* Year 9999 is the last one that is written with four digits. */
static void try_moment(struct slice text)
{
    uint64_t time_ms, again_ms;
    char written[MOMENT_SIZE];
    if (!moment_parse(text, &time_ms) || time_ms >= 253402300800000u)
        return;
    char *end = moment_write(written, time_ms);
    fuzz_require(end == written + MOMENT_SIZE);
    fuzz_require(moment_parse(slice_make(written, MOMENT_SIZE), &again_ms) && again_ms == time_ms);
}

static void try_units(const char *text)
{
    uint64_t value, again;
    char written[UNITS_TEXT_SIZE];
    if (units_parse_size(text, &value)) {
        units_format_size(value, written);
        fuzz_require(units_parse_size(written, &again) && again == value);
    }
    if (units_parse_duration(text, &value)) {
        units_format_duration(value, written);
        fuzz_require(units_parse_duration(written, &again) && again == value);
    }
    if (units_parse_count(text, &value)) {
        units_format_count(value, written);
        fuzz_require(units_parse_count(written, &again) && again == value);
    }
}

/* A host is this machine's whatever port follows; a longer name is another. */
static void try_host(struct slice text)
{
    char longer[300];
    if (!host_is_local(text) || text.size > 250 || memchr(text.data, ':', text.size) || memchr(text.data, 0, text.size))
        return;
    snprintf(longer, sizeof longer, "%.*s.example", SLICE_ARGS(text));
    fuzz_require(!host_is_local(slice_of(longer)));
    snprintf(longer, sizeof longer, "%.*s:8222", SLICE_ARGS(text));
    fuzz_require(host_is_local(slice_of(longer)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    fuzz_require(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    struct slice given = slice_make(text, size);
    try_base64(given, base64_read, base64_write, base64_data_size_max(size));
    try_base64(given, base64url_read, base64url_write, base64url_data_size_max(size));
    try_moment(given);
    try_units(text);
    try_host(given);
    if (trace_is_valid(given))
        fuzz_require(given.size >= TRACE_SIZE - 1);
    free(text);
    return 0;
}
