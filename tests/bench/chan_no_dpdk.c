/* SPDX-License-Identifier: Apache-2.0 */
/* chan_no_dpdk.c: libdpdk was not there when this was built; its rows are reported absent. */
#include "chan.h"

const struct chan_design chan_rte = { .name = "rte_ring" };
const struct chan_design chan_rte_zc = { .name = "rte_ring zc" };
