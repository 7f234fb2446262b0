/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd graph: a topology as a drawing. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_parts.h"
#include "exit.h"
#include "load.h"
#include "verb.h"

static const char help[] =
	"usage: vanityd graph [--svg] FILE\n"
	"\n"
	"Prints the topology in FILE (- is standard input) as a graph in the DOT language:\n"
	"boxes are shards, grouped by trust; arrows are channels; cylinders are pools.\n"
	"\n"
	"  --svg    as SVG instead; needs Graphviz (the command dot)\n"
	"  --help   this text\n"
	"\n"
	"Exit codes: 0 done, 1 not drawn, 2 usage, 3 topology invalid, 4 Graphviz is missing.\n";

static void draw_shards(FILE *out, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		const char *trust = plan->shard[i].trust;
		bool drawn = false;

		for (uint32_t j = 0; j < i && !drawn; j++)
			drawn = strcmp(plan->shard[j].trust, trust) == 0;
		if (drawn)
			continue;
		fprintf(out, "\tsubgraph \"cluster_%s\" {\n\t\tlabel=\"trust %s\";\n", trust,
			trust);
		fprintf(out, "\t\tstyle=dashed;\n");
		for (uint32_t j = i; j < plan->shard_count; j++) {
			const struct plan_shard *s = &plan->shard[j];

			if (strcmp(s->trust, trust) != 0)
				continue;
			fprintf(out, "\t\t\"shard %s\" [label=\"%s\\n%s, ", s->name, s->name,
				s->program);
			if (s->shared != 0)
				fprintf(out, "shared core\"];\n");
			else
				fprintf(out, "core %u\"];\n", s->core);
		}
		fprintf(out, "\t}\n");
	}
}

static void draw_pools(FILE *out, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		const struct plan_pool *p = &plan->pool[i];

		fprintf(out, "\t\"pool %s\" [shape=cylinder, label=\"%s\\n%u x %u B\"];\n", p->name,
			p->name, p->frame_count, p->frame_bytes);
	}
	for (uint32_t i = 0; i < plan->access_count; i++) {
		const struct plan_pool_access *a = &plan->access[i];
		const char *pool = plan->pool[a->pool].name, *shard = plan->shard[a->shard].name;

		if (a->shard == plan->pool[a->pool].owner)
			fprintf(out,
				"\t\"pool %s\" -> \"shard %s\" [style=dotted, arrowhead=none, "
				"label=\"owner\"];\n",
				pool, shard);
		else
			fprintf(out,
				"\t\"pool %s\" -> \"shard %s\" [style=dotted, arrowhead=none, "
				"label=\"%s\"%s];\n",
				pool, shard, a->right == PLAN_RW ? "rw" : "ro",
				a->right == PLAN_RW ? ", color=red" : "");
	}
}

static void draw_devices(FILE *out, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->device_count; i++) {
		const struct plan_device *d = &plan->device[i];

		fprintf(out, "\t\"device %s\" [shape=component, label=\"%s\\n%s\"];\n", d->name,
			d->name, check_backend(d->backend));
		if (d->shard != PLAN_NONE)
			fprintf(out, "\t\"device %s\" -> \"shard %s\" [dir=both, style=bold];\n",
				d->name, plan->shard[d->shard].name);
		/* It writes there by itself: as much a writer as a shard is. */
		if (d->pool != PLAN_NONE)
			fprintf(out,
				"\t\"pool %s\" -> \"device %s\" [style=dotted, arrowhead=none, "
				"label=\"rw\"];\n",
				plan->pool[d->pool].name, d->name);
	}
}

static void draw(FILE *out, const struct plan *plan)
{
	fprintf(out, "digraph \"%s\" {\n\trankdir=LR;\n\tnode [shape=box];\n", plan->system);
	draw_shards(out, plan);
	draw_devices(out, plan);
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];
		const struct plan_shard *from = &plan->shard[c->producer];
		const struct plan_shard *to = &plan->shard[c->consumer];

		fprintf(out,
			"\t\"shard %s\" -> \"shard %s\" [label=\"%s\\n%u x %u B, %s\", "
			"taillabel=\"%s\", headlabel=\"%s\"%s];\n",
			from->name, to->name, c->name, c->slot_count, c->slot_bytes,
			c->full == PLAN_FULL_DROP ? "drop" : "wait",
			from->port[c->producer_port].name, to->port[c->consumer_port].name,
			c->borrow_trusted != 0 ? ", color=red" : "");
	}
	draw_pools(out, plan);
	fprintf(out, "}\n");
}

/* Graphviz as a child: it reads what we draw and writes to our stdout. */
static int draw_svg(const struct plan *plan)
{
	int ends[2], status = 0;
	FILE *out;
	pid_t pid;

	if (pipe(ends) != 0)
		goto failed;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		goto failed;
	}
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		execlp("dot", "dot", "-Tsvg", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	out = fdopen(ends[1], "w");
	if (out != NULL) {
		draw(out, plan);
		fclose(out);
	} else {
		close(ends[1]);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		fprintf(stderr,
			"vanityd graph: --svg needs Graphviz, and there is no command `dot`; "
			"install the package graphviz\n");
		return EXIT_MACHINE;
	}
	if (out != NULL && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EXIT_OK;
	fprintf(stderr, "vanityd graph: dot did not draw this\n");
	return EXIT_FAILED;
failed:
	fprintf(stderr, "vanityd graph: %s\n", strerror(errno));
	return EXIT_FAILED;
}

int verb_graph(int argc, char **argv)
{
	static const struct option options[] = {
		{ "svg", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct plan_host host;
	struct plan *plan;
	bool svg = false;
	int c, ret;

	optind = 0; /* glibc: start over, permute anew */
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) < 0 ? EXIT_FAILED : EXIT_OK;
		if (c == '?')
			return EXIT_USAGE;
		svg = true;
	}
	if (argc - optind != 1) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	ret = load_host(&host);
	if (ret != EXIT_OK)
		return ret;
	host.cores = 0; /* a drawing is for any machine */
	plan = calloc(1, sizeof(*plan));
	if (plan == NULL) {
		fprintf(stderr, "vanityd graph: out of memory\n");
		return EXIT_FAILED;
	}
	ret = load_plan(argv[optind], &host, 0, plan);
	if (ret == EXIT_OK && svg) {
		/* A dot that dies early is an exit code, not a signal. */
		void (*before)(int) = signal(SIGPIPE, SIG_IGN);

		ret = draw_svg(plan);
		signal(SIGPIPE, before);
	} else if (ret == EXIT_OK) {
		draw(stdout, plan);
	}
	free(plan);
	return ret;
}
