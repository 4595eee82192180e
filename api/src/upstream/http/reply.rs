//! A reply, read with the leniency that registries and the proxies before them need.

use std::time::Duration;

use bytes::BytesMut;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::upstream::{Error, error::presentable};

/// Values in one reply. Read, each takes up to fifty times what it takes in a body; the longest replies that registries
/// give, a page of a hundred artifacts or all tags of an image, have some ten thousand.
const MAX_VALUES: usize = 250_000;

/// A whole reply: status, headers, and a body within bounds.
pub(in crate::upstream) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: BytesMut,
    elapsed: Duration,
}

/// What a registry says about an error. Both products send `{"errors":[{"code":…,"message":…}]}`; older parts of
/// Harbor send `{"code":…,"message":…}` or plain text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::upstream) struct Complaint {
    pub(in crate::upstream) code: Option<String>,
    pub(in crate::upstream) message: String,
    /// Whether it was JSON of the registry's shape, and not the page of something in between.
    pub(in crate::upstream) is_genuine: bool,
}

impl Reply {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: BytesMut, elapsed: Duration) -> Self {
        Self { status, headers, body, elapsed }
    }

    pub(in crate::upstream) fn status(&self) -> StatusCode {
        self.status
    }

    /// Until the headers came.
    pub(in crate::upstream) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    pub(in crate::upstream) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header, if it is text.
    pub(in crate::upstream) fn header(&self, name: impl Into<Option<HeaderName>>) -> Option<&str> {
        self.headers.get(name.into()?)?.to_str().ok()
    }

    /// The media type without parameters, lower case.
    pub(in crate::upstream) fn media_type(&self) -> String {
        let text = self.header(CONTENT_TYPE).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether it is a web page, whatever it calls itself.
    pub(in crate::upstream) fn is_page(&self) -> bool {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(256)]).to_ascii_lowercase();
        let start = start.trim_start_matches('\u{feff}').trim_start();
        self.media_type() == "text/html" || start.starts_with("<!doctype html") || start.starts_with("<html")
    }

    /// The body as JSON of the type asked for.
    ///
    /// # Errors
    /// [`Error::NotTheProduct`] for a web page, [`Error::Malformed`] for everything else that is not this JSON.
    pub(in crate::upstream) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.is_page() {
            return Err(Error::NotTheProduct { found: "an HTML page where the API should be".to_owned() });
        }
        if !self.media_type().contains("json") {
            return Err(Error::malformed("a reply is not JSON"));
        }
        self.untyped_json()
    }

    /// Like [`Reply::json`], for the few replies that are JSON and do not say so.
    pub(in crate::upstream) fn untyped_json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.is_modest() {
            return Err(Error::TooLarge);
        }
        let value = self.value().ok_or_else(|| Error::malformed("a reply is not whole JSON"))?;
        serde_json::from_value(value).map_err(|_| Error::malformed("a reply has another shape than documented"))
    }

    /// What an error reply says, as far as it can be understood.
    pub(in crate::upstream) fn complaint(&self) -> Complaint {
        if let Some(value) = self.is_modest().then(|| self.value()).flatten() {
            let first = value.get("errors").and_then(|errors| errors.get(0)).unwrap_or(&value);
            let text = |key| first.get(key).and_then(Value::as_str).map(presentable);
            return Complaint {
                is_genuine: first.get("code").is_some(),
                code: text("code").filter(|code| !code.is_empty()),
                message: text("message").unwrap_or_default(),
            };
        }
        let message = if self.media_type() == "text/plain" {
            presentable(&String::from_utf8_lossy(&self.body))
        } else {
            String::new()
        };
        Complaint { message, ..Complaint::default() }
    }

    /// Whether the body is what this digest names; false for digests of another kind than SHA-256.
    pub(in crate::upstream) fn has_digest(&self, digest: &str) -> bool {
        let hash = Sha256::digest(&self.body);
        let hex = hash.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"));
        digest.strip_prefix("sha256:") == Some(&hex)
    }

    /// The bytes of the body, decompressed.
    pub(in crate::upstream) fn length(&self) -> usize {
        self.body.len()
    }

    /// Whether it can be read without taking many times its length. Commas in texts count too, which nobody has so many of.
    fn is_modest(&self) -> bool {
        self.body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() <= MAX_VALUES
    }

    /// Bad UTF-8 in one description must not cost the list, nor must a key that stands twice (the last one counts).
    fn value(&self) -> Option<Value> {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(media_type: &'static str, body: &[u8]) -> Reply {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type.parse().expect("a header"))]);
        Reply::new(StatusCode::OK, headers, BytesMut::from(body), Duration::ZERO)
    }

    #[test]
    fn json_is_read_leniently_and_pages_are_not_json() {
        let json = |media_type, body: &[u8]| reply(media_type, body).json::<Value>();
        assert_eq!(json("application/json", b"\xef\xbb\xbf{\"a\":1,\"a\":2}\n").expect("JSON")["a"], 2);
        assert_eq!(json("application/json", b"{\"a\":\"x\xff\"}").expect("JSON")["a"], "x\u{fffd}");
        assert!(matches!(json("application/json", b"{\"a\":"), Err(Error::Malformed { .. })));
        assert!(matches!(json("text/plain", b"{}"), Err(Error::Malformed { .. })));
        assert!(matches!(json("text/html", b"{}"), Err(Error::NotTheProduct { .. })));
        assert!(matches!(json("application/json", b" <!DOCTYPE html>"), Err(Error::NotTheProduct { .. })));
        let crowded = format!("[{}1]", "1,".repeat(MAX_VALUES));
        assert!(matches!(json("application/json", crowded.as_bytes()), Err(Error::TooLarge)));
    }

    #[test]
    fn complaints_come_in_several_shapes() {
        let complaint = |media_type, body: &[u8]| {
            let found = reply(media_type, body).complaint();
            (found.code.unwrap_or_default(), found.message, found.is_genuine)
        };
        let expect = |code: &str, message: &str, is_genuine| (code.to_owned(), message.to_owned(), is_genuine);
        assert_eq!(
            complaint("application/json", br#"{"errors":[{"code":"NOT_FOUND","message":"no"}]}"#),
            expect("NOT_FOUND", "no", true)
        );
        assert_eq!(complaint("application/json", br#"{"code":404,"message":"no"}"#), expect("", "no", true));
        assert_eq!(complaint("text/plain", b"404 page not found\n"), expect("", "404 page not found", false));
        assert_eq!(complaint("text/html", b"<html>502</html>"), expect("", "", false));
        assert_eq!(complaint("application/json", b""), expect("", "", false));
    }
}
