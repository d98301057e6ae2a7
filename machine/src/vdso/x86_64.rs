//! The image of 64-bit programs: clocks and the CPU's number without a call. The page before the image is [`super::ClockPage`].
use super::clock::offset;
use core::arch::global_asm;

/// How far before a place in the image the clock's page is.
macro_rules! clock {
    () => {
        "lea r8, [rip + lstar_vdso_x86_64 - 4096]\n"
    };
}
/// Monotonic nanoseconds in rax, what the wall clock is ahead in r10; the clock's page at r8. Changes rcx, rdx, r9.
macro_rules! now {
    () => {
        concat!(
            // Until no change came between.
            "71: mov r9d, [r8]\n",
            "test r9d, 1\n jnz 72f\n",
            // Not before the sequence was read.
            "lfence\n rdtsc\n",
            "shl rdx, 32\n or rax, rdx\n",
            "xor ecx, ecx\n",
            "sub rax, [r8 + {base}]\n cmovb rax, rcx\n",
            "mul qword ptr [r8 + {multiplier}]\n shrd rax, rdx, 32\n",
            "add rax, [r8 + {time}]\n",
            "mov r10, [r8 + {ahead}]\n",
            "cmp r9d, [r8]\n jne 72f\n",
            ".pushsection .rodata.vdso_x86_64_cold, \"a\", @progbits\n .popsection\n",
        )
    };
}
/// Seconds in rdx and the rest in rax, of nanoseconds in rax. Changes rcx.
macro_rules! seconds {
    () => {
        concat!(
            "mov rcx, rax\n shr rax, 9\n",
            // 2^84 / 10^9 * 2^-9, as compilers divide.
            "movabs rdx, 0x44b82fa09b5a53\n mul rdx\n shr rdx, 11\n",
            "imul rax, rdx, 1000000000\n sub rcx, rax\n mov rax, rcx\n",
        )
    };
}
/// A symbol: name, kind (function; global or weak) in the section `.text`, place and size.
macro_rules! symbol {
    ($name:literal, $function:literal, $kind:literal) => {
        concat!(
            ".long ",
            $name,
            "\n .byte ",
            $kind,
            ", 0\n .short 12\n",
            ".quad lstar_vdso_",
            $function,
            " - lstar_vdso_x86_64, lstar_vdso_",
            $function,
            "_end - lstar_vdso_",
            $function,
            "\n",
        )
    };
}

global_asm!(
    ".pushsection .rodata.vdso_x86_64, \"a\", @progbits",
    ".p2align 12",
    ".globl lstar_vdso_x86_64",
    "lstar_vdso_x86_64:",
    // The ELF header.
    ".byte 0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0",
    ".short 3, 62",
    ".long 1",
    ".quad 0, 64, 0",
    ".long 0",
    ".short 64, 56, 2, 64, 0, 0",
    // The segments: all of it, and the dynamic section.
    ".long 1, 5",
    ".quad 0, 0, 0, lstar_vdso_x86_64_end - lstar_vdso_x86_64, lstar_vdso_x86_64_end - lstar_vdso_x86_64, 4096",
    ".long 2, 4",
    ".quad 57f - lstar_vdso_x86_64, 57f - lstar_vdso_x86_64, 57f - lstar_vdso_x86_64, 160, 160, 8",
    // The hash table: one bucket with a chain of all names.
    "52: .long 1, 11, 1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0",
    // The symbols: each function under its own name, and under the C library's.
    "53: .quad 0, 0, 0",
    symbol!("1", "clock_gettime", "0x12"),
    symbol!("8", "clock_gettime", "0x22"),
    symbol!("22", "gettimeofday", "0x12"),
    symbol!("29", "gettimeofday", "0x22"),
    symbol!("42", "time", "0x12"),
    symbol!("49", "time", "0x22"),
    symbol!("54", "getcpu", "0x12"),
    symbol!("61", "getcpu", "0x22"),
    symbol!("68", "clock_getres", "0x12"),
    symbol!("75", "clock_getres", "0x22"),
    // Their names, and those of the object and of the version.
    "54: .byte 0",
    ".ascii \"__vdso_clock_gettime\\0__vdso_gettimeofday\\0__vdso_time\\0__vdso_getcpu\\0__vdso_clock_getres\\0\"",
    ".ascii \"linux-vdso.so.1\\0LINUX_2.6\\0\"",
    // The symbols' versions, and what these are: the object's own name, and LINUX_2.6.
    ".p2align 1",
    "55: .short 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2",
    ".p2align 2",
    "56: .short 1, 1, 1, 1",
    ".long 0x0deebfa1, 20, 28, 88, 0",
    ".short 1, 0, 2, 1",
    ".long 0x03ae75f6, 20, 0, 104, 0",
    // The dynamic section: name, hash table, strings, symbols, versions.
    ".p2align 3",
    "57: .quad 14, 88",
    ".quad 4, 52b - lstar_vdso_x86_64",
    ".quad 5, 54b - lstar_vdso_x86_64",
    ".quad 10, 114",
    ".quad 6, 53b - lstar_vdso_x86_64",
    ".quad 11, 24",
    ".quad 0x6ffffff0, 55b - lstar_vdso_x86_64",
    ".quad 0x6ffffffc, 56b - lstar_vdso_x86_64",
    ".quad 0x6ffffffd, 2",
    ".quad 0, 0",
    // int clock_gettime(clockid_t, struct timespec *)
    ".p2align 4, 0x90",
    "lstar_vdso_clock_gettime:",
    "cmp edi, 11",
    "ja 9f",
    clock!(),
    now!(),
    "test edi, edi",
    "jnz 4f",
    "2: add rax, r10",
    "3:",
    seconds!(),
    "mov [rsi], rdx",
    "mov [rsi + 8], rax",
    "xor eax, eax",
    "ret",
    // Monotonic, boot time: neither counts what the other does not.
    "4: mov ecx, 0x82",
    "bt ecx, edi",
    "jc 3b",
    "cmp edi, 11",
    "je 5f",
    "mov ecx, 0x60",
    "bt ecx, edi",
    "jnc 9f",
    // Coarse: by whole ticks.
    "cmp edi, 5",
    "jne 6f",
    "add rax, r10",
    "6: xor edx, edx",
    "mov ecx, {tick}",
    "div rcx",
    "imul rax, rcx",
    "jmp 3b",
    "5: add rax, [r8 + {tai}]",
    "jmp 2b",
    "72: pause",
    "jmp 71b",
    "9: mov eax, 228",
    "syscall",
    "ret",
    "lstar_vdso_clock_gettime_end:",
    // int gettimeofday(struct timeval *, struct timezone *)
    ".p2align 4, 0x90",
    "lstar_vdso_gettimeofday:",
    clock!(),
    "test rdi, rdi",
    "jz 2f",
    now!(),
    "add rax, r10",
    seconds!(),
    "mov [rdi], rdx",
    // By 1000.
    "imul rax, rax, 274877907",
    "shr rax, 38",
    "mov [rdi + 8], rax",
    "2: test rsi, rsi",
    "jz 3f",
    "mov rax, [r8 + {zone}]",
    "mov [rsi], rax",
    "3: xor eax, eax",
    "ret",
    "72: pause",
    "jmp 71b",
    "lstar_vdso_gettimeofday_end:",
    // time_t time(time_t *)
    ".p2align 4, 0x90",
    "lstar_vdso_time:",
    clock!(),
    now!(),
    "add rax, r10",
    seconds!(),
    "mov rax, rdx",
    "test rdi, rdi",
    "jz 2f",
    "mov [rdi], rax",
    "2: ret",
    "72: pause",
    "jmp 71b",
    "lstar_vdso_time_end:",
    // int getcpu(unsigned *, unsigned *, void *)
    ".p2align 4, 0x90",
    "lstar_vdso_getcpu:",
    "mov eax, {cpu_number}",
    "lsl eax, eax",
    "test rdi, rdi",
    "jz 2f",
    "mov [rdi], eax",
    "2: test rsi, rsi",
    "jz 3f",
    "mov dword ptr [rsi], 0",
    "3: xor eax, eax",
    "ret",
    "lstar_vdso_getcpu_end:",
    // int clock_getres(clockid_t, struct timespec *)
    ".p2align 4, 0x90",
    "lstar_vdso_clock_getres:",
    "cmp edi, 11",
    "ja 9f",
    "mov ecx, 0x8f3",
    "bt ecx, edi",
    "jnc 9f",
    "test rsi, rsi",
    "jz 2f",
    "mov eax, 1",
    "mov edx, {tick}",
    "mov ecx, 0x60",
    "bt ecx, edi",
    "cmovc eax, edx",
    "mov qword ptr [rsi], 0",
    "mov [rsi + 8], rax",
    "2: xor eax, eax",
    "ret",
    "9: mov eax, 229",
    "syscall",
    "ret",
    "lstar_vdso_clock_getres_end:",
    "lstar_vdso_x86_64_end:",
    ".globl lstar_vdso_x86_64_end",
    ".popsection",
    base = const offset::BASE,
    time = const offset::TIME,
    multiplier = const offset::MULTIPLIER,
    ahead = const offset::AHEAD,
    tai = const offset::TAI,
    zone = const offset::ZONE,
    tick = const super::clock::TICK,
    cpu_number = const crate::cpu::tables::CPU_NUMBER,
);

#[allow(improper_ctypes)]
unsafe extern "C" {
    static lstar_vdso_x86_64: u8;
    static lstar_vdso_x86_64_end: u8;
}

/// The image, which fits a page.
pub fn x86_64() -> &'static [u8] {
    let (start, end) = (&raw const lstar_vdso_x86_64, &raw const lstar_vdso_x86_64_end);
    // SAFETY: the image is between the two symbols, in memory that is never written.
    unsafe { core::slice::from_raw_parts(start, end as usize - start as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_an_object_with_the_names_libraries_look_for() {
        let image = x86_64();
        assert!(image.starts_with(b"\x7fELF") && image.len() <= 4096);
        let half = |at: usize| u16::from_le_bytes(image[at..at + 2].try_into().unwrap());
        let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
        let long = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize;
        assert_eq!((half(56), long(64 + 32)), (2, image.len()));
        let dynamic = long(64 + 56 + 8);
        let value = |tag: usize| (0..10).find(|n| long(dynamic + 16 * n) == tag).map(|n| long(dynamic + 16 * n + 8));
        let strings = value(5).unwrap();
        let name = |at: usize| image[strings + at..].split(|byte| *byte == 0).next().unwrap();
        assert_eq!(name(value(14).unwrap()), b"linux-vdso.so.1");
        let symbols = value(6).unwrap();
        let expected = ["clock_gettime", "gettimeofday", "time", "getcpu", "clock_getres"];
        for (index, expected) in expected.iter().enumerate() {
            for (which, prefix) in [(1, "__vdso_"), (2, "")] {
                let symbol = symbols + 24 * (2 * index + which);
                assert_eq!(name(word(symbol) as usize), [prefix.as_bytes(), expected.as_bytes()].concat());
                assert!(long(symbol + 8) % 16 == 0 && long(symbol + 8) + long(symbol + 16) <= image.len());
            }
        }
        let hash = value(4).unwrap();
        assert_eq!((word(hash), word(hash + 4)), (1, 11));
        let mut next = word(hash + 8);
        let mut seen = 0;
        while next != 0 {
            seen += 1;
            next = word(hash + 12 + 4 * next as usize);
        }
        assert_eq!(seen, 10);
        let version = value(0x6fff_fffc).unwrap() + 28;
        assert_eq!(name(word(version + 20) as usize), b"LINUX_2.6");
    }
}
