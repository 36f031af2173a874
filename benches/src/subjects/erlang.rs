//! Erlang/OTP, if it is installed. What it does stands in `erlang/`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::child::{Result, Server, WORKERS, check};
use crate::cost::Meter;
use crate::figure::Figure;
use crate::workload::{Bench, WORKLOADS};

const SOURCES: [&str; 6] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/bench.erl"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/bench_bulk.erl"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/bench_child.erl"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/bench_monitors.erl"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/bench_supervision.erl"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/bench_timers.erl"),
];
const COOKIE: &str = "benches";

pub fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("erl").is_file())
}

pub fn measure(bench: Bench, count: u64) -> Result<Figure> {
    let workload = WORKLOADS.iter().find(|workload| workload.bench == bench);
    let name = workload.ok_or("not a workload")?.name;
    let code = Code::compile()?;
    let run = format!("bench:run({name}, {count}).");
    if !bench.is_remote() {
        let mut erl = erl(&code.folder);
        if bench == Bench::TimersFire {
            // What is measured is processor time: schedulers must not wait for work by spinning.
            erl.args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]);
        }
        return figure(erl.args(["-eval", &run]));
    }
    let epmd = Epmd::start()?;
    let mut serving = epmd.node(&code.folder, "server@localhost");
    let mut server = Server::start(serving.args(["-eval", "bench:serve()."]))?;
    let mut client = epmd.node(&code.folder, "client@localhost");
    client.args(["-eval", &run]);
    if bench == Bench::MonitorStorm {
        return Ok(seconds_since_kill(&mut client, &mut server)?.into());
    }
    if bench == Bench::LatencyUnderBulk {
        return figure(&mut client);
    }
    metered(&mut client, &server, count)
}

/// The client says when it is ready and when it is done, and waits for an answer each time, so that
/// its costs can be read from outside.
fn metered(client: &mut Command, server: &Server, count: u64) -> Result<Figure> {
    let client = client.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = client.spawn()?;
    let mut stdin = client.stdin.take().ok_or("no standard input")?;
    let mut stdout = BufReader::new(client.stdout.take().ok_or("no standard output")?);
    let mut printed = String::new();
    stdout.read_line(&mut printed)?;
    check("the first line", printed.trim(), "ready")?;
    let meter = Meter::start_of(client.id(), server.id())?;
    stdin.write_all(b"go\n")?;
    printed.clear();
    stdout.read_line(&mut printed)?;
    let figure = meter.stop(Figure::parse(&printed)?, count)?;
    drop(stdin);
    let status = client.wait()?;
    if !status.success() {
        return Err(format!("erl ended with {status}").into());
    }
    Ok(figure)
}

/// Kills the server once the client says that all monitors are there. The client then prints when
/// the last of them ended, by the clock of the machine: a kill by the client itself would first
/// have to start a program.
fn seconds_since_kill(client: &mut Command, server: &mut Server) -> Result<f64> {
    let client = client.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut client = client.spawn()?;
    let mut stdout = BufReader::new(client.stdout.take().ok_or("no standard output")?);
    let mut printed = String::new();
    stdout.read_line(&mut printed)?;
    let killed = SystemTime::now().duration_since(UNIX_EPOCH)?;
    server.kill()?;
    stdout.read_to_string(&mut printed)?;
    let status = client.wait()?;
    if !status.success() {
        return Err(format!("erl ended with {status}").into());
    }
    let ended = printed
        .strip_prefix("watching\n")
        .ok_or("the client did not watch")?;
    Ok(ended.trim().parse::<f64>()? / 1e6 - killed.as_secs_f64())
}

fn erl(code: &Path) -> Command {
    let mut erl = Command::new("erl");
    erl.arg("-noshell")
        .arg("-pa")
        .arg(code)
        .arg("+S")
        .arg(format!("{WORKERS}:{WORKERS}"));
    erl
}

fn figure(erl: &mut Command) -> Result<Figure> {
    let output = erl.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("erl ended with {}", output.status).into());
    }
    Figure::parse(&String::from_utf8(output.stdout)?)
}

/// The compiled module, in a folder that goes when this does.
struct Code {
    folder: PathBuf,
}

impl Code {
    fn compile() -> Result<Self> {
        let folder = format!("starlings-benches-{}", std::process::id());
        let code = Self {
            folder: std::env::temp_dir().join(folder),
        };
        std::fs::create_dir_all(&code.folder)?;
        let status = Command::new("erlc")
            .arg("-o")
            .arg(&code.folder)
            .args(SOURCES)
            .status()?;
        if !status.success() {
            return Err(format!("erlc ended with {status}").into());
        }
        Ok(code)
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // What is left of it lies among the temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port mapper of our own, so that the nodes meet no others and leave nothing running.
struct Epmd {
    daemon: Child,
    port: String,
}

impl Epmd {
    fn start() -> Result<Self> {
        // The port is free again when the listener is dropped, and seldom taken at once.
        let port = TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port()
            .to_string();
        let mut epmd = Command::new("epmd");
        epmd.args(["-address", "127.0.0.1", "-port", &port])
            .stdin(Stdio::null());
        let daemon = epmd.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { daemon, port })
    }

    fn node(&self, code: &Path, name: &str) -> Command {
        let mut node = erl(code);
        node.env("ERL_EPMD_PORT", &self.port)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1");
        node.args([
            "-start_epmd",
            "false",
            "-kernel",
            "inet_dist_use_interface",
            "{127,0,0,1}",
        ]);
        node.args(["-setcookie", COOKIE, "-sname", name]);
        node
    }
}

impl Drop for Epmd {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
