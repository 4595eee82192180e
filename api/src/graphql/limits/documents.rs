//! Documents that were looked at before: clients send few, and each of them often.

use std::sync::Arc;

use async_graphql::{Request, parser::types::ExecutableDocument};
use quick_cache::{Weighter, sync::Cache};

use super::{LimitError, Limits, parse};

/// The texts that are kept have together no more bytes than this. Parsed, they take some twenty times as much.
const MAX_KEPT_BYTES: u64 = 1 << 20;

/// How many documents are likely to be kept at a time.
const LIKELY_KEPT: usize = 1_000;

/// Checks documents, and keeps those that are good.
pub struct Documents {
    limits: Limits,
    kept: Cache<Box<str>, Arc<ExecutableDocument>, Length>,
}

#[derive(Clone)]
struct Length;

impl Weighter<Box<str>, Arc<ExecutableDocument>> for Length {
    fn weight(&self, source: &Box<str>, _: &Arc<ExecutableDocument>) -> u64 {
        source.len() as u64
    }
}

impl Documents {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, kept: Cache::with_weighter(LIKELY_KEPT, MAX_KEPT_BYTES, Length) }
    }

    /// Checks the document of a request, and leaves it parsed in the request.
    pub fn prepare(&self, request: &mut Request) -> Result<(), LimitError> {
        let document = match self.kept.get(request.query.as_str()) {
            Some(document) => document,
            None => {
                let document = Arc::new(parse(&request.query, &self.limits)?);
                self.kept.insert(request.query.as_str().into(), document.clone());
                document
            }
        };
        // Whoever executes it may rewrite it.
        request.set_parsed_query(ExecutableDocument::clone(&document));
        Ok(())
    }
}
