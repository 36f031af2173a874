//! What the run prints: a table for people, or a line of JSON for each row.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::child::Result;
use crate::harness::Row;
use crate::subjects::Subject;
use crate::workload::{Target, Unit, Workload};

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    bench: &'a str,
    subject: &'a str,
    unit: &'a str,
    value: f64,
    runs: &'a [f64],
    /// Medians of what was seen beside the figure.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    beside: BTreeMap<&'a str, f64>,
}

pub fn json(workload: &Workload, rows: &[Row]) -> Result<()> {
    for row in rows {
        let line = Line {
            bench: workload.name,
            subject: row.subject.name(),
            unit: workload.unit.name(),
            value: row.median(),
            runs: &row.runs,
            beside: names(std::slice::from_ref(row))
                .into_iter()
                .filter_map(|name| Some((name, row.median_beside(name)?)))
                .collect(),
        };
        println!("{}", serde_json::to_string(&line)?);
    }
    Ok(())
}

/// What was seen beside the figures of any of the rows.
fn names(rows: &[Row]) -> Vec<&str> {
    let mut names = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.beside) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

pub fn table(workload: &Workload, rows: &[Row]) {
    println!("\n{} ({})", workload.name, workload.unit.name());
    let names = names(rows);
    let heads: String = names.iter().map(|name| format!(" {name:>9}")).collect();
    println!(
        "  {:<15} {:>9} {:>9} {:>9}{heads}  {:>9}  target",
        "subject", "median", "lowest", "highest", "starlings"
    );
    let ours = rows
        .iter()
        .find(|row| row.subject == Subject::Starlings)
        .map(Row::median);
    for row in rows {
        let line = [
            row.median(),
            row.runs.iter().copied().fold(f64::INFINITY, f64::min),
            row.runs.iter().copied().fold(0.0, f64::max),
        ];
        let [median, lowest, highest] = line.map(|value| figure(workload.unit, value));
        let name = row.subject.name();
        let verdict = ours.map_or_else(String::new, |ours| verdict(workload, row, ours));
        let beside = names.iter().map(|name| {
            let value = row.median_beside(name);
            let shown = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
            format!(" {shown:>width$}", width = name.len().max(9))
        });
        let beside: String = beside.collect();
        let shown = format!("  {name:<15} {median:>9} {lowest:>9} {highest:>9}{beside}  {verdict}");
        println!("{}", shown.trim_end());
    }
}

/// How Starlings stands to this row, and to the target that names it.
fn verdict(workload: &Workload, row: &Row, ours: f64) -> String {
    let is_ours = row.subject == Subject::Starlings;
    let ratio = ours / row.median();
    let shown = if is_ours {
        String::new()
    } else {
        format!("{ratio:.2} x")
    };
    let targets = workload.targets.iter().filter_map(|target| match target {
        Target::Times(subject, times) if *subject == row.subject => {
            Some((format!("at least {times} x"), ratio >= *times))
        }
        Target::AtMostTimes(subject, times) if *subject == row.subject => {
            Some((format!("at most {times:.2} x"), ratio <= *times))
        }
        Target::AtMost(most) if is_ours => Some((
            format!("at most {}", figure(workload.unit, *most)),
            ours <= *most,
        )),
        Target::Times(..) | Target::AtMostTimes(..) | Target::AtMost(_) => None,
    });
    let targets: Vec<_> = targets
        .map(|(target, met)| format!("{target}: {}", if met { "met" } else { "short" }))
        .collect();
    format!("{shown:>9}  {}", targets.join(", "))
        .trim_end()
        .to_owned()
}

fn figure(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Seconds => format!("{value:.4} s"),
        Unit::CpuMicros => format!("{value:.3} us"),
        Unit::Ratio => format!("{value:.2}"),
        Unit::BytesPerSecond => format!("{:.1} MB/s", value / 1e6),
        Unit::PerSecond if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
        Unit::PerSecond => format!("{:.1} k/s", value / 1e3),
    }
}
