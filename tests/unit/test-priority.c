/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "engine/plan.h"
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
		{ 1, "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00" }, /* virtio block */
		{ 1, "pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00" },
		{ 2, "virtio:d00000002v00001AF4" },
		{ 3, "pci:v00001AF4d00001004sv00001AF4sd00000008bc01sc00i00" }, /* virtio SCSI */
		{ 4, "virtio:d00000008v00001AF4" },
		{ 5, "scsi:t-0x00" },
		{ 6, "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01" }, /* AHCI */
		{ 7, "pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80" }, /* IDE */
		{ 8, "pci:v00001B36d00000007sv00001AF4sd00001100bc08sc05i01" }, /* SDHCI */
		{ 9, "mmc:block" },
		{ 10, "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00" },
		{ 11, "pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30" }, /* xHCI */
		{ 12, "pci:v00001000d00000012sv00000000sd00001000bc01sc00i00" }, /* 53c895a */
		{ 13, "pci:v00001000d00000060sv00001028sd00001F0Cbc01sc04i00" }, /* megasas */
		{ 14, "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00" }, /* e1000 */
		{ 14, "virtio:d00000001v00001AF4" },
		{ 15, "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00" }, /* VGA */
		{ 15, "dmi:bvnSeaBIOS:bvr1:" },
		{ 15, "" },
		{ 15, "ahci" },
	};

	for (size_t i = 1; i < ARRAY_SIZE(rows); i++) {
		uint32_t before = alias_priority(rows[i - 1].alias, PROVIDER_ANY);
		uint32_t now = alias_priority(rows[i].alias, PROVIDER_ANY);

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
		assert_row(i, alias_priority(rows[i], 0) < alias_priority(rows[i - 1], 0));
}

#define NVME "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02"
#define AHCI "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"
#define XHCI "pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30"
#define VIRTIO_BLOCK "pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00"
#define SDHCI "pci:v00001B36d00000007sv00001AF4sd00001100bc08sc05i01"
#define MEGARAID "pci:v00001000d00000060sv00001028sd00001F0Cbc01sc04i00"
#define NETWORK "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00"

/* Who leads to the node is urgent, or may be waited for; who does not is neither. */
static void the_name_of_a_node_says_what_leads_to_it(void **state)
{
	static const struct {
		const char *node, *leads, *does_not;
		const char *behind;
	} rows[] = {
		{ "/dev/nvme0n1p2", NVME, AHCI, NULL },
		{ "/dev/vda1", VIRTIO_BLOCK, NVME, "virtio:d00000002v00001AF4" },
		{ "/dev/sda1", AHCI, NVME, "scsi:t-0x00" },
		{ "/dev/sr0", AHCI, SDHCI, "scsi:t-0x05" },
		{ "/dev/mmcblk0p1", SDHCI, XHCI, "mmc:block" },
		{ "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_nvme0", NVME, VIRTIO_BLOCK, NULL },
		{ "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001", AHCI, XHCI, NULL },
		{ "/dev/disk/by-id/mmc-QEMU_0xdeadbeef", SDHCI, NVME, "mmc:block" },
		{ "/dev/disk/by-path/pci-0000:00:04.0-usb-0:1:1.0-scsi-0:0:0:0", XHCI, AHCI, NULL },
		{ "/dev/disk/by-path/pci-0000:00:01.0-nvme-1", NVME, XHCI, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t awaited = providers_of(rows[i].node);

		assert_row(i, alias_priority(rows[i].leads, awaited) >= STEP_URGENT);
		assert_row(i, alias_priority(rows[i].does_not, awaited) < STEP_CANDIDATE);
		assert_row(i, alias_priority(rows[i].does_not, awaited) > 0);
		if (rows[i].behind)
			assert_string_equal(alias_behind(rows[i].node), rows[i].behind);
		else
			assert_null(alias_behind(rows[i].node));
	}
}

static void of_another_name_nothing_is_known(void **state)
{
	static const char *const nodes[] = { "/dev/xvda",
					     "/dev/mapper/root",
					     "/dev/md0",
					     "/dev/dm-0",
					     "/dev/disk/by-uuid/0123-4567",
					     "/dev/root",
					     "",
					     "nvme0n1" };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		assert_row(i, providers_of(nodes[i]) == PROVIDER_ANY);
		assert_null(alias_behind(nodes[i]));
	}
}

/* A driver without a class of its own may be the one. */
static void raid_may_be_waited_for_and_the_network_not(void **state)
{
	assert_true(alias_priority(MEGARAID, PROVIDER_ANY) >= STEP_CANDIDATE);
	assert_true(alias_priority(MEGARAID, PROVIDER_SCSI | PROVIDER_USB) >= STEP_CANDIDATE);
	assert_true(alias_priority(MEGARAID, PROVIDER_NVME) < STEP_CANDIDATE);
	assert_true(alias_priority(NETWORK, PROVIDER_ANY) < STEP_CANDIDATE);
}

static void what_only_the_processor_wants_can_wait(void **state)
{
	static const struct {
		const char *alias;
		enum alias_patience patience;
	} rows[] = {
		{ "cpu:type:x86,ven0000fam0006mod003F:feature:,0000", ALIAS_LAST },
		{ "dmi:bvnSeaBIOS:bvr1:", ALIAS_LAST },
		{ "pci:v00001000d00000060sv00001028sd00001F0Cbc01sc04i00",
		  ALIAS_PATIENT }, /* megasas scans */
		{ "pci:v00001000d00000012sv00000000sd00001000bc01sc00i00", ALIAS_PATIENT },
		{ "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", ALIAS_NOT_PATIENT },
		{ "dmi_sysfs", ALIAS_NOT_PATIENT },
		{ "cpufreq", ALIAS_NOT_PATIENT },
		{ "", ALIAS_NOT_PATIENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(i, alias_patience(rows[i].alias) == rows[i].patience);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_only_the_processor_wants_can_wait),
		cmocka_unit_test(where_only_the_end_counts_what_takes_longest_comes_first),
		cmocka_unit_test(what_the_root_may_be_on_comes_first),
		cmocka_unit_test(the_name_of_a_node_says_what_leads_to_it),
		cmocka_unit_test(of_another_name_nothing_is_known),
		cmocka_unit_test(raid_may_be_waited_for_and_the_network_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
