/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an archive has, for people and for programs. Texts are for the caller to free(). */
#pragma once

#include "base/archive-read.h"

/* "a module", "firmware" and so on, as a word of JSON. */
const char *archive_kind_name(enum archive_kind kind);

/* All entries: size and path, a line each, or an object of JSON. 0, or a negative errno of the first
 * damage, which has been logged; what is sound is in the text all the same. */
int archive_list(struct archive *a, bool json, char **text);
/* The same of lines with the path of a module. */
int archive_list_paths(struct archive *a, char **text);
/* The same of lines with the path of a module, a tab, and the name of firmware, for each that it names. */
int archive_list_firmware(struct archive *a, char **text);
/* What is known of a module, as modinfo(8) prints it, or an object of JSON. name in any spelling. 0;
 * -ENOENT: there is no such module, which is logged; -EBADMSG; -ENOMEM. */
int archive_show(struct archive *a, const char *name, bool json, char **text);
/* How two archives differ, a line each: "-PATH" only the first has it, "+PATH" only the second, "!PATH" its
 * bytes differ. 1: they do; 0: the text is empty; a negative errno as above. */
int archive_diff(struct archive *a, struct archive *b, char **text);
