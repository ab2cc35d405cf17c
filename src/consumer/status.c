#include "consumer/consumer.h"

static const struct {
    int code;
    const char *text;
} statuses[] = {
    [CONSUMER_STATUS_HEARTBEAT] = { 100, "Idle Heartbeat" },
    [CONSUMER_STATUS_FLOW_CONTROL] = { 100, "FlowControl Request" },
    [CONSUMER_STATUS_BAD_REQUEST] = { 400, "Bad Request" },
    [CONSUMER_STATUS_NO_MESSAGES] = { 404, "No Messages" },
    [CONSUMER_STATUS_TIMEOUT] = { 408, "Request Timeout" },
    [CONSUMER_STATUS_MAX_WAITING] = { 409, "Exceeded MaxWaiting" },
    [CONSUMER_STATUS_MAX_BATCH] = { 409, "Exceeded MaxRequestBatch of" },
    [CONSUMER_STATUS_MAX_EXPIRES] = { 409, "Exceeded MaxRequestExpires of" },
    [CONSUMER_STATUS_MAX_BYTES] = { 409, "Exceeded MaxRequestMaxBytes of" },
    [CONSUMER_STATUS_TOO_LARGE] = { 409, "Message Size Exceeds MaxBytes" },
    [CONSUMER_STATUS_COMPLETED] = { 409, "Batch Completed" },
    [CONSUMER_STATUS_PUSH] = { 409, "Consumer is push based" },
    [CONSUMER_STATUS_DELETED] = { 409, "Consumer Deleted" },
    [CONSUMER_STATUS_SHUTDOWN] = { 409, "Server Shutdown" },
};

int consumer_status_code(enum consumer_status_kind kind)
{
    return statuses[kind].code;
}

const char *consumer_status_text(enum consumer_status_kind kind)
{
    return statuses[kind].text;
}
