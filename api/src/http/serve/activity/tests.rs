use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn activity() -> Arc<Activity> {
    Arc::new(Activity::new(Patience { max_connections: 1, head: 10 * SECOND, idle: 75 * SECOND, stall: 30 * SECOND }))
}

/// What is thought of it so many seconds from now.
#[track_caller]
fn check(activity: &Activity, seconds: u32, verdict: Verdict) {
    assert_eq!(activity.judge(Instant::now() + seconds * SECOND, false), verdict, "after {seconds} s");
}

#[test]
fn a_first_request_must_be_begun_and_ended_in_time() {
    let activity = activity();
    check(&activity, 9, Verdict::Well);
    check(&activity, 11, Verdict::Stuck);
    activity.read();
    check(&activity, 11, Verdict::Stuck);
    let _open = activity.begin(Version::HTTP_11);
    check(&activity, 1_000, Verdict::Well);
}

#[test]
fn between_requests_there_is_more_time_than_within_one() {
    let activity = activity();
    drop(activity.begin(Version::HTTP_11));
    check(&activity, 74, Verdict::Well);
    check(&activity, 76, Verdict::Over);
    activity.read();
    check(&activity, 9, Verdict::Well);
    check(&activity, 11, Verdict::Stuck);
}

#[test]
fn frames_of_http2_keep_nothing_alive() {
    let activity = activity();
    drop(activity.begin(Version::HTTP_2));
    activity.read();
    check(&activity, 74, Verdict::Well);
    check(&activity, 76, Verdict::Over);
}

#[test]
fn answers_must_be_taken_at_a_pace() {
    let activity = activity();
    let open = activity.begin(Version::HTTP_11);
    open.owe(1 << 20);
    check(&activity, 29, Verdict::Well);
    check(&activity, 31, Verdict::Over);
    drop(open);
    check(&activity, 31, Verdict::Over);
    // Time is earned by what is written, and never more than there was at first.
    activity.wrote(1 << 19);
    check(&activity, 29, Verdict::Well);
    check(&activity, 31, Verdict::Over);
    activity.wrote(1 << 20);
    check(&activity, 31, Verdict::Well);
    // What is written beyond what is owed counts for nothing later.
    let open = activity.begin(Version::HTTP_11);
    activity.wrote(1 << 20);
    open.owe(1);
    check(&activity, 31, Verdict::Over);
}

#[test]
fn where_others_wait_idle_ones_make_place() {
    let activity = activity();
    let judge = |seconds: u32| activity.judge(Instant::now() + seconds * SECOND, true);
    assert_eq!(judge(2), Verdict::Stuck);
    let open = activity.begin(Version::HTTP_11);
    assert_eq!(judge(1_000), Verdict::Well);
    drop(open);
    assert_eq!((judge(0), judge(2)), (Verdict::Well, Verdict::Over));
}
