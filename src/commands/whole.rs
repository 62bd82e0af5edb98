//! Files that a command writes whole: who reads one meanwhile sees the old content or the new.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Other processes may have left files of this one's number.
const NAMES_MAX: usize = 1_000;

/// Puts content in the place of whatever file, link or pipe is under the name, with these
/// permissions or those of a new file. What a link leads to stays as it is.
///
/// # Errors
/// Those of the system; the place is then as it was.
pub(super) fn put(path: &Path, content: &[u8], as_before: Option<Permissions>) -> io::Result<()> {
    let (mut file, partial) = partial(path)?;
    let written = file
        .write_all(content)
        .and_then(|()| as_before.map_or(Ok(()), |permissions| file.set_permissions(permissions)))
        .and_then(|()| fs::rename(&partial, path));
    written.inspect_err(|_| {
        // What is left of it is of no use; it may already be gone.
        let _ = fs::remove_file(&partial);
    })
}

/// A new file beside another, under a name that nobody had taken: a link that waits under the name
/// is not followed.
fn partial(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut number = 0;
    loop {
        let name = format!(".cohort-page-{}-{number}.tmp", std::process::id());
        let partial = path.with_file_name(name);
        match File::create_new(&partial) {
            Ok(file) => return Ok((file, partial)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < NAMES_MAX => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
