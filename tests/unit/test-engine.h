/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A release's directory, a configuration and a planner over them, from a few strings. */
#pragma once

#include "tests/unit/test.h"

#include "engine/planner.h"

struct engine_files {
	const char *dep;     /* "a: b c; b: c; c:": what modules.dep says, ".ko" left out */
	const char *alias;   /* modules.alias: "alias PATTERN MODULE\n" */
	const char *symbols; /* the same */
	const char *builtin; /* modules.builtin, a name a line */
	const char *modinfo; /* "name.alias=PATTERN", the NULs are written as ';' */
	const char *softdep; /* modules.softdep */
	const char *conf;    /* etc/modprobe.d/x.conf */
	const char *cmdline;
};

struct engine {
	struct tree t;
	struct messages m;
	struct moddir dir;
	struct modules modules;
	struct config config;
	struct lookup lookup;
	struct expander expander;
	struct planner planner;
	char text[65536]; /* what was spelled last */
};

static inline void engine_write_dep(struct engine *e, const char *dep)
{
	ARRAY(char) text = {};

	for (const char *p = dep; *p;) {
		size_t n = strcspn(p, " ;:");
		char name[512];
		int len = snprintf(name, sizeof(name), "%.*s%s", (int)n, p, n ? ".ko" : "");

		for (p += n; *p && strchr(" ;:", *p); p++)
			name[len++] = *p == ';' ? '\n' : *p;
		assert_int_equal(array_make_room(&text, (size_t)len), 0);
		memcpy(text.items + text.n, name, (size_t)len);
		text.n += (size_t)len;
		while (*p == ' ')
			p++;
	}
	/* A blank in front of a name is not part of it. */
	for (size_t i = 1; i < text.n; i++)
		if (text.items[i - 1] == '\n' && text.items[i] == ' ')
			memmove(text.items + i, text.items + i + 1, text.n-- - i - 1);
	tree_write_bytes(&e->t, "lib/modules/1/modules.dep", text.items, text.n);
	array_free(&text);
}

static inline void engine_write(struct engine *e, const char *name, const char *text, char separator)
{
	char path[128], *copy;

	if (!text)
		return;
	snprintf(path, sizeof(path), "%s", name);
	copy = strdup(text);
	for (char *p = copy; separator != '\n' && (p = strchr(p, ';'));)
		*p = separator;
	tree_write_bytes(&e->t, path, copy, strlen(text));
	free(copy);
}

static inline struct engine *engine_new(const struct engine_files *f)
{
	struct engine *e = calloc(1, sizeof(*e));

	e->t = tree_new();
	messages_init(&e->m);
	engine_write_dep(e, f->dep ? f->dep : "");
	engine_write(e, "lib/modules/1/modules.alias", f->alias ? f->alias : "", '\n');
	engine_write(e, "lib/modules/1/modules.symbols", f->symbols, '\n');
	engine_write(e, "lib/modules/1/modules.builtin", f->builtin, '\n');
	engine_write(e, "lib/modules/1/modules.builtin.modinfo", f->modinfo, '\0');
	engine_write(e, "lib/modules/1/modules.softdep", f->softdep, '\n');
	engine_write(e, "etc/modprobe.d/x.conf", f->conf, '\n');
	e->m.log.level = LOG_LEVEL_ERROR;
	assert_int_equal(moddir_open(&e->dir, &e->t.root, "1", &e->m.log), 1);
	e->config.log = &e->m.log;
	e->modules.dir = &e->dir;
	e->lookup = (struct lookup){ .dir = &e->dir, .modules = &e->modules, .config = &e->config };
	e->expander.log = &e->m.log;
	e->expander.modules = &e->modules;
	e->expander.lookup = &e->lookup;
	e->expander.config = &e->config;
	e->planner.x = &e->expander;
	assert_int_equal(config_load(&e->config, &e->t.root, NULL, e->dir.path, NULL, NULL), 0);
	if (f->cmdline) {
		char *line = strdup(f->cmdline);

		assert_int_equal(config_parse_cmdline(&e->config, line), 0);
		free(line);
	}
	/* Each index is read now: it says that it has no .bin. What follows is a test's own. */
	for (int i = 0; i < MODDIR_INDEXES; i++)
		assert_true(moddir_find(&e->dir, (enum moddir_index)i, "?", &(const char *){ NULL }) >= 0);
	e->m.log.level = LOG_LEVEL_WARNING;
	return e;
}

static inline void engine_free(struct engine *e)
{
	planner_free(&e->planner);
	expander_free(&e->expander);
	lookup_free(&e->lookup);
	modules_free(&e->modules);
	config_free(&e->config);
	moddir_close(&e->dir);
	messages_free(&e->m);
	tree_free(&e->t);
	free(e);
}
