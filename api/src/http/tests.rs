//! The routes, called in process, in front of a graph of a few fields.

mod graphql;
mod metrics;
mod surroundings;
mod webhook;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_graphql::{Context, EmptySubscription, ErrorExtensions, Object, Schema};
use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use chrono::TimeDelta;
use futures_util::FutureExt;
use secrecy::SecretString;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{
    auth::{ClaimNames, Grant, JwtConfig, JwtKey, OneKey, mint},
    clock,
    config::{Introspection, TrustedDocuments},
    graphql::limits::Limits,
};

const SECRET: &str = "a secret of more than thirty-two bytes";

struct Query;

#[Object]
impl Query {
    async fn echo(&self, #[graphql(default = 1)] number: i32) -> i32 {
        number
    }

    async fn who(&self, ctx: &Context<'_>) -> Option<String> {
        ctx.data_opt::<Arc<Viewer>>().map(|viewer| viewer.subject.clone())
    }

    async fn child(&self) -> Query {
        Query
    }

    async fn uncoded(&self) -> Option<async_graphql::Result<i32>> {
        Some(Err("password hunter2".into()))
    }

    async fn coded(&self) -> Option<async_graphql::Result<i32>> {
        let error = async_graphql::Error::new("registry `harbor` does not answer");
        Some(Err(error.extend_with(|_, extensions| extensions.set("code", "UPSTREAM_UNAVAILABLE"))))
    }

    async fn panics(&self) -> i32 {
        // A bug, such as this library or ours may have.
        [1][usize::from(std::hint::black_box(true))]
    }

    async fn hangs(&self) -> i32 {
        std::future::pending().await
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn touch(&self) -> bool {
        true
    }
}

/// A graph of a few fields.
struct Small(Schema<Query, Mutation, EmptySubscription>);

impl Answering for Small {
    fn recall<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Option<Bytes>> {
        async { None }.boxed()
    }

    fn execute(
        &self,
        request: async_graphql::Request,
        viewer: Option<Arc<Viewer>>,
        id: String,
        _: Option<Question>,
    ) -> BoxFuture<'_, Executed> {
        let request = request.data(id);
        let request = match viewer {
            Some(viewer) => request.data(viewer),
            None => request,
        };
        async move { self.0.execute(request).await.into() }.boxed()
    }

    fn subscribe(
        &self,
        request: async_graphql::Request,
        _: Arc<Viewer>,
        _: String,
        _: Standing,
    ) -> BoxStream<'static, Answer> {
        self.0.execute_stream(request)
    }
}

fn settings() -> Settings {
    Settings {
        request_timeout: Duration::from_secs(30),
        webhook_timeout: Duration::from_secs(30),
        body_limit_bytes: 4096,
        cors_origins: Vec::new(),
        introspection: Introspection::Authenticated,
        limits: Limits::default(),
        trusted_documents: TrustedDocuments::default(),
        serves_metrics: true,
        dev_token: None,
    }
}

fn jwt() -> JwtConfig {
    JwtConfig { issuer: None, audience: None, claims: ClaimNames::default() }
}

fn token(life: TimeDelta) -> String {
    let grant = Grant {
        subject: "u-17".into(),
        name: None,
        is_admin: false,
        memberships: BTreeMap::new(),
        expires_at: clock::now() + life,
    };
    mint(&SecretString::from(SECRET), &jwt(), &grant)
}

fn edge(settings: Settings, is_ready: bool) -> impl Site {
    let metrics = Metrics::builder().build();
    routes(state(settings, is_ready, Webhooks::new(|_| async { Received::Unauthorized }), metrics))
}

fn state(settings: Settings, is_ready: bool, webhooks: Webhooks, metrics: Metrics) -> Edge {
    let schema = Schema::build(Query, Mutation, EmptySubscription)
        .limit_depth(20)
        .limit_complexity(200)
        .limit_aliases(50)
        .finish();
    let ready = Ready::new(move || async move { is_ready });
    let key = OneKey::from(JwtKey::from_secret(&SECRET.into()).unwrap());
    let verifier = Arc::new(Verifier::new(&jwt(), Arc::new(key)));
    Edge::new(Small(schema), verifier, settings, ready, webhooks, metrics)
}

/// An answer, its body read as JSON where it is some.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
    json: Value,
}

impl Reply {
    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.json["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }

    fn message(&self) -> &str {
        self.json["errors"][0]["message"].as_str().unwrap_or_default()
    }

    /// Status and code, which say the most.
    fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.code())
    }
}

async fn send(site: impl Site, request: Request<Body>) -> Reply {
    let response = site.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    Reply {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8_lossy(&body).into_owned(),
        json: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

/// A POST as a client with a good token sends it.
fn post() -> axum::http::request::Builder {
    Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {}", token(TimeDelta::hours(1))))
        .header(header::CONTENT_TYPE, "application/json")
}

async fn post_body(body: impl Into<Body>) -> Reply {
    send(edge(settings(), true), post().body(body.into()).unwrap()).await
}

/// A GET with a good token.
async fn get_query(uri: &str) -> Reply {
    let request = Request::get(uri).header(header::AUTHORIZATION, format!("Bearer {}", token(TimeDelta::hours(1))));
    send(edge(settings(), true), request.body(Body::empty()).unwrap()).await
}

async fn query(document: &str) -> Reply {
    query_as(document, json!({}), "application/graphql-response+json").await
}

async fn query_as(document: &str, variables: Value, accept: &str) -> Reply {
    let body = json!({ "query": document, "variables": variables }).to_string();
    let request = post().header(header::ACCEPT, accept).body(body.into()).unwrap();
    send(edge(settings(), true), request).await
}
