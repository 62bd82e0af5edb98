//! A proxy in front of an S3 server that breaks what a plan tells it to break.
//!
//! It keeps the `Host` header, so signatures still verify. It talks to the server over one
//! connection a request, and to the client over one connection for as long as nothing breaks.

mod pass;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;

use self::pass::{Next, Pace, closed, pass};

/// A request as the plan sees it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Counts the requests through the proxy from 0.
    pub number: usize,
    /// Counts those that change the storage from 0; for others, how many there were.
    pub write_number: usize,
    /// `GET`, `PUT` and so on.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// All header lines.
    pub head: String,
}

impl Request {
    /// Whether it changes the storage.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.method.as_str(), "PUT" | "POST" | "DELETE")
    }
}

/// What happens to a request or its answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// This status and S3 error code, without the server's knowledge.
    Status(u16, &'static str),
    /// This whole answer, without the server's knowledge.
    Answer(String),
    /// The connection is reset before the server sees the request.
    ResetBefore,
    /// The server carries the request out; the connection is reset instead of an answer.
    ResetAfter,
    /// The server carries the request out; the answer is this status and code.
    StatusAfter(u16, &'static str),
    /// The connection is closed after so many bytes of the body.
    Truncate(usize),
    /// Nothing more comes after so many bytes of the body.
    Stall(usize),
    /// The answer's head comes this much later.
    DelayHeaders(Duration),
    /// The byte at this offset of the body is another one.
    Flip(usize),
    /// Tells the test that the request has come, and waits until the test drops its end; nothing is
    /// forwarded.
    HoldBefore,
    /// The same after the server has carried it out, before the answer.
    HoldAfter,
}

/// How slow the way is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    /// Added to every request.
    pub latency: Duration,
    /// For each connection and direction; none is no limit.
    pub bytes_per_second: Option<f64>,
}

type FaultPlan = Box<dyn Fn(&Request) -> Fault + Send + Sync>;

struct Shared {
    server: SocketAddr,
    link: Link,
    plan: FaultPlan,
    requests: AtomicUsize,
    writes: AtomicUsize,
    seen: Mutex<Vec<String>>,
    held: mpsc::Sender<oneshot::Sender<()>>,
    body_bytes: AtomicUsize,
    under_way: AtomicUsize,
}

/// A running proxy; it ends with this value.
pub(crate) struct Proxy {
    /// Where it listens.
    pub port: u16,
    /// A message for each request held, with the end to drop.
    pub held: mpsc::Receiver<oneshot::Sender<()>>,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Proxy {
    /// In front of the port, with a plan that is asked once a request.
    pub(crate) fn start(
        port: u16,
        plan: impl Fn(&Request) -> Fault + Send + Sync + 'static,
    ) -> Self {
        Self::with_link(port, Link::default(), plan)
    }

    /// The same over a slow way.
    pub(crate) fn with_link(
        port: u16,
        link: Link,
        plan: impl Fn(&Request) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let (held_sender, held) = mpsc::channel();
        let shared = Arc::new(Shared {
            server: SocketAddr::from(([127, 0, 0, 1], port)),
            link,
            plan: Box::new(plan),
            requests: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            seen: Mutex::new(Vec::new()),
            held: held_sender,
            body_bytes: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
        });
        let accepting = shared.clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                let shared = accepting.clone();
                tokio::spawn(async move {
                    let _ = serve(&shared, client).await;
                });
            }
        });
        Self { port: own_port, held, shared, runtime: Some(runtime) }
    }

    /// Method and target of each request so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests changed the storage.
    pub(crate) fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::SeqCst)
    }

    /// Waits until nothing that came through is still on its way to the server. Requests held or
    /// stalled count as on their way until their client is gone.
    pub(crate) fn wait_until_idle(&self) {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while self.shared.under_way.load(Ordering::SeqCst) > 0 {
            assert!(std::time::Instant::now() < deadline, "requests are stuck in the proxy");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Bytes of bodies sent to clients.
    pub(crate) fn body_bytes(&self) -> usize {
        self.shared.body_bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Reads up to and with the empty line, into text and what came after it.
async fn read_head(
    stream: &mut TcpStream,
    mut bytes: Vec<u8>,
) -> io::Result<Option<(String, Vec<u8>)>> {
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            let head = String::from_utf8(bytes).map_err(|_| closed("head"))?;
            return Ok(Some((head, rest)));
        }
        let mut chunk = [0; 16 << 10];
        match stream.read(&mut chunk).await? {
            0 if bytes.is_empty() => return Ok(None),
            0 => return Err(closed("inside a head")),
            length => bytes.extend_from_slice(&chunk[..length]),
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The head with other connection handling; no server is asked whether to go on.
fn rewritten(head: &str, connection: &str) -> String {
    let kept = head.trim_end().lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "connection" | "expect" | "keep-alive")
    });
    let kept = kept.collect::<Vec<_>>().join("\r\n");
    format!("{kept}\r\nConnection: {connection}\r\n\r\n")
}

fn answer(status: u16, code: &str) -> String {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>\
         <Message>injected</Message></Error>"
    );
    format!(
        "HTTP/1.1 {status} Injected\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

async fn serve(shared: &Shared, mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut ahead = Vec::new();
    while let Some((head, rest)) = read_head(&mut client, ahead).await? {
        let mut words = head.split_ascii_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default().to_owned();
        shared.seen.lock().unwrap().push(format!("{method} {target}"));
        let mut request = Request {
            number: shared.requests.fetch_add(1, Ordering::SeqCst),
            write_number: 0,
            method,
            target,
            head,
        };
        let one = usize::from(request.is_write());
        request.write_number = shared.writes.fetch_add(one, Ordering::SeqCst);
        let fault = (shared.plan)(&request);
        sleep(shared.link.latency).await;
        shared.under_way.fetch_add(1, Ordering::SeqCst);
        let exchanged = exchange(shared, &mut client, &request, rest, fault).await;
        shared.under_way.fetch_sub(1, Ordering::SeqCst);
        match exchanged {
            Ok(true) => ahead = Vec::new(),
            Ok(false) => return client.shutdown().await,
            Err(error) => {
                client.set_zero_linger()?;
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Carries out one request. True if the connection can serve another one.
async fn exchange(
    shared: &Shared,
    client: &mut TcpStream,
    request: &Request,
    rest: Vec<u8>,
    fault: Fault,
) -> io::Result<bool> {
    if header(&request.head, "expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let length = header(&request.head, "content-length").map_or(0, |text| text.parse().unwrap());
    if matches!(fault, Fault::HoldBefore) {
        hold(shared).await;
        return Err(closed("held"));
    }
    if matches!(fault, Fault::ResetBefore) {
        return Err(closed("planned"));
    }
    let early = match &fault {
        Fault::Status(status, code) => Some(answer(*status, code)),
        Fault::Answer(answer) => Some(answer.clone()),
        _ => None,
    };
    if let Some(early) = early {
        // The body is taken all the same, so that the client is not reset while it sends.
        let mut left = length - rest.len();
        let mut sink = vec![0; 64 << 10];
        while left > 0 {
            left -= client.read(&mut sink).await?.min(left);
        }
        client.write_all(early.as_bytes()).await?;
        return Ok(false);
    }
    let mut server = TcpStream::connect(shared.server).await?;
    server.set_nodelay(true)?;
    server.write_all(rewritten(&request.head, "close").as_bytes()).await?;
    let upload = Pace::new(shared.link.bytes_per_second);
    pass(rest, client, &mut server, Some(length), upload, &mut |_| Next::Pass).await?;
    let (head, rest) = read_head(&mut server, Vec::new()).await?.ok_or(closed("no answer"))?;
    match fault {
        Fault::ResetAfter => return Err(closed("planned")),
        Fault::HoldAfter => {
            hold(shared).await;
            return Err(closed("held"));
        }
        Fault::StatusAfter(status, code) => {
            client.write_all(answer(status, code).as_bytes()).await?;
            return Ok(false);
        }
        Fault::DelayHeaders(time) => sleep(time).await,
        _ => {}
    }
    send_answer(shared, client, &mut server, request, (head, rest), &fault).await
}

async fn hold(shared: &Shared) {
    let (sender, receiver) = oneshot::channel();
    if shared.held.send(sender).is_ok() {
        let _ = receiver.await;
    }
}

async fn send_answer(
    shared: &Shared,
    client: &mut TcpStream,
    server: &mut TcpStream,
    request: &Request,
    (head, rest): (String, Vec<u8>),
    fault: &Fault,
) -> io::Result<bool> {
    let no_body = request.method == "HEAD" || head.contains(" 204 ") || head.contains(" 304 ");
    let length = header(&head, "content-length").and_then(|text| text.parse::<usize>().ok());
    let length = if no_body { Some(0) } else { length };
    let again = length.is_some();
    let connection = if again { "keep-alive" } else { "close" };
    client.write_all(rewritten(&head, connection).as_bytes()).await?;
    let mut sent = 0;
    let mut act = |bytes: &mut [u8]| {
        let before = sent;
        sent += bytes.len();
        shared.body_bytes.fetch_add(bytes.len(), Ordering::SeqCst);
        match *fault {
            Fault::Truncate(at) if sent > at => Next::Cut(at - before.min(at)),
            Fault::Stall(at) if sent > at => Next::Stop(at - before.min(at)),
            Fault::Flip(at) if (before..sent).contains(&at) => {
                bytes[at - before] ^= 1;
                Next::Pass
            }
            _ => Next::Pass,
        }
    };
    let pace = Pace::new(shared.link.bytes_per_second);
    Ok(pass(rest, server, client, length, pace, &mut act).await? && again)
}
