#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In the guest: asks /sbin/modprobe for all it can do to a kernel, and prints what came of it. tests/vm/modprobe
# compares what kmod's says with what ours says. With its path: busybox has one of its own.
exec 2>&1
busybox --install -s /bin
conf=/etc/modprobe.d/x.conf
mkdir -p /etc/modprobe.d /mnt
kernel=$(uname -r)

# Which modules are loaded, how often each is used, and by which; the order of the users is the kernel's.
loaded() {
	while read -r name _ uses users _; do
		case $users in *,*,*) users=$(echo "$users" | tr ',' '\n' | sort | xargs) ;; esac
		echo "  $name $uses $users"
	done </proc/modules | sort
}

try() {
	echo "\$ modprobe $*"
	/sbin/modprobe "$@" 2>/tmp/said
	echo "exit code $?"
	cat /tmp/said
	loaded
}

try_name() {
	echo "\$ $*"
	name=$1
	shift
	"/sbin/$name" "$@" >/tmp/all 2>&1
	echo "exit code $?"
	cat /tmp/all
	loaded
}

# With a command that writes too: kmod keeps its own lines until it ends.
try_command() {
	try "$@" >/tmp/all
	sort /tmp/all
}

load_and_remove() {
	try -v ext4
	try -v ext4
	try --first-time ext4
	try -nv ext4
	try -rnv ext4
	try -rv ext4
	try -rv ext4
	try -r --first-time ext4
	try -v btrfs
	try -av xfs nls-ascii no-such vfat
	try -ra xfs no-such vfat nls_ascii btrfs
	try -v dummy numdummies=2 'x=a b'
	echo /sys/class/net/dummy*
	try -rv dummy
	try dummy numdummies=x
	try -q dummy numdummies=x
	try -va dummy loop
	try -vra loop dummy
}

holders() {
	try -v snd-virmidi
	try -rv snd-seq
	try -rqv snd-seq
	try -rav snd-seq snd-timer
	try -rv --remove-holders snd-seq
	try -rv snd-virmidi
	try -rv --remove-holders snd
}

# The other names: a tree of sound modules goes, one after the other, and comes again.
sound() {
	try -v snd-hda-intel
	try -v snd-usb-audio
	try_name lsmod
	try_name rmmod snd
	try_name rmmod -v snd-usb-audio snd-usbmidi-lib mc
	try_name rmmod snd_hda_intel snd_hda_intel no_such
	try -rv snd-hda-codec
	try_name lsmod
	try_name insmod "$(/sbin/modinfo -n soundcore)"
	try_name insmod "$(/sbin/modinfo -n soundcore)"
	try -v snd-hda-intel
	try -v snd-usb-audio
	try -ravq snd-usb-audio snd-hda-intel snd-seq-device
	try_name lsmod
}

commands() {
	# shellcheck disable=SC2016 # for the shell that runs them
	echo 'install dummy echo install $MODPROBE_MODULE $CMDLINE_OPTS; /sbin/modprobe --ignore-install dummy $CMDLINE_OPTS
remove dummy echo remove $MODPROBE_MODULE; /sbin/modprobe -r --ignore-remove dummy
install loop echo no luck; exit 3
softdep raid1 pre: nls-ascii post: vfat
softdep squashfs pre: loop
options nls_ascii none=1
blacklist isofs' >$conf
	try_command -v dummy numdummies=3
	try_command -rv dummy
	try_command -v loop
	try -v raid1
	try -rv raid1
	try_command -v squashfs
	try -rv squashfs
	try -v isofs
	try -rv isofs
	try -bv isofs
	try -v iso9660
	echo 'remove dummy exit 4' >$conf
	try -v dummy
	try -rv dummy
	try -riv dummy
	rm $conf
}

# Nothing but modprobe can make the kernel find these file systems.
kernel_asks() {
	try -v nvme
	while [ ! -b /dev/nvme0n1 ]; do usleep 10000; done
	mount -t squashfs none /mnt >/dev/null
	mount -t xfs none /mnt >/dev/null
	loaded
	mount -t ext4 -o ro /dev/nvme0n1 /mnt && echo mounted
	loaded
	try -rv ext4
	umount /mnt
	try -rv ext4
	try -rav xfs squashfs nvme
}

# A protocol, a type, and algorithms made of others.
kernel_asks_for_algorithms() {
	/alg skcipher 'lrw(aes)' 'xts(twofish)' 'no-such(aes)'
	/alg hash 'vmac64(aes)' wp512 'hmac(rmd160)'
	loaded
}

in_use_for_a_second() {
	try -v loop
	losetup /dev/loop0 /bin/busybox
	(sleep 1; losetup -d /dev/loop0) &
	try -rv loop
	try -rv -w 20000 loop
	wait
}

bad_files() {
	file=$(/sbin/modprobe -D dummy | sed 's/insmod \([^ ]*\).*/\1/')
	cp "$file" /tmp/good
	echo garbage >"$file"
	try dummy
	rm "$file"
	try dummy
	try -q dummy
	cp /tmp/good "$file"
	try -v -S "$kernel" -d / dummy
	try -rv dummy
}

# Two jobs of tests/vm/init.c, each of which has its time.
case $1 in
modprobe)
	load_and_remove
	holders
	commands
	kernel_asks
	in_use_for_a_second
	bad_files
	;;
names)
	sound
	kernel_asks_for_algorithms
	;;
esac
echo the end
