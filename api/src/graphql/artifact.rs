//! Artifacts: what tags and digests name.

use std::sync::Arc;

use async_graphql::{Enum, Lookahead, Object, SimpleObject};

use super::plain::Plain;
use super::scalar::{ByteCount, DateTime, Digest, int};
use crate::upstream::{self, Detail, Scan};

pub(super) struct Artifact(pub(super) Arc<upstream::Artifact>);

impl Artifact {
    /// What has to be asked for to answer the selections of artifacts at these places.
    pub(super) fn detail<'a>(places: impl IntoIterator<Item = Lookahead<'a>>) -> Detail {
        let mut detail = Detail::default();
        for artifact in places {
            let selects = |field: &str| artifact.field(field).exists();
            let builds = artifact.field("platforms").field("size").exists();
            detail.manifest |= ["mediaType", "kind", "size", "platforms"].into_iter().any(selects);
            detail.configuration |= ["platforms", "pushedAt"].into_iter().any(selects);
            detail.builds |= builds || selects("size");
            detail.tags |= selects("tags");
            detail.labels |= selects("labels");
            detail.signatures |= selects("signed");
            detail.scan |= selects("vulnerabilities");
        }
        detail
    }
}

impl Plain for Artifact {}

/// One thing that can be pulled: an image, an index of images for several platforms, a chart, or another OCI kind.
#[Object]
impl Artifact {
    /// The digest of its manifest.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest.clone())
    }

    /// The media type of its manifest.
    async fn media_type(&self) -> Option<&str> {
        self.0.media_type.as_deref()
    }

    /// What it is, as the registry calls it, in upper case: `IMAGE`, `CHART`, …
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The bytes of its manifest and of all that it names; of an index, those of all its platforms together.
    async fn size(&self) -> Option<ByteCount> {
        self.0.size.map(ByteCount)
    }

    /// When it was first pushed. A Docker Registry keeps no such time: there, when the image was built, as its
    /// configuration says; null where that says nothing.
    async fn pushed_at(&self) -> Option<DateTime> {
        self.0.pushed_at.map(DateTime)
    }

    /// When it was last pulled; null when never, or where the registry does not tell.
    async fn pulled_at(&self) -> Option<DateTime> {
        self.0.pulled_at.map(DateTime)
    }

    /// The tags that point to it, by name; an artifact may have none. A Docker Registry has to be asked for each tag of the
    /// image, and of more than 200 it is not: `UNSUPPORTED`.
    async fn tags(&self) -> Vec<&str> {
        self.0.tags.iter().map(|tag| tag.name.as_str()).collect()
    }

    /// The platforms that it runs on: one for an image, several for an index, none for a chart.
    async fn platforms(&self) -> Vec<Platform> {
        self.0.platforms.iter().cloned().map(Platform::from).collect()
    }

    /// What the registry's scan for vulnerabilities says. Asked for only when selected: it is the most that a registry
    /// can be asked about an artifact.
    async fn vulnerabilities(&self) -> Option<VulnerabilitySummary> {
        self.0.findings.as_ref().map(|findings| VulnerabilitySummary::from(&findings.scan))
    }

    /// Whether somebody has signed it, with cosign or Notary. Null where the registry does not tell. That there is a
    /// signature says nothing about whose it is: verify it where the image runs.
    async fn signed(&self) -> Option<bool> {
        self.0.findings.as_ref()?.signed
    }

    /// The labels that people gave it in the registry; a Docker Registry has none.
    async fn labels(&self) -> &[String] {
        self.0.findings.as_ref().map_or(&[], |findings| &findings.labels)
    }
}

/// A platform that an image runs on.
#[derive(SimpleObject)]
pub(super) struct Platform {
    /// Such as `linux`.
    os: String,
    /// Such as `amd64`.
    architecture: String,
    /// Such as `v8`.
    variant: Option<String>,
    /// The digest of the manifest for this platform alone.
    digest: Option<Digest>,
    /// The bytes of that manifest and what it names; null where the registry does not tell.
    size: Option<ByteCount>,
}

impl From<upstream::Platform> for Platform {
    fn from(platform: upstream::Platform) -> Self {
        Self {
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant,
            digest: platform.digest.map(Digest),
            size: platform.size.map(ByteCount),
        }
    }
}

/// What a scan for vulnerabilities found. All but `status` is null until it is COMPLETE.
#[derive(SimpleObject, Default)]
pub(super) struct VulnerabilitySummary {
    /// How far the scan is.
    status: ScanStatus,
    /// The worst severity found; NONE when nothing was found.
    severity: Option<Severity>,
    /// Vulnerabilities in all, those of unknown severity included.
    total: Option<i32>,
    /// Those that an update of the package mends.
    fixable: Option<i32>,
    /// Those of critical severity.
    critical: Option<i32>,
    /// Those of high severity.
    high: Option<i32>,
    /// Those of medium severity.
    medium: Option<i32>,
    /// Those of low severity, negligible ones included.
    low: Option<i32>,
    /// When the scan ended.
    scanned_at: Option<DateTime>,
    /// What scanned, with its version: `Trivy v0.50.1`.
    scanner: Option<String>,
}

/// How far a scan is.
#[derive(Enum, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ScanStatus {
    /// Nobody has asked for a scan, or it is not told before all platforms are scanned.
    #[default]
    NotScanned,
    /// The registry scans no such artifacts; a Docker Registry scans nothing.
    Unsupported,
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Running,
    /// It is done.
    Complete,
    /// It broke off.
    Failed,
}

/// How bad a vulnerability is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "upstream::Severity")]
pub(super) enum Severity {
    /// There is none.
    None,
    /// Nobody has rated it.
    Unknown,
    /// Of little harm, or of none.
    Low,
    /// Harmful where more comes together.
    Medium,
    /// Harmful.
    High,
    /// As harmful as can be: mend it now.
    Critical,
}

impl From<&Scan> for VulnerabilitySummary {
    fn from(scan: &Scan) -> Self {
        let status = match scan {
            Scan::NotScanned => ScanStatus::NotScanned,
            Scan::Unsupported => ScanStatus::Unsupported,
            Scan::Queued => ScanStatus::Queued,
            Scan::Running => ScanStatus::Running,
            Scan::Failed => ScanStatus::Failed,
            Scan::Complete(_) => ScanStatus::Complete,
        };
        let Scan::Complete(report) = scan else { return Self { status, ..Self::default() } };
        Self {
            status,
            severity: report.severity.map(Into::into),
            total: Some(int(report.total)),
            fixable: Some(int(report.fixable)),
            critical: Some(int(report.critical)),
            high: Some(int(report.high)),
            medium: Some(int(report.medium)),
            low: Some(int(report.low)),
            scanned_at: report.scanned_at.map(DateTime),
            scanner: report.scanner.clone(),
        }
    }
}
