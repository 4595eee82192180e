//! The short way to an answer, of fields that wait for nothing, gives what the long way gives.

use serde_json::Value;
use tests::gateway::World;

/// A list, the type of its rows, and what is asked of each.
const LISTS: [(&str, &str, &str); 6] = [
    ("registries", "Registry", "__typename id name kind host scope description"),
    ("spaces", "Space", "__typename id name visibility isProxyCache missing createdAt registry { id name host }"),
    ("workspaces", "Workspace", "__typename id name displayName createdAt"),
    ("namespaces", "Namespace", "__typename id cluster name workspace { id name }"),
    (
        r#"availableImages(namespace: { name: "shop-prod" })"#,
        "Image",
        "__typename id reference repository updatedAt description pullCount space { id name visibility } registry { id host }",
    ),
    (
        "spaces",
        "Space",
        "name bindings { totalCount edges { cursor node { id createdAt createdBy workspace { id name } } } }",
    ),
];

/// A fragment keeps a document from the short way.
#[tokio::test]
async fn both_ways_lead_to_the_same() {
    let world = World::start().await;
    for (list, row, fields) in LISTS {
        let short = world.admin.ask(&format!("{{ {list} {{ nodes {{ {fields} }} }} }}")).await;
        let long = world.admin.ask(&format!("{{ {list} {{ nodes {{ ... on {row} {{ {fields} }} }} }} }}")).await;
        let name = list.split('(').next().unwrap_or(list);
        assert!(short.list(&format!("{name}.nodes")).len() > 1, "{}", short.text);
        assert_eq!(short.text, long.text);
        let edges =
            world.admin.ask(&format!("{{ {list} {{ totalCount edges {{ cursor node {{ {fields} }} }} }} }}")).await;
        let nodes: Vec<&Value> = edges.list(&format!("{name}.edges")).iter().map(|edge| &edge["node"]).collect();
        assert_eq!(nodes, short.list(&format!("{name}.nodes")).iter().collect::<Vec<_>>());
        assert_eq!(edges.data(&format!("{name}.totalCount")).as_u64(), Some(nodes.len() as u64));
    }
}

#[tokio::test]
async fn names_and_directives_are_heeded() {
    let world = World::start().await;
    let document = "query ($no: Boolean!) { workspaces { nodes {
        label: name name id @skip(if: true) createdAt @include(if: $no) name
    } } }";
    let reply = world.admin.query(document, serde_json::json!({ "no": false })).await;
    for row in reply.list("workspaces.nodes") {
        let mut keys: Vec<&String> = row.as_object().expect("a row is an object").keys().collect();
        keys.sort();
        assert_eq!(keys, ["label", "name"]);
        assert_eq!(row["label"], row["name"]);
    }
}

#[tokio::test]
async fn fields_asked_for_twice_are_merged() {
    let world = World::start().await;
    let reply = world.admin.ask("{ spaces { nodes { registry { id } name registry { name } } } }").await;
    for row in reply.list("spaces.nodes") {
        assert!(row["registry"]["id"].is_string() && row["registry"]["name"].is_string(), "{row}");
    }
}
