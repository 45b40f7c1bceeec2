/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where everything of a picture stands. */
#pragma once

#include "programs/cli/critical-path.h"

#define WIDTH 1240.0
#define LEFT 64.0    /* of the time 0 */
#define RIGHT 1090.0 /* of the last time: the names of the last loads need room */
#define CHAR 6.0     /* at most so wide is a character on average */
#define BAR 13.0     /* height */
#define ROW 11.0     /* height of a row of names */
#define GAP 7.0	     /* between two lanes */
#define ROWS_MAX 60  /* of names below the bars of a lane; without room there is only the hover text */
#define LABEL_MAX 24 /* characters */
#define NOTE 13.0    /* height of a line below the axis */
#define NOTE_MAX 170 /* characters of names in such a line */
#define N_UNTRIED 3  /* lines of loads without a time */

enum label { LABEL_INSIDE = -3, LABEL_RIGHT = -2, LABEL_NONE = -1 }; /* or a row below, from 0 */

struct bar {
	uint32_t load;
	int label;
	double label_x;
	bool critical;
};

struct lane {
	uint64_t worker;
	size_t first, n; /* of bars */
	int rows;	 /* of names below */
	double y;	 /* of the bars */
};

/* What is drawn of one report. */
struct panel {
	struct run_report report;
	struct critical_path *paths;
	uint32_t n_paths;
	struct bar *bars; /* by worker, then by time */
	size_t n_bars;
	struct lane *lanes;
	size_t n_lanes;
	size_t *lane_of;	       /* by load */
	double scale;		       /* units per microsecond */
	double top, lanes_top, bottom; /* of all, of the lanes; end of the lanes */
};

/* Reads nothing but p->report, and fills the rest. 0 or -ENOMEM. */
int panel_prepare(struct panel *p);
/* Places everything below top, with so many units for a microsecond. Returns where the next panel begins. */
double panel_lay_out(struct panel *p, double top, double scale);
/* Frees the report too. */
void panel_free(struct panel *p);

double panel_x(const struct panel *p, uint64_t us);
size_t count_characters(const char *text);
double label_width(const struct bar *b, const struct run_report *r);
