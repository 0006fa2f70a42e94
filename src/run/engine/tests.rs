//! How engines are chosen, and what they are started with.

use super::namespace::unfit;
use super::qemu::Numbers;
use super::{Choice, Mode, Qemu, available};
use crate::run::machine::Size;
use crate::run::reach::Network;

const NUMBERS: Numbers = Numbers {
    shares: Vec::new(),
    kernel: 3,
    initrd: 4,
    image: 5,
    agent: 6,
    console: 7,
};

/// A folder with a program of QEMU's name that is never run.
fn with_qemu() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    for name in ["qemu-system-x86_64", "qemu-system-aarch64"] {
        let program = folder.path().join(name);
        fs_err::write(&program, "").unwrap();
        fs_err::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_words_of_qemu() {
    let folder = with_qemu();
    let qemu = Qemu::find(Mode::QemuTcg, &[folder.path().to_owned()]).unwrap();
    let size = Size {
        vcpus: 2,
        memory_mib: 256,
        scratch: None,
    };
    let words = qemu.words(size, Network::Off, &NUMBERS);
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    let lines = words.join(" ").replace(" -", "\n-");
    insta::assert_snapshot!(lines, @"
    -no-user-config
    -nodefaults
    -no-reboot
    -display none
    -machine q35,usb=off,vmport=off,accel=tcg
    -cpu max
    -smp 2
    -m 256M
    -kernel /proc/self/fd/3
    -initrd /proc/self/fd/4
    -append quiet panic=-1 cryptomgr.notests lsm= audit=0 random.trust_cpu=on console=ttyS0
    -add-fd fd=5,set=1,opaque=image
    -drive if=none,id=image,file=/dev/fdset/1,format=raw,readonly=on
    -device virtio-blk-pci,drive=image
    -chardev socket,id=agent,fd=6
    -device virtio-serial-pci
    -device virtserialport,chardev=agent,name=pyro
    -chardev socket,id=console,fd=7
    -serial chardev:console
    ");
    let numbers = Numbers {
        shares: vec![8, 9],
        ..NUMBERS
    };
    let more = qemu.words(size, Network::Shared, &numbers);
    let more: Vec<&str> = more.iter().map(|word| word.to_str().unwrap()).collect();
    assert_eq!(more[..words.len()], words);
    let lines = more[words.len()..].join(" ").replace(" -", "\n-");
    insta::assert_snapshot!(lines, @"
    -netdev user,id=net,ipv6=off
    -device virtio-net-pci,netdev=net
    -chardev socket,id=share0,fd=8
    -device virtserialport,chardev=share0,name=pyro.0
    -chardev socket,id=share1,fd=9
    -device virtserialport,chardev=share1,name=pyro.1
    ");
}

#[test]
fn without_its_program_an_engine_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let (usable, unfit) = available(Choice::Auto, &[folder.path().to_owned()]);
    assert_eq!(usable, []);
    assert_eq!(unfit.len(), 2);
    for reason in unfit {
        assert!(
            reason.to_string().contains("there is no qemu-system-"),
            "{reason}"
        );
        assert!(reason.hint.unwrap().contains("qemu-system-"));
    }
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let folder = with_qemu();
    let path = [folder.path().to_owned()];
    let (usable, unfit) = available(Choice::Only(Mode::QemuTcg), &path);
    assert_eq!((usable.len(), unfit.len()), (1, 0));
    // KVM or not, QEMU that translates is always there behind it.
    for choice in [Choice::Auto, Choice::Qemu] {
        let (usable, unfit) = available(choice, &path);
        assert_eq!(usable.len() + unfit.len(), 2);
        assert_eq!(
            usable.last().unwrap(),
            &Qemu::find(Mode::QemuTcg, &path).unwrap()
        );
    }
}

#[test]
fn what_forbids_namespaces_is_named_with_what_changes_it() {
    use crate::run::enclosed::Step;
    use std::io::Error;
    let refused = Error::from_raw_os_error(1);
    let told = |step, forbidding: Option<(&str, &str)>| {
        let setting = |name: &str| {
            let (known, value) = forbidding?;
            (known == name).then(|| value.to_owned())
        };
        let unfit = unfit(step, &refused, setting);
        assert_eq!(unfit.mode, Mode::Namespace);
        (unfit.why, unfit.hint.unwrap())
    };
    let (why, hint) = told(Step::Clone, Some(("kernel/unprivileged_userns_clone", "0")));
    assert_eq!(
        why,
        "namespaces cannot be made: kernel.unprivileged_userns_clone is 0"
    );
    assert_eq!(hint, "sysctl -w kernel.unprivileged_userns_clone=1");
    let restricted = ("kernel/apparmor_restrict_unprivileged_userns", "1");
    let (why, hint) = told(Step::Mount, Some(restricted));
    assert!(why.ends_with("kernel.apparmor_restrict_unprivileged_userns is 1"));
    assert!(hint.contains("AppArmor profile"));
    // What allows them is not why.
    let (why, hint) = told(Step::Processes, Some(("user/max_user_namespaces", "9")));
    assert_eq!(
        why,
        "/proc cannot be mounted in namespaces: Operation not permitted (os error 1)"
    );
    assert!(hint.starts_with("containers"));
}
