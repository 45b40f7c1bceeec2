/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration of an image: five directories flattened into one of /etc. A file hides those of the same
 * name in later directories, and a link to /dev/null does so too: an empty file is left of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/profile.h"
#include "engine/conf-files.h"
#include "libcoldplug/mkimage.h"

static const char *const places[] = { "etc", "run", "usr/local/lib", "usr/lib", "lib" };

/* One that has vanished, a link that leads nowhere, or what is no file of configuration. */
static bool is_none(int r)
{
	return r == -ENOENT || r == -ELOOP || r == -EISDIR || r == -EINVAL || r == -EFBIG;
}

static int add_conf(struct mkimage *im, const char *kind, const struct conf_file *conf)
{
	_cleanup_free_ char *name = NULL;
	struct file_bytes file = {};
	int r = rootfs_read(&im->machine, conf->path, LIMIT_CONFIG_FILE, &file);

	if (r == -ENOMEM || asprintf(&name, "etc/%s/%s", kind, conf->name) < 0) {
		file_release(&file);
		return -ENOMEM;
	}
	if (r < 0 && !conf_file_is_mask(&im->machine, conf->path)) {
		if (is_none(r))
			log_warning(&im->c->log, "%s/%s: cannot be read and is left out: %s",
				    im->machine.path, conf->path, strerror(-r));
		else
			log_lost(&im->c->log, "%s/%s: cannot be read: %s", im->machine.path, conf->path,
				 strerror(-r));
		return 0;
	}
	r = image_tree_file(&im->tree, name, 0644, &file);
	return r < 0 ? mkimage_fail(im, name, r) : 0;
}

static int add_kind(struct mkimage *im, const char *kind)
{
	_cleanup_conf_files_ struct conf_files list = {};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", places[i], kind) < 0)
			return -ENOMEM;
		r = conf_files_scan(&list, &im->machine, path, &im->c->log);
	}
	for (size_t i = 0; !r && i < list.items.n; i++)
		r = add_conf(im, kind, &list.items.items[i]);
	return r;
}

int mkimage_check_profile(struct mkimage *im, const char *path, const char *data, size_t size)
{
	struct profile_fault fault;
	struct profile profile;
	int r = profile_parse(&profile, data, size, im->release, &fault);

	if (r == -EBADMSG)
		log_warning(&im->c->log, "%s:%u: the profile is left out: %s", path, fault.line, fault.what);
	else if (!r)
		profile_free(&profile);
	return r == -ENOMEM ? r : !r;
}

int mkimage_add_profile(struct mkimage *im)
{
	const char *path = im->wish->profile;
	struct file_bytes file = {};
	int r;

	if (!path)
		return 0;
	r = profile_read(NULL, path, &file);
	if (r < 0)
		return mkimage_fail(im, path, r);
	r = mkimage_check_profile(im, path, file.data, file.size);
	if (r > 0)
		return image_tree_file(&im->tree, MKIMAGE_PROFILE, 0644, &file);
	file_release(&file);
	return r;
}

int mkimage_add_configuration(struct mkimage *im)
{
	return add_kind(im, "modprobe.d") ?: add_kind(im, "modules-load.d");
}
