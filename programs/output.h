/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the programs print. Names come from devices, files and arguments: a terminal gets their control
 * characters escaped, a file or pipe gets the bytes as they are. */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

/* Prints to standard output or standard error. */
void output_text(FILE *to, const char *text);
/* Prints to standard output. */
__attribute__((format(printf, 1, 2))) void output_printf(const char *fmt, ...);
/* Prints a message to standard error. Control characters are escaped in a file or pipe too. */
__attribute__((format(printf, 1, 2))) void output_message(const char *fmt, ...);

/* Has getopt_long() print its message about the first option that is wrong, if any, with control characters
 * escaped when standard error is a terminal and there are some; a later getopt_long() is silent then. */
void output_check_options(int argc, char *const *argv, const char *letters, const struct option *longs);

/* Whether standard error is a terminal on which a line can be drawn again (TERM is not "dumb"). */
bool output_redraws(void);
/* Removes the line that is drawn again. */
void output_clear_line(void);
