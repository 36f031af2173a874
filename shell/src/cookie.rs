//! Where the secret of the cluster comes from: a file, the environment, or a file in the home
//! directory that is made on first use. As Erlang's cookie.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The file in the home directory.
const FILE: &str = ".starlings.cookie";

/// Random bytes of a cookie that is made here. 32: as many as the keys derived from it.
const RANDOM_BYTES: usize = 32;

/// Longest cookie file. Bytes. More is some other file, named by mistake.
const COOKIE_BYTES_MAX: u64 = 4096;

/// Why there is no cookie.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CookieError {
    /// The file cannot be read.
    #[error("the cookie file {path} cannot be read: {why}")]
    Unreadable { path: PathBuf, why: io::Error },
    /// Others can read the file.
    #[error("the cookie file {path} is open to others (mode {mode:03o}): chmod 600 {path}")]
    OpenToOthers { path: PathBuf, mode: u32 },
    /// There is nothing in it.
    #[error("{0} is empty: a cookie has at least one byte")]
    Empty(String),
    /// The file is too long for a cookie.
    #[error("the cookie file {0} has more than {COOKIE_BYTES_MAX} bytes")]
    TooLong(PathBuf),
    /// The file cannot be made.
    #[error("the cookie file {path} cannot be made: {why}")]
    NotMade { path: PathBuf, why: io::Error },
    /// It is not known where to look.
    #[error("HOME is not set: give --cookie-file or STARLINGS_COOKIE")]
    NoHome,
}

/// The cookie of `file`, else that of `variable`, else that of the home directory.
pub(crate) fn find(
    file: Option<&Path>,
    variable: Option<String>,
    home: Option<PathBuf>,
) -> Result<Vec<u8>, CookieError> {
    if let Some(file) = file {
        return read(file);
    }
    if let Some(cookie) = variable {
        let cookie = cookie.into_bytes();
        return non_empty(cookie, "STARLINGS_COOKIE");
    }
    let file = home.ok_or(CookieError::NoHome)?.join(FILE);
    if !file.exists() {
        make(&file)?;
    }
    read(&file)
}

fn read(path: &Path) -> Result<Vec<u8>, CookieError> {
    let unreadable = |why| CookieError::Unreadable { path: path.to_owned(), why };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(CookieError::OpenToOthers { path, mode });
    }
    let mut cookie = Vec::new();
    let mut file = file.take(COOKIE_BYTES_MAX + 1);
    file.read_to_end(&mut cookie).map_err(unreadable)?;
    if cookie.len() as u64 > COOKIE_BYTES_MAX {
        return Err(CookieError::TooLong(path.to_owned()));
    }
    non_empty(cookie.trim_ascii().to_vec(), &path.display().to_string())
}

fn non_empty(cookie: Vec<u8>, place: &str) -> Result<Vec<u8>, CookieError> {
    if cookie.is_empty() {
        return Err(CookieError::Empty(place.to_owned()));
    }
    Ok(cookie)
}

/// Makes the file, whole and closed to others, under another name first: of two shells that start at
/// the same moment one makes it, and the other never sees half of it.
fn make(path: &Path) -> Result<(), CookieError> {
    let draft = path.with_extension(format!("cookie.{}", std::process::id()));
    let made = write_new(&draft).and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    match made {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => {
            Err(CookieError::NotMade { path: path.to_owned(), why })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn write_new(path: &Path) -> io::Result<()> {
    let mut random = [0; RANDOM_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(test: &str) -> PathBuf {
        let name = format!("starlings-cookie-{test}-{}", std::process::id());
        let home = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).unwrap();
        home
    }

    #[test]
    fn the_file_is_made_once_and_closed_to_others() {
        let home = home("made");
        let first = find(None, None, Some(home.clone())).unwrap();
        assert_eq!(first.len(), 2 * RANDOM_BYTES);
        assert_eq!(find(None, None, Some(home.clone())).unwrap(), first);
        let mode = std::fs::metadata(home.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&home).unwrap().count(), 1, "the draft is gone");
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_file_open_to_others_is_refused() {
        let home = home("open");
        let file = home.join("cookie");
        std::fs::write(&file, "secret\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = find(Some(&file), None, None).unwrap_err();
        assert!(matches!(refused, CookieError::OpenToOthers { mode: 0o640, .. }), "{refused}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find(Some(&file), Some("other".into()), None).unwrap(), b"secret");
        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(find(Some(&file), None, None), Err(CookieError::Empty(_))));
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn the_variable_comes_before_the_home() {
        assert_eq!(find(None, Some("v".into()), None).unwrap(), b"v");
        assert!(matches!(find(None, Some(String::new()), None), Err(CookieError::Empty(_))));
        assert!(matches!(find(None, None, None), Err(CookieError::NoHome)));
    }
}
