/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What PID 1 does next.
 *
 * The engine, a child (front.c), loads modules. It reports when the devices of root= and resume= are
 * there, when the modules of the root's file system have been tried, and when everything has settled.
 * PID 1 decides what that means:
 *
 *     root is there                    it is mounted at once; other modules go on loading
 *     resume= is given                 the root waits for its device, or until nothing more is to be
 *                                      expected
 *     all has settled, no root         the executables of init.d may bring it (LVM, RAID, LUKS): they
 *                                      run once, and all devices are looked at again
 *     the same after init.d has run,   it takes over, since it may know more (LVM, LUKS): at once, but with
 *     and there is a fallback          rootwait when the time is up
 *     resume= cannot be decided, and   it takes over before anything is mounted: an image to resume from must
 *     there is a fallback              not find a file system that has been used
 *     the time is up, root is there    it is mounted without resume=, unless there is a fallback
 *     the time is up, no root          init.d runs, if it has not, and the time begins again; else PID 1
 *                                      says what is missing and gives up (a rescue shell, and then
 *                                      everything is tried again)
 *     rootwait, the time is up,        PID 1 says what is missing and waits on; the time begins again
 *     no fallback                      when the root is found, since resume= must not be waited for
 *                                      without end
 *     root= names no device            init.d has to mount it: there is nothing to wait for once all
 *                                      has settled and init.d has run
 *     init.d has mounted a root        that is the root
 *     resume= is found                 it is tried before anything can change a disk: before init.d
 *                                      runs, before the root is mounted; not once a root is mounted
 *     the engine has died              another one is started, and finds out what the first one loaded
 *     the engine has died three times  PID 1 goes on without one: it looks for root= and resume= by
 *                                      path, lets init.d run, looks again until the time is up, and
 *                                      mounts what it finds
 *
 * Invariant: the answer of boot_next() depends on the facts noted so far and on nothing else. Each action
 * ends in an event that changes the answer, so PID 1 never does the same thing twice for one reason.
 *
 * Refused: waiting for everything (a slow adapter would hold up a machine whose root is elsewhere), and
 * loading for the root alone (the real root would have to find the rest again).
 */
#include "programs/init/boot-state.h"

void boot_state_init(struct boot_state *s, bool has_root, bool has_resume, bool waits_forever,
		     bool has_fallback)
{
	*s = (struct boot_state){
		.has_root = has_root,
		.has_resume = has_resume,
		.waits_forever = waits_forever,
		.has_fallback = has_fallback,
		.engine = BOOT_ENGINE_WANTED,
		.timer = BOOT_TIMER_WANTED,
	};
}

/* resume= is there, or cannot come any more. */
static bool resume_is_decided(const struct boot_state *s)
{
	return !s->has_resume || s->resume_found || s->resume_done || (s->settled && s->scripts_run);
}

/* Nothing has to be waited for any longer: the root can be mounted, or will not get better. */
static bool is_ready_to_mount(const struct boot_state *s)
{
	if (s->root_mounted)
		return true;
	if (!s->has_root)
		return s->settled && s->scripts_run;
	if (!s->root_found)
		return false;
	return s->timer == BOOT_TIMER_EXPIRED || (s->root_ready && resume_is_decided(s));
}

/* ---- what has happened ---- */

static void note_engine_death(struct boot_state *s)
{
	s->engine_deaths++;
	s->looks = 0;
	s->settled = false;
	/* The next engine is to say that the file system's modules have been tried. */
	if (!s->root_ready)
		s->root_found = false;
	s->engine = BOOT_ENGINE_WANTED;
	if (s->engine_deaths < BOOT_ENGINES_MAX)
		return;
	s->engine = BOOT_ENGINE_GONE;
	s->root_ready = true; /* the kernel asks for a file system's module itself */
	s->look_wanted = true;
}

static void note_looked_again(struct boot_state *s)
{
	s->look_wanted = false;
	if (s->engine == BOOT_ENGINE_RUNS)
		s->looks++;
	/* Nobody will report anything. */
	s->settled = s->engine == BOOT_ENGINE_GONE;
}

/* Scripts that run with the root at hand prepare its mount. What others do may show in new devices.
 * */
static void note_scripts(struct boot_state *s, bool any)
{
	bool waiting = !is_ready_to_mount(s);

	s->scripts_run = true;
	if (!any || !waiting)
		return;
	s->look_wanted = true;
	s->settled = false;
	s->timer = BOOT_TIMER_WANTED;
}

static void note_root(struct boot_state *s)
{
	s->root_found = true;
	/* rootwait had no limit any more, and resume= may never be decided. */
	if (s->timer == BOOT_TIMER_OFF)
		s->timer = BOOT_TIMER_WANTED;
}

static void note_explained(struct boot_state *s)
{
	s->timer = BOOT_TIMER_OFF;
	if (!s->waits_forever || s->has_fallback)
		s->end = BOOT_FAILED;
}

void boot_note_settled(struct boot_state *s, unsigned int looks)
{
	if (looks == s->looks)
		s->settled = true;
}

void boot_note(struct boot_state *s, enum boot_event event)
{
	switch (event) {
	case BOOT_ENGINE_STARTED:
		s->engine = BOOT_ENGINE_RUNS;
		break;
	case BOOT_ENGINE_DIED:
		note_engine_death(s);
		break;
	case BOOT_ROOT_FOUND:
		note_root(s);
		break;
	case BOOT_ROOT_READY:
		s->root_ready = true;
		break;
	case BOOT_RESUME_FOUND:
		s->resume_found = true;
		break;
	case BOOT_SETTLED:
		boot_note_settled(s, s->looks);
		break;
	case BOOT_LOOKED_AGAIN:
		note_looked_again(s);
		break;
	case BOOT_TIMER_STARTED:
		s->timer = BOOT_TIMER_RUNS;
		break;
	case BOOT_TIME_UP:
		s->timer = BOOT_TIMER_EXPIRED;
		break;
	case BOOT_RESUME_TRIED:
		s->resume_done = true;
		break;
	case BOOT_SCRIPTS_RAN:
	case BOOT_NO_SCRIPTS:
		note_scripts(s, event == BOOT_SCRIPTS_RAN);
		break;
	case BOOT_SEEN_MOUNTED:
	case BOOT_SEEN_UNMOUNTED:
		s->root_mounted = event == BOOT_SEEN_MOUNTED;
		break;
	case BOOT_EXPLAINED:
		note_explained(s);
		break;
	case BOOT_MOUNTED:
		s->end = BOOT_MOUNT_DONE;
		break;
	case BOOT_CANNOT_GO_ON:
		s->end = BOOT_FAILED;
		break;
	}
}

/* ---- what to do ---- */

/* An image to resume from comes before anything that may write to a disk, as scripts may (fsck). */
static enum boot_action scripts_with_resume(const struct boot_state *s)
{
	if (s->resume_found && !s->resume_done)
		return BOOT_TRY_RESUME;
	return BOOT_RUN_SCRIPTS;
}

static enum boot_action wait_on(const struct boot_state *s)
{
	if (!s->scripts_run && (s->settled || s->timer == BOOT_TIMER_EXPIRED))
		return scripts_with_resume(s);
	if (s->settled && !s->root_found && s->has_fallback && !s->waits_forever)
		return BOOT_GIVE_UP;
	return s->timer == BOOT_TIMER_EXPIRED ? BOOT_EXPLAIN : BOOT_WAIT;
}

static enum boot_action mount_what_is_there(const struct boot_state *s)
{
	if (!s->root_mounted && !s->scripts_run)
		return scripts_with_resume(s);
	if (!s->has_resume || s->resume_done)
		return BOOT_MOUNT_ROOT;
	if (s->root_mounted)
		return BOOT_SKIP_RESUME;
	if (s->resume_found)
		return BOOT_TRY_RESUME;
	return s->has_fallback ? BOOT_GIVE_UP : BOOT_SKIP_RESUME;
}

enum boot_action boot_next(const struct boot_state *s)
{
	if (s->end == BOOT_FAILED)
		return BOOT_GIVE_UP;
	if (s->end == BOOT_MOUNT_DONE)
		return BOOT_ENTER_ROOT;
	if (s->engine == BOOT_ENGINE_WANTED)
		return BOOT_START_ENGINE;
	if (s->timer == BOOT_TIMER_WANTED)
		return BOOT_START_TIMER;
	if (s->look_wanted)
		return BOOT_LOOK_AGAIN;
	return is_ready_to_mount(s) ? mount_what_is_there(s) : wait_on(s);
}
