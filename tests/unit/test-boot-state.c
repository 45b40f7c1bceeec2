/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PID 1's decisions: each line of the essay of boot-state.c as a story, each transition as a row,
 * and a random walk beside a model that is written as a program with a place instead of as facts.
 * */
#include "programs/init/boot-state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char *const action_names[] = {
	[BOOT_START_ENGINE] = "start",	[BOOT_START_TIMER] = "timer", [BOOT_LOOK_AGAIN] = "look",
	[BOOT_WAIT] = "wait",		[BOOT_TRY_RESUME] = "resume", [BOOT_SKIP_RESUME] = "skip-resume",
	[BOOT_RUN_SCRIPTS] = "scripts", [BOOT_EXPLAIN] = "explain",   [BOOT_MOUNT_ROOT] = "mount",
	[BOOT_ENTER_ROOT] = "enter",	[BOOT_GIVE_UP] = "give-up",
};

/* ---- stories ---- */

/* A story is a line of words. "+EVENT" happens while PID 1 waits. Any other word is what PID 1 does
 * next; what comes of it is the usual, or what stands behind a colon: events with commas between.
 * */
static const struct {
	const char *word;
	enum boot_event event;
} events[] = {
	{ "died", BOOT_ENGINE_DIED },	  { "root", BOOT_ROOT_FOUND },
	{ "ready", BOOT_ROOT_READY },	  { "resume", BOOT_RESUME_FOUND },
	{ "settled", BOOT_SETTLED },	  { "time-up", BOOT_TIME_UP },
	{ "mounted", BOOT_SEEN_MOUNTED }, { "unmounted", BOOT_SEEN_UNMOUNTED },
	{ "none", BOOT_NO_SCRIPTS },	  { "some", BOOT_SCRIPTS_RAN },
	{ "fails", BOOT_CANNOT_GO_ON },	  { "tried", BOOT_RESUME_TRIED },
	{ "looked", BOOT_LOOKED_AGAIN },  { "done", BOOT_MOUNTED },
};

static const enum boot_event usual[] = {
	[BOOT_START_ENGINE] = BOOT_ENGINE_STARTED, [BOOT_START_TIMER] = BOOT_TIMER_STARTED,
	[BOOT_LOOK_AGAIN] = BOOT_LOOKED_AGAIN,	   [BOOT_TRY_RESUME] = BOOT_RESUME_TRIED,
	[BOOT_SKIP_RESUME] = BOOT_RESUME_TRIED,	   [BOOT_RUN_SCRIPTS] = BOOT_SCRIPTS_RAN,
	[BOOT_EXPLAIN] = BOOT_EXPLAINED,	   [BOOT_MOUNT_ROOT] = BOOT_MOUNTED,
};

static enum boot_event event_of(const char *word, size_t n)
{
	for (size_t i = 0; i < N(events); i++)
		if (strlen(events[i].word) == n && !strncmp(events[i].word, word, n))
			return events[i].event;
	fail_msg("no such event: %.*s", (int)n, word);
	return 0;
}

static void note_all(struct boot_state *s, const char *words)
{
	for (size_t n; *words; words += n + (words[n] == ',')) {
		n = strcspn(words, ",");
		boot_note(s, event_of(words, n));
	}
}

static void expect(const struct boot_state *s, const char *what, const char *name, const char *story)
{
	const char *is = action_names[boot_next(s)];

	if (strlen(is) != strcspn(what, ":") || strncmp(is, what, strlen(is)) != 0)
		fail_msg("%s: \"%s\": it does \"%s\" instead of \"%s\"", name, story, is, what);
}

static void play(struct boot_state *s, const char *name, const char *story)
{
	char line[512], *word, *rest = line;

	snprintf(line, sizeof(line), "%s", story);
	while ((word = strsep(&rest, " "))) {
		const char *outcome = strchr(word, ':');
		enum boot_action action = boot_next(s);

		if (*word == '+') {
			expect(s, "wait", name, story);
			note_all(s, word + 1);
			continue;
		}
		expect(s, word, name, story);
		if (outcome)
			note_all(s, outcome + 1);
		else if (action < BOOT_ENTER_ROOT && action != BOOT_WAIT)
			boot_note(s, usual[action]);
	}
}

#define ROOT 1
#define RESUME 2
#define FOREVER 4
#define FALLBACK 8
/* No engine can be started. */
#define GONE "start:died start:died start:died timer look"

static void every_line_of_the_essay_is_true(void **state)
{
	static const struct {
		const char *name;
		unsigned int given;
		const char *story;
	} rows[] = {
		{ "root is there", ROOT, "start timer +root +ready scripts:none mount enter" },
		{ "it waits for the file system's module", ROOT,
		  "start timer +root wait +ready scripts mount enter" },
		{ "init.d runs once before the mount, without another look", ROOT,
		  "start timer +root,ready scripts:some mount enter" },
		{ "resume= is given: the root waits for it", ROOT | RESUME,
		  "start timer +root,ready wait +resume resume scripts mount enter" },
		{ "resume= first, then the root", ROOT | RESUME,
		  "start timer +resume wait +root,ready resume scripts mount" },
		{ "resume= until nothing more comes", ROOT | RESUME,
		  "start timer +root,ready +settled scripts:none skip-resume mount enter" },
		{ "resume= may be on what init.d opens", ROOT | RESUME,
		  "start timer +root,ready +settled scripts timer look +resume resume mount enter" },
		{ "resume= does not come behind init.d", ROOT | RESUME,
		  "start timer +root,ready +settled scripts timer look +settled skip-resume mount" },
		{ "everything has settled, no root: init.d, once, and another look", ROOT,
		  "start timer +settled scripts timer look wait +settled wait +root,ready mount enter" },
		{ "everything has settled, no root, nothing in init.d: it waits", ROOT,
		  "start timer +settled scripts:none wait +settled wait +time-up explain give-up" },
		{ "everything has settled, no root, resume= is there", ROOT | RESUME,
		  "start timer +resume +settled resume scripts timer look +root,ready mount" },
		{ "the time is up, root is there: without resume=", ROOT | RESUME,
		  "start timer +root,ready +time-up scripts:none skip-resume mount enter" },
		{ "the time is up, root is there: a load of its module does not return", ROOT,
		  "start timer +root +time-up scripts mount" },
		{ "the time is up, no root: init.d, and the time begins again", ROOT,
		  "start timer +time-up scripts timer look wait +time-up explain give-up" },
		{ "the time is up, no root, nothing in init.d", ROOT,
		  "start timer +time-up scripts:none explain give-up" },
		{ "a load that never returns: nothing settles", ROOT | RESUME,
		  "start timer +time-up scripts timer look +root,ready wait +time-up skip-resume mount" },
		{ "rootwait: it says what is missing and waits on", ROOT | FOREVER,
		  "start timer +time-up scripts timer look +time-up explain wait +settled "
		  "wait +root timer wait +ready mount" },
		{ "rootwait: resume= is not waited for without end", ROOT | RESUME | FOREVER,
		  "start timer +time-up scripts:none explain wait +root,ready timer wait "
		  "+time-up skip-resume mount" },
		{ "rootwait: what was found in time is taken as without it", ROOT | FOREVER,
		  "start timer +root,ready scripts mount enter" },
		{ "all has settled, no root, there is a fallback", ROOT | FALLBACK,
		  "start timer +settled scripts:none give-up" },
		{ "the fallback comes after what init.d may bring", ROOT | FALLBACK,
		  "start timer +settled scripts timer look wait +settled give-up" },
		{ "the fallback is not for a root that is there", ROOT | FALLBACK,
		  "start timer +root +settled scripts:none wait +ready mount enter" },
		{ "a missing resume= is left to the fallback before anything is mounted",
		  ROOT | RESUME | FALLBACK, "start timer +root,ready +settled scripts:none give-up" },
		{ "so it is when the time is up", ROOT | RESUME | FALLBACK,
		  "start timer +root,ready +time-up scripts:none give-up" },
		{ "a resume= that was tried is not", ROOT | RESUME | FALLBACK,
		  "start timer +root,ready,resume resume scripts:none mount" },
		{ "rootwait: the fallback comes when the time is up", ROOT | FOREVER | FALLBACK,
		  "start timer +settled scripts:none wait +time-up explain give-up" },
		{ "rootwait: not before", ROOT | FOREVER | FALLBACK,
		  "start timer +settled scripts:none wait +root,ready mount" },
		{ "root= names no device: init.d mounts it", 0,
		  "start timer +settled scripts:some,mounted timer look mount enter" },
		{ "root= names no device, and nothing mounts it", 0,
		  "start timer +settled scripts:none mount:fails give-up" },
		{ "root= names no device: init.d loads what it needs", 0,
		  "start timer +settled scripts timer look +settled mount:fails give-up" },
		{ "root= names no device, a load does not return", 0,
		  "start timer +time-up scripts timer look +time-up explain give-up" },
		{ "root= names no device, rootwait", FOREVER,
		  "start timer +time-up scripts:none explain wait +mounted mount" },
		{ "init.d has mounted a root: that is the root", ROOT,
		  "start timer +settled scripts:some,mounted timer look mount enter" },
		{ "a root mounted in the background", ROOT, "start timer +mounted mount enter" },
		{ "a root mounted and unmounted again", ROOT, "start timer +mounted,unmounted wait" },
		{ "resume= is found once a root is mounted", ROOT | RESUME,
		  "start timer +resume +mounted skip-resume mount" },
		{ "resume= was not found when a root is mounted", ROOT | RESUME,
		  "start timer +mounted skip-resume mount" },
		{ "resume= was tried before init.d mounted the root", ROOT | RESUME,
		  "start timer +resume,settled resume scripts:some,mounted timer look mount" },
		{ "the engine has died: another one", ROOT,
		  "start timer +root +died start wait +root wait +ready scripts mount" },
		{ "the engine has died when the root was ready", ROOT | RESUME,
		  "start timer +root,ready +died start +settled scripts timer look +settled "
		  "skip-resume mount" },
		{ "what the dead engine had settled does not count", ROOT | RESUME,
		  "start timer +settled scripts timer look +died start wait +root,ready "
		  "wait +settled skip-resume mount" },
		{ "the engine cannot be started, then it can", ROOT,
		  "start:died start:died start timer +root,ready scripts" },
		{ "the engine has died three times, root is there", ROOT,
		  "start timer +died start +died start +died look:root,looked scripts:none mount enter" },
		{ "the engine has died three times, init.d brings the root", ROOT,
		  GONE " scripts timer look:root,looked mount enter" },
		{ "the engine has died three times, the root comes late", ROOT,
		  GONE " scripts:none wait +looked wait +root mount" },
		{ "the engine has died three times, no root", ROOT,
		  GONE " scripts:none wait +time-up explain give-up" },
		{ "the engine has died three times, rootwait", ROOT | FOREVER,
		  GONE " scripts:none +time-up explain wait +root timer mount" },
		{ "the engine has died three times, resume= is there", ROOT | RESUME,
		  GONE ":root,resume,looked resume scripts mount" },
		{ "the engine has died three times, resume= is not there", ROOT | RESUME,
		  GONE ":root,looked scripts timer look skip-resume mount" },
		{ "the engine has died three times, init.d mounts the root", 0,
		  GONE " scripts:some,mounted timer look mount" },
		{ "the root cannot be mounted", ROOT, "start timer +root,ready scripts mount:fails give-up" },
		{ "the root cannot be entered", ROOT,
		  "start timer +root,ready scripts mount enter:fails give-up" },
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct boot_state s;

		boot_state_init(&s, rows[i].given & ROOT, rows[i].given & RESUME, rows[i].given & FOREVER,
				rows[i].given & FALLBACK);
		play(&s, rows[i].name, rows[i].story);
	}
}

/* ---- transitions ---- */

static void each_event_changes_what_it_says_and_nothing_else(void **state)
{
	static const struct {
		const char *name;
		struct boot_state before;
		enum boot_event event;
		struct boot_state after;
	} rows[] = {
		{ "started",
		  { .engine = BOOT_ENGINE_WANTED },
		  BOOT_ENGINE_STARTED,
		  { .engine = BOOT_ENGINE_RUNS } },
		{ "the first death forgets a root that is not ready",
		  { .engine = BOOT_ENGINE_RUNS,
		    .root_found = true,
		    .resume_found = true,
		    .settled = true,
		    .looks = 2 },
		  BOOT_ENGINE_DIED,
		  { .engine = BOOT_ENGINE_WANTED, .resume_found = true, .engine_deaths = 1 } },
		{ "a death keeps a root that is ready",
		  { .engine = BOOT_ENGINE_RUNS, .root_found = true, .root_ready = true, .engine_deaths = 1 },
		  BOOT_ENGINE_DIED,
		  { .engine = BOOT_ENGINE_WANTED,
		    .root_found = true,
		    .root_ready = true,
		    .engine_deaths = 2 } },
		{ "the third death is the last",
		  { .engine = BOOT_ENGINE_RUNS, .root_found = true, .engine_deaths = 2 },
		  BOOT_ENGINE_DIED,
		  { .engine = BOOT_ENGINE_GONE,
		    .root_ready = true,
		    .look_wanted = true,
		    .engine_deaths = 3 } },
		{ "found",
		  { .timer = BOOT_TIMER_RUNS },
		  BOOT_ROOT_FOUND,
		  { .timer = BOOT_TIMER_RUNS, .root_found = true } },
		{ "found when nobody counts the time",
		  { .timer = BOOT_TIMER_OFF },
		  BOOT_ROOT_FOUND,
		  { .timer = BOOT_TIMER_WANTED, .root_found = true } },
		{ "found when the time is up",
		  { .timer = BOOT_TIMER_EXPIRED },
		  BOOT_ROOT_FOUND,
		  { .timer = BOOT_TIMER_EXPIRED, .root_found = true } },
		{ "ready",
		  { .root_found = true },
		  BOOT_ROOT_READY,
		  { .root_found = true, .root_ready = true } },
		{ "resume found", {}, BOOT_RESUME_FOUND, { .resume_found = true } },
		{ "settled", {}, BOOT_SETTLED, { .settled = true } },
		{ "the engine looked again",
		  { .engine = BOOT_ENGINE_RUNS, .look_wanted = true, .settled = true },
		  BOOT_LOOKED_AGAIN,
		  { .engine = BOOT_ENGINE_RUNS, .looks = 1 } },
		{ "PID 1 looked itself",
		  { .engine = BOOT_ENGINE_GONE, .look_wanted = true },
		  BOOT_LOOKED_AGAIN,
		  { .engine = BOOT_ENGINE_GONE, .settled = true } },
		{ "the time begins",
		  { .timer = BOOT_TIMER_WANTED },
		  BOOT_TIMER_STARTED,
		  { .timer = BOOT_TIMER_RUNS } },
		{ "the time is up",
		  { .timer = BOOT_TIMER_RUNS },
		  BOOT_TIME_UP,
		  { .timer = BOOT_TIMER_EXPIRED } },
		{ "resume tried", {}, BOOT_RESUME_TRIED, { .resume_done = true } },
		{ "scripts ran before the root was there",
		  { .has_root = true, .settled = true },
		  BOOT_SCRIPTS_RAN,
		  { .has_root = true,
		    .scripts_run = true,
		    .look_wanted = true,
		    .timer = BOOT_TIMER_WANTED } },
		{ "scripts ran with the root at hand",
		  { .has_root = true, .root_found = true, .root_ready = true },
		  BOOT_SCRIPTS_RAN,
		  { .has_root = true, .root_found = true, .root_ready = true, .scripts_run = true } },
		{ "no scripts",
		  { .has_root = true, .settled = true },
		  BOOT_NO_SCRIPTS,
		  { .has_root = true, .settled = true, .scripts_run = true } },
		{ "mounted", {}, BOOT_SEEN_MOUNTED, { .root_mounted = true } },
		{ "unmounted", { .root_mounted = true }, BOOT_SEEN_UNMOUNTED, {} },
		{ "explained", { .timer = BOOT_TIMER_EXPIRED }, BOOT_EXPLAINED, { .end = BOOT_FAILED } },
		{ "explained with rootwait",
		  { .timer = BOOT_TIMER_EXPIRED, .waits_forever = true },
		  BOOT_EXPLAINED,
		  { .waits_forever = true } },
		{ "mount done", {}, BOOT_MOUNTED, { .end = BOOT_MOUNT_DONE } },
		{ "cannot go on", { .end = BOOT_MOUNT_DONE }, BOOT_CANNOT_GO_ON, { .end = BOOT_FAILED } },
	};
	bool seen[BOOT_CANNOT_GO_ON + 1] = {};

	for (size_t i = 0; i < N(rows); i++) {
		struct boot_state s = rows[i].before;

		boot_note(&s, rows[i].event);
		seen[rows[i].event] = true;
		if (memcmp(&s, &rows[i].after, sizeof(s)) != 0)
			fail_msg("%s", rows[i].name);
	}
	for (size_t i = 0; i < N(seen); i++)
		assert_true(seen[i]);
}

static void what_was_settled_before_another_look_does_not_count(void **state)
{
	struct boot_state s = { .engine = BOOT_ENGINE_RUNS };

	boot_note(&s, BOOT_LOOKED_AGAIN);
	boot_note_settled(&s, 0);
	assert_false(s.settled);
	boot_note_settled(&s, 1);
	assert_true(s.settled);
}

/* ---- a random walk beside a model ---- */

/* The model is a program: where it stands says what it does. What it knows is what a loop of
 * waiting needs. */
enum place {
	AT_ENGINE,
	AT_TIMER,
	AT_LOOK,
	AT_LOOP,
	AT_RESUME_FIRST,
	AT_SCRIPTS,
	AT_EXPLAIN,
	AT_RESUME_LAST,
	AT_MOUNT,
	AT_ENTER,
	AT_END
};

struct model {
	unsigned int given;
	enum place at, after; /* after: where it goes on behind AT_ENGINE to AT_LOOK */
	int lives;	      /* engines left */
	bool root, ready, resume, tried, mounted, quiet, scripts;
	bool timed, late, timer_due, look_due;
};

/* All that is waited for is there. */
static bool model_has_all(const struct model *m)
{
	bool no_more = m->quiet && m->scripts;

	if (m->mounted || !(m->given & ROOT))
		return m->mounted || no_more;
	return m->root &&
		(m->late || (m->ready && (!(m->given & RESUME) || m->resume || m->tried || no_more)));
}

/* The same place is looked at again after each event. */
static enum boot_action model_next(struct model *m)
{
	static const enum boot_action does[] = {
		[AT_ENGINE] = BOOT_START_ENGINE, [AT_RESUME_FIRST] = BOOT_TRY_RESUME,
		[AT_SCRIPTS] = BOOT_RUN_SCRIPTS, [AT_EXPLAIN] = BOOT_EXPLAIN,
		[AT_MOUNT] = BOOT_MOUNT_ROOT,	 [AT_ENTER] = BOOT_ENTER_ROOT,
		[AT_END] = BOOT_GIVE_UP,	 [AT_LOOP] = BOOT_WAIT,
		[AT_TIMER] = BOOT_START_TIMER,	 [AT_LOOK] = BOOT_LOOK_AGAIN,
	};
	bool all = model_has_all(m);

	if (m->at >= AT_ENTER || m->at == AT_ENGINE)
		return does[m->at];
	if (m->timer_due)
		m->at = AT_TIMER;
	else if (m->look_due)
		m->at = AT_LOOK;
	else if (!m->scripts && !m->mounted && (all || m->quiet || m->late))
		m->at = m->resume && !m->tried ? AT_RESUME_FIRST : AT_SCRIPTS;
	else if (all && (m->given & RESUME) && !m->tried)
		m->at = (m->given & FALLBACK) && !m->resume && !m->mounted ? AT_END : AT_RESUME_LAST;
	else if (all)
		m->at = AT_MOUNT;
	else if ((m->given & (FALLBACK | FOREVER)) == FALLBACK && m->quiet && !m->root)
		m->at = AT_END;
	else
		m->at = m->late ? m->scripts ? AT_EXPLAIN : AT_SCRIPTS : AT_LOOP;
	if (m->at == AT_RESUME_LAST)
		return m->resume && !m->mounted ? BOOT_TRY_RESUME : BOOT_SKIP_RESUME;
	return does[m->at];
}

static void model_loses_engine(struct model *m)
{
	m->lives--;
	m->quiet = false;
	m->root &= m->ready;
	m->at = m->lives > 0 ? AT_ENGINE : AT_LOOP;
	m->ready |= m->lives <= 0;
	m->look_due |= m->lives <= 0;
}

static void model_ran_scripts(struct model *m, bool any)
{
	bool had_all = model_has_all(m);

	m->scripts = true;
	if (had_all || !any)
		return;
	m->quiet = m->late = false;
	m->look_due = m->timer_due = true;
}

static void model_note(struct model *m, enum boot_event event)
{
	if (event == BOOT_ENGINE_STARTED)
		m->at = AT_LOOP;
	else if (event == BOOT_ENGINE_DIED)
		model_loses_engine(m);
	else if (event == BOOT_ROOT_FOUND) {
		m->root = true;
		m->timer_due |= !m->timed;
	} else if (event == BOOT_ROOT_READY)
		m->ready = true;
	else if (event == BOOT_RESUME_FOUND)
		m->resume = true;
	else if (event == BOOT_SETTLED)
		m->quiet = true;
	else if (event == BOOT_LOOKED_AGAIN) {
		m->look_due = false;
		m->quiet = m->lives <= 0;
	} else if (event == BOOT_TIMER_STARTED) {
		m->timer_due = m->late = false;
		m->timed = true;
	} else if (event == BOOT_TIME_UP)
		m->late = true;
	else if (event == BOOT_RESUME_TRIED)
		m->tried = true;
	else if (event == BOOT_SCRIPTS_RAN || event == BOOT_NO_SCRIPTS)
		model_ran_scripts(m, event == BOOT_SCRIPTS_RAN);
	else if (event == BOOT_SEEN_MOUNTED || event == BOOT_SEEN_UNMOUNTED)
		m->mounted = event == BOOT_SEEN_MOUNTED;
	else if (event == BOOT_EXPLAINED) {
		m->late = m->timed = false;
		m->at = (m->given & (FOREVER | FALLBACK)) == FOREVER ? AT_LOOP : AT_END;
	} else
		m->at = event == BOOT_MOUNTED ? AT_ENTER : AT_END;
}

static uint64_t seed;

static unsigned int random_below(unsigned int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)(seed >> 11) % n;
}

/* What comes of an action: mostly the usual. */
static enum boot_event random_outcome(enum boot_action action)
{
	bool odd = random_below(4) == 0;

	if (action == BOOT_START_ENGINE && odd)
		return BOOT_ENGINE_DIED;
	if (action == BOOT_RUN_SCRIPTS && odd)
		return BOOT_NO_SCRIPTS;
	if ((action == BOOT_MOUNT_ROOT && odd) || action == BOOT_ENTER_ROOT)
		return BOOT_CANNOT_GO_ON;
	return usual[action];
}

/* What may happen while PID 1 waits. */
static enum boot_event random_news(const struct boot_state *s)
{
	static const enum boot_event by_engine[] = { BOOT_ROOT_FOUND, BOOT_ROOT_READY, BOOT_RESUME_FOUND,
						     BOOT_SETTLED,    BOOT_SETTLED,    BOOT_ENGINE_DIED };
	static const enum boot_event by_path[] = { BOOT_ROOT_FOUND, BOOT_RESUME_FOUND, BOOT_LOOKED_AGAIN };
	unsigned int n = random_below(12);

	if (n < 2)
		return s->timer == BOOT_TIMER_RUNS ? BOOT_TIME_UP : BOOT_SEEN_UNMOUNTED;
	if (n == 2)
		return random_below(4) ? BOOT_SEEN_UNMOUNTED : BOOT_SEEN_MOUNTED;
	if (s->engine == BOOT_ENGINE_RUNS)
		return by_engine[random_below(N(by_engine))];
	return by_path[random_below(N(by_path))];
}

/* Resume is only found where it is given, the root where it can be. */
static bool can_happen(const struct boot_state *s, enum boot_event event)
{
	if (event == BOOT_ROOT_FOUND || event == BOOT_ROOT_READY)
		return s->has_root && !(event == BOOT_ROOT_FOUND && s->root_found);
	return event != BOOT_RESUME_FOUND || s->has_resume;
}

/* What holds whatever the model says. */
static void check_invariants(const struct boot_state *s, enum boot_action action, unsigned int in_a_row)
{
	assert_true(in_a_row < 16); /* it does not go round without anything happening */
	if (action == BOOT_RUN_SCRIPTS)
		assert_true(!s->scripts_run && !s->root_mounted && (!s->resume_found || s->resume_done));
	if (action == BOOT_TRY_RESUME)
		assert_true(s->resume_found && !s->resume_done && !s->root_mounted);
	if (action == BOOT_MOUNT_ROOT)
		assert_true(s->root_mounted || s->scripts_run);
	if (action == BOOT_START_ENGINE)
		assert_true(s->engine_deaths < BOOT_ENGINES_MAX);
}

static void begin_walk(struct boot_state *s, struct model *m)
{
	unsigned int given = random_below(16);

	boot_state_init(s, given & ROOT, given & RESUME, given & FOREVER, given & FALLBACK);
	*m = (struct model){ .given = given, .lives = BOOT_ENGINES_MAX, .timer_due = true, .timed = true };
}

static void a_million_random_events_go_as_in_the_model(void **state)
{
	const char *given_seed = getenv("COLDPLUG_SEED");
	unsigned int in_a_row = 0, taken[BOOT_GIVE_UP + 1] = {};
	struct boot_state s;
	struct model m;

	seed = given_seed ? strtoull(given_seed, NULL, 0) | 1 : 0x9e3779b97f4a7c15;
	begin_walk(&s, &m);
	for (unsigned int i = 0; i < 1000000; i++) {
		enum boot_action action = boot_next(&s), expected = model_next(&m);
		enum boot_event event;

		if (action != expected)
			fail_msg("event %u: it does \"%s\", the model \"%s\"", i, action_names[action],
				 action_names[expected]);
		in_a_row = action == BOOT_WAIT ? 0 : in_a_row + 1;
		check_invariants(&s, action, in_a_row);
		taken[action]++;
		if (action == BOOT_GIVE_UP) {
			begin_walk(&s, &m);
			in_a_row = 0;
			continue;
		}
		event = action == BOOT_WAIT ? random_news(&s) : random_outcome(action);
		if (!can_happen(&s, event))
			continue;
		boot_note(&s, event);
		model_note(&m, event);
	}
	for (size_t i = 0; i < N(taken); i++)
		assert_true(taken[i] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_of_the_essay_is_true),
		cmocka_unit_test(each_event_changes_what_it_says_and_nothing_else),
		cmocka_unit_test(what_was_settled_before_another_look_does_not_count),
		cmocka_unit_test(a_million_random_events_go_as_in_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
