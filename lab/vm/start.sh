#!/bin/busybox sh
# The first moments of the guest: drivers, the disks, one file system over all of them.
busybox=/bin/busybox
for driver in @DRIVERS@; do $busybox insmod "/$driver"; done
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
$busybox mount -t devtmpfs dev /dev

# What is written goes to memory; what is read is read from the disks in place.
$busybox mount -t tmpfs -o mode=755 changes /root
$busybox mkdir /root/upper /root/work
for layer in base job; do
	$busybox mkdir "/$layer"
	for disk in /sys/block/vd*; do
		[ "$($busybox cat "$disk/serial")" = "$layer" ] && $busybox mount -t squashfs -o ro "/dev/${disk##*/}" "/$layer"
	done
done
$busybox mkdir /system
$busybox mount -t overlay -o lowerdir=/job:/base,upperdir=/root/upper,workdir=/root/work system /system
for kept in proc sys dev; do $busybox mount --move "/$kept" "/system/$kept"; done
exec $busybox switch_root /system /init
