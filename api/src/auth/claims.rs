//! Where in a token's claims the rights stand, and how they are read. Identity providers differ here more than anywhere.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;
use tracing::debug;

use super::Role;

/// Where the rights stand: JSON pointers (RFC 6901) into the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The claim that makes an Admin: when it is `true`, equals `admin_value`, or is a list that holds it.
    pub admin: String,
    pub admin_value: String,
    /// An object of workspace name → role, or a list of `/workspace/role`.
    pub workspaces: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { admin: "/roles".to_owned(), admin_value: "admin".to_owned(), workspaces: "/workspaces".to_owned() }
    }
}

/// A claim's name that is no JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a JSON pointer to a claim, such as `/roles` or `/realm_access/roles`")]
pub struct ClaimNamesError;

impl ClaimNames {
    /// Checks that a text is a JSON pointer to something inside the claims.
    pub fn check(pointer: &str) -> Result<(), ClaimNamesError> {
        if pointer.starts_with('/') && pointer.len() > 1 { Ok(()) } else { Err(ClaimNamesError) }
    }

    pub(super) fn is_admin(&self, claims: &Value) -> bool {
        match claims.pointer(&self.admin) {
            Some(Value::Bool(is_admin)) => *is_admin,
            Some(Value::String(value)) => *value == self.admin_value,
            Some(Value::Array(values)) => values.iter().any(|value| value.as_str() == Some(&self.admin_value)),
            _ => false,
        }
    }

    /// The roles that the claims give. What is not understood gives no right, and is no reason to refuse the rest: a list of
    /// groups holds much that is none of Fairway's business.
    pub(super) fn memberships(&self, claims: &Value) -> BTreeMap<String, Role> {
        let mut memberships = BTreeMap::new();
        let mut add = |workspace: &str, role: &str| match Role::find(role) {
            Some(role) if !workspace.is_empty() => {
                let held = memberships.entry(workspace.to_owned()).or_insert(role);
                *held = role.max(*held);
            }
            _ => debug!(workspace.name = workspace, "Ignored a membership with a role that is not known"),
        };
        match claims.pointer(&self.workspaces) {
            Some(Value::Object(workspaces)) => {
                for (workspace, role) in workspaces {
                    add(workspace, role.as_str().unwrap_or_default());
                }
            }
            Some(Value::Array(groups)) => {
                for group in groups.iter().filter_map(Value::as_str) {
                    if let Some((workspace, role)) = group.strip_prefix('/').and_then(|path| path.split_once('/')) {
                        add(workspace, role);
                    }
                }
            }
            _ => {}
        }
        memberships
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admin(claims: Value) -> bool {
        ClaimNames::default().is_admin(&claims)
    }

    fn memberships(workspaces: Value) -> Vec<(String, Role)> {
        ClaimNames::default().memberships(&json!({ "workspaces": workspaces })).into_iter().collect()
    }

    #[test]
    fn admin_is_true_or_the_value() {
        assert!(admin(json!({ "roles": ["dev", "admin"] })));
        assert!(admin(json!({ "roles": true })));
        assert!(admin(json!({ "roles": "admin" })));
        assert!(!admin(json!({ "roles": "administrator" })));
        assert!(!admin(json!({ "roles": ["Admin", "/admin", ["admin"]] })));
        assert!(!admin(json!({ "roles": { "admin": true } })));
        assert!(!admin(json!({ "roles": 1 })));
        assert!(!admin(json!({})));
    }

    #[test]
    fn claims_may_stand_deeper() {
        let names = ClaimNames {
            admin: "/realm_access/roles".into(),
            admin_value: "fairway-admin".into(),
            workspaces: "/https:~1~1id.example~1groups".into(),
        };
        let claims = json!({
            "realm_access": { "roles": ["fairway-admin"] },
            "https://id.example/groups": ["/payments/editor"],
        });
        assert!(names.is_admin(&claims));
        assert_eq!(names.memberships(&claims), BTreeMap::from([("payments".into(), Role::Editor)]));
    }

    #[test]
    fn memberships_come_as_object_or_list() {
        let both = [("payments".into(), Role::Admin), ("shop".into(), Role::Viewer)];
        assert_eq!(memberships(json!({ "payments": "admin", "shop": "viewer" })), both);
        assert_eq!(memberships(json!(["/payments/admin", "/shop/viewer"])), both);
    }

    #[test]
    fn what_is_not_understood_gives_nothing() {
        assert_eq!(memberships(json!({ "payments": "owner", "shop": ["admin"], "": "admin" })), []);
        assert_eq!(
            memberships(json!(["payments/admin", "/payments/admin/x", "/payments", "//admin", 7, "/p/Admin"])),
            []
        );
        assert_eq!(memberships(json!("/payments/admin")), []);
    }

    #[test]
    fn the_greater_of_two_roles_counts() {
        assert_eq!(memberships(json!(["/shop/editor", "/shop/admin", "/shop/viewer"])), [("shop".into(), Role::Admin)]);
    }

    #[test]
    fn names_are_pointers() {
        assert!(ClaimNames::check("/realm_access/roles").is_ok());
        assert!(ClaimNames::check("roles").is_err());
        assert!(ClaimNames::check("/").is_err());
    }
}
