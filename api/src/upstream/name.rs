//! Names on their way into a URL.
//!
//! Names come from people and from registries, and both are wrong at times: what could climb out of its place in a path
//! is no name, and everything else is escaped.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest name sent: distribution's own bound on repositories is 255.
const MAX_LENGTH: usize = 512;

/// Whether a repository path, a tag, a digest or a project name can stand in a URL.
pub(super) fn is_sound(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_LENGTH
        && !name.chars().any(char::is_control)
        && name.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Whether a tag or digest can stand in a URL. Distribution answers 500 to a digest of the wrong length.
pub(super) fn is_sound_reference(reference: &str) -> bool {
    is_sound(reference) && !reference.contains('/') && (!reference.starts_with("sha256:") || is_sha256(reference))
}

/// Whether it is the digest that every registry gives: `sha256:` and 64 hexadecimal digits.
pub(super) fn is_sha256(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a tag is one that tools give to what belongs to another artifact: `sha256-<hex>`, where a registry does not
/// know referrers (OCI distribution spec 1.1), and `sha256-<hex>.sig`, `.att`, `.sbom` (cosign).
pub(super) fn is_accessory_tag(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let hex = rest.split('.').next().unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// 1 to 128 letters, digits, `_`, `.` and `-`, the first neither `.` nor `-` (OCI distribution spec 1.1). What else a
/// registry calls a tag can be pulled by nobody.
pub fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= 128
        && bytes.first().is_some_and(|byte| word(*byte))
        && bytes.iter().all(|byte| word(*byte) || b".-".contains(byte))
}

/// One path segment or query value; a slash is escaped as well.
pub(super) fn escape(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// A tag or digest: `:` stands as it is, as every client sends it.
pub(super) fn escape_reference(reference: &str) -> String {
    const REFERENCE: &AsciiSet = &RESERVED.remove(b':');
    utf8_percent_encode(reference, REFERENCE).to_string()
}

/// A path of several segments.
pub(super) fn escape_path(path: &str) -> String {
    const PATH: &AsciiSet = &RESERVED.remove(b'/');
    utf8_percent_encode(path, PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_climbs_out_of_its_place() {
        for name in ["", ".", "..", "a/../b", "a//b", "/a", "a/", "a\nb"] {
            assert!(!is_sound(name), "{name:?}");
        }
        for name in ["a", "team/app", "v1.0", "..a", "ünïcode"] {
            assert!(is_sound(name), "{name:?}");
        }
        assert_eq!(escape("team/app?x#%"), "team%2Fapp%3Fx%23%25");
        assert_eq!(escape_path("team/app x"), "team/app%20x");
        assert_eq!(escape_reference("sha256:ab/"), "sha256:ab%2F");
    }

    #[test]
    fn a_reference_is_a_tag_or_a_whole_digest() {
        assert!(is_sound_reference("1.0"));
        assert!(is_sound_reference(&format!("sha256:{}", "a1".repeat(32))));
        assert!(!is_sound_reference("sha256:zz"));
        assert!(!is_sound_reference("a/b"));
    }

    #[test]
    fn tools_keep_accessories_under_the_digest_of_what_they_belong_to() {
        let tag = format!("sha256-{}", "a1".repeat(32));
        for tag in [tag.clone(), format!("{tag}.sig"), format!("{tag}.att")] {
            assert!(is_accessory_tag(&tag), "{tag}");
        }
        for tag in ["1.0", "sha256-1", "sha256-", "sha256.sig", &tag[1..]] {
            assert!(!is_accessory_tag(tag), "{tag}");
        }
    }
}
