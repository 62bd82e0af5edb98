//! Object storage: one trait over local disk, S3 and an in-memory twin.
//!
//! | file | owns |
//! |---|---|
//! | `interface` | the trait, and the values that it takes and returns |
//! | `error` | why an operation failed, and whether it may have happened all the same |
//! | `uri` | URIs, taken literally |
//! | `local`, `s3`, `memory` | one adapter each |
//! | `storage` | which adapter serves which URI |
//!
//! The trait names the atomicity that a caller asks for: [`Objects::create`] writes only if nothing
//! is there, [`Objects::replace`] only over the version that the caller has seen. Losing such a
//! race is a value ([`Put::Conflict`]), not an error. An error says whether the operation surely
//! did not happen or may have happened ([`Outcome`]). An adapter resolves the second kind by
//! reading back before it reports it.
//!
//! A "store" is a shop everywhere else in this crate; storage is only ever called "objects".

mod error;
mod interface;
mod local;
mod memory;
mod s3;
mod storage;
mod uri;

pub use error::{Error, Outcome};
pub(crate) use interface::{Digest, Entry};
pub use interface::{Level, Object, Objects, Put, Tag, Traffic};
pub use local::Local;
pub use memory::Memory;
pub use s3::{S3, Settings as S3Settings};
pub use storage::Storage;
pub(crate) use uri::Scheme;
pub use uri::Uri;
