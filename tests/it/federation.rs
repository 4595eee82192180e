//! Federation: other subgraphs refer to objects of this one by their keys, and see through it no more than the viewer may.

use api::config::Introspection;
use serde_json::{Value, json};
use tests::{
    gateway::{Client, Reply, TestGateway, World},
    harbor::{ErrorPage, Fault, SimulatedHarbor},
    program,
};

const ENTITIES: &str = "query ($representations: [_Any!]!) { _entities(representations: $representations) {
    __typename
    ... on Registry { registryName: name }
    ... on Space { spaceName: name }
    ... on Workspace { workspaceName: name }
    ... on Namespace { cluster name }
    ... on Image { reference } } }";

const SUBGRAPH: &str = "{ _service { sdl } }";

async fn entities(client: &Client, representations: &[Value]) -> Reply {
    client.query(ENTITIES, json!({ "representations": representations })).await
}

/// Everything that `payments` has and outsiders do not see, by each of its keys.
async fn hidden(world: &World) -> Vec<Value> {
    let reply = world
        .admin
        .ask(
            "{ workspace(name: \"payments\") { namespaces { nodes { id } } }
               availableImages(namespace: { name: \"pay-prod\" }, search: \"pay/api\") { nodes { id reference } } }",
        )
        .await;
    vec![
        json!({ "__typename": "Space", "id": world.space("pay").await }),
        json!({ "__typename": "Workspace", "id": world.payments }),
        json!({ "__typename": "Workspace", "name": "payments" }),
        json!({ "__typename": "Namespace", "id": reply.string("workspace.namespaces.nodes.0.id") }),
        json!({ "__typename": "Namespace", "cluster": "default", "name": "pay-prod" }),
        json!({ "__typename": "Image", "id": reply.string("availableImages.nodes.0.id") }),
        json!({ "__typename": "Image", "reference": reply.string("availableImages.nodes.0.reference") }),
    ]
}

#[tokio::test]
async fn every_key_leads_to_its_object() {
    let world = World::start().await;
    let mut representations = hidden(&world).await;
    representations.insert(0, json!({ "__typename": "Registry", "id": world.main }));
    let pay_api = format!("{}/pay/api", world.harbor.host());
    for viewer in [world.admin.clone(), world.gateway.as_member("payments", "viewer")] {
        let reply = entities(&viewer, &representations).await;
        assert_eq!(
            reply.data("_entities"),
            &json!([
                { "__typename": "Registry", "registryName": "main" },
                { "__typename": "Space", "spaceName": "pay" },
                { "__typename": "Workspace", "workspaceName": "payments" },
                { "__typename": "Workspace", "workspaceName": "payments" },
                { "__typename": "Namespace", "cluster": "default", "name": "pay-prod" },
                { "__typename": "Namespace", "cluster": "default", "name": "pay-prod" },
                { "__typename": "Image", "reference": pay_api },
                { "__typename": "Image", "reference": pay_api },
            ])
        );
    }
}

#[tokio::test]
async fn what_is_hidden_is_null_and_alone() {
    let world = World::start().await;
    let nginx = format!("{}/library/nginx", world.harbor.host());
    let mut representations = hidden(&world).await;
    representations.push(json!({ "__typename": "Registry", "id": world.own }));
    let n_hidden = representations.len();
    representations.push(json!({ "__typename": "Image", "reference": nginx }));
    for viewer in [world.gateway.as_outsider(), world.gateway.as_member("elsewhere", "admin")] {
        let reply = entities(&viewer, &representations).await;
        let mut expected = vec![Value::Null; n_hidden];
        expected.push(json!({ "__typename": "Image", "reference": nginx }));
        assert_eq!(reply.body(), &json!({ "data": { "_entities": expected } }));
    }
}

#[tokio::test]
async fn what_stands_for_nothing_is_null_and_alone() {
    let world = World::start().await;
    let host = world.harbor.host();
    let nonsense = [
        json!("Registry"),
        json!(7),
        json!([]),
        json!({}),
        json!({ "id": world.main }),
        json!({ "__typename": "Nothing", "id": world.main }),
        json!({ "__typename": "SpaceBinding", "id": world.main }),
        json!({ "__typename": 1, "id": world.main }),
        json!({ "__typename": "Registry" }),
        json!({ "__typename": "Registry", "id": null }),
        json!({ "__typename": "Registry", "id": 1 }),
        json!({ "__typename": "Registry", "id": "nonsense" }),
        json!({ "__typename": "Registry", "id": world.shop }),
        json!({ "__typename": "Workspace", "id": world.main, "name": "shop" }),
        json!({ "__typename": "Workspace", "name": "nobody" }),
        json!({ "__typename": "Workspace", "name": ["shop"] }),
        json!({ "__typename": "Namespace", "name": "shop-prod" }),
        json!({ "__typename": "Namespace", "cluster": "default", "name": "stray" }),
        json!({ "__typename": "Namespace", "cluster": "", "name": "No Name" }),
        json!({ "__typename": "Image", "reference": "" }),
        json!({ "__typename": "Image", "reference": "nginx" }),
        json!({ "__typename": "Image", "reference": format!("{host}/library") }),
        json!({ "__typename": "Image", "reference": format!("{host}/library/absent") }),
        json!({ "__typename": "Image", "reference": format!("{host}/library/nginx:1.27") }),
        json!({ "__typename": "Image", "reference": "elsewhere.example/library/nginx" }),
    ];
    let mut representations = nonsense.to_vec();
    representations.push(json!({ "__typename": "Registry", "id": world.main }));
    let reply = entities(&world.admin, &representations).await;
    let found = reply.list("_entities");
    assert_eq!(found.len(), representations.len());
    for (found, representation) in found.iter().zip(&nonsense) {
        assert_eq!(found, &Value::Null, "{representation}");
    }
    assert_eq!(found[nonsense.len()]["registryName"], "main");
}

#[tokio::test]
async fn a_whole_batch_costs_one_statement() {
    let world = World::start().await;
    let once = hidden(&world).await;
    let many: Vec<Value> = once.iter().cycle().take(70).cloned().collect();
    let ask = async |representations: &[Value]| {
        let reply = entities(&world.admin, representations).await;
        assert!(reply.list("_entities").iter().all(Value::is_object), "{}", reply.text);
    };
    assert_eq!(world.gateway.statements_of(async || ask(&many).await).await, 1);
    assert_eq!(world.gateway.statements_of(async || ask(&once).await).await, 1);
}

#[tokio::test]
async fn a_reference_that_stands_twice_is_the_one_that_a_selector_shows() {
    let world = World::start().await;
    // The same Harbor once more, as a registry of the tenant.
    let again = world.admin.integrate_harbor_for(&world.shop, "again", &world.harbor).await;
    let document = "query ($representations: [_Any!]!) { _entities(representations: $representations) {
        ... on Image { registry { id } } } }";
    let registry_of = async |client: &Client, image: &str| {
        let representation = json!({ "__typename": "Image", "reference": format!("{}/{image}", world.harbor.host()) });
        let reply = client.query(document, json!({ "representations": [representation] })).await;
        reply.data("_entities.0").pointer("/registry/id").cloned().unwrap_or_default()
    };
    let (shop, payments) = (world.gateway.as_member("shop", "viewer"), world.gateway.as_member("payments", "viewer"));
    for (client, image, expected) in [
        (&shop, "library/nginx", json!(world.main)),
        (&shop, "cart/web", json!(world.main)),
        // Nothing but their own registry shows them this one.
        (&shop, "vault/keys", json!(again)),
        (&payments, "pay/api", json!(world.main)),
        (&payments, "vault/keys", Value::Null),
        (&world.admin, "vault/keys", json!(world.main)),
    ] {
        assert_eq!(registry_of(client, image).await, expected, "{image}");
    }
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_an_error_of_that_one_alone() {
    let gateway = TestGateway::builder().upstream_timeout(std::time::Duration::from_secs(1)).start().await;
    let (well, ill) = (SimulatedHarbor::start().await, SimulatedHarbor::start().await);
    for harbor in [&well, &ill] {
        harbor.push("library", "nginx", "1.27");
    }
    for prefix in ["/api/v2.0/repositories", "/api/v2.0/projects/library/repositories"] {
        ill.fault(Fault::Status(403, ErrorPage::Html).on(prefix));
    }
    let admin = gateway.as_admin();
    admin.integrate_harbor("well", &well).await;
    admin.integrate_harbor("ill", &ill).await;
    let of = |harbor: &SimulatedHarbor| json!({ "__typename": "Image", "reference": format!("{}/library/nginx", harbor.host()) });
    let reply = entities(&gateway.as_outsider(), &[of(&ill), of(&well)]).await;
    assert_eq!(reply.partial("_entities.0"), &Value::Null);
    assert_eq!(reply.partial("_entities.1.__typename"), "Image");
    assert_eq!(reply.errors().len(), 1, "{}", reply.text);
    assert_eq!(reply.errors()[0]["path"], json!(["_entities", 0]));
    assert!(!reply.text.contains("/api/v2.0"), "{}", reply.text);

    // A field that fails is told of with the place of its entity.
    well.stop().await;
    let document = "query ($representations: [_Any!]!) { _entities(representations: $representations) {
        ... on Image { repository tags { totalCount } } } }";
    let reply = gateway.as_outsider().query(document, json!({ "representations": [of(&well), of(&well)] })).await;
    assert_eq!(reply.partial("_entities.1"), &json!({ "repository": "nginx", "tags": null }));
    let paths: Vec<&Value> = reply.errors().iter().map(|error| &error["path"]).collect();
    assert_eq!(paths, [&json!(["_entities", 0, "tags"]), &json!(["_entities", 1, "tags"])]);
}

#[tokio::test]
async fn each_representation_counts_as_much_as_what_is_asked_of_it() {
    let world = World::start().await;
    let representations = vec![json!({ "__typename": "Workspace", "name": "shop" }); 3_000];
    entities(&world.admin, &representations[..100]).await.succeeded();
    let reply = entities(&world.admin, &representations).await;
    assert_eq!(reply.code(), Some("QUERY_TOO_COMPLEX"), "{}", reply.text);
}

#[tokio::test]
async fn a_gateway_in_front_learns_what_the_graph_is() {
    let output = program::run(&["schema", "--federation"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sdl = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        "@link(",
        "type Registry implements Node @key(fields: \"id\") {",
        "type Space implements Node @key(fields: \"id\") {",
        "type Workspace implements Node @key(fields: \"id\") @key(fields: \"name\") {",
        "type Namespace implements Node @key(fields: \"id\") @key(fields: \"cluster name\") {",
        "type Image implements Node @key(fields: \"id\") @key(fields: \"reference\") {",
        "type PageInfo @shareable {",
    ] {
        assert!(sdl.contains(line), "{line}");
    }
    for plumbing in ["_entities", "_service", "_Any", "_Entity", "_Service"] {
        assert!(!sdl.contains(plumbing), "{plumbing}");
    }
    let configured = async |introspection| {
        TestGateway::builder().configure(move |config| config.introspection = introspection).start().await
    };
    // Whoever composes subgraphs needs no more of the schema than this, so it is given even where introspection is not.
    let gateway = configured(Introspection::Never).await;
    assert_eq!(gateway.as_outsider().ask(SUBGRAPH).await.data("_service.sdl"), &json!(sdl));
    assert_eq!(gateway.anonymous().ask(SUBGRAPH).await.status, 401);

    let gateway = configured(Introspection::Always).await;
    assert_eq!(gateway.anonymous().ask(SUBGRAPH).await.data("_service.sdl"), &json!(sdl));
    for document in [
        "{ _entities(representations: []) { __typename } }",
        "{ _service { sdl } _entities(representations: []) { __typename } }",
        "{ _service { sdl } viewer { subject } }",
    ] {
        let reply = gateway.anonymous().ask(document).await;
        assert_eq!((reply.status, reply.code()), (401, Some("UNAUTHENTICATED")), "{document}: {}", reply.text);
    }
}
