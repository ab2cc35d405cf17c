#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "quantity.h"

enum { BAR_WIDTH_MAX = 50, WIDTH_DEFAULT = 80, TEXT_WIDTH = 36 /* all but the bar */ };

void progress_init(struct progress *progress, const char *title, uint64_t total, uint64_t now_ns)
{
    *progress = (struct progress){ title, total, now_ns, isatty(STDERR_FILENO) };
}

static int bar_width(const struct progress *progress)
{
    struct winsize size;
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH_DEFAULT;
    width -= TEXT_WIDTH + (int)strlen(progress->title);
    return width < 1 ? 1 : width > BAR_WIDTH_MAX ? BAR_WIDTH_MAX : width;
}

void progress_show(const struct progress *progress, uint64_t done, uint64_t now_ns)
{
    static const char full[] = "##################################################";
    char rate[QUANTITY_TEXT_SIZE];
    if (!progress->shown || progress->total == 0)
        return;
    double share = (double)done / (double)progress->total;
    double seconds = (double)(now_ns - progress->start_ns) / 1e9;
    int width = bar_width(progress);
    int filled = (int)(share * width);
    quantity_print_count(seconds > 0 ? (double)done / seconds : 0, rate);
    fprintf(stderr, "\r%s [%.*s%*s] %3.0f %%  %s/s\033[K", progress->title, filled, full, width - filled, "",
            share * 100, rate);
    fflush(stderr);
}

void progress_finish(const struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}
