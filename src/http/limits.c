#include "http/limits.h"

#include "auth/accounts.h"
#include "auth/limits.h"
#include "broker/session.h"
#include "http/http.h"
#include "stream/registry.h"
#include "util/clock.h"

static void put_max(struct document *document, const char *name, uint64_t max)
{
    if (max)
        document_number(document, name, max);
    else
        document_value(document, name, slice_of("null"));
}

/* Of something that is not counted. */
static void put_bound(struct document *document, const char *name, uint64_t max)
{
    document_open(document, name, '{');
    put_max(document, "max", max);
    document_close(document, '}');
}

static void put_use(struct document *document, const char *name, uint64_t used, uint64_t max)
{
    document_open(document, name, '{');
    document_number(document, "used", used);
    put_max(document, "max", max);
    document_close(document, '}');
}

static void put_rates(struct document *document, const struct account *account, const struct user_limits *limits)
{
    bool is_paced = limits->publish_rate || limits->publish_bytes_rate;
    put_bound(document, "publish_rate", limits->publish_rate);
    put_bound(document, "publish_bytes_rate", limits->publish_bytes_rate);
    document_number(document, "wait_ms", is_paced ? account_wait_ms(account, clock_monotonic_ns()) : 0);
}

static void put_user(struct document *document, const struct session *session)
{
    const struct user_limits *limits = session->user->limits;
    const struct account *account = session->account;
    put_use(document, "connections", account_connections(account), limits->connections_max);
    put_use(document, "subscriptions", account_subscriptions(account), limits->subscriptions_max);
    put_rates(document, account, limits);
    put_bound(document, "payload_size", limits->payload_size_max);
    put_bound(document, "pending_size", limits->pending_size_max);
}

/* A client of HTTP has no account while it asks for nothing. */
static bool is_counted(const struct session *session)
{
    return session->user && session->account;
}

void limits_put_user(struct document *document, const struct session *session)
{
    if (!is_counted(session))
        return;
    document_open(document, "limits", '{');
    put_user(document, session);
    document_close(document, '}');
}

void limits_put_user_whole(struct document *document, const struct http *http, const struct session *session)
{
    struct stream_registry *registry = http->identity->registry;
    struct stream_use use = { .streams = 0 };
    if (!is_counted(session))
        return;
    if (registry)
        stream_registry_get_use(registry, session->user->name, &use);
    document_open(document, "limits", '{');
    put_user(document, session);
    put_use(document, "streams", use.streams, use.limits.streams_max);
    put_use(document, "stored_bytes", use.bytes, use.limits.bytes_max);
    document_close(document, '}');
}

void limits_put_address(struct document *document, const struct session *session)
{
    const struct user_limits *limits = &session->broker->limits.address;
    if (!session->place_account)
        return;
    document_open(document, "address_limits", '{');
    put_use(document, "subscriptions", account_subscriptions(session->place_account), limits->subscriptions_max);
    put_rates(document, session->place_account, limits);
    document_close(document, '}');
}

void limits_put_owners(struct document *document, const struct http *http)
{
    size_t count = 0;
    struct stream_registry *registry = http->identity->registry;
    struct stream_owner *owners = registry ? stream_registry_list_owners(registry, &count) : NULL;
    document_open(document, "owners", '[');
    for (size_t i = 0; i < count; i++) {
        document_open(document, NULL, '{');
        document_text(document, "user", slice_of(owners[i].name));
        put_use(document, "streams", owners[i].use.streams, owners[i].use.limits.streams_max);
        put_use(document, "stored_bytes", owners[i].use.bytes, owners[i].use.limits.bytes_max);
        document_close(document, '}');
    }
    document_close(document, ']');
    stream_owners_free(owners, count);
}
