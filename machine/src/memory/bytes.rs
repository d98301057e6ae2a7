//! Moving bytes: whole pages, memory that others may change meanwhile, and the `mem*` functions the compiler calls.
//!
//! All are loops of 8-byte moves: translated code (TCG) runs `rep movsb` ten times slower, and the kernel's code may not
//! touch vector registers, which hold the user's values.
use super::PAGE_SIZE;

/// Zeroes a page.
///
/// # Safety
/// `page` is a page of memory, aligned to 8, that is nobody else's.
#[inline]
pub(crate) unsafe fn zero_page(page: *mut u8) {
    #[cfg(target_os = "none")]
    // SAFETY: stores only to the page.
    unsafe {
        core::arch::asm!(
            "2:",
            "mov [{p}], {z}", "mov [{p} + 8], {z}", "mov [{p} + 16], {z}", "mov [{p} + 24], {z}",
            "mov [{p} + 32], {z}", "mov [{p} + 40], {z}", "mov [{p} + 48], {z}", "mov [{p} + 56], {z}",
            "mov [{p} + 64], {z}", "mov [{p} + 72], {z}", "mov [{p} + 80], {z}", "mov [{p} + 88], {z}",
            "mov [{p} + 96], {z}", "mov [{p} + 104], {z}", "mov [{p} + 112], {z}", "mov [{p} + 120], {z}",
            "sub {p}, -128",
            "dec {n:e}",
            "jnz 2b",
            p = inout(reg) page => _, n = inout(reg) PAGE_SIZE / 128 => _, z = in(reg) 0u64,
            options(nostack)
        )
    }
    #[cfg(not(target_os = "none"))]
    // SAFETY: a page by the caller's promise.
    unsafe {
        page.write_bytes(0, PAGE_SIZE)
    }
}

/// Copies a page.
///
/// # Safety
/// Both are different pages of memory, aligned to 8; `to` is nobody else's.
#[inline]
pub(crate) unsafe fn copy_page(to: *mut u8, from: *const u8) {
    // SAFETY: whole pages by the caller's promise.
    unsafe { copy(to, from, PAGE_SIZE) }
}

/// Copies `length` bytes that others may change meanwhile (the compiler knows nothing of the access).
///
/// # Safety
/// Both ranges are memory; they do not overlap.
#[inline(always)]
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, length: usize) {
    #[cfg(target_os = "none")]
    // SAFETY: as the caller promises.
    unsafe {
        kernel::opaque_copy(to, from, length);
    }
    #[cfg(not(target_os = "none"))]
    // SAFETY: as the caller promises.
    unsafe {
        to.copy_from_nonoverlapping(from, length)
    }
}

/// Fills `length` bytes that others may change meanwhile.
///
/// # Safety
/// The range is memory.
pub(crate) unsafe fn fill(to: *mut u8, value: u8, length: usize) {
    #[cfg(target_os = "none")]
    // SAFETY: as the caller promises.
    unsafe {
        kernel::opaque_fill(to, i32::from(value), length);
    }
    #[cfg(not(target_os = "none"))]
    // SAFETY: as the caller promises.
    unsafe {
        to.write_bytes(value, length)
    }
}

// Built for the host's tests too, but under the compiler's names only for the kernel.
#[cfg(any(target_os = "none", test))]
mod kernel {
    use core::arch::naked_asm;

    /// rdi from rsi, rdx bytes, upwards; gives rdi. Eight bytes or more end with one move that may overlap those before it;
    /// fewer are all loaded before any is stored.
    macro_rules! copy_up {
        () => {
            naked_asm!(
                "mov rax, rdi",
                "cmp rdx, 8",
                "jb 5f",
                "22: mov r11, [rsi + rdx - 8]",
                "lea r10, [rdi + rdx - 8]",
                "sub rdx, 64",
                "jb 3f",
                ".p2align 4",
                "2: mov rcx, [rsi]",
                "mov r8, [rsi + 8]",
                "mov r9, [rsi + 16]",
                "mov [rdi], rcx",
                "mov rcx, [rsi + 24]",
                "mov [rdi + 8], r8",
                "mov [rdi + 16], r9",
                "mov [rdi + 24], rcx",
                "mov rcx, [rsi + 32]",
                "mov r8, [rsi + 40]",
                "mov r9, [rsi + 48]",
                "mov [rdi + 32], rcx",
                "mov rcx, [rsi + 56]",
                "mov [rdi + 40], r8",
                "mov [rdi + 48], r9",
                "mov [rdi + 56], rcx",
                "add rsi, 64",
                "add rdi, 64",
                "sub rdx, 64",
                "jae 2b",
                "3: add rdx, 56",
                "js 9f",
                "4: mov rcx, [rsi]",
                "mov [rdi], rcx",
                "add rsi, 8",
                "add rdi, 8",
                "sub rdx, 8",
                "jns 4b",
                "9: mov [r10], r11",
                "ret",
                "5: cmp edx, 4",
                "jb 6f",
                "mov ecx, [rsi]",
                "mov r8d, [rsi + rdx - 4]",
                "mov [rdi], ecx",
                "mov [rdi + rdx - 4], r8d",
                "ret",
                "6: cmp edx, 2",
                "jb 7f",
                "movzx ecx, word ptr [rsi]",
                "movzx r8d, byte ptr [rsi + rdx - 1]",
                "mov [rdi], cx",
                "mov [rdi + rdx - 1], r8b",
                "ret",
                "7: test edx, edx",
                "jz 8f",
                "movzx ecx, byte ptr [rsi]",
                "mov [rdi], cl",
                "8: ret",
            )
        };
    }
    /// rdi filled with sil, rdx bytes; gives rdi.
    macro_rules! fill {
        () => {
            naked_asm!(
                "mov rax, rdi",
                "movzx ecx, sil",
                "movabs r8, 0x0101010101010101",
                "imul rcx, r8",
                "cmp rdx, 8",
                "jb 5f",
                "lea r10, [rdi + rdx - 8]",
                "sub rdx, 64",
                "jb 3f",
                ".p2align 4",
                "2: mov [rdi], rcx",
                "mov [rdi + 8], rcx",
                "mov [rdi + 16], rcx",
                "mov [rdi + 24], rcx",
                "mov [rdi + 32], rcx",
                "mov [rdi + 40], rcx",
                "mov [rdi + 48], rcx",
                "mov [rdi + 56], rcx",
                "add rdi, 64",
                "sub rdx, 64",
                "jae 2b",
                "3: add rdx, 56",
                "js 9f",
                "4: mov [rdi], rcx",
                "add rdi, 8",
                "sub rdx, 8",
                "jns 4b",
                "9: mov [r10], rcx",
                "ret",
                "5: cmp edx, 4",
                "jb 6f",
                "mov [rdi], ecx",
                "mov [rdi + rdx - 4], ecx",
                "ret",
                "6: cmp edx, 2",
                "jb 7f",
                "mov [rdi], cx",
                "mov [rdi + rdx - 1], cl",
                "ret",
                "7: test edx, edx",
                "jz 8f",
                "mov [rdi], cl",
                "8: ret",
            )
        };
    }

    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn opaque_copy(_to: *mut u8, _from: *const u8, _length: usize) -> *mut u8 {
        copy_up!()
    }
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn opaque_fill(_to: *mut u8, _value: i32, _length: usize) -> *mut u8 {
        fill!()
    }
    #[unsafe(naked)]
    #[cfg_attr(target_os = "none", unsafe(no_mangle))]
    pub(super) unsafe extern "C" fn memcpy(_to: *mut u8, _from: *const u8, _length: usize) -> *mut u8 {
        copy_up!()
    }
    #[unsafe(naked)]
    #[cfg_attr(target_os = "none", unsafe(no_mangle))]
    pub(super) unsafe extern "C" fn memset(_to: *mut u8, _value: i32, _length: usize) -> *mut u8 {
        fill!()
    }
    /// Upwards unless the target begins inside the source.
    #[unsafe(naked)]
    #[cfg_attr(target_os = "none", unsafe(no_mangle))]
    pub(super) unsafe extern "C" fn memmove(_to: *mut u8, _from: *const u8, _length: usize) -> *mut u8 {
        naked_asm!(
            "mov rcx, rdi",
            "sub rcx, rsi",
            "cmp rcx, rdx",
            "jae {up}",
            "cmp rdx, 8",
            "jb {up}",
            "mov rax, rdi",
            "mov r11, [rsi]",
            "sub rdx, 32",
            "jb 3f",
            "2: mov rcx, [rsi + rdx + 24]",
            "mov r8, [rsi + rdx + 16]",
            "mov [rdi + rdx + 24], rcx",
            "mov rcx, [rsi + rdx + 8]",
            "mov [rdi + rdx + 16], r8",
            "mov r8, [rsi + rdx]",
            "mov [rdi + rdx + 8], rcx",
            "mov [rdi + rdx], r8",
            "sub rdx, 32",
            "jae 2b",
            "3: add rdx, 24",
            "js 9f",
            "4: mov rcx, [rsi + rdx]",
            "mov [rdi + rdx], rcx",
            "sub rdx, 8",
            "jns 4b",
            "9: mov [rdi], r11",
            "ret",
            up = sym memcpy,
        )
    }
    #[unsafe(naked)]
    #[cfg_attr(target_os = "none", unsafe(no_mangle))]
    pub(super) unsafe extern "C" fn memcmp(_a: *const u8, _b: *const u8, _length: usize) -> i32 {
        naked_asm!(
            "sub rdx, 8",
            "jb 4f",
            "2: mov rax, [rdi]",
            "mov rcx, [rsi]",
            "cmp rax, rcx",
            "jne 3f",
            "add rdi, 8",
            "add rsi, 8",
            "sub rdx, 8",
            "jae 2b",
            "jmp 4f",
            // The first differing byte decides: it is the most significant one when swapped.
            "3: bswap rax",
            "bswap rcx",
            "cmp rax, rcx",
            "sbb eax, eax",
            "or eax, 1",
            "ret",
            "4: add rdx, 8",
            "jz 6f",
            "5: movzx eax, byte ptr [rdi]",
            "movzx ecx, byte ptr [rsi]",
            "sub eax, ecx",
            "jne 7f",
            "inc rdi",
            "inc rsi",
            "dec rdx",
            "jnz 5b",
            "6: xor eax, eax",
            "7: ret",
        )
    }
    #[unsafe(naked)]
    #[cfg_attr(target_os = "none", unsafe(no_mangle))]
    pub(super) unsafe extern "C" fn bcmp(_a: *const u8, _b: *const u8, _length: usize) -> i32 {
        naked_asm!("jmp {compare}", compare = sym memcmp)
    }
}

#[cfg(test)]
mod tests {
    use super::kernel;

    #[test]
    fn every_length_and_overlap() {
        let original: Vec<u8> = (0..600u32).map(|index| (index * 7 + index / 256) as u8).collect();
        for length in (0..150).chain([255, 256, 300]) {
            for (from, to) in [(0, 300), (300, 0), (100, 101), (101, 100), (100, 109), (109, 100), (50, 50), (60, 130)]
            {
                let (mut ours, mut expected) = (original.clone(), original.clone());
                expected.copy_within(from..from + length, to);
                let base = ours.as_mut_ptr();
                // SAFETY: within the vector.
                unsafe { kernel::memmove(base.add(to), base.add(from), length) };
                assert_eq!(ours, expected, "memmove {length} from {from} to {to}");
                if to == 300 || to == 0 {
                    ours.copy_from_slice(&original);
                    // SAFETY: within the vector, not overlapping.
                    unsafe { kernel::opaque_copy(base.add(to), base.add(from), length) };
                    assert_eq!(ours, expected, "memcpy {length}");
                }
            }
            let (mut ours, mut expected) = (original.clone(), original.clone());
            expected[3..3 + length].fill(0xa5);
            // SAFETY: within the vector.
            unsafe { kernel::opaque_fill(ours.as_mut_ptr().add(3), 0x1a5, length) };
            assert_eq!(ours, expected, "memset {length}");
            for differs in 0..length {
                ours.copy_from_slice(&original);
                ours[differs] = ours[differs].wrapping_add(1);
                // SAFETY: within both vectors.
                let order = unsafe { kernel::memcmp(ours.as_ptr(), original.as_ptr(), length) };
                assert_eq!(order.signum(), ours[..length].cmp(&original[..length]) as i32);
                // SAFETY: within both vectors.
                assert_eq!(unsafe { kernel::bcmp(ours.as_ptr(), original.as_ptr(), differs) }, 0);
            }
        }
    }
}
