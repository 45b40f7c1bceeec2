/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"
#include "base/output-file.h"
#include "base/tar.h"
#include "engine/conf-files.h"
#include "uevent/prober.h"
#include "uevent/walk.h"

#define EVENTS_FILE "coldplug/events"

struct record {
	struct machine *m;
	struct output_file file;
	struct intern devices; /* with an alias */
	struct intern seen;    /* devices written */
	struct prober prober;  /* for their "uevent" files */
	unsigned int n_named;  /* files of --config written */
	ARRAY(char) events;    /* "@TIME\nACTION@DEVPATH\nKEY=VALUE\n...\n\n", see append_line() */
};

void record_abort(struct record *r)
{
	if (!r)
		return;
	output_file_abort(&r->file);
	prober_free(&r->prober);
	intern_free(&r->devices);
	intern_free(&r->seen);
	array_free(&r->events);
	free(r);
}

/* The names in the archive are relative. */
static const char *entry_name(const char *path)
{
	return path + strspn(path, "/");
}

/* The addresses of modules are a secret of the kernel: 0 for each digit, as users other than root see
 * them. */
static void hide_addresses(char *text, size_t size)
{
	char *end = text + size;

	for (char *p = text; (p = memmem(p, (size_t)(end - p), " 0x", 3));)
		for (p += 3; p < end && *p != ' ' && *p != '\n'; p++)
			*p = '0';
}

/* The path is not there, or is nothing that can be read. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -EISDIR ||
		error == -EINVAL;
}

/* A recording without what is there would plan something else elsewhere. */
static int unreadable(struct record *r, const struct rootfs *root, const char *path, int error)
{
	if (error != -ENOMEM)
		log_error(r->m->log, "%s/%s: cannot be read: %s", root->path, entry_name(path),
			  strerror(-error));
	return error;
}

/* 1: it is there and was read; 0: not. Drivers answer any error for a device's file: that is input lost. */
static int read_file(struct record *r, const struct rootfs *root, const char *path, size_t max,
		     struct file_bytes *file)
{
	int k = rootfs_read(root, path, max, file);

	if (k >= 0)
		return 1;
	if (k == -EFBIG)
		log_lost(r->m->log, "%s/%s: larger than %zu bytes, not recorded", root->path,
			 entry_name(path), max);
	else if (k != -ENOMEM && !strncmp(path, "sys/", 4) && !is_absent(k) && k != -ENODEV && k != -ENXIO)
		log_lost(r->m->log, "%s/%s: cannot be read: %s", root->path, path, strerror(-k));
	else if (strncmp(path, "sys/", 4) != 0 && !is_absent(k))
		return unreadable(r, root, path, k);
	return k == -ENOMEM ? k : 0;
}

static int write_file(struct record *r, const char *name, const struct file_bytes *file)
{
	struct tar_entry e = { .name = entry_name(name),
			       .data = file->data,
			       .size = file->size,
			       .mode = 0644 };
	const char *moddir = r->m->dir.path;

	/* Which of the indexes is used depends on their age; the time of all other files does not matter. */
	if (moddir && !strncmp(e.name, moddir, strlen(moddir)))
		e.mtime = file->mtime;
	return tar_write(r->file.f, &e);
}

/* A file of a root under this name, if it is there and can be read. */
static int add_file_as(struct record *r, const struct rootfs *root, const char *path, const char *name,
		       size_t max)
{
	_cleanup_file_ struct file_bytes file = {};
	int k = read_file(r, root, path, max, &file);

	return k > 0 ? write_file(r, name, &file) : k;
}

static int add_file(struct record *r, const char *path, size_t max)
{
	return add_file_as(r, &r->m->root, path, path, max);
}

static int add_loaded(struct record *r)
{
	_cleanup_file_ struct file_bytes file = {};
	int k = read_file(r, &r->m->root, "proc/modules", LIMIT_PROC_MODULES, &file);

	if (k <= 0)
		return k;
	hide_addresses(file.data, file.size);
	return write_file(r, "proc/modules", &file);
}

static int add_link(struct record *r, const char *path)
{
	_cleanup_close_ int fd = rootfs_openat(&r->m->root, path, O_PATH | O_NOFOLLOW);
	char target[PATH_MAX];
	ssize_t n = fd < 0 ? fd : readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0 && fd >= 0)
		n = -errno;
	if (n < 0 && !is_absent((int)n))
		return unreadable(r, &r->m->root, path, (int)n);
	if (n <= 0)
		return 0;
	target[n] = '\0';
	return tar_write(r->file.f,
			 &(struct tar_entry){ .name = entry_name(path), .link = target, .mode = 0777 });
}

/* A link that masks a file is recorded as one: it does so also below a root without /dev/null. */
static int add_conf(struct record *r, const char *path)
{
	return conf_file_is_mask(&r->m->root, path) ? add_link(r, path)
						    : add_file(r, path, LIMIT_CONFIG_FILE);
}

/* The files of a device; uevent is the text of its "uevent" file, which only another process reads, or
 * NULL. */
static int write_device(struct record *r, const char *devpath, const char *uevent)
{
	static const char *const links[] = { "driver", "subsystem" };
	char path[PATH_MAX];
	_cleanup_free_ char *text = NULL;
	int k = 0;

	snprintf(path, sizeof(path), "sys%s/uevent", devpath);
	if (uevent && asprintf(&text, "%s%s", uevent, *uevent ? "\n" : "") < 0)
		return -ENOMEM;
	if (text)
		k = tar_write(r->file.f,
			      &(struct tar_entry){ .name = path,
						   .mode = 0644,
						   .data = text,
						   .size = strlen(text) });
	snprintf(path, sizeof(path), "sys%s/modalias", devpath);
	if (!k)
		k = add_file(r, path, LIMIT_ATTRIBUTE);
	for (size_t i = 0; !k && i < ARRAY_SIZE(links); i++) {
		snprintf(path, sizeof(path), "sys%s/%s", devpath, links[i]);
		k = add_link(r, path);
	}
	return k;
}

/* Each device once. */
static int add_device(struct record *r, const char *devpath, const char *uevent)
{
	uint32_t known = r->seen.n;

	if (intern_add(&r->seen, devpath, strlen(devpath)) == INTERN_NONE)
		return -ENOMEM;
	return r->seen.n == known ? 0 : write_device(r, devpath, uevent);
}

static int note_device(void *userdata, const char *devpath, const char *alias)
{
	struct record *r = userdata;

	return intern_add(&r->devices, devpath, strlen(devpath)) == INTERN_NONE ? -ENOMEM : 0;
}

/* Has the whole file read. */
static int ask_device(void *userdata, const char *question)
{
	struct record *r = userdata;
	char whole[PATH_MAX + 16];

	snprintf(whole, sizeof(whole), "%c%s", question[0] | WALK_TEXT, question + 1);
	return prober_add(&r->prober, whole);
}

static int take_uevent(void *userdata, const struct probe_answer *answer)
{
	struct record *r = userdata;
	char devpath[PATH_MAX];
	int k = walk_take_answer(answer->question, answer->error, answer->data, r->m->log, note_device, r);

	if (k < 0 || answer->error || walk_devpath(answer->question, devpath, sizeof(devpath)) < 0 ||
	    intern_find(&r->devices, devpath, strlen(devpath)) == INTERN_NONE)
		return k;
	return add_device(r, devpath, answer->data);
}

/* Starts to read the "uevent" files; see record_take(). */
static int begin_devices(struct record *r)
{
	return walk_devices(&r->m->root, true, r->m->log, note_device, ask_device, r)
		?: prober_go(&r->prober);
}

static int end_devices(struct record *r, unsigned int patience_ms)
{
	int k;

	r->prober.give_up_ms = patience_ms;
	k = prober_wait(&r->prober, take_uevent, r);
	prober_free(&r->prober);
	/* Devices without a "uevent" file, or with one that cannot be read. */
	for (uint32_t i = 0; !k && i < r->devices.n; i++)
		k = add_device(r, intern_string(&r->devices, i), NULL);
	return k;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The release's own files, in order: the same machine gives the same recording. */
static int add_indexes(struct record *r, const char *moddir)
{
	_cleanup_directory_ struct directory dir = {};
	_cleanup_arena_ struct arena arena = {};
	ARRAY(char *) paths = {};
	const char *name;
	int k = directory_open(&dir, &r->m->root, moddir);

	if (k < 0)
		return is_absent(k) ? 0 : unreadable(r, &r->m->root, moddir, k);
	while ((k = directory_next(&dir, &name)) > 0) {
		bool is_index = !strncmp(name, "modules.", 8) && strcmp(name, "modules.archive") != 0;
		char *path = is_index ? arena_printf(&arena, "%s/%s", moddir, name) : NULL;

		if (path)
			k = array_push(&paths, path);
		else if (is_index)
			k = -ENOMEM;
		if (k < 0)
			break;
	}
	if (k < 0)
		k = unreadable(r, &r->m->root, moddir, k);
	else if (paths.n)
		qsort(paths.items, paths.n, sizeof(*paths.items), compare_names);
	for (size_t i = 0; !k && i < paths.n; i++)
		k = add_file(r, paths.items[i], LIMIT_INDEX);
	array_free(&paths);
	return k;
}

static int add_modprobe_conf(void *userdata, const struct rootfs *root, const char *path, bool optional)
{
	return add_conf(userdata, path);
}

/* A file that the user named (--config) is put where it is found in the unpacked root without that
 * option, under a name that keeps its place in the order, before modules.softdep or after it. */
static int add_named_conf(void *userdata, const struct rootfs *root, const char *path, bool optional)
{
	struct record *r = userdata;
	const char *last = strrchr(path, '/') + 1, *dot = strrchr(last, '.');
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "etc/modprobe.d/%s%03u-%s%s",
		 strcmp(last, "modules.softdep") < 0 ? "" : "z", r->n_named++, last,
		 dot && !strcmp(dot, ".conf") ? "" : ".conf");
	return add_file_as(r, root, path, name, LIMIT_CONFIG_FILE);
}

static int add_configuration(struct record *r)
{
	const char *const *named = (const char *const *)r->m->paths->config;
	_cleanup_conf_files_ struct conf_files list = {};
	/* What is wrong with it has been reported, but what cannot be read only now has not. */
	struct log quiet = {};
	struct config c = { .log = &quiet };
	int k = config_each_file(&c, &r->m->root, named, NULL, named ? add_named_conf : add_modprobe_conf, r);

	for (const char *const *dir = modules_load_paths; !k && *dir; dir++)
		k = conf_files_scan(&list, &r->m->root, *dir, &quiet);
	conf_files_sort(&list);
	if (quiet.lost)
		log_lost(r->m->log, "the configuration: %u of its paths cannot be read", quiet.lost);
	for (size_t i = 0; !k && i < list.items.n; i++)
		k = add_conf(r, list.items.items[i].path);
	return k;
}

/* The tables of the archive, which say all but what is in the modules. */
static int add_archive(struct record *r)
{
	struct archive_index *x = &r->m->dir.archive;
	_cleanup_blob_ struct blob tables = {};
	_cleanup_free_ char *name = NULL;
	struct tar_entry e = { .mode = 0644 };
	int k;

	if (!x->open || !r->m->release)
		return 0;
	k = archive_copy_tables(&x->archive, &tables);
	if (!k &&
	    asprintf(&name, "%s%s/modules.archive", r->m->dir.path ?: "lib/modules/",
		     r->m->dir.path ? "" : r->m->release) < 0)
		k = -ENOMEM;
	e.name = name;
	e.mtime = x->archive.mtime;
	e.data = tables.data;
	e.size = tables.size;
	return k ?: tar_write(r->file.f, &e);
}

static int add_machine(struct record *r)
{
	struct machine *m = r->m;
	int k = add_file(r, "proc/cmdline", LIMIT_CMDLINE) ?: add_loaded(r) ?: add_configuration(r);

	if (!k && m->dir.path)
		k = add_indexes(r, m->dir.path);
	if (!k)
		k = add_archive(r);
	if (!k)
		k = begin_devices(r);
	return k;
}

int record_begin(struct record **ret, struct machine *m, const char *path, int stream)
{
	struct record *r = calloc(1, sizeof(*r));
	int k;

	if (!r)
		return -ENOMEM;
	r->m = m;
	prober_init(&r->prober, walk_answer, &m->root, m->log);
	k = output_file_open(&r->file, AT_FDCWD, path, stream) ?: output_file_compress(&r->file, path);
	if (!k)
		k = add_machine(r);
	if (k < 0)
		record_abort(r);
	else
		*ret = r;
	return k;
}

const char *record_strerror(int r)
{
	return r == -EOPNOTSUPP ? "this program cannot compress it so" : atomic_file_strerror(r);
}

int record_fd(struct record *r)
{
	return prober_fd(&r->prober);
}

int record_take(struct record *r)
{
	return prober_take(&r->prober, take_uevent, r);
}

static int append(struct record *r, const char *s, size_t n)
{
	return array_append(&r->events, s, n);
}

/* Escapes what would end a line: a backslash becomes two, a newline (a processor's MODALIAS ends in
 * one) "\n". All other bytes stay as they are. read_line() reverses it. */
static int append_escaped(struct record *r, const char *s)
{
	int k = 0;

	while (!k && *s) {
		size_t plain = strcspn(s, "\\\n");

		k = append(r, s, plain);
		s += plain;
		if (!k && *s)
			k = append(r, *s++ == '\n' ? "\\n" : "\\\\", 2);
	}
	return k;
}

/* An empty string becomes a single backslash, since an empty line ends the event. */
static int append_line(struct record *r, const char *s)
{
	return (*s ? append_escaped(r, s) : append(r, "\\", 1)) ?: append(r, "\n", 1);
}

int record_event(struct record *r, const struct uevent *e, uint64_t time_us)
{
	char time[32];
	int n = snprintf(time, sizeof(time), "@%llu\n", (unsigned long long)time_us);
	int k = append(r, time, (size_t)n) ?: append_escaped(r, e->action) ?: append(r, "@", 1);

	if (!k)
		k = append_line(r, e->devpath);
	for (const char *p = e->variables; !k && p < e->variables + e->size; p += strlen(p) + 1)
		k = append_line(r, p);
	return k ?: append(r, "\n", 1);
}

int record_end(struct record *r, unsigned int patience_ms)
{
	struct tar_entry e = { .name = EVENTS_FILE,
			       .mode = 0644,
			       .data = r->events.items,
			       .size = r->events.n };
	int k = end_devices(r, patience_ms);

	if (!k && r->events.n)
		k = tar_write(r->file.f, &e);
	if (!k)
		k = tar_finish(r->file.f);
	if (!k)
		k = output_file_commit(&r->file);
	record_abort(r);
	return k;
}

/* Copies a line to *to, which may be where it is read from, without its escapes and with a NUL in place
 * of the newline. Returns where the next line begins. */
static char *read_line(char *p, const char *end, char **to)
{
	for (; p < end && *p != '\n'; p++) {
		if (*p == '\\' && p[1] == '\n')
			continue;
		if (*p == '\\' && (p[1] == 'n' || p[1] == '\\')) {
			p++;
			*(*to)++ = *p == 'n' ? '\n' : '\\';
		} else {
			*(*to)++ = *p;
		}
	}
	*(*to)++ = '\0';
	return p + 1;
}

/* The lines of one event, up to the empty one, in the form the kernel sends. */
static char *next_event(char **rest, size_t *size)
{
	char *start = *rest, *end = strstr(start, "\n\n"), *to = start;

	if (!end)
		return NULL;
	*rest = end + 2;
	for (char *p = start; p <= end;)
		p = read_line(p, end + 1, &to);
	*size = (size_t)(to - start);
	return start;
}

int record_each_event(const struct rootfs *root, struct log *log,
		      int (*fn)(void *userdata, const struct uevent *e, uint64_t time_us), void *userdata)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = rootfs_read(root, EVENTS_FILE, LIMIT_INDEX, &file);
	char *rest = file.data, *text;
	size_t size;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while (!r && (text = next_event(&rest, &size))) {
		size_t head = strlen(text) + 1;
		const char *why = "no time";
		struct uevent e;

		if (text[0] != '@' || uevent_parse(text + head, size - head, &e, &why) < 0)
			log_lost(log, "/" EVENTS_FILE ": invalid event, ignored: %s", why);
		else
			r = fn(userdata, &e, strtoull(text + 1, NULL, 10));
	}
	return r;
}
