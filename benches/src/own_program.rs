//! What the programs with a single subject share: their command line, and what stands around a measurement.

use std::process::ExitCode;

use crate::child::{Result, Server, run};
use crate::figure::Figure;

/// One measurement of a two-node workload, whose other process is ready.
pub struct Task {
    pub bench: String,
    pub count: u64,
    /// Where the other process listens.
    pub address: String,
    /// The id of the other process.
    pub server: u32,
}

/// Does what the command line says: `measure BENCH SUBJECT COUNT`, or `serve` for the other process.
pub fn main<S, M>(serve: impl FnOnce() -> S, measure: impl FnOnce(Task) -> M) -> ExitCode
where
    S: Future<Output = Result<()>> + Send + 'static,
    M: Future<Output = Result<Figure>> + Send + 'static,
{
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match *args.as_slice() {
        ["measure", bench, _, count] => print_figure(bench, count, measure),
        ["serve"] => run(serve()),
        _ => Err("usage: measure BENCH SUBJECT COUNT, or serve".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_figure<M>(bench: &str, count: &str, measure: impl FnOnce(Task) -> M) -> Result<()>
where
    M: Future<Output = Result<Figure>> + Send + 'static,
{
    let (bench, count) = (bench.to_owned(), count.parse()?);
    let other = Server::start_self(&["serve"])?;
    let (address, server) = (other.address(), other.id());
    let figure = run(measure(Task {
        bench,
        count,
        address,
        server,
    }))?;
    println!("{figure}");
    Ok(())
}
