/*
 * Fuzz target: settings of streams and consumers, as HTTP has them and as the JetStream API has them.
 *
 *   input = the number of a table, and an object of JSON
 *
 * What is read of an object is JSON again, whatever stands in it; and what is told of settings that were taken can be
 * given back, and is told the same then.
 */
#include "fuzz.h"

#include "http/fields.h"
#include "util/json.h"
#include "util/utf8.h"

/* The first of them are settings; the others are only told. */
static const struct field *const tables[] = {
    stream_fields, consumer_fields, purge_fields, stream_state_fields, consumer_state_fields,
};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0], SETTINGS_COUNT = 3 };

static bool is_object(struct slice text)
{
    return text.size && *text.data == '{' && json_value_size(text) == text.size && utf8_valid(text);
}

static struct slice text_of(const struct document *document)
{
    return slice_make(document->buffer.data, document->buffer.size);
}

static bool to_api(const struct field *fields, struct slice object, struct document *document)
{
    char fault[FIELDS_FAULT_SIZE] = "";
    document_open(document, NULL, '{');
    bool good = fields_to_api(fields, object, document, fault);
    document_close(document, '}');
    fuzz_require(good || (*fault && utf8_valid(slice_of(fault))));
    fuzz_require(!good || is_object(text_of(document)));
    return good;
}

static void from_api(const struct field *fields, struct slice object, struct document *document)
{
    document_open(document, NULL, '{');
    fields_from_api(fields, object, document);
    document_close(document, '}');
    fuzz_require(is_object(text_of(document)));
}

static void check_the_way_back(const struct field *fields, struct slice given)
{
    struct document told = { .failed = false }, again = { .failed = false }, told_again = { .failed = false };
    from_api(fields, given, &told);
    fuzz_require(to_api(fields, text_of(&told), &again));
    from_api(fields, text_of(&again), &told_again);
    fuzz_require(slice_equal(text_of(&told), text_of(&told_again)));
    document_finish(&told);
    document_finish(&again);
    document_finish(&told_again);
}

static void check_merge(struct slice object, struct slice change)
{
    struct document merged = { .failed = false };
    document_open(&merged, NULL, '{');
    fields_merge(object, change, &merged);
    document_close(&merged, '}');
    fuzz_require(is_object(text_of(&merged)));
    document_finish(&merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice object = slice_make((const char *)data + 1, size ? size - 1 : 0);
    if (!size || !is_object(object))
        return 0;
    unsigned place = data[0] % TABLE_COUNT;
    const struct field *fields = tables[place];
    struct document given = { .failed = false }, told = { .failed = false };
    if (to_api(fields, object, &given) && place < SETTINGS_COUNT)
        check_the_way_back(fields, text_of(&given));
    from_api(fields, object, &told);
    check_merge(object, text_of(&told));
    document_finish(&given);
    document_finish(&told);
    return 0;
}
