//! A registry at a glance, and the first steps with it in the words of who takes them.

use ::entity::registry::Kind;
use async_graphql::{Context, Enum, Object, SimpleObject};

use super::super::ContextExt;
use super::super::error::Result;
use super::super::id::NodeId;
use super::super::scalar::{ByteCount, DateTime, int};
use crate::service::overview::{self, Overview, QuickStart};
use crate::service::{self, Space};

pub(super) struct RegistryOverview {
    pub(super) registry: service::Registry,
    pub(super) overview: Overview,
}

/// A registry at a glance, as of what Fairway keeps of it.
#[Object]
impl RegistryOverview {
    /// How many spaces it has; the ones that are missing in the registry included.
    async fn spaces(&self) -> i32 {
        int(self.overview.n_spaces)
    }

    /// How many of them are public.
    async fn public_spaces(&self) -> i32 {
        int(self.overview.n_public_spaces)
    }

    /// How many of them are private.
    async fn private_spaces(&self) -> i32 {
        int(self.overview.n_spaces - self.overview.n_public_spaces)
    }

    /// How many of them are bound to a workspace.
    async fn bound_spaces(&self) -> i32 {
        int(self.overview.n_bound_spaces)
    }

    /// How many images it has.
    async fn images(&self) -> i32 {
        int(self.overview.n_images)
    }

    /// How many of them are in public spaces.
    async fn public_images(&self) -> i32 {
        int(self.overview.n_public_images)
    }

    /// How many of them are in private spaces.
    async fn private_images(&self) -> i32 {
        int(self.overview.n_images - self.overview.n_public_images)
    }

    /// Bytes that its artifacts take, as the registry tells now. Null where it does not: Harbor tells its system
    /// administrators alone, and a Docker Registry nobody. Null with an error when it does not answer.
    #[graphql(complexity = 20)]
    async fn storage_used(&self, ctx: &Context<'_>) -> Option<Result<ByteCount>> {
        let used = Box::pin(overview::storage_used(ctx.cx(), &self.registry)).await;
        used.map(|used| used.map(ByteCount)).map_err(Into::into).transpose()
    }

    /// How many workspaces use it: the one that owns it, or those that its spaces are bound to.
    async fn workspaces(&self) -> i32 {
        int(self.overview.n_workspaces)
    }

    /// As of when these counts are known to be true; null while nothing of it was read.
    async fn as_of(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        let found = async {
            let turn = Box::pin(ctx.loaders().turns.load_one(self.registry.id)).await?;
            Ok(overview::as_of(ctx.cx(), &self.registry, turn.as_ref()).await?.map(DateTime))
        };
        found.await.transpose()
    }

    /// The steps from an empty registry to a deployed image, in order, and which of them are done.
    async fn quick_start(&self) -> Vec<QuickStartStep> {
        steps(&self.overview.quick_start)
    }
}

/// A step on the way from an empty registry to a deployed image.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "QuickStart")]
pub(super) enum Step {
    /// Make a space for images.
    CreateSpace,
    /// Let a workspace use it.
    BindWorkspace,
    /// Put an image into it.
    PushImage,
    /// Run that image.
    Deploy,
}

/// One step, and how it is taken.
#[derive(SimpleObject)]
pub(super) struct QuickStartStep {
    /// Which.
    step: Step,
    /// Whether it is done, as far as Fairway can tell.
    done: bool,
    /// What to do, or why nothing is to be done, in one sentence.
    hint: String,
    /// What to type: a mutation of this graph, or lines for a shell. Null where nothing is to be typed.
    command: Option<String>,
}

/// The tag in the examples.
const TAG: &str = "1.0";

fn steps(start: &QuickStart) -> Vec<QuickStartStep> {
    let step = |step, done, (hint, command): (String, Option<String>)| QuickStartStep { step, done, hint, command };
    vec![
        step(Step::CreateSpace, start.has_space, create_space(start)),
        step(Step::BindWorkspace, start.reaches_workspace, bind_workspace(start)),
        step(Step::PushImage, start.has_image, push_image(start)),
        step(Step::Deploy, start.was_pulled, deploy(start)),
    ]
}

fn create_space(start: &QuickStart) -> (String, Option<String>) {
    if start.registry.kind == Kind::DockerRegistry {
        return ("A Docker Registry has one space, which is there already.".to_owned(), None);
    }
    let hint = "Make a space for each team or purpose: images are pushed into spaces.";
    let (registry, name) = (NodeId::Registry(start.registry.id).encode(), &start.free_name);
    let command = format!(
        "mutation {{ createSpace(input: {{ registryId: \"{}\", name: \"{name}\" }}) {{ space {{ id name }} }} }}",
        registry.as_str()
    );
    (hint.to_owned(), Some(command))
}

fn bind_workspace(start: &QuickStart) -> (String, Option<String>) {
    if let Some(owner) = &start.owner {
        let hint = format!("It belongs to workspace `{}`, whose namespaces may use all of its images.", owner.name);
        return (hint, None);
    }
    if start.registry.kind == Kind::DockerRegistry {
        return ("Its one space is public: every namespace may use its images.".to_owned(), None);
    }
    let Some(space) = &start.to_bind else { return ("Make a space first.".to_owned(), None) };
    let Some(workspace) = &start.workspace else {
        let command = "mutation { createWorkspace(input: { name: \"team-a\" }) { workspace { id name } } }";
        return ("Make a workspace first, and bind a space to it then.".to_owned(), Some(command.to_owned()));
    };
    let hint = format!(
        "Bind a private space, such as `{}`, to a workspace, such as `{}`: its namespaces may use the images then.",
        space.name, workspace.name
    );
    let command = format!(
        "mutation {{ bindSpaces(input: {{ spaceIds: [\"{}\"], workspaceIds: [\"{}\"] }}) {{ created }} }}",
        NodeId::Space(space.id).encode().as_str(),
        NodeId::Workspace(workspace.id).encode().as_str()
    );
    (hint, Some(command))
}

fn push_image(start: &QuickStart) -> (String, Option<String>) {
    let Some(space) = &start.to_push else {
        return ("Make a space first: a proxy cache takes no pushes.".to_owned(), None);
    };
    let (reference, host) = (example(start, space), &start.registry.host);
    // A registry that Fairway itself asks without an account has none to log in with.
    let login = match start.registry.username {
        Some(_) => format!("docker login {host}\n"),
        None => String::new(),
    };
    let command = format!("{login}docker tag app:{TAG} {reference}:{TAG}\ndocker push {reference}:{TAG}");
    let hint = match start.registry.kind {
        Kind::Harbor => {
            format!("Push an image into space `{}`, as somebody who may do so in the registry.", space.name)
        }
        Kind::DockerRegistry => "Push an image, as somebody who may do so in the registry.".to_owned(),
    };
    (hint, Some(command))
}

fn deploy(start: &QuickStart) -> (String, Option<String>) {
    let (reference, tag, hint) = match (&start.image, &start.to_push) {
        (Some(image), _) => (image.clone(), "TAG", "Deploy an image: put one of its tags in the place of TAG."),
        (None, Some(space)) => (example(start, space), TAG, "Deploy the image that you pushed."),
        (None, None) => return ("Push an image first.".to_owned(), None),
    };
    let name = reference.rsplit('/').next().unwrap_or_default().replace(['.', '_'], "-");
    let namespace = match &start.namespace {
        Some(namespace) => format!(" --namespace={}", namespace.name),
        None => String::new(),
    };
    let hint = match start.registry.kind {
        Kind::Harbor => format!("{hint} The step is done once an image was pulled."),
        Kind::DockerRegistry => format!("{hint} A Docker Registry does not tell whether it is done."),
    };
    (hint, Some(format!("kubectl create deployment {name}{namespace} --image={reference}:{tag}")))
}

/// The reference of an image that is not there yet.
fn example(start: &QuickStart, space: &Space) -> String {
    format!("{}app", service::reference_prefix(&start.registry, space))
}
