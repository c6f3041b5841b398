//! Secrets: read when they are needed, never shown.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// A password or a private key that is read when it is needed and shown as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    Text(String),
    File(PathBuf),
    /// Guarded by systemd's folder. The file may well show group permission: that is the mask of the access
    /// list through which the service's user reads it.
    Credential(PathBuf),
}

impl Secret {
    pub(super) const fn text(text: String) -> Self {
        Self(Source::Text(text))
    }

    /// `credentials` is systemd's folder of credentials, if there is one.
    pub(super) fn file(path: PathBuf, credentials: Option<&Path>) -> Self {
        match credentials {
            Some(folder) if path.starts_with(folder) => Self(Source::Credential(path)),
            _ => Self(Source::File(path)),
        }
    }

    /// The secret, read anew, without the line end that editors put after it.
    ///
    /// # Errors
    /// If its file cannot be read, is not UTF-8, or is by now accessible to others than its owner.
    pub fn read(&self) -> io::Result<String> {
        let mut secret = match &self.0 {
            Source::Text(text) => return Ok(text.clone()),
            Source::Credential(path) => fs::read_to_string(path)?,
            Source::File(path) => {
                let file = fs::File::open(path)?;
                if let Some(mode) = shared_mode(&file.metadata()?) {
                    let why = format!("{} is open to others than its owner ({mode:04o})", path.display());
                    return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
                }
                io::read_to_string(file)?
            }
        };
        secret.truncate(secret.trim_end_matches(['\r', '\n']).len());
        Ok(secret)
    }

    /// Its file, for libraries that read one themselves; `None` if it came from the environment.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Source::Text(_) => None,
            Source::File(path) | Source::Credential(path) => Some(path),
        }
    }

    /// What keeps it from being used, and what to do about that.
    pub(super) fn obstacle(&self) -> Option<(String, Option<String>)> {
        let path = self.path()?;
        if let Some(why) = unreadable(path) {
            return Some((why, None));
        }
        let mode = match (&self.0, fs::metadata(path)) {
            (Source::File(_), Ok(metadata)) => shared_mode(&metadata)?,
            _ => return None,
        };
        let path = path.display().to_string();
        let safe = path.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c)) && !path.starts_with('-');
        let word = if safe { path.clone() } else { format!("-- '{}'", path.replace('\'', r"'\''")) };
        let why = format!("{path} holds a secret but is open to others than its owner (mode {mode:04o})");
        Some((why, Some(format!("type: chmod 600 {word}"))))
    }
}

/// Why the file at `path` cannot be read, if so.
pub(super) fn unreadable(path: &Path) -> Option<String> {
    match fs::File::open(path).and_then(|file| file.metadata()) {
        Err(error) => Some(format!("{} cannot be read: {error}", path.display())),
        Ok(metadata) if !metadata.is_file() => Some(format!("{} is not a file", path.display())),
        Ok(_) => None,
    }
}

#[cfg(unix)]
fn shared_mode(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
const fn shared_mode(_: &fs::Metadata) -> Option<u32> {
    None
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("pass word");
        fs::write(&path, "hunter2\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_of_its_owner_alone_is_read_without_the_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::file(file(folder.path(), 0o600), None);
        assert_eq!(secret.obstacle(), None);
        assert_eq!(secret.read().unwrap(), "hunter2");
        assert_eq!(format!("{secret:?} {:?}", Secret::text("hunter2".into())), "*** ***");
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_the_command_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), 0o640);
        let secret = Secret::file(path.clone(), None);
        let (why, help) = secret.obstacle().unwrap();
        assert!(why.contains("mode 0640"), "{why}");
        let command = format!("type: chmod 600 -- '{}'", path.display());
        assert_eq!(help.unwrap(), command);
        assert_eq!(secret.read().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        let credential = Secret::file(path, Some(folder.path()));
        assert_eq!(credential.obstacle(), None);
        assert_eq!(credential.read().unwrap(), "hunter2");
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Secret::file(folder.path().join("none"), None).obstacle().unwrap().0;
        assert!(missing.contains("cannot be read"), "{missing}");
        assert!(Secret::file(folder.path().into(), None).obstacle().unwrap().0.ends_with("is not a file"));
    }
}
