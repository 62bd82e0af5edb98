//! The S3 adapter against a real server, and through the fault proxy.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cohort::Kind;
use cohort::{Object, Objects, ObjectsError as Error, Outcome, Put, S3, S3Settings, Tag, Uri};

use crate::conformance;
use crate::fault_proxy::{Fault, Proxy, Request};
use crate::seaweed::{
    ADMIN, Identity, JOB, READER, config, free_ports, fresh_prefix, impatient, s3, server, uri,
};

/// The adapter on the server itself.
pub(crate) fn direct() -> S3 {
    s3(server().port, ADMIN)
}

/// The adapter behind a proxy with a plan.
pub(crate) fn through(plan: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> (Proxy, S3) {
    let proxy = Proxy::start(server().port, plan);
    let s3 = s3(proxy.port, ADMIN);
    (proxy, s3)
}

/// The tag of a write that must have won.
pub(crate) fn done(put: Put) -> Tag {
    match put {
        Put::Done(tag) => tag,
        Put::Conflict => panic!("expected the write to win"),
    }
}

async fn only(s3: &S3, prefix: &Uri) -> Object {
    let mut listed = s3.list(prefix).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

/// Bytes that differ wherever ranges may be mixed up.
pub(crate) fn noise(length: usize) -> Bytes {
    let mut state = 88_172_645_463_325_252_u64;
    let bytes = (0..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    });
    bytes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    conformance::check(Arc::new(direct()), &fresh_prefix("conformance")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms_with_ranges_in_many_pieces() {
    let settings = S3Settings { range_bytes_max: 1 << 10, requests_max: 4, ..impatient() };
    let s3 = S3::new(config(server().port, ADMIN), settings);
    conformance::check(Arc::new(s3), &fresh_prefix("conformance")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_body_is_continued_from_its_last_byte() {
    let content = noise(3_000_000);
    let prefix = fresh_prefix("broken");
    direct().create(&prefix.join("x"), content.clone()).await.unwrap();
    let object = only(&direct(), &prefix).await;
    for fault in [Fault::Truncate(1_000_000), Fault::Stall(1_000_000), Fault::Truncate(0)] {
        let name = format!("{fault:?}");
        let (proxy, s3) = through(move |request| match request.number {
            0 => fault.clone(),
            _ => Fault::None,
        });
        let read = s3.read_ranges(&object, std::slice::from_ref(&(5..2_999_999))).await.unwrap();
        assert!(read[0] == content[5..2_999_999], "{name}");
        assert_eq!((s3.traffic().requests, s3.traffic().retries), (2, 1), "{name}");
        // What came before the break was not asked for again; packets on their way when it broke
        // were.
        assert!(proxy.body_bytes() < 3_400_000, "{name}: {}", proxy.body_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_always_breaks_ends_as_unavailable() {
    let prefix = fresh_prefix("always-broken");
    direct().create(&prefix.join("x"), noise(1_000_000)).await.unwrap();
    let object = only(&direct(), &prefix).await;
    let (_proxy, s3) = through(|_| Fault::Truncate(10));
    let read = s3.read_ranges(&object, std::slice::from_ref(&(0..1_000_000))).await;
    assert!(matches!(read, Err(Error::Unavailable { .. })), "{read:?}");
    assert_eq!(s3.traffic().requests, 5);
    let read = s3.read(&object.uri).await;
    assert!(matches!(read, Err(Error::Unavailable { .. })), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_replaced_between_two_halves_of_a_read_is_changed() {
    let prefix = fresh_prefix("replaced");
    let uri = prefix.join("x");
    let tag = done(direct().create(&uri, noise(2_000_000)).await.unwrap());
    let object = only(&direct(), &prefix).await;
    let (proxy, s3) = through(|request| match request.number {
        0 => Fault::Stall(500_000),
        _ => Fault::None,
    });
    let wanted = [0..1_000_000, 1_000_000..2_000_000];
    let (read, replaced) = tokio::join!(s3.read_ranges(&object, &wanted), async {
        while proxy.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        direct().replace(&uri, noise(2_000_000).slice(1..), &tag).await
    });
    done(replaced.unwrap());
    assert!(matches!(read, Err(Error::Changed { .. })), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_whole_object_is_caught() {
    let prefix = fresh_prefix("flipped");
    let uri = prefix.join("x");
    direct().create(&uri, noise(300_000)).await.unwrap();
    let (_proxy, s3) = through(|request| match request.number {
        0 | 1 => Fault::Flip(200_000),
        _ => Fault::None,
    });
    assert!(s3.read(&uri).await.unwrap().0 == noise(300_000));
    assert_eq!(s3.traffic().retries, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_reported_as_it_went() {
    for fault in [
        Fault::ResetAfter,
        Fault::StatusAfter(500, "InternalError"),
        Fault::StatusAfter(503, "SlowDown"),
        Fault::DelayHeaders(Duration::from_secs(5)),
    ] {
        let name = format!("{fault:?}");
        let plan = fault.clone();
        let (_proxy, s3) = through(move |request| match request.write_number {
            0 | 2 if request.is_write() => plan.clone(),
            _ => Fault::None,
        });
        let uri = fresh_prefix("lost").join("x");
        let tag = done(s3.create(&uri, "mine".into()).await.unwrap());
        let (read, stands) = s3.read(&uri).await.unwrap();
        assert_eq!((&read[..], &stands), (&b"mine"[..], &tag), "{name}");
        let tag = done(s3.replace(&uri, "new".into(), &tag).await.unwrap());
        assert_eq!(s3.read(&uri).await.unwrap(), ("new".into(), tag), "{name}");
        assert_eq!(s3.create(&uri, "other".into()).await.unwrap(), Put::Conflict, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_held_on_its_way_is_given_up_and_tried_again() {
    for hold in [Fault::HoldBefore, Fault::HoldAfter] {
        let proxy = Proxy::start(server().port, move |request| match request.number {
            0 => hold.clone(),
            _ => Fault::None,
        });
        let settings = S3Settings { attempt_limit: Duration::from_millis(700), ..impatient() };
        let s3 = S3::new(config(proxy.port, ADMIN), settings);
        let uri = fresh_prefix("held").join("x");
        done(s3.create(&uri, "mine".into()).await.unwrap());
        assert_eq!(proxy.held.try_iter().count(), 1);
        assert_eq!(s3.read(&uri).await.unwrap().0, "mine");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_never_answered_is_read_back() {
    let (_proxy, s3) =
        through(|request| if request.is_write() { Fault::ResetAfter } else { Fault::None });
    let uri = fresh_prefix("never-answered").join("x");
    let tag = done(s3.create(&uri, "mine".into()).await.unwrap());
    let tag = done(s3.replace(&uri, "new".into(), &tag).await.unwrap());
    assert_eq!(s3.create(&uri, "other".into()).await.unwrap(), Put::Conflict);
    assert_eq!(direct().read(&uri).await.unwrap(), ("new".into(), tag));
    s3.delete(&uri).await.unwrap_err();
    assert!(direct().list(&uri).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_never_arrives_may_still_arrive() {
    let (_proxy, s3) =
        through(|request| if request.is_write() { Fault::ResetBefore } else { Fault::None });
    let uri = fresh_prefix("never-arrives").join("x");
    let tag = done(direct().create(&uri, "old".into()).await.unwrap());
    for written in [
        s3.create(&uri.join("-new"), "mine".into()).await,
        s3.replace(&uri, "mine".into(), &tag).await,
    ] {
        let Err(Error::Unavailable { outcome, .. }) = written else { panic!("{written:?}") };
        assert_eq!(outcome, Outcome::Unknown);
    }
    // Somebody else's content is a conflict, whatever became of ours.
    assert_eq!(s3.create(&uri, "mine".into()).await.unwrap(), Put::Conflict);
    let other = Tag("\"0\"".into());
    assert_eq!(s3.replace(&uri, "mine".into(), &other).await.unwrap(), Put::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_write_that_met_another_is_tried_again() {
    let (_proxy, s3) = through(|request| match request.number {
        0 | 1 => Fault::Status(409, "ConditionalRequestConflict"),
        _ => Fault::None,
    });
    done(s3.create(&fresh_prefix("collision").join("x"), "mine".into()).await.unwrap());
    assert_eq!(s3.traffic().retries, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_of_nothing_is_a_conflict_whatever_the_answer() {
    for (status, code) in [(404, "NoSuchKey"), (412, "PreconditionFailed")] {
        let (_proxy, s3) = through(move |_| Fault::Status(status, code));
        let put = s3.replace(&uri("s3://lake/x"), "mine".into(), &Tag("\"0\"".into())).await;
        assert_eq!(put.unwrap(), Put::Conflict, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_beyond_the_budget_is_temporary() {
    let settings = S3Settings { retries_max: 10, attempts_max: 50, ..impatient() };
    let proxy = Proxy::start(server().port, |_| Fault::Status(503, "SlowDown"));
    let s3 = S3::new(config(proxy.port, ADMIN), settings);
    let error = s3.list(&uri("s3://lake/")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Temporary);
    assert!(error.to_string().contains("the run's 10 retries are used up"), "{error}");
    assert_eq!(s3.traffic().requests, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_setup_has_its_kind_and_a_clear_line() {
    let port = server().port;
    let wrong_key = Identity { key: "AKIATESTNOBODYNOBODY", ..ADMIN };
    let wrong_secret = Identity { secret: "zWrongSecretNeverLogged", ..ADMIN };
    let missing = uri("s3://lake/missing");
    for (name, identity, uri, kind, expected) in [
        ("wrong key", wrong_key, &missing, Kind::Denied, "InvalidAccessKeyId"),
        ("wrong secret", wrong_secret, &missing, Kind::Denied, "SignatureDoesNotMatch"),
        ("no key", ADMIN, &missing, Kind::NoInput, "s3://lake/missing: expected an object"),
        ("no bucket", ADMIN, &uri("s3://no-such-bucket/x"), Kind::NoInput, "s3://no-such-bucket/"),
    ] {
        let error = s3(port, identity).read(uri).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{name}: {text}");
        assert!(text.contains(expected), "{name}: {text}");
    }
    let error = direct().list(&uri("s3://no-such-bucket/x/")).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    let nobody = s3(free_ports(1)[0], ADMIN).list(&missing).await.unwrap_err();
    assert_eq!(nobody.kind(), Kind::Temporary);
    assert!(nobody.to_string().contains("nothing listens there"), "{nobody}");
    let builder = config(port, ADMIN).endpoint_url("http://no-such-host.invalid:1");
    let nowhere = S3::new(builder, impatient()).list(&missing).await.unwrap_err();
    assert_eq!(nowhere.kind(), Kind::Temporary);
    assert!(nowhere.to_string().contains("check AWS_ENDPOINT_URL_S3"), "{nowhere}");
    let builder = config(port, ADMIN).endpoint_url("not a url");
    let wrong = S3::new(builder, impatient()).list(&missing).await.unwrap_err();
    assert_eq!(wrong.kind(), Kind::Manifest, "{wrong}");
    assert!(wrong.to_string().contains("check AWS_ENDPOINT_URL_S3"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_region_is_named() {
    for (status, code) in [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")] {
        let (_proxy, s3) = through(move |_| Fault::Status(status, code));
        let error = s3.list(&uri("s3://lake/")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Manifest);
        assert!(error.to_string().contains("set AWS_REGION"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_denied_at_once() {
    #[derive(Debug)]
    struct None;
    impl aws_credential_types::provider::ProvideCredentials for None {
        fn provide_credentials<'a>(
            &'a self,
        ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            use aws_credential_types::provider::error::CredentialsError;
            let error = CredentialsError::not_loaded("no providers in chain provided credentials");
            aws_credential_types::provider::future::ProvideCredentials::ready(Err(error))
        }
    }
    let builder = config(server().port, ADMIN).credentials_provider(None);
    let s3 = S3::new(builder, impatient());
    let error = s3.list(&uri("s3://lake/")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    assert!(error.to_string().contains("set AWS_ACCESS_KEY_ID"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_may_do_what_their_policy_says_and_no_more() {
    let port = server().port;
    let (reader, job) = (s3(port, READER), s3(port, JOB));
    let input = fresh_prefix("inputs/policy").join("x");
    let output = fresh_prefix("outputs/policy").join("x");
    direct().create(&input, "in".into()).await.unwrap();
    for s3 in [&reader, &job] {
        assert_eq!(s3.read(&input).await.unwrap().0, "in");
        assert_eq!(s3.list(&input).await.unwrap().len(), 1);
        let write = s3.create(&input.join("2"), "no".into()).await.unwrap_err();
        assert_eq!(write.kind(), Kind::Denied, "{write}");
        let delete = s3.delete(&input).await.unwrap_err();
        assert_eq!(delete.kind(), Kind::Denied, "{delete}");
    }
    let tag = done(job.create(&output, "out".into()).await.unwrap());
    done(job.replace(&output, "new".into(), &tag).await.unwrap());
    job.probe_conditions(&output.join("/")).await.unwrap();
    job.sweep(&output.join("/")).await.unwrap();
    done(job.create(&output.join("-large"), noise(6 << 20)).await.unwrap());
    let denied = reader.create(&output.join("2"), "no".into()).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Denied, "{denied}");
    assert_eq!(reader.read(&output).await.unwrap().0, "new");
    job.delete(&output).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_conditions_is_named_with_the_setting_that_accepts_it() {
    let ignoring = |request: &Request| match request.method.as_str() {
        "PUT" => {
            let head = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0";
            Fault::Answer(format!("{head}\r\nConnection: close\r\n\r\n"))
        }
        _ => Fault::None,
    };
    let (_proxy, s3) = through(ignoring);
    let prefix = fresh_prefix("ignores");
    let error = s3.probe_conditions(&prefix).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Manifest);
    assert!(error.to_string().contains("\"commit\": \"unconditional\""), "{error}");
    s3.accept_unconditional();
    s3.probe_conditions(&prefix).await.unwrap();
}

/// A listing, and an error, each longer than any that S3 sends.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_do_not_end_are_not_kept_in_memory() {
    for status in ["200 OK", "403 Forbidden"] {
        let (_proxy, s3) = through(move |_| {
            let body = "x".repeat(17 << 20);
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}", body.len());
            Fault::Answer(format!("{head}\r\nConnection: close\r\n\r\n{body}"))
        });
        let error = s3.list(&fresh_prefix("endless")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Temporary, "{error}");
        assert!(error.to_string().contains("more than 16 MiB"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unconditional_writes_look_before_they_write() {
    let (proxy, s3) = through(|request| {
        let head = request.head.to_ascii_lowercase();
        assert!(!head.contains("if-match") && !head.contains("if-none-match"), "{head}");
        Fault::None
    });
    s3.accept_unconditional();
    let uri = fresh_prefix("unconditional").join("x");
    let tag = done(s3.create(&uri, "1".into()).await.unwrap());
    assert_eq!(s3.create(&uri, "2".into()).await.unwrap(), Put::Conflict);
    let second = done(s3.replace(&uri, "3".into(), &tag).await.unwrap());
    assert_eq!(s3.replace(&uri, "4".into(), &tag).await.unwrap(), Put::Conflict);
    assert_eq!(s3.read(&uri).await.unwrap(), ("3".into(), second));
    assert_eq!(proxy.writes(), 2);
}
