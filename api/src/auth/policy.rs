//! Who may do what: one pure table.
//!
//! The table answers for a kind of action in a scope. Whether a thing exists, and whether the viewer may see it at all, is
//! asked first and elsewhere: what one may not see is not found, what one sees but may not do is forbidden.

use super::Viewer;

/// What may be done. Read actions stand here too where not everybody who sees a thing may read all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Address, account, health cause, synchronization and overview of a registry.
    ReadRegistrySettings,
    IntegrateRegistry,
    UpdateRegistry,
    RemoveRegistry,
    RefreshRegistry,
    TestConnection,
    CreateSpace,
    SetSpacePublic,
    DeleteSpace,
    /// Bind or unbind a space.
    BindSpace,
    /// Create, update or delete workspaces.
    ManageWorkspaces,
    /// Bind a free namespace.
    BindNamespace,
    UnbindNamespace,
    /// Take a namespace from another workspace.
    MoveNamespace,
    /// See what binding, unbinding, opening or closing spaces would change for all namespaces.
    PreviewAccess,
    /// Selector, image details and explanations beyond the PUBLIC part.
    ReadSelector,
    /// Events of the audit trail.
    ReadAudit,
}

/// Where it is done: with what belongs to the whole platform, or to the one workspace of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    Platform,
    Workspace(&'a str),
}

/// Whether the viewer may do this there.
#[must_use]
pub fn may(viewer: &Viewer, action: Action, scope: Scope<'_>) -> bool {
    let row = TABLE.iter().find(|row| row.0 == action).expect("a test sees to it that every action has a row");
    match scope {
        Scope::Platform => match row.1 {
            Who::Everybody => true,
            Who::Admin => viewer.is_admin,
            // Nobody is a member of the platform.
            Who::Nobody | Who::WorkspaceAdmin | Who::Member => false,
        },
        Scope::Workspace(workspace) => match row.2 {
            Who::Nobody => false,
            Who::Admin => viewer.is_admin,
            Who::WorkspaceAdmin => viewer.is_admin || viewer.is_workspace_admin(workspace),
            Who::Member => viewer.is_admin || viewer.is_member(workspace),
            Who::Everybody => true,
        },
    }
}

/// Each includes the ones before it, but for `Nobody`, who may be no one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Admin,
    WorkspaceAdmin,
    Member,
    /// With a valid token.
    Everybody,
}

/// Action, who may at PLATFORM scope, who may in a workspace.
#[rustfmt::skip]
const TABLE: [(Action, Who, Who); 17] = [
    (Action::ReadRegistrySettings, Who::Admin,     Who::Member),
    (Action::IntegrateRegistry,    Who::Admin,     Who::WorkspaceAdmin),
    (Action::UpdateRegistry,       Who::Admin,     Who::WorkspaceAdmin),
    (Action::RemoveRegistry,       Who::Admin,     Who::WorkspaceAdmin),
    (Action::RefreshRegistry,      Who::Admin,     Who::WorkspaceAdmin),
    (Action::TestConnection,       Who::Admin,     Who::WorkspaceAdmin),
    (Action::CreateSpace,          Who::Admin,     Who::WorkspaceAdmin),
    (Action::SetSpacePublic,       Who::Admin,     Who::WorkspaceAdmin),
    (Action::DeleteSpace,          Who::Admin,     Who::WorkspaceAdmin),
    // A space of a workspace's registry reaches that workspace already, and no other.
    (Action::BindSpace,            Who::Admin,     Who::Nobody),
    (Action::ManageWorkspaces,     Who::Admin,     Who::Admin),
    (Action::BindNamespace,        Who::Admin,     Who::WorkspaceAdmin),
    (Action::UnbindNamespace,      Who::Admin,     Who::WorkspaceAdmin),
    (Action::MoveNamespace,        Who::Admin,     Who::Admin),
    (Action::PreviewAccess,        Who::Admin,     Who::Admin),
    // At PLATFORM scope: a namespace without a workspace, whose selector is the PUBLIC part.
    (Action::ReadSelector,         Who::Everybody, Who::Member),
    (Action::ReadAudit,            Who::Admin,     Who::WorkspaceAdmin),
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Write};

    use chrono::DateTime;

    use super::*;
    use crate::auth::Role;

    fn viewer(is_admin: bool, memberships: &[(&str, Role)]) -> Viewer {
        Viewer {
            subject: "u-17".into(),
            name: None,
            is_admin,
            memberships: memberships.iter().map(|(name, role)| ((*name).into(), *role)).collect::<BTreeMap<_, _>>(),
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    /// The compiler names this function when an action is added: give it a row in the table, and count it here.
    fn ordinal(action: Action) -> usize {
        match action {
            Action::ReadRegistrySettings => 0,
            Action::IntegrateRegistry => 1,
            Action::UpdateRegistry => 2,
            Action::RemoveRegistry => 3,
            Action::RefreshRegistry => 4,
            Action::TestConnection => 5,
            Action::CreateSpace => 6,
            Action::SetSpacePublic => 7,
            Action::DeleteSpace => 8,
            Action::BindSpace => 9,
            Action::ManageWorkspaces => 10,
            Action::BindNamespace => 11,
            Action::UnbindNamespace => 12,
            Action::MoveNamespace => 13,
            Action::PreviewAccess => 14,
            Action::ReadSelector => 15,
            Action::ReadAudit => 16,
        }
    }

    #[test]
    fn every_action_has_its_row() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(ordinal(row.0), index, "{:?}", row.0);
        }
    }

    #[test]
    fn the_whole_matrix() {
        let viewers = [
            viewer(true, &[]),
            viewer(false, &[("payments", Role::Admin)]),
            viewer(false, &[("payments", Role::Editor)]),
            viewer(false, &[("payments", Role::Viewer)]),
            viewer(false, &[("shop", Role::Admin)]),
            viewer(false, &[]),
        ];
        let columns = ["Admin", "its admin", "its editor", "its viewer", "other admin", "none"];
        let mut matrix = format!("{:<22}", "PLATFORM|`payments`");
        for column in columns {
            write!(matrix, "{column:>12}").unwrap();
        }
        matrix.push('\n');
        for (action, _, _) in TABLE {
            write!(matrix, "{:<22}", format!("{action:?}")).unwrap();
            for viewer in &viewers {
                let mark = |scope| {
                    if may(viewer, action, scope) { "yes" } else { "-" }
                };
                let cell = format!("{}|{}", mark(Scope::Platform), mark(Scope::Workspace("payments")));
                write!(matrix, "{cell:>12}").unwrap();
            }
            matrix.push('\n');
        }
        insta::assert_snapshot!(matrix, @r"
        PLATFORM|`payments`          Admin   its admin  its editor  its viewer other admin        none
        ReadRegistrySettings       yes|yes       -|yes       -|yes       -|yes         -|-         -|-
        IntegrateRegistry          yes|yes       -|yes         -|-         -|-         -|-         -|-
        UpdateRegistry             yes|yes       -|yes         -|-         -|-         -|-         -|-
        RemoveRegistry             yes|yes       -|yes         -|-         -|-         -|-         -|-
        RefreshRegistry            yes|yes       -|yes         -|-         -|-         -|-         -|-
        TestConnection             yes|yes       -|yes         -|-         -|-         -|-         -|-
        CreateSpace                yes|yes       -|yes         -|-         -|-         -|-         -|-
        SetSpacePublic             yes|yes       -|yes         -|-         -|-         -|-         -|-
        DeleteSpace                yes|yes       -|yes         -|-         -|-         -|-         -|-
        BindSpace                    yes|-         -|-         -|-         -|-         -|-         -|-
        ManageWorkspaces           yes|yes         -|-         -|-         -|-         -|-         -|-
        BindNamespace              yes|yes       -|yes         -|-         -|-         -|-         -|-
        UnbindNamespace            yes|yes       -|yes         -|-         -|-         -|-         -|-
        MoveNamespace              yes|yes         -|-         -|-         -|-         -|-         -|-
        PreviewAccess              yes|yes         -|-         -|-         -|-         -|-         -|-
        ReadSelector               yes|yes     yes|yes     yes|yes     yes|yes       yes|-       yes|-
        ReadAudit                  yes|yes       -|yes         -|-         -|-         -|-         -|-
        ");
    }
}
