/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/act.h"

#include <errno.h>

#include "libcoldplug/loading.h"

static int run_by_caller(void *data, const struct kernel_command *command, struct kernel_output *output)
{
	const struct settings *s = data;

	output->status = s->command(s->command_data, command->module, command->command);
	return output->status < 0 ? output->status : 0;
}

void context_kernel(struct coldplug *c, struct kernel *ret)
{
	kernel_setup(ret, &c->machine.root, c->settings.kernel_ops, c->settings.kernel_data);
	ret->async_probe = context_async_probe(c);
	ret->foreground = true;
	ret->run_command = c->settings.command ? run_by_caller : NULL;
	ret->run_command_data = &c->settings;
	if (has_flag(c, COLDPLUG_FORCE_MODVERSION))
		ret->finit_flags |= FINIT_IGNORE_MODVERSIONS;
	if (has_flag(c, COLDPLUG_FORCE_VERMAGIC))
		ret->finit_flags |= FINIT_IGNORE_VERMAGIC;
}

int context_report(struct coldplug *c, const struct coldplug_act *act)
{
	return c->settings.act && c->settings.act(c->settings.act_data, act) ? -ECANCELED : 0;
}
