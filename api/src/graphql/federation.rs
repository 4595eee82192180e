//! Federation: Fairway as one subgraph of a larger graph (Apollo Federation 2).
//!
//! The library's own `_entities` fails the whole list over one representation that leads nowhere, and tells of no
//! error which entity it is of. So `_entities` and `_service` are fields like any others here, and the library is
//! asked for nothing but the text of the subgraph. They are not in `schema.graphql`: clients have no use for them.

use std::borrow::Cow;
use std::sync::LazyLock;

use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaType, Registry as Types};
use async_graphql::{
    Any, Context, ContextSelectionSet, Object, OutputType, Positioned, SDLExportOptions, ServerResult, SimpleObject,
    Union, Value,
};
use futures_util::future::join_all;

use super::ContextExt;
use super::error::Result;
use super::id::NodeId;
use super::image::Image;
use super::namespace::Namespace;
use super::registry::Registry;
use super::space::Space;
use super::workspace::Workspace;
use crate::service::{self, Cx, Error};

/// What other subgraphs may refer to, and by what.
const KEYS: [(&str, &str); 8] = [
    ("Registry", "id"),
    ("Space", "id"),
    ("Workspace", "id"),
    ("Workspace", "name"),
    ("Namespace", "id"),
    ("Namespace", "cluster name"),
    ("Image", "id"),
    ("Image", "reference"),
];

/// Marks all acts, so that a contract of the larger graph can leave them out.
const ADMINISTRATION: &str = "administration";

/// Fields and types that are for gateways in front alone.
const GATEWAY_FIELDS: [&str; 2] = ["_entities", "_service"];
const GATEWAY_TYPES: [&str; 3] = ["_Any", "_Entity", "_Service"];

/// The subgraph, as gateways in front read it.
pub(super) fn subgraph() -> &'static str {
    static SDL: LazyLock<String> = LazyLock::new(|| {
        let options = SDLExportOptions::new().federation().sorted_fields().sorted_arguments().sorted_enum_items();
        super::builder().register_output_type::<Subgraph>().finish().sdl_with_options(options)
    });
    &SDL
}

/// An object that other subgraphs may refer to, and add fields to.
#[derive(Union)]
#[graphql(name = "_Entity")]
pub(super) enum Entity {
    Registry(Registry),
    Space(Space),
    Workspace(Workspace),
    Namespace(Namespace),
    Image(Image),
}

/// How a gateway in front learns what this graph is.
#[derive(SimpleObject)]
#[graphql(name = "_Service")]
pub(super) struct ServiceDescription {
    /// The subgraph, in the schema definition language of Apollo Federation 2.
    sdl: &'static str,
}

#[derive(Default)]
pub(super) struct EntityQuery;

#[Object]
impl EntityQuery {
    /// For gateways in front: the objects that these representations stand for, in the same order and number; null
    /// for each that stands for nothing, or for what you may not see.
    #[graphql(name = "_entities", complexity = "representations.len() * (1 + child_complexity)")]
    async fn entities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Each with `__typename` and the fields of one of the type's keys.")] representations: Vec<Any>,
    ) -> Vec<Option<Result<Entity>>> {
        let cx = ctx.cx();
        let found = representations
            .iter()
            .map(|Any(representation)| async move { find(cx, representation).await.map_err(Into::into).transpose() });
        join_all(found).await
    }

    /// For gateways in front: what this graph is.
    #[graphql(name = "_service")]
    async fn service(&self) -> ServiceDescription {
        ServiceDescription { sdl: subgraph() }
    }
}

async fn find(cx: &Cx, representation: &Value) -> std::result::Result<Option<Entity>, Error> {
    let Value::Object(fields) = representation else { return Ok(None) };
    let text = |name| match fields.get(name) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    Ok(match (text("__typename"), fields.contains_key("id"), text("id").and_then(NodeId::parse)) {
        (Some("Registry"), _, Some(NodeId::Registry(id))) => {
            service::registry::find(cx, id).await?.map(|found| Registry(found).into())
        }
        (Some("Space"), _, Some(NodeId::Space(id))) => {
            service::space::find(cx, id).await?.map(|found| Space(found).into())
        }
        (Some("Workspace"), _, Some(NodeId::Workspace(id))) => {
            service::workspace::find(cx, id).await?.map(|found| Workspace(found).into())
        }
        (Some("Namespace"), _, Some(NodeId::Namespace(id))) => {
            service::namespace::find(cx, id).await?.map(|found| Namespace(found).into())
        }
        (Some("Image"), _, Some(NodeId::Image { space, repository })) => {
            service::image::find(cx, space, &repository).await?.map(|found| Image(found).into())
        }
        (Some("Workspace"), false, None) => match text("name") {
            Some(name) => service::workspace::find_by_name(cx, name).await?.map(|found| Workspace(found).into()),
            None => None,
        },
        (Some("Namespace"), false, None) => match (text("cluster"), text("name")) {
            (Some(cluster), Some(name)) => match service::name::NamespaceKey::parse(cluster, name) {
                Ok(key) => service::namespace::find_by_key(cx, &key).await?.map(|found| Namespace(found).into()),
                Err(_) => None,
            },
            _ => None,
        },
        (Some("Image"), false, None) => match text("reference") {
            Some(name) => service::image::find_by_reference(cx, name).await?.map(|found| Image(found).into()),
            None => None,
        },
        _ => None,
    })
}

/// Registered with a schema, it adds what only the text of the subgraph has.
struct Subgraph;

/// Registered with a schema, it takes out what clients have no use for.
pub(super) struct ForClients;

impl Subgraph {
    fn add_to(types: &mut Types) {
        for (name, key) in KEYS {
            types.add_keys(name, key);
        }
        types.federation_subscription = true;
        if let Some(MetaType::Object { fields, .. }) = types.types.get_mut("Mutation") {
            for field in fields.values_mut() {
                field.tags.push(ADMINISTRATION.to_owned());
            }
        }
    }
}

impl ForClients {
    fn take_out_of(types: &mut Types) {
        if let Some(MetaType::Object { fields, .. }) = types.types.get_mut("Query") {
            fields.retain(|name, _| !GATEWAY_FIELDS.contains(&name.as_str()));
        }
        types.types.retain(|name, _| !GATEWAY_TYPES.contains(&name.as_str()));
    }
}

/// The library lets nobody change the types of a schema but types that are registered with it.
macro_rules! changes_types {
    ($change:ty, $apply:path) => {
        impl OutputType for $change {
            fn type_name() -> Cow<'static, str> {
                stringify!($change).into()
            }

            fn create_type_info(types: &mut Types) -> String {
                $apply(types);
                stringify!($change).to_owned()
            }

            async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
                Ok(Value::Null)
            }
        }
    };
}

changes_types!(Subgraph, Subgraph::add_to);
changes_types!(ForClients, ForClients::take_out_of);
