//! Who is asking, as the token says.

use serde_json::json;
use tests::gateway::{TestGateway, Token};

const DOCUMENT: &str = "{ viewer { subject name isAdmin memberships { role workspace { name } } } }";

#[tokio::test]
async fn the_viewer_is_who_the_token_says() {
    let gateway = TestGateway::start().await;
    for name in ["payments", "shop"] {
        gateway.as_admin().create_workspace(name).await;
    }
    let token = Token::new("u-17").name("Ada").member("payments", "admin").member("shop", "viewer");
    let reply = gateway.with_token(token.mint()).ask(DOCUMENT).await;
    let expected = json!({ "subject": "u-17", "name": "Ada", "isAdmin": false, "memberships": [
        { "role": "ADMIN", "workspace": { "name": "payments" } },
        { "role": "VIEWER", "workspace": { "name": "shop" } },
    ] });
    assert_eq!(reply.data("viewer"), &expected);
}

#[tokio::test]
async fn an_admin_is_one_by_the_token_alone() {
    let gateway = TestGateway::start().await;
    assert_eq!(gateway.as_admin().ask(DOCUMENT).await.data("viewer.isAdmin"), true);
    assert_eq!(gateway.as_outsider().ask(DOCUMENT).await.data("viewer.isAdmin"), false);
    let similar = Token::new("eve").claim("roles", json!(["administrator", "Admin", "user"]));
    assert_eq!(gateway.with_token(similar.mint()).ask(DOCUMENT).await.data("viewer.isAdmin"), false);
}

#[tokio::test]
async fn memberships_of_workspaces_that_are_not_known_are_left_out() {
    let gateway = TestGateway::start().await;
    gateway.as_admin().create_workspace("known").await;
    let token = Token::new("u-17").member("known", "editor").member("unknown", "admin");
    let reply = gateway.with_token(token.mint()).ask(DOCUMENT).await;
    let expected = json!([{ "role": "EDITOR", "workspace": { "name": "known" } }]);
    assert_eq!(reply.data("viewer.memberships"), &expected);
}
