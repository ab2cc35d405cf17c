#include "broker/keeper.h"

static unsigned keep(struct sink *sink, const struct batch *batch)
{
    struct keeper *keeper = (struct keeper *)sink;
    struct broker *broker = keeper->broker;
    if (topic_is_private(batch->topic))
        return 0;
    unsigned kept = stream_append(keeper->stream, batch, broker->hooks.wall_ms(broker->hooks.arg), keeper->own);
    broker->counters->messages_kept += kept;
    return kept;
}

static const struct sink_ops keeper_ops = { keep, NULL };

int keeper_init(struct keeper *keeper, struct broker *broker, struct stream *stream, struct slice pattern,
                struct stream_watch *own)
{
    *keeper = (struct keeper){
        .sink = { .ops = &keeper_ops, .keeper = true, .weight = 1 },
        .broker = broker,
        .stream = stream,
        .own = own,
    };
    int error = router_add(broker->router, &keeper->sink, pattern, slice_make(NULL, 0));
    if (error)
        keeper->stream = NULL;
    return error;
}

void keeper_finish(struct keeper *keeper)
{
    if (keeper->stream)
        router_remove(keeper->broker->router, &keeper->sink);
    keeper->stream = NULL;
}
