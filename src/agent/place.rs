//! Mounts on their way from the root of the host to that of a command.
//!
//! They are taken before the roots change and placed when nothing of the host is left, neither a mount nor a descriptor:
//! whatever links the image has on the way to their places, there is nothing else that they could lead to.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::mounts::{Doing as _, Trouble, make_folder, path_text, text};
use super::sys;

/// `O_NOFOLLOW`.
const NO_FOLLOW: i32 = if cfg!(target_arch = "aarch64") {
    0o100_000
} else {
    0o400_000
};

/// A copy of what is mounted somewhere, which is nowhere until it is placed.
pub struct Taken(File);

impl Taken {
    /// Copies what is at `path`, and mounted below it.
    pub fn take(path: &Path) -> Result<Self, Trouble> {
        let taken = sys::copy_mounts(&path_text(path)?);
        taken.map(Self).doing(&format!("take {}", path.display()))
    }

    /// Takes away what may be done through it.
    pub fn restrict(&self, attributes: u32) -> io::Result<()> {
        sys::restrict_held(&self.0, attributes.into())
    }

    /// Shows it at `folder`, which is called `path`.
    pub fn place(self, folder: &File, path: &str) -> Result<(), Trouble> {
        sys::place_mounts(&self.0, folder).doing(&format!("mount at {path}"))
    }
}

/// The root of a command.
pub struct Root(File);

impl Root {
    /// What is the root by now.
    pub fn open() -> Result<Self, Trouble> {
        look_up(Path::new("/")).map(Self)
    }

    /// A folder there, in place of whatever else the image has under that name, which is one right below the root.
    ///
    /// Nothing but the image is mounted yet: what goes is in the overlay.
    pub fn replace(&self, path: &str) -> Result<File, Trouble> {
        let name = text(path)?;
        if let Ok(folder) = sys::folder_within(&self.0, &name) {
            return Ok(folder);
        }
        if fs::symlink_metadata(path).is_ok() {
            fs::remove_file(path).doing(&format!("replace {path}"))?;
        }
        make_folder(path)?;
        sys::folder_within(&self.0, &name).doing(&format!("open {path}"))
    }

    /// A folder there, made with those above it where they are missing; nothing is replaced.
    pub fn make(&self, path: &str) -> Result<File, Trouble> {
        let mut found = self.folder(c"/").doing("open /")?;
        let mut so_far = String::new();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            so_far.push('/');
            so_far.push_str(name);
            let whole = text(&so_far)?;
            let next = self.folder(&whole).or_else(|error| {
                if error.kind() != io::ErrorKind::NotFound {
                    return Err(error);
                }
                sys::make_folder_in(&found, &text(name).map_err(io::Error::other)?)?;
                self.folder(&whole)
            });
            found = next.map_err(|error| match error.kind() {
                // A link that leads nowhere is there, too.
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                    format!("cannot mount at {path}: {so_far} is no folder")
                }
                _ => format!("cannot mount at {path}: {so_far}: {error}"),
            })?;
        }
        Ok(found)
    }

    fn folder(&self, path: &CStr) -> io::Result<File> {
        sys::folder_within(&self.0, path)
    }
}

/// A folder, held whatever is mounted over it.
pub fn look_up(path: &Path) -> Result<File, Trouble> {
    let mut options = File::options();
    let options = options
        .read(true)
        .custom_flags(sys::FOLDER_PATH | NO_FOLLOW);
    let opened = options.open(path);
    opened.doing(&format!("open {}", path.display()))
}
