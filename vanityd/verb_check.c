/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd check: what a topology means, before anything starts. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_parts.h"
#include "exit.h"
#include "load.h"
#include "verb.h"

static const char help[] =
	"usage: vanityd check [--json] [--matrix] [--plan] [--dev] FILE\n"
	"       vanityd check [--json] [--dev] --against OLD [--strict] FILE\n"
	"\n"
	"Checks the topology in FILE (- is standard input) and says what it would take: memory to\n"
	"the page, how long each channel absorbs, which decisions of trust it makes, and which of\n"
	"its keys this build lacks (`start` refuses those).\n"
	"\n"
	"  --matrix   also: who may read and write which region\n"
	"  --plan     also: every region, mapping, core, limit and permitted system call\n"
	"  --json     all of it as one document, schema vanity.check/1\n"
	"  --dev      plan as `start --dev` does: small pages, core numbers ignored\n"
	"  --against OLD  instead: which authority FILE gives that OLD did not, and which it takes\n"
	"             away, one line an edge: regions, devices, cores, system calls, trust;\n"
	"             with --json one document, schema vanity.against/1\n"
	"  --strict   with --against: exit code 1 when any was gained\n"
	"  --help     this text\n"
	"\n"
	"Exit codes: 0 valid, 1 failed or (--strict) authority gained, 2 usage, 3 topology invalid.\n";

enum { SHOW_JSON = 1, SHOW_MATRIX = 2, SHOW_PLAN = 4, AS_DEV = 8, STRICT = 16 };

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void print_memory(const struct plan *plan)
{
	uint64_t small = 0, huge = 0;
	char a[32], b[32];

	for (uint32_t i = 0; i < plan->region_count; i++) {
		const struct plan_region *r = &plan->region[i];

		if (r->page_bytes == plan->host.page_bytes)
			small += r->bytes / r->page_bytes;
		else
			huge += r->bytes / r->page_bytes;
	}
	printf("memory: %llu bytes shared: %llu pages of %s",
	       (unsigned long long)plan->memory_bytes, (unsigned long long)small,
	       check_bytes(plan->host.page_bytes, a));
	if (huge != 0)
		printf(", %llu of %s", (unsigned long long)huge,
		       check_bytes(plan->host.huge_page_bytes, b));
	printf("\n");
}

static void print_shards(const struct plan *plan)
{
	char a[32], b[32], c[32];

	for (uint32_t i = 0; i < plan->shard_count; i++) {
		const struct plan_shard *s = &plan->shard[i];

		printf("shard %s: program %s, trust %s, ", s->name, s->program, s->trust);
		if (s->shared != 0)
			printf("shared core");
		else
			printf("core %u", s->core);
		printf(", memory %s, watchdog %s, restart on %s %u/%s then %s\n",
		       check_bytes(s->memory_bytes, a), check_time(s->watchdog_ns, b),
		       check_restart_on(s->restart_on), s->restart_max,
		       check_time(s->restart_within_ns, c), check_restart_then(s->restart_then));
	}
}

static void print_channels(const struct plan *plan)
{
	char a[32];

	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];
		const struct plan_shard *from = &plan->shard[c->producer];
		const struct plan_shard *to = &plan->shard[c->consumer];
		uint64_t rate, ns = check_absorbs_ns(plan, i, &rate);

		printf("channel %s: %s.%s -> %s.%s, %u slots of %s, full = %s", c->name, from->name,
		       from->port[c->producer_port].name, to->name, to->port[c->consumer_port].name,
		       c->slot_count, check_bytes(c->slot_bytes, a),
		       c->full == PLAN_FULL_DROP ? "drop" : "wait");
		if (c->pool_count != 0)
			printf(", lends %u frame%s", c->lend, plural(c->lend));
		if (c->copy_pool != PLAN_NONE)
			printf(", copied into pool %s", plan->pool[c->copy_pool].name);
		if (rate != 0)
			printf(", absorbs %.3g ms at %.4g Mpps", (double)ns / 1e6,
			       (double)rate / 1e6);
		printf("\n");
	}
}

static void print_pools(const struct plan *plan)
{
	char a[32];

	for (uint32_t i = 0; i < plan->pool_count; i++) {
		const struct plan_pool *p = &plan->pool[i];

		printf("pool %s: owner %s, %u frame%s of %s\n", p->name, plan->shard[p->owner].name,
		       p->frame_count, plural(p->frame_count), check_bytes(p->frame_bytes, a));
	}
}

/* "fw judges frames of pool packets, which nic_wan and device wan can still change" */
static void print_verdict(const struct plan *plan, uint32_t shard, uint32_t pool)
{
	struct check_verdict v;

	if (!check_verdict(plan, shard, pool, &v))
		return;
	printf("verdict: %s judges %s pool %s, which ", plan->shard[shard].name,
	       v.copied ? "its own copies in" : "frames of", plan->pool[pool].name);
	if (v.writer_count == 0)
		printf("nobody else");
	for (uint32_t i = 0; i < v.writer_count; i++)
		printf("%s%s%s",
		       i == 0                    ? ""
		       : i + 1 == v.writer_count ? " and "
						 : ", ",
		       v.writer[i].device ? "device " : "", v.writer[i].name);
	printf(" can%s change\n", v.writer_count == 0 ? "" : " still");
}

static void print_verdicts(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		for (uint32_t k = 0; k < plan->pool_count; k++)
			print_verdict(plan, i, k);
	}
}

/* Handed some frames, it has them all: a copy keeps a verdict true and hides nothing. */
static void print_foreign(const struct plan *plan, uint32_t shard, uint32_t pool)
{
	const struct plan_shard *s = &plan->shard[shard];
	const struct plan_pool *p = &plan->pool[pool];
	bool copies;

	if (check_foreign(plan, shard, pool, &copies))
		printf("trust: %s of trust %s may read all of pool %s of trust %s, not only the "
		       "frames it %s\n",
		       s->name, s->trust, p->name, plan->shard[p->owner].trust,
		       copies ? "copies" : "is lent");
}

/* What an operator should have decided knowingly. */
static void print_decisions(const struct plan *plan)
{
	bool colour = isatty(STDOUT_FILENO) == 1;
	const char *red = colour ? "\033[31m" : "", *plain = colour ? "\033[0m" : "";

	for (uint32_t i = 0; i < plan->access_count; i++) {
		const struct plan_pool_access *a = &plan->access[i];
		const struct plan_pool *p = &plan->pool[a->pool];

		if (a->right == PLAN_RW && a->shard != p->owner)
			printf("trust: %s may write pool %s beside its owner %s: every verdict on its "
			       "frames depends on both\n",
			       plan->shard[a->shard].name, p->name, plan->shard[p->owner].name);
	}
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		for (uint32_t k = 0; k < plan->pool_count; k++)
			print_foreign(plan, i, k);
	}
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];
		const struct plan_shard *from = &plan->shard[c->producer];
		const struct plan_shard *to = &plan->shard[c->consumer];

		/* Between equals it decides nothing. */
		if (c->borrow_trusted != 0 && strcmp(from->trust, to->trust) != 0)
			printf("%strust: channel %s lends frames from trust %s to trust %s "
			       "(borrow = trusted): who writes the pool can change what %s has judged"
			       "%s\n",
			       red, c->name, from->trust, to->trust, to->name, plain);
	}
}

static void print_devices(const struct plan *plan)
{
	char text[CHECK_DEVICE_TEXT];

	for (uint32_t i = 0; i < plan->device_count; i++) {
		const struct plan_device *d = &plan->device[i];

		check_device_text(plan, i, text);
		printf("device %s: %s", d->name, text);
		if (d->shard == PLAN_NONE)
			printf("; note: granted to no shard, so nothing touches it\n");
		else
			printf(", granted to %s\n", plan->shard[d->shard].name);
	}
}

static void print_unbuilt(const struct plan *plan, const char *path)
{
	if (plan->unbuilt_count == 0)
		return;
	printf("not built yet (start refuses this topology):\n");
	for (uint32_t i = 0; i < plan->unbuilt_count; i++)
		printf("  %s:%u:%u: %s\n", path, plan->unbuilt[i].line, plan->unbuilt[i].column,
		       plan->unbuilt[i].what);
	if (plan->unbuilt_more != 0)
		printf("  and %u more\n", plan->unbuilt_more);
}

static void print_summary(const struct plan *plan, const char *path)
{
	printf("%s: system %s: %u shard%s, %u channel%s, %u pool%s, %u device%s\n", path,
	       plan->system, plan->shard_count, plural(plan->shard_count), plan->channel_count,
	       plural(plan->channel_count), plan->pool_count, plural(plan->pool_count),
	       plan->device_count, plural(plan->device_count));
	print_memory(plan);
	print_shards(plan);
	print_pools(plan);
	print_devices(plan);
	print_channels(plan);
	print_verdicts(plan);
	print_decisions(plan);
	print_unbuilt(plan, path);
}

/* A topology may be checked where it will not run: cores that are missing here are a note. */
static void note_cores(const struct plan *plan, const char *path, uint32_t cores)
{
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		if (plan->shard[i].shared == 0 && plan->shard[i].core >= cores) {
			fprintf(stderr,
				"%s:%u: note: shard %s wants core %u; this machine has %u\n", path,
				plan->shard[i].line, plan->shard[i].name, plan->shard[i].core,
				cores);
			return;
		}
	}
}

static int check(const char *path, unsigned int show)
{
	struct plan_host host;
	struct load_errors errors = { .count = 0 };
	struct plan *plan = calloc(1, sizeof(*plan));
	int ret = load_host(&host);
	uint32_t cores;

	if (plan == NULL || ret != EXIT_OK) {
		fprintf(stderr, "vanityd check: no memory, or no answer from this machine\n");
		free(plan);
		return EXIT_FAILED;
	}
	cores = host.cores;
	host.cores = 0;
	if ((show & AS_DEV) != 0) {
		host.ignore_cores = 1;
		host.huge_page_bytes = 0;
	}
	ret = load_plan_errors(path, &host, 0, plan, &errors);
	if ((show & SHOW_JSON) != 0 && ret != EXIT_FAILED) {
		if (check_print_json(ret == EXIT_OK ? plan : NULL, &errors) != EXIT_OK)
			ret = EXIT_FAILED;
	} else if (ret == EXIT_OK) {
		path = strcmp(path, "-") == 0 ? "<stdin>" : path;
		print_summary(plan, path);
		if ((show & SHOW_MATRIX) != 0)
			check_print_matrix(plan);
		if ((show & SHOW_PLAN) != 0)
			check_print_plan(plan);
		note_cores(plan, path, cores);
	}
	load_errors_free(&errors);
	free(plan);
	return ret;
}

/* Both files' plans; the first that is none says why, here or in @errors. */
static int load_both(const char *path, const char *old_path, const struct plan_host *host,
		     struct plan plan[2], struct load_errors *errors)
{
	int ret = load_plan_errors(old_path, host, 0, &plan[1], errors);

	return ret == EXIT_OK ? load_plan_errors(path, host, 0, &plan[0], errors) : ret;
}

static int against(const char *path, const char *old_path, unsigned int show)
{
	struct plan_host host;
	struct load_errors errors = { .count = 0 };
	struct plan *plan = calloc(2, sizeof(*plan));
	bool json = (show & SHOW_JSON) != 0;
	uint32_t gained = 0;
	int ret = load_host(&host);

	if (plan == NULL || ret != EXIT_OK) {
		fprintf(stderr, "vanityd check: no memory, or no answer from this machine\n");
		free(plan);
		return EXIT_FAILED;
	}
	host.cores = 0;
	if ((show & AS_DEV) != 0) {
		host.ignore_cores = 1;
		host.huge_page_bytes = 0;
	}
	ret = load_both(path, old_path, &host, plan, &errors);
	if (ret == EXIT_OK) {
		ret = check_print_against(&plan[0], &plan[1], json, &gained);
		if (ret != EXIT_OK)
			fprintf(stderr, "vanityd check: no memory, or nowhere to write\n");
		else if ((show & STRICT) != 0 && gained > 0)
			ret = EXIT_FAILED;
	} else if (json && ret != EXIT_FAILED) {
		check_json_print(check_json_new("vanity.against/1", false, &errors));
	}
	load_errors_free(&errors);
	free(plan);
	return ret;
}

int verb_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, SHOW_JSON },
		{ "matrix", no_argument, NULL, SHOW_MATRIX },
		{ "plan", no_argument, NULL, SHOW_PLAN },
		{ "dev", no_argument, NULL, AS_DEV },
		{ "against", required_argument, NULL, 'a' },
		{ "strict", no_argument, NULL, STRICT },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *old = NULL;
	unsigned int show = 0;
	int c;

	optind = 0; /* glibc: start over, permute anew */
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) < 0 ? EXIT_FAILED : EXIT_OK;
		if (c == '?')
			return EXIT_USAGE;
		if (c == 'a')
			old = optarg;
		else
			show |= (unsigned int)c;
	}
	if (argc - optind != 1 ||
	    (old != NULL ? (show & (SHOW_MATRIX | SHOW_PLAN)) != 0 : (show & STRICT) != 0)) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	return old != NULL ? against(argv[optind], old, show) : check(argv[optind], show);
}
