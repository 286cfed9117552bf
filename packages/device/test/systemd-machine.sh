#!/bin/sh
# usage: systemd-machine.sh ROOT FILES NODE    in namespaces of its own (systemd-machine.ts)
# A machine in the folder ROOT with what is in FILES, and systemd as its first process. Of the machine outside nothing is left in
# sight but /usr and NODE, to be read: what systemd does to a machine that starts (it empties /tmp, for one) is done to the folder.
set -eu
root=$1 files=$2 node=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc proc sys dev run tmp var/lib opt outside units
chmod 1777 tmp
for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
mount --bind /usr usr
mount -o remount,bind,ro usr
# No unit and no generator of the machine outside but these.
for unit in basic multi-user sockets timers paths slices sysinit local-fs shutdown umount final; do
  cp "/usr/lib/systemd/system/$unit.target" units/
done
for folder in system system-generators system-environment-generators; do
  mount -t tmpfs tmpfs "usr/lib/systemd/$folder"
done
cp units/* usr/lib/systemd/system/
cp -a "$files/." .
touch opt/node
mount --bind "$node" opt/node
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
ln -s pts/ptmx dev/ptmx
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
pivot_root . outside
umount --lazy outside
exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --unit=multi-user.target \
  --log-target=console --show-status=no
