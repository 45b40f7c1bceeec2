/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the hotplug tests do inside the machine, where there is no shell; static, a job of
 * init.c's each. PROGRAM's output is kept in the file OUT that names it from then on.
 *
 *	start OUT PROGRAM ARG...	begin it and leave it running. With --notify-fd 3
 *					among the words: return when it says that it is ready
 *	signal OUT NUMBER		send a signal; SIGTERM also waits for its end, which must be with 0
 *	memory OUT			print its VmRSS
 *	expect LIST SECONDS PROGRAM ARG...
 *					run it, at most so long: its status must be in LIST ("0,1")
 *	await SECONDS WHAT... [-- ...]	until all is so: +MODULE is live, -MODULE is not there,
 *					PATH exists, !PATH does not, PATH:TEXT is in that file.
 *					The words after "--" are for the host (see qmp)
 *	bound SECONDS DEVICE DRIVER [-- ...]
 *					until DEVICE and then DRIVER (patterns) exist: how long the one
 *					and the other took
 *	rmmod MODULE...			one after the other
 *	again N MODULE,... PROGRAM ARG...
 *					N times: rmmod, run the program, all must be back
 *	changes PATH [MICROSECONDS]	"change" for ever, to this uevent file, with a pause
 *	namespaces			make and drop network namespaces for ever
 *	hang PATH			whoever reads this file waits for ever, as for a lock that is held
 *	storm N [MODULE,...]...		N synthetic "add" events (0: until SIGTERM), round and round all
 *					devices; in the middle these modules are removed. Says when it begins,
 *					and how many messages the kernel had to drop meanwhile
 *	-c COMMAND			as /bin/sh, for an install line: make the file that COMMAND is, and
 *					never end
 *	overflow OUT MODULE,... MODULE,...
 *					stop the program, let its receive buffer overflow, and only
 *					then remove the first modules: their events are lost. Let it
 *					go on, and remove the others while it still reads
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* More than 16 MiB of receive buffer can hold. */
#define OVERFLOW_EVENTS 52000
#define NOTIFY_SOCKET "/tmp/notify"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
}

/* The whole file, with a NUL; NULL when it is not there. */
static char *contents(const char *path)
{
	size_t n = 0, room = 1 << 16;
	char *data = malloc(room + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 || !data)
		return NULL;
	while ((got = read(fd, data + n, room - n)) > 0) {
		n += (size_t)got;
		if (n == room)
			data = realloc(data, (room *= 2) + 1);
	}
	close(fd);
	data[n] = '\0';
	return data;
}

static long number_in(const char *out, const char *suffix)
{
	char path[256], *text;
	long n;

	snprintf(path, sizeof path, "%s%s", out, suffix);
	text = contents(path);
	n = text ? atol(text) : -1;
	free(text);
	return n;
}

static void write_number(const char *out, const char *suffix, long n)
{
	char path[256], tmp[260];
	FILE *f;

	snprintf(path, sizeof path, "%s%s", out, suffix);
	snprintf(tmp, sizeof tmp, "%s.tmp", path);
	f = fopen(tmp, "we");
	if (!f)
		return;
	fprintf(f, "%ld\n", n);
	fclose(f);
	rename(tmp, path);
}

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void execute(char **argv)
{
	execv(argv[0], argv);
	fprintf(stderr, "aide: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int notify_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = NOTIFY_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { 60, 0 };

	unlink(NOTIFY_SOCKET);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setenv("NOTIFY_SOCKET", NOTIFY_SOCKET, 1);
	return fd;
}

/* The keeper stays as its parent, to know how it ended. */
static void keep(const char *out, char **argv)
{
	int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644), status;
	pid_t pid;

	setsid();
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
	pid = fork();
	if (pid == 0)
		execute(argv);
	close(3);
	write_number(out, ".pid", pid);
	waitpid(pid, &status, 0);
	write_number(out, ".status", status_of(status));
	_exit(0);
}

static int start(int argc, char **argv)
{
	bool ready = false;
	char got[2][32] = { "", "" };
	int ends[2], fd = -1;

	for (int i = 2; i < argc; i++)
		ready = ready || !strcmp(argv[i], "--notify-fd");
	if (ready) {
		fd = notify_socket();
		if (fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
			return 1;
		if (ends[1] != 3)
			dup3(ends[1], 3, 0);
		else
			fcntl(3, F_SETFD, 0);
		if (ends[1] != 3)
			close(ends[1]);
	}
	if (fork() == 0)
		keep(argv[1], argv + 2);
	close(3);
	while (number_in(argv[1], ".pid") < 0)
		nap();
	if (!ready)
		return 0;
	/* Everything until it closes the descriptor. */
	for (size_t n = 0; n < 31 && read(ends[0], got[0] + n, 1) == 1;)
		n++;
	if (recv(fd, got[1], 31, 0) < 0)
		perror("aide: NOTIFY_SOCKET");
	printf("--notify-fd: %s; NOTIFY_SOCKET: %s\n", strcmp(got[0], "\n") ? "wrong" : "right", got[1]);
	return strcmp(got[0], "\n") || strcmp(got[1], "READY=1");
}

static int send_signal(const char *out, int number)
{
	long pid = number_in(out, ".pid"), status = -1;
	double end = now() + 30;

	if (pid <= 0 || kill((pid_t)pid, number) < 0) {
		printf("%s: %s\n", out, strerror(errno));
		return 1;
	}
	if (number != SIGTERM)
		return 0;
	while (now() < end && (status = number_in(out, ".status")) < 0)
		nap();
	printf("ended with %ld after %.3f s\n", status, now() - end + 30);
	return status < 0 ? 124 : (int)status;
}

static int memory(const char *out)
{
	char path[64], *text, *line;

	snprintf(path, sizeof path, "/proc/%ld/status", number_in(out, ".pid"));
	text = contents(path);
	line = text ? strstr(text, "VmRSS:") : NULL;
	if (!line)
		return 1;
	printf("%.*s\n", (int)strcspn(line, "\n"), line);
	return 0;
}

static int run_limited(double seconds, char **argv)
{
	double end = now() + seconds;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		execute(argv);
	while (now() < end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status_of(status);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("aide: not ended after %.0f s\n", seconds);
	return 124;
}

static int expect(char **argv)
{
	double begin = now();
	int status = run_limited(atof(argv[2]), argv + 3);

	printf("aide: status %d after %.3f s\n", status, now() - begin);
	fflush(stdout);
	for (char *save, *s = strtok_r(argv[1], ",", &save); s; s = strtok_r(NULL, ",", &save))
		if (atoi(s) == status)
			return 0;
	return 1;
}

static bool is_live(const char *module)
{
	char path[128], *text;
	bool live;

	snprintf(path, sizeof path, "/sys/module/%s/initstate", module);
	text = contents(path);
	live = text && !strcmp(text, "live\n");
	free(text);
	return live;
}

static bool is_so(const char *what)
{
	const char *colon = strchr(what + 1, ':');
	char path[256], *text;
	bool found;

	if (*what == '+')
		return is_live(what + 1);
	if (*what == '-') {
		snprintf(path, sizeof path, "/sys/module/%s/initstate", what + 1);
		return access(path, F_OK) < 0;
	}
	if (*what == '!')
		return access(what + 1, F_OK) < 0;
	if (!colon)
		return access(what, F_OK) == 0;
	snprintf(path, sizeof path, "%.*s", (int)(colon - what), what);
	text = contents(path);
	found = text && strstr(text, colon + 1);
	free(text);
	return found;
}

static int await(int argc, char **argv)
{
	double begin = now(), end = begin + atof(argv[1]);
	int missing = 1;

	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], "--"))
			argc = i;
	while (missing && now() < end) {
		missing = 0;
		for (int i = 2; i < argc; i++)
			missing += !is_so(argv[i]);
		if (missing)
			nap();
	}
	for (int i = 2; i < argc; i++)
		if (!is_so(argv[i]))
			printf("not so: %s\n", argv[i]);
	printf("after %.3f s\n", now() - begin);
	return missing != 0;
}

static bool exists(const char *pattern)
{
	glob_t found;
	bool yes = !glob(pattern, GLOB_NOSORT, NULL, &found);

	if (yes)
		globfree(&found);
	return yes;
}

static double until_exists(const char *pattern, double end)
{
	while (!exists(pattern) && now() < end)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	return now();
}

static int bound(const char *seconds, const char *device, const char *driver)
{
	double begin = now(), end = begin + atof(seconds);
	double there = until_exists(device, end), driven = until_exists(driver, end);

	printf("there after %.3f s, bound %.3f s later\n", there - begin, driven - there);
	return driven >= end;
}

/* Somebody may look at it just now: not for long. */
static int remove_once(const char *list, bool again)
{
	char *copy = strdup(list), *save;
	int r = 0;

	for (char *m = strtok_r(copy, ",", &save); !r && m; m = strtok_r(NULL, ",", &save))
		if (syscall(SYS_delete_module, m, O_NONBLOCK) < 0 && !(again && errno == ENOENT))
			r = errno;
	free(copy);
	return r;
}

/* One after the other. A module in use may have got its user back in this moment: then all over again. */
static int remove_list(const char *list)
{
	double end = now() + 10;
	int r = remove_once(list, false);

	while ((r == EAGAIN || r == EBUSY) && now() < end) {
		nap();
		r = remove_once(list, true);
	}
	if (r)
		printf("rmmod %s: %s\n", list, strerror(r));
	return r != 0;
}

static int all_back(const char *list, int round)
{
	char *copy = strdup(list), *save;
	int r = 0;

	for (char *m = strtok_r(copy, ",", &save); m; m = strtok_r(NULL, ",", &save)) {
		if (is_live(m))
			continue;
		printf("round %d: %s has not come back\n", round, m);
		r = 1;
	}
	free(copy);
	return r;
}

static int again(int n, const char *list, char **argv)
{
	double worst = 0, sum = 0;
	int bad = 0;

	for (int i = 1; i <= n; i++) {
		double begin;
		int status, r = remove_list(list);

		fflush(stdout);
		begin = now();
		status = run_limited(30, argv);
		if (status)
			printf("round %d: status %d\n", i, status);
		sum += now() - begin;
		worst = now() - begin > worst ? now() - begin : worst;
		bad += (r | status | all_back(list, i)) != 0;
	}
	printf("%d of %d rounds good; %.3f s each, at most %.3f s\n", n - bad, n, sum / n, worst);
	return bad != 0;
}

static void write_event(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0; /* a device that goes just now */
	if (fd >= 0)
		close(fd);
}

static _Noreturn void changes(const char *path, long pause_us)
{
	for (;;) {
		write_event(path, "change");
		if (pause_us)
			nanosleep(&(struct timespec){ 0, pause_us * 1000 }, NULL);
	}
}

static int namespaces(void)
{
	for (;;)
		if (unshare(CLONE_NEWNET) < 0) {
			perror("aide: unshare");
			return 1;
		}
}

/* A FIFO that nobody writes to is laid over it. */
static int hang(const char *path)
{
	static const char fifo[] = "/tmp/hung";

	if ((mkfifo(fifo, 0600) < 0 && errno != EEXIST) || mount(fifo, path, NULL, MS_BIND, NULL) < 0) {
		fprintf(stderr, "aide: %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

static int never_end(const char *path)
{
	close(creat(path, 0644));
	for (;;)
		pause();
}

static char *files[8192];
static int n_files;

static int found(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (type == FTW_F && !strcmp(path + ftw->base, "uevent") && n_files < 8192)
		files[n_files++] = strdup(path);
	return 0;
}

static struct {
	unsigned long inode;
	long dropped;
} sockets[256];
static int n_sockets;

/* How much a socket has lost since it was last seen; one that is new has lost all of it. */
static long more_dropped(unsigned long inode, long n, int is_first)
{
	long before = is_first ? n : 0;
	int i = 0;

	while (i < n_sockets && sockets[i].inode != inode)
		i++;
	if (i < n_sockets)
		before = sockets[i].dropped;
	else if (n_sockets < 256)
		sockets[n_sockets++].inode = inode;
	else
		return 0;
	sockets[i].dropped = n;
	return n > before ? n - before : 0;
}

/* What the kernel had to drop for sockets that listen to uevents since the first call: column 9 of
 * /proc/net/netlink. A socket's count goes with it, so each is counted by itself. */
static long dropped(void)
{
	static int calls;
	static long sum;
	char *text = contents("/proc/net/netlink"), *save;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		unsigned long inode;
		long n;
		int protocol;

		if (sscanf(l, "%*s %d %*s %*s %*s %*s %*s %*s %ld %lu", &protocol, &n, &inode) == 3 &&
		    protocol == 15)
			sum += more_dropped(inode, n, !calls);
	}
	calls++;
	free(text);
	return sum;
}

static volatile sig_atomic_t is_over;

static void be_over(int signal_number)
{
	(void)signal_number;
	is_over = 1;
}

static int storm(int n, char **lists, int n_lists)
{
	double begin = now();
	int r = 0, i = 0;

	signal(SIGTERM, be_over);
	n_files = 0;
	nftw("/sys/devices", found, 32, FTW_PHYS);
	dropped();
	printf("the storm begins\n");
	for (; n_files && !is_over && (!n || i < n); i++) {
		write_event(files[i % n_files], "add");
		for (int k = 0; n && i == n / 2 && k < n_lists; k++)
			r |= remove_list(lists[k]);
		if (i % 16 == 0)
			dropped();
	}
	printf("%d events of %d devices in %.3f s\n", i, n_files, now() - begin);
	printf("%ld messages dropped\n", dropped());
	return r || n_files == 0;
}

static int overflow(const char *out, const char *first, const char *second)
{
	pid_t pid = (pid_t)number_in(out, ".pid");
	int r;

	if (pid <= 0 || kill(pid, SIGSTOP) < 0)
		return 1;
	r = storm(OVERFLOW_EVENTS, NULL, 0);
	r |= !dropped();
	r |= remove_list(first);
	kill(pid, SIGCONT);
	r |= remove_list(second);
	printf("%ld messages dropped\n", dropped());
	return r;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	argc--;
	argv++;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "start") && argc > 2)
		return start(argc, argv);
	if (!strcmp(what, "signal") && argc == 3)
		return send_signal(argv[1], atoi(argv[2]));
	if (!strcmp(what, "memory") && argc == 2)
		return memory(argv[1]);
	if (!strcmp(what, "expect") && argc > 3)
		return expect(argv);
	if (!strcmp(what, "await") && argc > 2)
		return await(argc, argv);
	if (!strcmp(what, "bound") && argc > 3)
		return bound(argv[1], argv[2], argv[3]);
	if (!strcmp(what, "again") && argc > 3)
		return again(atoi(argv[1]), argv[2], argv + 3);
	if (!strcmp(what, "changes") && (argc == 2 || argc == 3))
		changes(argv[1], argc == 3 ? atol(argv[2]) : 0);
	if (!strcmp(what, "namespaces"))
		return namespaces();
	if (!strcmp(what, "hang") && argc == 2)
		return hang(argv[1]);
	if (!strcmp(what, "storm") && argc >= 2)
		return storm(atoi(argv[1]), argv + 2, argc - 2);
	if (!strcmp(what, "-c") && argc == 2)
		return never_end(argv[1]);
	if (!strcmp(what, "overflow") && argc == 4)
		return overflow(argv[1], argv[2], argv[3]);
	if (strcmp(what, "rmmod") != 0) {
		fprintf(stderr, "aide: '%s'?\n", what);
		return 100;
	}
	for (int i = 1, r = 0; i <= argc; i++) {
		if (i == argc)
			return r;
		r |= remove_list(argv[i]);
	}
	return 0;
}
