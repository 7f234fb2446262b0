/* SPDX-License-Identifier: Apache-2.0 */
#include "demo_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"

#define DATA_IN_BUILD "demo" /* beside the image, in a build tree */
#define DATA_INSTALLED "../share/vanity/demo"
#define PACKETS_MAX 65536u /* what pktgen indexes and the sink follows */

#define PATH_ROOM (PATHS_BYTES + 32u)

static const char *const file_names[] = { "topology.conf", "demo.pcap", "fw.rules", "routes.conf" };

static int path_join(char ret[PATH_ROOM], const char *folder, const char *name)
{
	return snprintf(ret, PATH_ROOM, "%s/%s", folder, name) < (int)PATH_ROOM ? 0 : -1;
}

/* Where the shipped data lies: in the build tree, or as installed. */
static int data_folder(char ret[PATHS_BYTES])
{
	static const char *const places[] = { DATA_IN_BUILD, DATA_INSTALLED };
	char image[PATHS_BYTES - 64], probe[PATH_ROOM];
	ssize_t n = readlink("/proc/self/exe", image, sizeof(image) - 1);
	char *slash;

	if (n <= 0)
		return -1;
	image[n] = '\0';
	slash = strrchr(image, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(ret, PATHS_BYTES, "%s/%s", image, places[i]);
		if (path_join(probe, ret, file_names[1]) == 0 && access(probe, R_OK) == 0)
			return 0;
	}
	return -1;
}

/* Copies a file, then @more behind it. The copy is ours whoever the original belongs to. */
static int copy(const char *from_folder, const char *to_folder, const char *name, const char *more)
{
	char from[PATH_ROOM], to[PATH_ROOM], block[65536];
	FILE *in = NULL, *out = NULL;
	int result = -1;
	size_t n;

	if (path_join(from, from_folder, name) != 0 || path_join(to, to_folder, name) != 0)
		return -1;
	in = fopen(from, "re");
	out = fopen(to, "wxe");
	if (in == NULL || out == NULL)
		goto out;
	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		if (fwrite(block, 1, n, out) != n)
			goto out;
	if (fputs(more, out) < 0 || ferror(in))
		goto out;
	result = 0;
out:
	if (in != NULL)
		fclose(in);
	if (out != NULL && fclose(out) != 0)
		result = -1;
	if (result != 0)
		fprintf(stderr, "vanityd demo: %s: %s\n", from, strerror(errno));
	return result;
}

static uint32_t u32_at(const unsigned char *bytes, int swapped)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return swapped ? __builtin_bswap32(value) : value;
}

/* 0, or what is wrong with the file's first 24 bytes. */
static const char *capture_head(const unsigned char *head, int *ret_swapped)
{
	static const uint32_t micro = 0xa1b2c3d4u, nano = 0xa1b23c4du,
			      next_generation = 0x0a0d0d0au;
	uint32_t magic = u32_at(head, 0);

	if (magic == next_generation)
		return "is pcapng; `tcpdump -r FILE -w OTHER` makes a classic capture of it";
	*ret_swapped = magic != micro && magic != nano;
	magic = u32_at(head, *ret_swapped);
	if (magic != micro && magic != nano)
		return "is not a capture";
	if ((u32_at(head + 20, *ret_swapped) & 0xffff) != 1)
		return "is not a capture of Ethernet frames";
	return NULL;
}

/*
 * Counts the packets of a classic capture and copies it, up to what a sink can follow. Only the
 * lengths are looked at here; pktgen checks every byte it uses, inside its sandbox. (By hand and
 * not through libpcap, which would load ten libraries into each vanityd for one verb.)
 * Source: draft-ietf-opsawg-pcap, sections 4 and 5.
 */
static const char *capture_copy(FILE *in, FILE *out, uint32_t *ret_packets)
{
	unsigned char head[24], packet[65536];
	uint32_t packets = 0;
	const char *wrong;
	int swapped = 0;

	if (fread(head, sizeof(head), 1, in) != 1)
		return "is not a capture";
	wrong = capture_head(head, &swapped);
	if (wrong != NULL)
		return wrong;
	fwrite(head, sizeof(head), 1, out);
	while (packets < PACKETS_MAX && fread(head, 16, 1, in) == 1) {
		uint32_t bytes = u32_at(head + 8, swapped);

		if (bytes > sizeof(packet) || fread(packet, 1, bytes, in) != bytes)
			return "is cut short, or has a packet beyond 64 KiB";
		fwrite(head, 16, 1, out);
		fwrite(packet, 1, bytes, out);
		packets++;
	}
	if (packets == 0)
		return "has no packets";
	*ret_packets = packets;
	return ferror(out) ? "could not be copied" : NULL;
}

static int capture_write(const char *from, const char *to, uint32_t *ret_packets)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, "wxe");
	const char *wrong = NULL;

	if (in == NULL || out == NULL)
		wrong = strerror(errno);
	else
		wrong = capture_copy(in, out, ret_packets);
	if (in != NULL)
		fclose(in);
	if (out != NULL && fclose(out) != 0 && wrong == NULL)
		wrong = strerror(errno);
	if (wrong == NULL)
		return EXIT_OK;
	fprintf(stderr, "vanityd demo: %s: %s\n", from, wrong);
	return EXIT_USAGE;
}

static int topology_write(const struct demo_files *files, const char *system, int core)
{
	static const struct {
		const char *name, *program, *more;
	} shard[] = { { "gen", "pktgen", ", config = \"demo.pcap\"" },
		      { "fw", "firewall", ", config = \"fw.rules\"" },
		      { "router", "router", ", config = \"routes.conf\"" },
		      { "sink", "sink", NULL } };
	FILE *out = fopen(files->topology, "wxe");

	if (out == NULL) {
		fprintf(stderr, "vanityd demo: %s: %s\n", files->topology, strerror(errno));
		return EXIT_FAILED;
	}
	fprintf(out,
		"vanity = 1\n"
		"system = %s\n"
		"\n"
		"pool packets { owner = gen, frames = 4096, frame = 2KiB,\n"
		"	access = [ fw:ro, router:rw, sink:ro ] }\n"
		"\n"
		"defaults shard { trust = demo, memory = 64MiB }\n"
		"defaults channel { slots = 1024, full = wait, pools = [ packets ] }\n"
		"\n",
		system);
	for (int i = 0; i < 4; i++) {
		fprintf(out, "shard %s { program = %s", shard[i].name, shard[i].program);
		if (core >= 0)
			fprintf(out, ", cores = %d", core + i);
		else
			fputs(", cores = shared", out);
		if (shard[i].more != NULL)
			fputs(shard[i].more, out);
		else
			fprintf(out, ", option { cycle = %u }", files->packets);
		fputs(" }\n", out);
	}
	fputs("\n"
	      "channel gen_fw { gen.out -> fw.in }\n"
	      "channel fw_rt { fw.out -> router.in }\n"
	      "channel rt_sink { router.out -> sink.in }\n",
	      out);
	return fclose(out) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int data_write(struct demo_files *files, const char *pcap)
{
	char data[PATHS_BYTES], capture[PATH_ROOM], shipped[PATH_ROOM];
	FILE *rules;
	int result;

	if (data_folder(data) != 0 || path_join(capture, files->folder, file_names[1]) != 0) {
		fprintf(stderr, "vanityd demo: its data is not installed beside it\n");
		return EXIT_FAILED;
	}
	files->foreign = pcap != NULL;
	if (pcap == NULL) {
		path_join(shipped, data, file_names[1]);
		pcap = shipped;
	}
	result = capture_write(pcap, capture, &files->packets);
	if (result != EXIT_OK)
		return result;
	if (copy(data, files->folder, file_names[3],
		 files->foreign ? "\n# A capture of the user's: a way out for everything.\n"
				  "route 0.0.0.0/0 via 198.51.100.254\n"
				  "route ::/0 via 2001:db8:2::fe\n"
				: "") != 0)
		return EXIT_FAILED;
	if (!files->foreign)
		return copy(data, files->folder, file_names[2], "") == 0 ? EXIT_OK : EXIT_FAILED;
	path_join(capture, files->folder, file_names[2]);
	rules = fopen(capture, "wxe");
	if (rules == NULL)
		return EXIT_FAILED;
	fputs("# SPDX-License-Identifier: Apache-2.0\n# A capture of the user's: all of it passes.\n"
	      "default allow\n",
	      rules);
	return fclose(rules) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int folder_make(const struct demo_files *files)
{
	struct demo_files old;

	if (mkdir(files->folder, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	/* Of a demo that was killed, and had the number that is ours now. */
	old = *files;
	demo_files_remove(&old);
	return mkdir(files->folder, 0700);
}

int demo_files_make(struct demo_files *files, const char *system, const char *pcap, int core)
{
	char root[PATHS_BYTES], why[256] = "";
	int result;

	memset(files, 0, sizeof(*files));
	if (paths_runtime_root(root) != 0 || paths_make_private(root, why, sizeof(why)) != 0) {
		fprintf(stderr, "vanityd demo: %s\n", why);
		return EXIT_MACHINE;
	}
	/* A dot, so that it is no system's directory. */
	if (snprintf(files->folder, sizeof(files->folder), "%s/.%s", root, system) >=
	    (int)sizeof(files->folder))
		return EXIT_FAILED;
	if (folder_make(files) != 0) {
		fprintf(stderr, "vanityd demo: %s: %s\n", files->folder, strerror(errno));
		return EXIT_FAILED;
	}
	path_join(files->topology, files->folder, file_names[0]);
	result = data_write(files, pcap);
	if (result == EXIT_OK)
		result = topology_write(files, system, core);
	if (result != EXIT_OK)
		demo_files_remove(files);
	return result;
}

void demo_files_remove(struct demo_files *files)
{
	char path[PATH_ROOM];

	if (files->folder[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof(file_names) / sizeof(file_names[0]); i++)
		if (path_join(path, files->folder, file_names[i]) == 0)
			unlink(path);
	rmdir(files->folder);
	files->folder[0] = '\0';
}
