//! The examples.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::console::{clone_of_examples, copy};
use super::markdown::root;
use super::shell::shell;
use super::support::Sandbox;

/// What make-sources.py makes.
const MADE: [&str; 5] = ["hello", "tools.tar.gz", "image", "vm", "envs.lock"];

/// What stands at a path, as far as git keeps it.
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Folder,
    Link(PathBuf),
    File { executable: bool, content: Vec<u8> },
}

/// Everything at and below `path`, by path below `base`.
fn nodes(base: &Path, path: &Path, found: &mut BTreeMap<PathBuf, Node>) {
    use std::os::unix::fs::PermissionsExt as _;
    let meta = fs_err::symlink_metadata(path).unwrap();
    let node = if meta.is_symlink() {
        Node::Link(fs_err::read_link(path).unwrap())
    } else if meta.is_dir() {
        for entry in fs_err::read_dir(path).unwrap() {
            nodes(base, &entry.unwrap().path(), found);
        }
        Node::Folder
    } else {
        Node::File {
            executable: meta.permissions().mode() & 0o100 != 0,
            content: fs_err::read(path).unwrap(),
        }
    };
    found.insert(path.strip_prefix(base).unwrap().to_owned(), node);
}

fn made(folder: &Path) -> BTreeMap<PathBuf, Node> {
    let mut found = BTreeMap::new();
    for name in MADE {
        nodes(folder, &folder.join(name), &mut found);
    }
    found
}

#[test]
fn the_sources_and_the_lock_can_be_made_again_byte_for_byte() {
    let sandbox = Sandbox::new();
    let script = root().join("examples/make-sources.py");
    let line = format!("python3 '{}' again --pyro pyro", script.display());
    shell(&sandbox, &line).code(0);
    let again = made(&sandbox.work().join("again"));
    let committed = made(&root().join("examples"));
    assert_eq!(
        committed.keys().collect::<Vec<_>>(),
        again.keys().collect::<Vec<_>>()
    );
    for (path, node) in &committed {
        assert!(again[path] == *node, "differs: {}", path.display());
    }
    let size = |node: &Node| match node {
        Node::File { content, .. } => content.len(),
        _ => 0,
    };
    assert!(committed.values().map(size).sum::<usize>() < 100 << 10);
}

#[test]
fn a_fresh_clone_realizes_offline_and_locked() {
    let sandbox = clone_of_examples();
    let realize = ["realize", "examples/envs.toml", "--offline", "--locked"];
    sandbox.pyro(realize).run().code(0);
    let hello = shell(
        &sandbox,
        "\"$(pyro path hello --file examples/envs.toml)/bin/hello\"",
    );
    assert_eq!(hello.code(0).text, "Hello from a local folder.\n");
}

#[test]
fn a_declaration_for_each_kind_of_source_works() {
    for name in ["local", "archive", "oci"] {
        let sandbox = clone_of_examples();
        let file = format!("examples/{name}.toml");
        sandbox.pyro(["realize", &file, "--offline"]).run().code(0);
        sandbox.pyro(["lock", &file, "--offline"]).run().code(0);
        sandbox
            .pyro(["realize", &file, "--offline", "--locked"])
            .run()
            .code(0);
    }
}

#[test]
fn every_declaration_is_tested() {
    let mut names: Vec<_> = fs_err::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter_map(|path| path.file_name().map(std::ffi::OsStr::to_owned))
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["archive.toml", "envs.toml", "local.toml", "oci.toml"]
    );
}

#[test]
fn the_life_cycle_through_json_runs() {
    let sandbox = clone_of_examples();
    let said = shell(&sandbox, "examples/lifecycle.py --pyro pyro").code(0);
    for part in [
        "hello 1.0.0: not installed",
        "pull vm from ",
        "rootfs_image: [STORE]/store/[HASH]-vm-1.0.0/rootfs.ext4",
        "scratch 1.0.0 is declared, so prune keeps [STORE]/store/",
        "so prune removes 1.0.0\n",
        "scratch is no longer declared, so prune removes it\n",
    ] {
        assert!(said.text.contains(part), "{part} is missing in {said}");
    }
}

#[test]
fn the_life_cycle_through_json_passes_errors_on() {
    let sandbox = clone_of_examples();
    let said = shell(
        &sandbox,
        "examples/lifecycle.py --pyro pyro --environment none",
    )
    .code(78);
    assert!(said.text.contains("configuration: "), "{said}");
}

#[test]
fn the_life_cycle_through_the_library_runs() {
    let sandbox = clone_of_examples();
    let declaration = sandbox.work().join("examples/envs.toml");
    let mut said = [Vec::new(), Vec::new()];
    for said in &mut said {
        super::lifecycle::live(&sandbox.store(), &declaration, said).unwrap();
    }
    let [first, second] = said.map(|said| String::from_utf8(said).unwrap());
    assert!(first.contains("hello: not installed\n"), "{first}");
    assert!(second.contains("hello: installed\n"), "{second}");
    assert!(second.contains("-vm-1.0.0/vmlinux\n"), "{second}");
    assert!(second.ends_with("pruned 0\n"), "{second}");
}

/// The commands of a CI file that can be run here: its single-line `run:` and `- ` entries, without the one that installs.
fn commands(text: &str) -> Vec<String> {
    let mut in_script = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(command) = trimmed.strip_prefix("run: ") {
            found.push(command.to_owned());
        } else if trimmed.ends_with("script:") {
            in_script = true;
        } else if let Some(command) = trimmed.strip_prefix("- ").filter(|_| in_script) {
            found.push(command.to_owned());
        }
    }
    found.retain(|command| !command.starts_with("cargo install"));
    found
}

/// A project of the examples, as a CI machine checks it out.
fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    copy(&root().join("examples"), &sandbox.work());
    sandbox
}

fn run_commands(sandbox: &Sandbox, file: &str) -> String {
    let text = fs_err::read_to_string(root().join("examples/ci").join(file)).unwrap();
    let commands = commands(&text);
    assert!(commands.contains(&"pyro realize --locked".to_owned()));
    let script = commands.join("\n");
    let line = format!("set -euo pipefail\nexport CI=true\n{script}");
    shell(sandbox, &line).code(0).text
}

#[test]
fn the_github_file_works() {
    let sandbox = project();
    assert!(run_commands(&sandbox, "github.yml").ends_with("\n5\n"));
}

/// The second job has the first one's tar only; neither its store nor a source is there.
#[test]
fn the_gitlab_file_works_and_its_cache_is_enough() {
    let first = project();
    assert!(run_commands(&first, "gitlab.yml").contains("\n5\n"));
    let second = project();
    copy(
        &first.work().join("pyro-store.tar"),
        &second.work().join("pyro-store.tar"),
    );
    for source in ["tools.tar.gz", "image", "vm"] {
        shell(&second, &format!("rm -r {source}")).code(0);
    }
    assert!(run_commands(&second, "gitlab.yml").contains("\n5\n"));
}
