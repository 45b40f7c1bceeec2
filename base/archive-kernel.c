/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/archive-kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Numbers of ELF for what uname(2) says. A program of 32 bits sees such a machine on a kernel of 64 bits
 * too. */
static const struct {
	const char *name;
	unsigned int elf, or ;
} machines[] = {
	{ "x86_64", 62, 62 }, { "i386", 3, 62 },       { "i486", 3, 62 },	  { "i586", 3, 62 },
	{ "i686", 3, 62 },    { "aarch64", 183, 183 }, { "armv", 40, 183 },	  { "riscv", 243, 243 },
	{ "ppc", 20, 21 },    { "s390", 22, 22 },      { "loongarch", 258, 258 }, { "mips", 8, 8 },
};

/* Whether modules for this ELF machine can be those of the kernel; true when in doubt. */
static bool is_machine(unsigned long elf, const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(machines); i++)
		if (!strncmp(name, machines[i].name, strlen(machines[i].name)))
			return elf == machines[i].elf || elf == machines[i].or ;
	return true;
}

int archive_release(struct archive *a, const char **release)
{
	int r = archive_meta(a, "release", release);

	if (r > 0 && **release != '.' && !strchr(*release, '/') && archive_is_plain_path(*release))
		return 0;
	if (r >= 0)
		r = archive_damaged(a, a->sections[ARCHIVE_META].place, "no release, or one that is no name");
	return r;
}

int archive_check(struct archive *a, const struct archive_kernel *k)
{
	const char *release = "", *machine = "";
	int r = archive_meta(a, "release", &release);

	if (r >= 0)
		r = archive_meta(a, "machine", &machine);
	if (r < 0)
		return r;
	if (k->release && strcmp(release, k->release) != 0 && k->any_release) {
		log_debug(a->log, "%s: is for kernel %.64s, not used", a->path, release);
		return 0;
	}
	if (k->release && strcmp(release, k->release) != 0) {
		log_error(a->log, "%s: is for kernel %.64s, not for %s", a->path, release, k->release);
		return -ENOENT;
	}
	if (*machine && !is_machine(strtoul(machine, NULL, 10), k->machine)) {
		log_error(a->log, "%s: is for another architecture (ELF machine %.16s), not for %s", a->path,
			  machine, k->machine);
		return -ENOEXEC;
	}
	return 1;
}

static int copy_bytes(const struct blob *data, struct file_bytes *ret)
{
	char *copy = malloc(data->size + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, data->data, data->size);
	copy[data->size] = '\0';
	*ret = (struct file_bytes){ .data = copy, .size = data->size };
	return 1;
}

int archive_file(struct archive *a, const char *name, struct file_bytes *ret)
{
	_cleanup_archive_group_ struct archive_group group = {};
	_cleanup_blob_ struct blob data = {};
	struct archive_entry e;
	int r;

	/* They are behind the modules. */
	for (uint32_t id = archive_has_tables_only(a) ? 0 : a->n_entries; id-- > 0;) {
		r = archive_entry(a, id, &e);
		if (r < 0 || e.kind == ARCHIVE_MODULE)
			return r;
		if (e.kind == ARCHIVE_RELEASE_FILE && !strcmp(e.path, name))
			return archive_unpack(a, &e, &group, &data) ?: copy_bytes(&data, ret);
	}
	return 0;
}

int archive_text(struct archive *a, enum archive_section_type type, struct file_bytes *ret)
{
	const uint8_t *data;
	size_t size;
	int r = archive_section(a, type, &data, &size);

	return r > 0 ? copy_bytes(&(struct blob){ .data = (char *)(uintptr_t)data, .size = size }, ret) : r;
}
