/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a command for which this process is the kernel as far as modules go:
 *
 *	ref-kernel -s STATE -l LOG [-b FILE:PATH]... COMMAND [WORD...]
 *
 * The command sees a /sys/module that is made of STATE, and with -b other files instead of those of the
 * machine. Its init_module, finit_module and delete_module, and those of all that it starts, come here
 * (seccomp's user notification) and change that /sys/module as a kernel would. Lines of STATE:
 *
 *	module NAME REFCOUNT INITSTATE [HOLDER...]	it is loaded
 *	builtin NAME					it has a directory and no initstate
 *	needs NAME MODULE...				without these its load fails with ENOENT
 *	insert NAME ERRNO				its load fails
 *	delete NAME ERRNO				its removal fails
 *
 * Each call is a line of LOG ("-": standard output), with all that the kernel gets. A module's name is that
 * of its file, or what the image says.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOP "/sys/module"
#define IMAGE_MAX (16U << 20)
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

struct rule {
	char kind[16]; /* needs, insert, delete */
	char name[64];
	char value[256];
};

static struct rule rules[1024];
static size_t n_rules;
static FILE *out;
static char image[IMAGE_MAX];

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "ref-kernel: %s: %s\n", what, strerror(errno));
	exit(111);
}

/* ---- /sys/module ---- */

static void put(const char *name, const char *file, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), TOP "/%s/%s", name, file);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%s\n", text) < 0 || fclose(f) == EOF)
		die(path);
}

/* Returns -1 if the module is not loaded. */
static int refcount(const char *name)
{
	char path[160];
	FILE *f;
	int n = -1;

	snprintf(path, sizeof(path), TOP "/%s/refcnt", name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static void count(const char *name, int change)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", refcount(name) + change);
	put(name, "refcnt", text);
}

static void make(const char *name, const char *references, const char *state)
{
	char path[160];

	snprintf(path, sizeof(path), TOP "/%s", name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die(path);
	snprintf(path, sizeof(path), TOP "/%s/holders", name);
	if (mkdir(path, 0755) < 0)
		die(path);
	put(name, "refcnt", references);
	put(name, "initstate", state);
}

static void holder_path(char *path, size_t size, const char *name, const char *holder)
{
	snprintf(path, size, TOP "/%s/holders/%s", name, holder);
}

static void add_holder(const char *name, const char *holder)
{
	char path[256], target[80];

	holder_path(path, sizeof(path), name, holder);
	snprintf(target, sizeof(target), "../../%s", holder);
	if (symlink(target, path) < 0 && errno != EEXIST)
		die(path);
}

static bool has_holders(const char *name)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), TOP "/%s/holders", name);
	/* A directory of a tmpfs has 20 bytes for each entry, beside those for "." and "..". */
	return !stat(path, &st) && st.st_size > 40;
}

static void unmake(const char *name)
{
	static const char *const files[] = { "refcnt", "initstate", "holders", "" };
	char path[160];

	for (size_t i = 0; i < LENGTH(files); i++) {
		snprintf(path, sizeof(path), TOP "/%s/%s", name, files[i]);
		if (remove(path) < 0)
			die(path);
	}
}

/* ---- the state ---- */

static void add_rule(const char *kind, const char *name, const char *value)
{
	struct rule *r = &rules[n_rules++];

	if (n_rules == LENGTH(rules))
		die("too many rules");
	snprintf(r->kind, sizeof(r->kind), "%s", kind);
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->value, sizeof(r->value), "%s", value);
}

static const char *find_rule(const char *kind, const char *name)
{
	for (size_t i = 0; i < n_rules; i++)
		if (!strcmp(rules[i].kind, kind) && !strcmp(rules[i].name, name))
			return rules[i].value;
	return "";
}

static int error_of(const char *kind, const char *name)
{
	return (int)strtol(find_rule(kind, name), NULL, 10);
}

static void add_module(const char *name, char *rest)
{
	char *references = strsep(&rest, " "), *state = strsep(&rest, " "), *holder;

	if (!references || !state)
		die("a module without a state");
	make(name, references, state);
	while ((holder = strsep(&rest, " ")))
		add_holder(name, holder);
}

static void read_state(const char *file)
{
	FILE *f = fopen(file, "re");
	char line[2048], kind[16], name[64], path[160];
	int n;

	if (!f)
		die(file);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%15s %63s %n", kind, name, &n) < 2)
			continue;
		snprintf(path, sizeof(path), TOP "/%s", name);
		if (!strcmp(kind, "module"))
			add_module(name, line + n);
		else if (strcmp(kind, "builtin"))
			add_rule(kind, name, line + n);
		else if (mkdir(path, 0755) < 0)
			die(path);
	}
	fclose(f);
}

/* ---- the calls ---- */

/* Returns 0 or an errno; if it is 0, each has one user more when the flag says so. */
static int check_needs(const char *name, bool take)
{
	char list[256], *next = list, *need;

	snprintf(list, sizeof(list), "%s", find_rule("needs", name));
	while ((need = strsep(&next, " "))) {
		if (!*need)
			continue;
		if (!take && refcount(need) < 0)
			return ENOENT;
		if (take) {
			add_holder(need, name);
			count(need, 1);
		}
	}
	return 0;
}

static int insert(const char *name)
{
	int error = refcount(name) >= 0 ? EEXIST : check_needs(name, false);

	if (!error)
		error = error_of("insert", name);
	if (error)
		return error;
	make(name, "0", "live");
	check_needs(name, true);
	return 0;
}

static int delete (const char *name, unsigned int flags)
{
	char list[256], *next = list, *need, path[256];
	int error = error_of("delete", name);

	if (refcount(name) < 0)
		return ENOENT;
	if (has_holders(name))
		return EWOULDBLOCK;
	if (error || (refcount(name) > 0 && !(flags & O_TRUNC)))
		return error ? error : EWOULDBLOCK;
	unmake(name);
	snprintf(list, sizeof(list), "%s", find_rule("needs", name));
	while ((need = strsep(&next, " "))) {
		holder_path(path, sizeof(path), need, name);
		if (*need && !unlink(path))
			count(need, -1);
	}
	return 0;
}

static uint32_t sum_of(const void *data, size_t size)
{
	const unsigned char *p = data;
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * 16777619U;
	return h;
}

static bool is_module(size_t size)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)image;

	return size >= sizeof(*h) && !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_type == ET_REL &&
		h->e_shoff < size && (uint64_t)h->e_shnum * h->e_shentsize <= size - h->e_shoff;
}

/* The text of a call's argument, escaped. */
static void argument(char *text, size_t size, pid_t pid, uint64_t address)
{
	char buf[8192] = "", *to = text;
	struct iovec local = { buf, sizeof(buf) - 1 },
		     remote = { (void *)(uintptr_t)address, sizeof(buf) - 1 };
	ssize_t n;

	/* It may lie near the end of a page behind which there is none. */
	while ((n = process_vm_readv(pid, &local, 1, &remote, 1, 0)) <= 0 && remote.iov_len > 1)
		remote.iov_len = remote.iov_len > 4096 - address % 4096 ? 4096 - address % 4096 : 1;
	for (char *p = buf; n > 0 && *p && to < text + size - 5; p++) {
		bool plain = *p >= ' ' && *p < 127 && *p != '\\';

		to += snprintf(to, 5, plain ? "%c" : "\\%03o", (unsigned char)*p);
	}
	*to = '\0';
}

static void normalize(char *name)
{
	name[strcspn(name, ".")] = '\0';
	for (; *name; name++)
		if (*name == '-')
			*name = '_';
}

/* Reads the image that a descriptor of the caller leads to, and its name from the link. */
static ssize_t read_file(pid_t pid, int fd, char *name, size_t size)
{
	char path[64], target[4096];
	ssize_t n;
	int file;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	snprintf(name, size, "%.63s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	file = open(path, O_RDONLY | O_CLOEXEC);
	n = file < 0 ? -1 : pread(file, image, sizeof(image), 0);
	if (file >= 0)
		close(file);
	return n;
}

static void name_in_image(char *name, size_t size, size_t n)
{
	const char *found = memmem(image, n, "\0name=", 6);

	snprintf(name, size, "%s", found ? found + 6 : "?");
}

static int load(const char *call, char *name, ssize_t n, pid_t pid, uint64_t params, unsigned int flags)
{
	char text[16384];
	int error;

	if (n >= 0 && (!*name || !strncmp(name, "memfd:", 6)))
		name_in_image(name, 64, (size_t)n);
	normalize(name);
	argument(text, sizeof(text), pid, params);
	if (n == 0 && !strcmp(call, "finit_module"))
		error = EINVAL;
	else
		error = n >= 0 && is_module((size_t)n) ? insert(name) : ENOEXEC;
	fprintf(out, "kernel: %s %s flags %u, %zd bytes %08x, '%s': %s\n", call, name, flags, n,
		sum_of(image, n < 0 ? 0 : (size_t)n), text, error ? strerror(error) : "done");
	return error;
}

/* Returns an errno. */
static int answer(const struct seccomp_notif *q)
{
	pid_t pid = (pid_t)q->pid;
	const __u64 *args = q->data.args;
	struct iovec local = { image, sizeof(image) }, remote = { (void *)(uintptr_t)args[0], args[1] };
	char name[64] = "", text[256];
	int error;

	if (q->data.nr == SYS_finit_module)
		return load("finit_module", name, read_file(pid, (int)args[0], name, sizeof(name)), pid,
			    args[1], (unsigned int)args[2]);
	if (q->data.nr == SYS_init_module)
		return load("init_module", name, process_vm_readv(pid, &local, 1, &remote, 1, 0), pid,
			    args[2], 0);
	argument(text, sizeof(text), pid, args[0]);
	snprintf(name, sizeof(name), "%.63s", text);
	error = delete (name, (unsigned int)args[1]);
	fprintf(out, "kernel: delete_module '%s' flags %o: %s\n", text, (unsigned int)args[1],
		error ? strerror(error) : "done");
	return error;
}

static void serve_one(int listener)
{
	struct seccomp_notif q = {};
	struct seccomp_notif_resp a = {};

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &q) < 0)
		return;
	a.id = q.id;
	a.error = -answer(&q);
	fflush(out);
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &a);
}

static int serve(int listener, pid_t child)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0), status;
	struct pollfd fds[] = { { .fd = listener, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };

	if (pidfd < 0)
		die("pidfd_open");
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[0].revents & POLLIN)
			serve_one(listener);
		else if (fds[1].revents)
			break;
	}
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- the command ---- */

static int listen_to_calls(void)
{
#define ASK(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ASK(SYS_init_module),
		ASK(SYS_finit_module),
		ASK(SYS_delete_module),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { LENGTH(filter), filter };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Starts the command behind a filter whose listener is returned: until it calls exec it has one table of
 * descriptors with this process. */
static int start(char **words, pid_t *child)
{
	int shared[2], listener = -1;

	if (pipe2(shared, O_CLOEXEC) < 0)
		die("pipe");
	*child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (*child < 0)
		die("clone");
	if (!*child) {
		/* kmod may run for ever, and whoever waits for this process kills it then. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		listener = listen_to_calls();
		if (write(shared[1], &listener, sizeof(listener)) < 0)
			_exit(111);
		execvp(words[0], words);
		_exit(127);
	}
	if (read(shared[0], &listener, sizeof(listener)) != sizeof(listener) || listener < 0)
		die("seccomp");
	return listener;
}

static void show_instead(char *pair)
{
	char *path = strchr(pair, ':');

	if (!path)
		die(pair);
	*path++ = '\0';
	if (mount(pair, path, NULL, MS_BIND, NULL) < 0)
		die(path);
}

int main(int argc, char **argv)
{
	const char *state = NULL;
	int option, listener;
	pid_t child;

	out = stdout;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", TOP, "tmpfs", 0, NULL) < 0)
		die(TOP);
	while ((option = getopt(argc, argv, "+s:l:b:")) != -1) {
		if (option == 's')
			state = optarg;
		else if (option == 'b')
			show_instead(optarg);
		else if (option != 'l')
			return 100;
		else if (strcmp(optarg, "-") && !(out = fopen(optarg, "we")))
			die(optarg);
	}
	if (!state || optind == argc)
		return 100;
	read_state(state);
	listener = start(argv + optind, &child);
	return serve(listener, child);
}
