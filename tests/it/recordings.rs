//! Replays what a real Harbor 2.9.5 was asked, and compares the simulated one's answers with its.
//!
//! Requests that build state are replayed like the others; what reached the real Harbor by other
//! ways (`docker push`) is seeded where it happened. Compared are the status, the headers that
//! clients read, and the shape of bodies: keys and types, and errors word for word.

mod comparison;
mod scene;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use self::comparison::differences;
use self::scene::Scene;

const RECORDINGS: &str = include_str!("../recordings/harbor-2.9.5.jsonl");

/// Recordings that are not replayed, and why.
const NOT_SIMULATED: [(&str, &str); 10] = [
    ("023-", "needs a second request in flight while the first is held for 1.5 s"),
    ("337-", "webhook history: clients of a gateway have no use for it"),
    ("338-", "webhook history"),
    ("339-", "webhook history"),
    ("342-", "refused for webhook executions that are running"),
    ("344-", "uploads over HTTP are not simulated, so quotas refuse nothing"),
    ("387-", "webhook history"),
    ("390-", "the storage behind /v2 cannot be stopped alone"),
    ("392-", "the storage behind /v2 cannot be stopped alone"),
    ("393-", "the storage behind /v2 cannot be stopped alone"),
];

/// One line of a recording.
#[derive(Debug, Deserialize)]
struct Recording {
    name: String,
    request: Request,
    response: Response,
}

#[derive(Debug, Deserialize)]
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Response {
    status: u16,
    /// A header that came twice is a list.
    headers: HashMap<String, Value>,
    body: Option<Value>,
}

#[tokio::test]
async fn the_simulated_harbor_answers_as_the_recorded_one() {
    let mut scene = Scene::open().await;
    let mut problems = Vec::new();
    let mut compared = 0;
    for line in RECORDINGS.lines() {
        let recording: Recording = serde_json::from_str(line).expect("a recording");
        if let Some(reason) = reason_to_skip(&recording.name) {
            eprintln!("not simulated: {} ({reason})", recording.name);
            continue;
        }
        scene.prepare(&recording).await;
        let answer = scene.send(&recording).await;
        scene.learn(&recording, &answer);
        compared += 1;
        for problem in differences(&scene, &recording, &answer) {
            problems.push(format!("{}: {problem}", recording.name));
        }
    }
    eprintln!("{compared} recorded exchanges compared");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(compared >= 400, "only {compared} exchanges were compared");
}

fn reason_to_skip(name: &str) -> Option<&'static str> {
    NOT_SIMULATED.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, reason)| *reason)
}
