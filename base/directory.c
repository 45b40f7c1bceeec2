/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/rootfs.h"

int directory_open(struct directory *d, const struct rootfs *root, const char *path)
{
	return rootfs_opendir(root, path, &d->stream);
}

void directory_close(struct directory *d)
{
	if (d->stream)
		closedir(d->stream);
	d->stream = NULL;
}

int directory_fd(const struct directory *d)
{
	return dirfd(d->stream);
}

int directory_next(struct directory *d, const char **name)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(d->stream);
	} while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")));
	if (!entry)
		return -errno;
	*name = entry->d_name;
	return 1;
}

int make_directories(int dirfd, const char *path)
{
	_cleanup_free_ char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *p = part + strspn(part, "/"); *p;) {
		char *slash = strchrnul(p, '/'), c = *slash;

		*slash = '\0';
		if (mkdirat(dirfd, part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = c;
		p = slash + (c == '/');
	}
	return 0;
}
