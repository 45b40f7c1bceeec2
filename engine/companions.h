/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules that belong together although no index says so: an image that has one needs the others. */
#pragma once

/* weakdep lines as in modprobe.d(5), NUL-terminated. */
extern const char companions_text[];

/* softdep lines: what a module's init asks the kernel for by request_module(). It is loaded before, where
 * devices are served, so that the init waits for no process that the kernel starts. */
extern const char requests_text[];

/* Where they come from, as origin of a rule. */
#define COMPANIONS_FILE "coldplug's companions"
