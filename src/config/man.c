/*
 * The man pages posthornd.ini(5) and posthorn-sidecar.ini(5). What they say of each section and option comes from its
 * row, all else from the texts below. Every sentence begins a line, as roff likes it.
 */
#include <ctype.h>
#include <string.h>

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"

static const char broker_head[] =
    ".\\\" Written by posthornd --print-man from the table of options; change that, not this.\n"
    ".TH POSTHORND.INI 5 \"\" posthorn \"posthorn manual\"\n"
    ".SH NAME\n"
    "posthornd.ini \\- configuration of the posthorn message broker\n"
    ".SH SYNOPSIS\n"
    ".I /etc/posthorn/posthornd.ini\n"
    ".SH DESCRIPTION\n"
    "The file says what\n"
    ".BR posthornd (8)\n"
    "does.\n";

static const char sidecar_head[] =
    ".\\\" Written by posthorn-sidecar --print-man from the table of options; change that, not this.\n"
    ".TH POSTHORN-SIDECAR.INI 5 \"\" posthorn \"posthorn manual\"\n"
    ".SH NAME\n"
    "posthorn-sidecar.ini \\- configuration of the sidecar of the posthorn message broker\n"
    ".SH SYNOPSIS\n"
    ".I /etc/posthorn/posthorn-sidecar.ini\n"
    ".SH DESCRIPTION\n"
    "The file says what\n"
    ".BR posthorn-sidecar (8)\n"
    "does.\n";

static const char middle[] =
    "It is read where\n"
    ".B \\-\\-config\n"
    "names it; without a file the defaults hold.\n"
    "Whatever the file says,\n"
    ".BI \\-\\-set\\~ section . option = value\n"
    "on the command line overrides it, written\n"
    ".BI \\-\\-set\\~ section . NAME . option = value\n"
    "where the section is repeated.\n"
    ".PP\n"
    "A file with a mistake is refused as a whole, with the line, the text and what was expected there.\n"
    "An unknown option is a mistake.\n"
    "SIGHUP makes a running daemon read the file again; a file that is refused then changes nothing.\n"
    "Options that a running daemon cannot change are marked\n"
    ".I needs a restart\n"
    "below; their new values wait for it, and the log names them.\n"
    ".SH FORMAT\n"
    "The file is UTF-8 text of at most 1\\~MiB.\n"
    "An option is a line\n"
    ".IB option\\~ =\\~ value\n"
    "below the\n"
    ".BI [ section ]\n"
    "that it belongs to, and is given once.\n"
    "A section may be given in several parts; a section that is repeated,\n"
    ".BI [ section\\~NAME ],\n"
    "only once for each\n"
    ".IR NAME .\n"
    "A\n"
    ".I NAME\n"
    "has 1 to 64 letters, digits and any of\n"
    ".BR \\- \", \" _ \", \" . \", \" @ \" and \" + .\n"
    ".PP\n"
    "Empty lines do not matter, nor do lines that begin with\n"
    ".B ;\n"
    "or\n"
    ".BR # .\n"
    "A\n"
    ".B ;\n"
    "at the start of a later word begins a comment as well, but may not stand behind a secret.\n"
    "Values stand without quotes.\n"
    ".PP\n"
    "The kinds of values are these:\n"
    ".TP\n"
    ".I number\n"
    "Digits.\n"
    ".TP\n"
    ".I size\n"
    "A number and one of\n"
    ".BR B \", \" KiB \", \" MiB \", \" GiB \" and \" TiB ,\n"
    "multiples of 1024, such as\n"
    ".BR 64MiB .\n"
    "A number alone is bytes.\n"
    ".TP\n"
    ".I duration\n"
    "A number and one of\n"
    ".BR ns \", \" us \", \" ms \", \" s \", \" m \", \" h \" and \" d ,\n"
    "such as\n"
    ".BR 10s .\n"
    "Only 0 may stand alone.\n"
    ".TP\n"
    ".I list\n"
    "Items separated by commas.\n"
    "A list may go on over lines that begin with a space or a tab.\n";

static const char broker_tail[] =
    ".SH EXAMPLES\n"
    "A broker for the local network, for two users:\n"
    ".PP\n"
    ".nf\n"
    ".RS\n"
    "[line]\n"
    "listen = 127.0.0.1:4222, 10.0.0.5:4222, unix:/run/posthorn/line.sock\n"
    "payload_size_max = 256KiB\n"
    "\n"
    "[user alice]\n"
    "password = $2b$12$7oYuNz5x2hzjlhDXBsgWM.q2HGiUgVaspTNFOSgPss5ls.2tgSfiG\n"
    "\n"
    "[user meter]\n"
    "token = sha256:c086a4f03e9f59b4bed7c4c13a8ef0bcc67211a8fef4cc0a6e0e1c7a0b6406aa\n"
    ".RE\n"
    ".fi\n"
    ".PP\n"
    "Orders that are kept for a year, and jobs of which each is done by one worker:\n"
    ".PP\n"
    ".nf\n"
    ".RS\n"
    "[stream orders]\n"
    "topics = orders.>\n"
    "age_max = 365d\n"
    "\n"
    "[stream jobs]\n"
    "topics = jobs.>\n"
    "retention = workqueue\n"
    ".RE\n"
    ".fi\n"
    ".PP\n"
    "A limit for a single run, without a file:\n"
    ".PP\n"
    ".nf\n"
    ".RS\n"
    "posthornd \\-\\-set line.payload_size_max=256KiB\n"
    ".RE\n"
    ".fi\n"
    ".SH FILES\n"
    ".TP\n"
    ".I /etc/posthorn/posthornd.ini\n"
    "The file of the service.\n"
    "It may hold secrets: let nobody but the daemon read it.\n"
    ".TP\n"
    ".I data_dir/streams/\n"
    "The streams in files, a directory each;\n"
    ".B posthorn fsck\n"
    "and\n"
    ".B posthorn dump\n"
    "look into them.\n"
    ".TP\n"
    ".I data_dir/meta.db\n"
    "The settings of streams and consumers, and how far consumers have come: an SQLite database.\n"
    ".SH SEE ALSO\n"
    ".BR posthornd (8),\n"
    ".BR posthorn (1)\n";

static const char sidecar_tail[] =
    ".SH EXAMPLES\n"
    "A sidecar that serves its application on the usual addresses of this machine, for a broker elsewhere:\n"
    ".PP\n"
    ".nf\n"
    ".RS\n"
    "[uplink]\n"
    "url = nats://broker\\-1:4222, nats://broker\\-2:4222\n"
    "http = http://broker\\-1:8222\n"
    "credentials_file = /etc/posthorn/sidecar.token\n"
    ".RE\n"
    ".fi\n"
    ".SH FILES\n"
    ".TP\n"
    ".I /etc/posthorn/posthorn-sidecar.ini\n"
    "The file of the service.\n"
    "It may hold secrets: let nobody but the daemon read it.\n"
    ".SH SEE ALSO\n"
    ".BR posthorn-sidecar (8),\n"
    ".BR posthornd.ini (5),\n"
    ".BR posthorn (1)\n";

static const struct page {
    const char *head, *tail;
} broker_page = { broker_head, broker_tail }, sidecar_page = { sidecar_head, sidecar_tail };

/* Writes a byte so that roff takes it for nothing of its own. No text of the tables begins with a dot or a quote. */
static void print_byte(char byte, FILE *out)
{
    if (byte == '-')
        fputs("\\-", out);
    else if (byte == '\\')
        fputs("\\e", out);
    else
        fputc(byte, out);
}

static void print_text(const char *text, FILE *out)
{
    for (; *text; text++)
        print_byte(*text, out);
}

/* Writes sentences, each on a line of its own. */
static void print_sentences(const char *text, FILE *out)
{
    for (; *text; text++) {
        print_byte(*text, out);
        if (*text == '.' && text[1] == ' ') {
            fputc('\n', out);
            text++;
        }
    }
    fputc('\n', out);
}

static void print_default(const struct option *option, FILE *out)
{
    if (!option->fallback)
        return;
    bool is_empty = !*option->fallback;
    fputs(is_empty ? "The default is empty" : "The default is\n.BR \"", out);
    print_text(option->fallback, out);
    fputs(is_empty ? ".\n" : "\" .\n", out);
}

static void print_option(const struct option *option, FILE *out)
{
    char described[256];
    value_describe(option, described, sizeof described);
    described[0] = (char)toupper((unsigned char)described[0]);
    fprintf(out, ".TP\n.B %s\n", option->key);
    print_sentences(option->help, out);
    print_text(described, out);
    fputs(option->flags & OPTION_RELOAD ? ".\n" : "; needs a restart.\n", out);
    print_default(option, out);
}

static void print_section(const struct section *section, enum program program, FILE *out)
{
    fprintf(out, ".SS [%s%s]\n", section->name, section->repeated ? "\\~NAME" : "");
    print_sentences(section->help, out);
    for (const struct option *option = option_next(section, NULL); option; option = option_next(section, option))
        if (option_is_of(option, section, program))
            print_option(option, out);
}

void config_print_man(enum program program, FILE *out)
{
    const struct page *page = program == PROGRAM_SIDECAR ? &sidecar_page : &broker_page;
    fprintf(out, "%s%s.SH OPTIONS\n", page->head, middle);
    for (size_t i = 0; i < config_section_count; i++)
        if (section_is_of(&config_sections[i], program))
            print_section(&config_sections[i], program, out);
    fputs(page->tail, out);
}
