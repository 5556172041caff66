#!/bin/sh
# The first process of the guest's system: the port to the runner, the job, its status.
export PATH=/usr/sbin:/usr/bin:/applets HOME=/root
busybox --install -s /applets
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
hostname gateway
ip link set lo up

# Most modules come when the kernel asks for them; these have no one to ask.
modprobe -a @BUS@ virtio_console virtio_rng tun
port=
until [ "$port" ]; do
	for p in /sys/class/virtio-ports/*; do
		[ "$(cat "$p/name" 2>/dev/null)" = lab.job ] && [ -c "/dev/${p##*/}" ] && port=/dev/${p##*/}
	done
	[ "$port" ] || sleep 0.05
done
exec 3<>"$port"
read -r up rest </proc/uptime

# The job does not hold the port open for reading, and an end by signal is told as a
# shell does.
/job/run </dev/null >&3 2>&3
printf '\000exit %d up %s\n' $? "$up" >&3
# The runner ends the machine once it has read this. Were it to power off by itself,
# the last words might not have left yet.
exec sleep 3600
