//! The reader and the JSON Schema know the same keys and give the same verdicts.

use super::{WHOLE, read, told, with};
use crate::declare::{document, environment, schema, source};

/// The object schema of `pointer` in the JSON Schema: its keys, sorted.
fn schema_keys(pointer: &str) -> Vec<String> {
    let schema = schema();
    let properties = schema.pointer(pointer).and_then(|p| p.as_object());
    let mut keys: Vec<_> = properties.unwrap().keys().cloned().collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_knows_the_same_keys() {
    let sorted = |keys: &[&str]| {
        let mut keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        keys.sort();
        keys
    };
    assert_eq!(schema_keys("/properties"), sorted(document::KEYS));
    assert_eq!(
        schema_keys("/$defs/Environment/properties"),
        sorted(environment::KEYS)
    );
    assert_eq!(
        schema_keys("/$defs/Source/properties"),
        sorted(source::KEYS)
    );
}

#[test]
fn the_schema_gives_the_same_verdicts() {
    let schema = schema();
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let sources = [
        "sources = [{ local = 'x' }]",
        "sources = [{ oci = 'debian:12' }]",
        "sources = [{ archive = 'a.tar' }]",
        "sources = [{ archive = ['a.tar', 'https://h/a.tar?x=1'], strip-components = 2 }]",
        "sources = [{ archive = 'file:///a.tar' }]",
        "sources = [{ archive = 'file://localhost/a.tar' }]",
        "sources = [{ archive = 'file://a.tar' }]",
        "sources = [{ archive = 'ftp://h/a.tar' }]",
        "sources = [{ archive = 'https://u:p@h/a.tar' }]",
        "sources = [{ archive = 'https://' }]",
        "sources = [{ archive = [] }]",
        "sources = [{ archive = 'a.tar', strip-components = -1 }]",
        "sources = [{ archive = 'a.tar', strip-components = 4294967296 }]",
        "sources = [{ archive = 'a.tar', sha256 = 'xyz' }]",
        "sources = [{ local = 'x', strip-components = 1 }]",
        "sources = [{ local = 'x', oci = 'debian' }]",
        "sources = [{ local = 'x' }, { local = 'x' }]",
        "sources = [{ local = '' }]",
        "sources = [{ local = 'https://h/a.tar' }]",
        "sources = [{}]",
        "sources = []",
        "sources = { local = 'x' }",
        "",
    ];
    let rest = [
        "",
        "platform = 'linux/amd64'",
        "platform = 'amd64'",
        "platforms = ['linux/amd64']",
        "platforms = []",
        "platforms = ['linux/amd64', 'linux/amd64']",
        "platform = 'linux/amd64'\nplatforms = ['linux/amd64']",
        "layout = 'rootfs'",
        "layout = 'other'",
        "artifacts = { kernel = 'boot/vmlinux', x = '...' }",
        "artifacts = { kernel = 'a/../b' }",
        "artifacts = { kernel = '/a' }",
        "artifacts = { kernel = './a' }",
        "artifacts = { kernel = 'a/' }",
        "artifacts = { Kernel = 'a' }",
        "description = 'x'\npackages = ['a']\ndistribution = 'd'\ndistribution-version = '1'",
        "distribution_version = '1'",
        "packages = [1]",
    ];
    let inside = sources.iter().map(|source| with(source)).chain(
        rest.iter()
            .map(|rest| with(&format!("sources = [{{ local = 'x' }}]\n{rest}"))),
    );
    let tops = [
        WHOLE,
        "",
        "schema = 1",
        "schema = 2",
        "schema = 'x'",
        "schema = 1\nprofile = 'ci'",
        "schema = 1\nprofile = '@ci'",
        "schema = 1\nprofile = ''",
        "schema = 1\nother = 1",
        "schema = 1\n[environments.A]\nversion = '1'\nsources = [{ local = 'x' }]",
        "schema = 1\n[environments.'generation.json']\nversion = '1'\nsources = [{ local = 'x' }]",
        "schema = 1\n[environments.a]\nsources = [{ local = 'x' }]",
        "schema = 1\n[environments.a]\nversion = 'a b'\nsources = [{ local = 'x' }]",
    ];
    for text in inside.chain(tops.map(str::to_owned)) {
        let value: serde_json::Value = toml::from_str(&text).unwrap();
        assert_eq!(
            validator.is_valid(&value),
            read(&text).is_ok(),
            "{text}\nreader: {}",
            told(&text)
        );
    }
}
