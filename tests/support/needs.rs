//! What a test needs of the machine, and the one line that is said where it is missing.
//!
//! Where CI=true the machine has to have everything, so the same line is a failure there. The runner shows no output of
//! tests that pass; the gate therefore names a file in `PYRO_NOT_RUN` and lists at its end what was written there.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether what a test needs is there; where it is not, that is said as `not run: needs <what>`.
#[must_use = "what is missing is said once, and then not tried"]
pub fn met(there: bool, what: &str) -> bool {
    if !there {
        let line = say(what);
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "{line}"
        );
    }
    there
}

fn say(what: &str) -> String {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("not run: needs {what}: {test}");
    println!("{line}");
    if let Some(list) = std::env::var_os("PYRO_NOT_RUN") {
        let list = fs_err::OpenOptions::new()
            .append(true)
            .create(true)
            .open(Path::new(&list));
        // One write: other tests add their lines at the same time.
        list.unwrap()
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }
    line
}

/// The same for what a kernel was built without: nobody can install that, so where CI=true it is said and no more.
#[must_use = "what is missing is said once, and then not tried"]
pub fn kernel(there: bool, what: &str) -> bool {
    if !there {
        say(&format!("a kernel {what}"));
    }
    there
}

/// The same for a program that has to be named by a variable, because no package has it.
#[must_use = "what is missing is said once, and then not tried"]
pub fn named(variable: &str, what: &str) -> Option<std::path::PathBuf> {
    let named = std::env::var_os(variable);
    if named.is_none() {
        say(&format!("{what} that {variable} names"));
    }
    named.map(Into::into)
}

/// Whether this process is root; `why` completes the sentence `needs root …`.
#[must_use = "what is missing is said once, and then not tried"]
pub fn root(why: &str) -> bool {
    met(rustix::process::geteuid().is_root(), &format!("root {why}"))
}

/// Whether a program is installed where the tests look for programs.
#[must_use = "what is missing is said once, and then not tried"]
pub fn program(name: &str, package: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", name])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdout(Stdio::null())
        .status();
    met(
        found.unwrap().success(),
        &format!("{name} of the package {package}"),
    )
}

/// Whether the tests run at full size, as `make torture` has it.
pub fn full_size() -> bool {
    std::env::var_os("PYRO_TORTURE").is_some_and(|set| set == "1")
}
