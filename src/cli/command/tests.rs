use clap::{CommandFactory as _, Parser};

use super::*;

/// Every command's words under one roof.
#[derive(Debug, Parser)]
#[command(name = "all", version, propagate_version = true)]
struct All {
    #[command(subcommand)]
    command: Words,
}

#[derive(Debug, Subcommand)]
enum Words {
    Init(init::InitArgs),
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
    Realize(realize::RealizeArgs),
    Lock(lock::LockArgs),
    Update(update::UpdateArgs),
    Env(env::EnvArgs),
    Path(path::PathArgs),
    Hold(hold::HoldArgs),
    Verify(verify::VerifyArgs),
    Profile(profile::ProfileArgs),
    Store(store::StoreArgs),
}

fn parse(line: &str) -> Result<Words, clap::error::ErrorKind> {
    All::try_parse_from(line.split(' '))
        .map(|all| all.command)
        .map_err(|error| error.kind())
}

#[test]
fn the_words_of_all_commands_fit_together_and_have_help() {
    fn look(command: &clap::Command) {
        let name = command.get_name();
        assert!(
            command.get_about().is_some(),
            "{name} says nothing about itself"
        );
        for arg in command.get_arguments() {
            assert!(
                arg.get_help().is_some(),
                "{name} {} has no help",
                arg.get_id()
            );
        }
        command.get_subcommands().for_each(look);
    }
    let mut tree = All::command();
    tree.clone().debug_assert();
    tree.build();
    tree.get_subcommands().for_each(look);
    super::super::args::Cli::command().debug_assert();
}

#[test]
fn flags_that_exclude_each_other_are_refused() {
    use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
    for line in [
        "pyro realize --locked --frozen",
        "pyro realize --refresh --offline",
        "pyro lock --check --upgrade",
        "pyro verify --quick --full",
        "pyro add a --oci b --local c",
    ] {
        assert_eq!(parse(line).unwrap_err(), ArgumentConflict, "{line}");
    }
    assert_eq!(parse("pyro add a").unwrap_err(), MissingRequiredArgument);
    for line in ["pyro hold a", "pyro hold -- a", "pyro hold a --"] {
        assert_eq!(parse(line).unwrap_err(), MissingRequiredArgument, "{line}");
    }
    assert_eq!(
        parse("pyro profile diff 1").unwrap_err(),
        MissingRequiredArgument
    );
}

#[test]
fn aliases_stand_for_their_commands() {
    let Ok(Words::Env(env)) = parse("pyro env install debian:12 --offline") else {
        panic!("not a pull");
    };
    assert!(matches!(env.command, env::EnvCommand::Pull(args) if args.network.offline));
    assert!(parse("pyro env ls").is_ok() && parse("pyro profile ls").is_ok());
}

#[test]
fn upgrade_names_environments_or_means_all() {
    let upgrade = |line| match parse(line) {
        Ok(Words::Lock(args)) => args.upgrade.map(|names| names.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(upgrade("pyro lock"), None);
    assert_eq!(upgrade("pyro lock --upgrade"), Some(0));
    assert_eq!(upgrade("pyro lock envs.toml --upgrade a b"), Some(2));
}

#[test]
fn add_takes_a_version_of_its_own() {
    let Ok(Words::Add(add)) = parse("pyro add debian:12 --oci example.org/a:1 --version 1.0")
    else {
        panic!("not an add");
    };
    assert_eq!(add.version.as_str(), "1.0");
}
