//! Pages of lists: `page`, `page_size`, `Link` and `X-Total-Count`. Knows rows, not resources.

use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::call::Call;
use super::fault::Fault;
use super::query::{self, Row, Term, Test};
use super::reply::Refusal;
use super::version::Version;

/// The largest `page_size` since 2.1; more is a validation error.
const MAX_PAGE_SIZE: i64 = 100;

/// One page, cut from all rows that passed.
#[derive(Debug)]
pub(super) struct Listing<R> {
    pub(super) rows: Vec<R>,
    pub(super) total: usize,
    pub(super) link: Option<String>,
}

/// What a list call asks for. Parsed before any right is checked, as the generated layer does.
#[derive(Debug)]
pub(super) struct ListQuery {
    page: i64,
    page_size: i64,
    terms: Vec<Term>,
    sort: String,
}

impl ListQuery {
    pub(super) fn parse(call: &Call, version: &Version) -> Result<Self, Refusal> {
        let mut page_size = number(call, "page_size", 10)?;
        if version.has(1) && page_size > MAX_PAGE_SIZE {
            return Err(Refusal::invalid("page_size in query should be less than or equal to 100"));
        }
        for fault in &call.faults {
            if let Fault::PageCap(cap) = fault {
                page_size = page_size.min(*cap);
            }
        }
        let mut terms = query::parse(call.query("q").unwrap_or_default())?;
        terms.retain(|term| {
            !call.faults.iter().any(|fault| matches!(fault, Fault::UnknownKey(key) if *key == term.key))
        });
        Ok(Self {
            page: number(call, "page", 1)?,
            page_size,
            terms,
            sort: call.query("sort").unwrap_or_default().to_owned(),
        })
    }

    /// Takes a term that the resource tests by itself out of the query.
    pub(super) fn take(&mut self, key: &str) -> Option<Test> {
        let at = self.terms.iter().position(|term| term.key == key)?;
        Some(self.terms.remove(at).test)
    }

    /// Filters, orders and cuts.
    pub(super) fn apply<R: Row>(&self, call: &Call, rows: Vec<R>, default_order: &str) -> Result<Listing<R>, Refusal> {
        let mut passed = Vec::with_capacity(rows.len());
        for row in rows {
            let mut keep = true;
            for term in &self.terms {
                keep &= query::passes(&row, term)?;
            }
            if keep {
                passed.push(row);
            }
        }
        query::order(&mut passed, &self.sort, default_order);
        Ok(self.cut(call, passed))
    }

    fn cut<R>(&self, call: &Call, mut rows: Vec<R>) -> Listing<R> {
        let total = rows.len();
        let mut link = self.link(call, total);
        // No minimum is checked: zero and below lift the limit, page zero is the first.
        if self.page_size <= 0 {
            return Listing { rows, total, link };
        }
        let page = self.page.max(1) - 1;
        let size = usize::try_from(self.page_size).unwrap_or(usize::MAX);
        let mut offset = usize::try_from(page.saturating_mul(self.page_size)).unwrap_or(total);
        let shift = usize::try_from(page).unwrap_or(total);
        for fault in &call.faults {
            match fault {
                // As if one row had been inserted in front while each page was read.
                Fault::DuplicateRowsWhilePaging => offset = offset.saturating_sub(shift),
                // As if one row of each page had been deleted once it was read.
                Fault::RowsVanishWhilePaging => offset = offset.saturating_add(shift),
                Fault::EndlessList if total > 0 => {
                    rows.rotate_left(offset % total);
                    offset = 0;
                    link = Some(self.neighbour(call, self.page + 1, "next"));
                }
                _ => {}
            }
        }
        let rows = rows.into_iter().skip(offset).take(size).collect();
        Listing { rows, total, link }
    }

    /// Path-absolute, `prev` first, separated by space-comma-space; as Harbor computes it, odd
    /// page numbers included.
    fn link(&self, call: &Call, total: usize) -> Option<String> {
        let total = i64::try_from(total).unwrap_or(i64::MAX);
        if self.page_size == 0 {
            return None;
        }
        let mut links = Vec::new();
        if self.page > 1 && (self.page - 1).saturating_mul(self.page_size) <= total {
            links.push(self.neighbour(call, self.page - 1, "prev"));
        }
        if self.page.saturating_mul(self.page_size) < total {
            links.push(self.neighbour(call, self.page + 1, "next"));
        }
        (!links.is_empty()).then(|| links.join(" , "))
    }

    fn neighbour(&self, call: &Call, page: i64, relation: &str) -> String {
        let mut pairs: Vec<(String, String)> =
            call.query.iter().filter(|(key, _)| key != "page" && key != "page_size").cloned().collect();
        pairs.push(("page".to_owned(), page.to_string()));
        pairs.push(("page_size".to_owned(), self.page_size.to_string()));
        // Sorted by key, encoded, and then decoded as a whole: values lose their quoting.
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', " ");
        let decoded = percent_decode_str(&encoded).decode_utf8_lossy();
        format!("<{}?{decoded}>; rel=\"{relation}\"", call.path)
    }
}

fn number(call: &Call, name: &str, default: i64) -> Result<i64, Refusal> {
    match call.query(name) {
        None | Some("") => Ok(default),
        Some(text) => {
            text.parse().map_err(|_| Refusal::invalid(format!("{name} in query must be of type int64: {text:?}")))
        }
    }
}
