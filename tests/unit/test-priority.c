/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "engine/priority.h"

/* Real aliases, in the order in which a boot wants them; equal numbers are equal. */
static void what_the_root_may_be_on_comes_first(void **state)
{
	static const struct {
		int rank;
		const char *alias;
	} rows[] = {
		{ -1, "fs-ext4" }, /* its disk is there already */
		{ 0, "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02" }, /* NVMe */
		{ 1, "virtio:d00000002v00001AF4" },
		{ 2, "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00" }, /* virtio block */
		{ 2, "pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00" },
		{ 3, "virtio:d00000008v00001AF4" },
		{ 4, "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01" }, /* AHCI */
		{ 5, "pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80" }, /* IDE */
		{ 6, "scsi:t-0x00" },
		{ 6, "mmc:block" },
		{ 7, "pci:v00001B36d00000007sv00001AF4sd00001100bc08sc05i01" }, /* SDHCI */
		{ 8, "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00" },
		{ 9, "pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30" },	 /* xHCI */
		{ 10, "pci:v00001000d00000012sv00000000sd00001000bc01sc00i00" }, /* 53c895a */
		{ 11, "pci:v00001000d00000060sv00001028sd00001F0Cbc01sc04i00" }, /* megasas */
		{ 12, "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00" }, /* e1000 */
		{ 12, "virtio:d00000001v00001AF4" },
		{ 13, "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00" }, /* VGA */
		{ 13, "dmi:bvnSeaBIOS:bvr1:" },
		{ 13, "" },
		{ 13, "ahci" },
	};

	for (size_t i = 1; i < ARRAY_SIZE(rows); i++) {
		uint32_t before = alias_priority(rows[i - 1].alias, false);
		uint32_t now = alias_priority(rows[i].alias, false);

		assert_row(i, rows[i].rank == rows[i - 1].rank ? now == before : now < before);
	}
}

static void where_only_the_end_counts_what_takes_longest_comes_first(void **state)
{
	static const char *const rows[] = {
		"fs-ext4",
		"pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30", /* xHCI */
		"pci:v00001000d00000012sv00000000sd00001000bc01sc00i00", /* 53c895a */
		"pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", /* NVMe */
		"pci:v00001000d00000060sv00001028sd00001F0Cbc01sc04i00", /* megasas */
		"pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00", /* e1000 */
	};

	for (size_t i = 1; i < ARRAY_SIZE(rows); i++)
		assert_row(i, alias_priority(rows[i], true) < alias_priority(rows[i - 1], true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_only_the_end_counts_what_takes_longest_comes_first),
		cmocka_unit_test(what_the_root_may_be_on_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
