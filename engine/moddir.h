/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index files of one kernel release: several sources behind one small interface. Each is the .bin,
 * read on demand, or, when that is missing, broken or older than its text, a trie built from the text.
 * Where depmod was never run it is built from the modules, unless the program is built without tools.
 *
 * An archive of modules answers beside the release's directory. A module whose file is in the directory is
 * the directory's, whatever the archive has; of all others the archive is asked first. */
#pragma once

#include "base/arena.h"
#include "base/blocks.h"
#include "base/log.h"
#include "base/rootfs.h"
#include "engine/archive-index.h"

enum moddir_index {
	MODDIR_DEP,	      /* module name -> "path: dep dep" */
	MODDIR_ALIAS,	      /* pattern -> module name */
	MODDIR_SYMBOLS,	      /* "symbol:NAME" -> module name */
	MODDIR_BUILTIN,	      /* module name */
	MODDIR_BUILTIN_ALIAS, /* pattern -> module name */
	MODDIR_INDEXES,
};

struct moddir_source {
	enum { SOURCE_UNOPENED, SOURCE_OPEN, SOURCE_ABSENT } state;
	bool from_text;
	struct blocks file; /* the .bin's, until moddir_close() also when it was found broken */
	uint8_t *built;	    /* or the image built */
	struct index index;
};

struct moddir {
	const struct rootfs *root;
	struct log *log;
	char *path; /* "lib/modules/RELEASE" under the root */
	struct moddir_source sources[MODDIR_INDEXES];
	struct archive_index archive;
	bool archive_failed;	/* there is one, but it cannot be used */
	struct index_hits hits; /* of the archive */
	bool files_unknown;	/* the root has indexes alone: each module that they name counts as a file */
	bool told;		/* that a module is in both */
	enum { NAMED_UNKNOWN, NAMED_ALL, NAMED_SOME } named; /* of the archive's modules, by modules.dep */
};

/* For messages. */
static inline const char *moddir_shown(const struct moddir *d)
{
	return d->path ? d->path : "lib/modules";
}

/* Finds the release's directory: lib/modules/RELEASE, else usr/lib/modules/RELEASE. 1 when it is
 * there, 0 when not (logged as input lost; lookups then find nothing), -ENOMEM. release NULL: 0,
 * and nothing is logged. */
int moddir_open(struct moddir *d, const struct rootfs *root, const char *release, struct log *log);
/* The same for parent/RELEASE alone (parent is below the root, without a leading slash), and
 * nothing is logged. */
int moddir_open_in(struct moddir *d, const struct rootfs *root, const char *parent, const char *release,
		   struct log *log);
void moddir_close(struct moddir *d);

/* Opens the archive at path, which is one of the caller's and not below the root; or, if that is NULL, the
 * first of modules.archive in the release's directory, boot/modules-RELEASE.archive, boot/modules.archive
 * and run/coldplug/modules.archive, these three below a directory of the root, above, if that is not NULL.
 * machine: of uname(2), or NULL if it is not this machine's. 1; 0: there is none; -ENOMEM. What is wrong with
 * one is logged as input lost. */
struct moddir_archive {
	const char *path, *release, *machine, *above;
};
int moddir_open_archive(struct moddir *d, const struct moddir_archive *which);
/* The places of an archive, to be looked at for changes: at most MODDIR_ARCHIVES, below the root. */
#define MODDIR_ARCHIVES 3
int moddir_archive_places(const char *release, struct arena *arena, const char *ret[MODDIR_ARCHIVES]);

/* The path of a module's file, which modules.dep names relative to the release's directory, or to the root
 * when it begins with a slash; that of a module of the archive stays as it is. root ("" for "/") is put in
 * front, as a user sees it; when root is NULL the path is below the root, without a leading slash. NULL
 * when out of memory. */
const char *moddir_file(const struct moddir *d, struct arena *arena, const char *root, const char *file);

/* What moddir_find() returns for a module of the archive. */
#define MODDIR_ARCHIVED 2

/* index_find(), index_match() and index_each() over a source, which is opened when first used. A
 * source found broken on the way is replaced by its text and asked again (moddir_each() may then have
 * called fn for entries of both). Values stay valid until moddir_close(). Negative: -ENOMEM only. */
int moddir_find(struct moddir *d, enum moddir_index which, const char *key, const char **value);
int moddir_match(struct moddir *d, enum moddir_index which, const char *key, struct index_hits *hits);
int moddir_each(struct moddir *d, enum moddir_index which,
		int (*fn)(void *userdata, const char *key, const char *value, uint32_t priority),
		void *userdata);

/* Whether some modules are files and others in the archive, once one was looked up. */
static inline bool moddir_is_mixed(const struct moddir *d)
{
	return d->archive.open && d->sources[MODDIR_DEP].state == SOURCE_OPEN;
}
/* Whether a module's file is in the directory, whatever the archive has: 1, 0, -ENOMEM. */
int moddir_has_file(struct moddir *d, const char *name);
/* Whether modules.dep names all modules of the archive, so that whatever depmod made it has seen them: 1,
 * 0, -ENOMEM. */
int moddir_names_all(struct moddir *d);
/* Whether path, as moddir_file() has it with the root in front, is that of a module of the archive: 1 and
 * *ret, 0, -EBADMSG. */
int moddir_member(struct moddir *d, const char *path, struct archive_entry *ret);
/* Reads a file of the release's directory, or of the archive's. 0, -ENOENT, or another -errno. */
int moddir_read(struct moddir *d, const char *name, size_t max, struct file_bytes *ret);

/* The index of a text, as depmod makes it: the contents of the .bin, to be freed. text is changed; one byte
 * behind it is written too. path is named in messages about bad lines. 0, -ENOMEM, -EFBIG. */
int moddir_build(enum moddir_index which, char *text, size_t size, const char *path, struct log *log,
		 uint8_t **data, size_t *n_data);
