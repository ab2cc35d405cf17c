#include "output.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"
#include "json.h"
#include "say.h"
#include "util/utf8.h"

enum { TEXT_SIZE_MAX = 256 * 1024 }; /* more than this is written before the turn ends */

#define FIELD(member) offsetof(struct output_values, member)

const struct option output_options[] = {
    { "raw", 'r', NULL, OPTION_FLAG, FIELD(raw), NULL, "the payload and a newline, nothing else: %p%n" },
    { "null", '0', NULL, OPTION_FLAG, FIELD(null_ended), NULL, "the payload and a NUL byte, nothing else: %p%0" },
    { "json", 'j', NULL, OPTION_FLAG, FIELD(json), NULL, "one JSON object a line" },
    { "format", 'f', "TEXT", OPTION_TEXT, FIELD(format), NULL, "a format of your own; '%p' gives the exact bytes" },
    { "timestamps", 't', NULL, OPTION_FLAG, FIELD(timestamps), NULL,
      "put the time and a blank before each message (JSON has it anyway)" },
    { 0 },
};

/* ---- the letters of a format ---- */

static void put_topic(struct output *output, const struct ph_message *message)
{
    fwrite(message->topic, 1, message->topic_size, output->stream);
}

static void put_payload(struct output *output, const struct ph_message *message)
{
    fwrite(message->payload, 1, message->payload_size, output->stream);
}

static void put_reply(struct output *output, const struct ph_message *message)
{
    fwrite(message->reply, 1, message->reply_size, output->stream);
}

static void put_headers(struct output *output, const struct ph_message *message)
{
    struct ph_text name, value;
    const char *separator = "";
    size_t cursor = 0;
    while (ph_message_header_next(message, &cursor, &name, &value)) {
        fprintf(output->stream, "%s%.*s: %.*s", separator, (int)name.size, name.data, (int)value.size, value.data);
        separator = ", ";
    }
}

static void put_size(struct output *output, const struct ph_message *message)
{
    fprintf(output->stream, "%zu", message->payload_size);
}

static void put_number(struct output *output, const struct ph_message *message)
{
    (void)message;
    fprintf(output->stream, "%llu", (unsigned long long)output->count);
}

static void put_time(struct output *output, const struct ph_message *message)
{
    (void)message;
    struct timeval when;
    struct tm date;
    char seconds[32];
    gettimeofday(&when, NULL);
    if (output->is_kept)
        when = (struct timeval){ (time_t)(output->kept.time_ns / 1000000000),
                                 (suseconds_t)(output->kept.time_ns % 1000000000 / 1000) };
    gmtime_r(&when.tv_sec, &date);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &date);
    fprintf(output->stream, "%s.%06ldZ", seconds, (long)when.tv_usec);
}

static void put_sequence(struct output *output, const struct ph_message *message)
{
    (void)message;
    if (output->is_kept)
        fprintf(output->stream, "%llu", (unsigned long long)output->kept.sequence);
}

static void put_newline(struct output *output, const struct ph_message *message)
{
    (void)message;
    fputc('\n', output->stream);
}

static void put_newline_if_missing(struct output *output, const struct ph_message *message)
{
    if (message->payload_size == 0 || message->payload[message->payload_size - 1] != '\n')
        fputc('\n', output->stream);
}

static void put_nul(struct output *output, const struct ph_message *message)
{
    (void)message;
    fputc('\0', output->stream);
}

static void put_percent(struct output *output, const struct ph_message *message)
{
    (void)message;
    fputc('%', output->stream);
}

typedef void put_fn(struct output *output, const struct ph_message *message);

#define LETTER_ROW(letter, put, meaning) { #letter, put },
static const struct {
    const char *letter;
    put_fn *put;
} letters[] = { OUTPUT_LETTERS(LETTER_ROW) };

static put_fn *find_letter(char letter)
{
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (*letters[i].letter == letter)
            return letters[i].put;
    return NULL;
}

static enum exit_code check_format(const char *format)
{
    for (const char *percent = strchr(format, '%'); percent; percent = strchr(percent + 2, '%')) {
        if (percent[1] == '\0')
            return fail(EXIT_USAGE, "--format: a '%%' at the end; write '%%%%' for a percent sign");
        if (!find_letter(percent[1]))
            return fail(EXIT_USAGE, "--format: no '%%%c'; --help shows the letters there are", percent[1]);
    }
    return EXIT_OK;
}

static void put_format(struct output *output, const struct ph_message *message)
{
    const char *at = output->format;
    for (const char *percent = strchr(at, '%'); percent; percent = strchr(at, '%')) {
        fwrite(at, 1, (size_t)(percent - at), output->stream);
        find_letter(percent[1])(output, message);
        at = percent + 2;
    }
    fputs(at, output->stream);
}

/* ---- JSON ---- */

struct header {
    struct ph_text name, value;
    size_t index;
};

static int compare_names(struct ph_text a, struct ph_text b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_headers(const void *a, const void *b)
{
    const struct header *left = a, *right = b;
    int order = compare_names(left->name, right->name);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* The headers, those of one name together. Yours to free. */
static struct header *sort_headers(const struct ph_message *message, size_t *ret_count)
{
    struct header *headers = NULL, next;
    size_t cursor = 0, count = 0, room = 0;
    while (ph_message_header_next(message, &cursor, &next.name, &next.value)) {
        if (count == room) {
            room = room ? 2 * room : 8;
            headers = must(realloc(headers, room * sizeof *headers));
        }
        next.index = count;
        headers[count++] = next;
    }
    if (count)
        qsort(headers, count, sizeof *headers, compare_headers);
    *ret_count = count;
    return headers;
}

/* {"Name":["first","second"],...} */
static void put_json_headers(struct output *output, const struct ph_message *message)
{
    size_t count;
    struct header *headers = sort_headers(message, &count);
    FILE *stream = output->stream;
    fputs(",\"headers\":{", stream);
    for (size_t i = 0; i < count; i++) {
        bool same_name = i > 0 && compare_names(headers[i - 1].name, headers[i].name) == 0;
        if (i > 0)
            fputs(same_name ? "," : "],", stream);
        if (!same_name) {
            json_string(stream, headers[i].name.data, headers[i].name.size);
            fputs(":[", stream);
        }
        json_string(stream, headers[i].value.data, headers[i].value.size);
    }
    fputs(count ? "]}" : "}", stream);
    free(headers);
}

static void put_json_status(struct output *output, const struct ph_message *message)
{
    struct ph_text description;
    int status = ph_message_status(message, &description);
    if (status == 0)
        return;
    fprintf(output->stream, ",\"status\":%d,\"description\":", status);
    json_string(output->stream, description.data, description.size);
}

static void put_json_kept(struct output *output)
{
    if (!output->is_kept)
        return;
    fputs(",\"stream\":", output->stream);
    json_string(output->stream, output->kept.stream.data, output->kept.stream.size);
    fprintf(output->stream, ",\"sequence\":%llu", (unsigned long long)output->kept.sequence);
    if (output->kept.delivered)
        fprintf(output->stream, ",\"delivered\":%llu", (unsigned long long)output->kept.delivered);
}

static void put_json(struct output *output, const struct ph_message *message)
{
    FILE *stream = output->stream;
    fputs("{\"time\":\"", stream);
    put_time(output, message);
    fputs("\",\"topic\":", stream);
    json_string(stream, message->topic, message->topic_size);
    if (message->reply_size) {
        fputs(",\"reply\":", stream);
        json_string(stream, message->reply, message->reply_size);
    }
    put_json_kept(output);
    put_json_status(output, message);
    if (message->headers_size)
        put_json_headers(output, message);
    if (utf8_valid(slice_make(message->payload, message->payload_size))) {
        fputs(",\"data\":", stream);
        json_string(stream, message->payload, message->payload_size);
    } else {
        fputs(",\"data_base64\":", stream);
        json_base64(stream, message->payload, message->payload_size);
    }
    fputs("}\n", stream);
}

/* ---- writing ---- */

static enum exit_code choose_format(struct output *output, const struct output_values *values,
                                    const char *default_format)
{
    if (values->raw + values->null_ended + values->json + (values->format != NULL) > 1)
        return fail(EXIT_USAGE, "--raw, --null, --json and --format exclude one another");
    output->timestamps = values->timestamps && !values->json;
    output->format = values->json         ? NULL
                     : values->format     ? values->format
                     : values->null_ended ? "%p%0"
                     : values->raw        ? "%p%n"
                                          : default_format;
    return values->format ? check_format(values->format) : EXIT_OK;
}

enum exit_code output_init(struct output *output, const struct output_values *values, const char *default_format)
{
    *output = (struct output){ .written = true };
    enum exit_code code = choose_format(output, values, default_format);
    if (code == EXIT_OK)
        output->stream = must(open_memstream(&output->text, &output->text_size));
    return code;
}

void output_finish(struct output *output)
{
    if (output->stream)
        fclose(output->stream);
    free(output->text);
}

static void put_message(struct output *output, const struct ph_message *message)
{
    output->count++;
    if (output->timestamps) {
        put_time(output, message);
        fputc(' ', output->stream);
    }
    if (output->format)
        put_format(output, message);
    else
        put_json(output, message);
    if (ftell(output->stream) > TEXT_SIZE_MAX)
        output_flush(output);
}

void output_message(struct output *output, const struct ph_message *message)
{
    output->is_kept = kept_read(message, &output->kept);
    put_message(output, message);
}

void output_kept(struct output *output, const struct ph_message *message, const struct kept *kept)
{
    output->is_kept = true;
    output->kept = *kept;
    put_message(output, message);
}

/* As every tool in a pipe ends when head has its lines. */
enum exit_code output_closed(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
    return EXIT_FAILED;
}

/* A reader that stands still holds us up only until the user wants to leave; a file is always written whole. */
static enum exit_code write_all(const char *data, size_t size)
{
    while (size) {
        ssize_t count = write(STDOUT_FILENO, data, size);
        if (count < 0 && errno == EPIPE)
            return output_closed();
        if (count < 0 && errno != EINTR)
            return fail(EXIT_FAILED, "cannot write to standard output: %s", strerror(errno));
        size_t done = count < 0 ? 0 : (size_t)count;
        data += done;
        size -= done;
        if (size && interrupted())
            return EXIT_INTERRUPTED;
    }
    return EXIT_OK;
}

enum exit_code output_flush(struct output *output)
{
    if (!output->written)
        return EXIT_FAILED;
    if (fflush(output->stream) != 0)
        must(NULL);
    enum exit_code code = write_all(output->text, (size_t)ftell(output->stream));
    output->written = code == EXIT_OK;
    rewind(output->stream);
    return code;
}
