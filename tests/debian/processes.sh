# ps, top, pgrep, kill, nice, timeout, /proc as procps reads it.
sleep 100 & a=$!
sh -c 'exec sleep 101' & b=$!
sleep 0.3
ps -o stat=,comm= -p $a | awk '{ print substr($1, 1, 1), $2 }'
ps -ef | grep -c '[s]leep 10[01]'
ps -o ppid= -p $a | awk -v me=$$ '{ print ($1 == me) }'
ps axo pid,comm | awk '$1 == 1 || $1 == 2 { n++ } END { print n }'
pgrep -c sleep
top -b -n1 | sed -n '1p' | grep -c 'load average'
top -b -n1 | awk '/COMMAND/ { seen = 1; next } seen && $NF == "sleep" { n++ } END { print n }'
free | awk '/^Mem:/ { print ($2 > 100000), ($3 > 0), ($4 > 0) }'
uptime | grep -c 'load average'
kill -STOP $a; sleep 0.2; ps -o stat= -p $a | cut -c1
kill -CONT $a; sleep 0.2; ps -o stat= -p $a | cut -c1
nice -n 5 sh -c 'ps -o ni= -p $$' | tr -d ' '
kill $a $b; wait $a; echo "status $?"
timeout 0.3 sleep 10; echo "timeout gives $?"
vmstat 2>/dev/null | wc -l
pidof bash > /dev/null && echo "bash is there"
cat /proc/sys/kernel/ostype; nproc | awk '{ print ($1 >= 1) }'
id -u; whoami; hostname | wc -l
