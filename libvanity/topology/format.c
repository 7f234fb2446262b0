/* SPDX-License-Identifier: Apache-2.0 */
#include "topology/parts.h"
void topology_format(const struct topology *t,
		     void (*write)(void *context, const char *text, uint32_t bytes), void *context)
{
	write(context, t->text + t->file[0].at, t->file[0].bytes);
}
