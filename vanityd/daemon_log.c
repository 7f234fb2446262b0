/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: lines of the daemon's own and, drained from the cells, those of the shards. A line is
 * formatted here and nowhere else, and what a shard wrote into it is escaped: an operator's
 * terminal obeys no shard. A shard that floods is cut at DAEMON_LOG_RATE, with a count.
 */
#include "daemon.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define LOG_FILE_BYTES_MAX (16u << 20)

static void line_write(struct daemon *d, uint64_t real_ns, const char *text)
{
	static const char anew[] = "\nlog: reached 16 MiB, all but the older half removed\n";
	char *line = d->log.line[d->log.count % DAEMON_LOG_LINES];
	time_t second = (time_t)(real_ns / SECOND_NS);
	struct stat st;
	struct tm tm;
	char file[DAEMON_LOG_LINE_BYTES + 1];
	int n;

	gmtime_r(&second, &tm);
	snprintf(line, DAEMON_LOG_LINE_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ %s",
		 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (unsigned)(real_ns % SECOND_NS / 1000), text);
	d->log.count++;
	n = snprintf(file, sizeof(file), "%s\n", line);
	/* It lies on a file system of memory that others need, and what fills it may be a shard
	 * that was taken over: a file has an end. The older half stays: what began it is in there,
	 * and who wants that forgotten must not be able to write so much that it is. */
	if (d->log_fd >= 0 && fstat(d->log_fd, &st) == 0 &&
	    st.st_size > (off_t)LOG_FILE_BYTES_MAX &&
	    ftruncate(d->log_fd, LOG_FILE_BYTES_MAX / 2) == 0)
		(void)!write(d->log_fd, anew, sizeof(anew) - 1);
	/* A full disk costs lines, never the daemon. */
	if (d->log_fd >= 0 && write(d->log_fd, file, (size_t)n) < 0)
		return;
}

static uint64_t real_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

void daemon_log(struct daemon *d, const char *format, ...)
{
	char text[DAEMON_LOG_LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	line_write(d, real_now_ns(), text);
}

void text_escape(char *ret, size_t room, const char *bytes, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count && bytes[i] != '\0'; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (n + 5 > room)
			break;
		/* Beyond ASCII nothing is known of the terminal or of the encoding. */
		if (c >= 0x20 && c < 0x7f && c != '\\')
			ret[n++] = (char)c;
		else
			n += (size_t)snprintf(ret + n, 5, "\\x%02x", c);
	}
	ret[n] = '\0';
}

void cell_text(const wire_u64 *words, char ret_bytes[CELL_WORDS_BYTES + 1])
{
	for (uint32_t i = 0; i < CELL_WORDS_BYTES / 8; i++) {
		uint64_t word = wire_load(&words[i]);

		memcpy(ret_bytes + i * 8, &word, 8);
	}
	ret_bytes[CELL_WORDS_BYTES] = '\0';
}

/* "%0" and "%1" become the record's two numbers. */
static void record_text(char *ret, size_t room, const char *text, uint64_t a, uint64_t b)
{
	size_t n = 0;

	for (; *text != '\0' && n + 24 < room; text++) {
		if (text[0] == '%' && (text[1] == '0' || text[1] == '1')) {
			n += (size_t)snprintf(ret + n, room - n, "%llu",
					      (unsigned long long)(text[1] == '0' ? a : b));
			text++;
		} else {
			ret[n++] = *text;
		}
	}
	ret[n] = '\0';
}

static void record_write(struct daemon *d, uint32_t shard, const struct cell_log_record *record,
			 uint64_t number)
{
	struct daemon_shard *s = &d->shard[shard];
	char bytes[CELL_WORDS_BYTES + 1], plain[4 * CELL_WORDS_BYTES + 1], text[160], line[220];
	uint64_t cycles, a, b, stamp, now, real;

	if (wire_load_acquire(&record->number) != number)
		goto lost;
	cycles = wire_load(&record->cycles);
	a = wire_load(&record->a);
	b = wire_load(&record->b);
	cell_text(record->text, bytes);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* The writer laps its ring without asking: a record that changed meanwhile is lost. */
	if (wire_load(&record->number) != number)
		goto lost;
	if (s->log_in_second >= DAEMON_LOG_RATE)
		goto lost;
	s->log_in_second++;
	text_escape(plain, sizeof(plain), bytes, CELL_WORDS_BYTES);
	record_text(text, sizeof(text), plain, a, b);
	snprintf(line, sizeof(line), "%s.%u: %s", d->plan->shard[shard].name, s->log_generation,
		 text);
	now = daemon_now_ns();
	real = real_now_ns();
	stamp = daemon_stamp_ns(d, cycles);
	/* Its own time stamp, unless that is a lie. */
	line_write(d,
		   stamp != 0 && stamp <= now && now - stamp < 60 * SECOND_NS ? real - (now - stamp)
									      : real,
		   line);
	return;
lost:
	s->log_lost++;
}

void daemon_log_drain(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];
	uint64_t now = daemon_now_ns(), count;

	if (wire_load_acquire(&s->cell->magic) != CELL_MAGIC)
		return;
	count = wire_load_acquire(&s->cell->log_count);
	if (count < s->log_seen)
		s->log_seen = 0; /* a new generation counts from 1 */
	s->log_generation = (uint32_t)wire_load(&s->cell->generation);
	if (count - s->log_seen > CELL_LOG_RECORDS) {
		s->log_lost += count - s->log_seen - CELL_LOG_RECORDS;
		s->log_seen = count - CELL_LOG_RECORDS;
	}
	while (s->log_seen < count) {
		s->log_seen++;
		record_write(d, shard, &s->cell->log[(s->log_seen - 1) % CELL_LOG_RECORDS],
			     s->log_seen);
	}
	if (now - s->log_second_ns < SECOND_NS)
		return;
	s->log_second_ns = now;
	s->log_in_second = 0;
	claims_tell(d, shard);
	if (s->log_lost > 0)
		daemon_log(d, "%s.%u: %llu log records lost", d->plan->shard[shard].name,
			   s->log_generation, (unsigned long long)s->log_lost);
	s->log_lost = 0;
}
