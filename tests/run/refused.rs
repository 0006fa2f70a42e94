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
