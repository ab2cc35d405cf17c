#include "acked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "say.h"

enum { SLOT_COUNT = 1024 };

struct acked_slot {
    struct acked *acked;
    uint64_t number;  /* of the message, from 1 */
    bool answered;
    int error;        /* PH_OK: text is what the stream says */
    char *text;
};

void acked_init(struct acked *acked, struct connection *connection, uint64_t timeout_ns, bool json)
{
    *acked = (struct acked){ .connection = connection, .timeout_ns = timeout_ns, .json = json };
    acked->slots = must(calloc(SLOT_COUNT, sizeof *acked->slots));
}

void acked_finish(struct acked *acked)
{
    for (size_t i = 0; acked->slots && i < SLOT_COUNT; i++)
        free(acked->slots[i].text);
    free(acked->slots);
    acked->slots = NULL;
}

/* ---- what comes of one ---- */

static enum exit_code fail_of_one(const struct acked *acked, const struct acked_slot *slot)
{
    char what[64];
    if (slot->error == PH_E_NO_RESPONDERS)
        return fail(EXIT_RESPONDERS, "message %llu: no stream keeps its topic; posthorn stream add makes one",
                    (unsigned long long)slot->number);
    snprintf(what, sizeof what, "message %llu is not acknowledged", (unsigned long long)slot->number);
    return connection_fail(acked->connection, slot->error, what);
}

static enum exit_code print_acknowledgement(const struct acked *acked, const struct acked_slot *slot)
{
    cJSON *ack = cJSON_Parse(slot->text);
    const cJSON *error = object_member(ack, "error");
    enum exit_code code = EXIT_OK;
    if (acked->json)
        printf("%s\n", slot->text);
    if (!*object_text(ack, "stream") && !error)
        code = fail(EXIT_FAILED, "message %llu: what answers is no stream", (unsigned long long)slot->number);
    else if (error)
        code = fail(EXIT_FAILED, "message %llu is refused: %s", (unsigned long long)slot->number,
                    object_text(error, "description"));
    else if (!acked->json)
        printf("%s %.0f%s\n", object_text(ack, "stream"), object_number(ack, "seq"),
               object_flag(ack, "duplicate") ? " duplicate" : "");
    cJSON_Delete(ack);
    return code;
}

/* In order: those that have been answered, up to the first that has not. */
static void settle_some(struct acked *acked)
{
    while (acked->settled < acked->sent) {
        struct acked_slot *slot = &acked->slots[acked->settled % SLOT_COUNT];
        if (!slot->answered)
            return;
        if (acked->failure == EXIT_OK)
            acked->failure = slot->error == PH_OK ? print_acknowledgement(acked, slot) : fail_of_one(acked, slot);
        free(slot->text);
        slot->text = NULL;
        acked->settled++;
    }
}

static void on_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    struct acked_slot *slot = arg;
    (void)conn;
    slot->answered = true;
    slot->error = error;
    slot->text = error == PH_OK ? must(strndup(message->payload, message->payload_size)) : NULL;
    settle_some(slot->acked);
}

/* ---- publishing ---- */

static enum exit_code wait_below(struct acked *acked, uint64_t count)
{
    while (acked->failure == EXIT_OK && acked->sent - acked->settled > count) {
        int error = ph_poll(acked->connection->conn, milliseconds(acked->timeout_ns));
        if (acked->connection->failure != EXIT_OK)
            return acked->connection->failure;
        if (error != PH_OK && error != PH_E_TIMEOUT)
            return connection_fail(acked->connection, error, "no acknowledgement");
    }
    return acked->failure;
}

enum exit_code acked_publish(struct acked *acked, const char *topic, const struct ph_headers *headers,
                             const void *payload, size_t payload_size)
{
    enum exit_code code = wait_below(acked, SLOT_COUNT - 1);
    if (code != EXIT_OK)
        return code;
    struct acked_slot *slot = &acked->slots[acked->sent % SLOT_COUNT];
    *slot = (struct acked_slot){ .acked = acked, .number = acked->sent + 1 };
    int error = ph_request_start(acked->connection->conn, topic, headers, payload, payload_size,
                                 milliseconds(acked->timeout_ns), on_answer, slot);
    if (error != PH_OK)
        return connection_fail(acked->connection, error, "cannot publish");
    acked->sent++;
    return EXIT_OK;
}

enum exit_code acked_settle(struct acked *acked)
{
    return wait_below(acked, 0);
}
