/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports as a picture: SVG 1.1 without scripts, fonts or anything else from outside, so that it may be
 * mailed, printed and put into a page. Colours are those of Okabe and Ito, and each outcome but the usual
 * one has a pattern, so that neither colour-blind eyes nor a printer lose anything.
 *
 * Everything that can fail is done before the first byte is written, and each text goes through put_text():
 * what is written is well-formed, whatever the report contains.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "programs/cli/cli.h"
#include "programs/cli/json-read.h"
#include "programs/cli/plot-layout.h"

#define REPORTS_MAX 8

/* ---- text ---- */

/* A character of its own, or what stands for one that XML does not allow. Returns its length. */
static size_t put_character(const char *p, const char *end)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t n = json_utf8_length(p, end);
	bool noncharacter = n == 3 && (!memcmp(p, "\xef\xbf\xbe", 3) || !memcmp(p, "\xef\xbf\xbf", 3));

	if (!n || (unsigned char)*p < ' ' || noncharacter)
		fputs(replacement, stdout);
	else if (strchr("&<>\"'", *p))
		printf("&#%d;", *p);
	else
		fwrite(p, 1, n, stdout);
	return n ?: 1;
}

/* At most max characters of a text, as text of XML. */
static void put_text(const char *text, size_t max)
{
	const char *end = text + strlen(text);

	for (const char *p = text; p < end; max--) {
		if (!max) {
			fputs("\xe2\x80\xa6", stdout);
			return;
		}
		p += put_character(p, end);
	}
}

static void put_label(const struct report_load *l)
{
	put_text(l->module, LABEL_MAX);
	if (l->outcome != OUTCOME_LOADED)
		printf(" (%s)", outcome_name(l->outcome));
}

/* ---- the picture ---- */

static const struct {
	const char *fill;
	const char *pattern; /* drawn upon it, or NULL */
} looks[N_OUTCOMES] = {
	[OUTCOME_LOADED] = { "#56b4e9", NULL },		[OUTCOME_ALREADY] = { "#009e73", "M0 4H8" },
	[OUTCOME_DECLINED] = { "#f0e442", "M0 8L8 0" }, [OUTCOME_FAILED] = { "#d55e00", "M0 0L8 8M0 8L8 0" },
	[OUTCOME_SKIPPED] = { "#999999", NULL },	[OUTCOME_PENDING] = { "#999999", NULL },
};

static void put_head(double height)
{
	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
	       "font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" font-size=\"10\">\n"
	       "<style>.d{display:none}.l:hover .d{display:inline}.l:hover .b{stroke:#000;stroke-width:2}</style>\n"
	       "<defs>\n",
	       WIDTH, height, WIDTH, height);
	for (int i = 0; i < N_OUTCOMES; i++)
		if (looks[i].pattern)
			printf("<pattern id=\"%s\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
			       "<rect width=\"8\" height=\"8\" fill=\"%s\"/>"
			       "<path d=\"%s\" stroke=\"#000\" fill=\"none\"/></pattern>\n",
			       outcome_name((enum outcome)i), looks[i].fill, looks[i].pattern);
	printf("</defs>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", WIDTH, height);
}

static void put_fill(enum outcome outcome)
{
	if (looks[outcome].pattern)
		printf(" fill=\"url(#%s)\"", outcome_name(outcome));
	else
		printf(" fill=\"%s\"", looks[outcome].fill);
}

static double seconds(uint64_t us)
{
	return (double)us / 1e6;
}

static double since_start(const struct panel *p, uint64_t us)
{
	return seconds(us - p->report.start_us);
}

static void put_title(const struct panel *p)
{
	const struct run_report *r = &p->report;

	printf("<text x=\"%.0f\" y=\"%.1f\" font-size=\"16\" font-weight=\"bold\">", LEFT, p->top + 20);
	printf("%zu load%s in %.3f s, Linux ", p->n_bars, p->n_bars == 1 ? "" : "s",
	       since_start(p, r->end_us));
	put_text(r->release, 32);
	printf("</text>\n<text x=\"%.0f\" y=\"%.1f\" fill=\"#444\">", LEFT, p->top + 36);
	put_text(strcmp(r->name, "-") != 0 ? r->name : "standard input", 100);
	fputs(", written by ", stdout);
	put_text(r->program, 64);
	fputs("</text>\n", stdout);
}

static void put_legend(const struct panel *p)
{
	double x = 640, y = p->top + 9;

	for (int i = 0; i < OUTCOME_SKIPPED; i++, x += 76) {
		printf("<rect x=\"%.0f\" y=\"%.1f\" width=\"14\" height=\"10\" stroke=\"#444\" stroke-width=\".5\"",
		       x, y);
		put_fill((enum outcome)i);
		printf("/><text x=\"%.0f\" y=\"%.1f\">%s</text>\n", x + 18, y + 9,
		       outcome_name((enum outcome)i));
	}
	printf("<rect x=\"%.0f\" y=\"%.1f\" width=\"14\" height=\"10\" "
	       "stroke=\"#000\" stroke-width=\"2\" fill=\"#56b4e9\"/>"
	       "<path d=\"M%.0f %.1fh18\" stroke=\"#000\" stroke-width=\"2\" stroke-dasharray=\"4 2\"/>"
	       "<text x=\"%.0f\" y=\"%.1f\">critical path: load, wait</text>\n",
	       x, y, x + 18, y + 5, x + 40, y + 9);
}

/* 1, 2 or 5 times a power of ten, so that there are at most 12 ticks. */
static double tick_step(double length, int *decimals)
{
	static const double factors[] = { 2, 2.5, 2 };
	double step = 1e-6;

	*decimals = 6;
	for (int i = 0; step * 12 < length; i++) {
		step *= factors[i % 3];
		*decimals -= i % 3 == 2 && *decimals > 0;
	}
	return step;
}

static void put_axis(const struct panel *p, uint64_t length_us)
{
	double length = seconds(length_us), step;
	int decimals, n;

	step = tick_step(length, &decimals);
	n = (int)(length / step + 1e-6);

	for (int i = 0; i <= n; i++) {
		double x = LEFT + i * step * 1e6 * p->scale;

		printf("<path d=\"M%.1f %.1fV%.1f\" stroke=\"#ccc\" stroke-width=\".7\"/>"
		       "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"11\">%.*f</text>\n",
		       x, p->lanes_top, p->bottom + 4, x, p->bottom + 16, decimals, i * step);
		if (i)
			printf("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#444\">%.*f</text>\n",
			       x, p->lanes_top - 4, decimals, i * step);
	}
	printf("<path d=\"M%.1f %.1fH%.1f\" stroke=\"#000\"/>"
	       "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\">seconds since coldplug started</text>\n",
	       LEFT, p->bottom, RIGHT, LEFT, p->bottom + 31);
}

/* Until the first plan, devices are looked for. */
static void put_walk(const struct panel *p)
{
	const struct run_report *r = &p->report;
	uint64_t first = UINT64_MAX;
	double x;

	for (uint32_t i = 0; i < r->n_loads; i++)
		if (r->loads[i].planned_us && r->loads[i].planned_us < first)
			first = r->loads[i].planned_us;
	if (first == UINT64_MAX)
		return;
	x = panel_x(p, first);
	printf("<g><title>walk and first plan: until %.3f s</title>"
	       "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
	       "fill=\"#e8e8e8\"/></g>\n"
	       "<text x=\"%.1f\" y=\"%.1f\" fill=\"#444\">walk, plan</text>\n",
	       since_start(p, first), LEFT, p->lanes_top - 2, x > LEFT + 1 ? x - LEFT : 1,
	       p->bottom - p->lanes_top + 2, LEFT, p->lanes_top - 5);
}

/* What a load did, between these of its times. */
static const struct phase {
	const char *name;
	const char *fill; /* of a strip below in the bar; NULL: none */
	size_t from, to;  /* in struct report_load; a time that is 0 is not known */
} phases[] = {
#define PHASE(name, fill, from, to)                                                              \
	{                                                                                        \
		name, fill, offsetof(struct report_load, from), offsetof(struct report_load, to) \
	}
	PHASE("reading", "#444444", start_us, read_us),
	PHASE("decompressing", "#444444", read_us, given_us),
	PHASE("linking", NULL, given_us, init_us),
	PHASE("init", "#00407a", init_us, inited_us),
	PHASE("waiting for probes", "#ffffff", inited_us, end_us),
#undef PHASE
};

static bool has_phase(const struct report_load *l, const struct phase *phase, uint64_t *from, uint64_t *to)
{
	memcpy(from, (const char *)l + phase->from, sizeof(*from));
	memcpy(to, (const char *)l + phase->to, sizeof(*to));
	return *from && *to;
}

static void put_phase_times(const struct report_load *l)
{
	const char *separator = "\n";

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		uint64_t from, to;

		if (!has_phase(l, &phases[i], &from, &to))
			continue;
		printf("%s%s %.3f s", separator, phases[i].name, seconds(to - from));
		separator = ", ";
	}
}

/* Those that are wide enough to be seen. */
static void put_phases(const struct panel *p, const struct report_load *l, double y)
{
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		uint64_t from, to;
		double x, width;

		if (!phases[i].fill || !has_phase(l, &phases[i], &from, &to))
			continue;
		x = panel_x(p, from);
		width = panel_x(p, to) - x;
		if (width >= .5)
			printf("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"3\" fill=\"%s\" "
			       "pointer-events=\"none\"/>",
			       x, y + BAR - 3, width, phases[i].fill);
	}
}

static bool any_phases(const struct run_report *r)
{
	for (uint32_t i = 0; i < r->n_loads; i++)
		if (r->loads[i].init_us || r->loads[i].read_us)
			return true;
	return false;
}

static void put_phases_legend(const struct panel *p)
{
	static const struct {
		const char *fill, *name;
	} rows[] = { { "#444444", "reading, decompressing" },
		     { "#00407a", "init" },
		     { "#ffffff", "waiting for probes" } };
	double x = 640, y = p->top + 24;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		printf("<rect x=\"%.0f\" y=\"%.1f\" width=\"14\" height=\"10\" fill=\"#56b4e9\"/>"
		       "<rect x=\"%.0f\" y=\"%.1f\" width=\"14\" height=\"3\" fill=\"%s\"/>"
		       "<rect x=\"%.0f\" y=\"%.1f\" width=\"14\" height=\"10\" fill=\"none\" stroke=\"#444\" "
		       "stroke-width=\".5\"/><text x=\"%.0f\" y=\"%.1f\">%s</text>\n",
		       x, y, x, y + 7, rows[i].fill, x, y, x + 18, y + 9, rows[i].name);
		x += i ? 76 : 152;
	}
}

static void put_hover(const struct panel *p, const struct report_load *l)
{
	const struct run_report *r = &p->report;

	fputs("<title>", stdout);
	put_text(l->module, 256);
	printf(": %s", outcome_name(l->outcome));
	if (l->error) {
		fputs(", ", stdout);
		put_text(l->error, 64);
	}
	printf("\n%.3f s, from %.3f to %.3f s, worker %llu", seconds(l->end_us - l->start_us),
	       since_start(p, l->start_us), since_start(p, l->end_us), (unsigned long long)l->worker);
	if (l->planned_us)
		printf("\nplanned at %.3f s", since_start(p, l->planned_us));
	put_phase_times(l);
	for (uint32_t i = 0; i < l->n_edges; i++) {
		fputs(i ? ", " : "\nwaits for ", stdout);
		put_text(r->loads[r->edges[l->first_edge + i]].module, 256);
	}
	if (l->provider != REPORT_NONE) {
		fputs("\nits device came by ", stdout);
		put_text(r->loads[l->provider].module, 256);
	}
	if (*l->message) {
		putchar('\n');
		put_text(l->message, 512);
	}
	fputs("</title>", stdout);
}

static double middle_of(const struct panel *p, uint32_t load)
{
	return p->lanes[p->lane_of[load]].y + BAR / 2;
}

/* Lines from what a load waits for: to be seen when it is hovered over. */
static void put_edges(const struct panel *p, const struct report_load *l, double x, double y)
{
	const struct run_report *r = &p->report;

	for (uint32_t i = 0; i <= l->n_edges; i++) {
		uint32_t on = i < l->n_edges ? r->edges[l->first_edge + i] : l->provider;

		if (on == REPORT_NONE || !r->loads[on].start_us)
			continue;
		printf("<path class=\"d\" d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#cc79a7\" stroke-width=\"2\"/>",
		       panel_x(p, r->loads[on].end_us < l->start_us ? r->loads[on].end_us : l->start_us),
		       middle_of(p, on), x, y + BAR / 2);
	}
}

/* On a pattern it has a ground of its own. */
static void put_bar_label(const struct bar *b, const struct run_report *r, double y)
{
	const struct report_load *l = &r->loads[b->load];

	if (b->label == LABEL_INSIDE && looks[l->outcome].pattern)
		printf("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" rx=\"2\" fill=\"#fff\"/>",
		       b->label_x - 1, y - 9, label_width(b, r), ROW);
	printf("<text x=\"%.1f\" y=\"%.1f\"%s>", b->label >= 0 ? b->label_x + 1.5 : b->label_x, y,
	       b->critical ? " font-weight=\"bold\"" : "");
	put_label(l);
	fputs("</text>", stdout);
}

static void put_bar(const struct panel *p, const struct bar *b, double y)
{
	const struct report_load *l = &p->report.loads[b->load];
	double x = panel_x(p, l->start_us), width = panel_x(p, l->end_us) - x;
	double label_y = b->label >= 0 ? y + BAR + ROW * b->label + 9 : y + 10;

	fputs("<g class=\"l\">", stdout);
	put_hover(p, l);
	printf("<rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" "
	       "stroke=\"%s\" stroke-width=\"%s\"",
	       x, y, width > 1 ? width : 1, BAR, b->critical ? "#000" : "#444", b->critical ? "2" : ".5");
	put_fill(l->outcome);
	fputs("/>", stdout);
	put_phases(p, l, y);
	if (b->label >= 0)
		printf("<path d=\"M%.1f %.1fV%.1f\" stroke=\"#888\" stroke-width=\".5\"/>", x, y + BAR,
		       label_y);
	if (b->label != LABEL_NONE)
		put_bar_label(b, &p->report, label_y);
	put_edges(p, l, x, y);
	fputs("</g>\n", stdout);
}

static void put_lanes(const struct panel *p)
{
	printf("<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\" fill=\"#444\">worker</text>\n", LEFT - 6,
	       p->lanes_top - 5);
	for (size_t i = 0; i < p->n_lanes; i++) {
		const struct lane *lane = &p->lanes[i];

		printf("<path d=\"M%.1f %.1fH%.1f\" stroke=\"#eee\"/>"
		       "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\" fill=\"#444\">%llu</text>\n",
		       LEFT, lane->y - GAP / 2, WIDTH - 8, LEFT - 6, lane->y + 10,
		       (unsigned long long)lane->worker);
	}
	for (size_t i = 0; i < p->n_lanes; i++)
		for (size_t k = 0; k < p->lanes[i].n; k++)
			put_bar(p, &p->bars[p->lanes[i].first + k], p->lanes[i].y);
}

/* The height of a part of a path: a wait is a line above the bars of the load that waits. */
static double height_of(const struct panel *p, const struct wait_part *part)
{
	return middle_of(p, part->load) - (part->kind == WAIT_LOAD ? 0 : (BAR + GAP) / 2);
}

/* The waits of a path, and the lines between its parts. */
static void put_path(const struct panel *p, const struct critical_path *path)
{
	fputs("<g stroke=\"#000\" stroke-width=\"2\" fill=\"none\" pointer-events=\"none\">\n", stdout);
	for (size_t i = 0; i < path->n_parts; i++) {
		const struct wait_part *part = &path->parts[i];
		double x = panel_x(p, part->start_us), y;

		if (part->load == REPORT_NONE)
			continue;
		y = height_of(p, part);
		if (part->kind != WAIT_LOAD)
			printf("<path d=\"M%.1f %.1fH%.1f\" stroke-dasharray=\"4 2\"/>\n", x, y,
			       panel_x(p, part->end_us));
		if (i)
			printf("<path d=\"M%.1f %.1fV%.1f\"/>\n", x, height_of(p, part - 1), y);
	}
	fputs("</g>\n", stdout);
}

static void put_arrival(const struct panel *p, const struct critical_path *path, uint32_t i)
{
	double x = panel_x(p, path->end_us), y = p->top + 54 + 13 * i;
	bool left = x > (LEFT + RIGHT) / 2;

	printf("<path d=\"M%.1f %.1fV%.1f\" stroke=\"#000\" stroke-width=\"1.5\" stroke-dasharray=\"7 3\"/>"
	       "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"11\" font-weight=\"bold\">",
	       x, y - 8, p->bottom, left ? x - 4 : x + 4, y, left ? "end" : "start");
	put_text(path->awaited ? path->awaited->spec : "the last load ended", 80);
	printf(" at %.3f s</text>\n", since_start(p, path->end_us));
}

/* The loads without times that have this outcome, as many as a line has room for. False: there is none. */
static bool put_untried(const struct panel *p, enum outcome outcome, double y)
{
	const struct run_report *r = &p->report;
	unsigned int n = 0, more = 0;
	size_t length = 0;

	for (uint32_t i = 0; i < r->n_loads; i++) {
		if (r->loads[i].start_us || r->loads[i].outcome != outcome)
			continue;
		length += count_characters(r->loads[i].module) + 2;
		if (n && length > NOTE_MAX) {
			more++;
			continue;
		}
		if (n++)
			fputs(", ", stdout);
		else
			printf("<text x=\"%.0f\" y=\"%.1f\">without a time, %s: ", LEFT, y,
			       outcome_name(outcome));
		put_text(r->loads[i].module, NOTE_MAX);
	}
	if (more)
		printf(" and %u more", more);
	if (n)
		fputs("</text>\n", stdout);
	return n;
}

static void put_path_names(const struct panel *p, const struct critical_path *path, double y)
{
	size_t length = 0;

	printf("<text x=\"%.0f\" y=\"%.1f\">critical path to ", LEFT, y);
	put_text(path->awaited ? path->awaited->spec : "the last load", 80);
	for (size_t i = 0, n = 0; i < path->n_parts; i++) {
		const char *module;

		if (path->parts[i].kind != WAIT_LOAD)
			continue;
		module = p->report.loads[path->parts[i].load].module;
		fputs(n++ ? ", " : ": ", stdout);
		length += count_characters(module) + 2;
		if (length > NOTE_MAX) {
			fputs("\xe2\x80\xa6", stdout);
			break;
		}
		put_text(module, NOTE_MAX);
	}
	fputs("</text>\n", stdout);
}

/* Each time that the kernel started modprobe. Those from before the run, and from behind its end, have no
 * place. */
static void put_requests(const struct panel *p, double y)
{
	const struct run_report *r = &p->report;

	for (uint32_t i = 0; i < r->n_requests; i++) {
		const struct report_request *q = &r->requests[i];

		if (q->time_us < r->start_us || q->time_us > r->end_us)
			continue;
		printf("<path d=\"M%.1f %.1fl-4 -7h8z\" fill=\"#d55e00\"><title>", panel_x(p, q->time_us),
		       p->bottom);
		put_text(q->by, 20);
		printf(" asks for ");
		put_text(q->name, 80);
		printf(" at %.3f s</title></path>\n", since_start(p, q->time_us));
	}
	if (r->n_requests)
		printf("<text x=\"%.0f\" y=\"%.1f\">the kernel itself asked for %u module%s, and started modprobe for "
		       "each (\xe2\x96\xbc)</text>\n",
		       LEFT, y, r->n_requests, r->n_requests == 1 ? "" : "s");
}

/* Outcomes of loads that may have no time. */
static const enum outcome untried[N_UNTRIED] = { OUTCOME_FAILED, OUTCOME_SKIPPED, OUTCOME_PENDING };

static void put_panel(const struct panel *p, uint64_t length_us)
{
	double y = p->bottom + 31 + NOTE;

	put_title(p);
	if (any_phases(&p->report))
		put_phases_legend(p);
	put_legend(p);
	put_walk(p);
	put_axis(p, length_us);
	for (uint32_t i = 0; i < p->n_paths; i++)
		put_arrival(p, &p->paths[i], i);
	put_lanes(p);
	for (uint32_t i = 0; i < p->n_paths; i++)
		put_path(p, &p->paths[i]);
	for (uint32_t i = 0; i < p->n_paths; i++, y += NOTE)
		put_path_names(p, &p->paths[i], y);
	for (size_t i = 0; i < N_UNTRIED; i++)
		y += put_untried(p, untried[i], y) ? NOTE : 0;
	put_requests(p, y);
}

/* ---- the command ---- */

static void put_picture(struct panel *panels, int n)
{
	uint64_t length_us = 1;
	double height = 8;

	for (int i = 0; i < n; i++)
		if (panels[i].report.end_us - panels[i].report.start_us > length_us)
			length_us = panels[i].report.end_us - panels[i].report.start_us;
	for (int i = 0; i < n; i++)
		height = panel_lay_out(&panels[i], height, (RIGHT - LEFT) / (double)length_us);
	put_head(height);
	for (int i = 0; i < n; i++)
		put_panel(&panels[i], length_us);
	fputs("</svg>\n", stdout);
}

int command_plot(struct cli *cli)
{
	struct panel panels[REPORTS_MAX] = {};
	int r = 0, error = 0;

	if (cli->n_args < 1 || cli->n_args > REPORTS_MAX) {
		fprintf(stderr, "coldplug plot: one to %d reports must be named\n", REPORTS_MAX);
		return EXIT_USAGE;
	}
	for (int i = 0; !r && i < cli->n_args; i++)
		r = run_report_read(&panels[i].report, cli->args[i]);
	for (int i = 0; !r && !error && i < cli->n_args; i++)
		error = panel_prepare(&panels[i]);
	if (!r && !error)
		put_picture(panels, cli->n_args);
	for (int i = 0; i < cli->n_args; i++)
		panel_free(&panels[i]);
	if (error)
		return cli_fail(cli, error, "drawing");
	if (r < 0)
		return r == -ENOMEM ? EXIT_SYSTEM : EXIT_INPUT;
	return 0;
}
