# perl: fork, pipes, signals, files, sockets of the unix kind left out.
cd "$(mktemp -d)"
perl - <<'PERL'
use strict; use warnings; use POSIX qw(:sys_wait_h _exit);
$| = 1;
my $pid = fork // die;
if (!$pid) { _exit(7) }
waitpid($pid, 0);
print "child exited with ", $? >> 8, "\n";
pipe(my $r, my $w);
if (!($pid = fork)) { close $r; print $w "line $_\n" for 1 .. 3; close $w; _exit(0) }
close $w; print "parent reads: $_" while <$r>; waitpid($pid, 0);
local $SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select(undef, undef, undef, 10); }; print "eval ended by $@";
local $SIG{USR1} = sub { print "got $_[0]\n" }; kill USR1 => $$;
open(my $f, '>', 'data') or die; print $f "$_\n" for 1 .. 1000; close $f;
open($f, '<', 'data') or die; my $sum = 0; $sum += $_ while <$f>; print "sum $sum\n";
print "size ", -s 'data', " readable ", (-r 'data' ? 1 : 0), "\n";
my %count; $count{length $_}++ for map { chomp; $_ } `cat data`; print join(',', map { "$_=$count{$_}" } sort keys %count), "\n";
print "system: ", system("sh", "-c", "exit 5") >> 8, "\n";
my @sorted = sort { $b <=> $a } map { ($_ * 7919) % 1009 } 1 .. 50; print "@sorted[0..4]\n";
opendir(my $d, '.') or die; print join(' ', sort grep { !/^\./ } readdir $d), "\n";
print "done\n";
PERL
