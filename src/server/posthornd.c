/* posthornd: the broker's main. */
#include <stdio.h>
#include <sysexits.h>

#include "config/config.h"
#include "server/command.h"
#include "server/plan.h"
#include "server/webhooks.h"

/* What the table of options cannot tell of streams and webhooks. Whether they agree with those that are stored a start
 * shows. */
static int check(const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct plan plan = { .items = NULL };
    struct webhooks_plan *webhooks = NULL;
    int error = plan_lay(&plan, config, true, 0, sentence);
    plan_finish(&plan);
    if (!error)
        error = webhooks_plan_make(config, &webhooks, sentence);
    webhooks_plan_free(webhooks);
    return error;
}

int main(int argc, char **argv)
{
    const struct command broker = { .program = PROGRAM_BROKER, .check = check };
    return command_main(argc, argv, &broker);
}
