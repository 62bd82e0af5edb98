//! The probe before a commit: whether the server honours the conditions of writes.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use bytes::Bytes;

use super::client::Inner;
use super::condition::{Condition, PROBE_PREFIX};
use super::{tidy, write};
use crate::objects::error::Error;
use crate::objects::interface::{Put, Tag};
use crate::objects::uri::Uri;

/// A sweep of another run of this `run_id` may delete a probe between its two writes, but hardly
/// three times.
const PROBES_MAX: usize = 3;

/// Writes a small object twice under conditions that do not hold the second time.
pub(super) async fn probe_conditions(inner: &Arc<Inner>, prefix: &Uri) -> Result<(), Error> {
    if inner.is_unconditional() {
        return Ok(());
    }
    for _ in 0..PROBES_MAX {
        // Runs of one `run_id` may probe at once, so each takes a name of its own. The name reaches
        // no output.
        #[expect(
            clippy::disallowed_methods,
            reason = "a name that no other probe has, gone before the run ends"
        )]
        let number = RandomState::new().hash_one(0_u8);
        let uri = prefix.join(&format!("{PROBE_PREFIX}{number:016x}"));
        let honoured = honours_conditions(inner, &uri).await;
        let deleted = tidy::delete(inner, &uri).await;
        if honoured? {
            return deleted;
        }
    }
    Err(Error::Misconfigured {
        uri: prefix.clone(),
        reason: "expected a server that honours If-None-Match and If-Match, found one that \
                 overwrites all the same; use a server that honours them, or accept that runs of \
                 one run_id at once may overwrite each other with \"commit\": \"unconditional\" in \
                 the manifest"
            .to_owned(),
    })
}

async fn honours_conditions(inner: &Arc<Inner>, uri: &Uri) -> Result<bool, Error> {
    let write = async |content: &'static str, condition: &Condition| {
        write::put(inner, uri, Bytes::from_static(content.as_bytes()), condition).await
    };
    write("first", &Condition::Absent).await?;
    let never = Condition::Seen(Tag(format!("\"{:032x}\"", 0)));
    let (again, replaced) =
        tokio::join!(write("second", &Condition::Absent), write("third", &never));
    Ok(again? == Put::Conflict && replaced? == Put::Conflict)
}
