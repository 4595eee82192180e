//! Weighs questions about the schema. Its types lead to each other in circles, and async-graphql counts a list of them as one
//! field: `fields { type { fields { type { …` is short, not deep, and answered in gigabytes.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::{LimitError, Limits};

/// Root fields that lead into the schema.
const ROOTS: [&str; 2] = ["__schema", "__type"];

/// The documents were counted before: there are no cycles, and the nesting is bounded.
pub(super) fn check(document: &ExecutableDocument, limits: &Limits) -> Result<(), LimitError> {
    let mut scale = Scale { document, known: HashMap::new() };
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let weight = operations.map(|selections| scale.roots(selections)).fold(0, u64::saturating_add);
    match weight > limits.max_introspection {
        true => Err(LimitError::TooMuchIntrospection),
        false => Ok(()),
    }
}

struct Scale<'a> {
    document: &'a ExecutableDocument,
    /// The weight of each fragment, by whether it stands inside the schema or beside it.
    known: HashMap<(&'a str, bool), u64>,
}

impl<'a> Scale<'a> {
    /// The weight of what leads into the schema.
    fn roots(&mut self, selections: &'a SelectionSet) -> u64 {
        self.sum(selections, false)
    }

    fn sum(&mut self, selections: &'a SelectionSet, is_within: bool) -> u64 {
        let weights = selections.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => {
                let name = field.node.name.node.as_str();
                match is_within || ROOTS.contains(&name) {
                    true => self.sum(&field.node.selection_set.node, true).saturating_add(1).saturating_mul(rows(name)),
                    // Nothing below leads into the schema.
                    false => 0,
                }
            }
            Selection::InlineFragment(fragment) => self.sum(&fragment.node.selection_set.node, is_within),
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, is_within),
        });
        weights.fold(0, u64::saturating_add)
    }

    fn fragment(&mut self, name: &'a str, is_within: bool) -> u64 {
        if let Some(weight) = self.known.get(&(name, is_within)) {
            return *weight;
        }
        // An unknown fragment is for validation to tell.
        let Some(fragment) = self.document.fragments.get(name) else { return 0 };
        let weight = self.sum(&fragment.node.selection_set.node, is_within);
        self.known.insert((name, is_within), weight);
        weight
    }
}

/// About how many rows a list of the schema has.
fn rows(field: &str) -> u64 {
    match field {
        "types" => 200,
        "fields" | "inputFields" | "enumValues" | "directives" => 10,
        "args" | "possibleTypes" | "interfaces" => 5,
        _ => 1,
    }
}
