//! What a store path must be, found out without pyro: the manifest's bytes give the name, and every entry is as the
//! manifest says, in every byte, and nothing else is there.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::{Value, json};
use walkdir::WalkDir;

/// What is wrong with a store path; nothing if all is right.
pub fn fault(path: &Path) -> Option<String> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let Ok(manifest) = fs_err::read(path.join("environment.json")) else {
        return Some("no manifest".to_owned());
    };
    if blake3::hash(&manifest).to_hex().as_str() != &name[..64] {
        return Some("the manifest is not the one of that name".to_owned());
    }
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let entries = manifest["entries"].as_array().unwrap();
    let mut expected: BTreeMap<&str, &Value> = entries
        .iter()
        .map(|entry| (entry["path"].as_str().unwrap(), entry))
        .collect();
    for entry in WalkDir::new(path) {
        let entry = entry.unwrap();
        let below = entry.path().strip_prefix(path).unwrap().to_str().unwrap();
        let meta = entry.metadata().unwrap();
        if meta.mtime() != 1 {
            return Some(format!("`{below}` has another time"));
        }
        let found = match below {
            "" | "environment.json" => continue,
            _ => describe(entry.path(), below),
        };
        match expected.remove(below) {
            Some(entry) if *entry == found => {}
            other => return Some(format!("{found} instead of {other:?}")),
        }
    }
    expected
        .keys()
        .next()
        .map(|name| format!("`{name}` is missing"))
}

/// The entry of a manifest for what stands there; with a mode that no sealed thing has, one that no manifest has.
fn describe(path: &Path, below: &str) -> Value {
    let meta = fs_err::symlink_metadata(path).unwrap();
    let mode = meta.permissions().mode() & 0o7777;
    if meta.is_symlink() {
        let target = fs_err::read_link(path).unwrap();
        return json!({"path": below, "type": "symlink", "target": target.to_str().unwrap()});
    }
    if meta.is_dir() {
        let kind = if mode == 0o555 {
            "directory"
        } else {
            "unsealed"
        };
        return json!({"path": below, "type": kind});
    }
    let executable = match mode {
        0o555 => json!(true),
        0o444 => json!(false),
        _ => json!("unsealed"),
    };
    let content = fs_err::read(path).unwrap();
    let hash = blake3::hash(&content).to_hex();
    json!({
        "path": below, "type": "file", "size": content.len(), "executable": executable,
        "blake3": hash.as_str(),
    })
}
