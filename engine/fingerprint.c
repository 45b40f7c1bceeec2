/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/fingerprint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "engine/config.h"

/* FNV-1a, by words. */
static void mix(uint64_t *h, uint64_t value)
{
	*h = (*h ^ value) * UINT64_C(0x100000001b3);
}

/* That a file does not exist counts as well. Its ctime cannot be set back. */
static void mix_entry(uint64_t *h, int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, *name ? 0 : AT_EMPTY_PATH) < 0) {
		mix(h, (uint64_t)errno);
		return;
	}
	mix(h, st.st_dev);
	mix(h, st.st_ino);
	mix(h, (uint64_t)st.st_size);
	mix(h, (uint64_t)st.st_ctim.tv_sec);
	mix(h, (uint64_t)st.st_ctim.tv_nsec);
}

static void mix_path(uint64_t *h, const struct rootfs *root, const char *path)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_PATH);
	_cleanup_directory_ struct directory dir = {};
	const char *name;
	int r;

	mix(h, fd < 0);
	if (fd < 0)
		return;
	mix_entry(h, fd, "");
	r = directory_open(&dir, root, path);
	if (r == -ENOTDIR)
		return;
	while (!r || r > 0) {
		r = directory_next(&dir, &name);
		if (r <= 0)
			break;
		if (name[0] != '.')
			mix_entry(h, directory_fd(&dir), name);
	}
	/* Not all of it was seen: it is read again when that is another error, or none. */
	mix(h, (uint64_t)-r);
}

uint64_t fingerprint(const struct rootfs *root, const char *const *config_paths, const char *const *moddirs,
		     const char *archive)
{
	struct rootfs host = ROOTFS_NONE;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	/* Paths that the user named are the host's, wherever the root is. */
	if (config_paths && rootfs_open(&host, NULL) < 0)
		host = ROOTFS_NONE;
	for (const char *const *p = config_paths ? config_paths : config_default_paths; *p; p++)
		mix_path(&h, config_paths ? &host : root, *p);
	for (const char *const *p = moddirs; *p; p++)
		mix_path(&h, root, *p);
	rootfs_close(&host);
	if (archive)
		mix_entry(&h, AT_FDCWD, archive);
	return h;
}
