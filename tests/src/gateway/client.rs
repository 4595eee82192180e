//! One viewer's HTTP client, and the answers it gets.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Method, RequestBuilder, Response, header::HeaderMap};
use serde_json::{Value, json};

/// A viewer (or nobody) who asks the gateway.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: String,
    token: Option<String>,
}

/// An answer of the gateway, whatever it is.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    body: Value,
}

/// A client that trusts no certificate: gateways under test speak plain HTTP, and loading the system's authorities takes longer
/// than many a test.
///
/// # Panics
/// Never: nothing about it can be wrong.
#[must_use]
pub fn http_client() -> reqwest::Client {
    // Another part of the process may have been first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .tls_certs_only(std::iter::empty())
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client without special options can be built")
}

impl Client {
    pub(super) fn new(http: reqwest::Client, address: SocketAddr, token: Option<String>) -> Self {
        Self { http, origin: format!("http://{address}"), token }
    }

    /// A client for a gateway that runs in another process.
    #[must_use]
    pub fn at(origin: &str, token: Option<String>) -> Self {
        Self { http: http_client(), origin: origin.trim_end_matches('/').to_owned(), token }
    }

    /// The same viewer with connections of its own, so that giving up a question closes one.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { http: http_client(), ..self.clone() }
    }

    /// Runs a document with variables.
    ///
    /// # Panics
    /// When the gateway does not answer.
    pub async fn query(&self, document: &str, variables: Value) -> Reply {
        self.try_query(document, variables).await.expect("the gateway answers, and to the end")
    }

    /// The same, of a gateway that may not be there any more.
    ///
    /// # Errors
    /// When there is no answer, or it breaks off.
    pub async fn try_query(&self, document: &str, variables: Value) -> reqwest::Result<Reply> {
        let request = self
            .request(Method::POST, "/graphql")
            .header("accept", "application/json")
            .json(&json!({ "query": document, "variables": variables }));
        Reply::try_of(request).await
    }

    /// Runs a document without variables.
    ///
    /// # Panics
    /// When the gateway does not answer.
    pub async fn ask(&self, document: &str) -> Reply {
        self.query(document, json!({})).await
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request to any path, with this viewer's token and nothing else, for tests of the transport itself.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.origin));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl Reply {
    /// Sends the request and reads the whole answer.
    ///
    /// # Panics
    /// When there is no answer, or it breaks off.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::try_of(request).await.expect("the gateway answers, and to the end")
    }

    /// The same, of a gateway that may not be there any more.
    ///
    /// # Errors
    /// When there is no answer, or it breaks off.
    pub async fn try_of(request: RequestBuilder) -> reqwest::Result<Self> {
        let response: Response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, text, body })
    }

    /// The value at a dotted path below `data`: `registry.spaces.nodes.0.name`.
    ///
    /// # Panics
    /// When there are errors or nothing stands there (null is something).
    #[must_use]
    #[track_caller]
    pub fn data(&self, path: &str) -> &Value {
        assert!(self.errors().is_empty(), "the gateway refused: {}", self.text);
        self.partial(path)
    }

    /// Like [`Reply::data`], of an answer that may also have errors.
    ///
    /// # Panics
    /// When nothing stands there.
    #[must_use]
    #[track_caller]
    pub fn partial(&self, path: &str) -> &Value {
        let found = path.split('.').try_fold(&self.body["data"], |value, key| match value {
            Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => value.get(key),
        });
        let Some(value) = found else { panic!("nothing stands at `{path}` of {}", self.text) };
        value
    }

    /// Like [`Reply::partial`]; null where nothing stands, as where `data` itself is null.
    #[must_use]
    pub fn partial_or_null(&self, path: &str) -> &Value {
        let pointer = format!("/data/{}", path.replace('.', "/"));
        self.body.pointer(&pointer).unwrap_or(&Value::Null)
    }

    /// The string at a path.
    ///
    /// # Panics
    /// When there are errors or no string stands there.
    #[must_use]
    #[track_caller]
    pub fn string(&self, path: &str) -> String {
        let Some(text) = self.data(path).as_str() else { panic!("no string stands at `{path}` of {}", self.text) };
        text.to_owned()
    }

    /// The list at a path.
    ///
    /// # Panics
    /// When there are errors or no list stands there.
    #[must_use]
    #[track_caller]
    pub fn list(&self, path: &str) -> &[Value] {
        let Some(items) = self.data(path).as_array() else { panic!("no list stands at `{path}` of {}", self.text) };
        items
    }

    /// One string of each element of a list: `strings("spaces.nodes", "name")`.
    ///
    /// # Panics
    /// When there are errors or something else stands there.
    #[must_use]
    #[track_caller]
    pub fn strings(&self, path: &str, field: &str) -> Vec<String> {
        let pointer = format!("/{}", field.replace('.', "/"));
        self.list(path)
            .iter()
            .map(|item| match item.pointer(&pointer).and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => panic!("no string stands at `{field}` of {item}"),
            })
            .collect()
    }

    /// All errors.
    #[must_use]
    pub fn errors(&self) -> &[Value] {
        self.body["errors"].as_array().map_or(&[], Vec::as_slice)
    }

    /// `extensions.code` of the first error; nothing when there is none.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.extension("code").as_str()
    }

    /// `extensions.field` of the first error.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.extension("field").as_str()
    }

    /// Anything of the first error's `extensions`.
    #[must_use]
    pub fn extension(&self, name: &str) -> &Value {
        self.errors().first().map_or(&Value::Null, |error| &error["extensions"][name])
    }

    /// The text of the first error; empty when there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        self.errors().first().and_then(|error| error["message"].as_str()).unwrap_or_default()
    }

    /// A header, when it is there and readable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The whole JSON body, null when it is none.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Asserts that the gateway did it.
    ///
    /// # Panics
    /// When it refused.
    #[track_caller]
    pub fn succeeded(&self) -> &Self {
        assert!(self.status == 200 && self.errors().is_empty(), "the gateway refused ({}): {}", self.status, self.text);
        self
    }

    /// Asserts that the gateway refused with this code.
    ///
    /// # Panics
    /// When it did it, or refused for another reason.
    #[track_caller]
    pub fn refused(&self, code: &str) -> &Self {
        assert_eq!(self.code(), Some(code), "another answer was expected: {}", self.text);
        self
    }
}
