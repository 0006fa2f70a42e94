//! Words that are no command line, and readers that leave.

use std::io::pipe;

use crate::support::Sandbox;

#[test]
fn a_near_miss_gets_a_hint() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.pyro(["confg"]).run(), @"
    exit code 2
    ----- stderr
    error: unrecognized subcommand 'confg'

    Usage: pyro [OPTIONS] <COMMAND>

    hint: a similar subcommand exists: 'config'
    ");
    insta::assert_snapshot!(sandbox.pyro(["config", "--stroe", "x"]).run(), @"
    exit code 2
    ----- stderr
    error: unexpected argument '--stroe' found

    Usage: pyro config --store <DIR>

    hint: a similar argument exists: '--store'
    ");
}

#[test]
fn a_usage_error_is_a_document_too() {
    let sandbox = Sandbox::new();
    let ended = sandbox
        .pyro(["config", "--json", "--nonsense"])
        .run()
        .code(2);
    let document = ended.document(&sandbox);
    assert_eq!(document["schema"], "pyro.config/1");
    assert_eq!(document["error"]["kind"], "usage");
    assert_eq!(document["error"]["exit_code"], 2);
    let ended = sandbox.pyro(["--json"]).run().code(2);
    assert_eq!(ended.document(&sandbox)["schema"], "pyro.error/1");
}

#[test]
fn help_and_version_are_results() {
    let sandbox = Sandbox::new();
    for args in [&["--help"][..], &["config", "-h"], &["--version"]] {
        let ended = sandbox.pyro(args).run().code(0);
        assert!(!ended.stdout.is_empty(), "{args:?}");
        assert_eq!(ended.stderr, "", "{args:?}");
    }
    let ended = sandbox.pyro(["--version"]).run();
    assert_eq!(
        ended.stdout,
        format!("pyro {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn no_escapes_without_a_terminal_unless_asked_for() {
    let sandbox = Sandbox::new();
    assert!(!sandbox.pyro(["confg"]).run().stderr.contains('\x1b'));
    assert!(
        sandbox
            .pyro(["confg", "--color=always"])
            .run()
            .stderr
            .contains('\x1b')
    );
    let never = sandbox
        .pyro(["confg", "--color", "never"])
        .env("PYRO_COLOR", "always")
        .run();
    assert!(!never.stderr.contains('\x1b'));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let sandbox = Sandbox::new();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ended = sandbox
        .pyro(["schema", "manifest"])
        .stdout(writer)
        .run()
        .code(0);
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let sandbox = Sandbox::new();
    let full = fs_err::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let ended = sandbox.pyro(["schema"]).stdout(full.into_parts().0).run();
    insta::assert_snapshot!(ended, @"
    exit code 73
    ----- stderr
    error: cannot write to stdout
      caused by: No space left on device (os error 28)
    ");
}
