/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "kmod static-nodes". */
#pragma once

int static_nodes_main(int argc, char **argv);
