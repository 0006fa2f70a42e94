//! Archives: a path, `file://` or `http(s)://`, from the first location that has them.
//!
//! Several locations are mirrors of the same bytes. One that is absent, unreachable, denied or offline is reported
//! and the next one tried; bytes that are not those that were named end it. Where one breaks off, the next goes on as long
//! as a digest says that the rest belongs to the same bytes.

use std::path::Path;

use fs_err::File;
use rustix::fs::{Mode, OFlags};

use crate::model::digest::{OciDigest, Sha256};
use crate::model::source::{ArchiveLocation, ArchiveSource};
use crate::progress::Event;

use super::Fetcher;
use super::download::{Wanted, download};
use super::error::Error;
use super::fetched::Fetched;
use super::http::{Answer, Ask, Url};
use super::meter::Meter;
use super::range::Rest;
use super::spool::SpoolName;
use super::turns::Turns;
use super::verify::{Expected, Verifier};
use crate::store::uninterrupted;

/// Opens the archive at the first location that answers.
pub(super) fn open<'f>(
    fetcher: &'f Fetcher<'_>,
    environment: &str,
    source: &ArchiveSource,
    base: &Path,
    pin: Option<(Sha256, u64)>,
) -> Result<Fetched<'f>, Error> {
    let expected = expected(source, pin)?;
    first(fetcher, environment, source, |locations| {
        let location = &locations[0];
        if pin.is_none() && matches!(location, ArchiveLocation::Http(_)) {
            // Nothing says how long it is: have it whole first, so that what is unpacked is what is recorded.
            let (sha256, size) = pin_of(fetcher, environment, locations, base, expected)?;
            let known = Expected::exactly(sha256.into(), size);
            return at(fetcher, environment, locations, base, known);
        }
        at(fetcher, environment, locations, base, expected)
    })
}

/// Digest and size of the archive; what had to be downloaded for them stays in the spool.
pub(super) fn pin(
    fetcher: &Fetcher<'_>,
    environment: &str,
    source: &ArchiveSource,
    base: &Path,
) -> Result<(Sha256, u64), Error> {
    let expected = expected(source, None)?;
    first(fetcher, environment, source, |locations| {
        pin_of(fetcher, environment, locations, base, expected)
    })
}

fn expected(source: &ArchiveSource, pin: Option<(Sha256, u64)>) -> Result<Expected, Error> {
    let Some((sha256, size)) = pin else {
        return Ok(Expected {
            digest: source.sha256.map(Into::into),
            size: None,
        });
    };
    match source.sha256.filter(|&declared| declared != sha256) {
        None => Ok(Expected::exactly(sha256.into(), size)),
        Some(declared) => Err(Error::integrity(
            "the lock's pin of this archive",
            format!("sha256 {declared} as declared"),
            format!("sha256 {sha256}"),
        )),
    }
}

/// Tries the locations in order, each with those that follow it.
fn first<T>(
    fetcher: &Fetcher<'_>,
    environment: &str,
    source: &ArchiveSource,
    mut attempt: impl FnMut(&[ArchiveLocation]) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut left = source.locations.as_slice();
    while let [location, others @ ..] = left {
        match attempt(left) {
            Err(error) if error.allows_next_location() && !others.is_empty() => {
                fetcher.observer.event(Event::Skipped {
                    environment,
                    source: &shown(location),
                    why: &error.to_string(),
                });
                left = others;
            }
            outcome => return outcome,
        }
    }
    Err(Error::absent("the archive", "it has no location"))
}

fn pin_of(
    fetcher: &Fetcher<'_>,
    environment: &str,
    locations: &[ArchiveLocation],
    base: &Path,
    expected: Expected,
) -> Result<(Sha256, u64), Error> {
    let provenance = at(fetcher, environment, locations, base, expected)?.keep()?;
    match provenance.digest {
        OciDigest::Sha256(sha256) => Ok((sha256, provenance.size)),
        OciDigest::Sha512(_) => Err(Error::unsupported(
            provenance.source,
            "archives are pinned by sha256",
        )),
    }
}

/// From the first of these locations, whose rest may come from the others.
fn at<'f>(
    fetcher: &'f Fetcher<'_>,
    environment: &str,
    locations: &[ArchiveLocation],
    base: &Path,
    expected: Expected,
) -> Result<Fetched<'f>, Error> {
    let [location, others @ ..] = locations else {
        return Err(Error::absent("the archive", "it has no location"));
    };
    if let Some(path) = location.path(base) {
        return file(fetcher, environment, &path, expected);
    }
    let is_url = |other: &&ArchiveLocation| matches!(other, ArchiveLocation::Http(_));
    let others = others.iter().filter(is_url);
    let others = others.filter_map(|other| Url::parse(&other.to_string()));
    url(fetcher, environment, location, others.collect(), expected)
}

fn url<'f>(
    fetcher: &'f Fetcher<'_>,
    environment: &str,
    location: &ArchiveLocation,
    others: Vec<Url>,
    expected: Expected,
) -> Result<Fetched<'f>, Error> {
    let Some(url) = Url::parse(&location.to_string()) else {
        let why = "it is not a URL of http or https";
        return Err(Error::unsupported(shown(location), why));
    };
    let what = url.to_string();
    let wanted = Wanted {
        environment,
        what: &what,
        source: what.clone(),
        spool: expected
            .digest
            .map_or_else(|| SpoolName::of_url(&what), |digest| SpoolName::of(&digest)),
        expected,
    };
    let mut urls = vec![url];
    if expected.digest.is_some() {
        urls.extend(others);
    }
    let turns = Turns::default();
    let ask = move |rest: Option<&Rest>| {
        // Until one has answered, which location comes next is for the caller to say.
        let places = if turns.have_begun() {
            &urls
        } else {
            &urls[..1]
        };
        let passed = |url: &Url, error: &Error| {
            let text = format!("{url} is passed over: {error}");
            fetcher.observer.event(Event::Note { text: &text });
        };
        turns.first(places, |url| get(fetcher, url, rest), passed)
    };
    download(fetcher, wanted, Box::new(ask))
}

fn get(fetcher: &Fetcher<'_>, url: &Url, rest: Option<&Rest>) -> Result<Answer, Error> {
    let ask = Ask {
        url,
        what: &url.to_string(),
        accept: &[],
        authorization: url.login(),
        rest,
    };
    let answer = fetcher.web.get(&ask).map_err(Error::from)?;
    answer.success_for(rest)
}

/// The location without credentials.
fn shown(location: &ArchiveLocation) -> String {
    match location {
        ArchiveLocation::Http(text) => match Url::parse(text) {
            Some(url) => url.to_string(),
            // What cannot be parsed may still hold a password; everything up to the last @ goes.
            None => text.rsplit('@').next().unwrap_or_default().to_owned(),
        },
        other => other.to_string(),
    }
}

fn file<'f>(
    fetcher: &'f Fetcher<'_>,
    environment: &str,
    path: &Path,
    expected: Expected,
) -> Result<Fetched<'f>, Error> {
    let (file, size) = open_file(path)?;
    let source = format!("file://{}", path.display());
    if let Some(wanted) = expected.size.filter(|&wanted| wanted != size) {
        return Err(Error::integrity(
            source,
            format!("{wanted} bytes"),
            format!("{size} bytes"),
        ));
    }
    let verifier = Verifier::new(source.as_str(), expected);
    let meter = Meter::of_file(fetcher, environment, &source, size);
    Ok(Fetched::of_file(source, file, verifier, meter))
}

/// Opens an ordinary file of this machine for reading; never waits for the other end of a pipe.
pub(super) fn open_file(path: &Path) -> Result<(File, u64), Error> {
    use rustix::io::Errno;
    let shown = path.display().to_string();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor =
        uninterrupted::open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR => Error::absent(&shown, "no such file"),
            Errno::ACCESS | Errno::PERM => Error::denied(&shown, "this account may not read it"),
            other => Error::io("open", path, other),
        })?;
    let file = File::from_parts(descriptor.into(), path);
    let metadata = file
        .file()
        .metadata()
        .map_err(|error| Error::io("stat", path, error))?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else if metadata.is_dir() {
        Err(Error::unsupported(
            shown,
            "it is a folder; declare it with `local = …`",
        ))
    } else {
        Err(Error::unsupported(shown, "it is not an ordinary file"))
    }
}

#[cfg(test)]
mod tests;
