//! How engines are chosen, and what they are started with.

use super::namespace::unfit;
use super::qemu::Numbers;
use super::{Choice, Engine, Firecracker, Mode, Needs, Places, Probe, Qemu, available, choose};
use crate::run::kernel::KernelForm;
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

/// What Firecracker boots here.
const FITTING: KernelForm = if cfg!(target_arch = "x86_64") {
    KernelForm::Vmlinux
} else {
    KernelForm::Image
};

/// A folder with a program of QEMU's name that is never run.
fn with_qemu() -> tempfile::TempDir {
    with(&["qemu-system-x86_64", "qemu-system-aarch64"])
}

/// A search path of just this folder.
fn places(folder: &tempfile::TempDir) -> Places {
    Places {
        search_path: vec![folder.path().to_owned()],
        runtime: vec![folder.path().join("home")],
        ..Places::default()
    }
}

/// A folder with programs of these names that are never run.
fn with(names: &[&str]) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    for name in names {
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
    let path = [folder.path().to_owned()];
    let qemu = Qemu::find(Mode::QemuTcg, &path, &|| unreachable!()).unwrap();
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
    let (usable, unfit) = available(Choice::Auto, &places(&folder), None);
    assert_eq!(usable, []);
    assert_eq!(unfit.len(), 3);
    for (reason, name) in unfit
        .into_iter()
        .zip(["firecracker", "qemu-system-", "qemu-system-"])
    {
        let told = format!("there is no {name}");
        assert!(reason.to_string().contains(&told), "{reason}");
        assert!(reason.hint.unwrap().contains(name));
    }
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let folder = with_qemu();
    let places = places(&folder);
    let (usable, unfit) = available(Choice::Only(Mode::QemuTcg), &places, None);
    assert_eq!((usable.len(), unfit.len()), (1, 0));
    // KVM or not, QEMU that translates is always there behind it.
    for (choice, count) in [(Choice::Auto, 3), (Choice::Qemu, 2)] {
        let (usable, unfit) = available(choice, &places, None);
        assert_eq!(usable.len() + unfit.len(), count);
        assert_eq!(usable.last().unwrap().mode(), Mode::QemuTcg);
    }
}

/// The modes that can be used, and why others cannot, where KVM is like this.
fn chosen(
    choice: Choice,
    places: &Places,
    kernel: KernelForm,
    kvm: &Probe,
) -> (Vec<Mode>, Vec<String>) {
    let probed = std::cell::Cell::new(0);
    let needs = Needs {
        kernel,
        network: Network::Off,
        has_mounts: false,
    };
    let (usable, unfit) = choose(choice, places, Some(needs), &|| {
        probed.set(probed.get() + 1);
        kvm.clone()
    });
    assert!(probed.get() <= 1, "KVM is asked once at most");
    let usable = usable.iter().map(Engine::mode).collect();
    (usable, unfit.iter().map(ToString::to_string).collect())
}

#[test]
fn firecracker_is_passed_over_for_what_it_has_not() {
    let folder = with(&["qemu-system-x86_64", "qemu-system-aarch64", "firecracker"]);
    for (network, has_mounts, told) in [
        (Network::Shared, false, "it has no network"),
        (Network::Off, true, "pyro mounts no folders in its machines"),
    ] {
        let needs = Needs {
            kernel: FITTING,
            network,
            has_mounts,
        };
        let (usable, unfit) = choose(Choice::Auto, &places(&folder), Some(needs), &|| Probe::Fast);
        let usable: Vec<Mode> = usable.iter().map(Engine::mode).collect();
        assert_eq!(usable, [Mode::QemuKvm, Mode::QemuTcg]);
        assert!(unfit[0].why.starts_with(told), "{unfit:?}");
    }
}

#[test]
fn firecracker_comes_first_where_kvm_is_fast_and_it_boots_the_kernel() {
    let folder = with(&["qemu-system-x86_64", "qemu-system-aarch64", "firecracker"]);
    let places = places(&folder);
    let (usable, unfit) = chosen(Choice::Auto, &places, FITTING, &Probe::Fast);
    assert_eq!(usable, Mode::MACHINES);
    assert_eq!(unfit, [""; 0]);
    let (usable, unfit) = chosen(Choice::Auto, &places, KernelForm::Other, &Probe::Fast);
    assert_eq!(usable, [Mode::QemuKvm, Mode::QemuTcg]);
    assert!(
        unfit[0].starts_with("firecracker: it boots an unpacked"),
        "{unfit:?}"
    );
    let (usable, unfit) = chosen(Choice::Auto, &places, FITTING, &Probe::Slow);
    assert_eq!(usable, [Mode::QemuTcg]);
    let slow = "/dev/kvm is there, but runs code too slowly to boot anything";
    assert_eq!(
        unfit,
        [format!("firecracker: {slow}"), format!("qemu-kvm: {slow}")]
    );
    // What is asked for is taken or nothing, and QEMU is not it.
    let only = Choice::Only(Mode::Firecracker);
    let kvm = Probe::Unusable("there is no /dev/kvm".to_owned());
    let (usable, unfit) = chosen(only, &places, FITTING, &kvm);
    assert_eq!(usable, []);
    assert_eq!(unfit, ["firecracker: there is no /dev/kvm"]);
    let (usable, _) = chosen(only, &places, FITTING, &Probe::Fast);
    assert_eq!(usable, [Mode::Firecracker]);
    let (usable, _) = chosen(Choice::Qemu, &places, FITTING, &Probe::Fast);
    assert_eq!(usable, [Mode::QemuKvm, Mode::QemuTcg]);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_packed_kernel_is_told_with_what_unpacks_it() {
    for (form, is) in [
        (KernelForm::BzImage, "a packed `vmlinuz`"),
        (KernelForm::Image, "an `Image` for ARM"),
        (
            KernelForm::Other,
            "neither that nor anything else that is known",
        ),
    ] {
        let unfit = Mode::Firecracker.boots(form).unwrap_err();
        let why = format!("it boots an unpacked `vmlinux`, and the kernel is {is}");
        assert_eq!(unfit.why, why);
        assert!(unfit.hint.unwrap().contains("extract-vmlinux"));
        assert_eq!(Mode::QemuTcg.boots(form), Ok(()));
    }
}

#[test]
fn the_firecracker_that_is_named_is_taken_or_none() {
    let (named, searched) = (with(&["mine"]), with(&["firecracker"]));
    let found = |name: &str| {
        let places = Places {
            firecracker: Some(named.path().join(name)),
            ..places(&searched)
        };
        Firecracker::find(&places, None, &|| Probe::Fast)
    };
    assert_eq!(found("mine").unwrap().program, named.path().join("mine"));
    let unfit = found("away").unwrap_err();
    assert!(
        unfit
            .why
            .starts_with("this is no program that can be started: /"),
        "{unfit}"
    );
    assert!(unfit.hint.unwrap().contains("PYRO_FIRECRACKER"));
    let mut places = places(&searched);
    let found = Firecracker::find(&places, None, &|| Probe::Fast);
    assert_eq!(found.unwrap().program, searched.path().join("firecracker"));
    places.runtime.clear();
    let unfit = Firecracker::find(&places, None, &|| Probe::Fast).unwrap_err();
    assert_eq!(unfit.why, "no folder is named for its sockets");
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
