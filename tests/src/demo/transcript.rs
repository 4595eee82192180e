//! How the demo looks on a terminal: numbered steps, indented GraphQL, plain tables. No colours, so that it can be piped.

use std::io::{self, Write};

use serde_json::Value;

const INDENT: &str = "      ";

pub(super) struct Transcript<'a> {
    out: &'a mut dyn Write,
    steps: usize,
    /// The document shown last, which is not shown twice in a row.
    last: String,
}

impl<'a> Transcript<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, steps: 0, last: String::new() }
    }

    pub(super) fn title(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{text}\n{}\n", "─".repeat(text.chars().count()))
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Names and values, one a line.
    pub(super) fn facts(&mut self, facts: &[(&str, &str)]) -> io::Result<()> {
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in facts {
            writeln!(self.out, "  {name:width$}  {value}")?;
        }
        writeln!(self.out)
    }

    /// Begins a step.
    pub(super) fn step(&mut self, who: &str, what: &str) -> io::Result<()> {
        self.steps += 1;
        writeln!(self.out, "{:>3}.  {what}  ({who})", self.steps)
    }

    /// How many steps were begun.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// A document as it was sent, without the indentation that it has in the source. One that was just shown is named.
    pub(super) fn document(&mut self, document: &str, variables: &Value) -> io::Result<()> {
        if self.last == document {
            writeln!(self.out, "{INDENT}# the same document")?;
            return self.variables(variables);
        }
        document.clone_into(&mut self.last);
        let lines: Vec<&str> = document.trim_start_matches('\n').trim_end().lines().collect();
        let shared = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| leading_spaces(line)).min();
        for line in &lines {
            writeln!(self.out, "{INDENT}{}", line.get(shared.unwrap_or_default()..).unwrap_or_default().trim_end())?;
        }
        self.variables(variables)
    }

    fn variables(&mut self, variables: &Value) -> io::Result<()> {
        let shown = without_secrets(variables);
        if shown.as_object().is_some_and(|variables| !variables.is_empty()) {
            writeln!(self.out, "{INDENT}# {shown}")?;
        }
        Ok(())
    }

    /// What is done beside the graph.
    pub(super) fn command(&mut self, command: &str) -> io::Result<()> {
        writeln!(self.out, "{INDENT}$ {command}")
    }

    /// What came of a step.
    pub(super) fn outcome(&mut self, outcome: &str) -> io::Result<()> {
        writeln!(self.out, "{INDENT}→ {outcome}\n")
    }

    /// A table with a rule below its head.
    pub(super) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([head[column].chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let rule = widths.iter().map(|width| "─".repeat(*width)).collect();
        let head = head.iter().map(|&cell| cell.to_owned()).collect();
        for row in [&head, &rule].into_iter().chain(rows) {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(self.out, "{INDENT}{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn leading_spaces(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Variables as they may be shown: a password is three dots.
fn without_secrets(variables: &Value) -> Value {
    match variables {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| {
                    let value = if name == "password" { Value::from("…") } else { without_secrets(value) };
                    (name.clone(), value)
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(write: impl FnOnce(&mut Transcript<'_>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut Transcript::new(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_is_as_wide_as_its_widest_cell() {
        let rows = [vec!["a/b".to_owned(), "PUBLIC".to_owned()], vec!["a/long-name".to_owned(), "BOUND".to_owned()]];
        let text = written(|transcript| transcript.table(&["reference", "via"], &rows));
        assert_eq!(
            text,
            "      reference    via\n      ───────────  ──────\n      a/b          PUBLIC\n      a/long-name  BOUND\n"
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let variables = json!({ "input": { "username": "admin", "password": "Harbor12345" } });
        let text = written(|transcript| transcript.document("{ a }", &variables));
        assert!(!text.contains("Harbor12345"), "{text}");
        assert!(text.contains("admin"), "{text}");
    }

    #[test]
    fn a_document_loses_the_indentation_of_the_source() {
        let text = written(|transcript| transcript.document("\n    {\n      a\n    }\n    ", &json!({})));
        assert_eq!(text, "      {\n        a\n      }\n");
    }
}
