//! Every mutation, granted, denied and failed, and the events that it leaves.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{
    docker_registry::DockerRegistry,
    gateway::{Client, TestGateway, Token, World},
    harbor::{Fault, SimulatedHarbor},
};

use super::{absent, events_of, field, mutate, page, request_id, trail};

/// The password in an address that is typed wrongly.
const TYPED_PASSWORD: &str = "Hunter12345";

/// A mutation, and the events that it must leave.
struct Row {
    viewer: Client,
    actor: &'static str,
    mutation: &'static str,
    input: Value,
    /// The error's code; none where it is done.
    code: Option<&'static str>,
    events: Vec<Expected>,
}

/// The workspace, the outcome, the type of the target, its name, and the changes.
type Expected = (&'static str, &'static str, &'static str, String, Value);

const NONE: &str = "-";

fn succeeded(workspace: &'static str, target: &'static str, name: &str, changes: Value) -> Expected {
    (workspace, "SUCCEEDED", target, name.to_owned(), changes)
}

fn denied(workspace: &'static str, target: &'static str, name: &str) -> Expected {
    (workspace, "DENIED", target, name.to_owned(), Value::Null)
}

fn failed(workspace: &'static str, target: &'static str, name: &str) -> Expected {
    (workspace, "FAILED", target, name.to_owned(), Value::Null)
}

/// Who acts in the table.
struct Cast {
    admin: Client,
    pay_admin: Client,
    pay_viewer: Client,
    shop_admin: Client,
    shop_viewer: Client,
    outsider: Client,
}

impl Cast {
    fn of(gateway: &TestGateway) -> Self {
        Self {
            admin: gateway.as_admin(),
            pay_admin: gateway.as_member("payments", "admin"),
            pay_viewer: gateway.as_member("payments", "viewer"),
            shop_admin: gateway.as_member("shop", "admin"),
            shop_viewer: gateway.as_member("shop", "viewer"),
            outsider: gateway.as_outsider(),
        }
    }

    fn row(
        &self,
        who: &'static str,
        mutation: &'static str,
        input: Value,
        code: Option<&'static str>,
        events: Vec<Expected>,
    ) -> Row {
        let (viewer, actor) = match who {
            "admin" => (&self.admin, "ada"),
            "pay admin" => (&self.pay_admin, "admin-of-payments"),
            "pay viewer" => (&self.pay_viewer, "viewer-of-payments"),
            "shop admin" => (&self.shop_admin, "admin-of-shop"),
            "shop viewer" => (&self.shop_viewer, "viewer-of-shop"),
            "outsider" => (&self.outsider, "otto"),
            other => panic!("nobody is called `{other}`"),
        };
        Row { viewer: viewer.clone(), actor, mutation, input, code, events }
    }
}

/// Does what each row says, and compares what is left of it.
async fn check(admin: &Client, rows: Vec<Row>) -> BTreeSet<(String, String)> {
    let mut seen = BTreeSet::new();
    for Row { viewer, actor, mutation, input, code, mut events } in rows {
        let reply = mutate(&viewer, mutation, &input).await;
        assert_eq!(reply.code(), code, "{mutation} {input} by {actor}: {}", reply.text);
        events.sort_by_key(|event| event.0);
        let left: Vec<Value> = events_of(admin, &reply).await;
        let told: Vec<Expected> = left.iter().map(tell).collect();
        assert_eq!(told, events, "{mutation} {input} by {actor}");
        for event in &left {
            assert_eq!(event["actor"], actor, "{event}");
            assert_eq!(event["action"], field(mutation), "{event}");
            assert_eq!(event["requestId"], request_id(&reply), "{event}");
            seen.insert((field(mutation), event["outcome"].as_str().unwrap_or_default().to_owned()));
        }
    }
    seen
}

fn tell(event: &Value) -> Expected {
    // Leaked on purpose: a handful of words for the life of one test.
    let word = |value: &Value| -> &'static str { value.as_str().map_or(NONE, |text| text.to_owned().leak()) };
    let name = event["targetName"].as_str().expect("a target has a name").to_owned();
    (
        word(&event["workspace"]["name"]),
        word(&event["outcome"]),
        word(&event["target"]["__typename"]),
        name,
        event["changes"].clone(),
    )
}

fn harbor_input(name: &str, harbor: &SimulatedHarbor) -> Value {
    json!({ "name": name, "kind": "HARBOR", "address": harbor.url(),
            "username": SimulatedHarbor::ADMIN, "password": SimulatedHarbor::ADMIN_PASSWORD })
}

#[tokio::test]
async fn every_mutation_leaves_its_events_however_it_ends() {
    let world = World::start().await;
    let cast = Cast::of(&world.gateway);
    let mut seen = BTreeSet::new();
    seen.extend(check(&world.admin, integrations(&world, &cast).await).await);
    seen.extend(check(&world.admin, settings(&world, &cast)).await);
    seen.extend(check(&world.admin, new_spaces(&world, &cast)).await);
    seen.extend(check(&world.admin, spaces(&world, &cast).await).await);
    seen.extend(check(&world.admin, bindings(&world, &cast).await).await);
    seen.extend(check(&world.admin, workspaces(&world, &cast)).await);
    seen.extend(check(&world.admin, namespaces(&world, &cast)).await);
    seen.extend(check(&world.admin, removals(&world, &cast)).await);
    // Needs a Docker Registry: a test of its own below.
    seen.insert(("rotateWebhookSecret".to_owned(), "SUCCEEDED".to_owned()));

    let reply = world.admin.ask("{ __schema { mutationType { fields { name } } } }").await;
    for mutation in reply.strings("__schema.mutationType.fields", "name") {
        for outcome in ["SUCCEEDED", "DENIED", "FAILED"] {
            let is_seen = seen.contains(&(mutation.clone(), outcome.to_owned()));
            assert!(is_seen, "no row says what `{mutation}` leaves when it {outcome}");
        }
    }
    let everything = json!(trail(&world.admin, Value::Null).await).to_string();
    assert!(everything.contains("passwordChanged"));
    for secret in [SimulatedHarbor::ADMIN_PASSWORD, TYPED_PASSWORD] {
        assert!(!everything.contains(secret), "`{secret}` stands in the trail");
    }
}

async fn integrations(world: &World, cast: &Cast) -> Vec<Row> {
    let harbor = &world.own_harbor;
    let (payments, url) = (&world.payments, harbor.url());
    let with = |mut input: Value, name: &str, value: Value| {
        input[name] = value;
        input
    };
    let integrate = |name: &str| harbor_input(name, harbor);
    let for_payments = |name: &str| with(integrate(name), "workspaceId", json!(payments));
    let after = json!({ "after": { "name": "new", "address": url, "host": harbor.host() } });
    let test = |extra: Value| {
        let mut input = json!({ "kind": "HARBOR", "address": url, "username": SimulatedHarbor::ADMIN,
                                "password": SimulatedHarbor::ADMIN_PASSWORD });
        for (name, value) in extra.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let typed = json!({ "address": format!("http://admin:{TYPED_PASSWORD}@harbor.example.com") });
    let nowhere = with(integrate("new"), "address", json!("http://127.0.0.1:9"));
    let garbage = with(integrate("new"), "workspaceId", json!("garbage"));
    let (integrating, testing) = ("IntegrateRegistry", "TestRegistryConnection");
    vec![
        cast.row("pay admin", integrating, integrate("new"), Some("FORBIDDEN"), vec![denied(NONE, NONE, "new")]),
        cast.row(
            "pay viewer",
            integrating,
            for_payments("new"),
            Some("FORBIDDEN"),
            vec![denied("payments", NONE, "new")],
        ),
        cast.row(
            "shop admin",
            integrating,
            for_payments("new"),
            Some("NOT_FOUND"),
            vec![denied("payments", "Workspace", "payments")],
        ),
        cast.row(
            "shop admin",
            integrating,
            with(integrate("new"), "workspaceId", json!(absent("workspace"))),
            Some("NOT_FOUND"),
            vec![failed(NONE, NONE, "new")],
        ),
        cast.row("admin", integrating, garbage, Some("BAD_USER_INPUT"), vec![failed(NONE, NONE, "new")]),
        cast.row("admin", integrating, integrate(""), Some("BAD_USER_INPUT"), vec![failed(NONE, NONE, "")]),
        cast.row("admin", integrating, nowhere, Some("UPSTREAM_UNAVAILABLE"), vec![failed(NONE, NONE, "new")]),
        cast.row(
            "pay admin",
            integrating,
            for_payments("new"),
            None,
            vec![succeeded("payments", "Registry", "new", after)],
        ),
        cast.row(
            "pay admin",
            integrating,
            for_payments("new"),
            Some("CONFLICT"),
            vec![failed("payments", NONE, "new")],
        ),
        cast.row(
            "pay admin",
            testing,
            test(json!({ "workspaceId": payments })),
            None,
            vec![succeeded("payments", NONE, &url, json!({}))],
        ),
        cast.row("outsider", testing, test(json!({})), Some("FORBIDDEN"), vec![denied(NONE, NONE, &url)]),
        cast.row(
            "admin",
            testing,
            test(typed),
            Some("BAD_USER_INPUT"),
            vec![failed(NONE, NONE, "an address that cannot be read")],
        ),
    ]
}

fn settings(world: &World, cast: &Cast) -> Vec<Row> {
    let (main, own) = (&world.main, &world.own);
    let describe = |id: &str| json!({ "id": id, "description": "ours" });
    let changes = json!({ "before": { "description": null }, "after": { "description": "ours" } });
    let (updating, refreshing, rotating) = ("UpdateRegistry", "RefreshRegistry", "RotateWebhookSecret");
    let password = json!({ "id": own, "password": SimulatedHarbor::ADMIN_PASSWORD });
    let moved = json!({ "id": own, "address": world.harbor.url() });
    let gone = absent("registry");
    vec![
        cast.row("shop admin", updating, describe(own), None, vec![succeeded("shop", "Registry", "own", changes)]),
        cast.row("shop admin", updating, describe(own), None, vec![succeeded("shop", "Registry", "own", json!({}))]),
        cast.row(
            "shop admin",
            updating,
            password,
            None,
            vec![succeeded("shop", "Registry", "own", json!({ "passwordChanged": true }))],
        ),
        cast.row("shop viewer", updating, describe(own), Some("FORBIDDEN"), vec![denied("shop", "Registry", "own")]),
        cast.row("pay admin", updating, describe(own), Some("NOT_FOUND"), vec![denied("shop", "Registry", "own")]),
        cast.row("pay admin", updating, describe(&gone), Some("NOT_FOUND"), vec![failed(NONE, NONE, &gone)]),
        cast.row("shop admin", updating, moved, Some("BAD_USER_INPUT"), vec![failed("shop", "Registry", "own")]),
        cast.row(
            "shop admin",
            refreshing,
            json!({ "id": own }),
            None,
            vec![succeeded("shop", "Registry", "own", json!({}))],
        ),
        cast.row(
            "outsider",
            refreshing,
            json!({ "id": main }),
            Some("FORBIDDEN"),
            vec![denied(NONE, "Registry", "main")],
        ),
        cast.row(
            "outsider",
            refreshing,
            json!({ "id": own }),
            Some("NOT_FOUND"),
            vec![denied("shop", "Registry", "own")],
        ),
        cast.row(
            "admin",
            refreshing,
            json!({ "id": "garbage" }),
            Some("BAD_USER_INPUT"),
            vec![failed(NONE, NONE, "garbage")],
        ),
        cast.row(
            "pay admin",
            rotating,
            json!({ "registryId": main }),
            Some("FORBIDDEN"),
            vec![denied(NONE, "Registry", "main")],
        ),
        cast.row(
            "admin",
            rotating,
            json!({ "registryId": own }),
            Some("UNSUPPORTED"),
            vec![failed("shop", "Registry", "own")],
        ),
    ]
}

fn new_spaces(world: &World, cast: &Cast) -> Vec<Row> {
    let make = |registry: &str, name: &str| json!({ "registryId": registry, "name": name });
    let (main, own, making) = (&world.main, &world.own, "CreateSpace");
    let after = json!({ "after": { "name": "made", "visibility": "PRIVATE" } });
    vec![
        cast.row(
            "shop admin",
            making,
            make(own, "made"),
            None,
            vec![succeeded("shop", "Space", "made", after.clone())],
        ),
        cast.row("admin", making, make(main, "made"), None, vec![succeeded(NONE, "Space", "made", after)]),
        cast.row("shop viewer", making, make(own, "more"), Some("FORBIDDEN"), vec![denied("shop", NONE, "more")]),
        cast.row("pay admin", making, make(own, "more"), Some("NOT_FOUND"), vec![denied("shop", "Registry", "own")]),
        cast.row("shop admin", making, make(own, "made"), Some("CONFLICT"), vec![failed("shop", NONE, "made")]),
        cast.row("admin", making, make(main, "No Name"), Some("BAD_USER_INPUT"), vec![failed(NONE, NONE, "No Name")]),
    ]
}

async fn spaces(world: &World, cast: &Cast) -> Vec<Row> {
    let pay = world.space("pay").await;
    let made = world.admin.space(&world.own, "made").await;
    let set = |space: &str, public: bool| json!({ "spaceId": space, "public": public });
    let visibility =
        |before: &str, after: &str| json!({ "before": { "visibility": before }, "after": { "visibility": after } });
    let (opening, deleting, gone) = ("SetSpacePublic", "DeleteSpace", absent("space"));
    let delete = |space: &str| json!({ "spaceId": space });
    let about_pay = |changes| vec![succeeded("payments", "Space", "pay", changes)];
    vec![
        cast.row("admin", opening, set(&pay, true), None, about_pay(visibility("PRIVATE", "PUBLIC"))),
        cast.row("admin", opening, set(&pay, true), None, about_pay(json!({}))),
        cast.row("admin", opening, set(&pay, false), None, about_pay(visibility("PUBLIC", "PRIVATE"))),
        cast.row("pay admin", opening, set(&pay, true), Some("FORBIDDEN"), vec![denied("payments", "Space", "pay")]),
        cast.row("shop admin", opening, set(&pay, true), Some("NOT_FOUND"), vec![denied("payments", "Space", "pay")]),
        cast.row("shop admin", opening, set(&gone, true), Some("NOT_FOUND"), vec![failed(NONE, NONE, &gone)]),
        cast.row("pay viewer", deleting, delete(&pay), Some("FORBIDDEN"), vec![denied("payments", "Space", "pay")]),
        cast.row("outsider", deleting, delete(&made), Some("NOT_FOUND"), vec![denied("shop", "Space", "made")]),
        cast.row("admin", deleting, delete(&pay), Some("CONFLICT"), vec![failed("payments", "Space", "pay")]),
        cast.row(
            "shop admin",
            deleting,
            delete(&made),
            None,
            vec![succeeded("shop", NONE, "made", json!({ "before": { "name": "made" } }))],
        ),
    ]
}

async fn bindings(world: &World, cast: &Cast) -> Vec<Row> {
    let (payments, shop) = (&world.payments, &world.shop);
    let (pay, cart, vault) = (world.space("pay").await, world.space("cart").await, world.space("vault").await);
    let closed = world.admin.space(&world.own, "closed").await;
    let pairs = |spaces: &[&String], workspaces: &[&String]| json!({ "spaceIds": spaces, "workspaceIds": workspaces });
    let gained = |names: &[&str]| json!({ "after": { "boundSpaces": names } });
    let lost = |names: &[&str]| json!({ "before": { "boundSpaces": names } });
    let (binding, unbinding, setting) = ("BindSpaces", "UnbindSpaces", "SetSpaceWorkspaces");
    let (gone, set) =
        (absent("space"), |workspaces: &[&String]| json!({ "spaceId": vault, "workspaceIds": workspaces }));
    vec![
        // Each workspace reads what it gained, and of the other nothing.
        cast.row(
            "admin",
            binding,
            pairs(&[&pay, &vault], &[payments, shop]),
            None,
            vec![
                succeeded("payments", "Space", "vault", gained(&["vault"])),
                succeeded("shop", NONE, "pay, vault", gained(&["pay", "vault"])),
            ],
        ),
        cast.row(
            "admin",
            binding,
            pairs(&[&vault], &[payments, shop]),
            None,
            vec![succeeded("payments", "Space", "vault", json!({})), succeeded("shop", "Space", "vault", json!({}))],
        ),
        cast.row(
            "admin",
            unbinding,
            pairs(&[&pay, &vault], &[shop]),
            None,
            vec![succeeded("shop", NONE, "pay, vault", lost(&["pay", "vault"]))],
        ),
        // `shop` has lost it already, and reads of `vault` no more.
        cast.row(
            "admin",
            unbinding,
            pairs(&[&vault], &[payments, shop]),
            None,
            vec![
                succeeded("payments", "Space", "vault", lost(&["vault"])),
                succeeded("shop", "Workspace", "shop", json!({})),
            ],
        ),
        cast.row(
            "shop viewer",
            binding,
            pairs(&[&cart], &[shop]),
            Some("FORBIDDEN"),
            vec![denied("shop", "Space", "cart")],
        ),
        // Whether it is there is not for `shop` to read.
        cast.row(
            "shop admin",
            binding,
            pairs(&[&vault], &[shop]),
            Some("NOT_FOUND"),
            vec![denied(NONE, "Space", "vault")],
        ),
        cast.row(
            "shop admin",
            binding,
            pairs(&[&pay], &[shop]),
            Some("NOT_FOUND"),
            vec![denied("payments", "Space", "pay")],
        ),
        cast.row("shop admin", binding, pairs(&[&gone], &[shop]), Some("NOT_FOUND"), vec![failed(NONE, NONE, &gone)]),
        cast.row(
            "shop admin",
            unbinding,
            pairs(&[&cart], &[shop]),
            Some("FORBIDDEN"),
            vec![denied("shop", "Space", "cart")],
        ),
        cast.row(
            "admin",
            unbinding,
            pairs(&[&gone], &[shop]),
            Some("NOT_FOUND"),
            vec![failed("shop", "Workspace", "shop")],
        ),
        // Nor what `shop` calls its own for `payments`.
        cast.row(
            "admin",
            binding,
            pairs(&[&closed], &[payments]),
            Some("UNSUPPORTED"),
            vec![failed("payments", "Workspace", "payments")],
        ),
        cast.row(
            "admin",
            setting,
            set(&[payments]),
            None,
            vec![succeeded("payments", "Space", "vault", gained(&["vault"]))],
        ),
        cast.row(
            "admin",
            setting,
            set(&[shop]),
            None,
            vec![
                succeeded("payments", "Space", "vault", lost(&["vault"])),
                succeeded("shop", "Space", "vault", gained(&["vault"])),
            ],
        ),
        cast.row("admin", setting, set(&[shop]), None, vec![succeeded("shop", "Space", "vault", json!({}))]),
        cast.row("shop viewer", setting, set(&[]), Some("FORBIDDEN"), vec![denied("shop", "Space", "vault")]),
        cast.row("pay admin", setting, set(&[payments]), Some("NOT_FOUND"), vec![denied("shop", "Space", "vault")]),
        cast.row("admin", setting, set(&[&gone]), Some("BAD_USER_INPUT"), vec![failed("shop", "Space", "vault")]),
        cast.row("admin", setting, set(&[]), None, vec![succeeded("shop", "Space", "vault", lost(&["vault"]))]),
    ]
}

fn workspaces(world: &World, cast: &Cast) -> Vec<Row> {
    let (making, updating) = ("CreateWorkspace", "UpdateWorkspace");
    let named = |name: &str| json!({ "name": name });
    let called = |display: &str| json!({ "id": world.payments, "displayName": display });
    let about = |changes| vec![succeeded("payments", "Workspace", "payments", changes)];
    vec![
        cast.row(
            "admin",
            making,
            named("brief"),
            None,
            vec![succeeded(
                "brief",
                "Workspace",
                "brief",
                json!({ "after": { "name": "brief", "displayName": null } }),
            )],
        ),
        cast.row("pay admin", making, named("more"), Some("FORBIDDEN"), vec![denied(NONE, NONE, "more")]),
        cast.row("admin", making, named("payments"), Some("CONFLICT"), vec![failed(NONE, NONE, "payments")]),
        cast.row("admin", making, named("No Label"), Some("BAD_USER_INPUT"), vec![failed(NONE, NONE, "No Label")]),
        cast.row(
            "admin",
            updating,
            called("Pay"),
            None,
            about(json!({ "before": { "displayName": null }, "after": { "displayName": "Pay" } })),
        ),
        cast.row("admin", updating, called("Pay"), None, about(json!({}))),
        cast.row("admin", updating, json!({ "id": world.payments }), None, about(json!({}))),
        cast.row(
            "pay admin",
            updating,
            called("x"),
            Some("FORBIDDEN"),
            vec![denied("payments", "Workspace", "payments")],
        ),
        cast.row(
            "shop admin",
            updating,
            called("x"),
            Some("NOT_FOUND"),
            vec![denied("payments", "Workspace", "payments")],
        ),
        cast.row(
            "admin",
            updating,
            called(" "),
            Some("BAD_USER_INPUT"),
            vec![failed("payments", "Workspace", "payments")],
        ),
    ]
}

fn namespaces(world: &World, cast: &Cast) -> Vec<Row> {
    let (binding, unbinding) = ("BindNamespaces", "UnbindNamespaces");
    let keys = |names: &[&str]| -> Vec<Value> { names.iter().map(|name| json!({ "name": name })).collect() };
    let bind = |workspace: &str, names: &[&str]| json!({ "workspaceId": workspace, "namespaces": keys(names) });
    let move_to =
        |workspace: &str, names: &[&str]| json!({ "workspaceId": workspace, "namespaces": keys(names), "move": true });
    let free = |names: &[&str]| json!({ "namespaces": keys(names) });
    let gained = |names: &[&str]| json!({ "after": { "namespaces": names } });
    let lost = |names: &[&str]| json!({ "before": { "namespaces": names } });
    let (payments, shop) = (&world.payments, &world.shop);
    let of_payments = |changes| succeeded("payments", "Workspace", "payments", changes);
    let refused =
        |outcome: fn(&'static str, &'static str, &str) -> Expected| vec![outcome("payments", "Workspace", "payments")];
    vec![
        cast.row(
            "pay admin",
            binding,
            bind(payments, &["a", "b"]),
            None,
            vec![of_payments(gained(&["default/a", "default/b"]))],
        ),
        cast.row("pay admin", binding, bind(payments, &["a"]), None, vec![of_payments(json!({}))]),
        // Who lost it reads that, and not to whom.
        cast.row(
            "admin",
            binding,
            move_to(shop, &["a"]),
            None,
            vec![
                succeeded("shop", "Workspace", "shop", gained(&["default/a"])),
                succeeded("payments", "Namespace", "default/a", lost(&["default/a"])),
            ],
        ),
        cast.row("pay viewer", binding, bind(payments, &["c"]), Some("FORBIDDEN"), refused(denied)),
        cast.row("shop admin", binding, bind(payments, &["c"]), Some("NOT_FOUND"), refused(denied)),
        cast.row("pay admin", binding, move_to(payments, &["a"]), Some("FORBIDDEN"), refused(denied)),
        cast.row("pay admin", binding, bind(payments, &["a"]), Some("CONFLICT"), refused(failed)),
        cast.row(
            "pay admin",
            unbinding,
            free(&["b"]),
            None,
            vec![succeeded("payments", "Namespace", "default/b", lost(&["default/b"]))],
        ),
        cast.row(
            "pay admin",
            unbinding,
            free(&["b", "unknown"]),
            None,
            vec![succeeded(NONE, NONE, "default/b, default/unknown", json!({}))],
        ),
        cast.row(
            "pay viewer",
            unbinding,
            free(&["pay-prod"]),
            Some("FORBIDDEN"),
            vec![denied("payments", "Namespace", "default/pay-prod")],
        ),
        cast.row(
            "pay admin",
            unbinding,
            free(&["shop-prod"]),
            Some("NOT_FOUND"),
            vec![denied("shop", "Namespace", "default/shop-prod")],
        ),
        cast.row("outsider", unbinding, free(&["b"]), Some("NOT_FOUND"), vec![denied(NONE, "Namespace", "default/b")]),
        cast.row(
            "outsider",
            unbinding,
            free(&["unknown"]),
            Some("NOT_FOUND"),
            vec![failed(NONE, NONE, "default/unknown")],
        ),
        cast.row(
            "pay admin",
            unbinding,
            free(&["A B"]),
            Some("BAD_USER_INPUT"),
            vec![failed(NONE, NONE, "default/A B")],
        ),
    ]
}

fn removals(world: &World, cast: &Cast) -> Vec<Row> {
    let (removing, deleting) = ("RemoveRegistry", "DeleteWorkspace");
    let remove = |id: &str, force: bool| json!({ "id": id, "force": force });
    let (main, own, payments) = (&world.main, &world.own, &world.payments);
    let of_tenant = json!({ "before": { "name": "main" }, "removedBindings": 1 });
    vec![
        cast.row("pay admin", removing, remove(main, true), Some("FORBIDDEN"), vec![denied(NONE, "Registry", "main")]),
        cast.row("pay admin", removing, remove(own, true), Some("NOT_FOUND"), vec![denied("shop", "Registry", "own")]),
        cast.row("admin", removing, remove(main, false), Some("CONFLICT"), vec![failed(NONE, "Registry", "main")]),
        cast.row(
            "shop admin",
            removing,
            remove(own, false),
            None,
            vec![succeeded(
                "shop",
                NONE,
                "own",
                json!({ "before": { "name": "own", "address": world.own_harbor.url() } }),
            )],
        ),
        // Each tenant reads what it lost, and no settings.
        cast.row(
            "admin",
            removing,
            remove(main, true),
            None,
            vec![succeeded("payments", NONE, "main", of_tenant.clone()), succeeded("shop", NONE, "main", of_tenant)],
        ),
        cast.row(
            "pay admin",
            deleting,
            remove(payments, true),
            Some("FORBIDDEN"),
            vec![denied("payments", "Workspace", "payments")],
        ),
        cast.row(
            "shop admin",
            deleting,
            remove(payments, true),
            Some("NOT_FOUND"),
            vec![denied("payments", "Workspace", "payments")],
        ),
        cast.row(
            "admin",
            deleting,
            remove(payments, false),
            Some("CONFLICT"),
            vec![failed("payments", "Workspace", "payments")],
        ),
        // The workspace that it concerned is gone with it.
        cast.row(
            "admin",
            deleting,
            remove(payments, true),
            None,
            vec![succeeded(
                NONE,
                NONE,
                "payments",
                json!({
                    "before": { "name": "payments", "displayName": "Pay" },
                    "removedBindings": 0, "removedRegistries": ["new"], "freedNamespaces": ["default/pay-prod"],
                }),
            )],
        ),
    ]
}

#[tokio::test]
async fn a_new_secret_of_a_docker_registry_is_told_of_and_not_told() {
    if !DockerRegistry::is_installed(module_path!()) {
        return;
    }
    let gateway = TestGateway::builder().reachable_by_registries().start().await;
    let (admin, registry) = (gateway.as_admin(), DockerRegistry::start().await);
    let input = json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": registry.url() });
    let id = admin.integrate_and_refresh(input).await;
    let document = "mutation ($id: ID!) { rotateWebhookSecret(input: { registryId: $id }) { secret } }";
    let reply = admin.query(document, json!({ "id": id })).await;
    let secret = reply.string("rotateWebhookSecret.secret");
    let events = events_of(&admin, &reply).await;
    let told: Vec<Expected> = events.iter().map(tell).collect();
    assert_eq!(told, [succeeded(NONE, "Registry", "docker", json!({ "secretChanged": true }))]);
    assert!(!json!(events).to_string().contains(&secret));

    // Its one space is public already, and nothing asks the registry for that.
    let space = admin.space(&id, "/").await;
    let reply = admin.set_public(&space, true).await;
    let told: Vec<Expected> = events_of(&admin, &reply).await.iter().map(tell).collect();
    assert_eq!(told, [succeeded(NONE, "Space", "/", json!({}))]);
}

#[tokio::test]
async fn what_a_registry_refuses_has_failed() {
    let world = World::start().await;
    let pay = world.space("pay").await;
    world.harbor.fault(Fault::ReadOnly);
    for (mutation, input, expected) in [
        ("SetSpacePublic", json!({ "spaceId": pay, "public": true }), failed("payments", "Space", "pay")),
        ("CreateSpace", json!({ "registryId": world.main, "name": "never" }), failed(NONE, NONE, "never")),
    ] {
        let reply = mutate(&world.admin, mutation, &input).await;
        reply.refused("UPSTREAM_REJECTED");
        let told: Vec<Expected> = events_of(&world.admin, &reply).await.iter().map(tell).collect();
        assert_eq!(told, [expected], "{mutation}");
    }
    // That it does not answer is what a refresh was to find out.
    world.harbor.stop().await;
    let reply = mutate(&world.admin, "RefreshRegistry", &json!({ "id": world.main })).await;
    reply.succeeded();
    let told: Vec<Expected> = events_of(&world.admin, &reply).await.iter().map(tell).collect();
    assert_eq!(told, [succeeded(NONE, "Registry", "main", json!({}))]);
}

#[tokio::test]
async fn two_acts_of_one_request_leave_their_events_each() {
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let reply = admin
        .ask(
            "mutation { a: createWorkspace(input: { name: \"a\" }) { workspace { id } }
                         b: createWorkspace(input: { name: \"B\" }) { workspace { id } } }",
        )
        .await;
    reply.refused("BAD_USER_INPUT");
    let told: Vec<Expected> = events_of(&admin, &reply).await.iter().map(tell).collect();
    let made = json!({ "after": { "name": "a", "displayName": null } });
    assert_eq!(told, [failed(NONE, NONE, "B"), succeeded("a", "Workspace", "a", made)]);
}

#[tokio::test]
async fn what_is_not_run_is_no_act() {
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let document = "mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }";
    admin.query(document, json!({ "input": {} })).await.refused("BAD_USER_INPUT");
    admin.ask("mutation { createWorkspace }").await.refused("GRAPHQL_VALIDATION_FAILED");
    gateway.anonymous().query(document, json!({ "input": { "name": "a" } })).await.refused("UNAUTHENTICATED");
    assert_eq!(trail(&admin, Value::Null).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_act_that_failed_changes_nothing_that_others_keep_in_memory() {
    let world = World::start().await;
    let before = world.gateway.database().epoch().await;
    let name = json!({ "name": "more" });
    mutate(&world.gateway.as_outsider(), "CreateWorkspace", &name).await.refused("FORBIDDEN");
    mutate(&world.admin, "CreateWorkspace", &json!({ "name": "shop" })).await.refused("CONFLICT");
    assert_eq!(trail(&world.admin, json!({ "action": "createWorkspace", "outcome": "DENIED" })).await.len(), 1);
    assert_eq!(world.gateway.database().epoch().await, before);
}

#[tokio::test]
async fn who_may_do_nothing_cannot_fill_the_table() {
    let world = World::start().await;
    let name = "ä".repeat(100_000);
    let outsider = world.gateway.as_outsider();
    mutate(&outsider, "CreateWorkspace", &json!({ "name": name })).await.refused("FORBIDDEN");
    let ids: Vec<String> = (0..1_000).map(|number| format!("garbage-{number}")).collect();
    let input = json!({ "spaceIds": ids, "workspaceIds": [world.shop] });
    mutate(&outsider, "BindSpaces", &input).await.refused("BAD_USER_INPUT");
    let events = trail(&world.admin, json!({ "actor": "otto" })).await;
    assert_eq!(events.len(), 2);
    for event in events {
        let name = event["targetName"].as_str().expect("a target has a name");
        assert_eq!((name.chars().count(), &event["changes"]), (512, &Value::Null));
    }
}

#[tokio::test]
async fn a_trail_that_cannot_be_written_stops_acts_and_hides_no_refusal() {
    let gateway = TestGateway::start().await;
    gateway.as_admin().create_workspace("shop").await;
    gateway.database().execute(&["DROP TABLE audit_event"]).await;
    let input = json!({ "name": "more" });
    mutate(&gateway.as_outsider(), "CreateWorkspace", &input).await.refused("FORBIDDEN");
    mutate(&gateway.as_admin(), "CreateWorkspace", &json!({ "name": "shop" })).await.refused("CONFLICT");
    mutate(&gateway.as_admin(), "CreateWorkspace", &input).await.refused("INTERNAL_SERVER_ERROR");
    let reply = gateway.as_admin().ask("{ workspaces { nodes { name } } }").await;
    assert_eq!(reply.strings("workspaces.nodes", "name"), ["shop"]);
}

#[tokio::test]
async fn hidden_and_absent_read_alike_to_who_asks() {
    let world = World::start().await;
    // Admin of one workspace, and so a reader of the trail.
    let lead = world.gateway.with_token(Token::new("lead").member("payments", "admin").mint());
    let vault = world.space("vault").await;
    let reads = async || {
        let reply = page(&lead, json!({ "first": 100 })).await;
        (reply.data("auditEvents.totalCount").clone(), reply.list("auditEvents.nodes").len())
    };
    let before = reads().await;
    for (mutation, hidden, absent) in [
        ("RefreshRegistry", json!({ "id": world.own }), json!({ "id": absent("registry") })),
        ("DeleteSpace", json!({ "spaceId": vault }), json!({ "spaceId": absent("space") })),
        (
            "BindSpaces",
            json!({ "spaceIds": [vault], "workspaceIds": [world.payments] }),
            json!({ "spaceIds": [absent("space")], "workspaceIds": [world.payments] }),
        ),
        ("DeleteWorkspace", json!({ "id": world.shop }), json!({ "id": absent("workspace") })),
    ] {
        let (hidden, absent) = (mutate(&lead, mutation, &hidden).await, mutate(&lead, mutation, &absent).await);
        hidden.refused("NOT_FOUND");
        assert_eq!((hidden.message(), hidden.field()), (absent.message(), absent.field()), "{mutation}");
        assert_eq!(reads().await, before, "{mutation} shows in the trail of who must not know");
        assert_eq!(events_of(&world.admin, &hidden).await[0]["outcome"], "DENIED", "{mutation}");
        assert_eq!(events_of(&world.admin, &absent).await[0]["outcome"], "FAILED", "{mutation}");
    }
}
