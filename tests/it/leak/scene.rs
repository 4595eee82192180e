//! A running program that is given secrets, and all that is done with them.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    gateway::{Client, Reply, Token},
    harbor::{ErrorPage, Fault, RobotSpec, SimulatedHarbor},
    program::Program,
};

use super::{
    MARKER,
    places::Places,
    walk::{INTROSPECTION, Schema},
};

/// `leak-canary-key-of-32-bytes-aaaa` and `…-bbbb` in base64.
pub(super) const ENCRYPTION_KEY: &str = "bGVhay1jYW5hcnkta2V5LW9mLTMyLWJ5dGVzLWFhYWE=";
const OLDER_KEY: &str = "bGVhay1jYW5hcnkta2V5LW9mLTMyLWJ5dGVzLWJiYmI=";
pub(super) const JWT_SECRET: &str = "jwt~8d0f6b2e/9a47+c31e5d8a60b7f294=e1";
const PASSWORD: &str = "Right~1f83/d9ab+fb41=bd6b";
const NEXT_PASSWORD: &str = "Next~5be0/cd19+137e=2179";
const WRONG_PASSWORD: &str = "Wrong~9b05/688c+2b3e=6c1f";
const DOCKER_PASSWORD: &str = "Docker~510e/527f+ade6=82d1";
/// What the registry behind [`docker`] hands out.
const ISSUED_TOKEN: &str = "issued-a54ff53a5f1d36f1";
const NOTIFIED: &str = "notified-3c6ef372fe94f82b";
const PRIVATE_KEY: &str = "MIIBleakcanary428a2f9871374491b5c0fbcf";

pub(super) struct Scene {
    program: Program,
    folder: TempDir,
    harbor: SimulatedHarbor,
    docker: String,
}

/// Secrets by their names.
type Secrets = Vec<(&'static str, String)>;

impl Scene {
    pub(super) async fn begin() -> Self {
        let harbor = SimulatedHarbor::start().await;
        harbor.set_password(SimulatedHarbor::ADMIN, PASSWORD);
        harbor.push("library", "nginx", "1.27");
        harbor.create_project("team", false);
        harbor.push("team", "app", "1.0");
        let folder = TempDir::with_prefix("fairway-leak-").expect("a temporary folder can be made");
        let database = format!("sqlite://{}/fairway.db", folder.path().display());
        let keys = format!("{ENCRYPTION_KEY},{OLDER_KEY}");
        let program = Program::serve(&[
            ("FAIRWAY_DATABASE_URL", &database),
            ("FAIRWAY_JWT_SECRET", JWT_SECRET),
            ("FAIRWAY_ENCRYPTION_KEY", &keys),
            // Nobody is there: it matters what registries are told alone.
            ("FAIRWAY_PUBLIC_URL", "http://127.0.0.1:9/fairway"),
            ("FAIRWAY_MAX_COMPLEXITY", "100000000"),
            ("FAIRWAY_LOG", "trace"),
        ])
        .await;
        Self { program, folder, harbor, docker: docker().await }
    }

    /// Uses every secret, rightly and wrongly; returns them all.
    pub(super) async fn play(&self, places: &mut Places) -> Secrets {
        let admin = self.client(Token::new("ada").admin());
        let mut secrets = self.integrate(places, &admin).await;
        secrets.extend(self.authenticate(places).await);
        self.ask_badly(places, &admin).await;
        self.walk(places, &admin).await;
        for path in ["/healthz", "/readyz", "/graphql", "/nowhere"] {
            let request = admin.request(Method::GET, path).header("accept", "text/html");
            places.answered(Reply::of(request).await);
        }
        let metrics = Reply::of(admin.request(Method::GET, "/metrics")).await;
        places.note("metrics", &metrics.text);
        for name in ["fairway.db", "fairway.db-wal"] {
            places.note("database", &self.stored(name));
        }
        secrets
    }

    /// Ends the program; returns its log.
    pub(super) async fn end(self, places: &mut Places) -> String {
        self.program.terminate();
        let (is_well, log) = self.program.ended().await;
        assert!(is_well, "{log}");
        let path: PathBuf = self.folder.path().join("fairway.db");
        places.note("database", &String::from_utf8_lossy(&std::fs::read(path).expect("the database is a file")));
        log
    }

    fn stored(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(name)).expect("SQLite has the database in two files");
        assert!(!bytes.is_empty(), "{name}");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn token(token: Token) -> String {
        token.signed_with(JWT_SECRET).mint()
    }

    fn client(&self, token: Token) -> Client {
        Client::at(self.program.origin(), Some(Self::token(token)))
    }

    /// Registries come, change, fail and go.
    async fn integrate(&self, places: &mut Places, admin: &Client) -> Secrets {
        let harbor = |name: &str, username: &str, password: &str| {
            json!({ "name": name, "kind": "HARBOR", "address": self.harbor.url(), "username": username,
                    "password": password, "description": MARKER })
        };
        let docker = |password: &str| {
            json!({ "name": "docker", "kind": "DOCKER_REGISTRY", "address": self.docker, "username": "ann",
                    "password": password })
        };
        let test = "mutation ($input: TestRegistryConnectionInput!) {
            testRegistryConnection(input: $input) { health { state cause } spaces } }";
        for mut input in
            [harbor("", SimulatedHarbor::ADMIN, WRONG_PASSWORD), docker(WRONG_PASSWORD), docker(DOCKER_PASSWORD)]
        {
            for name in ["name", "description"] {
                input.as_object_mut().expect("an input is an object").remove(name);
            }
            places.answered(admin.query(test, json!({ "input": input })).await).succeeded();
        }
        for input in [harbor("wrong", SimulatedHarbor::ADMIN, WRONG_PASSWORD), docker(WRONG_PASSWORD)] {
            places.answered(admin.integrate(input).await).refused("UPSTREAM_UNAUTHORIZED");
        }
        let reply = places.answered(admin.integrate(harbor("main", SimulatedHarbor::ADMIN, PASSWORD)).await);
        let main = reply.string("integrateRegistry.registry.id");
        let reply = places.answered(admin.integrate(docker(DOCKER_PASSWORD)).await);
        let docker_id = reply.string("integrateRegistry.registry.id");
        for id in [&main, &docker_id] {
            places.answered(admin.refresh(id).await).succeeded();
        }
        let authorization = |project: &str| {
            let policies = self.harbor.webhooks(project);
            policies.first().expect("a policy was made").authorization.trim_start_matches("Bearer ").to_owned()
        };
        let policies = [authorization("library"), authorization("team")];

        // For a workspace, with a robot's secret.
        let shop = admin.create_workspace("shop").await;
        places.answered(admin.bind_namespaces(&shop, &["web"]).await).succeeded();
        let rights =
            ["repository:list", "repository:read", "artifact:list", "artifact:read", "tag:list", "project:read"];
        let robot = RobotSpec::system("ci").in_project("*", &rights).in_system(&["project:list", "catalog:read"]);
        let (robot, robot_secret) = self.harbor.create_robot(robot);
        let mut input = harbor("robots", &robot, &robot_secret);
        input["workspaceId"] = json!(shop);
        places.answered(admin.integrate(input).await);

        let update = "mutation ($input: UpdateRegistryInput!) { updateRegistry(input: $input) {
            registry { id name username health { state cause } } } }";
        let change = |password: &str| json!({ "input": { "id": main, "password": password } });
        places.answered(admin.query(update, change(WRONG_PASSWORD)).await).refused("UPSTREAM_UNAUTHORIZED");
        self.harbor.set_password(SimulatedHarbor::ADMIN, NEXT_PASSWORD);
        // The stored one is refused from here on, until it is given anew.
        places.answered(admin.refresh(&main).await).succeeded();
        places.answered(admin.query(update, change(NEXT_PASSWORD)).await).succeeded();
        for status in [500, 403, 400] {
            let fault = self.harbor.fault(Fault::Status(status, ErrorPage::Empty));
            places.answered(admin.refresh(&main).await);
            self.harbor.clear_fault(fault);
        }
        places.answered(admin.refresh(&main).await).succeeded();

        // Given out once, to whom it is for: that answer alone is not searched.
        let rotate = "mutation ($id: ID!) { rotateWebhookSecret(input: { registryId: $id }) { url secret } }";
        let reply = admin.query(rotate, json!({ "id": docker_id })).await;
        let (url, rotated) = (reply.string("rotateWebhookSecret.url"), reply.string("rotateWebhookSecret.secret"));
        let path = url.strip_prefix("http://127.0.0.1:9/fairway").expect("it is below the public address").to_owned();
        let nobody = Client::at(self.program.origin(), None);
        for secret in [rotated.as_str(), NOTIFIED] {
            let body = json!({ "events": [], "secret": secret }).to_string();
            let request = nobody.request(Method::POST, &path).bearer_auth(secret).body(body);
            places.answered(Reply::of(request.header("content-type", "application/json")).await);
        }
        let [library, team] = policies;
        vec![
            ("the accepted password", PASSWORD.to_owned()),
            ("the next password", NEXT_PASSWORD.to_owned()),
            ("a wrong password", WRONG_PASSWORD.to_owned()),
            ("the password of the Docker Registry", DOCKER_PASSWORD.to_owned()),
            ("a token that the registry handed out", ISSUED_TOKEN.to_owned()),
            ("the robot's secret", robot_secret),
            ("the secret of a policy", library),
            ("the secret of another policy", team),
            ("the secret that was given out", rotated),
            ("a wrong secret of a notification", NOTIFIED.to_owned()),
        ]
    }

    /// Tokens of all kinds, good and bad.
    async fn authenticate(&self, places: &mut Places) -> Secrets {
        let good = Self::token(Token::new("ada").admin());
        let foreign = Token::new("eve").signed_with("another-secret-of-at-least-32-bytes").mint();
        let expired = Self::token(Token::new("old").expires_in(-3600));
        for token in [&good, &foreign, &expired] {
            let client = Client::at(self.program.origin(), Some(token.clone()));
            let request = client.request(Method::POST, "/graphql").header("x-request-id", MARKER);
            places.answered(Reply::of(request.json(&json!({ "query": "{ viewer { subject } }" }))).await);
            let in_address = format!("/graphql?query=%7Bviewer%7Bsubject%7D%7D&access_token={token}");
            let nobody = Client::at(self.program.origin(), None);
            places.answered(Reply::of(nobody.request(Method::GET, &in_address)).await);
            for scheme in ["Basic", "Token"] {
                let request =
                    nobody.request(Method::POST, "/graphql").header("authorization", format!("{scheme} {token}"));
                places.answered(Reply::of(request).await);
            }
        }
        let signature = |token: &str| token.rsplit('.').next().unwrap_or_default().to_owned();
        let key = |key: &str| {
            let raw = BASE64_STANDARD.decode(key).expect("a key is base64");
            String::from_utf8(raw).expect("these keys are text")
        };
        vec![
            ("the secret of tokens", JWT_SECRET.to_owned()),
            ("a good token's signature", signature(&good)),
            ("a foreign token's signature", signature(&foreign)),
            ("an expired token's signature", signature(&expired)),
            ("the encryption key", key(ENCRYPTION_KEY)),
            ("the older encryption key", key(OLDER_KEY)),
            ("a private key", PRIVATE_KEY.to_owned()),
        ]
    }

    /// Secrets where they do not belong: each is refused, by another part of the way in.
    async fn ask_badly(&self, places: &mut Places, admin: &Client) {
        let integrate =
            "mutation ($input: IntegrateRegistryInput!) { integrateRegistry(input: $input) { registry { id } } }";
        let input = |changes: Value| {
            let mut input = json!({ "name": "bad", "kind": "HARBOR", "address": self.harbor.url(), "username": "ann",
                                    "password": WRONG_PASSWORD });
            for (name, value) in changes.as_object().expect("changes are an object") {
                input[name] = value.clone();
            }
            json!({ "input": input })
        };
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{PRIVATE_KEY}\n-----END PRIVATE KEY-----\n");
        for changes in [
            json!({ "password": WRONG_PASSWORD.repeat(100) }),
            json!({ "password": [WRONG_PASSWORD] }),
            json!({ "password": { "value": WRONG_PASSWORD } }),
            json!({ "passwort": WRONG_PASSWORD }),
            json!({ "username": format!("ann:{WRONG_PASSWORD}") }),
            json!({ "address": format!("http://ann:{WRONG_PASSWORD}@registry.invalid") }),
            json!({ "address": format!("http://registry.invalid/?password={WRONG_PASSWORD}") }),
            json!({ "kind": "NONSENSE" }),
            json!({ "workspaceId": "nonsense" }),
            json!({ "address": "http://127.0.0.1:1" }),
            json!({ "tls": { "caCertificate": pem } }),
        ] {
            let reply = places.answered(admin.query(integrate, input(changes)).await);
            assert!(reply.code().is_some(), "{}", reply.text);
        }
        let literal =
            format!("mutation {{ integrateRegistry(input: {{ name: \"x\", password: \"{WRONG_PASSWORD}\" }}) }}");
        let cut = &literal[..literal.len() - 12];
        for document in [&literal, cut, &format!("{{ viewer }} # {WRONG_PASSWORD}"), &format!("\"{WRONG_PASSWORD}\"")] {
            let reply = places.answered(admin.ask(document).await);
            assert!(reply.code().is_some(), "{}", reply.text);
        }
        let variables = json!({ "password": WRONG_PASSWORD }).to_string();
        let request = admin.request(Method::GET, "/graphql").query(&[("query", "{ x }"), ("variables", &variables)]);
        places.answered(Reply::of(request).await);
        let broken =
            format!("{{\"query\": \"{{ viewer {{ id }} }}\", \"variables\": {{ \"password\": \"{WRONG_PASSWORD}\" ");
        let request = admin.request(Method::POST, "/graphql").header("content-type", "application/json").body(broken);
        places.answered(Reply::of(request).await);
    }

    /// All that the graph shows to an Admin and to others, and its schema.
    async fn walk(&self, places: &mut Places, admin: &Client) {
        let reply = admin.ask(INTROSPECTION).await;
        places.note("graph", &reply.text);
        let schema = Schema::of(reply.data("__schema.types"));
        let registries = admin.ask("{ registries { nodes { id spaces(first: 1) { nodes { id } } } } }").await;
        let id = |path: &str| format!("id: \"{}\"", registries.string(path));
        let namespace = "namespace: { name: \"web\" }";
        let reference = format!("reference: \"{}/library/nginx\"", self.harbor.host());
        let arguments = BTreeMap::from([
            ("registry", id("registries.nodes.0.id")),
            ("space", id("registries.nodes.0.spaces.nodes.0.id")),
            ("namespace", "name: \"web\"".to_owned()),
            ("workspace", "name: \"shop\"".to_owned()),
            ("availableImages", format!("{namespace}, first: 3")),
            ("availableImage", format!("{namespace}, {reference}")),
        ]);
        let documents = schema.documents(&arguments);
        assert!(documents.len() >= 10, "{documents:?}");
        for client in
            [admin, &self.client(Token::new("vera").member("shop", "viewer")), &self.client(Token::new("otto"))]
        {
            for document in &documents {
                let reply = client.ask(document).await;
                let is_whole = !matches!(reply.code(), Some("GRAPHQL_VALIDATION_FAILED" | "QUERY_TOO_COMPLEX"));
                assert!(is_whole, "{document}\n{}", reply.text);
                places.note("graph", &reply.text);
            }
        }
    }
}

/// A Docker Registry that hands out tokens: returns its address. Lives as long as the runtime.
async fn docker() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    let router =
        Router::new().fallback(move |uri: Uri, headers: HeaderMap| async move { answer(address, &uri, &headers) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn answer(address: SocketAddr, uri: &Uri, headers: &HeaderMap) -> Response {
    let brings = |expected: &str| headers.get(header::AUTHORIZATION).is_some_and(|value| value == expected);
    const VERSION: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");
    let json = |body: Value| ([VERSION, ("content-type", "application/json")], body.to_string()).into_response();
    if uri.path() == "/token" {
        let account = BASE64_STANDARD.encode(format!("ann:{DOCKER_PASSWORD}"));
        return if brings(&format!("Basic {account}")) {
            json(json!({ "token": ISSUED_TOKEN, "expires_in": 300 }))
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        };
    }
    if !brings(&format!("Bearer {ISSUED_TOKEN}")) {
        let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"canary\"");
        return (StatusCode::UNAUTHORIZED, [VERSION, ("www-authenticate", &challenge)]).into_response();
    }
    match uri.path() {
        "/v2/" => json(json!({})),
        "/v2/_catalog" => json(json!({ "repositories": ["tool"] })),
        "/v2/tool/tags/list" => json(json!({ "name": "tool", "tags": ["1.0"] })),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
