# util-linux's unshare, nsenter and lsns: namespaces of every kind, by root and by a user without privileges.
cd "$(mktemp -d)"
chmod 755 .
as_user="setpriv --reuid 1000 --regid 1000 --clear-groups"
unshare -Urpf --mount-proc sh -c 'id -u; id -g; ps -o pid=,comm='
echo "as root: $?"
$as_user unshare -Urpf --mount-proc sh -c 'id -u; id -g; ps -o pid=,comm=; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'
echo "as a user: $?"
$as_user unshare -U sh -c 'id -u; id -g'
$as_user unshare -Ur sh -c 'id -u; mount -t tmpfs none /mnt 2>&1 | tail -n 1'
$as_user unshare -Urm sh -c 'mount -t tmpfs none /mnt && touch /mnt/inside && ls /mnt && stat -c %u /mnt/inside'
ls -A /mnt | wc -l
$as_user unshare -m true 2>&1
$as_user unshare -Uru sh -c 'hostname inside && hostname'
unshare -u sh -c 'hostname other; hostname'
[ "$(hostname)" != other ] && echo "the name outside stayed"
touch kept
unshare --uts=kept hostname named
nsenter --uts=kept hostname
umount kept && echo "unmounted"
unshare -m sh -c 'mount -t tmpfs none /mnt; mkdir /mnt/a; mount --make-shared /mnt; mkdir /mnt/b; mount --bind /mnt /mnt/b; findmnt -n -o PROPAGATION /mnt'
unshare -fp sh -c 'echo "I am $$"; (exit 7); echo $?; sleep 100 & kill $!; wait; echo done'
unshare -fp --kill-child sh -c 'kill -9 $$; echo "still $$"'
unshare -T --monotonic 100000 --boottime 1000000 -f sh -c 'cut -d. -f1 /proc/uptime' | grep -qE '^1[0-9]{6}$' && echo "uptime moved"
unshare -Cinf true && echo "cgroup, ipc, net"
sleep 100 & victim=$!
nsenter -t $victim -a true && echo "entered all"
kill $victim
lsns -n -o TYPE -p $$ | sort | tr '\n' ' '
echo
