/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a module. */
#include "base/elf.h"

#include <errno.h>
#include <string.h>

#include "engine/depmod.h"
#include "tests/fuzz/fuzz.h"

/* Each string is inside the file, and there is an end to them. */
static void read_all(const struct elf *elf, int (*next)(const struct elf *, size_t *, const char **))
{
	const char *first = (const char *)elf->data, *s;
	size_t cursor = 0, n = 0;
	int r;

	while ((r = next(elf, &cursor, &s)) == 1) {
		MUST(s >= first && s + strlen(s) < first + elf->size);
		MUST(++n <= elf->size);
	}
	MUST(r == 0 || r == -EBADMSG);
}

/* So are the names of the versions, and a version's place is looked at before it is read. */
static void read_versions(const struct elf *elf)
{
	size_t cursor = 0;
	const char *first = (const char *)elf->data, *name;
	uint64_t crc;
	int r;

	while (elf_crc_next(elf, &cursor, &name) > 0)
		(void)elf_crc_value(elf, cursor);
	cursor = 0;
	while ((r = elf_version_next(elf, &cursor, &crc, &name)) > 0)
		MUST(name >= first && name + strlen(name) < first + elf->size);
	MUST(r == 0 || r == -EBADMSG || r == -ENODATA);
}

/* depmod looks at tables by itself. */
static void take_facts(const struct elf *elf)
{
	struct depmod_module m = {};
	struct arena arena = {};
	int r = depmod_take_facts(&m, &arena, elf, true);

	MUST(r == 0 || r == -EBADMSG || r == -ENOMEM);
	array_free(&m.aliases.items);
	array_free(&m.softdeps.items);
	array_free(&m.weakdeps.items);
	array_free(&m.exported.items);
	array_free(&m.needed.items);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf elf;
	struct elf_kind kind;
	int r = elf_is_static(data, size);

	MUST(r == 0 || r == 1 || r == -ENOEXEC || r == -EBADMSG);
	MUST(r < 0 || !elf_kind(data, size, &kind));
	elf_header_complaint(data, size < ELF_HEADER_MAX ? size : ELF_HEADER_MAX, size);
	if (elf_open(&elf, data, size) < 0)
		return 0;
	read_all(&elf, elf_modinfo_next);
	read_all(&elf, elf_undefined_next);
	read_all(&elf, elf_crc_next);
	read_versions(&elf);
	read_all(&elf, elf_ksymtab_next);
	take_facts(&elf);
	return 0;
}
