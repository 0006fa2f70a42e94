//! The layers of an image, base first; later ones come while earlier ones are read.
//!
//! When a layer is opened, those right behind it are asked for too, as far as the transfers of the run are fewer than its
//! jobs. Nothing is waited for in that: a layer that another process downloads, or that is there in part, ends it, and is
//! opened in its turn. So no lock of a download is held while another is waited for. Layers that come ahead go to the spool,
//! and memory holds none of them.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::Fetcher;
use super::blobs::Blobs;
use super::error::Error;
use super::fetched::Fetched;
use super::image::Image;
use super::layer::Layer;

/// How many times the size of all layers must be free for some to come ahead.
const PLENTY: u64 = 8;

/// The layers of one image.
///
/// ```
/// # fn read(layers: &mut pyro::fetch::Layers<'_>) -> Result<(), pyro::fetch::Error> {
/// while let Some(layer) = layers.next()? {
///     println!("{} bytes", layer.finish()?.size);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Layers<'i> {
    fetcher: &'i Fetcher<'i>,
    environment: &'i str,
    image: &'i Image,
    blobs: Blobs<'i>,
    /// How many were handed out.
    opened: usize,
    /// Those that follow, as far as they were asked for.
    ahead: VecDeque<Fetched<'i>>,
    /// Something was wrong with one that was asked for ahead: the others wait for their turn.
    one_by_one: bool,
}

impl<'i> Layers<'i> {
    pub(super) fn open(
        fetcher: &'i Fetcher<'_>,
        environment: &'i str,
        image: &'i Image,
    ) -> Result<Self, Error> {
        let digests = || image.layers().iter().map(Layer::digest).collect();
        fetcher.sharing.learn(environment, digests);
        Ok(Self {
            fetcher,
            environment,
            image,
            blobs: Blobs::open(fetcher, image.place())?,
            opened: 0,
            ahead: VecDeque::new(),
            one_by_one: false,
        })
    }

    /// The next layer; the one before has been read to its end. `None` after the last.
    ///
    /// # Errors
    /// When its bytes cannot be had.
    #[allow(
        clippy::should_implement_trait,
        reason = "each layer must be read before the next: no adapter of iterators may collect them"
    )]
    pub fn next(&mut self) -> Result<Option<Fetched<'i>>, Error> {
        let Some(layer) = self.image.layers().get(self.opened) else {
            return Ok(None);
        };
        let coming = self.ahead.pop_front().filter(Fetched::drive);
        let fetched = if let Some(fetched) = coming {
            fetched
        } else {
            let source = self.image.source().to_owned();
            let (digest, size) = (layer.digest(), layer.size());
            self.blobs.layer(self.environment, digest, size, source)?
        };
        self.opened += 1;
        self.ask_ahead();
        Ok(Some(fetched))
    }

    /// Whether what comes ahead cannot take the room that the layer in hand needs.
    fn has_plenty_of_room(&self) -> bool {
        let all: u64 = self.image.layers().iter().map(Layer::size).sum();
        rustix::fs::statvfs(&self.fetcher.downloads)
            .is_ok_and(|room| room.f_bavail.saturating_mul(room.f_frsize) / PLENTY > all)
    }

    fn ask_ahead(&mut self) {
        while self.fetcher.running.load(Ordering::Relaxed) < self.fetcher.settings.jobs {
            if self.one_by_one || !self.has_plenty_of_room() {
                return;
            }
            let Some(layer) = self.image.layers().get(self.opened + self.ahead.len()) else {
                return;
            };
            let source = self.image.source().to_owned();
            let (digest, size) = (layer.digest(), layer.size());
            match self
                .blobs
                .layer_ahead(self.environment, digest, size, source)
            {
                Ok(Some(fetched)) => self.ahead.push_back(fetched),
                Ok(None) => return,
                // What is wrong with it is said when it is opened in its turn, if it still is.
                Err(_) => {
                    self.one_by_one = true;
                    return;
                }
            }
        }
    }
}

impl std::fmt::Debug for Layers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layers")
            .field("image", &self.image.source())
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}
