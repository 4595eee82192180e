//! Two tenants with the same of everything, what belongs to nobody, and who asks.
//!
//! | registry | scope | space | image | reaches |
//! |---|---|---|---|---|
//! | `main` | PLATFORM | `library`, public | `nginx` | everybody |
//! | `main` | PLATFORM | `teal-app`, private | `teal-api` | `teal`, by binding |
//! | `main` | PLATFORM | `ochre-app`, private | `ochre-api` | `ochre`, by binding |
//! | `main` | PLATFORM | `slate-vault`, private | `slate-keys` | nobody |
//! | `teal-harbor` | WORKSPACE of `teal` | `teal-open`, public; `teal-closed` | `teal-widget`; `teal-tool` | `teal` |
//! | `ochre-harbor` | WORKSPACE of `ochre` | the same | the same | `ochre` |
//!
//! Each tenant has a namespace (`teal-prod`), `common-free` belongs to none. Whatever is a tenant's bears its name, and
//! nobody's bears `slate`, so that an answer can be searched for what it may not tell. The same again was once there for
//! `ghost`, and was deleted: its ids are of the right form, and of nothing.

use serde_json::{Value, json};
use tests::gateway::{Client, TestGateway};
use tests::harbor::SimulatedHarbor;

/// The namespace that belongs to nobody.
const FREE: &str = "common-free";

pub(super) struct Scene {
    // They end with the scene.
    _gateway: TestGateway,
    _harbors: Vec<SimulatedHarbor>,
    pub(super) askers: Vec<Asker>,
    places: Vec<Place>,
    /// Words that tell of what is somebody's: whose, and the word.
    words: Vec<(&'static str, String)>,
}

/// What stands for `<name>` in a document: a thing that is there, and its ghost, where it has one.
struct Place {
    name: String,
    there: String,
    ghost: Option<String>,
}

/// A kind of viewer.
pub(super) struct Asker {
    pub(super) name: &'static str,
    pub(super) client: Client,
    tenant: Option<&'static str>,
    is_admin: bool,
}

impl Asker {
    /// Whether everything that bears the name of `teal` is hidden from them.
    pub(super) fn sees_nothing_of_teal(&self) -> bool {
        !self.is_admin && self.tenant != Some("teal")
    }
}

impl Scene {
    pub(super) async fn start() -> Self {
        let gateway = TestGateway::start().await;
        let admin = gateway.as_admin();
        let harbor = SimulatedHarbor::start().await;
        harbor.push("library", "nginx", "1.0");
        for (project, repository) in [
            ("teal-app", "teal-api"),
            ("ochre-app", "ochre-api"),
            ("ghost-app", "ghost-api"),
            ("slate-vault", "slate-keys"),
        ] {
            harbor.create_project(project, false);
            harbor.push(project, repository, "1.0");
        }
        let main = admin.integrate_harbor("main", &harbor).await;
        let (teal, teal_harbor) = tenant(&admin, &main, "teal").await;
        let (ochre, ochre_harbor) = tenant(&admin, &main, "ochre").await;
        let (ghost, ghost_harbor) = tenant(&admin, &main, "ghost").await;
        harbor.delete_repository("ghost-app", "ghost-api");
        delete(&admin, &ghost).await;
        let mut ghost = ghost;
        for (name, id) in &mut ghost {
            if *name == "namespace" {
                // A workspace's end frees its namespaces: only elsewhere is one that never was here.
                *id = namespace_elsewhere().await;
            }
        }
        admin.bind_namespaces(&teal[0].1, &[FREE]).await.succeeded();
        let free = namespace_id(&admin, FREE).await;
        let unbind = "mutation ($input: UnbindNamespacesInput!) { unbindNamespaces(input: $input) { __typename } }";
        admin.query(unbind, json!({ "input": { "namespaces": [{ "name": FREE }] } })).await.succeeded();

        let library = admin.space(&main, "library").await;
        let vault = admin.space(&main, "slate-vault").await;
        let cursor = "{ availableImages(namespace: { name: \"teal-prod\" }, first: 2) { pageInfo { endCursor } } }";
        let common = [
            ("nginx", image_id(&admin, &library).await),
            ("keys", image_id(&admin, &vault).await),
            ("main", main),
            ("library", library),
            ("vault", vault),
            ("free", free),
            ("host", harbor.host()),
            ("cursor", admin.ask(cursor).await.string("availableImages.pageInfo.endCursor")),
        ];
        let common = common.map(|(name, there)| Place { name: format!("<{name}>"), there, ghost: None });
        let pairs = teal.into_iter().zip(ghost).map(|((name, there), (_, ghost))| Place {
            name: format!("<{name}>"),
            there,
            ghost: Some(ghost),
        });
        let mut words = vec![
            ("teal", "teal".to_owned()),
            ("teal", teal_harbor.host()),
            ("ochre", "ochre".to_owned()),
            ("ochre", ochre_harbor.host()),
            ("nobody", "slate".to_owned()),
        ];
        words.extend(ochre.into_iter().map(|(_, id)| ("ochre", id)));
        Self {
            askers: askers(&gateway),
            places: common.into_iter().chain(pairs).collect(),
            words,
            _gateway: gateway,
            _harbors: vec![harbor, teal_harbor, ochre_harbor, ghost_harbor],
        }
    }

    /// What may not occur in an answer to them, unless they said it themselves.
    pub(super) fn hidden_words<'a>(&'a self, asker: &'a Asker) -> impl Iterator<Item = &'a str> {
        let hidden = |owner: &str| !asker.is_admin && asker.tenant != Some(owner);
        self.words.iter().filter(move |(owner, _)| hidden(owner)).map(|(_, word)| word.as_str())
    }

    /// Whether a document asks about something of `teal` by its id, and about nothing by its name.
    pub(super) fn is_about_teal_by_id(&self, document: &str) -> bool {
        let is_asked = |place: &Place| place.ghost.is_some() && document.contains(&place.name);
        self.places.iter().any(is_asked) && !document.contains("teal")
    }

    pub(super) fn fill(&self, document: &str) -> String {
        self.places.iter().fold(document.to_owned(), |text, place| text.replace(&place.name, &place.there))
    }

    pub(super) fn fill_with_ghosts(&self, document: &str) -> String {
        let ghost = |place: &Place| place.ghost.clone().unwrap_or_else(|| place.there.clone());
        self.places.iter().fold(document.to_owned(), |text, place| text.replace(&place.name, &ghost(place)))
    }
}

fn askers(gateway: &TestGateway) -> Vec<Asker> {
    let member = |name, tenant, role| {
        let client = gateway.as_member(tenant, role);
        Asker { name, client, tenant: Some(tenant), is_admin: false }
    };
    let other = |name, client, is_admin| Asker { name, client, tenant: None, is_admin };
    vec![
        other("admin", gateway.as_admin(), true),
        member("its admin", "teal", "admin"),
        member("its editor", "teal", "editor"),
        member("its viewer", "teal", "viewer"),
        member("other admin", "ochre", "admin"),
        member("other editor", "ochre", "editor"),
        member("other viewer", "ochre", "viewer"),
        other("of nothing", gateway.as_outsider(), false),
        other("no token", gateway.anonymous(), false),
    ]
}

/// Ids of what a tenant has, by what they are; the workspace is the first.
type Ids = Vec<(&'static str, String)>;

/// Gives a tenant the same of everything.
async fn tenant(admin: &Client, main: &str, name: &str) -> (Ids, SimulatedHarbor) {
    let named = |what: &str| format!("{name}-{what}");
    let harbor = SimulatedHarbor::start().await;
    for (project, public, repository) in [("open", true, "widget"), ("closed", false, "tool")] {
        harbor.create_project(&named(project), public);
        harbor.push(&named(project), &named(repository), "1.0");
    }
    let workspace = admin.create_workspace(name).await;
    let registry = admin.integrate_harbor_for(&workspace, &named("harbor"), &harbor).await;
    let app = admin.space(main, &named("app")).await;
    let binding = admin.bind(&[&app], &[&workspace]).await.string("bindSpaces.bindings.0.id");
    admin.bind_namespaces(&workspace, &[&named("prod")]).await.succeeded();
    let open = admin.space(&registry, &named("open")).await;
    let closed = admin.space(&registry, &named("closed")).await;
    let images = [("api", image_id(admin, &app).await), ("widget", image_id(admin, &open).await)];
    let mut ids = vec![
        ("workspace", workspace),
        ("namespace", namespace_id(admin, &named("prod")).await),
        ("tool", image_id(admin, &closed).await),
        ("registry", registry),
        ("app", app),
        ("open", open),
        ("closed", closed),
        ("binding", binding),
    ];
    ids.extend(images);
    (ids, harbor)
}

/// Deletes all that a tenant has.
async fn delete(admin: &Client, ids: &Ids) {
    let id = |wanted: &str| ids.iter().find(|(name, _)| *name == wanted).map(|(_, id)| id.as_str());
    let acts = [
        ("removeRegistry", json!({ "id": id("registry"), "force": true })),
        ("deleteSpace", json!({ "spaceId": id("app"), "force": true })),
        ("deleteWorkspace", json!({ "id": id("workspace"), "force": true })),
    ];
    for (name, input) in acts {
        let pascal = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        let document = format!("mutation ($input: {pascal}Input!) {{ {name}(input: $input) {{ __typename }} }}");
        admin.query(&document, json!({ "input": input })).await.succeeded();
    }
}

/// The id of a namespace that another gateway knows.
async fn namespace_elsewhere() -> String {
    let gateway = TestGateway::start().await;
    let admin = gateway.as_admin();
    let workspace = admin.create_workspace("elsewhere").await;
    admin.bind_namespaces(&workspace, &["elsewhere"]).await.succeeded();
    namespace_id(&admin, "elsewhere").await
}

async fn namespace_id(admin: &Client, name: &str) -> String {
    let document = "query ($name: String!) { namespace(name: $name) { id } }";
    admin.query(document, json!({ "name": name })).await.string("namespace.id")
}

/// The id of the one image of a space.
async fn image_id(admin: &Client, space: &str) -> String {
    let document = "query ($id: ID!) { space(id: $id) { images { nodes { id } } } }";
    let reply = admin.query(document, json!({ "id": space })).await;
    let images: &[Value] = reply.list("space.images.nodes");
    images.first().and_then(|image| image["id"].as_str()).expect("the space holds an image").to_owned()
}
