//! Names as they are typed in, parsed once.

use super::Error;
pub use crate::upstream::is_tag;

/// The longest list of pairs, ids or namespaces that one mutation takes.
pub const MAX_PAIRS: usize = 1_000;

/// A Kubernetes namespace as (cluster, name). It need not be known to Fairway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamespaceKey {
    pub cluster: String,
    pub name: String,
}

impl NamespaceKey {
    /// # Errors
    /// `Invalid` unless `name` is a DNS label and `cluster` a name of letters, digits, `-`, `_` and `.`.
    pub fn parse(cluster: &str, name: &str) -> Result<Self, Error> {
        let cluster_is_sane = (1..=253).contains(&cluster.len())
            && cluster.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !cluster_is_sane {
            return Err(Error::invalid("cluster", "a cluster's name has 1 to 253 letters, digits, `-`, `_` or `.`"));
        }
        dns_label("name", name)?;
        Ok(Self { cluster: cluster.to_owned(), name: name.to_owned() })
    }
}

/// An image's reference as it is typed: `host/path`, with or without a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// `host/path`, without tag or digest.
    pub name: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

impl ImageReference {
    /// Grammar of the OCI distribution spec 1.1 (`<name>`, `<reference>`), with the host that Docker puts in front.
    ///
    /// # Errors
    /// `Invalid` that names the part which is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong =
            |what: &str| Error::invalid("reference", format!("`{}` is no image reference: {what}", shown(text)));
        if text.len() > 1_024 {
            return Err(wrong("it is longer than 1,024 characters"));
        }
        if text.contains("://") {
            return Err(wrong("it begins with a scheme; a reference begins with the host"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let last_segment = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last_segment..].split_once(':') {
            Some((_, tag)) => (&rest[..rest.len() - tag.len() - 1], Some(tag)),
            None => (rest, None),
        };
        let Some((host, path)) = name.split_once('/') else {
            return Err(wrong("it has no host: `host/space/repository`"));
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(wrong("its host is not `host[:port]`"));
        }
        let is_segment = |segment: &str| {
            let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let bytes = segment.as_bytes();
            bytes.iter().all(|byte| word(*byte) || b"._-".contains(byte))
                && bytes.first().is_some_and(|byte| word(*byte))
                && bytes.last().is_some_and(|byte| word(*byte))
        };
        if path.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(wrong("a repository has no upper-case letters"));
        }
        if !path.split('/').all(is_segment) {
            return Err(wrong("its path is not lower-case words divided by `/`"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("its tag is not 1 to 128 letters, digits, `_`, `.` or `-`"));
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(wrong("its digest is not `algorithm:hex`"));
        }
        Ok(Self {
            name: format!("{}/{path}", host.to_lowercase()),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

/// `algorithm:hex` with at least 32 hexadecimal digits (OCI image spec 1.1, digests).
pub fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+._-".contains(&byte))
            && (32..=256).contains(&hex.len())
            && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A DNS label as Kubernetes takes it (RFC 1123, lower case): what workspaces and namespaces are called.
pub(super) fn dns_label(field: &'static str, name: &str) -> Result<(), Error> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
    let bytes = name.as_bytes();
    if (1..=63).contains(&bytes.len()) && bytes.iter().copied().all(inner) && edge(bytes.first()) && edge(bytes.last())
    {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!(
            "`{}` is not a DNS label: 1 to 63 lower-case letters, digits or `-`, with a letter or digit at both ends",
            shown(name)
        ),
    ))
}

/// A Harbor project's name: `^[a-z0-9]+(?:[._-][a-z0-9]+)*$`, at most 255 characters (Harbor 2.9.5 answers 400 for
/// others, and 422 for the empty one). A name that Harbor would refuse is refused before Harbor is asked.
pub(super) fn project_name(field: &'static str, name: &str) -> Result<(), Error> {
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if name.len() <= 255 && name.split(['.', '_', '-']).all(is_word) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!(
            "`{}` is not a name that Harbor takes: 1 to 255 lower-case letters and digits, with single `.`, `_` or `-` \
             between them",
            shown(name)
        ),
    ))
}

/// A name that people read: trimmed, not blank, without control characters.
pub(super) fn title(field: &'static str, name: &str, longest: usize) -> Result<String, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > longest || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            field,
            format!("`{field}` has 1 to {longest} characters, none of them a control character"),
        ));
    }
    Ok(name.to_owned())
}

/// A text that people read, with line breaks; blank counts as none.
pub(super) fn prose(field: &'static str, text: Option<&str>, longest: usize) -> Result<Option<String>, Error> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() > longest || text.chars().any(is_odd) {
        return Err(Error::invalid(
            field,
            format!("`{field}` has at most {longest} characters, no control characters but line breaks and tabs"),
        ));
    }
    Ok(Some(text.to_owned()))
}

/// What was typed, short enough to stand in a message.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_labels() {
        for name in ["a", "shop-1", &"x".repeat(63)] {
            dns_label("name", name).expect(name);
        }
        for name in ["", "-a", "a-", "A", "a.b", "ä", &"x".repeat(64)] {
            dns_label("name", name).expect_err(name);
        }
    }

    #[test]
    fn references() {
        let parse = |text: &str| ImageReference::parse(text).map(|found| (found.name, found.tag, found.digest));
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(parse("h.io/a/b").expect("plain"), ("h.io/a/b".into(), None, None));
        assert_eq!(parse("h:5000/a:1.0").expect("tag"), ("h:5000/a".into(), Some("1.0".into()), None));
        let both = format!("h/a/b:v1@{digest}");
        assert_eq!(parse(&both).expect("tag and digest"), ("h/a/b".into(), Some("v1".into()), Some(digest)));
        for text in ["", "nginx", "https://h/a", "h/A", "h/a b", "h/a:", "h/a@sha256:zz", "h//a", "h/a/", "h/ä"] {
            parse(text).expect_err(text);
        }
    }

    #[test]
    fn project_names() {
        for name in ["library", "a", "12345", "a.b_c-d"] {
            project_name("name", name).expect(name);
        }
        for name in ["", "Library", "a--b", "a__b", "-a", "a-", "a/b", "a b", &"x".repeat(256)] {
            project_name("name", name).expect_err(name);
        }
    }
}
