#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "say.h"

static const struct option_group no_groups[] = { { 0 } };

static const struct example examples[] = {
    { "For bash, now:", "source <(posthorn completion bash)" },
    { 0 },
};

const struct command_details completion_details = {
    .operands = "SHELL",
    .operand_min = 1,
    .operand_max = 1,
    .groups = no_groups,
    .about = "Prints the script that completes posthorn's commands, options and contexts in a shell. Packages install "
             "it; this is for other places.",
    .examples = examples,
};

/* One look at a command of the table; path is how it is called. */
typedef void visit_fn(FILE *out, const struct command *command, const char *path);

static void visit_all(FILE *out, const struct command *table, const char *parent, visit_fn *visit)
{
    char path[64];
    for (const struct command *row = table; row->name; row++) {
        snprintf(path, sizeof path, "%s%s%s", parent, *parent ? " " : "", row->name);
        visit(out, row, path);
        if (row->commands)
            visit_all(out, row->commands, path, visit);
    }
}

typedef void row_fn(FILE *out, const struct option *row);

static void each_option(FILE *out, const struct command *command, row_fn *print)
{
    for (const struct option_group *group = command->details->groups; group->title; group++)
        for (const struct option *row = group->rows; row->name; row++)
            print(out, row);
}

static void print_names(FILE *out, const struct command *table)
{
    for (const struct command *row = table; row && row->name; row++)
        fprintf(out, "%s%s", row == table ? "" : " ", row->name);
}

static const char note[] = "made by `posthorn completion` out of the command table";

/* What a shell offers where the help has one of these words, each shell in its own tongue. */
struct offer {
    const char *word;
    const char *bash;
    const char *zsh;
    const char *fish;
};

#define STREAM_NAMES "posthorn stream list --names --connect-timeout 500ms --timeout 500ms 2>/dev/null"

#define WEBHOOK_NAMES "posthorn webhook list --names --connect-timeout 500ms --timeout 500ms 2>/dev/null"

static const struct offer offers[] = {
    { "CONTEXT", "$(posthorn context list --names 2>/dev/null)", "_posthorn_contexts",
      "(posthorn context list --names 2>/dev/null)" },
    { "STREAM", "$(" STREAM_NAMES ")", "_posthorn_streams", "(" STREAM_NAMES ")" },
    { "WEBHOOK", "$(" WEBHOOK_NAMES ")", "_posthorn_webhooks", "(" WEBHOOK_NAMES ")" },
    { "FILE", "$(compgen -f -- \"$word\")", "_files", "(__fish_complete_path)" },
    { "SHELL", "bash zsh fish", "(bash zsh fish)", "bash zsh fish" },
    { "COMMAND", "$commands", "_posthorn_commands", "(__posthorn_commands)" },
};

static const struct offer *find_offer(const char *text)
{
    for (size_t i = 0; text && i < sizeof offers / sizeof *offers; i++)
        if (strstr(text, offers[i].word))
            return &offers[i];
    return NULL;
}

/* ---- bash ---- */

/* words="...", for what the text of the help stands for. */
static void bash_print_words(FILE *out, const char *text)
{
    const struct offer *offer = find_offer(text);
    fprintf(out, "words=\"%s\"", offer ? offer->bash : "");
}

static void bash_print_option(FILE *out, const struct option *row)
{
    fprintf(out, " --%s", row->name);
}

/* A case for the word before, where that is an option with a value. */
static void bash_print_value(FILE *out, const struct option *row)
{
    if (row->kind == OPTION_FLAG)
        return;
    fprintf(out, "                --%s", row->name);
    if (row->letter)
        fprintf(out, "|-%c", row->letter);
    fputs(") ", out);
    bash_print_words(out, row->word);
    fputs(" options='' ;;\n", out);
}

static void bash_print_command(FILE *out, const struct command *command, const char *path)
{
    fprintf(out, "        '%s')\n            options='--help", path);
    each_option(out, command, bash_print_option);
    fputs("'\n            case $previous in\n", out);
    each_option(out, command, bash_print_value);
    fputs("                *) ", out);
    if (command->commands) {
        fputs("words='", out);
        print_names(out, command->commands);
        fputc('\'', out);
    } else {
        bash_print_words(out, command->details->operands);
    }
    fputs(" ;;\n            esac ;;\n", out);
}

static void bash_print_path(FILE *out, const struct command *command, const char *path)
{
    const char *last = strrchr(path, ' ');
    (void)command;
    fprintf(out, "            '%.*s %s') command='%s' ;;\n", last ? (int)(last - path) : 0, path,
            last ? last + 1 : path, path);
}

static void bash_print(FILE *out)
{
    fprintf(out, "# bash completion for posthorn, %s\n", note);
    fputs("_posthorn() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command='' options='' words='' i\n"
          "    local commands='",
          out);
    print_names(out, commands);
    fputs("'\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case \"$command ${COMP_WORDS[i]}\" in\n",
          out);
    visit_all(out, commands, "", bash_print_path);
    fputs("            *) break ;;\n"
          "        esac\n"
          "    done\n"
          "    case $command in\n"
          "        '')\n"
          "            options='--help --version' words=$commands ;;\n",
          out);
    visit_all(out, commands, "", bash_print_command);
    fputs("    esac\n"
          "    [[ $word == -* ]] && words=$options\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "}\n"
          "complete -F _posthorn posthorn\n",
          out);
}

/* ---- zsh ---- */

/* Inside single quotes and a description of _arguments. */
static void zsh_print_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

/* An empty list, where a blank would be enough, keeps zsh filling in an option that stands alone. */
static const char *zsh_action(const char *text)
{
    const struct offer *offer = find_offer(text);
    return offer ? offer->zsh : "()";
}

static void zsh_print_option(FILE *out, const struct option *row)
{
    const char *repeated = row->kind == OPTION_LIST ? "*" : "";
    const char *forms = row->letter ? "" : "--";
    fputs(" \\\n        ", out);
    if (row->letter)
        fprintf(out, "%s{-%c,--%s}'[", row->kind == OPTION_LIST ? "'*'" : "", row->letter, row->name);
    else
        fprintf(out, "'%s%s%s[", repeated, forms, row->name);
    zsh_print_text(out, row->help);
    fputc(']', out);
    if (row->word) {
        fputc(':', out);
        zsh_print_text(out, row->word);
        fprintf(out, ":%s", zsh_action(row->word));
    }
    fputc('\'', out);
}

static void zsh_print_function_name(FILE *out, const char *path)
{
    fputs("_posthorn_", out);
    for (; *path; path++)
        fputc(*path == ' ' ? '_' : *path, out);
}

static void zsh_print_row(FILE *out, const struct command *row)
{
    fprintf(out, "        '%s:", row->name);
    zsh_print_text(out, row->summary);
    fputs("'\n", out);
}

/* _posthorn_commands: the rows of a table, to choose from. */
static void zsh_print_chooser(FILE *out, const struct command *table)
{
    fputs("    local -a rows=(\n", out);
    for (const struct command *row = table; row->name; row++)
        zsh_print_row(out, row);
    fputs("    )\n    _describe command rows\n", out);
}

static void zsh_print_leaf(FILE *out, const struct command *command)
{
    fputs("    _arguments -s -S '(- *)'{-h,--help}'[tell about the command]'", out);
    each_option(out, command, zsh_print_option);
    fprintf(out, " \\\n        '*: :%s'\n", zsh_action(command->details->operands));
}

static void zsh_print_parent(FILE *out, const struct command *command, const char *path)
{
    fputs("    if (( CURRENT > 2 )); then\n        shift words; (( CURRENT-- ))\n        local function=", out);
    zsh_print_function_name(out, path);
    fputs("_${words[1]}\n        (( $+functions[$function] )) && $function\n        return\n    fi\n", out);
    zsh_print_chooser(out, command->commands);
}

static void zsh_print_function(FILE *out, const struct command *command, const char *path)
{
    zsh_print_function_name(out, path);
    fputs("() {\n", out);
    if (command->commands)
        zsh_print_parent(out, command, path);
    else
        zsh_print_leaf(out, command);
    fputs("}\n\n", out);
}

static void zsh_print(FILE *out)
{
    fprintf(out,
            "#compdef posthorn\n"
            "# zsh completion for posthorn, %s\n\n"
            "_posthorn_contexts() {\n"
            "    local -a names=(${(f)\"$(posthorn context list --names 2>/dev/null)\"})\n"
            "    compadd -a names\n"
            "}\n\n"
            "_posthorn_streams() {\n"
            "    local -a names=(${(f)\"$(" STREAM_NAMES ")\"})\n"
            "    compadd -a names\n"
            "}\n\n"
            "_posthorn_webhooks() {\n"
            "    local -a names=(${(f)\"$(" WEBHOOK_NAMES ")\"})\n"
            "    compadd -a names\n"
            "}\n\n"
            "_posthorn_commands() {\n",
            note);
    zsh_print_chooser(out, commands);
    fputs("}\n\n", out);
    visit_all(out, commands, "", zsh_print_function);
    fputs("_posthorn() {\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _posthorn_commands\n"
          "        return\n"
          "    fi\n"
          "    shift words; (( CURRENT-- ))\n"
          "    local function=_posthorn_${words[1]}\n"
          "    (( $+functions[$function] )) && $function\n"
          "}\n\n"
          "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _posthorn \"$@\"; else compdef _posthorn posthorn; "
          "fi\n",
          out);
}

/* ---- fish ---- */

static void fish_print_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (strchr("'\\", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void fish_print_words(FILE *out, const char *text)
{
    const struct offer *offer = find_offer(text);
    if (!offer)
        return;
    fputs(" -a ", out);
    fish_print_text(out, offer->fish);
}

static void fish_print_condition(FILE *out, const char *function, const char *path)
{
    fprintf(out, "complete -c posthorn -n '%s%s%s'", function, *path ? " " : "", path);
}

static void fish_print_table(FILE *out, const struct command *table, const char *path)
{
    for (const struct command *row = table; row->name; row++) {
        fish_print_condition(out, "__posthorn_is", path);
        fprintf(out, " -a %s -d ", row->name);
        fish_print_text(out, row->summary);
        fputc('\n', out);
    }
}

static void fish_print_option(FILE *out, const struct option *row, const char *path)
{
    fish_print_condition(out, "__posthorn_in", path);
    fprintf(out, " -l %s", row->name);
    if (row->letter)
        fprintf(out, " -s %c", row->letter);
    if (row->kind != OPTION_FLAG)
        fputs(" -x", out);
    fish_print_words(out, row->word);
    fputs(" -d ", out);
    fish_print_text(out, row->help);
    fputc('\n', out);
}

static void fish_print_command(FILE *out, const struct command *command, const char *path)
{
    fputc('\n', out);
    if (command->commands)
        fish_print_table(out, command->commands, path);
    for (const struct option_group *group = command->details->groups; group->title; group++)
        for (const struct option *row = group->rows; row->name; row++)
            fish_print_option(out, row, path);
    if (find_offer(command->details->operands)) {
        fish_print_condition(out, "__posthorn_in", path);
        fish_print_words(out, command->details->operands);
        fputc('\n', out);
    }
}

static void fish_print(FILE *out)
{
    fprintf(out,
            "# fish completion for posthorn, %s\n"
            "function __posthorn_is --description 'these words and no more stand behind posthorn'\n"
            "    set -l words (commandline -opc)\n"
            "    test \"$words[2..-1]\" = \"$argv\"\n"
            "end\n"
            "function __posthorn_in --description 'the words behind posthorn begin with these'\n"
            "    set -l words (commandline -opc)\n"
            "    set -l last (math 1 + (count $argv))\n"
            "    test \"$words[2..$last]\" = \"$argv\"\n"
            "end\n"
            "function __posthorn_commands\n"
            "    string split ' ' '",
            note);
    print_names(out, commands);
    fputs("'\n"
          "end\n"
          "complete -c posthorn -f\n"
          "complete -c posthorn -s h -l help -d 'tell about the command'\n"
          "complete -c posthorn -n __posthorn_is -l version -d 'print the version'\n",
          out);
    fish_print_table(out, commands, "");
    visit_all(out, commands, "", fish_print_command);
}

/* ---- posthorn completion ---- */

static const struct {
    const char *name;
    void (*print)(FILE *out);
} shells[] = { { "bash", bash_print }, { "zsh", zsh_print }, { "fish", fish_print } };

enum exit_code completion_run(void *values, struct operands operands)
{
    (void)values;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, operands.texts[0]) == 0) {
            shells[i].print(stdout);
            return EXIT_OK;
        }
    }
    return fail(EXIT_USAGE, "no completions for '%s': there are bash, zsh and fish", operands.texts[0]);
}
