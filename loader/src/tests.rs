use super::*;
use std::vec::Vec;

/// A section to be put into an object.
struct Part<'a> {
    name: &'a str,
    kind: u32,
    flags: u64,
    link: u32,
    info: u32,
    entry_size: u64,
    bytes: Vec<u8>,
}
fn progbits(name: &str, flags: u64, bytes: impl Into<Vec<u8>>) -> Part<'_> {
    Part { name, kind: 1, flags, link: 0, info: 0, entry_size: 0, bytes: bytes.into() }
}

/// Puts an object together as an assembler would: headers, sections, names.
fn assemble(parts: &[Part]) -> Vec<u8> {
    let mut file = std::vec![0u8; 64];
    let (mut names, mut headers) = (std::vec![0u8], std::vec![0u8; 64]);
    let mut header = |names: &mut Vec<u8>, part: &Part, offset: usize| {
        let name = names.len() as u32;
        names.extend(part.name.bytes().chain([0]));
        headers.extend(name.to_le_bytes());
        headers.extend(part.kind.to_le_bytes());
        headers.extend(part.flags.to_le_bytes());
        headers.extend(0u64.to_le_bytes());
        headers.extend((offset as u64).to_le_bytes());
        headers.extend((part.bytes.len() as u64).to_le_bytes());
        headers.extend(part.link.to_le_bytes());
        headers.extend(part.info.to_le_bytes());
        headers.extend(16u64.to_le_bytes());
        headers.extend(part.entry_size.to_le_bytes());
    };
    for part in parts {
        header(&mut names, part, file.len());
        file.extend(&part.bytes);
    }
    let last = progbits(".shstrtab", 0, Vec::new());
    let offset = file.len();
    let with_own_name = names.len() + 10;
    header(&mut names, &Part { kind: 3, bytes: std::vec![0; with_own_name], ..last }, offset);
    file.extend(&names);
    let table = file.len() as u64;
    file.extend(&headers);
    file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file[16..20].copy_from_slice(&[1, 0, 62, 0]);
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[58..60].copy_from_slice(&64u16.to_le_bytes());
    file[60..62].copy_from_slice(&(parts.len() as u16 + 2).to_le_bytes());
    file[62..64].copy_from_slice(&(parts.len() as u16 + 1).to_le_bytes());
    file
}
fn symbol(name: u32, information: u8, section: u16, value: u64) -> Vec<u8> {
    let mut entry = Vec::from(name.to_le_bytes());
    entry.extend([information, 0]);
    entry.extend(section.to_le_bytes());
    entry.extend(value.to_le_bytes());
    entry.extend(0u64.to_le_bytes());
    entry
}
fn relocation(at: u64, symbol: u32, kind: u32, addend: i64) -> Vec<u8> {
    let mut entry = Vec::from(at.to_le_bytes());
    entry.extend((u64::from(symbol) << 32 | u64::from(kind)).to_le_bytes());
    entry.extend(addend.to_le_bytes());
    entry
}

/// Sections: 1 text, 2 data, 3 relocations of text, 4 symbols, 5 strings, 6 what it says of itself.
fn example(relocations: &[Vec<u8>]) -> Vec<u8> {
    let symbols =
        [symbol(0, 0, 0, 0), symbol(1, 0x12, 1, 4), symbol(7, 0x10, 0, 0), symbol(15, 0x20, 0, 0), symbol(0, 3, 2, 0)];
    assemble(&[
        progbits(".text", 6, [0; 32]),
        progbits(".data", 3, *b"abcdefgh"),
        Part { kind: 4, link: 4, info: 1, entry_size: 24, ..progbits(".rela.text", 0x40, relocations.concat()) },
        Part { kind: 2, link: 5, info: 1, entry_size: 24, ..progbits(".symtab", 0, symbols.concat()) },
        Part { kind: 3, ..progbits(".strtab", 0, *b"\0begin\0outside\0maybe\0") },
        progbits(".modinfo", 2, *b"name=example\0depends=a,b\0parmtype=size:uint\0"),
    ])
}
const BASES: [u64; PARTS] = [0xffff_ffff_c000_0000, 0xffff_ffff_c000_2000, 0xffff_ffff_c000_4000];
const OUTSIDE: u64 = 0xffff_ffff_8020_0000;

fn load(file: &[u8]) -> Result<Image, LinkError<()>> {
    let object = Object::parse(file)?;
    let layout = object.layout()?;
    object.link(&layout, BASES, &mut |name| if name == b"outside" { Ok(OUTSIDE) } else { Err(()) })
}
fn refused(file: &[u8]) -> &'static str {
    match load(file) {
        Err(LinkError::Refused(Refusal::Malformed(reason))) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn relocations_are_applied() {
    let image = load(&example(&[
        relocation(0, 2, 1, 0),
        relocation(8, 2, 4, -4),
        relocation(12, 4, 11, 2),
        relocation(16, 2, 9, -4),
        relocation(24, 3, 1, 0),
    ]))
    .unwrap();
    let text = &image.parts[0];
    assert_eq!(text[..8], OUTSIDE.to_le_bytes());
    assert_eq!(text[8..12], (OUTSIDE.wrapping_sub(BASES[0] + 8) as i32 - 4).to_le_bytes());
    assert_eq!(text[12..16], ((BASES[2] + 2) as u32).to_le_bytes());
    // By way of the table at the beginning of the constants.
    assert_eq!(text[16..20], ((BASES[1] - BASES[0] - 16) as i32 - 4).to_le_bytes());
    assert_eq!(image.parts[1], OUTSIDE.to_le_bytes());
    // A weak symbol that nobody has.
    assert_eq!(text[24..32], [0; 8]);
    assert_eq!(image.parts[2], b"abcdefgh");
    assert_eq!((image.symbol("begin"), image.symbol("outside")), (Some(BASES[0] + 4), None));
}

#[test]
fn what_does_not_fit_is_refused() {
    for (entry, words) in [
        (relocation(29, 2, 4, 0), "beyond its section"),
        (relocation(u64::MAX, 2, 4, 0), "beyond its section"),
        (relocation(0, 2, 10, 0), "does not fit"),
        (relocation(0, 2, 4, 1 << 33), "does not fit"),
        (relocation(0, 99, 4, 0), "by no symbol"),
        (relocation(0, 99, 9, 0), "by no symbol"),
        (relocation(0, 2, 77, 0), "not known"),
    ] {
        let reason = refused(&example(std::slice::from_ref(&entry)));
        assert!(reason.contains(words), "{reason} for {words}");
    }
    let twice = [relocation(0, 2, 1, 0), relocation(4, 2, 1, 0)];
    assert!(refused(&example(&twice)).contains("not zero"));
}

#[test]
fn symbols_that_nobody_has_are_refused() {
    let object = example(&[]);
    let parsed = Object::parse(&object).unwrap();
    let mut asked = Vec::new();
    let result = parsed.link(&parsed.layout().unwrap(), BASES, &mut |name| {
        asked.push(name.to_vec());
        Err::<u64, _>(7)
    });
    assert_eq!(result.unwrap_err(), LinkError::Symbol(7));
    assert_eq!(asked, [b"outside".to_vec()]);
}

#[test]
fn headers_that_are_wrong_are_refused() {
    let good = example(&[relocation(0, 2, 1, 0)]);
    assert!(load(&good).is_ok());
    for length in 0..good.len() {
        assert!(load(&good[..length]).is_err(), "{length} bytes");
    }
    let changed = |at: usize, byte: u8| {
        let mut file = good.clone();
        file[at] = byte;
        refused(&file)
    };
    assert!(changed(4, 1).contains("64-bit"));
    assert!(changed(16, 2).contains("relocatable"));
    assert!(changed(18, 3).contains("x86-64"));
    assert!(changed(58, 40).contains("another size"));
    assert!(changed(60, 0).contains("no sections"));
    assert!(changed(60, 200).contains("beyond the end"));
    assert!(changed(62, 1).contains("without names"));
}

#[test]
fn no_section_is_written_and_executed() {
    let mut file = example(&[]);
    let table = u64::from_le_bytes(file[40..48].try_into().unwrap()) as usize;
    file[table + 64 + 8] = 7;
    assert!(refused(&file).contains("written and executed"));
}

#[test]
fn a_module_says_what_it_is() {
    let object = example(&[]);
    let information = Object::parse(&object).unwrap().information();
    assert_eq!((information.get("name"), information.get("license")), (Some("example"), None));
    assert!(information.dependencies().eq(["a", "b"]));
    assert_eq!((information.parameter_type("size"), information.parameter_type("x")), (Some("uint"), None));
    let mut versions = Vec::from(7u64.to_le_bytes());
    versions.extend(b"outside");
    versions.resize(64, 0);
    assert_eq!((Versions::new(&versions).of(b"outside"), Versions::new(&versions).of(b"out")), (Some(7), None));
}

/// Whatever is done to an object, it is refused or linked: no panic, and no image larger than the limit.
#[test]
fn ten_thousand_mutants() {
    let good =
        example(&[relocation(0, 2, 1, 0), relocation(8, 2, 4, -4), relocation(12, 4, 11, 2), relocation(16, 2, 9, -4)]);
    let (mut state, mut refused) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below
    };
    const EXTREMES: [u64; 6] = [0, 1, 0x7fff_ffff, 0xffff_ffff, u64::MAX, 1 << 63];
    for _ in 0..10_000 {
        let mut file = good.clone();
        for _ in 0..1 + random(4) {
            let at = random(file.len());
            match random(4) {
                0 => file[at] ^= 1 << random(8),
                1 => file[at] = random(256) as u8,
                2 => file.truncate(at.max(1)),
                _ => {
                    let value = EXTREMES[random(EXTREMES.len())].to_le_bytes();
                    let at = at & !7;
                    file.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = from);
                }
            }
        }
        match load(&file) {
            Ok(image) => assert!(image.parts.iter().all(|part| part.len() <= 65 << 20)),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 2_000, "{refused} of the mutants were refused");
}
