//! PAX extended headers: `LENGTH KEY=VALUE\n`, values of any bytes.
//!
//! Keys that say what a file is are decoded; extended attributes are counted; owners, times and vendors' remarks do
//! not reach a tree, so they are passed over. Keys that would change how bytes are read, and are not known, are
//! refused.

use super::error::Fault;
use super::sparse::PaxSparse;

/// What the extended headers before a member say about it.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) sparse: PaxSparse,
    pub(super) xattrs: bool,
}

impl Extended {
    /// Takes the records of one header (type `x`).
    pub(super) fn local(data: &[u8]) -> Result<Self, Fault> {
        let mut extended = Self::default();
        for record in Records(data) {
            let (key, value) = record?;
            extended.take(key, value)?;
        }
        Ok(extended)
    }

    /// Checks the records of a header for all members (type `g`); tells whether it has extended attributes.
    pub(super) fn global(data: &[u8]) -> Result<bool, Fault> {
        let mut xattrs = false;
        for record in Records(data) {
            let (key, _value) = record?;
            if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
                return Err(Fault::Extended(
                    "names, sizes and holes cannot be the same for all members",
                ));
            }
            refuse_unreadable(key)?;
            xattrs |= is_xattr(key);
        }
        Ok(xattrs)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        // An empty value takes a record back, says POSIX.
        let given = (!value.is_empty()).then_some(value);
        match key {
            b"path" => once(&mut self.path, given.map(<[u8]>::to_vec)),
            b"linkpath" => once(&mut self.link_path, given.map(<[u8]>::to_vec)),
            b"size" => once(&mut self.size, given.map(decimal).transpose()?),
            _ => {
                if let Some(sparse) = key.strip_prefix(b"GNU.sparse.") {
                    return self.sparse.take(sparse, value);
                }
                self.xattrs |= is_xattr(key);
                refuse_unreadable(key)
            }
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), Fault> {
    if slot.is_some() {
        return Err(Fault::Extended("a key is there twice"));
    }
    *slot = value;
    Ok(())
}

/// Volumes of a set, and other tools' sparse files.
fn refuse_unreadable(key: &[u8]) -> Result<(), Fault> {
    match key {
        b"SUN.holesdata" | b"SCHILY.realsize" => Err(Fault::Sparse("a format that is not known")),
        b"GNU.volume.filename" | b"GNU.volume.size" | b"GNU.volume.offset" => {
            Err(Fault::Extended("it continues on another volume"))
        }
        _ => Ok(()),
    }
}

fn is_xattr(key: &[u8]) -> bool {
    let prefixes: [&[u8]; 4] = [
        b"SCHILY.xattr.",
        b"LIBARCHIVE.xattr.",
        b"SCHILY.acl.",
        b"RHT.security.",
    ];
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

/// A decimal number, digits only.
pub(super) fn decimal(text: &[u8]) -> Result<u64, Fault> {
    let wrong = Fault::Extended("a number is none");
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(wrong);
    }
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(wrong)
}

/// The records of a header's data.
struct Records<'d>(&'d [u8]);

impl<'d> Iterator for Records<'d> {
    type Item = Result<(&'d [u8], &'d [u8]), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = split(self.0);
        self.0 = record.map_or(&[], |(_, _, rest)| rest);
        Some(
            record
                .map(|(key, value, _)| (key, value))
                .ok_or(Fault::Extended("a record is malformed")),
        )
    }
}

fn split(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&data[..space]).ok()?).ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let pair = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    (equals > 0).then_some((&pair[..equals], &pair[equals + 1..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_anything() {
        let extended = Extended::local(b"14 path=a\nb=c\n17 comment=a b c\n").unwrap();
        assert_eq!(extended.path.as_deref(), Some(&b"a\nb=c"[..]));
    }

    #[test]
    fn an_empty_value_takes_back() {
        assert_eq!(Extended::local(b"8 path=\n").unwrap().path, None);
    }

    #[test]
    fn malformed_records_are_refused() {
        for data in [
            &b"path=a\n"[..],
            b"9 path=a\n1",
            b"99 path=a\n",
            b"8 path=a\n",
            b"0 path=a\n",
            b" 10 path=a\n",
            b"+10 path=a\n",
            b"7 path\n",
            b"6 =aa\n",
            b"99999999999999999999999 path=a\n",
            b"10 path=a\n\0\0",
            b"10 size=-1\n",
            b"10 size=1k\n",
            b"10 path=ab\n10 path=cd\n",
        ] {
            assert!(
                Extended::local(data).is_err(),
                "{}",
                String::from_utf8_lossy(data)
            );
        }
    }

    #[test]
    fn a_global_header_cannot_name_files() {
        assert!(Extended::global(b"52 comment=0123456789012345678901234567890123456789\n").is_ok());
        assert!(Extended::global(b"9 path=a\n").is_err());
        assert!(Extended::global(b"9 size=1\n").is_err());
    }
}
