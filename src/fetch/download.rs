//! From a request to a verifying reader: the spool first, the network only where it does not have the bytes.

use super::Fetcher;
use super::arrival::Half;
use super::error::Error;
use super::fetched::Fetched;
use super::meter::Meter;
use super::settings::Network;
use super::sharing::Keep;
use super::spool::{Kept, Patience, Spool, SpoolName, Used};
use super::transfer::{self, Ask, Transfer};
use super::verify::{Expected, Verifier};
use crate::progress::Event;

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
/// removed. What an earlier run left of the bytes is completed first and read only then, so that nothing is made of it
/// that turns out not to fit: it may have been written just before the power failed.
pub(super) fn download<'f>(
    fetcher: &'f Fetcher<'_>,
    wanted: Wanted<'_>,
    ask: Ask<'f>,
) -> Result<Fetched<'f>, Error> {
    let Wanted {
        environment,
        what,
        expected,
        ..
    } = wanted;
    let forbidden = fetcher.settings.network == Network::Forbidden;
    if forbidden && !Spool::exists(&fetcher.downloads, &wanted.spool)? {
        return Err(Error::Offline { what: what.into() });
    }
    let mut ask = ask;
    loop {
        let mut spool = lock(fetcher, &wanted.spool)?;
        let verifier = match spool.kept(what, expected)? {
            Kept::Part(verifier) => verifier,
            Kept::All(seen) => {
                let used = spool.release()?;
                let meter = Meter::of_file(fetcher, environment, what, seen.size);
                return Ok(of_spool(fetcher, wanted, used, meter));
            }
        };
        let resumes = verifier.size() > 0;
        let half = Half { spool, verifier };
        let now = transfer::Wanted::Now;
        let mut transfer = Transfer::begin(fetcher, what, expected, ask, half, now)?;
        let mut meter = Meter::new(fetcher, environment, what, transfer.total());
        if !resumes {
            let keep = Keep::new(fetcher, environment);
            return Ok(Fetched::of_transfer(wanted.source, transfer, meter, keep));
        }
        match transfer.complete(|arrived| meter.show(arrived)) {
            Ok((_, used)) => return Ok(of_spool(fetcher, wanted, used, meter)),
            Err(Error::Integrity { .. }) => {
                let text = format!(
                    "{what}: what an earlier run kept of it does not fit; it is fetched from its beginning"
                );
                fetcher.observer.event(Event::Note { text: &text });
                ask = transfer.into_ask();
            }
            Err(error) => return Err(error),
        }
    }
}

/// What is all in its spool file, and read from there.
fn of_spool<'f>(
    fetcher: &'f Fetcher<'_>,
    wanted: Wanted<'_>,
    used: Used,
    meter: Meter<'f>,
) -> Fetched<'f> {
    let verifier = Verifier::new(wanted.what, wanted.expected);
    let keep = Keep::new(fetcher, wanted.environment);
    Fetched::of_spool(wanted.source, used, verifier, meter, keep)
}

/// Lets the body come without waiting for anything: `None` where another process is at it, or part of it is there.
pub(super) fn download_ahead<'f>(
    fetcher: &'f Fetcher<'_>,
    wanted: Wanted<'_>,
    ask: Ask<'f>,
) -> Result<Option<Fetched<'f>>, Error> {
    let Wanted {
        environment,
        what,
        source,
        spool,
        expected,
    } = wanted;
    if fetcher.settings.network == Network::Forbidden || Spool::exists(&fetcher.downloads, &spool)?
    {
        return Ok(None);
    }
    let Some(spool) = Spool::try_make(&fetcher.downloads, &spool)? else {
        return Ok(None);
    };
    let verifier = Box::new(Verifier::new(what, expected));
    let half = Half { spool, verifier };
    let later = transfer::Wanted::Later;
    let transfer = Transfer::begin(fetcher, what, expected, ask, half, later)?;
    let meter = Meter::new(fetcher, environment, what, transfer.total());
    let keep = Keep::new(fetcher, environment);
    Ok(Some(Fetched::of_transfer(source, transfer, meter, keep)))
}

fn lock(fetcher: &Fetcher<'_>, name: &SpoolName) -> Result<Spool, Error> {
    let patience = Patience {
        limit: fetcher.settings.lock_timeout,
        observer: fetcher.observer,
    };
    Spool::lock(&fetcher.downloads, name, patience)
}
