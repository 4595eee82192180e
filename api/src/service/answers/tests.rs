use std::collections::BTreeMap;

use chrono::DateTime;

use super::*;
use crate::auth::Role;

const EPOCH: Epoch = Epoch { access: 3, content: 8 };
const ADA: Option<(Epoch, Bytes)> = Some((EPOCH, Bytes::from_static(b"Ada")));

fn viewer() -> Viewer {
    Viewer {
        subject: "u-17".into(),
        name: Some("Ada".into()),
        is_admin: false,
        memberships: BTreeMap::from([("payments".into(), Role::Viewer)]),
        expires_at: DateTime::UNIX_EPOCH,
    }
}

fn question(viewer: Viewer, body: &'static str) -> Question {
    Question::new(Arc::new(viewer), Bytes::from_static(body.as_bytes()))
}

/// One question, asked and answered.
fn kept() -> Answers {
    let answers = Answers::default();
    assert_eq!(answers.find(&question(viewer(), "who")), None);
    answers.keep(EPOCH, question(viewer(), "who"), Bytes::from_static(b"Ada"));
    answers
}

#[test]
fn the_same_question_of_the_same_viewer_is_answered_alike() {
    let answers = kept();
    assert_eq!(answers.find(&question(viewer(), "who")), ADA);
    let renewed = Viewer { expires_at: DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(1), ..viewer() };
    assert_eq!(answers.find(&question(renewed, "who")), ADA);
}

#[test]
fn another_body_or_another_claim_is_another_question() {
    let answers = kept();
    let others = [
        question(viewer(), "who "),
        question(Viewer { subject: "u-18".into(), ..viewer() }, "who"),
        question(Viewer { name: None, ..viewer() }, "who"),
        question(Viewer { is_admin: true, ..viewer() }, "who"),
        question(Viewer { memberships: BTreeMap::new(), ..viewer() }, "who"),
        question(Viewer { memberships: BTreeMap::from([("payments".into(), Role::Editor)]), ..viewer() }, "who"),
        question(Viewer { memberships: BTreeMap::from([("shop".into(), Role::Viewer)]), ..viewer() }, "who"),
    ];
    for (number, other) in others.iter().enumerate() {
        assert_eq!(answers.find(other), None, "{number}");
    }
}

#[test]
fn an_answer_of_another_epoch_takes_the_place_of_all() {
    for moved in [
        Epoch { access: 4, content: 8 },
        Epoch { access: 3, content: 9 },
        // The sum is the same.
        Epoch { access: 4, content: 7 },
        // A database that was restored.
        Epoch { access: 2, content: 8 },
    ] {
        let answers = kept();
        answers.keep(moved, question(viewer(), "what"), Bytes::from_static(b"new"));
        assert_eq!(answers.find(&question(viewer(), "who")), None);
        assert_eq!(answers.find(&question(viewer(), "what")), Some((moved, Bytes::from_static(b"new"))));
    }
}

#[test]
fn long_answers_are_not_kept_and_all_are_bounded() {
    let answers = kept();
    answers.keep(EPOCH, question(viewer(), "long"), Bytes::from(vec![0; MAX_ANSWER_BYTES + 1]));
    assert_eq!(answers.find(&question(viewer(), "long")), None);
    for number in 0..1_000 {
        let body = Bytes::from(format!("{number}"));
        let answer = Bytes::from(vec![0; MAX_ANSWER_BYTES]);
        answers.keep(EPOCH, Question::new(Arc::new(viewer()), body), answer);
    }
    let kept = answers.kept.read().unwrap();
    assert!(kept.answers.weight() <= MAX_BYTES && kept.answers.len() > 100, "{}", kept.answers.len());
}
