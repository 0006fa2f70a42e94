//! What was left out or dropped on the way, counted, and said in one sentence for each kind.

use crate::store::Staging;

/// How many things of each kind a source had that a tree does not keep.
///
/// ```
/// use pyro::unpack::LeftOut;
/// assert_eq!(LeftOut::default().devices, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Character and block devices.
    pub devices: u64,
    /// Named pipes.
    pub fifos: u64,
    /// Sockets; only local folders have them.
    pub sockets: u64,
    /// GNU volume labels, which are no files.
    pub labels: u64,
    /// Files whose setuid or setgid bit was dropped.
    pub setuid: u64,
    /// Entries whose extended attributes or access lists were ignored.
    pub xattrs: u64,
}

/// Something that a tree cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

impl Special {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CharDevice => "character device",
            Self::BlockDevice => "block device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }
}

impl LeftOut {
    pub(super) fn count(&mut self, special: Special) {
        match special {
            Special::CharDevice | Special::BlockDevice => self.devices += 1,
            Special::Fifo => self.fifos += 1,
            Special::Socket => self.sockets += 1,
        }
    }

    /// Tells the user; `layer` comes first where there are several.
    pub(super) fn note(&self, staging: &mut Staging<'_>, layer: Option<u32>) {
        let sentences = [
            (
                self.devices,
                counted(self.devices, "device node", "left out"),
            ),
            (self.fifos, counted(self.fifos, "fifo", "left out")),
            (self.sockets, counted(self.sockets, "socket", "left out")),
            (
                self.labels,
                counted(self.labels, "volume label", "left out"),
            ),
            (
                self.setuid,
                format!(
                    "setuid or setgid bit dropped from {}",
                    counted(self.setuid, "file", "")
                ),
            ),
            (
                self.xattrs,
                format!("extended attributes of {} ignored", entries(self.xattrs)),
            ),
        ];
        for (_, sentence) in sentences.iter().filter(|(count, _)| *count > 0) {
            staging.note(match layer {
                None => sentence.clone(),
                Some(layer) => format!("layer {layer}: {sentence}"),
            });
        }
    }
}

fn counted(count: u64, what: &str, deed: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural} {deed}")
        .trim_end()
        .to_owned()
}

fn entries(count: u64) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{count} entries")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!(
            counted(1, "device node", "left out"),
            "1 device node left out"
        );
        assert_eq!(counted(3, "file", ""), "3 files");
        assert_eq!(entries(1), "1 entry");
    }
}
