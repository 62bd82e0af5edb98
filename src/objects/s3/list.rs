//! Listings of S3, page by page.

use super::client::{Inner, tag};
use super::condition::PROBE_PREFIX;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::Object;
use crate::objects::uri::Uri;

/// All objects under a prefix except probes, which are no run's content and may be in use by
/// another run.
pub(super) async fn list(inner: &Inner, prefix: &Uri) -> Result<Vec<Object>, Error> {
    let mut objects = list_all(inner, prefix).await?;
    objects.retain(|object| !object.uri.name().starts_with(PROBE_PREFIX));
    Ok(objects)
}

/// All objects under a prefix. Keys that end with a slash are the folder markers of graphical
/// clients.
pub(super) async fn list_all(inner: &Inner, prefix: &Uri) -> Result<Vec<Object>, Error> {
    let mut objects = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let request = || {
            inner
                .client
                .list_objects_v2()
                .bucket(prefix.bucket())
                .prefix(prefix.path())
                .max_keys(inner.settings.page_keys_max)
                .set_continuation_token(token.clone())
                .send()
        };
        let page = inner
            .until_done(&mut inner.budget.attempts(), 0, request)
            .await
            .map_err(|failure| failure.into_error(prefix, "list", Outcome::NotDone))?;
        for object in page.contents() {
            let key = object.key().unwrap_or_default();
            if !key.ends_with('/') {
                objects.push(Object {
                    uri: prefix.with_path(key),
                    bytes: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
                    tag: tag(object.e_tag()),
                });
            }
        }
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    objects.sort_by(|a, b| a.uri.cmp(&b.uri));
    Ok(objects)
}
