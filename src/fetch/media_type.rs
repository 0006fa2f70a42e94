//! The media types of OCI and Docker, and what they mean here.

/// What a request for a manifest accepts.
pub(super) const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// What a document says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentType {
    /// A list of manifests.
    Index,
    /// One image or artifact.
    Manifest,
    /// Something else.
    Other,
}

/// What stands before the parameters, in lower case.
fn essence(media_type: &str) -> String {
    let bare = media_type.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// Sorts the media type of a document.
pub(super) fn document(media_type: &str) -> DocumentType {
    let essence = essence(media_type);
    match MANIFESTS.iter().position(|&known| known == essence) {
        Some(0 | 2) => DocumentType::Index,
        Some(_) => DocumentType::Manifest,
        None => DocumentType::Other,
    }
}

/// What a layer's media type says of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerType {
    /// A tar, plain or compressed; which one is told by its first bytes.
    Tar,
    /// A tar that the registry does not hold.
    Foreign,
    /// Anything else.
    Plain,
}

/// Sorts the media type of a layer.
pub(super) fn layer(media_type: &str) -> LayerType {
    let essence = essence(media_type);
    if essence.contains(".nondistributable.") || essence.contains(".foreign.") {
        return LayerType::Foreign;
    }
    let name = essence.rsplit('/').next().unwrap_or_default();
    let compressions = ["gzip", "gz", "zstd", "zst", "bzip2", "bz2", "xz"];
    let bare = name
        .rsplit_once(['+', '.'])
        .filter(|(_, suffix)| compressions.contains(suffix))
        .map_or(name, |(bare, _)| bare);
    let last = bare.rsplit('.').next().unwrap_or_default();
    match last {
        "tar" | "x-tar" | "x-gtar" => LayerType::Tar,
        _ => LayerType::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tars_of_both_families_are_tars() {
        for media_type in [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.diff.tar.zstd",
            "Application/X-Tar; charset=binary",
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        ] {
            assert_eq!(layer(media_type), LayerType::Tar, "{media_type}");
        }
        for media_type in [
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        ] {
            assert_eq!(layer(media_type), LayerType::Foreign, "{media_type}");
        }
        for media_type in [
            "application/octet-stream",
            "application/gzip",
            "application/vnd.oci.image.layer.v1.tar+encrypted",
            "",
        ] {
            assert_eq!(layer(media_type), LayerType::Plain, "{media_type}");
        }
    }
}
