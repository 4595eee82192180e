//! The stage of the replay: contents that were pushed, faults that were staged, and the words of
//! the recording (credentials, digests, hosts) in those of the simulation.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tests::harbor::{ArtifactKind, ArtifactSpec, ErrorPage, Fault, SimulatedHarbor};

use super::Recording;
use super::comparison::Answer;

const PASSWORDS: [(&str, &str); 3] =
    [("admin", SimulatedHarbor::ADMIN_PASSWORD), ("alice", "Alice12345"), ("bob", "Bob1234567")];
/// What the recorded webhook policies deliver to; nobody must listen there during a replay.
const RECORDED_SINK: &str = "127.0.0.1:55090";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const SINK: &str = "127.0.0.1:1";

pub(super) struct Scene {
    harbor: SimulatedHarbor,
    client: reqwest::Client,
    /// Recorded digests and hosts, and what they are here.
    words: Vec<(String, String)>,
    secrets: HashMap<String, String>,
    tokens: HashMap<&'static str, String>,
}

impl Scene {
    pub(super) async fn open() -> Self {
        let harbor = SimulatedHarbor::start().await;
        let client = reqwest::Client::builder()
            .no_proxy()
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .tls_danger_accept_invalid_certs(true)
            .build()
            .expect("a client");
        // The recorded Harbor was reached directly at one port and through nginx at another.
        let hosts = ["127.0.0.1:55080", "127.0.0.1:55088"];
        let words = hosts.map(|host| (host.to_owned(), harbor.host())).to_vec();
        Self { harbor, client, words, secrets: HashMap::new(), tokens: HashMap::new() }
    }

    /// What happened in front of this request, and in which condition the system was.
    pub(super) async fn prepare(&mut self, recording: &Recording) {
        let number: u32 = recording.name[..3].parse().expect("a number");
        match number {
            13 => self.harbor.create_user("bob", "Bob1234567"),
            99 => {
                self.push_images();
                self.pull_image().await;
            }
            284 => self.fetch_tokens().await,
            332 => self.push_hooked(),
            345 => self.push_bench(),
            366 => {
                self.harbor.create_project("phoenix", false);
                self.harbor.delete_project("phoenix");
            }
            _ => {}
        }
        self.harbor.clear_faults();
        match number {
            388 => self.fault(Fault::Unhealthy("registry")),
            394 => self.fault(Fault::Unhealthy("jobservice")),
            397 => {
                self.fault(Fault::Unhealthy("jobservice"));
                self.fault(Fault::Unhealthy("redis"));
            }
            401..=410 => self.fault(Fault::DatabaseDown),
            411 | 412 => self.fault(Fault::Status(502, ErrorPage::Html)),
            _ if recording.name.contains("nginx") => self.fault(Fault::NginxInFront),
            _ => {}
        }
    }

    fn fault(&self, fault: Fault) {
        self.harbor.fault(fault);
    }

    pub(super) async fn send(&self, recording: &Recording) -> Answer {
        let request = &recording.request;
        let method = request.method.parse().expect("a method");
        let url = format!("{}{}", self.harbor.url(), self.translate(&request.path));
        let mut builder = self.client.request(method, url);
        for (name, value) in &request.headers {
            let value = match name.as_str() {
                "Authorization" => self.authorization(&recording.name, value),
                _ => value.replace("<sid>", "0123456789"),
            };
            builder = builder.header(name, value);
        }
        if let Some(Value::String(body)) = &request.body {
            builder = builder.body(body.replace(RECORDED_SINK, SINK));
        }
        let response = builder.send().await.expect("an answer");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
        }
    }

    /// Remembers what the simulation told only once.
    pub(super) fn learn(&mut self, recording: &Recording, answer: &Answer) {
        let json = answer.json().unwrap_or_default();
        let secret = json["secret"].as_str().map(str::to_owned);
        if recording.request.path == "/api/v2.0/robots"
            && let (Some(name), Some(secret)) = (json["name"].as_str(), secret)
        {
            self.secrets.insert(name.to_owned(), secret);
        }
        if recording.name == "246-robot-refresh-given" {
            let chosen = "GivenSecret123".to_owned();
            self.secrets.insert("robot$puller".to_owned(), chosen);
        }
    }

    /// The recording's words in ours.
    pub(super) fn translate(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (theirs, ours)| {
            let encoded = |word: &str| word.replacen("sha256:", "sha256%3A", 1);
            let text = text.replace(theirs, ours);
            if theirs.starts_with("sha256:") { text.replace(&encoded(theirs), &encoded(ours)) } else { text }
        })
    }

    fn authorization(&self, name: &str, recorded: &str) -> String {
        if recorded == "Bearer <token>" {
            let number: u32 = name[..3].parse().expect("a number");
            let user = match number {
                292 => "alice",
                293 => "bob",
                294 => "",
                295 => "robot$puller",
                296 => return "Bearer garbage".to_owned(),
                _ => "admin",
            };
            return format!("Bearer {}", self.tokens[user]);
        }
        let Some(user) = recorded.strip_prefix("Basic <").and_then(|rest| rest.strip_suffix('>')) else {
            return recorded.to_owned();
        };
        match user.strip_suffix(":wrong password") {
            Some(user) => basic(user, "Wrong12345"),
            None => basic(user, self.password(user)),
        }
    }

    fn password(&self, user: &str) -> &str {
        let known = PASSWORDS.iter().find(|(name, _)| *name == user);
        match known {
            Some((_, password)) => password,
            None => &self.secrets[user],
        }
    }

    async fn fetch_tokens(&mut self) {
        for user in ["admin", "alice", "bob", "", "robot$puller"] {
            let scope = "service=harbor-registry&scope=repository:acme-private/app:pull";
            let url = format!("{}/service/token?{scope}", self.harbor.url());
            let mut request = self.client.get(url);
            if !user.is_empty() {
                request = request.header("authorization", basic(user, self.password(user)));
            }
            let text = request.send().await.expect("an answer").text().await;
            let token: Value = serde_json::from_str(&text.expect("a body")).expect("JSON");
            let token = token["token"].as_str().expect("a token").to_owned();
            self.tokens.insert(user, token);
        }
    }

    fn push(&mut self, image: &str, spec: ArtifactSpec, recorded_digest: &str) {
        let (project, repository) = image.split_once('/').expect("a project");
        let digest = self.harbor.push_artifact(project, repository, spec);
        if !recorded_digest.is_empty() {
            self.words.push((format!("sha256:{recorded_digest}"), digest));
        }
    }

    fn push_images(&mut self) {
        let app = "acme-private/app";
        let v1 = "c46a2e08b141f805aef96dc22665273606cc73542bca4b8c84f6f7bc89bccd97";
        let v0 = "77cd73f57daad7ad02f6a1fc066ca6fd9ac0ec1b22e586f86efd1c0f36f84dd6";
        self.push(app, content(&["1.0"], "v1"), v1);
        let docker = of_kind(ArtifactKind::DockerImage, &["1.1", "latest"]);
        self.push(app, docker, "");
        self.push(app, content(&[], "v0"), v0);
        self.push(app, content(&["tmp"], "v3"), "");
        self.push(app, index(), "");
        self.learn_children();
        self.push("acme-private/team/app", content(&["1.0"], "team"), "");
        self.push("acme-private/team/sub/deep", content(&["1.0"], "deep"), "");
        let chart = of_kind(ArtifactKind::Chart, &["0.1.0"]);
        self.push("acme-private/charts/demo", chart, "");
        let rocket = ArtifactSpec {
            annotations: BTreeMap::from([("org.acme.note".to_owned(), "demo".to_owned())]),
            ..of_kind(ArtifactKind::Unknown, &["v1"])
        };
        self.push("acme-private/rocket", rocket, "");
        let signed = ArtifactSpec { signed: true, attachments: 1, ..content(&["1.0"], "signed") };
        let digest = "695eed34afb044eadfa626664502a0cecc5b785a3a7a63e86997c3ffd62af9c9";
        self.push("acme-private/signed", signed, digest);
        for tag in ["v0", "v1", "v2"] {
            self.push("acme-public/web", content(&[tag], tag), "");
        }
        self.harbor.pulled("acme-public", "web", 1);
        self.push("acme-public/under_score.dots-and", content(&["1"], "u"), "");
        self.push("library/hello", content(&["1"], "hello"), "");
        self.push("acme-public/via-skopeo", content(&["1"], "skopeo"), "");
    }

    async fn pull_image(&self) {
        let url = format!("{}/v2/acme-public/via-skopeo/manifests/1", self.harbor.url());
        let request = self.client.get(url).header("accept", OCI_MANIFEST);
        let request = request.header("authorization", basic("admin", self.password("admin")));
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
    }

    /// The digests of the images in the index are recorded, and made up here by the simulation.
    fn learn_children(&mut self) {
        let recorded = [
            ("linux/amd64", "5eb6af41a6412a9da724071ecebb4797c0d3824b5c1b6bacb2049eeb4113a1fe"),
            ("linux/arm64/v8", "ee3238f739925f806bf124f327720fe17b08cf9256aa7d5d43b823c244f87bf4"),
        ];
        for (platform, digest) in recorded {
            let ours = self.harbor.platform_digest("acme-private", "app", "multi", platform);
            self.words.push((format!("sha256:{digest}"), ours));
        }
    }

    fn push_hooked(&mut self) {
        self.push("acme-private/hooked", content(&["1.0"], "hooked"), "");
        self.push("acme-private/hooked", index(), "");
        self.push("acme-private/hooked", content(&["2.0"], "hooked 2"), "");
        let chart = of_kind(ArtifactKind::Chart, &["0.2.0"]);
        self.push("acme-private/hookchart", chart, "");
    }

    fn push_bench(&mut self) {
        for number in 0..200 {
            let project = format!("bench-{number:03}");
            self.harbor.create_project(&project, number % 4 == 0);
            for repository in 0..if number == 199 { 250 } else { 5 } {
                let image = format!("{project}/svc-{repository:03}");
                self.push(&image, content(&["1"], "bench"), "");
            }
        }
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn of_kind(kind: ArtifactKind, tags: &[&str]) -> ArtifactSpec {
    ArtifactSpec { kind, tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..ArtifactSpec::default() }
}

fn content(tags: &[&str], content: &str) -> ArtifactSpec {
    ArtifactSpec { content: Some(content.to_owned()), ..of_kind(ArtifactKind::Image, tags) }
}

fn index() -> ArtifactSpec {
    let platforms = ["linux/amd64", "linux/arm64/v8", "linux/arm/v7"];
    let platforms = platforms.map(str::to_owned).to_vec();
    of_kind(ArtifactKind::Index { platforms }, &["multi"])
}
