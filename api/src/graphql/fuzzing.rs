//! What must hold of the texts that clients give back.

use super::{
    id::NodeId,
    page::{decode, encode},
};

/// An id that is one is written back as it was read: nothing has two ids.
pub fn id(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Some(id) = NodeId::parse(text) {
        assert_eq!(id.encode().as_str(), text);
    }
}

/// A cursor that is one means the same when it is written and read again, and means nothing in another list.
pub fn page_cursor(bytes: &[u8]) {
    type Key = (Option<String>, i64, Option<chrono::DateTime<chrono::Utc>>);
    const ORDER: &str = "image";
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(key) = decode::<Key>(ORDER, text, "after") {
        let again = encode(ORDER, &key);
        assert!(decode::<Key>(ORDER, &again, "after").is_ok_and(|again| again == key));
        assert!(decode::<Key>("image-", &again, "after").is_err());
    }
}
