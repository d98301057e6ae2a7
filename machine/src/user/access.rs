//! The instructions that touch user memory, and what happens when they fault.
//!
//! Every routine is a leaf that keeps its progress in registers: `rdx` bytes are left, from `rsi` to `rdi`. A fault that is not
//! resolved continues at a landing: that of the fast moves goes on byte by byte from the last consistent state, so that the
//! copy ends exactly at the first byte that is not accessible; that of the byte loop returns what is left. (Zeroing has `rsi`
//! bytes left; loads, stores and strings have nothing to go on with.)
//!
//! Each routine exists twice, once for faults that may be resolved (and so sleep) and once for those that may not.
use core::arch::{asm, global_asm};

/// What to do about a fault at an instruction of these routines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixup {
    /// Where to continue if the fault is not resolved.
    pub(crate) landing: u64,
    /// Whether the fault may be resolved by the kernel, which may sleep.
    pub(crate) may_sleep: bool,
}

/// Opens user memory to the kernel for the instructions that follow: three bytes that do nothing, where [`initialize`] writes
/// `stac`.
macro_rules! open {
    () => {
        "77: nop dword ptr [rax]\n .pushsection .user_open, \"a\", @progbits\n .balign 4\n .long 77b - .\n .popsection\n"
    };
}
/// Closes it again, by `clac`.
macro_rules! close {
    () => {
        "78: nop dword ptr [rax]\n .pushsection .user_close, \"a\", @progbits\n .balign 4\n .long 78b - .\n .popsection\n"
    };
}

/// A routine that moves one word by one instruction.
macro_rules! word {
    ($name:literal, $mode:literal, $move:literal) => {
        concat!(
            ".globl ",
            $name,
            $mode,
            "\n",
            $name,
            $mode,
            ":\n",
            open!(),
            $move,
            "\n",
            close!(),
            "xor edx, edx\n ret\n"
        )
    };
}

/// A routine that moves FPU state by one instruction.
macro_rules! fpu {
    ($name:literal, $mode:literal, $move:literal) => {
        concat!(
            ".globl ",
            $name,
            $mode,
            "\n",
            $name,
            $mode,
            ":\n",
            "mov eax, esi\n xor edx, edx\n",
            open!(),
            $move,
            "\n",
            close!(),
            "xor eax, eax\n ret\n"
        )
    };
}

/// The routines of one mode. A stretch of instructions between two labels shares a landing, as the table at the end says.
macro_rules! routines {
    ($mode:literal) => {
        global_asm!(
            ".pushsection .text.user_access, \"ax\", @progbits",
            // rdi from rsi, rdx bytes; rax: bytes not copied.
            ".p2align 4",
            concat!(".globl user_copy_", $mode),
            concat!("user_copy_", $mode, ":"),
            open!(),
            concat!(".Lcopy_small_", $mode, ":"),
            "cmp rdx, 16",
            "ja 20f",
            "cmp edx, 8",
            "jb 10f",
            "mov rax, [rsi]",
            "mov rcx, [rsi + rdx - 8]",
            "mov [rdi], rax",
            "mov [rdi + rdx - 8], rcx",
            "jmp 90f",
            "10: cmp edx, 4",
            "jb 11f",
            "mov eax, [rsi]",
            "mov ecx, [rsi + rdx - 4]",
            "mov [rdi], eax",
            "mov [rdi + rdx - 4], ecx",
            "jmp 90f",
            "11: cmp edx, 2",
            "jb 12f",
            "movzx eax, word ptr [rsi]",
            "movzx ecx, byte ptr [rsi + rdx - 1]",
            "mov [rdi], ax",
            "mov [rdi + rdx - 1], cl",
            "jmp 90f",
            "12: test edx, edx",
            "jz 90f",
            "movzx eax, byte ptr [rsi]",
            "mov [rdi], al",
            "jmp 90f",
            "20: cmp rdx, 64",
            "ja 28f",
            "mov rax, [rsi]",
            "mov rcx, [rsi + 8]",
            "mov [rdi], rax",
            "mov [rdi + 8], rcx",
            "cmp edx, 32",
            "jbe 27f",
            "mov rax, [rsi + 16]",
            "mov rcx, [rsi + 24]",
            "mov r8, [rsi + rdx - 32]",
            "mov r9, [rsi + rdx - 24]",
            "mov [rdi + 16], rax",
            "mov [rdi + 24], rcx",
            "mov [rdi + rdx - 32], r8",
            "mov [rdi + rdx - 24], r9",
            "27: mov rax, [rsi + rdx - 16]",
            "mov rcx, [rsi + rdx - 8]",
            "mov [rdi + rdx - 16], rax",
            "mov [rdi + rdx - 8], rcx",
            "jmp 90f",
            "28: sub rdx, 64",
            // Each block moves the counters only at its end; here `rdx` is 64 less than what is left.
            concat!(".Lcopy_blocks_", $mode, ":"),
            "21: mov rax, [rsi]",
            "mov rcx, [rsi + 8]",
            "mov r8, [rsi + 16]",
            "mov r9, [rsi + 24]",
            "mov [rdi], rax",
            "mov [rdi + 8], rcx",
            "mov [rdi + 16], r8",
            "mov [rdi + 24], r9",
            "mov rax, [rsi + 32]",
            "mov rcx, [rsi + 40]",
            "mov r8, [rsi + 48]",
            "mov r9, [rsi + 56]",
            "mov [rdi + 32], rax",
            "mov [rdi + 40], rcx",
            "mov [rdi + 48], r8",
            "mov [rdi + 56], r9",
            "add rsi, 64",
            "add rdi, 64",
            "sub rdx, 64",
            "jae 21b",
            "22: add rdx, 64",
            concat!(".Lcopy_words_", $mode, ":"),
            "jz 90f",
            // The last 1 to 63 bytes end a half or a whole block that begins in what is copied already.
            "cmp edx, 32",
            "jbe 23f",
            "mov rax, [rsi + rdx - 64]",
            "mov rcx, [rsi + rdx - 56]",
            "mov r8, [rsi + rdx - 48]",
            "mov r9, [rsi + rdx - 40]",
            "mov [rdi + rdx - 64], rax",
            "mov [rdi + rdx - 56], rcx",
            "mov [rdi + rdx - 48], r8",
            "mov [rdi + rdx - 40], r9",
            "23: mov rax, [rsi + rdx - 32]",
            "mov rcx, [rsi + rdx - 24]",
            "mov r8, [rsi + rdx - 16]",
            "mov r9, [rsi + rdx - 8]",
            "mov [rdi + rdx - 32], rax",
            "mov [rdi + rdx - 24], rcx",
            "mov [rdi + rdx - 16], r8",
            "mov [rdi + rdx - 8], r9",
            "90:",
            close!(),
            "xor eax, eax",
            "ret",
            concat!(".Lcopy_blocks_landing_", $mode, ":"),
            "add rdx, 64",
            concat!(".Lcopy_bytes_", $mode, ":"),
            "30: test rdx, rdx",
            "jz 31f",
            "mov al, [rsi]",
            "mov [rdi], al",
            "inc rsi",
            "inc rdi",
            "dec rdx",
            "jmp 30b",
            concat!(".Lcopy_done_", $mode, ":"),
            "31:",
            close!(),
            "mov rax, rdx",
            "ret",
            // rdi zeroed, rsi bytes; rax: bytes not zeroed.
            ".p2align 4",
            concat!(".globl user_clear_", $mode),
            concat!("user_clear_", $mode, ":"),
            open!(),
            concat!(".Lclear_", $mode, ":"),
            "cmp rsi, 8",
            "jb 43f",
            "xor eax, eax",
            "40: cmp rsi, 64",
            "jb 41f",
            "mov [rdi], rax",
            "mov [rdi + 8], rax",
            "mov [rdi + 16], rax",
            "mov [rdi + 24], rax",
            "mov [rdi + 32], rax",
            "mov [rdi + 40], rax",
            "mov [rdi + 48], rax",
            "mov [rdi + 56], rax",
            "add rdi, 64",
            "sub rsi, 64",
            "jmp 40b",
            "41: cmp esi, 8",
            "jb 43f",
            "mov [rdi], rax",
            "add rdi, 8",
            "sub esi, 8",
            "jmp 41b",
            concat!(".Lclear_bytes_", $mode, ":"),
            "43: test rsi, rsi",
            "jz 44f",
            "45: mov byte ptr [rdi], 0",
            "inc rdi",
            "dec rsi",
            "jnz 45b",
            concat!(".Lclear_done_", $mode, ":"),
            "44:",
            close!(),
            "mov rax, rsi",
            "ret",
            // The word at rdi in rax, of 1 to 8 bytes; rdx: 0, or 1 for a fault.
            ".p2align 4",
            concat!(".Lwords_", $mode, ":"),
            word!("user_load_1_", $mode, "movzx eax, byte ptr [rdi]"),
            word!("user_load_2_", $mode, "movzx eax, word ptr [rdi]"),
            word!("user_load_4_", $mode, "mov eax, [rdi]"),
            word!("user_load_8_", $mode, "mov rax, [rdi]"),
            // rsi stored at rdi, of 1 to 8 bytes; rdx: 0, or 1 for a fault.
            word!("user_store_1_", $mode, "mov [rdi], sil"),
            word!("user_store_2_", $mode, "mov [rdi], si"),
            word!("user_store_4_", $mode, "mov [rdi], esi"),
            word!("user_store_8_", $mode, "mov [rdi], rsi"),
            // Two or four words at rdi in rax, rcx, r8, r9, or from them; rdx as above.
            word!("user_load_pair_", $mode, "mov rax, [rdi]\n mov rcx, [rdi + 8]"),
            word!(
                "user_load_quad_",
                $mode,
                "mov rax, [rdi]\n mov rcx, [rdi + 8]\n mov r8, [rdi + 16]\n mov r9, [rdi + 24]"
            ),
            word!("user_store_pair_", $mode, "mov [rdi], rax\n mov [rdi + 8], rcx"),
            word!(
                "user_store_quad_",
                $mode,
                "mov [rdi], rax\n mov [rdi + 8], rcx\n mov [rdi + 16], r8\n mov [rdi + 24], r9"
            ),
            // edx stored at rdi if esi is there; rax the value found, rdx as above.
            concat!(".globl user_exchange_", $mode),
            concat!("user_exchange_", $mode, ":"),
            open!(),
            "mov eax, esi",
            "lock cmpxchg [rdi], edx",
            close!(),
            "xor edx, edx",
            "ret",
            concat!(".Lwords_landing_", $mode, ":"),
            close!(),
            "xor eax, eax",
            "mov edx, 1",
            "ret",
            // The last 2 bytes of each of rdx records of 8 bytes, to rdi from rsi; rax: records not stored.
            ".p2align 4",
            concat!(".globl user_scatter_", $mode),
            concat!("user_scatter_", $mode, ":"),
            open!(),
            concat!(".Lscatter_", $mode, ":"),
            "55: test rdx, rdx",
            "jz 56f",
            "movzx eax, word ptr [rsi + 6]",
            "mov [rdi + 6], ax",
            "add rsi, 8",
            "add rdi, 8",
            "dec rdx",
            "jmp 55b",
            concat!(".Lscatter_landing_", $mode, ":"),
            "56:",
            close!(),
            "mov rax, rdx",
            "ret",
            // The FPU state of the components in esi: to rdi, or from there; rax: 0, or 1 for a fault of any kind.
            ".p2align 4",
            concat!(".Lfpu_", $mode, ":"),
            fpu!("user_xsave_", $mode, "xsave64 [rdi]"),
            fpu!("user_xrstor_", $mode, "xrstor64 [rdi]"),
            fpu!("user_fxsave_", $mode, "fxsave64 [rdi]"),
            concat!(".Lfpu_landing_", $mode, ":"),
            close!(),
            "mov eax, 1",
            "ret",
            // A string to rdi from rsi, at most rdx bytes; rax: its length, all rdx if there is no NUL, -1 for a fault.
            ".p2align 4",
            concat!(".globl user_string_", $mode),
            concat!("user_string_", $mode, ":"),
            open!(),
            "mov rax, rdx",
            "movabs r8, 0x0101010101010101",
            "movabs r9, 0x8080808080808080",
            concat!(".Lstring_", $mode, ":"),
            // Whole words where they do not reach into the next page, which may not be there.
            "60: cmp rdx, 8",
            "jb 62f",
            "mov ecx, esi",
            "and ecx, 0xfff",
            "cmp ecx, 0xff8",
            "ja 62f",
            "mov rcx, [rsi]",
            "mov r10, rcx",
            "mov r11, rcx",
            "sub r10, r8",
            "not r11",
            "and r10, r11",
            "mov [rdi], rcx",
            "and r10, r9",
            "jnz 61f",
            "add rsi, 8",
            "add rdi, 8",
            "sub rdx, 8",
            "jmp 60b",
            "61: bsf r10, r10",
            "shr r10, 3",
            "sub rax, rdx",
            "add rax, r10",
            "jmp 64f",
            // One byte, then try words again.
            "62: test rdx, rdx",
            "jz 64f",
            "movzx ecx, byte ptr [rsi]",
            "mov [rdi], cl",
            "test ecx, ecx",
            "jz 63f",
            "inc rsi",
            "inc rdi",
            "dec rdx",
            "jmp 60b",
            "63: sub rax, rdx",
            "64:",
            close!(),
            "ret",
            concat!(".Lstring_landing_", $mode, ":"),
            close!(),
            "mov rax, -1",
            "ret",
            ".popsection",
            // First instruction, one past the last, landing.
            ".pushsection .data.rel.ro.user_access, \"aw\", @progbits",
            ".balign 8",
            concat!(".globl user_fixups_", $mode),
            concat!("user_fixups_", $mode, ":"),
            concat!(".quad .Lcopy_small_", $mode, ", .Lcopy_blocks_", $mode, ", .Lcopy_bytes_", $mode),
            concat!(".quad .Lcopy_blocks_", $mode, ", .Lcopy_words_", $mode, ", .Lcopy_blocks_landing_", $mode),
            concat!(".quad .Lcopy_words_", $mode, ", .Lcopy_blocks_landing_", $mode, ", .Lcopy_bytes_", $mode),
            concat!(".quad .Lcopy_bytes_", $mode, ", .Lcopy_done_", $mode, ", .Lcopy_done_", $mode),
            concat!(".quad .Lclear_", $mode, ", .Lclear_bytes_", $mode, ", .Lclear_bytes_", $mode),
            concat!(".quad .Lclear_bytes_", $mode, ", .Lclear_done_", $mode, ", .Lclear_done_", $mode),
            concat!(".quad .Lwords_", $mode, ", .Lwords_landing_", $mode, ", .Lwords_landing_", $mode),
            concat!(".quad .Lscatter_", $mode, ", .Lscatter_landing_", $mode, ", .Lscatter_landing_", $mode),
            concat!(".quad .Lfpu_", $mode, ", .Lfpu_landing_", $mode, ", .Lfpu_landing_", $mode),
            concat!(".quad .Lstring_", $mode, ", .Lstring_landing_", $mode, ", .Lstring_landing_", $mode),
            ".popsection",
        );
    };
}
routines!("sleeping");
routines!("nofault");

/// Writes `stac` and `clac` into the routines if the CPU has SMAP. Without it, and in tests on the host, where they are
/// privileged, user memory is open.
///
/// # Safety
/// Once, on the boot CPU, before the first access and while the image's code can be written.
#[cfg(target_os = "none")]
pub(crate) unsafe fn initialize() {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    const STAC: [u8; 3] = [0x0f, 0x01, 0xcb];
    const CLAC: [u8; 3] = [0x0f, 0x01, 0xca];
    // Named by the linker script.
    unsafe extern "C" {
        static __user_open_start: [i32; 0];
        static __user_open_end: [i32; 0];
        static __user_close_end: [i32; 0];
    }
    if __cpuid(0).eax < 7 || __cpuid_count(7, 0).ebx >> 20 & 1 == 0 {
        return;
    }
    let (opens, closes) = (&raw const __user_open_start, &raw const __user_open_end);
    for (start, end, instruction) in [(opens, closes, STAC), (closes, &raw const __user_close_end, CLAC)] {
        let mut at = start.cast::<i32>();
        while at < end.cast() {
            // SAFETY: between the linker's symbols each entry is the distance from itself to three bytes of one of the routines
            // above, which no CPU runs yet; the caller has them writable. `mov cr3` follows, which serializes.
            unsafe {
                let site = at.cast_mut().byte_offset(at.read() as isize).cast::<[u8; 3]>();
                site.write_volatile(instruction);
                at = at.add(1);
            }
        }
    }
}

/// A word (0 for a fault), and whether there was a fault; returned in two registers.
#[repr(C)]
pub(super) struct Loaded {
    pub(super) value: u64,
    pub(super) fault: u64,
}
type Fixups = [[u64; 3]; 10];

macro_rules! declare {
    ($($load:ident $store:ident),*; $($copy:ident $clear:ident $exchange:ident $string:ident $scatter:ident),*) => {
        unsafe extern "C" {
            static user_fixups_sleeping: Fixups;
            static user_fixups_nofault: Fixups;
            $(
                fn $load(from: u64) -> Loaded;
                fn $store(to: u64, value: u64) -> Loaded;
            )*
            $(
                fn $copy(to: u64, from: u64, length: usize) -> usize;
                fn $clear(to: u64, length: usize) -> usize;
                fn $exchange(at: u64, expected: u32, new: u32) -> Loaded;
                fn $string(to: u64, from: u64, length: usize) -> usize;
                fn $scatter(to: u64, from: u64, count: usize) -> usize;
            )*
        }
    };
}
declare!(
    user_load_1_sleeping user_store_1_sleeping, user_load_2_sleeping user_store_2_sleeping,
    user_load_4_sleeping user_store_4_sleeping, user_load_8_sleeping user_store_8_sleeping,
    user_load_1_nofault user_store_1_nofault, user_load_2_nofault user_store_2_nofault,
    user_load_4_nofault user_store_4_nofault, user_load_8_nofault user_store_8_nofault;
    user_copy_sleeping user_clear_sleeping user_exchange_sleeping user_string_sleeping user_scatter_sleeping,
    user_copy_nofault user_clear_nofault user_exchange_nofault user_string_nofault user_scatter_nofault
);

unsafe extern "C" {
    /// FPU state moved without resolving faults; also what the CPU refuses to load is a fault.
    pub(super) fn user_xsave_nofault(to: u64, components: u32) -> u64;
    pub(super) fn user_xrstor_nofault(from: u64, components: u32) -> u64;
    pub(super) fn user_fxsave_nofault(to: u64, components: u32) -> u64;
}

unsafe extern "C" {
    fn user_load_pair_sleeping();
    fn user_load_quad_sleeping();
    fn user_store_pair_sleeping();
    fn user_store_quad_sleeping();
}

/// Two words at `from`, through registers; none for a fault, which may sleep.
///
/// # Safety
/// They lie in user space.
#[inline(always)]
pub(super) unsafe fn load_pair(from: u64) -> Option<[u64; 2]> {
    let (first, second, fault): (u64, u64, u64);
    // SAFETY: by this function's contract; the routine changes the registers named here, and the flags.
    unsafe {
        asm!("call {routine}", routine = sym user_load_pair_sleeping, in("rdi") from,
            out("rax") first, out("rcx") second, out("rdx") fault);
    }
    (fault == 0).then_some([first, second])
}
/// Four words at `from`, as [`load_pair`].
///
/// # Safety
/// They lie in user space.
#[inline(always)]
pub(super) unsafe fn load_quad(from: u64) -> Option<[u64; 4]> {
    let (first, second, third, fourth, fault): (u64, u64, u64, u64, u64);
    // SAFETY: by this function's contract; the routine changes the registers named here, and the flags.
    unsafe {
        asm!("call {routine}", routine = sym user_load_quad_sleeping, in("rdi") from,
            out("rax") first, out("rcx") second, out("r8") third, out("r9") fourth, out("rdx") fault);
    }
    (fault == 0).then_some([first, second, third, fourth])
}
/// Stores two words; false for a fault, which may sleep, and may come after the first.
///
/// # Safety
/// They lie in user space.
#[inline(always)]
pub(super) unsafe fn store_pair(to: u64, words: [u64; 2]) -> bool {
    let fault: u64;
    // SAFETY: by this function's contract; the routine changes the registers named here, and the flags.
    unsafe {
        asm!("call {routine}", routine = sym user_store_pair_sleeping, in("rdi") to,
            inout("rax") words[0] => _, in("rcx") words[1], out("rdx") fault);
    }
    fault == 0
}
/// Stores four words, as [`store_pair`].
///
/// # Safety
/// They lie in user space.
#[inline(always)]
pub(super) unsafe fn store_quad(to: u64, words: [u64; 4]) -> bool {
    let fault: u64;
    // SAFETY: by this function's contract; the routine changes the registers named here, and the flags.
    unsafe {
        asm!("call {routine}", routine = sym user_store_quad_sleeping, in("rdi") to,
            inout("rax") words[0] => _, in("rcx") words[1], in("r8") words[2], in("r9") words[3], out("rdx") fault);
    }
    fault == 0
}

/// The routines of one mode. For all of them: the user range lies in user space, the other one in memory of the kernel's.
/// Loads and stores by the logarithm of the size.
pub(super) struct Routines {
    pub(super) copy: unsafe extern "C" fn(u64, u64, usize) -> usize,
    pub(super) clear: unsafe extern "C" fn(u64, usize) -> usize,
    pub(super) load: [unsafe extern "C" fn(u64) -> Loaded; 4],
    pub(super) store: [unsafe extern "C" fn(u64, u64) -> Loaded; 4],
    pub(super) exchange: unsafe extern "C" fn(u64, u32, u32) -> Loaded,
    pub(super) string: unsafe extern "C" fn(u64, u64, usize) -> usize,
    pub(super) scatter: unsafe extern "C" fn(u64, u64, usize) -> usize,
}
/// Faults are resolved by the kernel.
pub(super) const SLEEPING: Routines = Routines {
    copy: user_copy_sleeping,
    clear: user_clear_sleeping,
    load: [user_load_1_sleeping, user_load_2_sleeping, user_load_4_sleeping, user_load_8_sleeping],
    store: [user_store_1_sleeping, user_store_2_sleeping, user_store_4_sleeping, user_store_8_sleeping],
    exchange: user_exchange_sleeping,
    string: user_string_sleeping,
    scatter: user_scatter_sleeping,
};
/// Faults end the access.
pub(super) const NOFAULT: Routines = Routines {
    copy: user_copy_nofault,
    clear: user_clear_nofault,
    load: [user_load_1_nofault, user_load_2_nofault, user_load_4_nofault, user_load_8_nofault],
    store: [user_store_1_nofault, user_store_2_nofault, user_store_4_nofault, user_store_8_nofault],
    exchange: user_exchange_nofault,
    string: user_string_nofault,
    scatter: user_scatter_nofault,
};

/// What to do about a fault at this kernel instruction; none if it is not one that touches user memory.
pub(crate) fn fixup(instruction_pointer: u64) -> Option<Fixup> {
    // SAFETY: constant tables with as many rows as the type says.
    let tables = unsafe { [(&user_fixups_sleeping, true), (&user_fixups_nofault, false)] };
    tables.into_iter().find_map(|(table, may_sleep)| {
        let row = table.iter().find(|row| (row[0]..row[1]).contains(&instruction_pointer))?;
        Some(Fixup { landing: row[2], may_sleep })
    })
}
