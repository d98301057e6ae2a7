//! Information maintenance: clocks, timers, the system.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    [  35   35  162] nanosleep() => missing;
    [  36   36  105] getitimer() => missing;
    [  38   38  104] setitimer() => missing;
    [  63   63  122] uname() => missing;
    [  96   96   78] gettimeofday() => missing;
    [  99   99  116] sysinfo() => missing;
    [ 103  103  103] syslog() => missing;
    [ 136  136   62] ustat() => missing;
    [ 139  139  135] sysfs() => missing;
    [ 156    -  149] _sysctl() => missing;
    [ 159  159  124] adjtimex() => missing;
    [ 164  164   79] settimeofday() => missing;
    [ 169  169   88] reboot() => missing;
    [ 170  170   74] sethostname() => missing;
    [ 171  171  121] setdomainname() => missing;
    [ 201  201   13] time() => missing;
    [ 212  212  253] lookup_dcookie() => missing;
    [ 222  526  259] timer_create() => missing;
    [ 223  223  260] timer_settime() => missing;
    [ 224  224  261] timer_gettime() => missing;
    [ 225  225  262] timer_getoverrun() => missing;
    [ 226  226  263] timer_delete() => missing;
    [ 227  227  264] clock_settime() => missing;
    [ 228  228  265] clock_gettime() => missing;
    [ 229  229  266] clock_getres() => missing;
    [ 230  230  267] clock_nanosleep() => missing;
    [ 246  528  283] kexec_load() => missing;
    [ 283  283  322] timerfd_create() => missing;
    [ 286  286  325] timerfd_settime() => missing;
    [ 287  287  326] timerfd_gettime() => missing;
    [ 298  298  336] perf_event_open() => missing;
    [ 305  305  343] clock_adjtime() => missing;
    [ 318  318  355] getrandom() => missing;
    [ 320  320    -] kexec_file_load() => missing;
    [   -    -   25] stime() => missing;
    [   -    -   35] ftime() => missing;
    [   -    -   59] oldolduname() => missing;
    [   -    -  109] olduname() => missing;
    [   -    -  134] bdflush() => missing;
    [   -    -  403] clock_gettime64() => missing;
    [   -    -  404] clock_settime64() => missing;
    [   -    -  405] clock_adjtime64() => missing;
    [   -    -  406] clock_getres_time64() => missing;
    [   -    -  407] clock_nanosleep_time64() => missing;
    [   -    -  408] timer_gettime64() => missing;
    [   -    -  409] timer_settime64() => missing;
    [   -    -  410] timerfd_gettime64() => missing;
    [   -    -  411] timerfd_settime64() => missing;
}
