//! What a failed request means, according to the SDK's error: try again, give up, or read back.
//!
//! It owns the table from answers to [`Failure`], and from there to [`Error`]. It must let no
//! credential and no signature through: it takes codes and chosen messages from an answer, never a
//! request or a whole error.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::answer;
use crate::objects::error::{Error, Outcome};
use crate::objects::uri::Uri;

/// The most characters of a message of the storage that a line of ours carries.
const MESSAGE_CHARS_MAX: usize = 300;

/// Why one request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// 412: the condition did not hold.
    Precondition,
    /// 404: no such key.
    NoKey,
    /// 404: no such bucket.
    NoBucket,
    /// 404: no such upload: completed, aborted or never begun.
    NoUpload,
    /// 409: a conditional write met another one and surely did not happen.
    Collision,
    /// The caller may not do this.
    Denied(String),
    /// The request cannot succeed as this client is configured.
    Misconfigured(String),
    /// Another attempt may succeed.
    Transient {
        /// What went wrong.
        reason: String,
        /// Whether the request may have been carried out.
        doubtful: bool,
        /// Whether the storage asked for fewer requests.
        throttled: bool,
    },
}

impl Failure {
    /// An answer that was lost or broken after the request was sent.
    pub(super) fn lost(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), doubtful: true, throttled: false }
    }

    /// The error that the caller sees when an operation ends with this failure.
    pub(super) fn into_error(self, uri: &Uri, action: &'static str, outcome: Outcome) -> Error {
        let uri = uri.clone();
        match self {
            Self::NoKey => Error::NotFound { uri },
            Self::NoBucket => {
                Error::NotFound { uri: Uri::resolve(&uri, &bucket_text(&uri)).unwrap_or(uri) }
            }
            Self::Denied(reason) => Error::Denied { uri, action, reason },
            Self::Misconfigured(reason) => Error::Misconfigured { uri, reason },
            Self::Transient { reason, .. } => Error::Unavailable { uri, action, outcome, reason },
            // An answer that the operation does not expect may be a passing fault.
            Self::Precondition | Self::NoUpload | Self::Collision => {
                let reason = format!("unexpected answer: {self:?}");
                Error::Unavailable { uri, action, outcome, reason }
            }
        }
    }
}

fn bucket_text(uri: &Uri) -> String {
    format!("s3://{}/", uri.bucket())
}

/// What an error of the SDK means.
pub(super) fn failure_of<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => {
            credentials(error).unwrap_or_else(|| not_sendable(&causes(error)))
        }
        SdkError::TimeoutError(_) => Failure::lost("no answer in time"),
        SdkError::DispatchFailure(failed) => credentials(error).unwrap_or_else(|| {
            let text = causes(error);
            // The SDK reports an endpoint that it cannot parse like one that does not answer.
            if failed.is_other() && text.contains("ndpoint") {
                not_sendable(&text)
            } else {
                unreachable(&text)
            }
        }),
        SdkError::ResponseError(_) if chain(error).into_iter().any(answer::is_too_long) => {
            Failure::lost(answer::TOO_LONG)
        }
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            match status {
                // A proxy or another kind of server, whose answers have no form of S3.
                300..=399 | 400 | 405 => Failure::Misconfigured(not_s3(status)),
                _ => of_status(status, "", "an answer in no form that S3 knows"),
            }
        }
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let metadata = service.err();
            let region = service.raw().headers().get("x-amz-bucket-region");
            let code = metadata.code().unwrap_or_default();
            of_answer(status, code, metadata.message().unwrap_or_default(), region)
        }
        _ => Failure::lost("an error of a new kind"),
    }
}

fn not_sendable(text: &str) -> Failure {
    Failure::Misconfigured(format!(
        "could not build the request ({text}); check AWS_ENDPOINT_URL_S3, AWS_REGION and the \
         bucket's name"
    ))
}

fn not_s3(status: u16) -> String {
    format!(
        "expected an answer of S3, found HTTP status {status} in another form; check \
         AWS_ENDPOINT_URL_S3"
    )
}

/// What an answer with this status, code and message means.
fn of_answer(status: u16, code: &str, message: &str, region: Option<&str>) -> Failure {
    match code {
        "NoSuchBucket" => Failure::NoBucket,
        "NoSuchUpload" => Failure::NoUpload,
        "NoSuchKey" => Failure::NoKey,
        // The version pinned was longer.
        "InvalidRange" => Failure::Precondition,
        "PreconditionFailed" => Failure::Precondition,
        "ConditionalRequestConflict" | "OperationAborted" => Failure::Collision,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "IncorrectEndpoint" => {
            let expected = region.map_or_else(String::new, |region| format!(" ({region})"));
            Failure::Misconfigured(format!(
                "expected the bucket's own region{expected}, found a request to another ({code}); \
                 set AWS_REGION, or check AWS_ENDPOINT_URL_S3"
            ))
        }
        "SlowDown"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequests" => Failure::Transient {
            reason: format!("throttled: {status} {code}"),
            doubtful: true,
            throttled: true,
        },
        "RequestTimeout"
        | "InternalError"
        | "BadDigest"
        | "XAmzContentSHA256Mismatch"
        | "IncompleteBody"
        | "XAmzContentChecksumMismatch" => Failure::lost(format!("{status} {code}")),
        "RequestTimeTooSkewed" => {
            Failure::Denied("the clock of this machine is wrong: RequestTimeTooSkewed".to_owned())
        }
        // These messages may repeat the key or the signature.
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "InvalidSecurity" => Failure::Denied(code.to_owned()),
        _ => of_status(status, code, message),
    }
}

/// What the status of an answer means if its code says nothing.
fn of_status(status: u16, code: &str, message: &str) -> Failure {
    let code = if code.is_empty() { "no code" } else { code };
    let text = match plain(message) {
        message if message.is_empty() => format!("{status} {code}"),
        message => format!("{status} {code}: {message}"),
    };
    match status {
        401 | 403 => Failure::Denied(text),
        404 => Failure::NoKey,
        408 | 500 | 502 | 504 | 507..=599 => Failure::lost(text),
        409 => Failure::Collision,
        412 => Failure::Precondition,
        429 | 503 => Failure::Transient { reason: text, doubtful: true, throttled: true },
        301 | 307 => Failure::Misconfigured(format!(
            "expected the bucket's own region, found a redirect ({text}); set AWS_REGION, or check \
             AWS_ENDPOINT_URL_S3"
        )),
        200..=299 => Failure::lost(text),
        _ => Failure::Misconfigured(format!(
            "the storage refuses the request ({text}); check the URI, AWS_REGION and \
             AWS_ENDPOINT_URL_S3"
        )),
    }
}

/// One line of a message of the storage; nothing if it may hold a credential or a signature.
fn plain(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let secret = ["signature", "credential", "x-amz-", "access key", "accesskey", "token"];
    if secret.iter().any(|word| lower.contains(word)) {
        return String::new();
    }
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// The failure, if the credentials could not be obtained at all.
fn credentials(error: &(dyn StdError + 'static)) -> Option<Failure> {
    let found =
        chain(error).into_iter().find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    let denied = |what: &str| {
        Failure::Denied(format!(
            "{what}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, a web identity, \
             or run where a container or instance role is attached"
        ))
    };
    Some(match found {
        CredentialsError::CredentialsNotLoaded(_) => denied("no credentials found"),
        CredentialsError::ProviderTimedOut(_) => Failure::Transient {
            reason: "the credentials' provider did not answer in time".to_owned(),
            doubtful: false,
            throttled: false,
        },
        _ => denied(&format!("the credentials could not be loaded ({})", causes(found))),
    })
}

/// The failure of a request that got no answer.
fn unreachable(text: &str) -> Failure {
    let hint = if text.contains("lookup") || text.contains("resolve") || text.contains("dns") {
        "; the name of the endpoint is unknown: check AWS_ENDPOINT_URL_S3, AWS_REGION and the \
         network"
    } else if text.contains("refused") {
        "; nothing listens there: check AWS_ENDPOINT_URL_S3"
    } else if text.contains("certificate") {
        "; check the certificates of this machine and of the endpoint"
    } else {
        ""
    };
    Failure::lost(format!("no answer: {text}{hint}"))
}

type Cause<'a> = &'a (dyn StdError + 'static);

fn chain(error: Cause<'_>) -> Vec<Cause<'_>> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    causes
}

/// The innermost causes of an error in one line: the outer ones say only that something failed.
pub(super) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> =
        chain(error).iter().map(|cause| plain(&cause.to_string())).collect();
    texts.retain(|text| !text.is_empty());
    texts.dedup();
    let innermost = texts.len().saturating_sub(2);
    texts.split_off(innermost).join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_before_statuses() {
        for (status, code, expected) in [
            (404, "NoSuchBucket", "NoBucket"),
            (404, "NoSuchKey", "NoKey"),
            (404, "", "NoKey"),
            (404, "NoSuchUpload", "NoUpload"),
            (412, "PreconditionFailed", "Precondition"),
            (412, "", "Precondition"),
            (409, "ConditionalRequestConflict", "Collision"),
            (403, "AccessDenied", "Denied"),
            (400, "ExpiredToken", "Denied"),
            (403, "SignatureDoesNotMatch", "Denied"),
            (301, "PermanentRedirect", "Misconfigured"),
            (301, "", "Misconfigured"),
            (400, "AuthorizationHeaderMalformed", "Misconfigured"),
            (400, "InvalidBucketName", "Misconfigured"),
            (400, "RequestTimeout", "Transient"),
            (500, "InternalError", "Transient"),
            (503, "SlowDown", "Transient"),
            (502, "", "Transient"),
            (429, "", "Transient"),
            (200, "InternalError", "Transient"),
        ] {
            let found = format!("{:?}", of_answer(status, code, "", None));
            assert!(found.starts_with(expected), "{status} {code}: {found}");
        }
    }

    #[test]
    fn messages_that_may_hold_a_secret_are_left_out() {
        let of = |message| of_answer(403, "Odd", message, None);
        assert_eq!(of("not\n  you"), Failure::Denied("403 Odd: not you".to_owned()));
        for message in ["Credential=AKIA/x", "the signature abc", "X-Amz-Security-Token: x"] {
            assert_eq!(of(message), Failure::Denied("403 Odd".to_owned()));
        }
    }

    #[test]
    fn a_missing_bucket_is_reported_as_the_bucket() {
        let uri = Uri::from_argument(std::path::Path::new("/"), "s3://b/k/x").unwrap();
        let error = Failure::NoBucket.into_error(&uri, "list", Outcome::NotDone);
        assert!(error.to_string().starts_with("s3://b/: expected"), "{error}");
    }
}
