//! Bytes from outside: archives and OCI images become verifying readers.
//!
//! ```text
//!  ArchiveSource ─ archive ──────────────┐                  ┌─ file of this machine ─┐
//!  OciSource ─ image ─ index ─ document ─┤─ download/blobs ─┤                        ├─ Fetched ─> unpack
//!                       blobs            │                  └─ spool ── transfer ────┘
//!    mirrors ─ registry ─┴─ oci_layout   │                       http ──┘
//!  credentials ─ challenge ─ token ──────┘
//! ```
//!
//! 1. A source is resolved to bytes with a name: a digest and a size, wherever one is pinned or a manifest gives one.
//! 2. A complete spool file is hashed again and read; otherwise one `GET` begins and a task writes the body to the
//!    spool (`downloads/<uid>/<algorithm>-<hex>`) while the reader reads along.
//! 3. Every byte is hashed and counted as it arrives. The reader's end of file means that all of it was right; a byte
//!    too many or a wrong digest is [`Error::Integrity`], which is never a reason to try elsewhere.
//! 4. The spool file goes when the reader is finished, and stays when something failed.
//!
//! The lock of a spool file is held only while bytes move: a process takes one download at a time and reads it to its
//! end before it takes the next. Credentials go to the registry's own origin and to token servers that the user
//! listed, never along a redirect elsewhere, and over plain HTTP to this machine only. Nothing here makes a thread, a
//! connection or a folder before it is needed; without network nothing of it is made at all.

mod archive;
mod arrival;
mod blobs;
mod challenge;
mod credentials;
mod document;
mod download;
mod error;
mod fetched;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod http;
mod image;
mod index;
mod layer;
mod layers;
mod media_type;
mod meter;
mod mirrors;
mod oci_layout;
mod pace;
mod pump;
mod range;
mod registry;
mod retry;
mod runtime;
mod secret;
mod settings;
mod sharing;
mod spool;
mod token;
mod transfer;
mod turns;
mod verify;

#[cfg(test)]
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::model::digest::{OciDigest, Sha256};
use crate::model::platform::Platform;
use crate::model::source::{ArchiveLocation, ArchiveSource, OciSource};
use crate::progress::Observer;
use crate::store::Room;

pub use self::error::{Again, Error};
pub use self::fetched::{Fetched, Provenance};
pub use self::image::Image;
pub use self::layer::{Layer, LayerKind};
pub use self::layers::Layers;
pub use self::registry::{LoggedIn, Seen, Welcome};
pub use self::secret::Secret;
pub use self::settings::{Mirrors, Network, Settings};

/// A download, a staging tree with its lock, a manifest and one file: no environment needs fewer.
const FILES: u64 = 5;

/// Fetches from every kind of source that is not a local folder; one for a run.
///
/// ```
/// use pyro::fetch::{Error, Fetcher, Network, Settings};
/// use pyro::model::source::ArchiveSource;
/// use pyro::progress::Silent;
///
/// let settings = Settings { network: Network::Forbidden, ..Settings::default() };
/// let fetcher = Fetcher::new(settings, "/srv/store/downloads/1000".into(), &Silent);
/// let source = ArchiveSource {
///     locations: vec!["https://example.org/debian-12.tar.zst".into()],
///     sha256: None,
///     strip_components: 0,
/// };
/// let error = fetcher.archive_pin("debian:12", &source, "/".as_ref()).unwrap_err();
/// assert!(matches!(error, Error::Offline { .. }));
/// ```
pub struct Fetcher<'a> {
    settings: Arc<Settings>,
    downloads: PathBuf,
    observer: &'a dyn Observer,
    web: http::Web,
    sessions: registry::Sessions,
    /// Bytes of all archives and layers so far.
    read: AtomicU64,
    /// Retries that are left.
    budget: retry::Budget,
    /// Transfers that are on their way.
    running: Arc<AtomicUsize>,
    sharing: sharing::Sharing,
    images: image::Images,
}

impl<'a> Fetcher<'a> {
    /// Takes what the user allows and the account's folder for downloads, which is made when the first one begins
    /// (mode 0700; the folder around it must exist). Nothing is started or read.
    #[must_use]
    pub fn new(settings: Settings, downloads: PathBuf, observer: &'a dyn Observer) -> Self {
        let settings = Arc::new(settings);
        Self {
            web: http::Web::new(Arc::clone(&settings)),
            budget: retry::Budget::new(settings.retries),
            running: Arc::default(),
            sharing: sharing::Sharing::default(),
            images: image::Images::default(),
            settings,
            downloads,
            observer,
            sessions: registry::Sessions::default(),
            read: AtomicU64::new(0),
        }
    }

    /// How many bytes of archives and layers were read so far, as they came, from wherever they came.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Opens an archive at the first of its locations that has it; `base` is the folder of the declaration.
    ///
    /// Without a pin, a local file is read as it is and its digest known at the end; a URL is first downloaded whole.
    ///
    /// # Errors
    /// The last location's error, or the first that no other location can put right; also when `pin` is not the
    /// digest that the declaration insists on.
    pub fn archive(
        &self,
        environment: &str,
        source: &ArchiveSource,
        base: &Path,
        pin: Option<(Sha256, u64)>,
    ) -> Result<Fetched<'_>, Error> {
        archive::open(self, environment, source, base, pin)
    }

    /// Digest and size of an archive: a local file is hashed, a URL downloaded into the spool, where the
    /// [`Fetcher::archive`] that follows finds it.
    ///
    /// # Errors
    /// As for [`Fetcher::archive`]; also when the bytes are not those that the declaration insists on.
    pub fn archive_pin(
        &self,
        environment: &str,
        source: &ArchiveSource,
        base: &Path,
    ) -> Result<(Sha256, u64), Error> {
        archive::pin(self, environment, source, base)
    }

    /// Resolves an image or artifact to the manifest of one platform; with a pin, to exactly that manifest.
    ///
    /// # Errors
    /// When it is absent (also for this platform), cannot be had, or is not what its digest or its index says.
    pub fn image(
        &self,
        source: &OciSource,
        base: &Path,
        platform: &Platform,
        pinned: Option<&OciDigest>,
    ) -> Result<Image, Error> {
        image::resolve(self, source, base, platform, pinned)
    }

    /// The platforms that a source offers, in its order; empty when it names none and so is for all.
    ///
    /// # Errors
    /// As for [`Fetcher::image`].
    pub fn offered_platforms(
        &self,
        source: &OciSource,
        base: &Path,
    ) -> Result<Vec<Platform>, Error> {
        image::offered_platforms(self, source, base)
    }

    /// The layers of an image, to be read in turn.
    ///
    /// # Errors
    /// When the place that has them cannot be opened.
    pub fn layers<'i>(
        &'i self,
        environment: &'i str,
        image: &'i Image,
    ) -> Result<Layers<'i>, Error> {
        Layers::open(self, environment, image)
    }

    /// What the store's file system must have room for at least when this image is fetched: its largest layer, as far as
    /// that is not there, and the files of the smallest environment.
    #[must_use]
    pub fn room_for_image(&self, image: &Image) -> Room {
        let bytes = match image.place() {
            blobs::Place::Layout(_) => 0,
            blobs::Place::Registry { .. } => {
                let layers = image.layers().iter();
                let missing = layers.map(|layer| self.missing(&layer.digest(), layer.size()));
                missing.max().unwrap_or(0)
            }
        };
        Room {
            bytes,
            files: FILES,
        }
    }

    /// The same for an archive that is pinned.
    #[must_use]
    pub fn room_for_archive(&self, source: &ArchiveSource, pin: (Sha256, u64)) -> Room {
        let mut locations = source.locations.iter();
        let bytes = if locations.all(|location| matches!(location, ArchiveLocation::Http(_))) {
            self.missing(&pin.0.into(), pin.1)
        } else {
            0
        };
        Room {
            bytes,
            files: FILES,
        }
    }

    fn missing(&self, digest: &OciDigest, size: u64) -> u64 {
        let kept = spool::SpoolName::of(digest).length(&self.downloads);
        size.saturating_sub(kept)
    }

    /// Stores a login for a registry, where the registry accepts it or asks for none.
    ///
    /// # Errors
    /// When the registry refuses it or may not be shown it, or it cannot be stored.
    pub fn log_in(&self, registry: &str, user: &str, secret: &Secret) -> Result<LoggedIn, Error> {
        registry::Registry::new(self, registry, "").log_in(user, secret)
    }

    /// Removes the login for a registry from every file and helper that has one, and says which these were.
    ///
    /// # Errors
    /// When a file cannot be read or written, or a helper does not forget.
    pub fn log_out(&self, registry: &str) -> Result<Vec<String>, Error> {
        registry::Registry::new(self, registry, "").log_out()
    }

    /// An environment will be fetched in this run, from bytes with these digests or, with `None`, from what is not known
    /// yet. What two of them need is kept until both have it.
    pub fn expect(&self, environment: &str, needs: Option<Vec<OciDigest>>) {
        self.sharing.expect(environment, needs);
    }

    /// An expected environment needs nothing more.
    ///
    /// # Errors
    /// When what nobody needs any more cannot be removed.
    pub fn is_done(&self, environment: &str) -> Result<(), Error> {
        self.sharing.is_done(environment)
    }
}

impl std::fmt::Debug for Fetcher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("downloads", &self.downloads)
            .finish_non_exhaustive()
    }
}
