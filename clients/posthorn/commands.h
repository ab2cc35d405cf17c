/* commands: what each command's file gives to the table in main.c. */
#ifndef POSTHORN_COMMANDS_H
#define POSTHORN_COMMANDS_H

#include "command.h"

#define COMMAND(name) \
    enum exit_code name##_run(void *values, struct operands operands); \
    extern const struct command_details name##_details

COMMAND(pub);
COMMAND(sub);
COMMAND(request);
COMMAND(reply);
COMMAND(bench_pub);
COMMAND(bench_fanout);
COMMAND(bench_request);
COMMAND(context_add);
COMMAND(context_list);
COMMAND(context_select);
COMMAND(context_show);
COMMAND(context_remove);
COMMAND(stream_add);
COMMAND(stream_list);
COMMAND(stream_info);
COMMAND(stream_edit);
COMMAND(stream_purge);
COMMAND(stream_remove);
COMMAND(stream_get);
COMMAND(stream_delete_message);
COMMAND(consumer_add);
COMMAND(consumer_list);
COMMAND(consumer_info);
COMMAND(consumer_edit);
COMMAND(consumer_remove);
COMMAND(consumer_next);
COMMAND(webhook_add);
COMMAND(webhook_list);
COMMAND(webhook_info);
COMMAND(webhook_change);
COMMAND(webhook_enable);
COMMAND(webhook_disable);
COMMAND(webhook_test);
COMMAND(webhook_rotate);
COMMAND(webhook_replay);
COMMAND(webhook_recover);
COMMAND(webhook_resend);
COMMAND(webhook_log);
COMMAND(webhook_dead);
COMMAND(webhook_verify);
COMMAND(webhook_remove);
COMMAND(passwd);
COMMAND(fsck);
COMMAND(dump);
COMMAND(top);
COMMAND(completion);
COMMAND(help);

extern const struct command_details bench_details;
extern const struct command_details consumer_details;
extern const struct command_details context_details;
extern const struct command_details listen_details;
extern const struct command_details stream_details;
extern const struct command_details webhook_details;

#endif
