#include "push/body.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

#define HEAD(lines) "NATS/1.0\r\n" lines "\r\n"

/* The request for a message of stream S under topic, lines apart by '|', and the body behind "||". */
static const char *made_of(enum body_kind kind, struct slice topic, const char *head, struct slice payload)
{
    static char shown[128 << 10];
    const struct stream_message message = {
        .sequence = 7, .time_ms = 784111777123u, .topic = topic, .head = slice_of(head), .payload = payload,
    };
    const struct body_source source = { &message, slice_of("S"), 36, slice_of("10-7"), slice_of("/streams/S") };
    struct body body;
    char *out = shown;
    ck_assert_int_eq(body_make(kind, &source, &body), 0);
    for (const char *line = NULL; (line = body_next_line(&body, line));)
        out += sprintf(out, "%s|", line);
    struct slice content = body_content(&body);
    sprintf(out, "|%.*s", (int)content.size, content.data);
    body_finish(&body);
    return shown;
}

static const char *made(enum body_kind kind, const char *head, const char *payload)
{
    return made_of(kind, slice_of("a.b"), head, slice_of(payload));
}

#define PLACE "Posthorn-Topic: a.b|Posthorn-Stream: S|"

START_TEST(a_payload_goes_as_it_was_published)
{
    ck_assert_str_eq(made(BODY_PAYLOAD, "", "x"), "Content-Type: application/octet-stream|" PLACE "|x");
    ck_assert_str_eq(made(BODY_PAYLOAD, "", ""), "Content-Type: application/octet-stream|" PLACE "|");
    ck_assert_str_eq(made(BODY_PAYLOAD, HEAD("Content-Type: text/plain\r\nA: b\r\nA: c\r\n"), "x"),
                     "Content-Type: text/plain|" PLACE "Posthorn-Header-A: b|Posthorn-Header-A: c||x");
}
END_TEST

START_TEST(what_http_cannot_carry_is_left_out)
{
    ck_assert_str_eq(made(BODY_PAYLOAD, HEAD("a(b): c\r\nB: \x01\r\nC:\r\nD: e\r\n"), "x"),
                     "Content-Type: application/octet-stream|" PLACE "Posthorn-Header-D: e||x");
    ck_assert_str_eq(made_of(BODY_PAYLOAD, slice_of("a.\xc3\xa4%"), "", slice_of("x")),
                     "Content-Type: application/octet-stream|Posthorn-Topic: a.%C3%A4%25|Posthorn-Stream: S||x");
}
END_TEST

START_TEST(an_envelope_is_the_object_that_polls_show)
{
    ck_assert_str_eq(made(BODY_ENVELOPE, HEAD("A: b\r\n"), "{\"x\":1}"),
                     "Content-Type: application/json||{\"topic\":\"a.b\",\"stream\":\"S\",\"seq\":7,\"id\":"
                     "\"10-7\",\"time\":\"1994-11-06T08:49:37.123Z\",\"headers\":{\"A\":\"b\"},"
                     "\"data\":\"{\\\"x\\\":1}\"}");
}
END_TEST

#define EVENT "ce-specversion: 1.0|ce-id: 10-7|ce-source: /streams/S|ce-type: a.b|ce-time: 1994-11-06T08:49:37.123Z|" \
              "ce-subject: a.b|"

START_TEST(a_binary_event_has_its_attributes_as_headers)
{
    ck_assert_str_eq(made(BODY_CLOUDEVENTS, HEAD("Content-Type: application/json\r\nA: b\r\n"), "{}"),
                     "Content-Type: application/json|" EVENT "Posthorn-Header-A: b||{}");
    ck_assert_str_eq(made(BODY_CLOUDEVENTS, "", ""), EVENT "|");
}
END_TEST

#define IS_EVENT "ce-specversion: 1.0\r\nce-id: 9%25\r\nce-source: //x\r\nce-type: t\r\nce-more: 1\r\n"

START_TEST(what_is_an_event_already_stays_that_event)
{
    ck_assert_str_eq(made(BODY_CLOUDEVENTS, HEAD(IS_EVENT), "x"),
                     "Content-Type: application/octet-stream|ce-specversion: 1.0|ce-id: 9%25|ce-source: //x|ce-type: t|"
                     "ce-time: 1994-11-06T08:49:37.123Z|ce-more: 1||x");
    ck_assert_str_eq(made(BODY_CLOUDEVENTS_STRUCTURED, HEAD(IS_EVENT), "x"),
                     "Content-Type: application/cloudevents+json; charset=UTF-8||{\"specversion\":\"1.0\","
                     "\"id\":\"9%\","
                     "\"source\":\"//x\",\"type\":\"t\",\"time\":\"1994-11-06T08:49:37.123Z\",\"more\":\"1\","
                     "\"datacontenttype\":\"text/plain\",\"data\":\"x\"}");
}
END_TEST

/* The data of a structured event, as it stands there, with its type in front. */
static const char *data_of(const char *type, struct slice payload)
{
    static char found[4096];
    char head[256] = "";
    if (type)
        snprintf(head, sizeof head, HEAD("Content-Type: %s\r\n"), type);
    const char *text = strstr(made_of(BODY_CLOUDEVENTS_STRUCTURED, slice_of("a.b"), head, payload), "||") + 2;
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    ck_assert_str_eq(cJSON_GetObjectItem(json, "subject")->valuestring, "a.b");
    cJSON_Delete(json);
    const char *data = strstr(text, "\"datacontenttype\":");
    snprintf(found, sizeof found, "%s", data ? data + strlen("\"datacontenttype\":") : "");
    return found;
}

START_TEST(structured_data_is_json_text_or_base64)
{
    ck_assert_str_eq(data_of(NULL, slice_of("{\"a\":[1.50]}")), "\"application/json\",\"data\":{\"a\":[1.50]}}");
    ck_assert_str_eq(data_of(NULL, slice_of("words")), "\"text/plain\",\"data\":\"words\"}");
    ck_assert_str_eq(data_of(NULL, slice_make("\0\xff", 2)), "\"application/octet-stream\",\"data_base64\":\"AP8=\"}");
    ck_assert_str_eq(data_of("application/json; x=y", slice_of(" 1 ")), "\"application/json; x=y\",\"data\": 1 }");
    ck_assert_str_eq(data_of("text/xml", slice_of("{}")), "\"text/xml\",\"data\":\"{}\"}");
    ck_assert_str_eq(data_of("application/a+json", slice_of("{")), "\"application/a+json\",\"data_base64\":\"ew==\"}");
    ck_assert_str_eq(data_of("application/json", slice_of("1 2")), "\"application/json\",\"data_base64\":\"MSAy\"}");
    ck_assert_str_eq(data_of(NULL, slice_of("")), "");
}
END_TEST

/* All of it escaped, in every form: sanitizers watch that it fits. */
START_TEST(the_worst_fits)
{
    char topic[600], head[16384], *end = head, payload[2000];
    memset(topic, 0x01, sizeof topic);
    memset(payload, 0x01, sizeof payload);
    end += sprintf(end, "NATS/1.0\r\n");
    for (unsigned i = 0; i < 128; i++)
        end += sprintf(end, i % 2 ? "ce-x%u: \"\"\"\xc3\xa4\"\"\r\n" : "h%u: \"\"\"\"\"\"\r\n", i);
    strcpy(end, "ce-id: \"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\r\n\r\n");
    for (unsigned kind = 0; kind < BODY_KIND_COUNT; kind++)
        ck_assert_ptr_nonnull(strstr(made_of((enum body_kind)kind, slice_make(topic, sizeof topic), head,
                                             slice_make(payload, sizeof payload)), "||"));
}
END_TEST

START_TEST(each_encoder_has_a_name)
{
    for (unsigned kind = 0; kind < BODY_KIND_COUNT; kind++)
        ck_assert_ptr_nonnull(body_words[kind]);
    ck_assert_ptr_null(body_words[BODY_KIND_COUNT]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_payload_goes_as_it_was_published,
        what_http_cannot_carry_is_left_out,
        an_envelope_is_the_object_that_polls_show,
        a_binary_event_has_its_attributes_as_headers,
        what_is_an_event_already_stays_that_event,
        structured_data_is_json_text_or_base64,
        the_worst_fits,
        each_encoder_has_a_name,
        NULL,
    };
    return unit_run("body", tests);
}
