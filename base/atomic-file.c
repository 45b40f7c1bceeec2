/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/atomic-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int atomic_file_open(struct atomic_file *a, const char *path)
{
	struct stat st;
	int fd, r;

	*a = (struct atomic_file){};
	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	a->path = strdup(path);
	if (!a->path || asprintf(&a->tmp, "%s.XXXXXX", path) < 0) {
		free(a->path);
		*a = (struct atomic_file){};
		return -ENOMEM;
	}
	fd = mkostemp(a->tmp, O_CLOEXEC);
	if (fd >= 0)
		a->f = fdopen(fd, "w");
	if (a->f)
		return 0;
	r = -errno;
	if (fd >= 0) {
		close(fd);
		unlink(a->tmp);
	}
	free(a->path);
	free(a->tmp);
	*a = (struct atomic_file){};
	return r;
}

void atomic_file_abort(struct atomic_file *a)
{
	if (a->f) {
		fclose(a->f);
		unlink(a->tmp);
	}
	free(a->path);
	free(a->tmp);
	*a = (struct atomic_file){};
}

int atomic_file_commit(struct atomic_file *a)
{
	int r = 0;

	if (fflush(a->f) == EOF || ferror(a->f) || fsync(fileno(a->f)) < 0 || rename(a->tmp, a->path) < 0)
		r = errno ? -errno : -EIO;
	if (!r) {
		fclose(a->f);
		a->f = NULL;
	}
	atomic_file_abort(a);
	return r;
}
