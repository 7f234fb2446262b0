/* SPDX-License-Identifier: Apache-2.0 */
/* attack_wire.c: lies in shared memory: what libvanity's checks must hold off. */
#include "attack.h"

const struct attack attack_wire[] = {
	{ NULL, NULL },
};
