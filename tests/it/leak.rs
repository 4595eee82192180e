//! No secret leaves: not in the database, the log, an answer, the metrics or the graph, whatever is done with it.
//!
//! A program of its own is given secrets that occur nowhere else, is made to use each of them, rightly and wrongly, and then
//! everything that it has left behind is searched for them, in clear and as they are usually written. So that a search
//! which finds nothing means something, each place is also searched for what must be there.

mod places;
mod scene;
mod walk;

use tests::program;

use self::{
    places::{Places, written},
    scene::Scene,
};

/// Occurs in a description, as a request's id and in a document; nothing about it is secret.
const MARKER: &str = "marker-7f1c0d9e";

#[test]
fn a_secret_is_found_however_it_is_written() {
    let secret = "p@ss/w0rd+of=a&canary";
    for (what, text) in [
        ("clear", "Authorization: p@ss/w0rd+of=a&canary."),
        ("base64", "cEBzcy93MHJkK29mPWEmY2FuYXJ5"),
        // `user:` and the secret, and two more letters before it.
        ("base64 of an account", "Basic dXNlcjpwQHNzL3cwcmQrb2Y9YSZjYW5hcnk="),
        ("base64 one further", "eHVzZXI6cEBzcy93MHJkK29mPWEmY2FuYXJ5"),
        ("base64 two further", "eHh1c2VyOnBAc3MvdzByZCtvZj1hJmNhbmFyeQ"),
        ("an address", "/?password=p%40ss%2Fw0rd%2Bof%3Da%26canary&"),
        ("an address, in small letters", "p%40ss%2fw0rd%2bof%3da%26canary"),
        ("hex", "7040 704073732f773072642b6f663d612663616e617279"),
        ("hex, in capitals", "704073732F773072642B6F663D612663616E617279"),
    ] {
        assert!(written(secret).iter().any(|form| text.contains(form.as_str())), "{what}: {text}");
    }
    for text in ["p@ss/w0rd", "cEBzcy93MHJk", "p%40ss%2Fw0rd%2Bof%3D"] {
        assert!(!written(secret).iter().any(|form| text.contains(form.as_str())), "{text}");
    }
}

#[tokio::test]
async fn no_secret_leaves() {
    let mut places = Places::default();
    let scene = Scene::begin().await;
    let secrets = scene.play(&mut places).await;
    let log = scene.end(&mut places).await;
    places.note("log", &log);

    for place in ["database", "log", "answers", "graph"] {
        assert!(places.holds(place, MARKER), "the marker is not in the {place}: the search is broken");
    }
    assert!(places.holds("metrics", "fairway_"), "the metrics are not there: the search is broken");
    assert!(places.holds("graph", "integrateRegistry"), "the schema was not read");
    // At `trace`, as nobody runs it: whatever anybody might ever log is there.
    assert!(places.holds("log", "\"level\":\"TRACE\""), "the log is not complete");
    assert!(secrets.len() >= 16, "{}", secrets.len());
    let found: Vec<String> = secrets.iter().flat_map(|(name, secret)| places.search(name, secret)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_password_of_a_database_leaves() {
    const PASSWORD: &str = "dbpw-2c41f0aa97e3";
    let run = |url: &str, command: &[&str]| {
        let url = url.replace("PASSWORD", PASSWORD);
        let environment = [
            ("FAIRWAY_DATABASE_URL", url.as_str()),
            ("FAIRWAY_JWT_SECRET", scene::JWT_SECRET),
            ("FAIRWAY_ENCRYPTION_KEY", scene::ENCRYPTION_KEY),
            ("FAIRWAY_LOG", "trace"),
        ];
        let output = program::run(command, &environment);
        assert!(!output.status.success(), "nobody answers there");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("cannot use the database"), "{said}");
        for form in written(PASSWORD) {
            assert!(!said.contains(&form), "the password is shown:\n{said}");
        }
    };
    // Each is as patient as a database that starts may need it.
    std::thread::scope(|threads| {
        for url in ["postgres://fairway:PASSWORD@127.0.0.1:1/fairway", "mysql://fairway:PASSWORD@127.0.0.1:1/fairway"] {
            for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate", "status"], &["rotate-keys"]] {
                threads.spawn(move || run(url, command));
            }
        }
    });
}
