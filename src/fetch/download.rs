//! From a request to a verifying reader: the spool first, the network only where it does not have the bytes.

use super::Fetcher;
use super::error::Error;
use super::fetched::Fetched;
use super::http::Answer;
use super::meter::Meter;
use super::settings::Network;
use super::spool::{Patience, Spool, SpoolName};
use super::transfer::Stream;
use super::verify::{Expected, Verifier};

/// Bytes to be had.
pub(super) struct Wanted<'w> {
    /// The environment that they are for.
    pub(super) environment: &'w str,
    /// What errors and progress call them.
    pub(super) what: &'w str,
    /// What their provenance says.
    pub(super) source: String,
    /// Their spool file.
    pub(super) spool: SpoolName,
    /// What is known of them.
    pub(super) expected: Expected,
}

/// Takes a complete spool file, or sends a request with `ask` and lets the body come.
///
/// The spool's lock is held until the last byte is in. A spool file that was made for a request that failed is
/// removed; what an earlier transfer left is kept until a server answers.
pub(super) fn download<'f>(
    fetcher: &'f Fetcher<'_>,
    wanted: Wanted<'_>,
    ask: impl FnOnce() -> Result<Answer, Error>,
) -> Result<Fetched<'f>, Error> {
    let Wanted {
        environment,
        what,
        source,
        spool: name,
        expected,
    } = wanted;
    let patience = Patience {
        limit: fetcher.settings.lock_timeout,
        observer: fetcher.observer,
    };
    let verifier = Verifier::new(what, expected);
    let forbidden = fetcher.settings.network == Network::Forbidden;
    if forbidden && !Spool::exists(&fetcher.downloads, &name)? {
        return Err(Error::Offline { what: what.into() });
    }
    let mut spool = Spool::lock(&fetcher.downloads, &name, patience)?;
    if let Some(seen) = spool.verified(expected)? {
        let used = spool.release()?;
        let meter = Meter::of_file(fetcher, environment, what, seen.size);
        return Ok(Fetched::of_spool(source, used, verifier, meter));
    }
    let answer = match ask() {
        Ok(answer) => answer,
        Err(error) => {
            spool.discard_if_empty()?;
            return Err(error);
        }
    };
    spool.begin_anew()?;
    let total = expected.size.or_else(|| answer.announced());
    let stream = Stream::start(&fetcher.web, what, answer, spool, verifier)?;
    let meter = Meter::new(fetcher, environment, what, total);
    Ok(Fetched::of_stream(source, stream, meter))
}
