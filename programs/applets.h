/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Applets are other programs that this one can be: it is the applet when it is called by a link of that name,
 * or with the name as the first argument. */
#pragma once

#include <stddef.h>

struct applet {
	const char *name;
	int (*fn)(int argc, char **argv);
};

/* The applet that argv[0] names, or NULL. */
const struct applet *find_applet(const char *argv0);

/* Their names: the first is init, the others are kmod's programs; NULL behind the last. */
const char *applet_name(size_t i);

int depmod_main(int argc, char **argv);
int init_main(int argc, char **argv);
int insmod_main(int argc, char **argv);
int kmod_main(int argc, char **argv);
int lsmod_main(int argc, char **argv);
int modinfo_main(int argc, char **argv);
int modprobe_main(int argc, char **argv);
int rmmod_main(int argc, char **argv);
