//! The short way to an answer: fields that wait for nothing are written at once.
//!
//! The library makes a boxed future for each field of each row, which is most of what a long list costs. Here a row is
//! asked for the values that it simply has, and only the rest goes the library's way. Where a document has more than
//! plain fields (fragments, directives, a field twice), all of it does.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::{ContainerType, Context, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value};
use futures_util::future::{BoxFuture, try_join_all};

/// A type some of whose fields are values that it has at hand.
pub(super) trait Plain: ContainerType {
    /// The value of the field that `ctx` stands at; none when it takes more than to look, or cannot be had: why not is
    /// said by the field's resolver, which is asked then.
    fn plain(&self, _ctx: &Context<'_>) -> Option<Value> {
        None
    }
}

impl<T: Plain> Plain for &T {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        T::plain(*self, ctx)
    }
}

/// One object, answered the short way as far as that leads.
pub(super) struct Lean<T>(pub(super) T);

/// A list of such objects.
pub(super) struct Rows<'a, T>(pub(super) Vec<&'a T>);

impl<T: Plain> OutputType for Lean<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match begin(&self.0, ctx) {
            Some(Begun { values, pending }) if pending.is_empty() => Ok(Value::Object(values)),
            Some(Begun { mut values, pending }) => {
                for (place, value) in try_join_all(pending).await? {
                    values[place] = value;
                }
                Ok(Value::Object(values))
            }
            None => self.0.resolve(ctx, field).await,
        }
    }
}

impl<T: Plain> OutputType for Rows<'_, T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<&T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<&T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<&T>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        if let Some(list) = list_in(self.0.iter().copied(), ctx) {
            return Ok(list);
        }
        self.0.iter().map(|row| Lean(*row)).collect::<Vec<_>>().resolve(ctx, field).await
    }
}

/// An object below the field that `ctx` stands at, if nothing but plain values is asked of it.
pub(super) fn object<T: Plain>(of: &T, ctx: &Context<'_>) -> Option<Value> {
    object_in(of, &ctx.with_selection_set(&ctx.item.node.selection_set))
}

/// A list there, likewise.
pub(super) fn list<'a, T: Plain + 'a>(rows: impl Iterator<Item = &'a T>, ctx: &Context<'_>) -> Option<Value> {
    list_in(rows, &ctx.with_selection_set(&ctx.item.node.selection_set))
}

fn list_in<'a, T: Plain + 'a>(rows: impl Iterator<Item = &'a T>, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
    rows.map(|row| object_in(row, ctx)).collect::<Option<Vec<_>>>().map(Value::List)
}

fn object_in<T: Plain>(of: &T, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
    let items = &ctx.item.node.items;
    let mut values = IndexMap::with_capacity(items.len());
    for selection in items {
        let field = field(&selection.node)?;
        let is_again = values.insert(field.node.response_key().node.clone(), value(of, field, ctx)?).is_some();
        // One field asked for twice has to be merged.
        if is_again {
            return None;
        }
    }
    Some(Value::Object(values))
}

/// An object some of whose fields are still to be waited for, each with its place.
struct Begun<'a> {
    values: IndexMap<Name, Value>,
    pending: Vec<BoxFuture<'a, ServerResult<(usize, Value)>>>,
}

fn begin<'a, T: Plain>(of: &'a T, ctx: &'a ContextSelectionSet<'_>) -> Option<Begun<'a>> {
    let items = &ctx.item.node.items;
    let mut begun = Begun { values: IndexMap::with_capacity(items.len()), pending: Vec::new() };
    for (place, selection) in items.iter().enumerate() {
        let field = field(&selection.node)?;
        let value = value(of, field, ctx);
        if value.is_none() {
            begun.pending.push(Box::pin(async move {
                let ctx = ctx.with_field(field);
                Ok((place, of.resolve_field(&ctx).await?.unwrap_or_default()))
            }));
        }
        if begun.values.insert(field.node.response_key().node.clone(), value.unwrap_or_default()).is_some() {
            return None;
        }
    }
    Some(begun)
}

/// A field, and nothing that would have to be decided first.
fn field(selection: &Selection) -> Option<&Positioned<Field>> {
    match selection {
        Selection::Field(field) if field.node.directives.is_empty() => Some(field),
        _ => None,
    }
}

fn value<T: Plain>(of: &T, field: &Positioned<Field>, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
    match field.node.name.node.as_str() {
        "__typename" => Some(Value::String(of.introspection_type_name().into_owned())),
        _ => of.plain(&ctx.with_field(field)),
    }
}
