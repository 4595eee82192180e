//! What a document may cost before anything else looks at it.
//!
//! async-graphql bounds depth and complexity only after parsing and after walking every fragment as often as it is spread.
//! Two thousand nested lists overflow its parser's stack, which ends the process; thirty levels of doubling fragments are
//! two billion fields. So a document is measured as text first, then parsed once, then counted with each fragment looked
//! at once; the parsed document is handed on. Depth, complexity and aliases stay async-graphql's.

mod documents;
mod fields;
mod introspection;
mod lexer;

use async_graphql::{
    ErrorExtensionValues, ServerError,
    parser::{self, parse_query, types::ExecutableDocument},
};
use thiserror::Error;

pub use self::documents::Documents;

/// The bounds of one document. The defaults are far above what people and generators write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text.
    pub max_bytes: usize,
    /// Brackets of any kind within each other.
    pub max_nesting: usize,
    /// Names, values and punctuators; commas are none.
    pub max_tokens: usize,
    /// Fields, with every fragment counted wherever it is spread.
    pub max_fields: u64,
    /// Rows of the schema that may be asked for, roughly. The question that tools ask has some 300,000.
    pub max_introspection: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 10,
            max_nesting: 64,
            max_tokens: 8_000,
            max_fields: 10_000,
            max_introspection: 2_000_000,
        }
    }
}

/// Why a document is not looked at further.
#[derive(Debug, Error)]
pub enum LimitError {
    #[error("the document is longer than {0} bytes")]
    TooLong(usize),
    #[error("the document is nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("the document has more than {0} tokens")]
    TooManyTokens(usize),
    #[error("the document expands to more than {0} fields")]
    TooManyFields(u64),
    #[error("the document's fragments are spread within each other deeper than {0} levels")]
    FragmentsTooDeep(usize),
    #[error("the document asks for too much of the schema")]
    TooMuchIntrospection,
    #[error("fragment `{0}` spreads itself")]
    FragmentCycle(String),
    #[error("a string is not ended")]
    UnendedString,
    #[error("the document cannot be parsed")]
    Syntax(#[source] parser::Error),
}

impl LimitError {
    /// The error code of the answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_)
            | Self::TooDeep(_)
            | Self::TooManyTokens(_)
            | Self::TooManyFields(_)
            | Self::FragmentsTooDeep(_)
            | Self::TooMuchIntrospection => "QUERY_TOO_COMPLEX",
            Self::FragmentCycle(_) => "GRAPHQL_VALIDATION_FAILED",
            Self::UnendedString | Self::Syntax(_) => "GRAPHQL_PARSE_FAILED",
        }
    }
}

impl From<LimitError> for ServerError {
    fn from(error: LimitError) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code());
        let mut answer = ServerError::new(error.to_string(), None);
        if let LimitError::Syntax(source) = &error {
            answer.message = syntax_message(source);
            answer.locations = source.positions().collect();
        }
        answer.extensions = Some(extensions);
        answer
    }
}

/// Measures a document, parses it and counts its fields.
fn parse(source: &str, limits: &Limits) -> Result<ExecutableDocument, LimitError> {
    lexer::check(source, limits)?;
    let document = parse_query(source).map_err(LimitError::Syntax)?;
    fields::check(&document, limits)?;
    introspection::check(&document, limits)?;
    Ok(document)
}

/// The parser draws its message as several lines, with the source and an arrow. The last says what was expected; the
/// position goes in `locations`.
fn syntax_message(error: &parser::Error) -> String {
    let text = error.to_string();
    let reason = text.lines().last().map(|line| line.trim_start_matches([' ', '=']));
    format!("syntax error: {}", reason.unwrap_or("unreadable"))
}

#[cfg(test)]
mod tests;
