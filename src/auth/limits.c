#include "auth/limits.h"

#include "config/config.h"

struct user_limits user_limits_of(const struct config_user *user)
{
    return (struct user_limits){
        .connections_max = user->connections_max,
        .subscriptions_max = user->subscriptions_max,
        .publish_rate = user->publish_rate,
        .publish_bytes_rate = user->publish_bytes_rate,
        .payload_size_max = user->payload_size_max,
        .pending_size_max = user->pending_size_max,
        .streams_max = user->streams_max,
        .stored_bytes_max = user->stored_bytes_max,
    };
}

struct user_limits address_limits_of(const struct config_server *server)
{
    return (struct user_limits){
        .subscriptions_max = server->subscriptions_per_address_max,
        .publish_rate = server->publish_rate_per_address,
        .publish_bytes_rate = server->publish_bytes_rate_per_address,
    };
}

bool address_limits_any(const struct user_limits *limits)
{
    return limits->subscriptions_max || limits->publish_rate || limits->publish_bytes_rate;
}
