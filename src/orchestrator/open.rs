//! Files that an orchestrator names, or that its users do: the only place that opens them.
//!
//! What lies at such a path is not known. A pipe without a reader would hold the run up for ever,
//! and a device has no end. So nothing here waits to open, waits long to write, or reads more than
//! it was told to. A device or a pipe that somebody reads is welcome, as `/dev/stdout` is.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::led::led;

/// How long one reading or writing may wait for the other end of a pipe, in all.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// How much of a line tells whose it is.
const START_BYTES: u64 = 1 << 16;
/// How many files in a folder are looked at.
const LOOKED_AT_MAX: usize = 1_000;
/// The time between two looks at it.
const PAUSE: Duration = Duration::from_millis(5);

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    options
}

/// Opens a file to append lines to, which is made if need be. Each of these lines has `mark` near
/// its beginning. A last line that was torn is ended.
///
/// # Errors
/// As [`to_write`]; and if it is a file that begins with anything but such a line.
pub(super) fn to_append(path: &Path, mark: &str) -> io::Result<File> {
    let file = options().append(true).create(true).open(path).map_err(in_words)?;
    let found = file.metadata()?;
    if found.is_file() && found.len() > 0 {
        let mut there = options().read(true).open(path)?;
        if !begins_with(&there, mark)? {
            let reason = format!("expected lines with {mark}, or nothing, found something else");
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        let mut last = [0];
        there.seek(SeekFrom::End(-1))?;
        there.read_exact(&mut last)?;
        if last != *b"\n" {
            write(&file, b"\n")?;
        }
    }
    Ok(file)
}

/// Whether the first line of a file is an object of JSON that has `mark` near its beginning.
fn begins_with(file: &File, mark: &str) -> io::Result<bool> {
    let mut start = Vec::new();
    file.take(START_BYTES).read_to_end(&mut start)?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.starts_with(b"{") && line.windows(mark.len()).any(|piece| piece == mark.as_bytes()))
}

/// Opens a file to write, with what is in it.
///
/// # Errors
/// If it cannot be opened; if it is a pipe that nobody reads, or a socket.
pub(super) fn to_write(path: &Path, create: bool) -> io::Result<File> {
    options().write(true).create(create).truncate(false).open(path).map_err(in_words)
}

/// Fails if a file that is not there would be made beside data: in a folder that has Parquet files
/// or partitions (`name=value`), or in a partition. As long as no manifest says where the logs are,
/// that is all that shows.
pub(super) fn is_apart_from_data(path: &Path) -> io::Result<()> {
    let place = led(path);
    let Some(folder) = place.parent().filter(|_| !path.exists()) else { return Ok(()) };
    let is_partition = |name: &OsStr| name.as_encoded_bytes().contains(&b'=');
    let beside = fs::read_dir(folder).into_iter().flatten().flatten();
    if !folder.iter().any(is_partition)
        && !beside.take(LOOKED_AT_MAX).any(|one| is_partition(&one.file_name()) || is_parquet(&one))
    {
        return Ok(());
    }
    let reason = "expected a place apart from data as long as the manifest is not known, found \
                  Parquet files or partitions beside it";
    Err(io::Error::new(ErrorKind::InvalidInput, reason))
}

fn is_parquet(entry: &DirEntry) -> bool {
    let mut magic = [0; 4];
    entry.file_type().is_ok_and(|kind| kind.is_file())
        && options()
            .read(true)
            .open(entry.path())
            .is_ok_and(|mut file| file.read_exact(&mut magic).is_ok() && magic == *b"PAR1")
}

fn in_words(error: io::Error) -> io::Error {
    if Errno::from_io_error(&error) != Some(Errno::NXIO) {
        return error;
    }
    let found = "expected a file, or a pipe that somebody reads, found neither";
    io::Error::new(ErrorKind::NotConnected, found)
}

/// Writes all of a text in the place of what is in the file.
///
/// # Errors
/// As [`write()`]. What was written of it is taken back.
pub(super) fn rewrite(file: &File, text: &[u8]) -> io::Result<()> {
    // What has no length cannot be cut, and holds nothing.
    let has_length = file.metadata()?.is_file();
    if has_length {
        file.set_len(0)?;
    }
    write(file, text).inspect_err(|_| {
        if has_length {
            let _ = file.set_len(0);
        }
    })
}

/// Writes all of a text.
///
/// # Errors
/// Also if it is a pipe, and nobody reads it in time.
pub(super) fn write(mut file: &File, mut text: &[u8]) -> io::Result<()> {
    let mut waited = Duration::ZERO;
    while !text.is_empty() {
        match file.write(text) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => text = &text[written..],
            Err(error) => wait(error, &mut waited)?,
        }
    }
    Ok(())
}

/// Reads a whole file, or what a pipe gives until its writers have gone.
///
/// # Errors
/// If it is neither, if it is longer than `bytes_max`, or if nobody writes into the pipe in time.
pub(super) fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut file = options().read(true).open(path)?;
    let found = file.metadata()?.file_type();
    if !found.is_file() && !found.is_fifo() {
        let reason = "expected a file, found a folder, a socket or a device";
        return Err(io::Error::new(ErrorKind::InvalidInput, reason));
    }
    let (mut content, mut piece) = (Vec::new(), [0; 8192]);
    let mut waited = Duration::ZERO;
    loop {
        match file.read(&mut piece) {
            // Nobody has opened the other end of the pipe yet.
            Ok(0) if found.is_fifo() && content.is_empty() => {
                wait(ErrorKind::WouldBlock.into(), &mut waited)?;
            }
            Ok(0) => return Ok(content),
            Ok(read) => content.extend_from_slice(&piece[..read]),
            Err(error) => wait(error, &mut waited)?,
        }
        if content.len() > bytes_max {
            let reason = format!("expected at most {bytes_max} bytes, found more");
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
    }
}

/// Waits a moment if that is what the system asks for, but not for ever.
fn wait(error: io::Error, waited: &mut Duration) -> io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock if *waited < WAIT_MAX => {
            thread::sleep(PAUSE);
            *waited += PAUSE;
            Ok(())
        }
        ErrorKind::WouldBlock => {
            let reason = format!("nobody was at the pipe's other end for {} s", WAIT_MAX.as_secs());
            Err(io::Error::new(ErrorKind::TimedOut, reason))
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    fn pipe() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        (folder, path)
    }

    /// Each of these once waited for ever.
    #[test]
    fn a_pipe_without_another_end_holds_nobody_up() {
        let (_folder, path) = pipe();
        for opened in [to_append(&path, "x"), to_write(&path, true)] {
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::NotConnected);
        }
        assert_eq!(read(&path, 9).unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_pipe_is_written_while_somebody_reads_it() {
        let (_folder, path) = pipe();
        let (long, other) = (vec![b'x'; 1 << 20], path.clone());
        let reader = thread::spawn(move || read(&other, 1 << 21).unwrap());
        let opened = (0..500).find_map(|_| {
            thread::sleep(PAUSE / 5);
            to_append(&path, "x").ok()
        });
        let file = opened.unwrap();
        write(&file, &long).unwrap();
        drop(file);
        assert!(reader.join().unwrap() == long);
        // A reader that never reads.
        let _idle = options().read(true).open(&path).unwrap();
        let file = to_write(&path, false).unwrap();
        assert_eq!(write(&file, &long).unwrap_err().kind(), ErrorKind::TimedOut);
    }

    /// It once filled the memory.
    #[test]
    fn nothing_is_read_without_a_bound_and_no_device() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "12345").unwrap();
        assert_eq!(read(file.path(), 5).unwrap(), b"12345");
        assert_eq!(read(file.path(), 4).unwrap_err().kind(), ErrorKind::InvalidData);
        for path in ["/dev/zero", "/"] {
            assert_eq!(read(Path::new(path), 9).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    /// It once went on the end of a manifest, which then was none.
    #[test]
    fn lines_are_added_to_lines_of_their_own_kind_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (content, fits) in [
            ("", true),
            ("{\"mark\":1}\n{\"other\":2}\n", true),
            ("{\"first\":0,\"mark\":1}", true),
            ("{\"other\":2}\n{\"mark\":1}\n", false),
            ("{\n  \"mark\": 1\n}\n", false),
            ("\"mark\"", false),
            ("PAR1", false),
        ] {
            std::fs::write(file.path(), content).unwrap();
            assert_eq!(to_append(file.path(), "\"mark\"").is_ok(), fits, "{content}");
            // The next line was once glued to one that was torn.
            let ended = if fits && content.ends_with('}') { "\n" } else { "" };
            let found = std::fs::read_to_string(file.path()).unwrap();
            assert_eq!(found, format!("{content}{ended}"));
        }
    }

    #[test]
    fn what_was_there_goes_and_a_device_takes_what_it_is_given() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "something long").unwrap();
        rewrite(&to_write(file.path(), false).unwrap(), b"short").unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"short");
        rewrite(&to_write(Path::new("/dev/null"), false).unwrap(), b"gone").unwrap();
        let full = to_write(Path::new("/dev/full"), false).unwrap();
        assert_eq!(rewrite(&full, b"x").unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
