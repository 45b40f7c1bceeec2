/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"
#include "engine/companions.h"
#include "engine/fingerprint.h"

#define PROFILE_FILE "/etc/coldplug/profile"
/* The origin of what the caller says, as messages have it. */
#define ALONE_FROM "--alone"

void machine_init(struct machine *m, const struct machine_paths *paths, struct log *log)
{
	*m = (struct machine){ .log = log, .paths = paths, .root = ROOTFS_NONE };
}

void machine_close(struct machine *m)
{
	planner_free(&m->planner);
	order_free(&m->order);
	expander_free(&m->expander);
	lookup_free(&m->lookup);
	modules_free(&m->modules);
	config_free(&m->config);
	config_free(&m->requests);
	config_free(&m->learnt);
	profile_free(&m->profile);
	moddir_close(&m->dir);
	loaded_free(&m->loaded);
	rootfs_close(&m->root);
	free(m->directory);
	free(m->release);
	free(m->cmdline);
	/* Others keep the address of the root: it stays where it is. */
	machine_init(m, m->paths, m->log);
}

static bool is_directory(int fd, const char *name)
{
	struct stat st;

	return !fstatat(fd, name, &st, 0) && S_ISDIR(st.st_mode);
}

/* The only release below another root. That there is none, or more than one, is reported: then lookups
 * find nothing. */
static int only_release(struct machine *m)
{
	_cleanup_directory_ struct directory dir = {};
	_cleanup_free_ char *found = NULL;
	const char *name;
	int r = directory_open(&dir, &m->root, "lib/modules");

	if (r < 0)
		r = directory_open(&dir, &m->root, "usr/lib/modules");
	if (r < 0) {
		log_lost(m->log, "%s/lib/modules: %s", m->root.path, strerror(-r));
		return 0;
	}
	while ((r = directory_next(&dir, &name)) > 0) {
		if (name[0] == '.' || !is_directory(directory_fd(&dir), name))
			continue;
		if (found) {
			log_lost(m->log, "%s/lib/modules: contains %s and %s; choose one with --release",
				 m->root.path, found, name);
			return 0;
		}
		found = strdup(name);
		if (!found)
			return -ENOMEM;
	}
	if (r < 0)
		log_lost(m->log, "%s/lib/modules: cannot be read to its end: %s", m->root.path, strerror(-r));
	else if (!found)
		log_lost(m->log, "%s/lib/modules: is empty", m->root.path);
	m->release = steal_ptr(found);
	return 0;
}

/* That of the archive which the caller has named. */
static int release_of_archive(struct machine *m)
{
	_cleanup_archive_ struct archive a = { .fd = -1 };
	const char *release;
	int r = archive_open(&a, NULL, m->paths->archive, m->log);

	if (!r)
		r = archive_release(&a, &release);
	if (r < 0) {
		m->log->lost++;
		return r == -ENOMEM ? r : 0;
	}
	m->release = strdup(release);
	return m->release ? 0 : -ENOMEM;
}

static int choose_release(struct machine *m)
{
	struct utsname u;

	if (!m->paths->release && m->root.other && m->paths->archive)
		return release_of_archive(m);
	if (!m->paths->release && m->root.other)
		return only_release(m);
	uname(&u);
	m->release = strdup(m->paths->release ? m->paths->release : u.release);
	return m->release ? 0 : -ENOMEM;
}

static int read_cmdline(struct machine *m)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = rootfs_read(&m->root, "proc/cmdline", LIMIT_CMDLINE, &file);

	if (r == -ENOMEM)
		return r;
	if (r == -EFBIG)
		log_lost(m->log, "/proc/cmdline: longer than %u bytes, not read", LIMIT_CMDLINE);
	else if (r == -ENOENT)
		log_debug(m->log, "/proc/cmdline: does not exist");
	else if (r < 0)
		log_lost(m->log, "/proc/cmdline: cannot be read: %s", strerror(-r));
	if (r < 0)
		return 0;
	m->cmdline = strdup(file.data);
	return m->cmdline ? config_parse_cmdline(&m->config, file.data) : -ENOMEM;
}

/* A kernel without modules has no /proc/modules, and neither has a root without proc: nothing is known
 * to be loaded then. */
static int read_loaded(struct machine *m)
{
	int r = loaded_read(&m->loaded, &m->root, m->log);

	if (r == -ENOENT)
		log_debug(m->log, "/proc/modules: does not exist");
	else if (r < 0 && r != -ENOMEM)
		log_lost(m->log, "/proc/modules: cannot be read: %s", strerror(-r));
	for (size_t i = 0; r != -ENOMEM && i < m->loaded.items.n; i++)
		if (!strcmp(m->loaded.items.items[i].state, "Live"))
			r = expander_set_loaded(&m->expander, m->loaded.items.items[i].name);
	return r == -ENOMEM ? r : 0;
}

int machine_open_root(struct machine *m)
{
	int r;

	if (m->root.fd >= 0)
		return 0;
	r = rootfs_open(&m->root, m->paths->root);
	if (!r && m->paths->root_unnamed)
		m->root.path[0] = '\0';
	if (!r)
		rootfs_pin(&m->root);
	else
		log_error(m->log, "%s: %s", m->paths->root ? m->paths->root : "/", strerror(-r));
	return r;
}

/* modprobe's -d takes modules and modules.softdep from elsewhere, and all else from the running system. */
static int open_elsewhere(struct machine *m)
{
	_cleanup_free_ char *parent = NULL;

	if (m->root.other) {
		log_error(m->log,
			  "a root directory and a separate directory for the modules cannot be combined");
		return -EINVAL;
	}
	if (asprintf(&parent, "%s/lib/modules", m->paths->module_root) < 0)
		return -ENOMEM;
	return moddir_open_in(&m->dir, &m->root, parent, m->release, m->log);
}

/* 1: there is a directory of modules, 0: not. */
static int open_directory(struct machine *m)
{
	if (m->paths->module_root)
		return open_elsewhere(m);
	return moddir_open_in(&m->dir, &m->root, "lib/modules", m->release, m->log)
		?: moddir_open_in(&m->dir, &m->root, "usr/lib/modules", m->release, m->log);
}

static int open_moddir(struct machine *m, bool report)
{
	struct moddir_archive which = { .path = m->paths->archive,
					.release = m->release,
					.above = m->paths->module_root };
	struct utsname u;
	int r = open_directory(m), k;

	if (r == -ENOMEM || r == -EINVAL)
		return r;
	m->dir.files_unknown = m->paths->root_unnamed;
	/* What -d names may be a tree of another machine, whose modules are only shown. */
	if (!m->root.other && !m->paths->module_root && !uname(&u))
		which.machine = u.machine;
	/* Without a release the one that was named has been found to be damaged. */
	k = which.path && !m->release ? 0 : moddir_open_archive(&m->dir, &which);
	if (k < 0)
		return k;
	/* A recording that somebody has unpacked. */
	if (m->dir.archive.open && archive_has_tables_only(&m->dir.archive.archive))
		m->dir.files_unknown = true;
	if (!r && !k && report && m->release && !m->paths->module_root)
		log_lost(m->log, "%s/lib/modules/%s: there are no modules for this kernel", m->root.path,
			 m->release);
	return r < 0 && !k ? r : 0;
}

/* modules.softdep and modules.weakdep of the archive. */
static int read_more_config(void *userdata, struct config *c, const char *name)
{
	struct machine *m = userdata;
	bool weak = !strcmp(name, "modules.weakdep");
	_cleanup_file_ struct file_bytes text = {};
	_cleanup_free_ char *path = NULL;
	int r;

	if (!m->dir.archive.open)
		return 0;
	r = archive_text(&m->dir.archive.archive, weak ? ARCHIVE_WEAKDEPS : ARCHIVE_SOFTDEPS, &text);
	if (r <= 0) {
		m->log->lost += r < 0;
		return r == -ENOMEM ? r : 0;
	}
	if (asprintf(&path, "%s%s", m->dir.archive.prefix, name) < 0)
		return -ENOMEM;
	return config_parse(c, text.data, text.size, path);
}

uint64_t machine_fingerprint(const struct machine *m)
{
	_cleanup_arena_ struct arena arena = {};
	const char *dirs[2 + MODDIR_ARCHIVES + 1] = { m->dir.path };
	size_t n;
	char lib[PATH_MAX], usr_lib[PATH_MAX];

	/* It may be mounted later. */
	if (!m->dir.path && m->release) {
		snprintf(lib, sizeof(lib), "%s/lib/modules/%s",
			 m->paths->module_root ? m->paths->module_root : "", m->release);
		snprintf(usr_lib, sizeof(usr_lib), "usr/lib/modules/%s", m->release);
		dirs[0] = lib;
		dirs[1] = usr_lib;
	}
	n = dirs[1] ? 2 : dirs[0] ? 1 : 0;
	if (!m->paths->archive && m->release)
		(void)moddir_archive_places(m->release, &arena, dirs + n);
	return fingerprint(&m->root, (const char *const *)m->paths->config, dirs, m->paths->archive) | 1;
}

/* Connects the parts. */
static void join_parts(struct machine *m)
{
	m->modules.dir = &m->dir;
	m->lookup.dir = &m->dir;
	m->lookup.modules = &m->modules;
	m->lookup.config = &m->config;
	m->expander.log = m->log;
	m->expander.modules = &m->modules;
	m->expander.lookup = &m->lookup;
	m->expander.config = &m->config;
	m->planner.x = &m->expander;
	m->config.log = m->log;
}

/* What is wrong with it costs what it would have gained, and nothing else. */
static int read_profile(struct machine *m)
{
	const char *named = m->paths->profile, *path = named ?: PROFILE_FILE;
	_cleanup_file_ struct file_bytes file = {};
	struct profile_fault fault;
	int r = profile_read(named ? NULL : &m->root, path, &file);

	if (r == -ENOMEM || (!named && r == -ENOENT))
		return r == -ENOMEM ? r : 0;
	if (r < 0) {
		log_warning(m->log, "%s: no profile is used: %s", path, strerror(-r));
		return 0;
	}
	r = profile_parse(&m->profile, file.data, file.size, m->release, &fault);
	if (r == -EBADMSG)
		log_warning(m->log, "%s:%u: no profile is used: %s", path, fault.line, fault.what);
	else if (!r)
		m->planner.profile = &m->profile;
	return r == -ENOMEM ? r : 0;
}

static int read_requests(struct machine *m)
{
	_cleanup_free_ char *text = strdup(requests_text);
	int r = text ? 0 : -ENOMEM;

	m->requests.log = m->learnt.log = m->log;
	m->expander.requests_known = &m->requests;
	m->expander.requests_learnt = &m->learnt;
	if (!r && m->profile.softdeps)
		r = config_parse(&m->learnt, m->profile.softdeps, m->profile.n_softdeps,
				 m->paths->profile ?: PROFILE_FILE);
	return r ?: config_parse(&m->requests, text, strlen(text), COMPANIONS_FILE);
}

static int open_contents(struct machine *m, bool report, uint64_t *fingerprint)
{
	const char *directory;
	int r;

	if (m->opened)
		return 0;
	r = machine_open_root(m) ?: choose_release(m);
	if (r < 0)
		return r;
	m->opened = true;
	join_parts(m);
	r = open_moddir(m, report);
	if (r < 0)
		return r;
	if (fingerprint)
		*fingerprint = machine_fingerprint(m);
	r = (report ? read_profile(m) : 0) ?: read_requests(m);
	if (r < 0)
		return r;
	directory = m->dir.path;
	if (!directory && m->dir.archive.open)
		directory = "lib/modules";
	return config_load(&m->config, &m->root, (const char *const *)m->paths->config, directory,
			   read_more_config, m)
		?: read_cmdline(m)
		?: m->paths->alone ? config_add_alone(&m->config, m->paths->alone, ALONE_FROM) : 0;
}

int machine_open_for_one(struct machine *m)
{
	m->config.keep_carriage_returns = true;
	return open_contents(m, false, m->fingerprint);
}

int machine_open(struct machine *m, uint64_t *fingerprint)
{
	int r = open_contents(m, true, fingerprint);

	if (r < 0 || m->loaded_known)
		return r;
	m->loaded_known = true;
	return read_loaded(m);
}

const char *machine_directory(struct machine *m)
{
	const char *release = m->release ? m->release : "";
	int r = 0;

	if (m->directory)
		return m->directory;
	if (m->dir.path)
		r = asprintf(&m->directory, "%s/%s", m->root.path, m->dir.path);
	else if (m->paths->module_root)
		r = asprintf(&m->directory, "/%s/lib/modules/%s", m->paths->module_root, release);
	else
		r = asprintf(&m->directory, "%s/lib/modules/%s", m->root.path, release);
	if (r < 0)
		m->directory = NULL;
	return m->directory;
}

const char *machine_path(const struct machine *m, struct arena *arena, const char *path)
{
	return arena_printf(arena, "%s/%s", m->root.path, path);
}

/* As the user wrote it, but absolute; like kmod, with a "./" in front of it if there is one. */
static char *absolute_path(const char *path)
{
	_cleanup_free_ char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *joined;

	if (path[0] == '/')
		return strdup(path);
	return !cwd || asprintf(&joined, "%s/%s", cwd, path) < 0 ? NULL : joined;
}

/* Relative paths are the caller's; below another root a path is one there. */
static int open_path(const struct machine *m, const char *path, char **real)
{
	*real = m->root.other ? strdup(path) : absolute_path(path);
	return *real && (*real)[0] == '/' ? rootfs_openat(&m->root, *real, O_PATH) : -1;
}

bool machine_is_other_than_file(const struct machine *m, const char *path)
{
	_cleanup_free_ char *real = NULL;
	_cleanup_close_ int fd = open_path(m, path, &real);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode);
}

int machine_name_of_path(struct machine *m, const char *path, char *name)
{
	_cleanup_free_ char *real = NULL;
	_cleanup_close_ int fd = open_path(m, path, &real);
	uint32_t id;
	size_t n;

	if (fd < 0)
		return 0;
	n = normalise_name(strrchr(real, '/') + 1, name, LIMIT_NAME + 1);
	id = n ? modules_id(&m->modules, name, n) : MODULE_NONE;
	if (id == MODULE_NONE || modules_set_path(&m->modules, id, real) < 0)
		return n ? -ENOMEM : -EINVAL;
	return 1;
}
