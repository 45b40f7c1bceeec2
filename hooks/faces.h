/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of other programs that this one answers to: called by a link of that name, or with it as the first
 * argument, it is that program. */
#pragma once

struct face {
	const char *name;
	int (*fn)(int argc, char **argv);
};

/* The face of argv[0], or NULL. */
const struct face *find_face(const char *argv0);

int init_main(int argc, char **argv);
int modprobe_main(int argc, char **argv);
