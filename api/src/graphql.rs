//! The graph: one file per GraphQL type, with its fields, its root fields, its inputs and payloads.
//!
//! Thin: parse what was typed, ask `service` once, wrap what it answers. Knows no SQL, no registry and no rule.
//! Loaders live for one request, so that nothing of one viewer's reaches another.
//!
//! A nullable field that can fail is `Option<Result<T>>`: with `Result<Option<T>>` this library would null its
//! parent. No schema extension is registered: one alone makes lists half as fast.

mod artifact;
mod audit_event;
mod available_image;
mod binding;
mod error;
mod event;
mod explanation;
mod federation;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod id;
mod image;
pub mod introspection;
pub mod limits;
mod loader;
mod namespace;
mod node;
mod page;
mod plain;
mod preview;
mod registry;
mod scalar;
mod space;
mod tag;
mod viewer;
mod workspace;

use std::sync::Arc;

use async_graphql::{Context, MergedObject, Request, Response, Schema};
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use self::event::{Standing, Subscription};
pub use self::id::{registry_key, webhook_path};
use self::loader::Loaders;
use crate::auth::Viewer;
use crate::service::audit::{self, Act, Attempt};
use crate::service::{Cx, Service};

pub use crate::service::{Place, Question};

/// Questions. Without a token, nothing but the schema itself is answered.
#[derive(MergedObject, Default)]
pub struct Query(
    viewer::ViewerQuery,
    node::NodeQuery,
    registry::RegistryQuery,
    space::SpaceQuery,
    workspace::WorkspaceQuery,
    namespace::NamespaceQuery,
    available_image::AvailableImageQuery,
    federation::EntityQuery,
    explanation::ExplanationQuery,
    preview::PreviewQuery,
    audit_event::AuditEventQuery,
);

/// Acts. Each is done wholly or not at all, and is true for the next query, whoever asks.
#[derive(MergedObject, Default)]
pub struct Mutation(
    registry::RegistryMutation,
    space::SpaceMutation,
    binding::BindingMutation,
    workspace::WorkspaceMutation,
    namespace::NamespaceMutation,
);

type FairwaySchema = Schema<Query, Mutation, Subscription>;

/// How deep and how wide a request may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub max_depth: usize,
    pub max_complexity: usize,
    /// Whether who misspells a name is told the names that are like it: no, where the schema is to be read by nobody.
    pub suggests: bool,
}

/// What came of a request.
pub struct Executed {
    pub answer: Response,
    /// Where the answer may be put for those who ask the same; for a few there is such a place.
    pub place: Option<Place>,
}

impl From<Response> for Executed {
    fn from(answer: Response) -> Self {
        Self { answer, place: None }
    }
}

/// The schema, and what its resolvers ask.
#[derive(Clone)]
pub struct Graph {
    schema: FairwaySchema,
    service: Service,
}

impl Graph {
    pub fn new(service: Service, bounds: Bounds) -> Self {
        let builder = builder().limit_depth(bounds.max_depth).limit_complexity(bounds.max_complexity);
        let builder = if bounds.suggests { builder } else { builder.disable_suggestions() };
        Self { schema: builder.finish(), service }
    }

    /// The answer to a question that was answered before, where it is still the one.
    pub async fn recall(&self, question: &Question) -> Option<Bytes> {
        self.service.recall(question).await
    }

    /// Runs one request for one viewer. Without a viewer nothing is answered but what the schema is.
    ///
    /// `question` is the request as it came, where its answer may be given again: to whoever asks the same.
    pub async fn execute(
        &self,
        mut request: Request,
        viewer: Option<Arc<Viewer>>,
        request_id: String,
        question: Option<Question>,
    ) -> Executed {
        let Some(viewer) = viewer else {
            // The library's own mode for this knows nothing of `_service`.
            if !introspection::is_all_of(&mut request) {
                request = request.only_introspection();
            }
            return self.schema.execute(request).await.into();
        };
        let cx = Arc::new(Cx::new(self.service.clone(), viewer, request_id));
        let request = request.data(Arc::new(Loaders::new(cx.clone()))).data(cx.clone());
        let answer = self.schema.execute(request).await;
        let question = question.filter(|_| answer.errors.is_empty() && answer.http_headers.is_empty());
        let place = question.and_then(|question| question.place(&cx));
        Executed { answer, place }
    }

    /// Runs a subscription for one viewer: an answer for each event, or one that says why there are none. `standing` is
    /// told when it stands.
    pub fn subscribe(
        &self,
        request: Request,
        viewer: Arc<Viewer>,
        request_id: String,
        standing: Standing,
    ) -> BoxStream<'static, Response> {
        let cx = Arc::new(Cx::new(self.service.clone(), viewer, request_id));
        let request = request.data(Arc::new(Loaders::new(cx.clone()))).data(cx).data(standing);
        self.schema.execute_stream(request)
    }
}

/// The schema in the schema definition language, as `schema.graphql` holds it.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by();
    builder().register_output_type::<federation::ForClients>().finish().sdl_with_options(options)
}

/// The same as a subgraph of Apollo Federation 2.
pub fn subgraph_sdl() -> &'static str {
    federation::subgraph()
}

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<node::Node>()
        .limit_recursive_depth(64)
        .limit_directives(16)
        .limit_aliases(200)
}

/// What resolvers find in a request.
trait ContextExt<'a> {
    fn cx(&self) -> &'a Cx;
    fn loaders(&self) -> &'a Loaders;
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn cx(&self) -> &'a Cx {
        self.data_unchecked::<Arc<Cx>>()
    }

    fn loaders(&self) -> &'a Loaders {
        self.data_unchecked::<Arc<Loaders>>()
    }
}

/// What every mutation is run by: to its end, and not without leaving its events in the audit trail. What is wrong with
/// the input is found out within.
async fn perform<T, F>(
    ctx: &Context<'_>,
    attempt: Attempt,
    run: impl FnOnce(Act) -> F + Send + 'static,
) -> error::Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, crate::service::Error>> + Send + 'static,
{
    let cx = ctx.data_unchecked::<Arc<Cx>>().clone();
    Ok(audit::perform(cx, attempt, run).await?)
}

#[cfg(test)]
mod tests;
