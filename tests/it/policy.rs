//! R1 and R2 as one reviewed file, `policy/matrix.txt`: each field of each kind of thing, each question and each mutation,
//! and what each kind of viewer gets.
//!
//! The fields come from `schema.graphql`: one without a row fails, and so does a row that is not as it was reviewed. Beside
//! what stands in the file, no answer may name what is another tenant's, and what is hidden reads like what never was.

mod graph;
mod permission;
mod rows;
mod scene;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use tests::gateway::Reply;

use self::graph::{Field, Graph};
use self::rows::{ACTS, CALLS, PAYLOADS_SPEAK_OF, SUBJECTS};
use self::scene::{Asker, Scene};

/// What is reviewed.
const REVIEWED: &str = include_str!("policy/matrix.txt");

/// Where a document has the fields that are asked about.
const PLACE: &str = "@";

#[tokio::test]
async fn every_viewer_gets_what_the_matrix_says() {
    let graph = Graph::read();
    every_field_has_a_row(&graph);
    let scene = Scene::start().await;
    let mut matrix = Matrix::default();
    for (ty, subject, document) in SUBJECTS {
        matrix.begin(&format!("{ty}: {subject}"));
        let fields = graph.fields(ty);
        for asker in &scene.askers {
            let cells = scene.read(asker, document, &fields).await;
            matrix.column(&fields, cells);
        }
    }
    for (field, label, document) in CALLS {
        matrix.begin(&format!("Query.{field}"));
        for asker in &scene.askers {
            let reply = scene.ask(asker, document).await;
            matrix.cell(label, summary(&reply, "it"));
        }
    }
    for (field, label, input) in ACTS {
        matrix.begin(&format!("Mutation.{field}"));
        let document = graph.mutation(field);
        for asker in &scene.askers {
            let reply = scene.act(asker, &document, input).await;
            matrix.cell(label, verdict(field, &reply));
        }
    }
    matrix.compare(&scene.askers);
}

/// A field without a row would be a field that nobody has thought about.
fn every_field_has_a_row(graph: &Graph) {
    let mut missing = Vec::new();
    for ty in graph.objects() {
        match ty {
            "Query" => missing.extend(graph.names(ty).filter(|field| !CALLS.iter().any(|(name, ..)| name == field))),
            "Mutation" => missing.extend(graph.names(ty).filter(|field| !ACTS.iter().any(|(name, ..)| name == field))),
            // What is told as it happens is of one viewer at a time: `subscription.rs` asks for it.
            "Subscription" | "ImageEvent" => {}
            _ if ty.ends_with("Payload") => {
                let unknown = |field: &&str| !PAYLOADS_SPEAK_OF.contains(field);
                missing.extend(graph.names(ty).filter(unknown));
            }
            _ if SUBJECTS.iter().any(|(name, ..)| *name == ty) => {}
            _ => missing.push(ty),
        }
    }
    assert!(missing.is_empty(), "no row of the matrix asks about these: {missing:?}");
}

/// The file as it is written now.
#[derive(Default)]
struct Matrix {
    sections: Vec<(String, Vec<Row>)>,
}

/// What is asked about, and what each viewer gets.
struct Row {
    name: String,
    cells: Vec<String>,
}

impl Matrix {
    /// Rows of one head stand together.
    fn begin(&mut self, head: &str) {
        if self.sections.last().is_none_or(|(last, _)| last != head) {
            self.sections.push((head.to_owned(), Vec::new()));
        }
    }

    fn column(&mut self, fields: &[Field], cells: Vec<String>) {
        for (field, cell) in fields.iter().zip(cells) {
            self.cell(&field.name, cell);
        }
    }

    fn cell(&mut self, name: &str, cell: String) {
        let (_, rows) = self.sections.last_mut().expect("a section was begun");
        match rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.cells.push(cell),
            None => rows.push(Row { name: name.to_owned(), cells: vec![cell] }),
        }
    }

    fn compare(&self, askers: &[Asker]) {
        let mut text = String::new();
        let mut line = |name: &str, cells: &[&str]| {
            let cells: String = cells.iter().map(|cell| format!(" {cell:<12}")).collect();
            let _ = writeln!(text, "{}", format!("{name:<36}{cells}").trim_end());
        };
        let head: Vec<&str> = askers.iter().map(|asker| asker.name).collect();
        let mut n_cells = 0;
        for (section, rows) in &self.sections {
            line("", &[]);
            line(section, &[]);
            line("", &head);
            for row in rows {
                assert_eq!(row.cells.len(), head.len(), "{section}, {}: each viewer is asked once", row.name);
                n_cells += row.cells.len();
                line(&format!("  {}", row.name), &row.cells.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
        let text = format!("{n_cells} cells, all of them tested.\n{text}");
        if text == REVIEWED {
            return;
        }
        let written = std::env::temp_dir().join("fairway-matrix.txt");
        std::fs::write(&written, &text).expect("a temporary file can be written");
        let reviewed: Vec<&str> = REVIEWED.lines().collect();
        let differs: Vec<&str> = text.lines().filter(|line| !reviewed.contains(line)).take(40).collect();
        panic!(
            "the matrix is not as it was reviewed; it stands in {}, and policy/matrix.txt is where it belongs if it is \
             right. New are:\n{}",
            written.display(),
            differs.join("\n")
        );
    }
}

/// What came of a question, in a word: a code, or what stands at each place of this name.
fn summary(reply: &Reply, name: &str) -> String {
    if let Some(code) = reply.code() {
        return short(code);
    }
    let mut found = Vec::new();
    collect(reply.body(), name, &mut found);
    let words: Vec<String> = found.into_iter().map(|value| word(name, value)).collect();
    match words.as_slice() {
        [] => "·".to_owned(),
        [word] => word.clone(),
        _ => {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for word in &words {
                *counts.entry(word).or_default() += 1;
            }
            counts.iter().map(|(word, count)| format!("{count}×{word}")).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Everything that stands at a place of this name.
fn collect<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == name {
                    found.push(value);
                } else {
                    collect(value, name, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        _ => {}
    }
}

fn word(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) => {
            format!("[{}]", items.iter().filter(|item| !item.is_null()).count())
        }
        Value::Object(fields) => match fields.get("totalCount") {
            Some(count) => format!("[{count}]"),
            None => "seen".to_owned(),
        },
        // These differ from run to run, or may.
        Value::Number(_) if ["latencyMs", "size", "storageUsed"].contains(&name) => "seen".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "seen".to_owned(),
    }
}

/// What came of an act.
fn verdict(field: &str, reply: &Reply) -> String {
    match reply.code() {
        Some("INTERNAL_SERVER_ERROR" | "GRAPHQL_VALIDATION_FAILED" | "GRAPHQL_PARSE_FAILED" | "BAD_USER_INPUT") => {
            panic!("{field} is not asked right: {}", reply.text)
        }
        Some(code @ ("FORBIDDEN" | "NOT_FOUND" | "UNAUTHENTICATED")) => short(code),
        // Done, or refused for another reason than who asks.
        _ => "may".to_owned(),
    }
}

fn short(code: &str) -> String {
    match code {
        "FORBIDDEN" => "forbidden".to_owned(),
        "NOT_FOUND" => "not found".to_owned(),
        "UNAUTHENTICATED" => "401".to_owned(),
        _ => code.to_lowercase(),
    }
}

impl Scene {
    /// The cells of one column of a thing's section.
    async fn read(&self, asker: &Asker, document: &str, fields: &[Field]) -> Vec<String> {
        let all: String = fields.iter().map(|field| format!("{}: {} ", field.name, field.document)).collect();
        let reply = self.ask(asker, &document.replace(PLACE, &all)).await;
        let mut cells = Vec::new();
        for field in fields {
            // An error takes others with it: then each is asked about by itself.
            let alone;
            let reply = match reply.errors() {
                [] => &reply,
                _ => {
                    let one = document.replace(PLACE, &format!("{}: {}", field.name, field.document));
                    alone = self.ask(asker, &one).await;
                    &alone
                }
            };
            cells.push(summary(reply, &field.name));
        }
        cells
    }

    /// Asks, and sees to it that nothing is given away.
    async fn ask(&self, asker: &Asker, document: &str) -> Reply {
        let reply = self.query(asker, document, json!({})).await;
        if asker.sees_nothing_of_teal() && self.is_about_teal_by_id(document) {
            self.reads_like_a_ghost(asker, document, json!({}), &reply).await;
        }
        reply
    }

    async fn act(&self, asker: &Asker, document: &str, input: &str) -> Reply {
        let variables = |input: String| {
            let input: Value = serde_json::from_str(&input).unwrap_or_else(|error| panic!("{input}: {error}"));
            json!({ "input": input })
        };
        let reply = self.query(asker, document, variables(self.fill(input))).await;
        if asker.sees_nothing_of_teal() && self.is_about_teal_by_id(input) {
            let ghost = asker.client.query(document, variables(self.fill_with_ghosts(input))).await;
            assert_alike(asker, input, &reply, &ghost);
        }
        reply
    }

    async fn query(&self, asker: &Asker, document: &str, variables: Value) -> Reply {
        let document = self.fill(document);
        let reply = asker.client.query(&document, variables.clone()).await;
        let asked = format!("{document}{variables}");
        for word in self.hidden_words(asker) {
            let is_leaked = reply.text.contains(word) && !asked.contains(word);
            assert!(!is_leaked, "`{word}` is told to {}, who asked {asked}: {}", asker.name, reply.text);
        }
        reply
    }

    /// What is asked about a thing that is hidden comes to the same as about one that never was, to the letter.
    async fn reads_like_a_ghost(&self, asker: &Asker, document: &str, variables: Value, reply: &Reply) {
        let ghost = asker.client.query(&self.fill_with_ghosts(document), variables).await;
        assert_alike(asker, document, reply, &ghost);
    }
}

#[track_caller]
fn assert_alike(asker: &Asker, asked: &str, hidden: &Reply, ghost: &Reply) {
    let timeless = |reply: &Reply| {
        let mut body = reply.body().clone();
        strip(&mut body);
        (reply.status, body)
    };
    assert_eq!(timeless(hidden), timeless(ghost), "{}, asking {asked}", asker.name);
}

/// Takes out what differs between any two answers.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["requestId", "asOf", "checkedAt", "latencyMs"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
