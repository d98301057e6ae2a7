# util-linux's tools and perl on System V IPC, and how strace shows its calls. Keys, numbers of processes and times are taken out.
cd "$(mktemp -d)" || exit 1
cat > calls.pl <<'END'
my $d;
my $s = shmget(0x1234, 4096, 01640); shmwrite($s, "hi", 0, 2); shmctl($s, 2, $d); shmctl($s, 1, $d); shmctl($s, 11, 0);
my $m = msgget(0, 0600); msgsnd($m, pack("l! a*", 1, "hello"), 04000); msgrcv($m, $d, 5, 0, 014000); msgctl($m, 2, $d);
msgctl($m, 1, $d);
my $n = semget(0, 3, 01600); semop($n, pack("s!6", 0, 1, 04000, 1, 2, 010000)); semctl($n, 1, 12, 0); semctl($n, 1, 16, 5);
semctl($n, 0, 2, $d); semctl($n, 0, 1, $d); semctl($n, 0, 13, $d); shmctl(77, 2, $d);
shmctl($s, 0, 0); msgctl($m, 0, 0); semctl($n, 0, 0, 0);
END
strace -o out perl calls.pl
grep -E '^(shm|sem|msg)' out | sed -E -e 's/0x[0-9a-f]{6,}/ADDRESS/g' -e 's/(time|pid)=[1-9][0-9]*/\1=N/g' -e 's/ += / = /'
echo "-- tools"
ipcmk -M 1000 -S 3 -Q | sed 's/:.*//'
ipcmk -M 5000 -p 0604 | sed 's/:.*//'
ipcs | sed -E 's/^0x[0-9a-f]+ [0-9]+/KEY/'
ipcs -l
ipcs -u
ipcrm --all
ipcs -u
