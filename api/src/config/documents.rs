//! The file of trusted documents, in the forms in which generators of clients write it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Documents that clients may name instead of sending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedDocuments {
    /// The text of each, by the id that its generator gave it.
    pub by_id: BTreeMap<String, String>,
    /// Whether no other document is run.
    pub are_all: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Apollo(Manifest),
    /// Relay's compiler and `@graphql-codegen` write one object: ids and texts.
    Map(BTreeMap<String, String>),
}

/// What `@apollo/generate-persisted-query-manifest` writes.
#[derive(Deserialize)]
struct Manifest {
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

/// The documents in the text of such a file.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let by_id = match serde_json::from_str(text) {
        Ok(Form::Map(by_id)) => by_id,
        Ok(Form::Apollo(manifest)) => {
            manifest.operations.into_iter().map(|operation| (operation.id, operation.body)).collect()
        }
        Err(_) => {
            return Err("must hold a JSON object of ids and documents, or Apollo's manifest of persisted queries");
        }
    };
    if by_id.values().any(|text| text.trim().is_empty()) || by_id.keys().any(String::is_empty) {
        return Err("holds a document that is empty, or has an empty id");
    }
    Ok(by_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_generators_write_is_read() {
        let expected = BTreeMap::from([("one".to_owned(), "{ a }".to_owned())]);
        let apollo = r#"{ "format": "apollo-persisted-query-manifest", "version": 1,
            "operations": [{ "id": "one", "name": "A", "type": "query", "body": "{ a }" }] }"#;
        for text in [r#"{ "one": "{ a }" }"#, apollo] {
            assert_eq!(parse(text).as_ref(), Ok(&expected), "{text}");
        }
        assert_eq!(parse("{}"), Ok(BTreeMap::new()));
        for text in ["", "[]", "null", r#"{ "one": 1 }"#, r#"{ "one": " " }"#, r#"{ "": "{ a }" }"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
