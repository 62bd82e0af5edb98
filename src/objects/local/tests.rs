//! What only a disk can do. `tests/it/conformance.rs` runs the suite on local disk.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::folder::Folder;
use super::read::read_range;
use super::write::Temporary;
use super::*;

fn root(folder: &Path) -> Uri {
    Uri::from_argument(folder, "./").unwrap().as_prefix()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn writes_leave_no_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    let uri = root(folder.path()).join("a");
    let Put::Done(tag) = Local.create(&uri, "1".into()).await.unwrap() else { panic!("lost") };
    assert_eq!(Local.create(&uri, "2".into()).await.unwrap(), Put::Conflict);
    assert!(matches!(Local.replace(&uri, "3".into(), &tag).await.unwrap(), Put::Done(_)));
    assert_eq!(Local.replace(&uri, "4".into(), &tag).await.unwrap(), Put::Conflict);
    assert_eq!(names(folder.path()), ["a"]);
}

#[tokio::test]
async fn a_sweep_removes_the_files_of_the_dead_and_spares_those_of_the_living() {
    let folder = tempfile::tempdir().unwrap();
    let open = Folder::open(folder.path().to_str().unwrap()).unwrap();
    let living = Temporary::write(&open, b"half").unwrap().unwrap();
    fs::write(folder.path().join(".cohort-1-0.tmp"), "half").unwrap();
    for name in [".hidden", ".cohort-notes.tmp"] {
        fs::write(folder.path().join(name), "not ours").unwrap();
    }
    assert_eq!(Local.list(&root(folder.path())).await.unwrap().len(), 2);
    Local.sweep(&root(folder.path())).await.unwrap();
    let left = [living.name.as_str(), ".cohort-notes.tmp", ".hidden"];
    assert_eq!(names(folder.path()), left);
}

#[tokio::test]
async fn the_folder_of_a_run_goes_with_its_last_object() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (root(folder.path()).join("run=x/a"), root(folder.path()).join("run=x/b"));
    for uri in [&a, &b] {
        Local.create(uri, "1".into()).await.unwrap();
    }
    Local.delete(&a).await.unwrap();
    assert_eq!(names(folder.path()), ["run=x"]);
    Local.delete(&b).await.unwrap();
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn an_absent_file_is_not_found_and_a_file_as_folder_is_a_wrong_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = root(folder.path()).join("a");
    assert!(matches!(Local.read(&file).await, Err(Error::NotFound { .. })));
    Local.create(&file, "1".into()).await.unwrap();
    let below = root(folder.path()).join("a/b");
    let written = Local.create(&below, "1".into()).await;
    assert!(matches!(written, Err(Error::Misconfigured { .. })), "{written:?}");
    assert!(Local.list(&file.clone().as_prefix()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_without_permission_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    // The superuser may write all the same; then there is nothing to see here.
    if fs::write(folder.path().join("x"), "").is_ok() {
        return;
    }
    let written = Local.create(&root(folder.path()).join("a"), "1".into()).await;
    assert!(matches!(written, Err(Error::Denied { .. })), "{written:?}");
}

#[test]
fn errors_of_the_disk_are_told_apart() {
    let uri = root(Path::new("/x"));
    let of = |code| failed(&uri, "write", Outcome::NotDone, &io::Error::from_raw_os_error(code));
    // Linux numbers: EPERM, EACCES, EROFS; ENOSPC, EDQUOT, EIO.
    for code in [1, 13, 30] {
        assert!(matches!(of(code), Error::Denied { .. }), "{code}");
    }
    for code in [28, 122, 5] {
        assert!(matches!(of(code), Error::Unavailable { .. }), "{code}");
    }
    // ENAMETOOLONG, ELOOP.
    for code in [36, 40] {
        assert!(matches!(of(code), Error::Misconfigured { .. }), "{code}");
    }
    // ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM.
    for (code, help) in
        [(28, "make room"), (122, "quota"), (24, "ulimit -n"), (23, "fs.file-max"), (12, "memory")]
    {
        let error = of(code);
        assert_eq!(error.kind(), crate::kind::Kind::Temporary, "{error}");
        assert!(error.to_string().contains(help), "{error}");
    }
}

#[test]
fn a_range_is_read_whole_or_not_at_all() {
    let mut file = tempfile::tempfile().unwrap();
    io::Write::write_all(&mut file, b"abcde").unwrap();
    assert_eq!(read_range(&file, &(1..4)).unwrap(), b"bcd");
    assert_eq!(read_range(&file, &(0..5)).unwrap(), b"abcde");
    assert_eq!(read_range(&file, &(3..3)).unwrap(), b"");
    for range in [0..6, 4..9, 7..8] {
        let error = read_range(&file, &range).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{range:?}");
    }
}
