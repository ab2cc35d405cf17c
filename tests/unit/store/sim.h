/*
 * sim: a file system in memory behind struct files, which loses power, fills up and fails when the test says so.
 *
 * It is stricter than real ones: only what sync has been told of a file, and sync_directory of a name, is sure to
 * outlive a power cut. Of the rest, each sector of 512 bytes, each file's size, and each change of a directory may be
 * lost, by the seed. Any thread.
 */
#ifndef TESTS_UNIT_STORE_SIM_H
#define TESTS_UNIT_STORE_SIM_H

#include "store/files.h"

struct sim;

struct sim *sim_create(uint64_t seed);
void sim_destroy(struct sim *sim);

/* The table through which it is used; good as long as it lives. */
const struct files *sim_files(struct sim *sim);

/* From now on every call fails with -EIO and changes nothing: the machine is off, though threads still run. */
void sim_power_off(struct sim *sim);

/* The same at the call with that number (as sim_call_count counts, from 1), which fails as well; 0: not any more. */
void sim_power_off_at(struct sim *sim, uint64_t call);

/* It starts again, with what has outlived the cut. All descriptors are closed. */
void sim_power_on(struct sim *sim);

/* As after kill -9: the descriptors are closed, and nothing is lost. */
void sim_process_ends(struct sim *sim);

/* The calls so far. */
uint64_t sim_call_count(struct sim *sim);

/* The call with that number (as sim_call_count counts, from 1) fails with -error and changes nothing; 0: none does. */
void sim_fail_at(struct sim *sim, uint64_t call, int error);

/* Every sync of a file fails with -EIO, or no longer. */
void sim_fail_syncs(struct sim *sim, bool fail);

/* How many bytes files may take in all; UINT64_MAX: no bound, as at first. */
void sim_set_space(struct sim *sim, uint64_t size);

/* The bytes of a file as they stand, to be changed at will; NULL: there is none. For damage. */
unsigned char *sim_bytes(struct sim *sim, const char *path, uint64_t *ret_size);

/* From this byte on a file cannot be read: -EIO. UINT64_MAX: it can. */
void sim_spoil(struct sim *sim, const char *path, uint64_t from);

/* A file with these bytes, as if it had been there always. */
void sim_put(struct sim *sim, const char *path, const void *data, size_t size);

#endif
