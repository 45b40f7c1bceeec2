/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An allocator in which one allocation fails. It is preloaded, stands before that of the C library (or of
 * the address sanitizer) and hands everything on to it, but for the one that is named by
 *
 *	FAULTS_PROCESS	which process: 0 is the program, 1 the first that was forked, ...
 *	FAULTS_NUMBER	which of its allocations, from 1 on; 0: none fails, and each is listed
 *	FAULTS_SHARED	a file of some megabytes, which is mapped: what all of the processes have to report
 *
 * Its lines are "alloc PROCESS NUMBER SITE..." and "fault PROCESS NUMBER SITE..."; a SITE is a return
 * address in the program, relative to where that is loaded. What the dynamic linker and the sanitizers
 * allocate is not counted: they end the process when they get nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define FRAMES 24

struct range {
	uintptr_t begin, end;
};

struct shared {
	_Atomic uint32_t processes, used;
	char text[];
};

static struct shared *shared;
static size_t text_size;
static uint32_t this_process, fault_process;
static uint64_t fault_number;
static _Atomic uint64_t allocations;
static _Thread_local bool busy; /* in here already */

static struct range program, foreign[16];
static uintptr_t program_base;
static size_t n_foreign;

static bool is_within(const struct range *r, const void *address)
{
	return (uintptr_t)address >= r->begin && (uintptr_t)address < r->end;
}

static bool is_foreign(const void *caller)
{
	for (size_t i = 0; i < n_foreign; i++)
		if (is_within(&foreign[i], caller))
			return true;
	return false;
}

static int look_at_object(struct dl_phdr_info *info, size_t size, void *userdata)
{
	static const char *const names[] = { "/ld-", "/ld.so", "libasan", "libubsan", "libtsan", "libgcc_s" };
	struct range *r = NULL;

	if (!program.end && !*info->dlpi_name) {
		program_base = info->dlpi_addr;
		r = &program;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(info->dlpi_name, names[i]) && n_foreign < sizeof(foreign) / sizeof(foreign[0]))
			r = &foreign[n_foreign];
	for (size_t i = 0; r && i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			r->begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			r->end = r->begin + info->dlpi_phdr[i].p_memsz;
		}
	n_foreign += r && r != &program;
	return 0;
}

static void append(const char *text, size_t n)
{
	size_t at = atomic_fetch_add(&shared->used, n);

	if (at + n <= text_size)
		memcpy(shared->text + at, text, n);
}

static void report(const char *what, uint64_t number)
{
	void *frames[FRAMES];
	char line[64 + 20 * FRAMES];
	int n = backtrace(frames, FRAMES);
	int len = snprintf(line, sizeof(line), "%s %u %llu", what, this_process, (unsigned long long)number);

	for (int i = 0; i < n; i++)
		if (is_within(&program, frames[i]))
			len += snprintf(line + len, sizeof(line) - (size_t)len, " %lx",
					(unsigned long)((uintptr_t)frames[i] - program_base));
	line[len++] = '\n';
	append(line, (size_t)len);
}

/* Whether this allocation is the one. */
static bool fails(const void *caller)
{
	uint64_t number;
	bool it;

	if (!shared || busy || is_foreign(caller))
		return false;
	number = atomic_fetch_add(&allocations, 1) + 1;
	it = fault_number && number == fault_number && this_process == fault_process;
	if (it || !fault_number) {
		busy = true;
		report(it ? "fault" : "alloc", number);
		busy = false;
	}
	if (it)
		errno = ENOMEM;
	return it;
}

static void in_child(void)
{
	this_process = atomic_fetch_add(&shared->processes, 1);
	atomic_store(&allocations, 0);
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULTS_SHARED"), *process = getenv("FAULTS_PROCESS"),
		   *number = getenv("FAULTS_NUMBER");
	void *frame;
	struct stat st;
	void *p;
	int fd;

	if (!path || !process || !number)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	fault_process = (uint32_t)strtoul(process, NULL, 10);
	fault_number = strtoull(number, NULL, 10);
	text_size = (size_t)st.st_size - sizeof(struct shared);
	/* What is started by the program is no part of it. */
	unsetenv("LD_PRELOAD");
	backtrace(&frame, 1); /* loads the unwinder */
	dl_iterate_phdr(look_at_object, NULL);
	pthread_atfork(NULL, NULL, in_child);
	shared = p;
	this_process = atomic_fetch_add(&shared->processes, 1);
}

/* ---- what is preloaded ---- */

/* dlsym() may allocate before it has found the allocator. */
static char first_bytes[4096] __attribute__((aligned(16)));
static size_t n_first_bytes;

static void *first_allocation(size_t size)
{
	void *p = first_bytes + n_first_bytes;

	n_first_bytes += (size + 15) & ~(size_t)15;
	if (n_first_bytes > sizeof(first_bytes))
		abort();
	return p;
}

/* volatile: the compiler holds dlsym() for a function that does not call any of these. */
#define NEXT(name)                                                             \
	static __typeof__(name) *next;                                         \
	static volatile bool looking;                                          \
	if (!next && !looking) {                                               \
		looking = true;                                                \
		next = (__typeof__(name) *)(uintptr_t)dlsym(RTLD_NEXT, #name); \
		looking = false;                                               \
	}

#define FAILS() fails(__builtin_extract_return_addr(__builtin_return_address(0)))

EXPORT void *malloc(size_t size)
{
	NEXT(malloc)
	if (!next)
		return first_allocation(size);
	return FAILS() ? NULL : next(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
	NEXT(calloc)
	if (!next)
		return first_allocation(n * size);
	return FAILS() ? NULL : next(n, size);
}

EXPORT void *realloc(void *p, size_t size)
{
	NEXT(realloc)
	return FAILS() ? NULL : next(p, size);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	NEXT(reallocarray)
	return FAILS() ? NULL : next(p, n, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	NEXT(aligned_alloc)
	return FAILS() ? NULL : next(alignment, size);
}

EXPORT int posix_memalign(void **ret, size_t alignment, size_t size)
{
	NEXT(posix_memalign)
	return FAILS() ? ENOMEM : next(ret, alignment, size);
}

EXPORT void free(void *p)
{
	NEXT(free)
	if (next &&
	    !is_within(
		    &(struct range){ (uintptr_t)first_bytes, (uintptr_t)first_bytes + sizeof(first_bytes) },
		    p))
		next(p);
}

/* The sanitizer has these of its own, which do not come by malloc(). */
EXPORT char *strdup(const char *s)
{
	NEXT(malloc)
	size_t n = strlen(s) + 1;
	char *p = FAILS() ? NULL : next(n);

	return p ? memcpy(p, s, n) : NULL;
}

EXPORT char *strndup(const char *s, size_t max)
{
	NEXT(malloc)
	size_t n = strnlen(s, max);
	char *p = FAILS() ? NULL : next(n + 1);

	if (!p)
		return NULL;
	p[n] = '\0';
	return memcpy(p, s, n);
}
