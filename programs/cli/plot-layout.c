/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each worker has a lane, on which its loads are bars. A name stands in its bar, or on the right of it, or
 * below: names are placed from the right to the left, each in the uppermost row where it has room, so the
 * line from a bar down to its name meets no other name.
 */
#include "programs/cli/plot-layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

double panel_x(const struct panel *p, uint64_t us)
{
	return LEFT + (double)(us - p->report.start_us) * p->scale;
}

size_t count_characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* What is written at a bar. */
static size_t label_length(const struct report_load *l)
{
	size_t n = count_characters(l->module);

	n = n > LABEL_MAX ? LABEL_MAX + 1 : n;
	return l->outcome == OUTCOME_LOADED ? n : n + strlen(" ()") + strlen(outcome_name(l->outcome));
}

double label_width(const struct bar *b, const struct run_report *r)
{
	return (double)label_length(&r->loads[b->load]) * CHAR * (b->critical ? 1.1 : 1.0);
}

struct ordered {
	uint64_t worker, start_us;
	uint32_t load;
};

static int compare_loads(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	return ((x->worker > y->worker) - (x->worker < y->worker))
		?: ((x->start_us > y->start_us) - (x->start_us < y->start_us))
		?: (x->load > y->load) - (x->load < y->load);
}

/* The loads that were tried, by worker. */
static int order_bars(struct panel *p)
{
	const struct run_report *r = &p->report;
	struct ordered *ordered = calloc(r->n_loads + 1, sizeof(*ordered));

	p->bars = calloc(r->n_loads + 1, sizeof(*p->bars));
	p->lanes = calloc(r->n_loads + 1, sizeof(*p->lanes));
	p->lane_of = calloc(r->n_loads + 1, sizeof(*p->lane_of));
	if (!ordered || !p->bars || !p->lanes || !p->lane_of) {
		free(ordered);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < r->n_loads; i++)
		if (r->loads[i].start_us)
			ordered[p->n_bars++] =
				(struct ordered){ r->loads[i].worker, r->loads[i].start_us, i };
	qsort(ordered, p->n_bars, sizeof(*ordered), compare_loads);
	for (size_t i = 0; i < p->n_bars; i++) {
		if (!i || ordered[i].worker != ordered[i - 1].worker)
			p->lanes[p->n_lanes++] = (struct lane){ .worker = ordered[i].worker, .first = i };
		p->lanes[p->n_lanes - 1].n++;
		p->lane_of[ordered[i].load] = p->n_lanes - 1;
		p->bars[i].load = ordered[i].load;
	}
	free(ordered);
	return 0;
}

static void mark_critical(struct panel *p)
{
	for (size_t i = 0; i < p->n_bars; i++)
		for (uint32_t k = 0; k < p->n_paths; k++)
			for (size_t m = 0; m < p->paths[k].n_parts; m++)
				if (p->paths[k].parts[m].kind == WAIT_LOAD &&
				    p->paths[k].parts[m].load == p->bars[i].load)
					p->bars[i].critical = true;
}

/* A row below the bars. taken has where the names of each row begin, to the right of this one. */
static int find_row(double x, double width, double taken[ROWS_MAX])
{
	for (int row = 0; row < ROWS_MAX; row++)
		if (x + width + CHAR <= taken[row]) {
			taken[row] = x;
			return row;
		}
	return LABEL_NONE;
}

static void place_label(const struct panel *p, struct bar *b, double next_x, double taken[ROWS_MAX])
{
	const struct report_load *l = &p->report.loads[b->load];
	double x = panel_x(p, l->start_us), end = panel_x(p, l->end_us), width = label_width(b, &p->report);

	if (width + 6 <= end - x) {
		b->label = LABEL_INSIDE;
		b->label_x = x + 3;
	} else if (end + 3 + width + 4 <= next_x) {
		b->label = LABEL_RIGHT;
		b->label_x = end + 3;
	} else {
		b->label_x = x;
		b->label = find_row(x, width, taken);
	}
}

static void place_labels(struct panel *p, struct lane *lane)
{
	double taken[ROWS_MAX], next_x = WIDTH;

	for (int row = 0; row < ROWS_MAX; row++)
		taken[row] = WIDTH;
	for (size_t i = lane->n; i-- > 0;) {
		struct bar *b = &p->bars[lane->first + i];

		place_label(p, b, next_x, taken);
		if (b->label + 1 > lane->rows)
			lane->rows = b->label + 1;
		next_x = panel_x(p, p->report.loads[b->load].start_us);
	}
}

static int find_paths(struct panel *p)
{
	const struct run_report *r = &p->report;
	int error = 0;

	p->paths = calloc(r->n_awaited + 1, sizeof(*p->paths));
	if (!p->paths)
		return -ENOMEM;
	for (uint32_t i = 0; !error && i < r->n_awaited; i++)
		if (r->awaited[i].node &&
		    !(error = critical_path_find(&p->paths[p->n_paths], r, &r->awaited[i])))
			p->n_paths++;
	if (!error && !r->n_awaited && r->last != REPORT_NONE &&
	    !(error = critical_path_find(&p->paths[p->n_paths], r, NULL)))
		p->n_paths++;
	return error;
}

double panel_lay_out(struct panel *p, double top, double scale)
{
	double y = top + 58 + 13 * p->n_paths;

	p->scale = scale;
	mark_critical(p);
	p->top = top;
	p->lanes_top = y;
	for (size_t i = 0; i < p->n_lanes; i++) {
		place_labels(p, &p->lanes[i]);
		p->lanes[i].y = y + GAP;
		y += GAP + BAR + ROW * p->lanes[i].rows;
	}
	p->bottom = y + GAP;
	return p->bottom + 44 + NOTE * (double)(p->n_paths + N_UNTRIED + (p->report.n_requests ? 1 : 0));
}

int panel_prepare(struct panel *p)
{
	return order_bars(p) ?: find_paths(p);
}

void panel_free(struct panel *p)
{
	for (uint32_t i = 0; i < p->n_paths; i++)
		critical_path_free(&p->paths[i]);
	free(p->paths);
	free(p->bars);
	free(p->lanes);
	free(p->lane_of);
	run_report_free(&p->report);
}
