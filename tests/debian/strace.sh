# strace: following forks, counting, attaching, injecting. What differs from run to run (pids, addresses, times) is taken out.
cd "$(mktemp -d)" || exit 1
clean() {
	sed -E -e 's/0x[0-9a-f]{4,}/ADDRESS/g' -e 's/^\[pid +[0-9]+\]/[pid]/' -e 's/pid=[0-9]+/pid=PID/g' \
		-e 's/si_[us]time=[0-9]+( \/\*[^*]*\*\/)?/time/g'
}
strace -o out -e trace=openat,read,write,close cat /etc/hostname > /dev/null
clean < out | grep -vE 'ld.so|libc.so|ELF|locale' | sed 's/"[^"]*"/TEXT/' | head -8
echo "-- forks"
strace -f -o out -e trace=none -e signal=none sh -c 'true; (exit 3); sh -c "exit 4"; exit 5'
sed -E 's/^[0-9]+ +//' out | sort
echo "-- a call and its arguments"
strace -o out -e trace=pipe2,dup2,wait4 sh -c 'echo x | cat > /dev/null'
clean < out | grep -oE '^[a-z0-9]+\(' | sort -u
echo "-- count"
strace -f -c -o out -e trace=getppid,mkdir,rmdir sh -c 'mkdir d; rmdir d'
awk '$NF == "mkdir" || $NF == "rmdir" { print $4, $NF }' out | sort
strace -f -c -S name -o out -e trace=mkdir,rmdir sh -c 'mkdir d; rmdir d'
awk '$NF == "mkdir" || $NF == "rmdir" { print $4, $NF }' out
echo "-- attach"
sleep 0.7 &
strace -o out -e trace=exit_group -p $! 2> messages
grep -c attached messages
cat out
echo "-- inject"
strace -f -o out -e trace=mkdir -e inject=mkdir:error=ENOSPC mkdir e
grep -oE '"e", 0777\) += .*' out
strace -f -o out -e trace=mkdir -e inject=mkdir:retval=0 mkdir e; echo "status $?"; ls
{ strace -f -o /dev/null -e inject=getppid:signal=SIGTERM perl -e "getppid; print qq(not reached\n)"; } 2> /dev/null
echo "status $?"
echo "-- signals"
strace -o out -e trace=none sh -c 'kill -USR1 $$' 2> /dev/null &
wait $! 2> /dev/null; echo "status $?"
clean < out
echo "-- seccomp-assisted"
strace -f --seccomp-bpf -o out -e trace=mkdir mkdir g; grep -c 'mkdir("g"' out
