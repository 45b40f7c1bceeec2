/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that reads what a stranger may have written gives up what it does not need for that. Each
 * function confines the calling process, which has one thread, for good. Calls that are not allowed fail
 * with ENOSYS, for which C libraries have something to fall back on. Each returns 0 or a code of
 * confine_is_error(); that a kernel lacks one of the means is no error. */
#pragma once

#include <stdbool.h>

/* It may open files and devices to read them, send to a socket that it has, and fork a process that is
 * confined further. Of its capabilities it keeps CAP_DAC_READ_SEARCH. */
int confine_to_reading(void);

/* It may read what it has open, and send to a socket that it has. It has no capabilities, 256 MiB more memory
 * than now, 20 seconds of processor time, and cannot open anything. Its signals have their defaults. */
int confine_to_descriptors(void);

/* What these two fail with. It says which system call has failed and why, and is below every -errno, so that
 * it can be handed on like one. */
bool confine_is_error(int r);
/* "CALL: REASON". */
const char *confine_strerror(int r, char text[128]);

/* Whether this kernel and this build can filter system calls. */
bool confine_has_filter(void);
