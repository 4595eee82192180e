//! What must hold of every parser that reads strangers' bytes, whatever these are. For the programs of `tests/fuzz`, and for
//! a test that replays what they began with and found.

use crate::{
    catalog::{Cursor, Order, Search},
    service::name::ImageReference,
};

pub use crate::{
    graphql::fuzzing::{id, page_cursor},
    service::webhook::fuzzing::{docker_webhook, harbor_webhook},
    upstream::fuzzing::{challenge, link},
};

/// One of them.
pub type Target = fn(&[u8]);

/// All of them, by the names of the programs and of the folders with what they begin with.
pub const TARGETS: [(&str, Target); 8] = [
    ("challenge", challenge),
    ("cursor", cursor),
    ("docker_webhook", docker_webhook),
    ("harbor_webhook", harbor_webhook),
    ("id", id),
    ("link", link),
    ("page_cursor", page_cursor),
    ("reference", reference),
];

/// A reference that is one is written back as it was read, and what is wrong with another can be shown on any terminal.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match ImageReference::parse(text) {
        Ok(found) => {
            let tag = found.tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
            let digest = found.digest.as_ref().map_or(String::new(), |digest| format!("@{digest}"));
            let written = format!("{}{tag}{digest}", found.name);
            assert_eq!(written.to_lowercase(), text.to_lowercase());
            assert_eq!(ImageReference::parse(&written).ok(), Some(found));
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.chars().count() < 300 && !message.chars().any(char::is_control), "{message:?}");
        }
    }
}

/// A cursor is read as one order's alone, and written back as it was.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let directions = [false, true];
    let orders = [Order::ReferenceAsc, Order::ReferenceDesc]
        .into_iter()
        .chain(directions.map(|desc| Order::UpdatedAt { desc }))
        .chain(directions.map(|desc| Order::PullCount { desc }))
        .chain(directions.map(|desc| Order::Relevance { desc }));
    let search = Search::parse("app").ok().flatten();
    let mut n_orders = 0;
    for order in orders {
        let read = [None, search.as_ref()].map(|search| Cursor::decode(text, order, search));
        if let Some(cursor) = read.into_iter().find_map(Result::ok) {
            n_orders += 1;
            assert_eq!(cursor.order(), order);
            assert_eq!(cursor.encode(), text);
        }
    }
    assert!(n_orders <= 1);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn all_that_was_tried_before_still_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let folder = fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut n_inputs = 0;
            for file in folder {
                let bytes = fs::read(file.unwrap().path()).unwrap();
                target(&bytes);
                // Every beginning of it as well, and each with a byte that does not belong.
                for at in 0..bytes.len().min(1_000) {
                    target(&bytes[..at]);
                    let mut spoilt = bytes.clone();
                    spoilt[at] ^= 0x11;
                    target(&spoilt);
                }
                n_inputs += 1;
            }
            assert!(n_inputs >= 3, "{name} begins with too little");
        }
    }
}
