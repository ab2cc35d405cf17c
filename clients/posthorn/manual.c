#include "manual.h"

#include <string.h>

#include "commands.h"
#include "help.h"
#include "server.h"

/* ---- troff ---- */

/* Text in which troff sees nothing but text. at_start: at the start of a line, where dots and quotes command. */
static void print_text(FILE *out, const char *text, size_t size, bool at_start)
{
    if (at_start && size && strchr(".'", *text))
        fputs("\\&", out);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '-')
            fputs("\\-", out);
        else if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '\'')
            fputs("\\(aq", out);
        else if (text[i] == '~')
            fputs("\\(ti", out);
        else
            fputc(text[i], out);
    }
}

/* A sentence a line, as troff likes it. */
static void print_sentences(FILE *out, const char *text, size_t size)
{
    const char *end = text + size;
    while (text < end) {
        const char *stop = memmem(text, (size_t)(end - text), ". ", 2);
        size_t sentence = stop ? (size_t)(stop + 1 - text) : (size_t)(end - text);
        print_text(out, text, sentence, true);
        fputc('\n', out);
        text += sentence + (stop != NULL);
    }
}

static void print_string(FILE *out, const char *text)
{
    print_text(out, text, strlen(text), true);
    fputc('\n', out);
}

static void print_paragraphs(FILE *out, const char *text)
{
    bool verbatim = false;
    while (*text) {
        size_t size = strcspn(text, "\n");
        bool indented = *text == ' ';
        if (indented != verbatim)
            fputs(indented ? ".RS 4\n.EX\n" : ".EE\n.RE\n", out);
        verbatim = indented;
        size_t blanks = indented ? strspn(text, " ") : 0;
        if (size > 0)
            print_sentences(out, text + blanks, size - blanks);
        else if (text[1])
            fputs(".PP\n", out);
        text += size;
        text += *text == '\n';
    }
    if (verbatim)
        fputs(".EE\n.RE\n", out);
}

/* ---- options ---- */

static void print_option(FILE *out, const struct option *row)
{
    fputs(".TP\n", out);
    if (row->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
    fputs("\\fB\\-\\-", out);
    print_text(out, row->name, strlen(row->name), false);
    fputs("\\fR", out);
    if (row->word) {
        fputs(" \\fI", out);
        print_text(out, row->word, strlen(row->word), false);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    print_text(out, row->help, strlen(row->help), true);
    if (row->initial && *row->initial) {
        fputs(" (\\fB", out);
        print_text(out, row->initial, strlen(row->initial), false);
        fputs("\\fR where it is not given)", out);
    }
    fputc('\n', out);
}

static void print_rows(FILE *out, const struct option *rows)
{
    for (; rows->name; rows++)
        print_option(out, rows);
}

/* The groups that many commands share have sections of their own. */
static bool is_shared(const struct option_group *group, const char **ret_section)
{
    *ret_section = group->rows == server_options ? "SERVER OPTIONS"
                   : group->rows == secure_options ? "TLS OPTIONS" : NULL;
    return *ret_section != NULL;
}

static void print_groups(FILE *out, const struct option_group *groups)
{
    const char *section;
    for (const struct option_group *group = groups; group->title; group++) {
        if (is_shared(group, &section))
            fprintf(out, ".PP\nThe options of\n.B %s\nhold too.\n", section);
        else
            print_rows(out, group->rows);
    }
}

/* ---- commands ---- */

static void print_examples(FILE *out, const struct example *examples)
{
    for (; examples && examples->text; examples++) {
        fputs(".PP\n", out);
        print_string(out, examples->text);
        fputs(".RS 4\n.EX\n", out);
        print_string(out, examples->line);
        fputs(".EE\n.RE\n", out);
    }
}

static void print_command(FILE *out, const struct command *command, const char *path)
{
    bool has_options = command->details->groups->title != NULL;
    fprintf(out, ".SS posthorn %s%s%s\\fI", path, has_options ? " [options]" : "",
            *command->details->operands ? " " : "");
    print_text(out, command->details->operands, strlen(command->details->operands), false);
    fputs("\\fR\n", out);
    print_paragraphs(out, command->details->about);
    print_groups(out, command->details->groups);
    print_examples(out, command->details->examples);
}

static void print_commands(FILE *out, const struct command *table, const char *parent)
{
    char path[64];
    for (const struct command *row = table; row->name; row++) {
        snprintf(path, sizeof path, "%s%s", parent, row->name);
        print_command(out, row, path);
        if (row->commands) {
            strncat(path, " ", sizeof path - strlen(path) - 1);
            print_commands(out, row->commands, path);
        }
    }
}

/* ---- the page ---- */

static const char head[] =
    ".\\\" Made by `posthorn help --manual` out of the tables of clients/posthorn: change those, not this.\n"
    ".TH POSTHORN 1 \"\" posthorn \"User commands\"\n"
    ".SH NAME\n"
    "posthorn \\- publish, subscribe, request and reply from the command line\n"
    ".SH SYNOPSIS\n"
    ".B posthorn\n"
    ".I command\n"
    "[options] ...\n"
    ".br\n"
    ".B posthorn help\n"
    "[\\fIcommand\\fR]\n"
    ".br\n"
    ".B posthorn \\-\\-version\n"
    ".SH DESCRIPTION\n"
    "The command line of posthorn, for\n"
    ".BR posthornd (8)\n"
    "and every other server that speaks the NATS client protocol. Messages go to standard output and nothing "
    "else does; what is meant for the person\n"
    "goes to standard error, a line at a time.\n"
    ".PP\n"
    "Options stand behind the command, before or after its arguments; \\(aq\\-\\-\\(aq ends them. A long option "
    "may be written with\n"
    "\\(aq=\\(aq before its value. Sizes are written as 512, 64KiB or 1MiB, times as 250ms, 5s or 2m.\n";

static const char tail[] =
    ".SH FILES\n"
    ".TP\n"
    ".I $XDG_CONFIG_HOME/posthorn/contexts/NAME.ini\n"
    "A saved context: a section [context] with url, user, password and token, nkey and creds, "
    "tls_ca, tls_cert, tls_key and tls_first. Written with mode 0600.\n"
    ".TP\n"
    ".I $XDG_CONFIG_HOME/posthorn/context\n"
    "The name of the selected context.\n"
    ".SH SEE ALSO\n"
    ".BR posthornd (8),\n"
    ".BR posthornd.ini (5)\n";

static void print_term(FILE *out, const char *term, const char *meaning)
{
    fputs(".TP\n.B ", out);
    print_string(out, term);
    print_string(out, meaning);
}

static void print_environment(FILE *out)
{
    fputs(".SH ENVIRONMENT\n", out);
    for (const struct environment_row *row = environment_rows; row->name; row++)
        print_term(out, row->name, row->meaning);
}

static void print_exits(FILE *out)
{
    char code[16];
    fputs(".SH EXIT STATUS\n", out);
    for (const struct exit_row *row = exit_rows; row->meaning; row++) {
        snprintf(code, sizeof code, "%d", (int)row->code);
        print_term(out, code, row->meaning);
    }
}

void manual_print(FILE *out)
{
    fputs(head, out);
    fputs(".SH COMMANDS\n", out);
    print_commands(out, commands, "");
    fputs(".SH SERVER OPTIONS\n", out);
    print_paragraphs(out, server_precedence);
    print_rows(out, server_options);
    fputs(".SH TLS OPTIONS\n", out);
    print_rows(out, secure_options);
    print_environment(out);
    print_exits(out);
    fputs(tail, out);
}
