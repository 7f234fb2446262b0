/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd doctor: is this machine ready, for anything or for one topology? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "exit.h"
#include "load.h"
#include "verb.h"

#define SPIN_MS 50u

static const char help[] =
	"usage: vanityd doctor [--for FILE] [--fix | --undo | --print-boot] [--json]\n"
	"\n"
	"Looks at the machine and says what Vanity would run into: evidence, why it matters, what to\n"
	"do, how to undo that. Ends with what this machine can run today. Without root some of it is\n"
	"not seen.\n"
	"\n"
	"  --for FILE    judge what this topology needs, and nothing else\n"
	"  --fix         change what can be changed without a new boot and put back: affinity of\n"
	"                interrupts and kernel work, governor, clock source, huge pages of FILE.\n"
	"                Each change is in a journal before it is made\n"
	"  --undo        put back what --fix changed, byte for byte\n"
	"  --print-boot  one kernel command line for the cores of FILE's shards, or for all but the\n"
	"                first\n"
	"  --json        the document vanity.doctor/1\n"
	"  --root DIR    judge a copy of /proc and /sys in DIR; the kernel is asked nothing\n"
	"  --help        this text\n"
	"\n"
	"Exit codes: 0 ready, with or without warnings; 1 failed, 2 usage, 3 topology invalid,\n"
	"4 machine not ready, 6 denied.\n";

struct wish {
	const char *file, *root;
	int fix, undo, boot, json;
};

static int plan_load(const struct wish *wish, struct plan **ret_plan)
{
	struct plan_host host;
	int result = load_host(&host);

	*ret_plan = NULL;
	if (wish->file == NULL)
		return EXIT_OK;
	*ret_plan = calloc(1, sizeof(**ret_plan));
	if (*ret_plan == NULL)
		return EXIT_FAILED;
	/* Cores that are not there are a finding. */
	host.cores = 0;
	/* Who acts as root on what it reads trusts root's files only. */
	return result != EXIT_OK
		       ? result
		       : load_plan(wish->file, &host,
				   wish->fix && geteuid() == 0 ? LOAD_ROOT_ONLY : 0, *ret_plan);
}

static int boot_print(struct doctor *d)
{
	char line[DOCTOR_BOOT_BYTES];

	if (doctor_examine(d) != 0)
		return EXIT_FAILED;
	doctor_boot(d, line, sizeof(line));
	if (line[0] != '\0')
		puts(line);
	/* What is wrong with its cores is wrong with the line. */
	for (uint32_t i = 0; doctor_checks[i].name != NULL; i++)
		if (strcmp(doctor_checks[i].name, "cores") == 0 &&
		    (d->finding[i].verdict == DOCTOR_WARNING || d->finding[i].verdict == DOCTOR_REFUSED))
			fprintf(stderr, "vanityd doctor: %s\n                %s\n",
				d->finding[i].evidence, d->finding[i].fix);
	if (line[0] == '\0')
		fputs("vanityd doctor: no shard has a core of its own: nothing to boot with\n",
		      stderr);
	if (d->live && !look_is_there(d, "/sys/devices/system/cpu/nohz_full"))
		fputs("vanityd doctor: note: this kernel is built without nohz_full, and ignores that word\n",
		      stderr);
	doctor_free(d);
	return EXIT_OK;
}

static int examine(struct doctor *d, const struct wish *wish)
{
	const struct doctor fresh = *d;
	int result = EXIT_OK, fixed = EXIT_OK;
	uint32_t changed;

	if (wish->fix) {
		d->spin_ms = 0;
		if (doctor_examine(d) != 0)
			return EXIT_FAILED;
		fixed = doctor_fix(d, &changed);
		doctor_free(d);
		if (fixed != EXIT_OK && fixed != EXIT_FAILED)
			return fixed;
		fprintf(stderr, "vanityd doctor: %u change%s made%s\n", changed,
			changed == 1 ? "" : "s",
			changed != 0 ? "; `vanityd doctor --undo` takes them back" : "");
		*d = fresh;
	}
	if (doctor_examine(d) != 0)
		return EXIT_FAILED;
	if (wish->json)
		result = doctor_print_json(stdout, d, wish->file);
	else
		doctor_print(stdout, d, wish->file);
	result = result != EXIT_OK ? result : fixed != EXIT_OK ? fixed : doctor_exit(d);
	doctor_free(d);
	return result;
}

static int run(const struct wish *wish)
{
	struct doctor *d = calloc(1, sizeof(*d));
	char root[PATHS_BYTES];
	struct plan *plan;
	int result = plan_load(wish, &plan);

	if (d == NULL || result != EXIT_OK) {
		free(d);
		free(plan);
		return result != EXIT_OK ? result : EXIT_FAILED;
	}
	snprintf(root, sizeof(root), "%s", wish->root != NULL ? wish->root : "");
	for (size_t n = strlen(root); n > 0 && root[n - 1] == '/'; n--)
		root[n - 1] = '\0';
	*d = (struct doctor){
		.root = root, .live = root[0] == '\0', .plan = plan, .spin_ms = SPIN_MS
	};
	if (!d->live && (!look_is_there(d, "/proc") || !look_is_there(d, "/sys"))) {
		fprintf(stderr, "vanityd doctor: %s has no proc and sys: it is no copy of a machine\n",
			root);
		result = EXIT_USAGE;
	} else if (wish->undo) {
		result = doctor_undo(d);
	} else if (wish->boot) {
		d->spin_ms = 0;
		result = boot_print(d);
	} else {
		result = examine(d, wish);
	}
	free(d);
	free(plan);
	return result;
}

int verb_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, 'f' }, { "fix", no_argument, NULL, 'x' },
		{ "undo", no_argument, NULL, 'u' },      { "print-boot", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },      { "root", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },      { NULL, 0, NULL, 0 },
	};
	struct wish wish = { .file = NULL };
	int option;

	optind = 0; /* glibc: start over, permute anew */
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			return fputs(help, stdout) < 0 ? EXIT_FAILED : EXIT_OK;
		case 'f':
			wish.file = optarg;
			break;
		case 'r':
			wish.root = optarg;
			break;
		case 'x':
			wish.fix = 1;
			break;
		case 'u':
			wish.undo = 1;
			break;
		case 'b':
			wish.boot = 1;
			break;
		case 'j':
			wish.json = 1;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind != argc || wish.fix + wish.undo + wish.boot > 1 ||
	    (wish.root != NULL && wish.root[0] == '\0')) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	return run(&wish);
}
