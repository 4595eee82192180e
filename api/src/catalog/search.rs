//! What a viewer typed into the search box, parsed.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::trigrams;

/// More words than anybody types; keeps the work for each image bounded.
const MAX_WORDS: usize = 16;
/// Longer than any reference in use; keeps the work for each space bounded.
const MAX_BYTES: usize = 512;

/// A search: every word must occur, in any case, anywhere in the whole reference.
#[derive(Debug, Clone)]
pub struct Search {
    /// At least one, each once, longest first: the longest is the rarest guess, and is looked for first.
    words: Vec<Word>,
}

/// A search of more than 16 words or 512 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("search has more than {MAX_WORDS} words or {MAX_BYTES} bytes")]
pub struct SearchTooLong;

#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) finder: Finder<'static>,
    pub(super) trigrams: Box<[u16]>,
}

impl Search {
    /// The words of `text`; `None` when it is blank, which searches for nothing and so excludes nothing.
    ///
    /// # Errors
    /// When there are more words or bytes than a search may have.
    pub fn parse(text: &str) -> Result<Option<Self>, SearchTooLong> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(SearchTooLong);
        }
        let mut words: Vec<String> = text.split_whitespace().map(|word| fold(word).into_owned()).collect();
        words.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        words.dedup();
        if words.len() > MAX_WORDS {
            return Err(SearchTooLong);
        }
        let word = |text: String| Word {
            finder: Finder::new(&text).into_owned(),
            trigrams: trigrams::bits(text.as_bytes()).collect(),
            text,
        };
        let words: Vec<Word> = words.into_iter().map(word).collect();
        Ok((!words.is_empty()).then_some(Self { words }))
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    /// The words as one text, which tells searches apart: no word has a blank in it.
    pub(super) fn words_joined(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    /// Tells searches apart in cursors: the same words have the same fingerprint in every process and release (FNV-1a).
    pub(super) fn fingerprint(&self) -> u32 {
        let bytes = self.words.iter().flat_map(|word| word.text.bytes().chain([b' ']));
        bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

/// `text` in lower case, letter by letter. Not `str::to_lowercase`, which looks at a letter's neighbours: a text folded
/// in two pieces must equal the whole folded at once.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let search = Search::parse(text).unwrap();
        search.iter().flat_map(Search::words).map(|word| word.text.clone()).collect()
    }

    #[test]
    fn words_are_folded_and_stand_once_longest_first() {
        assert_eq!(words("  App\tteam/x app\u{a0}ÄB "), ["team/x", "app", "äb"]);
        assert!(words(" \n ").is_empty());
    }

    #[test]
    fn too_much_is_refused() {
        assert_eq!(Search::parse(&"x".repeat(513)).err(), Some(SearchTooLong));
        let many: Vec<String> = (0..17).map(|n| format!("w{n}")).collect();
        assert_eq!(Search::parse(&many.join(" ")).err(), Some(SearchTooLong));
        assert!(Search::parse(&many[..16].join(" ")).is_ok());
    }

    #[test]
    fn fingerprints_depend_on_the_words_alone() {
        let fingerprint = |text| Search::parse(text).unwrap().map(|search| search.fingerprint());
        assert_eq!(fingerprint("b a"), fingerprint("A  b"));
        assert_ne!(fingerprint("ab"), fingerprint("a b"));
    }
}
