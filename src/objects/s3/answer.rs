//! No answer but a range of an object is as long as a server likes: the SDK reads all others into
//! memory, whole.

use std::error::Error as StdError;

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::body::SdkBody;
use http_body_util::{LengthLimitError, Limited};

/// A listing's page has at most 1,000 keys of 1,024 bytes each, of which escaping makes six times
/// as many, and other answers are shorter.
const BYTES_MAX: usize = 16 << 20;

/// What is said of a longer one.
pub(super) const TOO_LONG: &str = "an answer of more than 16 MiB";

/// Whether an answer was cut.
pub(super) fn is_too_long(error: &(dyn StdError + 'static)) -> bool {
    error.is::<LengthLimitError>()
}

/// Cuts answers that are too long.
#[derive(Debug)]
pub(super) struct LimitAnswers;

#[dyn_dispatch_hint]
impl Intercept for LimitAnswers {
    fn name(&self) -> &'static str {
        "LimitAnswers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map(Metadata::name);
        let is_object = operation == Some("GetObject");
        let answer = context.response_mut();
        if !(is_object && answer.status().is_success()) {
            let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
            *answer.body_mut() = SdkBody::from_body_1_x(Limited::new(body, BYTES_MAX));
        }
        Ok(())
    }
}
