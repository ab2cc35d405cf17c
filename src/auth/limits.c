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
    };
}
