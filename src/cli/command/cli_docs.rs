//! `pyro cli-docs`: the manual of the command line, made from the same words as `--help`.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, Args, Command, CommandFactory as _};

use crate::cli::args::Cli;
use crate::cli::failure::Failure;
use crate::cli::json::completions::CliDocs;
use crate::cli::report::Outcome;
use crate::cli::session::Session;

/// Print the manual of the command line as Markdown
///
/// Example: `pyro cli-docs >docs/cli.md`
#[derive(Debug, Args)]
pub struct CliDocsArgs {}

impl CliDocsArgs {
    /// Prints it.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let Self {} = self;
        let markdown = markdown();
        session
            .report()
            .answer(&CliDocs { markdown }, |docs| docs.markdown.clone())?;
        Ok(Outcome::Done)
    }
}

/// The whole manual; the same bytes on every machine.
#[must_use]
pub fn markdown() -> String {
    let mut tree = Cli::command().term_width(0);
    tree.build();
    let mut out = String::from("# Command line\n\n");
    out.push_str("This page is made from `pyro --help`: `pyro cli-docs` prints it.\n");
    section(&tree, 2, &mut out);
    out
}

fn section(command: &Command, level: usize, out: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let _infallible = write!(out, "\n{} {name}\n\n", "#".repeat(level));
    paragraph(command.get_long_about().or(command.get_about()), out);
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    if !aliases.is_empty() {
        let _infallible = write!(out, "Also: `{}`.\n\n", aliases.join("`, `"));
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage:").unwrap_or(&usage).trim();
    let _infallible = write!(out, "```text\n{usage}\n```\n");
    // What every command takes is told once, with the first.
    let own = |arg: &&Arg| level == 2 || !arg.is_global_set();
    let shown =
        |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    let args: Vec<&Arg> = command.get_arguments().filter(own).filter(shown).collect();
    if !args.is_empty() {
        out.push('\n');
    }
    for arg in args {
        argument(arg, out);
    }
    if let Some(after) = command.get_after_long_help() {
        let _infallible = write!(out, "\n```text\n{}\n```\n", plain(after).trim_end());
    }
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        section(sub, (level + 1).min(4), out);
    }
}

fn argument(arg: &Arg, out: &mut String) {
    let values: Vec<String> = arg
        .get_value_names()
        .filter(|_| arg.get_action().takes_values())
        .map(|names| names.iter().map(ToString::to_string).collect())
        .unwrap_or_default();
    let mut words = Vec::new();
    if let Some(short) = arg.get_short() {
        words.push(format!("-{short}"));
    }
    if let Some(long) = arg.get_long() {
        words.push(format!("--{long}"));
    }
    let value = values.join(" ");
    let head = match (words.is_empty(), value.is_empty()) {
        (true, _) => value,
        (false, true) => words.join(", "),
        (false, false) => format!("{} {value}", words.join(", ")),
    };
    let help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(plain)
        .unwrap_or_default();
    let help = help.trim().replace("\n\n", ". ").replace('\n', " ");
    let help = help.trim_end_matches('.');
    let _infallible = write!(out, "- `{head}`: {help}");
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| arg.get_action().takes_values() && !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!(
                "`{}` ({})",
                value.get_name(),
                plain(help).trim_end_matches('.')
            ),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !choices.is_empty() {
        let _infallible = write!(out, "; one of {}", choices.join(", "));
    }
    out.push('\n');
}

fn paragraph(text: Option<&StyledStr>, out: &mut String) {
    if let Some(text) = text {
        let _infallible = write!(out, "{}\n\n", plain(text).trim());
    }
}

fn plain(text: &StyledStr) -> String {
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_help_and_stands_in_the_manual() {
        fn look(command: &Command, markdown: &str) {
            let name = command.get_bin_name().unwrap().to_owned();
            assert!(
                command.get_about().is_some(),
                "{name} says nothing about itself"
            );
            if !command.is_hide_set() {
                assert!(
                    markdown.contains(&format!("# {name}\n")),
                    "{name} is not in the manual"
                );
            }
            for arg in command.get_arguments() {
                assert!(
                    arg.get_help().is_some(),
                    "{name} {} has no help",
                    arg.get_id()
                );
            }
            command
                .get_subcommands()
                .for_each(|sub| look(sub, markdown));
        }
        let mut tree = Cli::command();
        tree.build();
        look(&tree, &markdown());
    }

    #[test]
    fn the_manual_is_markdown_without_escapes() {
        let markdown = markdown();
        assert!(!markdown.contains('\x1b'));
        assert_eq!(markdown.matches("```").count() % 2, 0);
        assert_eq!(markdown.matches("\n- `--json`:").count(), 1, "{markdown}");
    }
}
