//! The fields that there are, as the schema says, and how each is asked about.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{FieldDefinition, TypeDefinition, TypeKind, TypeSystemDefinition};

/// The types of `schema.graphql`.
pub(super) struct Graph {
    types: BTreeMap<String, TypeDefinition>,
}

/// A field as it is asked about.
pub(super) struct Field {
    pub(super) name: String,
    /// With what it needs: `artifact(reference: "1.0") { __typename }`.
    pub(super) document: String,
}

impl Graph {
    pub(super) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema.graphql");
        let sdl = std::fs::read_to_string(path).expect("schema.graphql stands at the root");
        let definitions = parse_schema(sdl).expect("the schema can be parsed").definitions;
        let types = definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node)),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        });
        Self { types: types.collect() }
    }

    /// The names of all object types.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        self.types.iter().filter(|(_, ty)| matches!(ty.kind, TypeKind::Object(_))).map(|(name, _)| name.as_str())
    }

    /// The names of an object type's fields.
    pub(super) fn names(&self, ty: &str) -> impl Iterator<Item = &str> {
        self.definitions(ty).map(|field| field.name.node.as_str())
    }

    /// The fields of an object type.
    pub(super) fn fields(&self, ty: &str) -> Vec<Field> {
        let document = |field: &FieldDefinition| {
            let name = &field.name.node;
            format!("{name}{}{}", arguments(ty, field), self.selection(field))
        };
        self.definitions(ty)
            .map(|field| Field { name: field.name.node.to_string(), document: document(field) })
            .collect()
    }

    /// A mutation that asks for everything its payload has.
    pub(super) fn mutation(&self, name: &str) -> String {
        let pascal = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        let payload: String =
            self.fields(&format!("{pascal}Payload")).into_iter().map(|field| field.document + " ").collect();
        format!("mutation ($input: {pascal}Input!) {{ {name}(input: $input) {{ {payload} }} }}")
    }

    fn definitions(&self, ty: &str) -> impl Iterator<Item = &FieldDefinition> {
        let Some(TypeKind::Object(object)) = self.types.get(ty).map(|ty| &ty.kind) else {
            panic!("no object type is called {ty}")
        };
        object.fields.iter().map(|field| &field.node)
    }

    /// A connection is asked how long it is; of another thing it is enough that it is there.
    fn selection(&self, field: &FieldDefinition) -> &'static str {
        let ty = field.ty.node.to_string();
        let name = ty.trim_matches(['[', ']', '!']);
        match self.types.get(name).map(|ty| &ty.kind) {
            Some(TypeKind::Object(_)) if name.ends_with("Connection") => " { totalCount }",
            Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_)) => " { __typename }",
            _ => "",
        }
    }
}

/// What a field cannot be asked without.
fn arguments(ty: &str, field: &FieldDefinition) -> &'static str {
    let is_needed =
        field.arguments.iter().any(|argument| !argument.node.ty.node.nullable && argument.node.default_value.is_none());
    match (ty, field.name.node.as_str()) {
        ("Image", "artifact") => "(reference: \"1.0\")",
        (ty, name) if is_needed => panic!("{ty}.{name} needs arguments: say here which"),
        _ => "",
    }
}
