//! The demo, as `cargo demo -- --once` runs it.

use tests::demo::{self, Options};

#[tokio::test]
async fn every_step_of_the_demo_does_what_it_should() {
    let mut out = Vec::new();
    let walked = demo::run(Options { port: 0, once: true }, &mut out).await;
    let text = String::from_utf8_lossy(&out);
    assert!(walked.is_ok(), "{walked:?}\n{text}");
    assert!(text.contains("steps did what they should"), "{text}");
    assert!(!text.contains("Harbor12345"), "a password is shown");
}
