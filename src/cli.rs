//! The command line: arguments in, one result on stdout, everything else on stderr, an exit code.
//!
//! Only this room reads the environment, the current directory and the terminal ([`surroundings`]), prints
//! ([`report`]) and knows exit codes ([`failure`]). The way of one command:
//!
//! 1. [`args`] turns the words into a [`command::Command`]; what it refuses is a usage error (2).
//! 2. [`presentation`] decides on colours, progress and JSON, so that a failure from here on looks right.
//! 3. [`session::Session::settings`] resolves what the command asks for: flag, variable, files, default.
//! 4. The command, one file each below [`command`], calls its verb with an observer from [`report`].
//! 5. It answers once: a text for people or one JSON document whose type stands in [`json`].
//! 6. An error of any room becomes a [`failure::Failure`]: kind, hint, exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

pub mod args;
pub mod command;
pub mod failure;
pub mod json;
pub mod presentation;
pub mod quantity;
pub mod report;
pub mod schemas;
pub mod session;
pub mod settings;
pub mod surroundings;
pub mod target;
pub mod terminal;
pub mod workbench;

use args::Cli;
use failure::{Failure, usage};
use presentation::Presentation;
use report::Report;
use session::Session;
use surroundings::Surroundings;

/// Runs one command line and says how it ended.
///
/// The first item is the program's name, as in [`std::env::args_os`].
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let open_files = surroundings::raise_open_files();
    let surroundings = Surroundings::of_process(open_files);
    ExitCode::from(run(&args, surroundings))
}

fn run(args: &[OsString], surroundings: Surroundings) -> u8 {
    // What the words look like before they are understood: only for errors in the words themselves.
    let early = Report::new(Presentation::guess(args, &surroundings));
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            return early.ending(usage::document_name(args), early.help(&error));
        }
        Err(error) => return early.failure(usage::document_name(args), &usage::failure(&error)),
    };
    let presentation = match Presentation::resolve(&cli.presentation, &surroundings) {
        Ok(presentation) => presentation,
        Err(error) => return early.failure(usage::document_name(args), &Failure::from(error)),
    };
    presentation.start_log();
    let name = cli.command.document_name();
    let session = Session::new(Report::new(presentation), surroundings, cli.store);
    let ended = cli.command.run(&session);
    session.report().ending(name, ended)
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let mut tree = Cli::command();
    let matches = tree.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut tree))
}
