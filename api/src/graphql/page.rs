//! Paging: Relay's cursor connections over keyset cursors. One way to read the arguments, one to cut a page.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use async_graphql::connection::PageInfo;
use async_graphql::{Context, Enum, Object, OutputType, TypeName, Value};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plain::{self, Lean, Plain, Rows};
use super::scalar::int;
use crate::service::Error;
use crate::service::selector::Window;

/// Rows on a page when nothing is said.
pub(super) const DEFAULT_SIZE: usize = 20;
/// Rows on a page at most.
pub(super) const MAX_SIZE: usize = 100;

/// What the arguments of a connection ask for, parsed.
pub(super) struct PageArgs;

impl PageArgs {
    pub(super) fn parse(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Window, Error> {
        let size = |field, size: i32| match usize::try_from(size) {
            Err(_) => Err(Error::invalid(field, format!("`{field}` is not below 0"))),
            Ok(size) if size > MAX_SIZE => {
                Err(Error::invalid(field, format!("`{field}` is {size}, and a page has at most {MAX_SIZE} rows")))
            }
            Ok(size) => Ok(size),
        };
        let (limit, backward) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("last", "`first` and `last` cannot be given together"));
            }
            (Some(first), None) => (size("first", first)?, false),
            (None, Some(last)) => (size("last", last)?, true),
            (None, None) => (DEFAULT_SIZE, false),
        };
        Ok(Window { limit, after, before, backward })
    }

    /// What the field that `ctx` stands at is given, if it is good.
    pub(super) fn of(ctx: &Context<'_>) -> Option<Window> {
        let number = |name| Some(ctx.param_value::<Option<i32>>(name, None).ok()?.1);
        let cursor = |name| Some(ctx.param_value::<Option<String>>(name, None).ok()?.1);
        Self::parse(number("first")?, cursor("after")?, number("last")?, cursor("before")?).ok()
    }
}

/// Which way a list is ordered.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderDirection {
    /// From the least to the greatest.
    Asc,
    /// From the greatest to the least.
    Desc,
}

/// A page of rows, with their cursors.
pub(super) struct Slice<T> {
    rows: Vec<T>,
    cursors: Arc<dyn Cursors>,
    has_previous: bool,
    has_next: bool,
    total: usize,
}

/// How a list is ordered: what its cursors hold, and how these compare.
pub(super) struct Ordered<'a, T, K> {
    /// Names the order, so that a cursor of another list is refused.
    pub(super) name: &'a str,
    /// Where a row stands: unique in the list.
    pub(super) key: &'a (dyn Fn(&T) -> K + Send + Sync),
    pub(super) compare: fn(&K, &K) -> Ordering,
}

/// Cuts a page out of `rows`, which come in that order. A cursor whose row has gone still has its place.
pub(super) fn cut<T, K: Serialize + DeserializeOwned + Send + Sync + 'static>(
    rows: Vec<T>,
    order: &Ordered<'_, T, K>,
    args: &Window,
) -> Result<Slice<T>, Error> {
    let total = rows.len();
    let (after, before): (Option<K>, Option<K>) = places(order.name, args)?;
    let compare = |row: &T, key: &K| (order.compare)(&(order.key)(row), key);
    let start = after.map_or(0, |key| rows.partition_point(|row| compare(row, &key) != Ordering::Greater));
    let end = before.map_or(total, |key| rows.partition_point(|row| compare(row, &key) == Ordering::Less)).max(start);
    let (start, end) = match args.backward {
        false => (start, end.min(start + args.limit)),
        true => (start.max(end.saturating_sub(args.limit)), end),
    };
    let rows: Vec<T> = rows.into_iter().skip(start).take(end - start).collect();
    let cursors = Arc::new(Keys { order: order.name.to_owned(), keys: rows.iter().map(order.key).collect() });
    Ok(Slice { rows, cursors, has_previous: start > 0, has_next: end < total, total })
}

/// Where `after` and `before` stand in the list of this name.
pub(super) fn places<K: DeserializeOwned>(name: &str, args: &Window) -> Result<(Option<K>, Option<K>), Error> {
    let place = |field, cursor: &Option<String>| cursor.as_ref().map(|text| decode(name, text, field)).transpose();
    Ok((place("after", &args.after)?, place("before", &args.before)?))
}

/// The cursors of a page. Hardly anybody asks for more than the last one, so each is written when it is asked for.
pub(super) trait Cursors: Send + Sync {
    fn cursor(&self, place: usize) -> String;
}

/// The one cursor of a page of one row.
impl Cursors for String {
    fn cursor(&self, _place: usize) -> String {
        self.clone()
    }
}

struct Keys<K> {
    order: String,
    keys: Vec<K>,
}

impl<K: Serialize + Send + Sync> Cursors for Keys<K> {
    fn cursor(&self, place: usize) -> String {
        encode(&self.order, &self.keys[place])
    }
}

pub(super) fn encode<K: Serialize>(order: &str, key: &K) -> String {
    let text = serde_json::to_string(&(order, key)).expect("keys are texts, numbers and moments");
    URL_SAFE_NO_PAD.encode(text)
}

pub(super) fn decode<K: DeserializeOwned>(order: &str, cursor: &str, field: &'static str) -> Result<K, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let parsed: Option<(String, K)> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match parsed {
        Some((name, key)) if name == order => Ok(key),
        Some(_) => Err(Error::invalid(field, format!("`{field}` is a cursor of another list or order"))),
        None => Err(Error::invalid(field, format!("`{field}` is not a cursor of this list"))),
    }
}

/// One page of a list, as Relay's connections have it.
pub(super) struct Connection<N> {
    edges: Vec<Edge<N>>,
    has_previous: bool,
    has_next: bool,
    total: usize,
}

impl<N: Plain> Connection<N> {
    pub(super) fn new(
        nodes: impl Iterator<Item = N>,
        cursors: &Arc<dyn Cursors>,
        has_previous: bool,
        has_next: bool,
        total: usize,
    ) -> Self {
        let edge = |(place, node)| Edge { cursors: cursors.clone(), place, node };
        Self { edges: nodes.enumerate().map(edge).collect(), has_previous, has_next, total }
    }
}

impl<N: Plain> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", <N as OutputType>::type_name()).into()
    }
}

/// One page of a list, as Relay's cursor connections have it.
#[Object(name_type)]
impl<N: Plain> Connection<N> {
    /// The rows of this page, each with its cursor.
    async fn edges(&self) -> Rows<'_, Edge<N>> {
        Rows(self.edges.iter().collect())
    }

    /// The rows of this page.
    async fn nodes(&self) -> Rows<'_, N> {
        Rows(self.edges.iter().map(|edge| &edge.node).collect())
    }

    /// Where this page stands in the list.
    async fn page_info(&self) -> PageInfo {
        page_info(self.has_previous, self.has_next, self.edges.iter().map(Edge::place))
    }

    /// How many rows there are in all, on this page and the others.
    async fn total_count(&self) -> i32 {
        int(self.total)
    }
}

pub(super) struct Edge<N> {
    cursors: Arc<dyn Cursors>,
    place: usize,
    node: N,
}

impl<N: Plain> Edge<N> {
    fn place(&self) -> String {
        self.cursors.cursor(self.place)
    }
}

/// A row of a list, and its place in it.
#[Object(name_type)]
impl<N: Plain> Edge<N> {
    /// The row's place: what `after` and `before` take.
    async fn cursor(&self) -> String {
        self.place()
    }

    /// The row.
    async fn node(&self) -> Lean<&N> {
        Lean(&self.node)
    }
}

impl<N: Plain> Plain for Connection<N> {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        match ctx.item.node.name.node.as_str() {
            "edges" => plain::list(self.edges.iter(), ctx),
            "nodes" => plain::list(self.edges.iter().map(|edge| &edge.node), ctx),
            "totalCount" => Some(int(self.total).into()),
            _ => None,
        }
    }
}

impl<N: Plain> Plain for Edge<N> {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        match ctx.item.node.name.node.as_str() {
            "cursor" => Some(self.place().into()),
            "node" => plain::object(&self.node, ctx),
            _ => None,
        }
    }
}

impl<N: Plain> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", <N as OutputType>::type_name()).into()
    }
}

pub(super) fn page_info(
    has_previous_page: bool,
    has_next_page: bool,
    cursors: impl DoubleEndedIterator<Item = String> + Clone,
) -> PageInfo {
    let (start_cursor, end_cursor) = (cursors.clone().next(), cursors.clone().next_back());
    PageInfo { has_previous_page, has_next_page, start_cursor, end_cursor }
}

impl<T> Slice<T> {
    /// A page that was cut where its rows are kept.
    pub(super) fn of<K: Serialize + Send + Sync + 'static>(
        rows: Vec<T>,
        name: &str,
        key: impl Fn(&T) -> K,
        (has_previous, has_next): (bool, bool),
        total: usize,
    ) -> Self {
        let cursors = Arc::new(Keys { order: name.to_owned(), keys: rows.iter().map(key).collect() });
        Self { rows, cursors, has_previous, has_next, total }
    }

    /// The rows, and the page without them, for what has to be asked for about just these.
    pub(super) fn split(self) -> (Vec<T>, Slice<()>) {
        let Self { rows, cursors, has_previous, has_next, total } = self;
        (rows, Slice { rows: Vec::new(), cursors, has_previous, has_next, total })
    }

    /// The page with as many rows, in the same order, in place of its own.
    pub(super) fn join<U>(self, rows: Vec<U>) -> Slice<U> {
        let Self { cursors, has_previous, has_next, total, .. } = self;
        Slice { rows, cursors, has_previous, has_next, total }
    }

    pub(super) fn connect<N: Plain>(self, node: impl Fn(T) -> N) -> Lean<Connection<N>> {
        let nodes = self.rows.into_iter().map(node);
        Lean(Connection::new(nodes, &self.cursors, self.has_previous, self.has_next, self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(of: &[u32], args: &Window) -> Result<(Vec<u32>, bool, bool), Error> {
        let order = Ordered { name: "number", key: &|row: &u32| *row, compare: Ord::cmp };
        let slice = cut(of.to_vec(), &order, args)?;
        Ok((slice.rows, slice.has_previous, slice.has_next))
    }

    fn at(number: u32) -> Option<String> {
        Some(encode("number", &number))
    }

    #[test]
    fn pages_forward_and_backward() {
        let all = [1, 2, 4, 5];
        let page = |first, after, last, before| {
            numbers(&all, &PageArgs::parse(first, after, last, before).expect("sane")).expect("cursors are good")
        };
        assert_eq!(page(Some(2), None, None, None), (vec![1, 2], false, true));
        assert_eq!(page(Some(2), at(2), None, None), (vec![4, 5], true, false));
        assert_eq!(page(None, None, Some(1), None), (vec![5], true, false));
        assert_eq!(page(None, None, Some(2), at(4)), (vec![1, 2], false, true));
        // The row at the cursor has gone.
        assert_eq!(page(Some(1), at(3), None, None), (vec![4], true, true));
        assert_eq!(page(Some(0), None, None, None), (vec![], false, true));
        assert_eq!(page(None, at(1), None, at(5)), (vec![2, 4], true, true));
        assert_eq!(page(None, at(5), None, at(1)), (vec![], true, false));
    }

    #[test]
    fn bad_arguments_name_their_field() {
        let field = |first, last| match PageArgs::parse(first, None, last, None) {
            Err(Error::Invalid { field, .. }) => field,
            _ => "none",
        };
        assert_eq!(field(Some(101), None), "first");
        assert_eq!(field(None, Some(-1)), "last");
        assert_eq!(field(Some(1), Some(1)), "last");
        let args = PageArgs::parse(None, Some("nonsense".into()), None, None).expect("sane");
        assert!(matches!(numbers(&[1], &args), Err(Error::Invalid { field: "after", .. })));
        let other = PageArgs::parse(None, Some(encode("name", &1)), None, None).expect("sane");
        assert!(matches!(numbers(&[1], &other), Err(Error::Invalid { field: "after", .. })));
    }
}
