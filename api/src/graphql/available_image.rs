//! The image selector.

use std::sync::Arc;

use async_graphql::connection::PageInfo;
use async_graphql::{Context, Enum, ID, InputObject, InputType, Object, Value};

use super::ContextExt;
use super::error::Result;
use super::id;
use super::image::Image;
use super::loader::ReachableKey;
use super::namespace::NamespaceKey;
use super::page::{Cursors, OrderDirection, PageArgs, page_info};
use super::plain::{self, Lean, Plain, Rows};
use super::registry::Registry;
use super::scalar::{DateTime, int};
use crate::catalog::{Order, Page, Row, Search};
use crate::service::name::ImageReference;
use crate::service::selector::{self, Filter, Selection, Window};
use crate::service::{self, Error, name};

/// How an image reached a namespace.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "service::Availability")]
pub(super) enum Availability {
    /// Its space is public.
    Public,
    /// Its space is bound to the namespace's workspace.
    Bound,
    /// It is in a registry that the namespace's workspace owns.
    WorkspaceRegistry,
}

/// Whether what is shown of a registry is of now.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "selector::SourceState")]
pub(super) enum SourceState {
    /// What is shown was true when Fairway last looked, and it looked within the last two sync intervals.
    Current,
    /// It does not answer, or not for all its spaces: the last known images are shown.
    Stale,
    /// It does not answer, and none of its images are known.
    Unavailable,
}

/// What a selector is narrowed to.
#[derive(InputObject, Default)]
pub(super) struct ImageFilter {
    /// Only images that reached the namespace in one of these ways.
    via: Option<Vec<Availability>>,
    /// Only images of this registry.
    registry_id: Option<ID>,
    /// Only images of this space.
    space_id: Option<ID>,
}

/// How a list of images is ordered.
#[derive(InputObject, Clone, Copy)]
pub(super) struct ImageOrder {
    /// By what.
    field: ImageOrderField,
    /// Which way. Rows without a value come last both ways; ties go by reference.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// What images can be ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageOrderField {
    /// The reference, byte by byte.
    Reference,
    /// When the registry says that it last changed.
    UpdatedAt,
    /// How often it was pulled.
    PullCount,
    /// How well it matches `search`, best first in either direction: the name begins with it, a part of the path
    /// does, anywhere.
    Relevance,
}

pub(super) struct AvailableImageConnection {
    edges: Vec<AvailableImageEdge>,
    has_previous: bool,
    has_next: bool,
    selection: Arc<Selection>,
}

/// One page of a namespace's image selector.
#[Object]
impl AvailableImageConnection {
    /// The images of this page, each with its cursor and the way in which it reached the namespace.
    async fn edges(&self) -> Rows<'_, AvailableImageEdge> {
        Rows(self.edges.iter().collect())
    }

    /// The images of this page.
    async fn nodes(&self) -> Rows<'_, Image> {
        Rows(self.edges.iter().map(|edge| &edge.node).collect())
    }

    /// Where this page stands in the list.
    async fn page_info(&self) -> PageInfo {
        page_info(self.has_previous, self.has_next, self.edges.iter().map(AvailableImageEdge::place))
    }

    /// How many images there are in all, on this page and the others. Counted only when asked for.
    async fn total_count(&self) -> i32 {
        int(self.selection.total())
    }

    /// One row for each registry that this answer draws on, the ones that did not answer included.
    async fn sources(&self, ctx: &Context<'_>) -> Result<Vec<ImageSource>> {
        let turns = ctx.loaders().turns.load_many(self.selection.registries()).await?;
        Ok(self.selection.sources(ctx.cx(), &turns).into_iter().map(ImageSource).collect())
    }
}

pub(super) struct AvailableImageEdge {
    cursors: Arc<dyn Cursors>,
    place: usize,
    node: Image,
    via: Availability,
}

impl AvailableImageEdge {
    fn place(&self) -> String {
        self.cursors.cursor(self.place)
    }
}

/// One image of a selector.
#[Object]
impl AvailableImageEdge {
    /// Its place in the list: what `after` and `before` take.
    async fn cursor(&self) -> String {
        self.place()
    }

    /// The image.
    async fn node(&self) -> Lean<&Image> {
        Lean(&self.node)
    }

    /// How it reached the namespace.
    async fn via(&self) -> Availability {
        self.via
    }
}

impl Plain for AvailableImageEdge {
    fn plain(&self, ctx: &Context<'_>) -> Option<Value> {
        Some(match ctx.item.node.name.node.as_str() {
            "cursor" => self.place().into(),
            "node" => return plain::object(&self.node, ctx),
            "via" => InputType::to_value(&self.via),
            _ => return None,
        })
    }
}

pub(super) struct ImageSource(selector::Source);

/// What an answer has from one registry.
#[Object]
impl ImageSource {
    /// The registry.
    async fn registry(&self) -> Registry {
        Registry(self.0.registry.clone())
    }

    /// Whether what is shown of it is of now.
    async fn state(&self) -> SourceState {
        self.0.state.into()
    }

    /// As of when what is shown of it is known to be true; null when nothing is shown.
    async fn as_of(&self) -> Option<DateTime> {
        self.0.as_of.map(DateTime)
    }

    /// How many of its spaces the answer draws on.
    async fn spaces(&self) -> i32 {
        int(self.0.n_spaces)
    }

    /// How many images the answer has from it, on all pages.
    async fn images(&self) -> i32 {
        int(self.0.n_images)
    }

    /// Why it is not current; null when it is.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }
}

#[derive(Default)]
pub(super) struct AvailableImageQuery;

#[Object]
impl AvailableImageQuery {
    /// The image selector: every image that may be deployed into a namespace, from every registry, in one list.
    /// Members of the namespace's workspace see all of it; everybody else sees the public part.
    #[graphql(complexity = "10 + first.or(last).unwrap_or(20).clamp(0, 100) as usize * child_complexity / 2")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn available_images(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The namespace. It need not be known to Fairway: then only public images are available.")]
        namespace: NamespaceKey,
        #[graphql(desc = "Words that must all occur in the reference, whatever their case.")] search: Option<String>,
        #[graphql(desc = "Narrows the list.")] filter: Option<ImageFilter>,
        #[graphql(desc = "REFERENCE ASC unless given, or RELEVANCE when `search` is given.")] order_by: Option<
            ImageOrder,
        >,
        #[graphql(desc = "Rows from the start; 20 unless given, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Rows from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<AvailableImageConnection> {
        let page = PageArgs::parse(first, after, last, before)?;
        select(ctx, namespace.parse()?, SelectorArgs { search, filter, order_by, page }).await
    }

    /// Finds one image by its reference, as the namespace would see it: null when it is not available there. A tag or
    /// digest is read over, not looked up: `Image.artifact` does that.
    #[graphql(complexity = "10 + child_complexity")]
    async fn available_image(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The namespace.")] namespace: NamespaceKey,
        #[graphql(desc = "`host/space/repository`, with or without tag or digest.")] reference: String,
    ) -> Option<Result<AvailableImageEdge>> {
        let found = async {
            let (key, reference) = (namespace.parse()?, ImageReference::parse(&reference)?);
            service::image::find_available(ctx.cx(), &key, &reference).await
        };
        match found.await {
            Err(error) => Some(Err(error.into())),
            Ok(found) => found.map(|(image, via, cursor)| {
                let cursors = Arc::new(cursor);
                Ok(AvailableImageEdge { cursors, place: 0, node: Image(image), via: via.into() })
            }),
        }
    }
}

/// What a selector is asked for.
pub(super) struct SelectorArgs {
    pub(super) search: Option<String>,
    pub(super) filter: Option<ImageFilter>,
    pub(super) order_by: Option<ImageOrder>,
    pub(super) page: Window,
}

/// One page of the namespace's selector. What it reaches and the images of each space come by the request's loaders.
pub(super) async fn select(
    ctx: &Context<'_>,
    namespace: name::NamespaceKey,
    args: SelectorArgs,
) -> Result<AvailableImageConnection> {
    let search = search_of(args.search.as_deref())?;
    let order = catalog_order(args.order_by, search.is_some())?;
    let filter = args.filter.unwrap_or_default();
    let filter = Filter {
        via: filter.via.map(|via| via.into_iter().map(service::Availability::from).collect()),
        registry: filter.registry_id.map(|id| id::registry(&id, "registryId")).transpose()?,
        space: filter.space_id.map(|id| id::space(&id, "spaceId")).transpose()?,
    };
    let sight = ctx.cx().sight().await?;
    let version = sight.directory().epoch.version();
    let found = ctx.loaders().reachable.load_one(ReachableKey { version, namespace }).await?;
    let reachable = found.ok_or_else(|| Error::internal("a namespace reached nothing, not even nothing"))?;
    let selection = Arc::new(Selection::new(reachable, &filter, search));
    let Page { rows, has_previous, has_next } = selection.page(order, &args.page)?;
    let cursors: Arc<dyn Cursors> = Arc::new(Places { selection: selection.clone(), order, rows: rows.clone() });
    let edge = |(place, row)| {
        let (image, via) = selection.image(row);
        AvailableImageEdge { cursors: cursors.clone(), place, node: Image(image), via: via.into() }
    };
    let edges = rows.into_iter().enumerate().map(edge).collect();
    Ok(AvailableImageConnection { edges, has_previous, has_next, selection })
}

/// A page of images in the list that it was cut from.
pub(super) struct Places {
    pub(super) selection: Arc<Selection>,
    pub(super) order: Order,
    pub(super) rows: Vec<Row>,
}

impl Cursors for Places {
    fn cursor(&self, place: usize) -> String {
        self.selection.cursor(self.rows[place], self.order)
    }
}

/// The words of a search; none when blank.
pub(super) fn search_of(text: Option<&str>) -> std::result::Result<Option<Search>, Error> {
    match text {
        None => Ok(None),
        Some(text) => Search::parse(text).map_err(|error| Error::invalid("search", error.to_string())),
    }
}

pub(super) fn catalog_order(order_by: Option<ImageOrder>, has_search: bool) -> std::result::Result<Order, Error> {
    let default = if has_search { ImageOrderField::Relevance } else { ImageOrderField::Reference };
    let order_by = order_by.unwrap_or(ImageOrder { field: default, direction: OrderDirection::Asc });
    let desc = order_by.direction == OrderDirection::Desc;
    match order_by.field {
        ImageOrderField::Reference if desc => Ok(Order::ReferenceDesc),
        ImageOrderField::Reference => Ok(Order::ReferenceAsc),
        ImageOrderField::UpdatedAt => Ok(Order::UpdatedAt { desc }),
        ImageOrderField::PullCount => Ok(Order::PullCount { desc }),
        // Best first, whatever the direction: nobody looks for what matches worst.
        ImageOrderField::Relevance if has_search => Ok(Order::Relevance { desc: true }),
        ImageOrderField::Relevance => {
            Err(Error::invalid("orderBy", "RELEVANCE orders by how well an image matches `search`: give one"))
        }
    }
}
