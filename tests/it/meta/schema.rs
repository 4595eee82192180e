//! The schema: written down as it is, described throughout, and true to what clients were promised.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, InputValueDefinition, ServiceDocument, TypeDefinition, TypeKind, TypeSystemDefinition},
};
use tests::program;

use super::workspace;

/// What clients were promised. A field that is shipped gets its line here, and none of them may change or go.
const CONTRACT: &str = include_str!("contract.graphql");

fn committed() -> String {
    std::fs::read_to_string(workspace("schema.graphql")).expect("schema.graphql stands at the root")
}

/// The types of a schema, by name.
fn types(sdl: &str) -> BTreeMap<String, TypeDefinition> {
    let document: ServiceDocument = parse_schema(sdl).expect("a schema can be parsed");
    let definitions = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    });
    definitions.collect()
}

fn fields(definition: &TypeDefinition) -> Vec<&FieldDefinition> {
    match &definition.kind {
        TypeKind::Object(object) => object.fields.iter().map(|field| &field.node).collect(),
        TypeKind::Interface(interface) => interface.fields.iter().map(|field| &field.node).collect(),
        TypeKind::Scalar | TypeKind::Union(_) | TypeKind::Enum(_) | TypeKind::InputObject(_) => Vec::new(),
    }
}

fn inputs(definition: &TypeDefinition) -> Vec<&InputValueDefinition> {
    match &definition.kind {
        TypeKind::InputObject(input) => input.fields.iter().map(|field| &field.node).collect(),
        _ => Vec::new(),
    }
}

/// Every promise and every fact as a line: `Type.field(argument)` and what it is.
fn lines(types: &BTreeMap<String, TypeDefinition>) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let value = |input: &InputValueDefinition| match &input.default_value {
        Some(default) => format!("{} = {}", input.ty.node, default.node),
        None => input.ty.node.to_string(),
    };
    for (name, definition) in types {
        let kind = match &definition.kind {
            TypeKind::Scalar => "scalar".to_owned(),
            TypeKind::Object(object) => {
                let mut implements: Vec<&str> = object.implements.iter().map(|name| name.node.as_str()).collect();
                implements.sort_unstable();
                format!("type {}", implements.join(" & ")).trim_end().to_owned()
            }
            TypeKind::Interface(_) => "interface".to_owned(),
            TypeKind::Union(_) => "union".to_owned(),
            TypeKind::Enum(values) => {
                for value in &values.values {
                    lines.insert(format!("{name}.{}", value.node.value.node), "value".to_owned());
                }
                "enum".to_owned()
            }
            TypeKind::InputObject(_) => "input".to_owned(),
        };
        lines.insert(name.clone(), kind);
        for field in fields(definition) {
            lines.insert(format!("{name}.{}", field.name.node), field.ty.node.to_string());
            for argument in &field.arguments {
                let path = format!("{name}.{}({})", field.name.node, argument.node.name.node);
                lines.insert(path, value(&argument.node));
            }
        }
        for input in inputs(definition) {
            lines.insert(format!("{name}.{}", input.name.node), value(input));
        }
    }
    lines
}

#[test]
fn the_schema_is_written_down_as_it_is() {
    let output = program::run(&["schema"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let is_current = String::from_utf8_lossy(&output.stdout) == committed();
    assert!(is_current, "schema.graphql is stale; run `cargo run -- schema > schema.graphql`");
}

#[test]
fn nothing_that_was_promised_changes_or_goes() {
    let shipped = lines(&types(&committed()));
    let broken: Vec<String> = lines(&types(CONTRACT))
        .into_iter()
        .filter(|(path, promised)| shipped.get(path) != Some(promised))
        .map(|(path, promised)| match shipped.get(&path) {
            Some(now) => format!("`{path}` was promised as `{promised}` and is `{now}`"),
            None => format!("`{path}` was promised and is gone"),
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_is_added_to_inputs_can_be_left_out() {
    let promised = types(CONTRACT);
    let mut wrong = Vec::new();
    for (name, definition) in types(&committed()) {
        let Some(before) = promised.get(&name) else { continue };
        let is_needed = |input: &InputValueDefinition| !input.ty.node.nullable && input.default_value.is_none();
        let known: Vec<&str> = inputs(before).iter().map(|input| input.name.node.as_str()).collect();
        for input in inputs(&definition) {
            if !known.contains(&input.name.node.as_str()) && is_needed(input) {
                wrong.push(format!("{name}.{}", input.name.node));
            }
        }
        for field in fields(&definition) {
            let Some(before) = fields(before).into_iter().find(|before| before.name == field.name) else { continue };
            for argument in &field.arguments {
                let is_known = before.arguments.iter().any(|before| before.node.name == argument.node.name);
                if !is_known && is_needed(&argument.node) {
                    wrong.push(format!("{name}.{}({})", field.name.node, argument.node.name.node));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "clients do not know of these, and cannot leave them out: {wrong:?}");
}

#[test]
fn everything_is_described() {
    let mut bare = Vec::new();
    let mut check = |path: String, description: Option<&str>| {
        if description.is_none_or(|text| text.trim().is_empty()) {
            bare.push(path);
        }
    };
    for (name, definition) in types(&committed()) {
        check(name.clone(), definition.description.as_ref().map(|text| text.node.as_str()));
        for field in fields(&definition) {
            let path = format!("{name}.{}", field.name.node);
            check(path.clone(), field.description.as_ref().map(|text| text.node.as_str()));
            for argument in &field.arguments {
                let argument = &argument.node;
                let path = format!("{path}({})", argument.name.node);
                check(path, argument.description.as_ref().map(|text| text.node.as_str()));
            }
        }
        for input in inputs(&definition) {
            let path = format!("{name}.{}", input.name.node);
            check(path, input.description.as_ref().map(|text| text.node.as_str()));
        }
        if let TypeKind::Enum(values) = &definition.kind {
            for value in &values.values {
                let path = format!("{name}.{}", value.node.value.node);
                check(path, value.node.description.as_ref().map(|text| text.node.as_str()));
            }
        }
    }
    assert!(bare.is_empty(), "without a description: {}", bare.join(", "));
}

#[test]
fn every_connection_has_the_same_shape() {
    let lines = lines(&types(&committed()));
    let connections: Vec<&str> = lines
        .keys()
        .filter_map(|path| path.strip_suffix("Connection"))
        // Not the fields and mutations of such a name.
        .filter(|name| !name.contains('.'))
        .collect();
    assert!(connections.len() > 5, "{connections:?}");
    for name in connections {
        let field = |field: &str| lines.get(&format!("{name}Connection.{field}")).map(String::as_str);
        assert_eq!(field("edges"), Some(format!("[{name}Edge!]!").as_str()), "{name}");
        let node = lines.get(&format!("{name}Edge.node")).map(String::as_str).unwrap_or_default();
        assert_eq!(field("nodes"), Some(format!("[{node}]!").as_str()), "{name}");
        assert_eq!(field("pageInfo"), Some("PageInfo!"), "{name}");
        assert_eq!(field("totalCount"), Some("Int!"), "{name}");
        assert_eq!(lines.get(&format!("{name}Edge.cursor")).map(String::as_str), Some("String!"), "{name}");
    }
}

#[test]
fn every_mutation_takes_one_input_and_gives_a_payload_of_its_name() {
    let types = types(&committed());
    for mutation in fields(&types["Mutation"]) {
        let name = mutation.name.node.as_str();
        let pascal = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        assert_eq!(mutation.ty.node.to_string(), format!("{pascal}Payload!"), "{name}");
        let arguments: Vec<String> = mutation
            .arguments
            .iter()
            .map(|argument| format!("{}: {}", argument.node.name.node, argument.node.ty.node))
            .collect();
        assert_eq!(arguments, [format!("input: {pascal}Input!")], "{name}");
    }
}
