#include "broker/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/session.h"
#include "util/json.h"
#include "util/log.h"
#include "util/moment.h"
#include "wire/format.h"

enum {
    TEXT_MAX = 512,      /* of a user's name, an object or a reason; the rest is cut off */
    NOTES_MAX = 1000,    /* that wait for the end of a turn */
    FIXED_SIZE = 512,    /* names of members, numbers and words */
};

struct audit_note {
    struct audit_note *next;
    enum audit_event event;
    size_t size;
    char text[];
};

static const char *const event_names[] = {
    [AUDIT_LOGIN] = "login", [AUDIT_DENIED] = "denied", [AUDIT_ADMIN] = "admin", [AUDIT_SERVER] = "server",
};

static const char *const outcome_names[] = {
    [AUDIT_ACCEPTED] = "accepted", [AUDIT_REFUSED] = "refused", [AUDIT_DONE] = "done", [AUDIT_FAILED] = "failed",
};

void audit_init(struct audit *audit)
{
    *audit = (struct audit){ .last = &audit->first };
}

void audit_finish(struct audit *audit)
{
    for (struct audit_note *note = audit->first, *next; note; note = next) {
        next = note->next;
        free(note);
    }
    audit_init(audit);
}

static struct slice cut(struct slice text)
{
    return slice_make(text.data, text.size < TEXT_MAX ? text.size : TEXT_MAX);
}

static struct slice text_of(const char *text)
{
    return text ? slice_of(text) : slice_make(NULL, 0);
}

/* The members that are texts, in the order of line and message. */
enum { MEMBER_COUNT = 6 };
struct members {
    const char *names[MEMBER_COUNT];
    struct slice texts[MEMBER_COUNT];
};

const char *audit_show_peer(const struct broker *broker, const struct address *peer, char out[AUDIT_ADDRESS_SIZE])
{
    if (!peer || !broker->hooks.show_address)
        return NULL;
    broker->hooks.show_address(peer, out);
    return out;
}

static struct members members_of(const struct broker *broker, const struct audit_entry *entry,
                                 char room[AUDIT_ADDRESS_SIZE])
{
    const char *address = entry->address ? entry->address : audit_show_peer(broker, entry->peer, room);
    return (struct members){
        { "user", "address", "protocol", "action", "object", "reason" },
        { cut(entry->user), text_of(address), text_of(entry->protocol), text_of(entry->action), cut(entry->object),
          cut(text_of(entry->reason)) },
    };
}

/* The line. */

static void write_line(const struct audit_entry *entry, const struct members *members, unsigned missed)
{
    char line[MEMBER_COUNT * (LOG_QUOTE_SIZE + 16) + FIXED_SIZE], quoted[LOG_QUOTE_SIZE];
    size_t used = 0;
    for (unsigned i = 0; i < MEMBER_COUNT; i++)
        if (members->texts[i].size)
            used += (size_t)snprintf(line + used, sizeof line - used, " %s=%s", members->names[i],
                                     log_quote(members->texts[i], quoted));
    if (entry->client)
        used += (size_t)snprintf(line + used, sizeof line - used, " client=%" PRIu64, entry->client);
    if (missed)
        used += (size_t)snprintf(line + used, sizeof line - used, " missed=%u", missed);
    line[used] = '\0';
    bool is_bad = entry->outcome == AUDIT_REFUSED || entry->outcome == AUDIT_FAILED;
    log_event(is_bad ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "audit", "event=%s outcome=%s%s", event_names[entry->event],
              outcome_names[entry->outcome], line);
}

/* The message. */

static char *put_name(char *out, const char *name)
{
    out = format_slice(out, slice_of(",\""));
    out = format_slice(out, slice_of(name));
    return format_slice(out, slice_of("\":"));
}

static char *put_text(char *out, const char *name, struct slice text)
{
    return text.size ? json_write_string(put_name(out, name), text) : out;
}

static char *put_number(char *out, const char *name, uint64_t number)
{
    return number ? format_number(put_name(out, name), number) : out;
}

static size_t size_max(const struct members *members)
{
    size_t size = FIXED_SIZE;
    for (unsigned i = 0; i < MEMBER_COUNT; i++)
        size += json_string_size_max(members->texts[i]);
    return size;
}

static char *write_message(char *out, uint64_t time_ms, const struct audit_entry *entry, const struct members *members,
                           unsigned missed)
{
    out = format_slice(out, slice_of("{\"time\":\""));
    out = moment_write(out, time_ms);
    *out++ = '"';
    out = put_text(out, "event", slice_of(event_names[entry->event]));
    out = put_text(out, "outcome", slice_of(outcome_names[entry->outcome]));
    for (unsigned i = 0; i < MEMBER_COUNT; i++)
        out = put_text(out, members->names[i], members->texts[i]);
    out = put_number(out, "client", entry->client);
    out = put_number(out, "missed", missed);
    *out++ = '}';
    return out;
}

static void keep_note(struct broker *broker, const struct audit_entry *entry, const struct members *members,
                      unsigned missed)
{
    struct audit *audit = &broker->audit;
    struct audit_note *note = audit->count < NOTES_MAX ? malloc(sizeof *note + size_max(members) + 2) : NULL;
    if (!note) {
        audit->missed++;
        return;
    }
    note->next = NULL;
    note->event = entry->event;
    note->size = (size_t)(write_message(note->text, broker_wall_ms(broker), entry, members, missed) - note->text);
    memcpy(note->text + note->size, "\r\n", 2);
    *audit->last = note;
    audit->last = &note->next;
    audit->count++;
}

/* Telling. */

/* Of refusals so many a second; *ret_missed is how many were left out before this one. */
static bool may_tell(struct broker *broker, const struct audit_entry *entry, unsigned *ret_missed)
{
    struct audit *audit = &broker->audit;
    uint64_t second = broker_wall_ms(broker) / 1000;
    if (second != audit->second) {
        audit->second = second;
        audit->refusals = audit->silents = 0;
    }
    bool is_over = entry->is_silent ? ++audit->silents > AUDIT_SILENT_MAX
                                    : entry->outcome == AUDIT_REFUSED && ++audit->refusals > AUDIT_REFUSALS_MAX;
    if (is_over) {
        audit->missed++;
        return false;
    }
    *ret_missed = audit->missed;
    audit->missed = 0;
    return true;
}

void audit_tell(struct broker *broker, const struct audit_entry *entry)
{
    char address[AUDIT_ADDRESS_SIZE];
    unsigned missed;
    if (!may_tell(broker, entry, &missed))
        return;
    const struct members members = members_of(broker, entry, address);
    write_line(entry, &members, missed);
    keep_note(broker, entry, &members, missed);
}

bool audit_describe(const struct session *session, struct audit_entry *entry)
{
    struct session_facts facts = { .protocol = NULL };
    if (session->ops && session->ops->describe)
        session->ops->describe(session, &facts);
    entry->peer = facts.peer;
    entry->protocol = facts.protocol;
    entry->client = facts.id;
    if (!entry->user.size && session->user)
        entry->user = slice_of(session->user->name);
    return facts.protocol != NULL;
}

void audit_tell_of(struct session *session, struct audit_entry entry)
{
    if (audit_describe(session, &entry))
        audit_tell(session->broker, &entry);
}

/* A sidecar's affairs are not its broker's. */
static void publish(struct broker *broker, const struct audit_note *note)
{
    char topic[64];
    struct message message = { .body = note->text, .body_size = (uint32_t)note->size };
    int size = snprintf(topic, sizeof topic, "$POSTHORN.audit.%s", event_names[note->event]);
    if (broker->outlet.publish)
        broker_send(broker, slice_make(topic, (size_t)size), &message, 1);
    else
        broker_publish_one(broker, slice_make(topic, (size_t)size), &message, NULL);
}

void audit_turn(struct broker *broker)
{
    struct audit_note *note = broker->audit.first;
    broker->audit.first = NULL;
    broker->audit.last = &broker->audit.first;
    broker->audit.count = 0;
    while (note) {
        struct audit_note *next = note->next;
        publish(broker, note);
        free(note);
        note = next;
    }
}
