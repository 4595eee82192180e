//! Which media type an answer has.

use axum::http::{HeaderMap, HeaderValue, header};

/// The media types of GraphQL over HTTP. They differ in what the HTTP status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the request was executed.
    GraphqlResponse,
    /// `application/json`: a well-formed request is 200, whatever became of it.
    Json,
}

/// What a caller would like best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Answer(MediaType),
    /// An answer for each event.
    Events,
    /// A browser that wants a page.
    Page,
    Nothing,
}

impl MediaType {
    /// The media type for an answer that must be given whatever the caller accepts.
    pub(super) fn of_answer(accept: Option<&HeaderValue>) -> Self {
        match Wanted::of_values(accept) {
            Wanted::Answer(media_type) => media_type,
            Wanted::Events | Wanted::Page | Wanted::Nothing => Self::Json,
        }
    }

    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }
}

impl Wanted {
    /// The best of what is accepted: by weight, then by the order of the list. Wildcards, and saying nothing, mean
    /// `application/json`, for clients older than the other type.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self::of_values(headers.get_all(header::ACCEPT))
    }

    fn of_values<'a>(accept: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut best = None;
        let mut n_ranges = 0;
        for range in accept.into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
            let Ok(range) = std::str::from_utf8(range) else {
                continue;
            };
            if range.trim().is_empty() {
                continue;
            }
            n_ranges += 1;
            let (media_range, parameters) = range.split_once(';').unwrap_or((range, ""));
            let Some(wanted) = named(media_range.trim()) else { continue };
            let weight = weight(parameters);
            if weight > 0.0 && best.is_none_or(|(_, best_weight)| weight > best_weight) {
                best = Some((wanted, weight));
            }
        }
        match best {
            Some((wanted, _)) => wanted,
            None if n_ranges == 0 => Self::Answer(MediaType::Json),
            None => Self::Nothing,
        }
    }
}

/// What a media range asks for; nothing when it is none that is given here.
fn named(media_range: &str) -> Option<Wanted> {
    let is_one_of = |names: &[&str]| names.iter().any(|name| media_range.eq_ignore_ascii_case(name));
    if is_one_of(&["application/json", "*/*", "application/*"]) {
        Some(Wanted::Answer(MediaType::Json))
    } else if is_one_of(&["application/graphql-response+json"]) {
        Some(Wanted::Answer(MediaType::GraphqlResponse))
    } else if is_one_of(&["text/event-stream"]) {
        Some(Wanted::Events)
    } else {
        is_one_of(&["text/html"]).then_some(Wanted::Page)
    }
}

fn weight(parameters: &str) -> f32 {
    let q = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    q.and_then(|q| q.trim().parse().ok()).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> Wanted {
        Wanted::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]))
    }

    #[test]
    fn the_best_accepted_type_is_chosen() {
        const JSON: Wanted = Wanted::Answer(MediaType::Json);
        const GRAPHQL: Wanted = Wanted::Answer(MediaType::GraphqlResponse);
        assert_eq!(Wanted::of(&HeaderMap::new()), JSON);
        for (accept, wanted) in [
            ("", JSON),
            ("*/*", JSON),
            ("application/*", JSON),
            ("application/json", JSON),
            ("Application/GraphQL-Response+JSON; charset=utf-8", GRAPHQL),
            ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
            ("application/json, application/graphql-response+json", JSON),
            ("application/json;q=0.5, application/graphql-response+json;q=0.8", GRAPHQL),
            ("application/graphql-response+json;q=0, */*;q=0.1", JSON),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Wanted::Page),
            ("application/json, text/html;q=0.9", JSON),
            ("text/event-stream", Wanted::Events),
            ("application/json;q=0.5, text/event-stream", Wanted::Events),
            ("text/plain", Wanted::Nothing),
            ("application/json;q=0", Wanted::Nothing),
        ] {
            assert_eq!(of(accept), wanted, "{accept}");
        }
    }
}
