//! Makes tokens, for development and for the first Admin. Where people sign in, an identity provider does this.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{JwtConfig, Role};

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Grant {
    pub subject: String,
    pub name: Option<String>,
    pub is_admin: bool,
    pub memberships: BTreeMap<String, Role>,
    pub expires_at: DateTime<Utc>,
}

/// A token (HS256) that a verifier of this configuration and this secret accepts.
#[must_use]
pub fn mint(secret: &SecretString, config: &JwtConfig, grant: &Grant) -> String {
    let mut claims = json!({ "sub": grant.subject, "exp": grant.expires_at.timestamp() });
    let given = [("name", &grant.name), ("iss", &config.issuer), ("aud", &config.audience)];
    for (claim, value) in given.into_iter().filter_map(|(claim, value)| Some((claim, value.as_ref()?))) {
        claims[claim] = json!(value);
    }
    write_rights(&mut claims, config, grant);

    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    encode(&Header::default(), &claims, &key).expect("any bytes are an HS256 key, and claims are plain JSON")
}

fn write_rights(claims: &mut Value, config: &JwtConfig, grant: &Grant) {
    let names = &config.claims;
    let admin = grant.is_admin.then(|| names.admin_value.clone());
    // One list of groups may hold both.
    if names.admin == names.workspaces {
        let memberships = grant.memberships.iter().map(|(workspace, role)| format!("/{workspace}/{}", role.name()));
        insert(claims, &names.admin, admin.into_iter().chain(memberships).collect());
        return;
    }
    if let Some(admin) = admin {
        insert(claims, &names.admin, json!([admin]));
    }
    let memberships = grant.memberships.iter().map(|(workspace, role)| (workspace.clone(), json!(role.name())));
    insert(claims, &names.workspaces, Value::Object(memberships.collect()));
}

/// Puts a value where a JSON pointer points, making the objects on the way.
fn insert(claims: &mut Value, pointer: &str, value: Value) {
    let mut place = claims;
    for token in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[token.replace("~1", "/").replace("~0", "~")];
    }
    *place = value;
}
