//! Reads one `[[environments."NAME".sources]]`.

use super::ledger::Ledger;
use super::reader::{self, Fields, Value};
use crate::model::source::{ArchiveLocation, ArchiveSource, LocalSource, OciSource, Source};

/// The keys that say where the bytes are; a source has exactly one.
pub(super) const LOCATIONS: &[&str] = &["local", "archive", "oci"];

/// The keys that only an archive has.
const OF_ARCHIVES: &[&str] = &["sha256", "strip-components"];

/// The keys of a source.
pub(super) const KEYS: &[&str] = &["local", "archive", "oci", "sha256", "strip-components"];

/// Reads one source; nothing when something in it is wrong.
pub(super) fn read(value: &Value<'_>, ledger: &mut Ledger) -> Option<Source> {
    let table = reader::table(value, ledger)?;
    let fields = Fields::open(table, value.span(), KEYS, ledger);
    let kind = kind(&fields, ledger);
    let archive = archive(&fields, ledger);
    match kind? {
        "local" => local(fields.get("local")?, ledger),
        "oci" => oci(fields.get("oci")?, ledger),
        _ => archive.map(Source::Archive),
    }
}

/// Which of the locations it has, when it has one and nothing that belongs to another.
fn kind(fields: &Fields<'_, '_>, ledger: &mut Ledger) -> Option<&'static str> {
    let mut found = LOCATIONS
        .iter()
        .filter(|key| fields.get(key).is_some())
        .copied();
    let Some(kind) = found.next() else {
        let hint =
            "each source is a folder (`local`), a tar archive (`archive`) or an image (`oci`)";
        let message = format!("a source needs one of {}", reader::quoted(LOCATIONS));
        ledger.note_with_hint(fields.span(), message, hint);
        return None;
    };
    let mut good = true;
    for other in found {
        let span = fields.key_span(other).unwrap_or(fields.span());
        let message = format!("a source is one thing, found `{kind}` and `{other}`");
        let hint = "write another [[…sources]]; they are tried in order";
        ledger.note_with_hint(span, message, hint);
        good = false;
    }
    if kind != "archive" && fields.get("archive").is_none() {
        for key in OF_ARCHIVES {
            if let Some(span) = fields.key_span(key) {
                ledger.note(span, format!("`{key}` belongs to an `archive` source"));
                good = false;
            }
        }
    }
    good.then_some(kind)
}

fn local(value: &Value<'_>, ledger: &mut Ledger) -> Option<Source> {
    let path = path(value, ledger)?.to_owned();
    if path.contains("://") {
        let hint = "write `archive = …` for a URL, `oci = …` for an image";
        ledger.note_with_hint(value.span(), "a local source is a folder, not a URL", hint);
        return None;
    }
    Some(Source::Local(LocalSource { path }))
}

fn oci(value: &Value<'_>, ledger: &mut Ledger) -> Option<Source> {
    let text = reader::text(value, ledger)?;
    // After the `@` of a digest there is no slash; after that of a password there is.
    if text
        .split_once('@')
        .is_some_and(|(_, rest)| rest.contains('/'))
        && !is_layout(text)
    {
        credentials(value, ledger);
        return None;
    }
    let source: OciSource = reader::parsed(value, ledger)?;
    match &source {
        OciSource::Layout { .. } => path(value, ledger).map(|_| Source::Oci(source)),
        OciSource::Registry(_) => Some(Source::Oci(source)),
    }
}

/// The archive, `None` when there is none or something is wrong with it.
fn archive(fields: &Fields<'_, '_>, ledger: &mut Ledger) -> Option<ArchiveSource> {
    let sha256 = fields
        .get("sha256")
        .map(|value| reader::parsed(value, ledger));
    let strip_components = fields
        .get("strip-components")
        .map_or(Some(0), |value| reader::count(value, ledger));
    let value = fields.get("archive")?;
    let locations = if value.get_ref().is_str() {
        archive_location(value, ledger).map(|one| vec![one])
    } else if value.get_ref().is_array() {
        reader::filled_list(value, ledger, archive_location)
    } else {
        reader::wrong_type(value, "a string or a list of strings", ledger);
        None
    };
    Some(ArchiveSource {
        locations: locations?,
        sha256: match sha256 {
            None => None,
            Some(parsed) => Some(parsed?),
        },
        strip_components: strip_components?,
    })
}

fn archive_location(value: &Value<'_>, ledger: &mut Ledger) -> Option<ArchiveLocation> {
    let text = path(value, ledger)?;
    let location = ArchiveLocation::from(text);
    let good = match &location {
        ArchiveLocation::Http(url) => good_url(url, value, ledger),
        ArchiveLocation::File(url) => {
            let path = url.trim_start_matches("file://");
            let path = path.strip_prefix("localhost").unwrap_or(path);
            if !path.starts_with('/') {
                let message = "a file:// URL needs an absolute path";
                let hint = "write file:///srv/a.tar, or a path without file://";
                ledger.note_with_hint(value.span(), message, hint);
            }
            path.starts_with('/')
        }
        ArchiveLocation::Path(path) => match path.split_once("://") {
            None => true,
            Some((scheme, _)) => {
                let message = format!("unknown scheme `{}://`", reader::escaped(scheme));
                let hint = "an archive is https://…, http://…, file://… or a path";
                ledger.note_with_hint(value.span(), message, hint);
                false
            }
        },
    };
    good.then_some(location)
}

fn good_url(url: &str, value: &Value<'_>, ledger: &mut Ledger) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        credentials(value, ledger);
        return false;
    }
    if authority.is_empty() || authority.starts_with(':') {
        ledger.note(value.span(), "this URL names no host");
        return false;
    }
    if url.contains(char::is_whitespace) {
        ledger.note(value.span(), "a URL has no spaces, write %20");
        return false;
    }
    true
}

fn credentials(value: &Value<'_>, ledger: &mut Ledger) {
    ledger.withhold_excerpts();
    let hint = "declarations, locks and logs are shared: leave user and password out";
    ledger.note_with_hint(value.span(), "this location carries credentials", hint);
}

fn is_layout(text: &str) -> bool {
    text.starts_with("oci-layout:")
}

/// A text that can name a file: not empty and without NUL.
fn path<'t>(value: &'t Value<'_>, ledger: &mut Ledger) -> Option<&'t str> {
    let text = reader::text(value, ledger)?;
    if text.is_empty() {
        ledger.note(value.span(), "expected a location, found an empty string");
        return None;
    }
    if text.contains('\0') {
        ledger.note(value.span(), "a location cannot have a NUL character");
        return None;
    }
    Some(text)
}
