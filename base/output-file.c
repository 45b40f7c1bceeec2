/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/output-file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memstream.h"

static int open_stream(struct output_file *o, int fd)
{
	int flags = fcntl(fd, F_GETFL), copy;

	/* With O_PATH it is O_RDONLY too. */
	if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	o->f = o->stream = fdopen(copy, "w");
	if (o->stream)
		return 0;
	close(copy);
	return -ENOMEM;
}

int output_file_open(struct output_file *o, int dirfd, const char *path, int stream)
{
	int r;

	*o = (struct output_file){};
	if (stream >= 0)
		return open_stream(o, stream);
	r = atomic_file_open(&o->file, dirfd, path);
	o->f = o->file.f;
	return r;
}

static enum compress_method method_of(const char *name)
{
	static const struct {
		const char *end;
		enum compress_method method;
	} ends[] = { { ".gz", COMPRESS_GZIP }, { ".xz", COMPRESS_XZ }, { ".zst", COMPRESS_ZSTD } };
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t m = strlen(ends[i].end);

		if (n > m && !strcmp(name + n - m, ends[i].end))
			return ends[i].method;
	}
	return COMPRESS_NONE;
}

int output_file_compress(struct output_file *o, const char *name)
{
	o->method = method_of(name);
	if (o->method == COMPRESS_NONE && !o->stream)
		return 0;
	if (!compress_built_in(o->method))
		return -EOPNOTSUPP;
	o->memory = memstream_open(&o->text, &o->size);
	if (!o->memory)
		return -ENOMEM;
	o->f = o->memory;
	return 0;
}

static int write_all(const struct output_file *o, const char *data, size_t size)
{
	errno = 0;
	if (fwrite(data, 1, size, o->stream ? o->stream : o->file.f) == size)
		return 0;
	return errno ? -errno : -EIO;
}

static int write_memory(struct output_file *o)
{
	_cleanup_blob_ struct blob blob = {};
	int r = memstream_close(steal_ptr(o->memory));

	if (r < 0)
		return r;
	if (o->method == COMPRESS_NONE)
		return write_all(o, o->text, o->size);
	r = compress_all(o->method, o->text, o->size, &blob);
	return r < 0 ? r : write_all(o, blob.data, blob.size);
}

static int flush(FILE *f)
{
	errno = 0;
	if (fflush(f) == EOF || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}

int output_file_commit(struct output_file *o)
{
	int r = o->memory ? write_memory(o) : 0;

	if (!r)
		r = o->stream ? flush(o->stream) : atomic_file_commit(&o->file);
	output_file_abort(o);
	return r;
}

void output_file_abort(struct output_file *o)
{
	if (o->memory)
		fclose(o->memory);
	if (o->stream)
		fclose(o->stream);
	atomic_file_abort(&o->file);
	free(o->text);
	*o = (struct output_file){};
}
