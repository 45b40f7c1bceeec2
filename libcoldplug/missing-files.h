/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known about the files of modules without a load. */
#pragma once

#include "libcoldplug/context.h"

/* Looks at the files of the batch that was planned last. A step whose file cannot be loaded becomes one with
 * STEP_ABSENT that has failed, which is reported; what needs it is skipped. It does nothing but in a dry run,
 * and nothing where only the indexes of a release are there. */
void missing_files_check(struct coldplug *c);

/* 1: a module has no file that can be loaded; *ret is the file and why, to be freed; 0: it has one, or it is
 * built in, or only the indexes of the release are there; -ENOMEM. That it cannot be looked at is logged,
 * unless the plan has done so. */
int missing_file_of(struct coldplug *c, uint32_t module, char **ret);
