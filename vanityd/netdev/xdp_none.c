/* SPDX-License-Identifier: Apache-2.0 */
/* xdp_none.c: the backend of a build without libbpf. */
#include "netdev/run.h"

#include <errno.h>

int xdp_bind(struct run *r)
{
	return run_fail(r, &r->bound[0], -EOPNOTSUPP, "install libbpf-dev and build again",
			"this build has no xdp: libbpf was missing");
}
