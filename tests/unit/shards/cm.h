/* SPDX-License-Identifier: Apache-2.0 */
/* cm.h: what <cmocka.h> wants included before it, in one line. */
#ifndef TESTS_UNIT_SHARDS_CM_H
#define TESTS_UNIT_SHARDS_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
