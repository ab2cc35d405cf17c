/* posthorn-sidecar: the sidecar's main: a daemon with one worker, on which the sidecar lives. */
#include "server/command.h"
#include "server/worker.h"
#include "sidecar/sidecar.h"

static int open_sidecar(const struct worker_place *place, void **ret_guest)
{
    const struct sidecar_setup setup = {
        .loop = place->loop,
        .broker = place->broker,
        .http = place->http,
        .registry = place->registry,
        .meta = place->meta,
        .directory = place->directory,
        .config = place->config,
        .server_name = place->server_name,
    };
    struct sidecar *sidecar = NULL;
    int error = sidecar_create(&setup, &sidecar);
    *ret_guest = sidecar;
    return error;
}

static bool turn(void *guest)
{
    return sidecar_turn(guest);
}

static void turn_end(void *guest)
{
    sidecar_turn_end(guest);
}

static void reconfigure(void *guest, const struct config *config)
{
    sidecar_reconfigure(guest, config);
}

static void retire(void *guest)
{
    sidecar_retire(guest);
}

static bool is_retiring(const void *guest)
{
    return sidecar_is_retiring(guest);
}

static void quiesce(void *guest)
{
    sidecar_quiesce(guest);
}

static bool is_busy(const void *guest)
{
    return sidecar_is_busy(guest);
}

static void close_sidecar(void *guest)
{
    sidecar_destroy(guest);
}

int main(int argc, char **argv)
{
    const struct worker_guest guest = {
        .open = open_sidecar,
        .turn = turn,
        .turn_end = turn_end,
        .reconfigure = reconfigure,
        .retire = retire,
        .is_retiring = is_retiring,
        .quiesce = quiesce,
        .is_busy = is_busy,
        .close = close_sidecar,
    };
    const struct command sidecar = { .program = PROGRAM_SIDECAR, .guest = &guest };
    return command_main(argc, argv, &sidecar);
}
