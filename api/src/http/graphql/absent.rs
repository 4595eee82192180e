//! Takes variables that are declared and not given out of a document, as if their arguments had not been written.
//!
//! That is what the specification asks for (`CoerceArgumentValues`, October 2021, §6.4.1), and clients rely on it: a front
//! end sends one document with `$first` and `$last`, and gives one of the two. async-graphql 8.0.0-rc.5 refuses such a
//! document ("Variable last is not defined") where the argument counts for the field's complexity.

use async_graphql::{
    Name, Request, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// Rewrites the request's document where there is something to take out. The request has been parsed.
pub(super) fn take_out(request: &mut Request, variables: &Variables) {
    let operation_name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return };
    let absent = absent(document, operation_name.as_deref(), variables);
    if !absent.is_empty() {
        let document = without(document.clone(), operation_name.as_deref(), &absent);
        request.set_parsed_query(document);
    }
}

/// Variables of the operation that are nullable, without a default, and not given.
fn absent(document: &ExecutableDocument, name: Option<&str>, variables: &Variables) -> Vec<Name> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        // Several need a name, which was checked before; one stands for itself.
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    };
    let definitions = operation.into_iter().flat_map(|operation| &operation.node.variable_definitions);
    definitions
        .map(|definition| &definition.node)
        .filter(|definition| definition.var_type.node.nullable && definition.default_value.is_none())
        .map(|definition| definition.name.node.clone())
        .filter(|name| !variables.contains_key(name))
        .collect()
}

fn without(mut document: ExecutableDocument, name: Option<&str>, absent: &[Name]) -> ExecutableDocument {
    for (operation_name, operation) in document_operations(&mut document.operations) {
        if name.is_some() && operation_name != name {
            continue;
        }
        operation.variable_definitions.retain(|definition| !absent.contains(&definition.node.name.node));
        take_out_of_selections(&mut operation.selection_set.node, absent);
    }
    for fragment in document.fragments.values_mut() {
        take_out_of_selections(&mut fragment.node.selection_set.node, absent);
    }
    document
}

fn document_operations(operations: &mut DocumentOperations) -> Vec<(Option<&str>, &mut OperationDefinition)> {
    match operations {
        DocumentOperations::Single(operation) => vec![(None, &mut operation.node)],
        DocumentOperations::Multiple(operations) => {
            operations.iter_mut().map(|(name, operation)| (Some(name.as_str()), &mut operation.node)).collect()
        }
    }
}

/// Documents were measured before: their nesting is bounded.
fn take_out_of_selections(set: &mut SelectionSet, absent: &[Name]) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                let field = &mut field.node;
                field.arguments.retain_mut(|(_, value)| keep(&mut value.node, absent));
                take_out_of_selections(&mut field.selection_set.node, absent);
            }
            Selection::InlineFragment(fragment) => {
                take_out_of_selections(&mut fragment.node.selection_set.node, absent);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Whether a value stays. Inside it, fields of objects go as arguments do, and items of lists become null.
fn keep(value: &mut Value, absent: &[Name]) -> bool {
    match value {
        Value::Variable(name) => return !absent.contains(name),
        Value::Object(fields) => fields.retain(|_, value| keep(value, absent)),
        Value::List(items) => {
            for item in items {
                if !keep(item, absent) {
                    *item = Value::Null;
                }
            }
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, InputObject, MaybeUndefined, Object, Schema};
    use serde_json::{Value as Json, json};

    use super::*;

    #[derive(InputObject)]
    struct Filter {
        word: MaybeUndefined<String>,
    }

    struct Query;

    #[Object]
    impl Query {
        /// Says what it was given.
        #[graphql(complexity = "first.unwrap_or(1) as usize + last.unwrap_or(1) as usize")]
        async fn given(
            &self,
            first: Option<i32>,
            last: Option<i32>,
            filter: Option<Filter>,
            #[graphql(default = 7)] size: i32,
            words: Option<Vec<Option<String>>>,
        ) -> String {
            let word = filter.map(|filter| match filter.word {
                MaybeUndefined::Undefined => "absent".to_owned(),
                MaybeUndefined::Null => "null".to_owned(),
                MaybeUndefined::Value(word) => word,
            });
            format!("{first:?} {last:?} {word:?} {size} {words:?}")
        }
    }

    async fn check(document: &str, variables: Json) -> Json {
        let variables = Variables::from_json(variables);
        let mut request = Request::new(document);
        request.parsed_query().unwrap();
        take_out(&mut request, &variables);
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        let answer = schema.execute(request.variables(variables)).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        answer.data.into_json().unwrap()["given"].clone()
    }

    #[tokio::test]
    async fn arguments_whose_variable_is_not_given_are_absent() {
        let document = "query ($first: Int, $last: Int, $size: Int) { given(first: $first, last: $last, size: $size) }";
        assert_eq!(check(document, json!({ "first": 2 })).await, "Some(2) None None 7 None");
        assert_eq!(check(document, json!({ "last": 3, "size": 4 })).await, "None Some(3) None 4 None");
        assert_eq!(check(document, json!({})).await, "None None None 7 None");
    }

    #[tokio::test]
    async fn fields_of_input_objects_are_absent_and_not_null() {
        let document = "query Q($word: String) { ...F } fragment F on Query { given(filter: { word: $word }) }";
        assert_eq!(check(document, json!({})).await, "None None Some(\"absent\") 7 None");
        assert_eq!(check(document, json!({ "word": null })).await, "None None Some(\"null\") 7 None");
    }

    #[tokio::test]
    async fn items_of_lists_are_null() {
        let document = "query ($word: String) { given(words: [\"a\", $word]) }";
        assert_eq!(check(document, json!({})).await, "None None None 7 Some([Some(\"a\"), None])");
    }

    #[tokio::test]
    async fn defaults_hold() {
        let document = "query ($first: Int = 5, $last: Int) { given(first: $first, last: $last) }";
        assert_eq!(check(document, json!({})).await, "Some(5) None None 7 None");
    }
}
