//! `GraphiQL`, the page on which people try the graph. Everything it loads is compiled in: a platform may have no internet.
//!
//! `api/graphiql` builds it; what comes out stands in `api/assets/graphiql`, compressed.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    io::{self, Read},
    sync::LazyLock,
};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use flate2::read::GzDecoder;
use secrecy::ExposeSecret;
use serde_json::json;

use super::Settings;

const PAGE: &str = include_str!("../../assets/graphiql/index.html");

/// Styles are set on elements by the editor itself, hence `unsafe-inline` for them; scripts and workers come from here
/// alone, and nothing is asked anywhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

struct Asset {
    name: &'static str,
    media_type: &'static str,
    /// By gzip, which every browser takes, also where there is no TLS.
    compressed: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $media_type:literal) => {
        Asset {
            name: $name,
            media_type: $media_type,
            compressed: include_bytes!(concat!("../../assets/graphiql/", $name, ".gz")),
        }
    };
}

static ASSETS: [Asset; 6] = [
    asset!("page.js", "text/javascript; charset=utf-8"),
    asset!("page.css", "text/css; charset=utf-8"),
    asset!("editor.worker.js", "text/javascript; charset=utf-8"),
    asset!("graphql.worker.js", "text/javascript; charset=utf-8"),
    asset!("json.worker.js", "text/javascript; charset=utf-8"),
    asset!("licences.txt", "text/plain; charset=utf-8"),
];

/// Changes when the page or any asset does, and stands in the assets' addresses, so that browsers may keep them for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    PAGE.hash(&mut hasher);
    for asset in &ASSETS {
        asset.compressed.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
});

pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/graphiql/{version}/{name}", get(asset))
}

/// The page. In development it has the token filled in, for callers who dialled this machine by a loopback name: by another
/// name, it may be a foreign page's script that asks.
pub(super) fn page(settings: &Settings, headers: &HeaderMap) -> Response {
    let token = settings.dev_token.as_ref().filter(|_| is_loopback(headers)).map(ExposeSecret::expose_secret);
    let common = [
        (header::VARY, "Accept"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    // A page with a token in it is nobody else's, and kept by nobody.
    let keeping = if token.is_none() {
        if is_known(headers) {
            return (StatusCode::NOT_MODIFIED, common, [(header::ETAG, etag())]).into_response();
        }
        vec![(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")), (header::ETAG, etag())]
    } else {
        vec![(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"))]
    };
    // `<` is escaped so that nothing in here can end the element it stands in.
    let page_settings = json!({ "token": token }).to_string().replace('<', "\\u003c");
    let page = PAGE.replace("{{version}}", &VERSION).replace("{{settings}}", &page_settings);
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (common, HeaderMap::from_iter(keeping), kind, page).into_response()
}

async fn asset(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // A page of another replica's version gets what there is, and keeps it no longer than that.
    let is_current = version == *VERSION;
    let cache_control = if is_current { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let common = [
        (header::ETAG, etag()),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache_control)),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    if is_known(&headers) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(header::CONTENT_TYPE, asset.media_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    if takes_gzip(&headers) {
        return (common, kind, [(header::CONTENT_ENCODING, "gzip")], asset.compressed).into_response();
    }
    match decompress(asset.compressed) {
        Ok(content) => (common, kind, content).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// For the rare client that takes nothing compressed.
fn decompress(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut content)?;
    Ok(content)
}

/// Weak: the bytes differ with their compression.
fn etag() -> HeaderValue {
    HeaderValue::try_from(format!("W/\"{}\"", *VERSION)).expect("hexadecimal digits are good in a header")
}

fn is_known(headers: &HeaderMap) -> bool {
    let etag = etag();
    listed(headers, &header::IF_NONE_MATCH).any(|tag| etag == tag || tag == "*")
}

/// Whether `gzip` is accepted, and not by a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    listed(headers, &header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).unwrap_or(1.0);
        ["gzip", "*"].iter().any(|accepted| name.trim().eq_ignore_ascii_case(accepted)) && weight > 0.0
    })
}

/// The items of a header that holds a list.
fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(str::trim)
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
        assert!(!PAGE.contains("//"), "an address outside");
        for name in ["page.js", "page.css"] {
            assert!(PAGE.contains(&format!("\"graphiql/{{{{version}}}}/{name}\"")), "{name}");
        }
        let script = String::from_utf8(decompress(ASSETS[0].compressed).unwrap()).unwrap();
        for worker in ASSETS.iter().filter(|asset| asset.name.ends_with(".worker.js")) {
            assert!(script.contains(worker.name), "{}", worker.name);
        }
        for asset in &ASSETS {
            let content = decompress(asset.compressed).unwrap();
            assert!(!content.windows(17).any(|window| window == b"sourceMappingURL="), "{}", asset.name);
        }
    }

    #[test]
    fn compression_is_for_those_who_take_it() {
        let check =
            |text| takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]));
        assert!(check("gzip") && check("br, GZIP;q=0.5") && check("*") && check("deflate, gzip; q=1.0"));
        assert!(!check("identity") && !check("gzip;q=0") && !check("br;q=1, gzip; q=0.0") && !check(""));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
