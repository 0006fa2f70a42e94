//! Looking: is an environment there and valid, without opening any source?
//!
//! Sources are looked at in their order, since the first usable one wins. A pinned source whose output is known and
//! valid is enough; a local folder is compared by its record, one `lstat` a file. The first source that would have
//! to be opened ends the look.

use std::path::Path;

use super::bring::reason_to_skip;
use super::context::{Context, Policy};
use super::error::Error;
use super::local;
use super::outcome::{Outcome, Skipped, Why};
use super::project::Project;
use crate::lock::Lock;
use crate::model::digest::{OciDigest, StoreHash};
use crate::model::environment::Environment;
use crate::model::input::{Input, PinInput};
use crate::model::pin::Pin;
use crate::model::platform::Platform;
use crate::model::source::Source;
use crate::model::store_path::StorePathName;
use crate::store::{Found, Published};

/// One environment on one platform, with what is pinned of it.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'p> {
    pub(super) environment: &'p Environment,
    pub(super) platform: Platform,
    pub(super) base: &'p Path,
    pub(super) policy: Policy,
    /// One for each source; none yet where pins are to be made anew.
    pub(super) pins: Vec<Option<Pin>>,
    /// One for each source, as the lock has it.
    pub(super) known: Vec<Option<Pin>>,
    /// Whether the lock has a block that says what the declaration says.
    pub(super) locked: bool,
}

impl<'p> Wanted<'p> {
    /// Digests of all that may have to be fetched for it; `None` where that will only be known when a source is asked.
    pub(super) fn needs(&self) -> Option<Vec<OciDigest>> {
        let sources = self.environment.sources.iter().zip(&self.pins);
        let mut needs = Vec::new();
        for (source, pin) in sources {
            match pin {
                Some(Pin::Oci { layers, .. }) => {
                    needs.extend(layers.iter().map(|layer| layer.digest));
                }
                Some(Pin::Archive { sha256, .. }) => needs.push((*sha256).into()),
                Some(Pin::Local { .. }) => {}
                None if matches!(source, Source::Local(_)) || !self.policy.may_pin() => {}
                None => return None,
            }
        }
        Some(needs)
    }

    /// What `project` says of `environment`; pins of a stale block count as far as their source is the same.
    pub(super) fn new(
        project: &'p Project,
        environment: &'p Environment,
        platform: &Platform,
        policy: Policy,
    ) -> Self {
        let lock = project.lock();
        let block = lock.and_then(|lock| lock.get(&environment.name, platform));
        // Under `--locked` every block was compared before, and a stale one ended the run.
        let locked = block.is_some_and(|block| {
            policy == Policy::Locked || block.declaration() == environment.declaration_hash()
        });
        let trusted = locked || policy == Policy::Frozen;
        let known: Vec<Option<Pin>> = environment
            .sources
            .iter()
            .map(|source| pin_of(lock?, environment, platform, source, trusted))
            .collect();
        let pins = match policy {
            Policy::Refresh => vec![None; known.len()],
            _ => known.clone(),
        };
        Self {
            environment,
            platform: platform.clone(),
            base: project.base(),
            policy,
            pins,
            known,
            locked,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.environment.name.as_str()
    }

    /// Whether a source without a pin waits until those that have one were tried.
    ///
    /// A fresh block that could not pin a source would otherwise ask for it on every run.
    pub(super) fn defers(&self, index: usize) -> bool {
        let is_local = matches!(self.environment.sources[index], Source::Local(_));
        self.locked
            && !is_local
            && self.policy != Policy::Refresh
            && self.pins[index].is_none()
            && self.pins.iter().any(Option::is_some)
    }

    /// What the lock knows of a pin that was just made: the output of the same bytes.
    pub(super) fn with_known_output(&self, index: usize, pin: Pin) -> Pin {
        let same = |known: &&Pin| pin_input(known).is_some() && pin_input(known) == pin_input(&pin);
        match self.known[index]
            .as_ref()
            .filter(same)
            .and_then(Pin::output)
        {
            Some(output) => pin.with_output(output),
            None => pin,
        }
    }

    /// The store path that has `hash`, if it is this environment's.
    pub(super) fn path_of(&self, hash: StoreHash) -> StorePathName {
        StorePathName::new(hash, &self.environment.name, &self.environment.version)
    }

    /// The input of a realisation from these bytes.
    pub(super) fn input(&self, source: &Source, pin: PinInput) -> Input {
        let strip = match source {
            Source::Archive(archive) => archive.strip_components,
            Source::Local(_) | Source::Oci(_) => 0,
        };
        Input::new(self.environment, &self.platform, pin, strip)
    }
}

fn pin_of(
    lock: &Lock,
    environment: &Environment,
    platform: &Platform,
    source: &Source,
    trusted: bool,
) -> Option<Pin> {
    let pin = lock.pin_of(&environment.name, platform, source)?.clone();
    if trusted {
        return Some(pin);
    }
    // The same bytes, but the declaration may make another tree of them now.
    match (pin, source) {
        (Pin::Local { .. }, _) => None,
        (Pin::Archive { sha256, .. }, Source::Archive(archive))
            if archive.sha256.is_some_and(|d| d != sha256) =>
        {
            None
        }
        (Pin::Archive { sha256, size, .. }, _) => Some(Pin::Archive {
            sha256,
            size,
            output: None,
        }),
        (Pin::Oci { digest, layers, .. }, _) => Some(Pin::Oci {
            digest,
            layers,
            output: None,
        }),
    }
}

/// The digest that names the bytes of a pin, for records and reports; local folders have none.
pub(super) fn pin_input(pin: &Pin) -> Option<PinInput> {
    match pin {
        Pin::Local { .. } => None,
        Pin::Archive { sha256, .. } => Some(PinInput::Archive((*sha256).into())),
        Pin::Oci { digest, .. } => Some(PinInput::Oci(*digest)),
    }
}

/// What a look says.
pub(super) enum Looked {
    /// Nothing is to be done.
    Ready(Box<Outcome>),
    /// A source must be opened; what was found damaged on the way.
    Needed { damage: Option<String> },
}

/// What a look at one source says.
pub(super) enum Seen {
    Ready(Box<Published>, Pin),
    Needed { damage: Option<String> },
    Skip(Skipped),
}

/// Looks at one environment.
pub(super) fn look(cx: &Context<'_>, wanted: &Wanted<'_>) -> Result<Looked, Error> {
    let mut skipped = Vec::new();
    for (index, source) in wanted.environment.sources.iter().enumerate() {
        let seen = match source {
            _ if wanted.defers(index) => {
                let reason = "the lock has no pin for it; `pyro lock` tries again".to_owned();
                let source = source.to_string();
                Seen::Skip(Skipped {
                    source,
                    reason,
                    why: Why::Unpinned,
                })
            }
            Source::Local(folder) => {
                let seen = local::see(cx, wanted, index, &folder.resolve(wanted.base));
                seen.or_else(|error| unusable(source, error))?
            }
            Source::Archive(_) | Source::Oci(_) => see_remote(cx, wanted, index)?,
        };
        match seen {
            Seen::Ready(published, pin) => {
                let (source, source_digest) = described(source, wanted.base, &pin);
                let published = *published;
                let outcome = Outcome {
                    published,
                    source,
                    source_digest,
                    index,
                    pin,
                    skipped,
                };
                return Ok(Looked::Ready(Box::new(outcome)));
            }
            Seen::Needed { damage } => return Ok(Looked::Needed { damage }),
            Seen::Skip(skip) => skipped.push(skip),
        }
    }
    match local::left_over(cx, wanted, skipped)? {
        Ok(outcome) => Ok(Looked::Ready(Box::new(outcome))),
        Err(_skipped) => Ok(Looked::Needed { damage: None }),
    }
}

/// A source that cannot be read is passed over here as it is where sources are opened.
fn unusable(source: &Source, error: Error) -> Result<Seen, Error> {
    let (reason, why) = reason_to_skip(error)?;
    let source = source.to_string();
    Ok(Seen::Skip(Skipped {
        source,
        reason,
        why,
    }))
}

/// Looks for the output of a pinned archive or image.
pub(super) fn see_remote(
    cx: &Context<'_>,
    wanted: &Wanted<'_>,
    index: usize,
) -> Result<Seen, Error> {
    let source = &wanted.environment.sources[index];
    let Some(pin) = &wanted.pins[index] else {
        if wanted.policy.may_pin() {
            return Ok(Seen::Needed { damage: None });
        }
        let reason = "the lock has no pin for it".to_owned();
        return Ok(Seen::Skip(Skipped {
            source: source.to_string(),
            reason,
            why: Why::Unpinned,
        }));
    };
    let output = match (pin.output(), pin_input(pin)) {
        (Some(output), _) => Some(wanted.path_of(output)),
        (None, Some(input)) => cx
            .store
            .realisation(&wanted.input(source, input))?
            .map(|record| record.path),
        (None, None) => None,
    };
    let Some(name) = output else {
        return Ok(Seen::Needed { damage: None });
    };
    Ok(match cx.store.find(&name, cx.depth, cx.observer)? {
        Found::Valid(published) => {
            let pin = pin.clone().with_output(name.hash());
            Seen::Ready(published, pin)
        }
        Found::Missing => Seen::Needed { damage: None },
        Found::Damaged(damage) => Seen::Needed {
            damage: Some(damage.summary()),
        },
    })
}

/// Where bytes come from, by declaration and pin alone.
pub(super) fn described(source: &Source, base: &Path, pin: &Pin) -> (String, Option<String>) {
    use crate::model::source::{ArchiveLocation, OciSource};
    match (source, pin) {
        (Source::Local(local), _) => (format!("local:{}", local.resolve(base).display()), None),
        (Source::Archive(archive), pin) => {
            let text = match archive.locations.first() {
                Some(ArchiveLocation::Http(url)) => url.clone(),
                Some(file) => format!("file://{}", file.path(base).unwrap_or_default().display()),
                None => String::new(),
            };
            let digest = match pin {
                Pin::Archive { sha256, .. } => Some(format!("sha256:{sha256}")),
                _ => None,
            };
            (text, digest)
        }
        (Source::Oci(oci), pin) => {
            let digest = match pin {
                Pin::Oci { digest, .. } => Some(digest.to_string()),
                _ => None,
            };
            let at = digest
                .as_deref()
                .map(|digest| format!("@{digest}"))
                .unwrap_or_default();
            let text = match oci {
                OciSource::Registry(reference) => {
                    format!(
                        "oci://{}/{}{at}",
                        reference.registry(),
                        reference.repository()
                    )
                }
                OciSource::Layout { folder, .. } => {
                    format!("oci-layout:{}{at}", base.join(folder).display())
                }
            };
            (text, digest)
        }
    }
}
