//! Looking at a registry: its health, and its spaces, with a second look for those that are absent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::entity::registry::{self, HealthState};
use ::entity::space::{self, Visibility};
use futures_util::{StreamExt, stream};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;

use super::health::Standing;
use super::reading::{Reading, Stop};
use super::{AT_A_TIME, ROWS_A_WRITE, Sync};
use crate::storage::Raises;
use crate::upstream::{self, Probe, Space};

/// What one look at a registry found.
pub struct Found {
    pub probe: Probe,
    pub spaces: Vec<Space>,
}

/// What the second look at a space found that was absent from the list.
pub enum Unseen {
    Present(Space),
    Gone,
    /// Refused or not answered: no proof that it is gone.
    Unsure,
}

/// What a sweep's look at a registry found.
pub(super) struct Seen {
    pub(super) standing: Standing,
    pub(super) spaces: Vec<Space>,
    pub(super) unseen: HashMap<Uuid, Unseen>,
}

impl Sync {
    /// Proves the account and lists the spaces, storing nothing.
    pub async fn look(&self, client: &upstream::Registry) -> Result<Found, upstream::Error> {
        let probe = client.probe().await?;
        let spaces = client.list_spaces().await?;
        Ok(Found { probe, spaces })
    }
}

/// A sweep's look: no more than a check of the account where nothing speaks for more.
pub(super) async fn look(
    client: &upstream::Registry,
    row: &registry::Model,
    known: &[Arc<space::Model>],
    is_thorough: bool,
) -> Result<Seen, upstream::Error> {
    let is_well = row.health_state == HealthState::Healthy && row.privilege.is_some() && !client.is_suspended();
    let is_thorough = is_thorough || !is_well;
    let mut standing: Standing = if is_thorough { client.probe().await?.into() } else { client.check().await?.into() };
    let spaces = client.list_spaces().await?;
    let unseen = look_again(client, known, &spaces).await;
    if !standing.is_thorough() && unseen.values().any(|unseen| matches!(unseen, Unseen::Unsure)) {
        // The account may have lost its standing since the check, or rights that the check does not ask for.
        standing = client.probe().await?.into();
    }
    Ok(Seen { standing, spaces, unseen })
}

/// Asks once more for each known space that a complete list did not show. The public ones first, as they are open to
/// everybody until the answer. To an account that may not know of private ones each answer is the same refusal, so
/// after one of those the rest are not asked for.
async fn look_again(
    client: &upstream::Registry,
    known: &[Arc<space::Model>],
    listed: &[Space],
) -> HashMap<Uuid, Unseen> {
    let listed: HashSet<&str> = listed.iter().map(|space| space.id.as_str()).collect();
    let absent = known.iter().filter(|row| !row.missing && !listed.contains(row.upstream_id.as_str()));
    let (public, private): (Vec<_>, Vec<_>) = absent.partition(|row| row.visibility == Visibility::Public);
    let ask = async |row: Arc<space::Model>| {
        let answer = match client.get_space(&row.upstream_id).await {
            Ok(Some(space)) if space.name == row.name => Unseen::Present(space),
            Ok(_) => Unseen::Gone,
            Err(_) => Unseen::Unsure,
        };
        (row.id, answer)
    };
    let mut unseen: HashMap<Uuid, Unseen> =
        stream::iter(public.into_iter().cloned()).map(ask).buffer_unordered(AT_A_TIME).collect().await;
    let mut answers = stream::iter(private.into_iter().cloned()).map(ask).buffer_unordered(AT_A_TIME);
    while let Some((id, answer)) = answers.next().await {
        let is_unsure = matches!(answer, Unseen::Unsure);
        unseen.insert(id, answer);
        if is_unsure {
            break;
        }
    }
    unseen
}

/// Closes the known public spaces that the public does not see any more: all that can be learnt of a registry while its
/// account cannot be used, and it locks nobody out. What does not answer proves nothing.
pub(super) async fn close_unseen(
    client: &upstream::Registry,
    reading: &Reading,
    known: &[Arc<space::Model>],
) -> Result<(), Stop> {
    let Ok(listed) = client.list_public_spaces().await else { return Ok(()) };
    let open = listed.iter().filter(|space| space.visibility == upstream::Visibility::Public);
    let open: HashSet<&str> = open.map(|space| space.id.as_str()).collect();
    let is_doubtful = |row: &&Arc<space::Model>| {
        row.visibility == Visibility::Public && !row.missing && !open.contains(row.upstream_id.as_str())
    };
    let ask = async |row: Arc<space::Model>| {
        let is_closed = matches!(client.is_public(&row.upstream_id).await, Ok(false));
        is_closed.then_some(row.id)
    };
    let doubtful: Vec<_> = known.iter().filter(is_doubtful).cloned().collect();
    let closed: Vec<Option<Uuid>> = stream::iter(doubtful).map(ask).buffer_unordered(AT_A_TIME).collect().await;
    let closed: Vec<Uuid> = closed.into_iter().flatten().collect();
    for chunk in closed.chunks(ROWS_A_WRITE) {
        let write = reading.write(Raises::Access).await?;
        let rows = space::Entity::find().filter(space::Column::Id.is_in(chunk.to_vec())).all(write.tx()).await?;
        let closing: Vec<Uuid> = rows.iter().filter(|row| !reading.is_newer(row.version)).map(|row| row.id).collect();
        space::Entity::update_many()
            .set(space::ActiveModel {
                visibility: Set(Visibility::Private),
                version: Set(write.version()),
                ..Default::default()
            })
            .filter(space::Column::Id.is_in(closing))
            .exec(write.tx())
            .await?;
        reading.commit(write).await?;
    }
    Ok(())
}
