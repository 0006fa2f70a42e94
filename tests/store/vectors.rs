//! Every vector of `store-schema/vectors`, staged as real files, sealed and compared byte for byte.

use std::io::Write;
use std::path::Path;

use pyro::model::path::{EntryPath, LinkTarget};
use pyro::model::recipe::Recipe;
use pyro::store::{Error, Executable, Patience, Staging, Store};
use serde_json::Value;

/// Vectors are only ever added; fewer than these means that some were lost.
const FLOOR: usize = 97;

fn decode(node: &Value, text: &str, hex: &str) -> Vec<u8> {
    if let Some(text) = node.get(text).and_then(Value::as_str) {
        return text.as_bytes().to_vec();
    }
    let hex = node[hex].as_str().expect("a text or a hex form");
    (0..hex.len())
        .step_by(2)
        .map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap())
        .collect()
}

/// The content of a file node; extents leave real holes.
fn content(node: &Value, scratch: &Path) -> fs_err::File {
    let mut file = fs_err::File::create(scratch).unwrap();
    if let Some(extents) = node.get("extents") {
        file.set_len(node["size"].as_u64().unwrap()).unwrap();
        for extent in extents.as_array().unwrap() {
            std::io::Seek::seek(
                &mut file,
                std::io::SeekFrom::Start(extent["at"].as_u64().unwrap()),
            )
            .unwrap();
            file.write_all(extent["text"].as_str().unwrap().as_bytes())
                .unwrap();
        }
    } else {
        file.write_all(&decode(node, "content", "content_hex"))
            .unwrap();
    }
    fs_err::File::open(scratch).unwrap()
}

fn mode(node: &Value) -> u32 {
    u32::from_str_radix(
        node.get("mode").and_then(Value::as_str).unwrap_or("0755"),
        8,
    )
    .unwrap()
}

fn stage(staging: &mut Staging<'_>, tree: &[Value], scratch: &Path) -> Result<(), Error> {
    let path = |node: &Value| EntryPath::new(&decode(node, "path", "path_hex")).unwrap();
    for node in tree {
        match node["type"].as_str().unwrap() {
            "directory" => staging.directory(&path(node))?,
            "file" => {
                let file = content(node, scratch);
                staging.file_from(
                    &path(node),
                    Executable::of_mode(mode(node)),
                    &file,
                    file.metadata().unwrap().len(),
                )?;
            }
            "symlink" => {
                let target = LinkTarget::new(&decode(node, "target", "target_hex")).unwrap();
                staging.symlink(&path(node), &target)?;
            }
            "hardlink" => {}
            other => panic!("unknown node type {other}"),
        }
    }
    for node in tree.iter().filter(|node| node["type"] == "hardlink") {
        let existing = EntryPath::new(&decode(node, "target", "target_hex")).unwrap();
        staging.hard_link(&path(node), &existing)?;
    }
    Ok(())
}

fn recipe(input: &Value) -> Recipe {
    let text = |key: &str| input[key].as_str().unwrap();
    Recipe {
        name: text("name").parse().unwrap(),
        version: text("version").parse().unwrap(),
        platform: text("platform").parse().unwrap(),
        layout: text("layout").parse().unwrap(),
        artifacts: input["artifacts"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(role, path)| {
                (
                    role.parse().unwrap(),
                    EntryPath::new(path.as_str().unwrap().as_bytes()).unwrap(),
                )
            })
            .collect(),
    }
}

fn kind(error: &Error) -> &'static str {
    use pyro::model::{artifact::ArtifactError, tree::TreeError};
    match error {
        Error::Tree(TreeError::Empty | TreeError::Artifact(ArtifactError::Missing { .. })) => {
            "unusable"
        }
        Error::Tree(_) | Error::OwnManifest | Error::HardLink { .. } => "integrity",
        other => panic!("not an outcome of a vector: {other}"),
    }
}

#[test]
fn every_vector_gives_its_manifest() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("store-schema/vectors");
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(&temp.path().join("store"), Patience::default()).unwrap();
    let mut tried = 0;
    for entry in fs_err::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let vector: Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
        let (input, expect) = (&vector["input"], &vector["expect"]);
        let recipe = recipe(input);
        let mut staging = Staging::begin(&store, recipe.layout).unwrap();
        let sealed = stage(
            &mut staging,
            input["tree"].as_array().unwrap(),
            &temp.path().join("content"),
        )
        .and_then(|()| staging.seal(&recipe));
        match (sealed, expect.get("error").and_then(Value::as_str)) {
            (Ok(staged), None) => {
                let manifest = String::from_utf8(staged.manifest().to_bytes()).unwrap();
                assert_eq!(
                    manifest,
                    expect["manifest"].as_str().unwrap(),
                    "{}",
                    file.display()
                );
                assert_eq!(
                    staged.name().as_str(),
                    expect["store_path"].as_str().unwrap(),
                    "{}",
                    file.display()
                );
            }
            (Err(error), Some(expected)) => {
                assert_eq!(kind(&error), expected, "{}: {error}", file.display());
            }
            (Ok(_), Some(expected)) => panic!("{}: expected error {expected}", file.display()),
            (Err(error), None) => panic!("{}: {error}", file.display()),
        }
        tried += 1;
    }
    println!("{tried} vectors agree");
    assert!(
        tried >= FLOOR,
        "{tried} vectors, at least {FLOOR} are expected"
    );
    assert_eq!(
        fs_err::read_dir(temp.path().join("store/store"))
            .unwrap()
            .count(),
        0,
        "staging trees are removed"
    );
    assert_eq!(
        fs_err::read_dir(temp.path().join("store/leases"))
            .unwrap()
            .count(),
        0,
        "staging locks are removed"
    );
}

#[test]
fn manifests_are_what_rfc_8785_asks_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("store-schema/vectors");
    for entry in fs_err::read_dir(folder).unwrap() {
        let vector: Value =
            serde_json::from_slice(&fs_err::read(entry.unwrap().path()).unwrap()).unwrap();
        let Some(manifest) = vector["expect"].get("manifest").and_then(Value::as_str) else {
            continue;
        };
        let value: Value = serde_json::from_str(manifest).unwrap();
        assert_eq!(
            serde_json_canonicalizer::to_string(&value).unwrap(),
            manifest
        );
    }
}
