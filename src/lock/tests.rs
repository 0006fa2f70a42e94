//! Locks as text: bytes that stay, sides that merge, mistakes that point.

mod generated;
mod merging;
mod plain;

use std::path::Path;

use super::*;
use crate::declare::{self, Style};
use crate::model::digest::{DeclarationHash, OciDigest, Sha256, StoreHash};
use crate::model::pin::PinnedLayer;
use crate::model::source::{ArchiveSource, LocalSource};

fn hash(n: u8) -> StoreHash {
    StoreHash::from_bytes([n; 32])
}

fn declared(n: u8) -> DeclarationHash {
    DeclarationHash::from_bytes([n; 32])
}

fn local(path: &str) -> Source {
    Source::Local(LocalSource { path: path.into() })
}

fn archive(locations: &[&str]) -> Source {
    Source::Archive(ArchiveSource {
        locations: locations.iter().map(|l| (*l).into()).collect(),
        sha256: None,
        strip_components: 0,
    })
}

fn oci(reference: &str) -> Source {
    Source::Oci(reference.parse().unwrap())
}

fn local_pin(n: u8) -> Pin {
    Pin::Local { output: hash(n) }
}

fn oci_pin(n: u8, output: Option<StoreHash>) -> Pin {
    let digest = OciDigest::Sha256(Sha256::from_bytes([n; 32]));
    Pin::Oci {
        digest,
        layers: vec![
            PinnedLayer { digest, size: 1 },
            PinnedLayer { digest, size: 2 },
        ],
        output,
    }
}

fn block(n: u8, sources: &[(Source, Option<Pin>)]) -> Block {
    let sources = sources
        .iter()
        .map(|(source, pin)| LockedSource::new(source, pin.clone()).unwrap())
        .collect();
    Block::new(declared(n), sources)
}

fn lock(blocks: &[(&str, &str, Block)]) -> Lock {
    blocks
        .iter()
        .fold(Lock::builder(), |builder, (name, platform, block)| {
            builder.block(
                name.parse().unwrap(),
                platform.parse().unwrap(),
                block.clone(),
            )
        })
        .build()
}

fn read(text: &str) -> Result<Parsed, LockError> {
    Lock::parse(text, Path::new("envs.lock"), &|_, _| None)
}

fn read_preferring(text: &str, n: u8) -> Parsed {
    Lock::parse(text, Path::new("envs.lock"), &|_, _| Some(declared(n))).unwrap()
}

fn whole() -> Lock {
    lock(&[
        (
            "tools",
            "linux/amd64",
            block(3, &[(oci("debian"), None), (local("a \"b\"\n"), None)]),
        ),
        (
            "debian:12",
            "linux/arm64",
            block(
                1,
                &[(
                    oci("docker.io/example/debian-12:1.0.0"),
                    Some(oci_pin(2, None)),
                )],
            ),
        ),
        (
            "debian:12",
            "linux/amd64",
            block(
                1,
                &[
                    (local("profiles/debian-git"), Some(local_pin(4))),
                    (
                        archive(&["https://example.org/a.tar", "a.tar"]),
                        Some(Pin::Archive {
                            sha256: Sha256::from_bytes([5; 32]),
                            size: 123,
                            output: Some(hash(6)),
                        }),
                    ),
                    (
                        oci("docker.io/example/debian-12:1.0.0"),
                        Some(oci_pin(7, Some(hash(8)))),
                    ),
                ],
            ),
        ),
    ])
}

#[test]
fn the_text_of_a_lock_never_changes() {
    insta::assert_snapshot!(whole().to_text(), @r#"
    # Written by pyro: pins every source of envs.toml. Commit it. `pyro lock --upgrade` moves the pins.
    schema = 1

    [[environment]]
    name = "debian:12"
    platform = "linux/amd64"
    declaration = "0101010101010101010101010101010101010101010101010101010101010101"

    [[environment.source]]
    local = "profiles/debian-git"
    output = "0404040404040404040404040404040404040404040404040404040404040404"
    input = "7db82bf6b5aee7b3cbad7b724389652d99c9a420c2f2b871dd1e12e42b5b327e"

    [[environment.source]]
    archive = [
        "https://example.org/a.tar",
        "a.tar",
    ]
    sha256 = "0505050505050505050505050505050505050505050505050505050505050505"
    output = "0606060606060606060606060606060606060606060606060606060606060606"
    input = "d4d8a316693593fe039d6475e8c46e94aaa66d448bc5c860a44cbcca1e347de9"
    size = 123

    [[environment.source]]
    oci = "docker.io/example/debian-12:1.0.0"
    digest = "sha256:0707070707070707070707070707070707070707070707070707070707070707"
    output = "0808080808080808080808080808080808080808080808080808080808080808"
    input = "e3d5f71d2aa1ddd03aaf3409f2e5f16dc7b36a30d4c336b2005889dad773f67f"
    layers = [
        { digest = "sha256:0707070707070707070707070707070707070707070707070707070707070707", size = 1 },
        { digest = "sha256:0707070707070707070707070707070707070707070707070707070707070707", size = 2 },
    ]

    [[environment]]
    name = "debian:12"
    platform = "linux/arm64"
    declaration = "0101010101010101010101010101010101010101010101010101010101010101"

    [[environment.source]]
    oci = "docker.io/example/debian-12:1.0.0"
    digest = "sha256:0202020202020202020202020202020202020202020202020202020202020202"
    layers = [
        { digest = "sha256:0202020202020202020202020202020202020202020202020202020202020202", size = 1 },
        { digest = "sha256:0202020202020202020202020202020202020202020202020202020202020202", size = 2 },
    ]

    [[environment]]
    name = "tools"
    platform = "linux/amd64"
    declaration = "0303030303030303030303030303030303030303030303030303030303030303"

    [[environment.source]]
    oci = "debian"

    [[environment.source]]
    local = "a \"b\"\n"
    "#);
    assert_eq!(read(&whole().to_text()).unwrap().lock, whole());
}

#[test]
fn a_pin_is_found_by_kind_and_location_whatever_else_changed() {
    let lock = whole();
    let (name, platform) = ("debian:12".parse().unwrap(), "linux/amd64".parse().unwrap());
    let pin = |source: &Source| lock.pin_of(&name, &platform, source).and_then(Pin::output);
    assert_eq!(pin(&local("profiles/debian-git")), Some(hash(4)));
    assert_eq!(
        pin(&archive(&["https://example.org/a.tar", "a.tar"])),
        Some(hash(6))
    );
    assert_eq!(pin(&archive(&["a.tar"])), None);
    assert_eq!(pin(&local("a.tar")), None);
    assert_eq!(
        lock.pin_of(&"tools".parse().unwrap(), &platform, &oci("debian")),
        None
    );
}

#[test]
fn a_pin_of_another_kind_is_refused() {
    let error = LockedSource::new(&oci("debian"), Some(local_pin(1))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a source of the kind `oci` cannot have a pin of the kind `local`"
    );
}

#[test]
fn the_builder_replaces_and_removes() {
    let (name, platform) = ("debian:12".parse().unwrap(), "linux/amd64".parse().unwrap());
    let other = block(9, &[(local("x"), None)]);
    let lock = whole()
        .into_builder()
        .block(
            EnvName::clone(&name),
            Platform::clone(&platform),
            other.clone(),
        )
        .without(&"tools".parse().unwrap(), &platform)
        .build();
    assert_eq!(lock.get(&name, &platform), Some(&other));
    assert_eq!(lock.blocks().count(), 2);
}

const HEAD: &str = "schema = 1\n[[environment]]\nname = 'a'\nplatform = 'linux/amd64'\n";

#[test]
fn what_is_not_a_lock_is_told_with_its_place() {
    let zeros = "0".repeat(64);
    let with =
        |source: &str| format!("{HEAD}declaration = '{zeros}'\n[[environment.source]]\n{source}\n");
    let cases = [
        String::new(),
        "schema = 2\nnew = 1".to_owned(),
        "schema = 'x'".to_owned(),
        "schema = 1\nother = 1".to_owned(),
        "schema = 1\nx".to_owned(),
        HEAD.to_owned(),
        format!("{HEAD}declaration = '00'\nsource = []\n"),
        format!("{HEAD}declaration = '{zeros}'\nsource = []\n"),
        with(""),
        with("local = 'x'\noci = 'y'"),
        with("local = 'x'\nouput = 'y'"),
        with("archive = 1"),
        with("archive = []"),
        with(&format!("archive = 'x'\nsha256 = '{zeros}'")),
        with(&format!("archive = 'x'\noutput = '{zeros}'")),
        with(&format!("oci = 'x'\ndigest = 'sha256:{zeros}'")),
        with(&format!("oci = 'x'\nsha256 = '{zeros}'\nsize = 1")),
        with("archive = 'x'\nsize = -1"),
        with("local = 'x'") + &with("local = 'x'")[11..],
    ];
    let told: Vec<_> = cases
        .iter()
        .map(|case| read(case).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    missing key `schema`: envs.lock:1:1
    schema: found 2, this pyro reads up to 1: envs.lock:1:10
    expected `schema = 1`: envs.lock:1:10
    unknown field `other`, expected `schema` or `environment`: envs.lock:2:1
    key with no value, expected `=`: envs.lock:2:2
    missing field `declaration`: envs.lock:2:1
    expected 64 lower-case hex digits, found `00`: envs.lock:5:15
    a block needs a source: envs.lock:2:1
    a source needs exactly one of `local`, `archive`, `oci`: envs.lock:6:1
    a source needs exactly one of `local`, `archive`, `oci`: envs.lock:6:1
    unknown field `ouput`, expected one of `local`, `archive`, `oci`, `sha256`, `size`, `digest`, `layers`, `output`, `input`: envs.lock:8:1
    expected a string or a list of strings: envs.lock:7:11
    a source needs exactly one of `local`, `archive`, `oci`: envs.lock:6:1
    `sha256` and `size` stand together or not at all: envs.lock:6:1
    `output` and `input` stand together or not at all: envs.lock:6:1
    `digest` and `layers` stand together or not at all: envs.lock:6:1
    a source of the kind `oci` cannot have a pin of the kind `archive`: envs.lock:6:1
    invalid value: integer `-1`, expected u64: envs.lock:8:8
    `a` is locked twice for linux/amd64: envs.lock:8:1
    "#);
}

#[test]
fn stale_is_missing_or_changed_and_nothing_else() {
    let declaration = declare::parse(
        "schema = 1\n\
        [environments.both]\nversion = '1'\nplatforms = ['linux/amd64', 'linux/arm64']\nsources = [{ local = 'x' }]\n\
        [environments.any]\nversion = '1'\nsources = [{ local = 'x' }]\n\
        [environments.new]\nversion = '1'\nsources = [{ local = 'x' }]\n",
        Path::new("envs.toml"),
    )
    .unwrap();
    let good = |name: &str| {
        let environment = declaration.get(&name.parse().unwrap()).unwrap();
        let source = LockedSource::new(&environment.sources[0], None).unwrap();
        Block::new(environment.declaration_hash(), vec![source])
    };
    let lock = lock(&[
        ("both", "linux/amd64", good("both")),
        ("both", "linux/riscv64", good("both")),
        ("any", "linux/arm64", block(1, &[(local("x"), None)])),
        ("gone", "linux/amd64", block(1, &[(local("x"), None)])),
    ]);
    let told = |wanted: &[Platform]| {
        let report = lock.check(&declaration, wanted);
        let stale: Vec<_> = report
            .stale
            .iter()
            .map(|stale| format!("{} {} {:?}", stale.name, stale.platform, stale.why))
            .collect();
        let undeclared: Vec<_> = report
            .undeclared
            .iter()
            .map(|(name, platform)| format!("{name} {platform}"))
            .collect();
        assert_eq!(undeclared, ["both linux/riscv64", "gone linux/amd64"]);
        stale.join("\n")
    };
    let platform = |text: &str| text.parse().unwrap();
    insta::assert_snapshot!(told(&[platform("linux/amd64")]), @r"
    any linux/amd64 Missing
    any linux/arm64 Changed
    both linux/arm64 Missing
    new linux/amd64 Missing
    ");
    insta::assert_snapshot!(told(&Platform::usual()), @r"
    any linux/arm64 Changed
    both linux/arm64 Missing
    new linux/amd64 Missing
    ");
}

#[test]
fn the_schema_gives_the_same_verdicts() {
    let schema = schema();
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let zeros = "0".repeat(64);
    let output = format!("output = '{zeros}'\ninput = '{zeros}'");
    let sha = format!("sha256 = '{zeros}'");
    let digest = format!("digest = 'sha256:{zeros}'");
    let sources = [
        String::new(),
        "local = 'x'".to_owned(),
        format!("local = 'x'\n{output}"),
        format!("local = 'x'\n{sha}\nsize = 1"),
        "local = 'x'\noci = 'x'".to_owned(),
        "local = 'x'\nother = 1".to_owned(),
        "archive = 'x'".to_owned(),
        "archive = ['x', 'y']".to_owned(),
        "archive = []".to_owned(),
        "archive = 1".to_owned(),
        format!("archive = 'x'\n{sha}\nsize = 1"),
        format!("archive = 'x'\n{sha}\nsize = -1"),
        format!("archive = 'x'\n{sha}\nsize = 1\n{output}"),
        format!("archive = 'x'\n{sha}"),
        format!("archive = 'x'\n{output}"),
        "archive = 'x'\nsize = 1".to_owned(),
        format!("oci = 'x'\n{digest}\nlayers = []"),
        format!("oci = 'x'\n{digest}\nlayers = [{{ {digest}, size = 1 }}]\n{output}"),
        format!("oci = 'x'\n{digest}\nlayers = [{{ {digest} }}]"),
        format!("oci = 'x'\n{digest}"),
        "oci = 'x'\nlayers = []".to_owned(),
        format!("oci = 'x'\n{output}"),
        format!("oci = 'x'\n{digest}\nlayers = []\n{sha}\nsize = 1"),
    ];
    let texts = sources
        .iter()
        .map(|source| format!("{HEAD}declaration = '{zeros}'\n[[environment.source]]\n{source}\n"))
        .chain(["", "schema = 1", "schema = 2", "schema = 1\nx = 1", HEAD].map(str::to_owned))
        .chain([
            format!("{HEAD}declaration = '{zeros}'\nsource = []"),
            whole().to_text(),
        ]);
    for text in texts {
        let value: serde_json::Value = toml::from_str(&text).unwrap();
        assert_eq!(validator.is_valid(&value), read(&text).is_ok(), "{text}");
    }
}

#[test]
fn the_lock_stands_beside_its_declaration() {
    for (declaration, lock) in [
        ("envs.toml", "envs.lock"),
        ("/a/b.c.toml", "/a/b.c.lock"),
        ("a/envs", "a/envs.lock"),
        ("envs.json", "envs.json.lock"),
        (".toml", ".toml.lock"),
        ("envs.lock", "envs.lock.lock"),
    ] {
        assert_eq!(lock_path(Path::new(declaration)), Path::new(lock));
    }
}

/// What git makes of two branches without a conflict: one changes the declaration, the other adds an output.
#[test]
fn an_output_of_another_declaration_or_pin_is_not_believed() {
    let with_output = |n| {
        let sources = [
            (local("folder"), Some(local_pin(4))),
            (oci("debian"), Some(oci_pin(7, Some(hash(8))))),
        ];
        lock(&[("a", "linux/amd64", block(n, &sources))]).to_text()
    };
    let text = with_output(1);
    let (name, platform) = ("a".parse().unwrap(), "linux/amd64".parse().unwrap());
    let pins = |text: &str| {
        let parsed = read(text).unwrap().lock;
        let pin = |source| parsed.pin_of(&name, &platform, &source).cloned();
        (pin(local("folder")), pin(oci("debian")))
    };
    assert_eq!(
        pins(&text),
        (Some(local_pin(4)), Some(oci_pin(7, Some(hash(8)))))
    );
    let merged = text.replacen(&declared(1).to_string(), &declared(2).to_string(), 1);
    assert_eq!(pins(&merged), (None, Some(oci_pin(7, None))));
    let digest = |n: u8| format!("digest = \"sha256:{}\"", Sha256::from_bytes([n; 32]));
    let moved = text.replacen(&digest(7), &digest(9), 1);
    let (_, moved) = pins(&moved);
    assert_eq!(moved.unwrap().output(), None);
}
