//! How it looks on a terminal: for each kind of work a table of what was measured, and one of what must be reached.

use std::io::{self, Write};

use super::measure::Measured;

const MIB: f64 = 1024.0 * 1024.0;

/// The report of one run.
pub(super) struct Report<'a> {
    out: &'a mut dyn Write,
    n_held: usize,
    n_missed: usize,
    n_unknown: usize,
}

/// Something that must be reached, and whether it was.
pub(super) struct Verdict {
    what: String,
    measured: String,
    limit: String,
    /// None where it cannot be told.
    holds: Option<bool>,
}

impl Verdict {
    /// Must not exceed the limit.
    pub(super) fn at_most(what: &str, measured: Option<f64>, limit: f64, unit: &str) -> Self {
        Self {
            what: what.to_owned(),
            measured: measured.map_or("n/a".to_owned(), |measured| format!("{} {unit}", number(measured))),
            limit: format!("≤ {} {unit}", number(limit)),
            holds: measured.map(|measured| measured <= limit),
        }
    }

    /// Must be exactly this.
    pub(super) fn exactly<T: PartialEq + ToString>(what: &str, measured: &T, wanted: &T) -> Self {
        Self {
            what: what.to_owned(),
            measured: measured.to_string(),
            limit: format!("= {}", wanted.to_string()),
            holds: Some(measured == wanted),
        }
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, n_held: 0, n_missed: 0, n_unknown: 0 }
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Begins a kind of work.
    pub(super) fn title(&mut self, text: &str) -> io::Result<()> {
        self.text(&format!("\n{text}\n{}\n", "─".repeat(text.chars().count())))
    }

    /// A step that takes its time.
    pub(super) fn step(&mut self, text: &str) -> io::Result<()> {
        self.text(&format!("  {text}"))
    }

    /// What was measured, a row each.
    pub(super) fn measured(&mut self, rows: &[(&str, &Measured)]) -> io::Result<()> {
        let head = ["", "requests/s", "p50 ms", "p99 ms", "CPU ms", "RSS MiB", "SQL", "upstream", "reused %"];
        let rows = rows.iter().map(|(name, measured)| {
            let rss = measured.after.map(|usage| usage.rss_bytes as f64 / MIB);
            let values = [
                Some(measured.outcome.per_second().round()),
                measured.latency_ms(0.5),
                measured.latency_ms(0.99),
                measured.cpu_ms(),
                rss.map(f64::round),
                measured.statements(),
                measured.upstream(),
                measured.reused_percent(),
            ];
            let values = values.map(|value| value.map_or("n/a".to_owned(), number));
            [(*name).to_owned()].into_iter().chain(values).collect()
        });
        self.text("")?;
        let rows: Vec<Vec<String>> = rows.collect();
        self.table(&head, &rows)
    }

    /// What must be reached, a row each.
    pub(super) fn verdicts(&mut self, verdicts: Vec<Verdict>) -> io::Result<()> {
        self.text("")?;
        let count = |holds| verdicts.iter().filter(|verdict| verdict.holds == holds).count();
        self.n_held += count(Some(true));
        self.n_missed += count(Some(false));
        self.n_unknown += count(None);
        let rows: Vec<Vec<String>> = verdicts
            .into_iter()
            .map(|Verdict { what, measured, limit, holds }| {
                let verdict = match holds {
                    Some(true) => "PASS",
                    Some(false) => "FAIL",
                    None => "n/a",
                };
                vec![what, measured, limit, verdict.to_owned()]
            })
            .collect();
        self.table(&["must be reached", "measured", "limit", ""], &rows)
    }

    /// Work that could not be measured counts as missed.
    pub(super) fn note_failure(&mut self, work: &str, done: anyhow::Result<()>) -> anyhow::Result<()> {
        if let Err(error) = done {
            self.n_missed += 1;
            self.step(&format!("FAIL: `{work}` could not be measured: {error:#}"))?;
        }
        Ok(())
    }

    /// Ends the report; says whether everything was reached that could be told.
    pub(super) fn end(self) -> anyhow::Result<bool> {
        let Self { out, n_held, n_missed, n_unknown } = self;
        writeln!(out, "\n{n_held} reached, {n_missed} missed, {n_unknown} not to be told")?;
        Ok(n_missed == 0)
    }

    /// The first column to the left, the others to the right.
    fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([head[column].chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let rule = widths.iter().map(|width| "─".repeat(*width)).collect();
        let head = head.iter().map(|&cell| cell.to_owned()).collect();
        for row in [&head, &rule].into_iter().chain(rows) {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let cell = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
                line.push_str(&cell);
            }
            writeln!(self.out, "  {}", line.trim_end())?;
        }
        self.out.flush()
    }
}

/// Three significant digits, and no more than tell something.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1_000.0 {
        return format!("{value:.0}");
    }
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_ends_well_when_nothing_was_missed() {
        let verdicts = |limit| {
            vec![Verdict::at_most("CPU a request", Some(0.2), limit, "ms"), Verdict::at_most("SQL", None, 1.0, "")]
        };
        for (limit, ends_well) in [(0.25, true), (0.1, false)] {
            let mut out = Vec::new();
            let mut report = Report::new(&mut out);
            report.verdicts(verdicts(limit)).unwrap();
            assert_eq!(report.end().unwrap(), ends_well);
        }
    }

    #[test]
    fn a_number_has_three_significant_digits() {
        let numbers = [0.0, 0.0237, 1.5, 12.25, 123.4, 5_000.7].map(number);
        assert_eq!(numbers, ["0", "0.024", "1.50", "12.2", "123", "5001"]);
    }
}
