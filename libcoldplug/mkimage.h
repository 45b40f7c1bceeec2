/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files image*.c share: an image being made. */
#pragma once

#include "base/archive-read.h"
#include "base/compress.h"
#include "base/elf.h"
#include "base/image-tree.h"
#include "base/output-file.h"
#include "engine/depmod.h"
#include "libcoldplug/context.h"

struct mkimage {
	struct coldplug *c;
	struct coldplug_image *wish;
	enum compress_method method, modules_method;
	bool keep;	       /* the modules' files as they are */
	uint32_t mtime;	       /* of all files */
	struct rootfs files;   /* where modules and firmware are */
	struct rootfs machine; /* where the configuration is */
	char *release;
	char *moddir;	       /* the release's directory below files; NULL: the kernel has no modules */
	struct intern ranked;  /* the modules of the complete modules.dep, */
	ARRAY(uint32_t) ranks; /* and their places there */
	struct depmod depmod;
	struct elf_kind kind; /* of the modules; its type is 0 while that is not known */
	struct image_tree tree;
	struct archive archive;	 /* that the caller has named; fd -1: none */
	bool has_configuration;	 /* it brings modprobe.d along */
	struct intern packed;	 /* names of the modules of the archive that is made */
	struct image_tree first; /* what stands in front and is not compressed */
	uint64_t main_size;	 /* bytes of the rest */
	ARRAY(char) root_conf;	 /* the modules of the root's file system, a line each */
	struct output_file out;
	struct compressor *compressor;
	struct cpio cpio;
};

/* Where everything is: opens files and machine, finds release and moddir. 0 or -errno, which was logged. */
int mkimage_open(struct mkimage *im);
/* The recording's own indexes give way to those of the modules that are taken. */
int mkimage_take_indexes(struct mkimage *im);
/* The type and the source of what is mounted at "/": both to be freed. 1; 0: it is not known; -ENOMEM. */
int mkimage_root_mount(struct mkimage *im, char **source, char **type);

/* Opens the archive that the caller has named, and takes release and kind from it. 0 or -errno, which was
 * logged. */
int mkimage_open_archive(struct mkimage *im);
/* Looks an alias or a name up in it. 1: it is a module, 0: it is built in, -ENOENT: nothing has it;
 * another -errno. */
int mkimage_look_up(struct mkimage *im, const char *alias);

/* What goes into the tree; each 0 or -errno, which was logged. */
int mkimage_add_module(struct mkimage *im, const char *path);
int mkimage_add_firmware(struct mkimage *im, const char *path);
int mkimage_add_indexes(struct mkimage *im);
/* Instead of the two for modules: notes a module for an archive, and makes it of those that were noted. */
int mkimage_pack_module(struct mkimage *im, const char *path);
int mkimage_pack(struct mkimage *im);
int mkimage_add_archive(struct mkimage *im);
int mkimage_add_configuration(struct mkimage *im);
/* The profile that the caller has named. */
int mkimage_add_profile(struct mkimage *im);
/* Whether a profile can be used: 1; 0: not, which was logged; -ENOMEM. */
int mkimage_check_profile(struct mkimage *im, const char *path, const char *data, size_t size);
#define MKIMAGE_PROFILE "etc/coldplug/profile" /* its place in the tree */
int mkimage_add_programs(struct mkimage *im);
int mkimage_add_files(struct mkimage *im);

/* Logs why something cannot be put into the image, and returns r. */
int mkimage_fail(struct mkimage *im, const char *what, int r);
