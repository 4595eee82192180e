//! The rows of one table: by id, in order, and by what they belong to.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::entity::{namespace, registry, space, space_binding, workspace};
use uuid::Uuid;

/// A row that is kept in memory.
pub trait Row {
    fn id(&self) -> Uuid;
    /// The order of lists: registries, spaces and workspaces by name, namespaces by cluster and name, bindings by time of
    /// making.
    fn order(&self, other: &Self) -> Ordering;
    /// What it belongs to.
    fn owners(&self) -> [Option<Uuid>; 2] {
        [None, None]
    }
}

/// The rows of one table.
pub struct Index<T> {
    by_id: HashMap<Uuid, Arc<T>>,
    ordered: Vec<Arc<T>>,
    /// Each list in the order of all.
    by_owner: HashMap<Uuid, Vec<Arc<T>>>,
}

impl<T> Index<T> {
    pub fn find(&self, id: Uuid) -> Option<&Arc<T>> {
        self.by_id.get(&id)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Arc<T>> {
        self.ordered.iter()
    }

    /// The rows that belong to `owner`, in order.
    pub(super) fn of(&self, owner: Uuid) -> &[Arc<T>] {
        self.by_owner.get(&owner).map_or(&[], Vec::as_slice)
    }
}

impl<T: Row> Index<T> {
    pub(super) fn new(rows: Vec<T>) -> Self {
        Self::of_sorted({
            let mut rows: Vec<Arc<T>> = rows.into_iter().map(Arc::new).collect();
            rows.sort_by(|a, b| a.order(b));
            rows
        })
    }

    /// These rows with `changed` in the place of what has their ids, and without those that are `gone`.
    pub(super) fn advanced(&self, changed: Vec<T>, gone: &HashSet<Uuid>) -> Self {
        let mut changed: Vec<Arc<T>> = changed.into_iter().map(Arc::new).collect();
        changed.sort_by(|a, b| a.order(b));
        let replaced: HashSet<Uuid> = changed.iter().map(|row| row.id()).collect();
        let stays = |row: &&Arc<T>| !replaced.contains(&row.id()) && !gone.contains(&row.id());
        let mut changed = changed.into_iter().peekable();
        let mut rows = Vec::with_capacity(self.ordered.len() + changed.len());
        for row in self.ordered.iter().filter(stays) {
            while let Some(next) = changed.next_if(|next| next.order(row).is_lt()) {
                rows.push(next);
            }
            rows.push(row.clone());
        }
        rows.extend(changed);
        Self::of_sorted(rows)
    }

    fn of_sorted(ordered: Vec<Arc<T>>) -> Self {
        let by_id = ordered.iter().map(|row| (row.id(), row.clone())).collect();
        let mut by_owner: HashMap<Uuid, Vec<Arc<T>>> = HashMap::new();
        for row in &ordered {
            for owner in row.owners().into_iter().flatten() {
                by_owner.entry(owner).or_default().push(row.clone());
            }
        }
        Self { by_id, ordered, by_owner }
    }
}

impl Row for registry::Model {
    fn id(&self) -> Uuid {
        self.id
    }

    fn order(&self, other: &Self) -> Ordering {
        (&self.name_key, self.id).cmp(&(&other.name_key, other.id))
    }

    fn owners(&self) -> [Option<Uuid>; 2] {
        [self.workspace_id, None]
    }
}

impl Row for space::Model {
    fn id(&self) -> Uuid {
        self.id
    }

    fn order(&self, other: &Self) -> Ordering {
        (&self.name, self.id).cmp(&(&other.name, other.id))
    }

    fn owners(&self) -> [Option<Uuid>; 2] {
        [Some(self.registry_id), None]
    }
}

impl Row for space_binding::Model {
    fn id(&self) -> Uuid {
        self.id
    }

    fn order(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }

    fn owners(&self) -> [Option<Uuid>; 2] {
        [Some(self.space_id), Some(self.workspace_id)]
    }
}

impl Row for workspace::Model {
    fn id(&self) -> Uuid {
        self.id
    }

    fn order(&self, other: &Self) -> Ordering {
        (&self.name_key, self.id).cmp(&(&other.name_key, other.id))
    }
}

impl Row for namespace::Model {
    fn id(&self) -> Uuid {
        self.id
    }

    fn order(&self, other: &Self) -> Ordering {
        (&self.cluster_key, &self.name).cmp(&(&other.cluster_key, &other.name))
    }

    fn owners(&self) -> [Option<Uuid>; 2] {
        [self.workspace_id, None]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(id: u128, name: &str, workspace: Option<u128>) -> namespace::Model {
        namespace::Model {
            id: Uuid::from_u128(id),
            cluster: "default".into(),
            cluster_key: "default".into(),
            name: name.into(),
            workspace_id: workspace.map(Uuid::from_u128),
            version: 1,
        }
    }

    #[test]
    fn what_advanced_equals_what_is_read_anew() {
        let before = vec![namespace(1, "a", Some(9)), namespace(2, "c", Some(9)), namespace(3, "e", None)];
        let changed = vec![namespace(2, "f", None), namespace(4, "b", Some(9)), namespace(5, "z", Some(8))];
        let gone = HashSet::from([Uuid::from_u128(3), Uuid::from_u128(77)]);
        let advanced = Index::new(before).advanced(changed, &gone);
        let anew = Index::new(vec![
            namespace(1, "a", Some(9)),
            namespace(2, "f", None),
            namespace(4, "b", Some(9)),
            namespace(5, "z", Some(8)),
        ]);
        assert_eq!(advanced.ordered, anew.ordered);
        assert_eq!(advanced.by_id, anew.by_id);
        assert_eq!(advanced.by_owner, anew.by_owner);
    }
}
