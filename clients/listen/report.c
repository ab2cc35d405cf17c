#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libposthorn/posthorn.h"
#include "posthorn/json.h"
#include "posthorn/quantity.h"
#include "push/deliver.h"
#include "util/moment.h"
#include "util/text.h"

enum { TEXT_SIZE = 1100, NS_PER_MS = 1000000 };

void report_init(struct report *report, bool json)
{
    const char *refused = getenv("NO_COLOR");
    report->json = json;
    report->coloured = !json && isatty(STDOUT_FILENO) && !(refused && *refused);
}

static const char *moment_of(uint64_t time_ms, char out[MOMENT_SIZE + 1])
{
    *moment_write(out, time_ms) = '\0';
    return out;
}

static void print_json(const struct report_line *line)
{
    const struct deliver_result *result = line->result;
    char time[MOMENT_SIZE + 1];
    printf("{\"time\":\"%s\",\"id\":\"%s\",\"topic\":", moment_of(line->wall_ms, time), line->id);
    json_string(stdout, line->message->topic, line->message->topic_size);
    printf(",\"size\":%zu,\"attempt\":%llu,\"result\":\"%s\"", line->size, (unsigned long long)line->attempt,
           line->is_taken ? "delivered" : "failed");
    if (result->error) {
        fputs(",\"error\":", stdout);
        json_string(stdout, result->error, strlen(result->error));
    } else {
        printf(",\"status\":%u,\"answer\":", result->status);
        json_string(stdout, result->answer.data, result->answer.size);
    }
    printf(",\"duration_ms\":%llu}\n", (unsigned long long)result->duration_ms);
}

/* What others have written cannot steer the terminal. */
static void print_shown(struct slice text)
{
    char shown[TEXT_SIZE];
    if (text.size)
        printf("  %s", text_show(text, shown, sizeof shown));
}

static void print_status(const struct report *report, const struct report_line *line)
{
    char status[16] = "---";
    if (!line->result->error)
        snprintf(status, sizeof status, "%u", line->result->status);
    printf("  %s%s%s", !report->coloured ? "" : line->is_taken ? "\033[32m" : "\033[31m", status,
           report->coloured ? "\033[0m" : "");
}

void report_print(const struct report *report, const struct report_line *line)
{
    const struct deliver_result *result = line->result;
    char time[MOMENT_SIZE + 1], duration[QUANTITY_TEXT_SIZE], size[QUANTITY_TEXT_SIZE];
    if (report->json) {
        print_json(line);
        return;
    }
    fputs(moment_of(line->wall_ms, time), stdout);
    print_status(report, line);
    printf("  %7s", quantity_print_duration((double)result->duration_ms * NS_PER_MS, duration));
    print_shown(slice_make(line->message->topic, line->message->topic_size));
    printf("  %s", quantity_print_size((double)line->size, size));
    if (line->attempt > 1)
        printf("  #%llu", (unsigned long long)line->attempt);
    print_shown(result->error ? slice_of(result->error) : result->answer);
    putchar('\n');
}
