/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what record.c has written. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/decompress.h"
#include "base/limits.h"
#include "base/unpack.h"
#include "libcoldplug/context.h"
#include "libcoldplug/record.h"

#define API __attribute__((visibility("default")))

/* The archive in file, decompressed into blob if it is compressed. */
static int expand(const struct file_bytes *file, struct blob *blob, const char **why)
{
	enum compression c = compression_of(file->data, file->size);
	int r;

	*blob = (struct blob){ .data = file->data, .size = file->size };
	if (c == COMPRESSION_NONE)
		return 0;
	r = decompress(c, file->data, file->size, LIMIT_RECORDING, blob);
	if (r == -EFBIG)
		*why = "it expands to more than 256 MiB";
	else if (r < 0)
		*why = decompress_strerror(c, r);
	return r;
}

/* Reads the archive and unpacks it. Says why it fails, or leaves the words to strerror(3). */
static int unpack(int fd, struct unpacker *u, struct tar_error *error)
{
	_cleanup_file_ struct file_bytes file = {};
	struct blob blob;
	int r = file_or_pipe_read(fd, LIMIT_RECORDING, &file);

	if (r == -EFBIG)
		error->why = "it is larger than 256 MiB";
	if (!r)
		r = expand(&file, &blob, &error->why);
	if (r < 0)
		return r;
	r = tar_read(blob.data, blob.size, unpack_entry, u, error);
	if (u->why)
		error->why = u->why;
	if (blob.data != file.data)
		blob_release(&blob);
	return r;
}

int record_unpack(const char *path, int dirfd, struct log *log)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct unpacker u = { .root = { .fd = dirfd, .path = (char *)"" } };
	struct tar_error e = {};
	int r = fd < 0 ? -errno : unpack(fd, &u, &e);
	const char *why = e.why ?: strerror(-r);

	if (r < 0 && e.name[0])
		log_lost(log, "%s: cannot be unpacked: the entry '%s' at byte %zu: %s", path, e.name, e.at,
			 why);
	else if (r < 0 && e.in_entry)
		log_lost(log, "%s: cannot be unpacked: at byte %zu: %s", path, e.at, why);
	else if (r < 0)
		log_lost(log, "%s: cannot be unpacked: %s", path, why);
	return r;
}

/* What cannot be removed makes the removal of its directory fail, and at last that of the whole. */
static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)remove(path);
	return 0;
}

int record_remove(const char *dir, struct log *log)
{
	int r;

	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	r = rmdir(dir) < 0 ? -errno : 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		log_error(log, "%s: cannot be removed: %s", dir, strerror(-r));
	return r;
}

int record_drop(char **dir, struct log *log)
{
	_cleanup_free_ char *unpacked = steal_ptr(*dir);

	return unpacked ? record_remove(unpacked, log) : 0;
}

API int coldplug_set_recording(struct coldplug *c, const char *path)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int fd = -1;

	if (c->machine.opened || c->settings.unpacked)
		return -EBUSY;
	if (asprintf(&dir, "%s/coldplug-replay.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
		return -ENOMEM;
	if (!mkdtemp(dir)) {
		log_error(&c->log, "%s: cannot be created: %s", dir, strerror(errno));
		return -errno;
	}
	c->settings.unpacked = steal_ptr(dir);
	fd = open(c->settings.unpacked, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	c->settings.paths.root_unnamed = true;
	return record_unpack(path, fd, &c->log) ?: coldplug_set_root(c, c->settings.unpacked);
}
