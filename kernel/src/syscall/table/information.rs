//! Information maintenance: clocks, timers, the system.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Sleep for a time.
    [  35   35    -] nanosleep(duration, rem) => call crate::time::sleep::nanosleep::<crate::time::Timespec>, Full;
    /// Sleep for a time.
    [   -    -  162] nanosleep(duration, rem) => call crate::time::sleep::nanosleep::<crate::time::Timespec32>, Full;
    /// Read an interval timer.
    [  36   36    -] getitimer(which, curr_value) => call crate::time::interval::getitimer::<crate::time::Timeval>, Full;
    /// Read an interval timer.
    [   -    -  105] getitimer(which, curr_value) => call crate::time::interval::getitimer::<crate::time::Timeval32>, Full;
    /// Set an interval timer.
    [  38   38    -] setitimer(which, new_value, old_value) => call crate::time::interval::setitimer::<crate::time::Timeval>, Full;
    /// Set an interval timer.
    [   -    -  104] setitimer(which, new_value, old_value) => call crate::time::interval::setitimer::<crate::time::Timeval32>, Full;
    /// Name of the system.
    [  63   63  122] uname(buffer) => call crate::process::namespace::uname, Full;
    /// Read the wall clock in microseconds.
    [  96   96    -] gettimeofday(tv, tz) => call crate::time::calls::gettimeofday::<crate::time::Timeval>, Full;
    /// Read the wall clock in microseconds.
    [   -    -   78] gettimeofday(tv, tz) => call crate::time::calls::gettimeofday::<crate::time::Timeval32>, Full;
    /// Read up time, load and memory.
    [  99   99    -] sysinfo(info) => call crate::process::sysinfo::sysinfo::<crate::process::sysinfo::SystemInformation>, Full;
    /// Read up time, load and memory.
    [   -    -  116] sysinfo(info) => call crate::process::sysinfo::sysinfo::<crate::process::sysinfo::NarrowInformation>, Full;
    /// Read and control the kernel log.
    [ 103  103  103] syslog(action, bufp, len) => call crate::log::calls::syslog, Full;
    /// Read what is free on a device.
    [ 136  136   62] ustat(device, buffer) => call crate::file::superblock_calls::ustat, Full;
    /// Read names and numbers of the types of file systems.
    [ 139  139  135] sysfs(option, first, second) => call crate::file::superblock_calls::sysfs, Full;
    [ 156    -  149] _sysctl() => missing;
    /// Read and set how the clock is kept in step.
    [ 159  159    -] adjtimex(timex) => call crate::time::adjust::adjtimex::<crate::time::adjust::Timex>, Full;
    /// Read and set how the clock is kept in step.
    [   -    -  124] adjtimex(timex) => call crate::time::adjust::adjtimex::<crate::time::adjust::Timex32>, Full;
    /// Set the wall clock and the time zone.
    [ 164  164    -] settimeofday(tv, tz) => call crate::time::calls::settimeofday::<crate::time::Timeval>, Full;
    /// Set the wall clock and the time zone.
    [   -    -   79] settimeofday(tv, tz) => call crate::time::calls::settimeofday::<crate::time::Timeval32>, Full;
    /// Restart, halt or power off the machine.
    [ 169  169   88] reboot(magic, magic2, op, arg) => call crate::power::reboot, Full;
    /// Set the host name.
    [ 170  170   74] sethostname(name, length) => call crate::process::namespace::sethostname, Full;
    /// Set the domain name.
    [ 171  171  121] setdomainname(name, length) => call crate::process::namespace::setdomainname, Full;
    /// Read the wall clock in seconds.
    [ 201  201    -] time(tloc) => call crate::time::calls::time::<i64>, Full;
    /// Read the wall clock in seconds.
    [   -    -   13] time(tloc) => call crate::time::calls::time::<i32>, Full;
    [ 212  212  253] lookup_dcookie() => missing;
    /// Create a POSIX timer.
    [ 222  526  259] timer_create(clockid, sevp, timerid) => call crate::time::posix_timer::timer_create, Full;
    /// Arm a POSIX timer.
    [ 223  223    -] timer_settime(timerid, flags, new_value, old_value) => call crate::time::posix_timer::timer_settime::<crate::time::Timespec>, Full;
    /// Arm a POSIX timer.
    [   -    -  260] timer_settime(timerid, flags, new_value, old_value) => call crate::time::posix_timer::timer_settime::<crate::time::Timespec32>, Full;
    /// Read a POSIX timer.
    [ 224  224    -] timer_gettime(timerid, curr_value) => call crate::time::posix_timer::timer_gettime::<crate::time::Timespec>, Full;
    /// Read a POSIX timer.
    [   -    -  261] timer_gettime(timerid, curr_value) => call crate::time::posix_timer::timer_gettime::<crate::time::Timespec32>, Full;
    /// Return how often a timer expired unnoticed.
    [ 225  225  262] timer_getoverrun(timerid) => call crate::time::posix_timer::timer_getoverrun, Full;
    /// Delete a POSIX timer.
    [ 226  226  263] timer_delete(timerid) => call crate::time::posix_timer::timer_delete, Full;
    /// Set a clock.
    [ 227  227    -] clock_settime(clockid, tp) => call crate::time::calls::clock_settime::<crate::time::Timespec>, Full;
    /// Set a clock.
    [   -    -  264] clock_settime(clockid, tp) => call crate::time::calls::clock_settime::<crate::time::Timespec32>, Full;
    /// Read a clock.
    [ 228  228    -] clock_gettime(clockid, tp) => call crate::time::calls::clock_gettime::<crate::time::Timespec>, Full;
    /// Read a clock.
    [   -    -  265] clock_gettime(clockid, tp) => call crate::time::calls::clock_gettime::<crate::time::Timespec32>, Full;
    /// Read the resolution of a clock.
    [ 229  229    -] clock_getres(clockid, res) => call crate::time::calls::clock_getres::<crate::time::Timespec>, Full;
    /// Read the resolution of a clock.
    [   -    -  266] clock_getres(clockid, res) => call crate::time::calls::clock_getres::<crate::time::Timespec32>, Full;
    /// Sleep on a clock, to a time or for a time.
    [ 230  230    -] clock_nanosleep(clockid, flags, request, remain) => call crate::time::sleep::clock_nanosleep::<crate::time::Timespec>, Full;
    /// Sleep on a clock, to a time or for a time.
    [   -    -  267] clock_nanosleep(clockid, flags, request, remain) => call crate::time::sleep::clock_nanosleep::<crate::time::Timespec32>, Full;
    [ 246  528  283] kexec_load() => missing;
    /// Make a timer that is read.
    [ 283  283  322] timerfd_create(clockid, flags) => call crate::file::timerfd::timerfd_create, Full;
    /// Arm a timer that is read.
    [ 286  286    -] timerfd_settime(fd, flags, utmr, otmr) => call crate::file::timerfd::timerfd_settime::<crate::time::Timespec>, Full;
    /// Arm a timer that is read.
    [   -    -  325] timerfd_settime(fd, flags, utmr, otmr) => call crate::file::timerfd::timerfd_settime::<crate::time::Timespec32>, Full;
    /// Read the setting of a timer that is read.
    [ 287  287    -] timerfd_gettime(fd, otmr) => call crate::file::timerfd::timerfd_gettime::<crate::time::Timespec>, Full;
    /// Read the setting of a timer that is read.
    [   -    -  326] timerfd_gettime(fd, otmr) => call crate::file::timerfd::timerfd_gettime::<crate::time::Timespec32>, Full;
    /// Make a counter of what a task or a CPU does.
    [ 298  298  336] perf_event_open(attr, pid, cpu, group_fd, flags) => call crate::perf::perf_event_open, Partial("sampling, ring buffers, hardware and trace events, a task on one CPU only");
    /// Read and set how a clock is kept in step.
    [ 305  305    -] clock_adjtime(clockid, timex) => call crate::time::adjust::clock_adjtime::<crate::time::adjust::Timex>, Full;
    /// Read and set how a clock is kept in step.
    [   -    -  343] clock_adjtime(clockid, timex) => call crate::time::adjust::clock_adjtime::<crate::time::adjust::Timex32>, Full;
    /// Fill a buffer with random bytes.
    [ 318  318  355] getrandom(buf, buflen, flags) => call crate::random::calls::getrandom, Full;
    [ 320  320    -] kexec_file_load() => missing;
    /// Set the wall clock in seconds.
    [   -    -   25] stime(t) => call crate::time::calls::stime, Full;
    [   -    -   35] ftime() => missing;
    /// Name of the system, in nine bytes each.
    [   -    -   59] oldolduname(buffer) => call crate::process::namespace::oldolduname, Full;
    /// Name of the system, without the domain.
    [   -    -  109] olduname(buffer) => call crate::process::namespace::olduname, Full;
    [   -    -  134] bdflush() => missing;
    /// Read a clock.
    [   -    -  403] clock_gettime64(clockid, tp) => call crate::time::calls::clock_gettime::<crate::time::Timespec>, Full;
    /// Set a clock.
    [   -    -  404] clock_settime64(clockid, tp) => call crate::time::calls::clock_settime::<crate::time::Timespec>, Full;
    /// Read and set how a clock is kept in step.
    [   -    -  405] clock_adjtime64(clockid, timex) => call crate::time::adjust::clock_adjtime::<crate::time::adjust::Timex>, Full;
    /// Read the resolution of a clock.
    [   -    -  406] clock_getres_time64(clockid, res) => call crate::time::calls::clock_getres::<crate::time::Timespec>, Full;
    /// Sleep on a clock, to a time or for a time.
    [   -    -  407] clock_nanosleep_time64(clockid, flags, request, remain) => call crate::time::sleep::clock_nanosleep::<crate::time::Timespec>, Full;
    /// Read a POSIX timer.
    [   -    -  408] timer_gettime64(timerid, curr_value) => call crate::time::posix_timer::timer_gettime::<crate::time::Timespec>, Full;
    /// Arm a POSIX timer.
    [   -    -  409] timer_settime64(timerid, flags, new_value, old_value) => call crate::time::posix_timer::timer_settime::<crate::time::Timespec>, Full;
    /// Read the setting of a timer that is read.
    [   -    -  410] timerfd_gettime64(fd, otmr) => call crate::file::timerfd::timerfd_gettime::<crate::time::Timespec>, Full;
    /// Arm a timer that is read.
    [   -    -  411] timerfd_settime64(fd, flags, utmr, otmr) => call crate::file::timerfd::timerfd_settime::<crate::time::Timespec>, Full;
}
