//! The first instructions: PVH entry (32-bit, paging off) to 64-bit code in the top 2 GiB, and the other CPUs' way there.
//!
//! The boot page tables map the first 4 GiB twice (identity, dropped with these tables, and direct map) and the first
//! 2 GiB at -2 GiB. They are kept for the start of further CPUs.
use core::arch::global_asm;

global_asm!(
    r#"
    .set BASE, 0xffffffff80000000

    # Type 18 (physical 32-bit entry), owner "Xen". The descriptor is 8 bytes long: QEMU reads a size_t.
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad pvh_start - BASE

    .section .text.boot, "ax", @progbits
    .code32
    .globl pvh_start
pvh_start:
    cld
    cli
    mov  %ebx, %esi                       # hvm_start_info (physical)
    mov  $(__bss_start - BASE), %edi      # the loader need not have zeroed .bss
    mov  $(__bss_end - BASE), %ecx
    sub  %edi, %ecx
    shr  $2, %ecx
    xor  %eax, %eax
    rep  stosl
    mov  $(boot_directories - BASE), %edi # 4 GiB in 2 MiB pages
    mov  $0x83, %eax                      # present, writable, large
    mov  $2048, %ecx
1:  mov  %eax, (%edi)
    add  $0x200000, %eax
    add  $8, %edi
    dec  %ecx
    jnz  1b
    mov  $(boot_directories - BASE + 3), %eax
    mov  $(boot_pointers_low - BASE), %edi
    mov  $4, %ecx
2:  mov  %eax, (%edi)
    add  $0x1000, %eax
    add  $8, %edi
    dec  %ecx
    jnz  2b
    mov  $(boot_directories - BASE + 3), %eax
    mov  $(boot_pointers_high - BASE), %edi
    mov  %eax, 510*8(%edi)
    add  $0x1000, %eax
    mov  %eax, 511*8(%edi)
    mov  $(boot_page_tables - BASE), %edi
    mov  $(boot_pointers_low - BASE + 3), %eax
    mov  %eax, (%edi)                     # identity
    mov  %eax, 273*8(%edi)                # direct map at 0xffff888000000000
    mov  $(boot_pointers_high - BASE + 3), %eax
    mov  %eax, 511*8(%edi)

enter_long_mode:                          # further CPUs come here too
    mov  %cr4, %eax
    or   $0x20, %eax                      # PAE
    mov  %eax, %cr4
    mov  $(boot_page_tables - BASE), %eax
    mov  %eax, %cr3
    mov  $0xc0000080, %ecx                # EFER: SCE | LME | NXE
    rdmsr
    or   $0x901, %eax
    wrmsr
    mov  %cr0, %eax
    and  $0x9fffffff, %eax                # caches on: CD and NW are set after INIT
    or   $0x80010003, %eax                # PG | WP | MP | PE
    mov  %eax, %cr0
    lgdt (boot_gdt_pointer - BASE)
    ljmp $0x10, $(start64_low - BASE)

    .code64
start64_low:
    movabs $start64, %rax
    jmp  *%rax
start64:
    mov  $0x18, %eax
    mov  %eax, %ds
    mov  %eax, %es
    mov  %eax, %ss
    xor  %eax, %eax
    mov  %eax, %fs
    mov  %eax, %gs
    mov  boot_stack_pointer(%rip), %rsp
    xor  %ebp, %ebp
    mov  %esi, %edi
    mov  boot_target(%rip), %rax
    call *%rax
3:  cli
    hlt
    jmp  3b

    # Copied to physical 0x8000, where the other CPUs start in real mode.
    .section .rodata.boot, "a"
    .balign 16
    .globl trampoline_start, trampoline_end
trampoline_start:
    .code16
    cli
    cld
    xor  %ax, %ax
    mov  %ax, %ds
    lgdtl (0x8000 + (trampoline_gdt_pointer - trampoline_start))
    mov  %cr0, %eax
    or   $1, %eax
    mov  %eax, %cr0
    ljmpl $0x08, $(0x8000 + (trampoline_32 - trampoline_start))
    .code32
trampoline_32:
    mov  $0x18, %eax
    mov  %eax, %ds
    mov  %eax, %es
    mov  %eax, %ss
    xor  %esi, %esi
    mov  $(enter_long_mode - BASE), %eax
    jmp  *%eax
    .balign 8
trampoline_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff              # 0x08 code, 32-bit
    .quad 0
    .quad 0x00cf93000000ffff              # 0x18 data
trampoline_gdt_pointer:
    .word . - trampoline_gdt - 1
    .long 0x8000 + (trampoline_gdt - trampoline_start)
trampoline_end:
    .code64

    .section .data.boot, "aw"
    .balign 8
    .globl boot_stack_pointer, boot_target
boot_stack_pointer: .quad boot_stack_top
boot_target:        .quad lstar_start
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff              # 0x08 code, 32-bit
    .quad 0x00af9b000000ffff              # 0x10 code, 64-bit
    .quad 0x00cf93000000ffff              # 0x18 data
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .quad boot_gdt - BASE

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_page_tables:   .skip 4096
boot_pointers_low:  .skip 4096
boot_pointers_high: .skip 4096
boot_directories:   .skip 16384
boot_stack:         .skip 32768
    .globl boot_stack, boot_stack_top
boot_stack_top:
    .section .text, "ax", @progbits
"#,
    options(att_syntax)
);
