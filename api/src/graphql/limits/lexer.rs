//! Measures a document as text, in one pass and without recursion. It need not know the grammar, only where strings and
//! comments end: what lies outside of them is what the parser will recurse on.

use super::{LimitError, Limits};

pub(super) fn check(source: &str, limits: &Limits) -> Result<(), LimitError> {
    if source.len() > limits.max_bytes {
        return Err(LimitError::TooLong(limits.max_bytes));
    }
    let mut rest = source.as_bytes();
    let mut n_tokens = 0;
    let mut nesting: usize = 0;
    while let Some(&byte) = rest.first() {
        let length = match byte {
            // Ignored by the grammar; the last three are a byte order mark.
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => {
                rest = &rest[1..];
                continue;
            }
            b'#' => {
                rest = &rest[comment_length(rest)..];
                continue;
            }
            b'"' => string_length(rest)?,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => word_length(rest),
            b'(' | b'[' | b'{' => {
                nesting += 1;
                if nesting > limits.max_nesting {
                    return Err(LimitError::TooDeep(limits.max_nesting));
                }
                1
            }
            b')' | b']' | b'}' => {
                nesting = nesting.saturating_sub(1);
                1
            }
            // Punctuators, and what the parser will refuse.
            _ => 1,
        };
        n_tokens += 1;
        if n_tokens > limits.max_tokens {
            return Err(LimitError::TooManyTokens(limits.max_tokens));
        }
        rest = &rest[length..];
    }
    Ok(())
}

fn comment_length(rest: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    rest.iter().position(is_end).unwrap_or(rest.len())
}

fn word_length(rest: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte != b'_' && !byte.is_ascii_alphanumeric();
    rest.iter().position(is_end).unwrap_or(rest.len())
}

/// The length of the string that `rest` begins with, quotes included.
fn string_length(rest: &[u8]) -> Result<usize, LimitError> {
    if rest.starts_with(br#"""""#) {
        let mut at = 3;
        loop {
            match &rest[at..] {
                [] => return Err(LimitError::UnendedString),
                [b'\\', b'"', b'"', b'"', ..] => at += 4,
                [b'"', b'"', b'"', ..] => return Ok(at + 3),
                _ => at += 1,
            }
        }
    }
    let mut at = 1;
    loop {
        match rest.get(at) {
            None | Some(b'\n' | b'\r') => return Err(LimitError::UnendedString),
            Some(b'\\') => at += 2,
            Some(b'"') => return Ok(at + 1),
            Some(_) => at += 1,
        }
    }
}
