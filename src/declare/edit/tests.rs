//! Edits keep what they do not touch.

use proptest::prelude::*;

use super::*;
use crate::model::source::{ArchiveLocation, ArchiveSource, LocalSource, OciSource};

const FILE: &str = "envs.toml";

const TEXT: &str = r#"# What CI needs.
schema = 1   # the only one

# --- machines ---

# The everyday one.
[environments."debian:12"]
version = "1.0.0"

# tried first
[[environments."debian:12".sources]]
local = "x"

[environments."debian:12".artifacts]
kernel = "vmlinux"

# --- tools ---

[environments.tools]   # no comment
version = "2"
sources = [
    { local = "y" },   # here
    { oci = "debian" },
]
# the end
"#;

fn oci(name: &str) -> NewEnvironment {
    NewEnvironment {
        name: name.parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        source: Source::Oci("ghcr.io/example/tools:1".parse::<OciSource>().unwrap()),
    }
}

fn added(text: &str, new: &NewEnvironment) -> String {
    add(text, FILE.as_ref(), new).unwrap()
}

fn removed(text: &str, name: &str) -> String {
    remove(text, FILE.as_ref(), &name.parse().unwrap()).unwrap()
}

#[test]
fn the_starter_declares_nothing_and_its_example_is_good() {
    let parse = |text: &str| document::parse(text, FILE.as_ref()).unwrap();
    assert!(parse(starter()).environments().is_empty());
    let example: String = starter()
        .lines()
        .skip_while(|line| !line.starts_with("# ["))
        .filter_map(|line| line.strip_prefix('#'))
        .fold("schema = 1\n".to_owned(), |text, line| text + line + "\n");
    assert_eq!(parse(&example).environments().len(), 1, "{example}");
}

#[test]
fn a_new_environment_stands_at_the_end() {
    let text = added(TEXT, &oci("ci:1"));
    let addition = text.strip_prefix(TEXT).unwrap().strip_prefix('\n').unwrap();
    insta::assert_snapshot!(addition, @r#"
    [environments."ci:1"]
    version = "1.0.0"

    [[environments."ci:1".sources]]
    oci = "ghcr.io/example/tools:1"
    "#);
}

#[test]
fn an_archive_keeps_its_digest_and_its_mirrors() {
    let text = added(
        "schema = 1",
        &NewEnvironment {
            source: Source::Archive(ArchiveSource {
                locations: vec![
                    "a \"b\".tar".into(),
                    ArchiveLocation::from("https://h/a.tar"),
                ],
                sha256: Some("0".repeat(64).parse().unwrap()),
                strip_components: 1,
            }),
            ..oci("tools")
        },
    );
    insta::assert_snapshot!(text, @r#"
    schema = 1

    [environments.tools]
    version = "1.0.0"

    [[environments.tools.sources]]
    archive = ['a "b".tar', "https://h/a.tar"]
    sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
    strip-components = 1
    "#);
}

#[test]
fn line_ends_stay_what_they_are() {
    let text = added("schema = 1\r\n", &oci("tools"));
    assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
    let text = "schema = 1\r\n\r\n".to_owned() + &added("schema = 1\r\n", &oci("a"))[14..];
    assert_eq!(removed(&text, "a"), "schema = 1\r\n");
}

#[test]
fn environments_in_one_value_are_edited_too() {
    let text =
        "schema = 1\nenvironments = { a = { version = '1', sources = [{ local = 'x' }] } } # all\n";
    let more = added(text, &oci("ci:1"));
    insta::assert_snapshot!(more, @r#"
    schema = 1
    environments = { a = { version = '1', sources = [{ local = 'x' }] } , "ci:1" = { version = "1.0.0", sources = [{ oci = "ghcr.io/example/tools:1" }] } } # all
    "#);
    let less = removed(&more, "a");
    assert!(
        !less.contains("local") && less.ends_with("# all\n"),
        "{less}"
    );
}

#[test]
fn removing_takes_its_own_lines_and_comments_only() {
    insta::assert_snapshot!(removed(TEXT, "debian:12"), @r#"
    # What CI needs.
    schema = 1   # the only one

    # --- machines ---

    # --- tools ---

    [environments.tools]   # no comment
    version = "2"
    sources = [
        { local = "y" },   # here
        { oci = "debian" },
    ]
    # the end
    "#);
    let without_tools = removed(TEXT, "tools");
    assert!(TEXT.starts_with(without_tools.strip_suffix("# the end\n").unwrap()));
}

#[test]
fn every_way_to_write_an_environment_can_be_removed() {
    let ways = [
        "[environments]\na = { version = '1', sources = [{ local = 'x' }] }\nb.version = '1'\nb.sources = [{ local = 'x' }]\n",
        "[environments.b]\nversion = '1'\n[environments.a]\nversion = '1'\n\
            [[environments.b.sources]]\nlocal = 'x'\n[[environments.a.sources]]\nlocal = 'x'\n",
        "environments.a.version = '1'\nenvironments.b.version = '1'\n\
            environments.a.sources = [{ local = 'x' }]\nenvironments.b.sources = [{ local = 'x' }]\n",
        "[environments]\n[environments.a]\nversion = '1'\nsources = [\n{ local = '''\nx''' }]\n\
            [environments.b]\nversion = '1'\nsources = [{ local = 'x' }]",
    ];
    for way in ways {
        let text = format!("schema = 1\n{way}");
        for name in ["a", "b"] {
            let left = removed(&removed(&text, name), if name == "a" { "b" } else { "a" });
            let left = left.trim_end();
            assert!(
                ["schema = 1", "schema = 1\n[environments]"].contains(&left),
                "{left}"
            );
        }
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let name = |text: &str| text.parse().unwrap();
    let say = |error: EditError| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let told = [
        say(add(TEXT, FILE.as_ref(), &oci("tools")).unwrap_err()),
        say(add(TEXT, FILE.as_ref(), &oci("debian/12")).unwrap_err()),
        say(add("schema = 2", FILE.as_ref(), &oci("a")).unwrap_err()),
        say(remove(TEXT, FILE.as_ref(), &name("tool")).unwrap_err()),
        say(remove("schema = 1", FILE.as_ref(), &name("tool")).unwrap_err()),
        say(add(
            "schema = 1",
            FILE.as_ref(),
            &NewEnvironment {
                source: Source::Local(LocalSource {
                    path: String::new(),
                }),
                ..oci("a")
            },
        )
        .unwrap_err()),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    `tools` is declared already
    `debian/12` is declared already as `debian:12`, which has the same file name
    schema: found 2, this pyro reads up to 1: envs.toml:1:10
    `tool` is not declared; declared are `debian:12`, `tools`
    `tool` is not declared; nothing is
    `a` cannot be declared like this: expected a location, found an empty string: envs.toml:7:9
    ");
    let unknown = remove(TEXT, FILE.as_ref(), &name("tool")).unwrap_err();
    assert!(
        matches!(unknown, EditError::Unknown { nearest: Some(near), .. } if near.as_str() == "tools")
    );
}

proptest! {
    /// Names in order, with comments between: what goes in comes out, and nothing else goes with it.
    #[test]
    fn adding_and_removing_leaves_the_text_as_it_was(
        names in proptest::collection::btree_set("[a-z]{1,3}(:[a-z0-9]{1,2})?", 1..5),
        comments in proptest::collection::vec("(# [a-z]{0,5}\n){0,2}", 5),
        last in "[A-Za-z]",
    ) {
        let mut text = "schema = 1\n".to_owned();
        let mut declared = Vec::new();
        for (name, comment) in names.iter().zip(&comments) {
            match add(&text, FILE.as_ref(), &oci(name)) {
                Ok(more) => {
                    text = format!("{more}\n{comment}");
                    declared.push(name.clone());
                }
                Err(EditError::Exists { .. }) => {}
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
        text = format!("{}\n# {last}\n", text.trim_end());
        let new = oci("zz-new");
        prop_assert_eq!(
            removed(&added(&text, &new), "zz-new"),
            text.clone()
        );
        for name in declared {
            let less = removed(&text, &name);
            let mut lines = text.lines();
            for line in less.lines() {
                prop_assert!(lines.any(|other| other == line), "{} is new or moved", line);
            }
            text = less;
        }
        prop_assert!(!text.contains('['));
    }
}
