#include "broker/webhooks.h"

#include <stdlib.h>

static const struct {
    unsigned code;
    const char *sentence;
} verdicts[] = {
    [WEBHOOK_GOOD] = { 200, "it is done" },
    [WEBHOOK_MADE] = { 201, "it is made" },
    [WEBHOOK_BAD] = { 400, "this cannot be asked for" },
    [WEBHOOK_FORBIDDEN] = { 403, "the user has no right to subscribe to all that this webhook is to send" },
    [WEBHOOK_MISSING] = { 404, "there is no webhook of that name" },
    [WEBHOOK_NO_MESSAGE] = { 404, "it has no message of that id" },
    [WEBHOOK_TAKEN] = { 409, "there is a webhook of that name" },
    [WEBHOOK_CONFIGURED] = { 409, "the configuration owns this webhook: change it there, and reload" },
    [WEBHOOK_NOT_STORED] = { 503, "what has been changed cannot be stored" },
    [WEBHOOK_SHORT] = { 503, "out of memory" },
    [WEBHOOK_STOPPING] = { 503, "the daemon is about to stop" },
};

static const enum right rights_asked[WEBHOOK_ASK_COUNT] = {
    [WEBHOOK_LIST] = RIGHT_MONITOR,   [WEBHOOK_GET] = RIGHT_MONITOR,      [WEBHOOK_ATTEMPTS] = RIGHT_MONITOR,
    [WEBHOOK_CREATE] = RIGHT_MANAGE,  [WEBHOOK_CHANGE] = RIGHT_MANAGE,    [WEBHOOK_REMOVE] = RIGHT_MANAGE,
    [WEBHOOK_ENABLE] = RIGHT_MANAGE,  [WEBHOOK_DISABLE] = RIGHT_MANAGE,   [WEBHOOK_ROTATE] = RIGHT_MANAGE,
    [WEBHOOK_RECOVER] = RIGHT_MANAGE, [WEBHOOK_RESEND] = RIGHT_MANAGE,    [WEBHOOK_EXAMPLE] = RIGHT_MANAGE,
    [WEBHOOK_DEAD] = RIGHT_MANAGE,    [WEBHOOK_REPLAY] = RIGHT_MANAGE,    [WEBHOOK_SECRETS] = RIGHT_MANAGE,
    [WEBHOOK_VERIFY] = RIGHT_MANAGE,
};

enum right webhook_right(enum webhook_ask ask)
{
    return rights_asked[ask];
}

unsigned webhook_verdict_code(enum webhook_verdict verdict)
{
    return verdicts[verdict].code;
}

const char *webhook_verdict_sentence(enum webhook_verdict verdict)
{
    return verdicts[verdict].sentence;
}

void webhook_desk_init(struct webhook_desk *desk, const struct webhook_office *office, void (*wake)(void *arg),
                       void *arg)
{
    *desk = (struct webhook_desk){ .office = office, .wake = wake, .arg = arg, .last = &desk->calls };
}

bool webhook_ask(struct webhook_desk *desk, struct webhook_call *call)
{
    if (!desk->office)
        return false;
    call->desk = desk;
    desk->away_count++;
    desk->office->submit(desk->office->arg, call);
    return true;
}

/* Who asks again from within waits for the next turn, at most: the office does not answer on this thread. */
void webhook_desk_turn(struct webhook_desk *desk)
{
    struct webhook_call *call;
    while (desk->away_count > 0 && (call = desk->office->done(desk->office->arg, desk))) {
        desk->away_count--;
        call->finished(call);
    }
}

void webhook_text_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}
