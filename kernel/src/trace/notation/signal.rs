//! Signals: numbers, sets, actions, information.
use super::names::*;
use crate::signal::SignalInfo;
use crate::syscall::UserLayout;
use crate::trace::show::Show;
use crate::trace::text::Text;

const NAMES: [&str; 32] = [
    "0",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// A signal's name: `SIGCHLD`, `SIGRTMIN`, `SIGRT_1`.
pub fn signal_name(text: &mut Text, signal: u64) {
    match (NAMES.get(signal as usize), signal) {
        (Some(name), 0..=31) => text.put(name),
        (_, 32) => text.put("SIGRTMIN"),
        (_, 33..=64) => {
            text.put("SIGRT_");
            text.unsigned(signal - 32);
        }
        _ => text.signed(signal as i32 as i64),
    }
}
/// An argument that is a signal.
pub fn show_signal(show: &mut Show<'_>, signal: u64) {
    signal_name(show.text, signal & 0xffff_ffff);
}

/// A set in brackets, without the names' first letters; one with most signals by those that lack.
fn show_set(text: &mut Text, set: u64) {
    show_set_of(text, set, 64);
}
fn show_set_of(text: &mut Text, set: u64, signals: u32) {
    let inverted = set.count_ones() >= signals * 2 / 3;
    let shown = if inverted { !set } else { set };
    text.put(if inverted { "~[" } else { "[" });
    let mut separator = "";
    for signal in (1..=u64::from(signals)).filter(|signal| shown >> (signal - 1) & 1 != 0) {
        text.put(separator);
        separator = " ";
        let before = text.bytes().len();
        signal_name(text, signal);
        text.cut_out(before, "SIG".len());
    }
    text.byte(b']');
}
/// A set behind a pointer.
pub fn set(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let set = show.u64_at(address)?;
        show_set(show.text, set);
        Some(())
    });
}

/// A set of the first 32 signals behind a pointer: i386's old calls.
pub fn old_set(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let set = show.u32_at(address)?;
        show_set_of(show.text, set.into(), 32);
        Some(())
    });
}
/// Such a set itself.
pub fn mask(show: &mut Show<'_>, set: u64) {
    show_set_of(show.text, set & 0xffff_ffff, 32);
}
/// The set that was before.
pub fn mask_answer(show: &mut Show<'_>) {
    let set = show.result.unwrap_or(0) as u64 & 0xffff_ffff;
    show.text.hex(set);
    show.text.put(" (mask ");
    mask(show, set);
    show.text.byte(b')');
}
/// What a signal does: the address of a function, or a name.
pub fn handler(show: &mut Show<'_>, handler: u64) {
    match handler & 0xffff_ffff {
        0 => show.text.put("SIG_DFL"),
        1 => show.text.put("SIG_IGN"),
        _ => show.text.hex(handler),
    }
}
/// What a signal did before.
pub fn handler_answer(show: &mut Show<'_>) {
    let before = show.result.unwrap_or(0) as u64;
    show.text.hex(before);
    show.meaning(|show| handler(show, before));
}
/// `struct old_sigaction` of i386.
pub fn old_action(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let word = |show: &Show<'_>, index: u64| show.u32_at(address.wrapping_add(4 * index));
        let (function, set, flags, restorer) = (word(show, 0)?, word(show, 1)?, word(show, 2)?, word(show, 3)?);
        show.text.byte(b'{');
        show.field("sa_handler");
        handler(show, function.into());
        show.field("sa_mask");
        show_set_of(show.text, set.into(), 32);
        show.field("sa_flags");
        show.bits(flags.into(), SIGNAL_FLAGS, "SA_???");
        if flags & 0x0400_0000 != 0 {
            show.field("sa_restorer");
            show.text.address(restorer.into());
        }
        show.text.byte(b'}');
        Some(())
    });
}

/// `struct sigaction` as the kernel knows it.
pub fn action(show: &mut Show<'_>, address: u64) {
    let size = show.long_size();
    show.structure(address, |show| {
        let long = |show: &Show<'_>, index: u64| show.long_at(address.wrapping_add(index * size));
        let (function, flags, restorer) = (long(show, 0)?, long(show, 1)?, long(show, 2)?);
        let mask = show.u64_at(address.wrapping_add(3 * size))?;
        show.text.byte(b'{');
        show.field("sa_handler");
        match function {
            0 | 1 => handler(show, function),
            other => show.text.hex(other),
        }
        show.field("sa_mask");
        show_set(show.text, mask);
        show.field("sa_flags");
        show.bits(flags & 0xffff_ffff, SIGNAL_FLAGS, "SA_???");
        if flags & 0x0400_0000 != 0 {
            show.field("sa_restorer");
            show.text.address(restorer);
        }
        show.text.byte(b'}');
        Some(())
    });
}

/// `stack_t`.
pub fn stack(show: &mut Show<'_>, address: u64) {
    let size = show.long_size();
    show.structure(address, |show| {
        let (pointer, flags) = (show.long_at(address)?, show.u32_at(address.wrapping_add(size))?);
        let length = show.long_at(address.wrapping_add(2 * size))?;
        show.text.byte(b'{');
        show.field("ss_sp");
        show.text.address(pointer);
        show.field("ss_flags");
        show.bits(flags.into(), STACK_FLAGS, "SS_???");
        show.unsigned_field("ss_size", length);
        show.text.byte(b'}');
        Some(())
    });
}

/// The mask that sigreturn(2) restores, from the frame on the stack.
pub fn frame_mask(show: &mut Show<'_>) {
    // Where the mask lies in the 64-bit frame after the return address: flags, link, stack, registers.
    const MASK: u64 = 296;
    if !matches!(show.abi, abi::Abi::X86_64) {
        return;
    }
    if let Some(set) = show.u64_at(show.word(0).wrapping_add(MASK)) {
        show.text.put("{mask=");
        show_set(show.text, set);
        show.text.byte(b'}');
    }
}

/// Information behind a pointer.
pub fn information(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let raw = show.bytes::<128>(address)?;
        show_information(show.text, &SignalInfo::decode(show.abi, &raw));
        Some(())
    });
}

fn code_name(signal: u32, code: i32) -> Option<&'static str> {
    let of = |names: &[&'static str]| usize::try_from(code - 1).ok().and_then(|index| names.get(index).copied());
    match (code, signal) {
        (0, _) => Some("SI_USER"),
        (0x80, _) => Some("SI_KERNEL"),
        (-1, _) => Some("SI_QUEUE"),
        (-2, _) => Some("SI_TIMER"),
        (-3, _) => Some("SI_MESGQ"),
        (-4, _) => Some("SI_ASYNCIO"),
        (-5, _) => Some("SI_SIGIO"),
        (-6, _) => Some("SI_TKILL"),
        (_, 17) => of(&["CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"]),
        (_, 11) => of(&["SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"]),
        (_, 7) => of(&["BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"]),
        (_, 8) => of(&[
            "FPE_INTDIV",
            "FPE_INTOVF",
            "FPE_FLTDIV",
            "FPE_FLTOVF",
            "FPE_FLTUND",
            "FPE_FLTRES",
            "FPE_FLTINV",
            "FPE_FLTSUB",
        ]),
        (_, 4) => of(&[
            "ILL_ILLOPC",
            "ILL_ILLOPN",
            "ILL_ILLADR",
            "ILL_ILLTRP",
            "ILL_PRVOPC",
            "ILL_PRVREG",
            "ILL_COPROC",
            "ILL_BADSTK",
        ]),
        (_, 5) => of(&["TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT"]),
        (_, 31) => of(&["SYS_SECCOMP", "SYS_USER_DISPATCH"]),
        (_, 29) => of(&["POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP"]),
        _ => None,
    }
}

fn ticks(text: &mut Text, name: &str, ticks: u64) {
    text.put(name);
    text.unsigned(ticks);
    if ticks != 0 {
        text.put(" /* ");
        text.unsigned(ticks / 100);
        text.byte(b'.');
        text.padded(ticks % 100, 2);
        text.put(" s */");
    }
}

/// `{si_signo=SIGCHLD, si_code=CLD_EXITED, ...}`.
pub fn show_information(text: &mut Text, info: &SignalInfo) {
    text.put("{si_signo=");
    signal_name(text, info.signal.into());
    text.put(", si_code=");
    match code_name(info.signal, info.code) {
        Some(name) => text.put(name),
        None => text.signed(info.code.into()),
    }
    if info.errno != 0 {
        text.put(", si_errno=");
        text.signed(info.errno.into());
    }
    let sender = |text: &mut Text| {
        text.put(", si_pid=");
        text.unsigned(info.pid().into());
        text.put(", si_uid=");
        text.unsigned(info.user().into());
    };
    match (info.code, info.signal) {
        (0, _) => sender(text),
        (-2, _) => {
            text.put(", si_timerid=");
            text.hex(info.fields[0] & 0xffff_ffff);
            text.put(", si_overrun=");
            text.signed((info.fields[0] >> 32) as i32 as i64);
            value(text, info.fields[1]);
        }
        (-6, _) => sender(text),
        (..0, _) => {
            sender(text);
            value(text, info.fields[1]);
        }
        (0x80, _) => {}
        (_, 17) => {
            sender(text);
            text.put(", si_status=");
            match info.code {
                1 => text.signed(info.status().into()),
                _ => signal_name(text, info.status() as u64),
            }
            ticks(text, ", si_utime=", info.fields[2]);
            ticks(text, ", si_stime=", info.fields[3]);
        }
        (_, 4 | 5 | 7 | 8 | 11) => {
            text.put(", si_addr=");
            text.address(info.address());
        }
        (_, 29) => {
            text.put(", si_band=");
            text.unsigned(info.fields[0]);
            text.put(", si_fd=");
            text.signed(info.fields[1] as i32 as i64);
        }
        (_, 31) => {
            text.put(", si_call_addr=");
            text.address(info.fields[0]);
            text.put(", si_syscall=");
            text.unsigned(info.fields[1] & 0xffff_ffff);
        }
        _ => {}
    }
    text.byte(b'}');
}

fn value(text: &mut Text, value: u64) {
    if value != 0 {
        text.put(", si_value={si_int=");
        text.signed(value as i32 as i64);
        text.put(", si_ptr=");
        text.address(value);
        text.byte(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl FnOnce(&mut Text)) -> alloc::string::String {
        let mut text = Text::new().unwrap();
        make(&mut text);
        alloc::string::String::from_utf8(text.bytes().into()).unwrap()
    }

    #[test]
    fn sets_are_written_by_what_they_hold_or_lack() {
        assert_eq!(made(|text| show_set(text, 0)), "[]");
        assert_eq!(made(|text| show_set(text, 1 << 16 | 1)), "[HUP CHLD]");
        assert_eq!(made(|text| show_set(text, !(3 << 31))), "~[RTMIN RT_1]");
        assert_eq!(made(|text| show_set(text, u64::MAX)), "~[]");
    }

    #[test]
    fn information_says_what_its_code_allows() {
        let child = SignalInfo::child(17, 1, 5, 0, 3, (0, 12));
        let expected = "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5, si_uid=0, si_status=3, si_utime=0, \
                        si_stime=12 /* 0.12 s */}";
        assert_eq!(made(|text| show_information(text, &child)), expected);
        let fault = SignalInfo::fault(11, 1, 0);
        assert_eq!(
            made(|text| show_information(text, &fault)),
            "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}"
        );
    }
}
