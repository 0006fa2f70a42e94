//! The examples of a life cycle end with a run, where there is an environment that boots.

use std::path::Path;
use std::process::Command;

use super::world::world;

const NAME: &str = "tiny";

#[test]
fn the_life_cycle_through_json_ends_with_a_run() {
    let sandbox = world();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lifecycle.py");
    let program = env!("CARGO_BIN_EXE_pyro");
    let said = Command::new("python3")
        .arg(script)
        .args(["--pyro", program, "--file", "envs.toml", "--run", NAME])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", sandbox.path("home"))
        .env("TMPDIR", sandbox.path("tmp"))
        .env("PYRO_STORE", sandbox.store())
        .current_dir(sandbox.work())
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "{text}");
    assert!(text.contains("tiny runs Linux, by qemu-"), "{text}");
    assert!(text.contains("the machine is gone, and "), "{text}");
}

#[test]
fn the_life_cycle_through_the_library_ends_with_a_run() {
    let sandbox = world();
    let declaration = sandbox.work().join("envs.toml");
    let mut said = Vec::new();
    let name = NAME.parse().unwrap();
    super::lifecycle::end_with_a_run(&sandbox.store(), &declaration, &name, &mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("tiny: qemu-"), "{said}");
    assert!(said.ends_with(" ended with 0\n"), "{said}");
}
