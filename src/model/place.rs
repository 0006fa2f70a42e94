//! A store path and the store that it stands in: the one that a profile belongs to, or a lower one beneath it.
//!
//! A generation's link says both:
//!
//! ```text
//! ../../../../store/<store path>                in the store itself
//! ../../../../lowers/<id>/store/<store path>    in a lower store, to which `lowers/<id>` leads
//! ```

use std::path::{Path, PathBuf};

use super::digest::LowerId;
use super::store_path::StorePathName;

/// From a generation's folder to the root of its store.
const TO_ROOT: &str = "../../../..";

/// The store that a path stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Home {
    /// The store itself.
    #[default]
    Own,
    /// A lower store, which is only read.
    Lower(LowerId),
}

/// A store path and its home.
///
/// ```
/// use pyro::model::place::Place;
/// let name = format!("{}-hello-1.0.0", "0".repeat(64)).parse()?;
/// let place = Place::own(name);
/// assert_eq!(Place::of_link(&place.link_target()), Some(place));
/// # Ok::<(), pyro::model::store_path::StorePathNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The store that it stands in.
    pub home: Home,
    /// Its name.
    pub name: StorePathName,
}

impl Place {
    /// In the store itself.
    #[must_use]
    pub const fn own(name: StorePathName) -> Self {
        Self {
            home: Home::Own,
            name,
        }
    }

    /// What a generation's link to it says.
    #[must_use]
    pub fn link_target(&self) -> PathBuf {
        let mut target = PathBuf::from(TO_ROOT);
        if let Home::Lower(id) = self.home {
            target.push("lowers");
            target.push(id.to_string());
        }
        target.push("store");
        target.push(self.name.as_str());
        target
    }

    /// What a generation's link shows; none where it is no link to a store path.
    ///
    /// Only the end of the target counts, so that a link which somebody wrote in another way still shows what it shows.
    #[must_use]
    pub fn of_link(target: &Path) -> Option<Self> {
        let mut parts = target.iter().rev().map(|part| part.to_str());
        let name = parts.next()??.parse().ok()?;
        let home = match (parts.next(), parts.next(), parts.next()) {
            (Some(Some("store")), Some(Some(id)), Some(Some("lowers"))) => {
                id.parse().map_or(Home::Own, Home::Lower)
            }
            _ => Home::Own,
        };
        Some(Self { home, name })
    }

    /// The name, if it stands in the store itself.
    #[must_use]
    pub fn into_own(self) -> Option<StorePathName> {
        (self.home == Home::Own).then_some(self.name)
    }
}

impl From<StorePathName> for Place {
    fn from(name: StorePathName) -> Self {
        Self::own(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_where_its_path_stands() {
        let name: StorePathName = format!("{}-x-1", "a".repeat(64)).parse().unwrap();
        let id = LowerId::of(b"/mnt/lower");
        let lower = Place {
            home: Home::Lower(id),
            name: name.clone(),
        };
        let text = format!("../../../../lowers/{id}/store/{name}");
        assert_eq!(lower.link_target(), Path::new(&text));
        assert_eq!(Place::of_link(Path::new(&text)), Some(lower.clone()));
        assert_eq!(lower.into_own(), None);
        let own = Place::own(name.clone());
        let text = format!("../../../../store/{name}");
        assert_eq!(own.link_target(), Path::new(&text));
        for target in [text, format!("/elsewhere/store/{name}"), name.to_string()] {
            assert_eq!(Place::of_link(Path::new(&target)), Some(own.clone()));
        }
        assert_eq!(Place::of_link(Path::new("../../elsewhere")), None);
    }
}
