/* Settings and states as they are called here and in the JetStream API, both ways. */
#include "http/fields.h"

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *text_of(struct document *document)
{
    static char text[4096];
    ck_assert(!document->failed && document->buffer.size < sizeof text);
    memcpy(text, document->buffer.data, document->buffer.size);
    text[document->buffer.size] = '\0';
    document_finish(document);
    return text;
}

static const char *to_api(const struct field *fields, const char *object)
{
    struct document document = { .failed = false };
    char fault[FIELDS_FAULT_SIZE] = "";
    document_open(&document, NULL, '{');
    ck_assert_msg(fields_to_api(fields, slice_of(object), &document, fault), "%s: %s", object, fault);
    document_close(&document, '}');
    return text_of(&document);
}

static const char *from_api(const struct field *fields, const char *object)
{
    struct document document = { .failed = false };
    document_open(&document, NULL, '{');
    fields_from_api(fields, slice_of(object), &document);
    document_close(&document, '}');
    return text_of(&document);
}

struct pair {
    const char *here, *there;
};

static const struct pair given_streams[] = {
    { "{}", "{}" },
    { "{\"name\":\"S\",\"topics\":[\"a.>\",\"b\"]}", "{\"name\":\"S\",\"subjects\":[\"a.>\",\"b\"]}" },
    { "{\"topics\":\"a\"}", "{\"subjects\":[\"a\"]}" },
    { "{\"age_max\":\"2m\",\"bytes_max\":\"1GiB\",\"messages_max\":5}",
      "{\"max_age\":120000000000,\"max_bytes\":1073741824,\"max_msgs\":5}" },
    { "{\"age_max\":null,\"bytes_max\":null,\"messages_max\":null,\"description\":null}",
      "{\"max_age\":0,\"max_bytes\":-1,\"max_msgs\":-1,\"description\":\"\"}" },
    { "{\"bytes_max\":4096,\"messages_max\":0}", "{\"max_bytes\":4096,\"max_msgs\":-1}" },
    { "{ \"storage\" : \"memory\" , \"allow_rollup\" : true }", "{\"storage\":\"memory\",\"allow_rollup_hdrs\":true}" },
    { "{\"metadata\":{\"a\":\"b\"},\"created\":\"x\",\"state\":{\"messages\":1}}", "{\"metadata\":{\"a\":\"b\"}}" },
    { "{\"age_max\":\"366d\"}", "{\"max_age\":31622400000000000}" },
};

static const struct pair given_consumers[] = {
    { "{\"topics\":\"a\"}", "{\"filter_subject\":\"a\"}" },
    { "{\"topics\":[\"a\"]}", "{\"filter_subject\":\"a\"}" },
    { "{\"topics\":[\"a\",\"b\"]}", "{\"filter_subjects\":[\"a\",\"b\"]}" },
    { "{\"topics\":null}", "{\"filter_subject\":\"\"}" },
    { "{\"topics\":[]}", "{\"filter_subject\":\"\"}" },
    { "{\"start\":\"last_per_topic\",\"ack_wait\":\"500ms\",\"backoff\":[\"1s\",\"1m\"]}",
      "{\"deliver_policy\":\"last_per_subject\",\"ack_wait\":500000000,\"backoff\":[1000000000,60000000000]}" },
    { "{\"start_time\":\"2026-11-23T12:00:00Z\",\"stream\":\"S\",\"durable\":true}",
      "{\"opt_start_time\":\"2026-11-23T12:00:00Z\"}" },
};

START_TEST(what_is_given_is_said_as_the_api_says_it)
{
    for (size_t i = 0; i < COUNT(given_streams); i++)
        ck_assert_str_eq(to_api(stream_fields, given_streams[i].here), given_streams[i].there);
    for (size_t i = 0; i < COUNT(given_consumers); i++)
        ck_assert_str_eq(to_api(consumer_fields, given_consumers[i].here), given_consumers[i].there);
}
END_TEST

static const struct pair faults[] = {
    { "{\"max_msgs\":1}", "There is no setting \"max_msgs\"." },
    { "{\"messages_max\":\"1\"}", "messages_max is a whole number, or null for no bound." },
    { "{\"messages_max\":-1}", "messages_max is a whole number, or null for no bound." },
    { "{\"messages_max\":1e3}", "messages_max is a whole number, or null for no bound." },
    { "{\"messages_max\":99999999999999999999}", "messages_max is a whole number, or null for no bound." },
    { "{\"bytes_max\":\"1GB\"}", "bytes_max is a size such as \"64MiB\", or null for no bound." },
    { "{\"age_max\":5}", "age_max is a duration such as \"2m\", or null for none." },
    { "{\"age_max\":\"5\"}", "age_max is a duration such as \"2m\", or null for none." },
    { "{\"storage\":\"disk\"}", "storage is one of file, memory." },
    { "{\"storage\":null}", "storage is one of file, memory." },
    { "{\"topics\":[1]}", "topics is a list of patterns such as [\"orders.>\"]." },
    { "{\"topics\":null}", "topics is a list of patterns such as [\"orders.>\"]." },
    { "{\"allow_direct\":1}", "allow_direct is true or false." },
    { "{\"metadata\":[]}", "metadata is an object, or null." },
    { "{\"name\":7}", "name is a string, or null." },
};

START_TEST(what_is_wrong_is_named)
{
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct document document = { .failed = false };
        char fault[FIELDS_FAULT_SIZE] = "";
        document_open(&document, NULL, '{');
        ck_assert_msg(!fields_to_api(stream_fields, slice_of(faults[i].here), &document, fault), "%s", faults[i].here);
        ck_assert_str_eq(fault, faults[i].there);
        document_finish(&document);
    }
}
END_TEST

static const struct field few_fields[] = {
    { "count", "num", FIELD_NUMBER, 0, NULL },
    { "most", "max", FIELD_BOUND, 0, NULL },
    { "size", "bytes", FIELD_SIZE, 0, NULL },
    { "time", "ts", FIELD_MOMENT, 0, NULL },
    { "often", "backoff", FIELD_DURATIONS, FIELD_SPARSE, NULL },
    { "flag", "flag", FIELD_FLAG, FIELD_SPARSE, NULL },
    { "topics", "filter_subject", FIELD_FILTERS, 0, NULL },
    { NULL, NULL, 0, 0, NULL },
};

static const struct pair told[] = {
    { "{\"count\":0,\"most\":null,\"size\":null,\"time\":null,\"topics\":[]}", "{}" },
    { "{\"count\":9007199254740993,\"most\":7,\"size\":\"3KiB\",\"time\":\"2026-11-23T15:45:11.651Z\","
      "\"often\":[\"1s\",\"2m\"],\"flag\":true,\"topics\":[\"a\"]}",
      "{\"num\":9007199254740993,\"max\":7,\"bytes\":3072,\"ts\":\"2026-11-23T15:45:11.651897447Z\","
      "\"backoff\":[1e9,120000000000],\"flag\":true,\"filter_subject\":\"a\",\"other\":1}" },
    { "{\"count\":0,\"most\":null,\"size\":null,\"time\":null,\"topics\":[\"a\",\"b\"]}",
      "{\"max\":-1,\"bytes\":-1,\"ts\":\"0001-01-01T00:00:00Z\","
      "\"backoff\":[],\"flag\":false,\"filter_subjects\":[\"a\",\"b\"]}" },
};

START_TEST(what_the_api_says_is_told)
{
    for (size_t i = 0; i < COUNT(told); i++)
        ck_assert_str_eq(from_api(few_fields, told[i].there), told[i].here);
}
END_TEST

static const struct {
    const char *object, *change, *merged;
} changes[] = {
    { "{\"a\":1,\"b\":2}", "{\"b\":3}", "{\"a\":1,\"b\":3}" },
    { "{\"a\":1}", "{}", "{\"a\":1}" },
    { "{\"filter_subject\":\"x\",\"a\":1}", "{\"filter_subjects\":[\"y\",\"z\"]}",
      "{\"a\":1,\"filter_subjects\":[\"y\",\"z\"]}" },
    { "{\"filter_subjects\":[\"x\",\"y\"]}", "{\"filter_subject\":\"\"}", "{\"filter_subject\":\"\"}" },
};

START_TEST(a_change_takes_the_place_of_what_was)
{
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct document document = { .failed = false };
        document_open(&document, NULL, '{');
        fields_merge(slice_of(changes[i].object), slice_of(changes[i].change), &document);
        document_close(&document, '}');
        ck_assert_str_eq(text_of(&document), changes[i].merged);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_given_is_said_as_the_api_says_it,
        what_is_wrong_is_named,
        what_the_api_says_is_told,
        a_change_takes_the_place_of_what_was,
        NULL,
    };
    return unit_run("fields", tests);
}
