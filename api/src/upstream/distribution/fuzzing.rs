//! What must hold of the headers by which a registry could lead Fairway away.

use reqwest::header::HeaderValue;
use url::Url;

use super::{
    auth::token_url,
    challenge::{Challenge, preferred},
    link::next_query,
};

const ORIGINS: [&str; 3] = ["https://registry.example.com", "http://10.0.0.5:5000/behind/a/path", "https://[::1]:8443"];

/// A challenge that can be answered is written and read back as it was, and its token is fetched from the registry's own
/// host, over TLS if the registry is.
pub fn challenge(bytes: &[u8]) {
    let headers: Vec<HeaderValue> =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let Some(Challenge::Bearer { realm, service }) = preferred(&headers) else { return };
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let service_parameter = service.as_ref().map_or(String::new(), |service| format!(",service={}", quoted(service)));
    let written = format!("Bearer realm={}{service_parameter}", quoted(&realm));
    let written = HeaderValue::from_str(&written).expect("what was read from a header can be written in one");
    assert_eq!(preferred([&written]), Some(Challenge::Bearer { realm: realm.clone(), service }));
    for own in ORIGINS {
        let own = Url::parse(own).expect("an address");
        let Ok(url) = token_url(&own, &realm) else { continue };
        assert_eq!(url.host(), own.host());
        assert!(url.scheme() == "https" || own.scheme() == "http", "{url}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    }
}

/// A list goes on where it is, whatever a link says: it is the query alone that is taken of it.
pub fn link(bytes: &[u8]) {
    let Some(query) = str::from_utf8(bytes).ok().and_then(next_query) else { return };
    assert_eq!(next_query(&format!("<?{query}>; rel=\"next\"")).as_ref(), Some(&query));
    for own in ORIGINS {
        let own = Url::parse(own).expect("an address");
        let list = format!("{}/v2/_catalog", own.as_str().trim_end_matches('/'));
        let next = Url::parse(&format!("{list}?{query}")).expect("a query makes no address unreadable");
        assert_eq!((next.origin(), next.fragment()), (own.origin(), None));
        assert_eq!(next.as_str().split('?').next(), Some(list.as_str()));
    }
}
