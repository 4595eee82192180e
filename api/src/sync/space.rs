//! The rows of a registry's spaces, by R7: what is new, what is private, and what is gone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::entity::space::{self, Visibility};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::*;

use super::ROWS_A_WRITE;
use super::health;
use super::look::{Seen, Unseen};
use super::reading::{Reading, Stop};
use crate::clock;
use crate::storage::{Raises, Write};
use crate::upstream::{self, Space};

/// One change of a row.
enum Step<'a> {
    /// It is there, and not as it was.
    See(Uuid, &'a Space),
    Miss(Uuid, Absence),
    Add(&'a Space),
}

/// How sure it is that a space is gone.
#[derive(Clone, Copy)]
struct Absence {
    /// The registry says so, and is to be believed.
    is_gone: bool,
    /// Another space has its name.
    is_replaced: bool,
}

/// Writes down what a sweep's look found, as far as it differs from what is stored: health and spaces. True if there
/// are spaces that were not known.
pub(super) async fn write_seen(reading: &Reading, known: &[Arc<space::Model>], seen: &Seen) -> Result<bool, Stop> {
    let mut health = health::changed(&reading.registry, Ok(&seen.standing));
    let steps = steps(known.iter().map(|row| &**row), |_| false, &seen.spaces, &seen.unseen);
    if steps.is_empty() {
        if let Some(health) = health {
            write_health(reading, health).await?;
        }
        return Ok(false);
    }
    for chunk in steps.chunks(ROWS_A_WRITE) {
        let write = reading.write(Raises::Access).await?;
        if let Some(health) = health.take() {
            health::tell(&reading.registry, &health);
            health::write(&write, health).await?;
        }
        take(&write, reading.registry.id, |version| reading.is_newer(version), chunk).await?;
        reading.commit(write).await?;
    }
    Ok(steps.iter().any(|step| matches!(step, Step::Add(_))))
}

/// Writes down health alone.
pub(super) async fn write_health(reading: &Reading, changed: ::entity::registry::ActiveModel) -> Result<(), Stop> {
    let write = reading.write(Raises::Content).await?;
    health::tell(&reading.registry, &changed);
    health::write(&write, changed).await?;
    reading.commit(write).await
}

/// Writes down a complete list of spaces. Rows that others changed after the version `noted` are left as they are: the
/// list may be older.
pub async fn write_spaces(
    write: &Write,
    registry_id: Uuid,
    noted: i64,
    listed: &[Space],
    unseen: &HashMap<Uuid, Unseen>,
) -> Result<(), DbErr> {
    let rows = space::Entity::find().filter(space::Column::RegistryId.eq(registry_id)).all(write.tx()).await?;
    let is_newer = |version| version > noted;
    let steps = steps(rows.iter(), is_newer, listed, unseen);
    for chunk in steps.chunks(ROWS_A_WRITE) {
        take(write, registry_id, is_newer, chunk).await?;
    }
    Ok(())
}

/// Writes down spaces that Fairway sees for the first time.
pub async fn write_new_spaces(
    write: &Write,
    registry_id: Uuid,
    spaces: impl Iterator<Item = &Space>,
) -> Result<(), DbErr> {
    let rows: Vec<_> = spaces.map(|space| space_row(Uuid::now_v7(), registry_id, space, write.version())).collect();
    // Sixteen values a row: below every database's limit of values in a statement.
    for chunk in rows.chunks(ROWS_A_WRITE) {
        space::Entity::insert_many(chunk.to_vec()).exec_without_returning(write.tx()).await?;
    }
    Ok(())
}

/// The row of a space that Fairway sees for the first time.
pub fn space_row(id: Uuid, registry_id: Uuid, space: &Space, version: i64) -> space::ActiveModel {
    space::ActiveModel {
        id: Set(id),
        registry_id: Set(registry_id),
        upstream_id: Set(space.id.clone()),
        name: Set(space.name.clone()),
        visibility: Set(visibility(space)),
        is_proxy_cache: Set(space.is_proxy_cache),
        image_count: Set(space.image_count),
        missing: Set(false),
        unseen_since: Set(None),
        images_as_of: Set(None),
        images_failure: Set(None),
        images_error: Set(None),
        webhook: Set(None),
        created_at: Set(space.created_at),
        version: Set(version),
    }
}

/// What a complete list, and a second look at what is absent from it, change in these rows: first what closes a space,
/// last what is new.
fn steps<'a, 'r>(
    rows: impl Iterator<Item = &'r space::Model> + Clone,
    is_newer: impl Fn(i64) -> bool,
    listed: &'a [Space],
    unseen: &'a HashMap<Uuid, Unseen>,
) -> Vec<Step<'a>> {
    let by_upstream_id: HashMap<&str, &space::Model> =
        rows.clone().map(|row| (row.upstream_id.as_str(), row)).collect();
    let names: HashSet<&str> = listed.iter().map(|space| space.name.as_str()).collect();
    let mut steps = Vec::new();
    for row in rows.filter(|row| !is_newer(row.version)) {
        let step = match unseen.get(&row.id) {
            None => continue,
            Some(Unseen::Present(space)) => seen(row, space).map(|_| Step::See(row.id, space)),
            Some(verdict) => {
                let is_gone = matches!(verdict, Unseen::Gone);
                let absence = Absence { is_gone, is_replaced: is_gone && names.contains(row.name.as_str()) };
                missed(row, absence).map(|_| Step::Miss(row.id, absence))
            }
        };
        steps.extend(step);
    }
    for space in listed {
        match by_upstream_id.get(space.id.as_str()) {
            // Changed through Fairway after the reading began: what it saw may be older.
            Some(row) if is_newer(row.version) => {}
            Some(row) => steps.extend(seen(row, space).map(|_| Step::See(row.id, space))),
            None => steps.push(Step::Add(space)),
        }
    }
    let rank = |step: &Step| match step {
        Step::Miss(..) => 0,
        Step::See(_, space) => 1 + u8::from(space.visibility == upstream::Visibility::Public),
        Step::Add(_) => 3,
    };
    steps.sort_by_key(rank);
    steps
}

/// Takes these steps, by the rows as they are now.
async fn take(
    write: &Write,
    registry_id: Uuid,
    is_newer: impl Fn(i64) -> bool,
    steps: &[Step<'_>],
) -> Result<(), DbErr> {
    let ids: Vec<Uuid> = steps.iter().filter_map(Step::id).collect();
    let rows = space::Entity::find().filter(space::Column::Id.is_in(ids)).all(write.tx()).await?;
    let rows: HashMap<Uuid, space::Model> = rows.into_iter().map(|row| (row.id, row)).collect();
    let now = |id: &Uuid| rows.get(id).filter(|row| !is_newer(row.version));
    let mut new = Vec::new();
    for step in steps {
        let changed = match step {
            Step::See(id, space) => now(id).and_then(|row| seen(row, space)),
            Step::Miss(id, absence) => now(id).and_then(|row| missed(row, *absence)),
            Step::Add(space) => {
                new.push(*space);
                None
            }
        };
        if let Some(changed) = changed {
            let stamped = space::ActiveModel { version: Set(write.version()), ..changed };
            space::Entity::update(stamped).exec(write.tx()).await?;
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    // Made through Fairway since the list was read, for one.
    let there: HashSet<String> = space::Entity::find()
        .filter(space::Column::RegistryId.eq(registry_id))
        .filter(space::Column::UpstreamId.is_in(new.iter().map(|space| space.id.as_str())))
        .all(write.tx())
        .await?
        .into_iter()
        .map(|row| row.upstream_id)
        .collect();
    let new = new.into_iter().filter(|space| !there.contains(&space.id));
    write_new_spaces(write, registry_id, new).await
}

impl Step<'_> {
    /// The row that it changes.
    fn id(&self) -> Option<Uuid> {
        match self {
            Self::See(id, _) | Self::Miss(id, _) => Some(*id),
            Self::Add(_) => None,
        }
    }
}

/// What seeing a space changes in its row, if anything. How many images it has is no change by itself: the images tell.
fn seen(row: &space::Model, space: &Space) -> Option<space::ActiveModel> {
    let now = space::Model {
        name: space.name.clone(),
        visibility: visibility(space),
        is_proxy_cache: space.is_proxy_cache,
        created_at: space.created_at.or(row.created_at),
        missing: false,
        unseen_since: None,
        ..row.clone()
    };
    (now != *row).then(|| space::ActiveModel {
        id: Set(row.id),
        name: Set(now.name),
        visibility: Set(now.visibility),
        is_proxy_cache: Set(now.is_proxy_cache),
        image_count: Set(space.image_count.or(row.image_count)),
        created_at: Set(now.created_at),
        missing: Set(false),
        unseen_since: Set(None),
        ..Default::default()
    })
}

/// What an absence changes in the row of a space, if anything. It is private at once. It is missing when a second
/// sweep misses it too, as one absence is no proof of removal; another space under its name is proof enough.
fn missed(row: &space::Model, Absence { is_gone, is_replaced }: Absence) -> Option<space::ActiveModel> {
    let unseen_since = row.unseen_since.or_else(|| is_gone.then(clock::now));
    let missing = row.missing || is_replaced || (is_gone && row.unseen_since.is_some());
    let before = (row.visibility, row.unseen_since, row.missing);
    ((Visibility::Private, unseen_since, missing) != before).then(|| space::ActiveModel {
        id: Set(row.id),
        visibility: Set(Visibility::Private),
        unseen_since: Set(unseen_since),
        missing: Set(missing),
        image_count: Set(if missing { Some(0) } else { row.image_count }),
        ..Default::default()
    })
}

fn visibility(space: &Space) -> Visibility {
    match space.visibility {
        upstream::Visibility::Public => Visibility::Public,
        upstream::Visibility::Private => Visibility::Private,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::space as row;
    use super::*;

    fn listed(id: u128, name: &str, visibility: upstream::Visibility) -> Space {
        Space {
            id: id.to_string(),
            name: name.to_owned(),
            visibility,
            is_proxy_cache: false,
            image_count: Some(5),
            created_at: None,
        }
    }

    /// The steps in words.
    fn told(rows: &[space::Model], listed: &[Space], unseen: &HashMap<Uuid, Unseen>) -> Vec<String> {
        let steps = steps(rows.iter(), |version| version > 7, listed, unseen);
        let tell = |step: &Step| match step {
            Step::See(id, space) => format!("see {} as {:?}", id.as_u128(), space.visibility),
            Step::Miss(id, absence) => {
                format!("miss {}{}", id.as_u128(), if absence.is_replaced { ", replaced" } else { "" })
            }
            Step::Add(space) => format!("add {}", space.id),
        };
        steps.iter().map(tell).collect()
    }

    #[test]
    fn what_is_as_it_was_is_no_step_however_many_images_it_has() {
        let rows = [row(1, "a"), space::Model { visibility: Visibility::Public, ..row(2, "b") }];
        let list = [listed(1, "a", upstream::Visibility::Private), listed(2, "b", upstream::Visibility::Public)];
        assert!(told(&rows, &list, &HashMap::new()).is_empty());
    }

    #[test]
    fn what_closes_comes_first_and_what_is_newer_stays() {
        let rows = [
            row(1, "a"),
            space::Model { visibility: Visibility::Public, ..row(2, "b") },
            space::Model { visibility: Visibility::Public, ..row(3, "c") },
            space::Model { version: 8, ..row(4, "d") },
        ];
        let list = [
            listed(9, "new", upstream::Visibility::Public),
            listed(1, "a", upstream::Visibility::Public),
            listed(2, "b", upstream::Visibility::Private),
            listed(4, "d", upstream::Visibility::Public),
        ];
        let unseen = HashMap::from([(Uuid::from_u128(3), Unseen::Unsure)]);
        assert_eq!(told(&rows, &list, &unseen), ["miss 3", "see 2 as Private", "see 1 as Public", "add 9"]);
    }

    #[test]
    fn one_absence_closes_and_a_second_one_or_another_under_the_name_proves_removal() {
        let public = space::Model { visibility: Visibility::Public, ..row(1, "a") };
        let gone = Absence { is_gone: true, is_replaced: false };
        let first = missed(&public, gone).expect("it is closed");
        assert_eq!((first.visibility, first.missing), (Set(Visibility::Private), Set(false)));
        let unseen = space::Model { unseen_since: first.unseen_since.unwrap(), ..row(1, "a") };
        assert_eq!(missed(&unseen, gone).expect("it is missing").missing, Set(true));
        assert_eq!(missed(&public, Absence { is_replaced: true, ..gone }).expect("it is missing").missing, Set(true));
        // Refused, or not answered: closed, and no step nearer to being missing, however often.
        let unsure = Absence { is_gone: false, is_replaced: false };
        let closed = missed(&public, unsure).expect("it is closed");
        assert_eq!((closed.visibility, closed.unseen_since), (Set(Visibility::Private), Set(None)));
        assert!(missed(&row(1, "a"), unsure).is_none());
    }
}
