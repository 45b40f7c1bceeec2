/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a recording, which is a tar archive. */
#include "base/tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libcoldplug/record.h"
#include "tests/fuzz/fuzz.h"

struct tarball {
	const char *data;
	size_t size;
	FILE *copy;
	size_t n;
};

static bool leads_out(const char *name)
{
	for (const char *p = name; *p; p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (n == 2 && !strncmp(p, "..", 2))
			return true;
		p += n;
	}
	return name[0] == '/';
}

static int check_entry(void *userdata, const struct tar_entry *e)
{
	struct tarball *a = userdata;

	MUST(*e->name && !leads_out(e->name));
	if (!e->link)
		MUST(!e->size ||
		     ((const char *)e->data >= a->data &&
		      (const char *)e->data + e->size <= a->data + a->size));
	a->n++;
	return a->copy ? tar_write(a->copy, e) : 0;
}

/* What was read can be written, and is then the same. */
static void write_again(const uint8_t *data, size_t size)
{
	struct tarball a = { (const char *)data, size }, b = {};
	char *text = NULL;
	size_t n = 0;
	struct tar_error error = {};

	a.copy = open_memstream(&text, &n);
	MUST(a.copy);
	if (tar_read(a.data, a.size, check_entry, &a, &error) == 0) {
		MUST(!tar_finish(a.copy) && !fflush(a.copy));
		b = (struct tarball){ .data = text, .size = n };
		MUST(!tar_read(text, n, check_entry, &b, &error) && b.n == a.n);
	}
	fclose(a.copy);
	free(text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* Nothing is made outside of the directory that it is unpacked to. */
static void unpack(const uint8_t *data, size_t size)
{
	const struct rootfs *root = scratch_root();
	char path[128], dir[128];
	_cleanup_close_ int fd = -1;
	struct dirent *de;
	DIR *d;

	scratch_write("archive", data, size);
	MUST(!mkdirat(root->fd, "in", 0700));
	fd = rootfs_openat(root, "in", O_PATH | O_DIRECTORY);
	snprintf(path, sizeof(path), "%s/archive", root->path);
	snprintf(dir, sizeof(dir), "%s/in", root->path);
	(void)record_unpack(path, fd, &fuzz_log);
	MUST(!rootfs_opendir(root, ".", &d));
	while ((de = readdir(d)))
		MUST(de->d_name[0] == '.' || !strcmp(de->d_name, "in") || !strcmp(de->d_name, "archive"));
	closedir(d);
	MUST(!nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tarball a = { (const char *)data, size };
	struct tar_error error = {};
	int r = tar_read(a.data, a.size, check_entry, &a, &error);

	MUST(r == 0 || (r == -EBADMSG && error.why && *error.why));
	write_again(data, size);
	unpack(data, size);
	return 0;
}
