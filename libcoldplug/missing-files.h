/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan without loads can know about the files it names. */
#pragma once

#include "libcoldplug/context.h"

/* Looks at the files of the batch that was planned last. A step whose file cannot be loaded becomes one with
 * STEP_ABSENT that has failed, which is reported; what needs it is skipped. It does nothing but in a dry run, and
 * nothing where only the indexes of a release are there. */
void missing_files_check(struct coldplug *c);
