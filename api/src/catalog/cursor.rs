//! Where a page ends: a keyset, so that it holds while images come and go.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::order::{Order, Position};
use super::reference::Reference;
use super::search::Search;

/// Far above what a reference needs: host, space and repository have at most 255 bytes each.
const MAX_ENCODED_BYTES: usize = 4096;

/// A place in a list, in one order: before, at or after each image, whether its own image still exists or not.
///
/// It holds nothing but what the image there shows, and grants nothing: a forged one is just another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    order: Order,
    /// The number ordered by, as in [`Position`].
    key: Option<i64>,
    /// The search whose relevance `key` is; 0 in all other orders, which mean the same under every search.
    search: u32,
    reference: String,
}

/// Why a text is no cursor for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not made by [`Cursor::encode`].
    #[error("cursor is malformed")]
    Malformed,
    /// Made for a list in another order.
    #[error("cursor belongs to another order")]
    OtherOrder,
    /// Made for another search, and ordered by relevance, which depends on it.
    #[error("cursor belongs to another search")]
    OtherSearch,
}

impl Cursor {
    pub(super) fn new(order: Order, search: Option<&Search>, position: &Position<'_>) -> Self {
        let reference = position.reference.to_string();
        Self { order, key: position.key, search: fingerprint(order, search), reference }
    }

    /// The order that it was made for.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The reference of the image that it was made for, which may be gone.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The opaque text that clients are given.
    pub fn encode(&self) -> String {
        let mut bytes = vec![tag(self.order)];
        match self.order {
            Order::ReferenceAsc | Order::ReferenceDesc => {}
            Order::UpdatedAt { .. } | Order::PullCount { .. } => {
                bytes.push(u8::from(self.key.is_some()));
                bytes.extend(self.key.iter().flat_map(|key| key.to_be_bytes()));
            }
            Order::Relevance { .. } => {
                bytes.extend(self.search.to_be_bytes());
                bytes.push(demerit(self.key));
            }
        }
        bytes.extend_from_slice(self.reference.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Cursor::encode`] wrote, for a list in `order` and with `search`.
    ///
    /// # Errors
    /// When it was made for a list whose places mean something else, or was not made here at all.
    pub fn decode(text: &str, order: Order, search: Option<&Search>) -> Result<Self, CursorError> {
        if text.len() > MAX_ENCODED_BYTES {
            return Err(CursorError::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        let cursor = Self::from_bytes(&bytes).ok_or(CursorError::Malformed)?;
        if cursor.order != order {
            return Err(CursorError::OtherOrder);
        }
        if cursor.search != fingerprint(order, search) {
            return Err(CursorError::OtherSearch);
        }
        Ok(cursor)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&first, bytes) = bytes.split_first()?;
        let order = ORDERS.into_iter().find(|&order| tag(order) == first)?;
        let (key, search, bytes) = match order {
            Order::ReferenceAsc | Order::ReferenceDesc => (None, 0, bytes),
            Order::UpdatedAt { .. } | Order::PullCount { .. } => match bytes.split_first()? {
                (0, bytes) => (None, 0, bytes),
                (1, bytes) => {
                    let (key, bytes) = bytes.split_first_chunk()?;
                    (Some(i64::from_be_bytes(*key)), 0, bytes)
                }
                _ => return None,
            },
            Order::Relevance { .. } => {
                let (search, bytes) = bytes.split_first_chunk()?;
                let (&demerit, bytes) = bytes.split_first()?;
                (relevance(demerit), u32::from_be_bytes(*search), bytes)
            }
        };
        let reference = str::from_utf8(bytes).ok()?.to_owned();
        Some(Self { order, key, search, reference })
    }

    pub(super) fn position(&self) -> Position<'_> {
        Position { key: self.key, reference: Reference::whole(&self.reference) }
    }
}

/// The key of an image in the order by relevance: the more, the better.
pub(super) fn relevance(demerit: u8) -> Option<i64> {
    Some(-i64::from(demerit))
}

fn demerit(key: Option<i64>) -> u8 {
    u8::try_from(-key.unwrap_or_default()).expect("keys by relevance are made of a demerit, see `relevance`")
}

fn fingerprint(order: Order, search: Option<&Search>) -> u32 {
    match order {
        Order::Relevance { .. } => search.map_or(0, Search::fingerprint),
        Order::ReferenceAsc | Order::ReferenceDesc | Order::UpdatedAt { .. } | Order::PullCount { .. } => 0,
    }
}

const ORDERS: [Order; 8] = [
    Order::ReferenceAsc,
    Order::ReferenceDesc,
    Order::UpdatedAt { desc: false },
    Order::UpdatedAt { desc: true },
    Order::PullCount { desc: false },
    Order::PullCount { desc: true },
    Order::Relevance { desc: false },
    Order::Relevance { desc: true },
];

/// Cursors outlive releases: a tag is never given to another order.
fn tag(order: Order) -> u8 {
    match order {
        Order::ReferenceAsc => b'r',
        Order::ReferenceDesc => b'R',
        Order::UpdatedAt { desc: false } => b'u',
        Order::UpdatedAt { desc: true } => b'U',
        Order::PullCount { desc: false } => b'p',
        Order::PullCount { desc: true } => b'P',
        Order::Relevance { desc: false } => b'v',
        Order::Relevance { desc: true } => b'V',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(order: Order, key: Option<i64>, search: Option<&Search>) -> Cursor {
        Cursor::new(order, search, &Position { key, reference: Reference { prefix: "h/a/", repository: "äpp" } })
    }

    #[test]
    fn every_order_survives_the_round_trip_and_fits_no_other() {
        let search = Search::parse("app").unwrap();
        for order in ORDERS {
            let keys: &[Option<i64>] = match order {
                Order::ReferenceAsc | Order::ReferenceDesc => &[None],
                Order::UpdatedAt { .. } | Order::PullCount { .. } => &[None, Some(i64::MAX), Some(-1), Some(0)],
                Order::Relevance { .. } => &[Some(0), Some(-48)],
            };
            for &key in keys {
                let cursor = cursor(order, key, search.as_ref());
                let text = cursor.encode();
                assert_eq!(Cursor::decode(&text, order, search.as_ref()), Ok(cursor));
                for other in ORDERS.into_iter().filter(|&other| other != order) {
                    assert_eq!(Cursor::decode(&text, other, search.as_ref()), Err(CursorError::OtherOrder));
                }
            }
        }
    }

    #[test]
    fn only_relevance_depends_on_the_search() {
        let (one, two) = (Search::parse("app").unwrap(), Search::parse("web").unwrap());
        let order = Order::Relevance { desc: true };
        let text = cursor(order, Some(-1), one.as_ref()).encode();
        assert_eq!(Cursor::decode(&text, order, two.as_ref()), Err(CursorError::OtherSearch));
        assert_eq!(Cursor::decode(&text, order, None), Err(CursorError::OtherSearch));
        let text = cursor(Order::ReferenceAsc, None, one.as_ref()).encode();
        assert!(Cursor::decode(&text, Order::ReferenceAsc, two.as_ref()).is_ok());
    }

    #[test]
    fn nonsense_is_malformed() {
        let short = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let texts =
            ["", "=", "cg==", &short(b"x"), &short(b"u"), &short(b"u\x01short"), &short(b"u\x02"), &short(b"V1234")];
        for text in texts.into_iter().chain([short(b"r\xff").as_str(), &short(&[b'r'; 4000])]) {
            assert_eq!(Cursor::decode(text, Order::ReferenceAsc, None), Err(CursorError::Malformed), "{text}");
        }
    }
}
