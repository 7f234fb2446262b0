/* SPDX-License-Identifier: Apache-2.0 */
/* What a vanityd that was taken over tries. Each returns 0 when it worked, or what the kernel said. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "daemon.h"
#include "exit.h"

int taken_leaves_out(const struct daemon *d, int what)
{
	static const char *const kept[] = { [LEAVE_LIMITS] = "taken-limits-",
					    [LEAVE_LANDLOCK] = "taken-landlock-",
					    [LEAVE_FILTER] = "taken-filter-" };

	return strncmp(d->plan->system, "taken-all-", 10) != 0 &&
	       strncmp(d->plan->system, kept[what], strlen(kept[what])) != 0;
}

static int worked(long result)
{
	return result >= 0 ? 0 : errno;
}

static int read_file(const char *target)
{
	char byte;
	int fd = open(target, O_RDONLY | O_CLOEXEC), error = worked(fd);

	if (error == 0)
		error = worked(read(fd, &byte, 1));
	close(fd);
	return error;
}

static int write_file(const char *target)
{
	int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), error = worked(fd);

	if (error == 0)
		error = worked(write(fd, "x", 1));
	close(fd);
	return error;
}

static int child_end(pid_t pid)
{
	int status;

	if (pid < 0)
		return errno;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return ECHILD;
	return WEXITSTATUS(status);
}

static int process(const char *target)
{
	pid_t pid = fork();

	(void)target;
	if (pid == 0)
		_exit(0);
	return child_end(pid);
}

static int program(const char *target)
{
	char *const argv[] = { (char *)(uintptr_t)target, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execv(target, argv);
		_exit(errno);
	}
	return child_end(pid);
}

static int tcp(const char *target)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(target)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error = worked(fd);

	if (error == 0)
		error = worked(connect(fd, (const void *)&to, sizeof(to)));
	close(fd);
	return error;
}

static int udp(const char *target)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(target)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = worked(fd);

	if (error == 0)
		error = worked(sendto(fd, "x", 1, 0, (const void *)&to, sizeof(to)));
	close(fd);
	return error;
}

static int abstract(const char *target)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t bytes = strlen(target);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error = worked(fd);

	memcpy(to.sun_path + 1, target, bytes);
	if (error == 0)
		error = worked(connect(fd, (const void *)&to,
				       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + bytes)));
	close(fd);
	return error;
}

static int executable(const char *target)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)target;
	if (at == MAP_FAILED)
		return errno;
	munmap(at, 4096);
	return 0;
}

static int user_namespace(const char *target)
{
	(void)target;
	return worked(unshare(CLONE_NEWUSER));
}

static int shared_memory(const char *target)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600), error = worked(id);

	(void)target;
	if (error == 0)
		shmctl(id, IPC_RMID, NULL);
	return error;
}

static int all_cores(const char *target)
{
	cpu_set_t all;

	(void)target;
	memset(&all, 0xff, sizeof(all));
	return worked(sched_setaffinity(0, sizeof(all), &all));
}

static int trace(const char *target)
{
	return worked(syscall(SYS_process_vm_readv, (long)atoi(target), NULL, 0l, NULL, 0l, 0l));
}

static int ring(const char *target)
{
	uint8_t parameters[120] = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 1l, parameters), error = worked(fd);

	(void)target;
	close(fd);
	return error;
}

static int memory_of(int flags)
{
	void *at = mmap(NULL, 2ul << 30, PROT_READ | PROT_WRITE,
			flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	munmap(at, 2ul << 30);
	return 0;
}

static int memory(const char *target)
{
	(void)target;
	return memory_of(MAP_PRIVATE);
}

/* What no limit on data counts. */
static int memory_shared(const char *target)
{
	(void)target;
	return memory_of(MAP_SHARED);
}

static int memory_growing(const char *target)
{
	(void)target;
	return memory_of(MAP_PRIVATE | MAP_GROWSDOWN);
}

static const struct {
	const char *verb;
	int (*run)(const char *target);
} attack_list[] = {
	{ "attack-read", read_file },	  { "attack-write", write_file },
	{ "attack-process", process },	  { "attack-program", program },
	{ "attack-tcp", tcp },		  { "attack-udp", udp },
	{ "attack-abstract", abstract },  { "attack-executable", executable },
	{ "attack-user", user_namespace }, { "attack-shm", shared_memory },
	{ "attack-cores", all_cores },	  { "attack-trace", trace },
	{ "attack-ring", ring },	  { "attack-memory", memory },
	{ "attack-shared", memory_shared }, { "attack-growing", memory_growing },
};

int taken_over(struct control_client *client, const char *verb, const struct json_t *request)
{
	const char *target = json_string_value(json_object_get(request, "target"));

	for (size_t i = 0; i < sizeof(attack_list) / sizeof(attack_list[0]); i++) {
		if (strcmp(attack_list[i].verb, verb) != 0)
			continue;
		control_answer(client, EXIT_OK, NULL,
			       json_pack("{s:i}", "errno",
					 attack_list[i].run(target != NULL ? target : "")));
		return 1;
	}
	return 0;
}
