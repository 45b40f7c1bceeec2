/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Planning and loading from an archive, beside a directory of modules or without one; sound and damaged. */
#include "tests/unit/test-archive.h"

#include <sys/resource.h>

#include "base/xxh64.h"
#include "engine/archive-write.h"
#include "engine/closure.h"
#include "engine/fields.h"
#include "engine/machine.h"
#include "engine/modinfo.h"
#include "libcoldplug/coldplug.h"
#include "loader/members.h"
#include "loader/work.h"

#define ARCHIVE_ DIR_ "/modules.archive"

static const char *const wanted[] = { "ext4",	       "jbd2",
				      "fs-ext4",       "pci:v00008086d00001234sv0sd0bc02sc00i00",
				      "built_in",      "none",
				      "e1000_e",       "pci:v00001111d00001234sv0sd0bc02sc00i00",
				      "symbol:journal" };

struct world {
	struct tree t;
	struct messages m;
	struct machine_paths paths;
	struct machine machine;
	char *text; /* what was planned */
};

/* ---- making them ---- */

static void pack_of(const struct tree *t, const char *name, const char *release, const struct tree *from)
{
	struct messages m;
	struct archive_wish wish = { .root = &from->root,
				     .directory = DIR_,
				     .release = release,
				     .threads = 1 };
	char *output = strdup(tree_path(t, name));

	messages_init(&m);
	wish.output = output;
	assert_int_equal(archive_write(&wish, &m.log), 0);
	messages_free(&m);
	free(output);
}

/* The archive of make_tree()'s modules at a path of the tree. */
static void pack_as(const struct tree *t, const char *name, const char *release)
{
	struct tree from = tree_new();

	make_tree(&from);
	pack_of(t, name, release, &from);
	tree_free(&from);
}

static void world_open(struct world *w)
{
	*w = (struct world){ .t = tree_new() };
	messages_init(&w->m);
	w->paths.root = w->t.dir;
	w->paths.release = (char *)"1.0";
	tree_mkdir(&w->t, DIR_ "/");
	tree_mkdir(&w->t, "boot/");
	tree_mkdir(&w->t, "run/coldplug/");
	machine_init(&w->machine, &w->paths, &w->m.log);
}

static void world_close(struct world *w)
{
	machine_close(&w->machine);
	messages_free(&w->m);
	tree_free(&w->t);
	free(w->text);
}

/* ---- planning ---- */

static const char *without_place(const char *path)
{
	const char *kernel = strstr(path, "kernel/");

	return kernel ? kernel : path;
}

/* Plans all that is wanted, from the beginning. */
static void plan_all(struct world *w, struct plan *plan)
{
	struct machine *m = &w->machine;

	machine_close(m);
	assert_int_equal(machine_open(m, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_true(planner_request(&m->planner, wanted[i], NULL, 0) >= 0);
	assert_int_equal(planner_finish_batch(&m->planner, plan), 0);
}

/* "jbd2 kernel/fs/jbd2.ko 1;": the step, its file and its edges. */
static const char *planned(struct world *w)
{
	struct plan plan;
	size_t size;
	FILE *f;

	plan_all(w, &plan);
	free(w->text);
	f = open_memstream(&w->text, &size);
	for (size_t i = 0; i < plan.n_steps; i++) {
		const struct step *s = &plan.steps[i];

		fprintf(f, "%s %s", s->name, s->path ? without_place(s->path) : "-");
		for (uint32_t k = 0; k < s->n_edges; k++)
			fprintf(f, " %u", plan.edges[s->edge_first + k].on);
		fputc(';', f);
	}
	fclose(f);
	return w->text;
}

#define PLANNED                                                                          \
	"crc16 kernel/lib/crc16.ko;jbd2 kernel/fs/jbd2.ko 0;ext4 kernel/fs/ext4.ko 0 1;" \
	"other kernel/net/other.ko;e1000_e kernel/net/e1000-e.ko;"

static void a_plan_is_that_of_the_tree_which_was_packed(void **state)
{
	static const char *const places[] = { ARCHIVE_, "boot/modules-1.0.archive", "boot/modules.archive",
					      "run/coldplug/modules.archive" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct world w, tree;

		world_open(&w);
		world_open(&tree);
		pack_as(&w.t, places[i], "1.0");
		make_tree(&tree.t);
		assert_string_equal(planned(&w), planned(&tree));
		assert_string_equal(w.text, PLANNED);
		assert_row(i, w.m.log.lost == 0 && w.machine.dir.archive.open);
		world_close(&w);
		world_close(&tree);
	}
}

static void an_archive_may_be_named(void **state)
{
	struct world w;

	world_open(&w);
	pack_as(&w.t, "elsewhere", "1.0");
	w.paths.archive = strdup(tree_path(&w.t, "elsewhere"));
	w.paths.release = NULL;
	assert_string_equal(planned(&w), PLANNED);
	assert_string_equal(w.machine.release, "1.0");
	assert_int_equal(w.m.log.lost, 0);
	free(w.paths.archive);
	world_close(&w);
}

/* The release becomes a part of paths. */
static void a_named_archive_that_is_bad_is_told_once(void **state)
{
	static const struct {
		const char *release;
		off_t size; /* to which it is cut, or 0 */
		const char *message;
	} rows[] = {
		{ "../../../x", 0, "no release, or one that is no name" },
		{ ".", 0, "no release, or one that is no name" },
		{ "", 0, "no release, or one that is no name" },
		{ "1\n0", 0, "no release, or one that is no name" },
		{ "1.0", 5000, "but its header says" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *said;
		struct world w;

		world_open(&w);
		pack_as(&w.t, "elsewhere", rows[i].release);
		w.paths.archive = strdup(tree_path(&w.t, "elsewhere"));
		w.paths.release = NULL;
		if (rows[i].size)
			assert_int_equal(truncate(w.paths.archive, rows[i].size), 0);
		assert_string_equal(planned(&w), "");
		assert_null(w.machine.release);
		assert_row(i, w.m.log.lost == 1);
		said = strstr(messages_text(&w.m), rows[i].message);
		assert_row(i, said && !strstr(said + 1, rows[i].message));
		free(w.paths.archive);
		world_close(&w);
	}
}

static void questions_have_the_answers_of_the_tree(void **state)
{
	struct closure_options options = { .firmware = true };
	struct closure_files files = {};
	struct file_bytes text = {};
	struct fields fields = {};
	struct archive_entry e;
	struct plan plan;
	struct world w;
	const char *why, *value;

	world_open(&w);
	pack_as(&w.t, ARCHIVE_, "1.0");
	plan_all(&w, &plan);
	/* A built-in module, a file of the directory, all aliases, what a module says. */
	assert_int_equal(moddir_find(&w.machine.dir, MODDIR_BUILTIN, "built_in", &value), 1);
	assert_int_equal(moddir_read(&w.machine.dir, "modules.builtin", 4096, &text), 0);
	assert_string_equal(text.data, "kernel/lib/built-in.ko\n");
	assert_int_equal(config_match(&w.machine.config, RULE_SOFTDEP, "ext4")->n_pre, 1);
	assert_int_equal(moddir_member(&w.machine.dir, plan.steps[2].path, &e), 1);
	assert_int_equal(fields_read_member(&fields, &w.machine.dir.archive.archive, &e, &why), 0);
	assert_string_equal(fields.items.items[0].value, "GPL");
	assert_int_equal(closure_find(&w.machine, &options, &files), 0);
	assert_int_equal(files.items.n, 5);
	assert_contains(files.items.items[0].path, ARCHIVE_ ":kernel/fs/ext4.ko");
	fields_free(&fields);
	file_release(&text);
	array_free(&files.items);
	world_close(&w);
}

static void the_symbols_of_a_module_are_those_of_its_file(void **state)
{
	static const struct {
		const char *archive; /* that is named */
		enum coldplug_symbols which;
		int64_t n;
		const char *symbol;
	} rows[] = {
		{ NULL, COLDPLUG_SYMBOLS_EXPORTED, 1, "journal" },
		{ NULL, COLDPLUG_SYMBOLS_UNDEFINED, 1, "crc16" },
		{ NULL, COLDPLUG_SYMBOLS_NEEDED, -ENODATA, NULL },
		{ "elsewhere", COLDPLUG_SYMBOLS_EXPORTED, 1, "journal" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tree t = tree_new(), root = tree_new();
		const struct coldplug_symbol *symbols;
		const struct coldplug_module *modules;
		struct coldplug *c;
		int64_t n;

		tree_mkdir(&t, DIR_ "/");
		pack_as(&t, rows[i].archive ?: ARCHIVE_, "1.0");
		assert_int_equal(coldplug_new(&c), 0);
		assert_int_equal(coldplug_set_root(c, rows[i].archive ? root.dir : t.dir), 0);
		assert_int_equal(coldplug_set_release(c, "1.0"), 0);
		if (rows[i].archive)
			assert_int_equal(coldplug_set_archive(c, tree_path(&t, rows[i].archive)), 0);
		assert_int_equal(coldplug_modules(c, "jbd2", COLDPLUG_BY_NAME, &modules), 1);
		n = coldplug_symbols(c, modules, rows[i].which, &symbols);
		assert_row(i, n == rows[i].n);
		if (n > 0)
			assert_row_string(i, symbols[0].name, rows[i].symbol);
		coldplug_free(c);
		tree_free(&t);
		tree_free(&root);
	}
}

static int count_entry(void *userdata, const char *key, const char *value, uint32_t priority)
{
	(*(unsigned int *)userdata)++;
	return 0;
}

static void each_entry_is_visited_once(void **state)
{
	static const unsigned int expected[MODDIR_INDEXES] = { 5, 5, 1, 1, 0 };
	struct world w;
	struct plan plan;

	world_open(&w);
	pack_as(&w.t, ARCHIVE_, "1.0");
	write_module(&w.t, "kernel/fs/jbd2.ko", 62, "license=GPL", "crc16", "journal");
	tree_write(&w.t, DIR_ "/modules.dep", "kernel/fs/jbd2.ko: kernel/lib/crc16.ko\n");
	tree_write(&w.t, DIR_ "/modules.alias", "");
	plan_all(&w, &plan);
	for (int i = 0; i < MODDIR_INDEXES; i++) {
		unsigned int n = 0;

		assert_int_equal(moddir_each(&w.machine.dir, (enum moddir_index)i, count_entry, &n), 0);
		assert_row(i, n == expected[i]);
	}
	world_close(&w);
}

/* ---- beside a directory ---- */

static void a_module_whose_file_is_in_the_directory_is_taken_from_there(void **state)
{
	struct plan plan;
	struct world w;

	world_open(&w);
	w.m.log.level = LOG_LEVEL_INFO;
	pack_as(&w.t, ARCHIVE_, "1.0");
	write_module(&w.t, "updates/jbd2.ko", 62, "license=GPL", NULL, "journal");
	tree_write(&w.t, DIR_ "/modules.dep", "updates/jbd2.ko:\n");
	tree_write(&w.t, DIR_ "/modules.alias", "alias fs-ext4 jbd2\n");
	plan_all(&w, &plan);
	for (size_t i = 0; i < plan.n_steps; i++)
		assert_row(i, !plan.steps[i].member == !strcmp(plan.steps[i].name, "jbd2"));
	assert_contains(messages_text(&w.m), "are taken from there, jbd2 first");
	/* Of an alias the directory's answers come first. */
	assert_int_equal(moddir_match(&w.machine.dir, MODDIR_ALIAS, "fs_ext4", &w.machine.lookup.hits), 0);
	assert_int_equal(w.machine.lookup.hits.hits.n, 3);
	assert_string_equal(w.machine.lookup.hits.hits.items[0].value, "jbd2");
	assert_string_equal(w.machine.lookup.hits.hits.items[1].value, "ext4");
	assert_int_equal(w.m.log.lost, 0);
	world_close(&w);
}

/* The steps of one module, by name. */
static void assert_steps(struct world *w, const char *name, const char *expected)
{
	struct machine *m = &w->machine;
	char text[4096] = "";
	struct plan plan;

	machine_close(m);
	assert_int_equal(machine_open(m, NULL), 0);
	assert_true(planner_request(&m->planner, name, NULL, 0) >= 0);
	assert_int_equal(planner_finish_batch(&m->planner, &plan), 0);
	for (size_t i = 0; i < plan.n_steps; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", plan.steps[i].name);
	assert_string_equal(text, expected);
	assert_int_equal(w->m.log.lost, 0);
}

/* The archive: d needs c, and c needs a and b. The directory: c needs nothing, and a needs d. So the
 * archive's list of d has a and b, and neither is needed. */
static void what_a_replaced_module_needed_is_not_needed(void **state)
{
	/* Those that depmod would make, those of one that does not know archives, and none. */
	static const char *const lines[] = {
		"updates/a.ko: kernel/d.ko updates/c.ko\nupdates/c.ko:\n",
		"updates/a.ko:\nupdates/c.ko:\n",
		NULL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct tree from = tree_new();
		struct world w;

		world_open(&w);
		write_module(&from, "kernel/a.ko", 62, "depends=", NULL, "a");
		write_module(&from, "kernel/b.ko", 62, "depends=", "a", "b");
		write_module(&from, "kernel/c.ko", 62, "depends=b", "b", "c");
		write_module(&from, "kernel/d.ko", 62, "depends=c", "c", "d");
		pack_of(&w.t, ARCHIVE_, "1.0", &from);
		write_module(&w.t, "updates/a.ko", 62, "depends=d", "d", "a");
		write_module(&w.t, "updates/c.ko", 62, "depends=", NULL, "c");
		if (lines[i])
			tree_write(&w.t, DIR_ "/modules.dep", lines[i]);
		assert_steps(&w, "a", "c d a ");
		assert_steps(&w, "d", "c d ");
		world_close(&w);
		tree_free(&from);
	}
}

/* Lines that have only what is needed directly, as no depmod makes them. */
static void a_chain_of_lines_may_be_long(void **state)
{
	char name[32], line[64], text[8192] = "", expected[1024] = "";
	struct world w;

	world_open(&w);
	pack_as(&w.t, ARCHIVE_, "1.0");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "updates/m%d.ko", i);
		write_module(&w.t, name, 62, "license=GPL", NULL, NULL);
		snprintf(line, sizeof(line), "%s: updates/m%d.ko\n", name, i < 99 ? i + 1 : 99);
		strcat(text, line);
		snprintf(line, sizeof(line), "m%d ", 99 - i);
		strcat(expected, line);
	}
	tree_write(&w.t, DIR_ "/modules.dep", text);
	assert_steps(&w, "m0", expected);
	world_close(&w);
}

static void questions_about_aliases_leave_no_memory_behind(void **state)
{
	const struct arena_block *block;
	struct plan plan;
	struct world w;

	world_open(&w);
	pack_as(&w.t, ARCHIVE_, "1.0");
	write_module(&w.t, "updates/jbd2.ko", 62, "license=GPL", NULL, "journal");
	tree_write(&w.t, DIR_ "/modules.dep", "updates/jbd2.ko:\n");
	tree_write(&w.t, DIR_ "/modules.alias", "alias fs-ext4 jbd2\n");
	plan_all(&w, &plan);
	block = w.machine.dir.archive.arena.block;
	for (unsigned int i = 0; i < 10000; i++)
		assert_int_equal(
			moddir_match(&w.machine.dir, MODDIR_ALIAS, "fs_ext4", &w.machine.lookup.hits), 0);
	assert_int_equal(w.machine.lookup.hits.hits.n, 3);
	assert_ptr_equal(w.machine.dir.archive.arena.block, block);
	world_close(&w);
}

static void a_file_that_cannot_be_looked_at_is_not_replaced_by_the_archive(void **state)
{
	struct rlimit limit, none;
	const char *line;
	struct plan plan;
	struct world w;
	int r;

	world_open(&w);
	pack_as(&w.t, ARCHIVE_, "1.0");
	write_module(&w.t, "updates/jbd2.ko", 62, "license=GPL", NULL, "journal");
	tree_write(&w.t, DIR_ "/modules.dep", "updates/jbd2.ko:\n");
	tree_write(&w.t, DIR_ "/modules.alias", "");
	plan_all(&w, &plan);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = moddir_find(&w.machine.dir, MODDIR_DEP, "jbd2", &line);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(r, 1);
	assert_string_equal(line, "updates/jbd2.ko:");
	world_close(&w);
}

static void an_index_whose_files_are_gone_does_not_count(void **state)
{
	struct world w;

	world_open(&w);
	pack_as(&w.t, ARCHIVE_, "1.0");
	tree_write(&w.t, DIR_ "/modules.dep", "old/jbd2.ko:\nold/ext4.ko: old/jbd2.ko\nold/gone.ko:\n");
	tree_write(&w.t, DIR_ "/modules.alias", "alias fs-ext4 jbd2\nalias fs-ext4 gone\n");
	assert_string_equal(planned(&w),
			    "crc16 kernel/lib/crc16.ko;jbd2 kernel/fs/jbd2.ko 0;ext4 kernel/fs/ext4.ko 0 1;"
			    "gone lib/modules/1.0/old/gone.ko;other kernel/net/other.ko;"
			    "e1000_e kernel/net/e1000-e.ko;");
	world_close(&w);
}

/* ---- what is wrong ---- */

static void what_is_wrong_with_an_archive_is_told(void **state)
{
	static const struct {
		const char *name, *release;
		int at; /* a byte that is changed; -1: none; -2: the file is cut */
		bool lost;
		const char *message;
	} rows[] = {
		{ ARCHIVE_, "2.0", -1, true, "modules.archive: is for kernel 2.0, not for 1.0" },
		{ "boot/modules-1.0.archive", "2.0", -1, true, "is for kernel 2.0, not for 1.0" },
		{ "boot/modules.archive", "2.0", -1, false,
		  "/boot/modules.archive: is for kernel 2.0, not used" },
		{ ARCHIVE_, "1.0", 0, true, "modules.archive: is no archive of modules" },
		{ ARCHIVE_, "1.0", 8, true, "has version" },
		{ ARCHIVE_, "1.0", 50, true, "damaged at byte 40: the header has another checksum" },
		{ ARCHIVE_, "1.0", -2, true, "but its header says" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;
		int fd;

		world_open(&w);
		w.m.log.level = LOG_LEVEL_DEBUG;
		pack_as(&w.t, rows[i].name, rows[i].release);
		fd = open(tree_path(&w.t, rows[i].name), O_RDWR | O_CLOEXEC);
		if (rows[i].at >= 0)
			assert_int_equal(pwrite(fd, "\x7e", 1, rows[i].at), 1);
		if (rows[i].at == -2)
			assert_int_equal(ftruncate(fd, 5000), 0);
		close(fd);
		/* The directory is used all the same. */
		write_module(&w.t, "kernel/jbd2.ko", 62, "license=GPL", NULL, "journal");
		tree_write(&w.t, DIR_ "/modules.dep", "kernel/jbd2.ko:\n");
		tree_write(&w.t, DIR_ "/modules.alias", "");
		assert_string_equal(planned(&w), "jbd2 kernel/jbd2.ko;");
		assert_contains(messages_text(&w.m), rows[i].message);
		assert_contains(messages_text(&w.m), tree_path(&w.t, rows[i].name));
		assert_row(i, w.m.log.lost == rows[i].lost && !w.machine.dir.archive.open);
		world_close(&w);
	}
}

static void an_archive_of_another_architecture_is_refused(void **state)
{
	static const struct {
		const char *machine;
		int r;
	} rows[] = { { "x86_64", 1 }, { "i686", 1 }, { "aarch64", -ENOEXEC }, { "unknown", 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct archive_index x = {};
		struct world w;

		world_open(&w);
		pack_as(&w.t, ARCHIVE_, "1.0");
		assert_row(i,
			   archive_index_open(&x,
					      &(struct archive_wanted){ .root = &w.t.root,
									.path = ARCHIVE_,
									.machine = rows[i].machine },
					      &w.m.log) == rows[i].r);
		archive_index_close(&x);
		world_close(&w);
	}
}

static void without_modules_anywhere_that_is_told(void **state)
{
	struct world w;

	world_open(&w);
	w.paths.release = (char *)"3.0";
	assert_string_equal(planned(&w), "");
	assert_contains(messages_text(&w.m), "there are no modules for this kernel");
	assert_int_equal(w.m.log.lost, 1);
	world_close(&w);
}

/* ---- loading ---- */

/* A kernel that keeps what it was given. */
struct target {
	struct blob image;
	unsigned int n_init, n_finit, flags;
	int refuses; /* init_module's answer */
	int seals;
};

static int take_bytes(void *data, const void *image, size_t size, const char *params)
{
	struct target *t = data;

	t->n_init++;
	if (t->refuses)
		return t->refuses;
	assert_int_equal(blob_reserve(&t->image, size), 0);
	memcpy(t->image.data, image, size);
	t->image.size = size;
	return 0;
}

static int take_file(void *data, int fd, const char *params, unsigned int flags)
{
	struct target *t = data;
	struct file_bytes file;

	t->n_finit++;
	t->flags = flags;
	t->seals = fcntl(fd, F_GET_SEALS);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(file_read(fd, SIZE_MAX / 2, &file), 0);
	assert_int_equal(blob_reserve(&t->image, file.size), 0);
	memcpy(t->image.data, file.data, file.size);
	t->image.size = file.size;
	file_release(&file);
	return 0;
}

static int no_attribute(void *data, const struct rootfs *root, const char *path, char *buf, size_t size)
{
	return -ENOENT;
}

static enum initstate is_absent(void *data, const struct rootfs *root, const char *name)
{
	return INITSTATE_ABSENT;
}

static bool is_capable(void *data)
{
	return true;
}

static const struct kernel_ops ops = { .init_module = take_bytes,
				       .finit_module = take_file,
				       .read = no_attribute,
				       .initstate = is_absent,
				       .capable = is_capable };

static struct kernel kernel_of(struct world *w, struct target *t)
{
	struct archive_dictionary none = {};
	struct kernel k;

	kernel_setup(&k, &w->t.root, &ops, t);
	k.members = members_new();
	assert_non_null(k.members);
	assert_int_equal(members_open(k.members, w->machine.dir.archive.archive.fd, &none), 0);
	return k;
}

static void what_the_kernel_is_given_is_the_module(void **state)
{
	static const struct {
		const char *memfd;
		int refuses;
		unsigned int flags, n_init, n_finit;
	} rows[] = {
		{ NULL, 0, 0, 1, 0 },
		{ "1", 0, 0, 0, 1 },
		{ NULL, -EPERM, 0, 1, 1 },
		{ NULL, -EACCES, 0, 1, 1 },
		{ NULL, 0, FINIT_IGNORE_VERMAGIC, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct target target = { .refuses = rows[i].refuses };
		struct load_result result = {};
		struct module_file m = module_of(62, "license=GPL", "crc16", "journal");
		struct kernel k;
		struct plan plan;
		struct world w;

		world_open(&w);
		pack_as(&w.t, ARCHIVE_, "1.0");
		plan_all(&w, &plan);
		if (rows[i].memfd)
			setenv("COLDPLUG_MEMFD", rows[i].memfd, 1);
		k = kernel_of(&w, &target);
		unsetenv("COLDPLUG_MEMFD");
		k.finit_flags = rows[i].flags;
		work_on_step(&k, &plan.steps[1], &result);
		assert_row(i, result.outcome == LOAD_DONE);
		assert_row(i, target.n_init == rows[i].n_init && target.n_finit == rows[i].n_finit);
		assert_row(i, target.flags == rows[i].flags);
		if (target.n_finit)
			assert_row(i,
				   target.seals ==
					   (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
		assert_int_equal(target.image.size, m.size);
		assert_memory_equal(target.image.data, m.bytes, m.size);
		blob_release(&target.image);
		members_free(k.members);
		world_close(&w);
	}
}

static void a_lost_module_is_named_with_its_archive(void **state)
{
	struct load_result result = {};
	struct target target = {};
	struct kernel k;
	struct plan plan;
	struct world w;

	world_open(&w);
	pack_as(&w.t, ARCHIVE_, "1.0");
	plan_all(&w, &plan);
	k = kernel_of(&w, &target);
	assert_int_equal(truncate(tree_path(&w.t, ARCHIVE_), 4096), 0);
	work_on_step(&k, &plan.steps[1], &result);
	assert_int_equal(result.outcome, LOAD_FAILED);
	assert_contains(result.message,
			ARCHIVE_ ":kernel/fs/jbd2.ko: its archive was cut while it was in use");
	assert_int_equal(target.n_init, 0);
	members_free(k.members);
	world_close(&w);
}

static void the_tables_alone_plan_the_same(void **state)
{
	struct world w, copy;
	struct blob tables = {};

	world_open(&w);
	world_open(&copy);
	pack_as(&w.t, ARCHIVE_, "1.0");
	planned(&w);
	assert_int_equal(archive_copy_tables(&w.machine.dir.archive.archive, &tables), 0);
	tree_write_bytes(&copy.t, ARCHIVE_, tables.data, tables.size);
	assert_string_equal(planned(&copy), w.text);
	assert_int_equal(copy.m.log.lost, 0);
	blob_release(&tables);
	world_close(&w);
	world_close(&copy);
}

/* ---- damage ---- */

/* Plans all, walks over all indexes, and unpacks what is planned. Answers may be any. */
static void use_all(struct world *w)
{
	unsigned int n_entries = 0;
	struct target target = {};
	struct kernel k;
	struct plan plan;

	plan_all(w, &plan);
	if (!w->machine.dir.archive.open)
		return;
	for (int i = 0; i < MODDIR_INDEXES; i++)
		(void)moddir_each(&w->machine.dir, (enum moddir_index)i, count_entry, &n_entries);
	k = kernel_of(w, &target);
	for (size_t i = 0; i < plan.n_steps; i++) {
		struct load_result result = {};

		work_on_step(&k, &plan.steps[i], &result);
	}
	blob_release(&target.image);
	members_free(k.members);
}

/* Makes the checksums of the tables right: what lies has the right ones. Those of the sections count for
 * packed ones and the dictionary. */
static void fix_sums(uint8_t *data)
{
	uint64_t tables = le64(data + 24), header = le32(data + 12), first = (header + 4095) / 4096 * 4096;
	uint64_t n = (tables - first) / 4096;

	for (uint64_t i = 0; i < n; i++)
		put_le64(data + header - 8 * (n - i), xxh64(data + first + 4096 * i, 4096));
	for (uint32_t i = 0; i < le32(data + 32); i++) {
		uint8_t *row = data + 48 + 48 * (size_t)i;

		put_le64(row + 32, xxh64(data + le64(row + 8), le64(row + 16)));
	}
	put_le64(data + 40, 0);
	put_le64(data + 40, xxh64(data, header));
}

static void a_changed_byte_is_survived(void **state)
{
	struct file_bytes file;
	struct world w;
	uint8_t *data;
	uint64_t header;
	size_t n = 0;

	world_open(&w);
	w.m.log.level = LOG_LEVEL_ERROR;
	pack_as(&w.t, ARCHIVE_, "1.0");
	assert_int_equal(rootfs_read(&w.t.root, ARCHIVE_, SIZE_MAX / 2, &file), 0);
	data = (uint8_t *)file.data;
	header = le32(data + 12);
	for (size_t at = 0; at < file.size; at++) {
		uint8_t old = data[at];

		/* What is 0 is mostly padding. */
		if (at >= header && !old && at % 16)
			continue;
		data[at] = at % 3 ? (uint8_t)~old : (uint8_t)(old + 1);
		tree_write_bytes(&w.t, ARCHIVE_, data, file.size);
		use_all(&w);
		if (at >= header)
			fix_sums(data);
		tree_write_bytes(&w.t, ARCHIVE_, data, file.size);
		use_all(&w);
		data[at] = old;
		if (at >= header)
			fix_sums(data);
		n++;
	}
	assert_true(n > 1000);
	/* The sums of the packed sections were made right too. */
	assert_contains(messages_text(&w.m), "this section cannot be unpacked");
	file_release(&file);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_is_that_of_the_tree_which_was_packed),
		cmocka_unit_test(an_archive_may_be_named),
		cmocka_unit_test(a_named_archive_that_is_bad_is_told_once),
		cmocka_unit_test(questions_have_the_answers_of_the_tree),
		cmocka_unit_test(the_symbols_of_a_module_are_those_of_its_file),
		cmocka_unit_test(each_entry_is_visited_once),
		cmocka_unit_test(a_module_whose_file_is_in_the_directory_is_taken_from_there),
		cmocka_unit_test(what_a_replaced_module_needed_is_not_needed),
		cmocka_unit_test(a_chain_of_lines_may_be_long),
		cmocka_unit_test(questions_about_aliases_leave_no_memory_behind),
		cmocka_unit_test(a_file_that_cannot_be_looked_at_is_not_replaced_by_the_archive),
		cmocka_unit_test(an_index_whose_files_are_gone_does_not_count),
		cmocka_unit_test(what_is_wrong_with_an_archive_is_told),
		cmocka_unit_test(an_archive_of_another_architecture_is_refused),
		cmocka_unit_test(without_modules_anywhere_that_is_told),
		cmocka_unit_test(what_the_kernel_is_given_is_the_module),
		cmocka_unit_test(a_lost_module_is_named_with_its_archive),
		cmocka_unit_test(the_tables_alone_plan_the_same),
		cmocka_unit_test(a_changed_byte_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
