//! `store info` and `store delete`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Document;

/// `pyro store info`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct StoreInfo {
    /// The store's root.
    pub store: String,
    /// The root of the store beneath it, which is only read and not counted here; null where none is named.
    pub lower: Option<String>,
    /// Whether that one is there; null where none is named, or the store itself does not exist.
    pub lower_exists: Option<bool>,
    /// Whether it is one already; it is made by the first realization.
    pub exists: bool,
    /// The version of its layout; null where it does not exist.
    pub layout: Option<u32>,
    /// How many store paths there are.
    pub paths: u64,
    /// How many profiles there are.
    pub profiles: u64,
    /// How many explicit and out-link roots there are.
    pub roots: u64,
    /// How many staging trees there are, of living and dead processes.
    pub staging: u64,
    /// How many trees wait for deletion.
    pub trash: u64,
    /// Bytes of downloads that are kept to be resumed.
    pub download_bytes: u64,
    /// Bytes that this account may still write on its file system; null where it does not exist.
    pub free_bytes: Option<u64>,
}

impl Document for StoreInfo {
    const NAME: &'static str = "store-info";
}

/// `pyro store delete`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StoreDelete {
    /// The store's root.
    pub store: String,
    /// How many store paths went.
    pub paths: u64,
    /// What stands in the folder and does not belong to the store, and was left.
    pub left: Vec<String>,
}

impl Document for StoreDelete {
    const NAME: &'static str = "store-delete";
}
