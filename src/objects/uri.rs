//! URIs of objects and of prefixes, taken literally: a `%` in a path is a `%`.

use std::fmt;
use std::path::Path;

/// The kind of storage, and on S3 the bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// The local file system; the path is absolute.
    File,
    /// An S3 bucket; the path is the key.
    S3 {
        /// The bucket's name.
        bucket: String,
    },
    /// The in-memory twin, for tests.
    Memory,
}

/// The place of an object, or of everything under a prefix: `s3://bucket/key`, `file:///path` or
/// `memory:///key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri {
    scheme: Scheme,
    /// For `file` with its leading slash, else without one.
    path: String,
}

/// Why a text is not a URI that this job can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// An unknown scheme.
    #[error("expected s3://bucket/path, file:///path or a relative path, found {0:?}")]
    Scheme(String),
    /// No bucket, or a host in a `file` URI.
    #[error("expected {expected}, found {found:?}")]
    Authority {
        /// The form expected.
        expected: &'static str,
        /// The text.
        found: String,
    },
}

impl Uri {
    /// Reads a URI. A text without a scheme is a path relative to `base`'s folder; an absolute path
    /// is a local file.
    ///
    /// # Errors
    /// [`UriError`] for an unknown scheme, a missing bucket or a host in a `file` URI.
    pub fn resolve(base: &Self, text: &str) -> Result<Self, UriError> {
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::with_scheme(scheme, rest, text);
        }
        if text.starts_with('/') {
            return Ok(Self { scheme: Scheme::File, path: normal(text) });
        }
        let folder = base.path.rfind('/').map_or("", |at| &base.path[..=at]);
        Ok(Self { scheme: base.scheme.clone(), path: normal(&format!("{folder}{text}")) })
    }

    /// Reads a URI as the command line has it: relative to the working folder, an absolute path.
    ///
    /// # Errors
    /// As [`Uri::resolve`].
    pub fn from_argument(working_folder: &Path, text: &str) -> Result<Self, UriError> {
        let base = Self { scheme: Scheme::File, path: format!("{}/", working_folder.display()) };
        Self::resolve(&base, text)
    }

    fn with_scheme(scheme: &str, rest: &str, text: &str) -> Result<Self, UriError> {
        match scheme {
            "file" if rest.starts_with('/') => {
                Ok(Self { scheme: Scheme::File, path: normal(rest) })
            }
            "file" => Err(UriError::Authority {
                expected: "file:///path with three slashes",
                found: text.to_owned(),
            }),
            "memory" => {
                Ok(Self { scheme: Scheme::Memory, path: rest.trim_start_matches('/').to_owned() })
            }
            "s3" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(UriError::Authority {
                        expected: "s3://bucket/path",
                        found: text.to_owned(),
                    });
                }
                Ok(Self { scheme: Scheme::S3 { bucket: bucket.to_owned() }, path: key.to_owned() })
            }
            _ => Err(UriError::Scheme(text.to_owned())),
        }
    }

    /// The storage that holds it.
    pub const fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The key, or for a local file its absolute path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The bucket of an S3 URI; empty, which S3 refuses, for any other.
    pub(super) fn bucket(&self) -> &str {
        match &self.scheme {
            Scheme::S3 { bucket } => bucket,
            Scheme::File | Scheme::Memory => "",
        }
    }

    /// The prefix up to the last slash, which holds the object.
    #[must_use]
    pub fn folder(&self) -> Self {
        let end = self.path.rfind('/').map_or(0, |at| at + 1);
        Self { scheme: self.scheme.clone(), path: self.path[..end].to_owned() }
    }

    /// The text after the last slash.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The same as a prefix of everything below it: with one slash at its end.
    #[must_use]
    pub fn as_prefix(mut self) -> Self {
        if !self.path.is_empty() && !self.path.ends_with('/') {
            self.path.push('/');
        }
        self
    }

    /// This prefix with `rest` appended.
    #[must_use]
    pub fn join(&self, rest: &str) -> Self {
        Self { scheme: self.scheme.clone(), path: format!("{}{rest}", self.path) }
    }

    /// Another path in the same bucket or on the same disk, as a listing returns it: taken as it
    /// is.
    pub(super) fn with_path(&self, path: &str) -> Self {
        Self { scheme: self.scheme.clone(), path: path.to_owned() }
    }

    /// What follows `prefix` in this URI, or `None` if it does not begin with it.
    pub fn below<'a>(&'a self, prefix: &Self) -> Option<&'a str> {
        if self.scheme == prefix.scheme {
            self.path.strip_prefix(prefix.path.as_str())
        } else {
            None
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scheme {
            Scheme::File => write!(f, "file://{}", self.path),
            Scheme::S3 { bucket } => write!(f, "s3://{bucket}/{}", self.path),
            Scheme::Memory => write!(f, "memory:///{}", self.path),
        }
    }
}

/// A local path without `.` and `..` parts and doubled slashes; a slash at its end stays.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let lead = if path.starts_with('/') { "/" } else { "" };
    let tail = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("{lead}{}{tail}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Uri {
        Uri { scheme: Scheme::File, path: "/lake/run/manifest.json".to_owned() }
    }

    #[test]
    fn relative_paths_start_at_the_folder_of_the_manifest() {
        for (text, expected) in [
            ("data/", "file:///lake/run/data/"),
            ("./data", "file:///lake/run/data"),
            ("../x//y/", "file:///lake/x/y/"),
            ("/abs/x", "file:///abs/x"),
            ("s3://b/k/x", "s3://b/k/x"),
            ("s3://b", "s3://b/"),
            ("file:///a%3Ab", "file:///a%3Ab"),
        ] {
            assert_eq!(Uri::resolve(&base(), text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_relative_path_beside_an_s3_manifest_lies_in_its_bucket() {
        let manifest = Uri::resolve(&base(), "s3://b/conf/run.json").unwrap();
        assert_eq!(Uri::resolve(&manifest, "data/").unwrap().to_string(), "s3://b/conf/data/");
    }

    #[test]
    fn unknown_schemes_and_missing_buckets_are_refused() {
        for text in ["gs://b/k", "http://h/k", "s3:///k", "file://host/k"] {
            assert!(Uri::resolve(&base(), text).is_err(), "{text}");
        }
    }
}
