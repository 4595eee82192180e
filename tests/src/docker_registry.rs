//! A real Docker Registry (distribution): Debian's `docker-registry` in a process of its own, on a free port.
//!
//! Owns the process, its storage folder, and pushing small images into it. It speaks the registry's HTTP API itself, so
//! that what is pushed is known to the last byte and no container tool is needed.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Set to 1 (as is `CI` by most of those systems) where tests must fail rather than be left out.
pub const REQUIRE_VARIABLE: &str = "FAIRWAY_TEST_REQUIRE_SERVERS";

const BINARY: &str = "/usr/bin/docker-registry";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// `fairway:Registry12345` as htpasswd writes it. The registry understands bcrypt alone.
const HTPASSWD: &str = "fairway:$2y$05$I1XfYbapQ855.Aw8HRtf0OMgcsF.dSDrV8BH4osUeSf.DVkY1HubW\n";

/// A running registry. Ends, with all it stored, when dropped.
pub struct DockerRegistry {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
    http: reqwest::Client,
    is_open: bool,
}

impl DockerRegistry {
    /// The account of a registry that asks for one.
    pub const USER: &'static str = "fairway";
    /// Its password.
    pub const PASSWORD: &'static str = "Registry12345";

    /// Whether the registry can be run here. A test that needs it returns when not, after saying so.
    ///
    /// # Panics
    /// When it cannot, and the environment says that nothing may be left out.
    #[must_use]
    pub fn is_installed(test: &str) -> bool {
        if PathBuf::from(BINARY).exists() {
            return true;
        }
        let required =
            std::env::var_os("CI").is_some() || std::env::var_os(REQUIRE_VARIABLE).is_some_and(|value| value == "1");
        assert!(!required, "{test} needs {BINARY} (Debian package docker-registry)");
        // Past the test harness' capture, which would hide it from a green run.
        let notice = format!("\nNOT RUN: {test} needs {BINARY} (Debian package docker-registry)\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
        false
    }

    /// Starts a registry that asks for no account.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::launch(true).await
    }

    /// Starts a registry with one account, [`Self::USER`].
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with_password() -> Self {
        Self::launch(false).await
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What references to its images begin with.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Pushes an image of one small layer; returns its digest. The content follows from the names.
    ///
    /// # Panics
    /// When the registry refuses any part of it.
    pub async fn push(&self, repository: &str, tag: &str) -> String {
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2024-05-06T07:08:09Z",
            "config": { "Labels": { "image": format!("{repository}:{tag}") } },
            "rootfs": { "type": "layers", "diff_ids": [] },
        })
        .to_string();
        let layer = format!("layer of {repository}:{tag}");
        let (config_digest, layer_digest) =
            tokio::join!(self.push_blob(repository, config.clone()), self.push_blob(repository, layer.clone()));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "size": config.len(), "digest": config_digest },
            "layers": [{ "mediaType": LAYER, "size": layer.len(), "digest": layer_digest }],
        })
        .to_string();
        self.put_manifest(repository, tag, MANIFEST, manifest).await
    }

    /// Pushes many images, some at a time; returns their digests in the same order.
    pub async fn push_all(&self, images: &[(String, String)]) -> Vec<String> {
        stream::iter(images).map(|(repository, tag)| self.push(repository, tag)).buffered(8).collect().await
    }

    /// Pushes an index of builds that are there already, each for linux on one architecture; returns its digest.
    ///
    /// # Panics
    /// When the registry refuses it.
    pub async fn push_index(&self, repository: &str, tag: &str, builds: &[String], architectures: &[&str]) -> String {
        let build = |(digest, architecture): (&String, &&str)| {
            json!({
                "mediaType": MANIFEST, "digest": digest, "size": 1,
                "platform": { "os": "linux", "architecture": architecture },
            })
        };
        let builds: Vec<serde_json::Value> = builds.iter().zip(architectures).map(build).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": builds }).to_string();
        self.put_manifest(repository, tag, INDEX, index).await
    }

    /// Gives an image that is there one more tag.
    ///
    /// # Panics
    /// When there is no such image, or the registry refuses.
    pub async fn tag(&self, repository: &str, digest: &str, tag: &str) {
        let request = self.http.get(format!("{}/v2/{repository}/manifests/{digest}", self.url()));
        let response = self.signed(request).header("accept", MANIFEST).send().await.expect("the registry answers");
        let manifest = response.error_for_status().expect("the image is there").text().await;
        self.put_manifest(repository, tag, MANIFEST, manifest.expect("the answer is complete")).await;
    }

    /// The digest of what a client gets that pulls this reference; none if there is nothing.
    ///
    /// # Panics
    /// When the reference is not of this registry, or names neither tag nor digest.
    pub async fn pulled_digest(&self, reference: &str) -> Option<String> {
        let path = reference.strip_prefix(&format!("{}/", self.host())).expect("it is a reference of this registry");
        let (repository, reference) =
            path.split_once('@').or_else(|| path.rsplit_once(':')).expect("it names a tag or a digest");
        let request = self.http.get(format!("{}/v2/{repository}/manifests/{reference}", self.url()));
        let request = self.signed(request).header("accept", format!("{MANIFEST}, {INDEX}"));
        let response = request.send().await.expect("the registry answers").error_for_status().ok()?;
        Some(digest(&response.bytes().await.expect("the answer is complete")))
    }

    async fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, manifest: String) -> String {
        let digest = digest(manifest.as_bytes());
        let request = self.http.put(format!("{}/v2/{repository}/manifests/{tag}", self.url()));
        let response = self.signed(request).header("content-type", media_type).body(manifest).send().await;
        assert_eq!(response.expect("the registry answers").status(), 201, "{repository}:{tag} is not taken");
        digest
    }

    /// Deletes a manifest, and with it the tags that name it. A repository that lost its last one keeps its place in the
    /// catalog, and its list of tags becomes null.
    ///
    /// # Panics
    /// When the registry refuses.
    pub async fn delete_manifest(&self, repository: &str, digest: &str) {
        let request = self.http.delete(format!("{}/v2/{repository}/manifests/{digest}", self.url()));
        let response = self.signed(request).send().await.expect("the registry answers");
        assert_eq!(response.status(), 202, "{repository}@{digest} is not deleted");
    }

    /// The tags of a repository as the registry lists them.
    ///
    /// # Panics
    /// When the registry does not answer.
    pub async fn raw_tags(&self, repository: &str) -> serde_json::Value {
        let request = self.http.get(format!("{}/v2/{repository}/tags/list", self.url()));
        let response = self.signed(request).send().await.expect("the registry answers");
        let text = response.text().await.expect("the answer is complete");
        serde_json::from_str(&text).expect("the list of tags is JSON")
    }

    async fn push_blob(&self, repository: &str, content: String) -> String {
        let digest = digest(content.as_bytes());
        let request = self.http.post(format!("{}/v2/{repository}/blobs/uploads/", self.url()));
        let response = self.signed(request).send().await.expect("the registry answers");
        assert_eq!(response.status(), 202, "no upload to {repository} can be begun");
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.expect("an upload that was begun has a place").to_owned();
        let separator = if location.contains('?') { '&' } else { '?' };
        let request = self.http.put(format!("{location}{separator}digest={digest}"));
        let response =
            self.signed(request).header("content-type", "application/octet-stream").body(content).send().await;
        assert_eq!(response.expect("the registry answers").status(), 201, "a blob of {repository} is not taken");
        digest
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        if self.is_open { request } else { request.basic_auth(Self::USER, Some(Self::PASSWORD)) }
    }

    async fn launch(is_open: bool) -> Self {
        let folder = TempDir::with_prefix("fairway-registry-").expect("a temporary folder can be made");
        let root = folder.path().display();
        let auth = if is_open {
            String::new()
        } else {
            std::fs::write(folder.path().join("htpasswd"), HTPASSWD).expect("the temporary folder can be written");
            format!("auth:\n  htpasswd:\n    realm: fairway\n    path: {root}/htpasswd\n")
        };
        let configuration = format!(
            "version: 0.1\nlog:\n  level: info\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    \
             rootdirectory: {root}/data\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:0\n  secret: for-tests\n{auth}"
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, configuration).expect("the temporary folder can be written");
        let mut process = Command::new(BINARY)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry can be started");
        let log = BufReader::new(process.stderr.take().expect("the log is piped"));
        let address =
            tokio::time::timeout(Duration::from_secs(20), tokio::task::spawn_blocking(move || await_address(log)))
                .await
                .expect("the registry listens within 20 seconds")
                .expect("reading the log does not panic")
                .expect("the registry says where it listens");
        Self { process, address, folder, http: crate::gateway::http_client(), is_open }
    }

    /// The folder that holds what was pushed.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // Both fail only when the process has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the log up to the line that names the port, and leaves the rest to a thread: a full pipe would stop the registry.
fn await_address(mut log: BufReader<std::process::ChildStderr>) -> Option<SocketAddr> {
    let mut line = String::new();
    loop {
        line.clear();
        if log.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((_, rest)) = line.split_once("listening on ") else {
            continue;
        };
        let address = rest.split(|c: char| c == '"' || c.is_whitespace()).next()?.parse().ok()?;
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        return Some(address);
    }
}

fn digest(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
