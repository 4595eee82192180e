//! A document for each root field that asks for all that can be asked for below it, made from the schema itself.

use std::collections::BTreeMap;

use serde_json::Value;

/// How deep documents go.
const DEPTH: usize = 6;

pub(super) const INTROSPECTION: &str = "{ __schema { queryType { name } types { kind name description
    inputFields { name description defaultValue type { ...ref } } enumValues { name description }
    fields { name description args { name description defaultValue type { ...ref } } type { ...ref } } } } }
    fragment ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The types of a schema, as introspection tells them.
pub(super) struct Schema(BTreeMap<String, Value>);

impl Schema {
    pub(super) fn of(introspected: &Value) -> Self {
        let types = introspected.as_array().expect("a schema has types").iter();
        Self(types.map(|of| (of["name"].as_str().unwrap_or_default().to_owned(), of.clone())).collect())
    }

    /// The documents. Root fields that need arguments are asked with those given; others that need some are left out.
    pub(super) fn documents(&self, arguments: &BTreeMap<&str, String>) -> Vec<String> {
        let fields = self.fields("Query");
        let documents = fields.filter_map(|field| {
            let name = field["name"].as_str().unwrap_or_default();
            let given = match arguments.get(name) {
                Some(given) => format!("({given})"),
                None if needs_arguments(field) => return None,
                None => first(field),
            };
            let selection = self.selection(&type_name(&field["type"]), &mut vec!["Query".to_owned()])?;
            Some(format!("{{ {name}{given} {selection} }}"))
        });
        documents.collect()
    }

    /// All fields of a type; none where there is nothing to be asked for. No type stands below itself.
    fn selection(&self, of: &str, above: &mut Vec<String>) -> Option<String> {
        let kind = self.0.get(of).map(|of| &of["kind"]);
        if matches!(kind.and_then(Value::as_str), Some("SCALAR" | "ENUM")) {
            return Some(String::new());
        }
        if above.len() > DEPTH || above.iter().any(|name| name == of) {
            return None;
        }
        above.push(of.to_owned());
        let mut selection = "{ __typename".to_owned();
        for field in self.fields(of).filter(|field| !needs_arguments(field)) {
            // Lists show their rows twice; below the first one, once will do.
            if field["name"] == "edges" && above.len() > 2 {
                continue;
            }
            if let Some(below) = self.selection(&type_name(&field["type"]), above) {
                let name = field["name"].as_str().unwrap_or_default();
                selection.push_str(&format!(" {name}{} {below}", first(field)));
            }
        }
        above.pop();
        selection.push_str(" }");
        Some(selection)
    }

    fn fields(&self, of: &str) -> impl Iterator<Item = &Value> {
        self.0.get(of).and_then(|of| of["fields"].as_array()).into_iter().flatten()
    }
}

fn arguments(field: &Value) -> impl Iterator<Item = &Value> {
    field["args"].as_array().into_iter().flatten()
}

fn needs_arguments(field: &Value) -> bool {
    arguments(field).any(|argument| argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null())
}

/// A few of a list, as lists in lists multiply.
fn first(field: &Value) -> String {
    if arguments(field).any(|argument| argument["name"] == "first") { "(first: 3)".to_owned() } else { String::new() }
}

fn type_name(of: &Value) -> String {
    match of["name"].as_str() {
        Some(name) => name.to_owned(),
        None => type_name(&of["ofType"]),
    }
}
