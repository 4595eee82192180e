//! The whole module against a model that does everything the slow and obvious way, on thousands of random catalogs.

mod model;
mod random;

use std::sync::Arc;

use chrono::DateTime;

use super::*;
use model::Model;
use random::Random;

const PREFIXES: [&str; 9] = ["h/", "h/a/", "h/a-b/", "h/ab/", "h/a/b/", "H/a/", "h2/", "h2/app/", "g/é/"];
const SEGMENTS: [&str; 9] = ["a", "ab", "b", "app", "a-b", "application", "App", "é", "É-x"];
const WORDS: [&str; 14] = ["a", "AP", "app", "b", "/", "h/a", "a/b", "a/app", "-", "x", "é", "h2/app/a", "/a/", "zzz"];

const ORDERS: [Order; 8] = [
    Order::ReferenceAsc,
    Order::ReferenceDesc,
    Order::UpdatedAt { desc: false },
    Order::UpdatedAt { desc: true },
    Order::PullCount { desc: false },
    Order::PullCount { desc: true },
    Order::Relevance { desc: false },
    Order::Relevance { desc: true },
];

fn random_image(random: &mut Random) -> ImageData {
    let depth = 1 + random.below(3);
    let segments: Vec<_> = (0..depth).map(|_| *random.pick(&SEGMENTS)).collect();
    let mut number = |absent_in: usize| (random.below(absent_in) > 0).then(|| random.below(4) as i64);
    ImageData {
        repository: segments.join("/"),
        description: None,
        artifact_count: number(3),
        pull_count: number(3),
        updated_at: number(4).and_then(DateTime::from_timestamp_micros),
    }
}

fn random_part(random: &mut Random, before: &[Part]) -> Part {
    let snapshot = match random.below(6) {
        0 if !before.is_empty() => Arc::clone(&random.pick(before).snapshot),
        _ => {
            // Now and then more than one block of a search.
            let len = if random.below(40) == 0 { 900 } else { random.below(24) };
            let image = |n| {
                let mut image = random_image(random);
                if len > 100 {
                    image.repository.push_str(&format!("{n}"));
                }
                image
            };
            Arc::new(Snapshot::build((0..len).map(image)))
        }
    };
    Part { snapshot, prefix: (*random.pick(&PREFIXES)).into(), rank: random.below(3) as u32 }
}

fn random_parts(random: &mut Random) -> Vec<Part> {
    let mut parts = Vec::new();
    for _ in 0..random.below(7) {
        let part = random_part(random, &parts);
        parts.push(part);
    }
    parts
}

fn random_search(random: &mut Random) -> Option<Search> {
    let words: Vec<_> = (0..random.below(4)).map(|_| *random.pick(&WORDS)).collect();
    Search::parse(&words.join(" ")).unwrap()
}

fn random_shown(random: &mut Random, parts: usize) -> Option<Vec<bool>> {
    (random.below(3) == 0).then(|| (0..parts).map(|_| random.below(2) == 0).collect())
}

/// A cursor at an image of `selection`, through the text that a client would hold.
fn random_cursor(random: &mut Random, selection: &Selection, order: Order, search: Option<&Search>) -> Option<Cursor> {
    let parts: Vec<usize> =
        (0..selection.parts().len()).filter(|&part| !selection.parts()[part].snapshot.is_empty()).collect();
    if parts.is_empty() || random.below(3) == 0 {
        return None;
    }
    let part = *random.pick(&parts);
    let row = Row { part, index: random.below(selection.parts()[part].snapshot.len()) };
    let text = selection.cursor(row, order, search).encode();
    Some(Cursor::decode(&text, order, search).unwrap())
}

#[test]
fn pages_counts_and_finds_equal_the_model() {
    let mut random = Random::new(0x5eed);
    for case in 0..3_000 {
        let parts = random_parts(&mut random);
        // Cursors come from what was there before: their images may have gone, moved or changed.
        let earlier = if random.below(2) == 0 { random_parts(&mut random) } else { parts.clone() };
        let (earlier, selection, model) = (Selection::new(earlier), Selection::new(parts.clone()), Model::new(&parts));
        for _ in 0..12 {
            let search = random_search(&mut random);
            let shown = random_shown(&mut random, parts.len());
            let order = *random.pick(&ORDERS);
            let after = random_cursor(&mut random, &earlier, order, search.as_ref());
            let before = random_cursor(&mut random, &earlier, order, search.as_ref());
            let query = Query {
                search: search.as_ref(),
                shown: shown.as_deref(),
                order,
                after: after.as_ref(),
                before: before.as_ref(),
                limit: *random.pick(&[0, 1, 2, 5, 20, 500, usize::MAX]),
                backward: random.below(2) == 0,
            };
            assert_eq!(selection.page(&query), model.page(&query), "case {case}: {query:?} of {parts:?}");
            let counts = selection.count(query.search, query.shown);
            assert_eq!(counts, model.count(&query), "case {case}: {query:?} of {parts:?}");
        }
        for (reference, row) in model.winners() {
            assert_eq!(selection.find(reference), Some(row), "case {case}: {reference}");
            assert_eq!(selection.reference(row), reference);
        }
        let absent = random_image(&mut random).repository;
        let known = model.winners().find(|(reference, _)| *reference == absent).map(|(_, row)| row);
        assert_eq!(selection.find(&absent), known);
    }
}

#[test]
fn walking_page_by_page_meets_every_image_once() {
    let mut random = Random::new(0xfa1e);
    for _ in 0..300 {
        let parts = random_parts(&mut random);
        let selection = Selection::new(parts);
        let search = random_search(&mut random);
        for order in ORDERS {
            for backward in [false, true] {
                let mut met = Vec::new();
                let mut cursor: Option<Cursor> = None;
                loop {
                    let edge = cursor.as_ref();
                    let (after, before) = if backward { (None, edge) } else { (edge, None) };
                    let query =
                        Query { search: search.as_ref(), shown: None, order, after, before, limit: 7, backward };
                    let page = selection.page(&query);
                    let (more, behind) =
                        if backward { (page.has_previous, page.has_next) } else { (page.has_next, page.has_previous) };
                    assert_eq!(behind, !met.is_empty());
                    let edge = if backward { page.rows.first() } else { page.rows.last() };
                    cursor = edge.map(|&row| selection.cursor(row, order, search.as_ref()));
                    let rows = page.rows;
                    if backward {
                        met.splice(0..0, rows);
                    } else {
                        met.extend(rows);
                    }
                    if !more {
                        break;
                    }
                }
                let all = Query {
                    search: search.as_ref(),
                    shown: None,
                    order,
                    after: None,
                    before: None,
                    limit: usize::MAX,
                    backward: false,
                };
                assert_eq!(met, selection.page(&all).rows);
            }
        }
    }
}

#[test]
fn snapshots_equal_the_images_they_are_built_of() {
    let mut random = Random::new(0xd1ff);
    for _ in 0..500 {
        let mut version = || {
            let images: Vec<_> = (0..random.below(30)).map(|_| random_image(&mut random)).collect();
            let known: HashMap<_, _> = images.iter().map(|image| (image.repository.clone(), image.clone())).collect();
            (Snapshot::build(images), known)
        };
        let ((old, old_images), (new, new_images)) = (version(), version());
        assert_eq!(new.len(), new_images.len());
        for (repository, expected) in &new_images {
            let image = new.image(new.get(repository).unwrap());
            assert_eq!((image.pull_count, image.updated_at), (expected.pull_count, expected.updated_at));
        }
        let changes = old.diff(&new);
        assert_eq!(changes.is_empty(), old == new);
        let mut written = old_images;
        for &row in &changes.removed {
            assert!(written.remove(old.image(row).repository).is_some());
        }
        for &row in changes.added.iter().chain(&changes.changed) {
            let repository = new.image(row).repository;
            let before = written.insert(repository.to_owned(), new_images[repository].clone());
            assert_eq!(before.is_some(), changes.changed.contains(&row));
        }
        assert_eq!(written, new_images);
    }
}

#[test]
fn a_catalog_shares_what_stays_and_leaves_the_one_before_as_it_was() {
    let ids: Vec<Uuid> = (0..600).map(Uuid::from_u128).collect();
    let snapshot = |name: &str| {
        let image = ImageData { repository: name.into(), ..ImageData::default() };
        Some(Arc::new(Snapshot::build([image])))
    };
    let before = Catalog::default().with(ids.iter().map(|id| (*id, snapshot("app"))));
    assert_eq!((before.len(), before.images()), (600, 600));
    let after = before.with([(ids[7], snapshot("other")), (ids[8], None)]);
    let name = |catalog: &Catalog, id: Uuid| catalog.get(id).map(|snapshot| snapshot.image(0).repository.to_owned());
    assert_eq!(name(&before, ids[7]).as_deref(), Some("app"));
    assert_eq!(name(&after, ids[7]).as_deref(), Some("other"));
    assert_eq!((name(&before, ids[8]).is_some(), name(&after, ids[8])), (true, None));
    assert!(Arc::ptr_eq(before.get(ids[9]).unwrap(), after.get(ids[9]).unwrap()));
    assert_eq!(after.len(), 599);
}

#[test]
fn a_union_equals_one_selection_of_all_parts() {
    let mut random = Random::new(0x0101);
    for case in 0..400 {
        let mut senior = random_parts(&mut random);
        let mut junior = random_parts(&mut random);
        senior.iter_mut().for_each(|part| part.rank = 0);
        junior.iter_mut().enumerate().for_each(|(place, part)| part.rank = 1 + place as u32);
        let all: Vec<Part> = senior.iter().chain(&junior).cloned().collect();
        let union = Union::new(Arc::new(Selection::new(senior)), junior);
        let (whole, model) = (Selection::new(all.clone()), Model::new(&all));
        assert_eq!(union.len(), all.len());
        for _ in 0..12 {
            let search = random_search(&mut random);
            let shown = random_shown(&mut random, all.len());
            let order = *random.pick(&ORDERS);
            let after = random_cursor(&mut random, &whole, order, search.as_ref());
            let before = random_cursor(&mut random, &whole, order, search.as_ref());
            let query = Query {
                search: search.as_ref(),
                shown: shown.as_deref(),
                order,
                after: after.as_ref(),
                before: before.as_ref(),
                limit: *random.pick(&[0, 1, 2, 5, 20, usize::MAX]),
                backward: random.below(2) == 0,
            };
            assert_eq!(union.page(&query), model.page(&query), "case {case}: {query:?} of {all:?}");
            assert_eq!(union.count(query.search, query.shown), model.count(&query), "case {case}: {query:?}");
        }
        for (reference, row) in model.winners() {
            assert_eq!(union.find(reference), Some(row), "case {case}: {reference}");
            assert_eq!(union.image(row), whole.image(row));
        }
    }
}
