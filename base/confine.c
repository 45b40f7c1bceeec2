/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * There are two levels, because libblkid needs both: to look at a device it opens the device, and for a partition the
 * disk too, whose name it finds in /sys. Only then does it interpret what a stranger may have written. A process at
 * the first level does the former (so does one that reads attributes of /sys, which can be no stricter), and
 * forks one that does the latter at the second level.
 *
 * What is not on a level's list fails with ENOSYS. A C library or a kernel that is newer than these lists then falls
 * back on a call that is on them, and a libblkid that misses something finds less, but goes on. Killing the process
 * would lose the whole answer, and a machine would not boot for it. Only a call by another architecture's
 * convention kills: nobody makes one by mistake.
 *
 * Neither level has a call that writes but send(), which only works on a socket. The filter does not see what a pointer
 * points to, so the flags of openat2() are not checked.
 *
 * Refused: libseccomp (another library in each image); SECCOMP_MODE_STRICT (malloc() needs mmap); Landlock
 * (since 5.13 only, and the second level opens nothing anyway); another user (it could not read the disks).
 */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/blkzoned.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MEMORY_MORE (256 << 20)
#define PROCESSOR_SECONDS 20

/* Not in all headers. */
#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARM_EABI__) && !defined(__ARMEB__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__loongarch64) && defined(AUDIT_ARCH_LOONGARCH64)
#define ARCHITECTURE AUDIT_ARCH_LOONGARCH64
#endif

#ifdef ARCHITECTURE

/* The calls that both levels allow, whatever their arguments. */
static const uint16_t both[] = {
	SYS_read,
	SYS_pread64,
	SYS_lseek,
	SYS_close,
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_exit,
	SYS_exit_group,
	SYS_rt_sigreturn,
	SYS_sigaltstack, /* the address sanitizer asks before a process ends */
	SYS_rt_sigprocmask,
	SYS_futex,
	SYS_sendto,
#ifdef SYS_send
	SYS_send,
#endif
#ifdef SYS_clock_gettime
	SYS_clock_gettime,
#endif
#ifdef SYS_fadvise64
	SYS_fadvise64,
#endif
#ifdef SYS_fadvise64_64
	SYS_fadvise64_64,
#endif
#ifdef SYS_arm_fadvise64_64
	SYS_arm_fadvise64_64,
#endif
#ifdef SYS__llseek
	SYS__llseek,
#endif
#ifdef SYS_sigreturn
	SYS_sigreturn,
#endif
#ifdef SYS_clock_gettime64
	SYS_clock_gettime64,
#endif
#ifdef SYS_futex_time64
	SYS_futex_time64,
#endif
#ifdef SYS_getrandom
	SYS_getrandom,
#endif
#ifdef __s390x__
	SYS_mmap, /* its arguments are in memory */
#endif
};

static const uint16_t reading_only[] = {
	SYS_readv,	 SYS_statfs,  SYS_fstatfs,	   SYS_readlinkat,	SYS_faccessat,
	SYS_getdents64,	 SYS_getcwd,  SYS_chdir,	   SYS_fcntl,		SYS_dup,
	SYS_dup3,	 SYS_ioctl,   SYS_socketpair,	   SYS_wait4,		SYS_getpid,
	SYS_getppid,	 SYS_gettid,  SYS_set_tid_address, SYS_set_robust_list, SYS_rt_sigaction,
	SYS_prctl,	 SYS_capget,  SYS_capset,
#ifdef SYS_fstat
	SYS_fstat,
#endif
#ifdef SYS_setrlimit
	SYS_setrlimit,
#endif
#ifdef SYS_prlimit64
	SYS_prlimit64,
#endif
#ifdef SYS_rseq
	SYS_rseq,
#endif
#ifdef SYS_openat2
	SYS_openat2,
#endif
#ifdef SYS_close_range
	SYS_close_range,
#endif
#ifdef SYS_statx
	SYS_statx,
#endif
#ifdef SYS_faccessat2
	SYS_faccessat2,
#endif
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
#ifdef SYS_fstatat64
	SYS_fstatat64,	 SYS_fstat64, SYS_statfs64,	   SYS_fstatfs64,	SYS_fcntl64,
#endif
/* Those that newer architectures do not have. */
#ifdef SYS_open
	SYS_stat,	 SYS_lstat,   SYS_access,	   SYS_readlink,	SYS_pipe,
	SYS_dup2,	 SYS_fork,    SYS_vfork,
#endif
#ifdef SYS_stat64
	SYS_stat64,	 SYS_lstat64,
#endif
#ifdef SYS_waitpid
	SYS_waitpid,
#endif
};

/* A call that is allowed if an argument, of which the bits of mask count, has this value. */
struct condition {
	uint16_t nr, argument;
	uint32_t mask, value;
};

/* As linux/net.h has them. */
#define SOCKETCALL_PAIR 8
#define SOCKETCALL_SEND 9

static const struct condition both_if[] = {
	{ SYS_mprotect, 2, PROT_EXEC, 0 },
#ifdef SYS_socketcall
	{ SYS_socketcall, 0, UINT32_MAX, SOCKETCALL_SEND },
#endif
#ifdef SYS_mmap2
	{ SYS_mmap2, 2, PROT_EXEC, 0 },
#elif !defined(__s390x__)
	{ SYS_mmap, 2, PROT_EXEC, 0 },
#endif
};

/* What libblkid asks a disk: its sectors and its zones. */
static const struct condition descriptors_if[] = {
	{ SYS_ioctl, 1, UINT32_MAX, BLKSSZGET },
	{ SYS_ioctl, 1, UINT32_MAX, BLKGETSIZE64 },
	{ SYS_ioctl, 1, UINT32_MAX, BLKREPORTZONE },
};

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)
#define NAMESPACES                                                                                    \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWNET)
#ifdef __s390x__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

static const struct condition reading_if[] = {
	{ SYS_openat, 2, WRITING, O_RDONLY },
#ifdef SYS_open
	{ SYS_open, 1, WRITING, O_RDONLY },
#endif
	{ SYS_clone, CLONE_FLAGS, NAMESPACES, 0 },
#ifdef SYS_socketcall
	{ SYS_socketcall, 0, UINT32_MAX, SOCKETCALL_PAIR },
#endif
};

#define MAX_INSTRUCTIONS 512

struct program {
	struct sock_filter code[MAX_INSTRUCTIONS];
	unsigned short n;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t then, uint8_t otherwise)
{
	p->code[p->n++] = (struct sock_filter){ code, then, otherwise, k };
}

#define LOAD (BPF_LD | BPF_W | BPF_ABS)
#define IS_EQUAL (BPF_JMP | BPF_JEQ | BPF_K)
#define IS_AT_LEAST (BPF_JMP | BPF_JGE | BPF_K)
#define AND (BPF_ALU | BPF_AND | BPF_K)
#define ANSWER (BPF_RET | BPF_K)
#define NUMBER offsetof(struct seccomp_data, nr)

static void emit_head(struct program *p)
{
	emit(p, LOAD, offsetof(struct seccomp_data, arch), 0, 0);
	emit(p, IS_EQUAL, ARCHITECTURE, 1, 0);
	emit(p, ANSWER, SECCOMP_RET_KILL_PROCESS, 0, 0);
	emit(p, LOAD, NUMBER, 0, 0);
#ifdef __x86_64__
	/* x32 has the same architecture and this bit. */
	emit(p, IS_AT_LEAST, 0x40000000, 0, 1);
	emit(p, ANSWER, SECCOMP_RET_KILL_PROCESS, 0, 0);
#endif
}

static void emit_calls(struct program *p, const uint16_t *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		emit(p, IS_EQUAL, calls[i], 0, 1);
		emit(p, ANSWER, SECCOMP_RET_ALLOW, 0, 0);
	}
}

/* The lower half of an argument: no call has more than that where a condition is on it. */
static uint32_t place_of(unsigned int argument)
{
	return (uint32_t)offsetof(struct seccomp_data, args[argument]) +
		(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
}

static void emit_conditions(struct program *p, const struct condition *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		emit(p, IS_EQUAL, c[i].nr, 0, 5);
		emit(p, LOAD, place_of(c[i].argument), 0, 0);
		emit(p, AND, c[i].mask, 0, 0);
		emit(p, IS_EQUAL, c[i].value, 0, 1);
		emit(p, ANSWER, SECCOMP_RET_ALLOW, 0, 0);
		emit(p, LOAD, NUMBER, 0, 0);
	}
}

static int set_filter(enum confine_level level)
{
	struct program p = {};

	emit_head(&p);
	emit_calls(&p, both, ARRAY_SIZE(both));
	emit_conditions(&p, both_if, ARRAY_SIZE(both_if));
	if (level == CONFINE_TO_READING) {
		emit_calls(&p, reading_only, ARRAY_SIZE(reading_only));
		emit_conditions(&p, reading_if, ARRAY_SIZE(reading_if));
	} else {
		emit_conditions(&p, descriptors_if, ARRAY_SIZE(descriptors_if));
	}
	emit(&p, ANSWER, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ p.n, p.code }) < 0)
		return errno == EINVAL ? 0 : -errno;
	return 0;
}

bool confine_has_filter(void)
{
	return prctl(PR_GET_SECCOMP) >= 0;
}

#else

static int set_filter(enum confine_level level)
{
	return 0;
}

bool confine_has_filter(void)
{
	return false;
}

#endif

static int drop_capabilities(enum confine_level level)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {}, kept[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &head, now) < 0)
		return -errno;
	if (level == CONFINE_TO_READING) {
		kept[0].effective = now[0].effective & 1U << CAP_DAC_READ_SEARCH;
		kept[0].permitted = now[0].permitted & 1U << CAP_DAC_READ_SEARCH;
	}
	return syscall(SYS_capset, &head, kept) < 0 ? -errno : 0;
}

/* Of address space. How much is mapped already is not known without /proc: then there is no limit. */
static rlim_t memory_limit(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 ? (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_MORE
		     : RLIM_INFINITY;
}

/* A limit that is lower already stays. */
static int set_limit(int resource, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return -errno;
	if (limit.rlim_max < most)
		most = limit.rlim_max;
	limit.rlim_cur = limit.rlim_cur < most ? limit.rlim_cur : most;
	limit.rlim_max = most;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int set_limits(void)
{
	return set_limit(RLIMIT_AS, memory_limit())
		       ?: set_limit(RLIMIT_CPU, PROCESSOR_SECONDS)
		       ?: set_limit(RLIMIT_CORE, 0)
		       ?: set_limit(RLIMIT_FSIZE, 0)
		       ?: set_limit(RLIMIT_NOFILE, 0);
}

/* A handler of the caller's would speak for the caller. */
static void reset_signals(void)
{
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
}

int confine(enum confine_level level)
{
	int r = 0;

	reset_signals();
	if (level == CONFINE_TO_DESCRIPTORS) {
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		r = set_limits();
	}
	if (!r)
		r = drop_capabilities(level);
	/* Linux 3.5 and later, as filters are. */
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errno == EINVAL ? 0 : -errno;
	return r ?: set_filter(level);
}
