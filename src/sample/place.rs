//! Where a sample goes: a folder, or a prefix of a bucket. It knows nothing of what is in the
//! files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::Error;
use crate::objects::{Objects as _, Put, Storage, Uri};

/// A place for a sample.
pub(super) enum Place {
    /// A folder that was new or empty.
    Folder(PathBuf),
    /// A prefix. The runtime waits for its requests.
    Prefix { storage: Arc<Storage>, prefix: Uri, runtime: Handle },
}

/// A file of the sample, on its way.
pub(super) enum Draft {
    File(File),
    /// Objects are written whole.
    Memory(Vec<u8>),
}

impl Place {
    /// A new or empty folder.
    pub(super) fn folder(dir: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        if std::fs::read_dir(dir).map_err(Error::io(dir))?.next().is_some() {
            return Err(Error::NotEmpty(dir.to_owned()));
        }
        Ok(Self::Folder(dir.to_owned()))
    }

    /// The file's full name, for people.
    pub(super) fn name(&self, path: &str) -> String {
        match self {
            Self::Folder(dir) => dir.join(path).display().to_string(),
            Self::Prefix { prefix, .. } => prefix.join(path).to_string(),
        }
    }

    /// Begins a file.
    pub(super) fn begin(&self, path: &str) -> Result<Draft, Error> {
        let Self::Folder(dir) = self else {
            return Ok(Draft::Memory(Vec::new()));
        };
        let path = dir.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        }
        // The folder was empty: what is there by now is somebody else's, and no link is followed.
        Ok(Draft::File(File::create_new(&path).map_err(Error::io(&path))?))
    }

    /// Ends it. An object that is there already with the same content is done.
    pub(super) fn end(&self, path: &str, draft: Draft) -> Result<(), Error> {
        let (Self::Prefix { storage, prefix, runtime }, Draft::Memory(content)) = (self, draft)
        else {
            return Ok(());
        };
        let (uri, content) = (prefix.join(path), bytes::Bytes::from(content));
        runtime.block_on(async {
            if storage.create(&uri, content.clone()).await? == Put::Conflict
                && storage.read(&uri).await?.0 != content
            {
                return Err(Error::Taken(uri));
            }
            Ok(())
        })
    }

    /// Writes a whole file.
    pub(super) fn put(&self, path: &str, text: &str) -> Result<(), Error> {
        let mut draft = self.begin(path)?;
        draft.write_all(text.as_bytes()).map_err(|source| self.failed(path, source))?;
        self.end(path, draft)
    }

    fn failed(&self, path: &str, source: io::Error) -> Error {
        Error::Io { path: self.name(path).into(), source }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Memory(content) => content.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Memory(_) => Ok(()),
        }
    }
}
