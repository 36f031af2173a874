//! What a measuring process needs, whichever subject it measures. Knows no subject.

use std::error::Error;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// For every subject in Rust alike. glibc's gives memory back as soon as a queue of messages is worked
/// off, to ask for it again with the next, which costs a page fault for each message of 4 KiB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Worker threads of the runtime of each process. The same for every subject.
pub const WORKERS: usize = 2;

/// What `remote_cast_64`, `remote_cast_4k` and `remote_cast_1m` send. Bytes.
pub const SMALL_BYTES: u32 = 64;
pub const PAGE_BYTES: u32 = 4 << 10;
pub const LARGE_BYTES: u32 = 1 << 20;

/// How many callers `remote_call_64` has.
pub const CALLERS: u64 = 64;

/// What is sent to the other process. The same in each subject.
pub fn payload(bytes: u32) -> Vec<u8> {
    vec![1; bytes as usize]
}

/// What one payload adds to the receiver's sum: reads its length and its first byte.
pub fn weight(payload: &[u8]) -> u64 {
    payload.len() as u64 + payload.first().map_or(0, |first| u64::from(*first))
}

/// Runs a task on a worker thread of a fresh runtime: senders stand where a program's tasks stand.
pub fn run<T: Send + 'static>(task: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(async { tokio::spawn(task).await? })
}

/// Operations a second since `start`.
pub fn rate(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

/// Fails unless the subject has done the work.
pub fn check<T: PartialEq + Display>(what: &str, found: T, expected: T) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} is {found}, expected {expected}").into())
}

/// The other process of a two-node workload. Ends with this value, and with this process, whose end
/// closes its standard input.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts this program again, as a server.
    pub fn start_self(args: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(args);
        Self::start(&mut command)
    }

    /// Starts a server and waits for the line with its address.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self {
            child,
            address: String::new(),
        };
        let stdout = server.child.stdout.take().ok_or("no standard output")?;
        BufReader::new(stdout).read_line(&mut server.address)?;
        server.address.truncate(server.address.trim_end().len());
        if server.address.is_empty() {
            return Err("the server ended before it was ready".into());
        }
        Ok(server)
    }

    /// Ends it with SIGKILL: it has no time to say anything, and the kernel closes its sockets.
    pub fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed when it was ready.
    pub fn address(&self) -> String {
        self.address.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's side: tells its address, and lives until the process that started it is gone.
pub async fn serve_at(address: impl Display) -> Result<()> {
    println!("{address}");
    std::io::stdout().flush()?;
    let until_closed = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(until_closed).await??;
    Ok(())
}
