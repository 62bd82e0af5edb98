//! The SHA-256 of an object: the one that the server checked at its upload, else reading it back.
//!
//! A checksum of an upload in parts is a digest of digests, which its `-` shows: it says nothing
//! about the whole. Metadata and tags prove nothing at all.

use std::sync::Arc;

use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::client::Inner;
use super::error::Failure;
use super::read;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Digest, Object, pieces};

/// A digest as S3 writes it.
pub(super) fn text(digest: &Digest) -> String {
    STANDARD.encode(digest)
}

/// The digest of this version of an object.
pub(super) async fn digest(inner: &Arc<Inner>, object: &Object) -> Result<Digest, Error> {
    match vouched_for(inner, object).await? {
        Some(digest) => Ok(digest),
        None => read_back(inner, object).await,
    }
}

/// The digest that the server checked when the object was uploaded, if it did.
async fn vouched_for(inner: &Inner, object: &Object) -> Result<Option<Digest>, Error> {
    let uri = &object.uri;
    let request = || {
        let head = inner.client.head_object().bucket(uri.bucket()).key(uri.path());
        head.if_match(&object.tag.0).checksum_mode(ChecksumMode::Enabled).send()
    };
    match inner.until_done(&mut inner.budget.attempts(), 0, request).await {
        Ok(answer) => {
            let found = answer.checksum_sha256().and_then(|text| STANDARD.decode(text).ok());
            Ok(found.and_then(|digest| digest.try_into().ok()))
        }
        Err(Failure::Precondition | Failure::NoKey) => Err(Error::Changed { uri: uri.clone() }),
        Err(failure) => Err(failure.into_error(uri, "read", Outcome::NotDone)),
    }
}

async fn read_back(inner: &Arc<Inner>, object: &Object) -> Result<Digest, Error> {
    let mut hash = Sha256::new();
    for piece in pieces(object.bytes) {
        for bytes in read::ranges(inner, object, std::slice::from_ref(&piece)).await? {
            hash.update(&bytes);
        }
    }
    Ok(hash.finalize().into())
}
