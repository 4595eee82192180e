//! The audit trail: what every act leaves behind, however it ends, and who reads it.

mod act;
mod crash;
mod paging;
mod sight;

use serde_json::{Value, json};
use tests::gateway::{Client, Reply};

const EVENTS: &str =
    "query ($filter: AuditEventFilter, $first: Int, $after: String, $last: Int, $before: String) {
    auditEvents(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
        totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor }
        nodes { id at actor action outcome target { __typename id } targetName workspace { id name } changes requestId } } }";

/// A page of the trail as this viewer reads it.
async fn page(viewer: &Client, arguments: Value) -> Reply {
    viewer.query(EVENTS, arguments).await
}

/// The newest events that this viewer reads, a hundred at most.
async fn trail(viewer: &Client, filter: Value) -> Vec<Value> {
    let reply = page(viewer, json!({ "filter": filter, "first": 100 })).await;
    reply.list("auditEvents.nodes").to_vec()
}

/// Asks for a mutation, whatever comes of it.
async fn mutate(viewer: &Client, mutation: &str, input: &Value) -> Reply {
    let field = field(mutation);
    let document = format!("mutation ($input: {mutation}Input!) {{ {field}(input: $input) {{ __typename }} }}");
    viewer.query(&document, json!({ "input": input })).await
}

/// `createSpace` of `CreateSpace`.
fn field(mutation: &str) -> String {
    format!("{}{}", mutation[..1].to_lowercase(), &mutation[1..])
}

/// The id under which this request was answered.
fn request_id(reply: &Reply) -> &str {
    reply.header("x-request-id").expect("every answer names its request")
}

/// The events of one request, as an Admin reads them: by workspace.
async fn events_of(admin: &Client, reply: &Reply) -> Vec<Value> {
    let mut events = trail(admin, Value::Null).await;
    events.retain(|event| event["requestId"] == request_id(reply));
    events.sort_by_key(|event| event["workspace"]["name"].as_str().unwrap_or_default().to_owned());
    events
}

/// An id that was never given out: of a registry, a space or a workspace.
fn absent(kind: &str) -> String {
    let kind = match kind {
        "registry" => "cg",
        "space" => "cw",
        "workspace" => "dw",
        other => panic!("no ids of `{other}` are known here"),
    };
    format!("{kind}{}", "A".repeat(21))
}
