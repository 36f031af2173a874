//! Rounds of measurements, each in a fresh process: subjects take turns, so that what else the
//! machine does falls on all of them alike, and in another order each round.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::child::Result;
use crate::figure::Figure;
use crate::subjects::{Subject, erlang, program};
use crate::workload::Workload;

const ROUNDS: usize = 5;
const ROUNDS_QUICK: usize = 3;

/// A measurement that takes longer is killed and counts as failed. Far above any seen.
const MEASUREMENT_MAX: Duration = Duration::from_secs(120);

/// How often the end of a measurement is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What one subject reached in one workload.
pub struct Row {
    pub subject: Subject,
    pub runs: Vec<f64>,
    /// What was seen beside the figure in all rounds, by name.
    pub beside: Vec<(String, Vec<f64>)>,
    has_failed: bool,
}

impl Row {
    pub fn median(&self) -> f64 {
        median(&self.runs)
    }

    /// The median of what was seen beside the figure under this name.
    pub fn median_beside(&self, name: &str) -> Option<f64> {
        let (_, runs) = self.beside.iter().find(|(known, _)| known == name)?;
        Some(median(runs))
    }

    fn add(&mut self, figure: Figure) {
        self.runs.push(figure.value);
        for (name, value) in figure.beside {
            match self.beside.iter_mut().find(|(known, _)| *known == name) {
                Some((_, runs)) => runs.push(value),
                None => self.beside.push((name, vec![value])),
            }
        }
    }
}

fn median(runs: &[f64]) -> f64 {
    let mut runs = runs.to_vec();
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or(f64::NAN)
}

pub struct Harness {
    quick: bool,
    left_out: Vec<Subject>,
    /// Of the subjects that have one of their own.
    programs: Vec<(Subject, PathBuf)>,
    failures: usize,
}

impl Harness {
    /// Finds out which subjects this machine can run, and says which it cannot.
    pub fn prepare(quick: bool, selected: &[&Workload]) -> Result<Self> {
        let wanted = |subject: &Subject| {
            selected
                .iter()
                .any(|workload| workload.subjects.contains(subject))
        };
        let mut harness = Self {
            quick,
            left_out: Vec::new(),
            programs: Vec::new(),
            failures: 0,
        };
        if wanted(&Subject::Erlang) && !erlang::is_installed() {
            harness.leave_out(Subject::Erlang, "there is no `erl` on the PATH");
        }
        for subject in program::SUBJECTS.into_iter().filter(wanted) {
            match program::build(subject) {
                Ok(program) => harness.programs.push((subject, program)),
                Err(error) => harness.leave_out(subject, &error.to_string()),
            }
        }
        Ok(harness)
    }

    fn leave_out(&mut self, subject: Subject, why: &str) {
        eprintln!("the rows of {} are left out: {why}", subject.name());
        self.left_out.push(subject);
    }

    /// Measurements that failed so far.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// All rounds of one workload. A subject that fails is not asked again.
    pub fn run(&mut self, workload: &Workload) -> Vec<Row> {
        let subjects = workload
            .subjects
            .iter()
            .filter(|subject| !self.left_out.contains(subject));
        let mut rows: Vec<Row> = subjects
            .map(|subject| Row {
                subject: *subject,
                runs: Vec::new(),
                beside: Vec::new(),
                has_failed: false,
            })
            .collect();
        let rounds = if self.quick { ROUNDS_QUICK } else { ROUNDS };
        for stride in strides(rows.len()).take(rounds) {
            for turn in 0..rows.len() {
                let at = turn * stride % rows.len();
                let subject = rows[at].subject;
                if rows[at].has_failed {
                    continue;
                }
                match self.measure(workload, subject) {
                    Ok(figure) => rows[at].add(figure),
                    Err(error) => {
                        eprintln!("{} of {} failed: {error}", workload.name, subject.name());
                        rows[at].has_failed = true;
                        self.failures += 1;
                    }
                }
            }
        }
        rows.retain(|row| !row.has_failed);
        rows
    }

    fn measure(&self, workload: &Workload, subject: Subject) -> Result<Figure> {
        let own = self.programs.iter().find(|(of, _)| *of == subject);
        let program = match own {
            Some((_, program)) => program.clone(),
            None => std::env::current_exe()?,
        };
        let count = workload.count(subject, self.quick).to_string();
        let mut command = Command::new(program);
        command.args(["measure", workload.name, subject.name(), &count]);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        wait(&mut child)?;
        let mut printed = String::new();
        child
            .stdout
            .take()
            .ok_or("no standard output")?
            .read_to_string(&mut printed)?;
        Figure::parse(&printed)
    }
}

/// Each round goes through the subjects in steps of another length, so that each comes after another one:
/// whoever follows one that kept the machine busy for seconds finds it slower.
fn strides(subjects: usize) -> impl Iterator<Item = usize> {
    let visits_all =
        move |stride: &usize| (1..subjects).all(|turn| !(turn * stride).is_multiple_of(subjects));
    (1..=subjects).filter(visits_all).cycle()
}

fn wait(child: &mut Child) -> Result<()> {
    let start = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(status.to_string().into()),
            None if start.elapsed() < MEASUREMENT_MAX => thread::sleep(LOOK_EVERY),
            None => break,
        }
    }
    child.kill()?;
    child.wait()?;
    Err(format!("no result within {MEASUREMENT_MAX:?}").into())
}
