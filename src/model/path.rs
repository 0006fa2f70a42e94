//! Paths inside a tree and the targets of links: bytes, checked once at the door.
//!
//! Below this module a path cannot climb, be absolute, hold a NUL or an empty component.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use super::escape::Escaped;

/// Longest name that Linux file systems take for one component.
const NAME_MAX: usize = 255;
/// Longest symlink target (`PATH_MAX` without its closing NUL).
const TARGET_MAX: usize = 4095;

/// What is wrong with a path or a link target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// No bytes at all, or nothing between two slashes.
    #[error("an empty component")]
    Empty,
    /// A leading slash.
    #[error("an absolute name")]
    Absolute,
    /// A `.` or `..` component.
    #[error("a `.` or `..` component")]
    Dots,
    /// A NUL byte.
    #[error("a NUL byte")]
    Nul,
    /// A component over 255 bytes or a target over 4095.
    #[error("a name that is too long")]
    TooLong,
}

/// Why bytes are not a path below a tree's top.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` has {fault}", Escaped(.bytes))]
pub struct PathError {
    /// The rule that it breaks.
    pub fault: PathFault,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
}

/// The path of an entry below its tree's top, ordered by its raw bytes.
///
/// ```
/// use pyro::model::path::EntryPath;
/// let path = EntryPath::new(b"boot/vmlinux")?;
/// assert_eq!(path.name(), b"vmlinux");
/// assert_eq!(path.parent(), Some(EntryPath::new(b"boot")?));
/// assert!(EntryPath::new(b"../etc").is_err());
/// # Ok::<(), pyro::model::path::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(Box<[u8]>);

impl EntryPath {
    /// Checks `bytes` and takes a copy.
    ///
    /// # Errors
    /// When a component is empty, `.`, `..`, over 255 bytes or holds a NUL, or the path is absolute.
    pub fn new(bytes: &[u8]) -> Result<Self, PathError> {
        match Self::fault(bytes) {
            None => Ok(Self(bytes.into())),
            Some(fault) => Err(PathError {
                fault,
                bytes: bytes.to_vec(),
            }),
        }
    }

    fn fault(bytes: &[u8]) -> Option<PathFault> {
        if bytes.first() == Some(&b'/') {
            return Some(PathFault::Absolute);
        }
        bytes
            .split(|&b| b == b'/')
            .find_map(|component| match component {
                b"" => Some(PathFault::Empty),
                b"." | b".." => Some(PathFault::Dots),
                _ if component.contains(&0) => Some(PathFault::Nul),
                _ if component.len() > NAME_MAX => Some(PathFault::TooLong),
                _ => None,
            })
    }

    /// The bytes of the whole path.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as the operating system takes it.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// The text of the path, where it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The components from the top down; never empty.
    #[must_use]
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/')
    }

    /// The last component.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self.0.iter().rposition(|&b| b == b'/') {
            Some(slash) => &self.0[slash + 1..],
            None => &self.0,
        }
    }

    /// The folder that holds this entry; `None` directly below the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|&b| b == b'/')?;
        Some(Self(self.0[..slash].into()))
    }

    /// This path with `name` below it.
    ///
    /// # Errors
    /// When `name` is not one or more valid components.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathError> {
        Self::new(name)?;
        Ok(Self([&self.0, &b"/"[..], name].concat().into()))
    }

    /// This path without its first `count` components; `None` when it has no more than that.
    #[must_use]
    pub fn strip(&self, count: usize) -> Option<Self> {
        let mut rest: &[u8] = &self.0;
        for _ in 0..count {
            let slash = rest.iter().position(|&b| b == b'/')?;
            rest = &rest[slash + 1..];
        }
        Some(Self(rest.into()))
    }

    /// Whether this path lies below `folder`; a path does not lie below itself.
    #[must_use]
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.len() > folder.0.len()
            && self.0.starts_with(&folder.0)
            && self.0[folder.0.len()] == b'/'
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryPath({self})")
    }
}

/// What a symlink points to: any bytes that the kernel takes, never followed by pyro.
///
/// ```
/// use pyro::model::path::LinkTarget;
/// assert_eq!(LinkTarget::new(b"../lib/")?.as_bytes(), b"../lib/");
/// assert!(LinkTarget::new(b"").is_err());
/// # Ok::<(), pyro::model::path::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkTarget(Box<[u8]>);

impl LinkTarget {
    /// Checks `bytes` and takes a copy.
    ///
    /// # Errors
    /// When it is empty, over 4095 bytes or holds a NUL.
    pub fn new(bytes: &[u8]) -> Result<Self, PathError> {
        let fault = match bytes {
            b"" => PathFault::Empty,
            _ if bytes.contains(&0) => PathFault::Nul,
            _ if bytes.len() > TARGET_MAX => PathFault::TooLong,
            _ => return Ok(Self(bytes.into())),
        };
        Err(PathError {
            fault,
            bytes: bytes.to_vec(),
        })
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The target as the operating system takes it.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

impl fmt::Display for LinkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

impl fmt::Debug for LinkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkTarget({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bytes: &[u8]) -> Option<PathFault> {
        EntryPath::new(bytes).err().map(|e| e.fault)
    }

    #[test]
    fn each_rule_names_its_fault() {
        assert_eq!(fault(b""), Some(PathFault::Empty));
        assert_eq!(fault(b"a//b"), Some(PathFault::Empty));
        assert_eq!(fault(b"a/"), Some(PathFault::Empty));
        assert_eq!(fault(b"/a"), Some(PathFault::Absolute));
        assert_eq!(fault(b"a/../b"), Some(PathFault::Dots));
        assert_eq!(fault(b"./a"), Some(PathFault::Dots));
        assert_eq!(fault(b"a\0"), Some(PathFault::Nul));
        assert_eq!(fault(&[b'a'; 256]), Some(PathFault::TooLong));
        assert_eq!(fault(&[b'a'; 255]), None);
        assert_eq!(fault(b"...\xff\n"), None);
    }

    #[test]
    fn stripping_ends_before_nothing_is_left() {
        let path = EntryPath::new(b"a/b/c").unwrap();
        assert_eq!(path.strip(2), Some(EntryPath::new(b"c").unwrap()));
        assert_eq!(path.strip(3), None);
    }

    #[test]
    fn a_sibling_with_the_same_start_is_not_below() {
        let folder = EntryPath::new(b"a").unwrap();
        assert!(EntryPath::new(b"a/b").unwrap().is_below(&folder));
        assert!(!EntryPath::new(b"ab").unwrap().is_below(&folder));
        assert!(!folder.is_below(&folder));
    }
}
