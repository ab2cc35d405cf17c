/* posthorn: the command line. This file is the table of commands and the way to each. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "help.h"
#include "interrupt.h"
#include "posthorn.h"
#include "program.h"
#include "say.h"
#include "util/text.h"

static const struct command bench_commands[] = {
    { "pub", "publishing, with nobody listening", bench_pub_run, &bench_pub_details, NULL },
    { "fanout", "publishing to many subscribers", bench_fanout_run, &bench_fanout_details, NULL },
    { "request", "requests and replies, with their latency", bench_request_run, &bench_request_details, NULL },
    { 0 },
};

static const struct command context_commands[] = {
    { "add", "save a server under a name", context_add_run, &context_add_details, NULL },
    { "list", "print the saved contexts", context_list_run, &context_list_details, NULL },
    { "select", "use a context from now on", context_select_run, &context_select_details, NULL },
    { "show", "print one, without its secrets", context_show_run, &context_show_details, NULL },
    { "remove", "delete one", context_remove_run, &context_remove_details, NULL },
    { 0 },
};

static const struct command stream_commands[] = {
    { "add", "make a stream", stream_add_run, &stream_add_details, NULL },
    { "list", "print the streams", stream_list_run, &stream_list_details, NULL },
    { "info", "print the settings of one, and what it holds", stream_info_run, &stream_info_details, NULL },
    { "edit", "change its settings", stream_edit_run, &stream_edit_details, NULL },
    { "purge", "remove messages from it", stream_purge_run, &stream_purge_details, NULL },
    { "remove", "remove it with all it keeps", stream_remove_run, &stream_remove_details, NULL },
    { "get", "print one of its messages", stream_get_run, &stream_get_details, NULL },
    { "delete-message", "delete one of its messages", stream_delete_message_run, &stream_delete_message_details, NULL },
    { 0 },
};

static const struct command consumer_commands[] = {
    { "add", "make a consumer of a stream", consumer_add_run, &consumer_add_details, NULL },
    { "list", "print the consumers of a stream", consumer_list_run, &consumer_list_details, NULL },
    { "info", "print the settings of one, and how far it has come", consumer_info_run, &consumer_info_details, NULL },
    { "edit", "change its settings", consumer_edit_run, &consumer_edit_details, NULL },
    { "remove", "remove it", consumer_remove_run, &consumer_remove_details, NULL },
    { "next", "take messages from it", consumer_next_run, &consumer_next_details, NULL },
    { 0 },
};

static const struct command webhook_commands[] = {
    { "add", "make a webhook", webhook_add_run, &webhook_add_details, NULL },
    { "list", "print the webhooks", webhook_list_run, &webhook_list_details, NULL },
    { "info", "print the settings of one, and what has come of it", webhook_info_run, &webhook_info_details, NULL },
    { "change", "change its settings", webhook_change_run, &webhook_change_details, NULL },
    { "enable", "have it send again", webhook_enable_run, &webhook_enable_details, NULL },
    { "disable", "have it send nothing", webhook_disable_run, &webhook_disable_details, NULL },
    { "test", "send an example, and print what comes of it", webhook_test_run, &webhook_test_details, NULL },
    { "verify", "ask its receiver whether it wants what is sent", webhook_verify_run, &webhook_verify_details, NULL },
    { "rotate", "give it another secret", webhook_rotate_run, &webhook_rotate_details, NULL },
    { "log", "print its last attempts", webhook_log_run, &webhook_log_details, NULL },
    { "dead", "print the messages that it has given up", webhook_dead_run, &webhook_dead_details, NULL },
    { "replay", "send those once more", webhook_replay_run, &webhook_replay_details, NULL },
    { "resend", "send messages once more, by their ids", webhook_resend_run, &webhook_resend_details, NULL },
    { "recover", "begin anew, from a time or a cursor on", webhook_recover_run, &webhook_recover_details, NULL },
    { "remove", "remove it", webhook_remove_run, &webhook_remove_details, NULL },
    { 0 },
};

const struct command commands[] = {
    { "pub", "publish a message, or one for each line of standard input", pub_run, &pub_details, NULL },
    { "sub", "print the messages that match patterns", sub_run, &sub_details, NULL },
    { "request", "send a request and print the reply", request_run, &request_details, NULL },
    { "reply", "answer requests with a text, an echo or a command", reply_run, &reply_details, NULL },
    { "stream", "make, show and change streams", NULL, &stream_details, stream_commands },
    { "consumer", "make, show and change consumers, and read by them", NULL, &consumer_details, consumer_commands },
    { "webhook", "make, show and change webhooks, and send again", NULL, &webhook_details, webhook_commands },
    { "listen", "send messages to a receiver on this machine, as webhooks do", NULL, &listen_details, NULL },
    { "passwd", "make the hash of a password, a token or an nkey", passwd_run, &passwd_details, NULL },
    { "fsck", "check the files of streams, without a server", fsck_run, &fsck_details, NULL },
    { "dump", "print the messages in them", dump_run, &dump_details, NULL },
    { "bench", "measure a server: rates and latencies", NULL, &bench_details, bench_commands },
    { "top", "watch a server: rates, memory, connections", top_run, &top_details, NULL },
    { "context", "save servers under names", NULL, &context_details, context_commands },
    { "completion", "print the completions for bash, zsh or fish", completion_run, &completion_details, NULL },
    { "help", "tell about a command", help_run, &help_details, NULL },
    { 0 },
};

const struct command *command_find(const struct command *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static enum exit_code complain_of_command(const struct command *table, const char *path, const char *name)
{
    struct text_guess guess;
    text_guess_init(&guess, name);
    for (const struct command *row = table; row->name; row++)
        text_guess_offer(&guess, row->name);
    if (guess.nearest)
        return fail(EXIT_USAGE, "no command '%s%s'; did you mean '%s%s'?", path, name, path, guess.nearest);
    return fail(EXIT_USAGE, "no command '%s%s'; 'posthorn help' shows those there are", path, name);
}

static enum exit_code check_operands(const struct command *command, const char *path, const struct operands *operands)
{
    bool too_many = command->details->operand_max >= 0 && operands->count > command->details->operand_max;
    if (operands->count >= command->details->operand_min && !too_many)
        return EXIT_OK;
    if (too_many)
        say("%s: '%s' is one argument too many; quote a text that has blanks in it", path,
            operands->texts[command->details->operand_max]);
    else
        say("%s: too few arguments", path);
    return fail(EXIT_USAGE, "usage: posthorn %s [options] %s", path, command->details->operands);
}

/* Standard output may fail as late as here: a full disk behind it is no success. */
static enum exit_code finish_output(enum exit_code code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return code != EXIT_OK ? code : fail(EXIT_FAILED, "cannot write to standard output");
}

static enum exit_code run(const struct command *command, const char *path, int argc, char **argv)
{
    const struct option_group *groups = command->details->groups;
    void *values = must(calloc(1, command->details->values_size + 1));
    struct operands operands = { NULL, 0 };
    bool help;
    enum exit_code code = options_parse(groups, values, argc, argv, &operands, &help);
    if (help)
        help_print_command(stdout, command, path);
    else if (code == EXIT_OK)
        code = check_operands(command, path, &operands);
    if (!help && code == EXIT_OK)
        code = command->run ? command->run(values, operands)
                            : program_become(command->details->program, argc, argv);
    options_finish(groups, values, &operands);
    free(values);
    return finish_output(code);
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* A command that has commands of its own, without one of them. */
static enum exit_code show_commands(const struct command *command, const char *path, bool asked_for)
{
    help_print_command(asked_for ? stdout : stderr, command, path);
    return asked_for ? EXIT_OK : EXIT_USAGE;
}

/* Follows the words of the command through the tables, then runs it. */
static enum exit_code dispatch(int argc, char **argv)
{
    char path[64] = "";
    const struct command *command = NULL, *table = commands;
    int at = 0;
    for (; table && at < argc && !is_help(argv[at]); at++) {
        command = command_find(table, argv[at]);
        if (!command)
            return complain_of_command(table, path, argv[at]);
        table = command->commands;
        snprintf(path + strlen(path), sizeof path - strlen(path), "%s%s", command->name, table ? " " : "");
    }
    if (!table)
        return run(command, path, argc - at, argv + at);
    path[strlen(path) - 1] = '\0';
    return show_commands(command, path, at < argc);
}

static bool is_version(const char *argument)
{
    return strcmp(argument, "--version") == 0 || strcmp(argument, "-V") == 0;
}

int main(int argc, char **argv)
{
    enum exit_code code = EXIT_OK;
    if (argc < 2) {
        help_print_overview(stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1])) {
        help_print_overview(stdout);
        code = finish_output(EXIT_OK);
    } else if (is_version(argv[1])) {
        printf("posthorn %s (libposthorn %s)\n", PACKAGE_VERSION, ph_version());
        code = finish_output(EXIT_OK);
    } else if (*argv[1] == '-') {
        code = fail(EXIT_USAGE, "options stand behind the command: posthorn COMMAND %s", argv[1]);
    } else {
        code = dispatch(argc - 1, argv + 1);
    }
    interrupt_end();
    return code;
}
