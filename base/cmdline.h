/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel command line, read by the kernel's own rules (lib/cmdline.c next_arg(), kernel/params.c
 * parse_args()): a quote may enclose a whole word or a value, and "--" ends it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cmdline_arg {
	const char *param;
	const char *value; /* NULL: no '='; without its quotes */
	bool quoted;	   /* the word or the value was quoted */
};

/* Takes the next argument off *rest, writing NULs into the line. False at the end or at "--". */
bool cmdline_next(char **rest, struct cmdline_arg *ret);
