#include "http/describe.h"

#include "http/routes.h"

static void send_file(struct exchange *exchange, const char *name)
{
    embedded_answer(exchange, embedded_find(describe_files, describe_file_count, slice_of(name)),
                    "Cache-Control: no-cache\r\n");
}

void describe_openapi(struct exchange *exchange)
{
    send_file(exchange, "openapi.json");
}

void describe_asyncapi(struct exchange *exchange)
{
    send_file(exchange, "asyncapi.json");
}
