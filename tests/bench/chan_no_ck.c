/* SPDX-License-Identifier: Apache-2.0 */
/* chan_no_ck.c: Concurrency Kit was not there when this was built; its rows are reported absent. */
#include "chan.h"

const struct chan_design chan_ck = { .name = "ck_ring" };
