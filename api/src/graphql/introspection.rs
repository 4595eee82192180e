//! Whether a document asks for the schema: some may ask for nothing else, and some not for that.

use std::collections::HashSet;

use async_graphql::{
    Request,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};

/// Root fields that tell of the schema, and of nothing else.
const INTROSPECTION: [&str; 2] = ["__schema", "__type"];

/// Harmless beside introspection; `_service` is the federated way to ask for the schema.
const BESIDE_INTROSPECTION: [&str; 2] = ["__typename", "_service"];

/// Whether the operation asks for the schema and for nothing else.
pub fn introspects_only(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    let fields = root_fields(document, operation);
    operation.ty == OperationType::Query
        && fields.iter().all(|field| INTROSPECTION.contains(field) || BESIDE_INTROSPECTION.contains(field))
}

/// Whether the operation asks for the schema, among others. `_service` is not counted: a gateway in front needs it.
pub fn introspects(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    root_fields(document, operation).iter().any(|field| INTROSPECTION.contains(field))
}

/// Whether every operation of the request's document asks for the schema and for nothing else.
pub(super) fn is_all_of(request: &mut Request) -> bool {
    let Ok(document) = request.parsed_query() else { return false };
    match &document.operations {
        DocumentOperations::Single(operation) => introspects_only(document, &operation.node),
        DocumentOperations::Multiple(operations) => {
            operations.values().all(|operation| introspects_only(document, &operation.node))
        }
    }
}

fn root_fields<'a>(document: &'a ExecutableDocument, operation: &'a OperationDefinition) -> HashSet<&'a str> {
    let mut fields = HashSet::new();
    let mut seen = HashSet::new();
    let mut pending: Vec<&SelectionSet> = vec![&operation.selection_set.node];
    while let Some(selections) = pending.pop() {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => {
                    fields.insert(field.node.name.node.as_str());
                }
                Selection::InlineFragment(fragment) => pending.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if seen.insert(name)
                        && let Some(fragment) = document.fragments.get(name)
                    {
                        pending.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    fields
}
