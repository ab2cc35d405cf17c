#include "metrics/prometheus.h"

#define PREFIX "posthorn_"

/* The value of a label: these three must not stand in it as they are. */
static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", out);
        else
            fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
}

void prometheus_put_counters(FILE *out, const struct counters *counters)
{
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_info *info = &counter_infos[i];
        fprintf(out,
                "# HELP " PREFIX "%s_total %s.\n"
                "# TYPE " PREFIX "%s_total counter\n"
                PREFIX "%s_total %llu\n",
                info->name, info->help, info->name, info->name, (unsigned long long)counters_get(counters, i));
    }
}

void prometheus_put_family(FILE *out, const struct prometheus_family *family)
{
    fprintf(out, "# HELP " PREFIX "%s %s.\n# TYPE " PREFIX "%s %s\n", family->name, family->help, family->name,
            family->type);
}

static void put_label(FILE *out, char before, const char *label, const char *value)
{
    fprintf(out, "%c%s=\"", before, label);
    put_escaped(out, value);
    fputc('"', out);
}

void prometheus_put_sample(FILE *out, const char *name, const char *label, const char *label_value, double value)
{
    fprintf(out, PREFIX "%s", name);
    if (label) {
        put_label(out, '{', label, label_value);
        fputc('}', out);
    }
    fprintf(out, " %.15g\n", value);
}

void prometheus_put_pair(FILE *out, const char *name, const char *label, const char *label_value, const char *other,
                         const char *other_value, double value)
{
    fprintf(out, PREFIX "%s", name);
    if (label)
        put_label(out, '{', label, label_value);
    put_label(out, label ? ',' : '{', other, other_value);
    fprintf(out, "} %.15g\n", value);
}
