#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "contexts.h"
#include "posthorn.h"
#include "prompt.h"
#include "say.h"
#include "server.h"

static const char mask[] = "********";

/* ---- add ---- */

struct add_values {
    const char *url;
    const char *user;
    const char *password;
    const char *token;
    const char *nkey, *creds;
    bool replace;
    bool select;
    struct secure_values secure;
};

#define ADD_FIELD(member) offsetof(struct add_values, member)

static const struct option add_options[] = {
    { "server", 's', "URL", OPTION_TEXT, ADD_FIELD(url), PH_URL_DEFAULT,
      "where the server is, as for the other commands" },
    { "user", 0, "NAME", OPTION_TEXT, ADD_FIELD(user), NULL, "the user to enter as" },
    { "password", 0, "TEXT", OPTION_TEXT, ADD_FIELD(password), NULL, "the password; '-': read it from standard input" },
    { "token", 0, "TEXT", OPTION_TEXT, ADD_FIELD(token), NULL,
      "the token to enter with; '-': read it from standard input" },
    { "nkey", 0, "FILE", OPTION_TEXT, ADD_FIELD(nkey), NULL, "the file with the seed of the nkey to enter with" },
    { "creds", 0, "FILE", OPTION_TEXT, ADD_FIELD(creds), NULL, "the file with the JWT to enter with, and its seed" },
    { "replace", 0, NULL, OPTION_FLAG, ADD_FIELD(replace), NULL, "write over a context of that name" },
    { "select", 0, NULL, OPTION_FLAG, ADD_FIELD(select), NULL, "select it too" },
    { 0 },
};

static const struct option_group add_groups[] = {
    { "Options", add_options, 0 },
    SECURE_GROUP(struct add_values, secure),
    { 0 },
};

static const struct example add_examples[] = {
    { "Save a server and its password, which is asked for:",
      "posthorn context add shop --server nats://shop:4222 --user cook --password - --select" },
    { "Save a server that is reached by TLS, and the file by which to enter:",
      "posthorn context add shop --server tls://shop:4222 --tls-ca ca.pem --creds cook.creds" },
    { 0 },
};

const struct command_details context_add_details = {
    .operands = "NAME",
    .operand_min = 1,
    .operand_max = 1,
    .values_size = sizeof(struct add_values),
    .groups = add_groups,
    .about = "Saves a server under NAME, in a file that only you can read. Of other files their places are saved, not "
             "what is in them. That any certificate is taken is never saved.",
    .examples = add_examples,
};

/* The text of an option, or what standard input says in its place. */
static enum exit_code take_secret(const char *what, const char *given, char **ret_text)
{
    if (given && strcmp(given, "-") != 0)
        *ret_text = must(strdup(given));
    else if (given && !(*ret_text = prompt_secret(what)))
        return fail(EXIT_USAGE, "no %s on standard input", what);
    return EXIT_OK;
}

/* The absolute path of a file, which must be there: the context may be used from anywhere. */
static enum exit_code take_path(const char *option, const char *given, char **ret_path)
{
    if (given && !(*ret_path = realpath(given, NULL)))
        return fail(EXIT_USAGE, "--%s %s: %s", option, given, strerror(errno));
    return EXIT_OK;
}

static enum exit_code take_paths(const struct add_values *values, struct context *context)
{
    const struct {
        const char *option, *given;
        char **path;
    } rows[] = {
        { "nkey", values->nkey, &context->nkey },
        { "creds", values->creds, &context->creds },
        { "tls-ca", values->secure.ca, &context->tls_ca },
        { "tls-cert", values->secure.cert, &context->tls_cert },
        { "tls-key", values->secure.key, &context->tls_key },
    };
    enum exit_code code = EXIT_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && code == EXIT_OK; i++)
        code = take_path(rows[i].option, rows[i].given, rows[i].path);
    return code;
}

static enum exit_code check_add(const struct add_values *values)
{
    int ways = (values->user || values->password) + !!values->token + !!values->nkey + !!values->creds;
    if (ways > 1)
        return fail(EXIT_USAGE, "--user with --password, --token, --nkey, --creds: one of them");
    if (values->secure.insecure)
        return fail(EXIT_USAGE, "--tls-insecure is not saved: give it to the command that is to take any certificate");
    if (values->password && !values->user)
        return fail(EXIT_USAGE, "--password needs --user");
    return EXIT_OK;
}

enum exit_code context_add_run(void *arg, struct operands operands)
{
    const struct add_values *values = arg;
    const char *name = operands.texts[0];
    struct context context = { .url = must(strdup(values->url)),
                               .user = values->user ? must(strdup(values->user)) : NULL,
                               .tls_first = values->secure.first ? must(strdup("yes")) : NULL };
    enum exit_code code = check_add(values);
    if (code == EXIT_OK)
        code = take_secret("password", values->password, &context.password);
    if (code == EXIT_OK)
        code = take_secret("token", values->token, &context.token);
    if (code == EXIT_OK)
        code = take_paths(values, &context);
    if (code == EXIT_OK)
        code = context_save(name, &context, values->replace);
    if (code == EXIT_OK && values->select)
        code = context_select(name);
    context_finish(&context);
    return code;
}

/* ---- list ---- */

struct list_values {
    bool names;
};

static const struct option list_options[] = {
    { "names", 0, NULL, OPTION_FLAG, offsetof(struct list_values, names), NULL, "print the names alone" },
    { 0 },
};

static const struct option_group list_groups[] = { { "Options", list_options, 0 }, { 0 } };

const struct command_details context_list_details = {
    .operands = "",
    .values_size = sizeof(struct list_values),
    .groups = list_groups,
    .about = "Prints a line for each saved context: '*' if it is selected, its name, the server's address.",
};

static void print_context(const char *name, const char *selected)
{
    struct context context;
    if (context_load(name, &context) == EXIT_OK) {
        char *url = server_mask_url(context.url, "********@");
        printf("%c %-20s %s\n", selected && strcmp(selected, name) == 0 ? '*' : ' ', name, url);
        free(url);
    }
    context_finish(&context);
}

enum exit_code context_list_run(void *arg, struct operands operands)
{
    const struct list_values *values = arg;
    (void)operands;
    char **names;
    size_t count;
    char *selected = context_selected();
    enum exit_code code = context_names(&names, &count);
    for (size_t i = 0; i < count; i++) {
        if (values->names)
            puts(names[i]);
        else
            print_context(names[i], selected);
        free(names[i]);
    }
    free(names);
    free(selected);
    return code;
}

/* ---- select ---- */

struct select_values {
    bool none;
};

static const struct option select_options[] = {
    { "none", 0, NULL, OPTION_FLAG, offsetof(struct select_values, none), NULL, "select none" },
    { 0 },
};

static const struct option_group select_groups[] = { { "Options", select_options, 0 }, { 0 } };

const struct command_details context_select_details = {
    .operands = "[CONTEXT]",
    .operand_max = 1,
    .values_size = sizeof(struct select_values),
    .groups = select_groups,
    .about = "Makes NAME the context for all commands that are told of no server by --server, --context, POSTHORN_URL "
             "or NATS_URL.",
};

enum exit_code context_select_run(void *arg, struct operands operands)
{
    const struct select_values *values = arg;
    if (values->none == (operands.count == 1))
        return fail(EXIT_USAGE, "give the NAME of a context, or --none");
    return context_select(values->none ? NULL : operands.texts[0]);
}

/* ---- show and remove ---- */

static const struct option_group no_groups[] = { { 0 } };

const struct command_details context_show_details = {
    .operands = "[CONTEXT]",
    .operand_max = 1,
    .groups = no_groups,
    .about = "Prints what is saved under NAME, or of the selected context where NAME is left out, with secrets masked.",
};

static void print_field(const char *key, const char *value)
{
    if (value)
        printf("%s = %s\n", key, value);
}

static enum exit_code show(const char *name)
{
    struct context context;
    enum exit_code code = context_load(name, &context);
    if (code == EXIT_OK) {
        char *url = server_mask_url(context.url, "********@");
        print_field("name", name);
        print_field("url", url);
        print_field("user", context.user);
        print_field("password", context.password ? mask : NULL);
        print_field("token", context.token ? mask : NULL);
        print_field("nkey", context.nkey);
        print_field("creds", context.creds);
        print_field("tls_ca", context.tls_ca);
        print_field("tls_cert", context.tls_cert);
        print_field("tls_key", context.tls_key);
        print_field("tls_first", context.tls_first);
        free(url);
    }
    context_finish(&context);
    return code;
}

enum exit_code context_show_run(void *arg, struct operands operands)
{
    (void)arg;
    if (operands.count == 1)
        return show(operands.texts[0]);
    char *selected = context_selected();
    enum exit_code code = selected ? show(selected) : fail(EXIT_USAGE, "no context is selected: give the NAME of one");
    free(selected);
    return code;
}

const struct command_details context_remove_details = {
    .operands = "CONTEXT",
    .operand_min = 1,
    .operand_max = 1,
    .groups = no_groups,
    .about = "Deletes what is saved under NAME. If it was selected, none is any more.",
};

enum exit_code context_remove_run(void *arg, struct operands operands)
{
    (void)arg;
    return context_remove(operands.texts[0]);
}

/* ---- context ---- */

const struct command_details context_details = {
    .operands = "",
    .groups = no_groups,
    .about = "A context is a server's address, with credentials if it needs them, saved under a name in a file of mode "
             "0600 below $XDG_CONFIG_HOME/posthorn/contexts (~/.config/posthorn/contexts where that is not set).",
};
