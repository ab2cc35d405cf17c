#include "server.h"

#include <stdint.h>
#include <stdio.h>

#include "json.h"

#define PAYLOAD_SIZE_DEFAULT (1024u * 1024)

typedef bool read_fn(struct ph_server_info *info, size_t offset, size_t size, const struct ph_json_field *field);

static read_fn read_text, read_flag, read_size, read_u64;

/* The fields of INFO that are of use to a client; the others are stepped over. */
static const struct info_field {
    const char *name;
    read_fn *read;
    size_t offset, size;
} fields[] = {
#define FIELD(name, read, member) \
    { name, read, offsetof(struct ph_server_info, member), sizeof ((struct ph_server_info *)0)->member }
    FIELD("server_id", read_text, id),
    FIELD("server_name", read_text, name),
    FIELD("version", read_text, version),
    FIELD("client_ip", read_text, client_ip),
    FIELD("client_id", read_u64, shown.client_id),
    FIELD("max_payload", read_size, shown.payload_size_max),
    FIELD("headers", read_flag, shown.headers),
    FIELD("auth_required", read_flag, shown.auth_required),
    FIELD("tls_required", read_flag, tls_required),
    FIELD("tls_available", read_flag, tls_available),
    FIELD("nonce", read_text, nonce),
    FIELD("ldm", read_flag, shown.lame_duck),
#undef FIELD
};

static void *place(struct ph_server_info *info, size_t offset)
{
    return (char *)info + offset;
}

static bool read_text(struct ph_server_info *info, size_t offset, size_t size, const struct ph_json_field *field)
{
    if (field->kind != PH_JSON_STRING)
        return false;
    ph_json_decode(field->text, place(info, offset), size);
    return true;
}

static bool read_flag(struct ph_server_info *info, size_t offset, size_t size, const struct ph_json_field *field)
{
    (void)size;
    if (field->kind != PH_JSON_TRUE && field->kind != PH_JSON_FALSE)
        return false;
    *(bool *)place(info, offset) = field->kind == PH_JSON_TRUE;
    return true;
}

static bool read_u64(struct ph_server_info *info, size_t offset, size_t size, const struct ph_json_field *field)
{
    (void)size;
    unsigned long long number;
    if (!ph_json_number(field, UINT64_MAX, &number))
        return false;
    *(uint64_t *)place(info, offset) = number;
    return true;
}

static bool read_size(struct ph_server_info *info, size_t offset, size_t size, const struct ph_json_field *field)
{
    (void)size;
    unsigned long long number;
    if (!ph_json_number(field, INT32_MAX, &number))
        return false;
    *(size_t *)place(info, offset) = (size_t)number;
    return true;
}

void ph_server_init(struct ph_server_info *info)
{
    memset(info, 0, sizeof *info);
    info->shown = (struct ph_server){
        .address = info->address,
        .id = info->id,
        .name = info->name,
        .version = info->version,
        .client_ip = info->client_ip,
        .tls = info->tls,
        .payload_size_max = PAYLOAD_SIZE_DEFAULT,
    };
}

void ph_server_set_address(struct ph_server_info *info, const char *address)
{
    snprintf(info->address, sizeof info->address, "%s", address);
}

void ph_server_set_tls(struct ph_server_info *info, const char *version, bool resumed)
{
    snprintf(info->tls, sizeof info->tls, "%s", version);
    info->shown.tls_resumed = resumed;
}

static bool read_field(struct ph_server_info *info, const struct ph_json_field *field)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (slice_is(field->name, fields[i].name))
            return field->kind == PH_JSON_NULL || fields[i].read(info, fields[i].offset, fields[i].size, field);
    return true;
}

bool ph_server_parse(struct ph_server_info *info, struct slice json)
{
    struct ph_json walk;
    struct ph_json_field field;
    int more;
    ph_json_init(&walk, json);
    while ((more = ph_json_next(&walk, &field)) > 0)
        if (!read_field(info, &field))
            return false;
    return more == 0;
}
