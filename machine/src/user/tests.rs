//! On the host the test's own memory stands for user memory; faults are tested on the machine.
use super::*;
use crate::memory::testing;

#[test]
fn copies_of_every_length() {
    let source: Vec<u8> = (0..500u32).map(|index| (index * 31 + index / 256) as u8).collect();
    for length in (0..200).chain([255, 256, 257, 499]) {
        for offset in 0..3 {
            let length = length.min(source.len() - offset);
            let mut into = vec![0xee; 520];
            assert_eq!(copy_from_user(&mut into[5..5 + length], source[offset..].as_ptr() as u64), 0);
            assert_eq!(into[5..5 + length], source[offset..offset + length]);
            assert!(into[..5].iter().chain(&into[5 + length..]).all(|byte| *byte == 0xee), "{length}");
            let mut back = vec![0xdd; 520];
            assert_eq!(copy_to_user_nofault(back[7..].as_mut_ptr() as u64, &source[..length]), 0);
            assert_eq!(back[7..7 + length], source[..length]);
            assert!(back[..7].iter().chain(&back[7 + length..]).all(|byte| *byte == 0xdd));
            assert_eq!(clear_user(back[7..].as_mut_ptr() as u64, length), 0);
            assert!(back[7..7 + length].iter().all(|byte| *byte == 0));
            assert!(back[..7].iter().chain(&back[7 + length..]).all(|byte| *byte == 0xdd));
        }
    }
}

#[test]
fn nothing_beyond_user_space() {
    let mut bytes = [1; 16];
    for address in [USER_END, USER_END - 15, u64::MAX, u64::MAX - 8, 0xffff_8000_0000_0000] {
        assert_eq!(copy_from_user(&mut bytes, address), 16);
        assert_eq!(copy_to_user(address, &bytes), 16);
        assert_eq!(clear_user(address, 16), 16);
    }
    assert_eq!(clear_user(4096, usize::MAX), usize::MAX);
    assert_eq!(load_user::<u64>(USER_END - 7), Err(Fault));
    assert_eq!(store_user(USER_END, 1u8), Err(Fault));
    assert_eq!(strncpy_from_user(&mut bytes, USER_END + 1), Err(Fault));
    assert_eq!(strncpy_from_user(&mut bytes, u64::MAX), Err(Fault));
    assert_eq!(strncpy_from_user(&mut [], USER_END - 5), Ok(0));
    assert_eq!(compare_exchange_u32_nofault(u64::MAX - 3, 0, 0), Err(Fault));
    assert_eq!(load_u32_nofault(4098), Err(Fault));
    assert_eq!(bytes, [1; 16]);
}

#[test]
fn strings_end_at_the_first_nul() {
    for length in 0..40 {
        for offset in 0..9 {
            let mut text = vec![b'.'; offset];
            text.extend((0..length).map(|index| b'a' + index as u8 % 26));
            text.extend([0, b'x', 0, 0, 1, 0x80, 0xff, 0, 0]);
            let from = text[offset..].as_ptr() as u64;
            for room in [0, 1, 7, 8, 9, 16, 33, 64] {
                let mut into = vec![0xcc; room + 8];
                let found = strncpy_from_user(&mut into[..room], from).unwrap();
                assert_eq!(found, length.min(room));
                assert_eq!(into[..found], text[offset..offset + found]);
                assert!(into[room..].iter().all(|byte| *byte == 0xcc));
                if found < room {
                    assert_eq!(into[found], 0);
                }
            }
        }
    }
    let high = [0x80u8, 0x81, 0xff, 0x01, 0x80, 0x80, 0x80, 0x01, 0x00];
    assert_eq!(strncpy_from_user(&mut [0; 32], high.as_ptr() as u64), Ok(8));
}

#[test]
fn words_of_every_size() {
    let mut word = 0x1122_3344_5566_7788u64;
    let at = &raw mut word as u64;
    assert_eq!(load_user::<u8>(at), Ok(0x88));
    assert_eq!(load_user::<u16>(at + 1), Ok(0x6677));
    assert_eq!(load_user_nofault::<u32>(at), Ok(0x5566_7788));
    assert_eq!(load_user::<u64>(at), Ok(0x1122_3344_5566_7788));
    assert_eq!(store_user(at, 0xaau8), Ok(()));
    assert_eq!(store_user(at + 2, 0xbbccu16), Ok(()));
    assert_eq!(store_user_nofault(at + 4, 0xddee_ff00u32), Ok(()));
    assert_eq!(load_user::<u64>(at), Ok(0xddee_ff00_bbcc_77aa));
    assert_eq!(compare_exchange_u32_nofault(at, 1, 2), Ok(0xbbcc_77aa));
    assert_eq!(compare_exchange_u32(at, 0xbbcc_77aa, 2), Ok(0xbbcc_77aa));
    assert_eq!(load_u32_nofault(at), Ok(2));
    assert_eq!(store_user(at, u64::MAX), Ok(()));
    assert_eq!(load_user::<u64>(at), Ok(u64::MAX));
}

#[test]
fn frames_are_copied_within_the_page() {
    let _alone = testing::start();
    let frame = Frame::zeroed().unwrap();
    let bytes = [7u8; 100];
    assert_eq!(copy_user_to_frame(&frame, 4050, bytes.as_ptr() as u64, 100), 54);
    let mut back = [0u8; 60];
    assert_eq!(copy_frame_to_user(back.as_mut_ptr() as u64, &frame, 4046, 60), 10);
    assert_eq!((back[3], back[4], back[49], back[50]), (0, 7, 7, 0));
    assert_eq!(copy_user_to_frame(&Frame::zero_page(), 0, bytes.as_ptr() as u64, 100), 100);
}

#[test]
fn fixups_cover_the_routines_only() {
    assert_eq!(fixup(0), None);
    assert_eq!(fixup(fixups_cover_the_routines_only as *const () as u64), None);
    let (sleeping, nofault) = (SLEEPING.copy as *const () as u64, NOFAULT.copy as *const () as u64);
    // Past the few instructions that open user memory.
    let (first, second) = (fixup(sleeping + 16).unwrap(), fixup(nofault + 16).unwrap());
    assert!(first.may_sleep && !second.may_sleep);
    assert_eq!(first.landing - sleeping, second.landing - nofault);
}
