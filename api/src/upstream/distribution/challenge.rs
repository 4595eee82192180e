//! The `WWW-Authenticate` header: a list of challenges, each a list of parameters, both separated by commas.

use reqwest::header::HeaderValue;

/// A challenge that Fairway can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// The challenge to answer: a token before the account itself.
pub(super) fn preferred<'a>(headers: impl IntoIterator<Item = &'a HeaderValue>) -> Option<Challenge> {
    let mut found: Vec<Challenge> = headers
        .into_iter()
        // Bounded by what a connection takes as headers.
        .filter_map(|header| header.to_str().ok())
        .flat_map(parse)
        .collect();
    let bearer = found.iter().position(|c| matches!(c, Challenge::Bearer { .. }));
    let at = bearer.unwrap_or(0);
    (at < found.len()).then(|| found.swap_remove(at))
}

fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    let mut current: Option<(String, Vec<(String, String)>)> = None;
    for item in items(header) {
        let (name, value) = match item.split_once('=') {
            // `Bearer realm="…"`: a scheme stands before the first parameter.
            Some((left, value)) => (left.trim(), Some(value.trim())),
            None => (item.trim(), None),
        };
        let (scheme, key) = match name.split_once(char::is_whitespace) {
            Some((scheme, key)) => (Some(scheme), key.trim()),
            None if value.is_none() => (Some(name), ""),
            None => (None, name),
        };
        if let Some(scheme) = scheme {
            challenges.extend(current.take().and_then(understand));
            current = Some((scheme.to_ascii_lowercase(), Vec::new()));
        }
        if let (Some((_, parameters)), Some(value)) = (&mut current, value) {
            parameters.push((key.to_ascii_lowercase(), unquote(value)));
        }
    }
    challenges.extend(current.and_then(understand));
    challenges
}

fn understand((scheme, parameters): (String, Vec<(String, String)>)) -> Option<Challenge> {
    let get = |key: &str| {
        let found = parameters.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    match scheme.as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: get("realm")?, service: get("service") }),
        _ => None,
    }
}

/// Splits at commas that are not inside quotes.
fn items(header: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, c) in header.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                items.push(&header[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&header[start..]);
    items.retain(|item| !item.trim().is_empty());
    items
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[&'static str], expected: Option<Challenge>) {
        let values: Vec<HeaderValue> = headers.iter().map(|h| HeaderValue::from_static(h)).collect();
        assert_eq!(preferred(&values), expected, "{headers:?}");
    }

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
    }

    #[test]
    fn challenges_come_in_many_spellings() {
        check(&[r#"Basic realm="basic-realm""#], Some(Challenge::Basic));
        check(&["Basic"], Some(Challenge::Basic));
        check(
            &[r#"Bearer realm="https://h/token",service="a,b",scope="repository:x:pull,push",error="invalid_token""#],
            bearer("https://h/token", Some("a,b")),
        );
        check(&[r#"bearer  Realm = "https://h/token""#], bearer("https://h/token", None));
        check(&[r#"Bearer service=x,realm="/t\"o\\k""#], bearer(r#"/t"o\k"#, Some("x")));
        check(&[r#"Basic realm="a, b", Bearer realm="https://h/t", Negotiate"#], bearer("https://h/t", None));
        check(&[r#"Basic realm="x""#, r#"Bearer realm="/t""#], bearer("/t", None));
    }

    #[test]
    fn what_cannot_be_answered_is_nothing() {
        check(&[], None);
        check(&[""], None);
        check(&["Negotiate"], None);
        check(&[r#"Bearer service="x""#], None);
        check(&[r#"Bearer realm="#], None);
        check(&[r#"realm="x""#], None);
        check(&[",,,"], None);
    }
}
