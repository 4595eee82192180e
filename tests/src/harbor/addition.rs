//! What hangs on an artifact beside its row: build history, chart files, scan reports, scanners.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::artifact::named;
use super::call::Call;
use super::content::OCI_INDEX;
use super::permission;
use super::reply::{Refusal, Reply};
use super::state::State;
use super::system::Answer;

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let name = call.repository(3);
    let row = named(state, call, &name, ("artifact-addition", "read"))?;
    let wanted = call.segment(7);
    let artifact = row.artifact;
    let is_index = artifact.manifest_media_type == OCI_INDEX;
    match (wanted, artifact.kind) {
        ("vulnerabilities", _) if artifact.scan.is_some() => Ok(Reply::json_utf8(&json!({}))),
        ("vulnerabilities", _) => {
            Err(Refusal::not_found(format!("no scanner registration configured for project: {}", row.project.id)))
        }
        ("build_history", "IMAGE") if !is_index => {
            let manifest: Value = serde_json::from_slice(&artifact.manifest).unwrap_or_default();
            let config = manifest["config"]["digest"].as_str().unwrap_or_default();
            let config = state.blobs.get(config).cloned().unwrap_or_default();
            let config: Value = serde_json::from_slice(&config).unwrap_or_default();
            let history = config["history"].to_string();
            Ok(Reply::body("application/json; charset=utf-8", history))
        }
        ("values.yaml", "CHART") => Ok(Reply::body("text/plain; charset=utf-8", "replicas: 1\n")),
        ("readme.md", "CHART") => Ok(Reply::body("text/markdown; charset=utf-8", "# demo\n")),
        ("dependencies", "CHART") => Ok(Reply::body("application/json; charset=utf-8", "[]")),
        _ => Err(Refusal::bad_request(format!("addition {} isn't supported", wanted.to_uppercase()))),
    }
}

/// No scanner is installed.
pub(super) fn scan(state: &mut State, call: &Call) -> Answer {
    let name = call.repository(3);
    let row = named(state, call, &name, ("scan", "create"))?;
    Err(Refusal::new(
        StatusCode::PRECONDITION_FAILED,
        "PRECONDITION",
        format!("no available scanner for project: {}", row.project.id),
    ))
}

pub(super) fn list_scanners(_: &mut State, call: &Call) -> Answer {
    if call.identity.is_anonymous() {
        return Err(Refusal::unauthorized());
    }
    let none = super::paging::Listing::<()> { rows: Vec::new(), total: 0, link: None };
    Ok(Reply::list(&none, Vec::new()))
}

/// 200 with a JSON content type and no body.
pub(super) fn project_scanner(state: &mut State, call: &Call) -> Answer {
    permission::project(state, call, "scanner", "read")?;
    Ok(Reply::body("application/json", ""))
}
