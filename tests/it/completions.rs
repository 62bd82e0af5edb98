//! Completions and manual pages, as a shell and `man` take them.

use std::process::{Command, Stdio};

fn cohort(arguments: &[&str]) -> String {
    let done = Command::new(crate::binary::binary()).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// What bash offers for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("cohort.bash");
    std::fs::write(&script, cohort(&["completions", "bash"])).unwrap();
    let ask = "source \"$1\"; shift
        COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _cohort cohort \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ask, "bash"]).arg(&script).args(words);
    let done = bash.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered(&["cohort", "compl"]), ["completions"]);
    let commands = offered(&["cohort", ""]);
    for command in ["run", "rerun", "init", "show", "files", "man"] {
        assert!(commands.iter().any(|one| one == command), "{command}: {commands:?}");
    }
    assert_eq!(offered(&["cohort", "run", "--dry"]), ["--dry-run"]);
    assert_eq!(offered(&["cohort", "run", "--as", ""]), ["text", "json"]);
    assert_eq!(offered(&["cohort", "completions", "z"]), ["zsh"]);
}

#[test]
fn every_shell_gets_a_script() {
    for (shell, mark) in [
        ("bash", "complete -F _cohort"),
        ("zsh", "#compdef cohort"),
        ("fish", "complete -c cohort"),
        ("elvish", "edit:completion:arg-completer[cohort]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = cohort(&["completions", shell]);
        assert!(script.contains(mark), "{shell}: {script}");
        assert!(script.contains("dry-run"), "{shell}");
    }
}

#[test]
fn the_manual_pages_are_one_a_command_and_the_same_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man/man1");
    cohort(&["man", "--out", pages.to_str().unwrap()]);
    let mut names: Vec<_> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.contains(&"cohort.1".to_owned()) && names.contains(&"cohort-run.1".to_owned()));
    for name in &names {
        let written = std::fs::read_to_string(pages.join(name)).unwrap();
        let command = name.strip_suffix(".1").unwrap().strip_prefix("cohort-");
        let printed = match command {
            Some(command) => cohort(&["man", command]),
            None => cohort(&["man"]),
        };
        assert_eq!(written, printed, "{name}");
    }
    let wrong = Command::new(crate::binary::binary()).args(["man", "rum"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

/// The text without what a printer would strike twice.
fn unstruck(text: &str) -> String {
    text.chars().fold(String::new(), |mut seen, c| {
        if c == '\u{8}' {
            seen.pop();
        } else {
            seen.push(c);
        }
        seen
    })
}

/// What a link led to was once written over, and a pipe waited for ever.
#[test]
fn the_manual_pages_take_the_place_of_links_and_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let [precious, link, pipe, pages] =
        ["precious", "pages/cohort.1", "pages/cohort-run.1", "pages"]
            .map(|n| folder.path().join(n));
    std::fs::create_dir(&pages).unwrap();
    std::fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, &link).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // A folder that the user names may be a link.
    let named = folder.path().join("named");
    std::os::unix::fs::symlink(&pages, &named).unwrap();
    let mut waiting = Command::new("timeout");
    waiting.args(["-s", "KILL", "30"]).arg(crate::binary::binary());
    assert!(waiting.args(["man", "--out"]).arg(&named).status().unwrap().success());
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    for page in [link, pipe] {
        assert!(std::fs::symlink_metadata(&page).unwrap().is_file(), "{}", page.display());
        assert!(std::fs::read_to_string(page).unwrap().contains("EXIT STATUS"));
    }
}

#[test]
fn groff_renders_the_pages_without_a_warning() {
    let Ok(found) = Command::new("groff").arg("--version").stdout(Stdio::null()).status() else {
        // Structure is checked without it, by `every_command_has_a_page_...`.
        return;
    };
    assert!(found.success());
    let folder = tempfile::tempdir().unwrap();
    cohort(&["man", "--out", folder.path().to_str().unwrap()]);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let page = entry.unwrap().path();
        let mut groff = Command::new("groff");
        let done = groff.args(["-man", "-Tascii", "-ww", "-P-c"]).arg(&page).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && said.is_empty(), "{}: {said}", page.display());
        let text = unstruck(&String::from_utf8_lossy(&done.stdout));
        assert!(text.contains("EXIT STATUS") && text.contains("75  temporary"), "{text}");
        if page.ends_with("cohort-run.1") {
            let example = "cohort run --manifest run_manifest.json --dry-run";
            assert!(text.lines().any(|line| line.trim() == example), "{text}");
        }
    }
}
