//! This process's terminal, lent to a command.

use std::any::Any;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

use crate::run::Terminal;

/// The terminal that stdin is.
pub(super) struct Console {
    device: OwnedFd,
}

impl Console {
    /// It, where stdin is one.
    pub(super) fn find() -> Option<Self> {
        let stdin = io::stdin();
        if !isatty(&stdin) {
            return None;
        }
        let device = stdin.as_fd().try_clone_to_owned().ok()?;
        Some(Self { device })
    }
}

impl Terminal for Console {
    fn size(&self) -> io::Result<(u16, u16)> {
        let size = tcgetwinsize(&self.device)?;
        Ok((size.ws_row, size.ws_col))
    }

    fn lend(&self) -> io::Result<Box<dyn Any>> {
        let usual = tcgetattr(&self.device)?;
        let mut raw = usual.clone();
        raw.make_raw();
        let device = self.device.try_clone()?;
        tcsetattr(&device, OptionalActions::Now, &raw)?;
        Ok(Box::new(Lent { device, usual }))
    }
}

/// Given back when dropped.
struct Lent {
    device: OwnedFd,
    usual: Termios,
}

impl Drop for Lent {
    fn drop(&mut self) {
        // At once: what nobody reads any more never drains, and what was typed ahead is for whoever reads next.
        let _gone = tcsetattr(&self.device, OptionalActions::Now, &self.usual);
    }
}
