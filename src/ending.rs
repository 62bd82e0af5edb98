//! How the process ends when it cannot go on: a panic on any thread, or no memory.
//!
//! Ending at once is safe at every instant of a run (SPEC 11). Whatever ends a run, its last words
//! reach everyone who waits for its result. They are said once: the first thread that cannot go on
//! says them, and the others wait for the end.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use crate::escape;
use crate::kind::Kind;
use crate::orchestrator::{EndFiles, Reporters};
use crate::process::is_decoding;
use crate::progress;
use crate::screen::{Look, WRONG, stderr_has_colour};
use crate::shortage::Shortage;
use crate::streams;

/// How long the last words may take, in all.
const TIME_MAX: Duration = Duration::from_millis(2_500);
/// How long other threads wait for the end.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// The stack of the thread that says the last words.
const STACK_BYTES: usize = 1 << 19;

/// The files that tell how the run ended.
static FILES: OnceLock<EndFiles> = OnceLock::new();
/// The channels of the run.
static REPORTERS: OnceLock<Arc<tokio::sync::Mutex<Reporters>>> = OnceLock::new();
/// Whether a thread is saying the last words.
static ENDING: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether it is this one.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// From now on, an end of the process is told to these files, or to those named before: there is
/// one run in a process. Returns them.
pub(crate) fn tell_files(files: EndFiles) -> EndFiles {
    FILES.get_or_init(|| files).clone()
}

/// From now on, these channels are told, too, when the process ends.
pub(crate) fn tell(reporters: &Arc<tokio::sync::Mutex<Reporters>>) {
    let _ = REPORTERS.set(reporters.clone());
}

/// The last words of a process that ends before it does anything. Returns the exit code.
pub fn end_before_it_began(kind: Kind, message: &str) -> u8 {
    if let Some(files) = FILES.get() {
        files.failed(kind, &escape::line(message));
    }
    print_error(message);
    kind.exit_code()
}

/// The same for a process that the system gives no thread.
pub fn end_short(error: &io::Error) -> u8 {
    let shortage = Shortage::of(error).unwrap_or(Shortage::Threads);
    end_before_it_began(Kind::Temporary, &shortage.to_string())
}

/// From now on a panic on any thread ends the process with the exit code of a bug and one line on
/// stderr. Some libraries have no other way to say that something ran out: that is no bug.
///
/// `release` frees memory that was set aside for the last words.
pub fn end_on_panic(release: fn()) {
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or("no message");
        // A decoder that gives up on its bytes ends nothing.
        if is_decoding() && Shortage::said(said).is_none() {
            return;
        }
        release();
        progress::clear();
        let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
        let (kind, message) = match Shortage::said(said) {
            Some(shortage) => (Kind::Temporary, shortage.to_string()),
            None => (Kind::Bug, format!("internal error{place}: {said}; please report it")),
        };
        if !end(kind, &message) {
            thread::sleep(WAIT_MAX);
        }
        std::process::exit(i32::from(kind.exit_code()));
    }));
}

/// Says the last words of a process that has no memory left but what the caller has just released.
/// If that is not enough for them, what it says is one line. Returns the exit code.
pub fn end_without_memory() -> u8 {
    // Nothing here takes memory until the end has begun: a failure in it comes back here.
    if !end(Kind::Temporary, NO_MEMORY) {
        if !ENDS.get() {
            thread::sleep(WAIT_MAX);
        }
        for text in ["cohort: ", NO_MEMORY, "\n"] {
            let _ = streams::to_stderr(text.as_bytes());
        }
    }
    Kind::Temporary.exit_code()
}

/// The message of a shortage of memory, which takes no memory to make.
const NO_MEMORY: &str = "out of memory; raise the limit on memory, the container's or that of \
                         ulimit -v, or lower --threads; then run again";

/// Tells everyone that the process ends, with one line on stderr at last. Returns whether it did:
/// a process ends once.
fn end(kind: Kind, message: &str) -> bool {
    if ENDING.swap(true, Ordering::SeqCst) {
        return false;
    }
    ENDS.set(true);
    let message = escape::line(message);
    if let Some(files) = FILES.get() {
        files.failed(kind, &message);
    }
    if let Some(reporters) = REPORTERS.get() {
        tell_channels(reporters.clone(), kind, message.clone());
    }
    print_line(&message);
    true
}

/// Tells the channels on a thread of its own: this one may belong to a runtime that waits for it.
fn tell_channels(reporters: Arc<tokio::sync::Mutex<Reporters>>, kind: Kind, message: String) {
    let (done, wait) = mpsc::channel();
    let told = reporters.clone();
    let text = message.clone();
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let tell = async { told.lock().await.failed_in_the_end(kind, &text).await };
            // No answer in time is an answer.
            let _ = runtime.block_on(async { tokio::time::timeout(TIME_MAX, tell).await });
        }
        let _ = done.send(());
    });
    match thread {
        Ok(_) => drop(wait.recv_timeout(TIME_MAX + TIME_MAX / 4)),
        // What needs no waiting is told without a thread.
        Err(_) => {
            if let Ok(mut reporters) = reporters.try_lock() {
                reporters.failed_at_once(kind, &message);
            }
        }
    }
}

/// Prints `cohort: <message>` on stderr, as one line whatever the message holds.
pub fn print_error(message: &str) {
    progress::clear();
    print_line(&escape::line(message));
}

/// Writes a line at once, past every lock: the thread that holds one may have ended the process.
fn print_line(line: &str) {
    let look = Look { colour: stderr_has_colour(), ..Look::PLAIN };
    let name = look.styled(WRONG, "cohort:");
    // If stderr is closed there is nobody left to tell.
    let _ = streams::to_stderr(format!("{name} {line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Memory;
    use crate::orchestrator::Surroundings;

    #[test]
    fn the_message_without_memory_is_that_of_the_shortage() {
        assert_eq!(NO_MEMORY, Shortage::Memory.to_string());
    }

    #[test]
    fn a_panic_on_any_thread_ends_with_one_line_and_the_exit_code_of_a_bug() {
        const INSIDE: &str = "COHORT_TEST_PANIC";
        if let Some(folder) = std::env::var_os(INSIDE).map(std::path::PathBuf::from) {
            end_on_panic(|| {});
            let files = EndFiles::new(vec![folder.join("result")], &folder, &folder.join("none"));
            tell_files(files.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let reporters = runtime.block_on(Reporters::open(Surroundings {
                env: &|name| std::env::var(name).ok(),
                objects: Arc::new(Memory::new()),
                clock: crate::process::now,
                files,
            }));
            tell(&Arc::new(tokio::sync::Mutex::new(reporters)));
            let _ = std::thread::spawn(|| panic!("the\nmessage")).join();
            std::process::exit(0);
        }
        let folder = tempfile::tempdir().unwrap();
        let name =
            "ending::tests::a_panic_on_any_thread_ends_with_one_line_and_the_exit_code_of_a_bug";
        let done = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, folder.path())
            .env("OPENLINEAGE_FILE", folder.path().join("events"))
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(70));
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("cohort: internal error at src"), "{said}");
        assert!(said.ends_with(": the\\nmessage; please report it\n"), "{said}");
        let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let result: serde_json::Value = serde_json::from_str(&read("result")).unwrap();
        assert_eq!((&result["exit_code"], &result["kind"]), (&70.into(), &"bug".into()));
        let events = read("events");
        let last: serde_json::Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
        assert_eq!(last["eventType"], "FAIL");
    }
}
