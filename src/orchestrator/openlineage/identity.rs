//! Who a run is to OpenLineage: its own id and job, and the task that started it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use cohort_core::Timestamp;

/// A UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uuid([u8; 16]);

impl Uuid {
    /// An id in the layout of version 7: the milliseconds of the start, then a digest of the run's
    /// identity instead of random bits. Attempts of one run that start at different times have
    /// different ids, and so have runs that start together.
    pub(crate) fn of_run(run_id: &str, parent: Option<&str>, started_at: Timestamp) -> Self {
        let us = started_at.as_us();
        let mut digest = Sha256::new();
        for part in [run_id, parent.unwrap_or_default()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        digest.update(us.to_be_bytes());
        let digest = digest.finalize();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&us.div_euclid(1000).to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&digest[..10]);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if [4, 6, 8, 10].contains(&at) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Another program's run, named `namespace/job/run`. A namespace may hold slashes; job and run may
/// not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    /// Its job's namespace.
    pub namespace: String,
    /// Its job.
    pub job: String,
    /// Its run id: a UUID.
    pub run: String,
}

impl Parent {
    /// Reads `namespace/job/run`, as Airflow's `lineage_parent_id` writes it.
    ///
    /// # Errors
    /// A message that names what was expected and found.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.rsplitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(run), Some(job), Some(namespace))
                if is_uuid(run) && !job.is_empty() && !namespace.is_empty() =>
            {
                let (namespace, job, run) = (namespace.to_owned(), job.to_owned(), run.to_owned());
                Ok(Self { namespace, job, run })
            }
            _ => Err(format!("expected namespace/job/run with a UUID as run, found {text:?}")),
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The run in every one of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The namespace of the job.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// The run.
    pub run: Uuid,
    /// The task that started it.
    pub parent: Option<Parent>,
    /// The run at the top: the DAG run.
    pub root: Option<Parent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "01941f29-7c00-7aaa-8bbb-0123456789ab";

    #[test]
    fn the_parent_is_split_from_the_right() {
        let parent = Parent::parse(&format!("http://airflow/prod/cohorting.run/{RUN}")).unwrap();
        assert_eq!(parent.namespace, "http://airflow/prod");
        assert_eq!((parent.job.as_str(), parent.run.as_str()), ("cohorting.run", RUN));
    }

    #[test]
    fn what_is_no_parent_is_refused() {
        for text in ["", "a/b", "a/b/c", &format!("/b/{RUN}"), &format!("a//{RUN}")] {
            assert!(Parent::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ids_are_uuids_that_tell_runs_and_attempts_apart() {
        let at = |us| Timestamp::from_us(us).unwrap();
        let id = Uuid::of_run("r", None, at(1_735_689_600_000_000)).to_string();
        assert!(is_uuid(&id) && id.starts_with("01941f29-7c00-7"), "{id}");
        for other in [
            Uuid::of_run("s", None, at(1_735_689_600_000_000)),
            Uuid::of_run("r", Some("p"), at(1_735_689_600_000_000)),
            Uuid::of_run("r", None, at(1_735_689_600_000_001)),
        ] {
            assert_ne!(other.to_string(), id);
        }
    }
}
