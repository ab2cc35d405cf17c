/*
 * contract: what an application's answer means to a message that was delivered to it, as Dapr has it.
 *
 *     2xx, without a body, or with one that is no JSON object      it is done
 *     2xx, {"status":"SUCCESS"}, or an object without a status     it is done
 *     2xx, {"status":"RETRY"}, or a status that is none of these   again, later
 *     2xx, {"status":"DROP"}, and 404                              never again: a dead letter
 *     any other answer, and none                                   again, later
 *
 * Pure; any thread.
 */
#ifndef SIDECAR_CONTRACT_H
#define SIDECAR_CONTRACT_H

#include "util/slice.h"

enum contract_verdict { CONTRACT_DONE, CONTRACT_RETRY, CONTRACT_DROP };

/* status 0: there was no answer. */
enum contract_verdict contract_judge(unsigned status, struct slice body);

#endif
