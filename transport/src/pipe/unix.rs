//! Unix sockets, for nodes on one machine. Addresses have the form `unix:PATH`.
//!
//! A socket outlives a process that was killed, as a file that nobody answers at. A listener takes
//! such a file away, and must not take away one that is in use. So it holds a lock on `PATH.lock`,
//! which the system lets go of when the process ends, and the file is replaced only under that lock.
//! The lock file stays: to remove it would let two processes lock two files of that name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use starlings_runtime::BoxFuture;
use tokio::net::{UnixListener, UnixStream};

use super::{Connection, DialError, Pipe, PipeListener};

#[cfg(test)]
mod tests;

const SCHEME: &str = "unix:";

/// The longest path of a socket. Bytes; what every Unix takes (Linux takes 107, macOS 103).
const PATH_BYTES_MAX: usize = 103;

/// Sockets in the file system. Who may connect is what the mode of the file says: its owner, unless
/// the umask of the listening process is wide.
///
/// ```
/// # use starlings_transport::pipe::{Pipe, UnixPipe};
/// # fn doc() -> Result<(), String> {
/// UnixPipe.check("unix:/run/shop/a.sock")?;
/// # Ok(()) }
/// # doc().unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct UnixPipe;

impl Pipe for UnixPipe {
    fn check(&self, address: &str) -> Result<(), String> {
        path(address).map(drop)
    }

    fn dial(&self, address: &str) -> BoxFuture<'static, Result<Connection, DialError>> {
        let (path, remote) = (path(address), address.to_owned());
        Box::pin(async move {
            let path = path.map_err(DialError::BadAddress)?;
            Ok(connection(UnixStream::connect(path).await?, remote))
        })
    }

    fn listen(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PipeListener>>> {
        let path = path(address);
        Box::pin(async move {
            let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
            let path = path.map_err(invalid)?;
            let lock = lock(&path)?;
            remove_stale(&path).await?;
            let listener = UnixListener::bind(&path)?;
            Ok(Box::new(Listener { listener, path, _lock: lock }) as Box<dyn PipeListener>)
        })
    }
}

fn path(address: &str) -> Result<PathBuf, String> {
    match address.strip_prefix(SCHEME) {
        Some(path) if path.len() > PATH_BYTES_MAX => {
            Err(format!("the path is longer than {PATH_BYTES_MAX} bytes"))
        }
        Some(path) if !path.is_empty() && !path.contains('\0') => Ok(path.into()),
        Some(_) | None => Err("it has the form unix:PATH".to_owned()),
    }
}

/// Makes this process the only one that may listen at a path.
fn lock(path: &Path) -> io::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(beside)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::AddrInUse.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes a socket at which nobody answers. What answers is that of a program without our lock.
async fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"))
        }
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Ok(_) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[derive(Debug)]
struct Listener {
    listener: UnixListener,
    path: PathBuf,
    /// Let go of after the file is removed, so that nobody's file is.
    _lock: File,
}

impl PipeListener for Listener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async {
            let (stream, _) = self.listener.accept().await?;
            // Those who dial have no path; their process is the best name there is.
            let process = stream.peer_cred().ok().and_then(|peer| peer.pid());
            let remote = process.map_or_else(|| SCHEME.to_owned(), |id| format!("process {id}"));
            Ok(connection(stream, remote))
        })
    }

    fn local_address(&self) -> String {
        format!("{SCHEME}{}", self.path.display())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn connection(stream: UnixStream, remote_address: String) -> Connection {
    let (read, write) = stream.into_split();
    Connection::new(read, write, remote_address)
}
