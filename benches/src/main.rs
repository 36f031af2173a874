//! Benchmarks of Starlings beside other actor systems and the bare limit, in turn within one run.
//!
//! Without a command it runs them all. `measure` and `serve` are for the processes it starts.

mod child;
mod cost;
mod figure;
mod harness;
mod report;
mod subjects;
mod under_bulk;
mod workload;

use std::process::ExitCode;

use harness::Harness;
use subjects::Subject;
use workload::{WORKLOADS, Workload};

const USAGE: &str = "usage: starlings-benches [--only NAME] [--json] [--quick]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match *args.as_slice() {
        ["measure", bench, subject, count] => measure(bench, subject, count).map(|()| true),
        ["serve", subject] => serve(subject).map(|()| true),
        _ => Options::parse(&args).and_then(|options| run(&options)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    only: Option<String>,
    json: bool,
    quick: bool,
}

impl Options {
    fn parse(args: &[&str]) -> child::Result<Self> {
        let mut options = Self {
            only: None,
            json: false,
            quick: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--only" => options.only = Some(args.next().ok_or(USAGE)?.to_string()),
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    fn selected(&self) -> Vec<&'static Workload> {
        let wanted = |name: &str| self.only.as_deref().is_none_or(|only| only == name);
        WORKLOADS
            .iter()
            .filter(|workload| wanted(workload.row) || wanted(workload.name))
            .collect()
    }
}

/// Runs the selected workloads; `false` if a measurement failed.
fn run(options: &Options) -> child::Result<bool> {
    let selected = options.selected();
    if selected.is_empty() {
        let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        return Err(format!("no such workload; there are: {}", names.join(", ")).into());
    }
    let mut harness = Harness::prepare(options.quick, &selected)?;
    for workload in selected {
        let rows = harness.run(workload);
        if options.json {
            report::json(workload, &rows)?;
        } else {
            report::table(workload, &rows);
        }
    }
    Ok(harness.failures() == 0)
}

fn measure(bench: &str, subject: &str, count: &str) -> child::Result<()> {
    let workload = WORKLOADS
        .iter()
        .find(|workload| workload.name == bench)
        .ok_or(USAGE)?;
    let figure = Subject::parse(subject)
        .ok_or(USAGE)?
        .measure(workload.bench, count.parse()?)?;
    println!("{figure}");
    Ok(())
}

fn serve(subject: &str) -> child::Result<()> {
    Subject::parse(subject).ok_or(USAGE)?.serve()
}
