//! `SRC:DST[:ro]`, and several of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::cli::failure::{Failure, usage};
use crate::cli::settings::absolute;
use crate::cli::surroundings::Surroundings;
use crate::model::escape::Escaped;
use crate::run::reach::{Access, Mount};

/// What the kernel shows of itself and its devices: nothing else is to be there.
const RESERVED: [&str; 3] = ["dev", "proc", "sys"];

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
    let names = || {
        let names = target.split('/');
        names.filter(|name| !matches!(*name, "" | "."))
    };
    let first = names().next().filter(|_| is_plain);
    let first = first.filter(|_| names().all(|name| name != ".."));
    let first = first.ok_or_else(|| wrong("DST is no absolute path below /"))?;
    if RESERVED.contains(&first) {
        return Err(wrong("nothing can be mounted in /dev, /proc and /sys"));
    }
    let target: Vec<&str> = names().collect();
    let source = absolute(OsStr::from_bytes(source).as_ref(), around);
    Ok(Mount {
        source: source?,
        target: format!("/{}", target.join("/")),
        access,
    })
}

/// All in the order in which they are mounted: what is below another one comes after it, else nobody would see it.
pub(super) fn in_order(mut mounts: Vec<Mount>) -> Result<Vec<Mount>, Failure> {
    let depth = |mount: &Mount| mount.target.matches('/').count();
    mounts.sort_by(|one, other| (depth(one), &one.target).cmp(&(depth(other), &other.target)));
    for pair in mounts.windows(2) {
        if pair[0].target == pair[1].target {
            let target = Escaped(pair[0].target.as_bytes());
            let what = format!("more than one folder is to be mounted at `{target}`");
            return Err(usage::mistake(what));
        }
    }
    Ok(mounts)
}
