/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "exit.h"
#include "load.h"

#define READY_TIMEOUT_MS 35000
#define STOP_TIMEOUT_MS 35000
#define WEDGED_MS 2000 /* a daemon that takes longer for its status takes for ever */
#define STOP_PATIENCE_MS 5000u
#define LOG_SHOWN 12u /* lines of the log of a start that failed */

uint64_t session_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* --- load ---------------------------------------------------------------------------------- */

static int refuse_unbuilt(const struct plan *plan)
{
	if (plan->unbuilt_count == 0)
		return EXIT_OK;
	for (uint32_t i = 0; i < plan->unbuilt_count; i++)
		fprintf(stderr, "vanityd: line %u: %s: this build has no mechanism for it yet\n",
			plan->unbuilt[i].line, plan->unbuilt[i].what);
	if (plan->unbuilt_more > 0)
		fprintf(stderr, "vanityd: and %u more\n", plan->unbuilt_more);
	return EXIT_TOPOLOGY;
}

static int refuse_lacking(const struct plan *plan)
{
	int result = EXIT_OK;

	if (plan->require_hugepages == PLAN_REQUIRE_ON && plan->host.huge_page_bytes == 0) {
		fprintf(stderr, "vanityd: the topology requires huge pages; there are none here\n");
		result = EXIT_MACHINE;
	}
	if (plan->require_cores == PLAN_REQUIRE_ISOLATED && plan->host.ignore_cores) {
		fprintf(stderr, "vanityd: the topology requires isolated cores; --dev has none\n");
		result = EXIT_MACHINE;
	}
	if (plan->require_iommu == PLAN_REQUIRE_ON && access("/sys/class/iommu", F_OK) != 0) {
		fprintf(stderr, "vanityd: the topology requires an IOMMU; there is none here\n");
		result = EXIT_MACHINE;
	}
	return result;
}

static int plan_for(struct session *s, int huge_pages)
{
	struct plan_host host = { 0 };
	int result = load_host(&host);

	if (result != EXIT_OK)
		return result;
	if (!huge_pages)
		host.huge_page_bytes = 0;
	host.ignore_cores = (uint32_t)s->dev;
	result = load_plan(s->path, &host, geteuid() == 0 && !s->dev ? LOAD_ROOT_ONLY : 0, s->plan);
	if (result == EXIT_OK)
		result = refuse_unbuilt(s->plan);
	return result != EXIT_OK ? result : refuse_lacking(s->plan);
}

int session_load(struct session *s, const char *path, int dev, int quiet)
{
	memset(s, 0, sizeof(*s));
	s->path = path;
	s->begun_ns = session_now_ns();
	s->stop_fd = s->signal_fd = -1;
	s->setup.keeper_fd = s->setup.keeper_pidfd = -1;
	s->dev = dev;
	s->quiet = quiet;
	if (!dev && geteuid() != 0) {
		fprintf(stderr,
			"vanityd: without root a system runs by the rules of --dev; say so\n");
		return EXIT_DENIED;
	}
	s->plan = calloc(1, sizeof(*s->plan));
	if (s->plan == NULL) {
		fprintf(stderr, "vanityd: no memory for a plan\n");
		return EXIT_FAILED;
	}
	return plan_for(s, !dev);
}

/* --- raise --------------------------------------------------------------------------------- */

static void stage(void *context, const char *what)
{
	struct session *s = context;
	size_t used = strlen(s->stages);

	s->stage = what;
	if (s->quiet)
		return;
	if (s->dev)
		snprintf(s->stages + used, sizeof(s->stages) - used, "  %s\n", what);
	else
		fprintf(stderr, "  %s\n", what);
}

/* Of a machine that is not quite as planned; --quiet is about progress. */
static void note(void *context, const char *words)
{
	(void)context;
	fprintf(stderr, "vanityd: %s\n", words);
}

/* What the system is without: the first line with --dev, and a line where root's lacks something
 * of this machine. */
static void tell_inactive(struct session *s)
{
	const char *between = ": not active: ";

	if (!s->dev && s->setup.inactive == 0)
		return;
	fprintf(stderr, "%ssystem %s", s->dev ? "--dev, " : "", s->plan->system);
	for (uint32_t i = 0; i < SETUP_INACTIVE_COUNT; i++) {
		if (!(s->setup.inactive >> i & 1))
			continue;
		fprintf(stderr, "%s%s", between, setup_inactive_words(i));
		between = ", ";
	}
	fprintf(stderr, "\n%s", s->stages);
	s->stages[0] = '\0';
}

static int watch(struct session *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (s->stop_fd < 0)
		s->stop_fd = epoll_create1(EPOLL_CLOEXEC);
	return s->stop_fd >= 0 && epoll_ctl(s->stop_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

int session_signals(struct session *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd >= 0 && watch(s, s->signal_fd) == 0)
		return 0;
	fprintf(stderr, "vanityd: not started: signals cannot be waited for: %s\n", strerror(errno));
	return -1;
}

void session_forget_stop(struct session *s)
{
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	s->stop_fd = -1;
}

static int fd_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, 0) == 1;
}

int session_interrupted(const struct session *s)
{
	return fd_readable(s->signal_fd);
}

int session_alive(const struct session *s)
{
	return !fd_readable(s->setup.keeper_pidfd);
}

void session_pause(const struct session *s, int timeout_ms)
{
	struct pollfd p = { .fd = s->stop_fd, .events = POLLIN };

	poll(&p, 1, timeout_ms);
}

static int ask(const char *control, json_t *request, int stop_fd, int timeout_ms,
	       json_t **ret_answer)
{
	int fd = control_connect(control), error;

	*ret_answer = NULL;
	if (fd < 0) {
		json_decref(request);
		return fd;
	}
	error = control_ask(fd, request, stop_fd, timeout_ms, ret_answer);
	json_decref(request);
	close(fd);
	return error;
}

/* The reason a system did not come up, from whoever can still say it. */
static int tell_not_ready(struct session *s, int error, const json_t *answer)
{
	if (answer != NULL && control_exit(answer) == EXIT_OK)
		return EXIT_OK;
	if (answer != NULL)
		fprintf(stderr, "vanityd: not started: %s\n", control_words(answer));
	else if (session_interrupted(s))
		fprintf(stderr, "vanityd: not started: interrupted\n");
	else if (fd_readable(s->setup.keeper_pidfd))
		fprintf(stderr, "vanityd: not started: the keeper ended\n");
	else
		fprintf(stderr, "vanityd: not started: %s\n", strerror(-error));
	if (answer != NULL)
		return control_exit(answer);
	return error == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_FAILED;
}

/* The log goes with the runtime directory: what it says of a failed start is shown now. */
static void log_show(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LOG_SHOWN][512], plain[4 * sizeof(line[0]) + 5];
	unsigned count = 0;

	if (file == NULL)
		return;
	while (fgets(line[count % LOG_SHOWN], sizeof(line[0]), file) != NULL)
		count++;
	fclose(file);
	/* The last ones: of many shards the first are those that came up. */
	for (unsigned i = count > LOG_SHOWN ? count - LOG_SHOWN : 0; i < count; i++) {
		line[i % LOG_SHOWN][strcspn(line[i % LOG_SHOWN], "\n")] = '\0';
		control_plain(plain, sizeof(plain), line[i % LOG_SHOWN]);
		fprintf(stderr, "  %s\n", plain);
	}
}

/* Setup; once more with small pages where the machine has no huge ones to spare and the topology
 * does not require them. Said, never silent. */
static int set_up(struct session *s)
{
	struct setup_options options = { .dev = s->dev, .stage = stage, .note = note, .context = s };
	int result = setup_start(s->plan, &options, &s->setup);

	if (result != EXIT_MACHINE || s->plan->host.huge_page_bytes == 0 ||
	    s->plan->require_hugepages == PLAN_REQUIRE_ON || s->stage == NULL ||
	    strcmp(s->stage, "memory") != 0)
		return result;
	fprintf(stderr, "vanityd: %s\nvanityd: once more with small pages\n", s->setup.error);
	result = plan_for(s, 0);
	return result != EXIT_OK ? result : setup_start(s->plan, &options, &s->setup);
}

int session_raise(struct session *s, json_t **ret_status)
{
	json_t *answer = NULL;
	int result, error;

	result = set_up(s);
	tell_inactive(s);
	if (result != EXIT_OK) {
		fprintf(stderr, "vanityd: %s\n", s->setup.error);
		if (s->setup.remedy[0] != '\0')
			fprintf(stderr, "         %s\n", s->setup.remedy);
		return result;
	}
	s->raised = 1;
	watch(s, s->setup.keeper_pidfd);
	/* The daemon answers when it is so; the socket has listened since before it began. */
	error = ask(s->setup.control, json_pack("{s:s}", "verb", "ready"), s->stop_fd,
		    READY_TIMEOUT_MS, &answer);
	result = tell_not_ready(s, error, answer);
	if (result != EXIT_OK) {
		log_show(s->setup.log);
		json_decref(answer);
		session_drop(s);
		return result;
	}
	if (!s->quiet)
		fprintf(stderr, "system %s: %u shards ready after %.1f ms\n", s->plan->system,
			s->plan->shard_count, (double)(session_now_ns() - s->begun_ns) / 1e6);
	if (ret_status != NULL)
		*ret_status = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return EXIT_OK;
}

/* --- while it runs ------------------------------------------------------------------------- */

int session_ask(struct session *s, json_t *request, int timeout_ms, json_t **ret_result)
{
	json_t *answer = NULL;
	int error = ask(s->setup.control, request, s->stop_fd, timeout_ms, &answer), result;

	*ret_result = NULL;
	if (error == -EINTR)
		return EXIT_FAILED;
	if (error != 0)
		return error == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_NOT_RUNNING;
	result = control_exit(answer);
	if (result != EXIT_OK)
		fprintf(stderr, "vanityd: %s\n", control_words(answer));
	*ret_result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}

/* --- end ----------------------------------------------------------------------------------- */

void session_say(const char *why)
{
	const char *remedy = setup_remedy(why);

	fprintf(stderr, "vanityd: %s\n", why);
	if (remedy[0] != '\0')
		fprintf(stderr, "         %s\n", remedy);
}

int system_clear(const char *system, unsigned patience_ms)
{
	char run[PATHS_BYTES], why[512] = "";
	int left = paths_runtime(system, run) == 0 && access(run, F_OK) == 0;
	int result = setup_stop(system, patience_ms, why, sizeof(why));

	if (result == EXIT_FAILED || why[0] != '\0')
		session_say(why);
	if (result == EXIT_NOT_RUNNING && patience_ms == 0)
		fprintf(stderr, left ? "vanityd: system %s did not run; what it had left is undone\n" :
				       "vanityd: system %s does not run\n",
			system);
	return result;
}

int system_stop(const char *system, const char *control, json_t **ret_sums)
{
	json_t *answer = NULL;
	unsigned patience = STOP_PATIENCE_MS;
	int error, result;

	*ret_sums = NULL;
	error = ask(control, json_pack("{s:s}", "verb", "status"), -1, WEDGED_MS, &answer);
	json_decref(answer);
	answer = NULL;
	if (error == 0)
		error = ask(control, json_pack("{s:s}", "verb", "stop"), -1, STOP_TIMEOUT_MS,
			    &answer);
	if (error == -EACCES || error == -EPERM) {
		fprintf(stderr,
			"vanityd: denied: the socket of %s is for root and groups vanity and "
			"vanity-ops\n",
			system);
		return EXIT_DENIED;
	}
	if (error == -EBADE) {
		fprintf(stderr,
			"vanityd: denied: at the socket of %s listens neither root nor you; "
			"nothing was asked\n",
			system);
		return EXIT_DENIED;
	}
	if (error == 0 && control_exit(answer) == EXIT_DENIED) {
		fprintf(stderr, "vanityd: %s\n", control_words(answer));
		json_decref(answer);
		return EXIT_DENIED;
	}
	if (error == 0 && control_exit(answer) == EXIT_OK) {
		*ret_sums = json_incref(json_object_get(answer, "result"));
	} else {
		/* Wedged, dead, or dying of what ails the system: nobody left to ask. */
		patience = 0;
		if (error != -ENOENT)
			fprintf(stderr,
				"vanityd: the daemon of %s does not answer (%s); stopping without sums\n",
				system, error != 0 ? strerror(-error) : control_words(answer));
	}
	json_decref(answer);
	result = system_clear(system, patience);
	/* The keeper undoes everything as its last act, often before we come to look. */
	return result == EXIT_NOT_RUNNING && patience > 0 ? EXIT_OK : result;
}

static void session_close(struct session *s)
{
	if (s->setup.keeper_fd >= 0)
		close(s->setup.keeper_fd);
	if (s->setup.keeper_pidfd >= 0)
		close(s->setup.keeper_pidfd);
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	s->setup.keeper_fd = s->setup.keeper_pidfd = s->stop_fd = -1;
	s->raised = 0;
}

int session_end(struct session *s, json_t **ret_sums)
{
	int result;

	*ret_sums = NULL;
	if (!s->raised)
		return EXIT_NOT_RUNNING;
	result = system_stop(s->plan->system, s->setup.control, ret_sums);
	session_close(s);
	return result;
}

void session_drop(struct session *s)
{
	char why[512] = "";

	if (!s->raised)
		return;
	if (setup_stop(s->plan->system, 0, why, sizeof(why)) == EXIT_FAILED)
		session_say(why);
	session_close(s);
}
