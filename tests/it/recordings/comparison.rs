//! What counts as the same answer. Knows bodies and headers, not how they came about.

use serde_json::Value;

use super::Recording;
use super::scene::Scene;

/// Headers that clients act on; compared word for word.
const HEADERS: [&str; 7] = [
    "Content-Type",
    "X-Total-Count",
    "Link",
    "Www-Authenticate",
    "Location",
    "Docker-Distribution-Api-Version",
    "Server",
];

/// An answer of the simulated Harbor.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub(super) fn differences(scene: &Scene, recording: &Recording, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let expected = &recording.response;
    if expected.status != answer.status {
        let (recorded, simulated) = (expected.status, answer.status);
        found.push(format!("status {recorded} became {simulated}: {}", answer.body));
        return found;
    }
    for name in HEADERS {
        let recorded = expected.headers.get(name).and_then(Value::as_str);
        let recorded = recorded.map(|value| scene.translate(value));
        let simulated = answer.header(name);
        if recorded.as_deref() != simulated {
            found.push(format!("{name} {recorded:?} became {simulated:?}"));
        }
    }
    let cookie = |present: bool| if present { "with" } else { "without" };
    let recorded = expected.headers.contains_key("Set-Cookie");
    let simulated = answer.headers.contains_key("set-cookie");
    if recorded != simulated {
        let (recorded, simulated) = (cookie(recorded), cookie(simulated));
        found.push(format!("{recorded} a cookie became {simulated}"));
    }
    let body = expected.body.as_ref().and_then(Value::as_str);
    compare_bodies(scene, body.unwrap_or_default(), answer, &mut found);
    found
}

fn compare_bodies(scene: &Scene, recorded: &str, answer: &Answer, found: &mut Vec<String>) {
    let html = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    if html {
        return;
    }
    match serde_json::from_str::<Value>(recorded) {
        Ok(mut recorded) => {
            let Some(mut simulated) = answer.json() else {
                found.push(format!("JSON became {:?}", answer.body));
                return;
            };
            if recorded.get("errors").is_some() {
                compare_errors(scene, &mut recorded, &mut simulated, found);
            } else {
                compare_shapes("$", &recorded, &simulated, found);
            }
        }
        Err(_) if scene.translate(recorded) != answer.body => {
            found.push(format!("{recorded:?} became {:?}", answer.body));
        }
        Err(_) => {}
    }
}

fn compare_errors(scene: &Scene, recorded: &mut Value, simulated: &mut Value, found: &mut Vec<String>) {
    if let Some(Value::String(message)) = recorded.pointer_mut("/errors/0/message") {
        *message = sorted(&scene.translate(message));
    }
    if let Some(Value::String(message)) = simulated.pointer_mut("/errors/0/message") {
        *message = sorted(message);
    }
    if recorded != simulated {
        found.push(format!("{recorded} became {simulated}"));
    }
}

/// The methods of a 405 come in the order of a Go map: any.
fn sorted(message: &str) -> String {
    let Some((before, rest)) = message.split_once("but [") else {
        return message.to_owned();
    };
    let Some((methods, after)) = rest.split_once(']') else {
        return message.to_owned();
    };
    let mut methods: Vec<&str> = methods.split(',').collect();
    methods.sort_unstable();
    format!("{before}but [{}]{after}", methods.join(","))
}

fn compare_shapes(path: &str, recorded: &Value, simulated: &Value, found: &mut Vec<String>) {
    match (recorded, simulated) {
        (Value::Object(recorded), Value::Object(simulated)) => {
            for (key, value) in recorded {
                match simulated.get(key) {
                    Some(other) => compare_shapes(&format!("{path}.{key}"), value, other, found),
                    None => found.push(format!("{path}.{key} is missing")),
                }
            }
            for key in simulated.keys().filter(|key| !recorded.contains_key(*key)) {
                found.push(format!("{path}.{key} is new"));
            }
        }
        (Value::Array(recorded), Value::Array(simulated)) => {
            let (n, m) = (recorded.len(), simulated.len());
            if n != m {
                found.push(format!("{path} has {m} elements, not {n}"));
            }
            for (at, (value, other)) in recorded.iter().zip(simulated).enumerate() {
                compare_shapes(&format!("{path}[{at}]"), value, other, found);
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => {}
        _ => found.push(format!("{path}: {recorded} became {simulated}")),
    }
}
