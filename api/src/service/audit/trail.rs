//! What is read of the trail: by Admins all of it, by Workspace Admins what concerns their workspaces, by others nothing.
//!
//! Read from the rows: the trail is long, and not part of what the epoch guards.

use ::entity::audit_event::{Column, Entity, Outcome};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::*;
use sea_orm::{Condition, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Event, Target};
use crate::auth::policy::Action;
use crate::clock;
use crate::service::{Cx, Error, Sight};

/// What a list of events is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The exact subject of who did it.
    pub actor: Option<String>,
    /// The mutation's exact name.
    pub action: Option<String>,
    pub target: Option<Target>,
    pub workspace: Option<Uuid>,
    pub outcome: Option<Outcome>,
    /// At this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this moment.
    pub until: Option<DateTime<Utc>>,
}

/// Where an event stands in the list: unique, and greater for the newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    at: DateTime<Utc>,
    id: Uuid,
}

impl Key {
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self { at: event.at, id: event.id }
    }

    /// None for a moment that no event can have.
    #[must_use]
    pub fn from_micros(at: i64, id: Uuid) -> Option<Self> {
        let at = DateTime::from_timestamp_micros(at)?;
        (at == storable(at)).then_some(Self { at, id })
    }

    /// The moment in microseconds since 1970, and the event's id.
    #[must_use]
    pub fn micros(self) -> (i64, Uuid) {
        (self.at.timestamp_micros(), self.id)
    }

    fn older(self) -> Condition {
        let of_that_moment = Condition::any().add(Column::At.lt(self.at)).add(Column::Id.lt(self.id));
        // The first half says nothing new, and lets the databases begin at the right place of an index.
        Condition::all().add(Column::At.lte(self.at)).add(of_that_moment)
    }

    fn newer(self) -> Condition {
        let of_that_moment = Condition::any().add(Column::At.gt(self.at)).add(Column::Id.gt(self.id));
        Condition::all().add(Column::At.gte(self.at)).add(of_that_moment)
    }

    fn itself(self) -> Condition {
        Condition::all().add(Column::At.eq(self.at)).add(Column::Id.eq(self.id))
    }
}

/// The part of a list that is asked for. The newest come first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub limit: usize,
    pub after: Option<Key>,
    pub before: Option<Key>,
    /// From the end.
    pub backward: bool,
    /// Whether all events shall be counted, those on other pages too.
    pub counted: bool,
}

/// A page of events.
#[derive(Debug, Default)]
pub struct Listed {
    pub events: Vec<Event>,
    pub has_previous: bool,
    pub has_next: bool,
    /// Zero when it was not asked for.
    pub total: u64,
}

/// The event of this id, if the viewer may read it.
pub async fn find(cx: &Cx, id: Uuid) -> Result<Option<Event>, Error> {
    cx.depends_on_more();
    let Some(readable) = readable(&*cx.sight().await?) else { return Ok(None) };
    Ok(Entity::find_by_id(id).filter(readable).one(cx.service.storage.connection()).await?)
}

/// Those that the viewer may read, newest first: all of one moment.
pub async fn list(cx: &Cx, filter: &Filter, page: &Page) -> Result<Listed, Error> {
    cx.depends_on_more();
    let Some(readable) = readable(&*cx.sight().await?) else { return Ok(Listed::default()) };
    let Some(chosen) = chosen(filter) else { return Ok(Listed::default()) };
    let all = Entity::find().filter(readable).filter(chosen);

    let mut between = all.clone().limit(page.limit as u64 + 1);
    if let Some(after) = page.after {
        between = between.filter(after.older());
    }
    if let Some(before) = page.before {
        between = between.filter(before.newer());
    }
    let between = match page.backward {
        false => between.order_by_desc(Column::At).order_by_desc(Column::Id),
        true => between.order_by_asc(Column::At).order_by_asc(Column::Id),
    };

    let tx = cx.service.storage.snapshot().await?;
    let mut events = between.all(&tx).await?;
    let is_cut = events.len() > page.limit;
    events.truncate(page.limit);
    if page.backward {
        events.reverse();
    }
    let beyond_before = match page.before {
        Some(key) => any(&tx, &all, Condition::any().add(key.older()).add(key.itself())).await?,
        None => false,
    };
    let beyond_after = match page.after {
        Some(key) => any(&tx, &all, Condition::any().add(key.newer()).add(key.itself())).await?,
        None => false,
    };
    let total = if page.counted { all.count(&tx).await? } else { 0 };
    tx.commit().await?;
    Ok(Listed {
        events,
        has_previous: beyond_after || (page.backward && is_cut),
        has_next: beyond_before || (!page.backward && is_cut),
        total,
    })
}

async fn any(db: &impl ConnectionTrait, all: &Select<Entity>, which: Condition) -> Result<bool, DbErr> {
    let first = all.clone().filter(which).select_only().column(Column::Id).limit(1);
    Ok(first.into_tuple::<Uuid>().one(db).await?.is_some())
}

/// The rows that the viewer may read; none for those who may read none.
fn readable(sight: &Sight) -> Option<Condition> {
    if sight.may(Action::ReadAudit, None) {
        return Some(Condition::all());
    }
    let own: Vec<Uuid> = sight
        .memberships()
        .map(|(workspace, _)| workspace.id)
        .filter(|id| sight.may(Action::ReadAudit, Some(*id)))
        .collect();
    (!own.is_empty()).then(|| Condition::all().add(Column::WorkspaceId.is_in(own)))
}

/// None for what no row can hold.
fn chosen(filter: &Filter) -> Option<Condition> {
    // PostgreSQL refuses it in texts, and so do the mutations.
    let is_odd = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains('\0'));
    if is_odd(&filter.actor) || is_odd(&filter.action) {
        return None;
    }
    let chosen = Condition::all()
        .add_option(filter.actor.as_ref().map(|actor| Column::Actor.eq(actor)))
        .add_option(filter.action.as_ref().map(|action| Column::Action.eq(action)))
        .add_option(filter.target.map(|target| Column::Target.eq(target.to_string())))
        .add_option(filter.workspace.map(|id| Column::WorkspaceId.eq(id)))
        .add_option(filter.outcome.map(|outcome| Column::Outcome.eq(outcome)))
        .add_option(filter.since.map(|since| Column::At.gte(storable(since))))
        .add_option(filter.until.map(|until| Column::At.lt(storable(until))));
    Some(chosen)
}

/// The nearest moment that an event can have, to a day. MariaDB compares moments as `TIMESTAMP`: one before 1970 or after
/// that type's end would hold for no row.
fn storable(moment: DateTime<Utc>) -> DateTime<Utc> {
    let day = TimeDelta::days(1);
    moment.clamp(DateTime::UNIX_EPOCH + day, clock::now() + day)
}
