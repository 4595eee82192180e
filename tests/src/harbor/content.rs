//! What is inside a repository: artifacts, and the manifests and configs that make them up.
//!
//! Contents are real, small and digested truly, so that a client may verify what it pulls.

use std::collections::BTreeMap;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// What images are said to be created at: pushes are newer than builds.
const BUILT: &str = "2024-05-01T12:00:00Z";

/// What to push with [`super::SimulatedHarbor::push_artifact`].
#[derive(Clone, Debug, Default)]
pub struct ArtifactSpec {
    /// None leaves the artifact untagged. A tag that exists moves here.
    pub tags: Vec<String>,
    pub kind: ArtifactKind,
    /// Names of global labels, made when missing.
    pub labels: Vec<String>,
    /// Adds a cosign signature as an accessory.
    pub signed: bool,
    /// How many plain accessories refer to the artifact.
    pub attachments: usize,
    pub annotations: BTreeMap<String, String>,
    pub scan: Option<Scan>,
    /// Equal contents get equal digests, and pushing them again changes only tags. None: new ones.
    pub content: Option<String>,
}

/// What an artifact is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ArtifactKind {
    /// An OCI image for linux/amd64.
    #[default]
    Image,
    /// The same with Docker's media types.
    DockerImage,
    /// An image index; platforms read `linux/arm64/v8`.
    Index {
        platforms: Vec<String>,
    },
    /// A Helm chart.
    Chart,
    Wasm,
    /// A media type that Harbor has no name for.
    Unknown,
}

/// The state of a vulnerability scan.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// `Success` when empty; else `Pending`, `Running`, `Error`, …, which carry no summary.
    pub status: String,
    /// `Critical`, `High`, …; `None` when empty.
    pub severity: String,
    /// Counts by severity; zeros are left out by Harbor.
    pub counts: BTreeMap<String, u64>,
    pub fixable: u64,
}

/// A manifest in a repository, with what Harbor's database keeps of it.
#[derive(Clone, Debug)]
pub(super) struct Artifact {
    pub(super) id: i64,
    pub(super) digest: String,
    pub(super) kind: &'static str,
    /// The config's media type, which tells what the artifact is.
    pub(super) media_type: &'static str,
    pub(super) manifest_media_type: &'static str,
    pub(super) size: u64,
    pub(super) pushed: DateTime<Utc>,
    pub(super) pulled: Option<DateTime<Utc>>,
    pub(super) extra_attrs: Value,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) manifest: Bytes,
    pub(super) children: Vec<Child>,
    /// For accessories: the digest they belong to.
    pub(super) subject: Option<Subject>,
    pub(super) label_ids: Vec<i64>,
    pub(super) scan: Option<Scan>,
    pub(super) tags: Vec<Tag>,
}

#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) id: i64,
    pub(super) digest: String,
    pub(super) platform: Value,
}

#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) accessory_id: i64,
    pub(super) digest: String,
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) pushed: DateTime<Utc>,
    pub(super) pulled: Option<DateTime<Utc>>,
}

/// A manifest before it has an id and a time.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) digest: String,
    pub(super) kind: &'static str,
    pub(super) media_type: &'static str,
    pub(super) manifest_media_type: &'static str,
    pub(super) size: u64,
    pub(super) extra_attrs: Value,
    pub(super) manifest: Bytes,
    /// Config and layers, by digest.
    pub(super) blobs: Vec<(String, Bytes)>,
}

/// `sha256:` and the hex digest of these bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    // The hash of a cipher suite that is linked anyway spares a dependency of our own.
    let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("the suite is one of TLS 1.3");
    let hash = suite.common.hash_provider.hash(bytes);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A single manifest of this kind; [`ArtifactKind::Index`] counts as one of its images.
pub(super) fn single(
    kind: &ArtifactKind,
    content: &str,
    platform: &Platform,
    annotations: &BTreeMap<String, String>,
) -> Content {
    let (name, config_type, manifest_type) = match kind {
        ArtifactKind::Image | ArtifactKind::Index { .. } => ("IMAGE", OCI_CONFIG, OCI_MANIFEST),
        ArtifactKind::DockerImage => ("IMAGE", DOCKER_CONFIG, DOCKER_MANIFEST),
        ArtifactKind::Chart => ("CHART", "application/vnd.cncf.helm.config.v1+json", OCI_MANIFEST),
        ArtifactKind::Wasm => ("WASM", "application/vnd.wasm.config.v1+json", OCI_MANIFEST),
        ArtifactKind::Unknown => ("UNKNOWN", "application/vnd.acme.rocket.v1", OCI_MANIFEST),
    };
    let config = match name {
        "IMAGE" => json!({
            "architecture": platform.architecture,
            "author": "demo",
            "config": {"Cmd": ["/hello"], "Env": ["PATH=/bin", format!("SEED={content}")]},
            "created": BUILT,
            "history": [{"created": BUILT, "created_by": format!("COPY hello.txt / # {content}")}],
            "os": platform.os,
            "rootfs": {"type": "layers", "diff_ids": [digest(content.as_bytes())]},
        }),
        "CHART" => json!({
            "apiVersion": "v2", "appVersion": "1.16.0", "description": "A demo chart",
            "name": "demo", "type": "application", "version": "0.1.0",
        }),
        _ => json!({}),
    };
    let extra_attrs = match name {
        "IMAGE" => json!({
            "architecture": config["architecture"], "author": config["author"],
            "config": config["config"], "created": config["created"], "os": config["os"],
        }),
        _ => config.clone(),
    };
    build(Shape { kind: name, config_type, manifest_type }, &config, content, annotations, None).with_attrs(extra_attrs)
}

/// A manifest that refers to another one: a cosign signature or a plain attachment.
pub(super) fn attachment(subject: &str, signature: bool, content: &str) -> Content {
    let (kind, config_type) =
        if signature { ("IMAGE", OCI_CONFIG) } else { ("UNKNOWN", "application/vnd.oci.empty.v1+json") };
    let shape = Shape { kind, config_type, manifest_type: OCI_MANIFEST };
    let none = BTreeMap::new();
    build(shape, &json!({}), content, &none, Some(subject))
}

/// An index over manifests that are pushed already.
pub(super) fn index(children: &[(Content, Platform)]) -> Content {
    let manifests: Vec<Value> = children
        .iter()
        .map(|(child, platform)| {
            json!({
                "mediaType": child.manifest_media_type, "digest": child.digest,
                "size": child.manifest.len(), "platform": platform.to_json(),
            })
        })
        .collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).to_string();
    let size: u64 = children.iter().map(|(child, _)| child.size).sum();
    Content {
        digest: digest(manifest.as_bytes()),
        kind: "IMAGE",
        media_type: OCI_INDEX,
        manifest_media_type: OCI_INDEX,
        size: size + manifest.len() as u64,
        extra_attrs: json!({}),
        manifest: Bytes::from(manifest),
        blobs: Vec::new(),
    }
}

struct Shape {
    kind: &'static str,
    config_type: &'static str,
    manifest_type: &'static str,
}

fn build(
    shape: Shape,
    config: &Value,
    content: &str,
    annotations: &BTreeMap<String, String>,
    subject: Option<&str>,
) -> Content {
    let config = Bytes::from(config.to_string());
    let layer = Bytes::from(format!("layer of {content}\n"));
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": shape.manifest_type,
        "config": {
            "mediaType": shape.config_type, "size": config.len(), "digest": digest(&config),
        },
        "layers": [{"mediaType": OCI_LAYER, "size": layer.len(), "digest": digest(&layer)}],
    });
    if !annotations.is_empty() {
        manifest["annotations"] = json!(annotations);
    }
    if let Some(subject) = subject {
        manifest["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": subject});
    }
    let manifest = manifest.to_string();
    Content {
        digest: digest(manifest.as_bytes()),
        kind: shape.kind,
        media_type: shape.config_type,
        manifest_media_type: shape.manifest_type,
        size: (manifest.len() + config.len() + layer.len()) as u64,
        extra_attrs: json!({}),
        manifest: Bytes::from(manifest),
        blobs: vec![(digest(&config), config), (digest(&layer), layer)],
    }
}

impl Content {
    fn with_attrs(mut self, extra_attrs: Value) -> Self {
        self.extra_attrs = extra_attrs;
        self
    }
}

/// `os/architecture[/variant]`.
#[derive(Clone, Debug)]
pub(super) struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = text.split('/').map(str::to_owned);
        Self {
            os: parts.next().unwrap_or_default(),
            architecture: parts.next().unwrap_or_default(),
            variant: parts.next(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut platform = json!({"architecture": self.architecture, "os": self.os});
        if let Some(variant) = &self.variant {
            platform["variant"] = json!(variant);
        }
        platform
    }
}
