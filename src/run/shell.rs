//! Where a run reads, writes and computes.

use std::sync::Arc;

use crate::objects::Objects;
use crate::workers::Workers;

/// Where a run reads, writes and computes.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The storage.
    pub objects: Arc<dyn Objects>,
    /// The processors.
    pub workers: Workers,
}
