/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vanityd demo: gen -> firewall -> router -> sink, and a SIGKILL for the firewall.
 *
 * Everything printed was measured in this run: counters from the cells, latencies from stamps in
 * the wires, the restart from the kill to the successor's first item on one clock. What was not
 * measured is null in the document and "not measured" in words.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "demo_files.h"
#include "exit.h"
#include "report.h"
#include "session.h"
#include "verb_live.h"

#define VICTIM "fw"
#define WITNESS "sink"
#define SECOND_NS 1000000000ull
#define KILL_AFTER_NS (3 * SECOND_NS)
#define ASK_TIMEOUT_MS 10000
#define FLOW_TIMEOUT_NS (2 * SECOND_NS)

static const char usage[] =
	"usage: vanityd demo [--pcap FILE] [--seconds N] [--json] [--dev] [--no-kill]\n"
	"\n"
	"Four shards, each a sandboxed process: gen -> fw -> router -> sink. Prints rate, hop latency\n"
	"and loss, kills the firewall with SIGKILL, and ends with the sums. Until Ctrl-C.\n"
	"\n"
	"  --pcap FILE   packets of this capture instead of the shipped one\n"
	"  --seconds N   end by itself\n"
	"  --json        print one document, vanity.demo/1, at the end\n"
	"  --dev         by the rules without root; so for an ordinary user in any case\n"
	"  --no-kill     leave the firewall alone\n";

struct demo {
	struct session session;
	struct demo_files files;
	const char *pcap;
	uint64_t seconds; /* 0: until interrupted */
	int json, dev, no_kill, terminal;

	uint64_t begun_ns; /* the rate counts from here ... */
	long long received_first; /* ... and from this */
	long long received, missing;
	uint64_t sampled_ns;
	long long hop_p50, hop_p99; /* -1 not measured */
	double rate; /* of the last second */

	int killed;
	uint32_t kill_generation; /* of the successor; 0: it never came */
	long long recovered_ns; /* -1 not measured */
	json_t *last_status; /* with everybody alive */
};

/* --- looking ------------------------------------------------------------------------------- */

static long long hop(const json_t *stats, const char *key)
{
	const json_t *value = json_object_get(stats, key);

	return json_is_integer(value) ? (long long)json_integer_value(value) : -1;
}

static void take_stats(struct demo *demo, const json_t *stats)
{
	const json_t *sink = report_named(json_object_get(stats, "shards"), WITNESS);
	const json_t *counters = json_object_get(sink, "counters");
	uint64_t now = (uint64_t)report_number(stats, "now_ns");
	long long received = report_number(counters, "received");

	if (demo->sampled_ns != 0 && now > demo->sampled_ns)
		demo->rate = (double)(received - demo->received) * 1e9 /
			     (double)(now - demo->sampled_ns);
	if (demo->begun_ns == 0) {
		demo->begun_ns = now;
		demo->received_first = received;
	}
	demo->received = received;
	demo->missing = report_number(counters, "missing");
	demo->sampled_ns = now;
	demo->hop_p50 = hop(stats, "hop_p50_ns");
	demo->hop_p99 = hop(stats, "hop_p99_ns");
}

static int sample(struct demo *demo)
{
	json_t *stats = NULL;
	int result = session_ask(&demo->session, json_pack("{s:s}", "verb", "stats"),
				 ASK_TIMEOUT_MS, &stats);

	if (result == EXIT_OK)
		take_stats(demo, stats);
	json_decref(stats);
	return result;
}

static void print_live(const struct demo *demo)
{
	if (demo->json)
		return;
	printf("%s%8.3f Mpps  hop p50 %lld ns, p99 %lld ns  lost %lld%s",
	       demo->terminal ? "\r" : "", demo->rate / 1e6, demo->hop_p50, demo->hop_p99,
	       demo->missing, demo->terminal ? "   " : "\n");
	fflush(stdout);
}

/* --- the kill ------------------------------------------------------------------------------ */

/* As the operator would: kill -9 PID, with the number that status shows. */
static int kill_pid(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), result;

	if (fd < 0)
		return -errno;
	result = syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0 ? 0 : -errno;
	close(fd);
	return result;
}

/* Does the witness count on? */
static int traffic_flows(struct demo *demo)
{
	uint64_t deadline = session_now_ns() + FLOW_TIMEOUT_NS;
	long long before;

	if (sample(demo) != EXIT_OK)
		return 0;
	before = demo->received;
	while (session_now_ns() < deadline) {
		if (sample(demo) != EXIT_OK)
			return 0;
		if (demo->received > before)
			return 1;
	}
	return 0;
}

static void print_kill(const struct demo *demo, pid_t pid, uint32_t generation, int flows)
{
	if (demo->json)
		return;
	printf("%skill -9 %d (%s, generation %u)\n", demo->terminal ? "\n" : "", (int)pid, VICTIM,
	       generation);
	if (demo->recovered_ns >= 0)
		printf("  its successor, generation %u, handled its first item %.1f us after the kill\n",
		       demo->kill_generation, (double)demo->recovered_ns / 1e3);
	else
		printf("  no successor handled an item: not measured\n");
	printf("  %s\n", flows ? "the sink counts on" : "the sink counts NO further packets");
}

static int demo_kill(struct demo *demo)
{
	json_t *status = NULL, *item = NULL, *fw;
	uint64_t killed_ns;
	uint32_t generation;
	pid_t pid;
	int result, flows;

	demo->killed = 1;
	result = session_ask(&demo->session, json_pack("{s:s}", "verb", "status"), ASK_TIMEOUT_MS,
			     &status);
	fw = report_named(json_object_get(status, "shards"), VICTIM);
	pid = (pid_t)report_number(fw, "pid");
	generation = (uint32_t)report_number(fw, "generation");
	json_decref(status);
	if (result != EXIT_OK || pid <= 0)
		return EXIT_FAILED;
	killed_ns = session_now_ns();
	result = kill_pid(pid);
	if (result != 0) {
		fprintf(stderr, "vanityd demo: kill -9 %d: %s\n", (int)pid, strerror(-result));
		return EXIT_FAILED;
	}
	result = session_ask(&demo->session,
			     json_pack("{s:s,s:s,s:i}", "verb", "item", "shard", VICTIM,
				       "generation", (int)generation + 1),
			     ASK_TIMEOUT_MS, &item);
	if (result == EXIT_OK) {
		uint64_t first_ns = (uint64_t)report_number(item, "first_item_ns");

		demo->kill_generation = (uint32_t)report_number(item, "generation");
		if (first_ns > killed_ns)
			demo->recovered_ns = (long long)(first_ns - killed_ns);
	}
	json_decref(item);
	flows = traffic_flows(demo);
	print_kill(demo, pid, generation, flows);
	return EXIT_OK;
}

/* --- the run ------------------------------------------------------------------------------- */

static void wait_until(struct demo *demo, uint64_t at_ns)
{
	struct pollfd p = { .fd = demo->session.stop_fd, .events = POLLIN };
	uint64_t now = session_now_ns();

	if (at_ns > now)
		poll(&p, 1, (int)((at_ns - now) / 1000000) + 1);
}

static int demo_run(struct demo *demo)
{
	uint64_t begun = session_now_ns(), next = begun + SECOND_NS,
		 kill_at = begun + KILL_AFTER_NS;
	uint64_t end = demo->seconds > 0 ? begun + demo->seconds * SECOND_NS : UINT64_MAX;
	int result = sample(demo);

	if (demo->seconds > 0 && demo->seconds * SECOND_NS / 2 < KILL_AFTER_NS)
		kill_at = begun + demo->seconds * SECOND_NS / 2;
	if (demo->no_kill)
		kill_at = UINT64_MAX;
	while (result == EXIT_OK && !session_interrupted(&demo->session)) {
		uint64_t now = session_now_ns(), until = next < end ? next : end;

		if (now >= end)
			break;
		if (!demo->killed && now >= kill_at) {
			result = demo_kill(demo);
			continue;
		}
		if (!demo->killed && kill_at < until)
			until = kill_at;
		wait_until(demo, until);
		if (session_now_ns() < next)
			continue;
		next += SECOND_NS;
		result = sample(demo);
		if (result == EXIT_OK)
			print_live(demo);
	}
	/* Interrupted in the middle of a question is no failure. */
	return session_interrupted(&demo->session) ? EXIT_OK : result;
}

/* --- the end ------------------------------------------------------------------------------- */

struct figures {
	long long items_per_s, in_doubt, lost_in_hand, lost_elsewhere;
	int exact;
};

/* What each channel lost: next to the victim, and everywhere else. */
static void take_losses(const json_t *status, struct figures *ret)
{
	const json_t *channels = json_object_get(status, "channels"), *channel;
	size_t i;

	json_array_foreach(channels, i, channel)
	{
		long long doubt = report_number(channel, "in_doubt");
		long long hand = report_number(channel, "lost_in_hand");
		long long other =
			report_number(channel, "skipped") + report_number(channel, "dropped");

		if (strcmp(report_text(channel, "from"), VICTIM) == 0 ||
		    strcmp(report_text(channel, "to"), VICTIM) == 0) {
			ret->in_doubt += doubt;
			ret->lost_in_hand += hand + other;
		} else {
			ret->lost_elsewhere += doubt + hand + other;
		}
	}
}

static json_t *maybe(long long value)
{
	return value >= 0 ? json_integer(value) : json_null();
}

static json_t *kill_report(const struct demo *demo, const struct figures *f)
{
	json_t *report;

	if (!demo->killed)
		return json_null();
	report = json_object();
	json_object_set_new(report, "shard", json_string(VICTIM));
	json_object_set_new(report, "recovered_ns", maybe(demo->recovered_ns));
	json_object_set_new(report, "generation", json_integer(demo->kill_generation));
	json_object_set_new(report, "in_doubt", json_integer(f->in_doubt));
	json_object_set_new(report, "lost_in_hand", json_integer(f->lost_in_hand));
	json_object_set_new(report, "lost_in_flight", json_integer(demo->missing));
	json_object_set_new(report, "lost_elsewhere", json_integer(f->lost_elsewhere));
	return report;
}

static void print_document(const struct demo *demo, const struct figures *f)
{
	const json_t *list = json_object_get(demo->last_status, "shards"), *shard;
	json_t *report = json_object(), *shards = json_array();
	size_t i;

	json_array_foreach(list, i, shard)
	{
		json_t *one = json_object();

		json_object_set(one, "name", json_object_get(shard, "name"));
		json_object_set(one, "pid", json_object_get(shard, "pid"));
		json_object_set(one, "generation", json_object_get(shard, "generation"));
		json_array_append_new(shards, one);
	}
	json_object_set_new(report, "schema", json_string("vanity.demo/1"));
	json_object_set_new(report, "items_per_s", maybe(f->items_per_s));
	json_object_set_new(report, "hop_p50_ns", maybe(demo->hop_p50));
	json_object_set_new(report, "hop_p99_ns", maybe(demo->hop_p99));
	json_object_set_new(report, "lost", json_integer(demo->missing));
	json_object_set_new(report, "shards", shards);
	json_object_set_new(report, "kill", kill_report(demo, f));
	json_object_set_new(report, "sums", json_pack("{s:b}", "exact", f->exact));
	json_object_set(report, "active", json_object_get(demo->last_status, "active"));
	report_json(stdout, report);
	json_decref(report);
}

static void print_words(const struct demo *demo, const struct figures *f, const json_t *sums)
{
	if (demo->terminal)
		putchar('\n');
	report_sums_text(stdout, sums);
	printf("rate   %.3f Mpps over the whole run\n", (double)f->items_per_s / 1e6);
	if (!demo->killed)
		return;
	printf("kill   the sink misses %lld = in doubt %lld + lost in hand %lld; every other channel lost %lld\n",
	       demo->missing, f->in_doubt, f->lost_in_hand, f->lost_elsewhere);
}

/* Status with everybody alive, then stop; the final counts come with the sums. */
static int demo_end(struct demo *demo, int result)
{
	struct figures f = { .items_per_s = -1 };
	json_t *sums = NULL;
	int ended;

	/* The reason to end may be readable still; from here on we want answers. */
	session_forget_stop(&demo->session);
	if (session_ask(&demo->session, json_pack("{s:s}", "verb", "status"), ASK_TIMEOUT_MS,
			&demo->last_status) != EXIT_OK)
		result = EXIT_FAILED;
	if (sample(demo) == EXIT_OK && demo->sampled_ns > demo->begun_ns)
		f.items_per_s = (long long)((double)(demo->received - demo->received_first) * 1e9 /
					    (double)(demo->sampled_ns - demo->begun_ns));
	ended = session_end(&demo->session, &sums);
	if (sums == NULL) {
		fprintf(stderr, "vanityd demo: the daemon did not say the sums\n");
		return EXIT_FAILED;
	}
	take_stats(demo, json_object_get(json_object_get(sums, "final"), "stats"));
	take_losses(json_object_get(json_object_get(sums, "final"), "status"), &f);
	f.exact = json_is_true(json_object_get(sums, "exact"));
	if (demo->json)
		print_document(demo, &f);
	else
		print_words(demo, &f, sums);
	json_decref(sums);
	if (result == EXIT_OK && ended != EXIT_OK)
		result = ended;
	/* What the witness misses must be what the ledgers say was lost; all else is a defect. */
	if (result == EXIT_OK &&
	    (!f.exact || f.lost_elsewhere != 0 || demo->missing != f.in_doubt + f.lost_in_hand))
		result = EXIT_FAILED;
	return result;
}

/* Four cores of their own where the machine has them and two to spare. */
static int first_core(int dev)
{
	return !dev && sysconf(_SC_NPROCESSORS_ONLN) >= 6 ? 2 : -1;
}

static int demo_start(struct demo *demo)
{
	char system[32];
	int result;

	snprintf(system, sizeof(system), "demo-%d", (int)getpid());
	result = demo_files_make(&demo->files, system, demo->pcap, first_core(demo->dev));
	if (result != EXIT_OK)
		return result;
	result = session_load(&demo->session, demo->files.topology, demo->dev, demo->json);
	if (result == EXIT_OK && session_signals(&demo->session) != 0)
		result = EXIT_FAILED;
	if (result == EXIT_OK)
		result = session_raise(&demo->session, NULL);
	demo_files_remove(&demo->files);
	return result;
}

static int arguments(struct demo *demo, int argc, char **argv)
{
	static const struct option options[] = { { "pcap", required_argument, NULL, 'p' },
						 { "seconds", required_argument, NULL, 's' },
						 { "json", no_argument, NULL, 'j' },
						 { "dev", no_argument, NULL, 'd' },
						 { "no-kill", no_argument, NULL, 'n' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	char *end;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			demo->pcap = optarg;
			break;
		case 's':
			demo->seconds = strtoul(optarg, &end, 10);
			if (*end != '\0' || end == optarg || demo->seconds == 0 ||
			    demo->seconds > 1000000)
				return EXIT_USAGE;
			break;
		case 'j':
			demo->json = 1;
			break;
		case 'd':
			demo->dev = 1;
			break;
		case 'n':
			demo->no_kill = 1;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_OK);
		default:
			return EXIT_USAGE;
		}
	}
	return optind == argc ? EXIT_OK : EXIT_USAGE;
}

int verb_demo(int argc, char **argv)
{
	static struct demo the_demo;
	struct demo *demo = &the_demo;
	int result;

	demo->hop_p50 = demo->hop_p99 = demo->recovered_ns = -1;
	if (arguments(demo, argc, argv) != EXIT_OK) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	demo->terminal = isatty(STDOUT_FILENO);
	if (geteuid() != 0)
		demo->dev = 1;
	result = demo_start(demo);
	if (result != EXIT_OK)
		return result;
	result = demo_end(demo, demo_run(demo));
	json_decref(demo->last_status);
	return result;
}
