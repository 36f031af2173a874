//! `starlings shell`: a node with a prompt, for people, and for scripts and tests through a pipe.
//!
//! ```text
//! args, cookie ──▶ main ──▶ node
//! input ──line──▶ session ──▶ commands (one table) ──▶ the library
//!                    │                                    │ events
//!                 output ◀──answer──            relay ◀───┘ the shell's own actor
//! ```

mod args;
mod commands;
mod cookie;
mod events;
mod failure;
mod input;
mod output;
mod pids;
mod relay;
mod session;
mod types;
mod words;

use std::error::Error;
use std::future::pending;
use std::process::ExitCode;

use starlings::{Node, StartNode as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use args::{Action, Args};
use commands::nodes::Whoami;
use failure::Failure;
use input::Input;
use output::{Output, complain, print};
use session::Session;

/// Where a node listens unless told otherwise: on this machine only, at any free port.
const LISTEN: &str = "127.0.0.1:0";

fn main() -> ExitCode {
    let printed = match args::parse(std::env::args().skip(1)) {
        Ok(Action::Shell(args)) => return shell(args),
        Ok(Action::Help) => print(args::HELP),
        Ok(Action::ShellHelp) => {
            let commands = commands::help_text("").unwrap_or_default();
            print(&format!("{}\ncommands:\n{commands}", args::HELP))
        }
        Ok(Action::Version) => print(concat!("starlings ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(why) => {
            complain(&format!("{why}\nTry `starlings --help`."));
            return ExitCode::from(2);
        }
    };
    printed.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn shell(args: Args) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(args));
    // A burner that still burns must not keep the program from ending.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let node = start(&args).await?;
    let session = Session::start(node.clone()).await?;
    let input = Input::start(!args.json);
    let (n, output) = (0, Output { json: args.json });
    let hint =
        if input.is_terminal() { "Type help for the commands, Ctrl-D to leave.\n" } else { "" };
    output.greet(&Whoami::of(&node), hint)?;
    for (peer, _) in &args.connect {
        if let Err(error) = node.connect(&peer.parse()?, None).await {
            complain(&error.to_string());
        }
    }
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    let mut shell = Shell { session, input, output, n, terminate, interrupt };
    // An error here is that nobody reads what is printed: all the more reason to shut down in order.
    let _ = shell.serve(args.eval.as_deref().unwrap_or_default()).await;
    node.shutdown().await;
    Ok(())
}

async fn start(args: &Args) -> Result<Node, Box<dyn Error>> {
    let variable = std::env::var("STARLINGS_COOKIE").ok();
    let cookie = cookie::find(args.cookie_file.as_deref(), variable, std::env::home_dir())?;
    let listen = args.listen.as_deref().unwrap_or(LISTEN);
    let mut builder = Node::builder(&args.name).listen(listen).cookie(cookie);
    if args.hidden {
        builder = builder.hidden();
    }
    for (node, address) in &args.connect {
        if let Some(address) = address {
            builder = builder.peer(node, address);
        }
    }
    Ok(types::add_to(builder).start().await?)
}

/// The loop: a line, a command, an answer.
#[derive(Debug)]
struct Shell {
    session: Session,
    input: Input,
    output: Output,
    /// Commands so far.
    n: u64,
    terminate: Signal,
    interrupt: Signal,
}

impl Shell {
    async fn serve(&mut self, eval: &str) -> std::io::Result<()> {
        for command in words::split_commands(eval) {
            if self.command(command.as_bytes()).await?.is_none() {
                return Ok(());
            }
        }
        loop {
            let prompt = format!("{}({})> ", self.session.node.name(), self.n + 1);
            let interrupted = interrupted(&mut self.interrupt, !self.input.is_terminal());
            let line = tokio::select! {
                biased;
                _ = self.terminate.recv() => None,
                () = interrupted => None,
                line = self.input.next(&prompt) => line,
            };
            let Some(line) = line else {
                return Ok(());
            };
            if self.command(&line).await?.is_none() {
                return Ok(());
            }
        }
    }

    /// Runs one line and prints its answer; `None` if it was the last one. Empty lines and comments
    /// have no answer.
    async fn command(&mut self, line: &[u8]) -> std::io::Result<Option<()>> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(Some(()));
        }
        self.n += 1;
        let running = async {
            match std::str::from_utf8(line) {
                Ok(line) => self.session.run(line).await,
                Err(_) => Err(Failure::bad_command("the line is not UTF-8")),
            }
        };
        let is_terminal = self.input.is_terminal();
        let outcome = tokio::select! {
            biased;
            _ = self.terminate.recv() => return Ok(None),
            () = interrupted(&mut self.interrupt, true) => {
                if !is_terminal {
                    return Ok(None);
                }
                Err(Failure::new("Interrupted", "the command was given up"))
            }
            outcome = running => outcome,
        };
        self.output.answer(self.n, &outcome)?;
        Ok((!self.session.quits).then_some(()))
    }
}

/// Ctrl-C, where it counts: at a prompt it belongs to the line editor.
async fn interrupted(interrupt: &mut Signal, counts: bool) {
    if counts {
        interrupt.recv().await;
    } else {
        pending::<()>().await;
    }
}
