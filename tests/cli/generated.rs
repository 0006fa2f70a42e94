//! What is made from the code: schemas, completions, manual pages, the manual.

use serde_json::Value;

use crate::support::Sandbox;

#[test]
fn every_listed_schema_is_printed_and_valid() {
    let sandbox = Sandbox::new();
    let list = sandbox.pyro(["schema", "--list"]).run().code(0).stdout;
    assert_eq!(list, sandbox.pyro(["schema"]).run().code(0).stdout);
    assert!(
        list.lines().any(|name| name == "manifest")
            && list.lines().any(|name| name == "pyro.realize")
    );
    let folder = sandbox.path("schemas");
    sandbox
        .pyro(["schema".as_ref(), "--all".as_ref(), folder.as_os_str()])
        .run()
        .code(0);
    for name in list.lines() {
        let text = fs_err::read_to_string(folder.join(format!("{name}.schema.json"))).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let printed = sandbox
        .pyro(["schema", "manifest"])
        .run()
        .code(0)
        .raw_stdout;
    assert_eq!(
        printed,
        fs_err::read_to_string(folder.join("manifest.schema.json")).unwrap()
    );
}

#[test]
fn an_unknown_schema_says_where_the_names_are() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.pyro(["schema", "manifesto"]).run(), @"
    exit code 2
    ----- stderr
    error: no schema is called `manifesto`
    hint: `pyro schema --list` prints the names
    ");
}

#[test]
fn every_shell_gets_its_completions() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.pyro(["completions", shell]).run().code(0).stdout;
        assert!(
            script.contains("completions") && script.contains("--lock-timeout") || shell == "fish",
            "{shell}"
        );
        assert!(script.len() > 1000, "{shell}");
    }
}

#[test]
fn every_command_gets_a_manual_page() {
    let sandbox = Sandbox::new();
    sandbox.pyro(["man", "pages"]).run().code(0);
    let page =
        |name: &str| fs_err::read_to_string(sandbox.work().join("pages").join(name)).unwrap();
    assert!(page("pyro.1").starts_with(".ie"), "{}", page("pyro.1"));
    assert!(page("pyro-config.1").contains("PYRO_LOCK_TIMEOUT"));
    assert!(!sandbox.work().join("pages/pyro-man.1").exists());
}

#[test]
fn the_manual_is_the_same_each_time_and_everywhere() {
    let sandbox = Sandbox::new();
    let once = sandbox.pyro(["cli-docs"]).run().code(0).stdout;
    let again = sandbox
        .pyro(["cli-docs"])
        .env("COLUMNS", "40")
        .env("HOME", "/")
        .run()
        .code(0)
        .stdout;
    assert_eq!(once, again);
    assert!(once.contains("### pyro config\n"), "{once}");
}

#[test]
fn answers_about_the_program_are_documents_too() {
    let sandbox = Sandbox::new();
    for args in [
        &["schema"][..],
        &["schema", "manifest"],
        &["completions", "bash"],
        &["man", "pages"],
        &["cli-docs"],
    ] {
        let args = [args, &["--json"]].concat();
        sandbox.pyro(&args).run().code(0).document(&sandbox);
    }
}
