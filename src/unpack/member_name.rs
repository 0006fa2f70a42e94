//! The names of archive members and hard-link targets, as paths below the top.

use crate::model::path::{EntryPath, PathFault};

/// Longest name of a whole path: `PATH_MAX` without its closing NUL. A name implies all folders above it, so one of
/// a million levels would make terabytes of names out of nothing.
pub(super) const LONGEST: usize = 4095;

/// A member's name as a path; `None` for the top itself (`.` or `./`).
///
/// A leading `./` means nothing and a folder's trailing slash neither; everything else is checked.
pub(super) fn path(name: &[u8]) -> Result<Option<EntryPath>, PathFault> {
    let mut rest = name;
    while let Some(after) = rest.strip_prefix(b"./") {
        rest = after;
    }
    if matches!(rest, b"." | b"") && !name.is_empty() {
        return Ok(None);
    }
    if rest.starts_with(b"/") {
        return Err(PathFault::Absolute);
    }
    while let [before @ .., b'/'] = rest {
        rest = before;
    }
    if rest.len() > LONGEST {
        return Err(PathFault::TooLong);
    }
    EntryPath::new(rest).map(Some).map_err(|error| error.fault)
}

/// Whether any component is named like a whiteout.
pub(super) fn has_whiteout(path: &EntryPath) -> bool {
    path.components()
        .any(|component| component.starts_with(b".wh."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_and_leading_dots_are_told_from_faults() {
        let text = |name: &[u8]| path(name).map(|path| path.map(|path| path.to_string()));
        assert_eq!(text(b"./"), Ok(None));
        assert_eq!(text(b"."), Ok(None));
        assert_eq!(text(b"././"), Ok(None));
        assert_eq!(text(b"./a/"), Ok(Some("a".to_owned())));
        assert_eq!(text(b"a/b"), Ok(Some("a/b".to_owned())));
        assert_eq!(text(b""), Err(PathFault::Empty));
        assert_eq!(text(b"/"), Err(PathFault::Absolute));
        assert_eq!(text(b".//a"), Err(PathFault::Absolute));
        assert_eq!(text(b"/a"), Err(PathFault::Absolute));
        assert_eq!(text(b".."), Err(PathFault::Dots));
        assert_eq!(text(b"./../a"), Err(PathFault::Dots));
        assert_eq!(text(b"a/."), Err(PathFault::Dots));
        assert_eq!(text(b"a//b"), Err(PathFault::Empty));
        assert_eq!(text(b"a\0b"), Err(PathFault::Nul));
        let deep = |levels| text("a/".repeat(levels).as_bytes());
        assert!(deep(2048).is_ok());
        assert_eq!(deep(2049), Err(PathFault::TooLong));
    }
}
