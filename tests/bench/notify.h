/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h: what is run by `vanity-bench notify`; each is a design of chan.h. */
#ifndef TESTS_BENCH_NOTIFY_H
#define TESTS_BENCH_NOTIFY_H

#include "chan.h"

extern const struct chan_design notify_eventfd; /* write, blocking read */
extern const struct chan_design notify_ppoll; /* write, ppoll, read: the calls a shard makes */
extern const struct chan_design notify_sleep; /* shards that sleep at once */
extern const struct chan_design notify_spin; /* shards that wait as vanity.h's default does */
extern const struct chan_design notify_poll; /* shards that never sleep */

#endif
