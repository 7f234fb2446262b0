/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdint.h>

#define RECORD_BYTES 81u /* what vanity_log() and vanity_fatal() keep, and a NUL */

int craft_report(struct vanity_shard *self, uint32_t code, const char *file,
		 const struct craft_errors *errors)
{
	char record[RECORD_BYTES];
	uint32_t kept = errors->count < CRAFT_ERRORS_KEPT ? errors->count : CRAFT_ERRORS_KEPT;

	for (uint32_t i = 0; i < kept; i++) {
		const struct craft_error *error = &errors->kept[i];

		/* Two records: words and hint together may be longer than one. */
		record[0] = '\0';
		craft_say(record, sizeof(record), "%0:%1: ");
		craft_say(record, sizeof(record), error->words);
		vanity_log(self, record, error->line, error->column);
		if (error->hint[0] != '\0') {
			record[0] = '\0';
			craft_say(record, sizeof(record), "%0:%1: hint: ");
			craft_say(record, sizeof(record), error->hint);
			vanity_log(self, record, error->line, error->column);
		}
	}
	if (errors->count > kept)
		vanity_log(self, "and %0 more", errors->count - kept, 0);

	record[0] = '\0';
	craft_say(record, sizeof(record), file);
	craft_say(record, sizeof(record), ":");
	if (kept > 0)
		craft_error_line(&errors->kept[0], record, sizeof(record));
	return vanity_fatal(self, code, record);
}
