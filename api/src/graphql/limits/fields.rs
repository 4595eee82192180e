//! Counts the fields of a document with its fragments expanded, looking at each fragment once.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::{LimitError, Limits};

/// Fragments in fragments. Bounds the recursion here and in async-graphql's own rules.
const MAX_SPREAD_DEPTH: usize = 64;

pub(super) fn check(document: &ExecutableDocument, limits: &Limits) -> Result<(), LimitError> {
    let mut counter = Counter { document, known: HashMap::new(), spread_depth: 0 };
    let mut total: u64 = 0;
    for (_, operation) in document.operations.iter() {
        total = total.saturating_add(counter.count(&operation.node.selection_set.node)?);
    }
    // Validation looks at unused fragments too.
    for name in document.fragments.keys() {
        counter.count_fragment(name)?;
    }
    if total > limits.max_fields {
        return Err(LimitError::TooManyFields(limits.max_fields));
    }
    Ok(())
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    /// Fields of each fragment; none while it is being counted.
    known: HashMap<&'a str, Option<u64>>,
    spread_depth: usize,
}

impl<'a> Counter<'a> {
    /// Recursion is bounded by the nesting that the lexer lets through, and by [`MAX_SPREAD_DEPTH`].
    fn count(&mut self, selections: &'a SelectionSet) -> Result<u64, LimitError> {
        let mut n_fields: u64 = 0;
        for selection in &selections.items {
            let n_within = match &selection.node {
                Selection::Field(field) => self.count(&field.node.selection_set.node)?,
                Selection::InlineFragment(fragment) => self.count(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.count_fragment(&spread.node.fragment_name.node)?,
            };
            n_fields = n_fields.saturating_add(n_within).saturating_add(1);
        }
        Ok(n_fields)
    }

    fn count_fragment(&mut self, name: &'a str) -> Result<u64, LimitError> {
        match self.known.get(name) {
            Some(Some(n_fields)) => return Ok(*n_fields),
            Some(None) => return Err(LimitError::FragmentCycle(name.to_owned())),
            None => {}
        }
        // An unknown fragment is for validation to tell.
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(0);
        };
        if self.spread_depth == MAX_SPREAD_DEPTH {
            return Err(LimitError::FragmentsTooDeep(MAX_SPREAD_DEPTH));
        }
        self.known.insert(name, None);
        self.spread_depth += 1;
        let n_fields = self.count(&fragment.node.selection_set.node)?;
        self.spread_depth -= 1;
        self.known.insert(name, Some(n_fields));
        Ok(n_fields)
    }
}
