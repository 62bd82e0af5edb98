//! The front of all storage: sends each operation to the adapter of its URI's scheme.
//!
//! It owns the choice and nothing else. The S3 client is built at the first `s3://` URI, so that a
//! run on local files neither looks for credentials nor opens a connection.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use cohort_core::Timestamp;
use tokio::sync::OnceCell;

use super::error::Error;
use super::interface::{Digest, Entry, Level, Object, Objects, Put, Tag, Traffic};
use super::local::Local;
use super::s3::S3;
use super::uri::{Scheme, Uri};

/// Local disk, S3 and the in-memory twin behind one [`Objects`].
#[derive(Debug)]
pub struct Storage {
    local: Arc<dyn Objects>,
    /// Only tests give one: a run that forgets its result at its end is of no use.
    memory: Option<Arc<dyn Objects>>,
    s3: Option<Arc<dyn Objects>>,
    /// The client that the environment describes, once an S3 URI came and no other adapter was
    /// given.
    s3_own: OnceCell<S3>,
    unconditional: AtomicBool,
}

impl Storage {
    /// Real storage, as the environment configures it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            local: Arc::new(Local::new()),
            memory: None,
            s3: None,
            s3_own: OnceCell::new(),
            unconditional: AtomicBool::new(false),
        }
    }

    /// The same with another adapter behind `memory://`, for tests that look into it or break it.
    #[must_use]
    pub fn with_memory(mut self, memory: Arc<dyn Objects>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// The same with another adapter behind `file://`.
    #[must_use]
    pub fn with_local(mut self, local: Arc<dyn Objects>) -> Self {
        self.local = local;
        self
    }

    /// The same with another adapter behind `s3://`.
    #[must_use]
    pub fn with_s3(mut self, s3: Arc<dyn Objects>) -> Self {
        self.s3 = Some(s3);
        self
    }

    /// Writes without conditions from now on, if the manifest says `"commit": "unconditional"`: for
    /// servers that ignore them. Two runs of one `run_id` at once may then overwrite each other.
    pub fn accept_unconditional(&self) {
        self.unconditional.store(true, Ordering::Relaxed);
        if let Some(s3) = self.s3_own.get() {
            s3.accept_unconditional();
        }
    }

    async fn adapter(&self, uri: &Uri) -> Result<&dyn Objects, Error> {
        match uri.scheme() {
            Scheme::File => Ok(&*self.local),
            Scheme::Memory => self.memory.as_deref().ok_or_else(|| Error::Misconfigured {
                uri: uri.clone(),
                reason:
                    "expected s3://bucket/path, file:///path or a relative path, found memory, \
                         which ends with the process; name another place"
                        .to_owned(),
            }),
            Scheme::S3 { .. } => match &self.s3 {
                Some(given) => Ok(&**given),
                None => Ok(self.s3_own.get_or_try_init(|| self.connect(uri)).await?),
            },
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<S3, Error> {
        let s3 = S3::from_environment(uri).await?;
        if self.unconditional.load(Ordering::Relaxed) {
            s3.accept_unconditional();
        }
        Ok(s3)
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Objects for Storage {
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error> {
        self.adapter(prefix).await?.list(prefix).await
    }

    async fn entries(&self, folder: &Uri) -> Result<Vec<Entry>, Error> {
        self.adapter(folder).await?.entries(folder).await
    }

    async fn level(&self, folder: &Uri) -> Result<Option<Level>, Error> {
        self.adapter(folder).await?.level(folder).await
    }

    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error> {
        self.adapter(uri).await?.read(uri).await
    }

    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error> {
        self.adapter(&object.uri).await?.read_ranges(object, ranges).await
    }

    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error> {
        self.adapter(uri).await?.create(uri, content).await
    }

    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error> {
        self.adapter(uri).await?.replace(uri, content, seen).await
    }

    async fn copy(&self, from: &Object, to: &Uri) -> Result<Put, Error> {
        let (source, target) = (self.adapter(&from.uri).await?, self.adapter(to).await?);
        if std::ptr::addr_eq(source, target) {
            return source.copy(from, to).await;
        }
        let whole = 0..from.bytes;
        let content = source.read_ranges(from, std::slice::from_ref(&whole)).await?;
        target.create(to, content.into_iter().next().unwrap_or_default()).await
    }

    async fn digest(&self, object: &Object) -> Result<Digest, Error> {
        self.adapter(&object.uri).await?.digest(object).await
    }

    async fn modified(&self, uri: &Uri) -> Result<Option<Timestamp>, Error> {
        self.adapter(uri).await?.modified(uri).await
    }

    async fn delete(&self, uri: &Uri) -> Result<(), Error> {
        self.adapter(uri).await?.delete(uri).await
    }

    async fn sweep(&self, prefix: &Uri) -> Result<(), Error> {
        self.adapter(prefix).await?.sweep(prefix).await
    }

    async fn probe_conditions(&self, prefix: &Uri) -> Result<(), Error> {
        self.adapter(prefix).await?.probe_conditions(prefix).await
    }

    fn traffic(&self) -> Traffic {
        match (&self.s3, self.s3_own.get()) {
            (Some(given), _) => given.traffic(),
            (None, Some(own)) => own.traffic(),
            (None, None) => Traffic::default(),
        }
    }
}
