//! Signatures of modules: Ed25519 over the object, appended to it.
//!
//! ```text
//! object | public key (32 bytes) | signature (64) | description (12) | "~Module signature appended~\n"
//! ```
//!
//! The description is Linux's `struct module_signature`, with a type of our own. Keys that are trusted are built into the image
//! (`LSTAR_MODULE_KEYS` when it is built) or given on the kernel command line (`module.sig_key=`), in hexadecimal, separated by
//! commas. `module.sig_enforce=1` demands a signature by one of them; without it, modules without one load and taint the kernel.
use crate::error::*;
use crate::log::{Level, line};
use crate::start::command_line_value;
use ed25519_compact::{PublicKey, Signature};

/// Ends a file with a signature.
const MAGIC: &[u8] = b"~Module signature appended~\n";
/// `struct module_signature`: algorithm, hash, type, lengths of signer and key id, padding; length of the signature, big-endian.
const DESCRIPTION: usize = 12;
/// The type: what precedes is a public key of 32 bytes and its Ed25519 signature of 64.
const ED25519: u8 = b'L';
const KEY: usize = 32;
const SIGNATURE: usize = 64;

/// Keys that the image was built with.
const BUILT_IN: Option<&str> = option_env!("LSTAR_MODULE_KEYS");

/// Whether a module is signed by a key that is trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// It is.
    Signed,
    /// It is not, and signatures are not demanded.
    Unsigned,
}

/// What is appended to a file.
#[derive(Debug, PartialEq, Eq)]
enum Appended<'a> {
    Nothing,
    /// Of a type that is not ours.
    Other,
    Ours {
        key: &'a [u8; KEY],
        signature: &'a [u8; SIGNATURE],
    },
}

/// The object in a file, and whether it can be trusted. With `is_mangled` the caller wants checks left out that the signer relied
/// on, which makes it unsigned.
///
/// EBADMSG for a signature that is malformed; EKEYREJECTED for one that is wrong, and if signatures are demanded for a file
/// without one by a trusted key.
pub fn check(file: &[u8], is_mangled: bool) -> Result<(&[u8], Trust)> {
    let (object, appended) = split(file)?;
    let lack = match appended {
        Appended::Nothing => "unsigned module",
        Appended::Ours { .. } | Appended::Other if is_mangled => "unsigned module",
        Appended::Other => "module with unsupported crypto",
        Appended::Ours { key, .. } if !is_trusted(key) => "module with unavailable key",
        Appended::Ours { key, signature } => {
            let is_right = PublicKey::new(*key).verify(object, &Signature::new(*signature)).is_ok();
            return if is_right {
                Ok((object, Trust::Signed))
            } else {
                Err(EKEYREJECTED.because("the signature is wrong"))
            };
        }
    };
    if is_demanded() {
        line(Level::Notice, format_args!("Loading of {lack} is rejected"));
        return Err(EKEYREJECTED.because("signatures are demanded"));
    }
    Ok((object, Trust::Unsigned))
}

/// The object, and what is appended to it.
fn split(file: &[u8]) -> Result<(&[u8], Appended<'_>)> {
    let Some(rest) = file.strip_suffix(MAGIC) else { return Ok((file, Appended::Nothing)) };
    let (rest, description) = rest.split_last_chunk::<DESCRIPTION>().ok_or(EBADMSG)?;
    let [algorithm, hash, kind, signer, key_length, padding @ .., a, b, c, d] = *description;
    let length = [a, b, c, d];
    let length = u32::from_be_bytes(length) as usize;
    let object = rest.len().checked_sub(length).ok_or(EBADMSG)?;
    if kind != ED25519 {
        return Ok((rest.get(..object).unwrap_or_default(), Appended::Other));
    }
    // What has no meaning is 0, so that no byte of the file can be changed.
    let is_plain = [algorithm, hash, signer] == [0; 3] && padding == [0; 3];
    if length != SIGNATURE || !is_plain || usize::from(key_length) != KEY {
        return Err(EBADMSG.because("a signature with another description"));
    }
    let (rest, signature) = rest.split_last_chunk::<SIGNATURE>().ok_or(EBADMSG)?;
    let (object, key) = rest.split_last_chunk::<KEY>().ok_or(EBADMSG)?;
    Ok((object, Appended::Ours { key, signature }))
}

fn is_demanded() -> bool {
    matches!(command_line_value("module.sig_enforce"), Some("1" | "y" | "Y"))
}
fn is_trusted(key: &[u8; KEY]) -> bool {
    let keys = [BUILT_IN, command_line_value("module.sig_key")].into_iter().flatten().flat_map(|keys| keys.split(','));
    keys.filter_map(parse_key).any(|trusted| trusted == *key)
}
/// A key in hexadecimal.
fn parse_key(text: &str) -> Option<[u8; KEY]> {
    let mut key = [0; KEY];
    if text.len() != 2 * KEY {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn append(object: &[u8], description: [u8; 4], body: &[u8], length: u32) -> Vec<u8> {
        let [algorithm, kind, signer, key] = description;
        let mut file = Vec::from(object);
        file.extend(body);
        file.extend([algorithm, 0, kind, signer, key, 0, 0, 0]);
        file.extend(length.to_be_bytes());
        file.extend(MAGIC);
        file
    }

    #[test]
    fn what_is_appended_is_told_apart() {
        assert_eq!(split(b"object"), Ok((b"object".as_slice(), Appended::Nothing)));
        let mut body = [1; KEY + SIGNATURE];
        body[..KEY].fill(2);
        let ours = append(b"object", [0, ED25519, 0, 32], &body, 64);
        let appended = Appended::Ours { key: &[2; KEY], signature: &[1; SIGNATURE] };
        assert_eq!(split(&ours), Ok((b"object".as_slice(), appended)));
        let other = append(b"object", [0, 2, 0, 0], b"pkcs", 4);
        assert_eq!(split(&other), Ok((b"object".as_slice(), Appended::Other)));
        for wrong in [
            append(b"", [0, ED25519, 0, 32], &body, 65),
            append(b"", [0, ED25519, 1, 32], &body, 64),
            append(b"", [1, ED25519, 0, 32], &body, 64),
            append(b"", [0, ED25519, 0, 31], &body, 64),
            append(b"", [0, ED25519, 0, 32], &body[1..], 64),
            append(b"", [0, 2, 0, 0], b"pkcs", u32::MAX),
            MAGIC.to_vec(),
        ] {
            assert_eq!(split(&wrong), Err(EBADMSG));
        }
    }

    #[test]
    fn keys_are_hexadecimal() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(parse_key(&text).map(|key| key[1]), Some(0x23));
        assert_eq!((parse_key(&text[1..]), parse_key(&text.replace('a', "g"))), (None, None));
    }

    #[test]
    fn a_signature_is_verified() {
        let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([7; 32]));
        let signature = pair.sk.sign(b"object", None);
        assert!(pair.pk.verify(b"object", &signature).is_ok());
        assert!(pair.pk.verify(b"objecT", &signature).is_err());
    }
}
