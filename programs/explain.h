/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <coldplug.h>

/* Explains why a device may be missing. Calls say() with one line for each device without a driver, and for
 * each module that is withheld (and by which rule), has no file, failed, was skipped or is still loading. */
void explain_missing(struct coldplug *c, void (*say)(void *userdata, const char *line), void *userdata);

/* Prints a line to standard output, in modprobe's words, for what coldplug_insert() and coldplug_remove() are
 * about to do; none for what has failed. */
void explain_act(const struct coldplug_act *act);
