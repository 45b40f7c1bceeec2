/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a byte with what is to be hidden (elf_strip), and a module. */
#include "base/elf.h"

#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int what = input_byte(&in) & (ELF_STRIP_VERSIONS | ELF_STRIP_VERMAGIC);
	uint8_t *once = malloc(in.n), *twice = malloc(in.n);
	struct elf before, after;
	int r, opened;

	MUST(once && twice);
	memcpy(once, in.p, in.n);
	opened = elf_open(&before, once, in.n);
	r = elf_strip(once, in.n, what);
	MUST(r == 0 || r == -ENOEXEC || r == -EBADMSG);
	MUST(opened == 0 || r == opened);
	if (r == 0) {
		size_t cursor = 0;
		const char *s;

		/* It is still what it was, and there is nothing left to be hidden. */
		MUST(elf_open(&after, once, in.n) == 0);
		if (what & ELF_STRIP_VERMAGIC)
			while (elf_modinfo_next(&after, &cursor, &s) > 0)
				MUST(strncmp(s, "vermagic=", 9) != 0);
	}
	memcpy(twice, once, in.n);
	(void)elf_strip(twice, in.n, what);
	free(once);
	free(twice);
	return 0;
}
