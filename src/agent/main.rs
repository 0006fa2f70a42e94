//! The agent: what pyro puts into a virtual machine, or a set of namespaces, to run one command there.
//!
//! A program of its own that uses nothing but std; `build.rs` builds it static, and the library embeds it. It shares
//! the protocol with pyro and knows nothing else of it.
//!
//! As `/init` it is the first process of a machine ([`boot`]). As `pyro-agent serve N` it talks on the descriptor N
//! that it was started with ([`serve`]). As `pyro-agent enclose N TREE SCRATCH NAME …` it first makes the namespaces that
//! it is process 1 of into a place for a command ([`enclose`]).

use std::ffi::OsString;
use std::process::ExitCode;

mod boot;
mod command;
mod enclose;
mod filter;
mod frame;
mod message;
mod mounts;
mod net;
mod place;
mod serve;
mod share;
mod sys;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    if std::process::id() == 1 && words.next().is_some_and(|word| word == "/init") {
        boot::boot();
    }
    // A path need not be text.
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let texts: Vec<&str> = words
        .iter()
        .map(|word| word.to_str().unwrap_or(""))
        .collect();
    let served = match texts[..] {
        ["serve", number] => match number.parse() {
            Ok(number) => sys::inherited(number)
                .and_then(|socket| serve::serve(socket, sys::children()?).map(|_ended| ())),
            Err(_no_number) => return usage(),
        },
        ["enclose", number, _, scratch, hostname, network, ..]
            if words[6..].len().is_multiple_of(3) =>
        {
            match number.parse() {
                Ok(number) => sys::inherited(number).and_then(|socket| {
                    let plan = enclose::Plan {
                        tree: words[2].as_ref(),
                        scratch,
                        hostname,
                        network,
                        mounts: &words[6..],
                    };
                    enclose::enclose(socket, &plan)
                }),
                Err(_no_number) => return usage(),
            }
        }
        _ => return usage(),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pyro-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: pyro-agent serve DESCRIPTOR | enclose DESCRIPTOR TREE SCRATCH NAME own|shared [SOURCE TARGET ro|rw]..."
    );
    ExitCode::from(2)
}
