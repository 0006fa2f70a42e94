//! The agent: what pyro puts into a virtual machine, or a set of namespaces, to run one command there.
//!
//! A program of its own that uses nothing but std; `build.rs` builds it static, and the library embeds it. It shares
//! the protocol with pyro and knows nothing else of it.
//!
//! As `/init` it is the first process of a machine ([`boot`]). As `pyro-agent serve N` it talks on the descriptor N
//! that it was started with ([`serve`]).

use std::process::ExitCode;

mod boot;
mod command;
mod frame;
mod message;
mod serve;
mod sys;

fn main() -> ExitCode {
    let mut words = std::env::args();
    if std::process::id() == 1 && words.next().is_some_and(|word| word == "/init") {
        boot::boot();
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let served = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", number] => match number.parse() {
            Ok(number) => {
                sys::inherited(number).and_then(|socket| serve::serve(socket, sys::children()?))
            }
            Err(_no_number) => return usage(),
        },
        _ => return usage(),
    };
    match served {
        Ok(_ended) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pyro-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: pyro-agent serve DESCRIPTOR");
    ExitCode::from(2)
}
