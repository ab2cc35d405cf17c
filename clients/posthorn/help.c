#include "help.h"

#include <string.h>

#include "commands.h"
#include "manual.h"
#include "say.h"
#include "server.h"

enum { WIDTH = 80, OPTION_COLUMN = 28, COMMAND_COLUMN = 14, WORD_COLUMN = 21 };

/* ---- text ---- */

/*
 * One line of source text, cut at WIDTH between words; column is where the cursor stands, indent where further lines
 * begin.
 */
static void print_wrapped(FILE *out, const char *text, size_t size, int indent, int column)
{
    const char *end = text + size;
    bool first = true;
    while (text < end) {
        size_t word = strcspn(text, " \n");
        if (word > (size_t)(end - text))
            word = (size_t)(end - text);
        if (!first && column + 1 + (int)word > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word, out);
        column += (int)word;
        text += word;
        text += strspn(text, " ");
        first = false;
    }
    fputc('\n', out);
}

/* Paragraphs are wrapped; lines that begin with a blank stand as they are. */
static void print_paragraphs(FILE *out, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (size == 0 || *text == ' ')
            fprintf(out, "%.*s\n", (int)size, text);
        else
            print_wrapped(out, text, size, 0, 0);
        text += size;
        text += *text == '\n';
    }
}

/* ---- options ---- */

static void print_option(FILE *out, const struct option *row)
{
    char label[80], text[512];
    char letter[5] = "    ";
    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(label, sizeof label, "  %s--%s%s%s", letter, row->name, row->word ? " " : "", row->word ? row->word : "");
    if (row->initial && *row->initial)
        snprintf(text, sizeof text, "%s (%s)", row->help, row->initial);
    else
        snprintf(text, sizeof text, "%s", row->help);
    fprintf(out, "%-*s", OPTION_COLUMN, label);
    if (strlen(label) >= OPTION_COLUMN)
        fprintf(out, "\n%*s", OPTION_COLUMN, "");
    print_wrapped(out, text, strlen(text), OPTION_COLUMN, OPTION_COLUMN);
}

static void print_groups(FILE *out, const struct option_group *groups)
{
    for (const struct option_group *group = groups; group->title; group++) {
        fprintf(out, "\n%s:\n", group->title);
        for (const struct option *row = group->rows; row->name; row++)
            print_option(out, row);
    }
}

static void print_examples(FILE *out, const struct example *examples)
{
    if (!examples)
        return;
    fputs("\nExamples:\n", out);
    for (; examples->text; examples++)
        fprintf(out, "  %s\n      %s\n", examples->text, examples->line);
}

/* ---- commands ---- */

/* A word, and what it means beside it. */
static void print_term(FILE *out, const char *word, int column, const char *meaning)
{
    fprintf(out, "  %-*s ", column - 3, word); /* a blank at least, also behind a long word */
    print_wrapped(out, meaning, strlen(meaning), column, column);
}

static void print_rows(FILE *out, const struct command *table)
{
    for (const struct command *row = table; row->name; row++)
        print_term(out, row->name, COMMAND_COLUMN, row->summary);
}

void help_print_usage(FILE *out, const struct command *command, const char *path)
{
    bool has_options = command->details->groups->title != NULL;
    const char *operands = command->commands ? "COMMAND ..." : command->details->operands;
    fprintf(out, "posthorn %s%s%s%s", path, has_options ? " [options]" : "", *operands ? " " : "", operands);
}

void help_print_command(FILE *out, const struct command *command, const char *path)
{
    fputs("Usage: ", out);
    help_print_usage(out, command, path);
    fputs("\n\n", out);
    print_paragraphs(out, command->details->about);
    if (command->commands) {
        fputs("\nCommands:\n", out);
        print_rows(out, command->commands);
    }
    print_groups(out, command->details->groups);
    print_examples(out, command->details->examples);
}

void help_print_overview(FILE *out)
{
    fputs("Usage: posthorn COMMAND [options] ...\n\n", out);
    print_paragraphs(
        out,
        "The command line of posthorn, for posthornd and every other server that speaks the NATS client protocol.");
    fputs("\nCommands:\n", out);
    print_rows(out, commands);
    fputs("\n'posthorn help COMMAND' tells more, 'posthorn --version' the version.\n\nEnvironment:\n", out);
    for (const struct environment_row *row = environment_rows; row->name; row++)
        print_term(out, row->name, WORD_COLUMN, row->meaning);
    fputs("\n", out);
    print_paragraphs(out, server_precedence);
    fputs("\nExit codes:\n", out);
    for (const struct exit_row *row = exit_rows; row->meaning; row++) {
        char code[16];
        snprintf(code, sizeof code, "%d", (int)row->code);
        print_term(out, code, WORD_COLUMN, row->meaning);
    }
}

/* ---- posthorn help ---- */

struct help_values {
    bool manual;
};

static const struct option options[] = {
    { "manual", 0, NULL, OPTION_FLAG, offsetof(struct help_values, manual), NULL,
      "print the whole as the source of the manual page posthorn(1)" },
    { 0 },
};

static const struct option_group groups[] = { { "Options", options, 0 }, { 0 } };

const struct command_details help_details = {
    .operands = "[COMMAND]",
    .operand_max = 2,
    .values_size = sizeof(struct help_values),
    .groups = groups,
    .about = "Tells about posthorn, or about one of its commands.",
};

static enum exit_code print_help_of(struct operands path)
{
    char name[64] = "";
    const struct command *command = NULL, *table = commands;
    for (int i = 0; i < path.count; i++) {
        command = table ? command_find(table, path.texts[i]) : NULL;
        if (!command)
            return fail(EXIT_USAGE, "no command '%s'; 'posthorn help' shows those there are", path.texts[i]);
        snprintf(name + strlen(name), sizeof name - strlen(name), "%s%s", i ? " " : "", command->name);
        table = command->commands;
    }
    help_print_command(stdout, command, name);
    return EXIT_OK;
}

enum exit_code help_run(void *arg, struct operands operands)
{
    const struct help_values *values = arg;
    if (values->manual)
        manual_print(stdout);
    else if (operands.count == 0)
        help_print_overview(stdout);
    else
        return print_help_of(operands);
    return EXIT_OK;
}
