//! Contract tests against recorded replies of Harbor 2.9.5, trimmed, and written ones of other versions.

mod check;
mod everybody;
mod hint;
mod image;
mod list;
mod probe;
mod project;
mod webhook;

use wiremock::ResponseTemplate;

use crate::upstream::{
    Registry,
    testing::{Fake, complaint, json},
};

const ADMIN: &str = r#"{"admin_role_in_auth":false,"sysadmin_flag":true,"user_id":1,"username":"admin"}"#;
const ALICE: &str = r#"{"admin_role_in_auth":false,"sysadmin_flag":false,"user_id":3,"username":"alice"}"#;
const HEALTHY: &str =
    r#"{"components":[{"name":"core","status":"healthy"},{"name":"database","status":"healthy"}],"status":"healthy"}"#;
const DATABASE_DOWN: &str = r#"{"components":[{"name":"core","status":"healthy"},{"error":"failed to run SQL","name":"database","status":"unhealthy"}],"status":"unhealthy"}"#;
const INFO: &str = r#"{"auth_mode":"db_auth","external_url":"http://127.0.0.1","harbor_version":"v2.9.5-local","project_creation_restriction":"everyone","read_only":false,"registry_url":"127.0.0.1"}"#;
const PUBLIC_INFO: &str = r#"{"auth_mode":"db_auth","banner_message":"","harbor_version":"v2.9.5-local","primary_auth_mode":false,"self_registration":false}"#;
const LIBRARY: &str = r#"{"creation_time":"2026-11-21T02:02:36.710Z","current_user_role_ids":null,"metadata":{"public":"true"},"name":"library","owner_id":1,"project_id":1,"repo_count":3,"update_time":"2026-11-21T02:02:36.710Z"}"#;
const PRIVATE: &str = r#"{"creation_time":"2026-11-21T02:06:30.882Z","metadata":{"public":"false"},"name":"acme-private","project_id":3,"registry_id":7,"repo_count":6}"#;

const INFORMATION: &str = "GET /api/v2.0/systeminfo";
const CURRENT: &str = "GET /api/v2.0/users/current";
const PROJECTS: &str = "GET /api/v2.0/projects?page=1&page_size=100&sort=project_id&with_detail=true";
const PROJECTS_2: &str = "GET /api/v2.0/projects?page=2&page_size=100&sort=project_id&with_detail=true";
const FIRST_PRIVATE: &str = "GET /api/v2.0/projects?public=false&page=1&page_size=1&sort=project_id";

fn unauthorized() -> ResponseTemplate {
    complaint(401, "UNAUTHORIZED", "unauthorized")
}

fn counted(total: usize, body: &str) -> ResponseTemplate {
    json(200, body).insert_header("X-Total-Count", total.to_string())
}

/// A Harbor that an account has just arrived at.
async fn harbor() -> (Fake, Registry) {
    let fake = Fake::start().await;
    fake.reply(
        "GET /api/version",
        ResponseTemplate::new(200).set_body_raw(r#"{"version":"v2.0"}"#, "text/plain; charset=utf-8"),
    )
    .await;
    fake.json("GET /api/v2.0/health", HEALTHY).await;
    let registry = fake.harbor();
    (fake, registry)
}

async fn harbor_of_admin() -> (Fake, Registry) {
    let (fake, registry) = harbor().await;
    fake.json("GET /api/v2.0/systeminfo", INFO).await;
    fake.json(CURRENT, ADMIN).await;
    (fake, registry)
}
