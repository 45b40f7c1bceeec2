/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

uint8_t input_byte(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

char *input_part(struct input *in, char separator, size_t *size)
{
	const uint8_t *end = in->n ? memchr(in->p, separator, in->n) : NULL;
	size_t n = end ? (size_t)(end - in->p) : in->n;
	char *part = malloc(n + 1);

	MUST(part);
	if (n)
		memcpy(part, in->p, n);
	part[n] = '\0';
	in->p += n + (end != NULL);
	in->n -= n + (end != NULL);
	if (size)
		*size = n;
	return part;
}

static void read_message(void *userdata, int level, const char *message)
{
	MUST(level >= LOG_LEVEL_ERROR && level <= LOG_LEVEL_DEBUG);
	for (const unsigned char *p = (const unsigned char *)message; *p; p++)
		MUST(*p >= 0x20 && *p != 0x7f);
}

struct log fuzz_log = { .fn = read_message, .level = LOG_LEVEL_DEBUG };

static char scratch[] = "/tmp/coldplug-fuzz-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void remove_scratch(void)
{
	nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const struct rootfs *scratch_root(void)
{
	static struct rootfs root = { .fd = -1 };

	if (root.fd >= 0)
		return &root;
	if (access("/dev/shm", W_OK) == 0)
		memcpy(scratch, "/dev/shm/fuzz", strlen("/dev/shm/fuzz"));
	MUST(mkdtemp(scratch));
	MUST(atexit(remove_scratch) == 0);
	MUST(rootfs_open(&root, scratch) == 0);
	return &root;
}

static void make_parents(const char *path)
{
	char part[256];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		mkdirat(scratch_root()->fd, part, 0700);
	}
}

void scratch_write(const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd = -1;
	int dir = scratch_root()->fd;

	unlinkat(dir, path, 0);
	if (!data)
		return;
	fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		make_parents(path);
		fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	MUST(fd >= 0);
	MUST(write(fd, data, size) == (ssize_t)size);
}
