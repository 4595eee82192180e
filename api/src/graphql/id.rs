//! Global ids: opaque to clients, typed, checked when parsed, stable for ever.
//!
//! Base64url of one byte for the type and the key that never changes: a UUID, or for an image the space's UUID and
//! the path in it, so that an image keeps its id when Fairway forgets and finds it again.

use ::entity::registry::Kind;
use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::service::Error;
use crate::service::audit::{Named, Target, Thing};

/// What a global id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeId {
    Registry(Uuid),
    Space(Uuid),
    Binding(Uuid),
    Workspace(Uuid),
    Namespace(Uuid),
    Image { space: Uuid, repository: String },
    AuditEvent(Uuid),
}

impl NodeId {
    /// None for what Fairway never gave out.
    pub(super) fn parse(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (kind, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_at_checked(16)?;
        let key = Uuid::from_slice(key).ok()?;
        match (kind, rest) {
            (b'r', []) => Some(Self::Registry(key)),
            (b's', []) => Some(Self::Space(key)),
            (b'b', []) => Some(Self::Binding(key)),
            (b'w', []) => Some(Self::Workspace(key)),
            (b'n', []) => Some(Self::Namespace(key)),
            (b'a', []) => Some(Self::AuditEvent(key)),
            (b'i', [_, ..]) => Some(Self::Image { space: key, repository: String::from_utf8(rest.to_vec()).ok()? }),
            _ => None,
        }
    }

    pub(super) fn encode(&self) -> ID {
        let (kind, key, rest) = match self {
            Self::Registry(key) => (b'r', key, ""),
            Self::Space(key) => (b's', key, ""),
            Self::Binding(key) => (b'b', key, ""),
            Self::Workspace(key) => (b'w', key, ""),
            Self::Namespace(key) => (b'n', key, ""),
            Self::AuditEvent(key) => (b'a', key, ""),
            Self::Image { space, repository } => (b'i', space, repository.as_str()),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(rest.as_bytes());
        ID(URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The key of a registry's id that came by another way than the graph, as in the address of a webhook.
pub fn registry_key(id: &str) -> Option<Uuid> {
    match NodeId::parse(id) {
        Some(NodeId::Registry(key)) => Some(key),
        _ => None,
    }
}

/// The key of a registry's id that was given as `field`.
pub(super) fn registry(id: &ID, field: &'static str) -> Result<Uuid, Error> {
    match NodeId::parse(id) {
        Some(NodeId::Registry(key)) => Ok(key),
        _ => Err(wrong("a registry", field)),
    }
}

/// Where a registry's notifications come in: what it is given behind Fairway's own address.
pub fn webhook_path(kind: Kind, registry: Uuid) -> String {
    let product = match kind {
        Kind::Harbor => "harbor",
        Kind::DockerRegistry => "docker",
    };
    format!("/webhooks/{product}/{}", NodeId::Registry(registry).encode().as_str())
}

/// The key of a space's id that was given as `field`.
pub(super) fn space(id: &ID, field: &'static str) -> Result<Uuid, Error> {
    match NodeId::parse(id) {
        Some(NodeId::Space(key)) => Ok(key),
        _ => Err(wrong("a registry space", field)),
    }
}

/// The key of a workspace's id that was given as `field`.
pub(super) fn workspace(id: &ID, field: &'static str) -> Result<Uuid, Error> {
    match NodeId::parse(id) {
        Some(NodeId::Workspace(key)) => Ok(key),
        _ => Err(wrong("a workspace", field)),
    }
}

/// What an act was asked to be about, whether or not there is such a thing.
pub(super) fn named(id: &ID) -> Named {
    let thing = match NodeId::parse(id) {
        Some(NodeId::Registry(key)) => Some(Thing::Registry(key)),
        Some(NodeId::Space(key)) => Some(Thing::Space(key)),
        Some(NodeId::Workspace(key)) => Some(Thing::Workspace(key)),
        // No act is about these by their ids.
        Some(NodeId::Namespace(_) | NodeId::Binding(_) | NodeId::Image { .. } | NodeId::AuditEvent(_)) | None => None,
    };
    Named::thing(thing, id)
}

impl From<Target> for NodeId {
    fn from(target: Target) -> Self {
        match target {
            Target::Registry(key) => Self::Registry(key),
            Target::Space(key) => Self::Space(key),
            Target::Workspace(key) => Self::Workspace(key),
            Target::Namespace(key) => Self::Namespace(key),
        }
    }
}

impl NodeId {
    /// What events can be about.
    pub(super) fn target(&self) -> Option<Target> {
        match self {
            Self::Registry(key) => Some(Target::Registry(*key)),
            Self::Space(key) => Some(Target::Space(*key)),
            Self::Workspace(key) => Some(Target::Workspace(*key)),
            Self::Namespace(key) => Some(Target::Namespace(*key)),
            Self::Binding(_) | Self::Image { .. } | Self::AuditEvent(_) => None,
        }
    }
}

/// All of them, or the first that is wrong.
pub(super) fn all(
    ids: &[ID],
    field: &'static str,
    parse: fn(&ID, &'static str) -> Result<Uuid, Error>,
) -> Result<Vec<Uuid>, Error> {
    ids.iter().map(|id| parse(id, field)).collect()
}

fn wrong(what: &str, field: &'static str) -> Error {
    Error::invalid(field, format!("this is not the id of {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_what_they_were() {
        let key = Uuid::from_u128(7);
        for id in [
            NodeId::Registry(key),
            NodeId::Space(key),
            NodeId::Binding(key),
            NodeId::Workspace(key),
            NodeId::Namespace(key),
            NodeId::AuditEvent(key),
            NodeId::Image { space: key, repository: "team/app".into() },
        ] {
            assert_eq!(NodeId::parse(&id.encode()), Some(id));
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        let image_without_path = URL_SAFE_NO_PAD.encode([&b"i"[..], &[0; 16]].concat());
        let space_with_path = URL_SAFE_NO_PAD.encode([&b"s"[..], &[0; 17]].concat());
        for text in ["", "1", "registry", "ä", "cg==", &image_without_path, &space_with_path] {
            assert_eq!(NodeId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_of_another_type_is_the_fault_of_its_field() {
        let id = NodeId::Workspace(Uuid::nil()).encode();
        assert!(matches!(space(&id, "spaceId"), Err(Error::Invalid { field: "spaceId", .. })));
    }
}
