//! How an event leaves the process: appended to a file, or posted to an endpoint with short time
//! limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::orchestrator::open;

/// The longest time for which an event may hold up a run, all attempts together.
const TIME_MAX: Duration = Duration::from_secs(5);
/// One more try helps if the endpoint has just closed the connection.
const ATTEMPTS_MAX: usize = 2;

/// Every event of `OpenLineage` has it, whoever writes it.
const MARK: &str = "\"eventTime\"";

/// Where events go.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    /// One JSON object per line.
    File(PathBuf),
    /// A POST each.
    Http(Http),
}

/// An endpoint: a Marquez, a DataHub, or anything else that takes OpenLineage.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    url: String,
    api_key: Option<String>,
    // This is the SDK's own client, with its TLS, trust roots and proxy variables. The binary needs
    // no second HTTP stack.
    connector: Arc<Connector>,
}

impl Transport {
    /// Posts to the endpoint `url`. A key goes into the `Authorization` header.
    pub(crate) fn http(url: String, api_key: Option<String>) -> Self {
        let connector =
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        Self::Http(Http { url, api_key, connector: Arc::new(connector) })
    }

    /// Sends one event.
    ///
    /// # Errors
    /// A message without credentials.
    pub(crate) async fn send(&self, event: &str) -> Result<(), String> {
        match self {
            Self::File(path) => open::to_append(path, MARK)
                .and_then(|file| open::write(&file, format!("{event}\n").as_bytes()))
                .map_err(|error| format!("{}: {error}", path.display())),
            Self::Http(http) => match tokio::time::timeout(TIME_MAX, http.post(event)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("no answer within {} s", TIME_MAX.as_secs())),
            },
        }
    }
}

impl Http {
    async fn post(&self, event: &str) -> Result<(), String> {
        let mut outcome = Err("not sent".to_owned());
        for _ in 0..ATTEMPTS_MAX {
            let answer = self.connector.call(self.request(event)?).await;
            outcome = match answer.map(|response| response.status().as_u16()) {
                Ok(200..=299) => return Ok(()),
                Ok(status @ 500..=599) => Err(format!("the endpoint answered {status}")),
                Ok(status) => return Err(format!("the endpoint answered {status}")),
                Err(error) => Err(deepest(&error)),
            };
        }
        outcome
    }

    fn request(&self, event: &str) -> Result<HttpRequest, String> {
        let mut request = HttpRequest::new(SdkBody::from(event));
        request.set_method("POST").map_err(|error| error.to_string())?;
        request.set_uri(self.url.as_str()).map_err(|error| error.to_string())?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/json");
        headers.insert("content-length", event.len().to_string());
        if let Some(key) = &self.api_key {
            headers.try_insert("authorization", format!("Bearer {key}")).map_err(|_| {
                // The error would show the key.
                "OPENLINEAGE_API_KEY: expected visible ASCII, found something else".to_owned()
            })?;
        }
        Ok(request)
    }
}

/// The innermost cause of an error. It says what went wrong; the outer ones only say that something
/// did.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
