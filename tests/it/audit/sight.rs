//! Who reads which events: in lists, counts, filters and by id.

use serde_json::{Value, json};
use tests::gateway::{Client, World};

use super::{events_of, mutate, page, trail};

/// How many events a viewer reads, with this filter: the list and the count agree.
async fn count(viewer: &Client, filter: Value) -> usize {
    let reply = page(viewer, json!({ "filter": filter, "first": 100 })).await;
    let listed = reply.list("auditEvents.nodes").len();
    assert_eq!(reply.data("auditEvents.totalCount"), listed, "{}", reply.text);
    listed
}

#[tokio::test]
async fn admins_read_all_and_workspace_admins_what_concerns_their_workspaces() {
    let world = World::start().await;
    let gateway = &world.gateway;
    let (lead, other) = (gateway.as_member("payments", "admin"), gateway.as_member("shop", "admin"));
    let nobody =
        [gateway.as_member("payments", "editor"), gateway.as_member("payments", "viewer"), gateway.as_outsider()];
    // By an Admin, for `payments`: it reads so all the same.
    let pay = world.space("pay").await;
    let bound = world.admin.bind(&[&pay], &[&world.payments]).await;
    let denied = mutate(&other, "SetSpacePublic", &json!({ "spaceId": pay, "public": true })).await;
    let of_platform = mutate(&lead, "CreateWorkspace", &json!({ "name": "more" })).await;

    let all = trail(&world.admin, Value::Null).await;
    for (viewer, workspace) in [(&lead, "payments"), (&other, "shop")] {
        let mut own = all.clone();
        own.retain(|event| event["workspace"]["name"] == workspace);
        assert!(own.len() > 1);
        let read = trail(viewer, Value::Null).await;
        let ids = |events: &[Value]| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&read), ids(&own));
        assert_eq!(count(viewer, Value::Null).await, own.len());
    }
    for viewer in &nobody {
        assert_eq!(count(viewer, Value::Null).await, 0);
        assert_eq!(count(viewer, json!({ "workspaceId": world.payments })).await, 0);
    }
    // Each event by its id: the admin, who it concerns, and the other.
    let node = "query ($id: ID!) { node(id: $id) { __typename id ... on AuditEvent { actor action } }
                                   nodes(ids: [$id]) { id } }";
    for (reply, to_lead, to_other) in [(&bound, true, false), (&denied, true, false), (&of_platform, false, false)] {
        let event = events_of(&world.admin, reply).await.remove(0);
        for (viewer, is_read) in [(&world.admin, true), (&lead, to_lead), (&other, to_other), (&nobody[0], false)] {
            let reply = viewer.query(node, json!({ "id": event["id"] })).await;
            assert_eq!(reply.data("node").is_object(), is_read, "{event}");
            assert_eq!(reply.data("nodes.0").is_object(), is_read, "{event}");
            if is_read {
                assert_eq!(reply.data("node.__typename"), "AuditEvent");
                assert_eq!(reply.data("node.action"), &event["action"]);
            }
        }
    }
}

#[tokio::test]
async fn filters_narrow_what_may_be_read_and_widen_nothing() {
    let world = World::start().await;
    let lead = world.gateway.as_member("payments", "admin");
    let vault = world.space("vault").await;
    mutate(&lead, "SetSpacePublic", &json!({ "spaceId": vault, "public": true })).await.refused("NOT_FOUND");
    let pay = world.space("pay").await;
    mutate(&lead, "DeleteSpace", &json!({ "spaceId": pay })).await.refused("FORBIDDEN");

    let admin = &world.admin;
    assert_eq!(count(admin, json!({ "actor": "admin-of-payments" })).await, 2);
    assert_eq!(count(admin, json!({ "actor": "Admin-Of-Payments" })).await, 0);
    assert_eq!(
        count(admin, json!({ "actor": "admin-of-payments", "outcome": "DENIED", "action": "deleteSpace" })).await,
        1
    );
    assert_eq!(count(admin, json!({ "targetId": vault })).await, 1);
    assert_eq!(count(admin, json!({ "action": "createWorkspace" })).await, 2);
    assert_eq!(count(admin, json!({ "action": "createWorkspace", "outcome": "FAILED" })).await, 0);
    assert_eq!(count(admin, json!({ "actor": "nul\u{0}" })).await, 0);
    // What is hidden from the lead, and what is another's, whatever is asked for.
    assert_eq!(count(&lead, json!({ "targetId": vault })).await, 0);
    assert_eq!(count(&lead, json!({ "workspaceId": world.shop })).await, 0);
    assert_eq!(count(&lead, json!({ "actor": "admin-of-payments" })).await, 1);
    let own = count(&lead, Value::Null).await;
    assert_eq!(count(&lead, json!({ "workspaceId": world.payments })).await, own);

    let newest = trail(admin, Value::Null).await.remove(0)["at"].clone();
    let later = count(admin, json!({ "since": newest })).await;
    let all = count(admin, Value::Null).await;
    assert!(later >= 1);
    assert_eq!(count(admin, json!({ "until": newest })).await, all - later);
    assert_eq!(
        count(admin, json!({ "since": "0000-01-01T00:00:00Z", "until": "9999-12-31T23:59:59-23:59" })).await,
        all
    );
    for (filter, field) in
        [(json!({ "targetId": "garbage" }), "targetId"), (json!({ "workspaceId": vault }), "workspaceId")]
    {
        let reply = page(admin, json!({ "filter": filter })).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some(field));
    }
}

#[tokio::test]
async fn a_target_is_shown_while_it_may_be_and_its_name_stays() {
    let world = World::start().await;
    let lead = world.gateway.as_member("payments", "admin");
    let vault = world.space("vault").await;
    world.admin.bind(&[&vault], &[&world.payments]).await.succeeded();
    let about = async |viewer: &Client| {
        let event = trail(viewer, json!({ "targetId": vault, "action": "bindSpaces" })).await.remove(0);
        (event["target"]["id"] == json!(vault), event["targetName"].clone())
    };
    assert_eq!(about(&lead).await, (true, json!("vault")));
    world.admin.unbind(&[&vault], &[&world.payments]).await.succeeded();
    assert_eq!(about(&lead).await, (false, json!("vault")));
    assert_eq!(about(&world.admin).await, (true, json!("vault")));
    // What is read of it tells nothing of others': the registry of the space is not in sight any more either.
    mutate(&world.admin, "RemoveRegistry", &json!({ "id": world.main, "force": true })).await.succeeded();
    assert_eq!(about(&world.admin).await, (false, json!("vault")));
}

#[tokio::test]
async fn a_workspace_made_again_inherits_no_events() {
    let world = World::start().await;
    mutate(&world.admin, "DeleteWorkspace", &json!({ "id": world.payments, "force": true })).await.succeeded();
    let lead = world.gateway.as_member("payments", "admin");
    assert_eq!(count(&lead, Value::Null).await, 0);
    world.admin.create_workspace("payments").await;
    assert_eq!(count(&lead, Value::Null).await, 1);
    assert_eq!(trail(&lead, Value::Null).await[0]["action"], "createWorkspace");
    // What is gone can still be asked for by whoever may.
    assert!(count(&world.admin, json!({ "workspaceId": world.payments })).await > 2);
}
