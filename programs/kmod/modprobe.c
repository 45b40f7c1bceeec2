/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* modprobe(8), as the kernel's request_module() and the scripts of initramfs-tools and dracut call it. The
 * messages are those of kmod 34; coldplug_insert() and coldplug_remove() do the work. */
#include "programs/kmod/modprobe.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <coldplug.h>

#include "programs/descriptors.h"
#include "programs/applets.h"
#include "programs/explain.h"
#include "programs/kmod/log.h"
#include "programs/output.h"

/* The state of one call of modprobe. */
struct run {
	const struct modprobe *m;
	struct coldplug *c;
	bool reported; /* a message has said why the current name failed */
	bool ended;    /* a message has ended the call */
	int symbols;   /* --show-exports NAME: how it went for the last match */
};

/* Prints an error that ends the program, unless -a was given or the message is suppressed. Returns whether to
 * stop. */
static int log_fatal(struct run *run, const char *fmt, const char *name)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	bool reported = kmod_log(run->m->all ? LOG_WARNING : LOG_CRIT, fmt, name);
#pragma GCC diagnostic pop

	run->ended = reported && !run->m->all;
	return run->ended;
}

static void take_message(void *userdata, int level, const char *message)
{
	kmod_log(level, "%s", message);
}

static void show_act(const struct modprobe *m, const struct coldplug_act *a)
{
	if (a->kind != COLDPLUG_ACT_MATCH && !m->show && m->verbosity <= LOG_WARNING)
		return;
	explain_act(a);
}

static void log_not_inserted(const struct coldplug_act *a)
{
	if (a->kind == COLDPLUG_ACT_THERE)
		kmod_log(LOG_ERR, "could not insert '%s': Module already in kernel", a->module);
	else if (a->error == ENOENT)
		kmod_log(LOG_ERR,
			 "could not insert '%s': Unknown symbol in module, or unknown parameter (see dmesg)",
			 a->module);
	else
		kmod_log(LOG_ERR, "could not insert '%s': %s", a->module, strerror(a->error));
	if (a->message)
		kmod_log(LOG_NOTICE, "%s", a->message);
}

static int log_command_failed(struct run *run, const struct coldplug_act *a)
{
	if (run->m->remove)
		return log_fatal(run, "Error running remove command for %s", a->module);
	kmod_log(LOG_ERR, "Error running install command '%s' for module %s: retcode %d", a->command,
		 a->module, a->error);
	return 0;
}

static enum coldplug_symbols which_symbols(const struct run *run)
{
	return run->m->show_modversions ? COLDPLUG_SYMBOLS_NEEDED : COLDPLUG_SYMBOLS_EXPORTED;
}

/* kmod has the same words for a damaged module and for one without such a table. */
static int log_no_symbols(const struct run *run, const char *name, int r)
{
	kmod_log(run->m->all ? LOG_WARNING : LOG_CRIT, "could not get %s of %s: %s",
		 run->m->show_modversions ? "modversions" : "symbols", name,
		 strerror(r == -ENODATA ? ENOENT : -r));
	return r;
}

static int print_symbols_of_file(const struct run *run, const char *path)
{
	char *text;
	int r = coldplug_symbols_text(path, which_symbols(run), &text);

	if (r < 0)
		return log_no_symbols(run, path, r);
	output_text(stdout, text);
	free(text);
	return 0;
}

/* Its file may be in an archive. */
static int print_symbols_of_module(const struct run *run, const struct coldplug_act *a)
{
	const struct coldplug_module module = { .name = a->module, .path = a->path };
	const struct coldplug_symbol *list;
	int64_t n = coldplug_symbols(run->c, &module, which_symbols(run), &list);

	for (int64_t i = 0; i < n; i++)
		output_printf("0x%08" PRIx64 "\t%s\n", list[i].crc, list[i].name);
	return n < 0 ? log_no_symbols(run, a->module, (int)n) : 0;
}

static int take_act(void *userdata, const struct coldplug_act *a)
{
	struct run *run = userdata;

	if (a->kind == COLDPLUG_ACT_MATCH && (run->m->show_modversions || run->m->show_exports)) {
		run->symbols = a->path ? print_symbols_of_module(run, a) : 0;
		return 0;
	}
	if (a->kind < COLDPLUG_ACT_NO_FILE) {
		show_act(run->m, a);
		return 0;
	}
	run->reported = true;
	switch (a->kind) {
	case COLDPLUG_ACT_COMMAND_FAILED:
		return log_command_failed(run, a);
	case COLDPLUG_ACT_NOT_THERE:
		return log_fatal(run, "Module %s is not in kernel.", a->module);
	case COLDPLUG_ACT_NOT_REMOVABLE:
		return log_fatal(run, "Module %s is builtin.", a->module);
	case COLDPLUG_ACT_IN_USE:
		return log_fatal(run, "Module %s is in use.", a->module);
	case COLDPLUG_ACT_NO_FILE:
		kmod_log(LOG_ERR, "could not find module by name='%s'", a->module);
		break;
	case COLDPLUG_ACT_KEPT:
		kmod_log(LOG_ERR, "could not remove '%s': %s", a->module, strerror(a->error));
		break;
	default:
		log_not_inserted(a);
		break;
	}
	return 0;
}

static void log_not_found(const struct run *run, const char *name)
{
	int level = run->m->all ? LOG_WARNING : LOG_CRIT;

	if (run->m->remove)
		kmod_log(level, "Module %s not found.", name);
	else if (name[0] == '/' || !strncmp(name, "./", 2))
		kmod_log(level, "Failed to get module from path %s: %s", name,
			 strerror(access(name, F_OK) < 0 ? errno : ENOENT));
	else
		kmod_log(level, "Module %s not found in directory %s", name,
			 coldplug_module_directory(run->c));
}

static int one_name(struct run *run, const char *name, const char *params)
{
	int r;

	run->reported = false;
	if (run->m->remove)
		r = coldplug_remove(run->c, name, run->m->wait_ms);
	else if (run->m->match_only)
		r = coldplug_match(run->c, name);
	else
		r = coldplug_insert(run->c, name, params);
	if (r == -ENOENT && !run->reported)
		log_not_found(run, name);
	else if (r == -ENOMEM && !run->reported) /* the library has logged every other error */
		kmod_log(LOG_ERR, "%s: %s", name, strerror(-r));
	return r;
}

/* Takes each word as a name. After a failure it goes on with the next name if -a was given, or if -q
 * suppressed the message, as kmod does. */
static int all_names(struct run *run)
{
	int r = 0, worst = 0;

	for (int i = 0; i < run->m->n_args; i++) {
		r = one_name(run, run->m->args[i], NULL);
		worst = r < 0 ? r : worst;
		if (run->ended || (r == -ENOENT && !run->m->all && run->m->verbosity >= LOG_CRIT))
			break;
	}
	return worst;
}

static int first_name(struct run *run)
{
	char *params = modprobe_params(run->m->args + 1, run->m->n_args - 1);
	int r = params ? one_name(run, run->m->args[0], params) : -ENOMEM;

	if (!params)
		kmod_log(LOG_ERR, "%s", strerror(ENOMEM));
	free(params);
	return r;
}

static int show_config(struct run *run)
{
	char *text;
	int r = coldplug_config_text(run->c, &text);

	if (r < 0) {
		kmod_log(LOG_ERR, "%s", strerror(-r));
		return r;
	}
	output_text(stdout, text);
	free(text);
	return 0;
}

/* Takes the word as a file, as kmod 30 does; if there is none, as a name or alias, as kmod does since. */
static int show_symbols(struct run *run, const char *word)
{
	size_t n = strlen(word);
	int r;

	if (n && word[n - 1] != '/' && !access(word, F_OK))
		return print_symbols_of_file(run, word);
	r = strchr(word, '/') ? -ENOENT : coldplug_match(run->c, word);
	if (r == -ENOENT)
		kmod_log(run->m->all ? LOG_WARNING : LOG_CRIT, "Module %s not found.", word);
	return r ?: run->symbols;
}

/* For kmod a missing file is not an error, so only the existing ones are handed on. */
static int set_config_paths(struct coldplug *c, const char **paths)
{
	size_t n = 0;

	if (!paths)
		return 0;
	for (size_t i = 0; paths[i]; i++) {
		if (!access(paths[i], F_OK))
			paths[n++] = paths[i];
		else if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	paths[n] = NULL;
	return coldplug_set_config_paths(c, paths);
}

/* What KMOD_LOG says: a level's number, or how its name begins; anything else silences all. libkmod's errors
 * about a line are warnings here. */
static int config_level(void)
{
	static const struct {
		const char *name;
		int level;
	} names[] = { { "err", LOG_WARNING }, { "info", LOG_INFO }, { "debug", LOG_DEBUG } };
	const char *text = secure_getenv("KMOD_LOG");
	char *end;
	long n;

	if (!text)
		return LOG_WARNING;
	n = strtol(text, &end, 10);
	if (!*end || isspace((unsigned char)*end))
		return n == LOG_ERR ? LOG_WARNING : n > LOG_DEBUG ? LOG_DEBUG : (int)n;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(text, names[i].name, strlen(names[i].name)))
			return names[i].level;
	return LOG_EMERG;
}

/* kmod reads the configuration before -q, -v and -s have an effect: what is wrong with it is told on standard
 * error, and only KMOD_LOG changes that. */
static int read_config(struct run *run)
{
	int level = config_level(), r = 0;

	kmod_log_open(false);
	kmod_log_level(level);
	coldplug_set_log(run->c, take_message, NULL, level);
	if (!coldplug_module_directory(run->c)) {
		kmod_log(LOG_ERR, "cannot read the configuration");
		r = -EIO;
	}
	kmod_log_open(run->m->to_syslog);
	kmod_log_level(run->m->verbosity);
	coldplug_set_log(run->c, take_message, NULL, run->m->verbosity);
	return r;
}

static int setup(struct run *run)
{
	const struct modprobe *m = run->m;
	int r = coldplug_new(&run->c);

	for (int flag = 0; !r && flag < 32; flag++)
		if (m->flags & 1u << flag)
			r = coldplug_set_flag(run->c, (enum coldplug_flag)flag, true);
	if (!r && m->module_root && *m->module_root)
		r = coldplug_set_module_root(run->c, m->module_root);
	if (!r)
		r = set_config_paths(run->c, m->config_paths);
	if (r < 0) {
		kmod_log(LOG_ERR, "%s", strerror(-r));
		return r;
	}
	r = m->release ? coldplug_set_release(run->c, m->release) : 0;
	if (r < 0)
		kmod_log(LOG_ERR, "'%s' is not a kernel release", m->release);
	coldplug_set_act(run->c, take_act, run);
	return r < 0 ? r : read_config(run);
}

static int do_what_is_asked(struct run *run)
{
	if (run->m->show_config)
		return show_config(run);
	if (run->m->show_modversions || run->m->show_exports)
		return show_symbols(run, run->m->args[0]);
	if (run->m->all || run->m->remove)
		return all_names(run);
	return first_name(run);
}

static int run_modprobe(const struct modprobe *m)
{
	struct run run = { .m = m };
	int r;

	if (!m->n_args && !m->show_config) {
		kmod_log(LOG_ERR, "missing parameters. See -h.");
		return 1;
	}
	r = setup(&run);
	if (!r)
		r = do_what_is_asked(&run);
	coldplug_free(run.c);
	return r < 0;
}

/* Returns whether the output is lost and was what the call is for. How a load or a removal went is said by
 * its own exit code: the caller must not repeat it because of a full disk. */
static bool output_lost(const struct modprobe *m)
{
	bool asks = m->show_config || m->show_modversions || m->show_exports || m->match_only ||
		m->flags & 1u << COLDPLUG_DRY_RUN || !m->n_args;
	bool lost = fflush(stdout) == EOF || ferror(stdout);

	if (!lost || !asks)
		return false;
	kmod_log(LOG_ERR, "could not write to standard output");
	return true;
}

int modprobe_main(int argc, char **argv)
{
	bool had_stderr = standard_descriptors(false);
	struct modprobe m = {};
	int r = modprobe_options(&m, argc, argv);

	if (r) {
		r--;
	} else {
		m.to_syslog |= !had_stderr;
		kmod_log_open(m.to_syslog);
		r = run_modprobe(&m);
	}
	if (output_lost(&m))
		r = 1;
	modprobe_options_free(&m);
	return r;
}
