//! CPUs as /proc/cpuinfo shows them.
use super::{CpuId, features, local::CPUS};
use core::arch::x86_64::__cpuid;
use core::fmt::{self, Write};
use core::sync::atomic::Ordering;

/// Names of the bits of CPUID words as Linux prints them; empty for those it does not show.
struct Word(fn() -> u32, [&'static str; 32]);

fn leaf_7() -> core::arch::x86_64::CpuidResult {
    if __cpuid(0).eax >= 7 { core::arch::x86_64::__cpuid_count(7, 0) } else { __cpuid(0x2000_0000) }
}

#[rustfmt::skip]
static WORDS: [Word; 6] = [
    Word(|| __cpuid(1).edx, [
        "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr", "pge", "mca", "cmov",
        "pat", "pse36", "pn", "clflush", "", "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
    ]),
    Word(|| __cpuid(0x8000_0001).edx, [
        "", "", "", "", "", "", "", "", "", "", "", "syscall", "", "", "", "",
        "", "", "", "mp", "nx", "", "mmxext", "", "", "fxsr_opt", "pdpe1gb", "rdtscp", "", "lm", "3dnowext", "3dnow",
    ]),
    Word(|| __cpuid(1).ecx, [
        "pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma",
        "cx16", "xtpr", "pdcm", "", "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt",
        "tsc_deadline_timer", "aes", "xsave", "", "avx", "f16c", "rdrand", "hypervisor",
    ]),
    Word(|| __cpuid(0x8000_0001).ecx, [
        "lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw",
        "ibs", "xop", "skinit", "wdt", "", "lwp", "fma4", "tce", "", "nodeid_msr", "", "tbm", "topoext",
        "perfctr_core", "perfctr_nb", "", "bpext", "ptsc", "perfctr_llc", "mwaitx", "", "",
    ]),
    Word(|| leaf_7().ebx, [
        "fsgsbase", "tsc_adjust", "sgx", "bmi1", "hle", "avx2", "", "smep", "bmi2", "erms", "invpcid", "rtm", "cqm", "",
        "mpx", "rdt_a", "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "", "clflushopt", "clwb",
        "intel_pt", "avx512pf", "avx512er", "avx512cd", "sha_ni", "avx512bw", "avx512vl",
    ]),
    Word(|| leaf_7().ecx, [
        "", "avx512vbmi", "umip", "pku", "ospke", "waitpkg", "avx512_vbmi2", "", "gfni", "vaes", "vpclmulqdq",
        "avx512_vnni", "avx512_bitalg", "tme", "avx512_vpopcntdq", "", "la57", "", "", "", "", "", "rdpid", "",
        "bus_lock_detect", "cldemote", "", "movdiri", "movdir64b", "enqcmd", "", "",
    ]),
];

fn text<const N: usize>(words: [u32; N]) -> ([u8; 48], usize) {
    let mut out = [0; 48];
    for (place, byte) in out.iter_mut().zip(words.iter().flat_map(|word| word.to_le_bytes())) {
        *place = byte;
    }
    let length = out.iter().position(|&byte| byte == 0).unwrap_or((N * 4).min(48));
    (out, length)
}

fn printable(bytes: &([u8; 48], usize)) -> &str {
    core::str::from_utf8(bytes.0.get(..bytes.1).unwrap_or(&[])).unwrap_or("").trim()
}

/// KiB of the cache that /proc/cpuinfo shows: the second level's (AMD manual 3, function 8000_0006h).
fn cache_size() -> u32 {
    if __cpuid(0x8000_0000).eax >= 0x8000_0006 { __cpuid(0x8000_0006).ecx >> 16 } else { 0 }
}

/// Whether loads are known never to pass stores to the same address: AMD's of the families 15 to 18, and those that say so.
pub fn is_safe_from_store_bypass() -> bool {
    let zero = __cpuid(0);
    let signature = __cpuid(1).eax;
    let (base, extended) = (signature >> 8 & 15, signature >> 20 & 0xff);
    let is_old = text([zero.ebx, zero.edx, zero.ecx]).0.starts_with(b"AuthenticAMD") && base == 15 && extended <= 3;
    is_old || __cpuid(0x8000_0000).eax >= 0x8000_0008 && __cpuid(0x8000_0008).ebx >> 26 & 1 == 1
}

/// Vendor, family, features and model name as /proc/cpuinfo shows them.
pub fn describe(cpu: CpuId, out: &mut dyn Write) -> fmt::Result {
    let zero = __cpuid(0);
    let vendor = text([zero.ebx, zero.edx, zero.ecx]);
    let one = __cpuid(1);
    let stepping = one.eax & 15;
    let (base_family, base_model) = (one.eax >> 8 & 15, one.eax >> 4 & 15);
    let family = if base_family == 15 { 15 + (one.eax >> 20 & 0xff) } else { base_family };
    let model = if family >= 6 { (one.eax >> 16 & 15) << 4 | base_model } else { base_model };
    let brand = if __cpuid(0x8000_0000).eax >= 0x8000_0004 {
        let part = [__cpuid(0x8000_0002), __cpuid(0x8000_0003), __cpuid(0x8000_0004)];
        let words = part.map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]);
        text([
            words[0][0],
            words[0][1],
            words[0][2],
            words[0][3],
            words[1][0],
            words[1][1],
            words[1][2],
            words[1][3],
            words[2][0],
            words[2][1],
            words[2][2],
            words[2][3],
        ])
    } else {
        text([])
    };
    let kilohertz = crate::time::counter_frequency() / 1000;
    let apic = CPUS.get(cpu.0 as usize).map_or(0, |local| local.apic_id.load(Ordering::Relaxed));
    writeln!(out, "processor\t: {}", cpu.0)?;
    writeln!(out, "vendor_id\t: {}", printable(&vendor))?;
    writeln!(out, "cpu family\t: {family}")?;
    writeln!(out, "model\t\t: {model}")?;
    writeln!(out, "model name\t: {}", printable(&brand))?;
    writeln!(out, "stepping\t: {stepping}")?;
    writeln!(out, "cpu MHz\t\t: {}.{:03}", kilohertz / 1000, kilohertz % 1000)?;
    writeln!(out, "cache size\t: {} KB", cache_size())?;
    writeln!(out, "physical id\t: {}", cpu.0)?;
    writeln!(out, "siblings\t: 1")?;
    writeln!(out, "core id\t\t: 0")?;
    writeln!(out, "cpu cores\t: 1")?;
    writeln!(out, "apicid\t\t: {apic}")?;
    writeln!(out, "initial apicid\t: {apic}")?;
    writeln!(out, "fpu\t\t: yes")?;
    writeln!(out, "fpu_exception\t: yes")?;
    writeln!(out, "cpuid level\t: {}", zero.eax)?;
    writeln!(out, "wp\t\t: yes")?;
    write!(out, "flags\t\t:")?;
    for word in &WORDS {
        let bits = (word.0)();
        for (bit, name) in word.1.iter().enumerate() {
            if bits >> bit & 1 == 1 && !name.is_empty() {
                write!(out, " {name}")?;
            }
        }
    }
    writeln!(out)?;
    writeln!(out, "bugs\t\t:")?;
    let bogomips = kilohertz * 2;
    writeln!(out, "bogomips\t: {}.{:02}", bogomips / 1000, bogomips % 1000 / 10)?;
    writeln!(out, "clflush size\t: {}", (one.ebx >> 8 & 0xff) * 8)?;
    writeln!(out, "cache_alignment\t: {}", (one.ebx >> 8 & 0xff) * 8)?;
    let virtual_bits =
        if __cpuid(0x8000_0000).eax >= 0x8000_0008 { 48.min(__cpuid(0x8000_0008).eax >> 8 & 0xff) } else { 48 };
    writeln!(out, "address sizes\t: {} bits physical, {virtual_bits} bits virtual", features().physical_bits)?;
    writeln!(out, "power management:")?;
    writeln!(out)
}

/// AT_HWCAP: CPUID leaf 1 edx.
pub fn hardware_capabilities() -> u32 {
    __cpuid(1).edx
}

/// AT_HWCAP2: bit 1 says that user mode may use `rdfsbase` and its kin.
pub fn hardware_capabilities_2() -> u32 {
    u32::from(features().fsgsbase) << 1
}
