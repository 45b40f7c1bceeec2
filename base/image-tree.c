/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/image-tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

const struct cpio_entry *image_tree_find(const struct image_tree *t, const char *name)
{
	uint32_t id = intern_find(&t->names, name, strlen(name));

	return id == INTERN_NONE || id >= t->entries.n ? NULL : &t->entries.items[id];
}

static int put(struct image_tree *t, const char *name, size_t n, const struct cpio_entry *e)
{
	/* The room is made first: a name without an entry would move the entries of all later names. */
	int r = array_make_room(&t->entries, 1);
	uint32_t id = r < 0 ? INTERN_NONE : intern_add(&t->names, name, n);
	struct cpio_entry *old, new = *e;

	if (id == INTERN_NONE)
		return -ENOMEM;
	new.name = NULL;
	if (id == t->entries.n)
		return array_push(&t->entries, new);
	old = &t->entries.items[id];
	if (S_ISDIR(old->mode))
		return S_ISDIR(new.mode) ? 0 : -EISDIR;
	/* The directory that something is to be put into. */
	if (S_ISDIR(new.mode))
		return -ENOTDIR;
	*old = new;
	return 0;
}

int image_tree_add(struct image_tree *t, const struct cpio_entry *e)
{
	static const struct cpio_entry directory = { .mode = S_IFDIR | 0755 };

	for (const char *slash = strchr(e->name, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r = put(t, e->name, (size_t)(slash - e->name), &directory);

		if (r < 0)
			return r;
	}
	return put(t, e->name, strlen(e->name), e);
}

int image_tree_directory(struct image_tree *t, const char *name)
{
	return image_tree_add(t, &(struct cpio_entry){ .name = name, .mode = S_IFDIR | 0755 });
}

int image_tree_link(struct image_tree *t, const char *name, const char *target)
{
	return image_tree_add(t,
			      &(struct cpio_entry){ .name = name,
						    .mode = S_IFLNK | 0777,
						    .data = target,
						    .size = strlen(target) });
}

static int add_file(struct image_tree *t, const char *name, mode_t mode, const void *data, size_t size)
{
	return image_tree_add(
		t, &(struct cpio_entry){ .name = name, .mode = S_IFREG | mode, .data = data, .size = size });
}

int image_tree_file(struct image_tree *t, const char *name, mode_t mode, struct file_bytes *file)
{
	int r = array_push(&t->files, *file);

	if (r < 0)
		file_release(file);
	else
		r = add_file(t, name, mode, file->data, file->size);
	*file = (struct file_bytes){};
	return r;
}

int image_tree_blob(struct image_tree *t, const char *name, struct blob *blob)
{
	int r = array_push(&t->blobs, *blob);

	if (r < 0)
		blob_release(blob);
	else
		r = add_file(t, name, 0644, blob->data, blob->size);
	*blob = (struct blob){};
	return r;
}

int image_tree_memory(struct image_tree *t, const char *name, void *data, size_t size)
{
	int r = array_push(&t->memory, data);

	if (r < 0)
		free(data);
	return r ?: add_file(t, name, 0644, data, size);
}

static int compare_entries(const void *a, const void *b)
{
	const struct cpio_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int image_tree_each(const struct image_tree *t, int (*fn)(void *userdata, const struct cpio_entry *e),
		    void *userdata)
{
	_cleanup_free_ struct cpio_entry *sorted = calloc(t->entries.n + 1, sizeof(*sorted));
	int r = 0;

	if (!sorted)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->entries.n; i++) {
		sorted[i] = t->entries.items[i];
		sorted[i].name = intern_string(&t->names, i);
	}
	qsort(sorted, t->entries.n, sizeof(*sorted), compare_entries);
	for (size_t i = 0; r >= 0 && i < t->entries.n; i++)
		r = fn(userdata, &sorted[i]);
	return r;
}

void image_tree_free(struct image_tree *t)
{
	for (size_t i = 0; i < t->files.n; i++)
		file_release(&t->files.items[i]);
	for (size_t i = 0; i < t->blobs.n; i++)
		blob_release(&t->blobs.items[i]);
	for (size_t i = 0; i < t->memory.n; i++)
		free(t->memory.items[i]);
	array_free(&t->files);
	array_free(&t->blobs);
	array_free(&t->memory);
	array_free(&t->entries);
	intern_free(&t->names);
}
