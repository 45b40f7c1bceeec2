/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libblkid sees on a device, right before it is mounted. The engine has asked already; this is for a device
 * of which it could not tell, since libblkid does not choose between two signatures (an ext4 where a reiserfs was
 * before): then neither may be mounted, or the wrong one destroys the other. And it is for a PID 1 without an
 * engine.
 *
 * A child does it: libblkid reads what a stranger may have written, and a disk may never answer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs/init/init.h"

#ifdef HAVE_BLKID
#include <blkid/blkid.h>
#include <fcntl.h>
#include <signal.h>

/* As long as the engine waits for a disk. */
#define ANSWER_MS 10000
/* What blkid_do_safeprobe() answers to more than one signature. */
#define AMBIVALENT (-2)

static void add_type(struct signatures *s, const char *type)
{
	size_t n = strlen(s->types);

	for (const char *p = s->types; *p; p += p[strcspn(p, ",")] == ',') {
		if (!strncmp(p, type, strlen(type)) && strcspn(p, ",") == strlen(type))
			return;
		p += strcspn(p, ",");
	}
	snprintf(s->types + n, sizeof(s->types) - n, "%s%s", n ? "," : "", type);
}

static void read_types(blkid_probe probe, struct signatures *ret)
{
	int r = blkid_do_safeprobe(probe);
	const char *type;

	if (!r && !blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
		add_type(ret, type);
	if (r != AMBIVALENT)
		return;
	ret->ambivalent = true;
	blkid_reset_probe(probe);
	while (!blkid_do_probe(probe))
		if (!blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
			add_type(ret, type);
}

static int read_in_child(const char *node, int fd)
{
	struct signatures s = {};
	blkid_probe probe;

	process_reset();
	probe = blkid_new_probe_from_filename(node);
	if (!probe)
		return 1;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
	read_types(probe, &s);
	blkid_free_probe(probe);
	return write(fd, &s, sizeof(s)) != sizeof(s);
}

int signatures_read(const char *node, struct signatures *ret)
{
	struct signatures s;
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		_exit(read_in_child(node, fds[1]));
	close(fds[1]);
	r = pid < 0 ? -EAGAIN : process_wait_fd(fds[0], ANSWER_MS);
	if (r == 0)
		kill(pid, SIGKILL);
	if (r > 0)
		r = read(fds[0], &s, sizeof(s)) == sizeof(s) ? 1 : -EIO;
	close(fds[0]);
	if (r <= 0)
		return r ?: -ETIMEDOUT;
	s.types[sizeof(s.types) - 1] = '\0';
	*ret = s;
	return 0;
}

#else

int signatures_read(const char *node, struct signatures *ret)
{
	return -EOPNOTSUPP;
}

#endif
