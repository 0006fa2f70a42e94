//! What ends before a machine is started: 125, and the finer code in the document. Nothing here boots.

use super::support::Sandbox;

/// A sandbox with an environment that has these artifacts, each a file.
fn with(artifacts: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["kernel", "rootfs"] {
        sandbox.write(&format!("env/{name}"), "no such thing");
    }
    let roles: Vec<String> = artifacts
        .iter()
        .map(|role| format!("{role} = \"{role}\""))
        .collect();
    let text = format!(
        "schema = 1\n[environments.env]\nversion = \"1\"\nartifacts = {{ {} }}\n\
         [[environments.env.sources]]\nlocal = \"env\"\n",
        roles.join(", ")
    );
    sandbox.write("envs.toml", &text);
    sandbox
}

#[test]
fn without_a_kernel_there_is_no_machine() {
    let sandbox = with(&["rootfs"]);
    let ended = sandbox.pyro(["run", "env", "-q", "--", "true"]).run();
    insta::assert_snapshot!(ended, @r#"
    exit code 125
    ----- stderr
    error: the environment has no artifact `kernel`, which a virtual machine needs
    hint: declare it: artifacts = { kernel = "..." }; `pyro hold` hands over paths of any environment
    "#);
    let ended = sandbox
        .pyro(["run", "env", "--json", "--", "true"])
        .run()
        .code(125);
    let error = &ended.document(&sandbox)["error"];
    assert_eq!(
        (&error["kind"], &error["exit_code"]),
        (&"unavailable".into(), &69.into())
    );
}

#[test]
#[cfg(target_arch = "x86_64")]
fn what_keeps_firecracker_from_running_it_is_said() {
    let sandbox = with(&["kernel", "rootfs"]);
    // A packed kernel, and an image with the mark of ext4.
    let mut bytes = vec![0; 2048];
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    bytes[1080..1082].copy_from_slice(&[0x53, 0xef]);
    for name in ["kernel", "rootfs"] {
        fs_err::write(sandbox.work().join("env").join(name), &bytes).unwrap();
    }
    let words = ["run", "env", "-q", "--engine", "firecracker", "--", "true"];
    let nowhere = sandbox.pyro(words).env("PATH", "/nowhere").run();
    insta::assert_snapshot!(nowhere, @"
    exit code 125
    ----- stderr
    error: no engine can run this environment here: firecracker: there is no firecracker
    hint: https://github.com/firecracker-microvm/firecracker/releases has it; put it on PATH as `firecracker`, or name it in PYRO_FIRECRACKER
    ");
    let named = sandbox.pyro(words).env("PYRO_FIRECRACKER", "none").run();
    insta::assert_snapshot!(named, @"
    exit code 125
    ----- stderr
    error: no engine can run this environment here: firecracker: this is no program that can be started: [WORK]/none
    hint: https://github.com/firecracker-microvm/firecracker/releases has it; put it on PATH as `firecracker`, or name it in PYRO_FIRECRACKER
    ");
    let packed = sandbox
        .pyro(words)
        .env("PYRO_FIRECRACKER", "/bin/true")
        .run();
    insta::assert_snapshot!(packed, @"
    exit code 125
    ----- stderr
    error: no engine can run this environment here: firecracker: it boots an unpacked `vmlinux`, and the kernel is a packed `vmlinuz`
    hint: declare the kernel unpacked, as `vmlinux`: `scripts/extract-vmlinux` of the kernel's source does it
    ");
    let inspected = sandbox
        .pyro(["env", "inspect", "env", "--json"])
        .run()
        .code(0);
    let engines = &inspected.document(&sandbox)["engines"];
    assert_eq!(*engines, serde_json::json!(["qemu-kvm", "qemu-tcg"]));
}

#[test]
fn what_a_killed_pyro_left_goes_with_a_collection() {
    let sandbox = with(&["kernel", "rootfs"]);
    let home = sandbox.path("run/pyro");
    fs_err::create_dir_all(home.join("run-0123456789abcdef")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs_err::set_permissions(&home, mode).unwrap();
    let session = sandbox.path("run");
    let ended = sandbox.pyro(["gc"]).env("XDG_RUNTIME_DIR", session).run();
    let told = "removed 1 run folder of machines whose pyro was killed";
    assert!(ended.code(0).stderr.contains(told));
    assert_eq!(fs_err::read_dir(home).unwrap().count(), 0);
}

#[test]
fn an_image_of_nothing_known_is_refused() {
    let sandbox = with(&["kernel", "rootfs"]);
    let ended = sandbox.pyro(["run", "env", "-q", "--", "true"]).run();
    insta::assert_snapshot!(ended, @"
    exit code 125
    ----- stderr
    error: the image holds no file system that is known (ext4, erofs, squashfs, xfs, btrfs): [STORE]/store/[HASH]-env-1/rootfs
    ");
}

#[test]
fn what_cannot_be_asked_for_is_said_under_the_codes_of_run() {
    let sandbox = with(&["kernel", "rootfs"]);
    for (words, code) in [
        (&["run", "nothing", "--json", "--", "true"][..], 78),
        (&["run", "env", "--json", "--locked", "--", "true"], 79),
        (&["run", "env", "--json", "--frozen", "--", "true"], 79),
        (
            &["run", "env", "--json", "--env", "novalue", "--", "true"],
            2,
        ),
    ] {
        let ended = sandbox.pyro(words).run().code(125);
        assert_eq!(
            ended.document(&sandbox)["error"]["exit_code"],
            code,
            "{words:?}"
        );
    }
    // Words that are no command line are told as everywhere.
    sandbox.pyro(["run", "env"]).run().code(2);
    sandbox
        .pyro(["run", "env", "--engine", "none", "--", "true"])
        .run()
        .code(2);
}
