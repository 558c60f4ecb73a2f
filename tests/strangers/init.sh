#!/bin/busybox sh
# The first program of Debian's kernel: for each kind of interrupt it reads 4 MiB of the disk behind slot 4, writes them further back in
# requests of 4 KiB, so that the queue fills, reads them again and compares. Then it empties the disk's cache and switches the computer off.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
slot=0000:00:04.0

die() {
  echo "FAILED: $1"
  dmesg | tail -n 25
  poweroff -f
  sleep 60
}

copy() { # KIND MEBIBYTE: writes to there
  tries=0
  until disk=$(cd /sys/block && ls -d [nsv][dmv]* 2>/dev/null) && [ -e "/dev/$disk" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || die "no disk by $1"
    sleep 0.1
  done
  echo 4 >/sys/block/$disk/queue/max_sectors_kb
  echo 4096 >/sys/block/$disk/queue/read_ahead_kb
  dd if=/dev/$disk of=/first bs=1M count=4 2>/dev/null || die "read by $1"
  dd if=/first of=/dev/$disk bs=1M seek="$2" conv=fsync 2>/dev/null || die "write by $1"
  echo 3 >/proc/sys/vm/drop_caches
  dd if=/dev/$disk of=/again bs=1M skip="$2" count=4 2>/dev/null || die "read again by $1"
  cmp /first /again || die "compare by $1"
  echo "COPIED by $1"
}

for module in $(cat /modules/order); do
  insmod /modules/$module || die "load $module"
done
copy messages 8
driver=$(basename "$(readlink /sys/bus/pci/devices/$slot/driver)")
echo $slot >/sys/bus/pci/drivers/$driver/unbind || die unbind
echo 0 >/sys/bus/pci/devices/$slot/msi_bus || die "forbid messages"
echo $slot >/sys/bus/pci/drivers/$driver/bind || die bind
copy line 16
sync
poweroff -f
