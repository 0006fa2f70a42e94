//! Network interfaces, by the kernel's oldest interface for them: a name and an address at a time.
#![allow(
    unsafe_code,
    reason = "ioctls without a safe form in std; each call says why its arguments are valid"
)]

use std::ffi::{CString, c_int, c_ulong, c_void};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

unsafe extern "C" {
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
}

const AF_INET: u16 = 2;
const SOCK_DGRAM: c_int = 2;
const CLOEXEC: c_int = 0o2_000_000;
const SIOCADDRT: c_ulong = 0x890b;
const SIOCGIFFLAGS: c_ulong = 0x8913;
const SIOCSIFFLAGS: c_ulong = 0x8914;
const SIOCSIFADDR: c_ulong = 0x8916;
const SIOCSIFNETMASK: c_ulong = 0x891c;
/// `IFF_UP`.
const UP: i16 = 1;
/// `RTF_UP | RTF_GATEWAY`.
const BY_GATEWAY: u16 = 1 | 2;

/// How an interface is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Its own.
    pub own: Ipv4Addr,
    /// Which others are reached directly.
    pub mask: Ipv4Addr,
    /// Who passes on the rest.
    pub gateway: Ipv4Addr,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct SocketAddress {
    family: u16,
    port: u16,
    address: [u8; 4],
    zero: [u8; 8],
}

impl SocketAddress {
    const fn of(address: Ipv4Addr) -> Self {
        Self {
            family: AF_INET,
            port: 0,
            address: address.octets(),
            zero: [0; 8],
        }
    }
}

/// `struct ifreq`, of which the flags and the address are used.
#[repr(C)]
struct FlagsRequest {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

#[repr(C)]
struct AddressRequest {
    name: [u8; 16],
    address: SocketAddress,
    rest: [u8; 8],
}

/// `struct rtentry`.
#[repr(C)]
struct Route {
    pad1: c_ulong,
    target: SocketAddress,
    gateway: SocketAddress,
    mask: SocketAddress,
    flags: u16,
    pad2: i16,
    pad3: c_ulong,
    pad4: *const c_void,
    metric: i16,
    device: *const c_void,
    mtu: c_ulong,
    window: c_ulong,
    round_trip: u16,
}

/// What the requests go to.
struct Kernel(OwnedFd);

impl Kernel {
    fn ask() -> io::Result<Self> {
        // SAFETY: three numbers; a new descriptor is made.
        let fd = unsafe { socket(c_int::from(AF_INET), SOCK_DGRAM | CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just made and belongs to nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn request<T>(&self, number: c_ulong, argument: &mut T) -> io::Result<()> {
        // SAFETY: every caller passes a structure of the form that this request has; it lives during the call.
        if unsafe { ioctl(self.0.as_raw_fd(), number, &raw mut *argument) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn raise(&self, name: [u8; 16]) -> io::Result<()> {
        let mut request = FlagsRequest {
            name,
            flags: 0,
            rest: [0; 22],
        };
        self.request(SIOCGIFFLAGS, &mut request)?;
        request.flags |= UP;
        self.request(SIOCSIFFLAGS, &mut request)
    }
}

fn name_of(interface: &str) -> io::Result<[u8; 16]> {
    let text = CString::new(interface)?;
    let bytes = text.as_bytes_with_nul();
    let mut name = [0; 16];
    let room = name.get_mut(..bytes.len());
    let room = room.ok_or(io::ErrorKind::InvalidInput)?;
    room.copy_from_slice(bytes);
    Ok(name)
}

/// Lets processes reach each other over the loopback interface.
pub fn raise_loopback() -> io::Result<()> {
    Kernel::ask()?.raise(name_of("lo")?)
}

/// Gives `interface` its addresses, raises it, and sends over it what is for nobody else.
pub fn set_up(interface: &str, addresses: &Addresses) -> io::Result<()> {
    let kernel = Kernel::ask()?;
    let name = name_of(interface)?;
    for (number, address) in [
        (SIOCSIFADDR, addresses.own),
        (SIOCSIFNETMASK, addresses.mask),
    ] {
        let mut request = AddressRequest {
            name,
            address: SocketAddress::of(address),
            rest: [0; 8],
        };
        kernel.request(number, &mut request)?;
    }
    kernel.raise(name)?;
    let anywhere = SocketAddress::of(Ipv4Addr::UNSPECIFIED);
    let mut route = Route {
        pad1: 0,
        target: anywhere,
        gateway: SocketAddress::of(addresses.gateway),
        mask: anywhere,
        flags: BY_GATEWAY,
        pad2: 0,
        pad3: 0,
        pad4: std::ptr::null(),
        metric: 0,
        device: std::ptr::null(),
        mtu: 0,
        window: 0,
        round_trip: 0,
    };
    kernel.request(SIOCADDRT, &mut route)
}
