/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_report.c: what was found, for people and as vanity.doctor/1. */
#include "doctor.h"

#include <jansson.h>
#include <unistd.h>

#include "exit.h"

const char *doctor_verdict(enum doctor_verdict verdict)
{
	static const char *const words[] = { "fine", "unjudged", "warning", "refused",
					     "not needed" };

	return words[verdict];
}

static const struct {
	const char *key, *words;
} abilities[CAN_COUNT] = {
	[CAN_ROOT] = { "start", "systems of root's" },
	[CAN_DEV] = { "dev", "an ordinary user's, with --dev" },
	[CAN_CORES] = { "cores", "shards on cores of their own" },
	[CAN_HUGE] = { "huge_pages", "memory in huge pages" },
	[CAN_XDP] = { "xdp", "xdp devices" },
	[CAN_TUNTAP] = { "tuntap", "tuntap devices" },
};

static const char *able_words(const struct doctor_ability *a)
{
	return !a->known ? "not seen from here" : a->able ? "yes" : "no";
}

static void print_finding(FILE *out, const struct doctor *d, uint32_t i)
{
	const struct doctor_finding *f = &d->finding[i];
	int colour = isatty(fileno(out));
	const char *paint = !colour                        ? ""
			    : f->verdict == DOCTOR_REFUSED ? "\033[31m"
			    : f->verdict == DOCTOR_WARNING ? "\033[33m"
			    : f->verdict == DOCTOR_FINE    ? "\033[32m"
							   : "";

	if (f->verdict == DOCTOR_NOT_NEEDED)
		return;
	fprintf(out, "%-16s %s%-8s%s  %s\n", doctor_checks[i].name, paint,
		doctor_verdict(f->verdict), colour ? "\033[0m" : "", f->evidence);
	if (f->verdict == DOCTOR_FINE || f->verdict == DOCTOR_UNJUDGED)
		return;
	fprintf(out, "%-16s   why: %s\n", "", doctor_checks[i].why);
	if (f->fix[0] != '\0')
		fprintf(out, "%-16s   fix: %s\n", "", f->fix);
	if (f->undo[0] != '\0')
		fprintf(out, "%-16s   undo: %s\n", "", f->undo);
}

static void print_can(FILE *out, const struct doctor *d)
{
	fprintf(out, "\nWhat this machine can run today:\n");
	for (uint32_t i = 0; i < CAN_COUNT; i++) {
		const struct doctor_ability *a = &d->can[i];

		/* What a topology does not need was not asked. */
		if (d->plan != NULL && !a->known)
			continue;
		fprintf(out, "  %-31s %s%s%s\n", abilities[i].words, able_words(a),
			a->words[0] != '\0' ? ": " : "", a->words);
	}
}

void doctor_print(FILE *out, const struct doctor *d, const char *file)
{
	uint32_t warnings = 0;
	const char *gap = "";

	for (uint32_t i = 0; doctor_checks[i].name != NULL; i++) {
		print_finding(out, d, i);
		warnings += d->finding[i].verdict == DOCTOR_WARNING;
	}
	if (d->changes_more != 0)
		fprintf(out, "%u more changes than --fix makes at once: run it again\n",
			d->changes_more);
	if (d->changes_long != 0)
		fprintf(out, "%u changes are too long for --fix: make them by hand\n",
			d->changes_long);
	print_can(out, d);
	if (d->plan == NULL)
		return;
	if (d->plan->unbuilt_count != 0)
		fprintf(out,
			"%s: start refuses it: it wants what this build lacks (vanityd check)\n",
			file);
	else if (doctor_exit(d) == EXIT_OK && warnings == 0)
		fprintf(out, "%s: this machine is ready for it\n", file);
	else if (doctor_exit(d) == EXIT_OK)
		fprintf(out, "%s: starts here, with %u warning%s\n", file, warnings,
			warnings == 1 ? "" : "s");
	else
		fprintf(out, "%s: cannot run here:", file);
	for (uint32_t i = 0; d->plan->unbuilt_count == 0 && doctor_checks[i].name != NULL; i++) {
		if (d->finding[i].verdict != DOCTOR_REFUSED)
			continue;
		fprintf(out, "%s %s", gap, doctor_checks[i].name);
		gap = ",";
	}
	if (gap[0] != '\0')
		fprintf(out, "\n");
}

static json_t *json_words(const char *text)
{
	/* Names of interfaces and the like need be no UTF-8. */
	json_t *words = text[0] == '\0' ? json_null() : json_string(text);

	return words != NULL ? words : json_string("?");
}

static json_t *json_finding(const struct doctor *d, uint32_t i)
{
	const struct doctor_finding *f = &d->finding[i];
	json_t *changes = json_array();

	for (uint32_t c = 0; c < f->change_count; c++)
		json_array_append_new(
			changes, json_pack("{so so}", "path",
					   json_words(d->change[f->change_first + c].path), "text",
					   json_words(d->change[f->change_first + c].text)));
	return json_pack("{ss ss so ss so so so}", "name", doctor_checks[i].name, "verdict",
			 doctor_verdict(f->verdict), "evidence", json_words(f->evidence), "why",
			 doctor_checks[i].why, "fix", json_words(f->fix), "undo",
			 json_words(f->undo), "changes", changes);
}

int doctor_print_json(FILE *out, const struct doctor *d, const char *file)
{
	json_t *findings = json_array(), *can = json_array(), *doc;
	char online[DOCTOR_MASK_BYTES], wanted[DOCTOR_MASK_BYTES], boot[DOCTOR_BOOT_BYTES];
	int result;

	for (uint32_t i = 0; doctor_checks[i].name != NULL; i++)
		if (d->finding[i].verdict != DOCTOR_NOT_NEEDED)
			json_array_append_new(findings, json_finding(d, i));
	for (uint32_t i = 0; i < CAN_COUNT; i++)
		json_array_append_new(can,
				      json_pack("{ss so so}", "what", abilities[i].key, "able",
						!d->can[i].known ? json_null()
								 : json_boolean(d->can[i].able),
						"words", json_words(d->can[i].words)));
	doctor_boot(d, boot, sizeof(boot));
	doc = json_pack("{ss so so sb ss ss so so so}", "schema", "vanity.doctor/1", "file",
			json_words(file != NULL ? file : ""), "system",
			json_words(d->plan != NULL ? d->plan->system : ""), "ready",
			doctor_exit(d) == EXIT_OK, "online",
			cores_list(&d->online, online, sizeof(online)), "shard_cores",
			cores_list(&d->wanted, wanted, sizeof(wanted)), "boot", json_words(boot),
			"findings", findings, "can", can);
	result = doc != NULL && json_dumpf(doc, out, JSON_INDENT(2)) == 0 ? EXIT_OK : EXIT_FAILED;
	fputc('\n', out);
	json_decref(doc);
	return result;
}
