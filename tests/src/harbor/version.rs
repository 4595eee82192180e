//! Which Harbor is simulated. Knows how versions compare, not what changed in which.

/// A Harbor release such as `v2.9.5`, with the text that `/systeminfo` shows for it.
#[derive(Clone, Debug)]
pub(super) struct Version {
    major: u16,
    minor: u16,
    patch: u16,
    text: String,
}

impl Version {
    /// Reads `v2.9.5`, `2.9.5`, `1.10` or `v2.12.0-abc`; what cannot be read counts as zero.
    pub(super) fn parse(text: &str) -> Self {
        let bare = text.trim_start_matches('v');
        let (numbers, suffix) = bare.split_once('-').unwrap_or((bare, ""));
        let mut parts = numbers.split('.').map(|part| part.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        let (major, minor, patch) = (next(), next(), next());
        // Releases carry the short commit behind the number, so that must be parsed away by clients.
        let text = if suffix.is_empty() { format!("v{major}.{minor}.{patch}-6b3e4a1f") } else { format!("v{bare}") };
        Self { major, minor, patch, text }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether this release is `2.minor` or newer.
    pub(super) fn has(&self, minor: u16) -> bool {
        (self.major, self.minor) >= (2, minor)
    }

    /// Whether this release is `2.minor.patch` or newer.
    pub(super) fn has_patch(&self, minor: u16, patch: u16) -> bool {
        (self.major, self.minor, self.patch) >= (2, minor, patch)
    }

    /// Harbor 1.x serves another API under other paths.
    pub(super) fn is_legacy(&self) -> bool {
        self.major < 2
    }
}
