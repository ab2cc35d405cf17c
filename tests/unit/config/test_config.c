/* Loading: what holds without a file, what a file and --set change, and the sentence for every mistake. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit.h"
#include "config/config.h"
#include "util/log.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))
#define OVERRIDES_MAX 4

static struct config_error error;

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;
    while (count < OVERRIDES_MAX && texts[count])
        count++;
    return count;
}

/* Loads what must be sound. */
static struct config *load(const char *text, const char *const *overrides, size_t override_count)
{
    struct config *config = NULL;
    int rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), overrides, override_count, &config, &error);
    ck_assert_msg(rc == 0, "%s", error.sentence);
    return config;
}

START_TEST(without_a_file_the_defaults_hold)
{
    struct config *config;
    ck_assert_int_eq(config_load(PROGRAM_BROKER, NULL, NULL, 0, &config, &error), 0);
    ck_assert_str_eq(config->server.name, "");
    ck_assert_uint_eq(config->server.workers, 0);
    ck_assert_uint_eq(config->server.spin_ns, 0);
    ck_assert_str_eq(config->server.log, "stderr");
    ck_assert_uint_eq(config->server.log_level, LOG_LEVEL_INFO);
    ck_assert_str_eq(config->server.data_dir, "auto");
    ck_assert_uint_eq(config->server.cache_size, 64 << 20);
    ck_assert_uint_eq(config->server.segment_size, 32 << 20);
    ck_assert_uint_eq(config->server.lame_duck_grace_ms, 10000);
    ck_assert_uint_eq(config->server.lame_duck_duration_ms, 120000);
    ck_assert_uint_eq(config->server.connections_max, 65536);
    ck_assert_uint_eq(config->server.connections_per_address_max, 0);
    ck_assert_uint_eq(config->server.subscriptions_per_address_max, 0);
    ck_assert_uint_eq(config->server.publish_rate_per_address, 0);
    ck_assert_uint_eq(config->server.publish_bytes_rate_per_address, 0);
    ck_assert_uint_eq(config->server.open, 0);
    ck_assert_uint_eq(config->line.listen.item_count, 2);
    ck_assert_str_eq(config->line.listen.items[0], "127.0.0.1:4222");
    ck_assert_str_eq(config->line.listen.items[1], "[::1]:4222");
    ck_assert_uint_eq(config->line.unix_mode, 0660);
    ck_assert_uint_eq(config->line.payload_size_max, 1024 * 1024);
    ck_assert_uint_eq(config->line.pending_size_max, 64 * 1024 * 1024);
    ck_assert_uint_eq(config->line.control_size_max, 4096);
    ck_assert_uint_eq(config->line.subscriptions_max, 0);
    ck_assert_uint_eq(config->line.topic_size_max, 1024);
    ck_assert_uint_eq(config->line.topic_depth_max, 64);
    ck_assert_uint_eq(config->line.auth_timeout_ms, 2000);
    ck_assert_uint_eq(config->line.hello_timeout_ms, 30000);
    ck_assert_uint_eq(config->line.write_timeout_ms, 10000);
    ck_assert_uint_eq(config->line.ping_interval_ms, 120000);
    ck_assert_uint_eq(config->line.pings_outstanding_max, 2);
    ck_assert_uint_eq(config->stream_count, 0);
    ck_assert_uint_eq(config->user_count, 0);
    config_destroy(config);
}
END_TEST

START_TEST(file_sets_every_option)
{
    struct config *config = load(
        "[server]\nname = north\nworkers = 3\nspin = 20us\nlog = /var/log/posthornd.log\n"
        "log_level = debug\nlame_duck_grace = 1s\nlame_duck_duration = 3m\nconnections_max = 10\n"
        "connections_per_address_max = 5\nopen = yes\ndata_dir = /var/lib/x\ncache_size = 1GiB\nsegment_size = 8MiB\n"
        "subscriptions_per_address_max = 6\npublish_rate_per_address = 700\npublish_bytes_rate_per_address = 8MiB\n"
        "[line]\nlisten = 10.0.0.5:4222,\n    unix:/run/line.sock ; for those here\n"
        "unix_mode = 0600\npayload_size_max = 2MiB\npending_size_max = 8MiB\ncontrol_size_max = 8KiB\n"
        "subscriptions_max = 7\ntopic_size_max = 4KiB\ntopic_depth_max = 16\n"
        "auth_timeout = 1s\nhello_timeout = 5s\nwrite_timeout = 250ms\n"
        "ping_interval = 30s\npings_outstanding_max = 3\n",
        NULL, 0);
    ck_assert_str_eq(config->server.name, "north");
    ck_assert_uint_eq(config->server.workers, 3);
    ck_assert_uint_eq(config->server.spin_ns, 20000);
    ck_assert_str_eq(config->server.log, "/var/log/posthornd.log");
    ck_assert_uint_eq(config->server.log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(config->server.data_dir, "/var/lib/x");
    ck_assert_uint_eq(config->server.cache_size, 1 << 30);
    ck_assert_uint_eq(config->server.segment_size, 8 << 20);
    ck_assert_uint_eq(config->server.lame_duck_grace_ms, 1000);
    ck_assert_uint_eq(config->server.lame_duck_duration_ms, 180000);
    ck_assert_uint_eq(config->server.connections_max, 10);
    ck_assert_uint_eq(config->server.connections_per_address_max, 5);
    ck_assert_uint_eq(config->server.subscriptions_per_address_max, 6);
    ck_assert_uint_eq(config->server.publish_rate_per_address, 700);
    ck_assert_uint_eq(config->server.publish_bytes_rate_per_address, 8 << 20);
    ck_assert_uint_eq(config->server.open, 1);
    ck_assert_uint_eq(config->line.listen.item_count, 2);
    ck_assert_str_eq(config->line.listen.items[0], "10.0.0.5:4222");
    ck_assert_str_eq(config->line.listen.items[1], "unix:/run/line.sock");
    ck_assert_uint_eq(config->line.unix_mode, 0600);
    ck_assert_uint_eq(config->line.payload_size_max, 2 * 1024 * 1024);
    ck_assert_uint_eq(config->line.pending_size_max, 8 * 1024 * 1024);
    ck_assert_uint_eq(config->line.control_size_max, 8192);
    ck_assert_uint_eq(config->line.subscriptions_max, 7);
    ck_assert_uint_eq(config->line.topic_size_max, 4096);
    ck_assert_uint_eq(config->line.topic_depth_max, 16);
    ck_assert_uint_eq(config->line.auth_timeout_ms, 1000);
    ck_assert_uint_eq(config->line.hello_timeout_ms, 5000);
    ck_assert_uint_eq(config->line.write_timeout_ms, 250);
    ck_assert_uint_eq(config->line.ping_interval_ms, 30000);
    ck_assert_uint_eq(config->line.pings_outstanding_max, 3);
    config_destroy(config);
}
END_TEST

START_TEST(what_a_user_keeps_may_be_bounded)
{
    struct config *config = load("[user ann]\ntoken = t\nstreams_max = 5\nstored_bytes_max = 2TiB\n"
                                 "[user bob]\ntoken = b\n",
                                 NULL, 0);
    ck_assert_uint_eq(config->users[0].streams_max, 5);
    ck_assert_uint_eq(config->users[0].stored_bytes_max, UINT64_C(2) << 40);
    ck_assert_uint_eq(config->users[1].streams_max, 0);
    ck_assert_uint_eq(config->users[1].stored_bytes_max, 0);
    config_destroy(config);
}
END_TEST

static unsigned count_permissions(const struct config_stream *stream)
{
    return stream->discard_new_per_topic + stream->allow_rollup + stream->allow_direct + stream->deny_delete +
           stream->deny_purge;
}

START_TEST(stream_that_says_no_more_has_the_defaults)
{
    struct config *config = load("[stream orders]\ntopics = orders.>\n", NULL, 0);
    ck_assert_uint_eq(config->stream_count, 1);
    const struct config_stream *stream = &config->streams[0];
    ck_assert_str_eq(stream->name, "orders");
    ck_assert_str_eq(stream->description, "");
    ck_assert_uint_eq(stream->topics.item_count, 1);
    ck_assert_str_eq(stream->topics.items[0], "orders.>");
    ck_assert_uint_eq(stream->storage, 0);
    ck_assert_uint_eq(stream->retention, 0);
    ck_assert_uint_eq(stream->sync_ms, 0);
    ck_assert_uint_eq(stream->age_max_ms, 0);
    ck_assert_uint_eq(stream->bytes_max, 0);
    ck_assert_uint_eq(stream->messages_max, 0);
    ck_assert_uint_eq(stream->messages_per_topic_max, 0);
    ck_assert_uint_eq(stream->message_size_max, 0);
    ck_assert_uint_eq(stream->consumers_max, 0);
    ck_assert_uint_eq(stream->discard, 0);
    ck_assert_uint_eq(stream->duplicate_window_ms, 120000);
    ck_assert_uint_eq(count_permissions(stream), 0);
    config_destroy(config);
}
END_TEST

START_TEST(stream_has_what_its_section_says)
{
    static const char *const overrides[] = { "stream.KV_a.topics=$KV.a.>" };
    struct config *config = load(
        "[stream jobs]\ntopics = jobs.>,\n  more.*.jobs, one\ndescription = what is to be done\nstorage = memory\n"
        "sync = 100ms\nretention = workqueue\nage_max = 7d\nbytes_max = 10GiB\nmessages_max = 5000000000\n"
        "messages_per_topic_max = 3\nmessage_size_max = 64KiB\nconsumers_max = 4\ndiscard = new\n"
        "discard_new_per_topic = yes\nduplicate_window = off\nallow_rollup = yes\nallow_direct = yes\n"
        "deny_delete = yes\ndeny_purge = yes\n"
        "[stream audit]\ntopics = audit\nsync = never\nretention = interest\n", overrides, COUNT(overrides));
    ck_assert_uint_eq(config->stream_count, 3);
    const struct config_stream *stream = &config->streams[0];
    ck_assert_uint_eq(stream->topics.item_count, 3);
    ck_assert_str_eq(stream->topics.items[1], "more.*.jobs");
    ck_assert_str_eq(stream->description, "what is to be done");
    ck_assert_uint_eq(stream->storage, 1);
    ck_assert_uint_eq(stream->sync_ms, 100);
    ck_assert_uint_eq(stream->retention, 2);
    ck_assert_uint_eq(stream->age_max_ms, 7 * 86400000ull);
    ck_assert_uint_eq(stream->bytes_max, 10ull << 30);
    ck_assert_uint_eq(stream->messages_max, 5000000000u);
    ck_assert_uint_eq(stream->messages_per_topic_max, 3);
    ck_assert_uint_eq(stream->message_size_max, 65536);
    ck_assert_uint_eq(stream->consumers_max, 4);
    ck_assert_uint_eq(stream->discard, 1);
    ck_assert_uint_eq(stream->duplicate_window_ms, 0);
    ck_assert_uint_eq(count_permissions(stream), 5);
    ck_assert_uint_eq(config->streams[1].sync_ms, UINT64_MAX);
    ck_assert_uint_eq(config->streams[1].retention, 1);
    ck_assert_str_eq(config->streams[2].name, "KV_a");
    ck_assert_str_eq(config->streams[2].topics.items[0], "$KV.a.>");
    config_destroy(config);
}
END_TEST

START_TEST(users_stand_in_the_order_of_the_file)
{
    struct config *config = load("[user zoe]\npassword = z\n[user bob.smith@example]\ntoken = b # no comment\n"
                                 "[user  alice ]\ntoken = a\npassword = \"quoted\"\n[user dan]\npassword = d\n"
                                 "[user eve]\ntoken = e\n",
                                 NULL, 0);
    ck_assert_uint_eq(config->user_count, 5);
    ck_assert_str_eq(config->users[0].name, "zoe");
    ck_assert_str_eq(config->users[0].password, "z");
    ck_assert_ptr_null(config->users[0].token);
    ck_assert_str_eq(config->users[1].name, "bob.smith@example");
    ck_assert_str_eq(config->users[1].token, "b # no comment");
    ck_assert_ptr_null(config->users[1].password);
    ck_assert_str_eq(config->users[2].name, "alice");
    ck_assert_str_eq(config->users[2].token, "a");
    ck_assert_str_eq(config->users[2].password, "\"quoted\"");
    ck_assert_str_eq(config->users[4].name, "eve");
    config_destroy(config);
}
END_TEST

START_TEST(override_outweighs_the_file_and_the_last_of_equals_wins)
{
    static const char *const overrides[] = {
        "line.listen=127.0.0.1:0", "server.workers=2", "server.workers=4", "server.name=a=b.c",
    };
    struct config *config = load("[server]\nworkers = 1\n[line]\nlisten = 10.0.0.1:1, 10.0.0.2:2\n", overrides,
                                 COUNT(overrides));
    ck_assert_uint_eq(config->server.workers, 4);
    ck_assert_str_eq(config->server.name, "a=b.c");
    ck_assert_uint_eq(config->line.listen.item_count, 1);
    ck_assert_str_eq(config->line.listen.items[0], "127.0.0.1:0");
    config_destroy(config);
}
END_TEST

START_TEST(override_reaches_users_old_and_new)
{
    static const char *const overrides[] = { "user.alice.token=t", "user.b.c@d.password=p" };
    struct config *config = load("[user alice]\n", overrides, COUNT(overrides));
    ck_assert_uint_eq(config->user_count, 2);
    ck_assert_str_eq(config->users[0].name, "alice");
    ck_assert_str_eq(config->users[0].token, "t");
    ck_assert_ptr_null(config->users[0].password);
    ck_assert_str_eq(config->users[1].name, "b.c@d");
    ck_assert_str_eq(config->users[1].password, "p");
    config_destroy(config);
}
END_TEST

START_TEST(section_may_come_in_parts_and_be_empty)
{
    struct config *config = load("[server]\n[line]\n[server]\nworkers = 1\n[line]\n[server]\nspin = 1us\n", NULL, 0);
    ck_assert_uint_eq(config->server.workers, 1);
    ck_assert_uint_eq(config->server.spin_ns, 1000);
    config_destroy(config);
}
END_TEST

START_TEST(many_users_are_kept)
{
    enum { USER_COUNT = 1000 };
    char *text = malloc(USER_COUNT * 64);
    size_t used = 0;
    for (int i = 0; i < USER_COUNT; i++)
        used += (size_t)sprintf(text + used, "[user u%d]\ntoken = t%d\n", i, i);
    struct config *config = load(text, NULL, 0);
    ck_assert_uint_eq(config->user_count, USER_COUNT);
    for (int i = 0; i < USER_COUNT; i++) {
        char name[16];
        sprintf(name, "u%d", i);
        ck_assert_str_eq(config->users[i].name, name);
    }
    config_destroy(config);
    free(text);
}
END_TEST

struct mistake {
    const char *text;
    const char *overrides[OVERRIDES_MAX];
    const char *sentence;
};

#define WAYS_IN "a password, token, nkey, certificate, certificate_names or unix_user"

static const struct mistake mistakes[] = {
    /* names */
    { "[line]\nping_intervall = 2m\n", { NULL },
      "x.ini:2: [line] ping_intervall: no such option; did you mean ping_interval?" },
    { "[line]\nworkers = 2\n", { NULL }, "x.ini:2: [line] workers: no such option; posthornd.ini(5) has them all" },
    { "[line]\nLISTEN = 127.0.0.1:1\n", { NULL },
      "x.ini:2: [line] LISTEN: no such option; posthornd.ini(5) has them all" },
    { "\n[lines]\n", { NULL }, "x.ini:2: [lines]: no such section; did you mean [line]?" },
    { "[cluster]\na = 1\n", { NULL }, "x.ini:1: [cluster]: no such section; posthornd.ini(5) has them all" },
    { "[]\n", { NULL }, "x.ini:1: []: no such section; posthornd.ini(5) has them all" },
    { "workers = 2\n[server]\n", { NULL }, "x.ini:1: workers: expected a [section] before the first option" },
    { "[a-section-whose-name-is-longer-than-any-name-of-the-table-and-is-cut-to-be-shown-not-to-be-found-"
      "0123456789012345678901234567890123456789012345678901234567890123456789]\n", { NULL },
      "x.ini:1: [a-section-whose-name-is-longer-than-any-name-of-the-table-and-is-cut-to-be-shown-not-to-be-found-"
      "01234567890123456789012345678901234567890123456789012345678...]: no such section; posthornd.ini(5) has them "
      "all" },
    { "[server x]\n", { NULL }, "x.ini:1: [server x]: expected [server] without a name" },
    { "[user]\n", { NULL }, "x.ini:1: [user]: expected [user NAME], NAME being 1 to 64 letters, digits and -_.@+" },
    { "[user a b]\n", { NULL },
      "x.ini:1: [user a b]: expected [user NAME], NAME being 1 to 64 letters, digits and -_.@+" },
    { "[user a;]\n", { NULL },
      "x.ini:1: [user a;]: expected [user NAME], NAME being 1 to 64 letters, digits and -_.@+" },
    { "[user a]\ntoken = t\n[line]\n[user a]\npassword = p\n", { NULL },
      "x.ini:4: [user a]: given twice; first on line 1" },
    { "[line]\nlisten = 127.0.0.1:1\n\nlisten = 127.0.0.1:2\n", { NULL },
      "x.ini:4: [line] listen: given twice; first on line 2" },
    { "[server]\nworkers = 1\n[line]\n[server]\nworkers = 1\n", { NULL },
      "x.ini:5: [server] workers: given twice; first on line 2" },
    /* values */
    { "[line]\npayload_size_max = 1GB\n", { NULL },
      "x.ini:2: [line] payload_size_max = 1GB: expected a size between 1 and 64MiB, such as 1MiB" },
    { "[server]\nworkers = 65 ; too many\n", { NULL },
      "x.ini:2: [server] workers = 65: expected a number between 1 and 64, or auto" },
    { "[server]\nworkers =\n", { NULL }, "x.ini:2: [server] workers = : expected a number between 1 and 64, or auto" },
    { "[server]\nspin = 2ms\n", { NULL },
      "x.ini:2: [server] spin = 2ms: expected a duration between 1us and 1ms, or off" },
    { "[server]\nlog = posthornd.log\n", { NULL },
      "x.ini:2: [server] log = posthornd.log: expected the word stderr, or the absolute path of a file" },
    { "[server]\nlog_level = loud\n", { NULL },
      "x.ini:2: [server] log_level = loud: expected one of error, warning, info or debug" },
    { "[line]\nunix_mode = rw\n", { NULL },
      "x.ini:2: [line] unix_mode = rw: expected octal permissions between 0 and 0777, such as 0660" },
    { "[line]\nauth_timeout = 2\n", { NULL },
      "x.ini:2: [line] auth_timeout = 2: expected a duration in whole milliseconds between 1ms and 1h, such as 2s" },
    { "[line]\nlisten = 4222\n", { NULL },
      "x.ini:2: [line] listen = 4222: expected a list of 1 to 64 items, each HOST:PORT, [IPV6]:PORT or unix:/PATH" },
    { "[line]\nlisten = 127.0.0.1:1,\n", { NULL },
      "x.ini:2: [line] listen = 127.0.0.1:1,: expected a list of 1 to 64 items, each HOST:PORT, [IPV6]:PORT or "
      "unix:/PATH" },
    { "[http]\norigins = a.example\n", { NULL },
      "x.ini:2: [http] origins = a.example: expected a list of at most 64 items, each SCHEME://HOST, "
      "SCHEME://HOST:PORT or *" },
    { "\n[http]\nrequest_timeout = 3m\n", { NULL },
      "x.ini: [http]: expected a request_timeout of at most request_timeout_max" },
    { "[server]\nname=;x\n", { NULL },
      "x.ini:2: [server] name = ;x: expected UTF-8 without control characters, space at its ends, or a word that "
      "begins with ';'" },
    { "[server]\nworkers = 1\n  spin = 1us\n", { NULL },
      "x.ini:3: [server] workers: goes on over an indented line, which only a list may do" },
    { "[webhook w]\npattern = a.>\n", { NULL }, "x.ini:1: [webhook w]: expected a url, to which messages are sent" },
    { "[webhook w]\nurl = https://x/\n", { NULL },
      "x.ini:1: [webhook w]: expected a pattern, the topics whose messages are sent" },
    { "[webhook a.b]\n", { NULL },
      "x.ini:1: [webhook a.b]: expected a NAME of letters, digits, - and _, because names of webhooks are tokens of "
      "topics" },
    { "[webhook w]\nurl = https://x/\npattern = a\nkey = topic\n", { NULL },
      "x.ini:1: [webhook w]: expected mode = keyed beside key" },
    { "[webhook w]\nurl = ftp://x/\n", { NULL },
      "x.ini:2: [webhook w] url = ftp://x/: expected a URL such as https://example.org/hook" },
    { "[webhook w]\nretries = 5s, 5\n", { NULL },
      "x.ini:2: [webhook w] retries = 5s, 5: expected a list of at most 64 items, each a duration such as 5s" },
    { "[webhook w]\nsecrets = abc\n", { NULL },
      "x.ini:2: [webhook w] secrets: expected a list of at most 8 items, each whsec_... or whsk_..." },
    { "[webhooks]\nallow_networks = 10.0.0.1/8\n", { NULL },
      "x.ini:2: [webhooks] allow_networks = 10.0.0.1/8: expected a list of at most 256 items, each a network such as "
      "10.0.0.0/8 or fd00::/8, or an address" },
    /* form */
    { "[server]\nworkers\n", { NULL }, "x.ini:2: workers: expected option = value" },
    { "[server\n", { NULL }, "x.ini:1: [server: expected [section] and nothing else" },
    { "[server]\nname = \x1b[2J\n", { NULL }, "x.ini:2: name: expected text in UTF-8 without control characters" },
    /* secrets are shown by none of them */
    { "[user a]\n", { NULL }, "x.ini:1: [user a]: expected " WAYS_IN },
    { "[user a]\ntoken = t\n\n[user b]\n[user c]\ntoken = u\n", { NULL },
      "x.ini:4: [user b]: expected " WAYS_IN },
    { "[user a]\npassword =\n", { NULL },
      "x.ini:2: [user a] password: expected a hash that this system's libcrypt can check, or a plain "
      "password" },
    { "[user a]\npassword = hush ;hush\n", { NULL },
      "x.ini:2: [user a] password: expected no comment behind a secret, nor a word of it that begins with ';'" },
    { "[user a]\npassword=;hush\n", { NULL },
      "x.ini:2: [user a] password: expected UTF-8 without control characters, space at its ends, or a word that begins "
      "with ';'" },
    { "[user a]\npasword = hush\n", { NULL }, "x.ini:2: [user a] pasword: no such option; did you mean password?" },
    { "[user a]\npassword hush\n", { NULL }, "x.ini:2: password: expected option = value" },
    { "[user a]\ntoken = hush\ntoken = hush\n", { NULL }, "x.ini:3: [user a] token: given twice; first on line 2" },
    { "[user a]\ntoken = hush\n  hush\n", { NULL },
      "x.ini:3: [user a] token: goes on over an indented line, which only a list may do" },
    { "[user a]\ntoken = sha256:12\n", { NULL },
      "x.ini:2: [user a] token: expected sha256: with 64 hexadecimal digits, or a plain token" },
    { "[user a]\npassword = $2b$12$short\n", { NULL },
      "x.ini:2: [user a] password: expected a hash that this system's libcrypt can check, or a plain "
      "password" },
    { "[user a]\nnkey = SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n", { NULL },
      "x.ini:2: [user a] nkey: expected the public key of a user, 56 letters and digits that begin with U, or "
      "nothing" },
    /* streams */
    { "[server]\ndata_dir = data\n", { NULL },
      "x.ini:2: [server] data_dir = data: expected the word auto, or the absolute path of a directory" },
    { "[stream a]\n", { NULL }, "x.ini:1: [stream a]: expected topics, the patterns of what it keeps" },
    { "[stream a]\ntopics = a..b\n", { NULL },
      "x.ini:2: [stream a] topics = a..b: expected a list of 1 to 1024 items, each a pattern such as orders.> or "
      "orders.*.paid" },
    { "[stream a]\ntopics = a.>.b\n", { NULL },
      "x.ini:2: [stream a] topics = a.>.b: expected a list of 1 to 1024 items, each a pattern such as orders.> or "
      "orders.*.paid" },
    { "[stream a.b]\ntopics = a\n", { NULL },
      "x.ini:1: [stream a.b]: expected a NAME without a dot, because names of streams are tokens of topics" },
    { "[stream recent]\ntopics = a\n", { NULL },
      "x.ini:1: [stream recent]: expected another NAME; recent is the stream in memory, which [recent] configures" },
    { "[stream a]\ntopics = a.*, a.b\n", { NULL },
      "x.ini:1: [stream a]: expected topics that no other stream keeps; a.b overlaps a.* of [stream a]" },
    { "[stream a]\ntopics = x, a.>\n\n[stream b]\ntopics = b, *.c.d\n", { NULL },
      "x.ini:4: [stream b]: expected topics that no other stream keeps; *.c.d overlaps a.> of [stream a]" },
    { "[stream a]\ntopics = a\nsync = 10h\n", { NULL },
      "x.ini:3: [stream a] sync = 10h: expected a duration in whole milliseconds between 1ms and 1h, or always, or "
      "never" },
    { "[stream a]\ntopics = a\ndiscard_new_per_topic = yes\nmessages_per_topic_max = 3\n", { NULL },
      "x.ini:1: [stream a]: expected discard = new and messages_per_topic_max beside discard_new_per_topic" },
    { "[stream a]\ntopics = a\ndiscard_new_per_topic = yes\ndiscard = new\n", { NULL },
      "x.ini:1: [stream a]: expected discard = new and messages_per_topic_max beside discard_new_per_topic" },
    /* one against another: whichever was given last is to blame */
    { "[line]\ntopic_size_max = 4KiB\n", { NULL },
      "x.ini:2: [line] topic_size_max = 4KiB: expected less than control_size_max, which is 4KiB" },
    { "[line]\ncontrol_size_max = 1024\n", { NULL },
      "x.ini:2: [line] control_size_max = 1KiB: expected more than topic_size_max, which is 1KiB" },
    { "[line]\ncontrol_size_max = 1000\ntopic_size_max = 1001\n", { NULL },
      "x.ini:3: [line] topic_size_max = 1001: expected less than control_size_max, which is 1000" },
    { "[line]\npending_size_max = 1000KiB\n", { NULL },
      "x.ini:2: [line] pending_size_max = 1000KiB: expected at least payload_size_max, which is 1MiB" },
    { "[line]\npending_size_max = 2MiB\n", { "line.payload_size_max=3MiB" },
      "--set: [line] payload_size_max = 3MiB: expected at most pending_size_max, which is 2MiB" },
    /* --set */
    { "", { "" }, "--set: : expected section.option=value" },
    { "", { "workers=1" }, "--set: workers: expected section.option=value" },
    { "", { "server.workers" }, "--set: server.workers: expected section.option=value" },
    { "", { "=server.workers" }, "--set: : expected section.option=value" },
    { "", { "server.workrs=1" }, "--set: [server] workrs: no such option; did you mean workers?" },
    { "", { "server.=1" }, "--set: [server] : no such option; posthornd.ini(5) has them all" },
    { "", { "servr.workers=1" }, "--set: [servr]: no such section; did you mean [server]?" },
    { "", { ".workers=1" }, "--set: []: no such section; posthornd.ini(5) has them all" },
    { "", { "server.x.workers=1" }, "--set: [server x]: expected [server] without a name" },
    { "", { "server.workers=1", "server.workers=many" },
      "--set: [server] workers = many: expected a number between 1 and 64, or auto" },
    { "", { "server.name= x" },
      "--set: [server] name =  x: expected UTF-8 without control characters, space at its ends, or a word that "
      "begins with ';'" },
    { "", { "user.token=t" }, "--set: [user]: expected [user NAME], NAME being 1 to 64 letters, digits and -_.@+" },
    { "", { "user.a.token=" }, "--set: [user a] token: expected sha256: with 64 hexadecimal digits, or a plain token" },
};

START_TEST(mistake_is_told_in_a_sentence_and_nothing_is_returned)
{
    const struct mistake *mistake = &mistakes[_i];
    struct config untouched, *config = &untouched;
    int rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(mistake->text), mistake->overrides,
                          count_texts(mistake->overrides), &config, &error);
    ck_assert_msg(rc == -EINVAL, "accepted: %s", mistake->text);
    ck_assert_str_eq(error.sentence, mistake->sentence);
    ck_assert_ptr_eq(config, &untouched);
}
END_TEST

START_TEST(error_carries_the_parts_of_its_sentence)
{
    struct config *config;
    int rc = config_parse(PROGRAM_BROKER, "dir/x.ini", slice_of("[line]\n\nlistn = 1\n"), NULL, 0, &config, &error);
    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_str_eq(error.place, "dir/x.ini");
    ck_assert_uint_eq(error.line, 3);
    ck_assert_str_eq(error.offending, "[line] listn");
    ck_assert_str_eq(error.expected, "no such option; did you mean listen?");
    static const char *const overrides[] = { "line.listen=1" };
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "dir/x.ini", slice_of(""), overrides, 1, &config, &error), -EINVAL);
    ck_assert_str_eq(error.place, "--set");
    ck_assert_uint_eq(error.line, 0);
}
END_TEST

START_TEST(long_text_is_cut_in_the_sentence)
{
    char text[4000] = "[server]\nname = ";
    memset(text + strlen(text), 'x', 3000);
    struct config *config;
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, &config, &error), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.sentence, "xxx...: expected a text of at most 64 bytes"));
}
END_TEST

/* A file of its own for each test, beside the program that runs. */
static char path[] = "test_config-XXXXXX";
#define PATH_FILLED_IN 6

static void write_file(const char *data, size_t size)
{
    memset(path + sizeof path - 1 - PATH_FILLED_IN, 'X', PATH_FILLED_IN);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

START_TEST(file_is_read)
{
    static const char text[] = "[server]\nworkers = 5\n";
    struct config *config;
    write_file(text, sizeof text - 1);
    int rc = config_load(PROGRAM_BROKER, path, NULL, 0, &config, &error);
    unlink(path);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(config->server.workers, 5);
    config_destroy(config);
}
END_TEST

START_TEST(file_that_holds_a_nul_is_refused)
{
    static const char text[] = "[server]\nworkers = 5\0 4\n";
    struct config *config;
    write_file(text, sizeof text - 1);
    int rc = config_load(PROGRAM_BROKER, path, NULL, 0, &config, &error);
    unlink(path);
    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_uint_eq(error.line, 2);
    ck_assert_str_eq(error.expected, "expected text in UTF-8 without control characters");
}
END_TEST

START_TEST(file_of_the_greatest_size_is_read_and_a_larger_one_refused)
{
    enum { GREATEST = 1024 * 1024 };
    char *text = malloc(GREATEST + 1);
    memset(text, '\n', GREATEST + 1);
    memcpy(text + GREATEST - 24, "[server]\nworkers = 5    ", 24);
    struct config *config;
    write_file(text, GREATEST);
    int rc = config_load(PROGRAM_BROKER, path, NULL, 0, &config, &error);
    ck_assert_msg(rc == 0, "%s", error.sentence);
    ck_assert_uint_eq(config->server.workers, 5);
    config_destroy(config);
    ck_assert_int_eq(truncate(path, GREATEST + 1), 0);
    rc = config_load(PROGRAM_BROKER, path, NULL, 0, &config, &error);
    unlink(path);
    free(text);
    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_str_eq(error.expected, "expected at most 1MiB");
}
END_TEST

START_TEST(file_that_cannot_be_read_is_told_with_the_reason)
{
    struct config *config;
    ck_assert_int_eq(config_load(PROGRAM_BROKER, "/nonexistent/posthornd.ini", NULL, 0, &config, &error), -ENOENT);
    ck_assert_str_eq(error.sentence, "/nonexistent/posthornd.ini: No such file or directory");
    ck_assert_int_eq(config_load(PROGRAM_BROKER, "/", NULL, 0, &config, &error), -EISDIR);
    ck_assert_str_eq(error.sentence, "/: Is a directory");
}
END_TEST

START_TEST(destroying_nothing_is_fine)
{
    config_destroy(NULL);
}
END_TEST

/* ---- programs ---- */

START_TEST(programs_have_sections_of_their_own)
{
    static const char text[] = "[uplink]\nurl = a, b:1\n[user ann]\ntoken = x\n";
    struct config *config;
    ck_assert_int_eq(config_parse(PROGRAM_SIDECAR, "x.ini", slice_of(text), NULL, 0, &config, &error), 0);
    ck_assert_uint_eq(config->uplink.url.item_count, 2);
    ck_assert_uint_eq(config->uplink.ping_interval_ms, 30000);
    ck_assert_uint_eq(config->line.payload_size_max, 1 << 20);
    config_destroy(config);
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, &config, &error), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.sentence, "[uplink]: no such section; posthornd.ini(5) has them all"));
    int rc = config_parse(PROGRAM_SIDECAR, "x.ini", slice_of("[stream a]\n"), NULL, 0, &config, &error);
    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.sentence, "posthorn-sidecar.ini(5) has them all"));
    rc = config_parse(PROGRAM_SIDECAR, "x.ini", slice_of("[server]\nworkers = 1\n"), NULL, 0, &config, &error);
    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.sentence, "[server] workers: no such option"));
}
END_TEST

START_TEST(passwords_in_urls_are_not_shown)
{
    struct config *config;
    struct slice text = slice_of("[uplink]\nurl = nats://ann:hush@broker:4222\n");
    ck_assert_int_eq(config_parse(PROGRAM_SIDECAR, "x.ini", text, NULL, 0, &config, &error), -EINVAL);
    ck_assert_ptr_null(strstr(error.sentence, "hush"));
    ck_assert_ptr_nonnull(strstr(error.sentence, "x.ini:2: [uplink] url: expected"));
}
END_TEST

static const struct {
    const char *text, *sentence; /* NULL: it is taken */
} uplinks[] = {
    { "url = tls://broker:4222\nca = /etc/ca.pem\ncertificate = /etc/us.pem\nkey = /etc/us.key\n", NULL },
    { "url = nats://broker\nnkey_file = /etc/us.nk\ntoken = for-http\nhandshake_first = yes\nverify = no\n", NULL },
    { "url = tls://ann:x@broker:4222\n", "[uplink] url: expected" },
    { "url = https://broker:4222\n", "[uplink] url = https://broker:4222: expected" },
    { "url = tls://broker\nca = ca.pem\n", "[uplink] ca = ca.pem: expected the absolute path" },
    { "url = tls://broker\nkey = /etc/us.key\n", "expected a certificate with the key" },
    { "url = a\nnkey_file = /etc/us.nk\ncreds_file = /etc/us.creds\n", "expected one of nkey_file and creds_file" },
};

START_TEST(ways_to_the_broker_are_whole)
{
    char text[256];
    struct config *config;
    snprintf(text, sizeof text, "[uplink]\n%s", uplinks[_i].text);
    int rc = config_parse(PROGRAM_SIDECAR, "x.ini", slice_of(text), NULL, 0, &config, &error);
    ck_assert_msg(rc == (uplinks[_i].sentence ? -EINVAL : 0), "%s: %s", text, error.sentence);
    if (rc == 0)
        config_destroy(config);
    else
        ck_assert_msg(strstr(error.sentence, uplinks[_i].sentence), "the sentence is '%s'", error.sentence);
}
END_TEST

static const struct {
    const char *text, *user, *password, *token;
    int rc;
} credentials[] = {
    { "ann:secret\n", "ann", "secret", NULL, 0 },
    { "ann:with:colon\r\nmore\n", "ann", "with:colon", NULL, 0 },
    { "a-token", NULL, NULL, "a-token", 0 },
    { "", NULL, NULL, NULL, -EINVAL },
    { "\n", NULL, NULL, NULL, -EINVAL },
    { "ann:\n", NULL, NULL, NULL, -EINVAL },
};

static void expect_text(const char *got, const char *wanted)
{
    ck_assert((!got && !wanted) || (got && wanted && strcmp(got, wanted) == 0));
}

START_TEST(credentials_stand_in_the_first_line_of_their_file)
{
    char place[] = "/tmp/posthorn-credentials-XXXXXX", override[sizeof place + 32];
    int fd = mkstemp(place);
    ck_assert_int_eq(write(fd, credentials[_i].text, strlen(credentials[_i].text)), (int)strlen(credentials[_i].text));
    close(fd);
    snprintf(override, sizeof override, "uplink.credentials_file=%s", place);
    const char *const overrides[] = { "uplink.url=a", override };
    struct config *config;
    int rc = config_load(PROGRAM_SIDECAR, NULL, overrides, 2, &config, &error);
    ck_assert_int_eq(rc, credentials[_i].rc);
    if (rc == 0) {
        expect_text(config->uplink.user, credentials[_i].user);
        expect_text(config->uplink.password, credentials[_i].password);
        expect_text(config->uplink.token, credentials[_i].token);
        config_destroy(config);
    } else {
        ck_assert_str_eq(error.place, place);
    }
    unlink(place);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *loading = tcase_create("loading"), *refusing = tcase_create("refusing"), *files = tcase_create("files");
    tcase_add_test(loading, without_a_file_the_defaults_hold);
    tcase_add_test(loading, file_sets_every_option);
    tcase_add_test(loading, what_a_user_keeps_may_be_bounded);
    tcase_add_test(loading, stream_that_says_no_more_has_the_defaults);
    tcase_add_test(loading, stream_has_what_its_section_says);
    tcase_add_test(loading, users_stand_in_the_order_of_the_file);
    tcase_add_test(loading, override_outweighs_the_file_and_the_last_of_equals_wins);
    tcase_add_test(loading, override_reaches_users_old_and_new);
    tcase_add_test(loading, section_may_come_in_parts_and_be_empty);
    tcase_add_test(loading, many_users_are_kept);
    tcase_add_test(loading, destroying_nothing_is_fine);
    tcase_add_loop_test(refusing, mistake_is_told_in_a_sentence_and_nothing_is_returned, 0, COUNT(mistakes));
    tcase_add_test(refusing, error_carries_the_parts_of_its_sentence);
    tcase_add_test(refusing, long_text_is_cut_in_the_sentence);
    tcase_add_test(loading, programs_have_sections_of_their_own);
    tcase_add_test(loading, passwords_in_urls_are_not_shown);
    tcase_add_loop_test(files, ways_to_the_broker_are_whole, 0, COUNT(uplinks));
    tcase_add_loop_test(files, credentials_stand_in_the_first_line_of_their_file, 0, COUNT(credentials));
    tcase_add_test(files, file_is_read);
    tcase_add_test(files, file_that_holds_a_nul_is_refused);
    tcase_add_test(files, file_of_the_greatest_size_is_read_and_a_larger_one_refused);
    tcase_add_test(files, file_that_cannot_be_read_is_told_with_the_reason);
    suite_add_tcase(suite, loading);
    suite_add_tcase(suite, refusing);
    suite_add_tcase(suite, files);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
