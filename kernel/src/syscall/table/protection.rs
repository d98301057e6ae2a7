//! Protection: identity, capabilities, keys, sandboxes.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Sets the mask of new files' permissions.
    [  95   95   60] umask(mask) => call crate::file::directory::umask, Full;
    [ 102  102   24] getuid() => missing;
    [ 104  104   47] getgid() => missing;
    [ 105  105   23] setuid() => missing;
    [ 106  106   46] setgid() => missing;
    [ 107  107   49] geteuid() => missing;
    [ 108  108   50] getegid() => missing;
    [ 113  113   70] setreuid() => missing;
    [ 114  114   71] setregid() => missing;
    [ 115  115   80] getgroups() => missing;
    [ 116  116   81] setgroups() => missing;
    [ 117  117  164] setresuid() => missing;
    [ 118  118  165] getresuid() => missing;
    [ 119  119  170] setresgid() => missing;
    [ 120  120  171] getresgid() => missing;
    [ 122  122  138] setfsuid() => missing;
    [ 123  123  139] setfsgid() => missing;
    [ 125  125  184] capget() => missing;
    [ 126  126  185] capset() => missing;
    [ 135  135  136] personality() => missing;
    [ 185  185    -] security() => missing;
    [ 248  248  286] add_key() => missing;
    [ 249  249  287] request_key() => missing;
    [ 250  250  288] keyctl() => missing;
    [ 317  317  354] seccomp() => missing;
    [ 321  321  357] bpf() => missing;
    [ 444  444  444] landlock_create_ruleset() => missing;
    [ 445  445  445] landlock_add_rule() => missing;
    [ 446  446  446] landlock_restrict_self() => missing;
    [   -    -  199] getuid32() => missing;
    [   -    -  200] getgid32() => missing;
    [   -    -  201] geteuid32() => missing;
    [   -    -  202] getegid32() => missing;
    [   -    -  203] setreuid32() => missing;
    [   -    -  204] setregid32() => missing;
    [   -    -  205] getgroups32() => missing;
    [   -    -  206] setgroups32() => missing;
    [   -    -  208] setresuid32() => missing;
    [   -    -  209] getresuid32() => missing;
    [   -    -  210] setresgid32() => missing;
    [   -    -  211] getresgid32() => missing;
    [   -    -  213] setuid32() => missing;
    [   -    -  214] setgid32() => missing;
    [   -    -  215] setfsuid32() => missing;
    [   -    -  216] setfsgid32() => missing;
}
