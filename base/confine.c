/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * There are two levels, because libblkid needs both: to look at a device it opens the device, and for a
 * partition the disk too, whose name it finds in /sys. Only then does it interpret what a stranger may have
 * written. A process at the first level does the former (so does one that reads attributes of /sys, which can
 * be no stricter), and forks one that does the latter at the second level.
 *
 * What is not on a level's list fails with ENOSYS. A C library or a kernel that is newer than these lists
 * then falls back on a call that is on them, and a libblkid that misses something finds less, but goes on.
 * Killing the process would lose the whole answer, and a machine would not boot for it. Only a call by
 * another architecture's convention kills: nobody makes one by mistake.
 *
 * Neither level has a call that writes but send(), which only works on a socket. The filter does not see what
 * a pointer points to, so the flags of openat2() are not checked.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MEMORY_MORE (256 << 20)
#define PROCESSOR_SECONDS 20

/* The calls that confine. */
enum { LIMITS = 1, CAPABILITIES, NO_NEW_PRIVILEGES, FILTER, N_CALLS };

/* Every errno is below. */
#define ERRNO_END 4096

/* Not in all headers. */
#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

static int failure(int call)
{
	return -(call * ERRNO_END + errno);
}

bool confine_is_error(int r)
{
	return r <= -ERRNO_END && r > -N_CALLS * ERRNO_END;
}

const char *confine_strerror(int r, char text[128])
{
	static const char *const calls[N_CALLS] = {
		[LIMITS] = "setrlimit()",
		[CAPABILITIES] = "capset()",
		[NO_NEW_PRIVILEGES] = "prctl(PR_SET_NO_NEW_PRIVS)",
		[FILTER] = "prctl(PR_SET_SECCOMP)",
	};

	snprintf(text, 128, "%s: %s", calls[-r / ERRNO_END], strerror(-r % ERRNO_END));
	return text;
}

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

/* The lower half of an argument: no call has more than that where a condition is on it. */
#define ARGUMENT(n) \
	(offsetof(struct seccomp_data, args[n]) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0))
#define LOAD(place)                                   \
	{                                             \
		BPF_LD | BPF_W | BPF_ABS, 0, 0, place \
	}
#define IF(test, k, then, otherwise)                       \
	{                                                  \
		BPF_JMP | test | BPF_K, then, otherwise, k \
	}
#define AND(k)                                     \
	{                                          \
		BPF_ALU | BPF_AND | BPF_K, 0, 0, k \
	}
#define ANSWER(k)                        \
	{                                \
		BPF_RET | BPF_K, 0, 0, k \
	}
#define NUMBER offsetof(struct seccomp_data, nr)

#define ALLOW(nr) IF(BPF_JEQ, nr, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
/* If an argument, of which the bits of mask count, has this value. */
#define ALLOW_IF(nr, argument, mask, value)                                                   \
	IF(BPF_JEQ, nr, 0, 5), LOAD(ARGUMENT(argument)), AND(mask), IF(BPF_JEQ, value, 0, 1), \
		ANSWER(SECCOMP_RET_ALLOW), LOAD(NUMBER)
#define REFUSE ANSWER(SECCOMP_RET_ERRNO | ENOSYS)

/* As linux/net.h has them. */
#define SOCKETCALL_PAIR 8
#define SOCKETCALL_SEND 9

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)
#define NAMESPACES                                                                                    \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWNET)
#ifdef __s390x__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* A program begins with this, */
static const struct sock_filter both[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
	IF(BPF_JEQ, ARCHITECTURE, 1, 0),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	LOAD(NUMBER),
#ifdef __x86_64__
	/* x32 has the same architecture and this bit. */
	IF(BPF_JGE, 0x40000000, 0, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
#endif
	ALLOW(SYS_read),
	ALLOW(SYS_pread64),
	ALLOW(SYS_lseek),
	ALLOW(SYS_close),
	ALLOW(SYS_brk),
	ALLOW(SYS_munmap),
	ALLOW(SYS_mremap),
	ALLOW(SYS_madvise),
	ALLOW(SYS_exit),
	ALLOW(SYS_exit_group),
	ALLOW(SYS_rt_sigreturn),
	ALLOW(SYS_sigaltstack), /* the address sanitizer asks before a process ends */
	ALLOW(SYS_rt_sigprocmask),
	ALLOW(SYS_futex),
	ALLOW(SYS_sendto),
#ifdef SYS_send
	ALLOW(SYS_send),
#endif
#ifdef SYS_clock_gettime
	ALLOW(SYS_clock_gettime),
#endif
#ifdef SYS_fadvise64
	ALLOW(SYS_fadvise64),
#endif
#ifdef SYS_fadvise64_64
	ALLOW(SYS_fadvise64_64),
#endif
#ifdef SYS_arm_fadvise64_64
	ALLOW(SYS_arm_fadvise64_64),
#endif
#ifdef SYS__llseek
	ALLOW(SYS__llseek),
#endif
#ifdef SYS_sigreturn
	ALLOW(SYS_sigreturn),
#endif
#ifdef SYS_clock_gettime64
	ALLOW(SYS_clock_gettime64),
#endif
#ifdef SYS_futex_time64
	ALLOW(SYS_futex_time64),
#endif
#ifdef SYS_getrandom
	ALLOW(SYS_getrandom),
#endif
#ifdef __s390x__
	ALLOW(SYS_mmap), /* its arguments are in memory */
#endif
	ALLOW_IF(SYS_mprotect, 2, PROT_EXEC, 0),
#ifdef SYS_mmap2
	ALLOW_IF(SYS_mmap2, 2, PROT_EXEC, 0),
#elif !defined(__s390x__)
	ALLOW_IF(SYS_mmap, 2, PROT_EXEC, 0),
#endif
#ifdef SYS_socketcall
	ALLOW_IF(SYS_socketcall, 0, UINT32_MAX, SOCKETCALL_SEND),
#endif
};

/* and ends with this, or */
static const struct sock_filter reading[] = {
	ALLOW(SYS_readv),
	ALLOW(SYS_statfs),
	ALLOW(SYS_fstatfs),
	ALLOW(SYS_readlinkat),
	ALLOW(SYS_faccessat),
	ALLOW(SYS_getdents64),
	ALLOW(SYS_getcwd),
	ALLOW(SYS_chdir),
	ALLOW(SYS_fcntl),
	ALLOW(SYS_dup),
	ALLOW(SYS_dup3),
	ALLOW(SYS_ioctl),
	ALLOW(SYS_socketpair),
	ALLOW(SYS_wait4),
	ALLOW(SYS_getpid),
	ALLOW(SYS_getppid),
	ALLOW(SYS_gettid),
	ALLOW(SYS_set_tid_address),
	ALLOW(SYS_set_robust_list),
	ALLOW(SYS_rt_sigaction),
	ALLOW(SYS_prctl),
	ALLOW(SYS_capget),
	ALLOW(SYS_capset),
#ifdef SYS_fstat
	ALLOW(SYS_fstat),
#endif
#ifdef SYS_setrlimit
	ALLOW(SYS_setrlimit),
#endif
#ifdef SYS_prlimit64
	ALLOW(SYS_prlimit64),
#endif
#ifdef SYS_rseq
	ALLOW(SYS_rseq),
#endif
#ifdef SYS_openat2
	ALLOW(SYS_openat2),
#endif
#ifdef SYS_close_range
	ALLOW(SYS_close_range),
#endif
#ifdef SYS_statx
	ALLOW(SYS_statx),
#endif
#ifdef SYS_faccessat2
	ALLOW(SYS_faccessat2),
#endif
#ifdef SYS_newfstatat
	ALLOW(SYS_newfstatat),
#endif
#ifdef SYS_fstatat64
	ALLOW(SYS_fstatat64),
	ALLOW(SYS_fstat64),
	ALLOW(SYS_statfs64),
	ALLOW(SYS_fstatfs64),
	ALLOW(SYS_fcntl64),
#endif
/* Those that newer architectures do not have. */
#ifdef SYS_open
	ALLOW(SYS_stat),
	ALLOW(SYS_lstat),
	ALLOW(SYS_access),
	ALLOW(SYS_readlink),
	ALLOW(SYS_pipe),
	ALLOW(SYS_dup2),
	ALLOW(SYS_fork),
	ALLOW(SYS_vfork),
#endif
#ifdef SYS_stat64
	ALLOW(SYS_stat64),
	ALLOW(SYS_lstat64),
#endif
#ifdef SYS_waitpid
	ALLOW(SYS_waitpid),
#endif
	ALLOW_IF(SYS_openat, 2, WRITING, O_RDONLY),
#ifdef SYS_open
	ALLOW_IF(SYS_open, 1, WRITING, O_RDONLY),
#endif
	ALLOW_IF(SYS_clone, CLONE_FLAGS, NAMESPACES, 0),
#ifdef SYS_socketcall
	ALLOW_IF(SYS_socketcall, 0, UINT32_MAX, SOCKETCALL_PAIR),
#endif
	REFUSE,
};

/* with this: libblkid asks a disk for its sectors and its zones. */
static const struct sock_filter descriptors[] = {
	ALLOW_IF(SYS_ioctl, 1, UINT32_MAX, BLKSSZGET),
	ALLOW_IF(SYS_ioctl, 1, UINT32_MAX, BLKGETSIZE64),
	ALLOW_IF(SYS_ioctl, 1, UINT32_MAX, BLKREPORTZONE),
	REFUSE,
};

static int set_filter(const struct sock_filter *end, size_t n)
{
	struct sock_filter program[ARRAY_SIZE(both) + ARRAY_SIZE(reading)];
	struct sock_fprog set = { (unsigned short)(ARRAY_SIZE(both) + n), program };

	memcpy(program, both, sizeof(both));
	memcpy(program + ARRAY_SIZE(both), end, n * sizeof(*end));
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &set) < 0 && errno != EINVAL && errno != ENOSYS)
		return failure(FILTER);
	return 0;
}

static int filter_reading(void)
{
	return set_filter(reading, ARRAY_SIZE(reading));
}

static int filter_descriptors(void)
{
	return set_filter(descriptors, ARRAY_SIZE(descriptors));
}

bool confine_has_filter(void)
{
	return prctl(PR_GET_SECCOMP) >= 0;
}

#else

static int filter_reading(void)
{
	return 0;
}

static int filter_descriptors(void)
{
	return 0;
}

bool confine_has_filter(void)
{
	return false;
}

#endif

/* All but those of kept, which are numbered below 32. */
static int drop_capabilities(uint32_t kept)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};

	/* A kernel for one user (CONFIG_MULTIUSER=n) has none. */
	if (syscall(SYS_capget, &head, sets) < 0)
		return errno == ENOSYS ? 0 : failure(CAPABILITIES);
	sets[0].effective &= kept;
	sets[0].permitted &= kept;
	sets[1].effective = sets[1].permitted = sets[0].inheritable = sets[1].inheritable = 0;
	return syscall(SYS_capset, &head, sets) < 0 ? failure(CAPABILITIES) : 0;
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
		return failure(LIMITS);
	if (limit.rlim_max < most)
		most = limit.rlim_max;
	limit.rlim_cur = limit.rlim_cur < most ? limit.rlim_cur : most;
	limit.rlim_max = most;
	return setrlimit(resource, &limit) < 0 ? failure(LIMITS) : 0;
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

/* What a filter needs: Linux 3.5 has both. */
static int forbid_new_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 && errno != EINVAL && errno != ENOSYS)
		return failure(NO_NEW_PRIVILEGES);
	return 0;
}

int confine_to_reading(void)
{
	return drop_capabilities(1U << CAP_DAC_READ_SEARCH) ?: forbid_new_privileges() ?: filter_reading();
}

int confine_to_descriptors(void)
{
	reset_signals();
	/* Others of this user cannot trace it. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return set_limits() ?: drop_capabilities(0) ?: forbid_new_privileges() ?: filter_descriptors();
}
