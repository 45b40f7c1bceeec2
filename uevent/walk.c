/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descent of all of /sys/devices: every device lives there, so it is complete by construction.
 *
 * A device is a directory with a "uevent" file. Its aliases stand in "modalias" (one a line: an ACPI device
 * can have two) or, where there is no such file, in MODALIAS= of "uevent" (CPUs, MMC cards); and "modalias"
 * can stand alone (/sys/devices/system/cpu). Only one of the two is read, and which is known from the
 * directory's listing, so no file is opened for nothing.
 *
 * Reading "modalias" takes no lock in the kernel, reading "uevent" does and may not return (uevent/prober.c).
 * So the walk only reads the first. Where the second is needed it hands out a question. walk_answer()
 * answers it in a process that may block, and walk_take_answer() finds the aliases in the answer.
 *
 * Nine of ten directories have no subdirectory but "power". sysfs says so by the number of a directory's links, and then
 * it is not listed: with that a walk takes half as long, because a listing costs the kernel more than opening a file or two.
 *
 * Most of a small machine's directories have no device with an alias in or below them, and are known by where they
 * are (uevent/walk-skip.c): they are not opened, and no question is handed out for a device of a class without aliases.
 *
 * Refused: listing /sys/bus/.../devices and /sys/class (fewer directories, but a device on neither is
 * missed, and each link must be resolved to name the device); several threads (see tests/bench/walk.c).
 */
#include "uevent/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "uevent/devicetree.h"
#include "uevent/prober.h"
#include "uevent/walk-skip.h"

/* Where the results go. */
struct sink {
	int (*found)(void *userdata, const char *devpath, const char *alias);
	int (*ask)(void *userdata, const char *question);
	void *userdata;
	struct log *log;
};

struct walker {
	struct sink sink;
	bool devicetree;
	bool counts;	   /* a directory has two links, and one more for each subdirectory */
	ARRAY(char) names; /* subdirectories still to visit, a stack of strings */
	size_t path_len;
	char path[4096];
	char attribute[LIMIT_ATTRIBUTE];
};

/* What a directory's listing shows. */
struct listing {
	bool modalias, uevent;
	bool pci;     /* a PCI device's modalias */
	bool quiet;   /* none is in uevent */
	size_t names; /* where its subdirectories begin on the stack */
};

/* linux/magic.h, which musl's headers lack */
#define SYSFS_MAGIC 0x62656572
#define TMPFS_MAGIC 0x01021994
#define EXT4_SUPER_MAGIC 0xef53

/* include/linux/dirent.h of the kernel; glibc has no declaration for the raw call's. */
struct linux_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static bool is_directory(int fd, const struct linux_dirent *de)
{
	struct stat st;

	if (de->type != DT_UNKNOWN)
		return de->type == DT_DIR;
	return !fstatat(fd, de->name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static int push_name(struct walker *w, const char *name)
{
	return array_append(&w->names, name, strlen(name) + 1);
}

/* A device has dozens of files, and few of them begin with the same letter as these. */
static inline bool is_called(const char *name, const char *what)
{
	return *name == *what && !strcmp(name, what);
}

static int take_entry(struct walker *w, int fd, const struct linux_dirent *de, struct listing *l)
{
	const char *name = de->name;

	if (is_called(name, "uevent"))
		l->uevent = true;
	else if (is_called(name, "modalias"))
		l->modalias = true;
	else if (is_directory(fd, de) && !is_called(name, ".") && !is_called(name, ".."))
		return push_name(w, name);
	return 0;
}

static int list_directory(struct walker *w, int fd, struct listing *l)
{
	_Alignas(struct linux_dirent) char buf[8192];
	long n;

	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct linux_dirent *de = (const void *)(buf + at);
			int r = take_entry(w, fd, de, l);

			if (r < 0)
				return r;
			at += de->reclen;
		}
	}
	/* Else the directory has just vanished. */
	if (n < 0 && errno != ENOENT && errno != ENODEV)
		log_lost(w->sink.log, "/sys%s: cannot be read to its end: %s", w->path, strerror(errno));
	return 0;
}

static int add_alias(const struct sink *sink, const char *devpath, const char *text, size_t len)
{
	char alias[LIMIT_ALIAS + 1];

	if (!len)
		return 0;
	if (len > LIMIT_ALIAS) {
		log_warning(sink->log, "/sys%s: alias of %zu bytes is truncated to %u", devpath, len,
			    LIMIT_ALIAS);
		len = LIMIT_ALIAS;
	}
	memcpy(alias, text, len);
	alias[len] = '\0';
	return sink->found(sink->userdata, devpath, alias);
}

/* The value of KEY in the lines of a uevent file, or NULL. */
static const char *find_key(void *userdata, const char *key, size_t *len)
{
	size_t n = strlen(key);

	for (const char *p = userdata; *p; p += *p == '\n') {
		size_t line = strcspn(p, "\n");

		if (line > n && p[n] == '=' && !memcmp(p, key, n)) {
			*len = line - n - 1;
			return p + n + 1;
		}
		p += line;
	}
	return NULL;
}

static int add_uevent_aliases(const struct sink *sink, const char *devpath, const char *text,
			      unsigned int wanted)
{
	char of[LIMIT_ALIAS + 1];
	void *lines = (void *)(uintptr_t)text;
	size_t len;
	const char *alias = wanted & WALK_MODALIAS ? find_key(lines, "MODALIAS", &len) : NULL;
	int r = alias ? add_alias(sink, devpath, alias, len) : 0;

	if (!r && wanted & WALK_DEVICETREE && devicetree_alias(find_key, lines, of))
		r = add_alias(sink, devpath, of, strlen(of));
	return r;
}

static int add_modalias_lines(struct walker *w)
{
	int r = 0;

	for (char *p = w->attribute; !r && *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		r = add_alias(&w->sink, w->path, p, len);
		p += len;
	}
	return r;
}

/* The length of a file's text, or -errno; -EBADMSG when it is not text. */
static ssize_t check_text(const char *text, ssize_t n)
{
	return n > 0 && memchr(text, '\0', (size_t)n) ? -EBADMSG : n;
}

/* The device has vanished meanwhile, which is not worth a message. */
static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENXIO || error == -EISDIR || error == -ELOOP;
}

static void log_unreadable(struct log *log, const char *path, int error)
{
	if (error == -EBADMSG)
		log_lost(log, "%s: not text, ignored", path);
	else
		log_lost(log, "%s: cannot be read: %s", path,
			 error == -EFBIG ? "larger than 65535 bytes" : strerror(-error));
}

static ssize_t read_text(struct walker *w, int fd, const char *name)
{
	return check_text(w->attribute, read_attribute(fd, name, w->attribute, sizeof(w->attribute)));
}

/* n: the length of "modalias" in w->attribute, or -errno. */
static int take_modalias(struct walker *w, ssize_t n, bool *pci)
{
	char path[sizeof(w->path) + 16];

	*pci = n >= 0 && !strncmp(w->attribute, "pci:", 4);
	if (n >= 0)
		return add_modalias_lines(w);
	snprintf(path, sizeof(path), "/sys%s/modalias", w->path);
	if (!is_gone((int)n))
		log_unreadable(w->sink.log, path, (int)n);
	return 0;
}

static int ask_uevent(struct walker *w, unsigned int wanted)
{
	char question[sizeof(w->path) + 16];

	/* Nearly every directory has one, and snprintf() is slow. */
	question[0] = (char)('0' + wanted);
	memcpy(question + 1, "/sys", 4);
	memcpy(question + 5, w->path, w->path_len);
	memcpy(question + 5 + w->path_len, "/uevent", sizeof("/uevent"));
	return w->sink.ask(w->sink.userdata, question);
}

/* Of the file "uevent". */
static unsigned int still_wanted(const struct walker *w, const struct listing *l)
{
	return (l->modalias || l->quiet ? 0 : WALK_MODALIAS) | (w->devicetree ? WALK_DEVICETREE : 0);
}

static int read_device(struct walker *w, int fd, struct listing *l)
{
	unsigned int wanted = still_wanted(w, l);
	int r = l->modalias ? take_modalias(w, read_text(w, fd, "modalias"), &l->pci) : 0;

	return !r && l->uevent && wanted ? ask_uevent(w, wanted) : r;
}

/* name is at most 255 bytes, file at most 15. */
static const char *join(char buf[272], const char *name, const char *file)
{
	size_t n = strlen(name);

	memcpy(buf, name, n);
	buf[n] = '/';
	memcpy(buf + n + 1, file, strlen(file) + 1);
	return buf;
}

static bool is_leaf(const struct walker *w, int parent, const char *name)
{
	char path[272];
	struct stat st;

	if (!w->counts || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return false;
	if (st.st_nlink != 3)
		return st.st_nlink == 2;
	return !fstatat(parent, join(path, name, "power"), &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static int ask_leaf(struct walker *w, int parent, const char *name, unsigned int wanted)
{
	char path[272];
	struct stat st;

	if (!fstatat(parent, join(path, name, "uevent"), &st, AT_SYMLINK_NOFOLLOW))
		return ask_uevent(w, wanted);
	if (errno != ENOENT && errno != ENODEV)
		log_lost(w->sink.log, "/sys%s/uevent: cannot be looked at: %s", w->path, strerror(errno));
	return 0;
}

/* Reads the device that a directory may be, if it need not be listed. 1; 0: it must be; -errno. */
static int try_leaf(struct walker *w, int parent, const char *name, bool quiet)
{
	struct listing l = { .quiet = quiet };
	unsigned int wanted;
	char path[272];
	ssize_t n;
	int r = 0;

	if (!is_leaf(w, parent, name))
		return 0;
	n = read_text(w, parent, join(path, name, "modalias"));
	/* The message for it is about the directory. */
	if (n == -EACCES)
		return 0;
	l.modalias = n != -ENOENT;
	if (l.modalias)
		r = take_modalias(w, n, &l.pci);
	wanted = still_wanted(w, &l);
	if (!r && wanted)
		r = ask_leaf(w, parent, name, wanted);
	return r < 0 ? r : 1;
}

static int visit(struct walker *w, int fd, bool quiet, unsigned int depth);

static int open_and_visit(struct walker *w, int parent, const char *name, bool quiet, unsigned int depth)
{
	_cleanup_close_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return visit(w, fd, quiet, depth + 1);
	if (errno != ENOENT && errno != ENODEV && errno != ENOTDIR)
		log_lost(w->sink.log, "/sys%s: cannot be opened: %s", w->path, strerror(errno));
	return 0;
}

static int visit_child(struct walker *w, int parent, const char *name, bool quiet, unsigned int depth)
{
	size_t mark = w->path_len, n = strlen(name);
	int r;

	if (w->path_len + n + 2 > sizeof(w->path) || depth == LIMIT_WALK_DEPTH) {
		log_lost(w->sink.log, "/sys%s/%s: too deep to walk, not read", w->path, name);
		return 0;
	}
	w->path[w->path_len++] = '/';
	memcpy(w->path + w->path_len, name, n + 1);
	w->path_len += n;
	r = try_leaf(w, parent, name, quiet);
	if (!r)
		r = open_and_visit(w, parent, name, quiet, depth);
	w->path_len = mark;
	w->path[mark] = '\0';
	return r < 0 ? r : 0;
}

/* The stack may move while a child is visited: names are found by their place. */
static int visit_children(struct walker *w, int fd, const struct listing *l, unsigned int depth)
{
	const struct skip_place here = { w->path, l->uevent, l->modalias, l->pci, w->devicetree };
	bool quiet = skip_questions(&here);
	size_t end = w->names.n;
	char name[256];
	int r = 0;

	for (size_t at = l->names; !r && at < end; at += strlen(w->names.items + at) + 1) {
		memccpy(name, w->names.items + at, '\0', sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		if (!skip_directory(&here, name))
			r = visit_child(w, fd, name, quiet || skip_question(&here, name), depth);
	}
	return r;
}

/* quiet: a device has no alias in "uevent". */
static int visit(struct walker *w, int fd, bool quiet, unsigned int depth)
{
	struct listing l = { .names = w->names.n, .quiet = quiet };
	int r = list_directory(w, fd, &l);

	if (!r)
		r = read_device(w, fd, &l);
	if (!r)
		r = visit_children(w, fd, &l, depth);
	w->names.n = l.names;
	return r;
}

/* Also where there is a copy of /sys. On others, a directory may have one link, or two, whatever is in it. */
static bool counts_links(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) &&
		(fs.f_type == SYSFS_MAGIC || fs.f_type == TMPFS_MAGIC || fs.f_type == EXT4_SUPER_MAGIC);
}

int walk_devices(const struct rootfs *root, bool devicetree, struct log *log,
		 int (*found)(void *userdata, const char *devpath, const char *alias),
		 int (*ask)(void *userdata, const char *question), void *userdata)
{
	_cleanup_close_ int fd = rootfs_openat(root, "sys/devices", O_RDONLY | O_DIRECTORY);
	_cleanup_free_ struct walker *w = NULL;
	int r;

	if (fd < 0)
		return fd;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->sink = (struct sink){ found, ask, userdata, log };
	w->devicetree = devicetree;
	w->counts = counts_links(fd);
	w->path_len = (size_t)snprintf(w->path, sizeof(w->path), "/devices");
	r = visit(w, fd, false, 0);
	array_free(&w->names);
	return r;
}

static unsigned int wanted_of(const char *question)
{
	return (unsigned int)(question[0] - '0');
}

/* Without O_NONBLOCK, unlike read_attribute(). */
static ssize_t read_blocking(const struct rootfs *root, const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_RDONLY | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read_attribute_fd(fd, buf, size);
	return n < 0 ? n : check_text(buf, n);
}

ssize_t walk_answer(const struct rootfs *root, const char *question, char *buf, size_t size)
{
	unsigned int wanted = wanted_of(question);
	ssize_t n = read_blocking(root, question + 1, buf, size);
	size_t len;

	if (n < 0)
		return is_gone((int)n) ? 0 : n;
	if (wanted & WALK_TEXT || (wanted & WALK_MODALIAS && find_key(buf, "MODALIAS", &len)) ||
	    (wanted & WALK_DEVICETREE && find_key(buf, "OF_NAME", &len)))
		return n + 1;
	return 0;
}

int walk_devpath(const char *question, char *devpath, size_t size)
{
	size_t n = strlen(question);
	const size_t head = strlen("0/sys"), tail = strlen("/uevent");

	if (n <= head + tail || n - head - tail >= size)
		return -EINVAL;
	memcpy(devpath, question + head, n - head - tail);
	devpath[n - head - tail] = '\0';
	return 0;
}

int walk_take_answer(const char *question, int error, const char *text, struct log *log,
		     int (*found)(void *userdata, const char *devpath, const char *alias), void *userdata)
{
	struct sink sink = { .found = found, .userdata = userdata, .log = log };
	char devpath[4096];

	/* The prober has logged these. */
	if (error == -ETIMEDOUT || error == PROBE_LOST)
		return 0;
	if (error)
		log_unreadable(log, question + 1, error);
	if (error || walk_devpath(question, devpath, sizeof(devpath)) < 0)
		return 0;
	return add_uevent_aliases(&sink, devpath, text, wanted_of(question));
}
