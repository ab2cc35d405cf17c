#include "server/command.h"

#include <config.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "auth/users.h"
#include "config/config.h"
#include "net/tls.h"
#include "server/supervisor.h"

enum action { ACTION_SERVE, ACTION_CHECK_CONFIG, ACTION_PRINT_CONFIG, ACTION_PRINT_SAMPLE, ACTION_PRINT_MAN };

struct arguments {
    const struct command *command;
    enum action action;
    const char *config_path;
    const char **overrides; /* borrow argv */
    size_t override_count;
};

static const char usage_text[] =
    "\n"
    "  -c, --config FILE            read the configuration from FILE; without it the defaults hold\n"
    "  -s, --set SECTION.KEY=VALUE  override one option; may be repeated\n"
    "      --check-config           check the configuration, say what is wrong with it, and exit\n"
    "      --print-config           print the configuration in effect and exit\n"
    "      --print-sample           print a sample configuration with every option and exit\n"
    "      --print-man              print the manual page of the configuration and exit\n"
    "  -V, --version                print the version and exit\n"
    "  -h, --help                   print this and exit\n"
    "\n"
    "Signals: TERM and INT stop, HUP reloads the configuration, USR2 sends the clients away and stops.\n"
    "Exit codes: 0 stopped, 64 usage, 69 an address could not be bound, 71 the system failed, 73 the data directory\n"
    "cannot be used, 78 bad configuration.\n";

enum { OPTION_CHECK = 256, OPTION_PRINT_CONFIG, OPTION_PRINT_SAMPLE, OPTION_PRINT_MAN };

static const struct option long_options[] = {
    { "config", required_argument, NULL, 'c' },
    { "set", required_argument, NULL, 's' },
    { "check-config", no_argument, NULL, OPTION_CHECK },
    { "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
    { "print-sample", no_argument, NULL, OPTION_PRINT_SAMPLE },
    { "print-man", no_argument, NULL, OPTION_PRINT_MAN },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static void print_usage(const struct command *command, FILE *out)
{
    fprintf(out, "usage: %s [--config FILE] [--set SECTION.KEY=VALUE]...\n%s", program_name(command->program),
            usage_text);
}

static int usage(const struct command *command)
{
    print_usage(command, stderr);
    return EX_USAGE;
}

/* Returns -1 to go on, or the exit code. */
static int take_option(int option, struct arguments *arguments)
{
    switch (option) {
    case 'c':
        arguments->config_path = optarg;
        return -1;
    case 's':
        arguments->overrides[arguments->override_count++] = optarg;
        return -1;
    case OPTION_CHECK:
        arguments->action = ACTION_CHECK_CONFIG;
        return -1;
    case OPTION_PRINT_CONFIG:
        arguments->action = ACTION_PRINT_CONFIG;
        return -1;
    case OPTION_PRINT_SAMPLE:
        arguments->action = ACTION_PRINT_SAMPLE;
        return -1;
    case OPTION_PRINT_MAN:
        arguments->action = ACTION_PRINT_MAN;
        return -1;
    case 'V':
        printf("%s %s\n", program_name(arguments->command->program), PACKAGE_VERSION);
        return EX_OK;
    case 'h':
        print_usage(arguments->command, stdout);
        return EX_OK;
    default:
        return usage(arguments->command);
    }
}

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    int option, code;
    while ((option = getopt_long(argc, argv, "c:s:Vh", long_options, NULL)) != -1)
        if ((code = take_option(option, arguments)) >= 0)
            return code;
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument \"%s\"\n", program_name(arguments->command->program), argv[optind]);
        return usage(arguments->command);
    }
    return -1;
}

static int serve(const struct arguments *arguments, struct config *config)
{
    const struct reload_source source = {
        .path = arguments->config_path,
        .overrides = arguments->overrides,
        .override_count = arguments->override_count,
    };
    return supervisor_run(config, &source, arguments->command->guest);
}

/* Users and certificates are made and thrown away: files are read for both. */
static int check(const struct command *command, const struct config *config)
{
    char sentence[RELOAD_SENTENCE_SIZE] = "out of memory";
    struct tls *tls = NULL;
    struct users *users = NULL;
    int error = command->check ? command->check(config, sentence) : 0;
    if (!error)
        error = tls_create(config, &tls, sentence);
    if (!error)
        error = users_create(config, &users, sentence);
    users_destroy(users);
    tls_destroy(tls);
    if (error)
        fprintf(stderr, "%s: %s\n", program_name(command->program), sentence);
    else
        puts("the configuration is good");
    return error ? EX_CONFIG : EX_OK;
}

static int act(const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    struct config_error error;
    struct config *config;
    if (arguments->action == ACTION_PRINT_SAMPLE) {
        config_print_sample(command->program, stdout);
        return EX_OK;
    }
    if (arguments->action == ACTION_PRINT_MAN) {
        config_print_man(command->program, stdout);
        return EX_OK;
    }
    if (config_load(command->program, arguments->config_path, arguments->overrides, arguments->override_count, &config,
                    &error) != 0) {
        fprintf(stderr, "%s: %s\n", program_name(command->program), error.sentence);
        return EX_CONFIG;
    }
    if (arguments->action == ACTION_SERVE)
        return serve(arguments, config);
    int code = EX_OK;
    if (arguments->action == ACTION_PRINT_CONFIG)
        config_print(config, stdout);
    else
        code = check(command, config);
    config_destroy(config);
    return code;
}

int command_main(int argc, char **argv, const struct command *command)
{
    struct arguments arguments = { .command = command, .overrides = calloc((size_t)argc, sizeof(char *)) };
    if (!arguments.overrides)
        return EX_OSERR;
    int code = parse_arguments(argc, argv, &arguments);
    if (code < 0)
        code = act(&arguments);
    free(arguments.overrides);
    return code;
}
