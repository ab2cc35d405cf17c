#include "http/problem.h"

#include "wire/format.h"

/* clang-format off */
const struct problem_info problem_infos[PROBLEM_KIND_COUNT] = {
    [PROBLEM_BAD_REQUEST]    = { 400, "bad-request",        "The request is malformed" },
    [PROBLEM_BAD_TOPIC]      = { 400, "bad-topic",          "This is no valid topic or pattern" },
    [PROBLEM_BAD_PARAMETER]  = { 400, "bad-parameter",      "A parameter or header has a value that it cannot have" },
    [PROBLEM_BAD_BODY]       = { 400, "bad-body",           "The body is not what this call takes" },
    [PROBLEM_BAD_SETTINGS]   = { 400, "bad-settings",       "A stream, consumer or webhook cannot be like that" },
    [PROBLEM_OTHER_STREAM]   = { 400, "other-stream",       "The cursor is of another stream than is read" },
    [PROBLEM_UNAUTHORIZED]   = { 401, "unauthorized",       "This server wants to know who asks" },
    [PROBLEM_FORBIDDEN]      = { 403, "forbidden",          "This user may not do that" },
    [PROBLEM_BAD_ORIGIN]     = { 403, "bad-origin",         "Pages of this origin may not use this server" },
    [PROBLEM_NOT_FOUND]      = { 404, "not-found",          "There is nothing here" },
    [PROBLEM_NOT_KEPT]       = { 404, "not-kept",           "No stream keeps these topics" },
    [PROBLEM_NO_STREAM]      = { 404, "no-such-stream",     "There is no stream of that name" },
    [PROBLEM_NO_CONSUMER]    = { 404, "no-such-consumer",   "The stream has no consumer of that name" },
    [PROBLEM_NO_MESSAGE]     = { 404, "no-such-message",    "The stream does not keep that message" },
    [PROBLEM_NO_WEBHOOK]     = { 404, "no-such-webhook",    "There is no webhook of that name" },
    [PROBLEM_BAD_METHOD]     = { 405, "bad-method",         "This resource does not have that method" },
    [PROBLEM_NOT_ACCEPTABLE] = { 406, "not-acceptable",     "This resource has no form that the client accepts" },
    [PROBLEM_TIMEOUT]        = { 408, "timeout",            "The request took too long to arrive" },
    [PROBLEM_WRONG_SEQUENCE] = { 409, "wrong-last-sequence", "The last message is not the one that was expected" },
    [PROBLEM_WRONG_ID]       = { 409, "wrong-last-id",      "The last message does not have the id that was expected" },
    [PROBLEM_WRONG_STREAM]   = { 409, "wrong-stream",       "The topic is not kept by the stream that was expected" },
    [PROBLEM_STREAM_EXISTS]  = { 409, "stream-exists",      "There is such a stream already, with other settings" },
    [PROBLEM_CONSUMER_EXISTS] = { 409, "consumer-exists",   "There is such a consumer already, with other settings" },
    [PROBLEM_WEBHOOK_EXISTS] = { 409, "webhook-exists",     "There is a webhook of that name already" },
    [PROBLEM_CONFIGURED]     = { 409, "configured",         "The configuration has this, and is where it is changed" },
    [PROBLEM_TOPICS_TAKEN]   = { 409, "topics-taken",       "Another stream keeps some of these topics" },
    [PROBLEM_NOT_ALLOWED]    = { 409, "not-allowed",        "The settings of the stream do not allow this" },
    [PROBLEM_GONE]           = { 410, "gone",               "Nobody waits for this reply any more" },
    [PROBLEM_TOO_LARGE]      = { 413, "too-large",          "The body is too large" },
    [PROBLEM_LONG_TARGET]    = { 414, "long-target",        "The path and query are too long" },
    [PROBLEM_BAD_TYPE]       = { 415, "bad-type",           "This call does not take that type of content" },
    [PROBLEM_BAD_CODING]     = { 415, "bad-coding",         "This server takes no compressed bodies" },
    [PROBLEM_EXPECTATION]    = { 417, "bad-expectation",    "Only 100-continue can be expected" },
    [PROBLEM_BAD_HOST]       = { 421, "bad-host",           "This server does not go by that name" },
    [PROBLEM_TOO_OFTEN]      = { 429, "too-often",          "The client asks too often" },
    [PROBLEM_LARGE_HEAD]     = { 431, "large-head",         "The headers are too large or too many" },
    [PROBLEM_INTERNAL]       = { 500, "internal",           "The server could not do this" },
    [PROBLEM_UNKNOWN_METHOD] = { 501, "unknown-method",     "This server does not know the method" },
    [PROBLEM_UNKNOWN_CODING] = { 501, "unknown-coding",     "This server knows no transfer coding but chunked" },
    [PROBLEM_BAD_GATEWAY]    = { 502, "bad-gateway",        "The application's answer cannot be passed on" },
    [PROBLEM_NO_RESPONDERS]  = { 503, "no-responders",      "Nobody answers requests to this topic" },
    [PROBLEM_UNAVAILABLE]    = { 503, "unavailable",        "The server cannot do this now" },
    [PROBLEM_STREAM_FAILED]  = { 503, "stream-failed",      "The stream takes nothing more" },
    [PROBLEM_BROKER_AWAY]    = { 503, "broker-away",        "The sidecar cannot reach the broker" },
    [PROBLEM_CIRCUIT_OPEN]   = { 503, "circuit-open",       "The service has failed too often, and is left alone" },
    [PROBLEM_NO_REPLY]       = { 504, "no-reply",           "Nobody replied in time" },
    [PROBLEM_VERSION]        = { 505, "unknown-version",    "This server speaks HTTP/1.1 and HTTP/1.0" },
    [PROBLEM_STREAM_FULL]    = { 507, "stream-full",        "The stream is full, and is to keep what it has" },
    [PROBLEM_OVER_QUOTA]     = { 507, "over-quota",         "The user keeps all that he may" },
    [PROBLEM_DISK_FULL]      = { 507, "disk-full",          "The disk of the server is full" },
};
/* clang-format on */

static char *put_text(char *out, const char *text)
{
    return format_slice(out, slice_of(text));
}

char *problem_write(char *out, enum problem_kind kind, struct slice detail)
{
    const struct problem_info *info = &problem_infos[kind];
    out = put_text(out, "{\"type\":\"" PROBLEM_TYPE_PREFIX);
    out = put_text(out, info->name);
    out = put_text(out, "\",\"title\":\"");
    out = put_text(out, info->title);
    out = put_text(out, "\",\"status\":");
    out = format_number(out, info->status);
    if (detail.size) {
        out = put_text(out, ",\"detail\":");
        out = json_write_string(out, detail);
    }
    *out++ = '}';
    return out;
}

char *problem_add_number(char *end, const char *name, uint64_t number)
{
    end = put_text(end - 1, ",\"");
    end = put_text(end, name);
    end = put_text(end, "\":");
    end = format_number(end, number);
    *end++ = '}';
    return end;
}
