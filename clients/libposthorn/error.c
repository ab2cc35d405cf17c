/* The sentences of codes and events, and the codes of a server's sentences. */
#include "error.h"

#include "posthorn.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const sentences[] = {
    [-PH_OK] = "no error",
    [-PH_E_ARGUMENT] = "an argument is not allowed, or not at this time",
    [-PH_E_MEMORY] = "out of memory",
    [-PH_E_SYSTEM] = "a system call failed",
    [-PH_E_TIMEOUT] = "the time is up",
    [-PH_E_INTERRUPTED] = "interrupted",
    [-PH_E_BUSY] = "a callback cannot wait",
    [-PH_E_URL] = "the URL cannot be read",
    [-PH_E_RESOLVE] = "the host's name cannot be resolved",
    [-PH_E_CONNECT] = "the server cannot be reached",
    [-PH_E_DISCONNECTED] = "the connection broke",
    [-PH_E_CLOSED] = "the connection is closed",
    [-PH_E_PROTOCOL] = "the server does not speak the protocol",
    [-PH_E_AUTH] = "the server refused the credentials",
    [-PH_E_TLS] = "no TLS with the server",
    [-PH_E_SERVER] = "the server reported an error",
    [-PH_E_TOPIC] = "not a valid topic, pattern or group",
    [-PH_E_HEADER] = "not a valid header, or the server takes none",
    [-PH_E_PAYLOAD_SIZE] = "the message is larger than the server takes",
    [-PH_E_FULL] = "too much output is waiting",
    [-PH_E_NO_RESPONDERS] = "nobody listens on the topic of the request",
    [-PH_E_NO_REPLY] = "the message has no reply topic",
    [-PH_E_ENDED] = "the subscription has ended",
    [-PH_E_DRAINING] = "the connection is draining",
    [-PH_E_DROPPED] = "messages were dropped",
    [-PH_E_PERMISSION] = "the server does not permit it",
    [-PH_E_FILE] = "a file of certificates, keys or credentials cannot be used",
};

const char *ph_strerror(int error)
{
    if (error > 0 || error <= -(int)COUNT(sentences))
        return "unknown error";
    return sentences[-error];
}

static const char *const event_names[] = {
    [PH_EVENT_CONNECTED] = "connected",     [PH_EVENT_DISCONNECTED] = "disconnected",
    [PH_EVENT_RECONNECTED] = "reconnected", [PH_EVENT_CLOSED] = "closed",
    [PH_EVENT_LAME_DUCK] = "lame duck",     [PH_EVENT_ERROR] = "error",
    [PH_EVENT_DROPPED] = "dropped",         [PH_EVENT_ENDED] = "ended",
    [PH_EVENT_FD_CLOSES] = "descriptor closes",
};

const char *ph_event_name(enum ph_event_kind kind)
{
    return (unsigned)kind < COUNT(event_names) ? event_names[kind] : "unknown event";
}

/* How the sentences of -ERR begin; case does not matter. */
static const struct server_error {
    const char *start;
    int error;
} server_errors[] = {
    { "Authorization Violation", PH_E_AUTH },
    { "Authentication", PH_E_AUTH },
    { "User Authentication", PH_E_AUTH },
    { "Permissions Violation", PH_E_PERMISSION },
    { "Maximum Payload", PH_E_PAYLOAD_SIZE },
    { "Invalid Subject", PH_E_TOPIC },
    { "Invalid Publish Subject", PH_E_TOPIC },
    { "Secure Connection", PH_E_TLS },
};

int ph_error_of_server(struct slice sentence)
{
    for (size_t i = 0; i < COUNT(server_errors); i++) {
        size_t size = strlen(server_errors[i].start);
        if (sentence.size >= size && strncasecmp(sentence.data, server_errors[i].start, size) == 0)
            return server_errors[i].error;
    }
    return PH_E_SERVER;
}
