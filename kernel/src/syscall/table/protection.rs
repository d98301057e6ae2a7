//! Protection: identity, capabilities, keys, sandboxes.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Sets the mask of new files' permissions.
    [  95   95   60] umask(mask) => call crate::file::directory::umask, Full;
    /// Real user id.
    [ 102  102   24] getuid() => call crate::process::identity::getuid, Full;
    /// Real group id.
    [ 104  104   47] getgid() => call crate::process::identity::getgid, Full;
    /// Set user ids.
    [ 105  105   23] setuid(user) => call crate::process::identity::setuid, Full;
    /// Set group ids.
    [ 106  106   46] setgid(group) => call crate::process::identity::setgid, Full;
    /// Effective user id.
    [ 107  107   49] geteuid() => call crate::process::identity::geteuid, Full;
    /// Effective group id.
    [ 108  108   50] getegid() => call crate::process::identity::getegid, Full;
    /// Set real and effective user id.
    [ 113  113   70] setreuid(real, effective) => call crate::process::identity::setreuid, Full;
    /// Set real and effective group id.
    [ 114  114   71] setregid(real, effective) => call crate::process::identity::setregid, Full;
    /// Supplementary groups.
    [ 115  115   80] getgroups(size, list) => call crate::process::identity::getgroups, Full;
    /// Set the supplementary groups.
    [ 116  116   81] setgroups(size, list) => call crate::process::identity::setgroups, Full;
    /// Set real, effective and saved user id.
    [ 117  117  164] setresuid(real, effective, saved) => call crate::process::identity::setresuid, Full;
    /// Real, effective and saved user id.
    [ 118  118  165] getresuid(real, effective, saved) => call crate::process::identity::getresuid, Full;
    /// Set real, effective and saved group id.
    [ 119  119  170] setresgid(real, effective, saved) => call crate::process::identity::setresgid, Full;
    /// Real, effective and saved group id.
    [ 120  120  171] getresgid(real, effective, saved) => call crate::process::identity::getresgid, Full;
    /// Set the user id of file access.
    [ 122  122  138] setfsuid(user) => call crate::process::identity::setfsuid, Full;
    /// Set the group id of file access.
    [ 123  123  139] setfsgid(group) => call crate::process::identity::setfsgid, Full;
    /// Capabilities of a thread.
    [ 125  125  184] capget(header, data) => call crate::process::capability::capget, Full;
    /// Set the caller's capabilities.
    [ 126  126  185] capset(header, data) => call crate::process::capability::capset, Full;
    /// The execution domain.
    [ 135  135  136] personality(personality) => call crate::process::ids::personality, Partial("bits other than ADDR_NO_RANDOMIZE, LINUX32 and UNAME26 are kept but change nothing");
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
