/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "programs/output.h"

struct listener {
	void (*say)(void *userdata, const char *line);
	void *userdata;
};

__attribute__((format(printf, 2, 3))) static void report(const struct listener *l, const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	l->say(l->userdata, line);
}

/* Processors, virtual devices, and the ACPI nodes of devices that are on another bus too have an alias and
 * hardly ever a driver. On most machines they would be more lines than all others together. */
static bool is_worth_reporting(const char *devpath)
{
	static const char *const none[] = { "/devices/LNXSYSTM:", "/devices/system/", "/devices/virtual/" };

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (!strncmp(devpath, none[i], strlen(none[i])))
			return false;
	return true;
}

static void report_undriven(struct coldplug *c, const struct listener *l)
{
	const char *const *devices;
	int64_t n = coldplug_undriven(c, &devices);

	for (int64_t i = 0; i < n; i++)
		if (is_worth_reporting(devices[i]))
			report(l, "no driver: %s", devices[i]);
}

static const char *words_for(const struct coldplug_reason *r)
{
	switch (r->why) {
	case COLDPLUG_WHY_BLACKLIST:
		return "by a blacklist";
	case COLDPLUG_WHY_FORBIDDEN:
		return "because module_blacklist= names ";
	case COLDPLUG_WHY_BANNED:
		return "because an install line forbids ";
	case COLDPLUG_WHY_OFF:
		return "by an alias to 'off'";
	default:
		return NULL;
	}
}

/* Reports a module that is withheld, with the first rule that withholds it. */
static void report_withheld_one(struct coldplug *c, const struct listener *l, const char *name)
{
	const struct coldplug_reason *list;
	int64_t n = coldplug_why(c, name, &list);
	char place[1024] = "";

	for (int64_t i = 0; i < n; i++) {
		const struct coldplug_reason *r = &list[i];
		const char *words = words_for(r);

		if (!words)
			continue;
		if (r->file && r->line)
			snprintf(place, sizeof(place), " (%s:%u)", r->file, r->line);
		else if (r->file)
			snprintf(place, sizeof(place), " (%s)", r->file);
		report(l, "withheld: %s, %s%s%s", name, words, r->by ? r->by : "", place);
		return;
	}
	report(l, "withheld: %s", name);
}

static void report_withheld(struct coldplug *c, const struct listener *l)
{
	const char *const *names;
	int64_t n = coldplug_withheld(c, &names);

	for (int64_t i = 0; i < n; i++)
		report_withheld_one(c, l, names[i]);
}

/* Reports what is wanted but has no file, or no module of its name. */
static void report_absent(struct coldplug *c, const struct listener *l)
{
	const struct coldplug_step *s;
	const char *const *names;
	int64_t n = coldplug_not_found(c, &names);

	for (size_t i = 0; (s = coldplug_step(c, i)); i++)
		if (s->kind == COLDPLUG_ABSENT)
			report(l, "no file for module: %s", s->module);
	for (int64_t i = 0; i < n; i++)
		report(l, "no module of this name: %s", names[i]);
}

static void report_state(struct coldplug *c, const struct listener *l, enum coldplug_state state,
			 const char *words)
{
	const struct coldplug_step *s;

	for (size_t i = 0; (s = coldplug_step(c, i)); i++)
		if (s->state == state && s->kind != COLDPLUG_ABSENT)
			report(l, "%s: %s%s%s", words, s->module, s->message[0] ? ": " : "", s->message);
}

void explain_missing(struct coldplug *c, void (*say)(void *userdata, const char *line), void *userdata)
{
	const struct listener l = { say, userdata };

	report_undriven(c, &l);
	report_withheld(c, &l);
	report_absent(c, &l);
	report_state(c, &l, COLDPLUG_FAILED, "failed");
	report_state(c, &l, COLDPLUG_SKIPPED, "skipped");
	report_state(c, &l, COLDPLUG_PLANNED, "still loading or waiting to be loaded");
}

void explain_act(const struct coldplug_act *a)
{
	switch (a->kind) {
	case COLDPLUG_ACT_MATCH:
		output_printf("%s\n", a->module);
		break;
	case COLDPLUG_ACT_INSMOD:
		output_printf("insmod %s %s\n", a->path, a->params);
		break;
	case COLDPLUG_ACT_INSTALL:
		output_printf("install %s %s\n", a->command, a->params);
		break;
	case COLDPLUG_ACT_BUILTIN:
		output_printf("builtin %s\n", a->module);
		break;
	case COLDPLUG_ACT_RMMOD:
		output_printf("rmmod %s\n", a->module);
		break;
	case COLDPLUG_ACT_REMOVE:
		output_printf("remove %s\n", a->command);
		break;
	default:
		break;
	}
	/* A command may write to the same file next. */
	fflush(stdout);
}
