//! Whether `/dev/kvm` runs code as fast as a processor does.
//!
//! That it is there and opens says little: inside some virtual machines it interprets, a thousand times slower, and what
//! is booted with it hangs. So a processor is made that counts to a million in real mode and halts, which takes less
//! than a millisecond where there is real virtualisation. A slow one is found out by a fiftieth of that, in a fiftieth
//! of the time.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "KVM is spoken to by ioctl and shared memory; each call says why its arguments are valid"
    )
)]

use std::time::Duration;

use super::{Mode, Unfit};

/// What a probe of KVM found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It runs code at the speed of the processor.
    Fast,
    /// It runs code, but not in the time that was given.
    Slow,
    /// It is not there, may not be used, or does not do what it should.
    Unusable(String),
}

impl Probe {
    /// Whether that is enough for `mode`.
    pub(super) fn fit(self, mode: Mode) -> Result<(), Unfit> {
        let (why, hint) = match self {
            Self::Fast => return Ok(()),
            Self::Slow => {
                let why = "/dev/kvm is there, but runs code too slowly to boot anything";
                (why.to_owned(), None)
            }
            Self::Unusable(why) => {
                let hint = "`modprobe kvm`, and membership of the group that /dev/kvm belongs to";
                (why, Some(hint.to_owned()))
            }
        };
        Err(Unfit { mode, why, hint })
    }
}

/// Counts to a million with KVM, which may take so long.
#[must_use]
pub fn probe(limit: Duration) -> Probe {
    judge(limit, native::count)
}

/// How far the whole probe counts.
const MILLION: u32 = 1_000_000;
/// By how much the first one is shorter.
const SHORTER: u32 = 50;
/// How often that is tried: others may have the processor just then.
const TRIES: u32 = 3;

/// What came of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    InTime,
    TooSlow,
}

/// Asks for a short count first, so that a slow machine costs little, then for the whole one.
fn judge(
    limit: Duration,
    mut count: impl FnMut(u32, Duration) -> Result<Counted, String>,
) -> Probe {
    let mut counted = Ok(Counted::TooSlow);
    for _ in 0..TRIES {
        counted = count(MILLION / SHORTER, limit / SHORTER);
        if counted != Ok(Counted::TooSlow) {
            break;
        }
    }
    if counted == Ok(Counted::InTime) {
        counted = count(MILLION, limit);
    }
    match counted {
        Ok(Counted::InTime) => Probe::Fast,
        Ok(Counted::TooSlow) => Probe::Slow,
        Err(why) => Probe::Unusable(why),
    }
}

#[cfg(target_arch = "x86_64")]
mod native {
    use std::ffi::{c_int, c_ulong, c_void};
    use std::io;
    use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
    use std::os::unix::thread::JoinHandleExt as _;
    use std::ptr::NonNull;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::{Duration, Instant};

    use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
    use signal_hook::consts::SIGURG;

    use super::Counted;

    unsafe extern "C" {
        fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
        fn pthread_kill(thread: c_ulong, signal: c_int) -> c_int;
    }

    const CREATE_VM: c_ulong = 0xae01;
    const VCPU_MMAP_SIZE: c_ulong = 0xae04;
    const CREATE_VCPU: c_ulong = 0xae41;
    const SET_USER_MEMORY_REGION: c_ulong = 0x4020_ae46;
    const SET_TSS_ADDR: c_ulong = 0xae47;
    const RUN: c_ulong = 0xae80;
    const SET_REGS: c_ulong = 0x4090_ae82;
    const GET_SREGS: c_ulong = 0x8138_ae83;
    const SET_SREGS: c_ulong = 0x4138_ae84;
    const EXIT_HLT: u32 = 5;

    /// One page of the machine's memory, and where it stands there.
    const PAGE: usize = 4096;
    const AT: u64 = 0x1000;

    /// How long an answer is waited for once the time is up; a processor that takes no signal is left behind.
    const LEAVE: Duration = Duration::from_millis(200);

    #[repr(C)]
    struct MemoryRegion {
        slot: u32,
        flags: u32,
        guest_address: u64,
        size: u64,
        host_address: u64,
    }

    /// rax to r15, rip, rflags.
    #[repr(C)]
    struct Registers([u64; 18]);

    /// The code segment comes first, its base at 0 and its selector at 12.
    #[repr(C, align(8))]
    struct SpecialRegisters([u8; 312]);

    struct Mapping(NonNull<c_void>, usize);

    // SAFETY: plain memory that one thread uses at a time.
    unsafe impl Send for Mapping {}

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: it was mapped with this length, and nothing refers to it any more.
            let _unmapped = unsafe { munmap(self.0.as_ptr(), self.1) };
        }
    }

    /// A machine of one page and one processor. The memory outlives what uses it: fields are dropped in this order.
    struct Counter {
        vcpu: OwnedFd,
        _vm: OwnedFd,
        run: Mapping,
        _memory: Mapping,
    }

    fn checked(result: c_int) -> io::Result<c_int> {
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(result)
        }
    }

    /// Counts to `count`, or is told to stop when `limit` has passed.
    pub(super) fn count(count: u32, limit: Duration) -> Result<Counted, String> {
        let counter = Counter::new(count)?;
        let taken = Arc::new(AtomicBool::new(false));
        let handler = signal_hook::flag::register(SIGURG, taken);
        let handler = handler.map_err(|error| format!("no signal can be taken: {error}"))?;
        let (sender, receiver) = channel();
        let runner = std::thread::spawn(move || {
            let _nobody_waits = sender.send(counter.run());
        });
        let begun = Instant::now();
        let mut patience = limit;
        let verdict = loop {
            match receiver.recv_timeout(patience) {
                Ok(Ok(())) if begun.elapsed() <= limit => break Ok(Counted::InTime),
                Ok(Err(why)) if begun.elapsed() <= limit => break Err(why),
                Ok(_) | Err(RecvTimeoutError::Disconnected) => break Ok(Counted::TooSlow),
                Err(RecvTimeoutError::Timeout) if begun.elapsed() > limit + LEAVE => {
                    // It ends with this process; the handler stays, since a signal may be on its way.
                    return Ok(Counted::TooSlow);
                }
                Err(RecvTimeoutError::Timeout) => {
                    // SAFETY: the thread has not been joined, so its number is its own.
                    unsafe { pthread_kill(runner.as_pthread_t(), SIGURG) };
                    patience = Duration::from_millis(1);
                }
            }
        };
        let _ended = runner.join();
        signal_hook::low_level::unregister(handler);
        verdict
    }

    impl Counter {
        fn new(count: u32) -> Result<Self, String> {
            let kvm = fs_err::OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/kvm");
            let kvm = kvm.map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => "there is no /dev/kvm".to_owned(),
                io::ErrorKind::PermissionDenied => "this account may not open /dev/kvm".to_owned(),
                _ => error.to_string(),
            })?;
            let failed = |error: io::Error| format!("/dev/kvm makes no machine: {error}");
            Self::on(kvm.as_raw_fd(), count).map_err(failed)
        }

        fn on(kvm: c_int, count: u32) -> io::Result<Self> {
            // SAFETY: a number; a new descriptor is made.
            let vm = checked(unsafe { ioctl(kvm, CREATE_VM, 0) })?;
            // SAFETY: it was just made and belongs to nobody else.
            let vm = unsafe { OwnedFd::from_raw_fd(vm) };
            // Older Intel processors need a place for this below 4 GiB.
            // SAFETY: a number.
            checked(unsafe { ioctl(vm.as_raw_fd(), SET_TSS_ADDR, 0xfffb_d000_u64) })?;
            let flags = MapFlags::PRIVATE;
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: new memory wherever there is room.
            let memory = unsafe { mmap_anonymous(std::ptr::null_mut(), PAGE, protection, flags) }?;
            let memory = Mapping(
                NonNull::new(memory).ok_or(io::ErrorKind::OutOfMemory)?,
                PAGE,
            );
            let [a, b, c, d] = count.to_le_bytes();
            // mov ecx, count; dec ecx; jnz back to the dec; hlt.
            let code = [0x66, 0xb9, a, b, c, d, 0x66, 0x49, 0x75, 0xfc, 0xf4];
            // SAFETY: the page is longer than the code, and ours alone so far.
            unsafe { memory.0.cast::<[u8; 11]>().write(code) };
            let region = MemoryRegion {
                slot: 0,
                flags: 0,
                guest_address: AT,
                size: PAGE as u64,
                host_address: memory.0.as_ptr() as u64,
            };
            // SAFETY: a structure of the kernel's form; its memory lives as long as the machine.
            checked(unsafe { ioctl(vm.as_raw_fd(), SET_USER_MEMORY_REGION, &raw const region) })?;
            // SAFETY: a number; a new descriptor is made.
            let vcpu = checked(unsafe { ioctl(vm.as_raw_fd(), CREATE_VCPU, 0) })?;
            // SAFETY: it was just made and belongs to nobody else.
            let vcpu = unsafe { OwnedFd::from_raw_fd(vcpu) };
            // SAFETY: no argument.
            let length = checked(unsafe { ioctl(kvm, VCPU_MMAP_SIZE, 0) })?;
            let length = usize::try_from(length).unwrap_or_default().max(PAGE);
            let flags = MapFlags::SHARED;
            // SAFETY: new memory of the length that the kernel asks for.
            let run = unsafe { mmap(std::ptr::null_mut(), length, protection, flags, &vcpu, 0) }?;
            let run = Mapping(NonNull::new(run).ok_or(io::ErrorKind::OutOfMemory)?, length);
            let counter = Self {
                vcpu,
                _vm: vm,
                run,
                _memory: memory,
            };
            counter.set_registers()?;
            Ok(counter)
        }

        fn set_registers(&self) -> io::Result<()> {
            let vcpu = self.vcpu.as_raw_fd();
            let mut special = SpecialRegisters([0; 312]);
            // SAFETY: a structure of the kernel's size, which it fills.
            checked(unsafe { ioctl(vcpu, GET_SREGS, &raw mut special) })?;
            special.0[..8].fill(0);
            special.0[12..14].fill(0);
            // SAFETY: the same structure.
            checked(unsafe { ioctl(vcpu, SET_SREGS, &raw const special) })?;
            let mut registers = Registers([0; 18]);
            (registers.0[16], registers.0[17]) = (AT, 2);
            // SAFETY: a structure of the kernel's form.
            checked(unsafe { ioctl(vcpu, SET_REGS, &raw const registers) }).map(|_| ())
        }

        /// Runs until it halts, or a signal comes.
        fn run(&self) -> Result<(), String> {
            let failed = |what: String| format!("/dev/kvm runs no code: {what}");
            // SAFETY: no argument; the kernel writes to the mapping, which is not looked at meanwhile.
            checked(unsafe { ioctl(self.vcpu.as_raw_fd(), RUN, 0) })
                .map_err(|error| failed(error.to_string()))?;
            // SAFETY: the mapping is longer than this, and aligned to a page.
            let reason = unsafe { self.run.0.cast::<u32>().add(2).read_volatile() };
            if reason == EXIT_HLT {
                Ok(())
            } else {
                Err(failed(format!("it stops for reason {reason}")))
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod native {
    use std::time::Duration;

    use super::Counted;

    /// Only x86 is known to pretend; elsewhere it is enough that it opens.
    pub(super) fn count(_count: u32, _limit: Duration) -> Result<Counted, String> {
        let kvm = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm");
        kvm.map(|_| Counted::InTime)
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(250);

    /// The verdict on a machine that answers so, and what it was asked.
    fn judged(answers: &[Result<Counted, &str>]) -> (Probe, Vec<(u32, u128)>) {
        let mut asked = Vec::new();
        let mut answers = answers.iter();
        let verdict = judge(LIMIT, |count, limit| {
            asked.push((count, limit.as_millis()));
            answers.next().unwrap().map_err(str::to_owned)
        });
        assert_eq!(answers.next(), None);
        (verdict, asked)
    }

    #[test]
    fn a_fast_machine_counts_twice() {
        let (verdict, asked) = judged(&[Ok(Counted::InTime), Ok(Counted::InTime)]);
        assert_eq!(
            (verdict, asked),
            (Probe::Fast, vec![(20_000, 5), (MILLION, 250)])
        );
    }

    #[test]
    fn a_slow_machine_is_given_three_chances_and_never_the_whole_count() {
        let (verdict, asked) = judged(&[Ok(Counted::TooSlow); 3]);
        assert_eq!((verdict, asked), (Probe::Slow, vec![(20_000, 5); 3]));
        // One that was only disturbed.
        let disturbed = [
            Ok(Counted::TooSlow),
            Ok(Counted::InTime),
            Ok(Counted::InTime),
        ];
        assert_eq!(judged(&disturbed).0, Probe::Fast);
        let late = [Ok(Counted::InTime), Ok(Counted::TooSlow)];
        assert_eq!(judged(&late).0, Probe::Slow);
    }

    #[test]
    fn what_cannot_count_says_why() {
        let (verdict, asked) = judged(&[Err("there is no /dev/kvm")]);
        assert_eq!(verdict, Probe::Unusable("there is no /dev/kvm".into()));
        assert_eq!(asked.len(), 1);
        let (verdict, _) = judged(&[Ok(Counted::InTime), Err("x")]);
        assert_eq!(verdict, Probe::Unusable("x".into()));
    }

    #[test]
    fn the_probe_ends_in_time_whatever_there_is() {
        let begun = std::time::Instant::now();
        let verdict = probe(LIMIT);
        println!("{verdict:?} after {:?}", begun.elapsed());
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    }
}
