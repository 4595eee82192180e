//! What the transport must know of a document: which operation runs, and whether it is given the variables it needs.

use async_graphql::{
    Positioned, ServerError, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, Selection},
};

use super::super::fault::coded;

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

/// A subscription has one root field (specification, §5.2.4.1). async-graphql takes several, and looks into no fragments.
pub(super) fn check_subscription(operation: &OperationDefinition) -> Result<(), ServerError> {
    match operation.selection_set.node.items.as_slice() {
        [Positioned { node: Selection::Field(_), .. }] => Ok(()),
        _ => {
            let message = "a subscription selects one field, and not by a fragment";
            Err(coded("GRAPHQL_VALIDATION_FAILED", message, Some(operation.selection_set.pos)))
        }
    }
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
