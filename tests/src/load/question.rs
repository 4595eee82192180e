//! Questions as bytes, ready to be sent: the same ones again, or each a little different.

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

/// Who asks: the header that proves it.
#[derive(Clone)]
pub(super) struct Asker(HeaderValue);

impl Asker {
    /// # Panics
    /// When the token is no text: tokens are base64.
    pub(super) fn new(token: &str) -> Self {
        Self(HeaderValue::from_str(&format!("Bearer {token}")).expect("a token is base64"))
    }

    /// One request of theirs.
    pub(super) fn ask(&self, body: Bytes) -> Ask {
        Ask { authorization: self.0.clone(), body }
    }
}

/// One request.
pub(super) struct Ask {
    pub(super) authorization: HeaderValue,
    pub(super) body: Bytes,
}

/// How the requests of one question differ from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variation {
    /// Not at all: an answer may be given again.
    Same,
    /// By a variable that the document does not declare: each is executed, and the document was seen before.
    Variables,
    /// By a comment: each is executed, and no document was seen before.
    Document,
}

/// The body of the `n`th request for a document.
pub(super) fn body(document: &str, mut variables: Value, variation: Variation, n: u64) -> Bytes {
    let body = match variation {
        Variation::Same => json!({ "query": document, "variables": variables }),
        Variation::Variables => {
            variables["n"] = json!(n);
            json!({ "query": document, "variables": variables })
        }
        Variation::Document => json!({ "query": format!("# {n}\n{document}"), "variables": variables }),
    };
    Bytes::from(body.to_string())
}
