/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories of /sys/devices that have no device with an alias in or below them, and devices without one. The facts are
 * in walk-skip.c. */
#pragma once

#include <stdbool.h>

/* What is known of a directory once it has been listed. */
struct skip_place {
	const char *path; /* below /sys */
	bool device;	  /* it has a file "uevent" */
	bool modalias;
	bool pci;	 /* and that is a PCI device's */
	bool devicetree; /* aliases made of the device tree are wanted too */
};

/* Whether a subdirectory need not be opened. */
bool skip_directory(const struct skip_place *in, const char *name);
/* Whether no device in this directory has a MODALIAS in its file "uevent" if it has no file "modalias". */
bool skip_questions(const struct skip_place *in);
/* The same of one of them. */
bool skip_question(const struct skip_place *in, const char *name);
