/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: the kernel command line as PID 1 reads it, with root=, resume= and rootflags= interpreted, beside an
 * init.conf of the same bytes. */
#include "programs/init/init.h"

#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "uevent/wait-for.h"

void say(int level, const char *fmt, ...)
{
	char line[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	MUST(level >= 3 && level <= 7 && line[0]);
}

void say_open(void)
{
}

int signatures_read(const char *node, struct signatures *ret)
{
	return -EOPNOTSUPP;
}

static void check_spec(const char *device)
{
	struct wait_list l = {};
	const char *why = NULL;
	char *spec = device ? init_spec_of(device, &why) : NULL;

	MUST(!device || !spec == !!why);
	if (spec && wait_list_add(&l, spec) >= 0)
		MUST(l.specs.n == 1 && l.specs.items[0].value[0] && wait_list_pending(&l));
	wait_list_free(&l);
	free(spec);
}

static void check_mounts(const struct init_options *o)
{
	const char *flags = o->root_flags ? o->root_flags : "",
		   *types = o->root_fs_types ? o->root_fs_types : "";
	unsigned long bits = 0;
	char *data = malloc(strlen(flags) + 1), chosen[64];

	MUST(data);
	mount_split_flags(flags, &bits, data);
	MUST(strlen(data) <= strlen(flags));
	mount_choose_types(types, "ext4,ext3,vfat", chosen, sizeof(chosen));
	MUST(strlen(chosen) < sizeof(chosen));
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct init_options o = INIT_OPTIONS_DEFAULT;
	struct coldplug *c;
	char path[4096];

	scratch_write("proc/cmdline", data, size);
	MUST(!coldplug_new(&c) && !coldplug_set_root(c, scratch_root()->path));
	scratch_write("init.conf", data, size);
	snprintf(path, sizeof(path), "%s/init.conf", scratch_root()->path);
	MUST(!init_conf_read(&o, path));
	MUST(!o.fallback || o.fallback[0] == '/');
	MUST(!init_options_read(&o, c));
	check_spec(o.root);
	check_spec(o.resume);
	check_mounts(&o);
	init_options_free(&o);
	coldplug_free(c);
	return 0;
}
