//! Device management: ioctl, mounts, readiness.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Wait for events on descriptors.
    [   7    7  168] poll(ufds, nfds, timeout) => call crate::file::select::poll, Full;
    /// Controls a device.
    [  16  514   54] ioctl(descriptor, command, argument) => call crate::file::control::ioctl, Full;
    /// Wait for descriptors in sets.
    [  23   23    -] select(n, inp, outp, exp, tvp) => call crate::file::select::select::<crate::time::Timeval>, Full;
    /// Wait for descriptors in sets, with the arguments in memory.
    [   -    -   82] select(arguments) => call crate::file::select::old_select, Full;
    /// Hang up the own terminal.
    [ 153  153  111] vhangup() => call crate::device::tty::vhangup, Full;
    /// Makes another mount the root.
    [ 155  155  217] pivot_root(new_root, put_old) => call crate::file::mount_calls::pivot_root, Full;
    /// Mounts, moves, binds or changes a mount.
    [ 165  165   21] mount(source, target, kind, flags, data) => call crate::file::mount_calls::mount, Full;
    /// Unmounts.
    [ 166  166   52] umount2(target, flags) => call crate::file::mount_calls::umount2, Full;
    /// Gives all I/O ports, by level 3.
    [ 172  172  110] iopl(level) => call crate::process::ports::iopl, Full;
    /// Gives some I/O ports, or takes them back.
    [ 173  173  101] ioperm(from, count, turn_on) => call crate::process::ports::ioperm, Full;
    [ 179  179  131] quotactl() => missing;
    [ 180    -  169] nfsservctl() => missing;
    [ 183  183  137] afs_syscall() => missing;
    [ 184  184    -] tuxcall() => missing;
    [ 206  543  245] io_setup() => missing;
    [ 207  207  246] io_destroy() => missing;
    [ 208  208  247] io_getevents() => missing;
    [ 209  544  248] io_submit() => missing;
    [ 210  210  249] io_cancel() => missing;
    /// Make an epoll instance.
    [ 213  213  254] epoll_create(size) => call crate::file::epoll::epoll_create, Full;
    [ 214    -    -] epoll_ctl_old() => missing;
    [ 215    -    -] epoll_wait_old() => missing;
    /// Wait for events of an epoll instance.
    [ 232  232  256] epoll_wait(epfd, events, maxevents, timeout) => call crate::file::epoll::epoll_wait, Full;
    /// Change what an epoll instance watches.
    [ 233  233  255] epoll_ctl(epfd, op, fd, event) => call crate::file::epoll::epoll_ctl, Full;
    [ 236    -  273] vserver() => missing;
    /// Make an instance that is told of what happens to files.
    [ 253  253  291] inotify_init() => call crate::file::notify::inotify_init, Full;
    /// Watch a file or directory, or change how it is watched.
    [ 254  254  292] inotify_add_watch(fd, pathname, mask) => call crate::file::notify::inotify_add_watch, Full;
    /// Stop watching.
    [ 255  255  293] inotify_rm_watch(fd, wd) => call crate::file::notify::inotify_rm_watch, Full;
    /// Wait for descriptors in sets, with a signal mask.
    [ 270  270    -] pselect6(n, inp, outp, exp, tsp, sig) => call crate::file::select::pselect6::<crate::time::Timespec>, Full;
    /// Wait for descriptors in sets, with a signal mask.
    [   -    -  308] pselect6(n, inp, outp, exp, tsp, sig) => call crate::file::select::pselect6::<crate::time::Timespec32>, Full;
    /// Wait for events on descriptors, with a signal mask.
    [ 271  271    -] ppoll(ufds, nfds, tsp, sigmask, sigsetsize) => call crate::file::select::ppoll::<crate::time::Timespec>, Full;
    /// Wait for events on descriptors, with a signal mask.
    [   -    -  309] ppoll(ufds, nfds, tsp, sigmask, sigsetsize) => call crate::file::select::ppoll::<crate::time::Timespec32>, Full;
    /// Wait for events of an epoll instance, with a signal mask.
    [ 281  281  319] epoll_pwait(epfd, events, maxevents, timeout, sigmask, sigsetsize) => call crate::file::epoll::epoll_pwait, Full;
    /// Make an epoll instance.
    [ 291  291  329] epoll_create1(flags) => call crate::file::epoll::epoll_create1, Full;
    /// Make an instance that is told of what happens to files.
    [ 294  294  332] inotify_init1(flags) => call crate::file::notify::inotify_init1, Full;
    [ 300  300  338] fanotify_init() => missing;
    [ 301  301  339] fanotify_mark() => missing;
    [ 333  333  385] io_pgetevents() => missing;
    [ 425  425  425] io_uring_setup() => missing;
    [ 426  426  426] io_uring_enter() => missing;
    [ 427  427  427] io_uring_register() => missing;
    [ 428  428  428] open_tree() => missing;
    [ 429  429  429] move_mount() => missing;
    [ 430  430  430] fsopen() => missing;
    [ 431  431  431] fsconfig() => missing;
    [ 432  432  432] fsmount() => missing;
    [ 433  433  433] fspick() => missing;
    /// Wait for events of an epoll instance, with nanoseconds and a signal mask.
    [ 441  441  441] epoll_pwait2(epfd, events, maxevents, timeout, sigmask, sigsetsize) => call crate::file::epoll::epoll_pwait2, Full;
    [ 442  442  442] mount_setattr() => missing;
    [ 443  443  443] quotactl_fd() => missing;
    /// Unmounts.
    [   -    -   22] umount(target) => call crate::file::mount_calls::umount, Full;
    [   -    -   31] stty() => missing;
    [   -    -   32] gtty() => missing;
    [   -    -   53] lock() => missing;
    [   -    -   56] mpx() => missing;
    /// Wait for descriptors in sets.
    [   -    -  142] _newselect(n, inp, outp, exp, tvp) => call crate::file::select::select::<crate::time::Timeval32>, Full;
    /// Wait for descriptors in sets, with a signal mask.
    [   -    -  413] pselect6_time64(n, inp, outp, exp, tsp, sig) => call crate::file::select::pselect6::<crate::time::Timespec>, Full;
    /// Wait for events on descriptors, with a signal mask.
    [   -    -  414] ppoll_time64(ufds, nfds, tsp, sigmask, sigsetsize) => call crate::file::select::ppoll::<crate::time::Timespec>, Full;
    [   -    -  416] io_pgetevents_time64() => missing;
}
