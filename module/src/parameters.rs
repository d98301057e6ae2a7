//! A module's parameters: `name=value` words, as insmod(8) passes them.

/// The words; a value with spaces is in double quotes, as `text="two words"`.
#[derive(Clone, Copy)]
pub struct Parameters<'a>(&'a str);

/// A value that is not what its parameter takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongParameter;
impl From<WrongParameter> for crate::Errno {
    fn from(_: WrongParameter) -> Self {
        crate::Errno::EINVAL
    }
}

impl<'a> Parameters<'a> {
    /// Parameters as given.
    pub fn new(text: &'a str) -> Self {
        Parameters(text)
    }
    /// Names and values in order; a word without `=` has no value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            rest = rest.trim_start_matches([' ', '\t', '\n']);
            let mut quoted = false;
            let end = rest.find(|character: char| {
                quoted ^= character == '"';
                !quoted && matches!(character, ' ' | '\t' | '\n')
            });
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            let unquoted = |text: &'a str| text.strip_prefix('"').map_or(text, |text| text.trim_end_matches('"'));
            match word.split_once('=') {
                _ if word.is_empty() => None,
                Some((name, value)) => Some((name, Some(unquoted(value)))),
                None => Some((unquoted(word), None)),
            }
        })
    }
    /// The last value of a parameter.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.iter().filter(|(given, _)| *given == name).last().and_then(|(_, value)| value)
    }
    /// The same as a number, decimal or 0x.
    pub fn number(&self, name: &str) -> Result<Option<i64>, WrongParameter> {
        self.text(name).map(|text| number(text).ok_or(WrongParameter)).transpose()
    }
    /// The same as a truth value: a parameter without a value is true.
    pub fn flag(&self, name: &str) -> Result<bool, WrongParameter> {
        match self.iter().filter(|(given, _)| *given == name).last() {
            None => Ok(false),
            Some((_, value)) => truth(value).ok_or(WrongParameter),
        }
    }
    /// Whether a value is one of a type as `parmtype` names it; types that are not known take any.
    pub fn fits(kind: &str, value: Option<&str>) -> bool {
        let within =
            |least: i64, most: i64| value.and_then(number).is_some_and(|value| (least..=most).contains(&value));
        match kind {
            "bool" => truth(value).is_some(),
            "byte" => within(0, 255),
            "short" => within(i16::MIN.into(), i16::MAX.into()),
            "ushort" => within(0, u16::MAX.into()),
            "int" => within(i32::MIN.into(), i32::MAX.into()),
            "uint" => within(0, u32::MAX.into()),
            "long" => within(i64::MIN, i64::MAX),
            "ulong" => within(0, i64::MAX),
            _ => value.is_some(),
        }
    }
}

fn number(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let value = match digits.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None if digits.starts_with(['+', '-']) => return None,
        None => digits.parse().ok()?,
    };
    if negative { value.checked_neg() } else { Some(value) }
}
fn truth(value: Option<&str>) -> Option<bool> {
    match value {
        None | Some("1" | "y" | "Y" | "on") => Some(true),
        Some("0" | "n" | "N" | "off") => Some(false),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let given = Parameters::new(" a=1  b=\"two words\" c d= a=0x10 ");
        assert!(given.iter().eq([
            ("a", Some("1")),
            ("b", Some("two words")),
            ("c", None),
            ("d", Some("")),
            ("a", Some("0x10")),
        ]));
        assert_eq!((given.number("a"), given.number("z")), (Ok(Some(16)), Ok(None)));
        assert_eq!((given.number("b"), given.flag("c"), given.flag("z")), (Err(WrongParameter), Ok(true), Ok(false)));
        assert!(Parameters::new("   ").iter().next().is_none());
        assert!(Parameters::new("\"open").iter().eq([("open", None)]));
    }

    #[test]
    fn types_have_ranges() {
        for (kind, value, fits) in [
            ("int", Some("-5"), true),
            ("int", Some("4294967296"), false),
            ("uint", Some("-1"), false),
            ("byte", Some("255"), true),
            ("byte", Some("256"), false),
            ("bool", None, true),
            ("bool", Some("maybe"), false),
            ("charp", Some("anything"), true),
            ("charp", None, false),
            ("int", None, false),
            ("int", Some("--5"), false),
        ] {
            assert_eq!(Parameters::fits(kind, value), fits, "{kind} {value:?}");
        }
    }
}
