//! What every adapter must do, checked from outside: one suite for local disk, S3 and the in-memory
//! twin.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cohort::{Level, Local, Memory, Object, Objects, ObjectsError as Error, Put, Tag, Uri};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

/// The number of tasks that race for one object.
const RACERS: usize = 16;
/// The number of races.
const ROUNDS: usize = 2;
/// More objects than fit in the listing pages of a server configured for 10 a page.
const LISTED: usize = 35;

/// Runs the whole suite under `root`, a prefix that is still empty.
pub(crate) async fn check(objects: Arc<dyn Objects>, root: &Uri) {
    let folder = |name: &str| root.join(name).as_prefix();
    nothing_is_an_empty_list(&*objects, &folder("nothing")).await;
    lists_are_whole_and_sorted(&objects, &folder("list")).await;
    prefixes_are_texts_not_folders(&*objects, &folder("prefix")).await;
    entries_are_those_of_the_folder_alone(&*objects, &folder("entries")).await;
    a_level_is_that_of_the_folder_alone(&*objects, &folder("folders")).await;
    ranges_come_in_the_order_asked_for(&*objects, &folder("ranges")).await;
    names_are_literal(&*objects, &folder("names")).await;
    creates_only_where_nothing_is(&*objects, &folder("create")).await;
    replaces_only_what_was_seen(&*objects, &folder("replace")).await;
    a_pinned_object_that_changed_is_refused(&*objects, &folder("changed")).await;
    copies_only_where_nothing_is(&*objects, &folder("copy")).await;
    deletes_are_idempotent(&*objects, &folder("delete")).await;
    one_of_many_creates(&objects, &folder("race-create")).await;
    one_of_many_replaces(&objects, &folder("race-replace")).await;
    objects.probe_conditions(&folder("probe")).await.unwrap();
    objects.sweep(root).await.unwrap();
    assert!(objects.list(&folder("probe")).await.unwrap().is_empty(), "a probe was left behind");
}

fn done(put: Put) -> Tag {
    match put {
        Put::Done(tag) => tag,
        Put::Conflict => panic!("expected the write to win"),
    }
}

async fn created(objects: &dyn Objects, uri: &Uri, content: impl Into<Bytes>) -> Tag {
    done(objects.create(uri, content.into()).await.unwrap())
}

async fn only(objects: &dyn Objects, uri: &Uri) -> Object {
    let mut listed = objects.list(uri).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

async fn nothing_is_an_empty_list(objects: &dyn Objects, root: &Uri) {
    assert!(objects.list(root).await.unwrap().is_empty());
    let read = objects.read(&root.join("x")).await;
    assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");
}

async fn lists_are_whole_and_sorted(objects: &Arc<dyn Objects>, root: &Uri) {
    let mut writes = JoinSet::new();
    for number in 0..LISTED {
        let (objects, uri) = (objects.clone(), root.join(&format!("d={}/{number}", number % 3)));
        writes.spawn(async move { created(&*objects, &uri, vec![7; number]).await });
    }
    writes.join_all().await;
    let listed = objects.list(root).await.unwrap();
    assert_eq!(listed.len(), LISTED);
    assert!(listed.windows(2).all(|pair| pair[0].uri.path() < pair[1].uri.path()), "{listed:?}");
    for object in listed {
        assert_eq!(object.uri.name(), object.bytes.to_string());
        assert_eq!(objects.read(&object.uri).await.unwrap().1, object.tag);
    }
}

async fn prefixes_are_texts_not_folders(objects: &dyn Objects, root: &Uri) {
    for name in ["dt=20250101/a", "dt=20250102/.hidden", "dt=2025", "dt=2024/b", "_SUCCESS"] {
        created(objects, &root.join(name), name).await;
    }
    let under = async |prefix: &str| -> Vec<String> {
        let listed = objects.list(&root.join(prefix)).await.unwrap();
        listed.iter().map(|object| object.uri.below(root).unwrap().to_owned()).collect()
    };
    assert_eq!(under("dt=2025").await, ["dt=2025", "dt=20250101/a", "dt=20250102/.hidden"]);
    assert_eq!(under("dt=20250102/").await, ["dt=20250102/.hidden"]);
    assert_eq!(under("_").await, ["_SUCCESS"]);
    assert!(under("dt=20250103").await.is_empty());
    assert_eq!(under("").await.len(), 5);
}

async fn entries_are_those_of_the_folder_alone(objects: &dyn Objects, root: &Uri) {
    let folder = root.join("run=x/");
    assert!(objects.entries(&folder).await.unwrap().is_empty());
    // More than one page of a listing, with folders between files.
    let files: Vec<String> = (10..30).map(|number| format!("part-{number}")).collect();
    for file in &files {
        created(objects, &folder.join(file), file.clone()).await;
    }
    for below in ["a/1", "a/2", "part-2/1/2", "z/1"] {
        created(objects, &folder.join(below), below).await;
    }
    let mut expected: Vec<(String, Option<&str>)> =
        files.into_iter().map(|file| (file, None)).collect();
    expected.extend(["a", "part-2", "z"].map(|name| (name.to_owned(), Some("a folder"))));
    expected.sort();
    let entries = objects.entries(&folder).await.unwrap();
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (entry.object.uri.below(&folder).unwrap().to_owned(), entry.stranger))
        .collect();
    assert_eq!(found, expected);
    for entry in entries.iter().filter(|entry| entry.stranger.is_none()) {
        assert_eq!(only(objects, &entry.object.uri).await.tag, entry.object.tag);
    }
}

async fn a_level_is_that_of_the_folder_alone(objects: &dyn Objects, root: &Uri) {
    assert_eq!(objects.level(root).await.unwrap(), None);
    for name in ["file", "b/c/file", "b/file", "a/file", "d=1/file"] {
        created(objects, &root.join(name), "x").await;
    }
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let level = |folders: &[&str], files: &[&str]| {
        Some(Level { folders: names(folders), files: names(files) })
    };
    assert_eq!(objects.level(root).await.unwrap(), level(&["a", "b", "d=1"], &["file"]));
    assert_eq!(objects.level(&root.join("b/")).await.unwrap(), level(&["c"], &["file"]));
    assert_eq!(objects.level(&root.join("a/")).await.unwrap(), level(&[], &["file"]));
}

async fn ranges_come_in_the_order_asked_for(objects: &dyn Objects, root: &Uri) {
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let uri = root.join("x");
    let tag = created(objects, &uri, content.clone()).await;
    let object = only(objects, root).await;
    assert_eq!((object.bytes, &object.tag), (200_000, &tag));
    let ranges =
        [199_992..200_000, 0..4, 3..9, 100_000..100_000, 50_000..150_000, 0..200_000, 20..21];
    let parts = objects.read_ranges(&object, &ranges).await.unwrap();
    assert_eq!(parts.len(), ranges.len());
    for (range, part) in ranges.iter().zip(parts) {
        let expected = &content[range.start as usize..range.end as usize];
        assert!(part == expected, "wrong bytes for {range:?}");
    }
    assert!(objects.read_ranges(&object, &[]).await.unwrap().is_empty());
    let (whole, read_tag) = objects.read(&uri).await.unwrap();
    assert!(whole == content && read_tag == tag);
}

async fn names_are_literal(objects: &dyn Objects, root: &Uri) {
    for name in ["run=a%3Ab+c/part 1&2", "run=a:b c/é=ü~@?#.parquet", "run=a%3Ab+c/%25"] {
        let uri = root.join(name);
        created(objects, &uri, name).await;
        assert_eq!(only(objects, &uri).await.uri, uri);
        assert_eq!(objects.read(&uri).await.unwrap().0, name);
        objects.delete(&uri).await.unwrap();
    }
    assert!(objects.list(root).await.unwrap().is_empty());
}

async fn creates_only_where_nothing_is(objects: &dyn Objects, root: &Uri) {
    let uri = root.join("deep/er/x");
    let tag = created(objects, &uri, "first").await;
    for second in ["second", "first"] {
        assert_eq!(objects.create(&uri, second.into()).await.unwrap(), Put::Conflict);
    }
    assert_eq!(objects.read(&uri).await.unwrap(), ("first".into(), tag));
    let empty = root.join("empty");
    created(objects, &empty, "").await;
    assert_eq!(objects.read(&empty).await.unwrap().0, "");
}

async fn replaces_only_what_was_seen(objects: &dyn Objects, root: &Uri) {
    let uri = root.join("x");
    let absent = objects.replace(&uri, "1".into(), &Tag("\"0\"".to_owned())).await.unwrap();
    assert_eq!(absent, Put::Conflict);
    let first = created(objects, &uri, "first").await;
    let second = done(objects.replace(&uri, "second".into(), &first).await.unwrap());
    assert_ne!(first, second);
    assert_eq!(objects.replace(&uri, "third".into(), &first).await.unwrap(), Put::Conflict);
    assert_eq!(objects.read(&uri).await.unwrap(), ("second".into(), second));
}

async fn a_pinned_object_that_changed_is_refused(objects: &dyn Objects, root: &Uri) {
    let uri = root.join("x");
    let first = created(objects, &uri, "first").await;
    let object = only(objects, &uri).await;
    done(objects.replace(&uri, "other".into(), &first).await.unwrap());
    let read = objects.read_ranges(&object, &[0..3, 4..5]).await;
    assert!(matches!(read, Err(Error::Changed { .. })), "{read:?}");
    objects.delete(&uri).await.unwrap();
    let read = objects.read_ranges(&object, std::slice::from_ref(&(0..3))).await;
    assert!(matches!(read, Err(Error::Changed { .. })), "{read:?}");
}

async fn copies_only_where_nothing_is(objects: &dyn Objects, root: &Uri) {
    let (from, to) = (root.join("run=x/a"), root.join("run=x/superseded/00/a"));
    let tag = created(objects, &from, "first").await;
    let object = only(objects, &from).await;
    done(objects.copy(&object, &to).await.unwrap());
    assert_eq!(objects.copy(&object, &to).await.unwrap(), Put::Conflict);
    assert_eq!(objects.read(&to).await.unwrap().0, "first");
    let digest: [u8; 32] = Sha256::digest("first").into();
    assert_eq!(objects.digest(&object).await.unwrap(), digest);
    done(objects.replace(&from, "other".into(), &tag).await.unwrap());
    for result in [
        objects.copy(&object, &root.join("b")).await.map(|_| ()),
        objects.digest(&object).await.map(|_| ()),
    ] {
        assert!(matches!(result, Err(Error::Changed { .. })), "{result:?}");
    }
    assert_eq!(objects.read(&to).await.unwrap().0, "first");
}

async fn deletes_are_idempotent(objects: &dyn Objects, root: &Uri) {
    let (uri, other) = (root.join("run=x/a"), root.join("run=x/ab"));
    objects.delete(&uri).await.unwrap();
    created(objects, &uri, "1").await;
    created(objects, &other, "2").await;
    for _ in 0..2 {
        objects.delete(&uri).await.unwrap();
        assert_eq!(only(objects, root).await.uri, other);
    }
    created(objects, &uri, "3").await;
}

/// The contents of the racers that were told that they won.
async fn winners<F: Future<Output = Put> + Send + 'static>(
    race: impl Fn(Bytes) -> F,
) -> Vec<Bytes> {
    let mut racers = JoinSet::new();
    for number in 0..RACERS {
        let content = Bytes::from(format!("content of racer {number}"));
        let put = race(content.clone());
        racers.spawn(async move { matches!(put.await, Put::Done(_)).then_some(content) });
    }
    racers.join_all().await.into_iter().flatten().collect()
}

async fn one_of_many_creates(objects: &Arc<dyn Objects>, root: &Uri) {
    for round in 0..ROUNDS {
        let uri = root.join(&round.to_string());
        let won = winners(|content| {
            let (objects, uri) = (objects.clone(), uri.clone());
            async move { objects.create(&uri, content).await.unwrap() }
        });
        assert_eq!(won.await, [objects.read(&uri).await.unwrap().0]);
    }
}

async fn one_of_many_replaces(objects: &Arc<dyn Objects>, root: &Uri) {
    let uri = root.join("x");
    let mut tag = created(&**objects, &uri, "zero").await;
    for _ in 0..ROUNDS {
        let won = winners(|content| {
            let (objects, uri, seen) = (objects.clone(), uri.clone(), tag.clone());
            async move { objects.replace(&uri, content, &seen).await.unwrap() }
        });
        let won = won.await;
        let (content, now) = objects.read(&uri).await.unwrap();
        assert_eq!(won, [content]);
        // Equal content may have equal tags, so the next round must not start from this round's
        // winner.
        tag = done(objects.replace(&uri, "zero".into(), &now).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    let root = Uri::from_argument(Path::new("/"), "memory:///lake/").unwrap();
    check(Arc::new(Memory::new()), &root).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn local_disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let root = Uri::from_argument(folder.path(), "./lake/").unwrap();
    check(Arc::new(Local::new()), &root).await;
}
