#include "server/identity.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "server/entrance.h"
#include "server/storage.h"
#include "util/clock.h"
#include "util/random.h"

static void set_name(struct identity *identity, const char *name)
{
    random_name(identity->server_id, SERVER_ID_SIZE);
    if (name && *name)
        snprintf(identity->server_name, sizeof identity->server_name, "%s", name);
    else if (gethostname(identity->server_name, sizeof identity->server_name - 1) != 0)
        strcpy(identity->server_name, "posthorn");
}

/* Copies where a front end listens first. Returns the port; 0: nowhere, or not by TCP. */
static unsigned copy_where(const struct listener *listener, char *host, size_t size)
{
    snprintf(host, size, "%s", listener ? listener_host(listener) : "");
    return listener ? listener_port(listener) : 0;
}

static void set_line(struct identity *identity, const struct entrance *entrance)
{
    const struct listener *listener = entrance_first(entrance, FRONT_LINE);
    identity->line = (struct line_identity){
        .server_id = identity->server_id,
        .server_name = identity->server_name,
        .host = identity->line_host,
        .port = copy_where(listener, identity->line_host, sizeof identity->line_host),
    };
}

static void set_http(struct identity *identity, const struct entrance *entrance, const struct storage *storage,
                     unsigned worker_count)
{
    const struct listener *listener = entrance_first(entrance, FRONT_HTTP);
    identity->http = (struct http_identity){
        .server_id = identity->server_id,
        .server_name = identity->server_name,
        .line_host = identity->line_host,
        .line_port = identity->line.port,
        .http_host = identity->http_host,
        .http_port = copy_where(listener, identity->http_host, sizeof identity->http_host),
        .start_time_ms = clock_wall_ms(),
        .worker_count = worker_count,
        .engine = storage->engine,
        .registry = storage->registry,
        .meta = storage->meta,
    };
    memcpy(identity->http.reply_key, storage->secret, sizeof identity->http.reply_key);
}

void identity_set(struct identity *identity, const struct config *config, const struct entrance *entrance,
                  const struct storage *storage, unsigned worker_count)
{
    set_name(identity, config->server.name);
    set_line(identity, entrance);
    set_http(identity, entrance, storage, worker_count);
}
