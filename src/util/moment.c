#include "util/moment.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, DAYS_MAX = 2932896 /* 9999-12-31 */ };

/* Days and dates as Howard Hinnant computes them ("chrono-compatible low-level date algorithms"): years begin in March,
 * in eras of 400 years; day 0 is 1970-01-01. */

struct date {
    unsigned year, month, day;
};

static struct date date_of(uint64_t days)
{
    uint64_t shifted = days + 719468, era = shifted / 146097;
    unsigned of_era = (unsigned)(shifted % 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    struct date date = { (unsigned)(year + era * 400), month < 10 ? month + 3 : month - 9, 0 };
    date.day = of_year - (153 * month + 2) / 5 + 1;
    date.year += date.month <= 2;
    return date;
}

static uint64_t days_of(struct date date)
{
    unsigned year = date.year - (date.month <= 2), era = year / 400, of_era = year % 400;
    unsigned of_year = (153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;
    return (uint64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static char *put_digits(char *out, unsigned number, unsigned count)
{
    for (unsigned i = count; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    return out + count;
}

char *moment_write(char *out, uint64_t time_ms)
{
    uint64_t days = time_ms / DAY_MS;
    unsigned rest = (unsigned)(time_ms % DAY_MS);
    struct date date = date_of(days < DAYS_MAX ? days : DAYS_MAX);
    out = put_digits(out, date.year, 4);
    *out++ = '-';
    out = put_digits(out, date.month, 2);
    *out++ = '-';
    out = put_digits(out, date.day, 2);
    *out++ = 'T';
    out = put_digits(out, rest / 3600000, 2);
    *out++ = ':';
    out = put_digits(out, rest / 60000 % 60, 2);
    *out++ = ':';
    out = put_digits(out, rest / 1000 % 60, 2);
    *out++ = '.';
    out = put_digits(out, rest % 1000, 3);
    *out++ = 'Z';
    return out;
}

/* Takes count digits. */
static bool take_digits(struct slice *text, unsigned count, unsigned *ret_number)
{
    unsigned number = 0;
    if (text->size < count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        number = 10 * number + (unsigned)(text->data[i] - '0');
    }
    *text = slice_make(text->data + count, text->size - count);
    *ret_number = number;
    return true;
}

/* Takes one of the letters. */
static bool take_letter(struct slice *text, const char *letters, char *ret_letter)
{
    if (!text->size || !text->data[0] || !strchr(letters, text->data[0]))
        return false;
    *ret_letter = text->data[0];
    *text = slice_make(text->data + 1, text->size - 1);
    return true;
}

static bool take_date(struct slice *text, struct date *date)
{
    static const unsigned char month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    char letter;
    if (!take_digits(text, 4, &date->year) || !take_letter(text, "-", &letter) ||
        !take_digits(text, 2, &date->month) || !take_letter(text, "-", &letter) || !take_digits(text, 2, &date->day))
        return false;
    if (date->year < 1970 || date->month < 1 || date->month > 12 || date->day < 1)
        return false;
    bool leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    return date->day <= month_days[date->month - 1] + (date->month == 2 && leap ? 1u : 0u);
}

/* ".123456", of which milliseconds count. */
static bool take_fraction(struct slice *text, unsigned *ret_ms)
{
    char letter;
    unsigned digit, unit = 100, count = 0;
    *ret_ms = 0;
    if (!take_letter(text, ".", &letter))
        return true;
    for (; take_digits(text, 1, &digit); count++, unit /= 10)
        *ret_ms += digit * unit;
    return count > 0;
}

static bool take_time(struct slice *text, uint64_t *ret_ms)
{
    unsigned hour, minute, second, fraction_ms;
    char letter;
    if (!take_digits(text, 2, &hour) || !take_letter(text, ":", &letter) || !take_digits(text, 2, &minute) ||
        !take_letter(text, ":", &letter) || !take_digits(text, 2, &second) || !take_fraction(text, &fraction_ms))
        return false;
    *ret_ms = (uint64_t)hour * 3600000 + minute * 60000 + second * 1000 + fraction_ms;
    return hour < 24 && minute < 60 && second <= 60;
}

/* "Z" or "+01:00": what is to be taken away to come to UTC. */
static bool take_offset(struct slice *text, int64_t *ret_ms)
{
    char sign;
    unsigned hours = 0, minutes = 0;
    if (!take_letter(text, "Zz+-", &sign))
        return false;
    if (sign == '+' || sign == '-') {
        char letter;
        if (!take_digits(text, 2, &hours) || !take_letter(text, ":", &letter) || !take_digits(text, 2, &minutes))
            return false;
    }
    *ret_ms = ((int64_t)hours * 60 + minutes) * (sign == '-' ? -60000 : 60000);
    return hours < 24 && minutes < 60;
}

bool moment_parse(struct slice text, uint64_t *ret_time_ms)
{
    struct date date;
    uint64_t day_ms;
    int64_t offset_ms;
    char letter;
    if (!take_date(&text, &date) || !take_letter(&text, "Tt ", &letter) || !take_time(&text, &day_ms) ||
        !take_offset(&text, &offset_ms) || text.size)
        return false;
    int64_t time_ms = (int64_t)(days_of(date) * DAY_MS + day_ms) - offset_ms;
    if (time_ms < 0)
        return false;
    *ret_time_ms = (uint64_t)time_ms;
    return true;
}
