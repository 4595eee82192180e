//! What must hold of notifications, which anybody may send.

use super::*;

fn repository(body: &[u8]) -> Option<(String, String)> {
    let found = serde_json::from_slice::<HarborEvent>(body).ok()?.repository()?;
    Some((found.namespace, found.name))
}

/// What an event of Harbor is about stays the same in both of its formats, however it was spelt.
pub fn harbor_webhook(body: &[u8]) {
    let Some((namespace, name)) = repository(body) else { return };
    assert!(!name.is_empty());
    for data in ["event_data", "data"] {
        let written = json!({ data: { "repository": { "namespace": namespace, "name": name } } });
        assert_eq!(repository(written.to_string().as_bytes()), Some((namespace.clone(), name.clone())));
    }
}

fn names(body: &[u8]) -> Option<Vec<String>> {
    let hints = serde_json::from_slice::<Notification>(body).ok()?.hints(Uuid::nil());
    Some(hints.into_iter().filter_map(|(_, name)| name).collect())
}

/// A notification hints at each image once, and at no more than it has bytes for.
pub fn docker_webhook(body: &[u8]) {
    let Some(found) = names(body) else { return };
    assert!(found.iter().all(|name| !name.is_empty()));
    assert!(found.is_sorted_by(|left, right| left < right));
    assert!(found.iter().map(String::len).sum::<usize>() <= body.len());
    let events: Vec<_> =
        found.iter().map(|name| json!({ "action": "push", "target": { "repository": name } })).collect();
    assert_eq!(names(json!({ "events": events }).to_string().as_bytes()), Some(found));
}
