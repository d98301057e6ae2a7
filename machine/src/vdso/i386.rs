//! The image of 32-bit programs: `__kernel_vsyscall`, where their signal handlers return to, and clocks and the CPU's number
//! without a call. The page before the image is the clocks'.
use super::clock::{TICK, offset};
use crate::cpu::tables::CPU_NUMBER;
use crate::sync::Once;
use core::arch::global_asm;
use core::arch::x86_64::__cpuid;

// The way in is patched to what the CPU has: `int 0x80`, which follows it, is what all have. A fast call returns behind that.
// The trampolines of signal handlers are known by their bytes, and by the `nop` before them, to debuggers and to unwinders.
global_asm!(
    ".pushsection .rodata.vdso_i386, \"a\", @progbits",
    ".p2align 12",
    ".globl lstar_vdso_i386",
    "lstar_vdso_i386:",
    // The ELF header.
    ".byte 0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0",
    ".short 3, 3",
    ".long 1, 0, 52, 0, 0",
    ".short 52, 32, 2, 40, 0, 0",
    // The segments: all of it, and the dynamic section.
    ".long 1, 0, 0, 0, 8f - lstar_vdso_i386, 8f - lstar_vdso_i386, 5, 4096",
    ".long 2, 7f - lstar_vdso_i386, 7f - lstar_vdso_i386, 7f - lstar_vdso_i386, 80, 80, 4, 4",
    // The hash table: one bucket with a chain of all names.
    "2:",
    ".long 1, 10, 1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 0",
    // The symbols.
    "3:",
    ".long 0, 0, 0, 0",
    ".long 1, lstar_vdso_i386_vsyscall - lstar_vdso_i386, 20, 0x000c0012",
    ".long 19, lstar_vdso_i386_sigreturn - lstar_vdso_i386, 8, 0x000c0012",
    ".long 38, lstar_vdso_i386_rt_sigreturn - lstar_vdso_i386, 7, 0x000c0012",
    ".long 60, lstar_vdso_i386_clock_gettime - lstar_vdso_i386, lstar_vdso_i386_clock_gettime_end - lstar_vdso_i386_clock_gettime, 0x000c0012",
    ".long 81, lstar_vdso_i386_clock_gettime64 - lstar_vdso_i386, lstar_vdso_i386_clock_gettime64_end - lstar_vdso_i386_clock_gettime64, 0x000c0012",
    ".long 104, lstar_vdso_i386_gettimeofday - lstar_vdso_i386, lstar_vdso_i386_gettimeofday_end - lstar_vdso_i386_gettimeofday, 0x000c0012",
    ".long 124, lstar_vdso_i386_time - lstar_vdso_i386, lstar_vdso_i386_time_end - lstar_vdso_i386_time, 0x000c0012",
    ".long 136, lstar_vdso_i386_clock_getres - lstar_vdso_i386, lstar_vdso_i386_clock_getres_end - lstar_vdso_i386_clock_getres, 0x000c0012",
    ".long 156, lstar_vdso_i386_getcpu - lstar_vdso_i386, lstar_vdso_i386_getcpu_end - lstar_vdso_i386_getcpu, 0x000c0012",
    // Their names, and those of the object and of the versions.
    "4:",
    ".byte 0",
    ".ascii \"__kernel_vsyscall\\0\"",
    ".ascii \"__kernel_sigreturn\\0\"",
    ".ascii \"__kernel_rt_sigreturn\\0\"",
    ".ascii \"__vdso_clock_gettime\\0\"",
    ".ascii \"__vdso_clock_gettime64\\0\"",
    ".ascii \"__vdso_gettimeofday\\0\"",
    ".ascii \"__vdso_time\\0\"",
    ".ascii \"__vdso_clock_getres\\0\"",
    ".ascii \"__vdso_getcpu\\0\"",
    ".ascii \"linux-gate.so.1\\0\"",
    ".ascii \"LINUX_2.5\\0\"",
    ".ascii \"LINUX_2.6\\0\"",
    ".p2align 2",
    // The symbols' versions, and what these are: the object's own name, LINUX_2.5, LINUX_2.6.
    "5:",
    ".short 0, 2, 2, 2, 3, 3, 3, 3, 3, 3",
    "6:",
    ".short 1, 1, 1, 1",
    ".long 0x0fcef091, 20, 28, 170, 0",
    ".short 1, 0, 2, 1",
    ".long 0x03ae75f5, 20, 28, 186, 0",
    ".short 1, 0, 3, 1",
    ".long 0x03ae75f6, 20, 0, 196, 0",
    // The dynamic section: name, hash table, strings, symbols, versions.
    "7:",
    ".long 14, 170",
    ".long 4, 2b - lstar_vdso_i386",
    ".long 5, 4b - lstar_vdso_i386",
    ".long 10, 206",
    ".long 6, 3b - lstar_vdso_i386",
    ".long 11, 16",
    ".long 0x6ffffff0, 5b - lstar_vdso_i386",
    ".long 0x6ffffffc, 6b - lstar_vdso_i386",
    ".long 0x6ffffffd, 3",
    ".long 0, 0",
    ".code32",
    ".p2align 4, 0x90",
    ".globl lstar_vdso_i386_vsyscall",
    "lstar_vdso_i386_vsyscall:",
    "push ecx",
    "push edx",
    "push ebp",
    ".globl lstar_vdso_i386_way_in",
    "lstar_vdso_i386_way_in:",
    ".byte 0x90, 0x90, 0x90, 0x90",
    "int 0x80",
    ".globl lstar_vdso_i386_landing",
    "lstar_vdso_i386_landing:",
    "pop ebp",
    "pop edx",
    "pop ecx",
    "ret",
    ".p2align 4, 0x90",
    "nop",
    ".p2align 4, 0x90",
    ".globl lstar_vdso_i386_sigreturn",
    "lstar_vdso_i386_sigreturn:",
    "pop eax",
    "mov eax, 119",
    "int 0x80",
    "nop",
    ".p2align 4, 0x90",
    ".globl lstar_vdso_i386_rt_sigreturn",
    "lstar_vdso_i386_rt_sigreturn:",
    "mov eax, 173",
    "int 0x80",
    "nop",
    // Reads the clocks: monotonic nanoseconds in esi:ecx, what the wall clock is ahead in edx:eax, the clocks' page in ebx. Changes
    // edi and ebp.
    ".p2align 4, 0x90",
    "20:",
    "call 21f",
    "21:",
    "pop ebx",
    "and ebx, -4096",
    "sub ebx, 4096",
    // Until no change came between.
    "22:",
    "mov ebp, [ebx]",
    "test ebp, 1",
    "jnz 24f",
    // Not before the sequence was read.
    "lfence",
    "rdtsc",
    "sub eax, [ebx + {base}]",
    "sbb edx, [ebx + {base} + 4]",
    "jnc 23f",
    "xor eax, eax",
    "xor edx, edx",
    // Ticks in edi:esi times the multiplier, without the lowest 32 bits.
    "23:",
    "mov esi, eax",
    "mov edi, edx",
    "mul dword ptr [ebx + {multiplier}]",
    "mov ecx, edx",
    "mov eax, esi",
    "mul dword ptr [ebx + {multiplier} + 4]",
    "add ecx, eax",
    "adc edx, 0",
    "mov esi, edx",
    "mov eax, edi",
    "mul dword ptr [ebx + {multiplier}]",
    "add ecx, eax",
    "adc esi, edx",
    "imul edi, [ebx + {multiplier} + 4]",
    "add esi, edi",
    "add ecx, [ebx + {time}]",
    "adc esi, [ebx + {time} + 4]",
    "mov eax, [ebx + {ahead}]",
    "mov edx, [ebx + {ahead} + 4]",
    "cmp ebp, [ebx]",
    "jne 24f",
    "ret",
    "24:",
    "pause",
    "jmp 22b",
    // Seconds in esi:eax and the rest in edx, of nanoseconds in esi:ecx. Changes ebp.
    "25:",
    "mov ebp, 1000000000",
    "xor edx, edx",
    "mov eax, esi",
    "div ebp",
    "mov esi, eax",
    "mov eax, ecx",
    "div ebp",
    "ret",
    // Reads the clock whose number is the first argument of the function that has saved four registers: nanoseconds in esi:ecx;
    // carry if it is not a clock that is read here.
    "26:",
    "cmp dword ptr [esp + 24], 11",
    "ja 29f",
    "call 20b",
    "mov edi, [esp + 24]",
    "test edi, edi",
    "jz 28f",
    // Monotonic, boot time: neither counts what the other does not.
    "mov ebp, 0x82",
    "bt ebp, edi",
    "jc 27f",
    "cmp edi, 11",
    "je 30f",
    "mov ebp, 0x60",
    "bt ebp, edi",
    "jnc 29f",
    // Coarse: by whole ticks.
    "cmp edi, 5",
    "jne 31f",
    "add ecx, eax",
    "adc esi, edx",
    "31:",
    "mov ebp, {tick}",
    "xor edx, edx",
    "mov eax, esi",
    "div ebp",
    "mov eax, ecx",
    "div ebp",
    "sub ecx, edx",
    "sbb esi, 0",
    "27:",
    "clc",
    "ret",
    "30:",
    "add ecx, [ebx + {tai}]",
    "adc esi, [ebx + {tai} + 4]",
    "28:",
    "add ecx, eax",
    "adc esi, edx",
    "clc",
    "ret",
    "29:",
    "stc",
    "ret",
    // int clock_gettime(clockid_t, struct timespec *)
    ".p2align 4, 0x90",
    "lstar_vdso_i386_clock_gettime:",
    "push ebx",
    "push esi",
    "push edi",
    "push ebp",
    "call 26b",
    "mov eax, 265",
    "jc 32f",
    "call 25b",
    "mov ecx, [esp + 24]",
    "mov [ecx], eax",
    "mov [ecx + 4], edx",
    "xor eax, eax",
    "jmp 33f",
    "32:",
    "mov ebx, [esp + 20]",
    "mov ecx, [esp + 24]",
    "int 0x80",
    "33:",
    "pop ebp",
    "pop edi",
    "pop esi",
    "pop ebx",
    "ret",
    "lstar_vdso_i386_clock_gettime_end:",
    // int clock_gettime64(clockid_t, struct __kernel_timespec *)
    ".p2align 4, 0x90",
    "lstar_vdso_i386_clock_gettime64:",
    "push ebx",
    "push esi",
    "push edi",
    "push ebp",
    "call 26b",
    "mov eax, 403",
    "jc 32b",
    "call 25b",
    "mov ecx, [esp + 24]",
    "mov [ecx], eax",
    "mov [ecx + 4], esi",
    "mov [ecx + 8], edx",
    "xor eax, eax",
    "mov [ecx + 12], eax",
    "jmp 33b",
    "lstar_vdso_i386_clock_gettime64_end:",
    // int gettimeofday(struct timeval *, struct timezone *)
    ".p2align 4, 0x90",
    "lstar_vdso_i386_gettimeofday:",
    "push ebx",
    "push esi",
    "push edi",
    "push ebp",
    "call 20b",
    "add ecx, eax",
    "adc esi, edx",
    "call 25b",
    "mov edi, [esp + 20]",
    "test edi, edi",
    "jz 34f",
    "mov [edi], eax",
    "mov eax, edx",
    "xor edx, edx",
    "mov ebp, 1000",
    "div ebp",
    "mov [edi + 4], eax",
    "34:",
    "mov edi, [esp + 24]",
    "test edi, edi",
    "jz 35f",
    "mov eax, [ebx + {zone}]",
    "mov [edi], eax",
    "mov eax, [ebx + {zone} + 4]",
    "mov [edi + 4], eax",
    "35:",
    "xor eax, eax",
    "jmp 33b",
    "lstar_vdso_i386_gettimeofday_end:",
    // time_t time(time_t *)
    ".p2align 4, 0x90",
    "lstar_vdso_i386_time:",
    "push ebx",
    "push esi",
    "push edi",
    "push ebp",
    "call 20b",
    "add ecx, eax",
    "adc esi, edx",
    "call 25b",
    "mov edi, [esp + 20]",
    "test edi, edi",
    "jz 33b",
    "mov [edi], eax",
    "jmp 33b",
    "lstar_vdso_i386_time_end:",
    // int clock_getres(clockid_t, struct timespec *)
    ".p2align 4, 0x90",
    "lstar_vdso_i386_clock_getres:",
    "mov ecx, [esp + 4]",
    "cmp ecx, 11",
    "ja 37f",
    "mov edx, 1",
    "mov eax, 0x893",
    "bt eax, ecx",
    "jc 36f",
    "mov edx, {tick}",
    "mov eax, 0x60",
    "bt eax, ecx",
    "jnc 37f",
    "36:",
    "mov ecx, [esp + 8]",
    "xor eax, eax",
    "test ecx, ecx",
    "jz 38f",
    "mov [ecx], eax",
    "mov [ecx + 4], edx",
    "38:",
    "ret",
    "37:",
    "push ebx",
    "mov ebx, ecx",
    "mov ecx, [esp + 12]",
    "mov eax, 266",
    "int 0x80",
    "pop ebx",
    "ret",
    "lstar_vdso_i386_clock_getres_end:",
    // int getcpu(unsigned *, unsigned *, void *)
    ".p2align 4, 0x90",
    "lstar_vdso_i386_getcpu:",
    "mov eax, {cpu_number}",
    "lsl eax, eax",
    "and eax, 0xfff",
    "mov ecx, [esp + 4]",
    "test ecx, ecx",
    "jz 39f",
    "mov [ecx], eax",
    "39:",
    "xor eax, eax",
    "mov ecx, [esp + 8]",
    "test ecx, ecx",
    "jz 40f",
    "mov [ecx], eax",
    "40:",
    "ret",
    "lstar_vdso_i386_getcpu_end:",
    ".code64",
    "8:",
    ".globl lstar_vdso_i386_end",
    "lstar_vdso_i386_end:",
    ".popsection",
    base = const offset::BASE,
    time = const offset::TIME,
    multiplier = const offset::MULTIPLIER,
    ahead = const offset::AHEAD,
    tai = const offset::TAI,
    zone = const offset::ZONE,
    tick = const TICK,
    cpu_number = const CPU_NUMBER,
);

#[allow(improper_ctypes)]
unsafe extern "C" {
    static lstar_vdso_i386: u8;
    static lstar_vdso_i386_vsyscall: u8;
    static lstar_vdso_i386_way_in: u8;
    static lstar_vdso_i386_landing: u8;
    static lstar_vdso_i386_sigreturn: u8;
    static lstar_vdso_i386_rt_sigreturn: u8;
    static lstar_vdso_i386_end: u8;
}

/// Distance of a symbol from the beginning of the image.
macro_rules! offset {
    ($symbol:ident) => {
        (&raw const $symbol as u64).wrapping_sub(&raw const lstar_vdso_i386 as u64) as u32
    };
}

/// The image with the places in it that the kernel must know, counted from its beginning.
#[derive(Clone, Copy, Debug)]
pub struct I386Image {
    /// `__kernel_vsyscall`.
    pub vsyscall: u32,
    /// Where calls by `sysenter` and `syscall` go on.
    pub landing: u32,
    /// `__kernel_sigreturn`.
    pub sigreturn: u32,
    /// `__kernel_rt_sigreturn`.
    pub rt_sigreturn: u32,
    length: usize,
    way_in: usize,
    fast_call: [u8; 4],
}

/// The image for this CPU.
pub fn i386() -> &'static I386Image {
    static IMAGE: Once<I386Image> = Once::new();
    if IMAGE.get().is_none() {
        let _ = IMAGE.set(I386Image {
            vsyscall: offset!(lstar_vdso_i386_vsyscall),
            landing: offset!(lstar_vdso_i386_landing),
            sigreturn: offset!(lstar_vdso_i386_sigreturn),
            rt_sigreturn: offset!(lstar_vdso_i386_rt_sigreturn),
            length: offset!(lstar_vdso_i386_end) as usize,
            way_in: offset!(lstar_vdso_i386_way_in) as usize,
            fast_call: fast_call(),
        });
    }
    IMAGE.get().expect("set above")
}

/// What the CPU's maker offers 32-bit programs of a 64-bit kernel: `mov ebp, esp; sysenter`, or `mov ebp, ecx; syscall`, or
/// nothing.
fn fast_call() -> [u8; 4] {
    let maker = __cpuid(0);
    match [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).as_flattened() {
        b"GenuineIntel" | b"CentaurHauls" if __cpuid(1).edx >> 11 & 1 == 1 => [0x89, 0xe5, 0x0f, 0x34],
        b"AuthenticAMD" | b"HygonGenuine" => [0x89, 0xcd, 0x0f, 0x05],
        _ => [0x90; 4],
    }
}

impl I386Image {
    /// What a page must hold to be the image: bytes and where they go, later ones over earlier ones.
    pub fn parts(&self) -> [(usize, &[u8]); 2] {
        // SAFETY: the image is between the two symbols, in memory that is never written.
        let image = unsafe { core::slice::from_raw_parts(&raw const lstar_vdso_i386, self.length) };
        [(0, image), (self.way_in, &self.fast_call)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of names in ELF objects.
    fn hash(name: &[u8]) -> u32 {
        name.iter().fold(0u32, |hash, byte| {
            let hash = (hash << 4).wrapping_add(u32::from(*byte));
            let high = hash & 0xf000_0000;
            (hash ^ high >> 24) & !high
        })
    }

    #[test]
    fn the_image_is_in_order() {
        let image = i386();
        let mut page = [0; 4096];
        for (at, bytes) in image.parts() {
            page[at..at + bytes.len()].copy_from_slice(bytes);
        }
        assert_eq!(&page[..4], b"\x7fELF");
        let word = |at: usize| u32::from_le_bytes(page[at..at + 4].try_into().unwrap());
        assert_eq!(word(52 + 16) as usize, image.length);
        let dynamic = word(84 + 4) as usize;
        let value =
            |tag: u32| (0..10).find(|n| word(dynamic + 8 * n) == tag).map(|n| word(dynamic + 8 * n + 4) as usize);
        let strings = value(5).unwrap();
        let string = |at: usize| page[strings + at..].split(|byte| *byte == 0).next().unwrap();
        assert_eq!(string(value(14).unwrap()), b"linux-gate.so.1");
        assert_eq!(value(10).unwrap(), 206);
        let symbols = value(6).unwrap();
        let names = [b"__kernel_vsyscall".as_slice(), b"__kernel_sigreturn", b"__kernel_rt_sigreturn"];
        for ((number, name), place) in (1..).zip(names).zip([image.vsyscall, image.sigreturn, image.rt_sigreturn]) {
            assert_eq!(string(word(symbols + 16 * number) as usize), name);
            assert_eq!(word(symbols + 16 * number + 4), place);
        }
        let versions = value(0x6fff_fffc).unwrap();
        let all = [b"linux-gate.so.1".as_slice(), b"LINUX_2.5", b"LINUX_2.6"];
        for (at, name) in (versions..).step_by(28).zip(all) {
            assert_eq!(word(at + 8), hash(name), "{:x}", hash(name));
            assert_eq!(string(word(at + 20) as usize), name);
        }
        assert_eq!(&page[image.sigreturn as usize..][..8], b"\x58\xb8\x77\0\0\0\xcd\x80");
        assert_eq!(&page[image.rt_sigreturn as usize..][..7], b"\xb8\xad\0\0\0\xcd\x80");
    }
}
