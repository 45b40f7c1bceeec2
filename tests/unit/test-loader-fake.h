/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel of the tests' own. It lives in shared memory, so that the loader's process and the test see
 * the same one. What a load does stands in its parameters: "id=7 ret=-2 ms=5 forever", or "spin",
 * which is for as long but never sleeps, or "raised", which is until its weight is another one. */
#pragma once

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "loader/kernel.h"

#define FAKE_LOADS 8192

struct fake_load {
	int nice, last_nice;
	int id;
	bool async; /* in front of all other parameters */
	bool finit;
	unsigned int flags;
	size_t size;
};

struct fake {
	atomic_uint n_loads;
	struct fake_load loads[FAKE_LOADS];
	atomic_uint running, most_running;
	atomic_uint spinning; /* and from then on they do not sleep, not on a page fault either */
	atomic_bool release;  /* what takes forever ends now */
	atomic_uint n_commands;
	atomic_uint slept_ms;
	/* Answers in turn, the last one stays. */
	int finit_answers[8];
	unsigned int n_finit;
	enum initstate states[8];
	atomic_uint n_states;
	unsigned int last_state;
	struct {
		const char *path;
		const char *text;
	} files[8];
	bool not_capable;
	int command_answer;
	struct kernel_output output;
};

static inline struct fake *fake_new(void)
{
	void *p = mmap(NULL, sizeof(struct fake), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static inline void fake_free(struct fake *f)
{
	munmap(f, sizeof(*f));
}

static inline int fake_number(const char *params, const char *key, int otherwise)
{
	const char *p = strstr(params, key);

	return p ? (int)strtol(p + strlen(key), NULL, 10) : otherwise;
}

static inline void fake_really_sleep(unsigned int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* Computes until it is released. The sanitizer's atomic loads have locks, on which a thread may sleep. */
__attribute__((unused, noinline, no_sanitize("thread"))) static void fake_spin(const struct fake *f)
{
	const volatile bool *release = (const volatile bool *)&f->release;

	while (!*release)
		;
}

static inline bool fake_async(const char *params)
{
	size_t n = strlen("async_probe");

	return !strncmp(params, "async_probe", n) && (!params[n] || params[n] == ' ');
}

static inline int fake_load(struct fake *f, const char *params, bool finit, unsigned int flags, size_t size)
{
	unsigned int n = atomic_fetch_add(&f->n_loads, 1);
	unsigned int running = atomic_fetch_add(&f->running, 1) + 1;
	unsigned int most = atomic_load(&f->most_running);
	unsigned int ms = (unsigned int)fake_number(params, "ms=", 0);
	int nice = getpriority(PRIO_PROCESS, 0);

	while (running > most && !atomic_compare_exchange_weak(&f->most_running, &most, running))
		;
	if (n < FAKE_LOADS)
		f->loads[n] = (struct fake_load){
			.id = fake_number(params, "id=", -1),
			.async = fake_async(params),
			.finit = finit,
			.flags = flags,
			.size = size,
			.nice = nice,
		};
	if (ms)
		fake_really_sleep(ms);
	if (strstr(params, "spin")) {
		atomic_fetch_add(&f->spinning, 1);
		fake_spin(f);
	}
	/* So long that who looks twice finds the same sleep, on a busy machine too. */
	while (strstr(params, "forever") && !atomic_load(&f->release))
		fake_really_sleep(100);
	for (int i = 0; strstr(params, "raised") && getpriority(PRIO_PROCESS, 0) == nice && i < 60000; i++)
		fake_really_sleep(1);
	if (n < FAKE_LOADS)
		f->loads[n].last_nice = getpriority(PRIO_PROCESS, 0);
	atomic_fetch_sub(&f->running, 1);
	return fake_number(params, "ret=", 0);
}

static inline int fake_finit_module(void *data, int fd, const char *params, unsigned int flags)
{
	struct fake *f = data;
	int r = fake_load(f, params, true, flags, 0);
	int i = 0;

	if (!f->finit_answers[0])
		return r;
	while (i < 7 && (unsigned int)i < f->n_finit && f->finit_answers[i + 1])
		i++;
	f->n_finit++;
	return f->finit_answers[i] == 1 ? 0 : f->finit_answers[i];
}

static inline int fake_init_module(void *data, const void *image, size_t size, const char *params)
{
	return fake_load(data, params, false, 0, size);
}

static inline int fake_delete_module(void *data, const char *name, unsigned int flags)
{
	return -ENOSYS;
}

static inline enum initstate fake_initstate(void *data, const struct rootfs *root, const char *name)
{
	struct fake *f = data;
	unsigned int n = atomic_fetch_add(&f->n_states, 1);

	return f->states[n < f->last_state ? n : f->last_state];
}

static inline int fake_read(void *data, const struct rootfs *root, const char *path, char *buf, size_t size)
{
	struct fake *f = data;

	for (size_t i = 0; i < ARRAY_SIZE(f->files) && f->files[i].path; i++)
		if (!strcmp(f->files[i].path, path))
			return snprintf(buf, size, "%s", f->files[i].text);
	return -ENOENT;
}

static inline bool fake_capable(void *data)
{
	return !((struct fake *)data)->not_capable;
}

static inline int fake_run_command(void *data, const struct rootfs *root,
				   const struct kernel_command *command, struct kernel_output *output)
{
	struct fake *f = data;

	atomic_fetch_add(&f->n_commands, 1);
	*output = f->output;
	return f->command_answer;
}

static inline void fake_sleep(void *data, unsigned int ms)
{
	atomic_fetch_add(&((struct fake *)data)->slept_ms, ms);
}

static const struct kernel_ops fake_ops = {
	.finit_module = fake_finit_module,
	.init_module = fake_init_module,
	.delete_module = fake_delete_module,
	.initstate = fake_initstate,
	.read = fake_read,
	.capable = fake_capable,
	.run_command = fake_run_command,
	.sleep = fake_sleep,
};

/* The smallest file that passes for a module: a 64-bit header that says "relocatable". */
static inline void fake_elf(unsigned char elf[64])
{
	static const unsigned char start[] = {
		0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
	};

	memset(elf, 0, 64);
	memcpy(elf, start, sizeof(start));
	elf[58] = 64;
}

static inline void fake_file(const char *dir, const char *name, const void *data, size_t size)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

/* A module with undefined symbols: section headers, which are its end, of nothing, the symbols, their
 * strings, and the sections' names. For this machine's byte order. */
struct fake_module {
	Elf64_Ehdr header;
	Elf64_Sym symbols[4]; /* the first is none, the second its own */
	char strings[128];
	char names[32];
	Elf64_Shdr sections[4];
};

static inline struct fake_module fake_module_of(const char *first, const char *second)
{
	static const char names[] = "\0.symtab\0.strtab\0.shstrtab";
	struct fake_module m = {
		.header = { .e_type = ET_REL,
			    .e_shoff = offsetof(struct fake_module, sections),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 4,
			    .e_shstrndx = 3 },
		.sections[1] = { .sh_name = 1,
				 .sh_type = SHT_SYMTAB,
				 .sh_link = 2,
				 .sh_offset = offsetof(struct fake_module, symbols),
				 .sh_size = sizeof(m.symbols),
				 .sh_entsize = sizeof(Elf64_Sym) },
		.sections[2] = { .sh_name = 9,
				 .sh_type = SHT_STRTAB,
				 .sh_size = sizeof(m.strings),
				 .sh_offset = offsetof(struct fake_module, strings) },
		.sections[3] = { .sh_name = 17,
				 .sh_type = SHT_STRTAB,
				 .sh_size = sizeof(m.names),
				 .sh_offset = offsetof(struct fake_module, names) },
		.symbols[1] = { .st_name = 1, .st_shndx = 1 },
		.symbols[2] = { .st_name = 32 },
		.symbols[3] = { .st_name = 80 },
	};

	memcpy(m.header.e_ident, ELFMAG, SELFMAG);
	m.header.e_ident[EI_CLASS] = ELFCLASS64;
	m.header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB;
	/* What a module defines itself is not what it asks for. */
	strcpy(m.strings + 1, "my_driver_register");
	strcpy(m.strings + 32, first);
	strcpy(m.strings + 80, second);
	memcpy(m.names, names, sizeof(names));
	return m;
}

static inline void fake_module(const char *dir, const char *name, const char *symbol)
{
	struct fake_module m = fake_module_of("printk", symbol);

	fake_file(dir, name, &m, sizeof(m));
}

/* A root with one module in it, m.ko. */
static inline void fake_root(char dir[64], struct rootfs *root)
{
	unsigned char elf[64];

	strcpy(dir, "/tmp/test-loader-XXXXXX");
	assert_non_null(mkdtemp(dir));
	fake_elf(elf);
	fake_file(dir, "m.ko", elf, sizeof(elf));
	assert_int_equal(rootfs_open(root, dir), 0);
}

static inline void fake_root_remove(const char *dir, struct rootfs *root)
{
	char command[128];

	rootfs_close(root);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}
