//! Why an image can or cannot be selected.

use async_graphql::{Context, Enum, Json, Object, SimpleObject};
use serde_json::{Value, json};

use super::ContextExt;
use super::available_image::Availability;
use super::error::Result;
use super::id::NodeId;
use super::image::Image;
use super::namespace::NamespaceKey;
use crate::service::explanation::{self, Act, Check, Explanation, Outcome, Rule, Who};

/// What decides whether an image can be selected, in the order in which a person should look.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Rule")]
pub(super) enum AccessRule {
    /// A registry with this host is integrated, for the platform or for the namespace's workspace.
    RegistryIntegrated,
    /// It answers, and accepts its account. Images that are known stay selectable while it does not.
    RegistryHealthy,
    /// It has the space.
    SpaceExists,
    /// The space has the image, and the image the tag or digest that the reference names.
    ImageExists,
    /// The space is public.
    SpacePublic,
    /// The namespace is in a workspace.
    NamespaceBound,
    /// The space is bound to that workspace.
    SpaceBound,
    /// You are a member of that workspace, or an Admin.
    ViewerIsMember,
}

/// What came of checking a rule.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Outcome")]
pub(super) enum CheckOutcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It does not matter here: another rule decides.
    NotNeeded,
    /// It cannot be told, or not to you.
    Unknown,
}

/// Who can apply a remedy.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Who")]
pub(super) enum RemedyActor {
    /// An Admin of the platform.
    Admin,
    /// An Admin of the workspace, or of the platform.
    WorkspaceAdmin,
    /// Whoever runs the registry, or may push there.
    RegistryOperator,
}

pub(super) struct ImageAccessExplanation(Explanation);

/// Why an image can or cannot be selected in a namespace. What you may not see reads like what does not exist.
#[Object]
impl ImageAccessExplanation {
    /// Whether it can be selected: whether `availableImages` has it, with the tag or digest that the reference names.
    async fn available(&self) -> bool {
        self.0.via.is_some()
    }

    /// How it reaches the namespace; null when it does not.
    async fn via(&self) -> Option<Availability> {
        self.0.via.map(Availability::from)
    }

    /// The image, when you may see it, whether or not it reaches the namespace.
    async fn image(&self) -> Option<Image> {
        self.0.image.clone().map(Image)
    }

    /// Every rule once, in the order in which a person should look.
    async fn checks(&self) -> Vec<AccessCheck> {
        self.0.checks.iter().map(AccessCheck::from).collect()
    }
}

/// One rule, whether it holds, and what would mend it.
#[derive(SimpleObject)]
pub(super) struct AccessCheck {
    /// Which.
    rule: AccessRule,
    /// Whether it holds.
    outcome: CheckOutcome,
    /// In one sentence.
    detail: String,
    /// What would make it hold, when it does not.
    remedy: Option<Remedy>,
}

/// What would make a rule hold.
#[derive(SimpleObject)]
pub(super) struct Remedy {
    /// In one sentence.
    text: String,
    /// A document to run with `variables`, as they are. Null where it takes more than one act in Fairway, or ids that
    /// you may not see.
    mutation: Option<String>,
    /// All variables of `mutation`.
    variables: Option<Json<Value>>,
    /// Who can do it.
    who: RemedyActor,
}

impl From<&Check> for AccessCheck {
    fn from(check: &Check) -> Self {
        let remedy = |remedy: &explanation::Remedy| {
            let (mutation, variables) = remedy.act.as_ref().map(in_words).unzip();
            Remedy { text: remedy.text.clone(), mutation, variables: variables.map(Json), who: remedy.who.into() }
        };
        Self {
            rule: check.rule.into(),
            outcome: check.outcome.into(),
            detail: check.detail.clone(),
            remedy: check.remedy.as_ref().map(remedy),
        }
    }
}

/// An act as a document of this graph, and its variables.
fn in_words(act: &Act) -> (String, Value) {
    let document = |name: &str, selection: &str| {
        let input = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
        format!("mutation ($input: {input}) {{ {name}(input: $input) {{ {selection} }} }}")
    };
    let (document, input) = match act {
        Act::CreateSpace { registry, name } => (
            document("createSpace", "space { id name }"),
            json!({ "registryId": NodeId::Registry(*registry).encode().0, "name": name }),
        ),
        Act::OpenSpace { space } => (
            document("setSpacePublic", "space { id visibility }"),
            json!({ "spaceId": NodeId::Space(*space).encode().0, "public": true }),
        ),
        Act::BindSpace { space, workspace } => (
            document("bindSpaces", "created"),
            json!({
                "spaceIds": [NodeId::Space(*space).encode().0],
                "workspaceIds": [NodeId::Workspace(*workspace).encode().0],
            }),
        ),
        Act::BindNamespace { namespace, workspace } => (
            document("bindNamespaces", "namespaces { id }"),
            json!({
                "workspaceId": NodeId::Workspace(*workspace).encode().0,
                "namespaces": [{ "cluster": namespace.cluster, "name": namespace.name }],
            }),
        ),
    };
    (document, json!({ "input": input }))
}

#[derive(Default)]
pub(super) struct ExplanationQuery;

#[Object]
impl ExplanationQuery {
    /// Why an image can or cannot be selected in a namespace: every rule, whether it holds, and what would mend it.
    #[graphql(complexity = "20 + child_complexity")]
    async fn explain_image_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The namespace. It need not be known to Fairway.")] namespace: NamespaceKey,
        #[graphql(desc = "`host/space/repository`, with or without tag or digest, which are not looked up.")]
        reference: String,
    ) -> Result<ImageAccessExplanation> {
        let key = namespace.parse()?;
        let explained = Box::pin(explanation::explain(ctx.cx(), &key, &reference)).await;
        Ok(ImageAccessExplanation(explained?))
    }
}
