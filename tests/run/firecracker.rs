//! The real Firecracker, told everything of a machine. Its guest needs KVM, so this ends with what the start comes to.

use pyro::run::engine::{ApiError, Firecracker, Places, Probe};
use pyro::run::reach::Reach;
use pyro::run::{Engine as _, Error, Machine, Parts, Size};

use super::support::needs;

#[test]
fn every_request_is_taken_up_to_the_start() {
    let Some(program) = needs::named("PYRO_FIRECRACKER", "a Firecracker") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        path
    };
    let mut image = vec![0; 4096];
    image[1080..1082].copy_from_slice(&[0x53, 0xef]);
    let (kernel, image) = (part("vmlinux", b"no kernel"), part("rootfs", &image));
    let parts = Parts {
        kernel: &kernel,
        image: &image,
        modules: None,
        initrd: None,
    };
    let size = Size {
        vcpus: 1,
        memory_mib: 128,
        scratch: None,
    };
    let machine = Machine::prepare(&parts, size, &Reach::default(), "box").unwrap();
    let home = folder.path().join("home");
    let places = Places {
        firecracker: Some(program),
        runtime: vec![home.clone()],
        ..Places::default()
    };
    let engine = Firecracker::find(&places, None, &|| Probe::Fast).unwrap();
    // The one thing that is wrong is found at the start: there is no KVM, or the kernel is none.
    match engine.start(&machine).unwrap_err() {
        Error::Engine {
            what: ApiError::Refused { asked, why, .. },
            ..
        } => assert_eq!(asked, "PUT /actions", "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs_err::read_dir(home).unwrap().count(), 0);
}
