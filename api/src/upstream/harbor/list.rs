//! Lists, whole or not at all.
//!
//! Harbor pages by offset, without a snapshot, and counts apart from listing. So rows are told apart by id, and a list
//! counts as whole when the count stood still from the first page to the last and is the number of different rows.

use std::{collections::BTreeMap, pin::pin};

use futures_util::{StreamExt, stream};
use reqwest::{Method, header::HeaderName};
use serde::de::DeserializeOwned;

use super::{Error, Harbor, Reply};
use crate::upstream::MAX_LIST_BYTES;

/// More than 100 is refused since 2.1.
pub(super) const PAGE_SIZE: usize = 100;

/// Pages of one list that are under way together: as many as a registry is asked at a time at all.
const PAGES_AT_A_TIME: usize = 4;

/// The end of patience: 200,000 rows.
const MAX_PAGES: usize = 2000;

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// A row of a list.
pub(super) trait Row: DeserializeOwned {
    /// The id that no other row has, now or later.
    fn id(&self) -> i64;
}

/// A page of a list.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    /// How many rows there are on all pages, if that is told.
    pub(super) total: Option<usize>,
    n_bytes: usize,
}

/// One reading of a list.
struct Sweep<T> {
    rows: BTreeMap<i64, T>,
    /// What all of it came in.
    n_bytes: usize,
    /// The count, if it was given and did not change; `Err` if it did.
    total: Result<Option<usize>, ()>,
}

impl<T> Sweep<T> {
    fn is_whole(&self) -> bool {
        match self.total {
            Ok(Some(total)) => total == self.rows.len(),
            Ok(None) => true,
            Err(()) => false,
        }
    }

    /// Two readings agree that the count is too low: it is wrong, not the list.
    fn outgrows_count(&self, earlier: &Self) -> bool {
        matches!(self.total, Ok(Some(total)) if total < self.rows.len()) && self.rows.keys().eq(earlier.rows.keys())
    }
}

/// Where a list is.
pub(super) struct Source<'a> {
    /// What it is called in errors.
    pub(super) what: &'static str,
    /// The path, up to the name of a repository if there is one in it.
    pub(super) path: &'a str,
    /// The name of a repository, and the path behind it.
    pub(super) repository: Option<(&'a str, &'static str)>,
    /// The query behind the page.
    pub(super) query: &'a str,
    /// Whether the count ends the list also behind a full page, which saves a request where the last page is full. Only
    /// where somebody else notices what a count that is too low would hide.
    pub(super) trusts_count: bool,
}

impl Harbor {
    /// Reads a list by pages, and once more if it changed meanwhile.
    pub(super) async fn list<T: Row>(&self, source: Source<'_>) -> Result<Vec<T>, Error> {
        let first = self.sweep::<T>(&source).await?;
        if first.is_whole() {
            return Ok(first.rows.into_values().collect());
        }
        let second = self.sweep::<T>(&source).await?;
        if second.is_whole() || second.outgrows_count(&first) {
            return Ok(second.rows.into_values().collect());
        }
        Err(Error::Changed { what: source.what.to_owned() })
    }

    async fn sweep<T: Row>(&self, source: &Source<'_>) -> Result<Sweep<T>, Error> {
        let mut sweep = Sweep { rows: BTreeMap::new(), n_bytes: 0, total: Ok(None) };
        let first = self.page::<T>(source, 1).await?;
        // What the first page counts is asked for together, and what it did not count one page after the other.
        let n_counted = first.total.map_or(1, |total| total.div_ceil(PAGE_SIZE)).clamp(1, MAX_PAGES);
        let page = |number| self.page::<T>(source, number);
        let counted = stream::iter(2..=n_counted).map(page).buffered(PAGES_AT_A_TIME);
        let uncounted = stream::iter(n_counted + 1..=MAX_PAGES).then(page);
        let mut pages = pin!(stream::iter([Ok(first)]).chain(counted).chain(uncounted).enumerate());
        while let Some((place, page)) = pages.next().await {
            let Page { rows, total, n_bytes } = page?;
            sweep.n_bytes += n_bytes;
            if sweep.n_bytes > MAX_LIST_BYTES {
                return Err(Error::TooLarge);
            }
            sweep.total = match sweep.total {
                Ok(_) if place == 0 => Ok(total),
                Ok(known) if known == total => Ok(known),
                Ok(_) | Err(()) => Err(()),
            };
            let (count, known) = (rows.len(), sweep.rows.len());
            sweep.rows.extend(rows.into_iter().map(|row| (row.id(), row)));
            // A page without news is the end, or a proxy that answers each page with the first.
            if sweep.rows.len() == known {
                return Ok(sweep);
            }
            // A full page may hide that the count is stale, and a short one that a proxy allows less than asked for.
            if (count < PAGE_SIZE || source.trusts_count) && total.is_some_and(|total| total == sweep.rows.len()) {
                return Ok(sweep);
            }
        }
        Err(Error::TooLarge)
    }

    /// One page, counted from 1.
    pub(super) async fn page<T: Row>(&self, source: &Source<'_>, number: usize) -> Result<Page<T>, Error> {
        let mut reply = self.page_reply(source, number).await?;
        let mut rows = reply.json::<Option<Vec<T>>>();
        if matches!(rows, Err(Error::Malformed { .. })) {
            reply = self.page_reply(source, number).await?;
            rows = reply.json();
        }
        let total = reply.header(TOTAL).and_then(|total| total.trim().parse().ok());
        Ok(Page { rows: rows?.unwrap_or_default(), total, n_bytes: reply.length() })
    }

    async fn page_reply(&self, source: &Source<'_>, number: usize) -> Result<Reply, Error> {
        let (path, query) = (source.path, source.query);
        let query = format!("?page={number}&page_size={PAGE_SIZE}&{query}");
        match source.repository {
            None => self.send(self.call(Method::GET, &format!("{path}{query}"))?).await,
            Some((repository, rest)) => self.get_of_repository(path, repository, &format!("{rest}{query}")).await,
        }
    }
}
