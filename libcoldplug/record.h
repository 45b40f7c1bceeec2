/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A recording: the part of sysfs that matters, the release's index files, the configuration, the
 * command line and what is loaded, in a tar archive that makes a root directory when it is unpacked. */
#pragma once

#include "engine/machine.h"
#include "uevent/message.h"

struct record;

/* Begins the file (a temporary one beside it), or what is written to stream unless that is -1, with the
 * present state of the machine. The "uevent" files are read by another process (uevent/prober.h);
 * record_take() takes the answers that are there, when record_fd() is readable. */
int record_begin(struct record **ret, struct machine *m, const char *path, int stream);
/* What an error of these functions means. */
const char *record_strerror(int r);
int record_fd(struct record *r);
int record_take(struct record *r);
/* Notes an event of the run; time since the context's start. */
int record_event(struct record *r, const struct uevent *e, uint64_t time_us);
/* Waits for the answers that are missing, for each device at most so long (then it is recorded without
 * its "uevent" file), writes the events and puts the file in its place; frees r in any case. */
int record_end(struct record *r, unsigned int patience_ms);
/* Leaves no file. NULL is fine. */
void record_abort(struct record *r);

/* recording.c: unpacks a recording below dir. Errors are reported to log. */
int record_unpack(const char *path, int dirfd, struct log *log);
/* Removes what was unpacked to dir, and dir. 0, or -errno after an error that names it. */
int record_remove(const char *dir, struct log *log);
/* The same for what *dir names; it is NULL afterwards, and may be NULL. */
int record_drop(char **dir, struct log *log);
/* The events of an unpacked one: fn for each. 0 also when there are none. */
int record_each_event(const struct rootfs *root, struct log *log,
		      int (*fn)(void *userdata, const struct uevent *e, uint64_t time_us), void *userdata);
