//! Listings of S3, page by page.

use super::client::{Inner, tag};
use super::condition::is_probe;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Entry, Level, Object, Tag};
use crate::objects::uri::Uri;

/// All objects under a prefix except probes, which are no run's content and may be in use by
/// another run.
pub(super) async fn list(inner: &Inner, prefix: &Uri) -> Result<Vec<Object>, Error> {
    let mut objects = list_all(inner, prefix).await?;
    objects.retain(|object| !is_probe(object.uri.name()));
    Ok(objects)
}

/// What is directly in a run's folder. The server leaves out what is further below, such as
/// history, which only grows.
pub(super) async fn entries(inner: &Inner, folder: &Uri) -> Result<Vec<Entry>, Error> {
    let (objects, folders) = pages(inner, folder, Some("/")).await?;
    let objects = objects.into_iter().filter(|object| !is_probe(object.uri.name()));
    let mut entries: Vec<Entry> = objects.map(|object| Entry { object, stranger: None }).collect();
    entries.extend(folders.into_iter().map(|uri| Entry {
        object: Object { uri, bytes: 0, tag: Tag(String::new()) },
        stranger: Some("a folder"),
    }));
    entries.sort_by(|a, b| a.object.uri.cmp(&b.object.uri));
    Ok(entries)
}

/// What lies directly in a folder, or `None` if nothing at all lies in it. What is further below is
/// not listed.
pub(super) async fn level(inner: &Inner, folder: &Uri) -> Result<Option<Level>, Error> {
    let (objects, folders) = pages(inner, folder, Some("/")).await?;
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let folders = sorted(folders.iter().map(|folder| folder.name().to_owned()).collect());
    let files = sorted(objects.iter().map(|object| object.uri.name().to_owned()).collect());
    Ok((!files.is_empty() || !folders.is_empty()).then_some(Level { folders, files }))
}

/// All objects under a prefix. Keys that end with a slash are the folder markers of graphical
/// clients.
pub(super) async fn list_all(inner: &Inner, prefix: &Uri) -> Result<Vec<Object>, Error> {
    let (mut objects, _) = pages(inner, prefix, None).await?;
    objects.sort_by(|a, b| a.uri.cmp(&b.uri));
    Ok(objects)
}

/// Objects whose key holds no delimiter after the prefix, and the folders that the others are in.
async fn pages(
    inner: &Inner,
    prefix: &Uri,
    delimiter: Option<&str>,
) -> Result<(Vec<Object>, Vec<Uri>), Error> {
    let (mut objects, mut folders) = (Vec::new(), Vec::new());
    let mut token: Option<String> = None;
    loop {
        let request = || {
            inner
                .client
                .list_objects_v2()
                .bucket(prefix.bucket())
                .prefix(prefix.path())
                .set_delimiter(delimiter.map(str::to_owned))
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
        let below = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
        let folder = |path: &str| prefix.with_path(path.strip_suffix('/').unwrap_or(path));
        folders.extend(below.map(folder));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            return Ok((objects, folders));
        }
    }
}
