//! Pages of the trail: both ways, in one order on every database, with exact counts and ends.

use serde_json::{Value, json};
use tests::gateway::{Client, TestGateway, World};

use super::{mutate, page, trail};

/// Events, many of which have the same moment.
async fn scene() -> World {
    let world = World::start().await;
    let mut tenants = Vec::new();
    for number in 0..12 {
        tenants.push(world.admin.create_workspace(&format!("tenant-{number}")).await);
    }
    let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
    let (pay, vault) = (world.space("pay").await, world.space("vault").await);
    world.admin.bind(&[&pay, &vault], &tenants).await.succeeded();
    world.admin.unbind(&[&vault], &tenants).await.succeeded();
    world
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().expect("an id is a string").to_owned()).collect()
}

async fn ids_of(client: &Client, arguments: Value) -> (Vec<String>, bool, bool, Value, Value) {
    let reply = page(client, arguments).await;
    let info = |field: &str| reply.data(&format!("auditEvents.pageInfo.{field}")).clone();
    let flag = |field: &str| info(field).as_bool().expect("it is said exactly");
    (
        ids(reply.list("auditEvents.nodes")),
        flag("hasPreviousPage"),
        flag("hasNextPage"),
        info("startCursor"),
        info("endCursor"),
    )
}

#[tokio::test]
async fn pages_join_to_the_whole_list_both_ways() {
    let world = scene().await;
    let admin = &world.admin;
    let whole = trail(admin, Value::Null).await;
    assert!(whole.len() > 36, "{}", whole.len());
    let moments: Vec<&str> = whole.iter().filter_map(|event| event["at"].as_str()).collect();
    assert!(moments.is_sorted_by(|newer, older| newer >= older), "{moments:?}");
    assert!(moments.windows(2).any(|pair| pair[0] == pair[1]), "some have the same moment");
    let whole = ids(&whole);

    let (mut forward, mut after) = (Vec::new(), Value::Null);
    loop {
        let (ids, has_previous, has_next, _, end) = ids_of(admin, json!({ "first": 7, "after": after })).await;
        assert_eq!(has_previous, !forward.is_empty());
        forward.extend(ids);
        assert_eq!(has_next, forward.len() < whole.len());
        if !has_next {
            break;
        }
        after = end;
    }
    assert_eq!(forward, whole);

    let (mut backward, mut before) = (Vec::new(), Value::Null);
    loop {
        let (ids, has_previous, has_next, start, _) = ids_of(admin, json!({ "last": 7, "before": before })).await;
        assert_eq!(has_next, !backward.is_empty());
        backward.splice(0..0, ids);
        assert_eq!(has_previous, backward.len() < whole.len());
        if !has_previous {
            break;
        }
        before = start;
    }
    assert_eq!(backward, whole);
}

#[tokio::test]
async fn a_page_may_be_cut_at_both_ends() {
    let world = scene().await;
    let admin = &world.admin;
    let reply = page(admin, json!({ "first": 30 })).await;
    let whole = ids(reply.list("auditEvents.nodes"));
    let cursor = |place: usize| reply.data(&format!("auditEvents.edges.{place}.cursor")).clone();
    let between = |extra: Value| {
        let mut arguments = json!({ "after": cursor(4), "before": cursor(20) });
        arguments.as_object_mut().expect("it is one").extend(extra.as_object().expect("it is one").clone());
        ids_of(admin, arguments)
    };
    let (page, has_previous, has_next, ..) = between(json!({ "first": 100 })).await;
    assert_eq!((page.as_slice(), has_previous, has_next), (&whole[5..20], true, true));
    let (page, has_previous, has_next, ..) = between(json!({ "first": 3 })).await;
    assert_eq!((page.as_slice(), has_previous, has_next), (&whole[5..8], true, true));
    let (page, has_previous, has_next, ..) = between(json!({ "last": 3 })).await;
    assert_eq!((page.as_slice(), has_previous, has_next), (&whole[17..20], true, true));
    let (page, has_previous, has_next, ..) = ids_of(admin, json!({ "first": 0 })).await;
    assert_eq!((page.len(), has_previous, has_next), (0, false, true));
    let total = trail(admin, Value::Null).await.len();
    for arguments in [json!({ "first": 1 }), json!({ "last": 1 }), json!({ "first": 2, "after": cursor(9) })] {
        let reply = self::page(admin, arguments).await;
        assert_eq!(reply.data("auditEvents.totalCount"), total);
    }
}

#[tokio::test]
async fn what_comes_later_moves_no_page() {
    let world = scene().await;
    let (first, _, _, _, end) = ids_of(&world.admin, json!({ "first": 5 })).await;
    let expected = ids_of(&world.admin, json!({ "first": 5, "after": end })).await.0;
    mutate(&world.gateway.as_outsider(), "CreateWorkspace", &json!({ "name": "more" })).await.refused("FORBIDDEN");
    let (page, has_previous, ..) = ids_of(&world.admin, json!({ "first": 5, "after": end })).await;
    assert_eq!((page, has_previous), (expected, true));
    assert_eq!(ids_of(&world.admin, json!({ "first": 6 })).await.0[1..], first);
}

#[tokio::test]
async fn bad_pages_are_refused() {
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    admin.create_workspace("shop").await;
    let other = admin.ask("{ workspaces { pageInfo { endCursor } } }").await;
    let other = other.string("workspaces.pageInfo.endCursor");
    // `["audit",[9223372036854775807,"00000000-0000-0000-0000-000000000000"]]`
    let never = "WyJhdWRpdCIsWzkyMjMzNzIwMzY4NTQ3NzU4MDcsIjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCJdXQ";
    for (arguments, field) in [
        (json!({ "first": 101 }), "first"),
        (json!({ "last": -1 }), "last"),
        (json!({ "after": "garbage" }), "after"),
        (json!({ "before": other }), "before"),
        (json!({ "after": never }), "after"),
    ] {
        let reply = page(&admin, arguments).await;
        reply.refused("BAD_USER_INPUT");
        assert_eq!(reply.field(), Some(field), "{}", reply.text);
    }
}
