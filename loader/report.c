/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/report.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/output-file.h"

#define PENDING (LOAD_SKIPPED + 1) /* an outcome that only the report has */

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

static void put_error(struct json *j, const struct step *step, int error)
{
	bool is_status = step->kind == STEP_COMMAND && error != ECANCELED;
	const char *name = is_status ? NULL : errno_name(error);
	char buf[32];

	if (!name)
		snprintf(buf, sizeof(buf), is_status ? "exit %d" : "errno %d", error);
	json_string(j, "error", !error ? NULL : name ? name : buf);
}

/* When a thread loaded what. */
struct span {
	uint32_t thread;
	uint32_t step;
	uint64_t start_us, end_us;
};

struct spans {
	ARRAY(struct span) items;
};

static int find_spans(struct pool *pool, struct spans *ret)
{
	struct load_result l;
	int r = 0;

	for (size_t next = 0; !r && pool_next(pool, &next, &l);)
		r = array_push(&ret->items, { l.thread, l.step, l.start_us, l.end_us });
	return r;
}

/* The module whose load asked; NULL: another thread did, perhaps for one. */
static const char *asking_module(struct pool *pool, const struct spans *spans, const struct trace_event *e)
{
	for (const struct span *s = spans->items.items; s < spans->items.items + spans->items.n; s++)
		if (s->thread == e->thread && s->start_us <= e->time_us && e->time_us <= s->end_us)
			return pool_step(pool, s->step).name;
	return NULL;
}

static void put_request(struct json *j, const struct trace_event *e, const char *module)
{
	json_new_line(j);
	json_open(j, NULL, '{');
	json_string(j, "name", e->name);
	json_string(j, "by", e->by);
	json_string(j, "module", module);
	json_string(j, "call_site", e->call_site);
	json_number(j, "time_us", (int64_t)e->time_us);
	json_close(j, '}');
}

static int put_requests(struct json *j, struct report *report, struct pool *pool,
			const struct trace_events *events)
{
	struct spans spans = {};
	int r;

	if (!report->trace.file)
		return 0;
	r = find_spans(pool, &spans);
	json_new_line(j);
	json_open(j, "kernel_requests", '[');
	for (size_t i = 0; i < events->items.n; i++)
		if (events->items.items[i].kind == TRACE_REQUEST)
			put_request(j, &events->items.items[i],
				    asking_module(pool, &spans, &events->items.items[i]));
	json_close(j, ']');
	array_free(&spans.items);
	return r;
}

static void put_load(struct json *j, const struct step *step, const struct load_result *r,
		     const struct trace_events *events)
{
	uint64_t init_us = 0, inited_us = 0;

	trace_find_init(events, r->thread, r->start_us, r->end_us, &init_us, &inited_us);
	json_new_line(j);
	json_open(j, NULL, '{');
	json_string(j, "module", step->name);
	json_string(j, "outcome", outcome_name(r->outcome));
	put_error(j, step, r->error);
	json_string(j, "message", r->message);
	json_number(j, "worker", r->worker);
	json_number(j, "start_us", (int64_t)r->start_us);
	json_number(j, "read_us", (int64_t)r->read_us);
	json_number(j, "given_us", (int64_t)r->given_us);
	json_number(j, "init_us", (int64_t)init_us);
	json_number(j, "inited_us", (int64_t)inited_us);
	json_number(j, "end_us", (int64_t)r->end_us);
	json_number(j, "planned_us", (int64_t)step->planned_us);
	json_close(j, '}');
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

static void put_summary(struct json *j, const struct summary *s)
{
	json_new_line(j);
	json_open(j, "summary", '{');
	for (uint32_t i = 0; i <= PENDING; i++)
		json_number(j, outcome_name(i), (int64_t)s->counts[i]);
	json_number(j, "start_us", (int64_t)s->start_us);
	json_number(j, "end_us", (int64_t)s->end_us);
	json_close(j, '}');
}

/* The place of each step's result in the order of completion, SIZE_MAX when it has none. */
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

/* Load by load, so that a report takes little memory however long it is. */
static int put_loads(struct json *j, struct pool *pool, const struct trace_events *events,
		     struct summary *summary, FILE *f)
{
	size_t n = pool_look(pool).n_steps;
	_cleanup_free_ size_t *places = NULL;
	struct load_result result;
	int r = index_results(pool, n, &places);

	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct step step = pool_step(pool, i);

		if (!pool_next(pool, &places[i], &result))
			result = (struct load_result){ .step = i, .outcome = PENDING };
		put_load(j, &step, &result, events);
		count(summary, &result);
		r = json_write(j, f);
	}
	return r;
}

static int put_report(struct json *j, struct report *report, struct pool *pool, FILE *f)
{
	struct trace_events events = {};
	struct summary summary = {};
	int r;

	/* Whatever cannot be read of them is not in the report. */
	(void)trace_read(&report->trace, &events);
	json_begin_with(j, report->head, report->n_head);
	r = put_requests(j, report, pool, &events);
	if (j->comma)
		json_new_line(j);
	json_open(j, "loads", '[');
	r = r ?: put_loads(j, pool, &events, &summary, f);
	trace_events_free(&events);
	if (r < 0)
		return r;
	json_close(j, ']');
	put_summary(j, &summary);
	json_close(j, '}');
	r = json_write(j, f);
	return r == 0 && fputc('\n', f) == EOF ? -EIO : r;
}

int report_write(struct report *report, struct pool *pool)
{
	struct output_file file;
	struct json j = {};
	int r;

	if (report->dirfd < 0)
		return 0;
	r = output_file_open(&file, report->dirfd, report->name, report->name ? -1 : report->dirfd);
	if (r < 0)
		return r;
	r = put_report(&j, report, pool, file.f);
	array_free(&j.text);
	if (r == 0)
		return output_file_commit(&file);
	output_file_abort(&file);
	return r;
}

void report_free(struct report *report)
{
	if (report->dirfd >= 0)
		close(report->dirfd);
	free(report->name);
	free(report->head);
	trace_close(&report->trace);
	*report = REPORT_NONE;
}
