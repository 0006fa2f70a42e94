//! `SRC:DST[:ro]`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::cli::failure::{Failure, usage};
use crate::cli::settings::absolute;
use crate::cli::surroundings::Surroundings;
use crate::model::escape::Escaped;
use crate::run::reach::{Access, Mount};

/// Reads one. The source may have colons; a relative one counts from the current folder.
pub(super) fn parse(word: &OsStr, around: &Surroundings) -> Result<Mount, Failure> {
    let wrong = |what: &str| {
        let shown = Escaped(word.as_bytes());
        let expected = "expected SRC:DST or SRC:DST:ro, such as .:/src";
        usage::mistake(format!("`{shown}` is no mount: {what}; {expected}"))
    };
    let bytes = word.as_bytes();
    let (bytes, access) = match (bytes.strip_suffix(b":ro"), bytes.strip_suffix(b":rw")) {
        (Some(rest), _) => (rest, Access::ReadOnly),
        (_, Some(rest)) => (rest, Access::ReadWrite),
        (None, None) => (bytes, Access::ReadWrite),
    };
    let colon = bytes.iter().rposition(|byte| *byte == b':');
    let colon = colon.ok_or_else(|| wrong("it has no colon"))?;
    let (source, target) = (&bytes[..colon], &bytes[colon + 1..]);
    if source.is_empty() {
        return Err(wrong("it names no folder"));
    }
    let target = std::str::from_utf8(target).map_err(|_not_text| wrong("DST is not UTF-8"))?;
    let is_plain = target.starts_with('/') && !target.contains(char::is_control);
    let leads_on = target.split('/').any(|part| part == "..");
    if !is_plain || leads_on || target.trim_matches('/').is_empty() {
        return Err(wrong("DST is no absolute path below /"));
    }
    let source = absolute(OsStr::from_bytes(source).as_ref(), around);
    Ok(Mount {
        source: source?,
        target: target.to_owned(),
        access,
    })
}
