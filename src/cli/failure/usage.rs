//! Words that are no command line: what clap says, in the form of every other failure.

use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory as _};

use super::{Failure, Kind, Subject};
use crate::cli::args::Cli;

/// A usage error (2) as a failure: message, tip as the hint, usage line.
#[must_use]
pub fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let mut failure = Failure::new(Kind::Usage, "a command is missing").hint("try `--help`");
        failure.subject = Subject::Usage(text.trim_end().to_owned());
        return failure;
    }
    let mut message = Vec::new();
    let mut tips = Vec::new();
    let mut usage = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let trimmed = line.trim();
        if let Some(tip) = trimmed.strip_prefix("tip: ") {
            tips.push(tip);
        } else if trimmed.starts_with("For more information") {
        } else if trimmed.starts_with("Usage:") || !usage.is_empty() {
            usage.push(line);
        } else {
            message.push(trimmed.strip_prefix("error: ").unwrap_or(trimmed));
        }
    }
    let hint = match tips.first() {
        Some(_) => tips.join("; "),
        None => "try `--help`".to_owned(),
    };
    let mut failure = Failure::new(Kind::Usage, message.join(" ")).hint(hint);
    if !usage.is_empty() {
        failure.subject = Subject::Usage(usage.join("\n"));
    }
    failure
}

/// A mistake in how words fit together, which clap cannot see.
#[must_use]
pub fn mistake(message: impl Into<String>) -> Failure {
    Failure::new(Kind::Usage, message).hint("try `--help`")
}

/// The name that a JSON document about these words bears: that of the command, as far as it can be told.
#[must_use]
pub fn document_name(args: &[OsString]) -> String {
    let tree = Cli::command();
    let globals: Vec<&Arg> = tree.get_arguments().collect();
    let mut command = &tree;
    let mut names: Vec<&str> = Vec::new();
    let mut skip_value = false;
    for word in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        if std::mem::take(&mut skip_value) {
            continue;
        }
        if word == "--" {
            break;
        }
        if let Some(flag) = word.strip_prefix("--") {
            let takes_value = |arg: &&&Arg| arg.get_long() == Some(flag);
            skip_value = globals
                .iter()
                .find(takes_value)
                .is_some_and(|arg| arg.get_action().takes_values());
        } else if !word.starts_with('-') {
            match find(command, word) {
                Some(found) => {
                    names.push(found.get_name());
                    command = found;
                }
                None => break,
            }
        }
    }
    match names.as_slice() {
        [] => "error".to_owned(),
        ["update"] => "lock".to_owned(),
        names => names.join("-"),
    }
}

fn find<'a>(command: &'a Command, word: &str) -> Option<&'a Command> {
    command
        .get_subcommands()
        .find(|sub| sub.get_name() == word || sub.get_all_aliases().any(|alias| alias == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(line: &str) -> String {
        document_name(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_is_found_among_wrong_words() {
        assert_eq!(name("pyro"), "error");
        assert_eq!(name("pyro --json confg"), "error");
        assert_eq!(name("pyro --store config --bad config"), "config");
        assert_eq!(name("pyro config --nonsense"), "config");
    }

    #[test]
    fn the_tip_becomes_the_hint() {
        let error = Cli::command()
            .try_get_matches_from(["pyro", "confg"])
            .unwrap_err();
        let failure = failure(&error);
        assert_eq!(failure.message, "unrecognized subcommand 'confg'");
        assert_eq!(
            failure.hint.as_deref(),
            Some("a similar subcommand exists: 'config'")
        );
        assert_eq!(failure.exit_code(), 2);
    }
}
