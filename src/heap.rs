//! How the process holds its memory, and how it ends when it gets no more.
//!
//! Both belong to the binary, not to the library: a program that embeds the library decides for
//! itself.
#![allow(
    unsafe_code,
    reason = "an allocator and its settings have no safe interface, and the standard library's \
              hook for a failed allocation is not stable: without it such a process ends by \
              SIGABRT, and nobody who waits for the run's result hears why"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use cohort::end_without_memory;

/// The system's allocator. It ends the process when there is no more memory.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

/// Memory for the last words of a process that has no other. It is mapped, but never touched, so it
/// costs nothing.
static RESERVE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
const RESERVE_LAYOUT: Layout = Layout::new::<[u64; 1 << 19]>();

unsafe extern "C" {
    safe fn _exit(code: c_int) -> !;
}

// SAFETY: every call is passed on as it is to the system's allocator, which keeps the contract. The
// one addition does not return.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        granted(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        granted(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        granted(unsafe { System.realloc(old, layout, size) })
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

fn granted(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        refused();
    }
    memory
}

/// Ends the process with its last words.
#[cold]
fn refused() -> ! {
    release();
    _exit(end_without_memory().into());
}

/// Gives the reserve to whoever says the last words.
pub(crate) fn release() {
    let reserve = RESERVE.swap(ptr::null_mut(), Ordering::SeqCst);
    if !reserve.is_null() {
        // SAFETY: it was allocated with this layout, and no one else has taken it.
        unsafe { System.dealloc(reserve, RESERVE_LAYOUT) };
    }
}

/// Sets the reserve aside, and the allocator's settings.
///
/// They make glibc's allocator keep one heap for all threads, and keep what was freed of it.
///
/// By default each thread gets a heap of its own, which keeps what was freed. Columns are decoded
/// on one thread and dropped on another, so every heap grows to the size of the largest. On a day
/// of 28.8 million predictions with 0.1 % of cells anomalous, one heap takes 62 MiB at its peak
/// instead of 104. Threads wait for one another at a single heap, so what computes in parallel
/// allocates by the event or the batch, hardly ever by the row.
///
/// The end of the heap, where column chunks come and go, would be given back to the system and
/// asked for again all the time. Keeping it saves a third of the system's time. That setting
/// switches off the allocator's own adjustment of the size from which it maps memory apart from the
/// heap. So that size is set as well, to the largest that the adjustment would reach.
pub(crate) fn set_up() {
    // Before the settings, so that the reserve lies apart from the heap and goes back to the system
    // as a whole, for stacks as well.
    // SAFETY: its size is not zero.
    RESERVE.store(unsafe { System.alloc(RESERVE_LAYOUT) }, Ordering::SeqCst);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_MMAP_THRESHOLD: c_int = -3;
        const M_ARENA_MAX: c_int = -8;
        for (parameter, value) in
            [(M_ARENA_MAX, 1), (M_TRIM_THRESHOLD, 1 << 28), (M_MMAP_THRESHOLD, 1 << 25)]
        {
            // SAFETY: mallopt takes two numbers and keeps no pointer or reference, and no other
            // thread runs yet. It returns whether the setting took effect. Without it the job
            // computes the same, only larger or slower.
            unsafe { mallopt(parameter, value) };
        }
    }
}

/// Runs before `main`, and before the standard library opens another file in the place of a closed
/// stdout.
#[used]
#[cfg(target_os = "linux")]
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;

#[cfg(target_os = "linux")]
extern "C" fn look_at_stdout() {
    if rustix::io::fcntl_getfd(std::io::stdout()).is_err() {
        cohort::stdout_is_closed();
    }
}
