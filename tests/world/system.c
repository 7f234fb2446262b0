/* SPDX-License-Identifier: Apache-2.0 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "paths.h"

#define ASK_TIMEOUT_MS 20000
#define END_TIMEOUT_MS 30000

uint64_t system_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

json_t *system_request(const struct system *s, json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	json_t *answer = NULL;
	int fd = control_connect(s->control), error = fd;

	if (fd >= 0) {
		error = control_ask(fd, request, -1, ASK_TIMEOUT_MS, &answer);
		close(fd);
	}
	if (error < 0)
		fprintf(stderr, "%s: no answer at %s: %s\n", verb, s->control, strerror(-error));
	json_decref(request);
	return error < 0 ? NULL : answer;
}

json_t *system_ask(const struct system *s, const char *verb, const char *shard,
		   uint32_t generation)
{
	json_t *request = json_pack("{s:s}", "verb", verb), *answer, *result = NULL;

	if (shard)
		json_object_set_new(request, "shard", json_string(shard));
	if (generation)
		json_object_set_new(request, "generation", json_integer(generation));
	answer = system_request(s, request);
	if (answer == NULL)
		return NULL;
	if (control_exit(answer) != 0)
		fprintf(stderr, "%s: %s\n", verb, control_words(answer));
	else
		result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}

/* Ready, or over: whichever comes first. */
static int system_await(struct system *s)
{
	for (int i = 0; i < 2000; i++) {
		int status, fd = control_connect(s->control);

		if (fd >= 0) {
			json_t *ready;

			close(fd);
			ready = system_ask(s, "ready", NULL, 0);
			json_decref(ready);
			return ready ? 0 : -1;
		}
		if (waitpid(s->run, &status, WNOHANG) == s->run) {
			s->run = 0;
			fprintf(stderr, "vanityd run ended before it was ready\n");
			return -1;
		}
		poll(NULL, 0, 5);
	}
	fprintf(stderr, "no control socket at %s\n", s->control);
	return -1;
}

int system_run(struct system *s, const char *vanityd, const char *topology, const char *name,
	       int dev)
{
	char run[PATHS_BYTES];

	memset(s, 0, sizeof(*s));
	s->vanityd = vanityd;
	snprintf(s->name, sizeof(s->name), "%s", name);
	if (paths_runtime(name, run) != 0)
		return -1;
	if ((size_t)snprintf(s->control, sizeof(s->control), "%s/control", run) >= sizeof(s->control))
		return -1;
	s->run = fork();
	if (s->run < 0)
		return -1;
	if (s->run == 0) {
		int null = open("/dev/null", O_WRONLY);

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(null, 1);
		execl(vanityd, vanityd, "run", topology, "--quiet", dev ? "--dev" : NULL,
		      (char *)NULL);
		perror(vanityd);
		_exit(127);
	}
	if (system_await(s) == 0)
		return 0;
	(void)system_end(s);
	return -1;
}

int system_end(struct system *s)
{
	struct pollfd p = { .events = POLLIN };
	int status = 0;

	if (s->run <= 0)
		return -1;
	p.fd = (int)syscall(SYS_pidfd_open, s->run, 0);
	kill(s->run, SIGTERM);
	if (p.fd >= 0 && poll(&p, 1, END_TIMEOUT_MS) == 0) {
		fprintf(stderr, "vanityd run does not end; killed\n");
		kill(s->run, SIGKILL);
	}
	waitpid(s->run, &status, 0);
	if (p.fd >= 0)
		close(p.fd);
	s->run = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

json_t *system_shard(const json_t *status, const char *name)
{
	json_t *shard;
	size_t i;

	json_array_foreach(json_object_get(status, "shards"), i, shard)
		if (strcmp(json_string_value(json_object_get(shard, "name")), name) == 0)
			return shard;
	return NULL;
}

long long system_number(const json_t *object, const char *key)
{
	const json_t *n = json_object_get(object, key);

	return json_is_integer(n) ? (long long)json_integer_value(n) : -1;
}
