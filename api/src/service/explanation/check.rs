//! Each rule: its outcome, in one sentence, and what would mend it.

use ::entity::registry::{Failure, HealthState, Kind};
use ::entity::space::Visibility;

use super::super::name::project_name;
use super::super::{Availability, Registry, RegistryView, Space, selector};
use super::{Act, Candidate, Case, Check, Known, Outcome, Remedy, Rule, Standing, Version, Who};

/// What a check comes to.
type Verdict = (Outcome, String, Option<Remedy>);

fn passed(detail: String) -> Verdict {
    (Outcome::Passed, detail, None)
}

fn failed(detail: String, remedy: Remedy) -> Verdict {
    (Outcome::Failed, detail, Some(remedy))
}

fn unknown(detail: &str) -> Verdict {
    (Outcome::Unknown, detail.to_owned(), None)
}

fn not_needed(detail: &str) -> Verdict {
    (Outcome::NotNeeded, detail.to_owned(), None)
}

impl Case<'_> {
    pub(super) fn checks(&self) -> Vec<Check> {
        let check = |rule, (outcome, detail, remedy): Verdict| Check { rule, outcome, detail, remedy };
        vec![
            check(Rule::RegistryIntegrated, self.registry_integrated()),
            check(Rule::RegistryHealthy, self.registry_healthy()),
            check(Rule::SpaceExists, self.space_exists()),
            check(Rule::ImageExists, self.image_exists()),
            check(Rule::SpacePublic, self.space_public()),
            check(Rule::NamespaceBound, self.namespace_bound()),
            check(Rule::SpaceBound, self.space_bound()),
            check(Rule::ViewerIsMember, self.viewer_is_member()),
        ]
    }

    fn registry_integrated(&self) -> Verdict {
        let host = self.reference.name.split_once('/').map_or("", |(host, _)| host);
        let Some(found) = &self.found else { return self.no_registry(host) };
        let name = &found.registry.name;
        if found.serves(&self.standing) {
            return passed(format!("Registry `{name}` has the host `{host}`."));
        }
        let directory = self.sight.directory();
        let owner = found.registry.workspace_id.and_then(|id| directory.workspaces.find(id));
        let owner = owner.map_or("another", |owner| owner.name.as_str());
        let detail = format!(
            "Registry `{name}` is integrated for workspace `{owner}` alone, and namespace `{}` is not in it.",
            self.key.name
        );
        // Its account, which only its people have, is needed for that.
        let text = match &self.standing {
            Standing::Inside(workspace) => {
                format!("Integrate the registry for the whole platform, or for workspace `{}`.", workspace.name)
            }
            Standing::Free | Standing::Outside => {
                "Integrate the registry for the whole platform, or put the namespace into that workspace.".to_owned()
            }
        };
        failed(detail, Remedy { text, act: None, who: Who::Admin })
    }

    fn no_registry(&self, host: &str) -> Verdict {
        let is_reached_there = |registry: &&Registry| {
            let origin = registry.address.split_once("://").map_or("", |(_, rest)| rest);
            origin.split('/').next().is_some_and(|authority| authority.eq_ignore_ascii_case(host))
                && self.sight.view_of(registry) == RegistryView::Settings
        };
        if let Some(registry) = self.sight.directory().registries.iter().find(is_reached_there) {
            let (name, right) = (&registry.name, &registry.host);
            let detail =
                format!("Registry `{name}` is reached at `{host}`, but references to its images begin with `{right}`.");
            let text = format!("Write `{right}` in the place of `{host}`, or give the registry the host `{host}`.");
            return failed(detail, Remedy { text, act: None, who: who_of(registry) });
        }
        let detail = match self.is_admin {
            true => format!("No registry has the host `{host}`."),
            false => format!("No registry that you may see has the host `{host}`."),
        };
        let text = format!("Integrate the registry of `{}`, if there is one.", self.typed);
        failed(detail, Remedy { text, act: None, who: Who::Admin })
    }

    fn registry_healthy(&self) -> Verdict {
        let Some(found) = &self.found else { return unknown("There is no registry to look at.") };
        let registry = &found.registry;
        let name = &registry.name;
        let cause = |failure| selector::in_words(self.sight, registry, failure, registry.health_cause.as_deref());
        match registry.health_state {
            HealthState::Healthy => passed(format!("Registry `{name}` answers, and accepts the account.")),
            HealthState::Unknown => unknown("Fairway has not looked at the registry yet."),
            HealthState::Degraded => {
                let shown = registry.health_cause.as_deref();
                let cause = shown.filter(|_| self.sight.view_of(registry) == RegistryView::Settings);
                let cause = cause.unwrap_or("not all of it works");
                let detail = format!("Registry `{name}` answers, but {cause}.");
                let text = "Mend the registry; what is known of its images is true all the same.".to_owned();
                failed(detail, Remedy { text, act: None, who: Who::RegistryOperator })
            }
            HealthState::Unauthorized => {
                let detail = format!("Registry `{name}`: {}.", cause(Failure::Refused));
                let text = format!("Give the account of registry `{name}` anew, with `updateRegistry`.");
                failed(detail, Remedy { text, act: None, who: who_of(registry) })
            }
            HealthState::Unreachable => {
                let detail =
                    format!("Registry `{name}`: {}.", cause(registry.health_failure.unwrap_or(Failure::Silent)));
                let text = format!("Bring registry `{name}` back; images that are known of it stay selectable.");
                failed(detail, Remedy { text, act: None, who: Who::RegistryOperator })
            }
        }
    }

    fn space_exists(&self) -> Verdict {
        let Some(found) = &self.found else { return unknown("There is no registry to look into.") };
        let (name, registry) = (&found.space_name, &found.registry.name);
        let sees_all = self.sight.view_of(&found.registry) == RegistryView::Settings;
        let remedy = || {
            let is_possible = sees_all && found.registry.kind == Kind::Harbor && project_name("name", name).is_ok();
            let act = Act::CreateSpace { registry: found.registry.id, name: name.clone() };
            let text = match is_possible {
                true => format!("Make the space `{name}` in registry `{registry}`, if the reference is right."),
                false => format!("Look whether `{}` is right, and whether its space may be used here.", self.typed),
            };
            Remedy { text, act: is_possible.then_some(act), who: who_of(&found.registry) }
        };
        match &found.space {
            Some(space) if space.missing => {
                failed(format!("Space `{name}` has vanished from registry `{registry}`."), remedy())
            }
            Some(_) => passed(format!("Registry `{registry}` has the space `{name}`.")),
            None if sees_all => failed(format!("Registry `{registry}` has no space `{name}`."), remedy()),
            None => failed(format!("Registry `{registry}` has no space `{name}` that you may see."), remedy()),
        }
    }

    fn image_exists(&self) -> Verdict {
        let Some(found) = &self.found else { return unknown("There is no registry to look into.") };
        let Some(space) = found.present_space() else { return unknown("There is no space to look into.") };
        match &found.known {
            Known::There(_) => self.version_exists(),
            Known::Unread(why) => {
                (Outcome::Unknown, format!("The images of space `{}` were never read: {why}.", space.name), None)
            }
            Known::Absent => {
                let path = self.reference.name.split_once('/').map(|(_, path)| path);
                let detail = match path == Some(space.name.as_str()) {
                    true => format!("`{}` names a space and no image in it.", self.reference.name),
                    false => format!("Space `{}` has no image `{}`.", space.name, self.reference.name),
                };
                let text = match space.is_proxy_cache {
                    true => format!("Pull `{}` once: the space is a proxy cache, and has what was pulled.", self.typed),
                    false => format!("Push `{}`, if the reference is right.", self.typed),
                };
                failed(detail, Remedy { text, act: None, who: Who::RegistryOperator })
            }
        }
    }

    /// The image is there; the tag or digest may not be.
    fn version_exists(&self) -> Verdict {
        let name = &self.reference.name;
        let version = match (&self.reference.digest, &self.reference.tag) {
            (Some(digest), _) => format!("digest `{digest}`"),
            (None, Some(tag)) => format!("tag `{tag}`"),
            (None, None) => String::new(),
        };
        match &self.version {
            Version::Unnamed => passed(format!("Image `{name}` is there.")),
            Version::There => passed(format!("Image `{name}` is there, and has {version}.")),
            Version::Unknown(why) => {
                let detail = format!("Image `{name}` is there; whether it has {version} could not be asked: {why}.");
                (Outcome::Unknown, detail, None)
            }
            Version::Absent => {
                let text = format!("Push `{}`, or choose another tag: `Image.tags` lists them.", self.typed);
                let remedy = Remedy { text, act: None, who: Who::RegistryOperator };
                failed(format!("Image `{name}` is there, but has no {version}."), remedy)
            }
        }
    }

    fn space_public(&self) -> Verdict {
        let Some(found) = &self.found else { return unknown("There is no space to look at.") };
        if !found.is_of_platform() {
            return not_needed("In a registry of a workspace it does not matter whether a space is public.");
        }
        let Some(space) = found.present_space() else { return unknown("There is no space to look at.") };
        match space.visibility {
            Visibility::Public => passed(format!("Space `{}` is public: every namespace may use it.", space.name)),
            Visibility::Private if self.is_bound_here(space) => {
                not_needed("The space is private, and bound to the namespace's workspace.")
            }
            Visibility::Private => {
                let text = format!("Make space `{}` public, for everybody.", space.name);
                let remedy = Remedy { text, act: Some(Act::OpenSpace { space: space.id }), who: Who::Admin };
                failed(format!("Space `{}` is private.", space.name), remedy)
            }
        }
    }

    fn namespace_bound(&self) -> Verdict {
        if self.is_for_everybody() {
            return not_needed("The space is public: it does not matter in which workspace the namespace is.");
        }
        let namespace = &self.key.name;
        match &self.standing {
            Standing::Outside => unknown(NOT_FOR_YOU),
            Standing::Inside(workspace) => {
                passed(format!("Namespace `{namespace}` is in workspace `{}`.", workspace.name))
            }
            Standing::Free => {
                let detail = format!("Namespace `{namespace}` is in no workspace.");
                let target = self.found.as_ref().and_then(|found| self.target(found));
                let directory = self.sight.directory();
                let target = target.and_then(|id| directory.workspaces.find(id));
                let remedy = match target {
                    Some(workspace) => Remedy {
                        text: format!("Put namespace `{namespace}` into workspace `{}`.", workspace.name),
                        act: Some(Act::BindNamespace { namespace: self.key.clone(), workspace: workspace.id }),
                        who: Who::WorkspaceAdmin,
                    },
                    None => Remedy {
                        text: format!("Put namespace `{namespace}` into a workspace, with `bindNamespaces`."),
                        act: None,
                        who: Who::Admin,
                    },
                };
                failed(detail, remedy)
            }
        }
    }

    fn space_bound(&self) -> Verdict {
        if self.is_for_everybody() {
            return not_needed("The space is public: it needs no binding.");
        }
        let workspace = match &self.standing {
            Standing::Outside => return unknown(NOT_FOR_YOU),
            Standing::Inside(_) | Standing::Free
                if self.found.as_ref().is_some_and(|found| !found.is_of_platform()) =>
            {
                return not_needed("The registry belongs to a workspace, which may use all of it.");
            }
            Standing::Free => return unknown("The namespace is in no workspace that the space could be bound to."),
            Standing::Inside(workspace) => workspace,
        };
        let Some(found) = &self.found else { return unknown("There is no space that could be bound.") };
        let Some(space) = found.present_space() else {
            // The same whether the space is hidden or not there.
            let text = format!("Bind the space of `{}` to workspace `{}`.", self.typed, workspace.name);
            let detail = format!("No space for this reference is bound to workspace `{}`.", workspace.name);
            return failed(detail, Remedy { text, act: None, who: Who::Admin });
        };
        if self.is_bound_here(space) {
            return passed(format!("Space `{}` is bound to workspace `{}`.", space.name, workspace.name));
        }
        let remedy = Remedy {
            text: format!("Bind space `{}` to workspace `{}`.", space.name, workspace.name),
            act: Some(Act::BindSpace { space: space.id, workspace: workspace.id }),
            who: Who::Admin,
        };
        failed(format!("Space `{}` is not bound to workspace `{}`.", space.name, workspace.name), remedy)
    }

    fn viewer_is_member(&self) -> Verdict {
        if self.is_for_everybody() {
            return not_needed("Everybody may see what is public.");
        }
        match &self.standing {
            _ if self.is_admin => passed("You are an Admin.".to_owned()),
            Standing::Inside(workspace) => passed(format!("You are a member of workspace `{}`.", workspace.name)),
            Standing::Free | Standing::Outside => {
                let namespace = &self.key.name;
                let detail = format!("You are a member of no workspace that namespace `{namespace}` is in.");
                let text = format!("If namespace `{namespace}` is in a workspace, have its Admin make you a member.");
                failed(detail, Remedy { text, act: None, who: Who::WorkspaceAdmin })
            }
        }
    }

    /// Whether the space is one that every namespace may use, in which case nothing about the namespace matters.
    fn is_for_everybody(&self) -> bool {
        let space = self.found.as_ref().filter(|found| found.is_of_platform()).and_then(Candidate::present_space);
        space.is_some_and(|space| space.visibility == Visibility::Public) || self.via == Some(Availability::Public)
    }

    fn is_bound_here(&self, space: &Space) -> bool {
        let Standing::Inside(workspace) = &self.standing else { return false };
        self.sight.bindings_of(space.id).iter().any(|binding| binding.workspace_id == workspace.id)
    }

    /// The workspace in which the namespace could use it.
    fn target(&self, found: &Candidate) -> Option<uuid::Uuid> {
        match found.registry.workspace_id {
            Some(owner) => Some(owner),
            None => Some(self.sight.bindings_of(found.present_space()?.id).first()?.workspace_id),
        }
    }
}

const NOT_FOR_YOU: &str = "Only members of a namespace's workspace may know that.";

/// Who may change a registry and its spaces.
fn who_of(registry: &Registry) -> Who {
    match registry.workspace_id {
        None => Who::Admin,
        Some(_) => Who::WorkspaceAdmin,
    }
}
