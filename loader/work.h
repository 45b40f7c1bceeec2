/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One step, carried out. */
#pragma once

#include "engine/plan.h"
#include "loader/kernel.h"
#include "loader/loader.h"

/* Blocks as long as the kernel or the command does. Writes outcome, error and message of result. */
void work_on(const struct kernel *k, const struct step *step, struct load_result *result);
