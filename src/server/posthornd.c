/* posthornd: the daemon's main: the command line, the configuration, and exit codes that tell failures apart. */
#include <config.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "config/config.h"
#include "server/plan.h"
#include "server/reload.h"
#include "server/supervisor.h"

enum action { ACTION_SERVE, ACTION_CHECK_CONFIG, ACTION_PRINT_CONFIG, ACTION_PRINT_SAMPLE, ACTION_PRINT_MAN };

struct arguments {
    enum action action;
    const char *config_path;
    const char **overrides; /* borrow argv */
    size_t override_count;
};

static const char usage_text[] =
    "usage: posthornd [--config FILE] [--set SECTION.KEY=VALUE]...\n"
    "\n"
    "  -c, --config FILE            read the configuration from FILE; without it the defaults hold\n"
    "  -s, --set SECTION.KEY=VALUE  override one option; may be repeated\n"
    "      --check-config           check the configuration, say what is wrong with it, and exit\n"
    "      --print-config           print the configuration in effect and exit\n"
    "      --print-sample           print a sample configuration with every option and exit\n"
    "      --print-man              print the manual page posthornd.ini(5) and exit\n"
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

static int usage(void)
{
    fputs(usage_text, stderr);
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
        puts("posthornd " PACKAGE_VERSION);
        return EX_OK;
    case 'h':
        fputs(usage_text, stdout);
        return EX_OK;
    default:
        return usage();
    }
}

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    int option, code;
    while ((option = getopt_long(argc, argv, "c:s:Vh", long_options, NULL)) != -1)
        if ((code = take_option(option, arguments)) >= 0)
            return code;
    if (optind < argc) {
        fprintf(stderr, "posthornd: unexpected argument \"%s\"\n", argv[optind]);
        return usage();
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
    return supervisor_run(config, &source);
}

/* What the table of options cannot tell of streams. Whether they agree with those that are stored a start shows. */
static int check_streams(const struct config *config)
{
    struct plan plan = { .items = NULL };
    char sentence[RELOAD_SENTENCE_SIZE];
    int error = plan_lay(&plan, config, true, 0, sentence);
    plan_finish(&plan);
    if (error)
        fprintf(stderr, "posthornd: %s\n", sentence);
    else
        puts("the configuration is good");
    return error ? EX_CONFIG : EX_OK;
}

static int act(const struct arguments *arguments)
{
    struct config_error error;
    struct config *config;
    if (arguments->action == ACTION_PRINT_SAMPLE) {
        config_print_sample(stdout);
        return EX_OK;
    }
    if (arguments->action == ACTION_PRINT_MAN) {
        config_print_man(stdout);
        return EX_OK;
    }
    if (config_load(arguments->config_path, arguments->overrides, arguments->override_count, &config, &error) != 0) {
        fprintf(stderr, "posthornd: %s\n", error.sentence);
        return EX_CONFIG;
    }
    if (arguments->action == ACTION_SERVE)
        return serve(arguments, config);
    int code = EX_OK;
    if (arguments->action == ACTION_PRINT_CONFIG)
        config_print(config, stdout);
    else
        code = check_streams(config);
    config_destroy(config);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments arguments = { .overrides = calloc((size_t)argc, sizeof(char *)) };
    if (!arguments.overrides)
        return EX_OSERR;
    int code = parse_arguments(argc, argv, &arguments);
    if (code < 0)
        code = act(&arguments);
    free(arguments.overrides);
    return code;
}
