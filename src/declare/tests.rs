//! Whole declarations: what is read, what is told of mistakes, and that the JSON Schema agrees.

mod agreement;

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::name::ProfileName;
use crate::model::source::{ArchiveLocation, Source};

const WHOLE: &str = r#"
schema = 1
profile = "ci"

[environments."debian:12"]
version = "1.0.0"
platforms = ["linux/amd64", "linux/arm64"]
layout = "rootfs"
artifacts = { kernel = "boot/vmlinux", rootfs = "rootfs.ext4" }
description = "for everyday"
packages = ["bash"]
distribution = "debian"
distribution-version = "12"

[[environments."debian:12".sources]]
local = "profiles/debian-git"

[[environments."debian:12".sources]]
oci = "docker.io/example/debian-12:1.0.0"

[[environments."debian:12".sources]]
archive = ["https://example.org/debian-12.tar.zst", "file:///srv/a.tar", "a.tar"]
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
strip-components = 1

[environments.tools]
version = "2"
platform = "linux/amd64"
sources = [{ archive = "tools.tar" }, { oci = "oci-layout:images:tools" }]
"#;

fn read(text: &str) -> Result<Declaration, Mistakes> {
    parse(text, Path::new("envs.toml"))
}

/// An environment `a` with `inside` after its version, one line each.
fn with(inside: &str) -> String {
    format!("schema = 1\n[environments.a]\nversion = '1'\n{inside}\n")
}

fn told(text: &str) -> String {
    match read(text) {
        Ok(_) => "fine".to_owned(),
        Err(mistakes) => mistakes
            .iter()
            .map(|m| {
                let hint = m
                    .hint()
                    .map(|hint| format!(" [{hint}]"))
                    .unwrap_or_default();
                format!("{}:{}: {}{hint}", m.line(), m.column(), m.message())
            })
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn a_whole_declaration_is_read() {
    let declaration = read(WHOLE).unwrap();
    assert_eq!(declaration.profile().map(ProfileName::as_str), Some("ci"));
    let debian = declaration.get(&"debian:12".parse().unwrap()).unwrap();
    assert_eq!(debian.platforms.as_ref().map(Vec::len), Some(2));
    assert_eq!(debian.layout.as_str(), "rootfs");
    assert_eq!(debian.artifact_texts()["kernel"], "boot/vmlinux");
    assert_eq!(debian.distribution_version.as_deref(), Some("12"));
    let Source::Archive(archive) = &debian.sources[2] else {
        panic!("{:?}", debian.sources);
    };
    assert_eq!(archive.strip_components, 1);
    assert!(archive.sha256.is_some());
    assert!(matches!(
        archive.locations.as_slice(),
        [
            ArchiveLocation::Http(_),
            ArchiveLocation::File(_),
            ArchiveLocation::Path(_)
        ]
    ));
    let tools = &declaration.environments()[&"tools".parse().unwrap()];
    assert_eq!(tools.platforms, Some(vec!["linux/amd64".parse().unwrap()]));
    assert_eq!(tools.sources[1].to_string(), "oci oci-layout:images:tools");
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = r#"schema = 1
profil = "ci"

[environments."debian:12"]
platfroms = ["linux/amd64"]
artifacts = { kernel = "../vmlinux", Root = "x" }

[[environments."debian:12".soruces]]
local = "x"

[environments.B]
version = 1
sources = []
"#;
    insta::assert_snapshot!(told(text), @r#"
    2:1: unknown key `profil` [did you mean `profile`?]
    4:15: missing key `version` [write `version = "1.0.0"`, say]
    5:1: unknown key `platfroms` [did you mean `platforms`?]
    6:24: an artifact's path cannot have a `.` or `..` component [write it relative to the source's top folder, such as `boot/vmlinux`]
    6:38: `Root` is not an artifact role: a lower-case letter, then letters, digits and `-`, at most 32
    8:28: unknown key `soruces` [did you mean `sources`?]
    11:15: `B` is not an environment name: words of `a-z 0-9 . _ + -` that begin with a letter or digit, joined by `:` or `/`, at most 80 bytes
    12:11: expected a string, found an integer
    13:11: this list is empty
    "#);
}

#[test]
fn the_report_shows_each_line_with_a_caret() {
    let text = "schema = 1\n[environments.a]\nversion = '1'\nsorces = [{ local = 'x' }]\n";
    insta::assert_snapshot!(read(text).unwrap_err().render(Style::Plain), @r#"
    error: unknown key `sorces`
     --> envs.toml:4:1
      |
    4 | sorces = [{ local = 'x' }]
      | ^^^^^^
      |
      = hint: did you mean `sources`?
    "#);
}

#[test]
fn syntax_errors_are_all_told_before_anything_else() {
    insta::assert_snapshot!(told("schema = 2\na = \nb = 'x\n[c\nd = 1\nd = 2\n"), @r#"
    2:5: string values must be quoted, expected literal string
    3:7: invalid literal string, expected `'`
    4:3: unclosed table, expected `]`
    "#);
}

#[test]
fn a_newer_schema_is_told_and_nothing_else() {
    insta::assert_snapshot!(told("schema = 2\nnew = true\n"), @"1:10: schema: found 2, this pyro reads up to 1 [a newer pyro may read it]");
    insta::assert_snapshot!(told("schema = 0\n"), @"1:10: schema: found 0, this pyro reads up to 1");
    insta::assert_snapshot!(told("profile = 'ci'\n"), @"1:1: missing key `schema` [write `schema = 1` on the first line]");
    insta::assert_snapshot!(told("schema = 'one'\n"), @"1:10: expected an integer, found a string");
}

#[test]
fn what_is_wrong_with_a_source_is_said() {
    let cases = [
        "sources = []",
        "sources = 3",
        "sources = ['x']",
        "sources = [{}]",
        "sources = [{ local = 'x', oci = 'debian' }]",
        "sources = [{ local = 'x', sha256 = '00' }]",
        "sources = [{ local = '' }]",
        "sources = [{ local = 'https://h/a.tar' }]",
        "sources = [{ sha256 = '00' }]",
        "sources = [{ archive = [] }]",
        "sources = [{ archive = 1 }]",
        "sources = [{ archive = ['a', 2] }]",
        "sources = [{ archive = 'ftp://h/a.tar' }]",
        "sources = [{ archive = 'https:///a.tar' }]",
        "sources = [{ archive = 'file://a.tar' }]",
        "sources = [{ archive = 'https://h/a b.tar' }]",
        "sources = [{ archive = 'https://u:p@h/a.tar' }]",
        "sources = [{ archive = 'a.tar', sha256 = 'AB', strip-components = -1 }]",
        "sources = [{ archive = 'a.tar', strip = 1 }]",
        "sources = [{ oci = 'https://docker.io/debian' }]",
        "sources = [{ oci = 'oci-layout:' }]",
        "sources = [{ oci = 'u:p@ghcr.io/example/tools:1' }]",
        "sources = [{ local = 'x' }, { oci = 'debian' }, { local = 'x' }]",
        "[environments.a.sources]\nlocal = 'x'",
    ];
    let told: Vec<_> = cases
        .iter()
        .map(|case| format!("{case}\n    {}", told(&with(case)).replace('\n', "\n    ")))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    sources = []
        4:11: this list is empty
    sources = 3
        4:11: expected a list, found an integer
    sources = ['x']
        4:12: expected a table, found a string
    sources = [{}]
        4:12: a source needs one of `local`, `archive`, `oci` [each source is a folder (`local`), a tar archive (`archive`) or an image (`oci`)]
    sources = [{ local = 'x', oci = 'debian' }]
        4:27: a source is one thing, found `local` and `oci` [write another [[…sources]]; they are tried in order]
    sources = [{ local = 'x', sha256 = '00' }]
        4:27: `sha256` belongs to an `archive` source
        4:36: expected 64 lower-case hex digits, found `00`
    sources = [{ local = '' }]
        4:22: expected a location, found an empty string
    sources = [{ local = 'https://h/a.tar' }]
        4:22: a local source is a folder, not a URL [write `archive = …` for a URL, `oci = …` for an image]
    sources = [{ sha256 = '00' }]
        4:12: a source needs one of `local`, `archive`, `oci` [each source is a folder (`local`), a tar archive (`archive`) or an image (`oci`)]
        4:23: expected 64 lower-case hex digits, found `00`
    sources = [{ archive = [] }]
        4:24: this list is empty
    sources = [{ archive = 1 }]
        4:24: expected a string or a list of strings, found an integer
    sources = [{ archive = ['a', 2] }]
        4:30: expected a string, found an integer
    sources = [{ archive = 'ftp://h/a.tar' }]
        4:24: unknown scheme `ftp://` [an archive is https://…, http://…, file://… or a path]
    sources = [{ archive = 'https:///a.tar' }]
        4:24: this URL names no host
    sources = [{ archive = 'file://a.tar' }]
        4:24: a file:// URL needs an absolute path [write file:///srv/a.tar, or a path without file://]
    sources = [{ archive = 'https://h/a b.tar' }]
        4:24: a URL has no spaces, write %20
    sources = [{ archive = 'https://u:p@h/a.tar' }]
        4:24: this location carries credentials [declarations, locks and logs are shared: leave user and password out]
    sources = [{ archive = 'a.tar', sha256 = 'AB', strip-components = -1 }]
        4:42: expected 64 lower-case hex digits, found `AB`
        4:67: expected 0 to 4294967295, found `-1`
    sources = [{ archive = 'a.tar', strip = 1 }]
        4:33: unknown key `strip` [did you mean `strip-components`?]
    sources = [{ oci = 'https://docker.io/debian' }]
        4:20: `https://docker.io/debian` is not an image reference: leave `https://` out; the scheme is not part of a reference
    sources = [{ oci = 'oci-layout:' }]
        4:20: `oci-layout:` is not an image reference: expected oci-layout:FOLDER or oci-layout:FOLDER:TAG
    sources = [{ oci = 'u:p@ghcr.io/example/tools:1' }]
        4:20: this location carries credentials [declarations, locks and logs are shared: leave user and password out]
    sources = [{ local = 'x' }, { oci = 'debian' }, { local = 'x' }]
        4:49: this source is declared twice
    [environments.a.sources]
    local = 'x'
        4:1: expected a list of tables, found a table [write [[…sources]] in double brackets]
    "#);
}

#[test]
fn what_is_wrong_with_an_environment_is_said() {
    let cases = [
        "",
        "platform = 'linux/amd64'\nplatforms = ['linux/arm64']",
        "platforms = []",
        "platforms = ['linux/amd64', 'linux/amd64']",
        "platforms = ['amd64']",
        "layout = 'tree'",
        "artifacts = { kernel = '/boot/x' }",
        "artifacts = { kernel = '' }",
        "artifacts = { kernel = './x' }",
        "artifacts = ['vmlinux']",
        "packages = 'bash'",
        "packages = ['bash', 3]",
        "description = true",
        "distribution-version = 12.5",
        "description = 1979-05-27",
    ];
    let told: Vec<_> = cases
        .iter()
        .map(|case| {
            let text = with(&format!("sources = [{{ local = 'x' }}]\n{case}"));
            format!("{case}\n    {}", told(&text).replace('\n', "\n    "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"

        fine
    platform = 'linux/amd64'
    platforms = ['linux/arm64']
        6:1: found both `platform` and `platforms` [keep `platforms` and put the other one into its list]
    platforms = []
        5:13: this list is empty
    platforms = ['linux/amd64', 'linux/amd64']
        5:29: `linux/amd64` is listed twice
    platforms = ['amd64']
        5:14: `amd64` is not a platform: expected os/architecture as registries write it, such as linux/amd64
    layout = 'tree'
        5:10: a layout is `files` or `rootfs`
    artifacts = { kernel = '/boot/x' }
        5:24: an artifact's path cannot have an absolute name [write it relative to the source's top folder, such as `boot/vmlinux`]
    artifacts = { kernel = '' }
        5:24: an artifact's path cannot have an empty component [write it relative to the source's top folder, such as `boot/vmlinux`]
    artifacts = { kernel = './x' }
        5:24: an artifact's path cannot have a `.` or `..` component [write it relative to the source's top folder, such as `boot/vmlinux`]
    artifacts = ['vmlinux']
        5:13: expected a table, found a list
    packages = 'bash'
        5:12: expected a list, found a string
    packages = ['bash', 3]
        5:21: expected a string, found an integer
    description = true
        5:15: expected a string, found a boolean
    distribution-version = 12.5
        5:24: expected a string, found a float
    description = 1979-05-27
        5:15: expected a string, found a date
    "#);
}

#[test]
fn names_that_share_a_file_name_are_refused() {
    let text = "schema = 1\n[environments.'a:b']\nversion = '1'\nsources = [{ local = 'x' }]\n\
        [environments.a_b]\nversion = '1'\nsources = [{ local = 'x' }]\n\
        [environments.'generation.json']\nversion = '1'\nsources = [{ local = 'x' }]\n";
    insta::assert_snapshot!(told(text), @r"
    5:15: `a_b` and `a:b` would share the file name `a_b` [rename one of them]
    8:15: an environment cannot be named `generation.json`, which is a file of pyro's
    ");
}

#[test]
fn nothing_declared_is_a_declaration() {
    assert!(read("schema = 1\n").unwrap().environments().is_empty());
}

#[test]
fn a_password_stays_out_of_every_message() {
    for source in [
        "archive = 'https://u:hunter2@h/a', x = 1",
        "oci = 'u:hunter2@ghcr.io/example/tools'",
    ] {
        let mistakes = read(&with(&format!("sources = [{{ {source} }}]"))).unwrap_err();
        let all = format!("{mistakes} {}", mistakes.render(Style::Coloured));
        assert!(all.contains("credentials"), "{all}");
        assert!(!all.contains("hunter2"), "{all}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = read(&text).map_err(|mistakes| mistakes.render(Style::Plain));
    }

    #[test]
    fn no_damage_to_a_good_text_makes_the_reader_panic(
        at in 0..WHOLE.len(),
        length in 0usize..40,
        put in r#"[\[\]{}'"=,.\n#a1é-]{0,6}"#,
    ) {
        let end = (at + length).min(WHOLE.len());
        let text = format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]);
        if let Err(mistakes) = read(&text) {
            prop_assert!(mistakes.first().line() <= text.matches('\n').count() + 1);
            prop_assert!(mistakes.render(Style::Plain).contains("envs.toml:"));
        }
    }
}
