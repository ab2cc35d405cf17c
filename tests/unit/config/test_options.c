/* THE table: its rows hold together, so that the code need not ask. */
#include <ctype.h>
#include <stdlib.h>

#include "../unit.h"
#include "config/option.h"
#include "config/value.h"
#include "util/units.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static const struct option *row;
static struct config *config;
static void *field;

static void take_row(int index)
{
    row = &config_options[index];
    config = calloc(1, sizeof *config);
    const struct section *section = section_find(row->section, NULL);
    ck_assert_msg(section, "[%s] %s: the section is in no table", row->section, row->key);
    if (section->repeated)
        ck_assert_int_eq(section_append(section, config, slice_of("somebody")), 0);
    field = option_value(row, section_instance(section, config, 0));
}

static void leave_row(void)
{
    config_destroy(config);
}

START_TEST(default_is_a_value_of_the_option)
{
    take_row(_i);
    ck_assert_msg(!row->fallback || value_parse(row, row->fallback, field) == 0, "%s: default '%s'", row->key,
                  row->fallback);
    leave_row();
}
END_TEST

static bool is_number(const struct option *option)
{
    return option->kind <= OPTION_MODE;
}

static bool parses(const char *text)
{
    return value_parse(row, text, field) == 0;
}

START_TEST(limits_of_a_number_are_values_of_it)
{
    take_row(_i);
    if (is_number(row)) {
        ck_assert_msg(parses(row->min), "%s: min '%s'", row->key, row->min);
        ck_assert_msg(parses(row->max), "%s: max '%s'", row->key, row->max);
    }
    leave_row();
}
END_TEST

START_TEST(word_for_zero_and_zero_itself_are_values)
{
    take_row(_i);
    if (row->zero) {
        ck_assert(parses(row->zero));
        ck_assert(parses("0"));
    }
    leave_row();
}
END_TEST

START_TEST(word_for_no_end_is_a_value_and_its_number_is_none)
{
    take_row(_i);
    if (row->endless) {
        ck_assert(parses(row->endless));
        ck_assert_uint_eq(*(uint64_t *)field, UINT64_MAX);
        ck_assert(!parses("18446744073709551615ns"));
        ck_assert(!row->zero || strcmp(row->zero, row->endless) != 0);
    }
    leave_row();
}
END_TEST

/* A word that was mistyped is cut to TEXT_WORD_SIZE_MAX before it is looked up. */
START_TEST(key_and_section_are_words_below_the_limit)
{
    row = &config_options[_i];
    ck_assert_uint_lt(strlen(row->key), TEXT_WORD_SIZE_MAX);
    ck_assert_uint_lt(strlen(row->section), TEXT_WORD_SIZE_MAX);
    ck_assert_uint_eq(strspn(row->key, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(row->key));
    ck_assert_uint_eq(strspn(row->section, "abcdefghijklmnopqrstuvwxyz"), strlen(row->section));
}
END_TEST

START_TEST(key_stands_once_in_its_section)
{
    for (int i = 0; i < _i; i++)
        ck_assert_msg(strcmp(config_options[i].key, config_options[_i].key) != 0 ||
                          strcmp(config_options[i].section, config_options[_i].section) != 0,
                      "%s stands twice", config_options[_i].key);
}
END_TEST

START_TEST(field_belongs_to_one_option)
{
    for (int i = 0; i < _i; i++)
        ck_assert_msg(config_options[i].offset != config_options[_i].offset ||
                          strcmp(config_options[i].section, config_options[_i].section) != 0,
                      "%s and %s share a field", config_options[i].key, config_options[_i].key);
}
END_TEST

/* The printers count on it: sentences, and nothing that roff would take for a request. */
START_TEST(help_is_sentences)
{
    const char *help = config_options[_i].help;
    ck_assert_msg(isupper((unsigned char)help[0]), "%s", help);
    ck_assert_msg(help[strlen(help) - 1] == '.', "%s", help);
    ck_assert_msg(text_is_clean(slice_of(help)), "%s", help);
    ck_assert_msg(!strstr(help, " ;") && !strstr(help, " .") && !strstr(help, "  "), "%s", help);
}
END_TEST

START_TEST(row_has_what_its_kind_needs)
{
    row = &config_options[_i];
    ck_assert(row->kind == OPTION_CHOICE ? row->choices != NULL : row->min && row->max);
    ck_assert(!row->check == !row->expected);
    ck_assert(!row->check || row->kind == OPTION_TEXT || row->kind == OPTION_LIST);
    ck_assert(!row->zero || is_number(row));
    ck_assert(!row->endless || (is_number(row) && row->kind != OPTION_COUNT && row->kind != OPTION_MODE)); /* wide */
    ck_assert(!(row->flags & OPTION_SECRET) || row->kind == OPTION_TEXT || row->kind == OPTION_LIST);
}
END_TEST

START_TEST(order_names_two_sizes_that_change_alike)
{
    const struct order *order = &config_orders[_i];
    const struct section *section = section_find(order->section, NULL);
    const struct option *smaller = option_find(section, order->smaller, NULL),
                        *larger = option_find(section, order->larger, NULL);
    ck_assert(smaller && larger && !section->repeated);
    ck_assert(smaller->kind == OPTION_SIZE && larger->kind == OPTION_SIZE);
    ck_assert_uint_eq(smaller->flags, larger->flags); /* or a reload could carry one over to spoil the other */
}
END_TEST

static const char *const good_names[] = {
    "a", "alice", "A-b_c.d@e+f",
    "0123456789012345678901234567890123456789012345678901234567890123",
};
static const char *const bad_names[] = {
    "", "a b", "a]", "a;", "a=", "a/b", "gr\xc3\xbcn", "\x01", "a\"",
    "01234567890123456789012345678901234567890123456789012345678901234",
};

START_TEST(name_of_a_section_is_letters_digits_and_marks)
{
    ck_assert(section_name_is_good(slice_of(good_names[_i])));
}
END_TEST

START_TEST(other_name_of_a_section_is_bad)
{
    ck_assert(!section_name_is_good(slice_of(bad_names[_i])));
    ck_assert(!section_name_is_good(slice_make("a\0b", 3)));
}
END_TEST

START_TEST(options_of_a_section_come_in_the_order_of_the_table)
{
    size_t seen = 0;
    for (size_t i = 0; i < config_section_count; i++) {
        const struct option *last = NULL;
        for (const struct option *option = option_next(&config_sections[i], NULL); option;
             option = option_next(&config_sections[i], option)) {
            ck_assert(option > last);
            last = option;
            seen++;
        }
    }
    ck_assert_uint_eq(seen, config_option_count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *rows = tcase_create("rows"), *finding = tcase_create("finding");
    int count = (int)config_option_count;
    tcase_add_loop_test(rows, default_is_a_value_of_the_option, 0, count);
    tcase_add_loop_test(rows, limits_of_a_number_are_values_of_it, 0, count);
    tcase_add_loop_test(rows, word_for_zero_and_zero_itself_are_values, 0, count);
    tcase_add_loop_test(rows, word_for_no_end_is_a_value_and_its_number_is_none, 0, count);
    tcase_add_loop_test(rows, key_and_section_are_words_below_the_limit, 0, count);
    tcase_add_loop_test(rows, key_stands_once_in_its_section, 0, count);
    tcase_add_loop_test(rows, field_belongs_to_one_option, 0, count);
    tcase_add_loop_test(rows, help_is_sentences, 0, count);
    tcase_add_loop_test(rows, row_has_what_its_kind_needs, 0, count);
    tcase_add_loop_test(rows, order_names_two_sizes_that_change_alike, 0, (int)config_order_count);
    tcase_add_loop_test(finding, name_of_a_section_is_letters_digits_and_marks, 0, COUNT(good_names));
    tcase_add_loop_test(finding, other_name_of_a_section_is_bad, 0, COUNT(bad_names));
    tcase_add_test(finding, options_of_a_section_come_in_the_order_of_the_table);
    suite_add_tcase(suite, rows);
    suite_add_tcase(suite, finding);
    return unit_run_suite(suite, CK_NOFORK); /* rows of tables, which spoil nothing for one another */
}
