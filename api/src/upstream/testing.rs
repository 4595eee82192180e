//! A registry made of single replies, for contract tests: what was sent is asserted, what is read is recorded.

use std::time::Duration;

use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{
    Address, Credentials, Endpoint, Guards, Kind, Networks, Reach, Registry, Settings, SpaceKey, Tls, Upstream,
};

/// `ann:secret`, as sent.
pub(super) const BASIC: &str = "Basic YW5uOnNlY3JldA==";

/// A server that knows the replies it was given and answers everything else with the 404 of wiremock, which no
/// product sends.
pub(super) struct Fake {
    server: MockServer,
}

impl Fake {
    pub(super) async fn start() -> Self {
        Self { server: MockServer::start().await }
    }

    pub(super) fn uri(&self) -> String {
        self.server.uri()
    }

    /// Answers `GET /path?query` with JSON.
    pub(super) async fn json(&self, request: &str, body: &str) {
        self.reply(request, json(200, body)).await;
    }

    /// Answers a request, written as its first line without the version.
    pub(super) async fn reply(&self, request: &str, reply: ResponseTemplate) {
        self.mock(request, None, reply).mount(&self.server).await;
    }

    /// Answers only the first such request; what is mounted later answers the next.
    pub(super) async fn once(&self, request: &str, reply: ResponseTemplate) {
        self.mock(request, None, reply).up_to_n_times(1).mount(&self.server).await;
    }

    /// Answers only with this `Authorization`.
    pub(super) async fn authorized(&self, request: &str, authorization: &str, reply: ResponseTemplate) {
        self.mock(request, Some(authorization), reply).mount(&self.server).await;
    }

    fn mock(&self, request: &str, authorization: Option<&str>, reply: ResponseTemplate) -> Mock {
        let (request, authorization) = (request.to_owned(), authorization.map(str::to_owned));
        Mock::given(move |sent: &Request| {
            line(sent) == request
                && authorization.as_ref().is_none_or(|wanted| header(sent, "authorization") == *wanted)
        })
        .respond_with(reply)
    }

    /// The first lines of all requests so far.
    pub(super) async fn sent(&self) -> Vec<String> {
        self.requests().await.iter().map(line).collect()
    }

    pub(super) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.expect("requests are recorded")
    }

    /// First lines with what account went along: `-`, or the value of the header.
    pub(super) async fn sent_as(&self) -> Vec<String> {
        let account = |sent: &Request| match header(sent, "authorization") {
            "" => "-".to_owned(),
            BASIC => "basic".to_owned(),
            other => other.to_owned(),
        };
        let requests = self.requests().await;
        requests.iter().map(|sent| format!("{} {}", line(sent), account(sent))).collect()
    }

    pub(super) fn harbor(&self) -> Registry {
        self.registry(Kind::Harbor, Some(ann()))
    }

    pub(super) fn docker(&self, credentials: Option<Credentials>) -> Registry {
        self.registry(Kind::DockerRegistry, credentials)
    }

    fn registry(&self, kind: Kind, credentials: Option<Credentials>) -> Registry {
        registry(kind, &self.uri(), credentials, settings())
    }
}

pub(super) fn settings() -> Settings {
    Settings { timeout: Duration::from_secs(5), max_body_bytes: 64 << 10, concurrency: 2, ..Settings::default() }
}

pub(super) fn registry(kind: Kind, address: &str, credentials: Option<Credentials>, settings: Settings) -> Registry {
    upstream(settings)
        .registry(Endpoint {
            kind,
            address: Address::parse(address).expect("an address"),
            credentials,
            tls: Tls::default(),
            reach: Reach::Platform,
        })
        .expect("a registry")
}

/// Clients that may speak to this host, where the fakes are.
pub(super) fn upstream(settings: Settings) -> Upstream {
    Upstream::new(settings, Guards::new(Networks::loopback(), Networks::default(), Networks::default()))
}

pub(super) fn ann() -> Credentials {
    Credentials { username: "ann".to_owned(), password: "secret".into() }
}

pub(super) fn space(id: &str, name: &str) -> SpaceKey {
    SpaceKey { id: id.to_owned(), name: name.to_owned() }
}

pub(super) fn json(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

pub(super) fn page(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<!doctype html><html><body>hello</body></html>", "text/html")
}

/// An error as both products write it.
pub(super) fn complaint(status: u16, code: &str, message: &str) -> ResponseTemplate {
    json(status, &format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#))
}

pub(super) fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).map(|value| value.to_str().expect("a text header")).unwrap_or_default()
}

fn line(request: &Request) -> String {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {}{query}", request.method, request.url.path())
}
