//! Protection: identity, capabilities, keys, sandboxes.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Sets the mask of new files' permissions.
    [  95   95   60] umask(mask) => call crate::file::directory::umask, Full;
    /// Real user id.
    [ 102  102    -] getuid() => call crate::process::identity::getuid, Full;
    /// Real user id.
    [   -    -   24] getuid() => call crate::process::identity16::getuid, Full;
    /// Real group id.
    [ 104  104    -] getgid() => call crate::process::identity::getgid, Full;
    /// Real group id.
    [   -    -   47] getgid() => call crate::process::identity16::getgid, Full;
    /// Set user ids.
    [ 105  105    -] setuid(user) => call crate::process::identity::setuid, Full;
    /// Set user ids.
    [   -    -   23] setuid(user) => call crate::process::identity16::setuid, Full;
    /// Set group ids.
    [ 106  106    -] setgid(group) => call crate::process::identity::setgid, Full;
    /// Set group ids.
    [   -    -   46] setgid(group) => call crate::process::identity16::setgid, Full;
    /// Effective user id.
    [ 107  107    -] geteuid() => call crate::process::identity::geteuid, Full;
    /// Effective user id.
    [   -    -   49] geteuid() => call crate::process::identity16::geteuid, Full;
    /// Effective group id.
    [ 108  108    -] getegid() => call crate::process::identity::getegid, Full;
    /// Effective group id.
    [   -    -   50] getegid() => call crate::process::identity16::getegid, Full;
    /// Set real and effective user id.
    [ 113  113    -] setreuid(real, effective) => call crate::process::identity::setreuid, Full;
    /// Set real and effective user id.
    [   -    -   70] setreuid(real, effective) => call crate::process::identity16::setreuid, Full;
    /// Set real and effective group id.
    [ 114  114    -] setregid(real, effective) => call crate::process::identity::setregid, Full;
    /// Set real and effective group id.
    [   -    -   71] setregid(real, effective) => call crate::process::identity16::setregid, Full;
    /// Supplementary groups.
    [ 115  115    -] getgroups(size, list) => call crate::process::identity::getgroups, Full;
    /// Supplementary groups.
    [   -    -   80] getgroups(size, list) => call crate::process::identity16::getgroups, Full;
    /// Set the supplementary groups.
    [ 116  116    -] setgroups(size, list) => call crate::process::identity::setgroups, Full;
    /// Set the supplementary groups.
    [   -    -   81] setgroups(size, list) => call crate::process::identity16::setgroups, Full;
    /// Set real, effective and saved user id.
    [ 117  117    -] setresuid(real, effective, saved) => call crate::process::identity::setresuid, Full;
    /// Set real, effective and saved user id.
    [   -    -  164] setresuid(real, effective, saved) => call crate::process::identity16::setresuid, Full;
    /// Real, effective and saved user id.
    [ 118  118    -] getresuid(real, effective, saved) => call crate::process::identity::getresuid, Full;
    /// Real, effective and saved user id.
    [   -    -  165] getresuid(real, effective, saved) => call crate::process::identity16::getresuid, Full;
    /// Set real, effective and saved group id.
    [ 119  119    -] setresgid(real, effective, saved) => call crate::process::identity::setresgid, Full;
    /// Set real, effective and saved group id.
    [   -    -  170] setresgid(real, effective, saved) => call crate::process::identity16::setresgid, Full;
    /// Real, effective and saved group id.
    [ 120  120    -] getresgid(real, effective, saved) => call crate::process::identity::getresgid, Full;
    /// Real, effective and saved group id.
    [   -    -  171] getresgid(real, effective, saved) => call crate::process::identity16::getresgid, Full;
    /// Set the user id of file access.
    [ 122  122    -] setfsuid(user) => call crate::process::identity::setfsuid, Full;
    /// Set the user id of file access.
    [   -    -  138] setfsuid(user) => call crate::process::identity16::setfsuid, Full;
    /// Set the group id of file access.
    [ 123  123    -] setfsgid(group) => call crate::process::identity::setfsgid, Full;
    /// Set the group id of file access.
    [   -    -  139] setfsgid(group) => call crate::process::identity16::setfsgid, Full;
    /// Capabilities of a thread.
    [ 125  125  184] capget(header, data) => call crate::process::capability::capget, Full;
    /// Set the caller's capabilities.
    [ 126  126  185] capset(header, data) => call crate::process::capability::capset, Full;
    /// The execution domain.
    [ 135  135  136] personality(personality) => call crate::process::ids::personality, Full;
    [ 185  185    -] security() => missing;
    [ 248  248  286] add_key() => missing;
    [ 249  249  287] request_key() => missing;
    [ 250  250  288] keyctl() => missing;
    /// Say which system calls may be made from now on.
    [ 317  317  354] seccomp(operation, flags, arguments) => call crate::seccomp::seccomp, Full;
    /// Make maps of keys and values, and use them.
    [ 321  321  357] bpf(command, attr, size) => call crate::extended_bpf::bpf, Partial("programs, and map types other than array and hash");
    [ 444  444  444] landlock_create_ruleset() => missing;
    [ 445  445  445] landlock_add_rule() => missing;
    [ 446  446  446] landlock_restrict_self() => missing;
    /// Real user id.
    [   -    -  199] getuid32() => call crate::process::identity::getuid, Full;
    /// Real group id.
    [   -    -  200] getgid32() => call crate::process::identity::getgid, Full;
    /// Effective user id.
    [   -    -  201] geteuid32() => call crate::process::identity::geteuid, Full;
    /// Effective group id.
    [   -    -  202] getegid32() => call crate::process::identity::getegid, Full;
    /// Set real and effective user id.
    [   -    -  203] setreuid32(real, effective) => call crate::process::identity::setreuid, Full;
    /// Set real and effective group id.
    [   -    -  204] setregid32(real, effective) => call crate::process::identity::setregid, Full;
    /// Supplementary groups.
    [   -    -  205] getgroups32(size, list) => call crate::process::identity::getgroups, Full;
    /// Set the supplementary groups.
    [   -    -  206] setgroups32(size, list) => call crate::process::identity::setgroups, Full;
    /// Set real, effective and saved user id.
    [   -    -  208] setresuid32(real, effective, saved) => call crate::process::identity::setresuid, Full;
    /// Real, effective and saved user id.
    [   -    -  209] getresuid32(real, effective, saved) => call crate::process::identity::getresuid, Full;
    /// Set real, effective and saved group id.
    [   -    -  210] setresgid32(real, effective, saved) => call crate::process::identity::setresgid, Full;
    /// Real, effective and saved group id.
    [   -    -  211] getresgid32(real, effective, saved) => call crate::process::identity::getresgid, Full;
    /// Set user ids.
    [   -    -  213] setuid32(user) => call crate::process::identity::setuid, Full;
    /// Set group ids.
    [   -    -  214] setgid32(group) => call crate::process::identity::setgid, Full;
    /// Set the user id of file access.
    [   -    -  215] setfsuid32(user) => call crate::process::identity::setfsuid, Full;
    /// Set the group id of file access.
    [   -    -  216] setfsgid32(group) => call crate::process::identity::setfsgid, Full;
}
