//! The `Link` header that says where a list goes on.

/// The longest query taken from a link.
const MAX_QUERY: usize = 4096;

/// The query of the next page. Only the query: host and path of a link are wrong behind a proxy, and are not to be
/// trusted anyway.
pub(super) fn next_query(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        if is_next(parameters) {
            let (_, query) = target.split_once('?')?;
            let query = query.split('#').next().unwrap_or_default();
            let is_plain = query.bytes().all(|b| b.is_ascii_graphic());
            return (!query.is_empty() && query.len() <= MAX_QUERY && is_plain).then(|| query.to_owned());
        }
        rest = after;
    }
    None
}

/// Whether one of the relations is `next`: `; rel="next"`, `;rel=next`, `; rel="prefetch next"`.
fn is_next(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else {
            return false;
        };
        let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel") && value.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(next_query(header).as_deref(), expected, "{header}");
    }

    #[test]
    fn the_query_of_the_next_page_is_found() {
        check(r#"</v2/_catalog?last=acme%2Fteam&n=2>; rel="next""#, Some("last=acme%2Fteam&n=2"));
        check("<https://evil.example/x?last=a>;rel=next", Some("last=a"));
        check(r#"</a?page=1>; rel="prev" , </a?q=x,y&page=3>; rel="next""#, Some("q=x,y&page=3"));
        check(r#"</a?last=b>; title="x"; rel="last next""#, Some("last=b"));
    }

    #[test]
    fn no_next_page_is_none() {
        check("", None);
        check(r#"</a?page=1>; rel="prev""#, None);
        check(r#"</a>; rel="next""#, None);
        check(r#"</a?last=a b>; rel="next""#, None);
        check("</a?last=b", None);
    }
}
