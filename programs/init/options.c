/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parameters on the kernel command line that the init of an initramfs obeys: the kernel's own
 * (Documentation/admin-guide/kernel-parameters.txt) and those that other initramfs have
 * established. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/init/init.h"

/* A boot loader whose variable is not set leaves an empty value: that is no value. */
static int set_unless_empty(char **place, const char *value)
{
	if (*value)
		return init_set_string(place, value);
	free(*place);
	*place = NULL;
	return 0;
}

#define NUMBER_MAX 1000000U

/* 0 also when the value is not a number: then a warning says so, and *place is left alone. */
static int set_number(struct init_options *o, const char *name, const char *value, unsigned int *place)
{
	char *end;
	unsigned long n = value ? strtoul(value, &end, 10) : 0;

	if (!value || !isdigit((unsigned char)*value) || *end || n > NUMBER_MAX) {
		say(4, "%s=%s on the kernel command line is not a number from 0 to %u: ignored", name,
		    value ? value : "", NUMBER_MAX);
		o->unknown++;
		return 0;
	}
	*place = (unsigned int)n;
	return 0;
}

static int set_root(struct init_options *o, const char *name, const char *value)
{
	return init_set_string(&o->root, value);
}

/* mount(8) and initramfs-tools take "auto" for "find out". */
static int set_types(struct init_options *o, const char *name, const char *value)
{
	return set_unless_empty(&o->root_fs_types, strcmp(value, "auto") ? value : "");
}

static int set_flags(struct init_options *o, const char *name, const char *value)
{
	return init_set_string(&o->root_flags, value);
}

static int set_init(struct init_options *o, const char *name, const char *value)
{
	return set_unless_empty(&o->init, value);
}

static int set_resume(struct init_options *o, const char *name, const char *value)
{
	return init_set_string(&o->resume, value);
}

/* Where on its device a swap file begins; 0: there is no file. */
static int set_resume_offset(struct init_options *o, const char *name, const char *value)
{
	o->resume_in_file = strtoull(value, NULL, 0) > 0;
	return 0;
}

static int set_read_only(struct init_options *o, const char *name, const char *value)
{
	o->read_write = false;
	return 0;
}

static int set_read_write(struct init_options *o, const char *name, const char *value)
{
	o->read_write = true;
	return 0;
}

static int set_no_resume(struct init_options *o, const char *name, const char *value)
{
	o->no_resume |= !value || !strcmp(value, "noresume") || !strcmp(value, "no");
	return 0;
}

static int set_usr(struct init_options *o, const char *name, const char *value)
{
	o->usr = true;
	return 0;
}

/* rootwait waits forever; rootwait=N (Linux 6.6 and later) and coldplug.wait=N wait so many
 * seconds. */
static int set_wait(struct init_options *o, const char *name, const char *value)
{
	if (value)
		return set_number(o, name, value, &o->wait_s);
	o->wait_s = 0;
	return 0;
}

/* The kernel sleeps that long. There is no need to, but whoever sets it has a slow disk. */
static int set_delay(struct init_options *o, const char *name, const char *value)
{
	unsigned int n = 0;
	int r = set_number(o, name, value, &n);

	if (o->wait_s && n > o->wait_s)
		o->wait_s = n;
	return r;
}

static int set_panic(struct init_options *o, const char *name, const char *value)
{
	bool negative = *value == '-';
	unsigned int n = UINT_MAX;
	int r = set_number(o, name, value + negative, &n);

	if (n == UINT_MAX)
		return r;
	o->has_panic = true;
	o->panic = negative ? -(int)n : (int)n;
	return r;
}

static int set_debug(struct init_options *o, const char *name, const char *value)
{
	o->debug = true;
	return 0;
}

static int set_keep_archive(struct init_options *o, const char *name, const char *value)
{
	o->keep_archive = true;
	return 0;
}

static int set_jobs(struct init_options *o, const char *name, const char *value)
{
	return set_number(o, name, value, &o->jobs);
}

static int set_break(struct init_options *o, const char *name, const char *value)
{
	static const char *const stages[] = {
		[STAGE_START] = "start",
		[STAGE_MOUNT] = "mount",
		[STAGE_SWITCH] = "switch",
	};

	if (!value)
		value = "mount";
	for (int i = STAGE_START; i <= STAGE_SWITCH; i++) {
		if (!strcmp(value, stages[i])) {
			o->stop_at = (enum init_stage)i;
			return 0;
		}
	}
	say(4, "coldplug.break=%s on the kernel command line must be start, mount or switch: ignored", value);
	o->unknown++;
	return 0;
}

static const struct {
	const char *name;
	bool wants_value;
	int (*set)(struct init_options *o, const char *name, const char *value);
} words[] = {
	{ "root", true, set_root },
	{ "rootfstype", true, set_types },
	{ "rootflags", true, set_flags },
	{ "ro", false, set_read_only },
	{ "rw", false, set_read_write },
	{ "init", true, set_init },
	{ "rootwait", false, set_wait },
	{ "rootdelay", true, set_delay },
	{ "resume", true, set_resume },
	{ "resume_offset", true, set_resume_offset },
	{ "noresume", false, set_no_resume },
	{ "nohibernate", false, set_no_resume },
	{ "hibernate", true, set_no_resume },
	{ "mount.usr", true, set_usr },
	{ "panic", true, set_panic },
	{ "coldplug.debug", false, set_debug },
	{ "coldplug.break", false, set_break },
	{ "coldplug.jobs", true, set_jobs },
	{ "coldplug.keep-archive", false, set_keep_archive },
	{ "coldplug.wait", true, set_wait },
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static int take_parameter(void *userdata, const char *name, const char *value)
{
	struct init_options *o = userdata;
	int r = init_conf_note(o, name, value);

	if (r < 0)
		return r;
	for (size_t i = 0; i < N_WORDS; i++)
		if (!strcmp(name, words[i].name) && (value || !words[i].wants_value))
			return words[i].set(o, name, value);
	/* The library reads coldplug.alone=. */
	if (!strncmp(name, "coldplug.", 9) && strcmp(name + 9, "alone") != 0) {
		say(4, "%s on the kernel command line is not an option of coldplug: ignored", name);
		o->unknown++;
	}
	return 0;
}

int init_options_read(struct init_options *o, struct coldplug *c)
{
	int r = coldplug_parameters(c, take_parameter, o);

	if (r < 0)
		say(3, "cannot read the kernel command line: %s", strerror(-r));
	return r;
}

void init_options_free(struct init_options *o)
{
	free(o->root);
	free(o->root_fs_types);
	free(o->root_flags);
	free(o->init);
	free(o->resume);
	free(o->expected_types);
	free(o->run_size);
	free(o->fallback);
	free(o->fallback_if);
	free(o->fallback_why);
	*o = (struct init_options){};
}

static bool begins(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* A copy, or NULL when there is no memory. */
static char *copy_spec(const char *device, const char **why)
{
	char *copy = strdup(device);

	if (!copy)
		*why = "out of memory";
	return copy;
}

/* LILO and old kernels give the device's number as three or more hexadecimal digits
 * (init/do_mounts.c; new_decode_dev() of include/linux/kdev_t.h). */
static char *spec_of_number(const char *device, const char **why)
{
	char text[32], *end;
	unsigned long n = strtoul(device, &end, 16);

	if (strlen(device) < 3 || strlen(device) > 8 || *end || !isxdigit((unsigned char)*device)) {
		*why = "it is not one of /dev/..., UUID=, LABEL=, PARTUUID=, PARTLABEL=, MAJOR:MINOR";
		return NULL;
	}
	snprintf(text, sizeof(text), "%lu:%lu", (n & 0xfff00) >> 8, (n & 0xff) | ((n >> 12) & 0xfff00));
	return copy_spec(text, why);
}

/* Why this cannot be waited for, or NULL. */
static const char *why_not(const char *device)
{
	static const struct {
		const char *begin, *why;
	} others[] = {
		{ "/dev/nfs", "coldplug does not set up a network" },
		{ "nfs", "coldplug does not set up a network" },
		{ "/dev/cifs", "coldplug does not set up a network" },
		{ "ubi", "the UBI device has to be attached first" },
		{ "mtd", "an MTD is not a block device" },
		{ "/dev/ubi", "the UBI device has to be attached first" },
		{ "/dev/ram", "the old initial RAM disk (initrd) is not supported" },
		{ "ZFS=", "the ZFS pool has to be imported first" },
		{ "zfs:", "the ZFS pool has to be imported first" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		/* A UBI volume has a block device too (ubi.block=). */
		if (begins(device, others[i].begin) && !begins(device, "/dev/ubiblock"))
			return others[i].why;
	return NULL;
}

char *init_spec_of(const char *device, const char **why)
{
	static const char *const blocks[] = { "/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=" };
	size_t major = strspn(device, "0123456789");
	const char *reason = why_not(device);

	if (reason) {
		*why = reason;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (begins(device, blocks[i]) && device[strlen(blocks[i])])
			return copy_spec(device, why);
	if (major && device[major] == ':' && device[major + 1] &&
	    !device[major + 1 + strspn(device + major + 1, "0123456789")])
		return copy_spec(device, why);
	return spec_of_number(device, why);
}
