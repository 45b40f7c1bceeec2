/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an archive of modules is for, and the texts in it. */
#pragma once

#include "base/archive-read.h"

/* The release that an archive is for, which can be the name of a directory. 0; -EBADMSG, which was logged. */
int archive_release(struct archive *a, const char **release);

/* The kernel that modules are wanted for. */
struct archive_kernel {
	const char *release; /* NULL: any */
	const char *machine; /* of uname(2); NULL: any */
	bool any_release;    /* one of another release is no mistake */
};

/* 1; 0: it is another release's, and that is no mistake; -ENOENT: that is one; -ENOEXEC: it is for another
 * architecture; -EBADMSG. What is wrong was logged. */
int archive_check(struct archive *a, const struct archive_kernel *k);

/* A file of the release's directory. 1, 0: it has none of that name, or only the tables; or -errno. */
int archive_file(struct archive *a, const char *name, struct file_bytes *ret);
/* A section that is a text. The same. */
int archive_text(struct archive *a, enum archive_section_type type, struct file_bytes *ret);
