/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every input has a named maximum; reaching it is an error that names it. docs/LIMITS.md is the
 * same table for readers; tests/unit/test-limits.c holds the two together. */
#pragma once

#define LIMIT_ALIAS 4095U		       /* bytes, as kmod's PATH_MAX buffer cuts it */
#define LIMIT_LINE (64U * 1024)		       /* bytes of one logical configuration line */
#define LIMIT_CONFIG_FILE (16U * 1024 * 1024)  /* bytes of one modprobe.d file */
#define LIMIT_INDEX (256U * 1024 * 1024)       /* bytes of one index file, .bin or text */
#define LIMIT_IMAGE (256U * 1024 * 1024)       /* bytes of one module, uncompressed */
#define LIMIT_MODINFO (1024U * 1024)	       /* bytes of one module's .modinfo, and of its signature */
#define LIMIT_ARCHIVE_ENTRIES (1U << 16)       /* files in an archive of modules, and groups */
#define LIMIT_RECORDING (256U * 1024 * 1024)   /* bytes of a recording, and of what it expands to */
#define LIMIT_RECORDING_FILES (1U << 20)       /* files, links and directories in it */
#define LIMIT_CMDLINE (1024U * 1024)	       /* bytes of the kernel command line */
#define LIMIT_ATTRIBUTE (64U * 1024)	       /* bytes of one sysfs or proc attribute */
#define LIMIT_PROC_MODULES (16U * 1024 * 1024) /* bytes of /proc/modules */
#define LIMIT_WALK_DEPTH 64U		       /* directories below /sys/devices */
#define LIMIT_STEPS (1U << 20)		       /* steps of one plan */
#define LIMIT_PARAMS (1024U * 1024)	       /* bytes of one module's parameters, all lines together */
#define LIMIT_COMMAND (64U * 1024)	       /* bytes of an install command, parameters filled in */
#define LIMIT_WARNINGS 10U		       /* bad lines of one file that are reported */
#define LIMIT_NAME 255U			       /* bytes of a module's name */
#define LIMIT_PROFILE_DEVICES 256U	       /* devices that a profile names */
#define LIMIT_PROFILE_TOOK 3600000000U	       /* microseconds of one load, in a profile */
#define LIMIT_SOFTDEP_DEPTH 1000U	       /* softdeps of softdeps */
