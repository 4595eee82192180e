//! Which three letters stand together in the names of one snapshot: what cannot be in it need not be looked for there.
//!
//! A platform has ten thousand spaces and more, with some fifty images each, and most words that people look for are in
//! few of them. A word is only in names that hold all its trigrams, so a handful of bits tells nearly always.

use super::texts::Texts;

/// Bits for the trigrams of one snapshot. Names of fifty images, each of two or three words, have some 300: one bit in
/// seven is set then, and a word of seven letters passes by chance once in ten thousand times.
const BITS: usize = 2048;
const WORDS: usize = BITS / 64;

/// Snapshots whose names have more bytes have nearly all bits set, and are scanned at memory speed anyway.
const MAX_BYTES: usize = 8 << 10;

/// A set of trigrams, which may claim to hold one that it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trigrams([u64; WORDS]);

impl Trigrams {
    /// Those of these names; none where they would tell nothing.
    pub(super) fn of(names: &Texts) -> Option<Box<Self>> {
        let n_bytes = names.bytes().len();
        if n_bytes == 0 || n_bytes > MAX_BYTES {
            return None;
        }
        let mut set = Box::new(Self([0; WORDS]));
        for bit in names.iter().flat_map(|name| bits(name.as_bytes())) {
            set.0[usize::from(bit) / 64] |= 1 << (bit % 64);
        }
        Some(set)
    }

    /// Whether one name may hold the word with these bits.
    pub(super) fn may_hold(&self, bits: &[u16]) -> bool {
        bits.iter().all(|&bit| self.0[usize::from(bit) / 64] & 1 << (bit % 64) != 0)
    }
}

/// The bit of each trigram of a word.
pub(super) fn bits(word: &[u8]) -> impl Iterator<Item = u16> {
    word.windows(3).map(|letters| {
        let number = u32::from(letters[0]) << 16 | u32::from(letters[1]) << 8 | u32::from(letters[2]);
        // Fibonacci hashing: the upper bits of the product depend on all of the number's.
        (number.wrapping_mul(0x9e37_79b1) >> (32 - BITS.trailing_zeros())) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Texts {
        let mut texts = Texts::default();
        names.iter().for_each(|name| texts.push(name));
        texts
    }

    fn may_hold(set: &Trigrams, word: &str) -> bool {
        set.may_hold(&bits(word.as_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_in_a_name_is_held_and_most_of_the_rest_is_not() {
        let set = Trigrams::of(&names(&["payment-api", "team/ledger"])).unwrap();
        for word in ["payment-api", "api", "ment", "team/led", "ay", ""] {
            assert!(may_hold(&set, word), "{word}");
        }
        for word in ["zephyr", "00042", "apiteam", "ledgers"] {
            assert!(!may_hold(&set, word), "{word}");
        }
    }

    #[test]
    fn where_it_would_tell_nothing_there_is_none() {
        assert_eq!(Trigrams::of(&names(&[])), None);
        assert_eq!(Trigrams::of(&names(&["x".repeat(MAX_BYTES + 1).as_str()])), None);
    }
}
