/* SPDX-License-Identifier: Apache-2.0 */
/* program.c: what the fake wants of a program, where a test has none: it calls the drivers itself.
 */
#include <vanity/vanity.h>

VANITY_CARRY(int, 1)
VANITY_COUNTERS({ 1, "none" })

int vanity_main(struct vanity_shard *self)
{
	(void)self;
	return 0;
}
