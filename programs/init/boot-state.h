/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PID 1's decisions as plain data: what has happened goes in (boot_note()), what is to be done next
 * comes out (boot_next()). There is no clock here, no descriptor, no process and no mount, so every
 * decision is a row of a table in tests/unit/test-boot-state.c. The rules stand at the head of
 * boot-state.c.
 */
#pragma once

#include <stdbool.h>

/* So many engines may die before PID 1 goes on without one. */
#define BOOT_ENGINES_MAX 3

enum boot_engine {
	BOOT_ENGINE_WANTED,
	BOOT_ENGINE_RUNS,
	BOOT_ENGINE_GONE, /* BOOT_ENGINES_MAX have died */
};

enum boot_timer {
	BOOT_TIMER_OFF,
	BOOT_TIMER_WANTED,
	BOOT_TIMER_RUNS,
	BOOT_TIMER_EXPIRED,
};

enum boot_end {
	BOOT_NOT_ENDED,
	BOOT_MOUNT_DONE,
	BOOT_FAILED,
};

struct boot_state {
	/* What the command line says; never changes. */
	bool has_root;	    /* root= names a device that can be waited for */
	bool has_resume;    /* so does resume= */
	bool waits_forever; /* rootwait */
	bool has_fallback;  /* there is another init for what this one cannot do */

	enum boot_engine engine;
	unsigned int engine_deaths;
	unsigned int looks; /* how often this engine was asked to look at all devices again */
	bool look_wanted;
	bool settled; /* nothing more is to be expected */

	bool root_found;
	bool root_ready; /* the modules of its file system have been tried */
	bool root_mounted;
	bool resume_found;
	bool resume_done; /* tried, or given up */
	bool scripts_run;

	enum boot_timer timer;
	enum boot_end end;
};

enum boot_event {
	BOOT_ENGINE_STARTED,
	BOOT_ENGINE_DIED, /* or could not be started */
	BOOT_ROOT_FOUND,
	BOOT_ROOT_READY,
	BOOT_RESUME_FOUND,
	BOOT_SETTLED,
	BOOT_LOOKED_AGAIN, /* the engine was asked to; without an engine PID 1 has looked itself */
	BOOT_TIMER_STARTED,
	BOOT_TIME_UP,
	BOOT_RESUME_TRIED, /* the kernel has not resumed, or resume= was given up */
	BOOT_SCRIPTS_RAN,
	BOOT_NO_SCRIPTS,
	BOOT_SEEN_MOUNTED, /* a file system is mounted where the root is to be */
	BOOT_SEEN_UNMOUNTED,
	BOOT_EXPLAINED, /* what is missing has been reported */
	BOOT_MOUNTED,
	BOOT_CANNOT_GO_ON, /* the root cannot be mounted, or cannot be entered */
};

enum boot_action {
	BOOT_START_ENGINE,
	BOOT_START_TIMER,
	BOOT_LOOK_AGAIN,  /* at all devices: the engine does, or PID 1 itself without one */
	BOOT_WAIT,	  /* for the engine, at most until the time is up */
	BOOT_TRY_RESUME,  /* the kernel resumes in this call, or there is no image */
	BOOT_SKIP_RESUME, /* and say why */
	BOOT_RUN_SCRIPTS, /* of init.d */
	BOOT_EXPLAIN,	  /* what is missing */
	BOOT_MOUNT_ROOT,  /* unless a script has mounted it */
	BOOT_ENTER_ROOT,
	BOOT_GIVE_UP,
};

void boot_state_init(struct boot_state *s, bool has_root, bool has_resume, bool waits_forever,
		     bool has_fallback);
/* Each event but BOOT_SETTLED also is the answer to the action of its name. */
void boot_note(struct boot_state *s, enum boot_event event);
/* The engine says that it has settled, and how often it had looked again by then: what it said
 * before it looked again for the last time does not count. */
void boot_note_settled(struct boot_state *s, unsigned int looks);
enum boot_action boot_next(const struct boot_state *s);
