/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h: a config's errors, told to the operator. The one part of common/ that calls the
 * vanity API; parsers stay without it, so that tests and fuzzers link them alone.
 */
#ifndef SHARDS_COMMON_REPORT_H
#define SHARDS_COMMON_REPORT_H

#include <stdint.h>

#include <vanity/vanity.h>

#include "text.h"

/**
 * craft_report() - log each error that was kept, then end the shard with the first as its words
 * @file: what it is, as the operator calls it ("rules"); begins the last words
 * @code: as for vanity_fatal()
 * Return: as vanity_fatal(): not at all
 */
int craft_report(struct vanity_shard *self, uint32_t code, const char *file,
		 const struct craft_errors *errors);

#endif
