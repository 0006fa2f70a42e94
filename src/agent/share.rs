//! Folders of pyro's machine: the kernel's requests for them go out over a port, and pyro's answers come back.
//!
//! What they say is between the kernel and pyro; only their length, which they begin with, is looked at here.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use super::mounts::{Doing as _, NO_DEV, NO_SUID, READ_ONLY, Trouble, make_folder, mount, text};

const DEVICE: &str = "/dev/fuse";

/// Longest message of either: 1 MiB of data, and what stands before it.
const LIMIT: usize = (1 << 20) + (64 << 10);

/// What a message has at least.
const HEADER: usize = 16;

/// `ENOENT`, `EINTR`, `EAGAIN`: a question that was taken back, or a signal.
const ONCE: [i32; 3] = [2, 4, 11];

/// Mounts what is at the other end of `port`; `access` is `ro` or `rw`.
pub fn share(port: &File, target: &str, access: &str) -> Result<(), Trouble> {
    if !Path::new(DEVICE).exists() {
        return Err(format!(
            "cannot mount {target}: the kernel has no FUSE, neither built in nor among the modules"
        ));
    }
    let options = &mut File::options();
    let device = options.read(true).write(true).open(DEVICE);
    let device = device.doing(&format!("open {DEVICE}"))?;
    make_folder(target)?;
    let number = device.as_raw_fd();
    let options =
        format!("fd={number},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other");
    let flags = NO_SUID | NO_DEV | if access == "ro" { READ_ONLY } else { 0 };
    mount(c"pyro", target, c"fuse", flags, &text(&options)?)?;
    let doing = format!("pass on the files of {target}");
    let again = |file: &File| file.try_clone().doing(&doing);
    let (asked, port_out) = (again(&device)?, again(port)?);
    let port_in = again(port)?;
    // They end when the machine does, or pyro.
    std::thread::spawn(move || pass_on_questions(asked, port_out));
    std::thread::spawn(move || pass_on_answers(port_in, device));
    Ok(())
}

fn pass_on_questions(mut device: File, mut port: File) {
    let mut message = vec![0; LIMIT];
    loop {
        let asked = match device.read(&mut message) {
            Ok(count) => port.write_all(&message[..count]),
            Err(error)
                if error
                    .raw_os_error()
                    .is_some_and(|number| ONCE.contains(&number)) =>
            {
                continue;
            }
            // It was unmounted.
            Err(_gone) => return,
        };
        if asked.is_err() {
            return;
        }
    }
}

fn pass_on_answers(mut port: File, mut device: File) {
    let mut message = vec![0; LIMIT];
    while let Ok(count) = receive(&mut port, &mut message) {
        // To a question that was taken back, for one.
        let _unwanted = device.write(&message[..count]);
    }
}

/// Reads a message whole; how long it is.
fn receive(port: &mut File, message: &mut [u8]) -> io::Result<usize> {
    port.read_exact(&mut message[..4])?;
    let mut length = [0; 4];
    length.copy_from_slice(&message[..4]);
    let count = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if !(HEADER..=message.len()).contains(&count) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    port.read_exact(&mut message[4..count])?;
    Ok(count)
}
