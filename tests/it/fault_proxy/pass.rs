//! The way of the bytes through the proxy: at a pace, and cut short where the plan says so.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// A connection that ended, and why.
pub(super) fn closed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, why)
}

/// What happens to a packet on its way.
pub(super) enum Next {
    Pass,
    /// So many bytes of it pass; then the connection is closed.
    Cut(usize),
    /// So many bytes of it pass; then nothing more comes.
    Stop(usize),
}

/// Holds a stream to a rate.
pub(super) struct Pace {
    start: Instant,
    bytes_per_second: Option<f64>,
    passed: f64,
}

impl Pace {
    pub(super) fn new(bytes_per_second: Option<f64>) -> Self {
        Self { start: Instant::now(), bytes_per_second, passed: 0.0 }
    }

    async fn wait(&mut self, bytes: usize) {
        self.passed += bytes as f64;
        if let Some(rate) = self.bytes_per_second {
            sleep_until(self.start + Duration::from_secs_f64(self.passed / rate)).await;
        }
    }
}

/// Passes on the bytes read ahead and as many more as are left, or everything up to the stream's
/// end if the length is unknown. False if the plan has cut it short.
pub(super) async fn pass(
    ahead: Vec<u8>,
    from: &mut TcpStream,
    to: &mut TcpStream,
    length: Option<usize>,
    mut pace: Pace,
    act: &mut (dyn FnMut(&mut [u8]) -> Next + Send),
) -> io::Result<bool> {
    let mut left = length.unwrap_or(usize::MAX);
    let mut buffer = vec![0; 128 << 10];
    let mut filled = ahead.len().min(left);
    buffer[..filled].copy_from_slice(&ahead[..filled]);
    loop {
        if filled > 0 {
            match act(&mut buffer[..filled]) {
                Next::Pass => to.write_all(&buffer[..filled]).await?,
                Next::Cut(length) => {
                    to.write_all(&buffer[..length]).await?;
                    // A reset would take with it what the client has not read yet.
                    return to.shutdown().await.and(Ok(false));
                }
                Next::Stop(length) => {
                    to.write_all(&buffer[..length]).await?;
                    // Until the client gives up.
                    let _ = to.read(&mut [0]).await;
                    return Err(closed("planned"));
                }
            }
            pace.wait(filled).await;
            left -= filled;
        }
        if left == 0 {
            return Ok(true);
        }
        let most = left.min(buffer.len());
        filled = from.read(&mut buffer[..most]).await?;
        if filled == 0 {
            return length.map_or(Ok(true), |_| Err(closed("the other side ended early")));
        }
    }
}
