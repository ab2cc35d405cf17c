#include "broker/asked.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/session.h"

enum { ACTION_SIZE = 64 };

struct asked {
    struct audit_entry entry; /* its slices stand in text */
    struct slice topic;
    char address[AUDIT_ADDRESS_SIZE];
    char action[ACTION_SIZE]; /* empty: it changes nothing */
    char text[];
};

/* Topics that ask for a change, without what stands behind them, which is what it is asked of. */
static const char *const changes[] = {
    "$JS.API.STREAM.CREATE.",
    "$JS.API.STREAM.UPDATE.",
    "$JS.API.STREAM.DELETE.",
    "$JS.API.STREAM.PURGE.",
    "$JS.API.STREAM.MSG.DELETE.",
    "$JS.API.CONSUMER.CREATE.",
    "$JS.API.CONSUMER.DURABLE.CREATE.",
    "$JS.API.CONSUMER.DELETE.",
    "$POSTHORN.API.webhook.create",
    "$POSTHORN.API.webhook.change.",
    "$POSTHORN.API.webhook.remove.",
    "$POSTHORN.API.webhook.enable.",
    "$POSTHORN.API.webhook.disable.",
    "$POSTHORN.API.webhook.rotate.",
    "$POSTHORN.API.webhook.recover.",
    "$POSTHORN.API.webhook.resend.",
    "$POSTHORN.API.webhook.example.",
    "$POSTHORN.API.webhook.replay.",
    "$POSTHORN.API.webhook.secrets.",
    "$POSTHORN.API.webhook.verify.",
};

/* NULL: it changes nothing. */
static const char *find_change(struct slice topic)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (slice_starts_with(topic, slice_of(changes[i])))
            return changes[i];
    return NULL;
}

/* Fills in what is asked, as the audit tells it. */
static void describe_change(struct audit_entry *entry, const char *change, struct slice topic,
                            char action[ACTION_SIZE])
{
    size_t size = strlen(change);
    snprintf(action, ACTION_SIZE, "%.*s", (int)(size - (change[size - 1] == '.')), change);
    entry->event = AUDIT_ADMIN;
    entry->action = action;
    entry->object = slice_make(topic.data + size, topic.size - size);
}

static struct slice copy(char **at, struct slice text)
{
    struct slice copied = slice_make(*at, text.size);
    if (text.size)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return copied;
}

static struct asked *keep(const struct broker *broker, const struct audit_entry *entry, const char *change,
                          struct slice topic)
{
    struct asked *asked = malloc(sizeof *asked + entry->user.size + topic.size);
    if (!asked)
        return NULL;
    *asked = (struct asked){ .entry = *entry };
    char *at = asked->text;
    asked->entry.user = copy(&at, entry->user);
    asked->topic = copy(&at, topic);
    asked->entry.address = audit_show_peer(broker, entry->peer, asked->address);
    asked->entry.peer = NULL;
    if (change)
        describe_change(&asked->entry, change, asked->topic, asked->action);
    return asked;
}

/* Where there is no memory to wait for what comes of it. */
static void tell_at_once(struct broker *broker, struct audit_entry entry, const char *change, struct slice topic)
{
    char action[ACTION_SIZE];
    describe_change(&entry, change, topic, action);
    entry.outcome = AUDIT_ACCEPTED;
    audit_tell(broker, &entry);
}

/* What a front end tells of by itself is a change no more, and yet may be refused. */
struct asked *asked_open(struct session *session, struct slice topic)
{
    const char *change = session->is_audited ? NULL : find_change(topic);
    struct audit_entry entry = { .event = AUDIT_DENIED };
    if ((!change && !session->rights) || !audit_describe(session, &entry))
        return NULL;
    struct asked *asked = keep(session->broker, &entry, change, topic);
    if (!asked && change)
        tell_at_once(session->broker, entry, change, topic);
    return asked;
}

void asked_forget(struct asked *asked)
{
    free(asked);
}

void asked_done(struct asked *asked, struct broker *broker, const char *failure)
{
    if (asked && *asked->action) {
        asked->entry.outcome = failure ? AUDIT_FAILED : AUDIT_DONE;
        asked->entry.reason = failure;
        audit_tell(broker, &asked->entry);
    }
    free(asked);
}

void asked_refused(struct asked *asked, struct broker *broker, enum right right)
{
    broker->counters->permission_errors++;
    if (asked) {
        asked->entry.event = AUDIT_DENIED;
        asked->entry.outcome = AUDIT_REFUSED;
        asked->entry.action = right_name(right);
        asked->entry.object = asked->topic;
        audit_tell(broker, &asked->entry);
    }
    free(asked);
}

void asked_elsewhere(struct session *session, struct slice topic)
{
    const char *change = session->is_audited ? NULL : find_change(topic);
    struct audit_entry entry = { .event = AUDIT_ADMIN };
    if (change && audit_describe(session, &entry))
        tell_at_once(session->broker, entry, change, topic);
}
