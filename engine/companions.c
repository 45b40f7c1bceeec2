/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table. A line is what an administrator would write into modprobe.d: "weakdep PATTERN NAME...". Names
 * and aliases that a kernel does not have, or has built in, cost nothing. What is here has one of two
 * reasons:
 *
 *  - the device that names the driver appears only after the driver of another one was loaded, so an
 *    image made from today's list of devices (of a build host, or with the stick unplugged) lacks it;
 *  - the kernel asks for it by request_module() under a name that stands in a driver, a file system's header, a
 *    mount option or a table of device mapper.
 *
 * What a hard dependency or a softdep says already is not repeated, unless kernels differ in it.
 */
#include "engine/companions.h"

const char companions_text[] =
	/* disks and drives behind an adapter; scsi_mod itself may be built in */
	"weakdep scsi_mod sd_mod sr_mod\n"
	"weakdep libata sd_mod sr_mod\n"
	"weakdep virtio_scsi sd_mod sr_mod\n"
	"weakdep hv_storvsc sd_mod\n"
	"weakdep usb_storage uas sd_mod\n"
	"weakdep uas sd_mod\n"
	"weakdep ufshcd_core sd_mod\n"
	"weakdep mmc_core mmc_block\n"
	"weakdep firewire_core firewire_sbp2\n"
	"weakdep virtio_pci virtio_blk virtio_scsi\n"
	"weakdep virtio_mmio virtio_blk virtio_scsi\n"
	"weakdep hv_vmbus hv_storvsc\n"
	/* a stick and a keyboard may be plugged into any USB port */
	"weakdep usbcore usb_storage uas usbhid\n"
	"weakdep [exou]hci_hcd usb_storage uas usbhid\n"
	"weakdep dwc[23] usb_storage uas usbhid\n"
	"weakdep usbhid hid_generic\n"
	"weakdep i2c_hid hid_generic hid_multitouch\n"
	"weakdep i8042 atkbd\n"
	/* what drivers ask for when they start */
	"weakdep crc64_rocksoft crc64_rocksoft_generic\n"
	"weakdep ipmi_si acpi_ipmi\n"
	"weakdep snd_hda_intel snd_hda_codec_generic\n"
	/* file systems: checksums, character sets, compressors */
	"weakdep ext4 crc32c\n"
	"weakdep xfs crc32c\n"
	"weakdep libcrc32c crc32c\n"
	"weakdep btrfs crc32c xxhash64 sha256 blake2b-256\n"
	"weakdep f2fs crc32 crc32c\n"
	"weakdep ubifs lzo deflate zstd\n"
	"weakdep fat nls_cp437 nls_ascii nls_iso8859-1 nls_utf8\n"
	"weakdep isofs nls_utf8 nls_iso8859-1\n"
	"weakdep nfs nfsv3 nfsv4\n"
	/* device mapper and md: targets and levels by name, ciphers as the volume's header says */
	"weakdep dm_mod dm_crypt dm_mirror dm_snapshot dm_thin_pool\n"
	"weakdep dm_crypt aes xts ecb cbc essiv sha256 algif_skcipher algif_hash\n"
	"weakdep dm_verity sha256\n"
	"weakdep dm_integrity crc32c hmac sha256\n"
	"weakdep dm_raid raid0 raid1 raid10 raid456\n"
	"weakdep md_mod raid0 raid1 raid10 raid456\n"
	"weakdep zram lzo-rle zstd\n";

const char requests_text[] =
	/* lib/crc64-rocksoft.c: crypto_alloc_shash() */
	"softdep crc64_rocksoft pre: crypto-crc64-rocksoft\n"
	/* drivers/char/ipmi/ipmi_si_intf.c */
	"softdep ipmi_si pre: acpi_ipmi\n"
	/* sound/pci/hda/hda_bind.c */
	"softdep snd_hda_intel pre: snd-hda-codec-generic\n";
