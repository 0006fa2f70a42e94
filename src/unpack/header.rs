//! One tar header of 512 bytes: checksum, numbers, names. What stands there is read strictly, or refused.

use tar::Header;

use super::error::Fault;

/// Bytes of a header, and what content is padded to.
pub(super) const BLOCK: usize = 512;

/// A header whose checksum is right.
pub(super) struct Checked<'h>(&'h Header);

/// Whether this could be the beginning of a tar archive: a header, or the end mark of an empty one.
pub(super) fn is_plausible(first: &[u8]) -> bool {
    let Ok(block) = <&[u8; BLOCK]>::try_from(first) else {
        return false;
    };
    is_zero(block) || Checked::new(block).is_ok()
}

pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}

impl<'h> Checked<'h> {
    /// Checks the sum; old writers added signed bytes, so both sums count.
    pub(super) fn new(block: &'h [u8; BLOCK]) -> Result<Self, Fault> {
        let header = Header::from_byte_slice(block);
        let wanted =
            number(&header.as_old().cksum).ok_or(Fault::Header("its checksum is no number"))?;
        let others = block[..148].iter().chain(&block[156..]);
        let (mut unsigned, mut signed) = (8 * 32_u64, 8 * 32_i64);
        for &byte in others {
            unsigned += u64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        if unsigned == wanted || u64::try_from(signed) == Ok(wanted) {
            Ok(Self(header))
        } else {
            Err(Fault::Header("its checksum is wrong"))
        }
    }

    /// The type byte.
    pub(super) fn kind(&self) -> u8 {
        self.0.as_old().linkflag[0]
    }

    /// The name: with the prefix where the format has one.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0.as_old().name);
        match self.0.as_ustar().map(|ustar| text(&ustar.prefix)) {
            Some(prefix) if !prefix.is_empty() => [prefix, b"/", name].concat(),
            _ => name.to_vec(),
        }
    }

    /// What a symlink or hard link names.
    pub(super) fn link_name(&self) -> &'h [u8] {
        text(&self.0.as_old().linkname)
    }

    /// How many bytes of content follow.
    pub(super) fn size(&self) -> Result<u64, Fault> {
        number(&self.0.as_old().size).ok_or(Fault::Header("its size is no number"))
    }

    /// Permission bits.
    pub(super) fn mode(&self) -> Result<u32, Fault> {
        let mode = number(&self.0.as_old().mode).ok_or(Fault::Header("its mode is no number"))?;
        // Old writers put the file type there as well.
        Ok(u32::try_from(mode & 0o7777).unwrap_or_default())
    }

    /// Major and minor number of a device; 0 where the format has none.
    pub(super) fn device(&self) -> Result<(u64, u64), Fault> {
        let (major, minor) = match (self.0.as_ustar(), self.0.as_gnu()) {
            (Some(ustar), _) => (&ustar.dev_major, &ustar.dev_minor),
            (None, Some(gnu)) => (&gnu.dev_major, &gnu.dev_minor),
            (None, None) => return Ok((0, 0)),
        };
        let wrong = Fault::Header("its device number is no number");
        number(major).zip(number(minor)).ok_or(wrong)
    }

    /// The fields that only GNU headers have.
    pub(super) fn gnu(&self) -> Option<&'h tar::GnuHeader> {
        self.0.as_gnu()
    }
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A number: octal digits between blanks, or base 256 where the first bit is set. No digits are 0.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            // The second bit is the sign.
            let start = (first & 0x40 == 0).then(|| u64::from(first & 0x3f))?;
            rest.iter().try_fold(start, |number, &byte| {
                (number >> 56 == 0).then_some(number << 8 | u64::from(byte))
            })
        }
        _ => {
            let blank = |byte: &u8| matches!(byte, b' ' | 0);
            let start = field
                .iter()
                .position(|byte| *byte != b' ')
                .unwrap_or(field.len());
            let digits = &field[start..];
            let end = digits.iter().position(blank).unwrap_or(digits.len());
            if !digits[end..].iter().all(blank) {
                return None;
            }
            digits[..end]
                .iter()
                .try_fold(0_u64, |number, &byte| match byte {
                    b'0'..=b'7' => {
                        (number >> 61 == 0).then_some(number << 3 | u64::from(byte - b'0'))
                    }
                    _ => None,
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"77777777777 "), Some(0o77_777_777_777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(2 << 32));
        assert_eq!(
            number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            None
        );
        assert_eq!(number(b"\x80\0\0\x01\0\0\0\0\0\0\0\0"), None);
        assert_eq!(number(b"0000648\0"), None);
        assert_eq!(number(b"-000001\0"), None);
        assert_eq!(number(b"12 34\0"), None);
    }

    #[test]
    fn a_flipped_bit_shows() {
        let mut header = Header::new_ustar();
        header.set_path("a").unwrap();
        header.set_size(5);
        header.set_cksum();
        assert!(Checked::new(header.as_bytes()).is_ok());
        header.as_mut_bytes()[0] ^= 1;
        assert!(Checked::new(header.as_bytes()).is_err());
    }
}
