//! What the transport must know of a document: which operation runs, of what kind, and whether it asks for the schema
//! alone.

use std::collections::HashSet;

use async_graphql::{
    ServerError, Variables,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};

use super::super::fault::coded;

/// Root fields that tell of the schema, and of nothing else.
const INTROSPECTION: [&str; 2] = ["__schema", "__type"];

/// Harmless beside introspection; `_service` is the federated way to ask for the schema.
const BESIDE_INTROSPECTION: [&str; 2] = ["__typename", "_service"];

/// The operation that the request names, or the only one.
pub(super) fn select<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, ServerError> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations.values().next(),
        (DocumentOperations::Multiple(_), None) => {
            let message = "`operationName` is needed: the document has several operations";
            return Err(coded("BAD_USER_INPUT", message, None));
        }
    };
    operation
        .map(|operation| &operation.node)
        .ok_or_else(|| coded("BAD_USER_INPUT", "the document has no operation of the name in `operationName`", None))
}

/// Whether the operation asks for the schema and for nothing else.
pub(super) fn introspects_only(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    let fields = root_fields(document, operation);
    operation.ty == OperationType::Query
        && fields.iter().all(|field| INTROSPECTION.contains(field) || BESIDE_INTROSPECTION.contains(field))
}

/// Whether the operation asks for the schema, among others. `_service` is not counted: a gateway in front needs it.
pub(super) fn introspects(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    root_fields(document, operation).iter().any(|field| INTROSPECTION.contains(field))
}

/// async-graphql notices a missing variable only where a resolver uses it, as an error of that field. The specification
/// asks for a request error.
pub(super) fn check_required_variables(
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), ServerError> {
    for definition in &operation.variable_definitions {
        let variable = &definition.node;
        let is_given = variables.get(&variable.name.node).is_some_and(|value| *value != async_graphql::Value::Null);
        let is_null = variables.contains_key(&variable.name.node) && !is_given;
        let has_default = variable.default_value.is_some() && !is_null;
        let var_type = &variable.var_type.node;
        if !var_type.nullable && !is_given && !has_default {
            let message = format!("variable `${}` of type `{var_type}` needs a value", variable.name.node);
            return Err(coded("BAD_USER_INPUT", message, Some(definition.pos)));
        }
    }
    Ok(())
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
