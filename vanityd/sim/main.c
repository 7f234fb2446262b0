/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vanity-sim: a topology in one process, with a seeded scheduler, virtual time and faults.
 * `vanityd sim` executes it. What it is made of: world.h; what it finds: docs/simulator.md.
 */
#include "world.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../exit.h"
#include "../output.h"
#include "../load.h"

static const char help[] =
	"usage: vanityd sim [options] FILE\n"
	"\n"
	"Runs the system of FILE in one process: the same shard sources, the same policy, a seeded\n"
	"scheduler and virtual time. The same seed makes the same run. A run ends when the flow\n"
	"rests: frozen, verified, stopped; then the sums must be exact.\n"
	"\n"
	"  --seed N       one run (default 1)\n"
	"  --seeds A-B    one run for each seed; stops at the first failure\n"
	"  --steps N      end a run after N touches of shared memory (default: when the flow\n"
	"                 rests, at the latest after 2,000,000)\n"
	"  --faults SPEC  \"kill fw@1200, hang router@5000, stop tx@9, stall sink@30:2ms,\n"
	"                 late fw+50:10us, kill daemon@900\": before the N-th touch of its own,\n"
	"                 or +N: so many after the fault before it;\n"
	"                 \"random:1-4\": kills by the seed; \"mixed:1-4\": all kinds\n"
	"  --hostile NAME what this shard writes may be refused by its neighbours\n"
	"  --write        write what pcap devices wrote to their files; with one seed\n"
	"  --trace        print the schedule\n"
	"  --touches      print the schedule and every touch, with what stood there before\n"
	"  --json         one document vanity.sim/1\n"
	"  --help         this text\n"
	"\n"
	"Exit codes: 0 every run was sound, 1 a failure (its seed is printed), 2 usage,\n"
	"3 the topology is invalid, or not one that can be simulated.\n";

struct totals {
	uint64_t seeds, steps, switches, deaths, quiesces, refusals, unfired;
	struct ledger_items items;
	struct port_sums ports;
	uint64_t trace; /* of all runs */
};

static struct options options;
static bool json;
static uint64_t seed_first = 1, seed_last = 1;
static struct plan plan;

/* --- what goes wrong outside of any oracle ------------------------------------------------- */

static void say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

static void reproduce(FILE *to)
{
	char text[4096];

	faults_print(text, sizeof(text));
	if (world.fault_count > 0)
		fprintf(to, "  faults: %s\n", text);
	fprintf(to, "  reproduce: vanityd sim %s --seed %" PRIu64, options.file, world.seed);
	if (world.fault_count > 0)
		fprintf(to, " --faults \"%s\"", text);
	if (options.hostile != NULL)
		fprintf(to, " --hostile %s", options.hostile);
	if (options.steps != 0)
		fprintf(to, " --steps %" PRIu64, options.steps);
	fprintf(to, "\n");
}

/* A store into a neighbour's wire, or beyond a region: the shard's bug, or the library's. Not
 * async-signal-safe, and the last thing this process does. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	const char *where = "outside of shared memory";

	(void)context;
	signal(number, SIG_DFL);
	for (uint32_t i = 0; i < plan.region_count; i++) {
		const struct region *r = &world.region[i];
		const uint8_t *at = info->si_addr;

		if (r->ro != NULL && at >= r->ro && at < r->ro + plan.region[i].bytes)
			where = "in memory it may only read";
	}
	say("\n");
	fflush(stdout);
	fprintf(stderr,
		"FAILED: seed %" PRIu64 ", step %" PRIu64 ": %s touches an address %s (%s)\n",
		world.seed, sim.step, party_name(sim.current), where, strsignal(number));
	reproduce(stderr);
	fflush(stderr);
	_exit(EXIT_FAILED);
}

/* Real time, for one purpose: a program that loops without touching anything never comes back
 * to the scheduler. */
static void on_alarm(int number)
{
	static uint64_t step, seed;

	(void)number;
	if (step == sim.step && seed == world.seed && sim.current < sim.party_count) {
		fprintf(stderr,
			"FAILED: seed %" PRIu64 ", step %" PRIu64
			": %s runs for ever without touching shared memory\n",
			world.seed, sim.step, party_name(sim.current));
		reproduce(stderr);
		fflush(stderr);
		_exit(EXIT_FAILED);
	}
	step = sim.step;
	seed = world.seed;
}

static void guard(void)
{
	static uint8_t stack[65536];
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction alarmed = { .sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART };
	const struct itimerval every = { { 20, 0 }, { 20, 0 } };

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGALRM, &alarmed, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

/* --- a run and what is told of it ---------------------------------------------------------- */

static bool run(uint64_t seed, struct totals *t)
{
	struct port_sums ports;

	world.seed = seed;
	if (options.faults != NULL && faults_are_derived(options.faults))
		faults_derive(options.faults);
	world_begin(seed);
	world_run();
	oracle_totals(&ports);
	t->seeds++;
	t->steps += sim.step;
	t->switches += sim.switches;
	t->deaths += world.deaths;
	t->quiesces += world.quiesces;
	t->refusals += world.refusals;
	t->unfired += faults_left();
	t->items.begun += ledger_items.begun;
	t->items.done += ledger_items.done;
	t->items.dropped += ledger_items.dropped;
	t->items.lost += ledger_items.lost;
	t->items.unsaid += ledger_items.unsaid;
	t->ports.in_doubt += ports.in_doubt;
	t->ports.lost_in_hand += ports.lost_in_hand;
	t->ports.handled_late += ports.handled_late;
	t->ports.skipped += ports.skipped;
	t->trace = cell_mix(t->trace ^ sim.trace);
	return !world.failed;
}

static void tell_failure(void)
{
	fflush(stdout);
	fprintf(stderr,
		"FAILED: seed %" PRIu64 ", step %" PRIu64 ", %" PRIu64 ".%06" PRIu64 " ms: %s\n",
		world.seed, world.failed_step, world.failed_now / 1000000,
		world.failed_now % 1000000, world.words);
	fprintf(stderr, "  trace: %016" PRIx64 "\n", sim.trace);
	reproduce(stderr);
}

static void tell(const struct totals *t)
{
	printf("%" PRIu64 " seed%s: sums exact\n", t->seeds, t->seeds == 1 ? "" : "s");
	printf("  steps %" PRIu64 ", switches %" PRIu64 ", deaths %" PRIu64 ", quiesces %" PRIu64
	       ", channels refused %" PRIu64 ", faults not reached %" PRIu64 "\n",
	       t->steps, t->switches, t->deaths, t->quiesces, t->refusals, t->unfired);
	printf("  items begun %" PRIu64 ", done %" PRIu64 ", dropped %" PRIu64 ", lost %" PRIu64
	       " (in doubt %" PRIu64 ", lost in hand %" PRIu64 ", handled late %" PRIu64 ")\n",
	       t->items.begun, t->items.done, t->items.dropped, t->items.lost, t->ports.in_doubt,
	       t->ports.lost_in_hand, t->ports.handled_late);
	for (uint32_t i = 0; t->seeds == 1 && i < plan.device_count; i++) {
		uint64_t bytes;
		char digest[65];

		if (device_result(i, &bytes, digest))
			printf("  device %s: %" PRIu64 " bytes written, SHA-256 %s\n",
			       plan.device[i].name, bytes, digest);
	}
	printf("  trace: %016" PRIx64 "\n", t->seeds == 1 ? sim.trace : t->trace);
}

static void tell_json_devices(void)
{
	const char *comma = "";

	printf(",\"devices\":[");
	for (uint32_t i = 0; i < plan.device_count; i++) {
		uint64_t bytes;
		char digest[65];

		if (!device_result(i, &bytes, digest))
			continue;
		printf("%s{\"name\":\"%s\",\"bytes\":%" PRIu64 ",\"sha256\":\"%s\"}", comma,
		       plan.device[i].name, bytes, digest);
		comma = ",";
	}
	printf("]");
}

/* JSON has no use for a name with a quote in it, and the topology allows none. */
static void tell_json(const struct totals *t, bool sound)
{
	char text[4096];

	faults_print(text, sizeof(text));
	printf("{\"schema\":\"vanity.sim/1\",\"system\":\"%s\",\"sound\":%s,\"seeds\":%" PRIu64
	       ",\"seed\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"switches\":%" PRIu64
	       ",\"deaths\":%" PRIu64 ",\"quiesces\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"trace\":\"%016" PRIx64 "\"",
	       plan.system, sound ? "true" : "false", t->seeds, world.seed, t->steps, t->switches,
	       t->deaths, t->quiesces, t->refusals, t->seeds == 1 ? sim.trace : t->trace);
	printf(",\"items\":{\"begun\":%" PRIu64 ",\"done\":%" PRIu64 ",\"dropped\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"in_doubt\":%" PRIu64 ",\"lost_in_hand\":%" PRIu64
	       ",\"handled_late\":%" PRIu64 "}",
	       t->items.begun, t->items.done, t->items.dropped, t->items.lost, t->ports.in_doubt,
	       t->ports.lost_in_hand, t->ports.handled_late);
	if (t->seeds == 1) {
		printf(",\"faults\":\"%s\",\"shards\":[", text);
		for (uint32_t i = 0; i < plan.shard_count; i++) {
			const struct vanity_counter_name *name = world.shard[i].program->counters;

			printf("%s{\"name\":\"%s\",\"generation\":%u,\"counters\":{", i ? "," : "",
			       plan.shard[i].name, world.shard[i].started);
			for (uint32_t k = 0; name != NULL && name[k].counter != 0; k++)
				printf("%s\"%s\":%" PRIu64, k ? "," : "", name[k].name,
				       sim_peek(&cell_of(i)->counter[name[k].counter]));
			printf("}}");
		}
		printf("]");
		tell_json_devices();
	}
	if (!sound) {
		/* The words may quote what a shard said. */
		for (char *c = world.words; *c != '\0'; c++)
			if (*c == '"' || *c == '\\' || (unsigned char)*c < 32 || (*c & 0x80) != 0)
				*c = '?';
		printf(",\"failure\":{\"seed\":%" PRIu64 ",\"step\":%" PRIu64 ",\"words\":\"%s\"}",
		       world.seed, world.failed_step, world.words);
	}
	printf("}\n");
}

/* --- arguments ----------------------------------------------------------------------------- */

static bool number_read(const char *text, uint64_t *ret, const char **ret_end)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*ret = strtoull(text, &end, 10);
	*ret_end = end;
	return true;
}

static int usage(const char *words, const char *what)
{
	fprintf(stderr, "vanityd sim: %s%s; see vanityd sim --help\n", words, what);
	return EXIT_USAGE;
}

static int arguments(int argc, char **argv)
{
	static const struct option table[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'r' },
		{ "steps", required_argument, NULL, 'n' },
		{ "faults", required_argument, NULL, 'f' },
		{ "trace", no_argument, NULL, 't' },
		{ "hostile", required_argument, NULL, 'x' },
		{ "touches", no_argument, NULL, 'T' },
		{ "write", no_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *end = "";
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (c) {
		case 's':
			if (!number_read(optarg, &seed_first, &end) || *end != '\0')
				return usage("not a seed: ", optarg);
			seed_last = seed_first;
			break;
		case 'r':
			if (!number_read(optarg, &seed_first, &end) || *end != '-' ||
			    !number_read(end + 1, &seed_last, &end) || *end != '\0' ||
			    seed_last < seed_first)
				return usage("not a range of seeds: ", optarg);
			break;
		case 'n':
			if (!number_read(optarg, &options.steps, &end) || *end != '\0')
				return usage("not a number of steps: ", optarg);
			break;
		case 'f':
			options.faults = optarg;
			break;
		case 'x':
			options.hostile = optarg;
			break;
		case 't':
			options.trace = true;
			break;
		case 'T':
			options.trace = options.touches = true;
			break;
		case 'w':
			options.write = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(output_end("vanityd sim", EXIT_OK));
		default:
			return usage("unknown argument", "");
		}
	}
	if (optind + 1 != argc)
		return usage("one topology file is wanted", "");
	if (options.write && seed_first != seed_last)
		return usage("--write is for one seed", "");
	options.file = argv[optind];
	return EXIT_OK;
}

static int prepare(void)
{
	/* The machine this runs on plays no part: small pages everywhere, any number of cores. */
	const struct plan_host host = { .page_bytes = 4096 };
	char words[WORDS_BYTES];
	int code = load_plan(options.file, &host, 0, &plan);

	if (code != EXIT_OK)
		return code;
	if (world_prepare(&plan, &options, words) != 0) {
		fprintf(stderr, "vanityd sim: %s\n", words);
		return EXIT_TOPOLOGY;
	}
	if (options.faults == NULL)
		return EXIT_OK;
	if (faults_are_derived(options.faults)) {
		struct totals scrap = { 0 };
		const char *spec = options.faults;

		/* Where derived faults fall: as far as a run without faults comes. */
		options.faults = NULL;
		if (!run(0, &scrap)) {
			tell_failure();
			return EXIT_FAILED;
		}
		faults_calibrate();
		options.faults = spec;
	} else if (faults_parse(options.faults, &plan, world.fault, &world.fault_count, words)) {
		return usage(words, "");
	}
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct totals totals = { 0 };
	char words[WORDS_BYTES];
	bool sound = true;
	int code = arguments(argc, argv);

	if (code != EXIT_OK)
		return code;
	guard();
	code = prepare();
	if (code != EXIT_OK)
		return code;
	sim_tracing = options.trace;
	for (uint64_t seed = seed_first; sound && seed <= seed_last; seed++)
		sound = run(seed, &totals);
	if (!sound)
		tell_failure();
	if (json)
		tell_json(&totals, sound);
	else if (sound)
		tell(&totals);
	if (options.write && devices_save(words) != 0) {
		fprintf(stderr, "vanityd sim: %s\n", words);
		return EXIT_FAILED;
	}
	return output_end("vanityd sim", sound ? EXIT_OK : EXIT_FAILED);
}
