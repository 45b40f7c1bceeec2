/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

#define PENDING (LOAD_SKIPPED + 1) /* an outcome of the report only */

/* Descriptors only: stdio's buffers may hold what the front had not written when it forked. */
struct out {
	int fd;
	int error;	  /* the first */
	struct json json; /* one string at a time */
	size_t n;
	char buf[32768];
};

static void out_flush(struct out *o)
{
	size_t done = 0;
	ssize_t n;

	while (done < o->n && !o->error) {
		n = write(o->fd, o->buf + done, o->n - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			o->error = n < 0 ? -errno : -EIO;
	}
	o->n = 0;
}

static void out_bytes(struct out *o, const char *p, size_t n)
{
	while (n) {
		size_t piece = sizeof(o->buf) - o->n < n ? sizeof(o->buf) - o->n : n;

		memcpy(o->buf + o->n, p, piece);
		o->n += piece;
		p += piece;
		n -= piece;
		if (o->n == sizeof(o->buf))
			out_flush(o);
	}
}

__attribute__((format(printf, 2, 3))) static void out_format(struct out *o, const char *fmt, ...)
{
	char buf[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n > 0)
		out_bytes(o, buf, (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1);
}

static void out_string(struct out *o, const char *s)
{
	o->json.text.n = 0;
	o->json.comma = false;
	json_string(&o->json, NULL, s);
	if (o->json.failed && !o->error)
		o->error = -ENOMEM;
	out_bytes(o, o->json.text.items, o->json.text.n);
}

static const char *outcome_name(uint32_t outcome)
{
	static const char *const names[] = {
		[LOAD_DONE] = "loaded",	  [LOAD_ALREADY] = "already", [LOAD_DECLINED] = "declined",
		[LOAD_FAILED] = "failed", [LOAD_SKIPPED] = "skipped", [PENDING] = "pending",
	};

	return outcome < ARRAY_SIZE(names) ? names[outcome] : "failed";
}

static const char *errno_name(int error)
{
#define NAME(e)       \
	{             \
		e, #e \
	}
	static const struct {
		int error;
		const char *name;
	} names[] = {
		NAME(EPERM),	    NAME(ENOENT),    NAME(EINTR),   NAME(EIO),	       NAME(ENXIO),
		NAME(E2BIG),	    NAME(ENOEXEC),   NAME(EBADF),   NAME(EAGAIN),      NAME(ENOMEM),
		NAME(EACCES),	    NAME(EFAULT),    NAME(EBUSY),   NAME(EEXIST),      NAME(ENODEV),
		NAME(ENOTDIR),	    NAME(EISDIR),    NAME(EINVAL),  NAME(ENFILE),      NAME(EMFILE),
		NAME(ETXTBSY),	    NAME(EFBIG),     NAME(ENOSPC),  NAME(EROFS),       NAME(ERANGE),
		NAME(ENAMETOOLONG), NAME(ENOSYS),    NAME(ELOOP),   NAME(ENODATA),     NAME(ETIMEDOUT),
		NAME(ENOPKG),	    NAME(EPROTO),    NAME(EBADMSG), NAME(EOVERFLOW),   NAME(EOPNOTSUPP),
		NAME(EADDRINUSE),   NAME(ECANCELED), NAME(ENOKEY),  NAME(EKEYEXPIRED), NAME(EKEYREVOKED),
		NAME(EKEYREJECTED), NAME(EXDEV),
	};
#undef NAME

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].error == error)
			return names[i].name;
	return NULL;
}

static void out_error(struct out *o, const struct step *step, int error)
{
	const char *name = step->kind == STEP_COMMAND ? NULL : errno_name(error);

	if (!error)
		out_format(o, "null");
	else if (step->kind == STEP_COMMAND && error != ECANCELED)
		out_format(o, "\"exit %d\"", error);
	else if (name || error == ECANCELED)
		out_format(o, "\"%s\"", name ? name : "ECANCELED");
	else
		out_format(o, "\"errno %d\"", error);
}

static void out_load(struct out *o, const struct step *step, const struct load_result *r)
{
	out_format(o, "\n{\"module\":");
	out_string(o, step->name);
	out_format(o, ",\"outcome\":\"%s\",\"error\":", outcome_name(r->outcome));
	out_error(o, step, r->error);
	out_format(o, ",\"message\":");
	out_string(o, r->message);
	out_format(o, ",\"worker\":%u,\"start_us\":%" PRIu64 ",\"end_us\":%" PRIu64 "}", r->worker,
		   r->start_us, r->end_us);
}

struct summary {
	size_t counts[PENDING + 1];
	uint64_t start_us;
	uint64_t end_us;
};

static void count(struct summary *s, const struct load_result *r)
{
	if (r->outcome <= PENDING)
		s->counts[r->outcome]++;
	if (r->start_us && (!s->start_us || r->start_us < s->start_us))
		s->start_us = r->start_us;
	if (r->end_us > s->end_us)
		s->end_us = r->end_us;
}

static void out_summary(struct out *o, const struct summary *s)
{
	out_format(o, "],\n\"summary\":{");
	for (uint32_t i = 0; i <= PENDING; i++)
		out_format(o, "\"%s\":%zu,", outcome_name(i), s->counts[i]);
	out_format(o, "\"start_us\":%" PRIu64 ",\"end_us\":%" PRIu64 "}}\n", s->start_us, s->end_us);
}

/* Where each step's result stands in the order of completion, SIZE_MAX when it has none. */
static int index_results(struct pool *pool, size_t n, size_t **ret)
{
	size_t *places = malloc((n + 1) * sizeof(*places));
	struct load_result result;
	size_t at = 0;

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		places[i] = SIZE_MAX;
	for (size_t next = 0; pool_next(pool, &next, &result); at = next)
		if (result.step < n)
			places[result.step] = at;
	*ret = places;
	return 0;
}

static void out_head(struct out *o, const struct report *report)
{
	size_t n = report->n_head;

	while (n && strchr(" \t\r\n", report->head[n - 1]))
		n--;
	if (!n)
		out_bytes(o, "{", 1);
	else
		out_bytes(o, report->head, n);
	out_format(o, "%s\"loads\":[", n && report->head[n - 1] != '{' ? ",\n" : "");
}

static int out_report(struct out *o, const struct report *report, struct pool *pool)
{
	_cleanup_free_ size_t *places = NULL;
	struct summary summary = {};
	struct load_result result;
	size_t n = pool_n_steps(pool);
	int r;

	r = index_results(pool, n, &places);
	if (r < 0)
		return r;
	out_head(o, report);
	for (uint32_t i = 0; i < n; i++) {
		struct step step = pool_step(pool, i);

		if (!pool_next(pool, &places[i], &result))
			result = (struct load_result){ .step = i, .outcome = PENDING };
		out_format(o, "%s", i ? "," : "");
		out_load(o, &step, &result);
		count(&summary, &result);
	}
	out_summary(o, &summary);
	out_flush(o);
	return o->error;
}

/* A new file; its name is one of this process's, tried a few times because a process of the same
 * number may have left one behind. */
static int make_temporary(int dirfd, char *name, size_t size)
{
	int fd = -1;

	for (int i = 0; i < 100 && fd < 0; i++) {
		snprintf(name, size, ".coldplug-report-%ld-%d", (long)getpid(), i);
		fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	return fd < 0 ? -EEXIST : fd;
}

static int fill(int fd, const struct report *report, struct pool *pool)
{
	_cleanup_free_ struct out *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->fd = fd;
	r = out_report(o, report, pool);
	array_free(&o->json.text);
	if (r < 0)
		return r;
	/* EINVAL, ENOSYS: a file system that has nothing to sync. */
	if (fsync(fd) < 0 && errno != EINVAL && errno != ENOSYS)
		return -errno;
	return 0;
}

int report_write(const struct report *report, struct pool *pool)
{
	char temporary[64];
	int fd, r;

	if (report->dirfd < 0)
		return 0;
	fd = make_temporary(report->dirfd, temporary, sizeof(temporary));
	if (fd < 0)
		return fd;
	r = fill(fd, report, pool);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(report->dirfd, temporary, report->dirfd, report->name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(report->dirfd, temporary, 0);
	return r;
}

void report_free(struct report *report)
{
	if (report->dirfd >= 0)
		close(report->dirfd);
	free(report->name);
	free(report->head);
	*report = (struct report){ .dirfd = -1 };
}
