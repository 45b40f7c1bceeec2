/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel itself exports, as depmod -E and -F are told it. Both change the text and call log for
 * bad lines; path is for messages. 0 or -ENOMEM. */
#pragma once

#include "engine/depmod.h"

/* The lines of Module.symvers: "VERSION SYMBOL vmlinux ...". */
int depmod_take_symvers(struct depmod *d, const char *path, char *text, size_t size);
/* The lines of System.map: "ADDRESS TYPE __ksymtab_SYMBOL". */
int depmod_take_system_map(struct depmod *d, const char *path, char *text, size_t size);
