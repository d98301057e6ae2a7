//! Bytes as QEMU sends and expects them, and bytes no server should send.
extern crate std;
use crate::*;
use std::vec::Vec;

fn response(kind: u8, tag: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&((HEADER + body.len()) as u32).to_le_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(&tag.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn requests_are_encoded() {
    let version = Request::Version { longest: 8192, dialect: b"9P2000.L" }.encode(NO_TAG).unwrap();
    assert_eq!(version, b"\x15\0\0\0\x64\xff\xff\0\x20\0\0\x08\x009P2000.L");
    let walk = Request::Walk { fid: 1, new_fid: 2, names: &[b"etc", b"passwd"] }.encode(3).unwrap();
    assert_eq!(walk, b"\x1e\0\0\0\x6e\x03\0\x01\0\0\0\x02\0\0\0\x02\0\x03\0etc\x06\0passwd");
    let clunk = Request::Clunk { fid: 7 }.encode(1).unwrap();
    assert_eq!(clunk, b"\x0b\0\0\0\x78\x01\0\x07\0\0\0");
    let write = Request::Write { fid: 1, offset: 2, count: 100 }.encode(1).unwrap();
    assert_eq!(write.len(), 23);
    assert_eq!(write[..4], 123u32.to_le_bytes());
}

#[test]
fn headers_are_checked() {
    let bytes = response(kind::CLUNK, 5, b"");
    assert_eq!(open_response(&bytes, kind::CLUNK, 5, 100), Ok(&b""[..]));
    assert_eq!(open_response(&bytes, kind::CLUNK, 6, 100), Err(Failure::Malformed));
    assert_eq!(open_response(&bytes, kind::OPEN, 5, 100), Err(Failure::Malformed));
    assert_eq!(open_response(&bytes[..6], kind::CLUNK, 5, 100), Err(Failure::Malformed));
    let error = response(kind::ERROR, 5, &2u32.to_le_bytes());
    assert_eq!(open_response(&error, kind::CLUNK, 5, 100), Err(Failure::Error(2)));
    let zero = response(kind::ERROR, 5, &0u32.to_le_bytes());
    assert_eq!(open_response(&zero, kind::CLUNK, 5, 100), Err(Failure::Malformed));
    let large = response(kind::READLINK, 5, &[0; 200]);
    assert_eq!(open_response(&large, kind::READLINK, 5, 100), Err(Failure::Malformed));
}

#[test]
fn directories_are_read_entry_by_entry() {
    let mut body = Vec::new();
    for (path, name) in [(1u64, &b"a"[..]), (2, b"bc")] {
        body.extend_from_slice(&[0x80, 0, 0, 0, 0]);
        body.extend_from_slice(&path.to_le_bytes());
        body.extend_from_slice(&(path * 10).to_le_bytes());
        body.push(4);
        body.extend_from_slice(&(name.len() as u16).to_le_bytes());
        body.extend_from_slice(name);
    }
    let mut framed = (body.len() as u32).to_le_bytes().to_vec();
    framed.extend_from_slice(&body);
    let entries: Vec<_> = directory(&framed).unwrap().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[1].qid.path, entries[1].offset, entries[1].kind, entries[1].name), (2, 20, 4, &b"bc"[..]));
    // A name with a slash ends the listing.
    let place = framed.len() - 1;
    framed[place] = b'/';
    assert_eq!(directory(&framed).unwrap().last(), Some(Err(Malformed)));
    // A count beyond the message is refused.
    framed[0] = 255;
    assert!(directory(&framed).is_err());
}

proptest::proptest! {
    #[test]
    fn no_response_breaks_the_decoder(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), expected: u8, tag: u16) {
        let _ = open_response(&bytes, expected, tag, 4096);
        let _ = version(&bytes);
        let _ = attach(&bytes);
        let _ = walk(&bytes);
        let _ = open(&bytes);
        let _ = count(&bytes);
        let _ = link(&bytes);
        let _ = attributes(&bytes);
        let _ = statistics(&bytes);
        if let Ok(entries) = directory(&bytes) {
            for entry in entries.flatten() {
                assert!(!entry.name.is_empty() && !entry.name.contains(&b'/'));
            }
        }
    }

    #[test]
    fn a_request_says_its_size(names in proptest::collection::vec(proptest::collection::vec(1u8..255, 1..300), 0..20)) {
        let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
        let bytes = Request::Walk { fid: 1, new_fid: 2, names: &names }.encode(9).unwrap();
        assert_eq!(bytes[..4], (bytes.len() as u32).to_le_bytes());
        assert_eq!(usize::from(u16::from_le_bytes([bytes[15], bytes[16]])), names.len().min(MOST_NAMES));
    }
}
