//! Builds the agent (`src/agent/`) as a static program, for the library to embed.
//!
//! It is a program of its own and needs nothing but rustc, so it is no package: one call, with what cargo says of the
//! target. Its bytes depend on the compiler and the sources only, not on where they stand.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "that is how cargo is spoken to"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

const SOURCES: &str = "src/agent";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SOURCES}");
    if env::var_os("CARGO_FEATURE_RUN").is_none() {
        return ExitCode::SUCCESS;
    }
    let program = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("pyro-agent");
    match compile(&program) {
        Ok(output) if output.status.success() => {
            println!("cargo::rustc-env=PYRO_AGENT={}", program.display());
            ExitCode::SUCCESS
        }
        Ok(output) => {
            for line in String::from_utf8_lossy(&output.stderr).lines() {
                eprintln!("{line}");
            }
            give_up("the agent of `pyro run` does not build; what rustc says is below")
        }
        Err(error) => give_up(&format!(
            "cannot run rustc for the agent of `pyro run`: {error}"
        )),
    }
}

fn give_up(why: &str) -> ExitCode {
    println!("cargo::error={why}");
    println!(
        "cargo::error=it is linked with a static C library: on Debian `apt-get install libc6-dev`; \
         `--no-default-features` builds pyro without `pyro run`"
    );
    ExitCode::FAILURE
}

fn compile(program: &Path) -> std::io::Result<Output> {
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .current_dir(&folder)
        .args([
            "--edition=2024",
            "--crate-name=pyro_agent",
            "--crate-type=bin",
        ])
        .arg(format!("{SOURCES}/main.rs"))
        .args(["-C", "target-feature=+crt-static"])
        // Small and without unwinding: it is read into the memory of every machine.
        .args(["-C", "opt-level=s", "-C", "panic=abort", "-C", "lto=fat"])
        .args(["-C", "codegen-units=1", "-C", "strip=symbols"])
        .arg(format!("--remap-path-prefix={folder}=/pyro"))
        .arg("-o")
        .arg(program);
    if let Ok(target) = env::var("TARGET") {
        rustc.arg("--target").arg(target);
    }
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("linker=");
        option.push(linker);
        rustc.arg("-C").arg(option);
    }
    rustc.output()
}
