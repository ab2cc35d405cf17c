#include "http/headers.h"

#include "wire/format.h"
#include "wire/headers.h"

static const char prefix[] = "Posthorn-Header-";
enum { PREFIX_SIZE = sizeof prefix - 1 };

/* On what condition a stream is to keep the message. None is longer in the message than in the request. */
static const char condition_prefix[] = "Posthorn-Expected-", kept_condition_prefix[] = "Nats-Expected-";
static const struct condition {
    const char *name, *kept_name; /* behind the prefixes */
    bool is_number;
} conditions[] = {
    { "Stream", "Stream", false },
    { "Last-Sequence", "Last-Sequence", true },
    { "Last-Topic-Sequence", "Last-Subject-Sequence", true },
    { "Last-Id", "Last-Msg-Id", false },
};
enum { CONDITION_COUNT = sizeof conditions / sizeof conditions[0] };

static bool is_name(struct slice name, const char *wanted)
{
    return name.size == strlen(wanted) && strncasecmp(name.data, wanted, name.size) == 0;
}

/* What follows the prefix in *name, whatever their case; false: it begins otherwise. */
static bool cut_prefix(struct slice *name, const char *start)
{
    size_t size = strlen(start);
    if (name->size < size || strncasecmp(name->data, start, size) != 0)
        return false;
    *name = slice_make(name->data + size, name->size - size);
    return true;
}

bool headers_id_valid(struct slice id)
{
    for (size_t i = 0; i < id.size; i++)
        if (id.data[i] < ' ' || id.data[i] >= 0x7f)
            return false;
    return id.size > 0 && id.size <= HEADERS_ID_SIZE_MAX;
}

bool headers_have_condition(struct slice block)
{
    size_t cursor = 0;
    struct slice name, value;
    while (headers_next(block, &cursor, &name, &value))
        if (cut_prefix(&name, kept_condition_prefix))
            return true;
    return false;
}

/* From a request. */

/* What is gathered while the block is written. Slices without data: there is none. */
struct gathering {
    char *out;
    struct slice type, own_type; /* Content-Type, and the same as a header for the message, which goes before */
    struct slice key, id;        /* Idempotency-Key, and Nats-Msg-Id as a header for the message */
    unsigned count;
    const char *fault;
};

static void gather_add(struct gathering *gathering, struct slice name, struct slice value)
{
    if (gathering->count++ == 0)
        gathering->out = headers_begin(gathering->out);
    gathering->out = headers_add(gathering->out, name, value);
}

static void gather_own(struct gathering *gathering, struct slice name, struct slice value)
{
    if (!headers_valid(name, value)) {
        gathering->fault = "a Posthorn-Header-NAME has no name, or a value that a message cannot have";
        return;
    }
    if (is_name(name, "Content-Type"))
        gathering->own_type = value;
    if (is_name(name, HEADERS_ID))
        gathering->id = value;
    gather_add(gathering, name, value);
}

static void gather_key(struct gathering *gathering, struct slice value)
{
    if (!headers_id_valid(value))
        gathering->fault = "an Idempotency-Key has 1 to 256 printable ASCII characters";
    if (gathering->key.data)
        gathering->fault = "there is more than one Idempotency-Key";
    gathering->key = value;
}

static bool is_whole_number(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
    return value.size > 0 && value.size <= 19;
}

/* One that is not known is not passed over: the message would be kept whatever its sender expects. */
static void gather_condition(struct gathering *gathering, struct slice name, struct slice value)
{
    const struct condition *condition = conditions;
    char kept_name[64];
    while (condition < conditions + CONDITION_COUNT && !is_name(name, condition->name))
        condition++;
    if (condition == conditions + CONDITION_COUNT) {
        gathering->fault = "a Posthorn-Expected-... is none of Stream, Last-Sequence, Last-Topic-Sequence, Last-Id";
        return;
    }
    if (!value.size || (condition->is_number && !is_whole_number(value))) {
        gathering->fault = "a Posthorn-Expected-... is empty, or no whole number where it is to be one";
        return;
    }
    char *end = format_slice(kept_name, slice_of(kept_condition_prefix));
    end = format_slice(end, slice_of(condition->kept_name));
    gather_add(gathering, slice_make(kept_name, (size_t)(end - kept_name)), value);
}

static void gather_ours(struct gathering *gathering, struct slice name, struct slice value)
{
    if (cut_prefix(&name, prefix))
        gather_own(gathering, name, value);
    else if (cut_prefix(&name, condition_prefix))
        gather_condition(gathering, name, value);
}

/* Requests bring many headers that are not ours: the first letter tells most of them. */
static void gather(struct gathering *gathering, const struct http_header *header)
{
    switch (header->name.data[0] | 0x20) {
    case 'p':
        gather_ours(gathering, header->name, header->value);
        break;
    case 'c':
        if (is_name(header->name, "Content-Type"))
            gathering->type = header->value;
        break;
    case 'i':
        if (is_name(header->name, "Idempotency-Key"))
            gather_key(gathering, header->value);
        break;
    }
}

/* What the message says of itself goes before what HTTP says of it. */
static void gather_rest(struct gathering *gathering)
{
    if (gathering->key.data && gathering->id.data && !slice_equal(gathering->key, gathering->id))
        gathering->fault = "Idempotency-Key and Posthorn-Header-" HEADERS_ID " differ";
    if (gathering->type.size > 0 && !gathering->own_type.data)
        gather_add(gathering, slice_of("Content-Type"), gathering->type);
    if (gathering->key.data && !gathering->id.data)
        gather_add(gathering, slice_of(HEADERS_ID), gathering->key);
}

size_t headers_size_max(const struct http_request *request)
{
    size_t size = HEADERS_BEGIN_SIZE + HEADERS_END_SIZE;
    for (unsigned i = 0; i < request->header_count; i++)
        size += headers_add_size(request->headers[i].name, request->headers[i].value);
    return size;
}

char *headers_from_request(const struct http_request *request, char *out, const char **ret_fault)
{
    struct gathering gathering = { .out = out };
    for (unsigned i = 0; i < request->header_count && !gathering.fault; i++)
        gather(&gathering, &request->headers[i]);
    if (!gathering.fault)
        gather_rest(&gathering);
    if (gathering.fault) {
        *ret_fault = gathering.fault;
        return NULL;
    }
    return gathering.count ? headers_end(gathering.out) : out;
}

/* To an answer. */

static bool has_controls(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (((unsigned char)value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return true;
    return false;
}

size_t headers_answer_size_max(struct slice block)
{
    size_t size = block.size;
    for (size_t i = 0; i < block.size; i++)
        size += block.data[i] == '\n' ? PREFIX_SIZE + 2 : 0; /* and the blank and CR that a value may lack */
    return size;
}

char *headers_to_answer(struct slice block, char *out, struct slice *ret_type)
{
    size_t cursor = 0;
    struct slice name, value;
    *ret_type = slice_make(NULL, 0);
    while (headers_next(block, &cursor, &name, &value)) {
        if (!http_is_token(name) || has_controls(value))
            continue;
        if (is_name(name, "Content-Type") && !ret_type->data) {
            *ret_type = value;
            continue;
        }
        memcpy(out, prefix, PREFIX_SIZE);
        out = headers_add(out + PREFIX_SIZE, name, value);
    }
    return out;
}
