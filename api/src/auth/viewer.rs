//! The person or program behind a request, as its token tells.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock;

/// What a member may do in a workspace; a greater role includes the lesser ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Viewer,
    Editor,
    Admin,
}

impl Role {
    /// The name that tokens use: `viewer`, `editor` or `admin`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// The role of that exact name; names are lower case, and no other spelling is taken.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Editor, Self::Admin].into_iter().find(|role| role.name() == name)
    }
}

impl Viewer {
    /// How long the token is good yet.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        (self.expires_at - clock::now()).to_std().unwrap_or_default()
    }
}

/// The holder of a token that was verified. Made by [`Verifier`](super::Verifier); tests build it directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The token's `sub`: stable, never blank, at most 255 characters.
    pub subject: String,
    /// What to call them; for display alone.
    pub name: Option<String>,
    /// An Admin of the platform, who may do everything everywhere.
    pub is_admin: bool,
    /// The role in each workspace, by the workspace's name. Names may be of workspaces that Fairway does not know.
    pub memberships: BTreeMap<String, Role>,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

impl Viewer {
    /// The role in a workspace. An Admin of the platform has none there unless the token gives one.
    #[must_use]
    pub fn role_in(&self, workspace: &str) -> Option<Role> {
        self.memberships.get(workspace).copied()
    }

    /// Whether the token names them a member of the workspace, in any role.
    #[must_use]
    pub fn is_member(&self, workspace: &str) -> bool {
        self.memberships.contains_key(workspace)
    }

    /// Whether the token names them Admin of this workspace.
    #[must_use]
    pub fn is_workspace_admin(&self, workspace: &str) -> bool {
        self.role_in(workspace) == Some(Role::Admin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greater_roles_are_greater() {
        assert!(Role::Admin > Role::Editor && Role::Editor > Role::Viewer);
    }

    #[test]
    fn role_names_are_exact() {
        assert_eq!(Role::find("editor"), Some(Role::Editor));
        assert_eq!(Role::find("Editor"), None);
        assert_eq!(Role::find("owner"), None);
    }

    #[test]
    fn workspace_admin_is_per_workspace() {
        let viewer = Viewer {
            subject: "u-17".into(),
            name: None,
            is_admin: false,
            memberships: BTreeMap::from([("payments".into(), Role::Admin), ("shop".into(), Role::Viewer)]),
            expires_at: DateTime::UNIX_EPOCH,
        };
        assert!(viewer.is_workspace_admin("payments"));
        assert!(!viewer.is_workspace_admin("shop") && viewer.is_member("shop"));
        assert_eq!(viewer.role_in("Payments"), None);
    }
}
