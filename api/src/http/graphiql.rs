//! `GraphiQL`, the page on which people try the graph. Everything it loads is compiled in: a platform may have no internet.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::LazyLock,
};

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tower_http::compression::CompressionLayer;

use super::Settings;

const PAGE: &str = include_str!("../../assets/graphiql/index.html");

/// Styles are set on elements by the editor itself, hence `unsafe-inline` for them; scripts come from here alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $media_type:literal) => {
        Asset {
            name: $name,
            media_type: $media_type,
            content: include_bytes!(concat!("../../assets/graphiql/", $name)),
        }
    };
}

static ASSETS: [Asset; 6] = [
    asset!("react.min.js", "text/javascript; charset=utf-8"),
    asset!("react-dom.min.js", "text/javascript; charset=utf-8"),
    asset!("graphiql.min.js", "text/javascript; charset=utf-8"),
    asset!("graphiql.min.css", "text/css; charset=utf-8"),
    asset!("page.js", "text/javascript; charset=utf-8"),
    asset!("page.css", "text/css; charset=utf-8"),
];

/// Changes when any asset does, and stands in their addresses, so that browsers may keep them for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    for asset in &ASSETS {
        asset.content.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
});

pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // Assets alone are compressed: answers hold secrets beside text that a caller chose.
    Router::new().route("/graphiql/{name}", get(asset)).layer(CompressionLayer::new())
}

/// The page. In development it has the token filled in, for callers who dialled this machine by a loopback name: by another
/// name, it may be a foreign page's script that asks.
pub(super) fn page(settings: &Settings, headers: &HeaderMap) -> Response {
    let token = settings.dev_token.as_ref().filter(|_| is_loopback(headers));
    let headers_text = token.map(|token| json!({ "Authorization": format!("Bearer {}", token.expose_secret()) }));
    // `<` is escaped so that nothing in here can end the element it stands in.
    let page_settings = json!({ "headers": headers_text }).to_string().replace('<', "\\u003c");
    let page = PAGE.replace("{{version}}", &VERSION).replace("{{settings}}", &page_settings);

    let mut response = Response::new(Body::from(page));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::VARY, "Accept"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn asset(Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // Weak: the bytes differ with their compression.
    let etag = format!("W/\"{}\"", *VERSION);
    let is_current = uri.query().is_some_and(|query| query == VERSION.as_str());
    let cache_control = if is_current { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let common = [(header::ETAG, etag.as_str()), (header::CACHE_CONTROL, cache_control)];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(header::CONTENT_TYPE, asset.media_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (common, kind, asset.content).into_response()
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names() {
        let check = |host| is_loopback(&HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]));
        assert!(check("localhost:8080") && check("127.0.0.1") && check("[::1]:8080") && check("LOCALHOST"));
        assert!(!check("evil.example:8080") && !check("127.0.0.1.evil.example") && !check("[::2]") && !check(""));
        assert!(!is_loopback(&HeaderMap::new()));
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        // An example in a document, which nobody dials.
        let script = include_str!("../../assets/graphiql/page.js").replace("https://harbor.example", "");
        let style = include_str!("../../assets/graphiql/page.css");
        for text in [PAGE, script.as_str(), style] {
            assert!(!text.contains("http://") && !text.contains("https://"));
        }
        for asset in &ASSETS {
            assert!(!asset.content.windows(17).any(|window| window == b"sourceMappingURL="), "{}", asset.name);
            if asset.name != "page.js" && asset.name != "page.css" {
                assert!(PAGE.contains(&format!("graphiql/{}?{{{{version}}}}", asset.name)), "{}", asset.name);
            }
        }
    }
}
